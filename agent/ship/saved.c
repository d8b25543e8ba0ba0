/* saved.c - see saved.h. */
#include "ship/saved.h"

#include <stdlib.h>
#include <uv.h>

sl_place sl_saved_least(const sl_saved_cursor *c)
{
    sl_place least = {0};

    for (int s = 0; c && s < SL_STREAMS; s++) {
        sl_place at = c->streams[s].at;

        if (at.seq && (!least.seq || sl_place_cmp(at, least) < 0))
            least = at;
    }
    return least;
}

uint64_t sl_saved_unread(const sl_saved_source *s, const sl_saved_cursor *c)
{
    sl_place least = sl_saved_least(c);
    uint64_t unread = 0;

    for (size_t i = 0; i < s->generation_count; i++) {
        const sl_saved_generation *g = &s->generations[i];
        uint64_t from = g->seq == least.seq ? least.offset : g->begin;
        uint64_t to = g->end < g->size ? g->end : g->size;

        if (g->seq >= least.seq && from < to)
            unread += to - from;
    }
    return unread;
}

const sl_saved_generation *sl_saved_at(const sl_saved_source *s, uint64_t seq)
{
    for (size_t i = 0; i < s->generation_count; i++) {
        if (s->generations[i].seq == seq)
            return &s->generations[i];
    }
    return NULL;
}

/* --- lanes --- */

size_t sl_saved_lane(const sl_snapshot *s, const char *name)
{
    size_t i = 0;

    while (i < s->lane_count && strcmp(s->lanes[i], name) != 0)
        i++;
    return i;
}

sl_err sl_saved_rename(sl_snapshot *s, const char *from, const char *to)
{
    size_t lane = sl_saved_lane(s, from);

    if (lane == s->lane_count)
        return UV_ENOENT;
    if (sl_saved_lane(s, to) < s->lane_count)
        return UV_EEXIST;
    free(s->lanes[lane]);
    s->lanes[lane] = sl_strdup(to);
    return 0;
}

/* --- places --- */

sl_place sl_saved_beginning(const sl_saved_source *s)
{
    if (s->generation_count == 0)
        return (sl_place){0};
    return (sl_place){s->generations[0].seq, s->generations[0].begin};
}

sl_place sl_saved_at_time(const sl_saved_source *s, int64_t time_ns)
{
    sl_place at = sl_saved_beginning(s);

    for (size_t i = 0; i < s->generation_count; i++) {
        const sl_saved_generation *g = &s->generations[i];

        if (g->first_ns && g->first_ns <= time_ns)
            at = (sl_place){g->seq, g->begin};
    }
    return at;
}

sl_place sl_saved_at_name(const sl_saved_source *s, const char *name, uint64_t offset)
{
    char text[SL_NAME_LEN + 1];

    for (size_t i = 0; i < s->generation_count; i++) {
        const sl_saved_generation *g = &s->generations[i];

        sl_name_format(text, &g->name);
        if (strcmp(text, name) == 0 && offset >= g->begin && offset <= g->size && offset <= g->end)
            return (sl_place){g->seq, offset};
    }
    return (sl_place){0};
}

bool sl_saved_rewind(sl_saved_cursor *c, sl_place at)
{
    bool moved = false;

    for (int s = 0; s < SL_STREAMS; s++) {
        if (sl_place_cmp(at, c->streams[s].at) < 0) {
            c->streams[s] = (sl_saved_position){.at = at};
            moved = true;
        }
    }
    return moved;
}
