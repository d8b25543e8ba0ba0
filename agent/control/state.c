/* state.c - see state.h. A checkpoint is the whole picture: until everything was looked at once none
 * is written, for a container that was not found yet would be missing from it. */
#include "control/state.h"

#include "control/state_in.h"

#include <stdlib.h>

#define CHECKPOINT_BYTES_MS 262 /* a checkpoint's size divided by this: at most 256 KiB a second */

static void on_upkeep(uv_timer_t *timer);

static void save_soon(sl_state *st)
{
    st->changed = true;
    if (!uv_is_closing((uv_handle_t *)&st->upkeep))
        uv_timer_start(&st->upkeep, on_upkeep, 0, 0);
}

void sl_state_scanned(sl_state *st)
{
    sl_last_looked_at(st);
    if (!st->scanned) /* at once: what we have seen is known if we die */
        save_soon(st);
    else if (st->changed)
        sl_state_changed(st);
    st->scanned = true;
}

/* --- what this life leaves --- */

/* What is lost if it is gone at the next start. Here it is only looked at: g->size is how far it is
 * known to those who read it. */
static uint64_t size_of(const sl_generation *g)
{
    struct stat st;

    if (g->body != SL_BODY_OPEN || g->packed || fstat(g->fd, &st) || (uint64_t)st.st_size < g->size)
        return g->size;
    return (uint64_t)st.st_size;
}

/* No position of ours may lie behind what we say its size is: such a checkpoint is not believed. */
static uint64_t furthest(const sl_saved_source *s, const sl_generation *g)
{
    uint64_t size = size_of(g), most = size > g->begin ? size : g->begin;

    if (g->end != UINT64_MAX && g->end > most)
        most = g->end;
    for (size_t i = 0; i < s->cursor_count; i++) {
        for (int stream = 0; stream < SL_STREAMS; stream++) {
            sl_place at = s->cursors[i].streams[stream].at;

            if (at.seq == g->seq && at.offset > most)
                most = at.offset;
        }
    }
    return most;
}

static void save_generation(sl_generation *g, sl_saved_source *s)
{
    sl_saved_generation *out = &s->generations[s->generation_count++];

    sl_generation_look_up_name(g);
    *out = (sl_saved_generation){.seq = g->seq,
                                 .dev = g->key.dev,
                                 .ino = g->key.ino,
                                 .birth_ns = g->key.birth_ns,
                                 .name = g->name,
                                 .attempt = g->attempt,
                                 .first_ns = g->first_ns,
                                 .size = furthest(s, g),
                                 .begin = g->begin,
                                 .end = g->end,
                                 .file = sl_strdup(g->file),
                                 .head = g->head,
                                 .cuts = g->cuts};
}

static void save_generations(sl_source *s, sl_saved_source *out)
{
    size_t n = 0;

    SL_LIST_EACH(&s->generations, link)
    n++;
    out->generations = sl_alloc(n * sizeof *out->generations);
    SL_LIST_EACH(&s->generations, link)
    save_generation(sl_generation_of(link), out);
}

/* Returns the place before which no lane needs anything. */
static sl_place save_cursors(const sl_state *st, sl_source *s, sl_saved_source *out)
{
    sl_place settled = {UINT64_MAX, 0};

    out->cursors = sl_alloc(st->lane_count * sizeof *out->cursors);
    for (size_t i = 0; i < st->lane_count; i++) {
        sl_saved_cursor *c = &out->cursors[out->cursor_count];
        sl_place least = sl_lane_save(st->lanes[i], s, c);

        if (least.seq == UINT64_MAX)
            continue;
        c->lane = (uint32_t)i;
        out->cursor_count++;
        if (sl_place_cmp(least, settled) < 0)
            settled = least;
    }
    return settled;
}

static char *copy_slice(sl_slice s)
{
    return sl_strndup(s.ptr, s.len);
}

struct saving {
    const sl_state *state;
    sl_snapshot *snapshot;
};

static void save_source(void *arg, sl_source *s)
{
    struct saving *saving = arg;
    sl_saved_source *out = &saving->snapshot->sources[saving->snapshot->source_count++];
    sl_place settled;

    *out = (sl_saved_source){.namespace = copy_slice(s->pod->namespace),
                             .pod = copy_slice(s->pod->pod),
                             .uid = copy_slice(s->pod->uid),
                             .container = sl_strdup(s->container),
                             .path = s->path ? sl_strdup(s->path) : NULL};
    settled = save_cursors(saving->state, s, out);
    if (sl_source_settled(sl_discover_watch(s->pod->discover), s, settled))
        sl_discover_ready(s->pod->discover, s);
    out->next_seq = s->next_seq; /* settling may have added one */
    save_generations(s, out);    /* those that are left */
}

static sl_snapshot *take_snapshot(const sl_state *st)
{
    sl_snapshot *snapshot = sl_alloc(sizeof *snapshot);
    size_t most = st->last ? st->last->source_count : 0;

    snapshot->lanes = sl_alloc(st->lane_count * sizeof(char *));
    snapshot->lane_count = st->lane_count;
    for (size_t i = 0; i < st->lane_count; i++)
        snapshot->lanes[i] = sl_strdup(st->names[i]);
    for (size_t i = 0; i < st->discover_count; i++)
        most += sl_discover_source_count(st->discovers[i]);
    snapshot->sources = sl_alloc(most * sizeof *snapshot->sources);
    for (size_t i = 0; i < st->discover_count; i++)
        sl_discover_each(st->discovers[i], save_source, &(struct saving){st, snapshot});
    return snapshot;
}

/* What could not be looked at keeps its positions. Lent to the snapshot: returns how many. */
static size_t lend_absent(const sl_state *st, sl_snapshot *snapshot)
{
    size_t lent = 0;

    for (size_t i = 0; st->last && i < st->last->source_count; i++) {
        if (st->fates[i] != SL_LAST_ABSENT)
            continue;
        snapshot->sources[snapshot->source_count++] = st->last->sources[i];
        lent++;
    }
    return lent;
}

static sl_buf pack(sl_state *st)
{
    sl_snapshot *snapshot = take_snapshot(st);
    size_t lent = lend_absent(st, snapshot);
    sl_buf bytes = {0};

    sl_snapshot_pack(snapshot, &bytes);
    snapshot->source_count -= lent;
    sl_snapshot_free(snapshot);
    st->last_size = bytes.len;
    st->changed = false;
    st->packed = st->asked;
    return bytes;
}

sl_err sl_state_save_now(sl_state *st)
{
    sl_buf bytes;
    sl_err err;

    if (!st->scanned)
        return 0;
    bytes = pack(st);
    err = sl_checkpoint_write_now(st->checkpoint, sl_buf_slice(&bytes));
    sl_buf_fini(&bytes);
    return err;
}

/* --- upkeep --- */

/* Nothing is left to do for a source whose folder is gone: the lanes let go of it. Else they look once
 * more, for that its writer is still for good is told by nobody. */
static bool is_done(void *arg, sl_source *s)
{
    sl_state *st = arg;
    bool done = true;

    for (size_t i = 0; i < st->lane_count; i++) {
        if (sl_lane_is_done_with(st->lanes[i], s))
            continue;
        sl_lane_ready(st->lanes[i], s);
        done = false;
    }
    for (size_t i = 0; done && i < st->lane_count; i++)
        sl_lane_forget(st->lanes[i], s);
    st->changed = st->changed || done;
    return done;
}

static void on_written(void *arg, sl_err err)
{
    sl_state *st = arg;

    if (!err)
        st->written = st->packed;
    if (!err && st->written < st->asked)
        save_soon(st);
    else if (err || st->again)
        sl_state_changed(st); /* it is tried again */
    st->again = false;
    st->options.written(st->options.arg);
}

/* The promise that nothing vanishes without a word is checked all the time, not only by tests. */
static void check_books(sl_state *st)
{
    for (size_t i = 0; i < st->lane_count && !st->unbalanced; i++) {
        sl_books books = sl_lane_books(st->lanes[i]);

        st->unbalanced = !sl_books_balance(&books);
    }
    if (st->unbalanced)
        sl_logf(st->options.log, SL_LOG_ERROR,
                "the books do not balance: some bytes were read and are neither delivered nor in "
                "flight; this is a defect of sluice, please report it with this log");
}

static void come_again(sl_state *st)
{
    uv_handle_t *upkeep = (uv_handle_t *)&st->upkeep;
    uint64_t wait = st->last_size / CHECKPOINT_BYTES_MS;

    if (uv_is_closing(upkeep) || uv_is_active(upkeep))
        return;
    if (wait < st->options.interval_ms)
        wait = st->options.interval_ms;
    uv_timer_start(&st->upkeep, on_upkeep, wait, 0);
}

static void on_upkeep(uv_timer_t *timer)
{
    sl_state *st = SL_CONTAINER_OF(timer, sl_state, upkeep);
    sl_buf bytes;

    if (!st->scanned)
        return;
    if (!st->unbalanced)
        check_books(st);
    for (size_t i = 0; i < st->discover_count; i++) {
        if (sl_discover_forget(st->discovers[i], is_done, st))
            come_again(st); /* some have to be asked again */
    }
    if (!st->changed)
        return;
    if (sl_checkpoint_is_writing(st->checkpoint)) {
        st->again = true;
        return;
    }
    bytes = pack(st);
    sl_checkpoint_write(st->checkpoint, &bytes, on_written, st);
}

void sl_state_changed(sl_state *st)
{
    st->changed = true;
    come_again(st);
}

/* --- what somebody asks for --- */

bool sl_state_is_whole(const sl_state *st)
{
    return st->scanned && !uv_is_closing((const uv_handle_t *)&st->upkeep);
}

void sl_state_save_soon(sl_state *st)
{
    st->asked++;
    save_soon(st);
}

bool sl_state_is_saved(const sl_state *st)
{
    return st->written == st->asked;
}

const char *sl_state_lane_name(const sl_state *st, size_t lane)
{
    return st->names[lane];
}

sl_err sl_state_rename(sl_state *st, const char *from, const char *to)
{
    size_t found = st->lane_count;

    for (size_t i = 0; i < st->lane_count; i++) {
        if (!strcmp(st->names[i], from))
            found = i;
    }
    if (found == st->lane_count)
        return UV_ENOENT;
    for (size_t i = 0; i < st->lane_count; i++) {
        if (!strcmp(st->names[i], to) || (i != found && !strcmp(sl_lane_name(st->lanes[i]), to)))
            return UV_EEXIST;
    }
    free(st->names[found]);
    st->names[found] = sl_strdup(to);
    sl_state_save_soon(st);
    return 0;
}

/* --- its own life --- */

void sl_state_follow(sl_state *st, sl_discover *const *discovers, size_t discover_count,
                     sl_lane *const *lanes, size_t lane_count)
{
    st->discovers = discovers;
    st->discover_count = discover_count;
    st->lanes = lanes;
    st->lane_count = lane_count;
    st->names = sl_alloc(lane_count * sizeof *st->names);
    for (size_t i = 0; i < lane_count; i++)
        st->names[i] = sl_strdup(sl_lane_name(lanes[i]));
    sl_last_meets_lanes(st);
}

sl_state *sl_state_new(const sl_state_options *options)
{
    sl_state *st = sl_alloc(sizeof *st);

    st->options = *options;
    st->checkpoint = sl_checkpoint_new(options->dir, options->loop, options->clock, options->log);
    uv_timer_init(options->loop, &st->upkeep);
    return st;
}

void sl_state_stop(sl_state *st)
{
    if (st && !uv_is_closing((uv_handle_t *)&st->upkeep))
        uv_close((uv_handle_t *)&st->upkeep, NULL);
}

void sl_state_free(sl_state *st)
{
    if (!st)
        return;
    sl_checkpoint_free(st->checkpoint);
    sl_last_forget(st);
    for (size_t i = 0; st->names && i < st->lane_count; i++)
        free(st->names[i]);
    free(st->names);
    free(st->joins);
    free(st);
}
