/* inflate.h - a rotated generation that was compressed: read by its uncompressed offsets.
 *
 * Counts only when it is whole: sl_inflate_check() reads it to its end, in the pool, and verifies
 * the trailer of every member (RFC 1952). After that, reading goes forward from any offset; going
 * back starts over.
 *
 * Owns     its zlib state; borrows the descriptor
 * Thread   any, one at a time
 * Limits   zlib's window, 48 KiB; sl_inflate_check() gives up beyond 64 GiB of uncompressed bytes */
#ifndef SL_READ_INFLATE_H
#define SL_READ_INFLATE_H

#include "base/base.h"

#include <stdatomic.h>
#include <sys/types.h>

typedef struct sl_inflate sl_inflate;

/* Inflates the whole file.
 * first    up to first_cap bytes from its beginning, *first_len of them
 * size     uncompressed bytes
 * cancel   looked at now and then, from this thread; set it from another to give up (UV_ECANCELED)
 * returns  0; SL_E_FORMAT: cut short, or damaged, or not gzip; an errno */
SL_MUST_USE sl_err sl_inflate_check(int fd, char *first, size_t first_cap, size_t *first_len,
                                    uint64_t *size, const atomic_bool *cancel);
/* The (up to) 64 bytes before `offset`: for the hash of a position. Returns how many, or an error.
 * Inflates from the beginning; in the pool as well. */
ssize_t sl_inflate_before(int fd, uint64_t offset, char out[64]);

sl_inflate *sl_inflate_new(int fd);
void sl_inflate_free(sl_inflate *i); /* accepts NULL */
/* The same file has this descriptor now. */
void sl_inflate_use(sl_inflate *i, int fd);
/* How many bytes have to be inflated to get to that offset. */
uint64_t sl_inflate_distance(const sl_inflate *i, uint64_t offset);
/* Goes to that offset, or to the end.
 * cancel   as above; NULL: never */
SL_MUST_USE sl_err sl_inflate_skip(sl_inflate *i, uint64_t offset, const atomic_bool *cancel);
/* Like pread() on the uncompressed bytes: 0 at the end, negative: SL_E_FORMAT or an errno. */
ssize_t sl_inflate_read(sl_inflate *i, char *out, size_t len, uint64_t offset);

#endif
