/* test_encode.c - records as JSON and as text, whatever bytes their message has.
 *
 * Scenarios: T-ENC-07, 08; T-ES-27 (as far as the bytes go). */
#include "base/buf.h"
#include "shape/encode.h"
#include "shape/escape.h"
#include "unit.h"

#include <msgpack.h>

/* The plain twin, beside the one that this machine uses. */
char *plain_escape(char *out, const char *text, size_t len, bool *high);
#define sl_escape plain_escape
#include "shape/escape_scalar.c" /* NOLINT(bugprone-suspicious-include): under another name */
#undef sl_escape

#define S(literal)                     \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define TIME "2026-11-23T04:29:00.123456789Z"
#define NAME "AAECAwQFBgcICQoLDA0ODw"
#define FFFD "\xef\xbf\xbd"

static sl_encoded encoded; /* by encode() */

/* Encodes into memory of exactly the room that was promised; the sanitizer watches its end. */
static char *encode(const sl_encoder_options *o, const sl_origin *origin, sl_record rec)
{
    sl_encoder *e = sl_encoder_new(o);
    sl_block *block = sl_encoder_block(e, origin);
    char *text = sl_alloc(rec.text.len + SL_ESCAPE_OVERREAD);
    char *out = sl_alloc_raw(sl_encode_room(block, rec.text.len) + 1);

    memcpy(text, rec.text.ptr, rec.text.len);
    rec.text.ptr = text;
    rec.time = TIME;
    encoded = sl_encode(e, block, &rec, out);
    ck_assert_uint_le(encoded.len, sl_encode_room(block, rec.text.len));
    out[encoded.len] = '\0';
    free(text);
    sl_block_free(block);
    sl_encoder_free(e);
    return out;
}

/* NULL for NULL */
static sl_template *frame(const char *text)
{
    sl_buf why = {0};
    size_t at;

    return text ? sl_template_new(text, true, &at, &why) : NULL;
}

static const sl_origin known = {
    .namespace = S("shop"),
    .pod = S("cart-7d9f"),
    .uid = S("1-2-3"),
    .container = S("app"),
    .restart = 4,
    .generation = NAME,
};
static const sl_origin unknown = {.generation = NAME};

static const char *const four[] = {"1", "2", "3", "4"};

#define PAIRS(n, ...)                                                                       \
    &(const sl_pairs)                                                                       \
    {                                                                                       \
        .names = (const char *[]){__VA_ARGS__}, .values = (const char **)four, .count = (n) \
    }

#define AGENT                                                                         \
    "\"agent\":{\"name\":\"n1\",\"type\":\"sluice\",\"version\":\"" SL_VERSION "\"}," \
    "\"ecs\":{\"version\":\"8.11.0\"}"
#define HEAD(message) "{\"@timestamp\":\"" TIME "\",\"message\":\"" message "\""
#define KUBE                                                                                \
    ",\"kubernetes\":{\"namespace\":\"shop\",\"node\":{\"name\":\"n1\"},\"pod\":{\"name\":" \
    "\"cart-7d9f\",\"uid\":\"1-2-3\"},\"container\":{\"name\":\"app\"}}"
#define LOG ",\"log\":{\"generation\":\"" NAME "\",\"offset\":"

static const struct {
    const sl_origin *origin;
    const char *node, *cluster, *before, *after;
    const sl_pairs *fields[2];
    sl_record rec;
    const char *json;
} records[] = {
    {&known,
     "n1",
     "prod",
     NULL,
     "\n",
     {NULL, NULL},
     {.text = S("hello"), .stream = SL_STDERR, .at = {1, 1234}},
     HEAD("hello") ",\"stream\":\"stderr\"" KUBE ",\"orchestrator\":{\"cluster\":{\"name\":"
                   "\"prod\"}},\"host\":{\"name\":\"n1\"}," AGENT ",\"sluice\":{\"restart\":4}" LOG
                   "1234}}\n"},
    /* nothing known: no empty objects */
    {&unknown,
     NULL,
     "",
     NULL,
     NULL,
     {NULL, NULL},
     {.text = S(""), .stream = SL_STDOUT},
     HEAD("") ",\"stream\":\"stdout\",\"agent\":{\"type\":\"sluice\",\"version\":\"" SL_VERSION
              "\"},\"ecs\":{\"version\":\"8.11.0\"},\"sluice\":{\"restart\":0}" LOG "0}}"},
    /* raw: no stream, but a flag; all flags, in their order */
    {&unknown,
     "n1",
     NULL,
     NULL,
     NULL,
     {NULL, NULL},
     {.text = S("x"), .stream = SL_RAW, .flags = SL_IS_RAW, .at = {1, UINT64_MAX}},
     HEAD("x") ",\"kubernetes\":{\"node\":{\"name\":\"n1\"}},\"host\":{\"name\":\"n1\"}," AGENT
               ",\"sluice\":{\"restart\":0}" LOG "18446744073709551615,\"flags\":[\"raw\"]}}"},
    /* the second piece of a record, and the last that there can be */
    {&unknown,
     "n1",
     NULL,
     NULL,
     NULL,
     {NULL, NULL},
     {.text = S("x"), .stream = SL_RAW, .flags = SL_SPLIT, .at = {1, 7}, .piece = SL_PIECE_MAX},
     HEAD("x") ",\"kubernetes\":{\"node\":{\"name\":\"n1\"}},\"host\":{\"name\":\"n1\"}," AGENT
               ",\"sluice\":{\"restart\":0}" LOG "7,\"piece\":134217727,\"flags\":[\"split\"]}}"},
    {&known,
     "n1",
     NULL,
     "<<",
     ">>\n",
     {NULL, NULL},
     {.text = S("x"), .flags = 31, .at = {1, 100}},
     "<<" HEAD("x") ",\"stream\":\"stdout\"" KUBE ",\"host\":{\"name\":\"n1\"}," AGENT
                    ",\"sluice\":{\"restart\":4}" LOG
                    "100,\"flags\":[\"truncated\",\"split\",\"partial\","
                    "\"raw\",\"multiline\"]}}>>\n"},
    /* constant fields: dots make objects, and extend those that are there */
    {&known,
     "n1",
     NULL,
     NULL,
     NULL,
     {PAIRS(4, "team", "a.b.c", "a.d", "kubernetes.cluster"), NULL},
     {.text = S("x")},
     HEAD("x") ",\"stream\":\"stdout\",\"kubernetes\":{\"namespace\":\"shop\",\"node\":{\"name\":"
               "\"n1\"},\"pod\":{\"name\":\"cart-7d9f\",\"uid\":\"1-2-3\"},\"container\":{\"name\":"
               "\"app\"},"
               "\"cluster\":\"4\"},\"host\":{\"name\":\"n1\"}," AGENT ",\"sluice\":{\"restart\":4},"
               "\"team\":\"1\",\"a\":{\"b\":{\"c\":\"2\"},\"d\":\"3\"}" LOG "0}}"},
    {&known,
     "n1",
     NULL,
     NULL,
     NULL,
     {PAIRS(3, "log.level", "sluice.ring", "host.zone"), NULL},
     {.text = S("x")},
     HEAD("x") ",\"stream\":\"stdout\"" KUBE ",\"host\":{\"name\":\"n1\",\"zone\":\"3\"}," AGENT
               ",\"sluice\":{\"restart\":4,\"ring\":\"2\"},\"log\":{\"generation\":\"" NAME
               "\",\"level\":\"1\",\"offset\":0}}"},
    /* what the record says of itself stays; what it does not know may be said for it */
    {&known,
     "n1",
     NULL,
     NULL,
     NULL,
     {PAIRS(4, "@timestamp", "message", "stream", "stream.x"),
      PAIRS(4, "log", "log.offset", "log.flags", "log.generation")},
     {.text = S("x")},
     HEAD("x") ",\"stream\":\"stdout\"" KUBE ",\"host\":{\"name\":\"n1\"}," AGENT
               ",\"sluice\":{\"restart\":4}" LOG "0}}"},
    {&known,
     "n1",
     NULL,
     NULL,
     NULL,
     {PAIRS(4, "kubernetes", "kubernetes.pod", "kubernetes.pod.name.x", "kubernetes.namespace"),
      PAIRS(4, "sluice", "sluice.restart", "agent.type", "log.piece")},
     {.text = S("x")},
     HEAD("x") ",\"stream\":\"stdout\"" KUBE ",\"host\":{\"name\":\"n1\"}," AGENT
               ",\"sluice\":{\"restart\":4}" LOG "0}}"},
    {&unknown,
     "n1",
     NULL,
     NULL,
     NULL,
     {PAIRS(2, "kubernetes.pod.name", "kubernetes.namespace"), NULL},
     {.text = S("x")},
     HEAD("x") ",\"stream\":\"stdout\",\"kubernetes\":{\"node\":{\"name\":\"n1\"},\"pod\":"
               "{\"name\":\"1\"},\"namespace\":\"2\"},\"host\":{\"name\":\"n1\"}," AGENT
               ",\"sluice\":{\"restart\":0}" LOG "0}}"},
    /* the second list overrides the first */
    {&known,
     "n1",
     NULL,
     NULL,
     NULL,
     {PAIRS(3, "x", "a", "b.c"), PAIRS(3, "a", "b", "x")},
     {.text = S("x")},
     HEAD("x") ",\"stream\":\"stdout\"" KUBE ",\"host\":{\"name\":\"n1\"}," AGENT
               ",\"sluice\":{\"restart\":4},\"a\":\"1\",\"b\":\"2\",\"x\":\"3\"" LOG "0}}"},
};

START_TEST(encodes_each_record)
{
    sl_template *before = frame(records[_i].before), *after = frame(records[_i].after);
    sl_encoder_options o = {
        .constants = {.node = records[_i].node,
                      .cluster = records[_i].cluster,
                      .fields = {records[_i].fields[0], records[_i].fields[1]}},
        .frame = {.before = before, .after = after},
    };
    char *got = encode(&o, records[_i].origin, records[_i].rec);

    ck_assert_str_eq(got, records[_i].json);
    free(got);
    sl_template_free(before);
    sl_template_free(after);
}
END_TEST

START_TEST(escapes_all_values_and_leaves_empty_ones_out)
{
    const char *names[] = {"a\"b.c\n", "empty"}, *values[] = {"\\\x01\xff", ""};
    sl_pairs pairs = {.names = names, .values = values, .count = 2};
    sl_encoder_options o = {.constants = {.node = "\"", .fields = {&pairs}}};
    sl_origin origin = {.namespace = S("\n"), .generation = NAME};
    char *got = encode(&o, &origin, (sl_record){.text = S("x")});

    ck_assert_ptr_nonnull(strstr(got, "\"a\\\"b\":{\"c\\n\":\"\\\\\\u0001" FFFD "\"}"));
    ck_assert_ptr_nonnull(strstr(got, "\"kubernetes\":{\"namespace\":\"\\n\","));
    ck_assert_ptr_nonnull(strstr(got, "\"host\":{\"name\":\"\\\"\"}"));
    ck_assert_ptr_null(strstr(got, "empty"));
    free(got);
}
END_TEST

static const uint64_t offsets[] = {
    0,          1,    9,     10,    11,      99,         100,       101,
    999,        1000, 12345, 99999, 1000000, UINT32_MAX, INT64_MAX, 10000000000000000000U,
    UINT64_MAX,
};

START_TEST(writes_each_offset)
{
    char want[64], *got;

    snprintf(want, sizeof want, "\"offset\":%llu}}", (unsigned long long)offsets[_i]);
    got = encode(&(sl_encoder_options){0}, &known,
                 (sl_record){.text = S("x"), .at = {1, offsets[_i]}});
    ck_assert_str_eq(strstr(got, "\"offset\""), want);
    free(got);
}
END_TEST

/* Unicode 3.9: which bytes make one U+FFFD. */
static const struct {
    sl_slice text;
    const char *json;
} messages[] = {
    {S("plain"), "plain"},
    {S("\x7f/<>&'"), "\x7f/<>&'"},
    {S("\b\t\n\f\r\x1b\""), "\\b\\t\\n\\f\\r\\u001b\\\""},
    {S("a\0b"), "a\\u0000b"},
    {S("C:\\n"), "C:\\\\n"},
    {S("Łukasz 李雷 😀 \xe2\x80\xa8"), "Łukasz 李雷 😀 \xe2\x80\xa8"},
    {S("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 "
       "\xf4\x8f\xbf\xbf"),
     "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"},
    {S("\xff"), FFFD},
    {S("\x80\xbf"), FFFD FFFD},
    {S("\xc0\xaf\xc1\x81"), FFFD FFFD FFFD FFFD},
    {S("\xe0\x9f\xbf"), FFFD FFFD FFFD}, /* longer than needed */
    {S("\xed\xa0\x80"), FFFD FFFD FFFD}, /* half a surrogate pair */
    {S("\xf0\x8f\xbf\xbf"), FFFD FFFD FFFD FFFD},
    {S("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD}, /* beyond U+10FFFF */
    {S("\xf5\x80\xf8\x88"), FFFD FFFD FFFD FFFD},
    {S("\xe2\x82"), FFFD}, /* cut short: one for what is there */
    {S("\xf0\x9f\x98"), FFFD},
    {S("\xe2\x82z"), FFFD "z"},
    {S("\xe2\x82\""), FFFD "\\\""},
    {S("\xf0\x9f\x98\xe2\x82\xac"), FFFD "\xe2\x82\xac"},
    {S("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
       "A"),
     FFFD FFFD FFFD FFFD "A"}, /* table 3-11 */
    {S("J\xfcrgen \"\xc3\xbc\"\n"), "J" FFFD "rgen \\\"\xc3\xbc\\\"\\n"},
};

/* Behind 0 to 70 bytes, so that every place in a vector, and every border of two, is met. */
START_TEST(escapes_each_message_at_each_place)
{
    for (size_t pad = 0; pad <= 70; pad++) {
        sl_buf text = {0}, want = {0};
        char *got;

        for (size_t i = 0; i < pad; i++)
            sl_buf_add_text(&text, "_");
        sl_buf_add_text(&want, "\"message\":\"");
        sl_buf_add(&want, text.ptr, text.len);
        sl_buf_add(&text, messages[_i].text.ptr, messages[_i].text.len);
        sl_buf_add_text(&want, messages[_i].json);
        sl_buf_add(&want, "\",\"stream\"", 11);
        got = encode(&(sl_encoder_options){0}, &unknown, (sl_record){.text = sl_buf_slice(&text)});
        ck_assert_ptr_nonnull(strstr(got, want.ptr));
        free(got);
        sl_buf_fini(&text);
        sl_buf_fini(&want);
    }
}
END_TEST

static void twins_agree(const char *bytes, size_t len)
{
    char *text = sl_alloc(len + SL_ESCAPE_OVERREAD);
    size_t room = SL_ESCAPE_GROWTH * len + SL_ESCAPE_OVERREAD;
    char *fast = sl_alloc_raw(room), *plain = sl_alloc_raw(room);
    bool fast_high, plain_high;
    size_t fast_len, plain_len;

    memcpy(text, bytes, len);
    memset(text + len, 0xff, SL_ESCAPE_OVERREAD); /* what lies behind the text changes nothing */
    fast_len = (size_t)(sl_escape(fast, text, len, &fast_high) - fast);
    plain_len = (size_t)(plain_escape(plain, text, len, &plain_high) - plain);
    ck_assert_uint_eq(fast_len, plain_len);
    ck_assert(memcmp(fast, plain, plain_len) == 0);
    ck_assert_int_eq(fast_high, plain_high);
    free(text);
    free(fast);
    free(plain);
}

/* T-ENC-08 */
START_TEST(twins_agree_on_each_byte_at_each_place)
{
    char bytes[96];

    for (int byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at <= 70; at++) {
            memset(bytes, 'a', sizeof bytes);
            bytes[at] = (char)byte;
            twins_agree(bytes, at + 1);
            twins_agree(bytes, sizeof bytes);
        }
    }
}
END_TEST

START_TEST(twins_agree_on_random_bytes)
{
    static const char odd[] = "\"\\\n\t\x01\xc3\xbc abcdefghijklmnop";
    uint64_t random = 1;

    for (int round = 0; round < 20000; round++) {
        char bytes[200];
        size_t len = (size_t)round % sizeof bytes;

        for (size_t i = 0; i < len; i++) {
            random = random * 6364136223846793005 + 1442695040888963407;
            bytes[i] = (char)(random >> 56);
            if (round % 3) /* mostly such as need an escape, side by side */
                bytes[i] = odd[(random >> 33) % (sizeof odd - 1)];
        }
        twins_agree(bytes, len);
    }
}
END_TEST

static const struct {
    const sl_origin *origin;
    bool terminal, colour;
    sl_record rec;
    const char *text;
} texts[] = {
    {&known,
     false,
     false,
     {.text = S("hello"), .stream = SL_STDERR},
     "04:29:00.123 shop/cart-7d9f app stderr| hello\n"},
    {&known,
     false,
     false,
     {.text = S("\x1b[2J\t\xff\r"), .stream = SL_RAW, .flags = SL_IS_RAW},
     "04:29:00.123 shop/cart-7d9f app raw| \x1b[2J\t\xff\r\n"},
    {&unknown, false, false, {.text = S("")}, "04:29:00.123 stdout| \n"},
    {&(const sl_origin){.pod = S("p"), .container = S("c\n")},
     false,
     false,
     {.text = S("x")},
     "04:29:00.123 p c\\x0a stdout| x\n"},
    {&known,
     true,
     true,
     {.text = S("hello ü €")},
     "04:29:00.123 \x1b[96mshop/cart-7d9f app\x1b[0m stdout| hello ü €\n"},
    {&known,
     true,
     false, /* NO_COLOR: what would be obeyed is shown all the same */
     {.text = S("\x1b[2J")},
     "04:29:00.123 shop/cart-7d9f app stdout| \\x1b[2J\n"},
    {&known,
     true,
     true,
     {.text = S("\x1b[2J\t\x7f\n\r\x9b\xc2\x9b\xc2\xa0\xe2\x82")},
     "04:29:00.123 \x1b[96mshop/cart-7d9f app\x1b[0m stdout| \\x1b[2J\t\\x7f\\x0a\\x0d" FFFD
     "\\xc2\\x9b\xc2\xa0" FFFD "\n"},
};

START_TEST(writes_text_for_people)
{
    sl_template *after = frame("\n");
    sl_encoder_options o = {.encoding = SL_ENCODING_TEXT,
                            .terminal = texts[_i].terminal,
                            .colour = texts[_i].colour,
                            .frame = {.after = after}};
    char *got = encode(&o, texts[_i].origin, texts[_i].rec);

    ck_assert_str_eq(got, texts[_i].text);
    free(got);
    sl_template_free(after);
}
END_TEST

START_TEST(all_bytes_escaped_fit_in_the_room)
{
    const size_t len = 100000;
    char *text = sl_alloc(len), *got;

    for (int terminal = 0; terminal < 2; terminal++) {
        sl_encoder_options o = {.encoding = terminal ? SL_ENCODING_TEXT : SL_ENCODING_JSON,
                                .terminal = terminal};

        got = encode(&o, &known, (sl_record){.text = {text, len}, .flags = 31});
        ck_assert_uint_gt(strlen(got), len * (terminal ? 4 : 6));
        free(got);
    }
    free(text);
}
END_TEST

/* --- schemas and encodings --- */

#define TAIL_FLAGS "\"flags\":[\"truncated\",\"split\",\"partial\",\"raw\",\"multiline\"]"
#define DOCKER_ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const sl_pairs team = {(const char *[]){"team.name", "message", "log", "pod", "stream"},
                              (const char *[]){"blue", "no", "no", "no", "no"}, 5};
static const sl_origin docker = {.namespace = S("shop"),
                                 .pod = S("cart"),
                                 .uid = S("1-2-3"),
                                 .container = S("app"),
                                 .restart = 300,
                                 .generation = NAME,
                                 .container_id = S(DOCKER_ID),
                                 .container_runtime = S("docker")};
static const sl_origin in_file = {.generation = NAME, .path = S("/logs/a.log"), .fields = &team};

#define FLAT_HEAD "{\"timestamp\":\"" TIME "\",\"message\":"
#define FLAT_KUBE                                                                                \
    ",\"namespace\":\"shop\",\"pod\":\"cart\",\"uid\":\"1-2-3\",\"container\":\"app\",\"node\":" \
    "\"n1\",\"restart\":300,\"generation\":\"" NAME "\",\"offset\":"
#define FB_KUBE                                                                                \
    ",\"kubernetes\":{\"pod_name\":\"cart\",\"namespace_name\":\"shop\",\"pod_id\":\"1-2-3\"," \
    "\"host\":\"n1\",\"container_name\":\"app\",\"docker_id\":\"" DOCKER_ID "\"}}"

static const struct {
    sl_schema schema;
    bool timestamp;
    const sl_origin *origin;
    sl_record rec;
    const char *json;
} shapes[] = {
    {SL_SCHEMA_ECS,
     false,
     &docker,
     {.text = S("x"), .at = {1, 70000}},
     HEAD("x") ",\"stream\":\"stdout\",\"kubernetes\":{\"namespace\":\"shop\",\"node\":{\"name\":"
               "\"n1\"},\"pod\":{\"name\":\"cart\",\"uid\":\"1-2-3\"},\"container\":{\"name\":"
               "\"app\"}},\"container\":{\"id\":\"" DOCKER_ID "\",\"runtime\":\"docker\"},"
               "\"host\":{\"name\":\"n1\"}," AGENT ",\"sluice\":{\"restart\":300}" LOG "70000}}"},
    {SL_SCHEMA_ECS,
     false,
     &in_file,
     {.text = S("x"), .flags = 31},
     HEAD("x") ",\"stream\":\"stdout\",\"kubernetes\":{\"node\":{\"name\":\"n1\"}},\"host\":{"
               "\"name\":\"n1\"}," AGENT ",\"sluice\":{\"restart\":0},\"team\":{\"name\":\"blue\"},"
               "\"pod\":\"no\",\"log\":{\"generation\":\"" NAME "\",\"file\":{\"path\":"
               "\"/logs/a.log\"},\"offset\":0," TAIL_FLAGS "}}"},
    {SL_SCHEMA_FLAT,
     false,
     &docker,
     {.text = S("a\"b"), .stream = SL_STDERR, .at = {1, 127}},
     FLAT_HEAD "\"a\\\"b\",\"stream\":\"stderr\"" FLAT_KUBE "127}"},
    {SL_SCHEMA_FLAT,
     false,
     &docker,
     {.text = S("\xff"), .stream = SL_RAW, .flags = 31, .at = {1, UINT64_MAX}},
     FLAT_HEAD "\"" FFFD "\"" FLAT_KUBE "18446744073709551615," TAIL_FLAGS "}"},
    {SL_SCHEMA_FLAT,
     false,
     &in_file,
     {.text = S("")},
     FLAT_HEAD "\"\",\"stream\":\"stdout\",\"node\":\"n1\",\"restart\":0,\"path\":\"/logs/a.log\","
               "\"generation\":\"" NAME "\",\"team.name\":\"blue\",\"log\":\"no\",\"pod\":\"no\","
               "\"offset\":0}"},
    {SL_SCHEMA_FLUENTBIT,
     false,
     &docker,
     {.text = S("x"), .written = S("2026-11-23T05:29:00.123+01:00"), .flags = 31},
     "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"2026-11-23T05:29:00.123+01:00\"" FB_KUBE},
    {SL_SCHEMA_FLUENTBIT,
     true,
     &docker,
     {.text = S("\"\xff")},
     "{\"@timestamp\":\"" TIME "\",\"log\":\"\\\"" FFFD "\",\"stream\":\"stdout\",\"time\":\"" TIME
     "\"" FB_KUBE},
    {SL_SCHEMA_FLUENTBIT,
     false,
     &in_file,
     {.text = S(""), .stream = SL_RAW},
     "{\"log\":\"\",\"time\":\"" TIME "\",\"kubernetes\":{\"host\":\"n1\"},\"team\":{\"name\":"
     "\"blue\"},\"message\":\"no\",\"pod\":\"no\"}"},
};

START_TEST(writes_each_schema)
{
    sl_encoder_options o = {.schema = shapes[_i].schema,
                            .timestamp = shapes[_i].timestamp,
                            .constants = {.node = "n1"}};
    char *got = encode(&o, shapes[_i].origin, shapes[_i].rec);

    ck_assert_str_eq(got, shapes[_i].json);
    free(got);
}
END_TEST

/* As JSON, so that what msgpack-c reads can be compared with what we wrote as JSON. */
static void print_object(const msgpack_object *o, sl_buf *out)
{
    const char *comma = "";

    if (o->type == MSGPACK_OBJECT_STR) {
        sl_buf_add_text(out, "\"");
        sl_buf_add_json(out, (sl_slice){o->via.str.ptr, o->via.str.size});
        sl_buf_add_text(out, "\"");
    } else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        sl_buf_add_format(out, "%llu", (unsigned long long)o->via.u64);
    } else if (o->type == MSGPACK_OBJECT_ARRAY) {
        sl_buf_add_text(out, "[");
        for (uint32_t i = 0; i < o->via.array.size; i++, comma = ",") {
            sl_buf_add_text(out, comma);
            print_object(&o->via.array.ptr[i], out);
        }
        sl_buf_add_text(out, "]");
    } else {
        ck_assert_int_eq(o->type, MSGPACK_OBJECT_MAP);
        sl_buf_add_text(out, "{");
        for (uint32_t i = 0; i < o->via.map.size; i++, comma = ",") {
            sl_buf_add_text(out, comma);
            print_object(&o->via.map.ptr[i].key, out);
            sl_buf_add_text(out, ":");
            print_object(&o->via.map.ptr[i].val, out);
        }
        sl_buf_add_text(out, "}");
    }
}

/* One record, and nothing behind it. */
static void assert_packed_as(sl_slice packed, const char *json)
{
    msgpack_unpacked one;
    sl_buf got = {0};
    size_t at = 0;

    msgpack_unpacked_init(&one);
    ck_assert_int_eq(msgpack_unpack_next(&one, packed.ptr, packed.len, &at),
                     MSGPACK_UNPACK_SUCCESS);
    ck_assert_uint_eq(at, packed.len);
    print_object(&one.data, &got);
    ck_assert_slice_eq(sl_buf_slice(&got), json);
    msgpack_unpacked_destroy(&one);
    sl_buf_fini(&got);
}

START_TEST(msgpack_holds_what_json_does)
{
    sl_encoder_options o = {.schema = shapes[_i].schema,
                            .timestamp = shapes[_i].timestamp,
                            .constants = {.node = "n1"}};
    char *json = encode(&o, shapes[_i].origin, shapes[_i].rec), *packed;

    o.encoding = SL_ENCODING_MSGPACK;
    packed = encode(&o, shapes[_i].origin, shapes[_i].rec);
    assert_packed_as((sl_slice){packed, encoded.len}, json);
    ck_assert_uint_eq(encoded.before + encoded.after, 0);
    free(json);
    free(packed);
}
END_TEST

/* Around each size of a text's head, whole and broken. */
static const size_t lengths[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 100000};

START_TEST(msgpack_and_raw_take_each_length)
{
    size_t len = lengths[_i];
    char *text = sl_alloc(len + 1), *json, *packed, *raw;
    sl_encoder_options o = {0};

    for (int broken = 0; broken < 3; broken++) {
        memset(text, broken == 2 ? 0xff : 'x', len); /* the last one grows threefold */
        if (broken && len > 0)
            text[len / 2] = '\xff';
        o.encoding = SL_ENCODING_JSON;
        json = encode(&o, &known, (sl_record){.text = {text, len}});
        o.encoding = SL_ENCODING_MSGPACK;
        packed = encode(&o, &known, (sl_record){.text = {text, len}});
        assert_packed_as((sl_slice){packed, encoded.len}, json);
        o.encoding = SL_ENCODING_RAW;
        raw = encode(&o, &known, (sl_record){.text = {text, len}, .flags = 31});
        ck_assert_uint_eq(encoded.len, len);
        ck_assert(memcmp(raw, text, len) == 0);
        free(json);
        free(packed);
        free(raw);
    }
    free(text);
}
END_TEST

/* What a batch is told of it: where the time stands, and how much is frame. */
START_TEST(says_where_the_time_stands)
{
    for (int k = 0; k < SL_ENCODINGS * SL_SCHEMAS * 2; k++) {
        sl_template *before = frame(k % 2 ? "<%{id}>" : NULL), *after = frame("\n");
        sl_encoder_options o = {.encoding = (sl_encoding)(k / 2 % SL_ENCODINGS),
                                .schema = (sl_schema)(k / 2 / SL_ENCODINGS),
                                .timestamp = k % 3 == 0,
                                .frame = {.before = before, .after = after}};
        char *got = encode(&o, &known, (sl_record){.text = S("x"), .at = {1, 5}});

        ck_assert_uint_eq(encoded.before, k % 2 ? SL_NAME_LEN + 4 : 0);
        ck_assert_uint_eq(encoded.after, 1);
        ck_assert_int_eq(got[encoded.len - 1], '\n');
        if (encoded.time != SL_NO_TIME)
            ck_assert(memcmp(got + encoded.time, TIME, SL_TIME_LEN) == 0);
        else
            ck_assert(o.encoding == SL_ENCODING_TEXT || o.encoding == SL_ENCODING_RAW ||
                      (o.schema == SL_SCHEMA_FLUENTBIT && !o.timestamp));
        free(got);
        sl_template_free(before);
        sl_template_free(after);
    }
}
END_TEST

static const struct {
    sl_schema schema;
    bool timestamp;
    sl_stamp stamp;
    const char *begins;
} stamps[] = {
    {SL_SCHEMA_ECS, false, {"ts", SL_STAMP_RFC3339}, "{\"ts\":\"" TIME "\",\"message\":\"x\","},
    {SL_SCHEMA_ECS, true, {"team", SL_STAMP_MILLIS}, "{\"team\":1795408140123,\"message\":"},
    {SL_SCHEMA_FLAT, true, {"pods", SL_STAMP_MILLIS}, "{\"pods\":1795408140123,\"message\":"},
    {SL_SCHEMA_FLUENTBIT, true, {"team", SL_STAMP_MILLIS}, "{\"team\":1795408140123,\"log\":"},
    {SL_SCHEMA_FLUENTBIT, false, {"t", SL_STAMP_MILLIS}, "{\"log\":\"x\","}, /* it has none */
};

/* As the stamp says, in JSON and in msgpack; no constant field takes its name. */
START_TEST(writes_the_time_as_it_is_asked_for)
{
    sl_encoder_options o = {.schema = stamps[_i].schema,
                            .timestamp = stamps[_i].timestamp,
                            .stamp = stamps[_i].stamp,
                            .constants = {.node = "n1"}};
    char *json = encode(&o, &in_file, (sl_record){.text = S("x")}), *packed;
    char *name = sl_format("\"%s\":", stamps[_i].stamp.name), *first = strstr(json, name);

    ck_assert_msg(!strncmp(json, stamps[_i].begins, strlen(stamps[_i].begins)), "%s", json);
    ck_assert(!first || !strstr(first + 1, name));
    ck_assert_int_eq(encoded.time != SL_NO_TIME, stamps[_i].stamp.form == SL_STAMP_RFC3339);
    ck_assert(encoded.time == SL_NO_TIME || !memcmp(json + encoded.time, TIME, SL_TIME_LEN));
    o.encoding = SL_ENCODING_MSGPACK;
    packed = encode(&o, &in_file, (sl_record){.text = S("x")});
    assert_packed_as((sl_slice){packed, encoded.len}, json);
    ck_assert(encoded.time == SL_NO_TIME || !memcmp(packed + encoded.time, TIME, SL_TIME_LEN));
    free(name);
    free(json);
    free(packed);
}
END_TEST

static const struct {
    sl_schema schema;
    const char *name;
    bool has;
} fields[] = {
    {SL_SCHEMA_ECS, "kubernetes", true},
    {SL_SCHEMA_ECS, "log", true},
    {SL_SCHEMA_ECS, "message", true},
    {SL_SCHEMA_ECS, "@timestamp", false},
    {SL_SCHEMA_ECS, "kube", false},
    {SL_SCHEMA_ECS, "time", false},
    {SL_SCHEMA_FLAT, "pod", true},
    {SL_SCHEMA_FLAT, "offset", true},
    {SL_SCHEMA_FLAT, "timestamp", false},
    {SL_SCHEMA_FLAT, "kubernetes", false},
    {SL_SCHEMA_FLUENTBIT, "time", true},
    {SL_SCHEMA_FLUENTBIT, "kubernetes", true},
    {SL_SCHEMA_FLUENTBIT, "timestamp", false},
    {SL_SCHEMA_FLUENTBIT, "@timestamp", false},
};

START_TEST(knows_the_names_of_each_schema)
{
    ck_assert_int_eq(sl_schema_has(fields[_i].schema, fields[_i].name), fields[_i].has);
}
END_TEST

/* Else an output gives it a place of its own. */
START_TEST(knows_which_values_hold_their_place)
{
    for (int k = 0; k < SL_ENCODINGS * SL_SCHEMAS; k++) {
        sl_encoder_options o = {.encoding = (sl_encoding)(k % SL_ENCODINGS),
                                .schema = (sl_schema)(k / SL_ENCODINGS)};
        char *got = encode(&o, &known, (sl_record){.text = S("x")});

        ck_assert_int_eq(memmem(got, encoded.len, NAME, strlen(NAME)) != NULL,
                         sl_encoding_has_place(o.encoding, o.schema));
        free(got);
    }
}
END_TEST

SL_UNIT(SL_ROWS(encodes_each_record, records), SL_ROWS(writes_each_schema, shapes),
        SL_ROWS(writes_the_time_as_it_is_asked_for, stamps),
        SL_ROWS(knows_the_names_of_each_schema, fields),
        SL_ONE(knows_which_values_hold_their_place), SL_ROWS(msgpack_holds_what_json_does, shapes),
        SL_ROWS(msgpack_and_raw_take_each_length, lengths), SL_ONE(says_where_the_time_stands),
        SL_ONE(escapes_all_values_and_leaves_empty_ones_out), SL_ROWS(writes_each_offset, offsets),
        SL_ROWS(escapes_each_message_at_each_place, messages),
        SL_ONE(twins_agree_on_each_byte_at_each_place), SL_ONE(twins_agree_on_random_bytes),
        SL_ROWS(writes_text_for_people, texts), SL_ONE(all_bytes_escaped_fit_in_the_room))
