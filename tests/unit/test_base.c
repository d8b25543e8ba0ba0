/* test_base.c - buffers, JSON escapes, lists, the calendar, the log's lines. */
#include "base/buf.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/post.h"
#include "flow/span.h"
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

/* --- buf --- */

START_TEST(buf_grows)
{
    sl_buf b = {0};

    sl_buf_add(&b, NULL, 0);
    ck_assert_ptr_null(b.ptr);
    for (int i = 0; i < 1000; i++)
        sl_buf_add_format(&b, "%03d,", i);
    sl_buf_add_text(&b, "end");
    ck_assert_uint_eq(b.len, 4003);
    ck_assert_int_eq(memcmp(b.ptr, "000,001,", 8), 0);
    ck_assert_int_eq(memcmp(b.ptr + 3996, "999,end", 7), 0);
    sl_buf_reserve(&b, 100000);
    ck_assert_uint_ge(b.cap - b.len, 100000);
    sl_buf_fini(&b);
    ck_assert_uint_eq(b.cap, 0);
}
END_TEST

#define FFFD "\xef\xbf\xbd"
#define BYTES(lit)             \
    {                          \
        (lit), sizeof(lit) - 1 \
    }

static const struct {
    sl_slice text;
    const char *json;
} json_rows[] = {
    {BYTES(""), ""},
    {BYTES("plain"), "plain"},
    {BYTES("\"quoted\" and \\"), "\\\"quoted\\\" and \\\\"},
    {BYTES("a\nb\tc\rd\be\f"), "a\\nb\\tc\\rd\\be\\f"},
    {BYTES("\x01\x1f\x7f"), "\\u0001\\u001f\x7f"},
    {BYTES("a\0b"), "a\\u0000b"},
    {BYTES("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {BYTES("\xef\xbf\xbf \xf4\x8f\xbf\xbf"),
     "\xef\xbf\xbf \xf4\x8f\xbf\xbf"}, /* noncharacters are valid */
    {BYTES("\x80"), FFFD},
    {BYTES("a\xff\xfe z"), "a" FFFD FFFD " z"},
    {BYTES("\xc3"), FFFD},                            /* breaks off at the end */
    {BYTES("\xc3\""), FFFD "\\\""},                   /* the quote is not swallowed */
    {BYTES("\xc0\xaf"), FFFD FFFD},                   /* longer than needed */
    {BYTES("\xe0\x80\xaf"), FFFD FFFD FFFD},          /* too */
    {BYTES("\xf0\x80\x80\xaf"), FFFD FFFD FFFD FFFD}, /* too */
    {BYTES("\xed\xa0\x80"), FFFD FFFD FFFD},          /* a surrogate */
    {BYTES("\xf4\x91\x92\x93"), FFFD FFFD FFFD FFFD}, /* beyond U+10FFFF */
    {BYTES("\xf5\x80\x80\x80"), FFFD FFFD FFFD FFFD}, /* no such first byte */
    {BYTES("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"),
     FFFD FFFD FFFD FFFD "A"}, /* Unicode, table 3-11 */
    {BYTES("\xe2\x82"), FFFD},
    {BYTES("\xf0\x9f\x98"), FFFD},
};

START_TEST(json_escapes)
{
    sl_slice row = json_rows[_i].text;
    char *text = sl_alloc_raw(row.len); /* exactly, so that a read beyond its end is seen */
    sl_buf b = {0};

    memcpy(text, row.ptr, row.len);
    sl_buf_add_json(&b, (sl_slice){text, row.len});
    ck_assert_slice_eq(sl_buf_slice(&b), json_rows[_i].json);
    sl_buf_fini(&b);
    free(text);
}
END_TEST

/* --- list --- */

struct thing {
    sl_link link;
    char name;
};

static void assert_names(const sl_link *list, const char *names)
{
    SL_LIST_EACH(list, link)
    ck_assert_int_eq(SL_CONTAINER_OF(link, struct thing, link)->name, *names++);
    ck_assert_int_eq(*names, '\0');
}

START_TEST(list_keeps_order)
{
    struct thing a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    sl_link list;

    sl_list_init(&list);
    ck_assert(sl_list_is_empty(&list));
    sl_list_append(&list, &b.link);
    sl_list_append(&list, &c.link);
    sl_list_prepend(&list, &a.link);
    assert_names(&list, "abc");
    sl_list_remove(&b.link);
    sl_list_remove(&b.link);
    ck_assert(!sl_link_is_in(&b.link));
    assert_names(&list, "ac");
    sl_list_insert_before(&c.link, &b.link);
    assert_names(&list, "abc");
    SL_LIST_EACH_SAFE(&list, link)
    sl_list_remove(link);
    ck_assert(sl_list_is_empty(&list));
}
END_TEST

/* --- time --- */

static const struct {
    int64_t ns;
    const char *text;
} time_rows[] = {
    {0, "1970-01-01T00:00:00.000000000Z"},
    {-1, "1969-12-31T23:59:59.999999999Z"},
    {1795408140123456789, "2026-11-23T04:29:00.123456789Z"},
    {951782399999999999, "2000-02-28T23:59:59.999999999Z"},
    {951782400000000000, "2000-02-29T00:00:00.000000000Z"},
    {4107542400000000000, "2100-03-01T00:00:00.000000000Z"}, /* no leap year */
    {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
    {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
};

START_TEST(time_is_written)
{
    char out[SL_TIME_LEN + 1] = {0};

    sl_time_format(out, time_rows[_i].ns);
    ck_assert_int_eq(sl_time_read(out), time_rows[_i].ns);
    ck_assert_str_eq(out, time_rows[_i].text);
}
END_TEST

START_TEST(time_agrees_with_gmtime)
{
    /* every day that an int64_t can name, at another second each */
    for (int64_t day = -106751; day <= 106751; day++) {
        time_t second = day * 86400 + ((day * 7919) % 86400 + 86400) % 86400;
        char got[SL_TIME_LEN + 1] = {0}, want[64];
        struct tm tm;

        if (second > INT64_MAX / 1000000000 || second < INT64_MIN / 1000000000)
            continue;
        sl_time_format(got, second * 1000000000);
        gmtime_r(&second, &tm);
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

START_TEST(real_clock_runs)
{
    int64_t wall_s = sl_wall_ns(&sl_clock_real) / 1000000000;
    uint64_t before = sl_now_ms(&sl_clock_real);

    ck_assert_int_le(llabs(wall_s - time(NULL)), 1);
    ck_assert_uint_ge(sl_now_ms(&sl_clock_real), before);
}
END_TEST

/* --- names --- */

static const struct {
    sl_name name;
    const char *text;
} name_rows[] = {
    {{{0}}, "AAAAAAAAAAAAAAAAAAAAAA"},
    {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
     "_____________________w"},
    {{"\xfb\xef\xbe\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d"},
     "----AQIDBAUGBwgJCgsMDQ"},
};

START_TEST(name_is_base64url)
{
    char out[SL_NAME_LEN + 1];

    sl_name_format(out, &name_rows[_i].name);
    ck_assert_str_eq(out, name_rows[_i].text);
    ck_assert_int_eq(sl_name_is_set(&name_rows[_i].name), _i != 0);
}
END_TEST

/* --- log --- */

/* The line without its time, which is 24 bytes at `time_at`. */
static void assert_line(int fd, size_t time_at, const char *want)
{
    char got[8192], line[8192];
    ssize_t n = read(fd, got, sizeof got - 1);

    ck_assert_int_gt(n, 24);
    got[n] = '\0';
    ck_assert_int_eq(got[time_at + 23], 'Z');
    snprintf(line, sizeof line, "%.*sTIME%s", (int)time_at, got, got + time_at + 24);
    ck_assert_str_eq(line, want);
}

static const struct {
    sl_log_format format;
    size_t time_at;
    const char *message, *value, *line;
} log_rows[] = {
    {SL_LOG_TEXT, 0, "lost", "deleted_while_down",
     "TIME warn  lost reason=deleted_while_down from=12\n"},
    {SL_LOG_TEXT, 0, "lost", "", "TIME warn  lost reason=\"\" from=12\n"},
    {SL_LOG_TEXT, 0, "no \"x\" in a\\b", "two words",
     "TIME warn  no \"x\" in a\\b reason=\"two words\" from=12\n"},
    {SL_LOG_TEXT, 0, "a\n2026 error forged", "b\nforged\x1b[2J",
     "TIME warn  a\\n2026 error forged reason=\"b\\nforged\\u001b[2J\" from=12\n"},
    {SL_LOG_TEXT, 0, "a\xff", "a=b \xc3", "TIME warn  a" FFFD " reason=\"a=b " FFFD "\" from=12\n"},
    {SL_LOG_JSON, 9, "a \"b\"\n", "c\xff",
     "{\"time\":\"TIME\",\"level\":\"warn\",\"message\":\"a \\\"b\\\"\\n\","
     "\"reason\":\"c" FFFD "\",\"from\":\"12\"}\n"},
    {SL_LOG_LOGFMT, 5, "lost", "x=\"y\"",
     "time=TIME level=warn message=lost reason=\"x=\\\"y\\\"\" from=12\n"},
    {SL_LOG_LOGFMT, 5, "lost\nlevel=error", "z",
     "time=TIME level=warn message=\"lost\\nlevel=error\" reason=z from=12\n"},
};

START_TEST(log_writes_one_line)
{
    sl_log log = {.level = SL_LOG_INFO, .format = log_rows[_i].format};
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    log.fd = ends[1];
    sl_log_fields(&log, SL_LOG_DEBUG, "too quiet", NULL);
    sl_log_fields(&log, SL_LOG_WARN, log_rows[_i].message, "reason", log_rows[_i].value, "from",
                  "12", NULL);
    assert_line(ends[0], log_rows[_i].time_at, log_rows[_i].line);
    ck_assert_uint_eq(log.written, 1);
    sl_logf(&log, SL_LOG_ERROR, "%s %d", "number", 5);
    if (log.format == SL_LOG_TEXT)
        assert_line(ends[0], 0, "TIME error number 5\n");
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(log_line_stays_within_a_pipes_promise)
{
    sl_log log = {.level = SL_LOG_INFO, .format = (sl_log_format)_i};
    char *hostile = sl_alloc(100000), line[8192];
    int ends[2];

    memset(hostile, 1, 99999); /* each byte becomes \u0001 */
    ck_assert_int_eq(pipe(ends), 0);
    log.fd = ends[1];
    sl_log_fields(&log, SL_LOG_WARN, hostile, "a", hostile, "b", hostile, NULL);
    ssize_t n = read(ends[0], line, sizeof line);
    ck_assert_int_gt(n, 500);
    ck_assert_int_le(n, 4096);
    ck_assert_int_eq(line[n - 1], '\n');
    ck_assert_ptr_eq(memchr(line, '\n', (size_t)n), line + n - 1);
    ck_assert_ptr_nonnull(memmem(line, (size_t)n, "...", 3));
    free(hostile);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(log_never_waits)
{
    sl_log log = {.level = SL_LOG_INFO};
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(ends), 0); /* it blocks, as a container's stderr does */
    log.fd = ends[1];
    for (int i = 0; i < 10000; i++) /* far more than a pipe holds */
        sl_log_fields(&log, SL_LOG_WARN, "full", NULL);
    ck_assert_uint_gt(log.written, 100);
    ck_assert_uint_lt(log.written, 10000);

    uint64_t before = log.written;
    close(ends[0]);
    sl_log_fields(&log, SL_LOG_WARN, "nobody reads", NULL);
    close(ends[1]);
    sl_log_fields(&log, SL_LOG_WARN, "closed", NULL);
    ck_assert_uint_eq(log.written, before);
    log.fd = -1;
    sl_log_fields(&log, SL_LOG_WARN, "thrown away", NULL);
    ck_assert_uint_eq(log.written, before + 1);
}
END_TEST

/* --- the two doors --- */

struct errand {
    sl_job job;
    pthread_t worker;
    int worked, done;
};

static void work(sl_job *job)
{
    struct errand *e = SL_CONTAINER_OF(job, struct errand, job);

    e->worker = pthread_self();
    e->worked++;
}

static void on_done(sl_job *job)
{
    struct errand *e = SL_CONTAINER_OF(job, struct errand, job);

    ck_assert(!job->out);
    if (++e->done < 3)
        sl_pool_run(job->req.loop, job, work, on_done);
}

START_TEST(pool_runs_and_comes_back)
{
    struct errand e = {0};
    uv_loop_t loop;

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    sl_pool_run(&loop, &e.job, work, on_done);
    ck_assert(e.job.out);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(e.worked, 3);
    ck_assert_int_eq(e.done, 3);
    ck_assert(!pthread_equal(e.worker, pthread_self()));
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

struct mail {
    sl_post *post;
    int sent; /* the sender's; the door makes it visible here */
    int seen;
};

static void on_post(void *arg)
{
    struct mail *m = arg;

    m->seen = m->sent;
    sl_post_free(m->post);
}

static void *send_mail(void *arg)
{
    struct mail *m = arg;

    m->sent = 7;
    for (int i = 0; i < 100; i++)
        sl_post_send(m->post);
    return NULL;
}

START_TEST(post_arrives_on_the_loop)
{
    struct mail m = {0};
    pthread_t sender;
    uv_loop_t loop;

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    m.post = sl_post_new(&loop, on_post, &m);
    ck_assert_int_eq(pthread_create(&sender, NULL, send_mail, &m), 0);
    pthread_join(sender, NULL);    /* before the door is taken away, as every sender must */
    uv_run(&loop, UV_RUN_DEFAULT); /* ends: freeing the post closes its handle */
    ck_assert_int_eq(m.seen, 7);
    sl_post_free(NULL);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

static const struct {
    uint64_t ms, random, want;
} jitter_rows[] = {
    {2000, 0, 2000},   {2000, 1, 1999}, {2000, 400, 1600}, /* a fifth less, and not more */
    {2000, 401, 2000}, {4, 12345, 4},   {0, 12345, 0},     {UINT64_MAX, 0, UINT64_MAX},
};

START_TEST(jitter_takes_off_a_fifth_at_most)
{
    ck_assert_uint_eq(sl_jitter_ms(jitter_rows[_i].ms, jitter_rows[_i].random),
                      jitter_rows[_i].want);
}
END_TEST

SL_UNIT(SL_ROWS(jitter_takes_off_a_fifth_at_most, jitter_rows), SL_ONE(buf_grows),
        SL_ROWS(json_escapes, json_rows), SL_ONE(list_keeps_order),
        SL_ROWS(time_is_written, time_rows), SL_ONE(time_agrees_with_gmtime),
        SL_ONE(real_clock_runs), SL_ROWS(name_is_base64url, name_rows),
        SL_ROWS(log_writes_one_line, log_rows),
        tcase_add_loop_test(sl_tests, log_line_stays_within_a_pipes_promise, 0, 3),
        SL_ONE(log_never_waits), SL_ONE(pool_runs_and_comes_back), SL_ONE(post_arrives_on_the_loop))
