/* files.c - what lies in one folder of a glob: which file is whose.
 *
 * A file whose key we know is that source's, whatever its name is by now. A copy of a file that was
 * cut back (copytruncate) is the source's whose file it was; a copy of one that goes on is nobody's.
 * What is left and matches a glob is the live file of a source of its own. Only then each source
 * looks at its files (claim.c). All of it is done for the folder as a whole, so that ten thousand
 * files in it cost no more than ten thousand times one. */
#include "read/files.h"

#include "read/files_in.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ... and a link that leads nowhere. */
#define YOUNG_LINK_NS INT64_C(60000000000)

/* --- sources --- */

static void list_nothing(sl_discover *d, sl_source *s)
{
    (void)d, (void)s; /* the folder is listed as a whole */
}

static sl_source *add_source(sl_listing *l, const char *path)
{
    sl_discover *d = l->discover;
    sl_pod *pod = sl_pod_of(d->pods.next);
    sl_source *s;

    if (!d->options.wants(d->options.arg, pod, d->options.container, path))
        return NULL;
    s = sl_source_new(pod, d->options.container, path, d->options.rules);
    s->dir = l->dir;
    sl_files_insert(l->dir, s);
    sl_scan_found(d, s, list_nothing);
    return s;
}

/* Known from the last life; its live file may be gone, and its others still there. */
static void on_saved(void *of, const char *path)
{
    sl_listing *l = of;

    if (!sl_files_find(l->dir, strrchr(path, '/') + 1, strlen(strrchr(path, '/') + 1)) &&
        sl_globs_take(l->discover->options.globs, path))
        (void)add_source(l, path);
}

/* --- the folder's files --- */

static bool entry_path(const sl_listing *l, const sl_found *e, char *path)
{
    return snprintf(path, PATH_MAX, "%s/%s", l->dir->path, e->file) < PATH_MAX;
}

static void saw_entry(sl_listing *l, const char *file)
{
    sl_found e = {.file = (char *)file};
    char path[PATH_MAX];
    size_t len = strlen(file);

    if (!strcmp(file, ".") || !strcmp(file, "..") || !entry_path(l, &e, path))
        return;
    e.matches = sl_globs_take(l->discover->options.globs, path);
    if (!e.matches && sl_list_is_empty(&l->dir->sources))
        return;
    if (sl_seen_of(l->fd, file, &e.seen)) {
        l->dir->unsettled = l->missed = true; /* it went, or was renamed, just now */
        return;
    }
    if (!S_ISREG(e.seen.mode) && !(S_ISLNK(e.seen.mode) && e.matches))
        return;
    e.packed = len > 3 && strcmp(file + len - 3, ".gz") == 0;
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->items = sl_realloc(l->items, l->cap * sizeof *l->items);
    }
    e.file = sl_strdup(file);
    l->items[l->count++] = e;
}

static int key_cmp(const sl_key *a, const sl_key *b)
{
    if (a->ino != b->ino)
        return a->ino < b->ino ? -1 : 1;
    return (a->dev > b->dev) - (a->dev < b->dev);
}

static int by_key(const void *a, const void *b)
{
    return key_cmp(&((const sl_found *)a)->seen.key, &((const sl_found *)b)->seen.key);
}

static sl_found *find_entry(const sl_listing *l, const sl_key *key)
{
    const sl_found wanted = {.seen.key = *key};
    sl_found *e = l->count > 0 ? bsearch(&wanted, l->items, l->count, sizeof *e, by_key) : NULL;

    return e && sl_key_eq(&e->seen.key, key) ? e : NULL;
}

static void own_known(const sl_listing *l)
{
    SL_LIST_EACH(&l->dir->sources, link)
    SL_LIST_EACH(&sl_source_in_dir(link)->generations, g)
    {
        sl_found *e = find_entry(l, &sl_generation_of(g)->key);

        if (e && !e->owner && S_ISREG(e->seen.mode))
            e->owner = sl_source_in_dir(link);
    }
}

/* --- copies --- */

int sl_found_open(const sl_listing *l, const sl_found *e)
{
    return sl_plan_open(l->discover->options.plan, l->fd, e->file);
}

sl_name sl_files_head_of(const sl_generation *g, int fd)
{
    char *first = sl_alloc_raw(SL_FIRST_LINE_MAX);
    ssize_t n = pread(fd, first, SL_FIRST_LINE_MAX, (off_t)sl_hole_end(fd));
    int64_t first_ns;
    sl_name head = {0};

    if (n > 0)
        (void)sl_head_of(g->source, g->attempt, (sl_slice){first, (size_t)n}, false, &head,
                         &first_ns);
    free(first);
    return head;
}

static bool entry_begins_as(const sl_listing *l, sl_found *e, const sl_generation *g)
{
    int fd = e->opened ? -1 : sl_found_open(l, e);

    e->opened = true;
    if (fd >= 0) {
        e->head = sl_files_head_of(g, fd);
        close(fd);
    }
    return sl_name_eq(&e->head, &g->head);
}

/* g's file was cut, or is no more: who has what was in it? */
static void seek_copy(const sl_listing *l, const sl_generation *g)
{
    for (size_t i = 0; i < l->count; i++) {
        sl_found *e = &l->items[i];
        int fd;

        if (e->owner || e->packed || !S_ISREG(e->seen.mode) || e->seen.size == 0 ||
            !entry_begins_as(l, e, g))
            continue;
        fd = sl_found_open(l, e);
        if (fd >= 0 && sl_checks_fit(g, fd, e->seen.size))
            e->owner = g->source;
        if (fd >= 0)
            close(fd);
    }
}

static void own_sought(const sl_listing *l)
{
    SL_LIST_EACH(&l->dir->sources, link)
    SL_LIST_EACH(&sl_source_in_dir(link)->generations, g)
    {
        sl_generation *sought = sl_generation_of(g);

        if (sought->body == SL_BODY_SOUGHT && sl_name_is_set(&sought->head) &&
            !find_entry(l, &sought->key)) /* with its key it may have been cut: claim.c sees */
            seek_copy(l, sought);
    }
}

bool sl_found_is_young(const sl_listing *l, const sl_found *e, int64_t young_ns)
{
    return sl_wall_ns(l->discover->options.clock) - e->seen.written_ns < young_ns;
}

/* --- the rest --- */

/* A .gz of a known file: by the name that this had, by what is sought, or by what is in it. */
static sl_source *owner_of_packed(const sl_listing *l, const sl_found *e)
{
    sl_source *s = sl_files_related(l->dir, e->file);
    size_t stem = strlen(e->file) - 3;
    int fd = s ? sl_found_open(l, e) : -1;
    bool is_its = false;

    if (fd < 0)
        return NULL;
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = sl_generation_of(link);

        is_its = is_its || g->body == SL_BODY_SOUGHT ||
                 (strlen(g->file) == stem && memcmp(g->file, e->file, stem) == 0) ||
                 sl_is_packed_of(g, fd, e->seen.size);
    }
    close(fd);
    return is_its ? s : NULL;
}

static bool is_read(const sl_dir *dir, const sl_key *key)
{
    SL_LIST_EACH(&dir->sources, link)
    {
        if (sl_source_find(sl_source_in_dir(link), key))
            return true;
    }
    return false;
}

/* Where the link leads is read under the link's name, unless it is read already. */
static bool is_useful_link(sl_listing *l, const sl_found *e, const char *path)
{
    sl_folders *f = &l->discover->folders;
    char real[PATH_MAX];
    struct stat st;
    sl_err err = sl_links_resolve(&f->links, path, real, &st);
    sl_seen seen;

    if (err == UV_ENOENT) {
        l->dir->listed_ns = 0; /* where it leads is not watched: each scan looks again */
        l->dir->unsettled = l->dir->unsettled || sl_found_is_young(l, e, YOUNG_LINK_NS);
        return false;
    }
    if (err || !S_ISREG(st.st_mode)) {
        sl_folder_refuse(f, path, err, &l->dir->refused);
        return false;
    }
    return !sl_seen_of(AT_FDCWD, real, &seen) && !is_read(l->dir, &seen.key);
}

/* What is in it cannot be told before it is whole, and it may be that of a known file. */
static bool is_being_packed(sl_listing *l, const sl_found *e)
{
    if (!sl_found_is_young(l, e, SL_STILL_MS * INT64_C(1000000)) ||
        !sl_files_related(l->dir, e->file))
        return false;
    l->dir->unsettled = true;
    return true;
}

static sl_source *new_source(sl_listing *l, const sl_found *e)
{
    char path[PATH_MAX];

    if (!entry_path(l, e, path))
        return NULL;
    if (S_ISLNK(e->seen.mode) && !is_useful_link(l, e, path))
        return NULL;
    if (S_ISREG(e->seen.mode) && !e->packed && sl_files_is_alias(l, e))
        return NULL;
    if (e->packed && is_being_packed(l, e))
        return NULL;
    if (e->packed)
        path[strlen(path) - 3] = '\0';
    return add_source(l, path);
}

/* What is no source's by its key may be one's by its name. */
static void own_named(const sl_listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        sl_found *e = &l->items[i];

        if (!e->owner && e->packed)
            e->owner = owner_of_packed(l, e);
        if (!e->owner && e->matches)
            e->owner = sl_files_find(l->dir, e->file, strlen(e->file) - (e->packed ? 3 : 0));
    }
}

/* --- looks --- */

static void show(sl_look *look, const sl_listing *l, const sl_found *e)
{
    sl_source *s = look->source;
    bool live = !strcmp(e->file, s->file);
    char path[PATH_MAX];

    if (S_ISLNK(e->seen.mode)) {
        if (live && entry_path(l, e, path))
            (void)sl_folder_follow(look->folders, s, path, 0);
        return;
    }
    sl_look_saw(look, &(sl_sighting){.folder = l->fd,
                                     .file = e->file,
                                     .kind = e->packed ? SL_FILE_PACKED
                                             : live    ? SL_FILE_LIVE
                                                       : SL_FILE_ROTATED,
                                     .seen = e->seen});
}

static bool has_files(const sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        if (sl_generation_of(link)->linked)
            return true;
    }
    return false;
}

static void look_at(sl_listing *l, sl_source *s, const sl_found *first, const sl_found *end)
{
    bool was_gone = s->gone;
    sl_look look;

    s->looked = true;
    s->unsettled = false;
    sl_look_begin(&look, &l->discover->folders, s);
    look.missed = l->missed;
    for (const sl_found *e = first; e < end; e++)
        show(&look, l, e);
    sl_folder_list_branches(&look, false);
    sl_look_end(&look);
    sl_folder_close_branches(s);
    sl_scan_listed(l->discover, s);
    sl_scan_missing(l->discover, s);
    s->gone = !has_files(s) && !s->unsettled && !s->missing;
    if (look.strange)
        sl_dir_look(l->dir);
    l->dir->unsettled = l->dir->unsettled || s->unsettled;
    if (look.changed || s->gone != was_gone)
        sl_discover_ready(l->discover, s);
}

static int by_owner(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const sl_found *)a)->owner,
              y = (uintptr_t)((const sl_found *)b)->owner;

    return (x > y) - (x < y);
}

static void look_at_known(sl_listing *l)
{
    size_t next;

    SL_LIST_EACH(&l->dir->sources, link)
    sl_source_in_dir(link)->looked = false;
    if (l->count > 1)
        qsort(l->items, l->count, sizeof *l->items, by_owner);
    for (size_t i = 0; i < l->count; i = next) {
        for (next = i + 1; next < l->count && l->items[next].owner == l->items[i].owner; next++)
            ;
        if (l->items[i].owner)
            look_at(l, l->items[i].owner, &l->items[i], &l->items[next]);
    }
    SL_LIST_EACH(&l->dir->sources, link)
    {
        if (!sl_source_in_dir(link)->looked)
            look_at(l, sl_source_in_dir(link), NULL, NULL);
    }
}

/* Shorter names first: of a file and its copy, the file. */
static int by_name(const void *a, const void *b)
{
    const char *x = ((const sl_found *)a)->file, *y = ((const sl_found *)b)->file;
    size_t x_len = strlen(x), y_len = strlen(y);

    return x_len != y_len ? (x_len < y_len ? -1 : 1) : strcmp(x, y);
}

/* Each looks at its file at once: the next file may be a copy of it. */
static void look_at_new(sl_listing *l)
{
    if (l->count > 1)
        qsort(l->items, l->count, sizeof *l->items, by_name);
    for (size_t i = 0; i < l->count; i++) {
        sl_found *e = &l->items[i];

        if (!e->owner && e->matches)
            e->owner = new_source(l, e);
        else
            continue;
        if (e->owner)
            look_at(l, e->owner, e, e + 1);
    }
}

/* --- the whole --- */

/* Those that we know first: what is not theirs may be a copy of what they hold open then. */
static void sort_out(sl_listing *l)
{
    if (l->count > 1)
        qsort(l->items, l->count, sizeof *l->items, by_key);
    own_known(l);
    own_sought(l);
    own_named(l);
    look_at_known(l);
    look_at_new(l);
    sl_files_forget_unseen_aliases(l->dir);
}

void sl_files_list(sl_dir *dir)
{
    sl_discover *d = dir->discover;
    sl_listing l = {.dir = dir, .discover = d};
    struct dirent *entry;
    struct stat st;
    sl_err err = sl_folder_open(&d->folders, dir->path, &l.fd, &st);
    DIR *in;

    dir->absent = err == UV_ENOENT;
    dir->unsettled = err && err != UV_ENOENT;
    if (dir->unsettled && !sl_folders_is_exhausted(&d->folders, err))
        sl_scan_complain(d, dir->path, err, "", &dir->complained);
    if (err)
        return;
    dir->complained = false;
    sl_scan_watch_same(d, &dir->watch, dir->path, dir->mask, &dir->ino, st.st_ino);
    dir->listed_ns = sl_folder_listed_ns(d->options.clock, &st);
    if (!dir->restored)
        d->options.saved_in(d->options.arg, dir->path, on_saved, &l);
    dir->restored = true;
    in = fdopendir(l.fd);
    SL_ASSERT(in);
    while ((entry = readdir(in)))
        saw_entry(&l, entry->d_name);
    sort_out(&l);
    closedir(in);
    for (size_t i = 0; i < l.count; i++)
        free(l.items[i].file);
    free(l.items);
}
