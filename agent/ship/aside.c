/* aside.c - containers that wait, of one output: their records are sifted out of the queue, and all of
 * them are tried again from time to time, in rounds. See hold.h. */
#include "ship/aside.h"

#include "ship/home.h"

void sl_output_on_round(uv_timer_t *timer)
{
    sl_output *o = SL_CONTAINER_OF(timer, sl_output, rounds);

    sl_hold_begin_round(&o->hold, &o->queue);
    SL_LIST_EACH(&o->queue.batches, link)
    {
        sl_batch *b = SL_CONTAINER_OF(link, sl_batch, link);

        if (b->probe && !b->packing)
            sl_output_bring_home(o, b);
    }
    o->in_round = true;
    if (o->state == OUT_OPEN)
        sl_output_send(o);
    sl_output_tend(o);
}

/* What waits is not to take the room of all others, as far as the memory goes; then all wait. */
static void look_at_crowd(sl_output *o)
{
    sl_batch_pool *p = o->options.pool;
    bool crowded = o->hold.bytes > 0 && o->hold.bytes > p->share - p->enough / 2;

    sl_batch_pool_aside(p, o->hold.bytes);
    if (crowded && !o->crowded)
        sl_output_say(o, SL_LOG_WARN, "waits: records that are held fill its memory", NULL);
    o->crowded = crowded;
}

static void on_flows(void *arg, sl_account *a)
{
    sl_output *o = arg;

    o->options.flows(o->options.arg, a);
}

void sl_output_tend(sl_output *o)
{
    if (o->in_round && o->hold.round > 0)
        return;
    if (o->in_round) {
        o->in_round = false;
        sl_hold_end_round(&o->hold, on_flows, o);
    }
    look_at_crowd(o);
    if (o->hold.batches.count > 0 && o->state != OUT_CLOSED &&
        !uv_is_active((uv_handle_t *)&o->rounds))
        uv_timer_start(
            &o->rounds, sl_output_on_round,
            sl_backoff_ms(1, o->options.retry_max_ms, o->options.retry_max_ms, sl_random()), 0);
}

void sl_output_hold(sl_output *o, sl_account *a, const char *reason, const char *words)
{
    if (sl_hold_account(&o->hold, a, reason))
        o->options.waits(o->options.arg, a, words);
}

void sl_output_empty(sl_output *o, sl_batch *b)
{
    o->hold.round -= b->probe;
    b->probe = false;
    o->options.emptied(o->options.arg, b); /* may put the next one, or close this output */
}

static bool has_held(const sl_batch *b, bool *all)
{
    bool some = false;

    *all = true;
    for (uint32_t i = 0; i < b->mark_count; i++) {
        const sl_mark *m = b->marks[i];

        if (!m || m->records == 0)
            continue;
        if (sl_hold_has(m->account))
            some = true;
        else
            *all = false;
    }
    return some;
}

bool sl_output_sift(sl_output *o, sl_batch *b)
{
    sl_batch *part;
    bool all;

    if (sl_list_is_empty(&o->hold.accounts) || !has_held(b, &all))
        return true;
    if (all && b->carved) {
        sl_queue_remove(&o->queue, b);
        sl_hold_add(&o->hold, b);
    } else {
        part = sl_batch_carve(o->options.pool, b, sl_hold_has);
        sl_hold_add(&o->hold, part);
    }
    if (all && b->row_count == 0) {
        sl_queue_remove(&o->queue, b);
        sl_output_empty(o, b);
    }
    sl_output_tend(o);
    return !all;
}
