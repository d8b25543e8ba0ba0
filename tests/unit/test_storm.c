/* test_storm.c - when is most refused, and all for one reason? */
#include "ship/storm.h"
#include "unit.h"

/* A trip for each step: so many records, so many of them refused with those words. */
typedef struct step {
    uint32_t records, refused;
    const char *words;
    sl_dead_reason reason;
} step;

static const struct {
    step steps[6];
    bool rages, goes_on; /* goes_on: of the last step alone */
} rows[] = {
    {{{999, 999, "a", 0}}, false, true}, /* never before 1,000 */
    {{{1000, 1000, "a", 0}}, true, true},
    {{{1000, 500, "a", 0}}, false, false}, /* half is not most */
    {{{1000, 501, "a", 0}}, true, true},
    {{{5000, 0, "", 0}, {500, 500, "a", 0}}, false, true},
    {{{5000, 0, "", 0}, {501, 501, "a", 0}}, true, true},
    {{{5000, 0, "", 0}, {501, 501, "a", 0}, {600, 0, "", 0}}, false, false}, /* it has passed */
    {{{5000, 5000, "a", 0}, {400, 0, "", 0}}, true, false},
    {{{500, 500, "a", 0}, {500, 500, "b", 0}}, false, true}, /* two reasons */
    {{{400, 400, "a", 0}, {600, 600, "b", 0}}, true, true},
    {{{400, 400, "a: 1", 0}, {600, 600, "a: 2", 0}}, true, true}, /* one kind */
    {{{600, 600, "a", SL_DEAD_TOO_LARGE}, {400, 400, "a", 0}}, true, true},
    {{{500, 500, "a", SL_DEAD_TOO_LARGE}, {500, 500, "a", 0}}, false, true},
    {{{2000, 2000, "a", SL_DEAD_RETRY_LIMIT}}, false, true}, /* an outage, not a refusal */
};

static void play(sl_storm *s, const step *at, bool *goes_on)
{
    sl_row *rowlist = sl_alloc((at->records + 1) * sizeof *rowlist);
    sl_batch b = {.rows = rowlist, .row_count = at->records, .shown = at->records};
    sl_refusal refusal = {at->records - at->refused, at->refused, at->reason,
                          (char *)(uintptr_t)at->words};
    sl_trip t = {.batch = &b, .refusals = &refusal, .refusal_count = at->refused > 0};

    sl_storm_note(s, &t);
    *goes_on = sl_storm_goes_on(&t);
    free(rowlist);
}

START_TEST(tells_a_storm)
{
    sl_storm s = {0};
    bool goes_on = false;

    for (const step *at = rows[_i].steps; at->records; at++)
        play(&s, at, &goes_on);
    ck_assert_int_eq(sl_storm_rages(&s), rows[_i].rages);
    ck_assert_int_eq(goes_on, rows[_i].goes_on);
}
END_TEST

SL_UNIT(SL_ROWS(tells_a_storm, rows))
