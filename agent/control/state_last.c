/* state_last.c - what the last life left: who it is found by, who joins it, and what of it has vanished.
 * See state_in.h. */
#include "control/state.h"

#include "control/state_in.h"
#include "ship/saved.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file's time of birth is exact to a clock tick. */
#define TICK_NS INT64_C(20000000)

/* --- found by its names --- */

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
    if (!found || st->fates[found - st->last->sources] == SL_LAST_SETTLED)
        return NULL;
    st->fates[found - st->last->sources] = SL_LAST_FOUND;
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

/* --- where a lane goes on --- */

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

    if (st->fates[i] == SL_LAST_ABSENT && wanted && is_there(st, saved))
        return true;
    for (size_t k = 0; st->fates[i] == SL_LAST_ABSENT && wanted && k < st->lane_count; k++)
        report_vanished(st, saved, st->lanes[k]);
    st->changed =
        st->changed || st->fates[i] == SL_LAST_ABSENT; /* the next checkpoint is without it */
    st->fates[i] = SL_LAST_SETTLED;
    return false;
}

void sl_last_forget(sl_state *st)
{
    sl_snapshot_free(st->last);
    free(st->fates);
    st->last = NULL;
    st->fates = NULL;
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

void sl_last_looked_at(sl_state *st)
{
    size_t absent = 0;

    for (size_t i = 0; st->last && i < st->last->source_count; i++)
        absent += is_still_absent(st, i);
    if (absent == 0)
        sl_last_forget(st);
    else
        say_absent(st, absent);
}

/* --- whose lanes are there now --- */

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

void sl_last_meets_lanes(sl_state *st)
{
    st->since_ns = sl_wall_ns(st->options.clock) - TICK_NS;
    find_joining(st);
    say_removed(st);
    for (size_t i = 0; i < st->last->source_count; i++) {
        number_cursors(st, &st->last->sources[i]);
        add_joining(st, &st->last->sources[i]);
    }
}
