/* lane_sources.c - see lane_sources.h.
 *
 * Owns     cursors, until their sources are forgotten */
#include "lane_sources.h"

#include "read/back.h"
#include "read/peek.h"

#include <stdlib.h>

sl_cursor *sl_lane_cursor(const sl_lane *l, const sl_source *s)
{
    SL_LIST_EACH(&s->cursors, link)
    {
        sl_cursor *c = SL_CONTAINER_OF(link, sl_cursor, in_source);

        if (c->lane == l)
            return c;
    }
    return NULL;
}

/* --- they come and go --- */

static void resume_at(sl_cursor *c, const sl_saved_cursor *saved)
{
    sl_place first = {0};

    c->resuming = c->account.tried;
    for (int s = 0; saved && s < SL_STREAMS; s++) {
        sl_place at = saved->streams[s].at;

        c->saved[s] = saved->streams[s];
        c->account.resumed[s] = at;
        if (at.seq && (!first.seq || sl_place_cmp(at, first) < 0))
            first = at;
    }
    sl_account_begin(&c->account, first);
    sl_tail_fini(&c->tail);
    sl_tail_init(&c->tail, c->source, first);
    c->tail.told = saved ? saved->lost : (sl_place){0};
    for (int s = 0; s < SL_STREAMS; s++)
        c->resuming = c->resuming || sl_place_cmp(first, c->account.resumed[s]) < 0;
}

void sl_lane_add(sl_lane *l, sl_source *s, const sl_saved_cursor *saved)
{
    sl_cursor *c;

    if (sl_lane_cursor(l, s) ||
        !sl_select_wants(&l->options.select, s->pod->namespace, s->pod->pod, sl_str(s->container)))
        return;
    c = sl_alloc(sizeof *c);
    c->lane = l;
    c->source = s;
    c->namespace = sl_namespaces_number(l->options.namespaces, s->pod->namespace);
    c->joined.max_record = s->rules->max_record;
    c->joined.on_oversize = s->rules->on_oversize;
    sl_account_init(&c->account);
    resume_at(c, saved);
    sl_list_append(&s->cursors, &c->in_source);
    sl_list_append(&l->cursors, &c->in_lane);
}

void sl_lane_ready(sl_lane *l, sl_source *s)
{
    sl_cursor *c = sl_lane_cursor(l, s);

    if (c)
        sl_lane_make_ready(c);
}

void sl_lane_slept(sl_lane *l, sl_source *s)
{
    sl_cursor *c = sl_lane_cursor(l, s);

    if (!c)
        return;
    sl_block_free(c->block); /* rendered anew when it wakes up */
    c->block = NULL;
}

void sl_lane_trim(sl_lane *l)
{
    if (!sl_output_is_idle(l->output) || !sl_list_is_empty(&l->ready))
        return;
    sl_batch_pool_trim(&l->pool);
    sl_reader_trim(&l->reader);
}

bool sl_lane_is_done_with(const sl_lane *l, const sl_source *s)
{
    const sl_cursor *c = sl_lane_cursor(l, s);

    if (!c)
        return true;
    if (!s->gone || c->tail.warming || sl_link_is_in(&c->ready) || sl_link_is_in(&c->rewinding) ||
        !sl_account_is_settled(&c->account))
        return false;
    return sl_tail_is_over(&l->reader, &c->tail);
}

static sl_books *gone_of(sl_lane *l, uint32_t namespace)
{
    if (namespace >= l->gone_count) {
        l->gone = sl_realloc(l->gone, (namespace + 1) * sizeof *l->gone);
        memset(l->gone + l->gone_count, 0, (namespace + 1 - l->gone_count) * sizeof *l->gone);
        l->gone_count = namespace + 1;
    }
    return &l->gone[namespace];
}

void sl_lane_forget(sl_lane *l, sl_source *s)
{
    sl_cursor *c = sl_lane_cursor(l, s);
    sl_books books;

    if (!c)
        return;
    books = sl_account_books(&c->account);
    sl_books_add(gone_of(l, c->namespace), &books);
    sl_join_drop(&l->join, &c->joined);
    sl_tail_fini(&c->tail);
    sl_list_remove(&c->in_source);
    sl_list_remove(&c->in_lane);
    sl_list_remove(&c->ready);
    sl_list_remove(&c->rewinding);
    sl_list_remove(&c->account.waits);
    sl_block_free(c->block);
    free(c);
}

uint64_t sl_lane_lose(sl_lane *l, sl_generation *g, uint64_t last, bool *held)
{
    sl_cursor *c = sl_lane_cursor(l, g->source);

    return c ? sl_tail_lose(&l->reader, &c->tail, g, last, held) : g->begin;
}

static sl_place frontier_of(const sl_cursor *c, sl_stream stream)
{
    sl_place at = sl_account_frontier(&c->account, stream);

    return c->back[stream].seq && sl_place_cmp(c->back[stream], at) < 0 ? c->back[stream] : at;
}

sl_place sl_lane_save(sl_lane *l, sl_source *s, sl_saved_cursor *out)
{
    sl_cursor *c = sl_lane_cursor(l, s);
    sl_place least = {UINT64_MAX, 0};

    for (int i = 0; c && i < SL_STREAMS; i++) {
        sl_saved_position *p = &c->saved[i];
        sl_place at = frontier_of(c, (sl_stream)i);

        if (sl_place_cmp(at, p->at) != 0) {
            const sl_generation *g = sl_source_at(s, at.seq);

            p->at = at;
            if (i > 0 && sl_place_cmp(at, c->saved[i - 1].at) == 0)
                p->hash = c->saved[i - 1].hash;
            else
                p->hash = g && g->seq == at.seq ? sl_generation_hash(g, at.offset) : 0;
        }
        out->streams[i] = *p;
        if (sl_place_cmp(at, least) < 0)
            least = at;
    }
    if (c)
        out->lost = least.seq <= c->tail.told.seq ? c->tail.told : (sl_place){0};
    return least;
}

/* --- back to an earlier place --- */

void sl_lane_begin_anew(sl_cursor *c)
{
    sl_saved_cursor at = {0};

    if (!sl_link_is_in(&c->rewinding) || c->tail.warming || sl_account_is_out(&c->account))
        return;
    sl_list_remove(&c->rewinding);
    (void)sl_lane_save(c->lane, c->source, &at);
    memset(c->back, 0, sizeof c->back);
    c->account.fresh = (sl_place){0}; /* what is there now was sent by us, perhaps */
    resume_at(c, &at);
    sl_lane_make_ready(c);
}

static void drop_parts(sl_lane *l, sl_cursor *c)
{
    sl_join_drop(&l->join, &c->joined);
    sl_account_drop_parts(&c->account);
    for (int s = 0; s < SL_STREAMS; s++)
        c->joined.rest[s] = SL_REST_NONE;
}

static bool is_behind(const sl_cursor *c, sl_place at)
{
    for (int s = 0; s < SL_STREAMS; s++) {
        if (sl_place_cmp(at, frontier_of(c, (sl_stream)s)) < 0)
            return true;
    }
    return false;
}

void sl_lane_lower(sl_cursor *c, sl_stream stream, sl_place at)
{
    if (!c->back[stream].seq || sl_place_cmp(at, c->back[stream]) < 0)
        c->back[stream] = at;
}

void sl_lane_go_back(sl_cursor *c)
{
    sl_lane *l = c->lane;
    sl_saved_cursor saved = {0};

    drop_parts(l, c);
    sl_list_remove(&c->ready);
    if (!sl_link_is_in(&c->rewinding))
        sl_list_append(&l->rewinding, &c->rewinding);
    sl_lane_seal(l); /* what is in it is out from now on */
    c->tail.generation = NULL;
    c->tail.at = sl_lane_save(l, c->source, &saved); /* what lies behind it is unread */
    sl_back_seek(c->source, c->tail.at.seq);
    sl_lane_begin_anew(c);
    l->options.changed(l->options.arg);
}

sl_rewound sl_lane_rewind(sl_lane *l, sl_source *s, sl_place at)
{
    sl_cursor *c = sl_lane_cursor(l, s);

    if (!c || !at.seq || !is_behind(c, at))
        return SL_REWOUND_NOT;
    for (int i = 0; i < SL_STREAMS; i++)
        sl_lane_lower(c, (sl_stream)i, at);
    sl_lane_go_back(c);
    return sl_link_is_in(&c->rewinding) ? SL_REWOUND_LATER : SL_REWOUND_NOW;
}

/* --- what is known of them --- */

sl_books sl_lane_books(const sl_lane *l)
{
    sl_books sum = {0};

    for (uint32_t i = 0; i < l->gone_count; i++)
        sl_books_add(&sum, &l->gone[i]);
    SL_LIST_EACH(&l->cursors, link)
    {
        sl_books one = sl_account_books(&SL_CONTAINER_OF(link, sl_cursor, in_lane)->account);

        sl_books_add(&sum, &one);
    }
    return sum;
}

void sl_lane_lost(sl_lane *l, sl_slice namespace, uint64_t bytes, sl_lost_reason reason)
{
    gone_of(l, sl_namespaces_number(l->options.namespaces, namespace))->lost[reason] += bytes;
}

const sl_books *sl_lane_gone(const sl_lane *l, uint32_t namespace)
{
    return namespace < l->gone_count ? &l->gone[namespace] : NULL;
}

bool sl_lane_look(const sl_lane *l, const sl_source *s, sl_lane_view *out)
{
    const sl_cursor *c = sl_lane_cursor(l, s);

    if (!c)
        return false;
    *out = (sl_lane_view){.namespace = c->namespace,
                          .books = sl_account_books(&c->account),
                          .unread = sl_peek_unread(&c->tail)};
    if (out->unread > 0)
        out->oldest_ns = sl_peek_oldest_ns(&c->tail);
    for (int i = 0; i < SL_STREAMS; i++)
        out->positions[i] = frontier_of(c, (sl_stream)i);
    out->waiting = c->account.waiting ? c->account.waiting : sl_output_waits_for(l->output);
    return true;
}
