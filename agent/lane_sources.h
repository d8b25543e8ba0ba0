/* lane_sources.h - a cursor is one lane's place in one source, with its books: how it comes and goes,
 * what is saved of it, and how it goes back.
 *
 * Thread   the loop's */
#ifndef SL_LANE_SOURCES_H
#define SL_LANE_SOURCES_H

#include "lane_in.h"

/* NULL: it does not follow s. */
sl_cursor *sl_lane_cursor(const sl_lane *l, const sl_source *s);
/* When it goes back, then to `at` in that stream, or further. */
void sl_lane_lower(sl_cursor *c, sl_stream stream, sl_place at);
/* Back to its frontiers, or to c->back where that is before them; what is open is dropped. Until what is
 * out was answered for, nothing is read. */
void sl_lane_go_back(sl_cursor *c);
/* One that was sent back starts there, if nothing of it is out any more. */
void sl_lane_begin_anew(sl_cursor *c);

#endif
