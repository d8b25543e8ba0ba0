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

#include "read/back.h"
#include "read/decode_cri.h"
#include "read/join.h"
#include "read/peek.h"
#include "shape/compress.h"

#include <stdlib.h>

#define TURN_BYTES ((uint64_t)4 << 20)
#define TURN_NS    UINT64_C(5000000)
#define RETRY_MS \
    1037 /* no multiple of a tick: an overdue part waits for room, or for its source to be read */

struct sl_cursor {
    sl_link in_source; /* one of the source's cursors */
    sl_link in_lane;
    sl_link ready;     /* in the ring */
    sl_link rewinding; /* not read until what is out is answered for */
    sl_place back;     /* ... and then anew from here, streams that are further; else seq 0 */
    sl_lane *lane;
    sl_source *source;
    sl_tail tail;
    sl_joined joined;
    sl_account account;
    uint32_t namespace; /* its number */
    bool resuming;      /* some stream was further than the read position */
    sl_block *block;    /* rendered for generation block_seq; NULL: not now */
    uint64_t block_seq;
    char block_name[SL_NAME_LEN];
    sl_saved_position saved[SL_STREAMS]; /* as last saved, with their hashes */
};

struct sl_lane {
    sl_lane_options options;
    sl_reader reader;
    sl_link cursors, ready, rewinding;
    sl_join join;
    sl_batch_pool pool;
    sl_batch *open; /* NULL: the next record opens one */
    sl_encoder *encoder;
    sl_output *output;
    uv_idle_t turn;
    uv_timer_t age;   /* the open batch's */
    uv_timer_t parts; /* the oldest part's */
    bool paused;      /* the gate is closed */
    bool finishing, draining, closing;
    bool dead;      /* its output gave up */
    int64_t now_ns; /* wall clock of this turn: the time of lines that have none */
    uint64_t now_ms;
    sl_books *gone; /* of sources that were forgotten, by namespace */
    uint32_t gone_count;
    sl_histogram delays;
    sl_link left_over; /* batches that came back unsettled at the end */
};

static sl_cursor *cursor_of(const sl_lane *l, const sl_source *s)
{
    SL_LIST_EACH(&s->cursors, link)
    {
        sl_cursor *c = SL_CONTAINER_OF(link, sl_cursor, in_source);

        if (c->lane == l)
            return c;
    }
    return NULL;
}

/* --- batches --- */

static void seal(sl_lane *l)
{
    sl_batch *b = l->open;

    if (!b || b->row_count == 0)
        return;
    l->open = NULL;
    uv_timer_stop(&l->age);
    sl_output_put(l->output, b);
}

/* A batch without an age leaves at the end of each turn; but not to wait behind others: it goes on
 * filling until it is their turn. */
static void seal_if_wanted(sl_lane *l)
{
    if (l->options.max_age_ms == 0 && sl_output_waiting(l->output) == 0)
        seal(l);
}

static void on_age(uv_timer_t *timer)
{
    seal(SL_CONTAINER_OF(timer, sl_lane, age));
}

/* Opened for a line that became a part, and too small for the next one. */
static void drop_empty(sl_lane *l)
{
    if (l->open)
        sl_batch_free(&l->pool, l->open);
    l->open = NULL;
}

/* Room in the open batch for a message of up to `len` bytes. false: the gate is closed. */
static bool make_room(sl_lane *l, const sl_cursor *c, size_t len)
{
    size_t max_record = c->source->rules->max_record;
    size_t bytes = sl_encode_room(c->block, len < max_record ? len : max_record);

    if (SL_LIKELY(l->open && sl_batch_room(l->open, bytes)))
        return true;
    seal(l);
    drop_empty(l);
    l->open = sl_batch_new(&l->pool, bytes);
    if (!l->open) {
        l->paused = true;
        return false;
    }
    return true;
}

/* The bytes that are constant in the records of that generation. */
static void render_block(sl_cursor *c, uint64_t seq)
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

static void on_message(sl_lane *l, sl_cursor *c, sl_record *rec)
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
        render_block(c, rec->at.seq); /* of the generation where a joined record began */
    if (b->row_count == 0 && l->options.max_age_ms > 0 && !l->draining)
        uv_timer_start(&l->age, on_age, l->options.max_age_ms, 0);
    mark = sl_account_mark(&c->account, &l->pool, b, rec->stream, rec->at.seq, c->block_name);
    if (SL_UNLIKELY(b->marks[mark]->records == 0)) /* the others count as old as this one */
        b->marks[mark]->time_ns = sl_cri_time_ns(rec->time);
    encoded = sl_encode(l->encoder, c->block, rec, b->payload + b->used);
    sl_batch_added(b, mark, &encoded, rec);
}

/* --- lines --- */

static void watch_parts(sl_lane *l);

/* The record of that stream was handed on as a whole. */
static void end_part(sl_lane *l, sl_cursor *c, sl_stream stream)
{
    c->account.part[stream] = (sl_place){0};
    sl_join_release(&l->join, &c->joined, stream);
}

/* An open part ships as it is. false: no room for it. */
static bool give_up_part(sl_lane *l, sl_part *part, bool rest_follows)
{
    sl_cursor *c = part->owner;
    sl_record rec = {0};

    if (!c->block)
        render_block(c, part->at.seq);
    if (!make_room(l, c, part->len))
        return false;
    if (sl_join_give_up(&c->joined, part, rest_follows, &rec))
        on_message(l, c, &rec);
    c->account.part_bytes -= rec.bytes;
    end_part(l, c, part->stream);
    return true;
}

/* Memory for a line among the open parts, should it become one: the oldest ones make place. */
static bool make_join_room(sl_lane *l, const sl_cursor *c, size_t len)
{
    size_t longest = sl_join_longest(&c->joined);
    sl_part *oldest;

    while (!sl_join_fits(&l->join, &c->joined, longest, len) &&
           (oldest = sl_join_oldest(&l->join))) {
        if (!give_up_part(l, oldest, true))
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

SL_COLD static bool drop_rest(sl_lane *l, sl_cursor *c, const sl_record *line)
{
    sl_account *a = &c->account;
    uint64_t rest = line->bytes - c->joined.taken;
    uint64_t open = sl_join_drop_line(&l->join, &c->joined, c, l->now_ms, line);

    sl_account_read(a, rest);
    a->books.dropped[SL_DROPPED_OVERSIZE] += open + rest;
    a->part_bytes -= open;
    if (c->joined.parts[line->stream])
        a->part[line->stream] = c->joined.parts[line->stream]->at;
    else
        a->part[line->stream] = (sl_place){0};
    watch_parts(l);
    return true;
}

/* A line of a record that is too long. A piece has the bytes that it took from its lines, the last
 * one of a line its framing too. Until the last piece is settled, the record is not: they all have
 * its place. */
SL_COLD static bool on_oversize(sl_lane *l, sl_cursor *c, const sl_record *line)
{
    sl_account *a = &c->account;
    sl_split what = SL_SPLIT_PIECE;
    sl_record piece;

    while (what == SL_SPLIT_PIECE) {
        uint64_t taken = c->joined.taken, bytes;
        size_t room;

        if (sl_join_drops(&c->joined, line->stream))
            return drop_rest(l, c, line);
        room = sl_join_next_piece(&c->joined, line);
        if (room > 0 && !make_room(l, c, room))
            return false; /* the line comes again, and goes on where it is now */
        what = sl_join_split(&l->join, &c->joined, c, l->now_ms, line, &piece);
        bytes = (what == SL_SPLIT_PIECE ? c->joined.taken : line->bytes) - taken;
        sl_account_read(a, bytes);
        a->part_bytes += bytes;
        a->part[line->stream] = c->joined.parts[line->stream]->at;
        if (what == SL_SPLIT_KEPT)
            break;
        a->part_bytes -= piece.bytes;
        on_message(l, c, &piece);
        if (what == SL_SPLIT_PIECE)
            sl_join_left(&l->join, &c->joined, line->stream);
    }
    if (what == SL_SPLIT_LAST)
        end_part(l, c, line->stream);
    watch_parts(l);
    return true;
}

static bool on_line(void *arg, sl_tail *tail, const sl_line *line, sl_place at, uint64_t bytes)
{
    sl_lane *l = arg;
    sl_cursor *c = SL_CONTAINER_OF(tail, sl_cursor, tail);
    sl_record rec;
    bool whole;

    if (SL_UNLIKELY(!c->block))
        render_block(c, at.seq);
    if (SL_UNLIKELY(is_broken_off(c, at)) && !give_up_part(l, c->joined.halfway, false))
        return false;
    if (!make_join_room(l, c, line->bytes.len) || !make_room(l, c, longest_message(l, c, line, at)))
        return false;
    rec.at = at;
    rec.bytes = bytes;
    sl_decode(&tail->decoder, line, l->now_ns, &rec); /* odd framing travels too, marked as raw */
    if (SL_UNLIKELY(c->resuming)) {
        if (sl_place_cmp(at, c->account.resumed[rec.stream]) < 0)
            return true; /* this stream was here before we started */
        end_resume(c, at);
    }
    if (SL_UNLIKELY(sl_join_is_oversize(&c->joined, &rec))) {
        if (on_oversize(l, c, &rec))
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
            watch_parts(l);
            return true;
        }
        c->account.part_bytes -= rec.bytes;
        c->account.part[rec.stream] = (sl_place){0};
    }
    on_message(l, c, &rec);
    sl_join_release(&l->join, &c->joined, rec.stream);
    return true;
}

static bool on_attempt_ended(void *arg, sl_tail *tail)
{
    sl_lane *l = arg;
    sl_cursor *c = SL_CONTAINER_OF(tail, sl_cursor, tail);

    for (int s = 0; s < SL_STREAMS; s++) {
        if (c->joined.parts[s] && !give_up_part(l, c->joined.parts[s], false))
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

/* --- time-outs of open parts --- */

/* Its rest, if there is one, was not seen yet: while more of its source is there to read, a part waits. */
static bool is_caught_up(const sl_cursor *c)
{
    const sl_generation *g = c->tail.generation;

    return !sl_link_is_in(&c->ready) && !c->account.waiting && !c->tail.warming && g &&
           (sl_source_next(c->source, g) == NULL || sl_generation_is_live(g));
}

static uint64_t timeout_ms(const sl_part *part)
{
    const sl_cursor *c = part->owner;

    return c->source->rules->partial_timeout_ms;
}

static void on_parts(uv_timer_t *timer)
{
    sl_lane *l = SL_CONTAINER_OF(timer, sl_lane, parts);

    l->now_ms = sl_now_ms(l->options.clock);
    SL_LIST_EACH_SAFE(&l->join.parts, link)
    {
        sl_part *part = SL_CONTAINER_OF(link, sl_part, link);

        if (l->now_ms - part->since_ms < timeout_ms(part))
            continue;
        if (!l->paused && is_caught_up(part->owner) && !give_up_part(l, part, true))
            break;
    }
    seal(l);
    watch_parts(l);
}

static void watch_parts(sl_lane *l)
{
    uint64_t now = sl_now_ms(l->options.clock), wait = UINT64_MAX;

    if (l->draining || uv_is_active((uv_handle_t *)&l->parts))
        return;
    SL_LIST_EACH(&l->join.parts, link) /* in order of age, but inputs have time-outs of their own */
    {
        const sl_part *part = SL_CONTAINER_OF(link, sl_part, link);
        uint64_t age = now - part->since_ms, timeout = timeout_ms(part);
        uint64_t left = age < timeout ? timeout - age : RETRY_MS;

        wait = left < wait ? left : wait;
    }
    if (wait != UINT64_MAX)
        uv_timer_start(&l->parts, on_parts, wait, 0);
}

/* --- turns --- */

static void on_turn(uv_idle_t *idle);

static void resume(sl_lane *l)
{
    if (!l->paused && !l->draining && !sl_list_is_empty(&l->ready))
        uv_idle_start(&l->turn, on_turn);
}

static void make_ready(sl_cursor *c)
{
    if (sl_link_is_in(&c->ready) || sl_link_is_in(&c->rewinding) || c->account.waiting ||
        (c->lane->finishing && !c->source->path))
        return;
    sl_list_append(&c->lane->ready, &c->ready);
    resume(c->lane);
}

static void begin_anew(sl_cursor *c);

static void on_warmed(void *arg, sl_tail *tail)
{
    sl_cursor *c = SL_CONTAINER_OF(tail, sl_cursor, tail);

    (void)arg;
    begin_anew(c);
    make_ready(c);
}

/* What is written behind its files' present ends, nobody can have sent before. */
static void note_fresh(sl_cursor *c)
{
    const sl_generation *last = NULL;

    sl_peek_sizes(c->source);
    SL_LIST_EACH(&c->source->generations, link)
    last = SL_CONTAINER_OF(link, sl_generation, link);
    if (last)
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
}

/* --- answers --- */

static void on_settled(void *arg, sl_batch *b, uint32_t first, uint32_t n,
                       const sl_verdict *verdict)
{
    sl_lane *l = arg;

    /* moves the frontiers; a timer saves them */
    sl_ledger_settle(b, first, n, verdict, sl_wall_ns(l->options.clock), &l->delays);
    SL_LIST_EACH_SAFE(&l->rewinding, link)
    begin_anew(SL_CONTAINER_OF(link, sl_cursor, rewinding));
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
}

static void on_whose(void *arg, const sl_account *a, sl_whose *out)
{
    const sl_cursor *c = SL_CONTAINER_OF(a, sl_cursor, account);

    (void)arg;
    *out = (sl_whose){c->source->pod->namespace, c->source->pod->pod, sl_str(c->source->container)};
}

static void say_of(const sl_lane *l, const sl_cursor *c, sl_level level, const char *what,
                   const char *reason, const char *words)
{
    const sl_pod *p = c->source->pod;
    char *namespace = sl_strndup(p->namespace.ptr, p->namespace.len);
    char *pod = sl_strndup(p->pod.ptr, p->pod.len);

    sl_log_fields(l->options.log, level, what, "output", l->options.name, "namespace", namespace,
                  "pod", pod, "container", c->source->container, reason ? "reason" : NULL, reason,
                  "error", words, NULL);
    free(namespace);
    free(pod);
}

static void on_waits(void *arg, sl_account *a, const char *words)
{
    const sl_lane *l = arg;
    sl_cursor *c = SL_CONTAINER_OF(a, sl_cursor, account);

    sl_list_remove(&c->ready);
    say_of(l, c, SL_LOG_WARN, "container waits: its records are not taken; tries again slowly",
           a->waiting, words);
}

static void on_flows(void *arg, sl_account *a)
{
    sl_cursor *c = SL_CONTAINER_OF(a, sl_cursor, account);

    say_of(arg, c, SL_LOG_INFO, "container flows again", NULL, NULL);
    make_ready(c);
}

/* --- sources --- */

static void resume_at(sl_cursor *c, const sl_saved_cursor *saved)
{
    sl_place first = {0};

    c->resuming = false;
    for (int s = 0; saved && s < SL_STREAMS; s++) {
        sl_place at = saved->streams[s].at;

        c->saved[s] = saved->streams[s];
        c->account.resumed[s] = at;
        if (at.seq && (!first.seq || sl_place_cmp(at, first) < 0))
            first = at;
    }
    sl_account_begin(&c->account, first);
    sl_tail_init(&c->tail, c->source, first);
    for (int s = 0; s < SL_STREAMS; s++)
        c->resuming = c->resuming || sl_place_cmp(first, c->account.resumed[s]) < 0;
}

void sl_lane_add(sl_lane *l, sl_source *s, const sl_saved_cursor *saved)
{
    sl_cursor *c;

    if (cursor_of(l, s) ||
        !sl_select_wants(&l->options.select, s->pod->namespace, s->pod->pod, sl_str(s->container)))
        return;
    c = sl_alloc(sizeof *c);
    c->lane = l;
    c->source = s;
    c->namespace = sl_namespaces_number(l->options.namespaces, s->pod->namespace);
    c->joined.max_record = s->rules->max_record;
    c->joined.on_oversize = s->rules->on_oversize;
    sl_account_init(&c->account);
    resume_at(c, saved);
    sl_list_append(&s->cursors, &c->in_source);
    sl_list_append(&l->cursors, &c->in_lane);
}

void sl_lane_ready(sl_lane *l, sl_source *s)
{
    sl_cursor *c = cursor_of(l, s);

    if (c)
        make_ready(c);
}

void sl_lane_slept(sl_lane *l, sl_source *s)
{
    sl_cursor *c = cursor_of(l, s);

    if (!c)
        return;
    sl_block_free(c->block); /* rendered anew when it wakes up */
    c->block = NULL;
    if (sl_output_is_idle(l->output) && sl_list_is_empty(&l->ready))
        sl_batch_pool_trim(&l->pool);
}

bool sl_lane_is_done_with(const sl_lane *l, const sl_source *s)
{
    const sl_cursor *c = cursor_of(l, s);

    if (!c)
        return true;
    if (!s->gone || c->tail.warming || sl_link_is_in(&c->ready) || sl_link_is_in(&c->rewinding) ||
        !sl_account_is_settled(&c->account))
        return false;
    return sl_tail_is_over(&l->reader, &c->tail);
}

static sl_books *gone_of(sl_lane *l, uint32_t namespace)
{
    if (namespace >= l->gone_count) {
        l->gone = sl_realloc(l->gone, (namespace + 1) * sizeof *l->gone);
        memset(l->gone + l->gone_count, 0, (namespace + 1 - l->gone_count) * sizeof *l->gone);
        l->gone_count = namespace + 1;
    }
    return &l->gone[namespace];
}

void sl_lane_forget(sl_lane *l, sl_source *s)
{
    sl_cursor *c = cursor_of(l, s);
    sl_books books;

    if (!c)
        return;
    books = sl_account_books(&c->account);
    sl_books_add(gone_of(l, c->namespace), &books);
    sl_join_drop(&l->join, &c->joined);
    sl_list_remove(&c->in_source);
    sl_list_remove(&c->in_lane);
    sl_list_remove(&c->ready);
    sl_list_remove(&c->rewinding);
    sl_list_remove(&c->account.waits);
    sl_block_free(c->block);
    free(c);
}

uint64_t sl_lane_lose(sl_lane *l, sl_generation *g, uint64_t last)
{
    sl_cursor *c = cursor_of(l, g->source);

    return c ? sl_tail_lose(&l->reader, &c->tail, g, last) : g->begin;
}

static sl_place frontier_of(const sl_cursor *c, sl_stream stream)
{
    sl_place at = sl_account_frontier(&c->account, stream);

    return c->back.seq && sl_place_cmp(c->back, at) < 0 ? c->back : at;
}

sl_place sl_lane_save(sl_lane *l, sl_source *s, sl_saved_cursor *out)
{
    sl_cursor *c = cursor_of(l, s);
    sl_place least = {UINT64_MAX, 0};

    for (int i = 0; c && i < SL_STREAMS; i++) {
        sl_saved_position *p = &c->saved[i];
        sl_place at = frontier_of(c, (sl_stream)i);

        if (sl_place_cmp(at, p->at) != 0) {
            const sl_generation *g = sl_source_at(s, at.seq);

            p->at = at;
            if (i > 0 && sl_place_cmp(at, c->saved[i - 1].at) == 0)
                p->hash = c->saved[i - 1].hash;
            else
                p->hash = g && g->seq == at.seq ? sl_generation_hash(g, at.offset) : 0;
        }
        out->streams[i] = *p;
        if (sl_place_cmp(at, least) < 0)
            least = at;
    }
    return least;
}

/* --- back to an earlier place --- */

static void begin_anew(sl_cursor *c)
{
    sl_saved_cursor at = {0};

    if (!c->back.seq || c->tail.warming || sl_account_is_out(&c->account))
        return;
    sl_list_remove(&c->rewinding);
    (void)sl_lane_save(c->lane, c->source, &at);
    c->back = (sl_place){0};
    c->account.fresh = (sl_place){0}; /* what is there now was sent by us, perhaps */
    resume_at(c, &at);
    make_ready(c);
}

static void drop_parts(sl_lane *l, sl_cursor *c)
{
    sl_join_drop(&l->join, &c->joined);
    sl_account_drop_parts(&c->account);
    for (int s = 0; s < SL_STREAMS; s++)
        c->joined.rest[s] = SL_REST_NONE;
}

static bool is_behind(const sl_cursor *c, sl_place at)
{
    for (int s = 0; s < SL_STREAMS; s++) {
        if (sl_place_cmp(at, frontier_of(c, (sl_stream)s)) < 0)
            return true;
    }
    return false;
}

sl_rewound sl_lane_rewind(sl_lane *l, sl_source *s, sl_place at)
{
    sl_cursor *c = cursor_of(l, s);
    sl_saved_cursor saved = {0};

    if (!c || !at.seq || !is_behind(c, at))
        return SL_REWOUND_NOT;
    c->back = at;
    drop_parts(l, c);
    sl_list_remove(&c->ready);
    if (!sl_link_is_in(&c->rewinding))
        sl_list_append(&l->rewinding, &c->rewinding);
    seal(l); /* what is in it is out from now on */
    c->tail.generation = NULL;
    c->tail.at = sl_lane_save(l, s, &saved); /* what lies behind it is unread */
    sl_back_seek(s, c->tail.at.seq);
    begin_anew(c);
    l->options.changed(l->options.arg);
    return c->back.seq ? SL_REWOUND_LATER : SL_REWOUND_NOW;
}

/* --- life --- */

void sl_lane_finish(sl_lane *l)
{
    l->finishing = l->reader.finishing = true;
    SL_LIST_EACH(&l->cursors, link)
    {
        sl_cursor *c = SL_CONTAINER_OF(link, sl_cursor, in_lane);

        if (c->source->path)
            make_ready(c);
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
        make_ready(c);
        finished = false;
    }
    return finished;
}

void sl_lane_drain(sl_lane *l)
{
    l->draining = true;
    uv_idle_stop(&l->turn);
    uv_timer_stop(&l->parts);
    seal(l);
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

sl_books sl_lane_books(const sl_lane *l)
{
    sl_books sum = {0};

    for (uint32_t i = 0; i < l->gone_count; i++)
        sl_books_add(&sum, &l->gone[i]);
    SL_LIST_EACH(&l->cursors, link)
    {
        sl_books one = sl_account_books(&SL_CONTAINER_OF(link, sl_cursor, in_lane)->account);

        sl_books_add(&sum, &one);
    }
    return sum;
}

void sl_lane_lost(sl_lane *l, sl_slice namespace, uint64_t bytes, sl_lost_reason reason)
{
    gone_of(l, sl_namespaces_number(l->options.namespaces, namespace))->lost[reason] += bytes;
}

const sl_books *sl_lane_gone(const sl_lane *l, uint32_t namespace)
{
    return namespace < l->gone_count ? &l->gone[namespace] : NULL;
}

bool sl_lane_look(const sl_lane *l, const sl_source *s, sl_lane_view *out)
{
    const sl_cursor *c = cursor_of(l, s);

    if (!c)
        return false;
    *out = (sl_lane_view){.namespace = c->namespace,
                          .books = sl_account_books(&c->account),
                          .unread = sl_peek_unread(&c->tail)};
    if (out->unread > 0)
        out->oldest_ns = sl_peek_oldest_ns(&c->tail);
    for (int i = 0; i < SL_STREAMS; i++)
        out->positions[i] = frontier_of(c, (sl_stream)i);
    out->waiting = c->account.waiting ? c->account.waiting : sl_output_waits_for(l->output);
    return true;
}

void sl_lane_look_at_output(const sl_lane *l, sl_lane_numbers *out)
{
    out->memory = l->pool.gate.held + l->join.gate.held;
    out->delays = l->delays;
    sl_output_look(l->output, &out->output);
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
    output.arg = l;
    output.settled = on_settled;
    output.whose = on_whose;
    output.waits = on_waits;
    output.flows = on_flows;
    output.emptied = on_emptied;
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
