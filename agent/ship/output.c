/* output.c - see output.h.
 *
 * The state is written by enter() alone. A plugin may answer whenever it likes, from within send()
 * too; a batch whose records are all answered stands in `home` until the loop's next turn, which
 * deals with it outside of the plugin: so nothing recurses, however many batches are waiting.
 *
 * Owns     the plugin's instance; trips; batches from put() until `emptied`
 * Thread   the loop's; wake() alone comes from any, through base/post.h
 * Limits   a reason is kept up to 512 bytes; a far end may ask us to wait for 10 minutes at most */
#include "ship/output.h"

#include "base/post.h"
#include "ship/queue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BIT(n)           (1u << (n))
#define MAX_REASON       512
#define MAX_ASKED_MS     600000
#define COMPLAIN_EACH_MS 60000

typedef enum { OUT_OPEN, OUT_BACKOFF, OUT_CLOSING, OUT_CLOSED, OUT_STATES } out_state;

static const char *const state_names[OUT_STATES] = {"open", "backoff", "closing", "closed"};

static const uint8_t may_follow[OUT_STATES] = {
    [OUT_OPEN] = BIT(OUT_OPEN) | BIT(OUT_BACKOFF) | BIT(OUT_CLOSING) | BIT(OUT_CLOSED),
    [OUT_BACKOFF] = BIT(OUT_OPEN) | BIT(OUT_CLOSING) | BIT(OUT_CLOSED),
    [OUT_CLOSING] = BIT(OUT_CLOSED),
};

/* Rows that the far end will never take. */
typedef struct refusal {
    uint32_t first, n;
    char *reason;
} refusal;

/* A batch that is out, and what was answered so far beside the rows' own flags. */
typedef struct trip {
    sl_link link; /* in `home` */
    sl_output *output;
    sl_batch *batch;
    refusal *refusals;
    size_t refusal_count, refusal_cap;
    char *why_again; /* the first RETRY's reason */
    uint32_t asked_ms;
    uint64_t sent_ms;
    void *data; /* the plugin's */
} trip;

struct sl_output {
    sl_output_options options;
    const sl_output_ops *ops;
    void *self;
    sl_host host;
    out_state state;
    sl_queue queue;
    sl_link home; /* trips whose records are all answered */
    uint32_t in_flight;
    uint64_t failures; /* in a row */
    uint64_t retries;
    uint64_t wire_bytes;
    uint64_t silent_ms; /* since then nothing was answered, while something is out */
    uint64_t failed_ms; /* since then each answer was a failure; 0: the last one was not */
    sl_histogram sent;
    bool up; /* the far end can be reached, as far as is known */
    char *up_reason;
    bool complained;        /* and has not delivered since */
    uint64_t complained_at; /* 0: never */
    char *last_words;       /* of give_up() */
    bool gave_up;
    bool gone;      /* closed */
    bool abandoned; /* freed before it was closed */
    sl_post *post;
    uv_timer_t timer; /* ends the back-off */
    uv_idle_t turn;   /* runs while somebody is home */
};

/* --- out and waiting --- */

uint64_t sl_backoff_ms(uint64_t failures, uint64_t initial_ms, uint64_t max_ms, uint64_t random)
{
    uint64_t ms = initial_ms, fifth;

    while (--failures > 0 && ms > 0 && ms < max_ms)
        ms = ms > max_ms / 2 ? max_ms : ms * 2;
    ms = ms < max_ms ? ms : max_ms;
    fifth = ms / 5;
    return ms - fifth + random % (2 * fifth + 1);
}

static void send_waiting(sl_output *o)
{
    sl_batch *b;

    while (o->in_flight < o->options.max_in_flight && (b = sl_queue_take(&o->queue))) {
        trip *t = sl_alloc(sizeof *t);

        *t = (trip){.output = o, .batch = b, .sent_ms = sl_now_ms(o->options.clock)};
        b->output = t;
        b->unanswered = b->row_count;
        if (o->in_flight++ == 0)
            o->silent_ms = t->sent_ms;
        o->ops->send(o->self, b);
    }
}

static void on_backoff_over(uv_timer_t *timer);

static void wait_at_least(sl_output *o, uint64_t ms)
{
    if (!uv_is_active((uv_handle_t *)&o->timer) || uv_timer_get_due_in(&o->timer) < ms)
        uv_timer_start(&o->timer, on_backoff_over, ms, 0);
}

static void back_off(sl_output *o)
{
    uint64_t random = 0;

    (void)uv_random(NULL, NULL, &random, sizeof random, 0, NULL); /* else 0, which will do */
    wait_at_least(o, sl_backoff_ms(o->failures, o->options.retry_initial_ms,
                                   o->options.retry_max_ms, random));
}

static void cancel_sent(sl_output *o)
{
    if (o->ops->cancel)
        o->ops->cancel(o->self);
}

static void on_timer_closed(uv_handle_t *timer);

static void on_turn_closed(uv_handle_t *turn)
{
    sl_output *o = SL_CONTAINER_OF(turn, sl_output, turn);

    /* One handle after the other, so that those which the plugin closed are gone before `self` is. */
    uv_close((uv_handle_t *)&o->timer, on_timer_closed);
}

static void close_handles(sl_output *o)
{
    sl_post_free(o->post);
    uv_close((uv_handle_t *)&o->turn, on_turn_closed);
}

static void close_plugin(sl_output *o)
{
    if (o->ops->close)
        o->ops->close(o->self);
    close_handles(o);
}

static void give_back_waiting(sl_output *o)
{
    sl_batch *b;

    while ((b = sl_queue_take(&o->queue)))
        o->options.emptied(o->options.arg, b);
}

static void enter(sl_output *o, out_state next)
{
    SL_ASSERT(may_follow[o->state] & BIT(next));
    if (next != o->state)
        sl_log_fields(o->options.log, SL_LOG_DEBUG, "output changes", "output", o->options.name,
                      "from", state_names[o->state], "to", state_names[next], NULL);
    o->state = next;
    if (next != OUT_BACKOFF)
        uv_timer_stop(&o->timer);
    if (next == OUT_OPEN) {
        send_waiting(o);
    } else if (next == OUT_BACKOFF) {
        back_off(o);
    } else if (next == OUT_CLOSING) {
        cancel_sent(o); /* it comes home */
    } else {
        give_back_waiting(o);
        close_plugin(o);
    }
}

static void on_backoff_over(uv_timer_t *timer)
{
    enter(SL_CONTAINER_OF(timer, sl_output, timer), OUT_OPEN);
}

/* --- answers --- */

static char *copy_reason(sl_slice reason)
{
    return sl_strndup(reason.ptr ? reason.ptr : "",
                      reason.len < MAX_REASON ? reason.len : MAX_REASON);
}

/* Records are often refused one by one, all for the same reason. */
static bool widen(refusal *last, uint32_t first, uint32_t n, const char *reason)
{
    if (strcmp(last->reason, reason) != 0)
        return false;
    if (first + n == last->first)
        last->first = first;
    else if (last->first + last->n != first)
        return false;
    last->n += n;
    return true;
}

static void note_refusal(trip *t, uint32_t first, uint32_t n, sl_slice reason)
{
    char *text = copy_reason(reason);

    if (t->refusal_count && widen(&t->refusals[t->refusal_count - 1], first, n, text)) {
        free(text);
        return;
    }
    if (t->refusal_count == t->refusal_cap) {
        t->refusal_cap = t->refusal_cap ? t->refusal_cap * 2 : 8;
        t->refusals = sl_realloc(t->refusals, t->refusal_cap * sizeof *t->refusals);
    }
    t->refusals[t->refusal_count++] = (refusal){first, n, text};
}

static void note_retry(trip *t, const sl_answer *answer)
{
    if (!t->why_again)
        t->why_again = copy_reason(answer->reason);
    if (answer->retry_after_ms > t->asked_ms)
        t->asked_ms = answer->retry_after_ms < MAX_ASKED_MS ? answer->retry_after_ms : MAX_ASKED_MS;
}

static void on_turn(uv_idle_t *turn);

static void take_answer(sl_batch *b, uint32_t first, uint32_t n, const sl_answer *answer)
{
    trip *t = b->output;

    SL_ASSERT(t && first <= b->row_count && n <= b->row_count - first);
    if (n == 0)
        return;
    for (uint32_t i = first; i < first + n; i++) {
        SL_ASSERT(!b->rows[i].answered);
        b->rows[i].answered = true;
        b->rows[i].again = answer->outcome == SL_RETRY;
    }
    if (answer->outcome == SL_RETRY)
        note_retry(t, answer);
    else if (answer->outcome == SL_REJECTED)
        note_refusal(t, first, n, answer->reason);
    b->unanswered -= n;
    if (b->unanswered > 0)
        return;
    sl_list_append(&t->output->home, &t->link);
    uv_idle_start(&t->output->turn, on_turn);
}

/* A plugin that was built with another header knows smaller or larger values than ours. */
static void take_their_answer(sl_batch *b, uint32_t first, uint32_t n, const sl_answer *theirs)
{
    size_t size = ((trip *)b->output)->output->options.plugin->answer_size;
    sl_answer answer = {0};

    memcpy(&answer, theirs, size < sizeof answer ? size : sizeof answer);
    take_answer(b, first, n, &answer);
}

static void give_their_item(const sl_batch *b, uint32_t i, sl_item *theirs)
{
    size_t size = ((const trip *)b->output)->output->options.plugin->item_size;
    sl_item item;

    sl_batch_item(b, i, &item);
    memset(theirs, 0, size);
    memcpy(theirs, &item, size < sizeof item ? size : sizeof item);
}

static int by_first(const void *a, const void *b)
{
    const refusal *left = a, *right = b;

    return (left->first > right->first) - (left->first < right->first);
}

static uint32_t count_delivered(const sl_batch *b, uint32_t first, uint32_t end)
{
    uint32_t i = first;

    while (i < end && !b->rows[i].again)
        i++;
    return i - first;
}

/* Tells the lane about each run of rows that were answered for good, in their order. */
static void settle_runs(sl_output *o, trip *t)
{
    const sl_output_options *lane = &o->options;
    sl_batch *b = t->batch;
    const refusal *r = t->refusals, *r_end = r + t->refusal_count;
    uint32_t n;

    if (t->refusal_count)
        qsort(t->refusals, t->refusal_count, sizeof *t->refusals, by_first);
    for (uint32_t i = 0; i < b->row_count; i += n) {
        sl_answer answer = {.outcome = SL_DELIVERED};

        if (r < r_end && r->first == i) {
            answer = (sl_answer){.outcome = SL_REJECTED, .reason = sl_str(r->reason)};
            n = r++->n;
        } else {
            n = count_delivered(b, i, r < r_end ? r->first : b->row_count);
        }
        if (n > 0)
            lane->settled(lane->arg, b, i, n, &answer);
        else
            n = 1; /* to be sent again */
    }
}

/* At most once a minute, however often it fails and recovers. */
static void complain(sl_output *o, const char *reason)
{
    uint64_t now = sl_now_ms(o->options.clock);

    if (o->complained_at && now - o->complained_at < COMPLAIN_EACH_MS)
        return;
    sl_log_fields(o->options.log, SL_LOG_WARN, "cannot deliver, tries again", "output",
                  o->options.name, "reason", *reason ? reason : "not said", NULL);
    o->complained = true;
    o->complained_at = now;
}

static void rejoice(sl_output *o)
{
    if (o->complained)
        sl_log_fields(o->options.log, SL_LOG_INFO, "delivers again", "output", o->options.name,
                      NULL);
    o->complained = false;
}

static void free_trip(trip *t)
{
    for (size_t i = 0; i < t->refusal_count; i++)
        free(t->refusals[i].reason);
    free(t->refusals);
    free(t->why_again);
    free(t);
}

static void count_trip(sl_output *o, const trip *t, bool again)
{
    uint64_t now = sl_now_ms(o->options.clock);

    sl_histogram_add(&o->sent, now - t->sent_ms, 1);
    o->silent_ms = now;
    if (!again)
        o->failed_ms = 0;
    else if (!o->failed_ms)
        o->failed_ms = now;
}

static void on_failed(sl_output *o, trip *t)
{
    o->retries++;
    sl_queue_put_back(&o->queue, t->batch);
    if (o->state == OUT_CLOSING)
        return;
    complain(o, t->why_again);
    wait_at_least(o, t->asked_ms);
}

static void on_answered(sl_output *o, trip *t)
{
    sl_batch *b = t->batch;
    bool again;

    settle_runs(o, t);
    again = sl_batch_keep_unsettled(b);
    b->output = NULL;
    o->in_flight--;
    count_trip(o, t, again);
    if (again) {
        on_failed(o, t);
    } else {
        rejoice(o);
        o->options.emptied(o->options.arg, b); /* may put the next one, or close this output */
    }
    free_trip(t);
    if (o->state == OUT_CLOSING && o->in_flight == 0) {
        enter(o, OUT_CLOSED);
    } else if (o->state == OUT_OPEN) {
        o->failures = again ? o->failures + 1 : 0;
        enter(o, again ? OUT_BACKOFF : OUT_OPEN);
    }
}

static void on_turn(uv_idle_t *turn)
{
    sl_output *o = SL_CONTAINER_OF(turn, sl_output, turn);
    sl_link came;

    uv_idle_stop(turn);
    sl_list_init(&came); /* only those who are home now: others get their turn too */
    SL_LIST_EACH_SAFE(&o->home, link)
    {
        sl_list_remove(link);
        sl_list_append(&came, link);
    }
    SL_LIST_EACH_SAFE(&came, link)
    {
        sl_list_remove(link);
        on_answered(o, SL_CONTAINER_OF(link, trip, link));
    }
    if (o->last_words && !o->gave_up) {
        o->gave_up = true;
        o->options.gave_up(o->options.arg, o->last_words);
    }
}

/* --- the host --- */

static sl_output *output_of(const sl_host *host)
{
    return SL_CONTAINER_OF(host, sl_output, host);
}

static void wake(const sl_host *host)
{
    sl_post_send(output_of(host)->post);
}

static void on_woken(void *arg)
{
    sl_output *o = arg;

    if (o->ops->ready)
        o->ops->ready(o->self);
}

static void give_up(const sl_host *host, const char *reason)
{
    sl_output *o = output_of(host);

    if (o->last_words)
        return;
    o->last_words = sl_strdup(reason);
    uv_idle_start(&o->turn, on_turn);
}

static void host_log(const sl_host *, sl_level, const char *format, ...) SL_PRINTF(3, 4);

static void host_log(const sl_host *host, sl_level level, const char *format, ...)
{
    const sl_output_options *options = &output_of(host)->options;
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    SL_ASSERT(len >= 0);
    sl_log_fields(options->log, level, text, "output", options->name, NULL);
    free(text);
}

static void count_wire(const sl_host *host, uint64_t bytes)
{
    output_of(host)->wire_bytes += bytes;
}

static void set_data(sl_batch *b, void *data)
{
    ((trip *)b->output)->data = data;
}

static void *get_data(const sl_batch *b)
{
    return ((const trip *)b->output)->data;
}

static uint64_t host_now_ms(const sl_host *host)
{
    return sl_now_ms(output_of(host)->options.clock);
}

static void note_up(const sl_host *host, bool up, const char *reason)
{
    sl_output *o = output_of(host);

    o->up = up;
    free(o->up_reason);
    o->up_reason = sl_strdup(reason ? reason : "");
}

/* --- its life --- */

static void destroy(sl_output *o)
{
    free(o->self);
    free(o->last_words);
    free(o->up_reason);
    free(o);
}

static void on_timer_closed(uv_handle_t *timer)
{
    sl_output *o = SL_CONTAINER_OF(timer, sl_output, timer);

    o->gone = true;
    if (o->abandoned)
        destroy(o);
    else
        o->options.closed(o->options.arg);
}

sl_err sl_output_new(const sl_output_options *options, sl_output **out)
{
    sl_output *o = sl_alloc(sizeof *o);
    sl_err err;

    SL_ASSERT(options->max_in_flight > 0);
    o->options = *options;
    o->ops = &options->plugin->output;
    o->self = sl_alloc(options->plugin->self_size);
    memcpy(o->self, options->self, options->plugin->self_size);
    o->host = (sl_host){
        .size = sizeof o->host,
        .loop = options->loop,
        .payload = sl_batch_payload,
        .count = sl_batch_count,
        .record = sl_batch_item,
        .answer = take_answer,
        .wake = wake,
        .give_up = give_up,
        .log = host_log,
        .wire = count_wire,
        .encoding = options->encoding,
        .set_data = set_data,
        .data = get_data,
        .now_ms = host_now_ms,
        .up = note_up,
    };
    o->up = true; /* until somebody finds out */
    if (options->plugin->item_size && options->plugin->item_size != sizeof(sl_item))
        o->host.record = give_their_item;
    if (options->plugin->answer_size && options->plugin->answer_size != sizeof(sl_answer))
        o->host.answer = take_their_answer;
    sl_queue_init(&o->queue);
    sl_list_init(&o->home);
    o->post = sl_post_new(options->loop, on_woken, o);
    uv_timer_init(options->loop, &o->timer);
    uv_idle_init(options->loop, &o->turn);

    err = o->ops->open(o->self, &o->host);
    if (err) {
        o->abandoned = true;
        close_handles(o);
        return err;
    }
    *out = o;
    return 0;
}

void sl_output_free(sl_output *o)
{
    if (!o)
        return;
    if (o->gone) {
        destroy(o);
        return;
    }
    SL_ASSERT(o->state == OUT_OPEN && sl_output_is_idle(o));
    o->abandoned = true;
    enter(o, OUT_CLOSED);
}

void sl_output_put(sl_output *o, sl_batch *b)
{
    SL_ASSERT(o->state != OUT_CLOSED && b->row_count > 0);
    sl_queue_put(&o->queue, b);
    if (o->state == OUT_OPEN)
        send_waiting(o);
}

bool sl_output_is_idle(const sl_output *o)
{
    return o->queue.count == 0 && o->in_flight == 0;
}

uint32_t sl_output_waiting(const sl_output *o)
{
    return o->queue.count;
}

void sl_output_close(sl_output *o)
{
    if (o->state == OUT_OPEN || o->state == OUT_BACKOFF)
        enter(o, o->in_flight ? OUT_CLOSING : OUT_CLOSED);
}

void sl_output_look(const sl_output *o, sl_output_numbers *out)
{
    uint64_t now = sl_now_ms(o->options.clock), since = o->failed_ms;

    if (!since && o->in_flight > 0 && now - o->silent_ms >= SL_SILENT_MS)
        since = o->silent_ms;
    *out = (sl_output_numbers){.up = !since && (o->state == OUT_OPEN || o->state == OUT_BACKOFF),
                               .down_ms = since ? now - since : 0,
                               .retries = o->retries,
                               .wire_bytes = o->wire_bytes,
                               .out = o->in_flight,
                               .waiting = o->queue.count,
                               .state = state_names[o->state],
                               .sent = o->sent};
}
