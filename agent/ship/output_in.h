/* output_in.h - one output from within, for the three files that it is made of: output.c sends and has
 * the states, home.c deals with what comes back, aside.c with what waits aside. */
#ifndef SL_SHIP_OUTPUT_IN_H
#define SL_SHIP_OUTPUT_IN_H

#include "ship/hold.h"
#include "ship/host.h"
#include "ship/output.h"
#include "ship/storm.h"

typedef enum { OUT_OPEN, OUT_BACKOFF, OUT_CLOSING, OUT_CLOSED, OUT_STATES } out_state;

/* Said at most once a minute. */
typedef struct complaint {
    bool open;   /* and has not been taken back since */
    uint64_t at; /* 0: never */
} complaint;

struct sl_output {
    sl_output_options options;
    const sl_output_ops *ops;
    sl_hosting hosting;
    out_state state;
    sl_queue queue;
    sl_link home;       /* trips whose records are all answered */
    uint32_t in_flight; /* batches that are out, or whose refused records are being written */
    uint64_t failures;  /* in a row */
    uint32_t nows;      /* in a row */
    uint64_t retries;
    uint64_t conflicts;
    uint64_t silent_ms; /* since then nothing was answered, while something is out */
    uint64_t failed_ms; /* since then each answer was a failure; 0: the last one was not */
    sl_histogram sent;
    complaint failing, writing, conflicting;
    complaint refusing[3]; /* by what becomes of the records: see home.c */
    bool gave_up;
    bool gone;      /* closed */
    bool abandoned; /* freed before it was closed */
    sl_packer packer;
    sl_hold hold;
    bool in_round, crowded;
    sl_storm storm;
    bool storming;
    sl_refusals refusals;
    uv_timer_t timer;  /* ends the back-off */
    uv_timer_t rounds; /* begins the next round of those that wait */
    uv_idle_t turn;    /* runs while somebody is home */
};

void sl_output_enter(sl_output *o, out_state next);
/* Sends what may go out. */
void sl_output_send(sl_output *o);
/* The back-off takes so long, or longer. */
void sl_output_wait_at_least(sl_output *o, uint64_t ms);
/* Something of it is with the plugin or in the pool. */
bool sl_output_is_busy(const sl_output *o);

#endif
