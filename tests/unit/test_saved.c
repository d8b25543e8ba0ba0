/* test_saved.c - arithmetic of positions: what is unread, and where a lane goes back to. */
#include "ship/saved.h"
#include "unit.h"

#include <uv.h>

#define OPEN UINT64_MAX

/* Three generations: one left at 80 of its 100 bytes, one that goes on from there, the live one. */
static sl_saved_generation generations[] = {
    {.seq = 2, .size = 100, .end = 80, .first_ns = 1000, .name = {{1}}},
    {.seq = 3, .size = 100, .begin = 80, .end = 100, .first_ns = 1000, .name = {{1}}},
    {.seq = 5, .size = 50, .end = OPEN, .first_ns = 3000, .name = {{2}}},
};
static const sl_saved_source source = {
    .generations = generations, .generation_count = 3, .next_seq = 6};

#define AT(stdout_seq, stdout_offset, stderr_seq, stderr_offset) \
    {                                                            \
        .streams = {                                             \
            [SL_STDOUT] = {{stdout_seq, stdout_offset}, 7},      \
            [SL_STDERR] = {{stderr_seq, stderr_offset}, 7}       \
        }                                                        \
    }

static const struct {
    sl_saved_cursor cursor;
    sl_place least;
    uint64_t unread;
} positions[] = {
    {AT(0, 0, 0, 0), {0, 0}, 150},    /* nothing was read yet */
    {AT(2, 0, 0, 0), {2, 0}, 150},    /* the other stream was not seen */
    {AT(2, 30, 5, 10), {2, 30}, 120}, /* the streams are apart: the first one counts */
    {AT(5, 10, 2, 80), {2, 80}, 70},  /* at the end of what was left */
    {AT(3, 90, 3, 90), {3, 90}, 60},  /* begin and end of what goes on */
    {AT(4, 0, 4, 0), {4, 0}, 50},     /* in one that was forgotten */
    {AT(5, 50, 5, 50), {5, 50}, 0},   /* caught up */
    {AT(5, 60, 5, 60), {5, 60}, 0},   /* further than what was seen of its size */
};

START_TEST(adds_up_what_is_unread)
{
    sl_place least = sl_saved_least(&positions[_i].cursor);

    ck_assert_uint_eq(least.seq, positions[_i].least.seq);
    ck_assert_uint_eq(least.offset, positions[_i].least.offset);
    ck_assert_uint_eq(sl_saved_unread(&source, &positions[_i].cursor), positions[_i].unread);
}
END_TEST

static const struct {
    int64_t time_ns;
    sl_place at;
} times[] = {
    {0, {2, 0}}, {999, {2, 0}}, {1000, {3, 80}}, {2999, {3, 80}}, {3000, {5, 0}}, {9999, {5, 0}},
};

START_TEST(finds_the_generation_of_a_time)
{
    ck_assert_int_eq(sl_place_cmp(sl_saved_at_time(&source, times[_i].time_ns), times[_i].at), 0);
}
END_TEST

static const struct {
    uint8_t name;
    uint64_t offset;
    sl_place at;
} names[] = {
    {1, 0, {2, 0}},   {1, 79, {2, 79}}, {1, 80, {2, 80}}, {1, 81, {3, 81}},
    {1, 101, {0, 0}}, {2, 50, {5, 50}}, {2, 51, {0, 0}},  {3, 0, {0, 0}},
};

START_TEST(finds_the_place_of_a_record)
{
    sl_name name = {{names[_i].name}};
    char text[SL_NAME_LEN + 1];

    sl_name_format(text, &name);
    ck_assert_int_eq(sl_place_cmp(sl_saved_at_name(&source, text, names[_i].offset), names[_i].at),
                     0);
}
END_TEST

static const struct {
    sl_saved_cursor cursor;
    sl_place to;
    bool moved;
    sl_place out, err;
} rewinds[] = {
    {AT(5, 10, 5, 20), {2, 0}, true, {2, 0}, {2, 0}},
    {AT(5, 10, 5, 20), {5, 15}, true, {5, 10}, {5, 15}}, /* never forward */
    {AT(2, 10, 2, 20), {5, 0}, false, {2, 10}, {2, 20}},
    {AT(2, 10, 0, 0), {2, 0}, true, {2, 0}, {0, 0}},
};

START_TEST(goes_back_and_never_forward)
{
    sl_saved_cursor c = rewinds[_i].cursor;

    ck_assert(sl_saved_rewind(&c, rewinds[_i].to) == rewinds[_i].moved);
    ck_assert_int_eq(sl_place_cmp(c.streams[SL_STDOUT].at, rewinds[_i].out), 0);
    ck_assert_int_eq(sl_place_cmp(c.streams[SL_STDERR].at, rewinds[_i].err), 0);
    for (int s = 0; s < SL_STREAMS; s++) /* what stood before the new place is not known */
        ck_assert(c.streams[s].hash == 0 ||
                  sl_place_cmp(c.streams[s].at, rewinds[_i].cursor.streams[s].at) == 0);
}
END_TEST

START_TEST(renames_one_lane)
{
    char *lanes[] = {sl_strdup("a"), sl_strdup("b")};
    sl_snapshot s = {.lanes = lanes, .lane_count = 2};

    ck_assert_int_eq(sl_saved_rename(&s, "x", "y"), UV_ENOENT);
    ck_assert_int_eq(sl_saved_rename(&s, "a", "b"), UV_EEXIST);
    ck_assert_int_eq(sl_saved_rename(&s, "a", "c"), 0);
    ck_assert_str_eq(lanes[0], "c");
    ck_assert_uint_eq(sl_saved_lane(&s, "b"), 1);
    ck_assert_uint_eq(sl_saved_lane(&s, "a"), 2);
    free(lanes[0]);
    free(lanes[1]);
}
END_TEST

SL_UNIT(SL_ROWS(adds_up_what_is_unread, positions), SL_ROWS(finds_the_generation_of_a_time, times),
        SL_ROWS(finds_the_place_of_a_record, names), SL_ROWS(goes_back_and_never_forward, rewinds),
        SL_ONE(renames_one_lane))
