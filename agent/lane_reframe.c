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

bool sl_lane_reframe(void *arg, sl_batch *b, sl_slice target, const char *before, const char *after)
{
    sl_lane *l = arg;
    halves h = {read_half(l, before), read_half(l, after), l->options.encoder.frame.flags};
    sl_reframe how = {.target = target, .frame = add_halves, .arg = &h};
    bool changed = false;

    if (sl_frame_is_plain(h.before) && sl_frame_is_plain(h.after))
        changed = sl_batch_reframe(&l->pool, b, &how);
    sl_template_free(h.before);
    sl_template_free(h.after);
    return changed;
}
