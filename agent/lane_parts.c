/* lane_parts.c - see lane_parts.h. */
#include "lane_parts.h"

#define RETRY_MS \
    1037 /* no multiple of a tick: an overdue part waits for room, or for its source to be read */

/* --- parts --- */

void sl_lane_end_part(sl_lane *l, sl_cursor *c, sl_stream stream)
{
    c->account.part[stream] = (sl_place){0};
    sl_join_release(&l->join, &c->joined, stream);
}

bool sl_lane_give_up_part(sl_lane *l, sl_part *part, bool rest_follows)
{
    sl_cursor *c = part->owner;
    sl_record rec = {0};

    if (!c->block)
        sl_lane_render(c, part->at.seq);
    if (!sl_lane_room(l, c, part->len))
        return false;
    if (sl_join_give_up(&c->joined, part, rest_follows, &rec))
        sl_lane_message(l, c, &rec);
    c->account.part_bytes -= rec.bytes;
    sl_lane_end_part(l, c, part->stream);
    return true;
}

/* --- too long --- */

SL_COLD static bool drop_rest(sl_lane *l, sl_cursor *c, const sl_record *line)
{
    sl_account *a = &c->account;
    uint64_t rest = line->bytes - c->joined.taken;
    uint64_t open = sl_join_drop_line(&l->join, &c->joined, c, l->now_ms, line);

    sl_account_read(a, rest);
    a->books.dropped[SL_DROPPED_OVERSIZE] += open + rest;
    a->part_bytes -= open;
    if (c->joined.parts[line->stream])
        a->part[line->stream] = c->joined.parts[line->stream]->at;
    else
        a->part[line->stream] = (sl_place){0};
    sl_lane_watch_parts(l);
    return true;
}

/* A piece has the bytes that it took from its lines, the last
 * one of a line its framing too. Until the last piece is settled, the record is not: they all have
 * its place. */
bool sl_lane_oversize(sl_lane *l, sl_cursor *c, const sl_record *line)
{
    sl_account *a = &c->account;
    sl_split what = SL_SPLIT_PIECE;
    sl_record piece;

    while (what == SL_SPLIT_PIECE) {
        uint64_t taken = c->joined.taken, bytes;
        size_t room;

        if (sl_join_drops(&c->joined, line->stream))
            return drop_rest(l, c, line);
        room = sl_join_next_piece(&c->joined, line);
        if (room > 0 && !sl_lane_room(l, c, room))
            return false; /* the line comes again, and goes on where it is now */
        what = sl_join_split(&l->join, &c->joined, c, l->now_ms, line, &piece);
        bytes = (what == SL_SPLIT_PIECE ? c->joined.taken : line->bytes) - taken;
        sl_account_read(a, bytes);
        a->part_bytes += bytes;
        a->part[line->stream] = c->joined.parts[line->stream]->at;
        if (what == SL_SPLIT_KEPT)
            break;
        a->part_bytes -= piece.bytes;
        sl_lane_message(l, c, &piece);
        if (what == SL_SPLIT_PIECE)
            sl_join_left(&l->join, &c->joined, line->stream);
    }
    if (what == SL_SPLIT_LAST)
        sl_lane_end_part(l, c, line->stream);
    sl_lane_watch_parts(l);
    return true;
}

/* --- time-outs of open parts --- */

/* Its rest, if there is one, was not seen yet: while more of its source is there to read, a part waits. */
static bool is_caught_up(const sl_cursor *c)
{
    const sl_generation *g = c->tail.generation;

    return !sl_link_is_in(&c->ready) && !c->account.waiting && !c->tail.warming && g &&
           (sl_source_next(c->source, g) == NULL || sl_generation_is_live(g));
}

static uint64_t timeout_ms(const sl_part *part)
{
    const sl_cursor *c = part->owner;

    return c->source->rules->partial_timeout_ms;
}

static void on_parts(uv_timer_t *timer)
{
    sl_lane *l = SL_CONTAINER_OF(timer, sl_lane, parts);

    l->now_ms = sl_now_ms(l->options.clock);
    SL_LIST_EACH_SAFE(&l->join.parts, link)
    {
        sl_part *part = SL_CONTAINER_OF(link, sl_part, link);

        if (l->now_ms - part->since_ms < timeout_ms(part))
            continue;
        if (!l->paused && is_caught_up(part->owner) && !sl_lane_give_up_part(l, part, true))
            break;
    }
    sl_lane_seal(l);
    sl_lane_watch_parts(l);
}

void sl_lane_watch_parts(sl_lane *l)
{
    uint64_t now = sl_now_ms(l->options.clock), wait = UINT64_MAX;

    if (l->draining || uv_is_active((uv_handle_t *)&l->parts))
        return;
    SL_LIST_EACH(&l->join.parts, link) /* in order of age, but inputs have time-outs of their own */
    {
        const sl_part *part = SL_CONTAINER_OF(link, sl_part, link);
        uint64_t age = now - part->since_ms, timeout = timeout_ms(part);
        uint64_t left = age < timeout ? timeout - age : RETRY_MS;

        wait = left < wait ? left : wait;
    }
    if (wait != UINT64_MAX)
        uv_timer_start(&l->parts, on_parts, wait, 0);
}
