/* lanes.h - a lane for each output: opened, drained, closed, and their books at the end. */
#ifndef SL_LANES_H
#define SL_LANES_H

#include "parts.h"

/* Fails with the first one that cannot be opened; those before it are there. */
SL_MUST_USE sl_err sl_lanes_open(sl_agent *a);
/* They read no more, and send what they have. */
void sl_lanes_drain(sl_agent *a);
bool sl_lanes_are_drained(const sl_agent *a);
/* Takes back what is out; then sl_agent_end(). A second call does nothing. */
void sl_lanes_close(sl_agent *a);
/* What became of every byte, a line for each. */
void sl_lanes_log_books(sl_agent *a);
/* Something is done, of lanes or for them: when it was the last thing, what was needed while many files
 * were read at once goes back to the system. */
void sl_lanes_rested(void *agent);
void sl_lanes_free(sl_agent *a);

#endif
