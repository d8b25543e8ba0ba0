/* refusal.h - what becomes of records that the far end will never take: they go to the dead letter,
 * and only when they are on disk are they settled. No room there, or a disk that fails: they wait with
 * their containers, or are dropped if that is what the user wants.
 *
 * Owns     what is being written, a quarter of a MiB of entries at a time
 * Borrows  a trip, from sl_refusals_bury() until `buried`
 * Thread   the loop's */
#ifndef SL_SHIP_REFUSAL_H
#define SL_SHIP_REFUSAL_H

#include "base/clock.h"
#include "ship/dead_letter.h"
#include "ship/ledger.h"
#include "ship/trip.h"

/* Whose records an account counts. */
typedef struct sl_whose {
    sl_slice namespace, pod, container;
} sl_whose;

typedef struct sl_refusals {
    const char *output;
    bool json; /* records are */
    bool drop_when_full;
    sl_dead_letter *letters; /* NULL: there are none, and refused records wait */
    const sl_clock *clock;
    void *arg; /* of the calls below */
    void (*whose)(void *arg, const sl_account *a, sl_whose *out);
    /* Rows are settled. */
    void (*settled)(void *arg, sl_batch *b, uint32_t first, uint32_t n, const sl_verdict *verdict);
    /* All are settled, or have the fate SL_FATE_HELD.
     * err  0, or why some are held; SL_E_FULL: no room */
    void (*buried)(void *arg, sl_trip *t, sl_err err);
} sl_refusals;

/* t has ended, and there are refusals in it. `buried` comes later. */
void sl_refusals_bury(const sl_refusals *all, sl_trip *t);

#endif
