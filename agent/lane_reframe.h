/* lane_reframe.h - records whose output wants them in another frame, or in another place. See
 * sl_output_options: arg is the lane.
 *
 * Thread   the loop's */
#ifndef SL_LANE_REFRAME_H
#define SL_LANE_REFRAME_H

#include "lane_in.h"

bool sl_lane_reframe(void *arg, sl_batch *b, sl_slice target, const char *before,
                     const char *after);

#endif
