/* survey.c - see survey.h. */
#include "control/survey.h"

#include "read/peek.h"

#include <stdlib.h>

const char *const sl_wait_names[SL_WAITS] = {"metadata", "topic",       "index",
                                             "path",     "dead_letter", "reject_storm"};

struct surveying {
    const sl_subject *subject;
    sl_survey *survey;
};

static int64_t older(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* Adds one for each reason that is in the set. */
static void count_waits(sl_survey *v, unsigned reasons)
{
    for (int i = 0; i < SL_WAITS; i++)
        v->waiting[i] += reasons >> i & 1;
}

static unsigned reason_of(const char *waiting)
{
    for (int i = 0; waiting && i < SL_WAITS; i++) {
        if (!strcmp(waiting, sl_wait_names[i]))
            return 1u << i;
    }
    return 0;
}

static void look_at_source(void *arg, sl_source *s)
{
    struct surveying *at = arg;
    sl_lane_view view;
    unsigned waits = 0;

    at->survey->source_count++;
    sl_peek_sizes(s);
    for (size_t i = 0; i < at->subject->lane_count; i++) {
        sl_tally *t = &at->survey->tallies[i * SL_TALLIES];

        if (!sl_lane_look(at->subject->lanes[i], s, &view))
            continue;
        t += view.namespace;
        sl_books_add(&t->books, &view.books);
        t->unread += view.unread;
        t->oldest_ns = older(t->oldest_ns, view.oldest_ns);
        t->sources++;
        waits |= reason_of(view.waiting);
    }
    count_waits(at->survey, waits);
}

void sl_survey_init(sl_survey *v, const sl_subject *s)
{
    *v = (sl_survey){.now_ns = sl_wall_ns(s->clock), .lane_count = s->lane_count};
    v->tallies = sl_alloc(s->lane_count * SL_TALLIES * sizeof *v->tallies);
    for (size_t i = 0; i < s->discover_count; i++)
        sl_discover_each(s->discovers[i], look_at_source, &(struct surveying){s, v});
    for (size_t i = 0; i < s->lane_count; i++) {
        for (uint32_t n = 0; n < SL_TALLIES; n++) {
            const sl_books *gone = sl_lane_gone(s->lanes[i], n);

            if (gone)
                sl_books_add(&v->tallies[i * SL_TALLIES + n].books, gone);
        }
    }
}

void sl_survey_fini(sl_survey *v)
{
    free(v->tallies);
    *v = (sl_survey){0};
}

const sl_tally *sl_survey_at(const sl_survey *v, size_t lane, uint32_t namespace)
{
    static const sl_books nothing;
    const sl_tally *t = &v->tallies[lane * SL_TALLIES + namespace];

    return t->sources || memcmp(&t->books, &nothing, sizeof nothing) != 0 ? t : NULL;
}

sl_tally sl_survey_sum(const sl_survey *v, size_t lane)
{
    sl_tally sum = {0};

    for (uint32_t n = 0; n < SL_TALLIES; n++) {
        const sl_tally *t = &v->tallies[lane * SL_TALLIES + n];

        sl_books_add(&sum.books, &t->books);
        sum.unread += t->unread;
        sum.oldest_ns = older(sum.oldest_ns, t->oldest_ns);
        sum.sources += t->sources;
    }
    return sum;
}

double sl_tally_oldest_s(const sl_survey *v, const sl_tally *t)
{
    return t->oldest_ns && t->oldest_ns < v->now_ns ? (double)(v->now_ns - t->oldest_ns) / 1e9 : 0;
}
