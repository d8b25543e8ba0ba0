/* lane_reframe.c - see lane_reframe.h. It happens when a far end refuses what nobody thought would be
 * refused, so templates are read anew each time. */
#include "lane_reframe.h"

typedef struct halves {
    sl_template *before, *after; /* NULL: there is none */
    unsigned flags;
} halves;

static void add_halves(void *arg, const sl_mark *m, const sl_record *rec, sl_slice *target,
                       sl_buf *before, sl_buf *after)
{
    const halves *h = arg;

    sl_frame_add(h->before, h->flags, *target, m->name, rec, before);
    sl_frame_add(h->after, h->flags, *target, m->name, rec, after);
}

/* For the target that its container's records have by themselves. */
static void add_own_halves(void *arg, const sl_mark *m, const sl_record *rec, sl_slice *target,
                           sl_buf *before, sl_buf *after)
{
    sl_cursor *c = SL_CONTAINER_OF(m->account, sl_cursor, account);

    if (c->block_seq != rec->at.seq || !c->block)
        sl_lane_render(c, rec->at.seq);
    if (c->block->framing)
        *target = sl_framing_of(c->block->framing, rec)->beside.target;
    add_halves(arg, m, rec, target, before, after);
}

/* Records in msgpack have no frame. */
static sl_template *read_half(const sl_lane *l, const char *text)
{
    sl_buf why = {0};
    size_t at;
    sl_template *half;

    if (!text || l->options.encoder.encoding == SL_ENCODING_MSGPACK)
        return NULL;
    half = sl_template_new(text, true, &at, &why);
    SL_ASSERT(half && sl_frame_is_allowed(half)); /* the plugin's own mistake */
    return half;
}

static bool reframe(sl_lane *l, sl_batch *b, sl_reframe *how, const char *before, const char *after)
{
    halves h = {read_half(l, before), read_half(l, after), l->options.encoder.frame.flags};
    bool changed = false;

    how->arg = &h;
    if (sl_frame_is_plain(h.before) && sl_frame_is_plain(h.after))
        changed = sl_batch_reframe(&l->pool, b, how);
    sl_template_free(h.before);
    sl_template_free(h.after);
    return changed;
}

bool sl_lane_reframe(void *arg, sl_batch *b, sl_slice target, const char *before, const char *after)
{
    return reframe(arg, b, &(sl_reframe){.target = target, .frame = add_halves}, before, after);
}

void sl_lane_bring_home(void *arg, sl_batch *b, const char *before, const char *after)
{
    (void)reframe(arg, b, &(sl_reframe){.home = true, .frame = add_own_halves}, before, after);
}
