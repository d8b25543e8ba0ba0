/* lane_held.h - containers whose records their output does not take for now: see ship/aside.h. Calls of
 * sl_output_options: arg is the lane.
 *
 * Thread   the loop's */
#ifndef SL_LANE_HELD_H
#define SL_LANE_HELD_H

#include "lane_in.h"

void sl_lane_waits(void *arg, sl_account *a, const char *words);
void sl_lane_given_back(void *arg, sl_batch *b, uint32_t first, uint32_t n);
bool sl_lane_tries(void *arg, sl_account *a);
void sl_lane_flows(void *arg, sl_account *a);

/* It is on trial, and a record of it is out: no more is read. */
bool sl_lane_was_tried(const sl_cursor *c);
/* It is on trial, and was read. true: no more is to be read of it now. */
bool sl_lane_end_trial(sl_cursor *c, sl_tail_state state);

#endif
