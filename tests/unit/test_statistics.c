/* test_statistics.c - librdkafka's statistics as it says them, whole, cut off anywhere, and too many. */
#include "statistics.h"

#include "base/buf.h"
#include "unit.h"

#define ALL 13

static sl_buf read_sample(void)
{
    FILE *f = fopen(SL_TEST_DATA "/kafka/statistics.json", "re");
    sl_buf text = {0};

    ck_assert_ptr_nonnull(f);
    sl_buf_reserve(&text, 1 << 16);
    text.len = fread(text.ptr, 1, 1 << 16, f);
    fclose(f);
    return text;
}

static void print(void *arg, sl_slice of, double value)
{
    sl_buf_add_format(arg, "%.*s=%g ", (int)of.len, of.ptr, value);
}

static const struct {
    const char *metric, *values;
} rows[ALL] = {
    {"queue_messages", "=17 "},
    {"queue_bytes", "=4242 "},
    {"broker_up", "127.0.0.1:43377/2=1 127.0.0.1:36363/1=0 "},
    {"broker_round_trip_seconds", "127.0.0.1:43377/2=0.0015 127.0.0.1:36363/1=0 "},
    {"broker_round_trip_p99_seconds", "127.0.0.1:43377/2=0.25 127.0.0.1:36363/1=0 "},
    {"broker_waiting_requests", "127.0.0.1:43377/2=3 127.0.0.1:36363/1=0 "},
    {"broker_in_flight_requests", "127.0.0.1:43377/2=5 127.0.0.1:36363/1=0 "},
    {"broker_requests_total", "127.0.0.1:43377/2=4 127.0.0.1:36363/1=3 "},
    {"broker_sent_bytes_total", "127.0.0.1:43377/2=206 127.0.0.1:36363/1=186 "},
    {"broker_request_errors_total", "127.0.0.1:43377/2=1 127.0.0.1:36363/1=0 "},
    {"broker_request_retries_total", "127.0.0.1:43377/2=2 127.0.0.1:36363/1=0 "},
    {"broker_request_timeouts_total", "127.0.0.1:43377/2=4 127.0.0.1:36363/1=0 "},
    {"broker_disconnects_total", "127.0.0.1:43377/2=6 127.0.0.1:36363/1=0 "},
};

START_TEST(tells_each_number)
{
    sl_buf json = read_sample(), got = {0};
    statistics s = {0};

    statistics_read(&s, sl_buf_slice(&json));
    ck_assert_str_eq(statistics_metrics[_i].name, rows[_i].metric);
    ck_assert_ptr_null(statistics_metrics[ALL].name);
    statistics_measure(&s, (size_t)_i, print, &got);
    ck_assert_slice_eq(sl_buf_slice(&got), rows[_i].values);
    ck_assert_uint_eq(s.sent_bytes, 206 + 186);
    sl_buf_fini(&got);
    sl_buf_fini(&json);
}
END_TEST

START_TEST(takes_what_is_cut_off_anywhere)
{
    sl_buf json = read_sample();
    statistics s = {0};

    for (size_t len = 0; len < json.len; len++) {
        char *part = memcpy(sl_alloc_raw(len + !len), json.ptr, len);

        statistics_read(&s, (sl_slice){part, len});
        ck_assert(s.count == 0 || s.count == 2);
        free(part);
    }
    sl_buf_fini(&json);
}
END_TEST

static void add_broker(sl_buf *json, const char *name, unsigned avg)
{
    sl_buf_add_format(
        json, "%s\"%s\":{\"source\":\"learned\",\"txbytes\":1,\"rtt\":{\"avg\":%u,\"p99\":%u}}",
        json->len > 12 ? "," : "", name, avg, avg);
}

START_TEST(keeps_to_its_bounds)
{
    sl_buf json = {0};
    statistics s = {0};
    char name[200];

    sl_buf_add_text(&json, "{\"brokers\":{");
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    add_broker(&json, name, 1); /* no room for its name */
    sl_buf_add_text(&json, ",\":0/internal\":{\"source\":\"internal\",\"txbytes\":1}");
    for (unsigned i = 0; i < 2 * STATISTICS_BROKERS; i++) {
        snprintf(name, sizeof name, "b%u", i);
        add_broker(&json, name, 1);
    }
    sl_buf_add_text(&json, "}}");
    statistics_read(&s, sl_buf_slice(&json));
    ck_assert_uint_eq(s.count, STATISTICS_BROKERS);
    ck_assert_str_eq(s.brokers[0].name, "b0");
    ck_assert_uint_eq(s.sent_bytes, 2 * STATISTICS_BROKERS + 2);
    sl_buf_fini(&json);
}
END_TEST

START_TEST(takes_no_number_that_cannot_be)
{
    static const char *const numbers[] = {"-1", "1e999", "-1e999", "nan", "1e19", "\"x\"", "{}"};
    statistics s = {0};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *json =
            sl_format("{\"brokers\":{\"a\":{\"txbytes\":%s},\"b\":{\"txbytes\":7}}}", numbers[i]);

        statistics_read(&s, sl_str(json));
        ck_assert_uint_eq(s.sent_bytes, 7);
        free(json);
    }
}
END_TEST

/* Who is idle shows the round trip that was measured last. */
START_TEST(keeps_the_last_round_trip)
{
    static const unsigned averages[] = {2000, 0, 3000};
    static const double shown[] = {0.002, 0.002, 0.003};
    statistics s = {0};

    for (size_t i = 0; i < 3; i++) {
        sl_buf json = {0};

        sl_buf_add_text(&json, "{\"brokers\":{");
        add_broker(&json, "b", averages[i]);
        sl_buf_add_text(&json, "}}");
        statistics_read(&s, sl_buf_slice(&json));
        ck_assert_double_eq_tol(s.brokers[0].numbers[1], shown[i], 1e-9);
        sl_buf_fini(&json);
    }
}
END_TEST

SL_UNIT(SL_ROWS(tells_each_number, rows), SL_ONE(takes_what_is_cut_off_anywhere),
        SL_ONE(keeps_to_its_bounds), SL_ONE(takes_no_number_that_cannot_be),
        SL_ONE(keeps_the_last_round_trip))
