/* claim_plain.c - a plain file that no generation has by its key: new, a copy, or in another one's place.
 * See claim_in.h. */
#include "read/claim.h"

#include "read/claim_in.h"

#include <unistd.h>

#define COMPARE (UINT64_C(8) << 20)

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
static bool goes_on(const sl_look *l, const sl_generation *g, const sl_candidate *c)
{
    bool proved = c->kind != SL_FILE_LIVE || !l->source->path || c->first_ns;

    for (size_t i = 0; i < g->check_count; i++)
        proved = proved || (g->checks[i].hash && g->checks[i].at.offset > SL_CHECK_BYTES);
    return proved && sl_checks_fit(g, c->fd, c->size);
}

/* What is in c was there before the other one lost its name, so it was copied. Lines with a runtime's
 * times say so themselves; others may begin alike by chance, as banners do. */
static bool was_before(const sl_candidate *c, const struct stat *other)
{
    int64_t lost_ns = sl_timespec_ns(other->st_ctim);

    return c->first_ns || (c->key.birth_ns && c->key.birth_ns < lost_ns);
}

/* Editors and some writers put a longer copy in a file's place: who was replaced so goes on in it. */
static sl_generation *find_replaced(const sl_source *s, const sl_candidate *c)
{
    sl_generation *found = NULL;
    struct stat st;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);

        if (c->kind == SL_FILE_LIVE && !g->linked && g->end == UINT64_MAX &&
            sl_candidate_begins_as(c, g) && g->body == SL_BODY_OPEN && !g->packed &&
            !fstat(g->fd, &st) && was_before(c, &st) && c->size >= (uint64_t)st.st_size) {
            g->size = (uint64_t)st.st_size;
            found = sl_begins_as(g, c->fd, g->size) ? g : found;
        }
    }
    return found;
}

static bool replaces(sl_look *l, sl_candidate *c)
{
    sl_generation *g = find_replaced(l->source, c);

    if (!g)
        return false;
    sl_generation_close(l->folders->watch, g);
    g->closed_size = UINT64_MAX;
    sl_candidate_give_body(l, c, g);
    return true;
}

/* Where a new one is read from. What has no runtime's times in it is wanted as a whole, or not. */
static uint64_t first_wanted(const sl_look *l, const sl_candidate *c, bool ignored)
{
    sl_start start = l->folders->start;

    if (ignored || sl_start_is_over(&start, c->written_ns))
        start.kind = SL_START_END;
    else if (!c->first_ns)
        start.kind = SL_START_BEGINNING;
    return sl_start_in_file(&start, c->fd, c->size, c->written_ns);
}

static void take_new(sl_look *l, sl_candidate *c)
{
    sl_generation *g = sl_candidate_add(l->source, c);
    bool ignored = sl_candidate_is_ignored(l, c);

    g->begin = first_wanted(l, c, ignored);
    sl_candidate_give_body(l, c, g);
    if (ignored)
        sl_plan_put(g);
}

void sl_claim_plain(sl_look *l, sl_candidate *c)
{
    sl_generation *g = sl_candidate_find_headed(l->source, c);

    if (g && g->body == SL_BODY_SOUGHT && goes_on(l, g, c)) {
        sl_candidate_give_body(l, c,
                               g); /* what was copied away before it was truncated goes on here */
        return;
    } /* one that is sought was cut back to a place before our position: better twice than never */
    if (replaces(l, c) || (g && g->body != SL_BODY_SOUGHT))
        return; /* a copy */
    if (l->source->path && c->kind != SL_FILE_LIVE)
        l->strange = true; /* another source's, now that it has no key of ours any more */
    else
        take_new(l, c);
}
