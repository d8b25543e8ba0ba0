/* claim.c - see claim.h. */
#include "read/claim.h"

#include "read/inflate.h"
#include "read/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COMPARE (UINT64_C(8) << 20)

/* A file that is no generation's yet. */
typedef struct sl_candidate {
    char file[NAME_MAX + 1];
    int folder; /* descriptor of where it was seen */
    int stem;   /* length of its name without ".gz" */
    sl_branch *branch;
    sl_file_kind kind;
    uint32_t attempt, cuts;
    sl_key key;
    uint64_t size;
    int64_t written_ns;
    int fd; /* -1: not opened */
    bool named;
    sl_name head;
    int64_t first_ns;
} candidate;

typedef sl_look look;

static sl_generation *generation_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_generation, link);
}

/* --- candidates --- */

static void close_candidate(candidate *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static bool is_exhausted(sl_err err)
{
    return err == UV_EMFILE || err == UV_ENFILE;
}

/* They are opened again when it is their turn. false: none of them was open. */
static bool close_others(look *l, const candidate *c)
{
    bool closed = false;

    for (size_t i = 0; i < l->count; i++) {
        candidate *other = &l->items[i];

        if (other == c || other->fd < 0)
            continue;
        close_candidate(other);
        closed = true;
    }
    return closed;
}

/* UV_ENOENT: its name is another file's by now, and what was seen is to be looked for again. */
static sl_err open_candidate(look *l, candidate *c)
{
    sl_key key;
    mode_t mode;
    sl_err err;

    if (c->fd >= 0)
        return 0;
    do
        c->fd = sl_plan_open(l->folders->plan, c->folder, c->file);
    while (is_exhausted(c->fd) && close_others(l, c));
    if (c->fd < 0)
        return c->fd;
    err = sl_key_of(c->fd, "", &key, &c->size, &mode);
    if (!err && !sl_key_eq(&key, &c->key)) {
        l->missed = true;
        close_candidate(c);
        return UV_ENOENT;
    }
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
        n = pread(c->fd, first, want, (off_t)sl_hole_end(c->fd));
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
        c->named =
            sl_head_of(s, c->attempt, (sl_slice){first, (size_t)n}, false, &c->head, &c->first_ns);
    free(first);
}

static bool begins_as(const sl_generation *g, const candidate *c)
{
    return c->named && sl_name_eq(&g->head, &c->head);
}

/* The uncompressed length, modulo 2^32, as the last member of a .gz says it (RFC 1952). */
static bool says_length(int fd, uint64_t size, uint32_t *length)
{
    uint8_t b[4];

    if (pread(fd, b, sizeof b, (off_t)size - 4) != sizeof b)
        return false;
    *length = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return true;
}

/* Of a plain file the first line is no proof, so the length has to be the same, too. */
static bool is_as_long(const sl_generation *g, int fd, uint64_t size)
{
    uint32_t length;

    return says_length(fd, size, &length) &&
           length == (uint32_t)(g->end != UINT64_MAX ? g->end : g->size);
}

bool sl_is_packed_of(const sl_generation *g, int fd, uint64_t size)
{
    candidate c = {.kind = SL_FILE_PACKED, .fd = fd, .attempt = g->attempt};

    identify(g->source, &c);
    return begins_as(g, &c) && is_as_long(g, fd, size);
}

/* A generation that begins like that: itself under another key, or what this file is a copy of. One
 * that is sought before one that is not, which only a runtime's line can prove. */
static sl_generation *find_headed(const sl_source *s, const candidate *c)
{
    sl_generation *found = NULL;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(link);

        sl_generation_look_up_name(g); /* it may have got its first line since it was found */
        if (!begins_as(g, c))
            continue;
        if (g->body == SL_BODY_SOUGHT)
            return g;
        if (!found && (c->first_ns ||
                       (s->path && c->kind == SL_FILE_PACKED && is_as_long(g, c->fd, c->size))))
            found = g;
    }
    return found;
}

/* --- generations --- */

static bool is_called_as(const sl_generation *g, const candidate *c)
{
    return g->branch == c->branch && strlen(g->file) == (size_t)c->stem &&
           memcmp(g->file, c->file, (size_t)c->stem) == 0;
}

/* g's file, or its .gz, is c. */
static void link_as(sl_generation *g, const candidate *c)
{
    g->linked = true;
    if (is_called_as(g, c))
        return;
    free(g->file);
    g->file = sl_strndup(c->file, (size_t)c->stem);
    g->branch = c->branch;
}

static sl_generation *add_generation(sl_source *s, const candidate *c)
{
    char file[NAME_MAX + 1];
    sl_generation *g;

    snprintf(file, sizeof file, "%.*s", c->stem, c->file);
    g = sl_source_add(s, file, c->attempt);
    g->branch = c->branch;
    g->key = c->key;
    g->cuts = c->cuts;
    if (c->named)
        sl_generation_set_head(g, &c->head, c->first_ns);
    return g;
}

/* The candidate's file is g's from now on. */
static void take_body(look *l, sl_generation *g, candidate *c)
{
    l->changed = true;
    g->fd = c->fd;
    c->fd = -1;
    g->key = c->key;
    g->packed = false;
    g->body = SL_BODY_OPEN;
    g->size = g->told = c->size;
    link_as(g, c);
    free(g->checks);
    g->checks = NULL;
    g->check_count = 0;
    sl_plan_used(l->folders->plan, g);
}

/* g was settled and its descriptor given up, but its writer was not done: what came since is read as
 * the same generation, at the list's end. */
static sl_generation *reopen(look *l, sl_generation *g, candidate *c)
{
    sl_generation *more;

    if (g->end == UINT64_MAX || c->size == g->end || c->size == 0 || open_candidate(l, c))
        return g;
    identify(l->source, c);
    if (sl_name_is_set(&g->head) && !begins_as(g, c)) {
        g->key = (sl_key){0}; /* the number came back, or it was cut and written anew */
        c->cuts = g->cuts + 1;
        return NULL;
    }
    if (c->size <= g->end)
        return g;
    more = add_generation(l->source, c);
    sl_generation_name_as(more, g);
    more->begin = g->end;
    take_body(l, more, c);
    g->key = (sl_key){0};
    g->linked = false;
    return more;
}

/* g was restored: what has its key now is its file only if the first line is the same, and what
 * stood before its positions. NULL: it is another file. */
static sl_generation *resume(look *l, sl_generation *g, candidate *c)
{
    sl_err err = open_candidate(l, c);

    if (err) {
        sl_folder_complain(l->folders, l->source, c->file, err);
        return g; /* until we know better */
    }
    identify(l->source, c);
    if (sl_key_eq(&c->key, &g->key) && sl_checks_fit(g, c->fd, c->size) &&
        (!sl_name_is_set(&g->head) || begins_as(g, c))) {
        take_body(l, g, c);
        return g;
    }
    g->key = (sl_key){0}; /* the number came back, or the file was cut */
    c->cuts = g->cuts + 1;
    l->strange = l->strange || l->source->path; /* a copy of it may lie there */
    g->gone_reason = SL_LOST_TRUNCATED;
    return NULL;
}

/* A .gz is a file of its own, with a key of its own. */
static sl_generation *find_packed_key(const sl_source *s, const sl_key *key)
{
    SL_LIST_EACH(&s->generations, link)
    {
        if (sl_key_eq(&generation_of(link)->key, key))
            return generation_of(link);
    }
    return NULL;
}

/* Whose file that is, by its key; NULL: nobody's, or a .gz that has yet to be opened. */
static sl_generation *recognise(look *l, candidate *c)
{
    bool packed = c->kind == SL_FILE_PACKED;
    sl_generation *g =
        packed ? find_packed_key(l->source, &c->key) : sl_source_find(l->source, &c->key);

    if (packed)
        return g && g->body != SL_BODY_SOUGHT ? g : NULL;
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

void sl_look_begin(sl_look *l, sl_folders *f, sl_source *s)
{
    *l = (sl_look){.folders = f, .source = s, .began_ms = sl_now_ms(f->clock)};
    s->dangled = s->dangles;
    s->dangles = false;
    SL_LIST_EACH(&s->generations, link)
    {
        generation_of(link)->was_linked = generation_of(link)->linked;
        generation_of(link)->linked = false;
    }
    SL_LIST_EACH(&s->branches, link)
    SL_CONTAINER_OF(link, sl_branch, link)->linked = false;
}

void sl_look_saw(sl_look *l, const sl_sighting *at)
{
    candidate c = {.folder = at->folder,
                   .branch = at->branch,
                   .kind = at->kind,
                   .attempt = at->attempt,
                   .key = at->seen.key,
                   .size = at->seen.size,
                   .written_ns = at->seen.written_ns,
                   .fd = -1};
    sl_generation *g;

    snprintf(c.file, sizeof c.file, "%s", at->file);
    c.stem = (int)strlen(c.file) - (c.kind == SL_FILE_PACKED ? 3 : 0);
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

/* Of the same bytes: from .. from + len. */
static bool is_same(int a, int b, uint64_t from, uint64_t len)
{
    static char x[SL_FIRST_LINE_MAX], y[SL_FIRST_LINE_MAX];

    while (len > 0) {
        size_t part = len < sizeof x ? (size_t)len : sizeof x;

        if (pread(a, x, part, (off_t)from) != (ssize_t)part ||
            pread(b, y, part, (off_t)from) != (ssize_t)part || memcmp(x, y, part) != 0)
            return false;
        from += part;
        len -= part;
    }
    return true;
}

/* Of many their beginning and their end are compared: it is done on the loop. */
bool sl_begins_as(const sl_generation *g, int fd, uint64_t len)
{
    uint64_t part = len < COMPARE ? len : COMPARE;

    return g->body == SL_BODY_OPEN && !g->packed && len > 0 && is_same(g->fd, fd, 0, part) &&
           is_same(g->fd, fd, len - part, part);
}

/* A file of that name that was made anew may well begin as the old one did: it goes on where that
 * stopped only if more than its very beginning is the same. */
static bool goes_on(const look *l, const sl_generation *g, const candidate *c)
{
    bool proved = c->kind != SL_FILE_LIVE || !l->source->path || c->first_ns;

    for (size_t i = 0; i < g->check_count; i++)
        proved = proved || (g->checks[i].hash && g->checks[i].at.offset > SL_CHECK_BYTES);
    return proved && sl_checks_fit(g, c->fd, c->size);
}

/* What is in c was there before the other one lost its name, so it was copied. Lines with a runtime's
 * times say so themselves; others may begin alike by chance, as banners do. */
static bool was_before(const candidate *c, const struct stat *other)
{
    int64_t lost_ns = other->st_ctim.tv_sec * 1000000000 + other->st_ctim.tv_nsec;

    return c->first_ns || (c->key.birth_ns && c->key.birth_ns < lost_ns);
}

/* Editors and some writers put a longer copy in a file's place: who was replaced so goes on in it. */
static sl_generation *find_replaced(const sl_source *s, const candidate *c)
{
    sl_generation *found = NULL;
    struct stat st;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(link);

        if (c->kind == SL_FILE_LIVE && !g->linked && g->end == UINT64_MAX && begins_as(g, c) &&
            g->body == SL_BODY_OPEN && !g->packed && !fstat(g->fd, &st) && was_before(c, &st) &&
            c->size >= (uint64_t)st.st_size) {
            g->size = (uint64_t)st.st_size;
            found = sl_begins_as(g, c->fd, g->size) ? g : found;
        }
    }
    return found;
}

static bool replaces(look *l, candidate *c)
{
    sl_generation *g = find_replaced(l->source, c);

    if (!g)
        return false;
    sl_generation_close(l->folders->watch, g);
    g->closed_size = UINT64_MAX;
    take_body(l, g, c);
    return true;
}

/* New to us, and silent for so long that only what comes from now on is wanted (ignore_older). */
static bool is_ignored(const look *l, const candidate *c)
{
    uint64_t older_ms = l->source->rules->ignore_older_ms;
    int64_t silent_ns = sl_wall_ns(l->folders->clock) - c->written_ns;

    return older_ms > 0 && silent_ns > 0 && (uint64_t)silent_ns / 1000000 > older_ms;
}

/* Where a new one is read from. What has no runtime's times in it is wanted as a whole, or not. */
static uint64_t first_wanted(const look *l, const candidate *c, bool ignored)
{
    sl_start start = l->folders->start;

    if (ignored || sl_start_is_over(&start, c->written_ns))
        start.kind = SL_START_END;
    else if (!c->first_ns)
        start.kind = SL_START_BEGINNING;
    return sl_start_in_file(&start, c->fd, c->size, c->written_ns);
}

static void take_new(look *l, candidate *c)
{
    sl_generation *g = add_generation(l->source, c);
    bool ignored = is_ignored(l, c);

    g->begin = first_wanted(l, c, ignored);
    take_body(l, g, c);
    if (ignored)
        sl_plan_put(g);
}

static void take_plain(look *l, candidate *c)
{
    sl_generation *g = find_headed(l->source, c);

    if (g && g->body == SL_BODY_SOUGHT && goes_on(l, g, c)) {
        take_body(l, g, c); /* what was copied away before it was truncated goes on here */
        return;
    } /* one that is sought was cut back to a place before our position: better twice than never */
    if (replaces(l, c) || (g && g->body != SL_BODY_SOUGHT))
        return; /* a copy */
    if (l->source->path && c->kind != SL_FILE_LIVE)
        l->strange = true; /* another source's, now that it has no key of ours any more */
    else
        take_new(l, c);
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
    g->packed = true;
    g->end = 0;
    return g;
}

/* It was written, rotated and compressed before we looked. What was read stays known while it lies in
 * its folder, so this was not: older than what we know or not. */
static bool is_unread(const sl_source *s, const candidate *c)
{
    if (s->path)
        return c->named && sl_list_is_empty(&s->generations);
    return c->named && c->first_ns > 0;
}

/* Its name says whose it is; but where names are moved on at each rotation (.1 becomes .2), only
 * together with its first line. */
static sl_generation *find_by_name(look *l, candidate *c, sl_err *err)
{
    sl_generation *g = find_called(l->source, c);
    bool moves = c->branch || l->source->path;

    if (!g || (!moves && g->body != SL_BODY_SOUGHT))
        return g;
    *err = open_candidate(l, c);
    if (*err || !moves)
        return moves ? NULL : g;
    identify(l->source, c);
    return !sl_name_is_set(&g->head) || begins_as(g, c) ? g : NULL;
}

/* Whose .gz it is, by its key, its name in the folder or its first line; opened only if it is sought,
 * or nobody's.
 * *g  NULL: nobody's */
static sl_err find_packed(look *l, candidate *c, sl_generation **g)
{
    sl_err err = 0;

    *g = find_packed_key(l->source, &c->key);
    if (*g)
        return open_candidate(l, c);
    *g = find_by_name(l, c, &err);
    if (!*g && sl_start_is_over(&l->folders->start, c->written_ns))
        *g = skip_packed(l->source, c);
    if (*g || err)
        return err;
    err = open_candidate(l, c);
    if (err)
        return err;
    identify(l->source, c);
    *g = find_headed(l->source, c);
    if (!*g && is_ignored(l, c)) /* what was begun is read to its end, however old it is */
        *g = skip_packed(l->source, c);
    return 0;
}

static void take_packed(look *l, sl_generation *g, candidate *c)
{
    l->changed = true;
    sl_packed_take(l->folders, g, c->fd, &c->key, c->written_ns);
    c->fd = -1;
}

/* Its plain file is there as well, and will be read: the kubelet is between two of its steps. */
static bool has_plain_twin(const look *l, const candidate *c)
{
    for (size_t i = 0; i < l->count; i++) {
        const candidate *other = &l->items[i];

        if (other->kind != SL_FILE_PACKED && other->branch == c->branch && other->stem == c->stem &&
            memcmp(other->file, c->file, (size_t)c->stem) == 0)
            return true;
    }
    return false;
}

/* A file that was left and went on is several generations: the .gz is each one's that is sought. */
static void claim_rest(look *l, const sl_generation *g, const candidate *c)
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
            sl_folder_complain(l->folders, l->source, c->file, err);
        else
            take_packed(l, o, &again);
        close_candidate(&again);
    }
}

/* g was left and settled, and is compressed now: what its writer had added until then comes again. It
 * is known by its new key from here on. */
static void know_packed(look *l, sl_generation *g, candidate *c)
{
    uint32_t length;
    sl_generation *more;

    g->key = c->key;
    g->packed = true;
    if (g->end == 0 || g->end == UINT64_MAX || open_candidate(l, c) ||
        !says_length(c->fd, c->size, &length) || length == (uint32_t)g->end)
        return;
    more = add_generation(l->source, c);
    sl_generation_name_as(more, g);
    more->begin = g->end;
    g->key = (sl_key){0};
    take_packed(l, more, c);
}

/* It may be what is sought, and what is newer has to wait for it; but not for one that may never be
 * ours to read. */
static void cannot_open(look *l, const candidate *c, sl_err err)
{
    sl_folder_complain(l->folders, l->source, c->file, err);
    l->exhausted = l->exhausted || is_exhausted(err);
    l->missed = l->missed || l->exhausted || err == UV_ENOENT;
}

/* false: it is nobody's, and a new generation. */
static bool claim_packed(look *l, candidate *c)
{
    sl_generation *g;
    sl_err err;

    if (has_plain_twin(l, c))
        return true;
    err = find_packed(l, c, &g);
    if (err)
        cannot_open(l, c, err);
    if (!g)
        return err || !is_unread(l->source, c);
    link_as(g, c);
    if (!err && g->body == SL_BODY_SOUGHT)
        take_packed(l, g, c);
    else if (g->body == SL_BODY_SHUT && !sl_key_eq(&g->key, &c->key))
        know_packed(l, g, c);
    claim_rest(l, g, c);
    return true;
}

/* --- the look as a whole --- */

/* Opened and identified: a generation that we did not know, or one's other file. */
static bool is_left_to_take(look *l, candidate *c)
{
    sl_err err;

    if (c->kind == SL_FILE_PACKED)
        return !claim_packed(l, c);
    err = open_candidate(l, c);
    if (err)
        cannot_open(l, c, err);
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

static void keep_left(look *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++) {
        bool left = is_left_to_take(l, &l->items[i]);
        candidate c = l->items[i];

        l->items[i].fd = -1;
        if (left)
            l->items[kept++] = c;
        else
            close_candidate(&c);
    }
    l->count = kept;
    if (kept > 1)
        qsort(l->items, kept, sizeof *l->items, by_age);
}

static void take_left(look *l, candidate *c)
{
    sl_generation *twin = c->kind == SL_FILE_PACKED ? find_headed(l->source, c) : NULL;

    if (twin) /* its plain file is still there, and was taken just now */
        link_as(twin, c);
    else if (c->kind == SL_FILE_PACKED)
        take_packed(l, add_generation(l->source, c), c);
    else
        take_plain(l, c);
}

/* In their order: those behind one for which there is no descriptor are taken at a later look. */
static void take_candidates(look *l)
{
    keep_left(l);
    for (size_t i = 0; i < l->count && !l->exhausted; i++) {
        candidate *c = &l->items[i];
        sl_err err = open_candidate(l, c);

        if (err)
            cannot_open(l, c, err);
        else
            take_left(l, c);
        close_candidate(c); /* unless it was taken */
    }
    (void)close_others(l, NULL);
    free(l->items);
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

static bool is_missing(const sl_generation *g)
{
    return g->body == SL_BODY_SOUGHT && !g->linked;
}

/* Its unread bytes are lost. */
static void give_up(sl_generation *g)
{
    g->body = SL_BODY_GONE;
    g->key = (sl_key){0}; /* its number may come back as somebody else's */
}

/* The folder itself is no more: there is nowhere to look. */
void sl_source_give_up(sl_source *s)
{
    seek_resting(s);
    s->missing = false;
    SL_LIST_EACH(&s->generations, link)
    {
        if (is_missing(generation_of(link)))
            give_up(generation_of(link));
    }
}

static bool is_missed_long(const look *l, const sl_generation *g)
{
    return g->missed_ms && l->began_ms >= g->missed_ms + SL_MISSED_MS;
}

/* What was sought and is nowhere, for the second time, is lost. */
static void give_up_missing(const look *l)
{
    uint64_t now = sl_now_ms(l->folders->clock);

    SL_LIST_EACH(&l->source->generations, link)
    {
        sl_generation *g = generation_of(link);

        if (!is_missing(g))
            g->missed_ms = 0;
        else if (g->nothing_left || is_missed_long(l, g))
            give_up(
                g); /* what goes on in its place must not wait, and be cut as well, for nothing */
        else if (!g->missed_ms)
            g->missed_ms = now ? now : 1;
        l->source->missing = l->source->missing || is_missing(g);
    }
}

void sl_look_end(sl_look *l)
{
    sl_source *s = l->source;

    if (!l->missed)
        seek_resting(s);
    take_candidates(l);
    s->missing = false;
    if (l->missed || l->strange)
        s->unsettled = true; /* it has another name by now: look again before anything is lost */
    else
        give_up_missing(l);
    SL_LIST_EACH(&s->generations, link)
    l->changed = l->changed || generation_of(link)->was_linked != generation_of(link)->linked;
}
