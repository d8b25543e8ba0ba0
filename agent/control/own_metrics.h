/* own_metrics.h - numbers that plugins have of their own, as Prometheus reads them: all values of one
 * number together, whatever output they are of. */
#ifndef SL_CONTROL_OWN_METRICS_H
#define SL_CONTROL_OWN_METRICS_H

#include "base/buf.h"
#include "lane.h"

void sl_own_metrics_write(sl_lane *const *lanes, size_t count, sl_buf *out);

#endif
