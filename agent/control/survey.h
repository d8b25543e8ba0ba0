/* survey.h - one look at everything that is at work, all of it at the same moment: what the metrics,
 * the status and the lists of sources are made from.
 *
 * Thread   the loop's; in the data path nobody counts for it */
#ifndef SL_CONTROL_SURVEY_H
#define SL_CONTROL_SURVEY_H

#include "control/state.h"
#include "read/pin.h"

/* What can be asked about: the agent's own, which keeps it up to date. */
typedef struct sl_subject {
    const sl_clock *clock;
    sl_state *state;               /* what is saved of it; NULL in standby */
    bool standby;                  /* another agent holds the state directory: the rest is empty */
    bool stopping;                 /* draining, or further */
    sl_discover *const *discovers; /* of the inputs, in their order */
    sl_pin *const *pins;           /* of the same */
    size_t discover_count;
    sl_lane *const *lanes;
    size_t lane_count;
    sl_namespaces namespaces;
    int64_t started_ns;
    uint64_t overflows; /* of the kernel's queue of events */
} sl_subject;

/* One output's sources in one namespace, or several namespaces together. */
typedef struct sl_tally {
    sl_books books;
    uint64_t unread;
    int64_t oldest_ns; /* of the unread lines; 0: there are none, or nobody can tell */
    uint32_t sources;  /* that are followed now */
} sl_tally;

#define SL_TALLIES (SL_NAMESPACES + 1) /* one for all other namespaces */

/* What a source can wait for. */
#define SL_WAITS 6

/* "metadata", "topic", "index", "dead_letter", "reject_storm" */
extern const char *const sl_wait_names[SL_WAITS];

typedef struct sl_survey {
    int64_t now_ns;
    uint32_t source_count;
    uint32_t waiting[SL_WAITS]; /* sources that wait in some lane, by what for */
    size_t lane_count;
    sl_tally *tallies; /* SL_TALLIES for each lane, by namespace */
} sl_survey;

void sl_survey_init(sl_survey *v, const sl_subject *s);
void sl_survey_fini(sl_survey *v);

/* NULL: that lane never had to do with that namespace. */
const sl_tally *sl_survey_at(const sl_survey *v, size_t lane, uint32_t namespace);
/* All namespaces of one lane together. */
sl_tally sl_survey_sum(const sl_survey *v, size_t lane);
/* For how long the oldest of its unread lines has been there. */
double sl_tally_oldest_s(const sl_survey *v, const sl_tally *t);

#endif
