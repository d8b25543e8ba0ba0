/* queue.h - sealed batches in order, on their way to one output. Bounded by the gate that let
 * their bytes in; holds no limit of its own. Embedded; zeroed is not ready: sl_queue_init(). */
#ifndef SL_SHIP_QUEUE_H
#define SL_SHIP_QUEUE_H

#include "flow/batch.h"

typedef struct sl_queue {
    sl_link batches;
    uint32_t count;
} sl_queue;

void sl_queue_init(sl_queue *q);
void sl_queue_put(sl_queue *q, sl_batch *b);
/* What is left of a batch that was out: before all that were opened later, so that several which
 * come back stand in their old order. */
void sl_queue_put_back(sl_queue *q, sl_batch *b);
/* The oldest, or NULL. */
sl_batch *sl_queue_first(const sl_queue *q);
sl_batch *sl_queue_take(sl_queue *q);
void sl_queue_remove(sl_queue *q, sl_batch *b);

#endif
