/* test_decode_cri.c - every shape of line that a CRI runtime writes, and those that it never does.
 *
 * Scenarios: T-CRI-01, 07, 08, 09, 10, 11, 12. */
#include "read/decode_cri.h"
#include "unit.h"

#define S(literal)                     \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define T "2026-01-02T03:04:05.000000006Z"

/* A copy of exactly its length, so that the sanitizer sees a read beyond it. */
static char *copy_of(sl_slice s)
{
    char *copy = sl_alloc_raw(s.len);

    memcpy(copy, s.ptr, s.len);
    return copy;
}

static const struct {
    sl_slice line, text;
    sl_stream stream;
    bool whole;
} lines[] = {
    {S(T " stdout F hello"), S("hello"), SL_STDOUT, true},
    {S(T " stderr F hello"), S("hello"), SL_STDERR, true},
    {S(T " stderr P half a"), S("half a"), SL_STDERR, false},
    {S(T " stdout F "), S(""), SL_STDOUT, true}, /* empty, yet a message */
    {S(T " stdout P "), S(""), SL_STDOUT, false},
    /* bytes are left alone: one space goes, no more */
    {S(T " stdout F   two spaces, and two behind  "), S("  two spaces, and two behind  "),
     SL_STDOUT, true},
    {S(T " stdout F \ttab\t"), S("\ttab\t"), SL_STDOUT, true},
    {S(T " stdout F \r\r"), S("\r\r"), SL_STDOUT, true},
    {S(T " stdout F a\0b\0"), S("a\0b\0"), SL_STDOUT, true},
    {S(T " stdout F \x1b[31m\xff\xc3"), S("\x1b[31m\xff\xc3"), SL_STDOUT, true},
    {S(T " stdout F " T " stderr P looks like one"), S(T " stderr P looks like one"), SL_STDOUT,
     true},
    {S(T " stdout F {\"log\":\"\"}"), S("{\"log\":\"\"}"), SL_STDOUT, true},
    /* tags: the first decides */
    {S(T " stdout P:x part"), S("part"), SL_STDOUT, false},
    {S(T " stdout F:a:b text"), S("text"), SL_STDOUT, true},
    {S(T " stdout F:P text"), S("text"), SL_STDOUT, true},
    {S(T " stdout P:F text"), S("text"), SL_STDOUT, false},
    {S(T " stdout F: text"), S("text"), SL_STDOUT, true},
    {S(T " stdout X text"), S("text"), SL_STDOUT, true},
    {S(T " stderr X:P text"), S("text"), SL_STDERR, true},
    {S(T " stdout F:no-text"), S(""), SL_STDOUT, true},
    /* no tag: as old CRI-O wrote it */
    {S(T " stdout message text"), S("message text"), SL_STDOUT, true},
    {S(T " stdout Panic: text"), S("Panic: text"), SL_STDOUT, true},
    {S(T " stdout FATAL text"), S("FATAL text"), SL_STDOUT, true},
    {S(T " stdout p text"), S("p text"), SL_STDOUT, true},
    {S(T " stderr  text"), S(" text"), SL_STDERR, true},
    {S(T " stdout 1"), S("1"), SL_STDOUT, true},
    {S(T " stdout :F text"), S(":F text"), SL_STDOUT, true},
    /* lines that end early */
    {S(T " stdout P"), S(""), SL_STDOUT, false},
    {S(T " stdout F"), S(""), SL_STDOUT, true},
    {S(T " stdout X"), S(""), SL_STDOUT, true},
    {S(T " stdout "), S(""), SL_STDOUT, true},
};

START_TEST(decodes_each_line)
{
    sl_slice line = lines[_i].line;
    char minute[16] = {0}, *copy = copy_of(line);

    for (int pass = 0; pass < 2; pass++) { /* the second with a known minute: the short way */
        sl_record rec = {.whole = !lines[_i].whole};

        ck_assert_int_eq(sl_decode_cri((sl_slice){copy, line.len}, minute, &rec), 0);
        ck_assert(sl_slice_eq(rec.text, lines[_i].text));
        ck_assert_int_eq(rec.stream, lines[_i].stream);
        ck_assert_int_eq(rec.whole, lines[_i].whole);
        ck_assert_mem_eq(rec.time, T, SL_TIME_LEN);
        ck_assert_mem_eq(minute, T, sizeof minute);
    }
    free(copy);
}
END_TEST

static const sl_slice others[] = {
    S(""),
    S("\n"),
    S("no space"),
    S("not a CRI line, though long enough to be taken for one"),
    S(T),
    S(T " "),
    S(T " stdout"),
    S(T " stdou"),
    S(T " stdin F text"),
    S(T " STDOUT F text"),
    S(T " stdoutF text"),
    S(T "  stdout F text"),
    S(T "\tstdout F text"),
    S(" " T " stdout F text"),
    S("{\"log\":\"docker\\n\",\"stream\":\"stdout\",\"time\":\"" T "\"}"),
    /* torn by a full disk, and the next record follows at once */
    S("202" T " stdout F text"),
    S("2026-01-0" T " stdout F text"),
    S("2026-01-02T03:04" T " stdout F text"),
    S("2026-01-02T03:04:05" T " stdout F text"),
    S("2026-01-02T03:04:05.0001" T " stdout F text"),
    S(T T " stdout F text"),
    S(T " std" T " stdout F text"),
    /* nothing but zeros is the minute that nothing has been put in yet */
    S("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0:05.000000006Z stdout F text"),
};

START_TEST(refuses_other_lines)
{
    char minute[16] = {0}, *copy = copy_of(others[_i]);
    sl_record before, rec;

    for (int pass = 0; pass < 2; pass++) {
        memset(&rec, 0x5a, sizeof rec);
        before = rec;
        ck_assert_int_eq(sl_decode_cri((sl_slice){copy, others[_i].len}, minute, &rec),
                         SL_E_FORMAT);
        ck_assert_ptr_eq(rec.text.ptr, before.text.ptr);
        ck_assert_int_eq(rec.stream, before.stream);
        memcpy(minute, T, sizeof minute);
    }
    free(copy);
}
END_TEST

/* utc  NULL: no such time; ns without the fraction, which is the digits of utc */
static const struct {
    const char *time, *utc;
    int64_t s;
} times[] = {
    {"2026-11-23T04:29:00Z", "2026-11-23T04:29:00.000000000Z", 1795408140},
    {"2026-11-23T04:29:00.1Z", "2026-11-23T04:29:00.100000000Z", 1795408140},
    {"2026-11-23T04:29:00.12Z", "2026-11-23T04:29:00.120000000Z", 1795408140},
    {"2026-11-23T04:29:00.123Z", "2026-11-23T04:29:00.123000000Z", 1795408140},
    {"2026-11-23T04:29:00.1234Z", "2026-11-23T04:29:00.123400000Z", 1795408140},
    {"2026-11-23T04:29:00.12345Z", "2026-11-23T04:29:00.123450000Z", 1795408140},
    {"2026-11-23T04:29:00.123456Z", "2026-11-23T04:29:00.123456000Z", 1795408140},
    {"2026-11-23T04:29:00.1234567Z", "2026-11-23T04:29:00.123456700Z", 1795408140},
    {"2026-11-23T04:29:00.12345678Z", "2026-11-23T04:29:00.123456780Z", 1795408140},
    {"2026-11-23T04:29:00.123456789Z", "2026-11-23T04:29:00.123456789Z", 1795408140},
    {"2026-11-23T04:29:00.1234567899Z", "2026-11-23T04:29:00.123456789Z", 1795408140},
    {"2026-11-23T04:29:00.123456789999999999999999Z", "2026-11-23T04:29:00.123456789Z", 1795408140},
    {"2026-11-23T04:29:00.000000001+00:00", "2026-11-23T04:29:00.000000001Z", 1795408140},
    {"2026-11-23T04:29:00.000000001-00:00", "2026-11-23T04:29:00.000000001Z", 1795408140},
    {"2026-11-23T13:29:00.5+09:00", "2026-11-23T04:29:00.500000000Z", 1795408140},
    {"2026-11-23T01:48:09.025462395-03:30", "2026-11-23T05:18:09.025462395Z", 1795411089},
    {"2024-04-13T07:59:37.505201169-10:00", "2024-04-13T17:59:37.505201169Z", 1713031177},
    {"2026-01-01T00:15:00.999999999+05:30", "2025-12-31T18:45:00.999999999Z", 1767206700},
    {"2026-12-31T23:59:59-00:01", "2027-01-01T00:00:59.000000000Z", 1798761659},
    {"2024-02-29T23:00:00-10:00", "2024-03-01T09:00:00.000000000Z", 1709283600},
    {"2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00.000000000Z", 1709249400},
    {"2023-03-01T00:30:00+01:00", "2023-02-28T23:30:00.000000000Z", 1677627000},
    {"2100-03-01T00:00:00+00:01", "2100-02-28T23:59:00.000000000Z", 4107542340},
    {"2000-03-01T00:00:00+00:01", "2000-02-29T23:59:00.000000000Z", 951868740},
    {"2038-01-19T03:14:08Z", "2038-01-19T03:14:08.000000000Z", 2147483648},
    {"1970-01-01T09:00:00+09:00", "1970-01-01T00:00:00.000000000Z", 0},
    {"2261-12-31T23:59:59.999999999Z", "2261-12-31T23:59:59.999999999Z", 9214646399},
    {"2026-06-15T12:00:00+23:59", "2026-06-14T12:01:00.000000000Z", 1781438460},
    /* no such time */
    {"1970-01-01T08:59:59.9+09:00", NULL, 0},
    {"1969-12-31T23:59:59Z", NULL, 0},
    {"2261-12-31T23:59:59-00:01", NULL, 0},
    {"2262-01-01T00:00:00Z", NULL, 0},
    {"0000-00-00T00:00:00Z", NULL, 0},
    {"9999-01-01T00:00:00Z", NULL, 0},
    {"2026-00-01T00:00:00Z", NULL, 0},
    {"2026-13-01T00:00:00Z", NULL, 0},
    {"2026-01-00T00:00:00Z", NULL, 0},
    {"2026-01-32T00:00:00Z", NULL, 0},
    {"2026-04-31T00:00:00Z", NULL, 0},
    {"2026-02-29T00:00:00Z", NULL, 0},
    {"2100-02-29T00:00:00Z", NULL, 0},
    {"2026-01-01T24:00:00Z", NULL, 0},
    {"2026-01-01T00:60:00Z", NULL, 0},
    {"2026-01-01T00:00:60Z", NULL, 0},
    {"2026-01-01T00:00:60.123456789Z", NULL, 0},
    {"2026-01-01T00:00:0xZ", NULL, 0},
    {"2026-01-01T00:00:00.Z", NULL, 0},
    {"2026-01-01T00:00:00,5Z", NULL, 0},
    {"2026-01-01T00:00:00.12345678xZ", NULL, 0},
    {"2026-01-01T00:00:00", NULL, 0},
    {"2026-01-01T00:00:00.", NULL, 0},
    {"2026-01-01T00:00:00.123456789", NULL, 0},
    {"2026-01-01T00:00:00z", NULL, 0},
    {"2026-01-01t00:00:00Z", NULL, 0},
    {"2026-01-01 00:00:00Z", NULL, 0},
    {"2026/01/01T00:00:00Z", NULL, 0},
    {"+026-01-01T00:00:00Z", NULL, 0},
    {"2026-01-01T00:00:00+24:00", NULL, 0},
    {"2026-01-01T00:00:00+01:60", NULL, 0},
    {"2026-01-01T00:00:00+0100", NULL, 0},
    {"2026-01-01T00:00:00+01:0", NULL, 0},
    {"2026-01-01T00:00:00+1:000", NULL, 0},
    {"2026-01-01T00:00:00+", NULL, 0},
    {"2026-01-01T00:00:00*01:00", NULL, 0},
};

START_TEST(reads_each_time)
{
    char minute[16] = {0}, *line = sl_format("%s stderr F text", times[_i].time);
    const char *utc = times[_i].utc;

    for (int pass = 0; pass < 2; pass++) {
        sl_record rec = {0};

        ck_assert_int_eq(sl_decode_cri(sl_str(line), minute, &rec), utc ? 0 : SL_E_FORMAT);
        if (utc) {
            ck_assert_mem_eq(rec.time, utc, SL_TIME_LEN);
            ck_assert_slice_eq(rec.text, "text");
            ck_assert_int_eq(sl_cri_time_ns(rec.time),
                             times[_i].s * 1000000000 + strtoll(utc + 20, NULL, 10));
        }
    }
    free(line);
}
END_TEST

/* What the short way takes must be what the long way takes: one wrong byte anywhere in the header
 * is judged alike whether the minute was known before or not. */
START_TEST(one_wrong_byte_is_judged_alike)
{
    static const char right[] = T " stdout F some text";

    for (size_t at = 0; at < SL_TIME_LEN + 10; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char line[sizeof right], known[16], unknown[16] = {0};
            sl_slice all = {line, sizeof right - 1};
            sl_record fast = {0}, slow = {0};
            sl_err err;

            memcpy(line, right, sizeof right);
            memcpy(known, right, sizeof known);
            line[at] = (char)byte;
            err = sl_decode_cri(all, unknown, &slow);
            ck_assert_int_eq(sl_decode_cri(all, known, &fast), err);
            if (err != 0)
                continue;
            ck_assert_mem_eq(fast.time, slow.time, SL_TIME_LEN);
            ck_assert(sl_slice_eq(fast.text, slow.text));
            ck_assert_int_eq(fast.whole, slow.whole);
            ck_assert_int_eq(fast.stream, slow.stream);
        }
    }
}
END_TEST

START_TEST(a_line_cut_anywhere_is_read_no_further)
{
    static const char whole[] = "2026-01-02T03:04:05.000000006+05:30 stdout F:tag text";

    for (size_t len = 0; len < sizeof whole; len++) {
        char minute[16] = {0}, *copy = copy_of((sl_slice){whole, len});
        sl_record rec = {0};
        bool stream_is_there = len >= strlen("2026-01-02T03:04:05.000000006+05:30 stdout ");

        ck_assert_int_eq(sl_decode_cri((sl_slice){copy, len}, minute, &rec),
                         stream_is_there ? 0 : SL_E_FORMAT);
        free(copy);
    }
}
END_TEST

START_TEST(no_time_is_zero)
{
    ck_assert_int_eq(sl_cri_time_ns("2026-02-30T03:04:05.000000006Z"), 0);
    ck_assert_int_eq(sl_cri_time_ns("2026-02-20T03:04:05.0000000060"), 0);
}
END_TEST

SL_UNIT(SL_ROWS(decodes_each_line, lines), SL_ROWS(refuses_other_lines, others),
        SL_ROWS(reads_each_time, times), SL_ONE(one_wrong_byte_is_judged_alike),
        SL_ONE(a_line_cut_anywhere_is_read_no_further), SL_ONE(no_time_is_zero))
