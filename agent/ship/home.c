/* home.c - a batch that was out comes home: what was delivered is settled, what was refused buried, and
 * the rest goes back into the queue.
 *
 *   sl_output_home -> delivered: settled -> refused: buried -> finish -> gone, or in the queue again */
#include "ship/home.h"

#include "ship/aside.h"

#define COMPLAIN_EACH_MS 60000
#define MAX_NOWS         3 /* in a row; then somebody has failed after all */

/* --- words --- */

/* true: it is to be said, and open from now on. */
static bool may_complain(sl_output *o, complaint *c)
{
    uint64_t now = sl_now_ms(o->options.clock);

    if (c->at && now - c->at < COMPLAIN_EACH_MS)
        return false;
    c->at = now;
    c->open = true;
    return true;
}

void sl_output_say(const sl_output *o, sl_level level, const char *what, const char *reason)
{
    sl_log_fields(o->options.log, level, what, "output", o->options.name, reason ? "reason" : NULL,
                  reason && *reason ? reason : "not said", NULL);
}

static void complain(sl_output *o, const char *reason)
{
    if (o->hosting.up || !o->hosting.up_reason)
        sl_hosting_up(&o->hosting, false, reason);
    if (may_complain(o, &o->failing))
        sl_output_say(o, SL_LOG_WARN, "cannot deliver, tries again", reason);
}

static void rejoice(sl_output *o)
{
    if (!o->hosting.up)
        sl_hosting_up(&o->hosting, true, NULL);
    if (o->failing.open)
        sl_output_say(o, SL_LOG_INFO, "delivers again", NULL);
    o->failing.open = false;
}

/* --- answers --- */

/* Tells the lane about each run of rows that were delivered. */
static void settle_delivered(sl_output *o, const sl_trip *t)
{
    static const sl_verdict delivered = {.end = SL_END_DELIVERED};
    const sl_refusal *r = t->refusals, *r_end = r + t->refusal_count;
    uint32_t n;

    for (uint32_t i = 0; i < t->batch->shown; i += n) {
        if (r < r_end && r->first == i) {
            n = r++->n;
            continue;
        }
        n = 0;
        while (i + n < (r < r_end ? r->first : t->batch->shown) &&
               t->batch->rows[i + n].fate == SL_FATE_SETTLED)
            n++;
        if (n > 0)
            o->options.settled(o->options.arg, t->batch, i, n, &delivered);
        else
            n = 1; /* to be sent again */
    }
}

/* Are nearly all refused? Then nobody is buried, but everybody waits. */
static void watch_storm(sl_output *o, sl_trip *t)
{
    if (o->options.storm_goes_on)
        return;
    if (o->storming) {
        o->storming = sl_storm_goes_on(t);
        if (!o->storming)
            sl_output_say(o, SL_LOG_INFO, "flows again: most records are taken", NULL);
    } else {
        sl_storm_note(&o->storm, t);
        o->storming = sl_storm_rages(&o->storm);
        if (o->storming)
            sl_output_say(o, SL_LOG_ERROR,
                          "waits: most of the last 1,000 records were refused for one reason "
                          "(reject_storm: wait); tries again slowly",
                          t->refusal_count ? t->refusals[0].words : "");
    }
    if (!o->storming)
        return;
    o->storm = (sl_storm){0}; /* the next thousand decide anew */
    t->stormy = true;
    sl_trip_take_back(t);
}

/* The containers of rows that are held. */
static void hold_rows(sl_output *o, const sl_batch *b, const char *reason, const char *words)
{
    for (uint32_t i = 0; i < b->row_count; i++) {
        sl_account *a = b->marks[b->rows[i].mark]->account;

        if (b->rows[i].fate == SL_FATE_HELD)
            sl_output_hold(o, a, reason, words);
    }
}

/* What it is that takes nothing, as the metrics call it. */
static const char *target_name(const sl_output *o)
{
    static const char *const names[] = {"topic", "path"};

    for (size_t i = 0; o->ops->target && i < sizeof names / sizeof *names; i++) {
        if (!strcmp(o->ops->target, names[i]))
            return names[i];
    }
    return "index";
}

/* Some failed, some are to go out at once, or all is well: what to do next. */
static void go_on(sl_output *o, const sl_trip *t)
{
    bool failed = t->why_again || t->stormy;

    o->nows = t->now ? o->nows + 1 : 0;
    if (o->nows > MAX_NOWS)
        failed = true;
    if (o->state == OUT_CLOSING && !sl_output_is_busy(o)) {
        sl_output_enter(o, OUT_CLOSED);
    } else if (o->state == OUT_OPEN) {
        o->failures = failed ? o->failures + 1 : 0;
        sl_output_enter(o, failed ? OUT_BACKOFF : OUT_OPEN);
    }
}

static void count_trip(sl_output *o, const sl_trip *t)
{
    uint64_t now = sl_now_ms(o->options.clock);

    o->silent_ms = now;
    if (!t->why_again)
        o->failed_ms = 0;
    else if (!o->failed_ms)
        o->failed_ms = now;
    if (t->why_again)
        o->retries++;
    o->conflicts += t->conflicts;
    if (t->conflicts && may_complain(o, &o->conflicting))
        sl_output_say(o, SL_LOG_ERROR,
                      "the far end had records already that cannot have been sent before: others "
                      "stand in their places",
                      NULL);
}

bool sl_output_reframe(sl_output *o, const sl_trip *t)
{
    const char *before = o->ops->before, *after = o->ops->after;

    if (o->ops->frame)
        o->ops->frame(o->hosting.self, &before, &after);
    return o->options.reframe(o->options.arg, t->batch, sl_str(t->elsewhere), before, after);
}

/* Whatever is settled is: the rest stays. */
static void finish(sl_output *o, sl_trip *t)
{
    sl_batch *b = t->batch;
    bool left;

    if (!sl_list_is_empty(&o->held))
        sl_output_give_back(o, b);
    left = sl_batch_keep_unsettled(b);
    if (t->anew && left && !sl_output_reframe(o, t) && !t->why_again)
        t->why_again = sl_strdup("its records cannot be framed in another way");

    b->output = NULL;
    o->in_flight--;
    o->parts -= t->is_part;
    count_trip(o, t);
    if (t->why_again && o->state != OUT_CLOSING) {
        complain(o, t->why_again);
        sl_output_wait_at_least(o, t->asked_ms);
    } else if (!t->why_again && !t->now && !t->anew) {
        rejoice(o);
    }
    if (left)
        sl_queue_put_back(&o->queue, b);
    else
        o->options.emptied(o->options.arg, b); /* may put the next one, or close this output */
    sl_output_tend(o);
    go_on(o, t);
    sl_trip_free(t);
}

void sl_output_refused(void *output, sl_batch *b, uint32_t first, uint32_t n, const sl_verdict *v)
{
    static const char *const said[] = {
        "records are refused, and kept as dead letters",
        "records are refused; the far end keeps them elsewhere",
        "records are refused, and dropped: dead letters are full (dead_letter.max_bytes)"};
    sl_output *o = output;
    int which = v->end == SL_END_DROPPED ? 2 : v->dead == SL_DEAD_FAILURE_STORE;

    if (may_complain(o, &o->refusing[which]))
        sl_output_say(o, SL_LOG_WARN, said[which], v->words);
    o->options.settled(o->options.arg, b, first, n, v);
}

void sl_output_buried(void *arg, sl_trip *t, sl_err err)
{
    sl_output *o = arg;
    const char *words = t->refusals[0].words;

    if (err && may_complain(o, &o->writing))
        sl_output_say(o, SL_LOG_ERROR,
                      err == SL_E_FULL
                          ? "dead letters are full (dead_letter.max_bytes): containers whose "
                            "records are refused wait; see `sluice dead-letter ls`"
                          : "dead letters cannot be written: containers whose records are "
                            "refused wait",
                      err == SL_E_FULL ? words : sl_strerror(err));
    hold_rows(o, t->batch, "dead_letter", words);
    o->burying--;
    finish(o, t);
}

/* Not the lane's: whoever sent it hears of it, and the output's own state stays what it is. */
static void bring_errand(sl_output *o, sl_trip *t)
{
    sl_trip_end(t, 0);
    t->batch->output = NULL;
    o->in_flight--;
    o->silent_ms = sl_now_ms(o->options.clock);
    sl_redrive_home(o->redrive, t);
    sl_trip_free(t);
    if (o->state == OUT_OPEN)
        sl_output_send(o);
    else
        sl_output_errand_over(o);
}

void sl_output_home(sl_output *o, sl_trip *t)
{
    if (t->batch->errand) {
        bring_errand(o, t);
        return;
    }
    sl_histogram_add(&o->sent, sl_now_ms(o->options.clock) - t->sent_ms, 1);
    sl_trip_end(t, o->options.retry_limit);
    watch_storm(o, t);
    settle_delivered(o, t);
    if (t->why_held)
        hold_rows(o, t->batch, target_name(o), t->why_held);
    if (t->refusal_count > 0) {
        o->burying++;
        sl_refusals_bury(&o->refusals, t);
    } else {
        finish(o, t);
    }
}
