/* test_links.c - where a path may lead: with openat2(), and with the walk that takes its place. */
#include "read/links.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <uv.h>

/* The tree of each test: roots R/a and R/b; R/out is outside. */
static const struct {
    const char *link, *target; /* below R; a target may begin with R itself */
} links[] = {
    {"a/near", "file"},
    {"a/up", "../b/file"},
    {"a/absolute", "R/b/file"},
    {"a/outside", "../out/file"},
    {"a/outside2", "R/out/file"},
    {"a/folder", "R/b"},
    {"a/folder-out", "../out"},
    {"a/twice", "folder/file"},
    {"a/loop", "loop"},
    {"a/ping", "pong"},
    {"a/pong", "ping"},
    {"a/nowhere", "R/b/nothing"},
    {"a/magic", "/proc/self/fd/0"},
    {"b/back", "../a/../b/./file"},
    {"b/too-far", "../../../../../../../../../etc/passwd"},
    {"b/via", "../a/outside"},
};

static const struct {
    const char *path; /* below R */
    const char *real; /* below R; NULL: refused */
    sl_err err;
} rows[] = {
    {"a/file", "a/file", 0},
    {"a//./file", "a/file", 0},
    {"a/near", "a/file", 0},
    {"a/up", "b/file", 0},
    {"a/absolute", "b/file", 0},
    {"a/folder/file", "b/file", 0},
    {"a/twice", "b/file", 0},
    {"a/folder", "b", 0},
    {"b/back", "b/file", 0},
    {"a", "a", 0},
    {"a/outside", NULL, UV_EXDEV},
    {"a/outside2", NULL, UV_EXDEV},
    {"a/folder-out/file", NULL, UV_EXDEV},
    {"a/../out/file", NULL, UV_EXDEV},
    {"a/magic", NULL, UV_EXDEV},
    {"b/too-far", NULL, UV_EXDEV},
    {"b/via", NULL, UV_EXDEV},
    {"out/file", NULL, UV_EXDEV},
    {"a-not/file", NULL, UV_EXDEV},
    {"a/loop", NULL, UV_ELOOP},
    {"a/ping", NULL, UV_ELOOP},
    {"a/nowhere", NULL, UV_ENOENT},
    {"a/file/x", NULL, UV_ENOTDIR},
};

static char root[64];

static void touch(const char *name)
{
    char *path = sl_format("%s/%s", root, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, name, 1), 1);
    close(fd);
    free(path);
}

static void make_tree(void)
{
    static const char *const folders[] = {"a", "b", "out", "a-not"};

    sl_scratch(root);
    for (size_t i = 0; i < SL_COUNT_OF(folders); i++) {
        char *path = sl_format("%s/%s", root, folders[i]), *file = sl_format("%s/file", folders[i]);

        ck_assert_int_eq(mkdir(path, 0700), 0);
        touch(file);
        free(path);
        free(file);
    }
    for (size_t i = 0; i < SL_COUNT_OF(links); i++) {
        const char *target = links[i].target;
        char *path = sl_format("%s/%s", root, links[i].link);
        char *to = *target == 'R' ? sl_format("%s%s", root, target + 1) : sl_strdup(target);

        ck_assert_int_eq(symlink(to, path), 0);
        free(path);
        free(to);
    }
}

static void check_row(int i, bool walks)
{
    char *path = sl_format("%s/%s", root, rows[i].path), real[PATH_MAX];
    char *a = sl_format("%s/a/", root), *b = sl_format("%s/b", root);
    const char *roots[] = {a, b};
    sl_links l = {.roots = roots, .count = 2, .walks = walks};
    struct stat st;
    sl_err err = sl_links_resolve(&l, path, real, &st);
    int fd = sl_links_open(&l, path, O_RDONLY | O_NONBLOCK);

    ck_assert_msg(err == rows[i].err, "%s: %d", rows[i].path, err);
    ck_assert_msg(err ? fd == err : fd >= 0, "%s: %d", rows[i].path, fd);
    if (!err)
        ck_assert_str_eq(real + strlen(root) + 1, rows[i].real);
    if (fd >= 0)
        close(fd);
    free(path);
    free(a);
    free(b);
}

START_TEST(leads_nowhere_else)
{
    make_tree();
    check_row(_i, false);
    check_row(_i, true);
    sl_scratch_gone(root);
}
END_TEST

START_TEST(too_many_links_are_a_circle)
{
    char *b, last[PATH_MAX] = "file", real[PATH_MAX];
    struct stat st;
    const char *roots[1];
    sl_links l = {.roots = roots, .count = 1};

    make_tree();
    roots[0] = b = sl_format("%s/b", root);
    for (int i = 0; i < SL_LINKS_MAX + 1; i++) {
        char *path = sl_format("%s/b/l%d", root, i);

        ck_assert_int_eq(symlink(last, path), 0);
        snprintf(last, sizeof last, "%s", path);
        ck_assert_int_eq(sl_links_resolve(&l, path, real, &st), i < SL_LINKS_MAX ? 0 : UV_ELOOP);
        free(path);
    }
    free(b);
    sl_scratch_gone(root);
}
END_TEST

SL_UNIT(SL_ROWS(leads_nowhere_else, rows), SL_ONE(too_many_links_are_a_circle))
