/* saved.h - what can be asked of a snapshot, and changed in it, while no agent runs on it.
 *
 * Thread   any */
#ifndef SL_SHIP_SAVED_H
#define SL_SHIP_SAVED_H

#include "flow/snapshot.h"

/* The smallest place of c's streams; seq 0: it has read nothing yet, and begins at the beginning. */
sl_place sl_saved_least(const sl_saved_cursor *c);
/* Bytes of s that c has yet to read, as far as the snapshot knows. */
uint64_t sl_saved_unread(const sl_saved_source *s, const sl_saved_cursor *c);
/* NULL: s has no such generation any more. */
const sl_saved_generation *sl_saved_at(const sl_saved_source *s, uint64_t seq);

/* Number of the lane of that name; lane_count: there is none. */
size_t sl_saved_lane(const sl_snapshot *s, const char *name);
/* Returns 0; UV_ENOENT: no lane `from`; UV_EEXIST: `to` is there as well. */
SL_MUST_USE sl_err sl_saved_rename(sl_snapshot *s, const char *from, const char *to);

/* --- places to go back to; seq 0: s has none --- */

sl_place sl_saved_beginning(const sl_saved_source *s);
/* Where the generation begins that was written at that time, or the first one after it. */
sl_place sl_saved_at_time(const sl_saved_source *s, int64_t time_ns);
/* A place as records carry it: `log.generation` and `log.offset`. */
sl_place sl_saved_at_name(const sl_saved_source *s, const char *name, uint64_t offset);

/* c's streams go back to `at`, but never forward: nothing is skipped.
 * returns  false: none of them was behind it */
bool sl_saved_rewind(sl_saved_cursor *c, sl_place at);

#endif
