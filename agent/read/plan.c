/* plan.c - see plan.h. */
#include "read/plan.h"

#include "read/discover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

/* For folders and the checkpoint; an output of 64 files; the admin's two doors of 64 visitors each. */
#define SPARE_FDS (24 + 64 + 2 * 64)

void sl_plan_init(sl_plan *p)
{
    struct rlimit files;
    int all, spare;

    sl_list_init(&p->open);
    p->max_fd = INT_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= INT_MAX)
        return;
    all = (int)files.rlim_cur;
    spare = SPARE_FDS < all / 2 ? SPARE_FDS : all / 2; /* of few, the files get half */
    p->max_fd = all - spare;
}

/* --- giving back --- */

bool sl_plan_peek(const sl_generation *g, uint64_t *size, int64_t *written_ns)
{
    char path[PATH_MAX];
    struct statx st;
    sl_key key;

    sl_generation_body_path(g, path);
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_SYNC_AS_STAT,
              STATX_BASIC_STATS | STATX_BTIME, &st))
        return false;
    *size = st.stx_size;
    *written_ns = sl_statx_ns(st.stx_mtime);
    key = sl_key_from(&st);
    return sl_key_eq(&key, &g->key);
}

bool sl_plan_is_undisturbed(const sl_generation *g)
{
    int64_t written_ns;
    uint64_t size;

    if (g->stirred || !sl_plan_peek(g, &size, &written_ns))
        return false;
    return g->packed || (size == g->size && written_ns == g->rested_ns);
}

/* Its path names it at this moment; what becomes of it later is seen in its folder. */
static bool may_rest(const sl_generation *g)
{
    int64_t written_ns;
    uint64_t size;

    return g->body == SL_BODY_OPEN && g->linked && g->key.ino &&
           sl_plan_peek(g, &size, &written_ns);
}

void sl_plan_put(sl_generation *g)
{
    struct stat st;

    sl_generation_look_up_name(g);
    SL_ASSERT(fstat(g->fd, &st) == 0);
    g->rested_ns = sl_timespec_ns(st.st_mtim);
    if (!g->packed &&
        (uint64_t)st.st_size > g->size) { /* that is what is lost if it is gone when it is read */
        g->size = (uint64_t)st.st_size;
        g->still_since_ms = 0;
    }
    sl_list_remove(&g->recent);
    close(g->fd);
    g->fd = -1;
    g->body = SL_BODY_RESTING;
}

static void say_once(sl_plan *p)
{
    if (p->said)
        return;
    p->said = true;
    sl_logf(p->log, SL_LOG_WARN,
            "there are more log files than descriptors: those that were not read for the longest "
            "time are closed, and opened again by their paths; raise the hard limit of open files "
            "(LimitNOFILE, ulimit -Hn)");
}

bool sl_plan_make_room(sl_plan *p)
{
    while (!sl_list_is_empty(&p->open)) {
        sl_generation *g = SL_CONTAINER_OF(p->open.next, sl_generation, recent);

        sl_list_remove(&g->recent);
        if (!may_rest(g))
            continue; /* it is in the list again when it is read */
        say_once(p);
        sl_plan_put(g);
        return true;
    }
    return p->last_resort && p->last_resort(p->arg);
}

/* --- opening --- */

/* There was no descriptor for it, and there may be one now. */
static bool may_try_again(sl_plan *p, int *fd)
{
    if (*fd > p->max_fd) {
        close(*fd);
        *fd = UV_EMFILE;
    }
    return (*fd == UV_EMFILE || *fd == UV_ENFILE) && sl_plan_make_room(p);
}

int sl_plan_open(sl_plan *p, int folder, const char *file)
{
    int fd;

    do {
        fd = openat(folder, file, SL_OPEN_FLAGS);
        fd = fd < 0 ? -errno : fd;
    } while (may_try_again(p, &fd));
    return fd;
}

/* What its path names now, be it g or not. */
static int open_path(const sl_generation *g)
{
    char path[PATH_MAX];

    sl_generation_body_path(g, path);
    return sl_discover_open(g->source->pod->discover, path);
}

void sl_plan_used(sl_plan *p, sl_generation *g)
{
    if (g->body != SL_BODY_OPEN)
        return;
    sl_list_remove(&g->recent);
    sl_list_append(&p->open, &g->recent);
}

/* The descriptor is g's file. */
static bool is_file_of(const sl_generation *g, int fd)
{
    uint64_t size;
    sl_key key;
    mode_t mode;

    return !sl_key_of(fd, "", &key, &size, &mode) && sl_key_eq(&key, &g->key);
}

sl_err sl_plan_wake(sl_plan *p, sl_generation *g)
{
    int fd;

    do
        fd = open_path(g);
    while (may_try_again(p, &fd));
    if (fd < 0 && fd != UV_ENOENT && fd != UV_ELOOP && fd != UV_ENOTDIR && fd != UV_EXDEV)
        return fd;
    if (fd >= 0 && is_file_of(g, fd)) {
        g->stirred = true;
        g->fd = fd;
        g->body = SL_BODY_OPEN;
        sl_plan_used(p, g);
        return 0;
    }
    if (fd >= 0)
        close(fd);
    g->body = SL_BODY_SOUGHT;
    g->gone_reason = SL_LOST_VANISHED;
    sl_discover_look(g->source->pod->discover, g->source);
    return UV_ENOENT;
}

int sl_plan_borrow(const sl_generation *g)
{
    int fd = open_path(g);

    if (fd >= 0 && is_file_of(g, fd))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
