/* peek.c - see peek.h. */
#include "read/peek.h"

#include <sys/uio.h>

#define LINE_BYTES 4096 /* enough for the header of any line, and for all of most */

static bool may_grow(const sl_generation *g)
{
    return g->body == SL_BODY_OPEN && !g->packed && g->end == UINT64_MAX;
}

static void measure(const sl_source *s, sl_generation *g)
{
    int wd =
        g->watch.wd; /* each time it is set it has another number, and none once it has fired */
    bool sleeps = wd && !sl_link_is_in(&s->hot);
    struct stat st;

    if (!may_grow(g)) {
        g->measured = g->end < g->size ? g->end : g->size;
        return;
    }
    if (sleeps && g->measured_wd == wd)
        return;
    g->measured = !fstat(g->fd, &st) ? (uint64_t)st.st_size : g->size;
    g->measured_wd = sleeps ? wd : 0;
}

void sl_peek_sizes(sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    measure(s, sl_generation_of(link));
}

/* Where the unread bytes of g begin for t, which has not left it. */
static uint64_t unread_from(const sl_tail *t, const sl_generation *g)
{
    return g->seq == t->at.seq && t->at.offset > g->begin ? t->at.offset : g->begin;
}

uint64_t sl_peek_unread(const sl_tail *t)
{
    uint64_t sum = 0;

    for (const sl_generation *g = sl_source_at(t->source, t->at.seq); g;
         g = sl_source_next(t->source, g)) {
        uint64_t from = unread_from(t, g);

        if (g->body != SL_BODY_GONE && g->measured > from)
            sum += g->measured - from;
    }
    return sum;
}

/* The time of the line at `offset`; 0: not in memory, or it has none. */
static int64_t line_ns(const sl_tail *t, const sl_generation *g, uint64_t offset)
{
    char bytes[LINE_BYTES];
    struct iovec part = {bytes, sizeof bytes};
    ssize_t n = preadv2(g->fd, &part, 1, (off_t)offset, RWF_NOWAIT);
    const char *newline = n > 0 ? memchr(bytes, '\n', (size_t)n) : NULL;
    size_t len = newline ? (size_t)(newline - bytes) : (size_t)n;

    return n > 0 ? sl_line_time_ns((sl_slice){bytes, len}, t->decoder.format) : 0;
}

static int64_t written_ns(const sl_generation *g)
{
    struct stat st;

    if (g->fd < 0 || fstat(g->fd, &st))
        return g->first_ns;
    return sl_timespec_ns(st.st_mtim);
}

int64_t sl_peek_oldest_ns(const sl_tail *t)
{
    const sl_generation *g = sl_source_at(t->source, t->at.seq);
    uint64_t from;
    int64_t ns = 0;

    while (g && (g->body == SL_BODY_GONE || g->measured <= unread_from(t, g)))
        g = sl_source_next(t->source, g);
    if (!g)
        return 0;
    from = unread_from(t, g);
    if (from == 0 && g->first_ns)
        return g->first_ns;
    if (g->body == SL_BODY_OPEN && !g->packed && !t->inside)
        ns = line_ns(t, g, from);
    return ns ? ns : written_ns(g);
}
