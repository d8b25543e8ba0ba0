/* test_trust.c - which files may be loaded. Runs as whoever runs it: what belongs to us is right. */
#include "control/trust.h"
#include "unit.h"

#include <sys/stat.h>

/* In the scratch folder: d/x.so; modes of both, and the path that is asked for. */
static const struct {
    mode_t folder, file;
    const char *path; /* behind the scratch folder */
    const char *why;  /* some of it; NULL: it is opened */
} rows[] = {
    {0755, 0644, "/d/x.so", NULL},
    {0700, 0400, "/d/x.so", NULL},
    {0755, 0664, "/d/x.so", "can be written by others"},
    {0755, 0646, "/d/x.so", "can be written by others"},
    {0775, 0644, "/d/x.so", "can be written by others"},
    {0757, 0644, "/d/x.so", "can be written by others"},
    {01777, 0644, "/d/x.so", "can be written by others"}, /* sticky, but the file's own folder */
    {01777, 0644, "/d/e/y.so", NULL},                     /* further up it is like /tmp */
    {0777, 0644, "/d/e/y.so", "can be written by others"},
    {0755, 0644, "/d", "is not a regular file"},
    {0755, 0644, "/d/x.so/y", "is not a folder"},
    {0755, 0644, "/d/none", "no such file"},
    {0755, 0644, "/link/x.so", "/link is a symbolic link"},
    {0755, 0644, "/d/link.so", "/d/link.so is a symbolic link"},
    {0755, 0644, "/d/../d/x.so", "without \"//\""},
    {0755, 0644, "/d//x.so", "without \"//\""},
    {0755, 0644, "/d/./x.so", "without \"//\""},
    {0755, 0644, "/d/x.so/", "is not a folder"},
};

static void make(const char *folder, const char *name, mode_t mode, bool is_folder)
{
    char *path = sl_format("%s%s", folder, name);
    FILE *f = is_folder ? NULL : fopen(path, "w");

    if (is_folder)
        ck_assert_int_eq(mkdir(path, 0700), 0);
    else
        ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
    free(path);
}

static void make_link(const char *folder, const char *name, const char *to)
{
    char *path = sl_format("%s%s", folder, name);

    ck_assert_int_eq(symlink(to, path), 0);
    free(path);
}

START_TEST(trusts_what_others_cannot_change)
{
    char folder[64], *path;
    sl_store store = {0};
    const char *why;
    int fd;

    sl_scratch(folder);
    make(folder, "/d", 0755, true);
    make(folder, "/d/e", 0755, true);
    make(folder, "/d/e/y.so", 0644, false);
    make(folder, "/d/x.so", rows[_i].file, false);
    make_link(folder, "/d/link.so", "x.so");
    make_link(folder, "/link", "d");
    path = sl_format("%s/d", folder);
    ck_assert_int_eq(chmod(path, rows[_i].folder), 0);
    free(path);
    path = sl_format("%s%s", folder, rows[_i].path);
    why = sl_trust_open(&store, path, &fd);
    ck_assert_msg(!why == !rows[_i].why, "%s: %s", path, why ? why : "opened");
    ck_assert_msg(!why || strstr(why, rows[_i].why), "%s: %s", path, why);
    ck_assert_int_eq(fd >= 0, !why);
    if (fd >= 0)
        close(fd);
    free(path);
    sl_store_fini(&store);
    sl_scratch_gone(folder);
}
END_TEST

START_TEST(wants_an_absolute_path)
{
    sl_store store = {0};
    int fd;

    ck_assert_ptr_nonnull(sl_trust_open(&store, "x.so", &fd));
    ck_assert_ptr_nonnull(sl_trust_open(&store, "", &fd));
    ck_assert_ptr_nonnull(sl_trust_open(&store, "/", &fd));
    ck_assert_int_eq(fd, -1);
    sl_store_fini(&store);
}
END_TEST

SL_UNIT(SL_ROWS(trusts_what_others_cannot_change, rows), SL_ONE(wants_an_absolute_path))
