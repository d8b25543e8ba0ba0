/* dead_files.c - see dead_files.h. */
#include "ship/dead_files.h"

#include "ship/dead_letter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- finding --- */

static int is_file(const struct dirent *entry)
{
    return sl_dead_letter_is_file(entry->d_name);
}

static int is_folder(const struct dirent *entry)
{
    return *entry->d_name != '.';
}

static size_t find(const char *folder, int (*wanted)(const struct dirent *), bool whole_path,
                   char ***names)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, wanted, alphasort);

    *names = NULL;
    if (count < 0)
        return 0;
    *names = sl_alloc(((size_t)count + 1) * sizeof **names);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        (*names)[i] = whole_path ? sl_format("%s/%s", folder, name) : sl_strdup(name);
        free(entries[i]);
    }
    free(entries);
    return (size_t)count;
}

size_t sl_dead_files_find(const char *dir, const char *output, char ***paths)
{
    char folder[PATH_MAX];

    sl_dead_letter_path(dir, output, folder);
    return find(folder, is_file, true, paths);
}

size_t sl_dead_files_outputs(const char *dir, char ***names)
{
    char *folder = sl_format("%s/" SL_DEAD_FOLDER, dir);
    size_t count = find(folder, is_folder, false, names);

    free(folder);
    return count;
}

void sl_dead_files_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}

/* --- reading --- */

static sl_err read_all(int fd, sl_buf *out)
{
    ssize_t n;

    do {
        sl_buf_reserve(out, 1 << 16);
        n = read(fd, out->ptr + out->len, out->cap - out->len);
        if (n > 0)
            out->len += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n < 0 ? -errno : 0;
}

static void cut(sl_dead_file *f)
{
    const char *at = f->text.ptr, *end = at + f->text.len, *newline;
    size_t cap = 0;

    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        if (f->count == cap) {
            cap = cap ? cap * 2 : 64;
            f->lines = sl_realloc(f->lines, cap * sizeof *f->lines);
        }
        f->lines[f->count++] = (sl_slice){at, (size_t)(newline - at)};
        at = newline + 1;
    }
}

sl_err sl_dead_file_read(const char *path, sl_dead_file *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    sl_err err;

    *f = (sl_dead_file){0};
    if (fd < 0)
        return -errno;
    f->path = sl_strdup(path);
    err = read_all(fd, &f->text);
    close(fd);
    if (err)
        sl_dead_file_fini(f);
    else
        cut(f);
    return err;
}

void sl_dead_file_fini(sl_dead_file *f)
{
    free(f->path);
    free(f->lines);
    sl_buf_fini(&f->text);
    *f = (sl_dead_file){0};
}

/* --- taking away --- */

static sl_err sync_folder_of(const char *path)
{
    char *folder = sl_strndup(path, (size_t)(strrchr(path, '/') - path));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sl_err err = fd < 0 || fsync(fd) ? -errno : 0;

    if (fd >= 0)
        close(fd);
    free(folder);
    return err;
}

/* Who calls this may not be who the agent runs as: the file stays its owner's. */
static sl_err write_aside(const sl_dead_file *f, const char *aside, sl_slice text)
{
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    sl_err err;

    if (fd < 0)
        return -errno;
    err = sl_write_all(fd, text);
    if (!err && (stat(f->path, &st) || fchown(fd, st.st_uid, st.st_gid) || fsync(fd)))
        err = -errno;
    close(fd);
    return err;
}

sl_err sl_dead_file_sweep(const sl_dead_file *f, bool (*keeps)(void *arg, size_t line), void *arg)
{
    char *aside = sl_format("%s.tmp", f->path);
    sl_buf kept = {0};
    sl_err err = 0;

    for (size_t i = 0; i < f->count; i++) {
        if (keeps(arg, i))
            sl_buf_add(&kept, f->lines[i].ptr, f->lines[i].len + 1);
    }
    if (kept.len == 0 && unlink(f->path))
        err = -errno;
    if (kept.len > 0) {
        err = write_aside(f, aside, sl_buf_slice(&kept));
        if (!err && rename(aside, f->path))
            err = -errno;
        if (err)
            (void)unlink(aside);
    }
    if (!err)
        err = sync_folder_of(f->path);
    sl_buf_fini(&kept);
    free(aside);
    return err;
}
