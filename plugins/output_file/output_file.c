/* output_file.c - appends each batch to a file, or to one of many, as its path says of a record. Copy
 * this folder to start a new output.
 *
 * A batch is written in runs of records of the same path. Up to MAX_OPEN files stay open; the one
 * that was used least lately makes place for another. A file that lost its path is let go of before
 * the next write: what goes into it might be compressed away, or gone already.
 *
 * Owns     struct file: the host allocates it, zeroed, and fills it in from `options`
 * Borrows  the host while open; a batch, its payload and its items until it is answered
 * Thread   the loop's; write_batch() runs in libuv's pool, and has the struct to itself meanwhile
 * Fails    a write that fails leaves no half record behind: its file is cut back, and the batch's
 *          records for it are asked for again from there on. Where one of many files cannot be
 *          written, for reasons of its own, only the containers whose records are for it wait. Half a record that a crash left is cut
 *          off when its file is opened; what does not look like one of ours is left as it is.
 * Limits   looks for the last line's end in the last 16 MiB; records in msgpack have no such ends,
 *          and are followed from the file's beginning, of a large file in the pool */
#include "ending.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define MAX_OPEN 64
#define MAX_ENDS 1024

/* An open file. */
struct target {
    char *path; /* NULL: none */
    int fd;
    off_t end;     /* of its last whole record; before what is written */
    off_t cut;     /* bytes of half a record that were cut off when it was opened */
    bool torn;     /* what a failed write left behind `end` could not be cut off yet */
    uint64_t used; /* when it was used last, in runs */
};

/* Where a file ended in a whole record when we closed it. */
struct known_end {
    dev_t dev;
    ino_t ino;
    off_t end;
};

/* Records `first` to `first + n - 1` of the batch go to one file. */
struct run {
    uint32_t first, n;
    sl_slice path, bytes;
    off_t cut; /* bytes of half a record that its file ended with */
    sl_err result;
    bool refused; /* it could not be opened */
};

struct file {
    const char *path; /* option */
    bool sync;        /* option */
    const sl_host *host;
    bool many;    /* the path is not the same for all records */
    bool msgpack; /* else each record ends with a newline */
    bool json;
    uv_work_t job;
    sl_batch *batch;
    struct run *runs; /* of the batch */
    size_t run_count, run_cap;
    uint64_t runs_ever;
    struct target targets[MAX_OPEN];
    struct known_end *ends; /* the last MAX_ENDS; NULL: none yet */
    size_t ends_ever;
};

/* --- half a record at the end --- */

/* returns  0; UV_EFBIG: it is no file of such records; or a negative errno */
static sl_err cut_torn(const struct file *f, struct target *t, off_t size)
{
    off_t end = size;
    sl_err err = f->msgpack ? file_find_last_record(t->fd, size, &end)
                            : file_find_last_line(t->fd, size, f->json, &end);

    if (!err && end < size && ftruncate(t->fd, end))
        err = -errno;
    if (!err) {
        t->cut = size - end;
        t->end = end;
    }
    return err;
}

/* --- ends that are known --- */

/* NULL: not known. */
static struct known_end *end_of(const struct file *f, const struct stat *st)
{
    size_t count = f->ends_ever < MAX_ENDS ? f->ends_ever : MAX_ENDS;

    for (struct known_end *e = f->ends; e < f->ends + count; e++) {
        if (e->ino == st->st_ino && e->dev == st->st_dev)
            return e;
    }
    return NULL;
}

/* With a thousand files each is opened and closed all the time: nobody has to look for its end again. */
static void remember_end(struct file *f, const struct target *t)
{
    struct known_end *e;
    struct stat st;

    if (!f->ends)
        f->ends = calloc(MAX_ENDS, sizeof *f->ends);
    if (!f->ends || t->torn || fstat(t->fd, &st))
        return;
    e = end_of(f, &st);
    if (!e)
        e = &f->ends[f->ends_ever++ % MAX_ENDS];
    *e = (struct known_end){st.st_dev, st.st_ino, t->end};
}

static bool ends_as_known(const struct file *f, const struct stat *st)
{
    const struct known_end *e = end_of(f, st);

    return e && e->end == st->st_size;
}

/* --- opening --- */

/* Where the folders of `path` begin that may be made: behind the last / before its first field. */
static size_t fixed_folder(const char *path)
{
    size_t len = strcspn(path, "%");

    while (len > 0 && path[len - 1] != '/')
        len--;
    return len;
}

static sl_err make_folders(char *path, size_t from)
{
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        bool failed;

        *slash = '\0';
        failed = mkdir(path, 0750) && errno != EEXIST;
        *slash = '/';
        if (failed)
            return -errno;
    }
    return 0;
}

/* A path that the operator wrote may end in a link; one of many, with names in it, may not. */
static int open_path(const struct file *f, const char *path)
{
    int links = f->many ? O_NOFOLLOW : 0;

    return open(path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | links,
                0640);
}

static sl_err use_file(const struct file *f, struct target *t)
{
    struct stat st;

    if (fstat(t->fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode))
        return UV_EINVAL;
    t->end = st.st_size;
    return ends_as_known(f, &st) ? 0 : cut_torn(f, t, st.st_size);
}

static void close_target(struct target *t)
{
    if (t->path && t->fd >= 0)
        close(t->fd);
    free(t->path);
    *t = (struct target){0};
}

static sl_err forget_target(struct target *t, sl_err err)
{
    close_target(t);
    return err;
}

/* t->path is freed if it fails. */
static sl_err open_target(const struct file *f, struct target *t)
{
    sl_err err;

    t->fd = open_path(f, t->path);
    if (t->fd < 0 && errno == ENOENT && f->many) {
        err = make_folders(t->path, fixed_folder(f->path));
        if (err)
            return forget_target(t, err);
        t->fd = open_path(f, t->path);
    }
    if (t->fd < 0)
        return forget_target(t, -errno);
    err = use_file(f, t);
    return err ? forget_target(t, err) : 0;
}

/* Somebody may have cut the file shorter meanwhile: it is never made longer. */
static sl_err cut_back(int fd, off_t end)
{
    struct stat st;

    if (fstat(fd, &st) || (st.st_size > end && ftruncate(fd, end)))
        return -errno;
    return 0;
}

/* The open one of that path, or one that is free for it: its path is NULL then. */
static struct target *find_target(struct file *f, sl_slice path)
{
    struct target *oldest = &f->targets[0];

    for (struct target *t = f->targets; t < f->targets + MAX_OPEN; t++) {
        if (t->path && strlen(t->path) == path.len && !memcmp(t->path, path.ptr, path.len))
            return t;
        if (!t->path || (oldest->path && !t->torn && (oldest->torn || t->used < oldest->used)))
            oldest = t;
    }
    if (oldest->path)
        remember_end(f, oldest);
    close_target(oldest);
    return oldest;
}

/* Its path leads to another file now, or to none. */
static bool has_lost_path(const struct target *t)
{
    struct stat there, ours;

    if (stat(t->path, &there))
        return errno == ENOENT;
    return !fstat(t->fd, &ours) && (there.st_ino != ours.st_ino || there.st_dev != ours.st_dev);
}

static void let_go(struct target *t)
{
    if (t->torn)
        (void)cut_back(t->fd, t->end);
    close_target(t);
}

/* --- writing: in the pool --- */

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

static sl_err append(const struct file *f, struct target *t, sl_slice bytes)
{
    sl_err err = t->torn ? cut_back(t->fd, t->end) : 0;

    if (err)
        return err;
    t->torn = false;
    t->end = lseek(t->fd, 0, SEEK_END);
    err = write_all(t->fd, bytes);
    if (!err && f->sync && fdatasync(t->fd))
        err = -errno;
    if (err)
        t->torn = cut_back(t->fd, t->end) != 0;
    else
        t->end += (off_t)bytes.len;
    return err;
}

static sl_err write_run(struct file *f, struct run *r)
{
    struct target *t = f->many ? find_target(f, r->path) : &f->targets[0];
    sl_err err = 0;

    if (t->path && has_lost_path(t))
        let_go(t);
    if (!t->path) {
        t->path = strndup(r->path.ptr, r->path.len);
        err = t->path ? open_target(f, t) : UV_ENOMEM;
        r->cut = t->cut;
        r->refused = err;
    }
    if (err)
        return err;
    t->used = ++f->runs_ever;
    return append(f, t, r->bytes);
}

/* What comes after a failure stays behind it, in that file: else records would change places. */
static sl_err failed_before(const struct file *f, const struct run *end)
{
    for (const struct run *r = f->runs; r < end; r++) {
        if (r->result && r->path.len == end->path.len &&
            !memcmp(r->path.ptr, end->path.ptr, r->path.len))
            return r->result;
    }
    return 0;
}

static void write_batch(uv_work_t *job)
{
    struct file *f = job->data;
    bool failed = false;

    for (struct run *r = f->runs; r < f->runs + f->run_count; r++) {
        r->result = failed ? failed_before(f, r) : 0;
        if (!r->result)
            r->result = write_run(f, r);
        failed = failed || r->result;
    }
}

/* --- sending --- */

static void say_cut(const struct file *f, sl_slice path, off_t cut)
{
    if (cut > 0)
        f->host->log(f->host, SL_LOG_WARN,
                     "cut off half a %s that a crash left: %lld bytes of %.*s",
                     f->msgpack ? "record" : "line", (long long)cut, (int)path.len, path.ptr);
}

/* For a file that could not be opened. */
static const char *remedy_for(const struct file *f, sl_err err)
{
    if (err == UV_ENOENT)
        return "; its folder has to be there";
    if (err == UV_EINVAL)
        return "; it is not a regular file; for a pipe or a terminal use an output of type stdout";
    if (err == UV_EFBIG && f->msgpack)
        return "; it does not hold records in msgpack alone: move it away";
    if (err == UV_EFBIG)
        return "; what it ends with is no line's end and no half record of ours: move it away, or, "
               "if it may be appended to all the same, end it with a newline";
    return "";
}

/* It is this path's own trouble, and lasts until somebody mends it: not a full disk, nor want of
 * descriptors. */
static bool is_of_path(sl_err err)
{
    static const sl_err errs[] = {UV_EACCES,       UV_EPERM,  UV_EISDIR,  UV_ENOTDIR,
                                  UV_ELOOP,        UV_EINVAL, UV_EFBIG,   UV_ENXIO,
                                  UV_ENAMETOOLONG, UV_EEXIST, UV_ETXTBSY, UV_ENODEV};

    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
        if (err == errs[i])
            return true;
    }
    return false;
}

static void answer_run(const struct file *f, const struct run *r)
{
    sl_answer answer = {.outcome = SL_DELIVERED};
    char reason[PATH_MAX + 256], why[64];

    if (r->result) {
        snprintf(reason, sizeof reason, "cannot append to %.*s: %s%s", (int)r->path.len,
                 r->path.ptr, uv_strerror_r(r->result, why, sizeof why),
                 r->refused ? remedy_for(f, r->result) : "");
        answer = (sl_answer){.outcome = SL_RETRY,
                             .code = f->many && is_of_path(r->result) ? SL_HOLD : SL_PLAIN,
                             .reason = sl_str(reason)};
    }
    f->host->answer(f->batch, r->first, r->n, &answer);
}

static void on_written(uv_work_t *job, int status)
{
    struct file *f = job->data;

    (void)status; /* it is never cancelled */
    for (const struct run *r = f->runs; r < f->runs + f->run_count; r++) {
        say_cut(f, r->path, r->cut);
        answer_run(f, r);
    }
}

static struct run *add_run(struct file *f)
{
    if (f->run_count == f->run_cap) {
        size_t cap = f->run_cap ? 2 * f->run_cap : 16;
        struct run *runs = realloc(f->runs, cap * sizeof *runs);

        if (!runs)
            abort(); /* as the agent does: what was not acknowledged is read again */
        f->runs = runs;
        f->run_cap = cap;
    }
    return &f->runs[f->run_count++];
}

static void find_runs(struct file *f)
{
    uint32_t count = f->host->count(f->batch);
    struct run *r = NULL;

    for (uint32_t i = 0; i < count; i++) {
        sl_item item;

        f->host->record(f->batch, i, &item);
        if (!r || r->path.len != item.target.len ||
            memcmp(r->path.ptr, item.target.ptr, r->path.len) != 0) {
            r = add_run(f);
            *r = (struct run){.first = i, .path = item.target, .bytes = {item.framed.ptr, 0}};
        }
        r->n++;
        r->bytes.len += item.framed.len;
    }
}

static void file_send(void *self, sl_batch *batch)
{
    struct file *f = self;

    f->batch = batch;
    f->run_count = 0;
    if (f->many)
        find_runs(f);
    else
        *add_run(f) = (struct run){
            .n = f->host->count(batch), .path = sl_str(f->path), .bytes = f->host->payload(batch)};
    f->job.data = f;
    uv_queue_work(f->host->loop, &f->job, write_batch, on_written);
}

/* --- open and close --- */

static void say_refused(const struct file *f, sl_err err)
{
    f->host->log(f->host, SL_LOG_ERROR, "cannot open %s: %s%s", f->path, uv_strerror(err),
                 remedy_for(f, err));
}

/* Where the files of a path with fields will be. */
static sl_err look_for_folder(const struct file *f)
{
    char *folder = strndup(f->path, fixed_folder(f->path));
    sl_err err = !folder ? UV_ENOMEM : access(folder, W_OK | X_OK) ? -errno : 0;

    free(folder);
    return err;
}

/* To follow it from its beginning takes so long that only the pool may do it, before its first write. */
static bool is_long_walk(const struct file *f)
{
    struct stat st;

    return f->msgpack && !stat(f->path, &st) && S_ISREG(st.st_mode) && st.st_size > FILE_MAX_LINE &&
           !access(f->path, R_OK | W_OK);
}

static sl_err open_only(struct file *f)
{
    sl_err err;

    if (is_long_walk(f))
        return 0;
    f->targets[0].path = strdup(f->path);
    err = f->targets[0].path ? open_target(f, &f->targets[0]) : UV_ENOMEM;
    if (!err)
        say_cut(f, sl_str(f->path), f->targets[0].cut);
    return err;
}

static sl_err file_open(void *self, const sl_host *host)
{
    struct file *f = self;
    sl_err err;

    f->host = host;
    f->many = strstr(f->path, "%{");
    f->msgpack = host->encoding && !strcmp(host->encoding, "msgpack");
    f->json = host->encoding && !strcmp(host->encoding, "json");
    err = f->many ? look_for_folder(f) : open_only(f);
    if (err)
        say_refused(f, err);
    return err;
}

static void file_close(void *self)
{
    struct file *f = self;

    for (size_t i = 0; i < MAX_OPEN; i++)
        close_target(&f->targets[i]);
    free(f->runs);
    free(f->ends);
}

static const sl_option options[] = {
    {.name = "path",
     .type = SL_TEMPLATE,
     .offset = offsetof(struct file, path),
     .help = "file to append to; with %{...} one of many, in folders that are made"},
    {.name = "sync",
     .type = SL_FLAG,
     .offset = offsetof(struct file, sync),
     .fallback = "false",
     .help = "wait until the disk has it (fdatasync) before a batch counts as delivered"},
    {0},
};

SL_PLUGIN(file) = {
    SL_PLUGIN_HEAD,
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
            .target = "path",
            .flags = SL_TARGET_IS_PATH,
        },
};
