/* claim_packed.c - a .gz that nothing is read from yet: whose it is. See claim_in.h. */
#include "read/claim.h"

#include "read/claim_in.h"
#include "read/packed.h"

#include <unistd.h>

sl_generation *sl_claim_find_packed(const sl_source *s, const sl_key *key)
{
    SL_LIST_EACH(&s->generations, link)
    {
        if (sl_key_eq(&sl_generation_of(link)->key, key))
            return sl_generation_of(link);
    }
    return NULL;
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

bool sl_claim_is_as_long(const sl_generation *g, int fd, uint64_t size)
{
    uint32_t length;

    return says_length(fd, size, &length) &&
           length == (uint32_t)(g->end != UINT64_MAX ? g->end : g->size);
}

bool sl_is_packed_of(const sl_generation *g, int fd, uint64_t size)
{
    sl_candidate c = {.kind = SL_FILE_PACKED, .fd = fd, .attempt = g->attempt};

    sl_candidate_identify(g->source, &c);
    return sl_candidate_begins_as(&c, g) && sl_claim_is_as_long(g, fd, size);
}

/* The last generation of that name. */
static sl_generation *find_called(const sl_source *s, const sl_candidate *c)
{
    const sl_link *all = &s->generations;

    for (sl_link *link = all->prev; link != all; link = link->prev) {
        if (sl_candidate_is_called_as(c, sl_generation_of(link)))
            return sl_generation_of(link);
    }
    return NULL;
}

/* Too old, or there at our first start and not wanted (start_at): known from now on, and never read. */
static sl_generation *skip_packed(sl_source *s, const sl_candidate *c)
{
    sl_generation *g = sl_candidate_add(s, c);

    g->body = SL_BODY_SHUT;
    g->packed = true;
    g->end = 0;
    return g;
}

/* It was written, rotated and compressed before we looked. What was read stays known while it lies in
 * its folder, so this was not: older than what we know or not. */
static bool is_unread(const sl_source *s, const sl_candidate *c)
{
    if (s->path)
        return c->named && sl_list_is_empty(&s->generations);
    return c->named && c->first_ns > 0;
}

/* Its name says whose it is; but where names are moved on at each rotation (.1 becomes .2), only
 * together with its first line. */
static sl_generation *find_by_name(sl_look *l, sl_candidate *c, sl_err *err)
{
    sl_generation *g = find_called(l->source, c);
    bool moves = c->branch || l->source->path;

    if (!g || (!moves && g->body != SL_BODY_SOUGHT))
        return g;
    *err = sl_candidate_open(l, c);
    if (*err || !moves)
        return moves ? NULL : g;
    sl_candidate_identify(l->source, c);
    return !sl_name_is_set(&g->head) || sl_candidate_begins_as(c, g) ? g : NULL;
}

/* Whose .gz it is, by its key, its name in the folder or its first line; opened only if it is sought,
 * or nobody's.
 * *g  NULL: nobody's */
static sl_err find_packed(sl_look *l, sl_candidate *c, sl_generation **g)
{
    sl_err err = 0;

    *g = sl_claim_find_packed(l->source, &c->key);
    if (*g)
        return sl_candidate_open(l, c);
    *g = find_by_name(l, c, &err);
    if (!*g && sl_start_is_over(&l->folders->start, c->written_ns))
        *g = skip_packed(l->source, c);
    if (*g || err)
        return err;
    err = sl_candidate_open(l, c);
    if (err)
        return err;
    sl_candidate_identify(l->source, c);
    *g = sl_candidate_find_headed(l->source, c);
    if (!*g &&
        sl_candidate_is_ignored(l, c)) /* what was begun is read to its end, however old it is */
        *g = skip_packed(l->source, c);
    return 0;
}

void sl_claim_give_packed(sl_look *l, sl_candidate *c, sl_generation *g)
{
    l->changed = true;
    sl_packed_take(l->folders, g, c->fd, &c->key, c->written_ns);
    c->fd = -1;
}

/* Its plain file is there as well, and will be read: the kubelet is between two of its steps. */
static bool has_plain_twin(const sl_look *l, const sl_candidate *c)
{
    for (size_t i = 0; i < l->count; i++) {
        const sl_candidate *other = &l->items[i];

        if (other->kind != SL_FILE_PACKED && other->branch == c->branch && other->stem == c->stem &&
            memcmp(other->file, c->file, (size_t)c->stem) == 0)
            return true;
    }
    return false;
}

/* A file that was left and went on is several generations: the .gz is each one's that is sought. */
static void claim_rest(sl_look *l, const sl_generation *g, const sl_candidate *c)
{
    SL_LIST_EACH(&l->source->generations, link)
    {
        sl_generation *o = sl_generation_of(link);
        sl_candidate again = *c;
        sl_err err;

        if (o == g || o->body != SL_BODY_SOUGHT || !sl_name_is_set(&o->name) ||
            !sl_name_eq(&o->name, &g->name))
            continue;
        again.fd = -1;
        o->linked = true;
        err = sl_candidate_open(l, &again);
        if (err)
            sl_folder_complain(l->folders, l->source, c->file, err);
        else
            sl_claim_give_packed(l, &again, o);
        sl_candidate_close(&again);
    }
}

/* g was left and settled, and is compressed now: what its writer had added until then comes again. It
 * is known by its new key from here on. */
static void know_packed(sl_look *l, sl_generation *g, sl_candidate *c)
{
    uint32_t length;
    sl_generation *more;

    g->key = c->key;
    g->packed = true;
    if (g->end == 0 || g->end == UINT64_MAX || sl_candidate_open(l, c) ||
        !says_length(c->fd, c->size, &length) || length == (uint32_t)g->end)
        return;
    more = sl_candidate_add(l->source, c);
    sl_generation_name_as(more, g);
    more->begin = g->end;
    g->key = (sl_key){0};
    sl_claim_give_packed(l, c, more);
}

bool sl_claim_packed(sl_look *l, sl_candidate *c)
{
    sl_generation *g;
    sl_err err;

    if (has_plain_twin(l, c))
        return true;
    err = find_packed(l, c, &g);
    if (err)
        sl_candidate_failed(l, c, err);
    if (!g)
        return err || !is_unread(l->source, c);
    sl_candidate_link(c, g);
    if (!err && g->body == SL_BODY_SOUGHT)
        sl_claim_give_packed(l, c, g);
    else if (g->body == SL_BODY_SHUT && !sl_key_eq(&g->key, &c->key))
        know_packed(l, g, c);
    claim_rest(l, g, c);
    return true;
}
