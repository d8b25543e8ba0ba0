/* files.c - what lies in one folder of a glob: which file is whose.
 *
 * A file whose key we know is that source's, whatever its name is by now. A copy of a file that was
 * cut back (copytruncate) is the source's whose file it was; a copy of one that goes on is nobody's.
 * What is left and matches a glob is the live file of a source of its own. Only then each source
 * looks at its files (claim.c). All of it is done for the folder as a whole, so that ten thousand
 * files in it cost no more than ten thousand times one. */
#include "read/files.h"

#include "read/claim.h"
#include "read/dirs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A copy, or a file that is still empty, is looked at again soon while it is so young. */
#define YOUNG_NS INT64_C(10000000000)
/* ... and a link that leads nowhere. */
#define YOUNG_LINK_NS INT64_C(60000000000)

/* One file in the folder. */
typedef struct found {
    char *file;
    sl_seen seen;
    sl_source *owner;
    bool matches, packed;
    bool opened;  /* to see how it begins; once a look, however many are sought */
    sl_name head; /* zeros: with no whole line */
} found;

typedef struct listing {
    sl_dir *dir;
    sl_discover *discover;
    int fd;
    found *items;
    size_t count, cap;
    bool missed; /* what a file is called now: it was renamed while we looked */
} listing;

static sl_source *source_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_source, in_dir);
}

static sl_generation *generation_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_generation, link);
}

/* --- sources by name --- */

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
        dir->by_file[dir->count++] = source_of(link);
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

/* One more: sorting all anew for each of thousands would take its time. */
static void insert_source(sl_dir *dir, sl_source *s)
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

/* The source whose file a rotation may have named so: "app.log" for "app.log.1" and "app-2026.log". */
static sl_source *find_related(sl_dir *dir, const char *file)
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

static void list_nothing(sl_discover *d, sl_source *s)
{
    (void)d, (void)s; /* the folder is listed as a whole */
}

static sl_source *add_source(listing *l, const char *path)
{
    sl_discover *d = l->discover;
    sl_pod *pod = sl_pod_of(d->pods.next);
    sl_source *s;

    if (!d->options.wants(d->options.arg, pod, d->options.container, path))
        return NULL;
    s = sl_source_new(pod, d->options.container, path, d->options.rules);
    s->dir = l->dir;
    insert_source(l->dir, s);
    sl_scan_found(d, s, list_nothing);
    return s;
}

/* Known from the last life; its live file may be gone, and its others still there. */
static void on_saved(void *of, const char *path)
{
    listing *l = of;

    if (!sl_files_find(l->dir, strrchr(path, '/') + 1, strlen(strrchr(path, '/') + 1)) &&
        sl_globs_take(l->discover->options.globs, path))
        (void)add_source(l, path);
}

/* --- the folder's files --- */

static bool entry_path(const listing *l, const found *e, char *path)
{
    return snprintf(path, PATH_MAX, "%s/%s", l->dir->path, e->file) < PATH_MAX;
}

static void saw_entry(listing *l, const char *file)
{
    found e = {.file = (char *)file};
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
    return key_cmp(&((const found *)a)->seen.key, &((const found *)b)->seen.key);
}

static found *find_entry(const listing *l, const sl_key *key)
{
    const found wanted = {.seen.key = *key};
    found *e = l->count > 0 ? bsearch(&wanted, l->items, l->count, sizeof *e, by_key) : NULL;

    return e && sl_key_eq(&e->seen.key, key) ? e : NULL;
}

static void own_known(const listing *l)
{
    SL_LIST_EACH(&l->dir->sources, link)
    SL_LIST_EACH(&source_of(link)->generations, g)
    {
        found *e = find_entry(l, &generation_of(g)->key);

        if (e && !e->owner && S_ISREG(e->seen.mode))
            e->owner = source_of(link);
    }
}

/* --- copies --- */

static int open_entry(const listing *l, const found *e)
{
    return sl_plan_open(l->discover->options.plan, l->fd, e->file);
}

/* Zeros, if there is no whole line. All files of a folder have the same owner, so g may be any. */
static sl_name head_of(const sl_generation *g, int fd)
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

static bool begins_as(const sl_generation *g, int fd)
{
    sl_name head = head_of(g, fd);

    return sl_name_eq(&head, &g->head);
}

static bool entry_begins_as(const listing *l, found *e, const sl_generation *g)
{
    int fd = e->opened ? -1 : open_entry(l, e);

    e->opened = true;
    if (fd >= 0) {
        e->head = head_of(g, fd);
        close(fd);
    }
    return sl_name_eq(&e->head, &g->head);
}

/* g's file was cut, or is no more: who has what was in it? */
static void seek_copy(const listing *l, const sl_generation *g)
{
    for (size_t i = 0; i < l->count; i++) {
        found *e = &l->items[i];
        int fd;

        if (e->owner || e->packed || !S_ISREG(e->seen.mode) || e->seen.size == 0 ||
            !entry_begins_as(l, e, g))
            continue;
        fd = open_entry(l, e);
        if (fd >= 0 && sl_checks_fit(g, fd, e->seen.size))
            e->owner = g->source;
        if (fd >= 0)
            close(fd);
    }
}

static void own_sought(const listing *l)
{
    SL_LIST_EACH(&l->dir->sources, link)
    SL_LIST_EACH(&source_of(link)->generations, g)
    {
        sl_generation *sought = generation_of(g);

        if (sought->body == SL_BODY_SOUGHT && sl_name_is_set(&sought->head) &&
            !find_entry(l, &sought->key)) /* with its key it may have been cut: claim.c sees */
            seek_copy(l, sought);
    }
}

static sl_alias *alias_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_alias, link);
}

/* Under another name it is one that is new. */
static sl_alias *find_alias(const sl_dir *dir, const found *e)
{
    SL_LIST_EACH(&dir->aliases, link)
    {
        if (sl_key_eq(&alias_of(link)->key, &e->seen.key) && !strcmp(alias_of(link)->file, e->file))
            return alias_of(link);
    }
    return NULL;
}

/* What is in a file beside what is in another one. */
typedef enum { OTHER, SAME, MORE } likeness;

/* g's file as it is now, for somebody may have copied what nobody has read. */
static likeness compare(const sl_generation *g, int fd, uint64_t size)
{
    struct stat st;
    bool more;

    if (g->end != UINT64_MAX || g->body != SL_BODY_OPEN || fstat(g->fd, &st))
        return OTHER;
    more = size > (uint64_t)st.st_size;
    if (!sl_begins_as(g, fd, more ? (uint64_t)st.st_size : size))
        return OTHER;
    return more ? MORE : SAME;
}

static likeness compare_all(const listing *l, const found *e, const sl_source *s)
{
    int fd = open_entry(l, e);
    likeness like = OTHER;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(link);
        likeness with;

        if (fd >= 0 && g->body == SL_BODY_RESTING && !g->packed)
            (void)sl_plan_wake(l->discover->options.plan, g);
        with = fd >= 0 ? compare(g, fd, e->seen.size) : OTHER;
        if (with == SAME || like == OTHER)
            like = with;
    }
    if (fd >= 0)
        close(fd);
    return like;
}

static void on_alias_event(sl_target *t, uint32_t mask, const char *name)
{
    (void)name;
    if (mask & ~(uint32_t)IN_IGNORED) /* else the one shot was fired */
        sl_dir_look(SL_CONTAINER_OF(t, sl_alias, watch)->dir);
}

static bool has_grown(const sl_alias *a)
{
    char path[PATH_MAX];
    sl_seen seen;

    return snprintf(path, sizeof path, "%s/%s", a->dir->path, a->file) < PATH_MAX &&
           !sl_seen_of(AT_FDCWD, path, &seen) && sl_key_eq(&seen.key, &a->key) &&
           seen.size != a->size;
}

/* Once it is silent; as long as it is young, the folder is looked at each second. */
static void watch_alias(sl_alias *a)
{
    char path[PATH_MAX];

    if (a->watch.wd || snprintf(path, sizeof path, "%s/%s", a->dir->path, a->file) >= PATH_MAX)
        return;
    sl_scan_watch(a->dir->discover, &a->watch, path, IN_MODIFY | IN_ONESHOT);
    if (has_grown(a)) /* before it was watched */
        a->dir->unsettled = true;
}

static sl_alias *new_alias(sl_dir *dir, const found *e)
{
    size_t len = strlen(e->file) + 1;
    sl_alias *a = sl_alloc(sizeof *a + len);

    memcpy(a->file, e->file, len);
    a->dir = dir;
    a->watch.on_event = on_alias_event;
    a->key = e->seen.key;
    sl_list_append(&dir->aliases, &a->link);
    return a;
}

static void free_alias(sl_alias *a)
{
    sl_watch_remove(a->dir->discover->options.watch, &a->watch);
    sl_list_remove(&a->link);
    free(a);
}

bool sl_files_has_grown_alias(const sl_dir *dir)
{
    SL_LIST_EACH(&dir->aliases, link)
    {
        if (has_grown(alias_of(link)))
            return true;
    }
    return false;
}

void sl_files_forget_aliases(sl_dir *dir)
{
    SL_LIST_EACH_SAFE(&dir->aliases, link)
    free_alias(alias_of(link));
}

/* Its file was cut back, and perhaps written anew since. */
static bool was_cut(const sl_generation *g)
{
    struct stat st;

    if (g->body != SL_BODY_OPEN || g->packed || fstat(g->fd, &st))
        return false;
    return (uint64_t)st.st_size < g->size || (sl_name_is_set(&g->head) && !begins_as(g, g->fd));
}

/* A file of s is being looked for, or was cut and that was not noticed yet: what may be its copy has
 * to wait until it was. */
static bool is_unclear(listing *l, sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = generation_of(link);

        if (g->body != SL_BODY_SOUGHT && !was_cut(g))
            continue;
        l->dir->unsettled = true;
        sl_discover_ready(l->discover, s);
        return true;
    }
    return false;
}

static bool is_young(const listing *l, const found *e, int64_t young_ns)
{
    return sl_wall_ns(l->discover->options.clock) - e->seen.written_ns < young_ns;
}

/* What goes on behind all that is in a known file takes its place in a moment, or is another writer's
 * who began with the same lines. */
static bool is_being_made(listing *l, const found *e)
{
    int64_t age_ns = sl_wall_ns(l->discover->options.clock) - e->seen.key.birth_ns;

    if (!e->seen.key.birth_ns || age_ns >= SL_STILL_MS * INT64_C(1000000))
        return false;
    l->dir->unsettled = true;
    return true;
}

static bool is_known_alias(const found *e, sl_alias *a, bool young)
{
    if (!a || a->size != e->seen.size)
        return false;
    a->seen = true;
    if (!young)
        watch_alias(a);
    return true;
}

/* It is being made, perhaps: a copy of that source's file, or something else. */
static bool is_alias(listing *l, const found *e)
{
    sl_source *s = find_related(l->dir, e->file);
    sl_alias *alias = s ? find_alias(l->dir, e) : NULL;
    bool young = is_young(l, e, YOUNG_NS);
    likeness like;

    if (!s)
        return false;
    l->dir->unsettled = l->dir->unsettled || young;
    if (e->seen.size == 0)
        return young;
    if (is_known_alias(e, alias, young))
        return true;
    like = compare_all(l, e, s);
    if (like != SAME) /* asked last: it may have been cut while we compared */
        return is_unclear(l, s) || (like == MORE && is_being_made(l, e));
    alias = alias ? alias : new_alias(l->dir, e);
    alias->size = e->seen.size;
    return is_known_alias(e, alias, young);
}

static void forget_aliases(sl_dir *dir)
{
    SL_LIST_EACH_SAFE(&dir->aliases, link)
    {
        if (alias_of(link)->seen)
            alias_of(link)->seen = false;
        else
            free_alias(alias_of(link));
    }
}

/* --- the rest --- */

/* A .gz of a known file: by the name that this had, by what is sought, or by what is in it. */
static sl_source *owner_of_packed(const listing *l, const found *e)
{
    sl_source *s = find_related(l->dir, e->file);
    size_t stem = strlen(e->file) - 3;
    int fd = s ? open_entry(l, e) : -1;
    bool is_its = false;

    if (fd < 0)
        return NULL;
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = generation_of(link);

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
        if (sl_source_find(source_of(link), key))
            return true;
    }
    return false;
}

/* Where the link leads is read under the link's name, unless it is read already. */
static bool is_useful_link(listing *l, const found *e, const char *path)
{
    sl_folders *f = &l->discover->folders;
    char real[PATH_MAX];
    struct stat st;
    sl_err err = sl_links_resolve(&f->links, path, real, &st);
    sl_seen seen;

    if (err == UV_ENOENT) {
        l->dir->listed_ns = 0; /* where it leads is not watched: each scan looks again */
        l->dir->unsettled = l->dir->unsettled || is_young(l, e, YOUNG_LINK_NS);
        return false;
    }
    if (err || !S_ISREG(st.st_mode)) {
        sl_folder_refuse(f, path, err, &l->dir->refused);
        return false;
    }
    return !sl_seen_of(AT_FDCWD, real, &seen) && !is_read(l->dir, &seen.key);
}

/* What is in it cannot be told before it is whole, and it may be that of a known file. */
static bool is_being_packed(listing *l, const found *e)
{
    if (!is_young(l, e, SL_STILL_MS * INT64_C(1000000)) || !find_related(l->dir, e->file))
        return false;
    l->dir->unsettled = true;
    return true;
}

static sl_source *new_source(listing *l, const found *e)
{
    char path[PATH_MAX];

    if (!entry_path(l, e, path))
        return NULL;
    if (S_ISLNK(e->seen.mode) && !is_useful_link(l, e, path))
        return NULL;
    if (S_ISREG(e->seen.mode) && !e->packed && is_alias(l, e))
        return NULL;
    if (e->packed && is_being_packed(l, e))
        return NULL;
    if (e->packed)
        path[strlen(path) - 3] = '\0';
    return add_source(l, path);
}

/* What is no source's by its key may be one's by its name. */
static void own_named(const listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        found *e = &l->items[i];

        if (!e->owner && e->packed)
            e->owner = owner_of_packed(l, e);
        if (!e->owner && e->matches)
            e->owner = sl_files_find(l->dir, e->file, strlen(e->file) - (e->packed ? 3 : 0));
    }
}

/* --- looks --- */

static void show(sl_look *look, const listing *l, const found *e)
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
        if (generation_of(link)->linked)
            return true;
    }
    return false;
}

static void look_at(listing *l, sl_source *s, const found *first, const found *end)
{
    bool was_gone = s->gone;
    sl_look look;

    s->looked = true;
    s->unsettled = false;
    sl_look_begin(&look, &l->discover->folders, s);
    look.missed = l->missed;
    for (const found *e = first; e < end; e++)
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
    uintptr_t x = (uintptr_t)((const found *)a)->owner, y = (uintptr_t)((const found *)b)->owner;

    return (x > y) - (x < y);
}

static void look_at_known(listing *l)
{
    size_t next;

    SL_LIST_EACH(&l->dir->sources, link)
    source_of(link)->looked = false;
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
        if (!source_of(link)->looked)
            look_at(l, source_of(link), NULL, NULL);
    }
}

/* Shorter names first: of a file and its copy, the file. */
static int by_name(const void *a, const void *b)
{
    const char *x = ((const found *)a)->file, *y = ((const found *)b)->file;
    size_t x_len = strlen(x), y_len = strlen(y);

    return x_len != y_len ? (x_len < y_len ? -1 : 1) : strcmp(x, y);
}

/* Each looks at its file at once: the next file may be a copy of it. */
static void look_at_new(listing *l)
{
    if (l->count > 1)
        qsort(l->items, l->count, sizeof *l->items, by_name);
    for (size_t i = 0; i < l->count; i++) {
        found *e = &l->items[i];

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
static void sort_out(listing *l)
{
    if (l->count > 1)
        qsort(l->items, l->count, sizeof *l->items, by_key);
    own_known(l);
    own_sought(l);
    own_named(l);
    look_at_known(l);
    look_at_new(l);
    forget_aliases(l->dir);
}

void sl_files_list(sl_dir *dir)
{
    sl_discover *d = dir->discover;
    listing l = {.dir = dir, .discover = d};
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
