/* aside.h - containers that wait aside, and are tried again in rounds. A part of output.c. */
#ifndef SL_SHIP_ASIDE_H
#define SL_SHIP_ASIDE_H

#include "ship/output_in.h"

/* Nothing of a's is read or sent until it flows again. */
void sl_output_hold(sl_output *o, sl_account *a, const char *reason, const char *words);
/* Puts aside what the queue's first batch holds of containers that are held.
 * returns  false: nothing is left of it, and another one is the first */
bool sl_output_sift(sl_output *o, sl_batch *b);
/* Nothing is left of b: it is the lane's again, which may put the next one, or close this output. */
void sl_output_empty(sl_output *o, sl_batch *b);
/* After anything that may have ended a round, or given one something to do. */
void sl_output_tend(sl_output *o);
void sl_output_on_round(uv_timer_t *rounds);

#endif
