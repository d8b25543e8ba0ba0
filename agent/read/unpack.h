/* unpack.h - how one tail goes through a .gz: forwards, from where it is.
 *
 * Each tail has a state of its own: two that shared one would both start over at each read. To go far,
 * forwards or from the beginning again, is work for the pool.
 *
 * Owns     its zlib state; borrows the descriptor of each call
 * Thread   the loop's, but for sl_unpack_skip() */
#ifndef SL_READ_UNPACK_H
#define SL_READ_UNPACK_H

#include "read/source.h"

#include <stdatomic.h>

typedef struct sl_unpack sl_unpack;

/* Like pread() on the uncompressed bytes of g, which is open and packed.
 * u        *u may be NULL, or of another file: it is made anew
 * at_once  however far that is
 * returns  bytes, 0 at the end; UV_EAGAIN: it is far, so sl_unpack_skip() first; SL_E_FORMAT, an errno */
SL_MUST_USE ssize_t sl_unpack_read(sl_unpack **u, const sl_generation *g, char *out, size_t len,
                                   uint64_t offset, bool at_once);
/* Goes to that offset; in the pool. What is wrong with the file, the next read finds.
 * fd      another descriptor of the file
 * cancel  looked at now and then: it stops where it is */
void sl_unpack_skip(sl_unpack *u, int fd, uint64_t offset, const atomic_bool *cancel);
void sl_unpack_free(sl_unpack *u); /* accepts NULL */

#endif
