/* output_in.h - one output from within, for the four files that it is made of: output.c sends and has
 * the states, home.c deals with what comes back, aside.c with what waits aside, redrive.c with dead
 * letters that go out once more. */
#ifndef SL_SHIP_OUTPUT_IN_H
#define SL_SHIP_OUTPUT_IN_H

#include "ship/host.h"
#include "ship/output.h"
#include "ship/queue.h"
#include "ship/redrive.h"
#include "ship/storm.h"

typedef enum { OUT_OPEN, OUT_BACKOFF, OUT_CLOSING, OUT_CLOSED, OUT_STATES } out_state;

/* Said at most once a minute. */
typedef struct complaint {
    bool open;   /* and has not been taken back since */
    uint64_t at; /* 0: never */
} complaint;

typedef struct sl_redrive sl_redrive;

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
    uint32_t parts;     /* batches of which only a part is out */
    uint32_t burying;   /* batches whose refused records are being written */
    bool arriving;      /* several are home: all are looked at before anything is sent */
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
    sl_link held, on_trial; /* accounts that wait: see aside.h */
    sl_storm storm;
    bool storming;
    sl_refusals refusals;
    sl_redrive *redrive; /* at work, or the last one; NULL: there was none */
    sl_batch *errand;    /* of it, that waits for its turn; else NULL */
    bool errand_went;    /* last: now it is the lane's turn */
    bool draining;       /* no errand begins any more */
    uv_timer_t timer;    /* ends the back-off */
    uv_timer_t rounds;   /* those that wait are tried */
    uv_timer_t again;    /* the redrive's */
    uv_idle_t turn;      /* runs while somebody is home */
};

void sl_output_enter(sl_output *o, out_state next);
/* Sends what may go out. */
void sl_output_send(sl_output *o);
/* The back-off takes so long, or longer. */
void sl_output_wait_at_least(sl_output *o, uint64_t ms);
/* Something of it is with the plugin or in the pool. */
bool sl_output_is_busy(const sl_output *o);

/* --- errands --- */
/* b goes out once, in turn with the lane's, and comes to sl_redrive_home(); or, if the output closes
 * before, to sl_redrive_take_back(). */
void sl_output_put_errand(sl_output *o, sl_batch *b);
void sl_output_take_back_errand(sl_output *o); /* if it has not gone out */
/* It waited for that, if it is closing. */
void sl_output_errand_over(sl_output *o);

/* All of the errand was answered; the trip is ended, and the batch is not out any more. */
void sl_redrive_home(sl_redrive *r, const sl_trip *t);
void sl_redrive_take_back(sl_redrive *r);
bool sl_redrive_is_working(const sl_redrive *r); /* NULL is not */
void sl_redrive_free(sl_redrive *r);             /* not while it works; accepts NULL */

#endif
