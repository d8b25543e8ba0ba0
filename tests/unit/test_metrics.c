/* test_metrics.c - what Prometheus reads: labels, histograms, and which namespaces are named. */
#include "control/metrics.h"
#include "flow/namespaces.h"
#include "unit.h"

static const struct {
    const char *text, *label;
} labels[] = {
    {"shop", "shop"},
    {"", ""},
    {"a\"b", "a\\\"b"},
    {"a\\b\nc", "a\\\\b\\nc"},
    {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
    {"a\xff"
     "b\xc3",
     "a\xef\xbf\xbd"
     "b\xef\xbf\xbd"},
    {"tab\there", "tab\there"},
};

START_TEST(escapes_each_label)
{
    sl_buf out = {0};

    sl_metrics_add_label(&out, sl_str(labels[_i].text));
    ck_assert_slice_eq(sl_buf_slice(&out), labels[_i].label);
    sl_buf_fini(&out);
}
END_TEST

/* Each bound belongs to its own bucket; what is beyond all of them is in +Inf alone. */
static const struct {
    uint64_t ms;
    int bucket;
} times[] = {
    {0, 0},    {5, 0},    {6, 1},         {10, 1},        {11, 2},
    {1000, 7}, {1001, 8}, {86400000, 15}, {86400001, 16}, {UINT64_MAX / 4, 16},
};

START_TEST(counts_each_time_in_its_bucket)
{
    sl_histogram h = {0};

    sl_histogram_add(&h, times[_i].ms, 3);
    for (int i = 0; i <= SL_BUCKETS; i++)
        ck_assert_uint_eq(h.counts[i], i == times[_i].bucket ? 3 : 0);
    ck_assert_uint_eq(h.sum_ms, 3 * times[_i].ms);
}
END_TEST

START_TEST(adds_buckets_up)
{
    sl_histogram h = {0};
    sl_buf out = {0};
    const char *text;

    sl_histogram_add(&h, 7, 2);
    sl_histogram_add(&h, 300, 1);
    sl_histogram_add(&h, 90000000, 1);
    sl_metrics_add_histogram(&out, "x_seconds", "o=\"a\"", &h);
    sl_buf_add(&out, "", 1);
    text = out.ptr;
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_bucket{o=\"a\",le=\"0.005\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_bucket{o=\"a\",le=\"0.01\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_bucket{o=\"a\",le=\"0.25\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_bucket{o=\"a\",le=\"0.5\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_bucket{o=\"a\",le=\"86400\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_bucket{o=\"a\",le=\"+Inf\"} 4\n"));
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_sum{o=\"a\"} 90000.314\n"));
    ck_assert_ptr_nonnull(strstr(text, "x_seconds_count{o=\"a\"} 4\n"));
    sl_buf_fini(&out);
}
END_TEST

/* t_met_07: the first hundred keep their names, whatever comes. */
START_TEST(t_met_07_names_the_first_hundred_namespaces)
{
    sl_namespaces n = {0};
    char name[32];

    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 100000; i++) {
            snprintf(name, sizeof name, "ns-%u", i);
            ck_assert_uint_eq(sl_namespaces_number(&n, sl_str(name)),
                              i < SL_NAMESPACES ? i : SL_NAMESPACE_OTHER);
        }
    }
    ck_assert_str_eq(sl_namespaces_name(&n, 99), "ns-99");
    ck_assert_str_eq(sl_namespaces_name(&n, SL_NAMESPACE_OTHER), "_other");
    ck_assert_uint_eq(sl_namespaces_number(&n, (sl_slice){"ns-1xyz", 4}), 1);
    sl_namespaces_fini(&n);
}
END_TEST

/* Without a lane, too, it is whole. */
START_TEST(a_standby_says_so)
{
    sl_subject s = {.clock = &sl_clock_real, .standby = true};
    sl_buf out = {0};

    sl_metrics_write(&s, &out);
    sl_buf_add(&out, "", 1);
    ck_assert_ptr_nonnull(strstr(out.ptr, "\nsluice_standby 1\n"));
    ck_assert_ptr_null(strstr(out.ptr, "sluice_read_bytes_total"));
    sl_buf_fini(&out);
}
END_TEST

SL_UNIT(SL_ROWS(escapes_each_label, labels), SL_ROWS(counts_each_time_in_its_bucket, times),
        SL_ONE(adds_buckets_up), SL_ONE(t_met_07_names_the_first_hundred_namespaces),
        SL_ONE(a_standby_says_so))
