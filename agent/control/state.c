/* state.c - see state.h. A checkpoint is the whole picture: until everything was looked at once none
 * is written, for a container that was not found yet would be missing from it. */
#include "control/state.h"

#include "ship/checkpoint.h"
#include "ship/saved.h"
#include "ship/snapshot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file's time of birth is exact to a clock tick. */
#define TICK_NS             INT64_C(20000000)
#define CHECKPOINT_BYTES_MS 262 /* a checkpoint's size divided by this: at most 256 KiB a second */

/* What became of a source of the last life. */
typedef enum { ABSENT, FOUND, SETTLED } fate;

struct sl_state {
    sl_state_options options;
    sl_checkpoint *checkpoint;
    sl_snapshot
        *last; /* its sources sorted by their names; NULL once each was found or has vanished */
    uint8_t *fates;                /* of them */
    sl_discover *const *discovers; /* one for each input */
    size_t discover_count;
    sl_lane *const *lanes;
    size_t lane_count;
    char **names;     /* of the lanes, as they are saved */
    bool *joins;      /* of the lanes: new beside what others left */
    int64_t since_ns; /* what was made later is new to them */
    bool fresh;       /* nobody left anything */
    size_t last_size; /* of the checkpoint */
    bool scanned;     /* there is a whole picture to save */
    bool changed;     /* what was saved last is not the picture any more */
    bool again;       /* something changed while the checkpoint was being written */
    bool unbalanced;  /* and that was said */
    bool absent_said;
    uint64_t asked, packed, written; /* changes that somebody waits for to be saved */
    uv_timer_t upkeep;               /* saves, and asks whether sources that are gone are done */
};

/* --- what the last life left --- */

typedef struct names {
    sl_slice path; /* of a file: enough; else the most telling ones first */
    sl_slice uid, container, pod, namespace;
} names;

static names names_of_file(const char *path)
{
    sl_slice none = SL_SLICE("");

    return (names){sl_str(path), none, none, none, none};
}

static int compare_slices(sl_slice a, sl_slice b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const names *a, const names *b)
{
    int order = compare_slices(a->path, b->path);

    if (!order)
        order = compare_slices(a->uid, b->uid);
    if (!order)
        order = compare_slices(a->container, b->container);
    if (!order)
        order = compare_slices(a->pod, b->pod);
    return order ? order : compare_slices(a->namespace, b->namespace);
}

static names names_of(const sl_saved_source *s)
{
    if (s->path)
        return names_of_file(s->path);
    return (names){SL_SLICE(""), sl_str(s->uid), sl_str(s->container), sl_str(s->pod),
                   sl_str(s->namespace)};
}

static int by_names(const void *a, const void *b)
{
    names x = names_of(a), y = names_of(b);

    return compare(&x, &y);
}

static int by_key(const void *key, const void *item)
{
    names y = names_of(item);

    return compare(key, &y);
}

sl_err sl_state_load(sl_state *st, bool *fresh)
{
    sl_err err = sl_checkpoint_load(st->checkpoint, &st->last, fresh);

    if (err)
        return err;
    st->fresh = *fresh;
    st->fates = sl_alloc(st->last->source_count);
    if (st->last->source_count > 0)
        qsort(st->last->sources, st->last->source_count, sizeof *st->last->sources, by_names);
    return 0;
}

const sl_saved_source *sl_state_find(sl_state *st, const sl_source *s)
{
    names key = {SL_SLICE(""), s->pod->uid, sl_str(s->container), s->pod->pod, s->pod->namespace};
    const sl_saved_source *found;

    if (!st->last || st->last->source_count == 0)
        return NULL;
    if (s->path)
        key = names_of_file(s->path);
    found =
        bsearch(&key, st->last->sources, st->last->source_count, sizeof *st->last->sources, by_key);
    if (!found || st->fates[found - st->last->sources] == SETTLED)
        return NULL;
    st->fates[found - st->last->sources] = FOUND;
    return found;
}

void sl_state_each_in(const sl_state *st, const char *folder,
                      void (*each)(void *of, const char *path), void *of)
{
    size_t from = 0, to = st->last ? st->last->source_count : 0, len = strlen(folder);

    while (from < to) { /* the first whose path is not before the folder's */
        size_t middle = from + (to - from) / 2;
        const char *path = st->last->sources[middle].path;

        if (!path || strcmp(path, folder) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    for (; st->last && from < st->last->source_count; from++) {
        const char *path = st->last->sources[from].path;

        if (strncmp(path, folder, len) != 0)
            break;
        if (path[len] == '/' && !strchr(path + len + 1, '/'))
            each(of, path);
    }
}

static const sl_saved_cursor *find_cursor(const sl_state *st, const sl_saved_source *saved,
                                          const sl_lane *l)
{
    for (size_t i = 0; i < saved->cursor_count; i++) {
        if (st->lanes[saved->cursors[i].lane] == l)
            return &saved->cursors[i];
    }
    return NULL;
}

/* It is not in the checkpoint that we began with. */
static bool joins(const sl_state *st, const sl_lane *l)
{
    for (size_t i = 0; i < st->lane_count; i++) {
        if (st->lanes[i] == l)
            return st->joins[i];
    }
    return false;
}

static void join_at(const sl_source *s, sl_place at, sl_saved_cursor *out)
{
    const sl_generation *g = sl_source_at(s, at.seq);
    uint64_t hash = g && g->seq == at.seq ? sl_generation_hash(g, at.offset) : 0;

    for (int stream = 0; stream < SL_STREAMS; stream++)
        out->streams[stream] = (sl_saved_position){at, hash};
}

bool sl_state_find_cursor(sl_state *st, sl_source *s, const sl_lane *l, sl_saved_cursor *out)
{
    const sl_saved_source *saved = sl_state_find(st, s);
    const sl_saved_cursor *found = saved ? find_cursor(st, saved, l) : NULL;
    bool old = saved || !st->scanned; /* as far as anybody knows, for a root may come late */

    if (joins(st, l) && !sl_lane_starts_at_beginning(l))
        join_at(s, sl_source_since(s, st->since_ns, old), out);
    else if (joins(st, l) && old)
        join_at(s, sl_source_beginning(s), out);
    else if (found)
        *out = *found;
    else
        return false;
    return true;
}

/* --- what has vanished --- */

static void report_lost(const sl_state *st, const sl_saved_source *saved,
                        const sl_saved_generation *g, uint64_t from, uint64_t to, sl_lane *l)
{
    char name[SL_NAME_LEN + 1];

    sl_name_format(name, &g->name);
    sl_log_loss(st->options.log, sl_lane_name(l),
                &(sl_loss){.reason = SL_LOST_DELETED,
                           .namespace = sl_str(saved->namespace),
                           .pod = sl_str(saved->pod),
                           .container = sl_str(saved->container),
                           .generation = sl_str(name),
                           .file = g->file,
                           .restart = g->attempt,
                           .from = from,
                           .to = to});
    sl_lane_lost(l, sl_str(saved->namespace), to - from, SL_LOST_DELETED);
}

/* A container that we knew, and that is no more: what it had unread is lost. */
static void report_vanished(const sl_state *st, const sl_saved_source *saved, sl_lane *l)
{
    const sl_saved_cursor *c = joins(st, l) ? NULL : find_cursor(st, saved, l);
    sl_place least = sl_saved_least(c);

    for (size_t i = 0; c && i < saved->generation_count; i++) {
        const sl_saved_generation *g = &saved->generations[i];
        uint64_t from = g->seq == least.seq ? least.offset : g->begin;
        uint64_t to = g->end < g->size ? g->end : g->size;

        if (g->seq >= least.seq && from < to)
            report_lost(st, saved, g, from, to, l);
    }
}

/* Nobody could look where it may be. */
static bool is_out_of_sight(const sl_state *st, const sl_saved_source *saved)
{
    for (size_t i = 0; i < st->discover_count; i++) {
        if (sl_discover_may_hold(st->discovers[i], saved->path))
            return true;
    }
    return false;
}

static bool is_there(const sl_state *st, const sl_saved_source *saved)
{
    char path[PATH_MAX];
    bool old = !*saved->namespace; /* an old kubelet's folder is the uid alone */

    if (is_out_of_sight(st, saved))
        return true;
    if (saved->path)
        return !access(saved->path, F_OK) || (errno != ENOENT && errno != ENOTDIR);
    for (size_t i = 0; i < st->discover_count; i++) {
        if (!sl_discover_root(st->discovers[i]))
            continue;
        snprintf(path, sizeof path, "%s/%s%s%s%s%s/%s", sl_discover_root(st->discovers[i]),
                 saved->namespace, old ? "" : "_", saved->pod, old ? "" : "_", saved->uid,
                 saved->container);
        if (!access(path, F_OK) || (errno != ENOENT && errno != ENOTDIR))
            return true;
    }
    return false;
}

static bool is_wanted(const sl_state *st, const sl_saved_source *saved)
{
    return st->options.wants(st->options.arg, saved);
}

/* true: it is neither found nor proved to be gone; its folder may not be listed now. */
static bool is_still_absent(sl_state *st, size_t i)
{
    const sl_saved_source *saved = &st->last->sources[i];
    bool wanted = is_wanted(st, saved);

    if (st->fates[i] == ABSENT && wanted && is_there(st, saved))
        return true;
    for (size_t k = 0; st->fates[i] == ABSENT && wanted && k < st->lane_count; k++)
        report_vanished(st, saved, st->lanes[k]);
    st->changed = st->changed || st->fates[i] == ABSENT; /* the next checkpoint is without it */
    st->fates[i] = SETTLED;
    return false;
}

static void forget_last(sl_state *st)
{
    sl_snapshot_free(st->last);
    free(st->fates);
    st->last = NULL;
    st->fates = NULL;
}

static void on_upkeep(uv_timer_t *timer);

static void save_soon(sl_state *st)
{
    st->changed = true;
    if (!uv_is_closing((uv_handle_t *)&st->upkeep))
        uv_timer_start(&st->upkeep, on_upkeep, 0, 0);
}

static void say_absent(sl_state *st, size_t absent)
{
    if (st->absent_said)
        return;
    st->absent_said = true;
    sl_logf(
        st->options.log, SL_LOG_WARN,
        "%zu containers or files that were read in the last life are where nothing can be looked "
        "at now: their positions are kept until it can",
        absent);
}

void sl_state_scanned(sl_state *st)
{
    size_t absent = 0;

    for (size_t i = 0; st->last && i < st->last->source_count; i++)
        absent += is_still_absent(st, i);
    if (absent == 0)
        forget_last(st);
    else
        say_absent(st, absent);
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
    save_generation(SL_CONTAINER_OF(link, sl_generation, link), out);
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
        if (st->fates[i] != ABSENT)
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

/* Its cursors get the numbers that the lanes have now; those of lanes that are no more go. */
static void number_cursors(const sl_state *st, sl_saved_source *saved)
{
    size_t kept = 0;

    for (size_t i = 0; i < saved->cursor_count; i++) {
        sl_saved_cursor c = saved->cursors[i];

        for (size_t k = 0; k < st->lane_count; k++) {
            if (strcmp(st->last->lanes[c.lane], sl_lane_name(st->lanes[k])) == 0) {
                saved->cursors[kept] = c;
                saved->cursors[kept++].lane = (uint32_t)k;
                break;
            }
        }
    }
    saved->cursor_count = kept;
}

/* Who joins and wants all that is there: so nothing may stay shut as if everybody had read it. */
static void add_joining(const sl_state *st, sl_saved_source *saved)
{
    saved->cursors =
        sl_realloc(saved->cursors, (saved->cursor_count + st->lane_count) * sizeof *saved->cursors);
    for (size_t k = 0; k < st->lane_count; k++) {
        if (st->joins[k] && sl_lane_starts_at_beginning(st->lanes[k]))
            saved->cursors[saved->cursor_count++] =
                (sl_saved_cursor){.lane = (uint32_t)k, .joins = true};
    }
}

static void find_joining(sl_state *st)
{
    st->joins = sl_alloc(st->lane_count * sizeof *st->joins);
    for (size_t k = 0; k < st->lane_count; k++) {
        const sl_lane *l = st->lanes[k];

        st->joins[k] =
            !st->fresh && sl_saved_lane(st->last, sl_lane_name(l)) == st->last->lane_count;
        if (st->joins[k])
            sl_logf(st->options.log, SL_LOG_INFO, "output \"%s\" is new: it begins with %s",
                    sl_lane_name(l),
                    sl_lane_starts_at_beginning(l) ? "all that is still there"
                                                   : "what comes from now on (start_at: now)");
    }
}

static void say_removed(const sl_state *st)
{
    for (size_t i = 0; i < st->last->lane_count; i++) {
        bool there = false;

        for (size_t k = 0; k < st->lane_count && !there; k++)
            there = !strcmp(st->last->lanes[i], sl_lane_name(st->lanes[k]));
        if (!there)
            sl_logf(st->options.log, SL_LOG_WARN,
                    "output \"%s\" is not configured any more: its positions are forgotten; if it "
                    "has another name now, `sluice state rename` before the start keeps them",
                    st->last->lanes[i]);
    }
}

void sl_state_follow(sl_state *st, sl_discover *const *discovers, size_t discover_count,
                     sl_lane *const *lanes, size_t lane_count)
{
    st->since_ns = sl_wall_ns(st->options.clock) - TICK_NS;
    st->discovers = discovers;
    st->discover_count = discover_count;
    st->lanes = lanes;
    st->lane_count = lane_count;
    st->names = sl_alloc(lane_count * sizeof *st->names);
    for (size_t i = 0; i < lane_count; i++)
        st->names[i] = sl_strdup(sl_lane_name(lanes[i]));
    find_joining(st);
    say_removed(st);
    for (size_t i = 0; i < st->last->source_count; i++) {
        number_cursors(st, &st->last->sources[i]);
        add_joining(st, &st->last->sources[i]);
    }
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
    forget_last(st);
    for (size_t i = 0; st->names && i < st->lane_count; i++)
        free(st->names[i]);
    free(st->names);
    free(st->joins);
    free(st);
}
