/* start.h - where the very first start begins in what lies there already (start_at).
 *
 * The lines of a runtime are nearly in order of their times, so the first one that is young enough
 * is found by halving: to a second before the time that was asked for, because clocks step back a
 * little, and from there line by line. A file whose lines have no time is judged as a whole, by when
 * it was last written to. Nothing that is left out counts as read, or as lost.
 *
 * Thread   the loop's; sl_start_in_packed() any */
#ifndef SL_READ_START_H
#define SL_READ_START_H

#include "base/base.h"

typedef enum {
    SL_START_BEGINNING,
    SL_START_END,
    SL_START_AGE, /* what is younger than age_ms: sl_start_now() makes a time of it */
    SL_START_TIME /* at or after time_ns */
} sl_start_kind;

typedef struct sl_start {
    sl_start_kind kind;
    uint64_t age_ms;
    int64_t time_ns; /* since 1970, UTC */
} sl_start;

/* An age, as the time that it is by now. */
sl_start sl_start_now(const sl_start *start, int64_t wall_ns);
/* The offset of the first line that is wanted.
 * written_ns  when the file was last written to */
uint64_t sl_start_in_file(const sl_start *start, int fd, uint64_t size, int64_t written_ns);
/* The same in the uncompressed bytes of a whole .gz; reads it from its beginning. */
uint64_t sl_start_in_packed(const sl_start *start, int fd, uint64_t size);
/* Nothing in a file that was last written to at that time is wanted. */
bool sl_start_is_over(const sl_start *start, int64_t written_ns);

#endif
