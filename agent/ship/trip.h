/* trip.h - one sending of a batch, and what was answered for it so far.
 *
 * Rows carry their fate themselves; what a refusal said is kept here, a run of rows at a time, until
 * they are settled or on disk.
 *
 * Owns     the reasons
 * Borrows  the batch
 * Limits   a reason is kept up to 512 bytes; a far end may ask us to wait for 10 minutes at most */
#ifndef SL_SHIP_TRIP_H
#define SL_SHIP_TRIP_H

#include "flow/batch.h"

typedef struct sl_refusal {
    uint32_t first, n; /* rows */
    sl_dead_reason reason;
    char *words; /* the far end's */
} sl_refusal;

typedef struct sl_trip {
    sl_link link; /* in one of the output's lists, once it is home */
    void *owner;  /* the output */
    sl_batch *batch;
    void *data; /* the plugin's */
    sl_refusal *refusals;
    size_t refusal_count, refusal_cap;
    char *why_again, *why_held; /* the first one's words; NULL: there is none */
    char *elsewhere;            /* the new target of rows that are framed anew; NULL: their own */
    uint64_t sent_ms;
    uint32_t asked_ms;  /* by the far end, to wait */
    uint32_t conflicts; /* rows that were there already, though nobody can have sent them */
    uint32_t too_much;  /* rows that were too many at once */
    bool now;           /* some are wanted again at once */
    bool anew;          /* ... in another frame */
    bool stormy;        /* what was refused is kept: see storm.h */
    bool is_part;       /* more of the batch waits: its limit was smaller */
} sl_trip;

/* The batch is shown (sl_batch_show()), and goes out. */
sl_trip *sl_trip_new(void *owner, sl_batch *b);
/* Accepts NULL. */
void sl_trip_free(sl_trip *t);

/* Rows first .. first + n - 1 are answered.
 * returns  true: now all that were out are */
bool sl_trip_answer(sl_trip *t, uint32_t first, uint32_t n, const sl_answer *answer);

/* All are: refusals come into their order, rows that were not shown have it before them, and so have
 * halves of what was too much; rows that failed for the `limit`th time are refused (0: never). */
void sl_trip_end(sl_trip *t, uint64_t limit);
/* What was refused is not, but will be sent again. */
void sl_trip_take_back(sl_trip *t);

#endif
