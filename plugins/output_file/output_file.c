/* output_file.c - appends each batch to a file. Copy this folder to start a new output.
 *
 * Owns     struct file: the host allocates it, zeroed, and fills it in from `options`
 * Borrows  the host while open; a batch and its payload until it is answered
 * Thread   the loop's; append() runs in libuv's pool, and has the struct to itself meanwhile
 * Fails    a write that fails leaves no half line behind: the file is cut back and the batch asked
 *          for again. Half a line that a crash left is cut off at the next open.
 * Limits   looks for the last line's end in the last 16 MiB */
#include <sluice/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define MAX_LINE (16 << 20)
#define CHUNK    (64 << 10)

struct file {
    const char *path; /* option */
    bool sync;        /* option */
    const sl_host *host;
    int fd;
    uv_work_t job;
    sl_batch *batch;
    sl_slice payload;
    off_t end;     /* before the batch */
    bool torn;     /* what a failed write left behind `end` could not be cut off yet */
    sl_err result; /* of append() */
};

/* --- append: in the pool --- */

static sl_err write_all(int fd, sl_slice rest)
{
    while (rest.len > 0) {
        ssize_t n = write(fd, rest.ptr, rest.len);

        if (n == 0 || (n < 0 && errno != EINTR))
            return n ? -errno : UV_EIO;
        if (n > 0)
            rest = sl_slice_from(rest, (size_t)n);
    }
    return 0;
}

/* Somebody may have cut the file shorter meanwhile: it is never made longer. */
static sl_err cut_back(int fd, off_t end)
{
    struct stat st;

    if (fstat(fd, &st) || (st.st_size > end && ftruncate(fd, end)))
        return -errno;
    return 0;
}

static void append(uv_work_t *job)
{
    struct file *f = job->data;
    sl_err err = f->torn ? cut_back(f->fd, f->end) : 0;

    if (!err) {
        f->torn = false;
        f->end = lseek(f->fd, 0, SEEK_END);
        err = write_all(f->fd, f->payload);
        if (!err && f->sync && fdatasync(f->fd))
            err = -errno;
        if (err)
            f->torn = cut_back(f->fd, f->end) != 0;
    }
    f->result = err;
}

static void on_appended(uv_work_t *job, int status)
{
    struct file *f = job->data;
    sl_answer answer = {.outcome = SL_DELIVERED};
    char reason[PATH_MAX + 128];

    (void)status; /* it is never cancelled */
    if (f->result) {
        snprintf(reason, sizeof reason, "cannot append to %s: %s", f->path, uv_strerror(f->result));
        answer = (sl_answer){.outcome = SL_RETRY, .reason = sl_str(reason)};
    }
    f->host->answer(f->batch, 0, f->host->count(f->batch), &answer);
}

static void file_send(void *self, sl_batch *batch)
{
    struct file *f = self;

    f->batch = batch;
    f->payload = f->host->payload(batch);
    f->job.data = f;
    uv_queue_work(f->host->loop, &f->job, append, on_appended);
}

/* --- open and close --- */

/* Where the last whole line of a file of that size ends.
 * returns  0; UV_EFBIG: there is no line's end within MAX_LINE; or a negative errno */
static sl_err find_last_end(int fd, off_t size, off_t *end)
{
    char chunk[CHUNK];
    off_t from = size;

    while (from > 0) {
        size_t len = from < CHUNK ? (size_t)from : CHUNK;
        const char *newline;
        ssize_t n = pread(fd, chunk, len, from - (off_t)len);

        if (n != (ssize_t)len)
            return n < 0 ? -errno : UV_EIO;
        from -= (off_t)len;
        newline = memrchr(chunk, '\n', len);
        if (newline) {
            *end = from + (newline - chunk) + 1;
            return 0;
        }
        if (size - from > MAX_LINE)
            return UV_EFBIG;
    }
    *end = 0;
    return 0;
}

static sl_err cut_torn_line(struct file *f, off_t size)
{
    const sl_host *host = f->host;
    off_t end = size;
    sl_err err = find_last_end(f->fd, size, &end);

    if (err == UV_EFBIG) {
        host->log(host, SL_LOG_ERROR,
                  "%s does not end with a line: its last 16 MiB hold no line's end; if it may be "
                  "appended to all the same, end it with a newline",
                  f->path);
        return err;
    }
    if (!err && end < size && ftruncate(f->fd, end))
        err = -errno;
    if (err)
        host->log(host, SL_LOG_ERROR, "cannot look at the end of %s: %s", f->path,
                  uv_strerror(err));
    else if (end < size)
        host->log(host, SL_LOG_WARN, "cut off half a line that a crash left: %lld bytes of %s",
                  (long long)(size - end), f->path);
    return err;
}

static sl_err open_file(struct file *f)
{
    sl_err err;

    f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    err = f->fd < 0 ? -errno : 0;
    if (err)
        f->host->log(f->host, SL_LOG_ERROR, "cannot open %s: %s%s", f->path, uv_strerror(err),
                     err == UV_ENOENT ? "; its folder has to be there" : "");
    return err;
}

static sl_err use_file(struct file *f)
{
    struct stat st;

    if (fstat(f->fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode)) {
        f->host->log(f->host, SL_LOG_ERROR,
                     "%s is not a regular file; for a pipe or a terminal use an output of type "
                     "stdout",
                     f->path);
        return UV_EINVAL;
    }
    return cut_torn_line(f, st.st_size);
}

static sl_err file_open(void *self, const sl_host *host)
{
    struct file *f = self;
    sl_err err;

    f->host = host;
    if (strstr(f->path, "%{")) {
        host->log(host, SL_LOG_ERROR, "templates in `path` are not built yet: %s", f->path);
        return UV_ENOTSUP;
    }
    err = open_file(f);
    if (err)
        return err;
    err = use_file(f);
    if (err)
        close(f->fd);
    return err;
}

static void file_close(void *self)
{
    close(((struct file *)self)->fd);
}

static const sl_option options[] = {
    {.name = "path",
     .type = SL_TEXT,
     .offset = offsetof(struct file, path),
     .help = "file to append to; its folder has to be there"},
    {.name = "sync",
     .type = SL_FLAG,
     .offset = offsetof(struct file, sync),
     .fallback = "false",
     .help = "wait until the disk has it (fdatasync) before a batch counts as delivered"},
    {0},
};

const sl_plugin sl_plugin_file = {
    .abi = SL_PLUGIN_ABI,
    .option_size = sizeof(sl_option),
    .size = sizeof(sl_plugin),
    .item_size = sizeof(sl_item),
    .kind = SL_OUTPUT,
    .name = "file",
    .help = "appends to a file",
    .self_size = sizeof(struct file),
    .options = options,
    .output =
        {
            .max_in_flight = 1,
            .after = "\n",
            .max_bytes = 512 << 10,
            .encodings = "json|msgpack|raw",
            .open = file_open,
            .send = file_send,
            .close = file_close,
        },
};
