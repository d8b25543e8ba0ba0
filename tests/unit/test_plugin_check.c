/* test_plugin_check.c - a plugin's constant with one wrong thing at a time. */
#include "control/plugin.h"
#include "unit.h"

/* A row says what is wrong behind what is right. */
#pragma GCC diagnostic ignored "-Woverride-init"

struct self {
    const char *text;
    uint64_t number;
    bool flag;
    sl_pairs map;
};

static sl_err open_it(void *self, const sl_host *host)
{
    (void)self, (void)host;
    return 0;
}

static void send_it(void *self, sl_batch *batch)
{
    (void)self, (void)batch;
}

static void measure_it(const void *self, size_t metric, sl_value_fn *value, void *arg)
{
    (void)self, (void)metric, (void)value, (void)arg;
}

#define OPS \
    .max_in_flight = 1, .max_bytes = 1024, .encodings = "json", .open = open_it, .send = send_it
#define RIGHT        .kind = SL_OUTPUT, .name = "x", .self_size = sizeof(struct self), .help = ""
#define AT(member)   offsetof(struct self, member)
#define NO_ROWS      ((const sl_option[]){{0}})
#define ROW(...)     ((const sl_option[]){{.help = "", __VA_ARGS__}, {0}})
#define METRICS(...) ((const sl_metric[]){{__VA_ARGS__}, {0}})
#define METRIC(...)                                                                     \
    {                                                                                   \
        RIGHT, .options = NO_ROWS,                                                      \
               .output = {OPS, .metrics = METRICS(__VA_ARGS__), .measure = measure_it}, \
    }
#define WITH(...)                                             \
    {                                                         \
        RIGHT, .options = ROW(__VA_ARGS__), .output = { OPS } \
    }

static const struct {
    sl_plugin plugin;
    const char *why; /* some of it; NULL: it is right */
} rows[] = {
    {{RIGHT, .options = NO_ROWS, .output = {OPS}}, NULL},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .max_in_flight = 0}}, "max_in_flight of 0"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .max_in_flight = 1025}}, "max_in_flight of 1025"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .in_flight = 2}}, "in_flight of 2, above"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .max_bytes = 1}}, "batch.max_bytes"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .max_bytes = UINT64_MAX}}, "batch.max_bytes"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .max_age_ms = UINT64_MAX}}, "batch.max_age"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .encodings = "json|xml"}}, "an encoding \"xml\""},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .encodings = ""}}, "an encoding \"\""},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .encodings = "text|json"}}, NULL},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .open = NULL}}, "has no open()"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .send = NULL}}, "has no send()"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .kind = SL_FILTER}, "is no output"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .self_size = 0}, "self_size of 0"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .self_size = SIZE_MAX}, "self_size of 1844"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .name = NULL}, "no right name"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .name = ""}, "no right name"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .name = "Kafka"}, "no right name"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .name = "a/b"}, "no right name"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .name = "a|b"}, "no right name"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .name = "a23456789_123456789-123456789_12"},
     NULL},
    {{RIGHT, .options = NO_ROWS, .output = {OPS}, .name = "a23456789_123456789-123456789_123"},
     "no right name"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .target = "index"}}, "names \"index\", which"},
    {{RIGHT, .options = ROW(.name = "a"), .output = {OPS, .key = "a"}}, "names \"a\", which"},
    {{RIGHT, .options = ROW(.name = "a", .type = SL_TEMPLATE), .output = {OPS, .fallback = "a"}},
     NULL},
    /* metrics */
    {METRIC(.name = "queue_bytes", .help = "Of it."), NULL},
    {METRIC(.name = "a_total", .help = "", .label = "broker", .type = SL_COUNTER), NULL},
    {METRIC(.name = "a-b", .help = ""), "metric 0 has no right name"},
    {METRIC(.name = "", .help = ""), "metric 0 has no right name"},
    {METRIC(.name = "a"), "no help"},
    {METRIC(.name = "a", .help = "two\nlines"), "no help of one line"},
    {METRIC(.name = "a", .help = "back\\slash"), "no help of one line"},
    {METRIC(.name = "a", .help = "", .label = "le\""), "no right label"},
    {METRIC(.name = "a", .help = "", .label = "output"), "no right label"},
    {{RIGHT, .options = NO_ROWS, .output = {OPS, .metrics = METRICS(.name = "a", .help = "")}},
     "no measure()"},
    /* rows */
    {WITH(.name = "a.b-c_1", .fallback = "x"), NULL},
    {WITH(.name = "port", .type = SL_COUNT, .offset = AT(number), .min = 1, .max = 9), NULL},
    {WITH(.name = "batch.linger", .fallback = ""), NULL}, /* one more in a common section */
    {WITH(.name = ""), "option 0 has no right name"},
    {WITH(.name = "A"), "option 0 has no right name"},
    {WITH(.name = ".a"), "option 0 has no right name"},
    {WITH(.name = "a."), "option 0 has no right name"},
    {WITH(.name = "a..b"), "option 0 has no right name"},
    {WITH(.name = "type"), "clashes with option \"type\""},
    {WITH(.name = "name"), "clashes with option \"name\""},
    {WITH(.name = "batch"), "clashes with option \"batch.max_bytes\""},
    {WITH(.name = "retry.max"), "clashes with option \"retry.max\""},
    {WITH(.name = "fields.x"), "clashes with option \"fields\""},
    {WITH(.name = "a", .type = (sl_option_type)99), "a type that this sluice does not know"},
    {WITH(.name = "a", .offset = sizeof(struct self)), "no place in self_size"},
    {WITH(.name = "a", .offset = SIZE_MAX - 3), "no place in self_size"},
    {WITH(.name = "a", .type = SL_MAP, .offset = AT(map) + 8), "no place in self_size"},
    {WITH(.name = "a", .offset = 4), "no place in self_size"}, /* not aligned */
    {WITH(.name = "a", .type = SL_CHOICE), "has no choices"},
    {WITH(.name = "a", .type = SL_COUNT, .min = 2, .max = 1), "a min above its max"},
    {WITH(.name = "a", .type = SL_SIZE, .fallback = "1 KiB"), "its default: a: \"1 KiB\" is not"},
    {WITH(.name = "a", .type = SL_COUNT, .fallback = "0", .min = 1), "is too small: at least 1"},
    {WITH(.name = "a", .type = SL_FLAG, .offset = AT(flag), .fallback = "no"), "neither true nor"},
    {WITH(.name = "a", .type = SL_CHOICE, .choices = "b|c", .fallback = "d"), "is none of b, c"},
    {WITH(.name = "a", .type = SL_CHOICE, .choices = "b|c", .fallback = "c"), NULL},
    {WITH(.name = "ca_file", .fallback = "x"), "is not an absolute path"},
    {WITH(.name = "a", .fallback = "${file:/none}"), "/none"},
};

START_TEST(finds_what_is_wrong)
{
    sl_store store = {0};
    const char *why = sl_plugin_check(&store, &rows[_i].plugin);

    ck_assert_msg(!why == !rows[_i].why, "%s", why ? why : "it is taken");
    ck_assert_msg(!why || strstr(why, rows[_i].why), "%s", why);
    sl_store_fini(&store);
}
END_TEST

START_TEST(refuses_an_option_twice)
{
    static const sl_option twice[] = {{.name = "a", .fallback = "", .help = ""},
                                      {.name = "a.b", .fallback = "", .help = ""},
                                      {0}};
    sl_plugin p = {RIGHT, .options = twice, .output = {OPS}};
    sl_store store = {0};
    const char *why = sl_plugin_check(&store, &p);

    ck_assert_ptr_nonnull(why);
    ck_assert_str_eq(why, "its option \"a.b\" clashes with option \"a\"");
    sl_store_fini(&store);
}
END_TEST

START_TEST(finds_nothing_in_ours)
{
    static const char *const names[] = {"stdout", "file", "null"};
    sl_store store = {0};

    for (size_t i = 0; i < SL_COUNT_OF(names); i++) {
        const sl_plugin *p = sl_plugin_find(names[i]);

        ck_assert_ptr_nonnull(p);
        ck_assert_ptr_null(sl_plugin_check(&store, p));
        ck_assert_uint_eq(p->size, sizeof *p);
    }
    ck_assert_ptr_null(sl_plugin_find("nul"));
    sl_store_fini(&store);
}
END_TEST

SL_UNIT(SL_ROWS(finds_what_is_wrong, rows), SL_ONE(refuses_an_option_twice),
        SL_ONE(finds_nothing_in_ours))
