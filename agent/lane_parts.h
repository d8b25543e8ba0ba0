/* lane_parts.h - records whose lines came one by one, or are longer than they may be.
 *
 * Thread   the loop's */
#ifndef SL_LANE_PARTS_H
#define SL_LANE_PARTS_H

#include "lane_in.h"

/* The record of that stream was handed on as a whole. */
void sl_lane_end_part(sl_lane *l, sl_cursor *c, sl_stream stream);
/* An open part ships as it is. false: no room for it. */
bool sl_lane_give_up_part(sl_lane *l, sl_part *part, bool rest_follows);
/* A line of a record that is too long. false: no room, the line comes again. */
bool sl_lane_oversize(sl_lane *l, sl_cursor *c, const sl_record *line);
/* Open parts have a time-out. */
void sl_lane_watch_parts(sl_lane *l);

#endif
