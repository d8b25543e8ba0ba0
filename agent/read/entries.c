/* entries.c - see entries.h. */
#include "read/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define READINGS 5 /* at most */

sl_err sl_seen_of(int folder, const char *file, sl_seen *seen)
{
    struct statx st;

    if (statx(folder, file, AT_SYMLINK_NOFOLLOW | AT_STATX_SYNC_AS_STAT,
              STATX_BASIC_STATS | STATX_BTIME, &st))
        return -errno;
    *seen = (sl_seen){.key = sl_key_from(&st),
                      .size = st.stx_size,
                      .mode = st.stx_mode,
                      .written_ns = sl_statx_ns(st.stx_mtime)};
    return 0;
}

static sl_entry *add(sl_entries *e)
{
    if (e->count == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 4;
        e->items = sl_realloc(e->items, e->cap * sizeof *e->items);
    }
    return &e->items[e->count++];
}

static void read_once(sl_entries *e, DIR *dir, bool (*takes)(void *arg, const char *file),
                      void *arg)
{
    struct dirent *entry;

    e->count = 0;
    e->missed = false;
    rewinddir(dir);
    while ((entry = readdir(dir))) {
        sl_entry *item;

        if (!takes(arg, entry->d_name))
            continue;
        item = add(e);
        snprintf(item->file, sizeof item->file, "%s", entry->d_name);
        if (!sl_seen_of(dirfd(dir), item->file, &item->seen))
            continue;
        e->count--;
        e->missed = true; /* it went, or has another name by now */
    }
}

static bool agree(const sl_entries *a, const sl_entries *b)
{
    if (a->missed || b->missed || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i].file, b->items[i].file) != 0 ||
            !sl_key_eq(&a->items[i].seen.key, &b->items[i].seen.key))
            return false;
    }
    return true;
}

static struct timespec changed_at(DIR *dir)
{
    struct stat st;

    SL_ASSERT(fstat(dirfd(dir), &st) == 0);
    return st.st_mtim;
}

void sl_entries_read(sl_entries *e, DIR *dir, bool still,
                     bool (*takes)(void *arg, const char *file), void *arg)
{
    struct timespec before = changed_at(dir), after;
    sl_entries last = {0};
    bool certain;

    read_once(e, dir, takes, arg);
    after = changed_at(dir);
    certain =
        still && !e->missed && before.tv_sec == after.tv_sec && before.tv_nsec == after.tv_nsec;
    for (int i = 1; i < READINGS && !certain; i++) {
        sl_entries other = last;

        last = *e;
        *e = other;
        read_once(e, dir, takes, arg);
        certain = agree(&last, e);
    }
    e->missed = !certain;
    sl_entries_fini(&last);
}

void sl_entries_fini(sl_entries *e)
{
    free(e->items);
    *e = (sl_entries){0};
}
