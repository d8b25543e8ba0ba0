/* agent.h - `sluice run`: everything that it starts and stops, in one visible order. */
#ifndef SL_AGENT_H
#define SL_AGENT_H

#include "control/config.h"

/* Runs until a signal ends it.
 * no_wait  a second agent on the same state directory ends at once, instead of standing by
 * returns  the exit code of the process */
int sl_agent_run(const sl_config *config, bool no_wait);

#endif
