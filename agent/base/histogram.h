/* histogram.h - how often something took how long: counts in fixed buckets, as Prometheus asks for.
 * A zeroed one is empty and ready; it costs a few adds for each observation, and no memory more. */
#ifndef SL_BASE_HISTOGRAM_H
#define SL_BASE_HISTOGRAM_H

#include "base/base.h"

#define SL_BUCKETS 16

/* Upper bounds in milliseconds, both ends included, rising: from 5 ms to a day. */
extern const uint32_t sl_bucket_ms[SL_BUCKETS];

typedef struct sl_histogram {
    uint64_t counts[SL_BUCKETS + 1]; /* not added up; the last one is beyond all bounds */
    uint64_t sum_ms;
} sl_histogram;

/* n things took ms each. */
void sl_histogram_add(sl_histogram *h, uint64_t ms, uint64_t n);

#endif
