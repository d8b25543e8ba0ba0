/* test_entries.c - a folder is seen as it was at one moment, whatever happens in it meanwhile. What
 * happens, happens between readdir() and the look at an entry: in the question whether it is wanted. */
#include "read/entries.h"
#include "unit.h"

#include <fcntl.h>

static const struct scene {
    int rotations; /* while it is read */
    bool still;
    bool misses;
} scenes[] = {
    {.rotations = 0, .still = true},
    {.rotations = 0},
    {.rotations = 1, .still = true},
    {.rotations = 1},
    {.rotations = 2},
    {.rotations = 100, .still = true, .misses = true},
};

static int at; /* the folder */

static void make(const char *file)
{
    int fd = openat(at, file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

/* As the kubelet does it. */
static void rotate(int n)
{
    char old[32];

    snprintf(old, sizeof old, "0.log.%d", n);
    ck_assert_int_eq(renameat(at, "0.log", at, old), 0);
    make("0.log");
}

static bool takes(void *arg, const char *file)
{
    int *left = arg;

    if (strncmp(file, "0.log", 5) != 0)
        return false;
    if (!strcmp(file, "0.log") && *left > 0)
        rotate((*left)--);
    return true;
}

static bool has(const sl_entries *e, const char *file)
{
    sl_seen seen;
    bool found = false;

    ck_assert_int_eq(sl_seen_of(at, file, &seen), 0);
    for (size_t i = 0; i < e->count; i++)
        found = found ||
                (!strcmp(e->items[i].file, file) && sl_key_eq(&e->items[i].seen.key, &seen.key));
    return found;
}

static void has_all(const sl_entries *e, int rotations)
{
    char old[32];

    ck_assert_uint_eq(e->count, 1 + (unsigned)rotations);
    ck_assert(has(e, "0.log"));
    for (int n = 1; n <= rotations; n++) {
        snprintf(old, sizeof old, "0.log.%d", n);
        ck_assert(has(e, old));
    }
}

START_TEST(is_of_one_moment)
{
    const struct scene *s = &scenes[_i];
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    int left = s->rotations;
    sl_entries e = {0};
    char root[64];
    DIR *dir;

    sl_scratch(root);
    dir = opendir(root);
    ck_assert_ptr_nonnull(dir);
    at = dirfd(dir);
    make("0.log");
    make("other");
    ck_assert_int_eq(futimens(at, long_ago), 0);
    sl_entries_read(&e, dir, s->still, takes, &left);
    ck_assert_int_eq(e.missed, s->misses);
    if (!s->misses)
        has_all(&e, s->rotations);
    sl_entries_fini(&e);
    closedir(dir);
    sl_scratch_gone(root);
}
END_TEST

SL_UNIT(SL_ROWS(is_of_one_moment, scenes))
