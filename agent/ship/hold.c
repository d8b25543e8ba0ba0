/* hold.c - see hold.h. */
#include "ship/hold.h"

void sl_hold_init(sl_hold *h)
{
    *h = (sl_hold){0};
    sl_queue_init(&h->batches);
    sl_list_init(&h->accounts);
}

bool sl_hold_account(sl_hold *h, sl_account *a, const char *reason)
{
    bool is_new = !a->waiting;

    a->held = true;
    a->waiting = reason;
    if (is_new)
        sl_list_append(&h->accounts, &a->waits);
    return is_new;
}

bool sl_hold_has(const sl_account *a)
{
    return a->held;
}

void sl_hold_add(sl_hold *h, sl_batch *b)
{
    h->round -= b->probe;
    b->probe = false;
    h->bytes += b->held;
    sl_queue_put_back(&h->batches, b);
}

sl_batch *sl_hold_take(sl_hold *h)
{
    sl_batch *b = sl_queue_take(&h->batches);

    if (b)
        h->bytes -= b->held;
    return b;
}

void sl_hold_begin_round(sl_hold *h, sl_queue *q)
{
    sl_batch *b;

    SL_LIST_EACH(&h->accounts, link)
    SL_CONTAINER_OF(link, sl_account, waits)->held = false;
    while ((b = sl_hold_take(h))) {
        b->probe = true;
        h->round++;
        sl_queue_put_back(q, b);
    }
}

void sl_hold_end_round(sl_hold *h, void (*flows)(void *arg, sl_account *a), void *arg)
{
    SL_LIST_EACH_SAFE(&h->accounts, link)
    {
        sl_account *a = SL_CONTAINER_OF(link, sl_account, waits);

        if (a->held)
            continue;
        sl_list_remove(link);
        a->waiting = NULL;
        flows(arg, a);
    }
}
