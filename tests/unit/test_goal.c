/* test_goal.c - how far back, and for which containers. */
#include "control/goal.h"
#include "unit.h"

#define NAME   "abcdefghijklmnopqrst_-"
#define NOW    INT64_C(1700000000000000000)
#define SECOND INT64_C(1000000000)

static const struct {
    const char *to;
    int kind; /* -1: refused */
    int64_t time_ns;
    uint64_t offset;
} goals[] = {
    {NULL, SL_GOAL_BEGINNING, 0, 0},
    {"beginning", SL_GOAL_BEGINNING, 0, 0},
    {"10m", SL_GOAL_TIME, NOW - 600 * SECOND, 0},
    {"0s", SL_GOAL_TIME, NOW, 0},
    {"1000000h", SL_GOAL_TIME, 0, 0},                              /* before all times */
    {"2023-11-14T23:13:20+01:00", SL_GOAL_TIME, NOW, 0},           /* any offset */
    {"2023-11-14T22:13:20.5Z", SL_GOAL_TIME, NOW + SECOND / 2, 0}, /* any number of digits */
    {NAME ":0", SL_GOAL_PLACE, 0, 0},
    {NAME ":123", SL_GOAL_PLACE, 0, 123},
    {NAME ":", -1, 0, 0},
    {NAME ":x", -1, 0, 0},
    {NAME ":1x", -1, 0, 0},
    {NAME ":-1", -1, 0, 0},
    {NAME ": 1", -1, 0, 0},
    {"a" NAME ":1", -1, 0, 0},
    {"short:1", -1, 0, 0},
    {"end", -1, 0, 0},
    {"yesterday", -1, 0, 0},
    {"2026-13-01T00:00:00Z", -1, 0, 0},
    {"", -1, 0, 0},
};

START_TEST(reads_goals)
{
    sl_hand_clock clock = SL_HAND_CLOCK;
    sl_goal goal;
    bool ok;

    clock.ns = NOW;
    ok = sl_goal_read("a/b", goals[_i].to, &clock.clock, &goal);
    ck_assert_int_eq(ok, goals[_i].kind >= 0);
    if (!ok)
        return;
    ck_assert_str_eq(goal.which, "a/b");
    ck_assert_int_eq((int)goal.kind, goals[_i].kind);
    ck_assert_int_eq(goal.time_ns, goals[_i].time_ns);
    ck_assert_uint_eq(goal.offset, goals[_i].offset);
    ck_assert_str_eq(goal.name, goal.kind == SL_GOAL_PLACE ? NAME : "");
}
END_TEST

static const struct {
    const char *which;
    bool means; /* shop/cart/app */
} whichs[] = {
    {NULL, true},
    {"shop/cart", true},
    {"shop/cart/", true},
    {"shop/cart/app", true},
    {"shop", false},
    {"shop/", false},
    {"shop/car", false},
    {"shop/carts", false},
    {"shop/cart/ap", false},
    {"shop/cart/apps", false},
    {"shop/cart/app/", true},
    {"shop/cart/app/x", false},
    {"sho/cart", false},
    {"/cart", false},
    {"", false},
};

START_TEST(knows_who_is_meant)
{
    ck_assert_int_eq(sl_goal_means(whichs[_i].which, sl_str("shop"), sl_str("cart"), sl_str("app")),
                     whichs[_i].means);
}
END_TEST

SL_UNIT(SL_ROWS(reads_goals, goals), SL_ROWS(knows_who_is_meant, whichs))
