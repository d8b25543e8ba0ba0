/* queue.c - see queue.h. */
#include "ship/queue.h"

void sl_queue_init(sl_queue *q)
{
    sl_list_init(&q->batches);
    q->count = 0;
}

void sl_queue_put(sl_queue *q, sl_batch *b)
{
    sl_list_append(&q->batches, &b->link);
    q->count++;
}

void sl_queue_put_back(sl_queue *q, sl_batch *b)
{
    sl_link *newer = q->batches.next;

    while (newer != &q->batches && SL_CONTAINER_OF(newer, sl_batch, link)->epoch < b->epoch)
        newer = newer->next;
    sl_list_insert_before(newer, &b->link);
    q->count++;
}

sl_batch *sl_queue_take(sl_queue *q)
{
    sl_link *oldest = q->batches.next;

    if (sl_list_is_empty(&q->batches))
        return NULL;
    sl_list_remove(oldest);
    q->count--;
    return SL_CONTAINER_OF(oldest, sl_batch, link);
}

sl_batch *sl_queue_first(const sl_queue *q)
{
    return sl_list_is_empty(&q->batches) ? NULL : SL_CONTAINER_OF(q->batches.next, sl_batch, link);
}

void sl_queue_remove(sl_queue *q, sl_batch *b)
{
    sl_list_remove(&b->link);
    q->count--;
}
