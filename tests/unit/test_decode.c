/* test_decode.c - lines whole, foreign, and in pieces.
 *
 * Scenarios: T-CRI-11, 12; T-LINE-01. */
#include "read/decode.h"
#include "unit.h"

#define T   "2026-01-02T03:04:05.000000006Z"
#define NOW INT64_C(1795408140000000007) /* 2026-11-23T04:29:00.000000007Z */

static const char now[] = "2026-11-23T04:29:00.000000007Z";

/* One after the other through one decoder.
 * how    a whole line 'w', a first piece 'f', one from the middle 'm', the last 'l'; those whose
 *        newline never came are 'W' and 'L' */
static const struct {
    const char *bytes, *text, *time;
    sl_stream stream;
    unsigned flags;
    char how;
    bool whole;
} rows[] = {
    {T " stdout F one", "one", T, SL_STDOUT, 0, 'w', true},
    {T " stderr P two", "two", T, SL_STDERR, 0, 'w', false},
    /* foreign lines, and one after them */
    {"", "", now, SL_RAW, SL_IS_RAW, 'w', true},
    {"panic: no time", "panic: no time", now, SL_RAW, SL_IS_RAW, 'w', true},
    {T " stdin F no", T " stdin F no", now, SL_RAW, SL_IS_RAW, 'w', true},
    {T " stdout F three", "three", T, SL_STDOUT, 0, 'w', true},
    /* in pieces: the last one is whole if its header said so */
    {T " stderr F a", "a", T, SL_STDERR, 0, 'f', false},
    {"b", "b", T, SL_STDERR, 0, 'm', false},
    {T " stdout F is text here", T " stdout F is text here", T, SL_STDERR, 0, 'm', false},
    {"d", "d", T, SL_STDERR, 0, 'l', true},
    {T " stdout P a", "a", T, SL_STDOUT, 0, 'f', false},
    {"b", "b", T, SL_STDOUT, 0, 'l', false},
    {"2026-01-02T12:04:05.1+09:00 stdout F a", "a", "2026-01-02T03:04:05.100000000Z", SL_STDOUT, 0,
     'f', false},
    {"", "", "2026-01-02T03:04:05.100000000Z", SL_STDOUT, 0, 'l', true},
    {"foreign", "foreign", now, SL_RAW, SL_IS_RAW, 'f', false},
    {T " stdout F ", T " stdout F ", now, SL_RAW, SL_IS_RAW, 'm', false},
    {"end", "end", now, SL_RAW, SL_IS_RAW, 'l', true},
    /* torn: all that there will ever be of it */
    {T " stdout F torn", "torn", T, SL_STDOUT, SL_PARTIAL, 'W', true},
    {T " stdout P torn", "torn", T, SL_STDOUT, SL_PARTIAL, 'W', false},
    {"2026-01", "2026-01", now, SL_RAW, SL_IS_RAW | SL_PARTIAL, 'W', true},
    {T " stderr F a", "a", T, SL_STDERR, 0, 'f', false},
    {"b", "b", T, SL_STDERR, SL_PARTIAL, 'L', true},
    /* a line whose rest never comes is forgotten with the next first piece */
    {"foreign", "foreign", now, SL_RAW, SL_IS_RAW, 'f', false},
    {T " stdout F four", "four", T, SL_STDOUT, 0, 'w', true},
};

START_TEST(decodes_each_row)
{
    sl_decoder d = {0};

    for (size_t i = 0; i < SL_COUNT_OF(rows); i++) {
        char *bytes = sl_strdup(rows[i].bytes);
        sl_line line = {.bytes = sl_str(bytes),
                        .first = strchr("wfW", rows[i].how) != NULL,
                        .last = strchr("wlWL", rows[i].how) != NULL,
                        .torn = strchr("WL", rows[i].how) != NULL};
        /* the rest of a line keeps the time of its beginning */
        int64_t now_ns = line.first ? NOW : NOW + 5;
        sl_record rec = {.flags = SL_TRUNCATED | SL_IS_RAW, .whole = !rows[i].whole};

        sl_decode(&d, &line, now_ns, &rec);
        ck_assert_slice_eq(rec.text, rows[i].text);
        ck_assert(rec.text.ptr >= bytes); /* in place */
        ck_assert_mem_eq(rec.time, rows[i].time, SL_TIME_LEN);
        ck_assert_int_eq(rec.stream, rows[i].stream);
        ck_assert_int_eq(rec.flags, rows[i].flags);
        ck_assert_int_eq(rec.whole, rows[i].whole);
        ck_assert_int_eq(d.inside, !line.last);
        free(bytes);
    }
}
END_TEST

SL_UNIT(SL_ONE(decodes_each_row))
