/* goal.h - what `sluice state rewind` is asked for: which containers go back, and how far.
 *
 * Thread   any */
#ifndef SL_CONTROL_GOAL_H
#define SL_CONTROL_GOAL_H

#include "base/clock.h"
#include "flow/span.h"

typedef struct sl_goal {
    const char *which; /* "NS/POD", "NS/POD/CONTAINER"; NULL: all; borrowed */
    enum { SL_GOAL_BEGINNING, SL_GOAL_TIME, SL_GOAL_PLACE } kind;
    int64_t time_ns;
    char name[SL_NAME_LEN + 1];
    uint64_t offset;
} sl_goal;

#define SL_GOAL_FORMS                                                                        \
    "give \"beginning\", a duration such as 10m, an RFC 3339 time, or GENERATION:OFFSET as " \
    "records carry them"

/* to   NULL: the beginning. false: it is none of SL_GOAL_FORMS. */
bool sl_goal_read(const char *which, const char *to, const sl_clock *clock, sl_goal *out);
/* Is that container one of `which`? */
bool sl_goal_means(const char *which, sl_slice namespace, sl_slice pod, sl_slice container);

#endif
