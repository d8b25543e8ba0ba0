/* lane.c - the way of a line, from one source's file to one output: read this first.
 *
 *   on_turn -> sl_tail_read -> on_line -> decode -> join -> on_message -> encode -> batch -> seal
 *   on_settled <- answers <- output <- queue <------------------------------------------------+
 *
 * Who has something to read stands in a ring. A turn of the loop reads one buffer from each in turn,
 * until its budget of bytes or time is used up, and goes on in the next turn where it stopped: so a
 * busy source waits for the quiet ones, not they for it. Before a line is looked at, its room is
 * made sure of, in the open batch and among the open parts; no room, and the line stays in the file.
 */
#include "lane.h"

#include "lane_held.h"
#include "lane_parts.h"
#include "lane_reframe.h"
#include "lane_sources.h"
#include "read/decode_cri.h"
#include "read/peek.h"
#include "shape/compress.h"

#include <stdlib.h>

#define TURN_BYTES ((uint64_t)4 << 20)
#define TURN_NS    UINT64_C(5000000)

/* --- batches --- */

void sl_lane_seal(sl_lane *l)
{
    sl_batch *b = l->open;

    if (!b || b->row_count == 0)
        return;
    l->open = NULL;
    uv_timer_stop(&l->age);
    sl_output_put(l->output, b);
}

/* A batch without an age leaves at the end of each turn; but not to wait behind others: it goes on
 * filling until it is their turn. A full one does not wait for a record that would not fit. */
static void seal_if_wanted(sl_lane *l)
{
    bool is_full = l->open && sl_batch_is_full(l->open);

    if (is_full || (l->options.max_age_ms == 0 && sl_output_waiting(l->output) == 0))
        sl_lane_seal(l);
}

static void on_age(uv_timer_t *timer)
{
    sl_lane_seal(SL_CONTAINER_OF(timer, sl_lane, age));
}

/* Opened for a line that became a part, and too small for the next one. */
static void drop_empty(sl_lane *l)
{
    if (l->open)
        sl_batch_free(&l->pool, l->open);
    l->open = NULL;
}

/* Room in the open batch for a message of up to `len` bytes. false: the gate is closed. */
bool sl_lane_room(sl_lane *l, const sl_cursor *c, size_t len)
{
    size_t max_record = c->source->rules->max_record;
    size_t bytes = sl_encode_room(c->block, len < max_record ? len : max_record);

    if (SL_LIKELY(l->open && sl_batch_room(l->open, bytes)))
        return true;
    sl_lane_seal(l);
    drop_empty(l);
    l->open = sl_batch_new(&l->pool, bytes);
    if (!l->open) {
        l->paused = true;
        return false;
    }
    return true;
}

/* The bytes that are constant in the records of that generation. */
void sl_lane_render(sl_cursor *c, uint64_t seq)
{
    const sl_generation *g = sl_source_at(c->source, seq);
    const sl_pod *pod = c->source->pod;
    sl_slice id = sl_generation_container_id(g); /* only Docker's paths tell it */
    sl_origin origin = {.namespace = pod->namespace,
                        .pod = pod->pod,
                        .uid = pod->uid,
                        .container = sl_str(c->source->container),
                        .container_id = id,
                        .container_runtime = sl_str(id.len > 0 ? "docker" : ""),
                        .path = sl_str(c->source->path ? c->source->path : ""),
                        .fields = c->source->rules->fields,
                        .restart = g->attempt,
                        .generation = g->name_text};

    SL_ASSERT(g->seq == seq); /* an open or unread record holds its generation */
    sl_block_free(c->block);
    c->block = sl_encoder_block(c->lane->encoder, &origin);
    c->block_seq = seq;
    memcpy(c->block_name, g->name_text, SL_NAME_LEN);
}

static bool is_unwanted(const sl_cursor *c, const sl_record *rec)
{
    return c->source->rules->skip_empty && !(rec->flags & SL_TRUNCATED);
}

void sl_lane_message(sl_lane *l, sl_cursor *c, sl_record *rec)
{
    sl_batch *b = l->open;
    sl_encoded encoded;
    uint32_t mark;

    if (SL_UNLIKELY(rec->text.len == 0) && is_unwanted(c, rec)) {
        c->account.books.filtered += rec->bytes;
        return;
    }
    /* multiline, metadata and filters have their place here */
    if (SL_UNLIKELY(c->block_seq != rec->at.seq || !c->block))
        sl_lane_render(c, rec->at.seq); /* of the generation where a joined record began */
    if (b->row_count == 0 && l->options.max_age_ms > 0 && !l->draining)
        uv_timer_start(&l->age, on_age, sl_jitter_ms(l->options.max_age_ms, sl_random()), 0);
    mark = sl_account_mark(&c->account, &l->pool, b, rec->stream, rec->at.seq, c->block_name);
    if (SL_UNLIKELY(b->marks[mark]->records == 0)) /* the others count as old as this one */
        b->marks[mark]->time_ns = sl_cri_time_ns(rec->time);
    encoded = sl_encode(l->encoder, c->block, rec, b->payload + b->used);
    sl_batch_added(b, mark, &encoded, rec);
}

/* --- lines --- */

/* Memory for a line among the open parts, should it become one: the oldest ones make place. */
static bool make_join_room(sl_lane *l, const sl_cursor *c, size_t len)
{
    size_t longest = sl_join_longest(&c->joined);
    sl_part *oldest;

    while (!sl_join_fits(&l->join, &c->joined, longest, len) &&
           (oldest = sl_join_oldest(&l->join))) {
        if (!sl_lane_give_up_part(l, oldest, true))
            return false;
    }
    return true;
}

/* Only the part of its own stream can be the beginning of a line's message: a large one of the other
 * stream must not make each line travel in a batch of its own. */
SL_COLD static size_t longest_joined(const sl_lane *l, const sl_cursor *c, const sl_line *line,
                                     sl_place at)
{
    sl_decoder decoder = c->tail.decoder; /* a copy: the line may be refused, and come again */
    sl_record rec = {.at = at};
    const sl_part *part;

    sl_decode(&decoder, line, l->now_ns, &rec);
    part = c->joined.parts[rec.stream];
    return line->bytes.len + (part && rec.whole ? part->len : 0);
}

/* How long a message that ends with this line may be. */
static size_t longest_message(const sl_lane *l, const sl_cursor *c, const sl_line *line,
                              sl_place at)
{
    return SL_LIKELY(sl_join_longest(&c->joined) == 0) ? line->bytes.len
                                                       : longest_joined(l, c, line, at);
}

static void end_resume(sl_cursor *c, sl_place at)
{
    if (c->account.waiting)
        return; /* on trial: the next line is asked, too */
    for (int s = 0; s < SL_STREAMS; s++) {
        if (sl_place_cmp(at, c->account.resumed[s]) < 0)
            return;
    }
    c->resuming = false;
}

/* The line that a split stopped in comes no more: its file was cut meanwhile. */
static bool is_broken_off(const sl_cursor *c, sl_place at)
{
    return c->joined.halfway && sl_place_cmp(c->joined.halfway_at, at) != 0;
}

static bool on_line(void *arg, sl_tail *tail, const sl_line *line, uint64_t bytes)
{
    sl_lane *l = arg;
    sl_cursor *c = SL_CONTAINER_OF(tail, sl_cursor, tail);
    sl_record rec;
    bool whole;

    if (SL_UNLIKELY(!c->block))
        sl_lane_render(c, tail->at.seq);
    if (SL_UNLIKELY(is_broken_off(c, tail->at)) &&
        !sl_lane_give_up_part(l, c->joined.halfway, false))
        return false;
    if (!make_join_room(l, c, line->bytes.len) ||
        !sl_lane_room(l, c, longest_message(l, c, line, tail->at)))
        return false;
    rec.at = tail->at;
    rec.bytes = bytes;
    sl_decode(&tail->decoder, line, l->now_ns, &rec); /* odd framing travels too, marked as raw */
    if (SL_UNLIKELY(c->resuming)) {
        if (sl_place_cmp(tail->at, c->account.resumed[rec.stream]) < 0)
            return true; /* this stream was here before we started */
        if (sl_lane_was_tried(c)) {
            sl_decode_undo(&tail->decoder, line);
            return false;
        }
        end_resume(c, tail->at);
    }
    if (SL_UNLIKELY(sl_join_is_oversize(&c->joined, &rec))) {
        if (sl_lane_oversize(l, c, &rec))
            return true;
        sl_decode_undo(&tail->decoder, line);
        return false;
    }
    sl_account_read(&c->account, bytes);
    whole = sl_join_add(&l->join, &c->joined, c, l->now_ms, &rec);
    if (SL_UNLIKELY(c->joined.parts[rec.stream])) { /* a fragment, or what completes one */
        c->account.part_bytes += bytes;
        if (!whole) {
            c->account.part[rec.stream] = c->joined.parts[rec.stream]->at;
            sl_lane_watch_parts(l);
            return true;
        }
        c->account.part_bytes -= rec.bytes;
        c->account.part[rec.stream] = (sl_place){0};
    }
    sl_lane_message(l, c, &rec);
    sl_join_release(&l->join, &c->joined, rec.stream);
    return true;
}

static bool on_attempt_ended(void *arg, sl_tail *tail)
{
    sl_lane *l = arg;
    sl_cursor *c = SL_CONTAINER_OF(tail, sl_cursor, tail);

    for (int s = 0; s < SL_STREAMS; s++) {
        if (c->joined.parts[s] && !sl_lane_give_up_part(l, c->joined.parts[s], false))
            return false;
        c->joined.rest[s] = SL_REST_NONE;
    }
    return true;
}

static void on_lost(void *arg, sl_tail *tail, const sl_generation *g, uint64_t from, uint64_t to)
{
    sl_lane *l = arg;
    sl_cursor *c = SL_CONTAINER_OF(tail, sl_cursor, tail);

    c->account.books.lost[g->gone_reason] += to - from;
    sl_log_loss(l->options.log, l->options.name,
                &(sl_loss){.reason = g->gone_reason,
                           .namespace = c->source->pod->namespace,
                           .pod = c->source->pod->pod,
                           .container = sl_str(c->source->container),
                           .generation = sl_str(g->name_text),
                           .file = g->file,
                           .restart = g->attempt,
                           .from = from,
                           .to = to});
    l->options.changed(l->options.arg);
}

/* --- turns --- */

static void on_turn(uv_idle_t *idle);

static void resume(sl_lane *l)
{
    if (!l->paused && !l->draining && !sl_list_is_empty(&l->ready))
        uv_idle_start(&l->turn, on_turn);
}

void sl_lane_make_ready(sl_cursor *c)
{
    if (sl_link_is_in(&c->ready) || sl_link_is_in(&c->rewinding) ||
        (c->account.waiting && !c->account.tried) || (c->lane->finishing && !c->source->path))
        return;
    sl_list_append(&c->lane->ready, &c->ready);
    resume(c->lane);
}

static void on_warmed(void *arg, sl_tail *tail)
{
    sl_cursor *c = SL_CONTAINER_OF(tail, sl_cursor, tail);

    (void)arg;
    sl_lane_begin_anew(c);
    sl_lane_make_ready(c);
}

/* Was it made after this lane began, and has the lane read nothing of it yet? A `.gz` is a new file that
 * holds an old one's lines. */
static bool is_unsent(const sl_cursor *c, const sl_generation *g)
{
    return !g->packed && g->key.birth_ns > c->lane->began_ns && !c->account.books.read;
}

/* Nobody can have sent before what is in such a file, nor what is written behind the present end of
 * the last one. */
static void note_fresh(sl_cursor *c)
{
    const sl_generation *last = NULL, *unsent = NULL;

    sl_peek_sizes(c->source);
    SL_LIST_EACH(&c->source->generations, link)
    {
        last = sl_generation_of(link);
        if (!unsent && is_unsent(c, last))
            unsent = last;
    }
    if (unsent)
        c->account.fresh = (sl_place){unsent->seq, 0};
    else if (last)
        c->account.fresh = (sl_place){last->seq, last->measured};
}

/* One buffer of one source. Returns the bytes consumed. */
static uint64_t read_one(sl_lane *l, sl_cursor *c)
{
    uint64_t bytes;
    sl_tail_state state;

    if (SL_UNLIKELY(!c->account.fresh.seq))
        note_fresh(c);
    state = sl_tail_read(&l->reader, &c->tail, &bytes);

    if (sl_place_cmp(c->account.read, c->tail.at) != 0) {
        c->account.read = c->tail.at;
        l->options.changed(l->options.arg);
    }
    if (bytes > 0)
        sl_follow_wake(l->options.follow, c->source);
    if (SL_UNLIKELY(c->account.tried) && sl_lane_end_trial(c, state))
        return bytes;
    if (state == SL_TAIL_MORE)
        sl_list_append(&l->ready, &c->ready);
    else if (state == SL_TAIL_FULL)
        sl_list_prepend(&l->ready, &c->ready);
    else if (state == SL_TAIL_COLD)
        sl_tail_warm(&l->reader, &c->tail);
    return bytes;
}

static void on_turn(uv_idle_t *idle)
{
    sl_lane *l = SL_CONTAINER_OF(idle, sl_lane, turn);
    uint64_t bytes = 0, start = uv_hrtime();

    l->now_ns = sl_wall_ns(l->options.clock);
    l->now_ms = sl_now_ms(l->options.clock);
    while (!sl_list_is_empty(&l->ready) && !l->paused && bytes < TURN_BYTES &&
           uv_hrtime() - start < TURN_NS) {
        sl_cursor *c = SL_CONTAINER_OF(l->ready.next, sl_cursor, ready);

        sl_list_remove(&c->ready);
        bytes += read_one(l, c);
    }
    seal_if_wanted(l);
    if (sl_list_is_empty(&l->ready) || l->paused)
        uv_idle_stop(idle);
    if (sl_list_is_empty(&l->ready))
        l->options.rested(l->options.arg);
}

/* --- answers --- */

static void on_settled(void *arg, sl_batch *b, uint32_t first, uint32_t n,
                       const sl_verdict *verdict)
{
    sl_lane *l = arg;

    /* moves the frontiers; a timer saves them */
    sl_ledger_settle(b, first, n, verdict, sl_wall_ns(l->options.clock), &l->delays);
    SL_LIST_EACH_SAFE(&l->rewinding, link)
    sl_lane_begin_anew(SL_CONTAINER_OF(link, sl_cursor, rewinding));
    l->options.changed(l->options.arg);
}

static void on_emptied(void *arg, sl_batch *b)
{
    sl_lane *l = arg;

    if (b->row_count > 0 &&
        l->closing) { /* unsettled: its marks hold the frontiers until they are saved */
        sl_list_append(&l->left_over, &b->link);
        return;
    }
    sl_batch_free(&l->pool, b);
    l->paused = false;
    seal_if_wanted(l);
    resume(l);
    if (sl_list_is_empty(&l->ready) && sl_output_is_idle(l->output))
        l->options.rested(l->options.arg);
}

static void on_whose(void *arg, const sl_account *a, sl_whose *out)
{
    const sl_cursor *c = SL_CONTAINER_OF(a, sl_cursor, account);

    (void)arg;
    *out = (sl_whose){c->source->pod->namespace, c->source->pod->pod, sl_str(c->source->container)};
}

/* --- life --- */

void sl_lane_finish(sl_lane *l)
{
    l->finishing = l->reader.finishing = true;
    SL_LIST_EACH(&l->cursors, link)
    {
        sl_cursor *c = SL_CONTAINER_OF(link, sl_cursor, in_lane);

        if (c->source->path)
            sl_lane_make_ready(c);
        else
            sl_list_remove(&c->ready);
    }
}

/* A file that goes on elsewhere, or whose other part is looked for, is not all. */
static bool has_finished(const sl_cursor *c)
{
    const sl_generation *g = sl_source_at(c->source, c->tail.at.seq);

    return !sl_link_is_in(&c->ready) && !sl_link_is_in(&c->rewinding) && !c->tail.warming &&
           (!g || (g->body != SL_BODY_SOUGHT && g->body != SL_BODY_CHECKED &&
                   !sl_source_next(c->source, g) && !sl_tail_has_rest(&c->tail)));
}

bool sl_lane_has_finished(sl_lane *l)
{
    bool finished = true;

    if (l->draining || l->dead)
        return true;
    SL_LIST_EACH(&l->cursors, link)
    {
        sl_cursor *c = SL_CONTAINER_OF(link, sl_cursor, in_lane);

        if (!c->source->path || c->account.waiting || has_finished(c))
            continue;
        sl_lane_make_ready(c);
        finished = false;
    }
    return finished;
}

void sl_lane_drain(sl_lane *l)
{
    l->draining = true;
    l->reader.stopping = true;
    sl_redrive_stop(l->output);
    uv_idle_stop(&l->turn);
    uv_timer_stop(&l->parts);
    sl_lane_seal(l);
}

bool sl_lane_is_drained(const sl_lane *l)
{
    return l->dead || sl_output_is_idle(l->output);
}

static void on_closed(void *arg)
{
    sl_lane *l = arg;

    l->options.closed(l->options.arg);
}

void sl_lane_close(sl_lane *l)
{
    l->closing = true;
    sl_output_close(l->output);
}

static void on_gave_up(void *arg, const char *reason)
{
    sl_lane *l = arg;

    l->dead = true;
    l->options.gave_up(l->options.arg, l, reason);
}

bool sl_lane_redrive(sl_lane *l, const char *reason)
{
    return !l->dead && sl_redrive_start(l->output, l->options.output.dead_dir, reason, NULL, NULL);
}

const sl_redriven *sl_lane_redriven(const sl_lane *l)
{
    return sl_redrive_look(l->output);
}

void sl_lane_look_at_output(const sl_lane *l, sl_lane_numbers *out)
{
    out->memory = l->pool.gate.held + l->join.gate.held;
    out->delays = l->delays;
    sl_output_look(l->output, &out->output);
}

const sl_output *sl_lane_output(const sl_lane *l)
{
    return l->output;
}

const char *sl_lane_name(const sl_lane *l)
{
    return l->options.name;
}

bool sl_lane_starts_at_beginning(const sl_lane *l)
{
    return l->options.from_beginning;
}

sl_err sl_lane_new(const sl_lane_options *options, sl_lane **out)
{
    sl_lane *l = sl_alloc(sizeof *l);
    sl_output_options output = options->output;
    bool packs = sl_output_gzip_level(options->output.plugin, options->output.self) > 0;
    uint64_t each = (packs ? UINT64_C(3) : 2) * options->max_bytes; /* with its rows, and packed */
    uint64_t enough = (options->output.max_in_flight + UINT64_C(3)) * each;
    uint64_t share = options->memory / 4 * 3;
    sl_err err;

    *out = NULL;
    l->options = *options;
    l->began_ns = sl_wall_ns(options->clock);
    output.arg = l;
    output.settled = on_settled;
    output.whose = on_whose;
    output.waits = sl_lane_waits;
    output.given_back = sl_lane_given_back;
    output.tries = sl_lane_tries;
    output.flows = sl_lane_flows;
    output.emptied = on_emptied;
    output.reframe = sl_lane_reframe;
    output.pool = &l->pool;
    output.gzip = sl_gzip;
    output.gave_up = on_gave_up;
    output.closed = on_closed;
    err = sl_output_new(&output, &l->output);
    if (err) {
        free(l);
        return err;
    }
    sl_list_init(&l->cursors);
    sl_list_init(&l->ready);
    sl_list_init(&l->rewinding);
    sl_list_init(&l->left_over);
    l->reader = (sl_reader){.loop = options->loop,
                            .clock = options->clock,
                            .log = options->log,
                            .arg = l,
                            .line = on_line,
                            .attempt_ended = on_attempt_ended,
                            .lost = on_lost,
                            .warmed = on_warmed};
    sl_reader_init(&l->reader);
    sl_join_init(&l->join, options->memory / 4);
    /* More batches than keep the output busy would only be memory: the files are the queue. */
    sl_batch_pool_init(&l->pool, enough < share ? enough : share, options->max_bytes,
                       (uint32_t)options->max_records);
    l->pool.packed_bound = packs ? sl_gzip_bound : NULL;
    l->encoder = sl_encoder_new(&options->encoder);
    uv_idle_init(options->loop, &l->turn);
    uv_timer_init(options->loop, &l->age);
    uv_timer_init(options->loop, &l->parts);
    *out = l;
    return 0;
}

void sl_lane_stop(sl_lane *l)
{
    uv_close((uv_handle_t *)&l->turn, NULL);
    uv_close((uv_handle_t *)&l->age, NULL);
    uv_close((uv_handle_t *)&l->parts, NULL);
}

void sl_lane_free(sl_lane *l)
{
    if (!l)
        return;
    drop_empty(l);
    SL_LIST_EACH_SAFE(&l->left_over, link)
    {
        sl_list_remove(link);
        sl_batch_free(&l->pool, SL_CONTAINER_OF(link, sl_batch, link));
    }
    SL_LIST_EACH_SAFE(&l->cursors, link)
    sl_lane_forget(l, SL_CONTAINER_OF(link, sl_cursor, in_lane)->source);
    sl_batch_pool_fini(&l->pool);
    sl_reader_fini(&l->reader);
    sl_encoder_free(l->encoder);
    sl_output_free(l->output);
    free(l->gone);
    free(l);
}
