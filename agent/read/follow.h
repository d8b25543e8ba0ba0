/* follow.h - hot and cold: who is read at every tick, and who sleeps until its file wakes it.
 *
 * A source in which something happened is hot. One that has been silent for a while gets a one-shot
 * watch on each file that may grow, and one more read, which closes the race; then it costs nothing.
 * Where watches cannot be had, the scan finds growth instead.
 *
 * Thread   the loop's */
#ifndef SL_READ_FOLLOW_H
#define SL_READ_FOLLOW_H

#include "read/discover.h"

#define SL_TICK_MS 100 /* new lines of a hot file wait this long at most */

typedef struct sl_follow {
    uv_timer_t tick; /* runs while anything is hot */
    sl_link hot;
    const sl_clock *clock;
    void *arg;
    void (*ready)(void *arg, sl_source *s); /* read it */
    void (*slept)(void *arg, sl_source *s); /* it is cold now: what can be rebuilt may go */
} sl_follow;

/* f's fields from `clock` on are filled in. */
void sl_follow_init(sl_follow *f, uv_loop_t *loop);
void sl_follow_stop(sl_follow *f); /* closes its handle */
/* Something happened in s: it is hot from now. */
void sl_follow_wake(sl_follow *f, sl_source *s);

#endif
