/* test_back.c - places of a source to go back to. */
#include "read/back.h"
#include "unit.h"

#define FIRST  "aaaaaaaaaaaaaaaaaaaaaa"
#define SECOND "bbbbbbbbbbbbbbbbbbbbbb"

static const sl_rules rules = {0};

static sl_source *new_source(sl_pod **pod)
{
    *pod = sl_alloc(sizeof **pod + 1);
    sl_list_init(&(*pod)->sources);
    return sl_source_new(*pod, "c", NULL, &rules);
}

static sl_generation *add(sl_source *s, sl_body body, bool linked, int64_t first_ns,
                          const char *name)
{
    sl_generation *g = sl_source_add(s, "0.log", 0);

    g->body = body;
    g->linked = linked;
    g->first_ns = first_ns;
    snprintf(g->name_text, sizeof g->name_text, "%s", name);
    return g;
}

/* The generations' numbers are 1 to 6; 1 is lost, 2 was let go of and deleted. */
static sl_source *six(sl_pod **pod)
{
    sl_source *s = new_source(pod);

    add(s, SL_BODY_GONE, false, 100, FIRST);
    add(s, SL_BODY_SHUT, false, 200, FIRST);
    add(s, SL_BODY_SHUT, true, 300, FIRST)->end = 50;
    add(s, SL_BODY_SHUT, true, 0, "");                  /* its lines have no time */
    add(s, SL_BODY_OPEN, true, 300, FIRST)->begin = 50; /* goes on */
    add(s, SL_BODY_RESTING, true, 400, SECOND);
    return s;
}

static const struct {
    int64_t time_ns; /* INT64_MIN: the beginning */
    uint64_t seq, offset;
} times[] = {
    {INT64_MIN, 3, 0}, {100, 3, 0}, {250, 3, 0}, {300, 5, 50},
    {399, 5, 50},      {400, 6, 0}, {900, 6, 0},
};

START_TEST(finds_times)
{
    sl_pod *pod;
    sl_source *s = six(&pod);
    sl_place at = times[_i].time_ns == INT64_MIN ? sl_back_to_beginning(s)
                                                 : sl_back_to_time(s, times[_i].time_ns);

    ck_assert_uint_eq(at.seq, times[_i].seq);
    ck_assert_uint_eq(at.offset, times[_i].offset);
    sl_source_free(NULL, s);
    free(pod);
}
END_TEST

static const struct {
    const char *name;
    uint64_t from, seq; /* seq 0: nowhere */
} places[] = {
    {FIRST, 0, 3},    {FIRST, 49, 3}, {FIRST, 51, 5},
    {FIRST, 1000, 5}, {SECOND, 7, 6}, {"cccccccccccccccccccccc", 0, 0},
};

START_TEST(finds_names)
{
    sl_pod *pod;
    sl_source *s = six(&pod);
    sl_place at = sl_back_to_name(s, places[_i].name, places[_i].from);

    ck_assert_uint_eq(at.seq, places[_i].seq);
    ck_assert_uint_eq(at.offset, places[_i].seq ? places[_i].from : 0);
    sl_source_free(NULL, s);
    free(pod);
}
END_TEST

START_TEST(an_empty_source_has_none)
{
    sl_pod *pod;
    sl_source *s = new_source(&pod);

    ck_assert_uint_eq(sl_back_to_beginning(s).seq, 0);
    add(s, SL_BODY_SHUT, true, 1, FIRST);
    s->gone = true; /* nothing can be opened again */
    ck_assert_uint_eq(sl_back_to_beginning(s).seq, 0);
    ck_assert_uint_eq(sl_back_to_name(s, FIRST, 0).seq, 0);
    sl_source_free(NULL, s);
    free(pod);
}
END_TEST

SL_UNIT(SL_ROWS(finds_times, times), SL_ROWS(finds_names, places), SL_ONE(an_empty_source_has_none))
