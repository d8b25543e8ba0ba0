/* output_stdout.c - writes each batch to stdout, and never waits for its reader.
 *
 * What stdout is decides how. A pipe or a terminal is opened again, for ourselves: O_NONBLOCK
 * belongs to the open file, and would reach everybody who inherited the one we were given. For the
 * same reason room is awaited through an epoll of our own: uv_poll sets that flag on what it polls.
 * A regular file is written in libuv's pool; a pipe must not be, since a thread that hangs in
 * write() would keep the process from ending.
 *
 * Owns     its own descriptor of stdout, if it could be opened again
 * Borrows  the host while open; a batch and its payload until it is answered
 * Thread   the loop's; a regular file's write itself waits in the pool
 * Fails    without a reader it gives up; else what is not written is asked for again */
#include <sluice/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

typedef enum {
    BY_WRITE,        /* never blocks: opened again with O_NONBLOCK, or a device like /dev/null */
    BY_SMALL_WRITES, /* a pipe that we must share: what fits surely, after asking each time */
    BY_SEND,         /* a socket */
    BY_POOL          /* a regular file */
} way;

struct out {
    const sl_host *host;
    int fd;
    way way;
    bool is_terminal;
    int epoll;      /* watches fd for room; -1: no need */
    uv_poll_t room; /* polls `epoll`, while we wait */
    uv_fs_t write;
    sl_batch *batch; /* NULL: none is out */
    sl_slice rest;   /* of its payload */
    size_t begun;    /* bytes of the first record that were written before, when it was sent last */
};

/* --- answers --- */

static void answer(struct out *s, uint32_t delivered, const char *reason)
{
    sl_batch *batch = s->batch;
    uint32_t count = s->host->count(batch);

    s->batch = NULL;
    if (delivered > 0)
        s->host->answer(batch, 0, delivered, &(sl_answer){.outcome = SL_DELIVERED});
    if (delivered < count)
        s->host->answer(batch, delivered, count - delivered,
                        &(sl_answer){.outcome = SL_RETRY, .reason = sl_str(reason)});
}

/* Records whose bytes were all written are delivered; the others shall come again. */
static void answer_written(struct out *s, const char *reason)
{
    size_t written = s->host->payload(s->batch).len - s->rest.len;
    uint32_t i = 0, count = s->host->count(s->batch);

    if (s->rest.len == 0) { /* all of it: nobody has to look at each */
        i = count;
        written = 0;
    }
    for (; i < count; i++) {
        sl_item item;

        s->host->record(s->batch, i, &item);
        if (written < item.framed.len)
            break;
        written -= item.framed.len;
    }
    s->begun =
        written; /* the record that comes first next time: what is left goes out again first */
    answer(s, i, reason);
}

static void on_error(struct out *s, int err)
{
    bool gone = err == UV_EPIPE || err == UV_ECONNRESET || (err == UV_EIO && s->is_terminal);
    char why[64];

    if (!gone) {
        answer_written(s, uv_strerror_r(err, why, sizeof why));
        return;
    }
    /* The reader may have left bytes behind: better twice than never. */
    answer(s, 0, "stdout was closed by its reader");
    s->host->give_up(s->host, "stdout was closed by its reader");
}

/* --- writing --- */

static ssize_t write_small(int fd, sl_slice bytes)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    if (poll(&room, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes.ptr, bytes.len < PIPE_BUF ? bytes.len : PIPE_BUF);
}

/* returns  bytes written, or a negative errno; UV_EAGAIN: there is no room */
static ssize_t write_some(const struct out *s)
{
    sl_slice bytes = s->rest;
    ssize_t n;

    if (s->way == BY_SEND)
        n = send(s->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    else if (s->way == BY_SMALL_WRITES)
        n = write_small(s->fd, bytes);
    else
        n = write(s->fd, bytes.ptr, bytes.len);
    return n < 0 ? -errno : n;
}

static void on_room(uv_poll_t *room, int status, int events);

static void write_rest(struct out *s)
{
    while (s->rest.len > 0) {
        ssize_t n = write_some(s);

        if (n == UV_EINTR)
            continue;
        if (n == UV_EAGAIN && s->epoll >= 0) {
            uv_poll_start(&s->room, UV_READABLE, on_room);
            return;
        }
        if (n <= 0) {
            on_error(s, n ? (int)n : UV_EIO);
            return;
        }
        s->rest = sl_slice_from(s->rest, (size_t)n);
    }
    answer_written(s, "");
}

static void on_room(uv_poll_t *room, int status, int events)
{
    struct out *s = room->data;

    (void)status, (void)events; /* whatever it is, the next write tells */
    uv_poll_stop(room);
    write_rest(s);
}

static void on_written(uv_fs_t *req);

static void write_in_pool(struct out *s)
{
    uv_buf_t buf = uv_buf_init((char *)s->rest.ptr, (unsigned)s->rest.len);

    s->write.data = s;
    /* at -1: where the open file stands, which those who share it move as well */
    uv_fs_write(s->host->loop, &s->write, s->fd, &buf, 1, -1, on_written);
}

static void on_written(uv_fs_t *req)
{
    struct out *s = req->data;
    ssize_t n = req->result;

    uv_fs_req_cleanup(req);
    if (n <= 0) {
        on_error(s, n ? (int)n : UV_EIO);
        return;
    }
    s->rest = sl_slice_from(s->rest, (size_t)n);
    if (s->rest.len > 0)
        write_in_pool(s);
    else
        answer_written(s, "");
}

static void stdout_send(void *self, sl_batch *batch)
{
    struct out *s = self;

    s->batch = batch;
    s->rest = sl_slice_from(s->host->payload(batch), s->begun);
    if (s->way == BY_POOL)
        write_in_pool(s);
    else
        write_rest(s);
}

static void stdout_cancel(void *self)
{
    struct out *s = self;

    if (!s->batch || s->way == BY_POOL) /* a regular file's write ends by itself */
        return;
    if (s->epoll >= 0)
        uv_poll_stop(&s->room);
    answer_written(s, "cancelled");
}

/* --- open and close --- */

/* O_NONBLOCK stays ours this way. */
static void open_again(struct out *s)
{
    s->fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    s->way = BY_WRITE;
    if (s->fd < 0) { /* no /proc, or another user's pipe */
        s->fd = STDOUT_FILENO;
        s->way = BY_SMALL_WRITES;
    }
}

/* returns  0, or a negative errno: there is no stdout */
static sl_err choose_way(struct out *s)
{
    struct stat st;

    s->fd = STDOUT_FILENO;
    if (fstat(STDOUT_FILENO, &st))
        return -errno;
    s->is_terminal = isatty(STDOUT_FILENO) == 1;
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
        s->way = BY_POOL;
    else if (S_ISSOCK(st.st_mode))
        s->way = BY_SEND;
    else if (S_ISFIFO(st.st_mode) || s->is_terminal)
        open_again(s);
    else if (S_ISCHR(st.st_mode))
        s->way = BY_WRITE;
    else
        return UV_EBADF; /* it was closed, and something of ours got its number */
    return 0;
}

/* returns  0, also if fd is nothing that can be watched (/dev/null, a file): it always has room */
static sl_err watch_room(struct out *s)
{
    struct epoll_event event = {.events = EPOLLOUT};
    int err;

    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0)
        return -errno;
    err = epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->fd, &event) ? -errno : 0;
    if (!err)
        err = uv_poll_init(s->host->loop, &s->room, s->epoll);
    if (err) {
        close(s->epoll);
        s->epoll = -1;
    }
    s->room.data = s;
    return err == UV_EPERM ? 0 : err;
}

static sl_err stdout_open(void *self, const sl_host *host)
{
    struct out *s = self;
    sl_err err;

    s->host = host;
    err = choose_way(s);
    if (err) {
        host->log(host, SL_LOG_ERROR,
                  "cannot use stdout: %s; start with one, or use an output of type file",
                  uv_strerror(err));
        return err;
    }
    err = watch_room(s);
    if (err) {
        host->log(host, SL_LOG_ERROR, "cannot watch stdout: %s", uv_strerror(err));
        if (s->fd != STDOUT_FILENO)
            close(s->fd);
    }
    return err;
}

static void stdout_close(void *self)
{
    struct out *s = self;

    if (s->epoll >= 0) {
        uv_close((uv_handle_t *)&s->room, NULL);
        close(s->epoll);
    }
    if (s->fd != STDOUT_FILENO)
        close(s->fd);
}

static const sl_option options[] = {{0}};

SL_PLUGIN(stdout) = {
    SL_PLUGIN_HEAD,
    .kind = SL_OUTPUT,
    .name = "stdout",
    .help = "writes to the agent's own stdout",
    .self_size = sizeof(struct out),
    .options = options,
    .output =
        {
            .max_in_flight = 1,
            .after = "\n",
            .max_bytes = 512 << 10,
            .encodings = "json|text|msgpack|raw",
            .open = stdout_open,
            .send = stdout_send,
            .close = stdout_close,
            .cancel = stdout_cancel,
        },
};
