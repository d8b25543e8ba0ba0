/* faults.c - what a sick node does to the agent: a library that is loaded before libc (LD_PRELOAD), and
 * lets the calls fail that faults.py asks for, while the agent runs.
 *
 * The rules lie in a file that both sides have mapped; SLUICE_FAULTS names it. A rule is about one kind
 * of call on the paths that its pattern fits, and counts how often it was at work: so a test can tell
 * that its fault was there. All real calls are made by their numbers, so nothing is looked up.
 *
 * Place    tests/e2e; faults.py writes the rules
 * Thread   any: a rule is written before it is switched on, its counters are atomic
 * Limits   RULES rules; the calls that the agent makes, and no others */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 16, PATTERN = 208 };

/* faults.py has the same numbers. */
enum call { NONE, OPEN, READ, WRITE, SYNC, RENAME, LINK, CUT, WATCH, CLOCK };
enum act { FAIL = 1, SHORT, WAIT, KILL, OVERFLOW, STEP };

struct rule {
    _Atomic int32_t on;
    int32_t call, act;
    int32_t reserved;
    int64_t value;        /* FAIL: errno; SHORT: bytes; WAIT: ms; STEP: ns */
    _Atomic int64_t skip; /* so many go well first */
    _Atomic int64_t hits;
    int64_t most; /* hits; then it is over; 0: no end */
    char pattern[PATTERN];
};
_Static_assert(sizeof(struct rule) == 256, "as faults.py packs it");

static struct rule *rules; /* NULL: no faults at all */

__attribute__((constructor)) static void map_rules(void)
{
    const char *path = getenv("SLUICE_FAULTS");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    void *at;

    if (fd < 0)
        return;
    at = mmap(NULL, RULES * sizeof *rules, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (at != MAP_FAILED)
        rules = at;
}

/* --- which rule --- */

static bool is_asked(enum call call)
{
    for (int i = 0; rules && i < RULES; i++) {
        if (rules[i].on && rules[i].call == (int32_t)call)
            return true;
    }
    return false;
}

static bool takes_its_turn(struct rule *r)
{
    if (atomic_load(&r->skip) > 0 && atomic_fetch_sub(&r->skip, 1) > 0)
        return false;
    if (atomic_fetch_add(&r->hits, 1) < r->most || r->most == 0)
        return true;
    atomic_fetch_sub(&r->hits, 1);
    return false;
}

/* Waits and deaths happen here; whatever else it is, the caller does. */
static struct rule *rule_for(enum call call, const char *path)
{
    for (int i = 0; i < RULES; i++) {
        struct rule *r = &rules[i];

        if (!r->on || r->call != (int32_t)call || fnmatch(r->pattern, path, 0) ||
            !takes_its_turn(r))
            continue;
        if (r->act == KILL)
            syscall(SYS_kill, getpid(), SIGKILL);
        if (r->act != WAIT)
            return r;
        nanosleep(&(struct timespec){r->value / 1000, r->value % 1000 * 1000000}, NULL);
    }
    return NULL;
}

static void path_of(int fd, char *path)
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = '\0';
}

static struct rule *rule_of_fd(enum call call, int fd)
{
    char path[PATH_MAX];
    int saved = errno;
    struct rule *r;

    if (!is_asked(call))
        return NULL;
    path_of(fd, path);
    r = rule_for(call, path);
    errno = saved;
    return r;
}

static struct rule *rule_of_name(enum call call, int dir, const char *name)
{
    char path[2 * PATH_MAX];
    struct rule *r;

    if (!is_asked(call))
        return NULL;
    path[0] = '\0';
    if (*name != '/' && dir != AT_FDCWD) {
        path_of(dir, path);
        strcat(path, "/");
    }
    strncat(path, name, PATH_MAX - 1);
    r = rule_for(call, path);
    return r;
}

/* --- what happens: -1 with errno, if it fails --- */

static bool fails(const struct rule *r)
{
    if (!r || r->act != FAIL)
        return false;
    errno = (int)r->value;
    return true;
}

static size_t cut(const struct rule *r, size_t len)
{
    return r && r->act == SHORT && (size_t)r->value < len ? (size_t)r->value : len;
}

/* All that the kernel has for us, if it has anything, is thrown away, and one event says so. */
static ssize_t overflow(int fd, char *out, size_t len)
{
    struct inotify_event event = {.wd = -1, .mask = IN_Q_OVERFLOW};
    char scrap[65536];
    ssize_t n = syscall(SYS_read, fd, scrap, sizeof scrap);

    if (n <= 0 || len < sizeof event)
        return n;
    while (syscall(SYS_read, fd, scrap, sizeof scrap) > 0)
        continue;
    memcpy(out, &event, sizeof event);
    return sizeof event;
}

/* --- libc's names --- */

int openat(int dir, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list more;

    va_start(more, flags);
    if (flags & (O_CREAT | O_TMPFILE))
        mode = va_arg(more, mode_t);
    va_end(more);
    if (fails(rule_of_name(OPEN, dir, path)))
        return -1;
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list more;

    va_start(more, flags);
    if (flags & (O_CREAT | O_TMPFILE))
        mode = va_arg(more, mode_t);
    va_end(more);
    return openat(AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *out, size_t len)
{
    struct rule *r = rule_of_fd(READ, fd);

    if (fails(r))
        return -1;
    if (r && r->act == OVERFLOW)
        return overflow(fd, out, len);
    return syscall(SYS_read, fd, out, cut(r, len));
}

ssize_t pread(int fd, void *out, size_t len, off_t at)
{
    struct rule *r = rule_of_fd(READ, fd);

    return fails(r) ? -1 : syscall(SYS_pread64, fd, out, cut(r, len), at);
}

ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t at, int flags)
{
    struct rule *r = rule_of_fd(READ, fd);
    struct iovec first = {iov->iov_base, cut(r, iov->iov_len)};

    if (fails(r))
        return -1;
    if (first.iov_len != iov->iov_len)
        return syscall(SYS_preadv2, fd, &first, 1, at, 0, flags);
    return syscall(SYS_preadv2, fd, iov, count, at, 0, flags);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    struct rule *r = rule_of_fd(WRITE, fd);

    return fails(r) ? -1 : syscall(SYS_write, fd, bytes, cut(r, len));
}

int fsync(int fd)
{
    return fails(rule_of_fd(SYNC, fd)) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(rule_of_fd(SYNC, fd)) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t len)
{
    return fails(rule_of_fd(CUT, fd)) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int renameat(int from_dir, const char *from, int dir, const char *name)
{
    if (fails(rule_of_name(RENAME, dir, name)))
        return -1;
    return (int)syscall(SYS_renameat2, from_dir, from, dir, name, 0);
}

int rename(const char *from, const char *name)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, name);
}

int linkat(int from_dir, const char *from, int dir, const char *name, int flags)
{
    if (fails(rule_of_name(LINK, dir, name)))
        return -1;
    return (int)syscall(SYS_linkat, from_dir, from, dir, name, flags);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    if (fails(rule_of_name(WATCH, AT_FDCWD, path)))
        return -1;
    return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

/* Only the wall clock jumps: the other one does not, on any node. */
int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);
    struct rule *r =
        result == 0 && id == CLOCK_REALTIME && is_asked(CLOCK) ? rule_for(CLOCK, "") : NULL;

    if (r && r->act == STEP) {
        int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + r->value;

        *now = (struct timespec){ns / INT64_C(1000000000), ns % INT64_C(1000000000)};
    }
    return result;
}
