/* output.h - one plugin instance: sends sealed batches, waits for answers, backs off, drains.
 *
 * Records answered RETRY stay behind as a remainder of the same batch and go out again before newer
 * ones, after a back-off that doubles up to a limit, with jitter, for ever.
 *
 * Owns     the plugin's instance; batches from put() until `settled` or `returned`
 * Thread   the loop's */
#ifndef SL_SHIP_OUTPUT_H
#define SL_SHIP_OUTPUT_H

#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "flow/batch.h"

#include <uv.h>

typedef struct sl_output sl_output;

typedef struct sl_output_options {
    const char *name;
    const sl_plugin *plugin;
    const void *self; /* plugin->self_size bytes with its options filled in; copied */
    const char *encoding;
    uint64_t retry_initial_ms, retry_max_ms;
    uint32_t max_in_flight; /* already bounded by the plugin's own */
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    void *arg; /* of the calls below */
    /* Some records of b were answered for good: rows `first` .. `first + n - 1`, delivered or
     * rejected with that reason. Called before the batch is changed, for all its rows in turn,
     * when the last of them has been answered. */
    void (*settled)(void *arg, sl_batch *b, uint32_t first, uint32_t n, const sl_answer *answer);
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
    uint64_t wire_bytes; /* that the plugin says it put on the wire */
    uint32_t out;        /* batches out now */
    uint32_t waiting;    /* batches that wait for their turn, or for the end of a back-off */
    const char *state;   /* "open", "backoff", "closing", "closed" */
    sl_histogram sent;   /* from sending a batch until all of it is answered */
} sl_output_numbers;

#define SL_SILENT_MS 30000 /* a batch that is out for so long without any answer is a failure */

void sl_output_look(const sl_output *o, sl_output_numbers *out);

/* How long to wait after so many failures in a row (at least 1): initial_ms, doubled each time, up
 * to max_ms, and then up to a fifth more or less, as `random` says, lest all nodes come at once. */
uint64_t sl_backoff_ms(uint64_t failures, uint64_t initial_ms, uint64_t max_ms, uint64_t random);

#endif
