/* claim_candidate.c - a file that is no generation's yet: opened, and named by its first line. See claim_in.h. */
#include "read/claim.h"

#include "read/claim_in.h"
#include "read/inflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- its file --- */

void sl_candidate_close(sl_candidate *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static bool is_exhausted(sl_err err)
{
    return err == UV_EMFILE || err == UV_ENFILE;
}

bool sl_candidate_close_others(sl_look *l, const sl_candidate *c)
{
    bool closed = false;

    for (size_t i = 0; i < l->count; i++) {
        sl_candidate *other = &l->items[i];

        if (other == c || other->fd < 0)
            continue;
        sl_candidate_close(other);
        closed = true;
    }
    return closed;
}

sl_err sl_candidate_open(sl_look *l, sl_candidate *c)
{
    sl_key key;
    mode_t mode;
    sl_err err;

    if (c->fd >= 0)
        return 0;
    do
        c->fd = sl_plan_open(l->folders->plan, c->folder, c->file);
    while (is_exhausted(c->fd) && sl_candidate_close_others(l, c));
    if (c->fd < 0)
        return c->fd;
    err = sl_key_of(c->fd, "", &key, &c->size, &mode);
    if (!err && !sl_key_eq(&key, &c->key)) {
        l->missed = true;
        sl_candidate_close(c);
        return UV_ENOENT;
    }
    return !err && !S_ISREG(mode) ? UV_EINVAL : err;
}

void sl_candidate_failed(sl_look *l, const sl_candidate *c, sl_err err)
{
    sl_folder_complain(l->folders, l->source, c->file, err);
    l->exhausted = l->exhausted || is_exhausted(err);
    l->missed = l->missed || l->exhausted || err == UV_ENOENT;
}

/* --- its first line --- */

static ssize_t read_first(const sl_candidate *c, char *first)
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

void sl_candidate_identify(const sl_source *s, sl_candidate *c)
{
    char *first = sl_alloc_raw(SL_FIRST_LINE_MAX);
    ssize_t n = read_first(c, first);

    if (n > 0)
        c->named =
            sl_head_of(s, c->attempt, (sl_slice){first, (size_t)n}, false, &c->head, &c->first_ns);
    free(first);
}

bool sl_candidate_begins_as(const sl_candidate *c, const sl_generation *g)
{
    return c->named && sl_name_eq(&g->head, &c->head);
}

sl_generation *sl_candidate_find_headed(const sl_source *s, const sl_candidate *c)
{
    sl_generation *found = NULL;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);

        sl_generation_look_up_name(g); /* it may have got its first line since it was found */
        if (!sl_candidate_begins_as(c, g))
            continue;
        if (g->body == SL_BODY_SOUGHT)
            return g;
        if (!found && (c->first_ns || (s->path && c->kind == SL_FILE_PACKED &&
                                       sl_claim_is_as_long(g, c->fd, c->size))))
            found = g;
    }
    return found;
}

/* --- its generation --- */

bool sl_candidate_is_called_as(const sl_candidate *c, const sl_generation *g)
{
    return g->branch == c->branch && strlen(g->file) == (size_t)c->stem &&
           memcmp(g->file, c->file, (size_t)c->stem) == 0;
}

void sl_candidate_link(const sl_candidate *c, sl_generation *g)
{
    g->linked = true;
    if (sl_candidate_is_called_as(c, g))
        return;
    free(g->file);
    g->file = sl_strndup(c->file, (size_t)c->stem);
    g->branch = c->branch;
}

sl_generation *sl_candidate_add(sl_source *s, const sl_candidate *c)
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

void sl_candidate_give_body(sl_look *l, sl_candidate *c, sl_generation *g)
{
    l->changed = true;
    g->fd = c->fd;
    c->fd = -1;
    g->key = c->key;
    g->packed = g->nothing_left = false;
    g->body = SL_BODY_OPEN;
    g->size = g->told = c->size;
    sl_candidate_link(c, g);
    free(g->checks);
    g->checks = NULL;
    g->check_count = 0;
    sl_plan_used(l->folders->plan, g);
}

bool sl_candidate_is_ignored(const sl_look *l, const sl_candidate *c)
{
    uint64_t older_ms = l->source->rules->ignore_older_ms;
    int64_t silent_ns = sl_wall_ns(l->folders->clock) - c->written_ns;

    return older_ms > 0 && silent_ns > 0 && (uint64_t)silent_ns / 1000000 > older_ms;
}
