/* dirs.c - the folders of globs. A glob is walked part by part: what stands in it as it is names a
 * folder, a part with wildcards is matched in one; its last part is matched by files.c. All folders
 * on the way are watched, so one that comes later is told of; only the first of them, which may not
 * exist yet, is looked for each second. */
#include "read/dirs.h"

#include "read/files.h"

#include <fnmatch.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A large folder that changes all the time may take so much of our time: 1 part of 10. */
#define REST 10

static sl_dir *dir_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_dir, link);
}

/* --- globs --- */

bool sl_globs_take(const sl_texts *globs, const char *path)
{
    bool taken = false;

    for (size_t i = 0; i < globs->count; i++) {
        bool away = *globs->items[i] == '!';

        if (fnmatch(globs->items[i] + away, path, FNM_PATHNAME | FNM_PERIOD) == 0)
            taken = !away;
    }
    return taken;
}

static bool is_wild(const char *part, size_t len)
{
    return strcspn(part, "*?[\\") < len;
}

/* Bytes of the glob that name a folder as they are. */
static size_t base_len(const char *glob)
{
    size_t len = 0, next;

    while (glob[len] == '/' && glob[next = len + 1 + strcspn(glob + len + 1, "/")] &&
           !is_wild(glob + len + 1, next - len - 1))
        len = next;
    return len;
}

/* --- one folder --- */

void sl_dir_look(sl_dir *dir)
{
    if (!sl_link_is_in(&dir->dirty))
        sl_list_append(&dir->discover->dirty_dirs, &dir->dirty);
    sl_scan_soon(dir->discover);
}

void sl_dirs_look(sl_discover *d, sl_source *s)
{
    (void)d;
    sl_dir_look(s->dir);
}

static void on_dir_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_dir *dir = SL_CONTAINER_OF(t, sl_dir, watch);
    sl_source *s = mask & IN_CLOSE_WRITE ? sl_files_find(dir, name, strlen(name)) : NULL;
    char path[PATH_MAX];

    if (s && snprintf(path, sizeof path, "%s/%s", dir->path, name) < PATH_MAX &&
        sl_scan_closed(dir->discover, s, path))
        return;
    if (mask & IN_MOVE_SELF) /* another folder has its path, or will have it */
        sl_watch_remove(dir->discover->options.watch, t);
    if ((mask & IN_ISDIR && dir->holds_folders) || !*name)
        sl_discover_rescan(dir->discover);
    if (dir->holds_files)
        sl_dir_look(dir);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const sl_dir *)a)->path, ((const sl_dir *)b)->path);
}

static sl_dir *new_dir(sl_discover *d, const char *path)
{
    size_t len = strlen(path) + 1;
    sl_dir *dir = sl_alloc(sizeof *dir + len);

    memcpy(dir->path, path, len);
    dir->discover = d;
    dir->watch.on_event = on_dir_event;
    sl_list_init(&dir->sources);
    sl_list_init(&dir->aliases);
    sl_list_append(&d->dirs, &dir->link);
    return dir;
}

/* Another folder may have its path by now, and neither may have said so. */
static void watch_dir(sl_dir *dir)
{
    uint64_t ino = dir->ino;
    struct stat st;

    if (stat(dir->path, &st) == 0)
        sl_scan_watch_same(dir->discover, &dir->watch, dir->path, dir->mask, &dir->ino, st.st_ino);
    if (dir->ino != ino)
        dir->listed_ns = 0;
    sl_scan_watch(dir->discover, &dir->watch, dir->path, dir->mask);
}

static sl_dir *find_dir(sl_discover *d, const char *path, bool holds_files)
{
    sl_dir *dir = new_dir(d, path), **found = tsearch(dir, &d->dir_tree, by_path);

    SL_ASSERT(found);
    if (*found != dir) {
        sl_list_remove(&dir->link);
        free(dir);
    }
    dir = *found;
    dir->on_way = true;
    dir->holds_files = dir->holds_files || holds_files;
    dir->holds_folders = dir->holds_folders || !holds_files;
    if (holds_files && !(dir->mask & IN_CLOSE_WRITE))
        sl_watch_remove(d->options.watch, &dir->watch);
    dir->mask = (dir->holds_files ? SL_WATCH_FILES : SL_WATCH_FOLDER) | IN_MOVE_SELF;
    watch_dir(dir);
    return dir;
}

static void free_dir(sl_dir *dir)
{
    sl_files_forget_aliases(dir);
    sl_watch_remove(dir->discover->options.watch, &dir->watch);
    tdelete(dir, &dir->discover->dir_tree, by_path);
    sl_list_remove(&dir->link);
    sl_list_remove(&dir->dirty);
    free(dir->by_file);
    free(dir);
}

void sl_dirs_forget(sl_source *s)
{
    if (!s->dir)
        return;
    sl_list_remove(&s->in_dir);
    s->dir->sorted = false;
}

/* --- the walk --- */

static void walk(sl_discover *d, const char *folder, const char *rest, bool base);

/* All folders in this one that the part matches. */
static void walk_into(sl_discover *d, sl_dir *dir, const char *part, const char *rest)
{
    struct dirent *entry;
    struct stat st;
    int fd;
    DIR *in;

    if (sl_folder_open(&d->folders, dir->path, &fd, &st))
        return;
    in = fdopendir(fd);
    SL_ASSERT(in);
    while ((entry = readdir(in))) {
        char next[PATH_MAX];

        if (fnmatch(part, entry->d_name, FNM_PERIOD) == 0 &&
            sl_folder_is_in(&d->folders, entry, dir->path) &&
            snprintf(next, sizeof next, "%s/%s", dir->path, entry->d_name) < PATH_MAX)
            walk(d, next, rest, false);
    }
    closedir(in);
}

/* folder  so far
 * rest    parts of the glob that follow */
static void walk(sl_discover *d, const char *folder, const char *rest, bool base)
{
    size_t len = strcspn(rest, "/");
    char part[NAME_MAX + 1], next[PATH_MAX];
    sl_dir *dir = find_dir(d, folder, !rest[len]);

    dir->base = dir->base || base;
    if (!rest[len])
        return;
    if (snprintf(part, sizeof part, "%.*s", (int)len, rest) > NAME_MAX)
        return;
    if (is_wild(rest, len))
        walk_into(d, dir, part, rest + len + 1);
    else if (snprintf(next, sizeof next, "%s/%s", folder, part) < PATH_MAX)
        walk(d, next, rest + len + 1, false);
}

/* Who is deleted while a file in it is open says nothing; the folder that it was in does. */
static void watch_parent(sl_discover *d, const char *base)
{
    char parent[PATH_MAX];

    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(base, '/') - base), base);
    (void)find_dir(d, *parent ? parent : "/", false);
}

static void walk_all(sl_discover *d)
{
    const sl_texts *globs = d->options.globs;
    size_t bases = 0;

    for (size_t i = 0; i < globs->count; i++) {
        if (*globs->items[i] == '!')
            continue;
        watch_parent(d, d->bases[bases]);
        walk(d, d->bases[bases], globs->items[i] + strlen(d->bases[bases]) + 1, true);
        bases++;
    }
}

/* --- all folders --- */

static void leave_dir(sl_dir *dir)
{
    dir->listed_ns = 0;
    SL_LIST_EACH(&dir->sources, link)
    {
        sl_source *s = SL_CONTAINER_OF(link, sl_source, in_dir);

        sl_folder_gone(s);
        sl_scan_listed(dir->discover, s);
        sl_discover_ready(dir->discover, s);
    }
    sl_watch_remove(dir->discover->options.watch, &dir->watch);
    dir->absent = true;
    if (!dir->on_way && sl_list_is_empty(&dir->sources))
        free_dir(dir);
}

static void list_dir(sl_dir *dir)
{
    sl_discover *d = dir->discover;
    uint64_t start = uv_hrtime();
    bool absent = dir->absent;

    sl_list_remove(&dir->dirty);
    sl_files_list(dir);
    dir->not_before_ms = (start + REST * (uv_hrtime() - start)) / 1000000;
    if (dir->absent && !absent) {
        leave_dir(dir);
        sl_discover_rescan(d); /* who else is on its way, and when it comes again */
    } else if (dir->unsettled) {
        sl_scan_plan(d, dir->complained ? SL_SCAN_RETRY_MS : SL_SCAN_POLL_MS);
    }
}

static bool is_unchanged(const sl_dir *dir)
{
    struct stat st;

    return !dir->unsettled && !sl_link_is_in(&dir->dirty) && !stat(dir->path, &st) &&
           sl_folder_is_unchanged(&st, dir->listed_ns) && !sl_files_has_grown_alias(dir);
}

void sl_dirs_list_dirty(sl_discover *d)
{
    uint64_t now = uv_hrtime() / 1000000;

    SL_LIST_EACH_SAFE(&d->dirty_dirs, link)
    {
        sl_dir *dir = SL_CONTAINER_OF(link, sl_dir, dirty);

        if (dir->not_before_ms <= now)
            list_dir(dir);
        else
            sl_scan_later(d, dir->not_before_ms - now);
    }
}

void sl_dirs_scan(sl_discover *d)
{
    bool waits = false;

    SL_LIST_EACH(&d->dirs, link)
    dir_of(link)->on_way = false;
    walk_all(d);
    SL_LIST_EACH_SAFE(&d->dirs, link)
    {
        sl_dir *dir = dir_of(link);

        waits = waits || (dir->on_way && dir->base && access(dir->path, F_OK));
        if (!dir->on_way)
            leave_dir(dir);
        else if (dir->holds_files && !is_unchanged(dir))
            list_dir(dir);
    }
    if (waits) /* nothing is watched where it will be */
        sl_scan_plan(d, SL_SCAN_POLL_MS);
}

void sl_dirs_init(sl_discover *d)
{
    const sl_discover_options *o = &d->options;
    sl_pod *pod;

    sl_list_init(&d->dirs);
    sl_list_init(&d->dirty_dirs);
    if (o->root)
        return;
    pod = sl_alloc(sizeof *pod + 1);
    pod->discover = d;
    pod->namespace = o->namespace;
    pod->pod = o->pod;
    pod->uid = o->uid;
    sl_list_init(&pod->sources);
    sl_list_append(&d->pods, &pod->link);
    d->bases = sl_alloc(o->globs->count * sizeof *d->bases);
    for (size_t i = 0; i < o->globs->count; i++) {
        if (*o->globs->items[i] != '!')
            d->bases[d->base_count++] =
                sl_strndup(o->globs->items[i], base_len(o->globs->items[i]));
    }
}

void sl_dirs_free(sl_discover *d)
{
    SL_LIST_EACH_SAFE(&d->dirs, link)
    free_dir(dir_of(link));
    for (size_t i = 0; i < d->base_count; i++)
        free(d->bases[i]);
    free(d->bases);
}
