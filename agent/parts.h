/* parts.h - the agent at work: what agent.c starts and stops, and inputs.c and lanes.c look after.
 *
 * Thread   the loop's */
#ifndef SL_PARTS_H
#define SL_PARTS_H

#include "control/admin.h"
#include "control/config.h"
#include "control/signal.h"
#include "control/survey.h"
#include "read/pin.h"
#include "ship/lock.h"

typedef enum {
    AGENT_STANDBY,
    AGENT_RUNNING,
    AGENT_FINISHING,
    AGENT_DRAINING,
    AGENT_CLOSING
} sl_phase;

typedef struct sl_agent sl_agent;

/* One input at work. */
typedef struct sl_input {
    sl_agent *agent;
    const sl_input_config *config;
    sl_rules rules;
    bool tried; /* it was looked for, once; its root may be missing */
} sl_input;

struct sl_agent {
    const sl_config *config;
    bool no_wait;
    sl_phase phase;
    int exit_code;
    sl_log log;
    const sl_clock *clock;
    uv_loop_t loop;
    sl_signals *signals;
    sl_admin *admin;
    sl_subject subject; /* of those who ask */
    sl_lock lock;
    uv_timer_t standby;  /* looks whether the lock is free */
    uv_timer_t drain;    /* looks whether the lanes are drained */
    uv_timer_t deadline; /* of draining */
    uint64_t standby_said_ms;
    sl_state *state;
    sl_watch *watch;
    sl_plan plan;
    sl_input *inputs;        /* as many as configured */
    sl_discover **discovers; /* of them */
    sl_pin **pins;           /* of them */
    size_t discover_count;
    sl_follow follow;
    sl_packers packers; /* of all lanes */
    sl_lane **lanes;
    size_t lane_count;
    size_t lanes_open, lanes_dead;
    bool started; /* all that was configured could be opened */
};

/* Nothing can be delivered any more: it ends, and what is left stays in the files. */
void sl_agent_give_up(sl_agent *a);
/* All lanes are closed: what is left goes, and with the last handle the loop ends. */
void sl_agent_end(sl_agent *a);

#endif
