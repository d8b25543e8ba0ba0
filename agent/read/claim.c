/* claim.c - see claim.h. */
#include "read/claim.h"

#include "read/claim_in.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what is known by its key --- */

/* g was settled and its descriptor given up, but its writer was not done: what came since is read as
 * the same generation, at the list's end. */
static sl_generation *reopen(sl_look *l, sl_generation *g, sl_candidate *c)
{
    sl_generation *more;

    if (g->end == UINT64_MAX || c->size == g->end || c->size == 0 || sl_candidate_open(l, c))
        return g;
    sl_candidate_identify(l->source, c);
    if (sl_name_is_set(&g->head) && !sl_candidate_begins_as(c, g)) {
        g->key = (sl_key){0}; /* the number came back, or it was cut and written anew */
        c->cuts = g->cuts + 1;
        return NULL;
    }
    if (c->size <= g->end)
        return g;
    more = sl_candidate_add(l->source, c);
    sl_generation_name_as(more, g);
    more->begin = g->end;
    sl_candidate_give_body(l, c, more);
    g->key = (sl_key){0};
    g->linked = false;
    return more;
}

/* g was restored: what has its key now is its file only if the first line is the same, and what
 * stood before its positions. NULL: it is another file. */
static sl_generation *resume(sl_look *l, sl_generation *g, sl_candidate *c)
{
    sl_err err = sl_candidate_open(l, c);

    if (err) {
        sl_folder_complain(l->folders, l->source, c->file, err);
        return g; /* until we know better */
    }
    sl_candidate_identify(l->source, c);
    if (sl_key_eq(&c->key, &g->key) && sl_checks_fit(g, c->fd, c->size) &&
        (!sl_name_is_set(&g->head) || sl_candidate_begins_as(c, g))) {
        sl_candidate_give_body(l, c, g);
        return g;
    }
    g->key = (sl_key){0}; /* the number came back, or the file was cut */
    c->cuts = g->cuts + 1;
    l->strange = l->strange || l->source->path; /* a copy of it may lie there */
    g->gone_reason = SL_LOST_TRUNCATED;
    return NULL;
}

/* Whose file that is, by its key; NULL: nobody's, or a .gz that has yet to be opened. */
static sl_generation *recognise(sl_look *l, sl_candidate *c)
{
    bool packed = c->kind == SL_FILE_PACKED;
    sl_generation *g =
        packed ? sl_claim_find_packed(l->source, &c->key) : sl_source_find(l->source, &c->key);

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
        sl_generation *o = sl_generation_of(link);

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

/* --- what was seen --- */

void sl_look_begin(sl_look *l, sl_folders *f, sl_source *s)
{
    *l = (sl_look){.folders = f, .source = s, .began_ms = sl_now_ms(f->clock)};
    s->dangled = s->dangles;
    s->dangles = false;
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation_of(link)->was_linked = sl_generation_of(link)->linked;
        sl_generation_of(link)->linked = false;
    }
    SL_LIST_EACH(&s->branches, link)
    SL_CONTAINER_OF(link, sl_branch, link)->linked = false;
}

static void keep_candidate(sl_look *l, const sl_candidate *c)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->items = sl_realloc(l->items, l->cap * sizeof *l->items);
    }
    l->items[l->count++] = *c;
}

void sl_look_saw(sl_look *l, const sl_sighting *at)
{
    sl_candidate c = {.folder = at->folder,
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
    sl_candidate_link(&c, g);
    sl_candidate_close(&c); /* unless g has taken it */
    if (g->body == SL_BODY_OPEN && !g->packed)
        share_body(l->source, g);
}

/* --- what is left --- */

/* Opened and identified: a generation that we did not know, or one's other file. */
static bool is_left_to_take(sl_look *l, sl_candidate *c)
{
    sl_err err;

    if (c->kind == SL_FILE_PACKED)
        return !sl_claim_packed(l, c);
    err = sl_candidate_open(l, c);
    if (err)
        sl_candidate_failed(l, c, err);
    else
        sl_candidate_identify(l->source, c);
    return !err;
}

/* Oldest attempt first; rotated ones by the time of their first record; the live one last. */
static int by_age(const void *a, const void *b)
{
    const sl_candidate *x = a, *y = b;
    bool x_live = x->kind == SL_FILE_LIVE, y_live = y->kind == SL_FILE_LIVE;

    if (x->attempt != y->attempt)
        return x->attempt < y->attempt ? -1 : 1;
    if (x_live != y_live)
        return x_live ? 1 : -1;
    if (x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    return strcmp(x->file, y->file);
}

static void keep_left(sl_look *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++) {
        bool left = is_left_to_take(l, &l->items[i]);
        sl_candidate c = l->items[i];

        l->items[i].fd = -1;
        if (left)
            l->items[kept++] = c;
        else
            sl_candidate_close(&c);
    }
    l->count = kept;
    if (kept > 1)
        qsort(l->items, kept, sizeof *l->items, by_age);
}

static void take_left(sl_look *l, sl_candidate *c)
{
    sl_generation *twin = c->kind == SL_FILE_PACKED ? sl_candidate_find_headed(l->source, c) : NULL;

    if (twin) /* its plain file is still there, and was taken just now */
        sl_candidate_link(c, twin);
    else if (c->kind == SL_FILE_PACKED)
        sl_claim_give_packed(l, c, sl_candidate_add(l->source, c));
    else
        sl_claim_plain(l, c);
}

/* In their order: those behind one for which there is no descriptor are taken at a later look. */
static void take_candidates(sl_look *l)
{
    keep_left(l);
    for (size_t i = 0; i < l->count && !l->exhausted; i++) {
        sl_candidate *c = &l->items[i];
        sl_err err = sl_candidate_open(l, c);

        if (err)
            sl_candidate_failed(l, c, err);
        else
            take_left(l, c);
        sl_candidate_close(c); /* unless it was taken */
    }
    (void)sl_candidate_close_others(l, NULL);
    free(l->items);
}

/* --- what was not there --- */

/* What rested, and is not under its key any more: as a .gz it may be. */
static void seek_resting(sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);

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
        if (is_missing(sl_generation_of(link)))
            give_up(sl_generation_of(link));
    }
}

static bool is_missed_long(const sl_look *l, const sl_generation *g)
{
    return g->missed_ms && l->began_ms >= g->missed_ms + SL_MISSED_MS;
}

/* What was sought and is nowhere, for the second time, is lost. */
static void give_up_missing(const sl_look *l)
{
    uint64_t now = sl_now_ms(l->folders->clock);

    SL_LIST_EACH(&l->source->generations, link)
    {
        sl_generation *g = sl_generation_of(link);

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
    l->changed = l->changed || sl_generation_of(link)->was_linked != sl_generation_of(link)->linked;
}
