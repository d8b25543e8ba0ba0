/* histogram.c - see histogram.h. */
#include "base/histogram.h"

const uint32_t sl_bucket_ms[SL_BUCKETS] = {5,      10,     25,      50,      100,   250,
                                           500,    1000,   2500,    5000,    10000, 30000,
                                           120000, 600000, 3600000, 86400000};

void sl_histogram_add(sl_histogram *h, uint64_t ms, uint64_t n)
{
    int i = 0;

    while (i < SL_BUCKETS && ms > sl_bucket_ms[i])
        i++;
    h->counts[i] += n;
    h->sum_ms += ms * n;
}
