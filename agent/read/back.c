/* back.c - see back.h. */
#include "read/back.h"

#include "read/discover.h"

static bool is_there(const sl_generation *g)
{
    if (g->body == SL_BODY_SHUT)
        return g->linked && !g->source->gone;
    return g->body != SL_BODY_GONE;
}

sl_place sl_back_to_beginning(const sl_source *s)
{
    return sl_back_to_time(s, INT64_MIN);
}

sl_place sl_back_to_time(const sl_source *s, int64_t time_ns)
{
    sl_place at = {0};

    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = sl_generation_of(link);

        if (is_there(g) && (!at.seq || (g->first_ns && g->first_ns <= time_ns)))
            at = (sl_place){g->seq, g->begin};
    }
    return at;
}

sl_place sl_back_to_name(const sl_source *s, const char *name, uint64_t offset)
{
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = sl_generation_of(link);

        if (is_there(g) && strcmp(g->name_text, name) == 0 && offset >= g->begin &&
            offset <= g->end)
            return (sl_place){g->seq, offset};
    }
    return (sl_place){0};
}

void sl_back_seek(sl_source *s, uint64_t seq)
{
    bool sought = false;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);

        if (g->seq < seq || g->body != SL_BODY_SHUT || !is_there(g))
            continue;
        g->body = SL_BODY_SOUGHT;
        g->gone_reason = SL_LOST_VANISHED;
        sought = true;
    }
    if (sought)
        sl_discover_look(s->pod->discover, s);
}
