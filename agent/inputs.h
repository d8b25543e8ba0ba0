/* inputs.h - the inputs at work: what they find goes to the lanes that want it. */
#ifndef SL_INPUTS_H
#define SL_INPUTS_H

#include "parts.h"

/* Is a source of the last life still one of ours?
 * arg  the agent */
bool sl_inputs_want(void *arg, const sl_saved_source *saved);

/* fresh  nobody left any positions: start_at counts */
void sl_inputs_open(sl_agent *a, bool fresh);
/* The first look at everything; lanes are there. */
void sl_inputs_start(sl_agent *a);
/* Nothing is looked for any more; descriptors stay. */
void sl_inputs_stop(sl_agent *a);
/* After the lanes, which borrow sources; the loop has to turn once more. */
void sl_inputs_free(sl_agent *a);

#endif
