/* trust.c - see trust.h. */
#include "control/trust.h"
#include "control/nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum { FOLDER_ABOVE, FOLDER_OF_FILE, FILE_ITSELF } where;

/* A path on the way down. */
typedef struct walk {
    sl_store *store;
    const char *path;
    int fd; /* of what was judged last */
} walk;

/* Others can write it, and that matters there. */
static bool is_open_to_others(const struct stat *st, where rank)
{
    return (st->st_mode & 022) && !(rank == FOLDER_ABOVE && (st->st_mode & S_ISVTX));
}

/* shown    its path
 * returns  NULL: it may be trusted */
static const char *judge(sl_store *s, const struct stat *st, where rank, sl_slice shown)
{
    int len = (int)shown.len;

    if (S_ISLNK(st->st_mode))
        return sl_store_format(s, "%.*s is a symbolic link: write the path that it leads to", len,
                               shown.ptr);
    if (rank == FILE_ITSELF ? !S_ISREG(st->st_mode) : !S_ISDIR(st->st_mode))
        return sl_store_format(s, "%.*s is not a %s", len, shown.ptr,
                               rank == FILE_ITSELF ? "regular file" : "folder");
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return sl_store_format(
            s, "%.*s belongs to user %u, who could change what is loaded: chown root %.*s", len,
            shown.ptr, (unsigned)st->st_uid, len, shown.ptr);
    if (is_open_to_others(st, rank))
        return sl_store_format(
            s, "%.*s can be written by others, who could change what is loaded: chmod go-w %.*s",
            len, shown.ptr, len, shown.ptr);
    return NULL;
}

/* Opens `name` in the folder that w is in, and goes there. */
static const char *step(walk *w, const char *name, where rank, sl_slice shown)
{
    int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st = {0};
    sl_err err = fd < 0 || fstat(fd, &st) ? -errno : 0;

    if (w->fd >= 0)
        close(w->fd);
    w->fd = fd;
    return err ? sl_store_format(w->store, "cannot open %.*s: %s", (int)shown.len, shown.ptr,
                                 sl_strerror(err))
               : judge(w->store, &st, rank, shown);
}

static const char *step_down(walk *w, sl_slice part, sl_slice rest)
{
    sl_slice shown = {w->path, (size_t)(part.ptr + part.len - w->path)};
    where rank = !rest.ptr                          ? FILE_ITSELF
                 : !memchr(rest.ptr, '/', rest.len) ? FOLDER_OF_FILE
                                                    : FOLDER_ABOVE;
    char *name = sl_strndup(part.ptr, part.len);
    const char *why;

    if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
        why = "write its path without \"//\", \".\" and \"..\"";
    else
        why = step(w, name, rank, shown);
    free(name);
    return why;
}

const char *sl_trust_open(sl_store *s, const char *path, int *fd)
{
    walk w = {s, path, -1};
    sl_slice rest = sl_str(path), part;
    const char *why;

    *fd = -1;
    if (*path != '/')
        return "is not an absolute path: write it from the root on, \"/...\"";
    rest = sl_slice_from(rest, 1);
    why = step(&w, "/", strchr(path + 1, '/') ? FOLDER_ABOVE : FOLDER_OF_FILE, (sl_slice){path, 1});
    while (!why && sl_next_part(&rest, '/', &part))
        why = step_down(&w, part, rest);
    if (!why)
        *fd = w.fd;
    else if (w.fd >= 0)
        close(w.fd);
    return why;
}
