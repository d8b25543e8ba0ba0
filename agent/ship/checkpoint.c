/* checkpoint.c - see checkpoint.h.
 *
 * The order on disk is what makes it safe: the new bytes are on the disk before they get the name,
 * and the old file has its second name before it loses the first. */
#include "ship/checkpoint.h"

#include "base/pool.h"
#include "ship/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a file that we read: 600,000 containers; more is no checkpoint. */
#define MAX_BYTES (256 << 20)

struct sl_checkpoint {
    const char *dir;
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    sl_err failing; /* what was said last; 0: it works */
    uint64_t failing_since_ms;
    sl_job job; /* while it is out, `bytes` and `err` are the pool's */
    sl_buf bytes;
    sl_err err;
    void (*done)(void *arg, sl_err err);
    void *arg;
};

sl_checkpoint *sl_checkpoint_new(const char *dir, uv_loop_t *loop, const sl_clock *clock,
                                 sl_log *log)
{
    sl_checkpoint *c = sl_alloc(sizeof *c);

    c->dir = dir;
    c->loop = loop;
    c->clock = clock;
    c->log = log;
    return c;
}

void sl_checkpoint_free(sl_checkpoint *c)
{
    SL_ASSERT(!c || !c->job.out);
    free(c);
}

bool sl_checkpoint_is_writing(const sl_checkpoint *c)
{
    return c->job.out;
}

/* --- load --- */

static sl_err read_all(int fd, sl_buf *out)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? UV_EISDIR : UV_EINVAL;
    if (st.st_size > MAX_BYTES)
        return SL_E_FORMAT;
    sl_buf_reserve(out, (size_t)st.st_size + 1);
    while (out->len < out->cap && (n = read(fd, out->ptr + out->len, out->cap - out->len)) != 0) {
        if (n < 0 && errno != EINTR)
            return -errno;
        out->len += n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

static sl_err load_file(const char *path, sl_snapshot **out, const char **why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    sl_buf bytes = {0};
    sl_err err;

    if (fd < 0)
        return -errno;
    *why = "it is too large to be a checkpoint";
    err = read_all(fd, &bytes);
    if (!err)
        err = sl_snapshot_unpack(sl_buf_slice(&bytes), out, why);
    sl_buf_fini(&bytes);
    close(fd);
    return err;
}

sl_err sl_checkpoint_read(const char *dir, sl_snapshot **out, int64_t *when_ns, const char **why)
{
    char *path = sl_format("%s/checkpoint", dir);
    struct stat st = {0};
    sl_err err;

    (void)stat(path, &st); /* before: rather older than newer than what is read */
    *when_ns = sl_timespec_ns(st.st_mtim);
    *why = "";
    err = load_file(path, out, why);
    free(path);
    return err;
}

static const char *load_remedy(sl_err err)
{
    if (err == SL_E_NEWER)
        return "run the version that wrote it, or a newer one";
    return "make it a file that this process can read, or move it away to start afresh";
}

static void say_refused(sl_checkpoint *c, const char *path, sl_err err)
{
    sl_log_fields(c->log, SL_LOG_ERROR, "the checkpoint cannot be used", "path", path, "error",
                  sl_strerror(err), "remedy", load_remedy(err), NULL);
}

/* Out of the way of the next one: else it would become `checkpoint.prev`. */
static sl_err set_aside(sl_checkpoint *c, const char *path, const char *why)
{
    char *aside = sl_format("%s/checkpoint.damaged", c->dir);
    sl_err err = rename(path, aside) < 0 ? -errno : 0;

    if (err)
        say_refused(c, path, err);
    else
        sl_log_fields(c->log, SL_LOG_ERROR,
                      "the checkpoint is damaged and was set aside; the one before is tried",
                      "path", path, "reason", why, "now", aside, NULL);
    free(aside);
    return err;
}

static sl_err load_previous(sl_checkpoint *c, bool damaged, sl_snapshot **out, bool *fresh)
{
    char *path = sl_format("%s/checkpoint.prev", c->dir);
    const char *why = "";
    sl_err err = load_file(path, out, &why);

    if (!err) {
        sl_log_fields(
            c->log, SL_LOG_WARN,
            "the checkpoint before the last one is used: what was delivered since is sent again",
            "path", path, NULL);
    } else if (err == SL_E_FORMAT || err == UV_ENOENT) {
        if (err == SL_E_FORMAT)
            sl_log_fields(c->log, SL_LOG_ERROR, "the checkpoint before is damaged too", "path",
                          path, "reason", why, NULL);
        if (err == SL_E_FORMAT || damaged)
            sl_log_fields(c->log, SL_LOG_ERROR, "all positions are lost: starting afresh",
                          "state_dir", c->dir, NULL);
        *out = sl_alloc(sizeof **out);
        *fresh = true;
        err = 0;
    } else {
        say_refused(c, path, err);
    }
    free(path);
    return err;
}

sl_err sl_checkpoint_load(sl_checkpoint *c, sl_snapshot **out, bool *fresh)
{
    char *path = sl_format("%s/checkpoint", c->dir);
    const char *why = "";
    sl_err err;

    *out = NULL;
    *fresh = false;
    err = load_file(path, out, &why);
    if (err == UV_ENOENT) {
        err = load_previous(c, false, out, fresh);
    } else if (err == SL_E_FORMAT) {
        err = set_aside(c, path, why);
        if (!err)
            err = load_previous(c, true, out, fresh);
    } else if (err) {
        say_refused(c, path, err);
    }
    free(path);
    return err;
}

/* --- write --- */

static sl_err write_aside(int dir, sl_slice bytes)
{
    int fd = openat(dir, "checkpoint.tmp",
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    sl_err err;

    if (fd < 0)
        return -errno;
    err = sl_write_all(fd, bytes);
    if (!err && fsync(fd) < 0)
        err = -errno;
    if (close(fd) < 0 && !err)
        err = -errno;
    return err;
}

/* `checkpoint.prev` becomes what `checkpoint` is, and at no moment is either of them missing; but
 * where the file system knows no hard links, `checkpoint` is, for a moment: load knows that. */
static sl_err keep_previous(int dir)
{
    (void)unlinkat(dir, "checkpoint.prev.tmp", 0);
    if (linkat(dir, "checkpoint", dir, "checkpoint.prev.tmp", 0) == 0) {
        if (renameat(dir, "checkpoint.prev.tmp", dir, "checkpoint.prev") < 0)
            return -errno;
        /* rename() of one name of a file to another name of the same file does nothing */
        (void)unlinkat(dir, "checkpoint.prev.tmp", 0);
        return 0;
    }
    if (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK)
        (void)renameat(dir, "checkpoint", dir, "checkpoint.prev");
    else if (errno != ENOENT) /* the very first, or the last one was damaged */
        return -errno;
    return 0;
}

static sl_err write_file(const char *path, sl_slice bytes)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sl_err err;

    if (dir < 0)
        return -errno;
    err = write_aside(dir, bytes);
    if (!err)
        err = keep_previous(dir);
    if (!err && renameat(dir, "checkpoint.tmp", dir, "checkpoint") < 0)
        err = -errno;
    if (err)
        (void)unlinkat(dir, "checkpoint.tmp", 0);
    else if (fsync(dir) < 0)
        err = -errno;
    close(dir);
    return err;
}

static const char *write_remedy(sl_err err)
{
    switch (err) {
    case UV_ENOSPC:
    case -EDQUOT:
        return "make room on its file system";
    case UV_EROFS:
        return "mount its file system writable";
    case UV_EACCES:
    case UV_EPERM:
        return "let this process's user write there";
    case UV_ENOENT:
        return "create the folder again";
    default:
        return "look at its disk and its file system (dmesg)";
    }
}

/* Once for each thing that goes wrong, and once when it is over. */
static void report(sl_checkpoint *c, sl_err err)
{
    uint64_t now_ms = sl_now_ms(c->clock);

    if (err == c->failing)
        return;
    if (err) {
        if (!c->failing)
            c->failing_since_ms = now_ms;
        sl_log_fields(
            c->log, SL_LOG_ERROR,
            "the checkpoint cannot be written: logs flow on, a restart would send them again",
            "path", c->dir, "error", sl_strerror(err), "remedy", write_remedy(err), NULL);
    } else {
        sl_logf(c->log, SL_LOG_INFO, "the checkpoint in %s is written again, after %" PRIu64 " s",
                c->dir, (now_ms - c->failing_since_ms) / 1000);
    }
    c->failing = err;
}

static void in_pool(sl_job *job)
{
    sl_checkpoint *c = SL_CONTAINER_OF(job, sl_checkpoint, job);

    c->err = write_file(c->dir, sl_buf_slice(&c->bytes));
}

static void on_written(sl_job *job)
{
    sl_checkpoint *c = SL_CONTAINER_OF(job, sl_checkpoint, job);

    sl_buf_fini(&c->bytes);
    report(c, c->err);
    c->done(c->arg, c->err);
}

void sl_checkpoint_write(sl_checkpoint *c, sl_buf *bytes, void (*done)(void *arg, sl_err err),
                         void *arg)
{
    SL_ASSERT(!c->job.out);
    c->bytes = *bytes;
    *bytes = (sl_buf){0};
    c->done = done;
    c->arg = arg;
    sl_pool_run(c->loop, &c->job, in_pool, on_written);
}

sl_err sl_checkpoint_write_now(sl_checkpoint *c, sl_slice bytes)
{
    sl_err err;

    SL_ASSERT(!c->job.out);
    err = write_file(c->dir, bytes);
    report(c, err);
    return err;
}
