/* output.h - one plugin instance: sends sealed batches, waits for answers, backs off, drains.
 *
 * Records answered RETRY stay behind as a remainder of the same batch and go out again before newer
 * ones, after a back-off that doubles up to a limit, with jitter; for ever, or until they have failed
 * `retry_limit` times. What is refused goes to the dead letter, whose target takes nothing goes back to
 * its file (aside.h), and when nearly all is refused, everything waits (storm.h).
 *
 * Owns     the plugin's instance; batches from put() until `emptied`
 * Thread   the loop's */
#ifndef SL_SHIP_OUTPUT_H
#define SL_SHIP_OUTPUT_H

#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "ship/ledger.h"
#include "ship/pack.h"
#include "ship/refusal.h"

#include <uv.h>

typedef struct sl_output sl_output;

typedef struct sl_output_options {
    const char *name;
    const sl_plugin *plugin;
    const void *self; /* plugin->self_size bytes with its options filled in; copied */
    const char *encoding;
    uint64_t facts; /* sl_host.facts */
    uint64_t retry_initial_ms, retry_max_ms;
    uint64_t retry_limit;   /* 0: for ever */
    uint32_t max_in_flight; /* already bounded by the plugin's own */
    const char *dead_dir;   /* the agent's; NULL: what is refused waits */
    uint64_t dead_max_bytes;
    bool dead_drop;      /* when it is full; else its container waits */
    bool storm_goes_on;  /* nobody minds when most is refused */
    sl_packers *packers; /* these two, for a plugin that wants gzip */
    size_t (*gzip)(char *out, sl_slice body, int level);
    sl_batch_pool *pool; /* where a redrive's batches come from */
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    void *arg; /* of the calls below */
    /* Rows `first` .. `first + n - 1` of b are settled for good. Called before the batch is changed,
     * for all its rows in turn, when the last of them has been answered. */
    void (*settled)(void *arg, sl_batch *b, uint32_t first, uint32_t n, const sl_verdict *verdict);
    /* Whose records `a` counts. */
    void (*whose)(void *arg, const sl_account *a, sl_whose *out);
    /* From now on nothing of it is to be read; a->waiting says why, `words` are the far end's; NULL:
     * it waited before, and its trial failed. */
    void (*waits)(void *arg, sl_account *a, const char *words);
    /* These rows are not delivered, and are to be read again. Called as `settled` is. */
    void (*given_back)(void *arg, sl_batch *b, uint32_t first, uint32_t n);
    /* A record of it is to be read; then sl_output_tried(). false: not now. */
    bool (*tries)(void *arg, sl_account *a);
    void (*flows)(void *arg, sl_account *a); /* it is to be read as all others */
    /* Rows of b whose fate is ANEW get that frame, and that target unless its ptr is NULL. false: it
     * cannot be, or all is as it was. */
    bool (*reframe)(void *arg, sl_batch *b, sl_slice target, const char *before, const char *after);
    /* All of b is settled, or the output closes: it is the lane's again. */
    void (*emptied)(void *arg, sl_batch *b);
    /* The output cannot ever deliver again; the agent should stop. */
    void (*gave_up)(void *arg, const char *reason);
    /* Closed: everything is answered or was given back. */
    void (*closed)(void *arg);
} sl_output_options;

/* Opens the plugin. Fails as it does, having said why. */
SL_MUST_USE sl_err sl_output_new(const sl_output_options *options, sl_output **out);
void sl_output_free(sl_output *o); /* after `closed`, or if it never was used; accepts NULL */

void sl_output_put(sl_output *o, sl_batch *b);
/* Nothing is queued and nothing is out. */
bool sl_output_is_idle(const sl_output *o);
/* A record of `a`, which is on trial, was put; or there was none in its file. */
void sl_output_tried(sl_output *o, sl_account *a);
/* How many batches are queued, out not counted. */
uint32_t sl_output_waiting(const sl_output *o);

/* Cancels what is out, hands all batches left to `emptied` unsettled, closes the plugin, and calls
 * `closed`, later, from the loop. What is left unsettled is read again from the files. A second
 * call does nothing. */
void sl_output_close(sl_output *o);

/* What an operator asks of it. */
typedef struct sl_output_numbers {
    bool up; /* not so: it is closed, its last answer was a failure, or none came in SL_SILENT_MS */
    uint64_t down_ms;    /* for how long it is not up */
    uint64_t retries;    /* batches that came back with something to send again */
    uint64_t conflicts;  /* records that were there already, though nobody can have sent them */
    uint64_t wire_bytes; /* that the plugin says it put on the wire */
    const char *words;   /* why it is not up, as the far end said; NULL: not known */
    uint32_t out;        /* batches out now */
    uint32_t waiting;    /* batches that wait for their turn, or for the end of a back-off */
    const char *state;   /* "open", "backoff", "closing", "closed" */
    sl_histogram sent;   /* from sending a batch until all of it is answered */
} sl_output_numbers;

#define SL_SILENT_MS 30000 /* a batch that is out for so long without any answer is a failure */

void sl_output_look(const sl_output *o, sl_output_numbers *out);

/* The plugin's own numbers: see sl_output_ops.metrics. */
const sl_plugin *sl_output_plugin(const sl_output *o);
void sl_output_measure(const sl_output *o, size_t metric, sl_value_fn *value, void *arg);

/* Why nothing of any container is sent: "reject_storm". NULL: it is. */
const char *sl_output_waits_for(const sl_output *o);

/* The level of gzip that the plugin wants; 0: none. */
int sl_output_gzip_level(const sl_plugin *plugin, const void *self);

/* How long to wait after so many failures in a row (at least 1): initial_ms, doubled each time, up
 * to max_ms, and then up to a fifth more or less, as `random` says, lest all nodes come at once. */
uint64_t sl_backoff_ms(uint64_t failures, uint64_t initial_ms, uint64_t max_ms, uint64_t random);

#endif
