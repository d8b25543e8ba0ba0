/* lock.c - see lock.h.
 *
 * The kernel's lock is the truth; the text in the file only tells people who has it. So a text that
 * could not be written (a full disk) does not cost the lock, and the file is never removed: a second
 * agent would then lock another file of the same name. */
#include "ship/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* As `mkdir -p`. Path ends behind the folder that refused, if one does. */
static sl_err make_folders(char *path)
{
    for (char *end = path + (*path == '/');; end++) {
        char was = *end;

        if (was != '/' && was != '\0')
            continue;
        *end = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return -errno;
        *end = was;
        if (was == '\0')
            return 0;
    }
}

static void write_holder(int fd)
{
    char text[128], host[64] = "";
    int len;

    (void)gethostname(host, sizeof host - 1);
    len = snprintf(text, sizeof text, "pid %ld on %s\n", (long)getpid(), host);
    if (pwrite(fd, text, (size_t)len, 0) == len)
        (void)!ftruncate(fd, len);
}

/* The first line, as far as it can be shown on a terminal: anybody may have written it. */
static void read_holder(int fd, char *holder, size_t size)
{
    ssize_t n = pread(fd, holder, size - 1, 0);
    size_t len = 0;

    while (n > 0 && len < (size_t)n && holder[len] >= ' ' && holder[len] <= '~')
        len++;
    holder[len] = '\0';
    if (len == 0)
        snprintf(holder, size, "an unknown process");
}

/* fd   -1, or open even if somebody else holds the lock */
static sl_err open_and_lock(const char *path, int *fd)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? SL_E_BUSY : -errno;
}

sl_err sl_lock_take(sl_lock *l, const char *dir, char *holder, size_t holder_size)
{
    char *path = sl_strdup(dir);
    sl_err err = make_folders(path);

    l->fd = -1;
    if (!err) {
        free(path);
        path = sl_format("%s/lock", dir);
        err = open_and_lock(path, &l->fd);
    }
    if (!err)
        write_holder(l->fd);
    else if (err == SL_E_BUSY)
        read_holder(l->fd, holder, holder_size);
    else
        snprintf(holder, holder_size, "%s", path);
    if (err)
        sl_lock_release(l);
    free(path);
    return err;
}

void sl_lock_release(sl_lock *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}
