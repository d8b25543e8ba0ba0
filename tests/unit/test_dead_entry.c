/* test_dead_entry.c - a refused record as a line, and back; and what is no such line. */
#include "ship/dead_entry.h"
#include "unit.h"

#define T "2026-11-23T04:29:00.123456789Z"
#define G "AAECAwQFBgcICQoLDA0ODw"
#define S(text)                  \
    {                            \
        (text), sizeof(text) - 1 \
    }
#define HEAD                                                                                    \
    "{\"time\":\"" T "\",\"output\":\"o\",\"reason\":\"rejected\",\"error\":\"no \\\"such\\\" " \
    "\\n\",\"namespace\":\"n\",\"pod\":\"p\",\"container\":\"c\",\"generation\":\"" G "\","

static const sl_dead_entry common = {.time = S(T),
                                     .output = S("o"),
                                     .reason = S("rejected"),
                                     .error = S("no \"such\" \n"),
                                     .namespace = S("n"),
                                     .pod = S("p"),
                                     .container = S("c"),
                                     .generation = S(G),
                                     .timestamp = S(T)};

static const struct {
    uint64_t offset, piece;
    sl_slice target, key, before, after, value;
    bool json;
    const char *rest; /* behind HEAD */
} rows[] = {
    {0,
     0,
     {0},
     {0},
     {0},
     {0},
     S("{\"a\":[1,\"}\\\"\"]}"),
     true,
     "\"offset\":0,\"timestamp\":\"" T "\",\"message\":{\"a\":[1,\"}\\\"\"]}}\n"},
    {UINT64_MAX, 3, S("logs"), S("a/b"), S("{\"create\":{}}\n"), S("\n"), S("{}"), true,
     "\"offset\":18446744073709551615,\"piece\":3,\"target\":\"logs\",\"key\":\"a/b\","
     "\"timestamp\":\"" T "\",\"before\":\"{\\\"create\\\":{}}\\n\",\"after\":\"\\n\","
     "\"message\":{}}\n"},
    {1,
     0,
     {0},
     {0},
     {0},
     {0},
     S("caf\xc3\xa9 \t\"\\\x01\x7f \xf0\x9f\x98\x80"),
     false,
     "\"offset\":1,\"timestamp\":\"" T
     "\",\"message\":\"caf\xc3\xa9 \\t\\\"\\\\\\u0001\x7f \xf0\x9f\x98\x80\"}\n"},
    {1,
     0,
     {0},
     {0},
     {0},
     {0},
     S("a\0b"),
     false,
     "\"offset\":1,\"timestamp\":\"" T "\",\"message\":\"a\\u0000b\"}\n"},
    {1,
     0,
     {0},
     {0},
     {0},
     {0},
     S(""),
     false,
     "\"offset\":1,\"timestamp\":\"" T "\",\"message\":\"\"}\n"},
    {1,
     0,
     {0},
     {0},
     {0},
     {0},
     S("\xff"),
     false,
     "\"offset\":1,\"timestamp\":\"" T "\",\"base64\":\"/w==\"}\n"},
    {1,
     0,
     {0},
     {0},
     {0},
     {0},
     S("\x81\xa1z"),
     false,
     "\"offset\":1,\"timestamp\":\"" T "\",\"base64\":\"gaF6\"}\n"},
    {1,
     0,
     {0},
     {0},
     {0},
     {0},
     S("\xff\x00"),
     false,
     "\"offset\":1,\"timestamp\":\"" T "\",\"base64\":\"/wA=\"}\n"},
    {1,
     0,
     {0},
     {0},
     {0},
     {0},
     S("not an object"),
     true, /* whatever the encoding is called */
     "\"offset\":1,\"timestamp\":\"" T "\",\"message\":\"not an object\"}\n"},
};

static void ck_same(sl_slice got, sl_slice want)
{
    ck_assert_msg(sl_slice_eq(got, want), "got \"%.*s\"", (int)got.len, got.ptr);
}

START_TEST(comes_back_as_it_was)
{
    sl_dead_entry e = common, back;
    sl_buf line = {0}, store = {0};
    char *want = sl_format("%s%s", HEAD, rows[_i].rest);

    e.offset = rows[_i].offset;
    e.piece = rows[_i].piece;
    e.target = rows[_i].target;
    e.key = rows[_i].key;
    e.before = rows[_i].before;
    e.after = rows[_i].after;
    e.value = rows[_i].value;
    sl_dead_entry_write(&e, rows[_i].json, &line);
    ck_assert_slice_eq(sl_buf_slice(&line), want);
    ck_assert(sl_dead_entry_read((sl_slice){line.ptr, line.len - 1}, &store, &back));
    ck_assert_uint_eq(back.offset, e.offset);
    ck_assert_uint_eq(back.piece, e.piece);
    ck_same(back.error, e.error);
    ck_same(back.generation, e.generation);
    ck_same(back.target, e.target);
    ck_same(back.key, e.key);
    ck_same(back.before, e.before);
    ck_same(back.after, e.after);
    ck_same(back.timestamp, e.timestamp);
    ck_same(back.value, e.value);
    for (size_t len = 0; len + 1 < line.len; len++) /* cut anywhere, it is none */
        ck_assert(!sl_dead_entry_read((sl_slice){line.ptr, len}, &store, &back));
    free(want);
    sl_buf_fini(&line);
    sl_buf_fini(&store);
}
END_TEST

#define MIDDLE \
    "\"time\":\"" T "\",\"reason\":\"r\",\"generation\":\"" G "\",\"timestamp\":\"" T "\","

static const struct {
    const char *line;
    bool taken;
} lines[] = {
    {"{" MIDDLE "\"message\":\"x\"}", true},
    {"{\"message\":\"x\"," MIDDLE "\"offset\":1}", true}, /* in any order */
    {"{" MIDDLE "\"new\":{\"a\":1},\"newer\":\"b\",\"newest\":7,\"message\":\"x\"}", true},
    {"", false},
    {"{}", false},
    {"[]", false},
    {"{" MIDDLE "\"offset\":1}", false}, /* no record */
    {"{" MIDDLE "\"message\":\"x\"} ", false},
    {"{" MIDDLE "\"message\":\"x\",}", false},
    {"{" MIDDLE "\"message\":\"\\x\"}", false},
    {"{" MIDDLE "\"message\":\"\\u12g4\"}", false},
    {"{" MIDDLE "\"offset\":18446744073709551616,\"message\":\"x\"}", false},
    {"{" MIDDLE "\"offset\":-1,\"message\":\"x\"}", false},
    {"{" MIDDLE "\"base64\":\"a*\"}", false},
    {"{" MIDDLE "\"message\":{\"a\":\"}\"}", false},
    {"{\"time\":\"" T "\",\"reason\":\"r\",\"generation\":\"short\",\"timestamp\":\"" T
     "\",\"message\":\"x\"}",
     false},
};

START_TEST(takes_what_is_whole)
{
    sl_buf store = {0};
    sl_dead_entry e;

    ck_assert_int_eq(sl_dead_entry_read(sl_str(lines[_i].line), &store, &e), lines[_i].taken);
    sl_buf_fini(&store);
}
END_TEST

SL_UNIT(SL_ROWS(comes_back_as_it_was, rows), SL_ROWS(takes_what_is_whole, lines))
