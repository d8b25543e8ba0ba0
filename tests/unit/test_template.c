/* test_template.c - templates: what they parse to, where they are wrong, and what they render.
 *
 * Scenarios: T-ROUTE-06 (names that lead elsewhere, are too long or empty), T-ES-18 (the record's own
 * date). */
#include "flow/batch.h"
#include "shape/framing.h"
#include "unit.h"

#define NAME "AAECAwQFBgcICQoLDA0ODw"
#define S(literal)                     \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

/* --- mistakes --- */

static const struct {
    const char *text;
    size_t at;
    const char *why;
} wrong_rows[] = {
    {"%{", 0, "%{ has no }; a plain %{ is written %%{"},
    {"logs-%{kubernetes.namespace", 5, "%{ has no }; a plain %{ is written %%{"},
    {"a%{}", 1, "a field has no name: write for example %{kubernetes.namespace}"},
    {"a%{:-x}", 1, "a field has no name: write for example %{kubernetes.namespace}"},
    {"a%{b c}", 1, "that is no field's name: write for example %{kubernetes.namespace}"},
    {"a%{b%{c}}", 1, "that is no field's name: write for example %{kubernetes.namespace}"},
    {"%{+}", 0, "a date is empty: write for example %{+yyyy.MM.dd}"},
    {"x-%{+yyyy.MM.DD}", 13,
     "\"DD\" is no part of a date: there are yyyy yy MM dd HH mm ss; a text stands outside of "
     "%{...}"},
    {"%{+YYYY}", 3,
     "\"YYYY\" is no part of a date: there are yyyy yy MM dd HH mm ss; a text stands outside of "
     "%{...}"},
    {"%{+yyyyMMddTHH}", 11,
     "\"T\" is no part of a date: there are yyyy yy MM dd HH mm ss; a text stands outside of "
     "%{...}"},
    {"%{+y}", 3,
     "\"y\" is no part of a date: there are yyyy yy MM dd HH mm ss; a text stands outside of "
     "%{...}"},
};

START_TEST(shows_each_mistake)
{
    sl_buf why = {0};
    size_t at;

    ck_assert_ptr_null(sl_template_new(wrong_rows[_i].text, false, &at, &why));
    ck_assert_slice_eq(sl_buf_slice(&why), wrong_rows[_i].why);
    ck_assert_uint_eq(at, wrong_rows[_i].at);
    sl_buf_fini(&why);
}
END_TEST

START_TEST(too_long_is_a_mistake)
{
    char *text = sl_alloc(8194);
    sl_buf why = {0};
    size_t at;

    memset(text, 'x', 8193);
    ck_assert_ptr_null(sl_template_new(text, false, &at, &why));
    ck_assert_slice_eq(sl_buf_slice(&why), "is longer than 8 KiB");
    sl_buf_fini(&why);
    free(text);
}
END_TEST

/* --- what comes out --- */

static sl_template *compile(const char *text, bool frame)
{
    sl_buf why = {0};
    size_t at;
    sl_template *t = text ? sl_template_new(text, frame, &at, &why) : NULL;

    ck_assert(t || !text);
    return t;
}

static const sl_origin cart = {.namespace = S("shop"),
                               .pod = S("cart-7d9f"),
                               .uid = S("1-2-3"),
                               .container = S("app"),
                               .restart = 4,
                               .generation = NAME};
static const sl_origin evil = {.namespace = S(".."),
                               .pod = S("../../etc"),
                               .uid = S(".hidden"),
                               .container = S("a/\x01"
                                              "b\"\n\xff"),
                               .generation = NAME};
static const sl_origin bare = {.generation = NAME};

static const char *const names[] = {"team", "kubernetes.namespace", "empty"};
static const char *const values[] = {"blue", "mine", ""};
static const sl_pairs pairs = {(const char **)names, (const char **)values, 3};

static sl_framings *framings; /* one test's */

static sl_framing *get(const sl_frame_templates *t, const sl_constants *constants,
                       const sl_origin *origin)
{
    sl_facts facts;

    if (!framings)
        framings = sl_framings_new(t);
    sl_facts_init(&facts, constants, origin);
    return sl_framing_get(framings, &facts);
}

static void put(sl_framing *f)
{
    sl_framing_put(f);
    sl_framings_free(framings);
    framings = NULL;
}

static const struct {
    const char *text;
    const sl_origin *origin;
    unsigned flags;
    const char *target;
} target_rows[] = {
    {"", &cart, 0, ""},
    {"logs", &cart, 0, "logs"},
    {"100%", &cart, 0, "100%"},
    {"%%{x} %%%{y} %", &cart, 0, "%{x} %%{y} %"},
    {"%{kubernetes.namespace}", &cart, 0, "shop"},
    {"%{kubernetes.namespace}-%{kubernetes.pod.name}-%{kubernetes.pod.uid}-%{kubernetes.container."
     "name}/%{sluice.restart}",
     &cart, 0, "shop-cart-7d9f-1-2-3-app/4"},
    {"%{kubernetes.node.name} %{host.name} %{agent.name} %{agent.type}", &cart, 0,
     "n1 n1 n1 sluice"},
    {"%{orchestrator.cluster.name}%{log.generation}", &cart, 0, "prod" NAME},
    {"%{stream}", &cart, 0, "stderr"},
    {"%{+yyyy.MM.dd}|%{+yy}|%{+HH:mm:ss}|%{+yyyyMMdd}", &cart, 0,
     "2026.11.23|26|04:29:00|20261123"},
    {"%{+yyyy}-%{+MM}", &cart, 0, "2026-11"},
    /* defaults */
    {"%{kubernetes.namespace:-none}", &cart, 0, "shop"},
    {"%{kubernetes.namespace:-none}", &bare, 0, "mine"}, /* a constant field says it */
    {"%{kubernetes.pod.name:-none}", &bare, 0, "none"},
    {"%{kubernetes.pod.name:-}", &bare, 0, ""},
    {"%{container.id:-a:-b c}", &cart, 0, "a:-b c"},
    {"%{kubernetes.labels.app:-x}", &cart, 0, "x"},
    /* missing without one: the fallback, or a word */
    {"a-%{container.id}", &cart, 0, "fallback-shop"},
    {"a-%{kubernetes.labels.app}-%{+yyyy}", &cart, 0, "fallback-shop"},
    {"a-%{empty}", &cart, 0, "fallback-shop"},
    {"%{team}", &cart, 0, "blue"},
    /* as bytes, and as a path */
    {"%{kubernetes.namespace}/%{kubernetes.pod.name}", &evil, 0, "../../../etc"},
    {"/l/%{kubernetes.namespace}/%{kubernetes.pod.name}/%{kubernetes.pod.uid}.log", &evil,
     SL_TARGET_IS_PATH, "/l/_./_._.._etc/_hidden.log"},
    {"/l/%{kubernetes.container.name}", &evil, SL_TARGET_IS_PATH, "/l/a__b\"_\xff"},
    {"/l/.%{kubernetes.namespace}/x", &evil, SL_TARGET_IS_PATH, "/l/.../x"},
    {"/l/%{kubernetes.pod.name}.log", &cart, SL_TARGET_IS_PATH, "/l/cart-7d9f.log"},
    {"/l/%{+yyyy/MM}/x.log", &cart, SL_TARGET_IS_PATH, "/l/2026/11/x.log"},
    /* what the operator wrote stays */
    {"./l/../%{kubernetes.pod.name}/../x", &cart, SL_TARGET_IS_PATH, "./l/../cart-7d9f/__/x"},
    {"../%{stream}", &cart, SL_TARGET_IS_PATH, "../stderr"},
    {"..%{kubernetes.none:-}/x", &cart, SL_TARGET_IS_PATH, "__/x"},
};

static const sl_record hello = {.text = S("hello"),
                                .time = "2026-11-23T04:29:00.123456789Z",
                                .stream = SL_STDERR,
                                .at = {1, 1234}};

START_TEST(renders_each_target)
{
    sl_template *target = compile(target_rows[_i].text, false);
    sl_template *fallback = compile("fallback-%{kubernetes.namespace}", false);
    sl_frame_templates t = {.target = target, .fallback = fallback, .flags = target_rows[_i].flags};
    sl_constants constants = {.node = "n1", .cluster = "prod", .fields = {&pairs, NULL}};
    sl_framing *f = get(&t, &constants, target_rows[_i].origin);
    const sl_frame *frame = sl_framing_of(f, &hello);

    ck_assert_slice_eq(frame->beside.target, target_rows[_i].target);
    ck_assert_ptr_nonnull(frame->beside.target.ptr);
    ck_assert_uint_ge(sl_framing_room(f), frame->beside.target.len);
    put(f);
    sl_template_free(target);
    sl_template_free(fallback);
}
END_TEST

START_TEST(a_missing_field_without_fallback_is_unknown)
{
    sl_template *text = compile("x-%{container.id}", false);
    sl_frame_templates t = {.target = text, .key = text};
    sl_framing *f = get(&t, &(sl_constants){0}, &bare);
    const sl_frame *frame = sl_framing_of(f, &hello);

    ck_assert_slice_eq(frame->beside.target, "x-unknown");
    ck_assert_slice_eq(frame->beside.key, "x-unknown");
    put(f);
    sl_template_free(text);
}
END_TEST

/* --- frames --- */

static const struct {
    const char *before, *after, *target;
    const sl_origin *origin;
    unsigned flags;
    uint32_t piece;
    const char *framed;
} frame_rows[] = {
    {NULL, "\n", NULL, &cart, 0, 0, "X\n"},
    {"<%{id}>", "</%{id}>%{id}", NULL, &cart, 0, 0,
     "<" NAME "-1234>X</" NAME "-1234>" NAME "-1234"},
    {"{\"create\":{\"_index\":\"%{target}\",\"_id\":\"%{id}\"}}\n", "\n", "logs-%{+yyyy.MM.dd}",
     &cart, SL_FRAME_IS_JSON, 7,
     "{\"create\":{\"_index\":\"logs-2026.11.23\",\"_id\":\"" NAME "-1234.7\"}}\nX\n"},
    {"\"%{target}\" \"%{kubernetes.container.name}\"", NULL, "%{kubernetes.container.name}", &evil,
     SL_FRAME_IS_JSON, 0, "\"a/\\u0001b\\\"\\n\xef\xbf\xbd\" \"a/\\u0001b\\\"\\n\xef\xbf\xbd\"X"},
    {"%{kubernetes.container.name}", NULL, NULL, &evil, 0, 0,
     "a/\x01"
     "b\"\n\xffX"},
};

START_TEST(frames_each_record)
{
    sl_template *before = compile(frame_rows[_i].before, true);
    sl_template *after = compile(frame_rows[_i].after, true);
    sl_template *target = compile(frame_rows[_i].target, false);
    sl_frame_templates t = {
        .before = before, .after = after, .target = target, .flags = frame_rows[_i].flags};
    sl_framing *f = get(&t, &(sl_constants){0}, frame_rows[_i].origin);
    sl_record rec = hello;
    char out[512], *end;
    const sl_frame *frame;

    rec.piece = frame_rows[_i].piece;
    frame = sl_framing_of(f, &rec);
    end = sl_put_before(out, frame, NAME, &rec);
    *end++ = 'X';
    end = sl_put_after(end, frame, NAME, &rec);
    ck_assert_slice_eq(((sl_slice){out, (size_t)(end - out)}), frame_rows[_i].framed);
    ck_assert_uint_ge(sl_framing_room(f), (size_t)(end - out) - 1 + frame->beside.target.len);
    put(f);
    sl_template_free(before);
    sl_template_free(after);
    sl_template_free(target);
}
END_TEST

/* --- when it is rendered anew --- */

static const struct {
    const char *text, *time;
    sl_stream stream;
    bool anew;
    const char *target;
} change_rows[] = {
    {"x", "2027-01-01T00:00:00.000000000Z", SL_STDERR, false, "x"},
    {"x%{+yyyy.MM}", "2026-11-30T23:59:59.999999999Z", SL_STDERR, false, "x2026.11"},
    {"x%{+yyyy.MM}", "2026-12-01T00:00:00.000000000Z", SL_STDERR, true, "x2026.12"},
    {"x%{+HH}", "2026-11-23T04:59:59.999999999Z", SL_STDERR, false, "x04"},
    {"x%{+HH}", "2026-11-24T04:00:00.000000000Z", SL_STDERR, true, "x04"},
    {"x%{+HH}", "2026-11-23T03:59:59.999999999Z", SL_STDERR, true, "x03"}, /* late ones too */
    {"%{stream}", "2026-11-23T04:29:00.123456789Z", SL_RAW, true, "raw"},
};

START_TEST(changes_with_the_records_time)
{
    sl_template *target = compile(change_rows[_i].text, false);
    sl_framing *f = get(&(sl_frame_templates){.target = target}, &(sl_constants){0}, &cart);
    uint64_t number = sl_framing_of(f, &hello)->beside.number;
    sl_record rec = hello;
    const sl_frame *frame;

    rec.time = change_rows[_i].time;
    rec.stream = change_rows[_i].stream;
    frame = sl_framing_of(f, &rec);
    ck_assert_int_eq(frame->beside.number != number, change_rows[_i].anew);
    ck_assert_slice_eq(frame->beside.target, change_rows[_i].target);
    put(f);
    sl_template_free(target);
}
END_TEST

static const struct {
    const char *target, *key, *before;
    bool shared; /* by two containers of one namespace */
} share_rows[] = {
    {"logs", NULL, "%{target} %{id}", true},
    {"logs-%{+yyyy}", NULL, NULL, true},
    {"%{kubernetes.namespace}", "%{kubernetes.namespace}", NULL, true},
    {"logs", "%{kubernetes.pod.name}", NULL, false},
    {"logs", NULL, "%{kubernetes.pod.name}", false},
    {"%{container.id}", NULL, NULL, true}, /* both have the fallback */
    {"%{kubernetes.pod.name}", NULL, NULL, false},
};

START_TEST(what_is_the_same_is_shared)
{
    sl_template *target = compile(share_rows[_i].target, false);
    sl_template *key = compile(share_rows[_i].key, false);
    sl_template *before = compile(share_rows[_i].before, true);
    sl_template *fallback = compile("x", false);
    sl_frame_templates t = {.target = target, .key = key, .before = before, .fallback = fallback};
    sl_origin other = cart;
    sl_framing *a, *b, *c;

    other.pod = sl_str("web-1");
    a = get(&t, &(sl_constants){0}, &cart);
    b = get(&t, &(sl_constants){0}, &other);
    ck_assert_int_eq(a == b, share_rows[_i].shared);
    sl_framing_put(a);
    c = get(&t, &(sl_constants){0}, &other); /* b is alive, whoever it was shared with */
    ck_assert_ptr_eq(b, c);
    ck_assert_uint_ge(sl_framing_room(b), sl_framing_of(b, &hello)->beside.target.len);
    sl_framing_put(c);
    put(b);
    sl_template_free(target);
    sl_template_free(key);
    sl_template_free(before);
    sl_template_free(fallback);
}
END_TEST

START_TEST(lengths_are_bounded)
{
    char *value = sl_alloc_raw(5000), *text = sl_alloc(6000);
    sl_origin origin = {.pod = {value, 5000}, .generation = NAME};
    sl_template *target, *path = compile("/x/%{kubernetes.pod.name}", false);
    sl_framing *f;

    for (size_t i = 0; i < 5000; i++)
        value[i] = "\xc3\xbc"[i % 2]; /* ü */
    memset(text, 'x', 801);
    strcpy(text + 801, "%{kubernetes.pod.name}");
    target = compile(text, false);
    f = get(&(sl_frame_templates){.target = target}, &(sl_constants){0}, &origin);
    ck_assert_uint_eq(sl_framing_of(f, &hello)->beside.target.len,
                      1023); /* 801 and whole characters */
    put(f);
    f = get(&(sl_frame_templates){.target = path, .flags = SL_TARGET_IS_PATH}, &(sl_constants){0},
            &origin);
    ck_assert_uint_eq(sl_framing_of(f, &hello)->beside.target.len, 3 + 254);
    put(f);
    sl_template_free(target);
    sl_template_free(path);
    free(value);
    free(text);
}
END_TEST

SL_UNIT(SL_ROWS(shows_each_mistake, wrong_rows), SL_ONE(too_long_is_a_mistake),
        SL_ROWS(renders_each_target, target_rows),
        SL_ONE(a_missing_field_without_fallback_is_unknown),
        SL_ROWS(frames_each_record, frame_rows),
        SL_ROWS(changes_with_the_records_time, change_rows),
        SL_ROWS(what_is_the_same_is_shared, share_rows), SL_ONE(lengths_are_bounded))
