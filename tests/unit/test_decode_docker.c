/* test_decode_docker.c - every shape of line in Docker's json-file logs, and what is none.
 *
 * Scenarios: T-CRI-13, 15, 16, 17; T-ENC-07. */
#include "read/decode_docker.h"
#include "unit.h"

#define TIME "2026-11-23T05:19:20.957765568Z"
#define ZERO "2026-11-23T05:19:20.000000000Z"

/* A line of Docker's with that between the quotes of `log`. */
#define LOG(text)   "{\"log\":\"" text "\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}"
#define AT(written) "{\"log\":\"a\\n\",\"stream\":\"stderr\",\"time\":\"" written "\"}"
#define WITH(key_value) \
    "{\"log\":\"a\\n\",\"stream\":\"stdout\"," key_value ",\"time\":\"" TIME "\"}"

#define TEN(text)   text text text text text text text text text text
#define DEEP(n, of) "\"x\":" n of

/* written  NULL: as `time`
 * len      of text; 0: it has no NUL */
static const struct {
    const char *line, *text, *time, *written;
    size_t len;
    sl_stream stream;
    bool whole;
} rows[] = {
    {LOG("hello\\n"), "hello", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("hello"), "hello", TIME, NULL, 0, SL_STDOUT, false},
    {LOG("\\n"), "", TIME, NULL, 0, SL_STDOUT, true},
    {LOG(""), "", TIME, NULL, 0, SL_STDOUT, false},
    {LOG("a\\n\\n"), "a\n", TIME, NULL, 0, SL_STDOUT, true}, /* one newline is cut, no more */
    {LOG("a\\r\\n"), "a\r", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("a\\nb"), "a\nb", TIME, NULL, 0, SL_STDOUT, false},
    {LOG("a\\u000a"), "a", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("a\\\\n"), "a\\n", TIME, NULL, 0, SL_STDOUT, false}, /* a backslash and an n */
    {LOG("a\\\\\\n"), "a\\", TIME, NULL, 0, SL_STDOUT, true},
    {LOG(TEN("0123456789") "\\n"), TEN("0123456789"), TIME, NULL, 0, SL_STDOUT, true},
    {LOG(TEN("01234567\\\"") "\\n"), TEN("01234567\""), TIME, NULL, 0, SL_STDOUT, true},
    /* times */
    {AT("2026-11-23T05:19:20Z"), "a", ZERO, "2026-11-23T05:19:20Z", 0, SL_STDERR, true},
    {AT("2026-11-23T05:19:20.95776556Z"), "a", "2026-11-23T05:19:20.957765560Z",
     "2026-11-23T05:19:20.95776556Z", 0, SL_STDERR, true},
    {AT("2026-11-23T14:19:20+09:00"), "a", ZERO, "2026-11-23T14:19:20+09:00", 0, SL_STDERR, true},
    {AT("2026-11-23T05:19:20.00000000000000000000001Z"), "a", ZERO, ZERO, 0, SL_STDERR, true},
    /* escapes: one level, whatever their order */
    {LOG("\\\"\\\\\\/\\b\\f\\n\\r\\t\\n"), "\"\\/\b\f\n\r\t", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("a\\u0000b\\n"), "a\0b", TIME, NULL, 3, SL_STDOUT, true},
    {LOG("\\u0000\\u001b[31m\\u007f\\n"), "\0\x1b[31m\x7f", TIME, NULL, 7, SL_STDOUT, true},
    {LOG("\\u003c\\u003E\\u0026\\u00e9\\u00E9\\u2028\\n"), "<>&\u00e9\u00e9\u2028", TIME, NULL, 0,
     SL_STDOUT, true},
    {LOG("\\ud83d\\ude00\\uD83D\\uDE00\\n"), "\U0001f600\U0001f600", TIME, NULL, 0, SL_STDOUT,
     true},
    {LOG("\\udbff\\udfff\\ud800\\udc00\\n"), "\U0010ffff\U00010000", TIME, NULL, 0, SL_STDOUT,
     true},
    {LOG("\\ud83d\\n"), "\ufffd", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("\\ude00\\ud83d\\n"), "\ufffd\ufffd", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("\\ud83dx\\ude00\\n"), "\ufffdx\ufffd", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("\\ud83d\\ud83d\\ude00\\n"), "\ufffd\U0001f600", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("\\ud83d\\u0041\\n"), "\ufffdA", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("\\ud83d\\\\ude00\\n"), "\ufffd\\ude00", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("\xff caf\xc3\xa9\\t\\n"), "\xff caf\xc3\xa9\t", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("{\\\"log\\\":\\\"x\\\\n\\\",\\\"stream\\\":\\\"stderr\\\"}\\n"),
     "{\"log\":\"x\\n\",\"stream\":\"stderr\"}", TIME, NULL, 0, SL_STDOUT, true},
    {LOG("say \\\",\\\"stream\\\":\\\"stderr\\\",\\\"time\\\":\\\"2020\\n"),
     "say \",\"stream\":\"stderr\",\"time\":\"2020", TIME, NULL, 0, SL_STDOUT, true},
    /* other keys, any order, twice, spaces */
    {WITH("\"attrs\":{\"tag\":\"x\",\"n\":[1,{\"}\":\"]\"}]}"), "a", TIME, NULL, 0, SL_STDOUT,
     true},
    {WITH("\"x\":null,\"y\":-1.5E+3,\"z\":true,\"log\\u\":\"b\""), "a", TIME, NULL, 0, SL_STDOUT,
     true},
    {WITH("\"log\":\"b\\n\""), "b", TIME, NULL, 0, SL_STDOUT, true},
    {WITH("\"stream\":\"stderr\""), "a", TIME, NULL, 0, SL_STDERR, true},
    {WITH(DEEP(TEN("[[[[[[") "[[[[", TEN("]]]]]]") "]]]]")), "a", TIME, NULL, 0, SL_STDOUT, true},
    {"{\"time\":\"" TIME "\",\"stream\":\"stderr\",\"log\":\"a\\tb\\n\"}", "a\tb", TIME, NULL, 0,
     SL_STDERR, true},
    {"{ \"log\" : \"a\\n\" ,\t\"stream\" : \"stdout\" , \"time\" : \"" TIME "\" } \r", "a", TIME,
     NULL, 0, SL_STDOUT, true},
    {"{\"stream\":\"stdout\",\"time\":\"" TIME "\"}", "", TIME, NULL, 0, SL_STDOUT, false},
    {"{\"log\":\"a\",\"log\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}", "b", TIME,
     NULL, 0, SL_STDOUT, true},
    {"{\"log\":\"a\",\"x\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}", "a", TIME, NULL,
     0, SL_STDOUT, false},
};

/* A copy of exactly that size, so that the sanitizer sees a byte read behind it. */
static char *copy_of(const char *line)
{
    size_t len = strlen(line);

    return memcpy(sl_alloc_raw(len + !len), line, len);
}

START_TEST(decodes_each_row)
{
    size_t len = strlen(rows[_i].line), text_len = rows[_i].len;
    char minute[16] = {0}, *line = copy_of(rows[_i].line), *scratch = sl_alloc_raw(len);
    sl_slice text = {rows[_i].text, text_len ? text_len : strlen(rows[_i].text)};

    for (int pass = 0; pass < 2; pass++) { /* the second time its minute is known */
        sl_record rec = {.whole = !rows[_i].whole};

        ck_assert_int_eq(sl_decode_docker((sl_slice){line, len}, scratch, minute, &rec), 0);
        ck_assert_msg(sl_slice_eq(rec.text, text), "got \"%.*s\"", (int)rec.text.len, rec.text.ptr);
        ck_assert_mem_eq(rec.time, rows[_i].time, SL_TIME_LEN);
        ck_assert_slice_eq(rec.written, rows[_i].written ? rows[_i].written : rows[_i].time);
        ck_assert_int_eq(rec.stream, rows[_i].stream);
        ck_assert_int_eq(rec.whole, rows[_i].whole);
    }
    ck_assert_mem_eq(line, rows[_i].line, len); /* it may come again */
    ck_assert_int_ne(sl_docker_time_ns((sl_slice){line, len}), 0);
    free(line);
    free(scratch);
}
END_TEST

/* Most lines are not copied. */
static const char *const plain[] = {LOG("hello\\n"), LOG("hello"), WITH("\"x\":1")};

START_TEST(text_without_escapes_stays_where_it_is)
{
    sl_slice line = sl_str(plain[_i]);
    char minute[16] = {0};
    sl_record rec;

    ck_assert_int_eq(sl_decode_docker(line, NULL, minute, &rec), 0);
    ck_assert(rec.text.ptr > line.ptr && rec.text.ptr < line.ptr + line.len);
}
END_TEST

static const char *const others[] = {
    "",
    "{",
    "{}",
    "{\"",
    "123",
    "[]",
    "null",
    "\"log\":\"x\\n\",\"stream\":\"stdout\"}",
    "{\"log\":5,\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
    "{\"log\":null,\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
    "{\"log\":[\"a\"],\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
    "{\"log\":\"a\\n\",\"stream\":5,\"time\":\"" TIME "\"}",
    "{\"log\":\"a\\n\",\"stream\":\"stdin\",\"time\":\"" TIME "\"}",
    "{\"log\":\"a\\n\",\"stream\":\"stdoutx\",\"time\":\"" TIME "\"}",
    "{\"log\":\"a\\n\",\"stream\":\"\",\"time\":\"" TIME "\"}",
    "{\"log\":\"a\\n\",\"time\":\"" TIME "\"}",
    "{\"log\":\"a\\n\",\"stream\":\"stdout\"}",
    "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":5}",
    AT("yesterday"),
    AT(""),
    AT("2026-02-30T05:19:20.957765568Z"),
    AT(TIME "x"),
    AT(" " TIME),
    LOG("\\q"),
    LOG("\\u12"),
    LOG("\\u00g0"),
    LOG("\\ud83d\\u00g0"),
    LOG("a\\"),
    LOG("a\"b\\n"),
    LOG("a\\n") "x",
    LOG("a\\n") LOG("b\\n"),
    LOG("a\\n") "}",
    "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"",
    "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"" TIME,
    "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\",}",
    "{\"log\":\"a\\n\",\"stream\":\"stdout\" \"time\":\"" TIME "\"}",
    "{\"log\" \"a\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
    "{log:\"a\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
    "{,\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
    WITH("\"x\":"),
    WITH("\"x\":?"),
    WITH("\"x\":[}"),
    WITH("\"x\":{\"a\":[1}}"),
    WITH("\"x\":[1,2"),
    WITH(DEEP(TEN("[[[[[[") "[[[[[", TEN("]]]]]]") "]]]]]")),
};

START_TEST(refuses_other_lines)
{
    size_t len = strlen(others[_i]);
    char minute[16] = {0}, *line = copy_of(others[_i]), *scratch = sl_alloc_raw(len + !len);
    sl_record before = {.text = sl_str("text"), .stream = SL_RAW}, rec = before;

    ck_assert_int_eq(sl_decode_docker((sl_slice){line, len}, scratch, minute, &rec), SL_E_FORMAT);
    ck_assert_ptr_eq(rec.text.ptr, before.text.ptr);
    ck_assert_int_eq(rec.stream, before.stream);
    free(line);
    free(scratch);
}
END_TEST

/* Cut anywhere, a line is none: and no byte behind the cut is looked at. */
START_TEST(refuses_every_beginning)
{
    size_t len = strlen(rows[_i].line);

    while (len > 0 && rows[_i].line[len - 1] != '}')
        len--; /* what follows the object says nothing */
    for (size_t cut = 0; cut < len; cut++) {
        char *line = memcpy(sl_alloc_raw(cut + 1), rows[_i].line, cut), minute[16] = {0};
        char *exact = sl_realloc(line, cut + !cut), *scratch = sl_alloc_raw(cut + !cut);
        sl_record rec;

        ck_assert_int_eq(sl_decode_docker((sl_slice){exact, cut}, scratch, minute, &rec),
                         SL_E_FORMAT);
        free(exact);
        free(scratch);
    }
}
END_TEST

START_TEST(tells_the_time_of_a_line)
{
    ck_assert_int_eq(sl_docker_time_ns(sl_str(LOG("a\\n"))), INT64_C(1795411160957765568));
    ck_assert_int_eq(sl_docker_time_ns(sl_str(LOG("a\\n") "x")), 0);
    ck_assert_int_eq(sl_docker_time_ns(sl_str(AT("yesterday"))), 0);
}
END_TEST

SL_UNIT(SL_ROWS(decodes_each_row, rows), SL_ROWS(text_without_escapes_stays_where_it_is, plain),
        SL_ROWS(refuses_other_lines, others), SL_ROWS(refuses_every_beginning, rows),
        SL_ONE(tells_the_time_of_a_line))
