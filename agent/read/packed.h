/* packed.h - a generation goes on in its .gz, once that was verified.
 *
 * What is inflated in the pool is the descriptor; the generation is left alone by the loop while its
 * body is SL_BODY_CHECKED.
 *
 * Thread   the loop's
 * Fails    a .gz that is cut short is sought again while somebody may be writing to it; any other that
 *          is not whole, or does not fit the positions of the checkpoint, is given up */
#ifndef SL_READ_PACKED_H
#define SL_READ_PACKED_H

#include "read/folder.h"

/* f->checked() comes when it is known whether g is read from it.
 * fd          the .gz; moved
 * written_ns  when somebody wrote to it last */
void sl_packed_take(sl_folders *f, sl_generation *g, int fd, const sl_key *key, int64_t written_ns);

#endif
