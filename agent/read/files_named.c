/* files_named.c - the sources of a folder by the names of their live files. See files_in.h. */
#include "read/files.h"

#include "read/files_in.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static int by_file(const void *a, const void *b)
{
    return strcmp((*(sl_source *const *)a)->file, (*(sl_source *const *)b)->file);
}

static void make_place(sl_dir *dir)
{
    if (dir->count < dir->cap)
        return;
    dir->cap = dir->cap ? dir->cap * 2 : 8;
    dir->by_file = sl_realloc(dir->by_file, dir->cap * sizeof *dir->by_file);
}

static void sort_sources(sl_dir *dir)
{
    dir->count = 0;
    SL_LIST_EACH(&dir->sources, link)
    {
        make_place(dir);
        dir->by_file[dir->count++] = sl_source_in_dir(link);
    }
    if (dir->count > 1)
        qsort(dir->by_file, dir->count, sizeof *dir->by_file, by_file);
    dir->sorted = true;
}

static int file_cmp(sl_slice key, const void *item)
{
    const char *file = (*(sl_source *const *)item)->file;
    int order = strncmp(key.ptr, file, key.len);

    return order ? order : -(int)(file[key.len] != '\0');
}

/* Of the first one that is not before that name. */
static size_t place_of(const sl_dir *dir, sl_slice file)
{
    size_t from = 0, to = dir->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (file_cmp(file, &dir->by_file[middle]) > 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

sl_source *sl_files_find(sl_dir *dir, const char *file, size_t len)
{
    size_t at;

    if (!dir->sorted)
        sort_sources(dir);
    at = place_of(dir, (sl_slice){file, len});
    return at < dir->count && file_cmp((sl_slice){file, len}, &dir->by_file[at]) == 0
               ? dir->by_file[at]
               : NULL;
}

void sl_files_insert(sl_dir *dir, sl_source *s)
{
    size_t at;

    sl_list_append(&dir->sources, &s->in_dir);
    if (!dir->sorted)
        return;
    at = place_of(dir, sl_str(s->file));
    make_place(dir);
    memmove(dir->by_file + at + 1, dir->by_file + at, (dir->count - at) * sizeof *dir->by_file);
    dir->by_file[at] = s;
    dir->count++;
}

sl_source *sl_files_related(sl_dir *dir, const char *file)
{
    const char *end = strrchr(file, '.');

    for (size_t len = strlen(file); len-- > 1;) {
        char live[NAME_MAX + 1];
        sl_source *s;

        if (file[len] != '.' && file[len] != '-' && file[len] != '_')
            continue;
        s = sl_files_find(dir, file, len);
        if (!s && end && snprintf(live, sizeof live, "%.*s%s", (int)len, file, end) <= NAME_MAX &&
            strcmp(live, file) != 0)
            s = sl_files_find(dir, live, strlen(live));
        if (s)
            return s;
    }
    return NULL;
}
