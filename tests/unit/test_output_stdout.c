/* test_output_stdout.c - every kind of stdout: with a slow reader, with none, and gone. */
#include "hand_host.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

extern const sl_plugin sl_plugin_stdout;

typedef enum { PIPE, SHARED_PIPE, SOCKET, TERMINAL, FILE_AT_0, FILE_APPENDED, KINDS } out_kind;

/* Descriptor 1 as that kind, and its other end, which does not block. */
struct ends {
    sl_hand_host host;
    int reader;
    int stdout_before;
    char scratch[64];
    sl_buf got;
};

static void make_fifo(struct ends *e, int *writer)
{
    char path[80];

    /* Without a reader the plugin cannot open it again (ENXIO), as if /proc were not there. */
    snprintf(path, sizeof path, "%s/fifo", sl_scratch(e->scratch));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    e->reader = open(path, O_RDONLY | O_NONBLOCK);
    *writer = open(path, O_WRONLY);
    close(e->reader);
    e->reader = -1;
}

static void make_ends(struct ends *e, out_kind kind, int *writer)
{
    char path[80];
    int both[2];

    if (kind == PIPE) {
        ck_assert_int_eq(pipe(both), 0);
        e->reader = both[0];
        *writer = both[1];
    } else if (kind == SHARED_PIPE) {
        make_fifo(e, writer);
    } else if (kind == SOCKET) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, both), 0);
        e->reader = both[0];
        *writer = both[1];
    } else if (kind == TERMINAL) {
        struct termios raw;

        cfmakeraw(memset(&raw, 0, sizeof raw));
        ck_assert_int_eq(openpty(&e->reader, writer, NULL, &raw, NULL), 0);
    } else {
        snprintf(path, sizeof path, "%s/out", sl_scratch(e->scratch));
        *writer = open(path, O_WRONLY | O_CREAT | (kind == FILE_APPENDED ? O_APPEND : 0), 0600);
        e->reader = open(path, O_RDONLY);
    }
}

static void set_up(struct ends *e, out_kind kind)
{
    char empty[4096] = {0};
    char path[80];
    int writer = -1;

    ck_assert_uint_le(sl_plugin_stdout.self_size, sizeof empty);
    *e = (struct ends){.stdout_before = dup(1)};
    signal(SIGPIPE, SIG_IGN);
    make_ends(e, kind, &writer);
    ck_assert_int_eq(dup2(writer, 1), 1);
    close(writer);
    ck_assert_int_eq(sl_hand_open(&e->host, &sl_plugin_stdout, empty), 0);
    if (kind == SHARED_PIPE) {
        snprintf(path, sizeof path, "%s/fifo", e->scratch);
        e->reader = open(path, O_RDONLY);
    }
    ck_assert_int_eq(fcntl(e->reader, F_SETFL, O_NONBLOCK), 0);
}

static void tear_down(struct ends *e)
{
    sl_hand_close(&e->host, true);
    ck_assert_int_eq(fcntl(1, F_GETFL) & O_NONBLOCK, 0); /* others have it open too */
    dup2(e->stdout_before, 1);
    close(e->stdout_before);
    if (e->reader >= 0)
        close(e->reader);
    if (*e->scratch)
        sl_scratch_gone(e->scratch);
    sl_buf_fini(&e->got);
}

/* At most `most` of what is there. */
static bool read_some(struct ends *e, size_t most)
{
    ssize_t n;

    sl_buf_reserve(&e->got, most);
    n = read(e->reader, e->got.ptr + e->got.len, most);
    e->got.len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static const struct {
    uint32_t count;
    size_t record_len;
    size_t read_len; /* in each turn of the loop */
} batch_rows[] = {
    {1, 2, 100},
    {1000, 185, 65536},
    {4000, 185, 5000}, /* far more than a pipe holds */
    {3, 300000, 65536},
};

/* Each row with each kind. */
START_TEST(everything_arrives)
{
    int row = _i / KINDS;
    sl_batch *b = sl_hand_batch(batch_rows[row].count, batch_rows[row].record_len);
    struct ends e;

    set_up(&e, (out_kind)(_i % KINDS));
    sl_hand_send(&e.host, b);
    while (b->unanswered) {
        uv_run(&e.host.loop, UV_RUN_NOWAIT); /* would hang here if a write waited */
        read_some(&e, batch_rows[row].read_len);
    }
    while (e.got.len < b->payload.len)
        read_some(&e, 65536);
    ck_assert(!read_some(&e, 1));
    ck_assert_uint_eq(strspn(b->answers, "D"), b->count);
    ck_assert(sl_slice_eq(sl_buf_slice(&e.got), sl_buf_slice(&b->payload)));
    tear_down(&e);
    sl_hand_batch_free(b);
}
END_TEST

static const struct {
    out_kind kind;
    uint32_t count;
    size_t record_len;
} cancel_rows[] = {
    {PIPE, 3000, 1001},     {SHARED_PIPE, 3000, 1001}, {SOCKET, 3000, 1001},
    {TERMINAL, 3000, 1001}, {PIPE, 3, 65537}, /* all of a record but its last byte */
};

/* Nobody reads, and the agent has to end: what was written whole is delivered, nothing else. */
START_TEST(cancel_ends_at_once)
{
    uint32_t count = cancel_rows[_i].count;
    size_t record_len = cancel_rows[_i].record_len, whole;
    sl_batch *b = sl_hand_batch(count, record_len);
    struct ends e;

    set_up(&e, cancel_rows[_i].kind);
    sl_hand_send(&e.host, b);
    for (int turn = 0; turn < 5; turn++)
        uv_run(&e.host.loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(b->unanswered, count);
    sl_plugin_stdout.output.cancel(e.host.self);
    ck_assert_uint_eq(b->unanswered, 0);
    sl_plugin_stdout.output.cancel(e.host.self); /* nothing is out: nothing happens */

    while (read_some(&e, 65536))
        ;
    whole = e.got.len / record_len;
    ck_assert_uint_ne(e.got.len % record_len, 0); /* cut in the middle of a record */
    ck_assert_uint_eq(strspn(b->answers, "D"), whole);
    ck_assert_uint_eq(strspn(b->answers + whole, "R"), count - whole);
    ck_assert_str_eq(e.host.gave_up, "");
    tear_down(&e);
    sl_hand_batch_free(b);
}
END_TEST

/* Before the first write, or while one waits for room. */
static void reader_goes(out_kind kind, bool waiting)
{
    sl_batch *b = sl_hand_batch(3000, 1001);
    struct ends e;

    set_up(&e, kind);
    if (!waiting)
        close(e.reader);
    sl_hand_send(&e.host, b);
    if (waiting) {
        uv_run(&e.host.loop, UV_RUN_NOWAIT);
        ck_assert_uint_eq(b->unanswered, 3000);
        close(e.reader);
    }
    e.reader = -1;
    sl_hand_wait(&e.host, b);
    ck_assert_uint_eq(strspn(b->answers, "R"), 3000);
    ck_assert_str_eq(b->reason, "stdout was closed by its reader");
    ck_assert_str_eq(e.host.gave_up, "stdout was closed by its reader");
    tear_down(&e);
    sl_hand_batch_free(b);
}

START_TEST(gives_up_without_a_reader)
{
    reader_goes((out_kind)_i, false);
}
END_TEST

START_TEST(gives_up_when_its_reader_goes)
{
    reader_goes((out_kind)_i, true);
}
END_TEST

START_TEST(dev_null_takes_everything)
{
    sl_batch *b = sl_hand_batch(1000, 1000);
    int before = dup(1), null = open("/dev/null", O_WRONLY);
    char empty[4096] = {0};
    sl_hand_host h;

    ck_assert_int_eq(dup2(null, 1), 1);
    ck_assert_int_eq(sl_hand_open(&h, &sl_plugin_stdout, empty), 0);
    sl_hand_send(&h, b);
    ck_assert_uint_eq(b->unanswered, 0); /* from within send() */
    ck_assert_uint_eq(strspn(b->answers, "D"), 1000);
    sl_hand_close(&h, true);
    dup2(before, 1);
    sl_hand_batch_free(b);
}
END_TEST

/* Half a line gets an end before the next one begins. */
START_TEST(full_disk_tears_no_line)
{
    struct rlimit limit;
    sl_batch *b = sl_hand_batch(4, 10), *rest = sl_hand_batch(2, 10);
    struct ends e;

    set_up(&e, FILE_AT_0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){25, limit.rlim_max});
    sl_hand_send(&e.host, b);
    sl_hand_wait(&e.host, b);
    ck_assert_str_eq(b->answers, "DDRR");
    ck_assert_str_eq(b->reason, uv_strerror(UV_EFBIG));
    setrlimit(RLIMIT_FSIZE, &limit);
    sl_hand_send(&e.host, rest);
    sl_hand_wait(&e.host, rest);
    ck_assert_str_eq(rest->answers, "DD");
    ck_assert(read_some(&e, 100));
    /* its first record goes on where the one of the batch before, which it is, broke off */
    ck_assert_slice_eq(sl_buf_slice(&e.got), "0........\n1........\n2........\n1........\n");
    tear_down(&e);
    sl_hand_batch_free(b);
    sl_hand_batch_free(rest);
}
END_TEST

/* It was closed, and the next descriptor that somebody opened became 1. */
START_TEST(what_is_no_stdout_is_refused)
{
    int before = dup(1), other = epoll_create1(0);
    char empty[4096] = {0};
    sl_hand_host h;

    ck_assert_int_eq(dup2(other, 1), 1);
    ck_assert_int_eq(sl_hand_open(&h, &sl_plugin_stdout, empty), UV_EBADF);
    dup2(before, 1);
    sl_buf_add(&h.said, "", 1);
    ck_assert_ptr_nonnull(strstr(h.said.ptr, "cannot use stdout"));
    sl_hand_close(&h, false);
}
END_TEST

SL_UNIT(tcase_add_loop_test(sl_tests, everything_arrives, 0, (int)SL_COUNT_OF(batch_rows) * KINDS),
        SL_ROWS(cancel_ends_at_once, cancel_rows),
        tcase_add_loop_test(sl_tests, gives_up_without_a_reader, PIPE, TERMINAL + 1),
        tcase_add_loop_test(sl_tests, gives_up_when_its_reader_goes, PIPE, TERMINAL + 1),
        SL_ONE(dev_null_takes_everything), SL_ONE(full_disk_tears_no_line),
        SL_ONE(what_is_no_stdout_is_refused))
