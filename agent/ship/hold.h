/* hold.h - containers whose target takes nothing for now: their records wait aside, so that all
 * others flow, and nothing more is read of them.
 *
 * A round sends what waits once more, oldest first: all containers are let go, and who is refused
 * again is held again, with all that follows, before more of it goes out. At the round's end, who is
 * not held any more flows on.
 *
 * Owns     batches that wait
 * Borrows  accounts, which are not forgotten while a record of theirs is unsettled
 * Thread   the loop's */
#ifndef SL_SHIP_HOLD_H
#define SL_SHIP_HOLD_H

#include "ship/ledger.h"
#include "ship/queue.h"

typedef struct sl_hold {
    sl_queue batches;
    sl_link accounts; /* that wait: their `waits` */
    uint64_t bytes;   /* of memory, that wait */
    uint32_t round;   /* batches that are on their way once more */
} sl_hold;

void sl_hold_init(sl_hold *h);

/* Of a's records, none is sent until the next round.
 * reason   static: why it waits
 * returns  true: it did not wait before */
bool sl_hold_account(sl_hold *h, sl_account *a, const char *reason);
bool sl_hold_has(const sl_account *a);

/* All of b's records are of accounts that are held. */
void sl_hold_add(sl_hold *h, sl_batch *b);
sl_batch *sl_hold_take(sl_hold *h);

/* Everything that waits goes back into the queue, before what is newer. */
void sl_hold_begin_round(sl_hold *h, sl_queue *q);
/* All of it was answered: calls `flows` for each account that is not held any more. */
void sl_hold_end_round(sl_hold *h, void (*flows)(void *arg, sl_account *a), void *arg);

#endif
