/* folder.c - see folder.h. The story: sl_folder_list() shows each file to saw_file(), which knows it
 * or keeps it as a candidate; take_candidates() opens what is left, tells what each of them is by its
 * first line, and takes them in the order in which they were written. */
#include "read/folder.h"

#include "read/packed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
/* A folder's time is exact to a clock tick: changed within it, it may have changed again. */
#define TICK_NS INT64_C(20000000)

/* A file that is no generation's yet. */
typedef struct candidate {
    char file[NAME_MAX + 1];
    int stem; /* length of its name without ".gz" */
    sl_file_kind kind;
    uint32_t attempt;
    sl_key key;
    uint64_t size;
    int64_t written_ns;
    int fd; /* -1: not opened */
    bool named;
    sl_name name;
    int64_t first_ns;
} candidate;

/* One look at one folder. */
typedef struct look {
    sl_folders *folders;
    sl_source *source;
    int folder; /* its descriptor */
    candidate *items;
    size_t count, cap;
    bool missed; /* a file lost its name while we looked */
} look;

static sl_generation *generation_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_generation, link);
}

/* --- any folder --- */

static int64_t written_ns(const struct stat *st)
{
    return st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int64_t sl_folder_listed_ns(const sl_clock *clock, const struct stat *st)
{
    return sl_wall_ns(clock) - written_ns(st) > TICK_NS ? written_ns(st) : 0;
}

bool sl_folder_is_unchanged(const struct stat *st, int64_t listed_ns)
{
    return listed_ns && listed_ns == written_ns(st);
}

sl_err sl_folder_open(const char *path, int *fd, struct stat *st)
{
    *st = (struct stat){0};
    *fd = open(path, FOLDER_FLAGS);
    if (*fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? UV_ENOENT : -errno;
    SL_ASSERT(fstat(*fd, st) == 0);
    return 0;
}

/* --- candidates --- */

bool sl_folders_is_exhausted(sl_folders *f, sl_err err)
{
    if (err != UV_EMFILE && err != UV_ENFILE)
        return false;
    if (!f->descriptors_complained)
        sl_logf(
            f->log, SL_LOG_ERROR,
            "no descriptor is left for more log files: those that are open are read, the others "
            "wait in their folders; raise the hard limit of open files (LimitNOFILE, ulimit -Hn)");
    f->descriptors_complained = true;
    return true;
}

/* Path, mode and owner of what could not be opened, once a source.
 * file  NULL: the folder itself */
static void complain(sl_folders *f, sl_source *s, const char *file, sl_err err)
{
    char path[PATH_MAX];
    struct stat st = {0};

    if (err == UV_ENOENT)
        return; /* it went while we looked */
    s->unsettled = true;
    if (sl_folders_is_exhausted(f, err) || s->complained)
        return;
    s->complained = true;
    sl_source_path(s, file, path);
    (void)lstat(path, &st);
    sl_logf(f->log, SL_LOG_WARN,
            "cannot read %s: %s; it has mode %04o and owner %u:%u, we are %u:%u; run as uid 0, or "
            "as group %u where the group may read, and check SELinux's container_logreader_t; it "
            "is read as soon as it can be",
            path, sl_strerror(err), (unsigned)st.st_mode & 07777, (unsigned)st.st_uid,
            (unsigned)st.st_gid, (unsigned)geteuid(), (unsigned)getegid(), (unsigned)st.st_gid);
}

static bool is_log_file(look *l, candidate *c)
{
    sl_folders *f = l->folders;
    struct stat st;
    mode_t mode;

    c->kind = sl_file_parse(c->file, &c->attempt);
    if (c->kind == SL_FILE_OTHER)
        return false;
    if (fstatat(l->folder, c->file, &st, AT_SYMLINK_NOFOLLOW)) {
        l->missed = true;
        return false;
    }
    if (S_ISLNK(st.st_mode) && !f->links_complained) {
        f->links_complained = true;
        sl_logf(f->log, SL_LOG_WARN,
                "%s/%s/%s is a symbolic link, and links are not followed: Docker's files are not "
                "built yet in this version of sluice",
                l->source->pod->folder, l->source->container, c->file);
    }
    c->written_ns = written_ns(&st);
    c->stem = (int)strlen(c->file) - (c->kind == SL_FILE_PACKED ? 3 : 0);
    if (!S_ISREG(st.st_mode))
        return false;
    l->missed = l->missed || sl_key_of(l->folder, c->file, &c->key, &c->size, &mode) != 0;
    return c->key.ino != 0;
}

static void close_candidate(candidate *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* From here on its key and size are those of what was opened, whatever the name is given to. */
static sl_err open_candidate(const look *l, candidate *c)
{
    mode_t mode;
    sl_err err;

    if (c->fd >= 0)
        return 0;
    c->fd = sl_plan_open(l->folders->plan, l->folder, c->file);
    if (c->fd < 0)
        return c->fd;
    err = sl_key_of(c->fd, "", &c->key, &c->size, &mode);
    return !err && !S_ISREG(mode) ? UV_EINVAL : err;
}

static void keep_candidate(look *l, const candidate *c)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->items = sl_realloc(l->items, l->cap * sizeof *l->items);
    }
    l->items[l->count++] = *c;
}

static ssize_t read_first(const candidate *c, char *first)
{
    ssize_t n = -1;

    if (c->kind == SL_FILE_PACKED) {
        sl_inflate *inflate = sl_inflate_new(c->fd);

        n = sl_inflate_read(inflate, first, SL_FIRST_LINE_MAX, 0);
        sl_inflate_free(inflate);
        return n;
    }
    for (size_t want = 4096; want <= SL_FIRST_LINE_MAX; want *= 16) {
        n = pread(c->fd, first, want, 0);
        if (n < (ssize_t)want || memchr(first, '\n', (size_t)n))
            break;
    }
    return n;
}

/* Reads the beginning of a candidate that is open, and takes its name from it. */
static void identify(const sl_source *s, candidate *c)
{
    char *first = sl_alloc_raw(SL_FIRST_LINE_MAX);
    ssize_t n = read_first(c, first);

    if (n > 0)
        c->named = sl_name_of(s, c->attempt, &c->key, (sl_slice){first, (size_t)n}, false, &c->name,
                              &c->first_ns);
    free(first);
}

/* A generation of that name: itself under another key, or what this file is a copy of. */
static sl_generation *find_named(const sl_source *s, const candidate *c)
{
    if (!c->named)
        return NULL;
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(link);

        sl_generation_look_up_name(g); /* it may have got its first line since it was found */
        if (sl_name_eq(&g->name, &c->name))
            return g;
    }
    return NULL;
}

/* --- generations --- */

static bool is_called_as(const sl_generation *g, const candidate *c)
{
    return strlen(g->file) == (size_t)c->stem && memcmp(g->file, c->file, (size_t)c->stem) == 0;
}

/* g's file, or its .gz, is c. */
static void link_as(sl_generation *g, const candidate *c)
{
    g->linked = true;
    if (is_called_as(g, c))
        return;
    free(g->file);
    g->file = sl_strndup(c->file, (size_t)c->stem);
}

static sl_generation *add_generation(sl_source *s, const candidate *c)
{
    char file[NAME_MAX + 1];
    sl_generation *g;

    snprintf(file, sizeof file, "%.*s", c->stem, c->file);
    g = sl_source_add(s, file, c->attempt);
    if (c->named)
        sl_generation_set_name(g, &c->name, c->first_ns);
    return g;
}

/* The candidate's file is g's from now on. */
static void take_body(const look *l, sl_generation *g, candidate *c)
{
    g->fd = c->fd;
    c->fd = -1;
    g->key = c->key;
    g->packed = false;
    g->body = SL_BODY_OPEN;
    g->size = c->size;
    link_as(g, c);
    free(g->checks);
    g->checks = NULL;
    g->check_count = 0;
    sl_plan_used(l->folders->plan, g);
}

/* g was settled and its descriptor given up, but its writer was not done: what came since is read as
 * the same generation, at the list's end. */
static sl_generation *reopen(const look *l, sl_generation *g, candidate *c)
{
    sl_generation *more;

    if (g->end == UINT64_MAX || c->size <= g->end || open_candidate(l, c))
        return g;
    identify(l->source, c);
    if (sl_name_is_set(&g->name) && !(c->named && sl_name_eq(&c->name, &g->name))) {
        g->key = (sl_key){0}; /* the number came back */
        return NULL;
    }
    more = add_generation(l->source, c);
    sl_generation_set_name(more, &g->name, g->first_ns);
    more->begin = g->end;
    take_body(l, more, c);
    g->key = (sl_key){0};
    g->linked = false;
    return more;
}

/* g was restored: what has its key now is its file only if the first line is the same, and what
 * stood before its positions. NULL: it is another file. */
static sl_generation *resume(const look *l, sl_generation *g, candidate *c)
{
    sl_err err = open_candidate(l, c);

    if (err) {
        complain(l->folders, l->source, c->file, err);
        return g; /* until we know better */
    }
    identify(l->source, c);
    if (sl_key_eq(&c->key, &g->key) && sl_checks_fit(g, c->fd, c->size) &&
        (!sl_name_is_set(&g->name) || (c->named && sl_name_eq(&c->name, &g->name)))) {
        take_body(l, g, c);
        return g;
    }
    g->key = (sl_key){0}; /* the number came back, or the file was cut */
    g->gone_reason = SL_LOST_TRUNCATED;
    return NULL;
}

/* Whose file that is, by its key; NULL: nobody's. A .gz is a file of its own, with a key of its own. */
static sl_generation *recognise(const look *l, candidate *c)
{
    sl_generation *g = NULL;

    if (c->kind != SL_FILE_PACKED)
        g = sl_source_find(l->source, &c->key);
    if (g && g->body == SL_BODY_SHUT)
        return reopen(l, g, c);
    if (g && g->body == SL_BODY_SOUGHT)
        return resume(l, g, c);
    return g;
}

/* What was left of g's file for another one, and was not delivered, has no key: it is in g's body. */
static void share_body(sl_source *s, const sl_generation *g)
{
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *o = generation_of(link);

        if (o == g)
            return;
        if (o->body != SL_BODY_SOUGHT || o->key.ino || o->end > g->begin ||
            !sl_name_is_set(&o->name) || !sl_name_eq(&o->name, &g->name) ||
            !sl_checks_fit(o, g->fd, o->end))
            continue;
        o->fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
        o->body = o->fd < 0 ? SL_BODY_SOUGHT : SL_BODY_OPEN;
        o->linked = o->fd < 0; /* no descriptor: sought on */
        s->unsettled = s->unsettled || o->fd < 0;
    }
}

static void saw_file(look *l, const char *file)
{
    candidate c = {.fd = -1};
    sl_generation *g;

    snprintf(c.file, sizeof c.file, "%s", file);
    if (!is_log_file(l, &c))
        return;
    g = recognise(l, &c);
    if (!g) {
        keep_candidate(l, &c);
        return;
    }
    link_as(g, &c);
    close_candidate(&c); /* unless g has taken it */
    if (g->body == SL_BODY_OPEN && !g->packed)
        share_body(l->source, g);
}

/* --- plain files --- */

/* New to us, and silent for so long that only what comes from now on is wanted (ignore_older). */
static bool is_ignored(const look *l, const candidate *c)
{
    uint64_t older_ms = l->source->rules->ignore_older_ms;
    int64_t silent_ns = sl_wall_ns(l->folders->clock) - c->written_ns;

    return older_ms > 0 && silent_ns > 0 && (uint64_t)silent_ns / 1000000 > older_ms;
}

static void take_plain(const look *l, candidate *c)
{
    sl_generation *g = c->first_ns ? find_named(l->source, c) : NULL;
    const sl_start end = {.kind = SL_START_END};
    bool ignored = is_ignored(l, c);

    if (g) { /* what was copied away before it was truncated goes on in its copy */
        if (g->body != SL_BODY_SOUGHT)
            return;
        if (sl_checks_fit(g, c->fd, c->size)) {
            take_body(l, g, c);
            return;
        } /* it was cut back to a place before our position: better twice than never */
    }
    g = add_generation(l->source, c);
    g->begin = sl_start_in_file(ignored ? &end : &l->folders->start, c->fd, c->size, c->written_ns);
    take_body(l, g, c);
    if (ignored)
        sl_plan_put(g);
}

/* --- compressed generations --- */

/* The last generation of that name. */
static sl_generation *find_called(const sl_source *s, const candidate *c)
{
    sl_generation *g = NULL;

    SL_LIST_EACH(&s->generations, link)
    {
        if (is_called_as(generation_of(link), c))
            g = generation_of(link);
    }
    return g;
}

/* Too old, or there at our first start and not wanted (start_at): known from now on, and never read. */
static sl_generation *skip_packed(sl_source *s, const candidate *c)
{
    sl_generation *g = add_generation(s, c);

    g->body = SL_BODY_SHUT;
    g->end = 0;
    return g;
}

/* It was written, rotated and compressed before we looked; what is older was read in its time. */
static bool is_newest(const sl_source *s, const candidate *c)
{
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = generation_of(link);

        if (g->seq < s->old_seq && g->first_ns >= c->first_ns)
            return false;
    }
    return c->named && c->first_ns > 0;
}

/* Whose .gz it is, by its name in the folder or by its first line; opened only if that is sought.
 * *g  NULL: nobody's */
static sl_err find_packed(const look *l, candidate *c, sl_generation **g)
{
    sl_err err = 0;

    *g = find_called(l->source, c);
    if (!*g && sl_start_is_over(&l->folders->start, c->written_ns))
        *g = skip_packed(l->source, c);
    if (!*g || (*g)->body == SL_BODY_SOUGHT)
        err = open_candidate(l, c);
    if (*g || err)
        return err;
    identify(l->source, c);
    *g = find_named(l->source, c);
    if (!*g && is_ignored(l, c)) /* what was begun is read to its end, however old it is */
        *g = skip_packed(l->source, c);
    return 0;
}

static void take_packed(const look *l, sl_generation *g, candidate *c)
{
    sl_packed_take(l->folders, g, c->fd, &c->key, c->written_ns);
    c->fd = -1;
}

/* Its plain file is there as well, and will be read: the kubelet is between two of its steps. */
static bool has_plain_twin(const look *l, const candidate *c)
{
    for (size_t i = 0; i < l->count; i++) {
        const candidate *other = &l->items[i];

        if (other->kind != SL_FILE_PACKED && other->stem == c->stem &&
            memcmp(other->file, c->file, (size_t)c->stem) == 0)
            return true;
    }
    return false;
}

/* A file that was left and went on is several generations: the .gz is each one's that is sought. */
static void claim_rest(const look *l, const sl_generation *g, const candidate *c)
{
    SL_LIST_EACH(&l->source->generations, link)
    {
        sl_generation *o = generation_of(link);
        candidate again = *c;
        sl_err err;

        if (o == g || o->body != SL_BODY_SOUGHT || !sl_name_is_set(&o->name) ||
            !sl_name_eq(&o->name, &g->name))
            continue;
        again.fd = -1;
        o->linked = true;
        err = open_candidate(l, &again);
        if (err)
            complain(l->folders, l->source, c->file, err);
        else
            take_packed(l, o, &again);
        close_candidate(&again);
    }
}

/* false: it is nobody's, and a new generation. */
static bool claim_packed(const look *l, candidate *c)
{
    sl_generation *g;
    sl_err err;

    if (has_plain_twin(l, c))
        return true;
    err = find_packed(l, c, &g);
    if (err)
        complain(l->folders, l->source, c->file, err);
    if (!g)
        return err || !is_newest(l->source, c);
    link_as(g, c);
    if (!err && g->body == SL_BODY_SOUGHT)
        take_packed(l, g, c);
    claim_rest(l, g, c);
    return true;
}

/* --- the folder --- */

/* Opened and identified: a generation that we did not know, or one's other file. */
static bool is_left_to_take(look *l, candidate *c)
{
    sl_err err;

    if (c->kind == SL_FILE_PACKED)
        return !claim_packed(l, c);
    err = open_candidate(l, c);
    l->missed = l->missed || err == UV_ENOENT;
    if (err)
        complain(l->folders, l->source, c->file, err);
    else
        identify(l->source, c);
    return !err;
}

/* Oldest attempt first; rotated ones by the time of their first record; the live one last. */
static int by_age(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    bool x_live = x->kind == SL_FILE_LIVE, y_live = y->kind == SL_FILE_LIVE;

    if (x->attempt != y->attempt)
        return x->attempt < y->attempt ? -1 : 1;
    if (x_live != y_live)
        return x_live ? 1 : -1;
    if (x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    return strcmp(x->file, y->file);
}

static void take_candidates(look *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++) {
        if (is_left_to_take(l, &l->items[i]))
            l->items[kept++] = l->items[i];
        else
            close_candidate(&l->items[i]);
    }
    if (kept > 1)
        qsort(l->items, kept, sizeof *l->items, by_age);
    for (size_t i = 0; i < kept; i++) {
        candidate *c = &l->items[i];
        sl_generation *twin = c->kind == SL_FILE_PACKED ? find_named(l->source, c) : NULL;

        if (twin) /* its plain file is still there, and was taken just now */
            link_as(twin, c);
        else if (c->kind == SL_FILE_PACKED)
            take_packed(l, add_generation(l->source, c), c);
        else
            take_plain(l, c);
        close_candidate(c); /* unless it was taken */
    }
    free(l->items);
}

static void unlink_all(sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    generation_of(link)->linked = false;
}

/* What rested, and is not under its key any more: as a .gz it may be. */
static void seek_resting(sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(link);

        if (g->body != SL_BODY_RESTING || g->linked)
            continue;
        g->body = SL_BODY_SOUGHT;
        g->gone_reason = SL_LOST_VANISHED;
    }
}

/* What was sought and is nowhere: its unread bytes are lost. */
static void give_up_sought(sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(link);

        if (g->body != SL_BODY_SOUGHT || g->linked)
            continue;
        g->body = SL_BODY_GONE;
        g->key = (sl_key){0}; /* its number may come back as somebody else's */
    }
}

void sl_folder_gone(sl_source *s)
{
    s->gone = true;
    s->unsettled = false;
    unlink_all(s);
    seek_resting(s);
    give_up_sought(s);
}

void sl_folder_list(sl_folders *f, sl_source *s)
{
    look l = {.folders = f, .source = s};
    char path[PATH_MAX];
    struct dirent *entry;
    struct stat st;
    sl_err err;
    DIR *dir;

    sl_source_path(s, NULL, path);
    err = sl_folder_open(path, &l.folder, &st);
    if (err == UV_ENOENT)
        sl_folder_gone(s);
    else if (err)
        complain(f, s, NULL, err);
    if (err)
        return;
    s->gone = s->unsettled = false;
    s->listed_ns = sl_folder_listed_ns(f->clock, &st);
    unlink_all(s);
    dir = fdopendir(l.folder);
    SL_ASSERT(dir);
    while ((entry = readdir(dir)))
        saw_file(&l, entry->d_name);
    if (!l.missed)
        seek_resting(s);
    take_candidates(&l);
    if (l.missed)
        s->unsettled = true; /* it has another name by now: look again before anything is lost */
    else
        give_up_sought(s);
    if (!s->unsettled)
        s->old_seq = UINT64_MAX;
    closedir(dir);
}

void sl_folders_stop(sl_folders *f)
{
    f->stopping = true;
}
