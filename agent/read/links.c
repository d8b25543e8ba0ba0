/* links.c - see links.h. */
#include "read/links.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

/* --- paths as texts --- */

/* Without empty parts, "." and "..": what stands before ".." is known not to be a link. */
static sl_err tidy(char *path)
{
    char *out = path, *p = path;

    while (*p) {
        size_t len;

        while (*p == '/')
            p++;
        len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.') {
            while (out > path && *--out != '/')
                ;
        } else if (len > 0 && !(len == 1 && *p == '.')) {
            *out++ = '/';
            memmove(out, p, len);
            out += len;
        }
        p += len;
    }
    *out = '\0';
    return out == path ? UV_EXDEV : 0; /* the root of all */
}

/* What of `path` lies below that root; NULL: it does not. */
static const char *below(const char *path, const char *root)
{
    size_t len = strlen(root);

    while (len > 0 && root[len - 1] == '/')
        len--;
    if (strncmp(path, root, len) != 0 || (path[len] && path[len] != '/'))
        return NULL;
    return path[len] ? path + len + 1 : ".";
}

/* The deepest root that `path` lies below, and the rest of the path. */
static const char *find_root(const sl_links *l, const char *path, const char **rest)
{
    const char *root = NULL;

    *rest = NULL;
    for (size_t i = 0; i < l->count; i++) {
        const char *part = below(path, l->roots[i]);

        if (part && (!root || strlen(l->roots[i]) > strlen(root))) {
            root = l->roots[i];
            *rest = part;
        }
    }
    return root;
}

/* --- one path without links --- */

/* Goes down part by part. *done: the bytes of `rest` up to and with the link that stopped it. */
static int walk(int root, const char *rest, int flags, size_t *done)
{
    int fd = root;

    *done = 0;
    while (fd >= 0 && rest[*done]) {
        const char *part = rest + *done;
        size_t len = strcspn(part, "/");
        bool last = !part[len];
        char name[NAME_MAX + 1];
        struct stat st;
        int next;

        if (len > NAME_MAX)
            next = -ENAMETOOLONG;
        else {
            snprintf(name, sizeof name, "%.*s", (int)len, part);
            next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
            next = next < 0 ? -errno : next;
        }
        if (next >= 0 && !fstat(next, &st) && S_ISLNK(st.st_mode)) {
            close(next);
            next = UV_ELOOP;
            *done += len;
        } else if (next >= 0 && last && !(flags & O_PATH)) {
            close(next);
            next = openat(fd, name, O_NOFOLLOW | O_CLOEXEC | flags);
            next = next < 0 ? -errno : next;
        }
        if (fd != root)
            close(fd);
        fd = next;
        if (fd >= 0)
            *done += len + !last;
    }
    return fd;
}

static int open_below(sl_links *l, int root, const char *rest, int flags)
{
    struct open_how how = {.flags = (unsigned)(O_CLOEXEC | flags),
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    size_t done;
    long fd;

    if (!l->walks) {
        fd = syscall(SYS_openat2, root, rest, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != ENOSYS && errno != EPERM)
            return -errno;
        l->walks = true; /* an old kernel, or a filter of system calls */
    }
    return walk(root, rest, flags, &done);
}

/* --- links --- */

/* `path`, whose first link ends at `rest` + done, becomes the path to which that leads. */
static sl_err follow(int root, char *path, const char *rest, size_t done)
{
    char target[PATH_MAX], name[PATH_MAX], next[2 * PATH_MAX];
    size_t before = (size_t)(rest - path) + done;
    ssize_t len;
    int n;

    snprintf(name, sizeof name, "%.*s", (int)done, rest);
    len = readlinkat(root, name, target, sizeof target - 1);
    if (len < 0)
        return -errno;
    target[len] = '\0';
    while (before > 0 && path[before - 1] != '/')
        before--; /* where the link lies */
    n = snprintf(next, sizeof next, "%.*s%s%s", *target == '/' ? 0 : (int)before, path, target,
                 rest + done);
    if (n < 0 || n >= PATH_MAX)
        return UV_ENAMETOOLONG;
    memcpy(path, next, (size_t)n + 1);
    return 0;
}

/* One step: opened, or `path` is what the next link says (UV_EAGAIN). */
static int step(sl_links *l, char *path, int flags)
{
    const char *rest, *root;
    size_t done;
    int fd, top;
    sl_err err = tidy(path);

    if (err)
        return err;
    root = find_root(l, path, &rest);
    if (!root)
        return UV_EXDEV;
    top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return -errno;
    fd = open_below(l, top, rest, flags);
    if (fd == UV_ELOOP) { /* the walk says where the link is */
        fd = walk(top, rest, O_PATH, &done);
        err = fd == UV_ELOOP ? follow(top, path, rest, done) : 0;
        if (fd >= 0)
            close(fd); /* it was one a moment ago */
        fd = err ? err : fd >= 0 || fd == UV_ELOOP ? UV_EAGAIN : fd;
    }
    close(top);
    return fd;
}

static int open_real(sl_links *l, const char *path, int flags, char *real)
{
    int fd = UV_EAGAIN;

    if (strlen(path) >= PATH_MAX)
        return UV_ENAMETOOLONG;
    strcpy(real, path);
    for (int i = 0; i <= SL_LINKS_MAX && fd == UV_EAGAIN; i++)
        fd = step(l, real, flags);
    return fd == UV_EAGAIN ? UV_ELOOP : fd;
}

sl_err sl_links_resolve(sl_links *l, const char *path, char *real, struct stat *st)
{
    int fd = open_real(l, path, O_PATH, real);
    sl_err err;

    if (fd < 0)
        return fd;
    err = fstat(fd, st) ? -errno : 0;
    close(fd);
    return err;
}

int sl_links_open(sl_links *l, const char *path, int flags)
{
    char real[PATH_MAX];

    return open_real(l, path, flags, real);
}
