/* aside.h - containers whose target takes nothing for now. A part of output.c.
 *
 * The files are the queue: what was read of such a container goes back to its file, so it has nothing in
 * memory, however many wait. From time to time each is tried: one record of it is read and sent with all
 * others. It was taken, or there was none: the container flows again. It was not: it waits on.
 *
 *   flows -> (a record of it is held) -> waits -> tried -> flows, or waits again */
#ifndef SL_SHIP_ASIDE_H
#define SL_SHIP_ASIDE_H

#include "ship/output_in.h"

/* Nothing of a's is read or sent until it is tried.
 * reason  static: why it waits */
void sl_output_hold(sl_output *o, sl_account *a, const char *reason, const char *words);
/* Rows of b whose containers wait go back to their files; their fate is SETTLED then.
 * b's other rows have their fate. */
void sl_output_give_back(sl_output *o, sl_batch *b);
/* The same of the queue's first batch, before it goes out.
 * returns  false: nothing is left of it, and another one is the first */
bool sl_output_sift(sl_output *o, sl_batch *b);
/* After anything that may have ended a trial, or made somebody wait. */
void sl_output_tend(sl_output *o);
void sl_output_on_round(uv_timer_t *rounds);

#endif
