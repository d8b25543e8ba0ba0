/* aside.c - see aside.h. */
#include "ship/aside.h"

static sl_account *account_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_account, waits);
}

/* --- who waits --- */

void sl_output_hold(sl_output *o, sl_account *a, const char *reason, const char *words)
{
    bool is_new = !a->waiting;

    if (a->held)
        return;
    a->held = true;
    a->tried = false;
    a->waiting = reason;
    sl_list_remove(&a->waits);
    sl_list_append(&o->held, &a->waits);
    o->options.waits(o->options.arg, a, is_new ? words : NULL);
}

/* Each for itself, in between all others. */
void sl_output_on_round(uv_timer_t *timer)
{
    sl_output *o = SL_CONTAINER_OF(timer, sl_output, rounds);

    SL_LIST_EACH_SAFE(&o->held, link)
    {
        sl_account *a = account_of(link);

        a->held = false;
        a->tried = true;
        if (o->options.tries(o->options.arg, a)) {
            sl_list_remove(link);
            sl_list_append(&o->on_trial, link);
        } else {
            a->held = true;
            a->tried = false;
        }
    }
    sl_output_tend(o);
}

/* All that was read of it was taken. */
static void end_trial(sl_output *o, sl_account *a)
{
    if (a->tried || sl_account_is_out(a))
        return;
    sl_list_remove(&a->waits);
    a->waiting = NULL;
    o->options.flows(o->options.arg, a);
}

void sl_output_tried(sl_output *o, sl_account *a)
{
    a->tried = false;
    end_trial(o, a);
}

void sl_output_tend(sl_output *o)
{
    SL_LIST_EACH_SAFE(&o->on_trial, link)
    end_trial(o, account_of(link));
    if (!sl_list_is_empty(&o->held) && o->state != OUT_CLOSED &&
        !uv_is_active((uv_handle_t *)&o->rounds))
        uv_timer_start(
            &o->rounds, sl_output_on_round,
            sl_backoff_ms(1, o->options.retry_max_ms, o->options.retry_max_ms, sl_random()), 0);
}

/* --- what is theirs --- */

static bool goes_back(const sl_batch *b, uint32_t i)
{
    return b->rows[i].fate != SL_FATE_SETTLED && b->marks[b->rows[i].mark]->account->held;
}

void sl_output_give_back(sl_output *o, sl_batch *b)
{
    for (uint32_t i = 0, n; i < b->row_count; i += n) {
        for (n = 0; i + n < b->row_count && goes_back(b, i + n); n++)
            b->rows[i + n].fate = SL_FATE_SETTLED;
        if (n > 0)
            o->options.given_back(o->options.arg, b, i, n);
        else
            n = 1;
    }
}

static bool has_held(const sl_batch *b)
{
    for (uint32_t i = 0; i < b->mark_count; i++) {
        if (b->marks[i]->records > 0 && b->marks[i]->account->held)
            return true;
    }
    return false;
}

bool sl_output_sift(sl_output *o, sl_batch *b)
{
    if (sl_list_is_empty(&o->held) || !has_held(b))
        return true;
    for (uint32_t i = 0; i < b->row_count; i++)
        b->rows[i].fate = SL_FATE_LATER;
    sl_output_give_back(o, b);
    if (sl_batch_keep_unsettled(b))
        return true;
    sl_queue_remove(&o->queue, b);
    o->options.emptied(o->options.arg, b); /* may put the next one, or close this output */
    return false;
}
