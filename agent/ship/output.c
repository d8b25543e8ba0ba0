/* output.c - see output.h.
 *
 * The state is written by sl_output_enter() alone. A plugin may answer whenever it likes, from within
 * send() too; a batch whose records are all answered stands in `home` until the loop's next turn, which
 * deals with it outside of the plugin: so nothing recurses, however many batches are waiting.
 *
 *   put -> queue -> (sift: who is held goes back to its file) -> (pack) -> send
 *   answered -> home.c -> (refused: bury) -> gone, or back into the queue
 *
 * Owns     the plugin's instance; trips; batches from put() until `emptied` */
#include "ship/output.h"

#include "ship/aside.h"
#include "ship/home.h"

#include <stdlib.h>

#define BIT(n) (1u << (n))

static const char *const state_names[OUT_STATES] = {"open", "backoff", "closing", "closed"};

static const uint8_t may_follow[OUT_STATES] = {
    [OUT_OPEN] = BIT(OUT_OPEN) | BIT(OUT_BACKOFF) | BIT(OUT_CLOSING) | BIT(OUT_CLOSED),
    [OUT_BACKOFF] = BIT(OUT_OPEN) | BIT(OUT_CLOSING) | BIT(OUT_CLOSED),
    [OUT_CLOSING] = BIT(OUT_CLOSED),
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

/* One at a time while it tries out whether things are well again: so nothing overtakes. */
static uint32_t window(const sl_output *o)
{
    return o->storming ? 1 : o->options.max_in_flight;
}

/* Some that are older may have to go out before. */
static bool must_wait(const sl_output *o)
{
    bool keeps_order = o->ops->flags & SL_KEEPS_ORDER;

    return o->arriving || (keeps_order && (o->parts > 0 || o->burying > 0));
}

static bool is_packed(const sl_output *o, sl_batch *b)
{
    sl_batch_show(b);
    return o->packer.level == 0 || b->packed_len > 0;
}

/* Those that are sent next are compressed meanwhile. */
static void pack_ahead(sl_output *o)
{
    uint32_t left = o->options.max_in_flight + 1;

    if (o->errand && !o->errand->packing && !is_packed(o, o->errand) &&
        !sl_packer_start(&o->packer, o->errand))
        return;
    SL_LIST_EACH(&o->queue.batches, link)
    {
        sl_batch *b = SL_CONTAINER_OF(link, sl_batch, link);

        if (left-- == 0 || (!b->packing && !is_packed(o, b) && !sl_packer_start(&o->packer, b)))
            return;
    }
}

/* NULL: none that may go out now. */
static sl_batch *take_next_of_lane(sl_output *o)
{
    sl_batch *b;

    do {
        b = sl_queue_first(&o->queue);
        if (!b || b->packing)
            return NULL;
    } while (!sl_output_sift(o, b));
    if (!is_packed(o, b))
        return NULL;
    sl_queue_remove(&o->queue, b);
    return b;
}

static sl_batch *take_errand(sl_output *o)
{
    sl_batch *b = o->errand;

    if (!b || b->packing || !is_packed(o, b))
        return NULL;
    o->errand = NULL;
    o->errand_went = true;
    return b;
}

/* The lane's and the errands take turns, so that neither holds up the other. */
static sl_batch *take_next(sl_output *o)
{
    sl_batch *b = o->errand_went ? NULL : take_errand(o);

    if (!b && (b = take_next_of_lane(o)))
        o->errand_went = false;
    return b ? b : take_errand(o);
}

void sl_output_send(sl_output *o)
{
    sl_batch *b;
    sl_trip *t;

    while (o->state == OUT_OPEN && o->in_flight < window(o) && !must_wait(o) &&
           (b = take_next(o))) {
        t = sl_trip_new(&o->hosting, b);
        t->is_part = !b->errand && b->shown < b->row_count;
        o->parts += t->is_part;
        t->sent_ms = sl_now_ms(o->options.clock);
        if (o->in_flight++ == 0)
            o->silent_ms = t->sent_ms;
        o->ops->send(o->hosting.self, b);
    }
    if (o->packer.level > 0)
        pack_ahead(o);
}

static void on_backoff_over(uv_timer_t *timer);

void sl_output_wait_at_least(sl_output *o, uint64_t ms)
{
    if (!uv_is_active((uv_handle_t *)&o->timer) || uv_timer_get_due_in(&o->timer) < ms)
        uv_timer_start(&o->timer, on_backoff_over, ms, 0);
}

static void back_off(sl_output *o)
{
    const sl_output_options *with = &o->options;
    uint64_t first = o->storming ? with->retry_max_ms : with->retry_initial_ms;

    sl_output_wait_at_least(
        o, sl_backoff_ms(o->storming ? 1 : o->failures, first, with->retry_max_ms, sl_random()));
}

static void cancel_sent(sl_output *o)
{
    if (o->ops->cancel && o->in_flight > 0)
        o->ops->cancel(o->hosting.self);
}

static void on_turn_closed(uv_handle_t *turn);

static void close_handles(sl_output *o)
{
    sl_hosting_close(&o->hosting);
    uv_close((uv_handle_t *)&o->turn, on_turn_closed);
}

static void close_plugin(sl_output *o)
{
    if (o->ops->close)
        o->ops->close(o->hosting.self);
    close_handles(o);
}

void sl_output_put_errand(sl_output *o, sl_batch *b)
{
    SL_ASSERT(!o->errand && o->state == OUT_OPEN);
    b->errand = true;
    o->errand = b;
    sl_output_send(o);
}

void sl_output_take_back_errand(sl_output *o)
{
    if (!o->errand || o->errand->packing)
        return;
    o->errand = NULL;
    sl_redrive_take_back(o->redrive);
}

void sl_output_errand_over(sl_output *o)
{
    if (o->state == OUT_CLOSING && !sl_output_is_busy(o))
        sl_output_enter(o, OUT_CLOSED);
}

static void give_back_waiting(sl_output *o)
{
    sl_batch *b;

    sl_list_remove(&o->packer.waiting);
    while ((b = sl_queue_take(&o->queue)))
        o->options.emptied(o->options.arg, b);
}

void sl_output_enter(sl_output *o, out_state next)
{
    SL_ASSERT(may_follow[o->state] & BIT(next));
    if (next != o->state)
        sl_log_fields(o->options.log, SL_LOG_DEBUG, "output changes", "output", o->options.name,
                      "from", state_names[o->state], "to", state_names[next], NULL);
    o->state = next;
    if (next != OUT_BACKOFF)
        uv_timer_stop(&o->timer);
    if (next == OUT_OPEN) {
        sl_output_send(o);
    } else if (next == OUT_BACKOFF) {
        back_off(o);
    } else if (next == OUT_CLOSING) {
        cancel_sent(o); /* it comes home */
    } else {
        uv_timer_stop(&o->rounds);
        give_back_waiting(o);
        close_plugin(o);
    }
}

static void on_backoff_over(uv_timer_t *timer)
{
    sl_output_enter(SL_CONTAINER_OF(timer, sl_output, timer), OUT_OPEN);
}

bool sl_output_is_busy(const sl_output *o)
{
    return o->in_flight > 0 || o->packer.busy > 0 || sl_redrive_is_working(o->redrive);
}

/* A batch is packed, or could be. */
static void on_packed(void *arg)
{
    sl_output *o = arg;

    if (o->draining)
        sl_output_take_back_errand(o);
    if (o->state == OUT_OPEN)
        sl_output_send(o);
    else if (o->state == OUT_CLOSING && !sl_output_is_busy(o))
        sl_output_enter(o, OUT_CLOSED);
}

/* --- answers --- */

static void on_turn(uv_idle_t *turn);

static void on_all_answered(void *arg, sl_trip *t)
{
    sl_output *o = arg;

    sl_list_append(&o->home, &t->link);
    uv_idle_start(&o->turn, on_turn);
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
    o->arriving = true;
    SL_LIST_EACH_SAFE(&came, link)
    {
        sl_list_remove(link);
        sl_output_home(o, SL_CONTAINER_OF(link, sl_trip, link));
    }
    o->arriving = false;
    sl_output_send(o);
    if (o->hosting.last_words && !o->gave_up) {
        o->gave_up = true;
        o->options.gave_up(o->options.arg, o->hosting.last_words);
    }
}

static void on_gave_up(void *arg)
{
    uv_idle_start(&((sl_output *)arg)->turn, on_turn);
}

/* --- its life --- */

static void destroy(sl_output *o)
{
    sl_redrive_free(o->redrive);
    sl_dead_letter_free(o->refusals.letters);
    sl_hosting_fini(&o->hosting);
    free(o);
}

static void on_again_closed(uv_handle_t *timer)
{
    sl_output *o = SL_CONTAINER_OF(timer, sl_output, again);

    o->gone = true;
    if (o->abandoned)
        destroy(o);
    else
        o->options.closed(o->options.arg);
}

static void on_rounds_closed(uv_handle_t *timer)
{
    sl_output *o = SL_CONTAINER_OF(timer, sl_output, rounds);

    uv_close((uv_handle_t *)&o->again, on_again_closed);
}

static void on_timer_closed(uv_handle_t *timer)
{
    sl_output *o = SL_CONTAINER_OF(timer, sl_output, timer);

    uv_close((uv_handle_t *)&o->rounds, on_rounds_closed);
}

/* One handle after the other, so that those which the plugin closed are gone before `self` is. */
static void on_turn_closed(uv_handle_t *turn)
{
    sl_output *o = SL_CONTAINER_OF(turn, sl_output, turn);

    uv_close((uv_handle_t *)&o->timer, on_timer_closed);
}

static void set_up_hosting(sl_output *o)
{
    const sl_output_options *with = &o->options;

    o->hosting = (sl_hosting){.plugin = with->plugin,
                              .self = sl_alloc(with->plugin->self_size),
                              .name = with->name,
                              .clock = with->clock,
                              .log = with->log,
                              .arg = o,
                              .answered = on_all_answered,
                              .gave_up = on_gave_up};
    memcpy(o->hosting.self, with->self, with->plugin->self_size);
    sl_hosting_init(&o->hosting, with->loop, with->encoding, with->facts);
}

static void on_whose(void *arg, const sl_account *a, sl_whose *out)
{
    const sl_output *o = arg;

    o->options.whose(o->options.arg, a, out);
}

static void set_up_refusals(sl_output *o)
{
    const sl_output_options *with = &o->options;

    o->refusals = (sl_refusals){
        .output = with->name,
        .json = with->encoding && !strcmp(with->encoding, "json"),
        .drop_when_full = with->dead_drop,
        .clock = with->clock,
        .arg = o,
        .whose = on_whose,
        .settled = sl_output_refused,
        .buried = sl_output_buried,
    };
    if (with->dead_dir)
        o->refusals.letters =
            sl_dead_letter_new(with->loop, with->dead_dir, with->name, with->dead_max_bytes);
}

const char *sl_output_waits_for(const sl_output *o)
{
    return o->storming ? "reject_storm" : NULL;
}

int sl_output_gzip_level(const sl_plugin *plugin, const void *self)
{
    int level = plugin->output.gzip ? plugin->output.gzip(self) : 0;

    return level < 0 ? 0 : level > 9 ? 9 : level;
}

sl_err sl_output_new(const sl_output_options *options, sl_output **out)
{
    sl_output *o = sl_alloc(sizeof *o);
    sl_err err;

    SL_ASSERT(options->max_in_flight > 0);
    o->options = *options;
    o->ops = &options->plugin->output;
    set_up_hosting(o);
    set_up_refusals(o);
    o->packer = (sl_packer){.packers = options->packers,
                            .loop = options->loop,
                            .gzip = options->gzip,
                            .level = sl_output_gzip_level(options->plugin, o->hosting.self),
                            .more = on_packed,
                            .arg = o};
    sl_list_init(&o->held);
    sl_list_init(&o->on_trial);
    sl_queue_init(&o->queue);
    sl_list_init(&o->home);
    uv_timer_init(options->loop, &o->timer);
    uv_timer_init(options->loop, &o->rounds);
    uv_timer_init(options->loop, &o->again);
    uv_idle_init(options->loop, &o->turn);

    err = o->ops->open(o->hosting.self, &o->hosting.host);
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
    sl_output_enter(o, OUT_CLOSED);
}

void sl_output_put(sl_output *o, sl_batch *b)
{
    SL_ASSERT(o->state != OUT_CLOSED && b->row_count > 0);
    sl_queue_put(&o->queue, b);
    if (o->state == OUT_OPEN)
        sl_output_send(o);
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
    sl_redrive_stop(o);
    if (o->state == OUT_OPEN || o->state == OUT_BACKOFF)
        sl_output_enter(o, sl_output_is_busy(o) ? OUT_CLOSING : OUT_CLOSED);
}

const sl_plugin *sl_output_plugin(const sl_output *o)
{
    return o->options.plugin;
}

void sl_output_measure(const sl_output *o, size_t metric, sl_value_fn *value, void *arg)
{
    if (o->state != OUT_CLOSED)
        o->ops->measure(o->hosting.self, metric, value, arg);
}

void sl_output_look(const sl_output *o, sl_output_numbers *out)
{
    uint64_t now = sl_now_ms(o->options.clock), since = o->failed_ms;

    if (!since && o->in_flight > 0 && now - o->silent_ms >= SL_SILENT_MS)
        since = o->silent_ms;
    if (!since)
        since = o->hosting.down_ms;
    *out = (sl_output_numbers){.up = !since && o->hosting.up &&
                                     (o->state == OUT_OPEN || o->state == OUT_BACKOFF),
                               .down_ms = since ? now - since : 0,
                               .retries = o->retries,
                               .conflicts = o->conflicts,
                               .wire_bytes = o->hosting.wire_bytes,
                               .words = o->hosting.up_reason,
                               .out = o->in_flight,
                               .waiting = o->queue.count,
                               .state = state_names[o->state],
                               .sent = o->sent};
}
