/* peek.h - looks at what was not read yet, for the numbers that an operator sees, without moving
 * anything: how much there is, and since when.
 *
 * Thread   the loop's; never waits for a disk */
#ifndef SL_READ_PEEK_H
#define SL_READ_PEEK_H

#include "read/tail.h"

/* Brings g->measured up to date in all generations of s. A file that sleeps with its watch set has
 * not grown since it was looked at, and is not looked at again. */
void sl_peek_sizes(sl_source *s);

/* Bytes of s that t has not read, as of the last sl_peek_sizes(). */
uint64_t sl_peek_unread(const sl_tail *t);

/* When the first of them was written; *unread was > 0.
 * returns  its line's time; if that cannot be told without waiting, when its file was last written;
 *          0: neither is known */
int64_t sl_peek_oldest_ns(const sl_tail *t);

#endif
