/* dead_letter.c - see dead_letter.h.
 *
 * The folder is looked at once, before the first write, to learn its size and its last file. After an
 * error the file is cut back to its last whole entry and let go; the next write begins anew. */
#include "ship/dead_letter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES ((uint64_t)16 << 20)
#define DIGITS     8

struct sl_dead_letter {
    uv_loop_t *loop;
    const char *dir, *output;
    uint64_t max_bytes;
    sl_link waiting; /* jobs */
    sl_dead_job *out;
    sl_job job;
    /* the pool's while a job is out */
    bool known;           /* the next two are */
    uint64_t held;        /* bytes in all files */
    unsigned long number; /* of the last file; 0: there is none */
    unsigned long turned; /* files up to this one are not continued */
    int fd;               /* of that file; -1: not open */
    uint64_t size;        /* its */
};

void sl_dead_letter_path(const char *dir, const char *output, char *out)
{
    snprintf(out, PATH_MAX, "%s/" SL_DEAD_FOLDER "/%s", dir, output);
}

bool sl_dead_letter_is_file(const char *name)
{
    return strspn(name, "0123456789") == DIGITS && !strcmp(name + DIGITS, SL_DEAD_SUFFIX);
}

unsigned long sl_dead_letter_number(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strtoul(slash ? slash + 1 : path, NULL, 10);
}

unsigned long sl_dead_letter_turned(const sl_dead_letter *d)
{
    return d->turned;
}

sl_dead_letter *sl_dead_letter_new(uv_loop_t *loop, const char *dir, const char *output,
                                   uint64_t max_bytes)
{
    sl_dead_letter *d = sl_alloc(sizeof *d);

    *d = (sl_dead_letter){
        .loop = loop, .dir = dir, .output = output, .max_bytes = max_bytes, .fd = -1};
    sl_list_init(&d->waiting);
    return d;
}

void sl_dead_letter_free(sl_dead_letter *d)
{
    if (!d)
        return;
    SL_ASSERT(!d->out);
    if (d->fd >= 0)
        close(d->fd);
    free(d);
}

/* --- in the pool --- */

static void file_path(const sl_dead_letter *d, unsigned long number, char *out)
{
    char folder[PATH_MAX];

    sl_dead_letter_path(d->dir, d->output, folder);
    if (snprintf(out, PATH_MAX, "%s/%0*lu" SL_DEAD_SUFFIX, folder, DIGITS, number) >= PATH_MAX)
        *out = '\0';
}

static sl_err make_folder(const char *path)
{
    return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static void look_at(sl_dead_letter *d, int folder, const char *name)
{
    unsigned long number = strtoul(name, NULL, 10);
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        d->held += (uint64_t)st.st_size;
    if (number > d->number)
        d->number = number;
}

static sl_err look_into(sl_dead_letter *d, const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    if (!folder)
        return -errno;
    d->held = d->number = 0;
    while ((entry = readdir(folder))) {
        if (sl_dead_letter_is_file(entry->d_name))
            look_at(d, dirfd(folder), entry->d_name);
    }
    closedir(folder);
    return 0;
}

static sl_err look_around(sl_dead_letter *d)
{
    char path[PATH_MAX];
    sl_err err;

    snprintf(path, sizeof path, "%s/" SL_DEAD_FOLDER, d->dir);
    err = make_folder(path);
    sl_dead_letter_path(d->dir, d->output, path);
    if (!err)
        err = make_folder(path);
    if (!err)
        err = look_into(d, path);
    d->known = !err;
    return err;
}

/* Where the last whole line of the open file ends. */
static sl_err find_end(int fd, uint64_t *size)
{
    char bytes[4096];
    uint64_t end = *size;

    while (end > 0) {
        size_t n = end < sizeof bytes ? (size_t)end : sizeof bytes;
        ssize_t got = pread(fd, bytes, n, (off_t)(end - n));
        const char *newline;

        if (got != (ssize_t)n)
            return got < 0 ? -errno : UV_EIO;
        newline = memrchr(bytes, '\n', n);
        if (newline) {
            *size = end - n + (size_t)(newline - bytes) + 1;
            return 0;
        }
        end -= n;
    }
    *size = 0;
    return 0;
}

/* Cuts off what a crash tore. */
static sl_err trim(sl_dead_letter *d)
{
    struct stat st;
    uint64_t whole;
    sl_err err;

    if (fstat(d->fd, &st))
        return -errno;
    whole = (uint64_t)st.st_size;
    err = find_end(d->fd, &whole);
    if (err || whole == (uint64_t)st.st_size) {
        d->size = whole;
        return err;
    }
    if (ftruncate(d->fd, (off_t)whole))
        return -errno;
    d->held -= (uint64_t)st.st_size - whole;
    d->size = whole;
    return 0;
}

/* A file's name is on disk when its folder is. */
static sl_err sync_folder(const sl_dead_letter *d, bool parents)
{
    char path[PATH_MAX];
    sl_err err = 0;
    int fd;

    for (int up = 0; !err && up < (parents ? 3 : 1); up++) {
        sl_dead_letter_path(d->dir, d->output, path);
        if (up == 1)
            snprintf(path, sizeof path, "%s/" SL_DEAD_FOLDER, d->dir);
        else if (up == 2)
            snprintf(path, sizeof path, "%s", d->dir);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd))
            err = -errno;
        if (fd >= 0)
            close(fd);
    }
    return err;
}

static sl_err open_file(sl_dead_letter *d, bool fresh)
{
    char path[PATH_MAX];

    if (d->number < d->turned)
        d->number = d->turned;
    if (fresh || d->number == d->turned)
        d->number++;
    file_path(d, d->number, path);
    if (d->fd >= 0)
        close(d->fd);
    d->size = 0;
    d->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->fd < 0)
        return -errno;
    return trim(d);
}

/* Somebody has taken the file away: what is written into it would be gone. */
static bool is_deleted(const sl_dead_letter *d)
{
    struct stat st;

    return d->fd >= 0 && (fstat(d->fd, &st) || st.st_nlink == 0);
}

/* Afterwards d->fd takes `bytes` more. */
static sl_err make_ready(sl_dead_letter *d, uint64_t bytes)
{
    bool first = !d->known || is_deleted(d);
    sl_err err;

    if (first && d->fd >= 0) {
        close(d->fd);
        d->fd = -1;
    }
    err = first ? look_around(d) : 0;

    if (err)
        return err;
    if (d->held + bytes > d->max_bytes) {
        d->known = false; /* somebody may take something away: look again the next time */
        return SL_E_FULL;
    }
    if (d->fd < 0)
        err = open_file(d, false);
    if (!err && d->size > 0 && d->size + bytes > FILE_BYTES)
        err = open_file(d, true);
    return err || d->size > 0 ? err : sync_folder(d, first);
}

static sl_err append(sl_dead_letter *d, sl_slice text)
{
    size_t done = 0;

    while (done < text.len) {
        ssize_t n = write(d->fd, text.ptr + done, text.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : UV_EIO;
        done += (size_t)n;
    }
    return fdatasync(d->fd) ? -errno : 0;
}

/* What was written in part is cut off again; if that fails, the next opening does it. */
static void let_go(sl_dead_letter *d)
{
    if (d->fd >= 0) {
        (void)!ftruncate(d->fd, (off_t)d->size);
        close(d->fd);
    }
    d->fd = -1;
    d->known = false;
}

static void look_anew(sl_dead_letter *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
    d->known = false;
}

/* Without a folder there is no file, and none is made. */
static sl_err turn(sl_dead_letter *d)
{
    char path[PATH_MAX];
    sl_err err;

    look_anew(d);
    sl_dead_letter_path(d->dir, d->output, path);
    err = look_into(d, path);
    if (!err && d->number > d->turned)
        d->turned = d->number;
    return err == UV_ENOENT ? 0 : err;
}

static void write_out(sl_dead_letter *d)
{
    sl_slice text = sl_buf_slice(&d->out->text);
    sl_err err = make_ready(d, text.len);

    if (!err)
        err = append(d, text);
    d->out->err = err;
    if (err && err != SL_E_FULL) {
        let_go(d);
    } else if (!err) {
        d->size += text.len;
        d->held += text.len;
    }
}

static void on_work(sl_job *job)
{
    sl_dead_letter *d = SL_CONTAINER_OF(job, sl_dead_letter, job);

    if (d->out->kind == SL_DEAD_WRITE)
        write_out(d);
    else if (d->out->kind == SL_DEAD_TURN)
        d->out->err = turn(d);
    else
        look_anew(d);
}

/* --- on the loop --- */

static void on_done(sl_job *job);

static void start_next(sl_dead_letter *d)
{
    if (d->out || sl_list_is_empty(&d->waiting))
        return;
    d->out = SL_CONTAINER_OF(d->waiting.next, sl_dead_job, link);
    sl_list_remove(&d->out->link);
    sl_pool_run(d->loop, &d->job, on_work, on_done);
}

static void on_done(sl_job *job)
{
    sl_dead_letter *d = SL_CONTAINER_OF(job, sl_dead_letter, job);
    sl_dead_job *done = d->out;

    d->out = NULL;
    start_next(d);
    done->done(done); /* d may be gone after this */
}

void sl_dead_letter_write(sl_dead_letter *d, sl_dead_job *job)
{
    job->err = 0;
    sl_list_append(&d->waiting, &job->link);
    start_next(d);
}
