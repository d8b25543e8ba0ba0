/* test_decode.c - lines whole, foreign, mixed, plain, and in pieces.
 *
 * Scenarios: T-CRI-11, 12, 18; T-LINE-01, 04; T-TAIL-06; T-ENC-02. */
#include "read/decode.h"
#include "unit.h"

#define T   "2026-01-02T03:04:05.000000006Z"
#define BOM "\xef\xbb\xbf"
#define NOW INT64_C(1795408140000000007) /* 2026-11-23T04:29:00.000000007Z */

/* A line of Docker's, on stderr, with that between the quotes of `log`. */
#define DOCKER(text) "{\"log\":\"" text "\",\"stream\":\"stderr\",\"time\":\"" T "\"}"

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

static sl_line line_of(const char *bytes, char how)
{
    return (sl_line){.bytes = sl_str(bytes),
                     .first = strchr("wfW", how) != NULL,
                     .last = strchr("wlWL", how) != NULL,
                     .torn = strchr("WL", how) != NULL};
}

START_TEST(decodes_each_row)
{
    sl_decoder d = {0};

    for (size_t i = 0; i < SL_COUNT_OF(rows); i++) {
        char *bytes = sl_strdup(rows[i].bytes);
        sl_line line = line_of(bytes, rows[i].how);
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

/* The time as it was written stays with all pieces of a line; what no runtime wrote has none. */
START_TEST(keeps_the_time_as_it_was_written)
{
    static const struct {
        const char *bytes, *written;
        char how;
    } times[] = {
        {T " stdout F a", T, 'w'},
        {"2026-01-02T12:04:05.1+09:00 stdout F a", "2026-01-02T12:04:05.1+09:00", 'f'},
        {"b", "2026-01-02T12:04:05.1+09:00", 'm'},
        {"c", "2026-01-02T12:04:05.1+09:00", 'l'},
        {"2026-01-02T03:04:05.00000000600000000000000Z stdout F a", T, 'w'},
        {"foreign", "", 'f'},
        {"b", "", 'l'},
        {DOCKER("a"), T, 'w'},
    };
    char scratch[256];
    sl_decoder d = {.scratch = scratch};

    for (size_t i = 0; i < SL_COUNT_OF(times); i++) {
        sl_line line = line_of(times[i].bytes, times[i].how);
        sl_record rec = {.written = sl_str("before")};

        sl_decode(&d, &line, NOW, &rec);
        ck_assert_slice_eq(rec.written, times[i].written);
    }
}
END_TEST

/* What each format makes of each line.
 * plain  a line that no runtime wrote is expected */
static const struct {
    sl_line_format format;
    bool plain;
    uint64_t at;
    const char *bytes;
    char how;
    const char *text;
    sl_stream stream;
    unsigned flags;
} formats[] = {
    {SL_FORMAT_AUTO, false, 9, T " stdout F cri", 'w', "cri", SL_STDOUT, 0},
    {SL_FORMAT_AUTO, false, 9, DOCKER("docker\\n"), 'w', "docker", SL_STDERR, 0},
    {SL_FORMAT_AUTO, false, 9, DOCKER("a\\tb\\n"), 'w', "a\tb", SL_STDERR, 0},
    {SL_FORMAT_AUTO, false, 9, "{\"log\":\"app\"}", 'w', "{\"log\":\"app\"}", SL_RAW, SL_IS_RAW},
    {SL_FORMAT_AUTO, false, 9, "other\r", 'w', "other\r", SL_RAW, SL_IS_RAW},
    {SL_FORMAT_AUTO, false, 9, DOCKER("torn\\n"), 'W', "torn", SL_STDERR, SL_PARTIAL},
    /* an object is never longer than the buffer: what is, no runtime wrote */
    {SL_FORMAT_AUTO, false, 9, DOCKER("x\\n"), 'f', DOCKER("x\\n"), SL_RAW, SL_IS_RAW},

    {SL_FORMAT_CRI, true, 9, T " stdout F cri", 'w', "cri", SL_STDOUT, 0},
    {SL_FORMAT_CRI, true, 9, DOCKER("x\\n"), 'w', DOCKER("x\\n"), SL_RAW, SL_IS_RAW},
    {SL_FORMAT_CRI, true, 9, "other\r", 'w', "other\r", SL_RAW, SL_IS_RAW},

    {SL_FORMAT_DOCKER, true, 9, DOCKER("docker\\n"), 'w', "docker", SL_STDERR, 0},
    {SL_FORMAT_DOCKER, true, 9, T " stdout F cri", 'w', T " stdout F cri", SL_RAW, SL_IS_RAW},

    {SL_FORMAT_AUTO, true, 9, T " stdout F cri\r", 'w', "cri\r", SL_STDOUT, 0},
    {SL_FORMAT_AUTO, true, 9, DOCKER("docker\\n"), 'w', "docker", SL_STDERR, 0},
    {SL_FORMAT_AUTO, true, 9, "{\"log\":\"app\"}", 'w', "{\"log\":\"app\"}", SL_RAW, 0},
    {SL_FORMAT_AUTO, true, 9, "other\r", 'w', "other", SL_RAW, 0},

    {SL_FORMAT_PLAIN, false, 9, T " stdout F cri", 'w', T " stdout F cri", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, DOCKER("x\\n"), 'w', DOCKER("x\\n"), SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "", 'w', "", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "\r", 'w', "", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "a\r\r", 'w', "a\r", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "a\rb", 'w', "a\rb", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "a\r", 'W', "a\r", SL_RAW, SL_PARTIAL}, /* no newline, no end */
    {SL_FORMAT_PLAIN, false, 0, BOM "a\r", 'w', "a", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 0, BOM, 'w', "", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, BOM "a", 'w', BOM "a", SL_RAW, 0}, /* in the middle it is text */
    {SL_FORMAT_AUTO, true, 0, BOM "a", 'w', "a", SL_RAW, 0},
    {SL_FORMAT_AUTO, false, 0, BOM "a", 'w', BOM "a", SL_RAW, SL_IS_RAW},
    {SL_FORMAT_PLAIN, false, 0, BOM "a\r", 'f', "a\r", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "b\r", 'm', "b\r", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "c\r", 'l', "c", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "a", 'f', "a", SL_RAW, 0},
    {SL_FORMAT_PLAIN, false, 9, "c\r", 'L', "c\r", SL_RAW, SL_PARTIAL},
};

START_TEST(knows_each_format)
{
    char scratch[256];
    sl_decoder d = {.scratch = scratch};

    for (size_t i = 0; i < SL_COUNT_OF(formats); i++) {
        sl_line line = line_of(formats[i].bytes, formats[i].how);
        sl_record rec = {.at = {1, formats[i].at}};

        d.format = formats[i].format;
        d.raw_is_plain = formats[i].plain;
        sl_decode(&d, &line, NOW, &rec);
        ck_assert_slice_eq(rec.text, formats[i].text);
        ck_assert_int_eq(rec.stream, formats[i].stream);
        ck_assert_int_eq(rec.flags, formats[i].flags);
        ck_assert_int_eq(rec.whole, line.last);
    }
}
END_TEST

START_TEST(tells_the_time_of_a_line)
{
    static const int64_t ns = INT64_C(1767323045000000006);

    ck_assert_int_eq(sl_line_time_ns(sl_str(T " stdout F a"), SL_FORMAT_AUTO), ns);
    ck_assert_int_eq(sl_line_time_ns(sl_str(DOCKER("a\\n")), SL_FORMAT_AUTO), ns);
    ck_assert_int_eq(sl_line_time_ns(sl_str(DOCKER("a\\n")), SL_FORMAT_CRI), 0);
    ck_assert_int_eq(sl_line_time_ns(sl_str(T " stdout F a"), SL_FORMAT_PLAIN), 0);
    ck_assert_int_eq(sl_line_time_ns(sl_str("other"), SL_FORMAT_AUTO), 0);
    ck_assert_int_eq(sl_line_time_ns(sl_str(""), SL_FORMAT_AUTO), 0);
}
END_TEST

SL_UNIT(SL_ONE(decodes_each_row), SL_ONE(keeps_the_time_as_it_was_written),
        SL_ONE(knows_each_format), SL_ONE(tells_the_time_of_a_line))
