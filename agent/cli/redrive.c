/* redrive.c - see redrive.h.
 *
 * File after file, oldest first: its entries become batches, as they were when they were refused; when
 * all are answered, the file is written anew without those that were delivered. A crash in between
 * sends them again, which their places tell to the far end.
 *
 * Each entry is an account of its own, so that one which is refused again holds up nobody else. */
#include "cli/redrive.h"

#include "shape/compress.h"
#include "ship/dead_files.h"
#include "ship/output.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#define TRIES 5 /* of one entry */

/* A place that was met. */
typedef struct place {
    char generation[SL_NAME_LEN];
    uint64_t offset, piece;
    bool done;
} place;

/* One line of the file. */
typedef struct sent {
    sl_account account;
    place *at; /* NULL: it is not meant, or damaged */
} sent;

typedef struct redrive {
    const sl_output_config *config;
    const char *reason;
    sl_redriven *out;
    uv_loop_t loop;
    sl_log log;
    sl_packers packers;
    sl_batch_pool pool;
    sl_output *output;
    sl_batch *open;
    void *places; /* a tree */
    sent *lines;  /* of this file */
    bool closed;
} redrive;

/* --- what the output says --- */

static void on_settled(void *arg, sl_batch *b, uint32_t first, uint32_t n,
                       const sl_verdict *verdict)
{
    redrive *r = arg;
    sl_histogram delays = {0};

    for (uint32_t i = first; i < first + n; i++) {
        sl_account *a = b->marks[b->rows[i].mark]->account;

        SL_CONTAINER_OF(a, sent, account)->at->done = true;
        r->out->delivered++;
    }
    sl_ledger_settle(b, first, n, verdict, 0, &delays);
}

static void on_waits(void *arg, sl_account *a, const char *words)
{
    redrive *r = arg;

    (void)a;
    free(r->out->words);
    r->out->words = sl_strdup(words);
}

static void on_flows(void *arg, sl_account *a)
{
    (void)arg, (void)a;
}

static void on_emptied(void *arg, sl_batch *b)
{
    sl_batch_free(&((redrive *)arg)->pool, b);
}

static void on_gave_up(void *arg, const char *reason)
{
    redrive *r = arg;

    on_waits(r, NULL, reason);
    sl_output_close(r->output);
}

static void on_closed(void *arg)
{
    ((redrive *)arg)->closed = true;
}

/* --- places --- */

static int by_place(const void *a, const void *b)
{
    const place *left = a, *right = b;
    int order = memcmp(left->generation, right->generation, SL_NAME_LEN);

    if (order == 0)
        order = (left->offset > right->offset) - (left->offset < right->offset);
    return order ? order : (left->piece > right->piece) - (left->piece < right->piece);
}

/* The place of e; *is_new: nobody had it before. */
static place *find_place(redrive *r, const sl_dead_entry *e, bool *is_new)
{
    place *p = sl_alloc(sizeof *p), **found;

    memcpy(p->generation, e->generation.ptr, SL_NAME_LEN);
    p->offset = e->offset;
    p->piece = e->piece;
    found = tsearch(p, &r->places, by_place);
    SL_ASSERT(found);
    *is_new = *found == p;
    if (!*is_new)
        free(p);
    return *found;
}

/* --- one file --- */

static void seal(redrive *r)
{
    if (r->open)
        sl_output_put(r->output, r->open);
    r->open = NULL;
}

static char *put(char *at, sl_slice text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static void add(redrive *r, sl_account *a, const sl_dead_entry *e)
{
    size_t len = e->before.len + e->value.len + e->after.len;
    size_t room = len + e->target.len + e->key.len + 2 * SL_TEXT_BYTES + SL_TIME_LEN;
    sl_beside beside = {.number = ++r->pool.epoch, .target = e->target, .key = e->key};
    sl_encoded encoded = {.len = len,
                          .before = (uint32_t)e->before.len,
                          .after = (uint32_t)e->after.len,
                          .time = SL_NO_TIME,
                          .beside = &beside};
    sl_record rec = {
        .at = {1, e->offset}, .piece = (uint32_t)e->piece & SL_PIECE_MAX, .time = e->timestamp.ptr};
    uint32_t mark;
    char *at;

    if (!r->open || !sl_batch_room(r->open, room)) {
        seal(r);
        r->open = sl_batch_new(&r->pool, room);
    }
    at = r->open->payload + r->open->used;
    at = put(at, e->before);
    at = put(at, e->value);
    (void)put(at, e->after);
    mark = sl_account_mark(a, &r->pool, r->open, SL_RAW, 1, e->generation.ptr);
    sl_batch_added(r->open, mark, &encoded, &rec);
}

static bool is_meant(const redrive *r, const sl_dead_entry *e)
{
    return (!r->reason || sl_slice_eq(e->reason, sl_str(r->reason))) &&
           e->before.len <= UINT16_MAX && e->after.len <= UINT16_MAX &&
           e->target.len <= UINT16_MAX && e->key.len <= UINT16_MAX;
}

static void take_line(redrive *r, size_t i, sl_slice line, sl_buf *store)
{
    sl_dead_entry e;
    bool is_new;

    if (!sl_dead_entry_read(line, store, &e)) {
        r->out->damaged++;
        return;
    }
    if (!is_meant(r, &e))
        return;
    r->lines[i].at = find_place(r, &e, &is_new);
    if (!is_new) {
        r->out->twice++;
        return;
    }
    sl_account_init(&r->lines[i].account);
    add(r, &r->lines[i].account, &e);
}

static bool keeps(void *arg, size_t line)
{
    const redrive *r = arg;
    const place *at = r->lines[line].at;

    return !at || !at->done;
}

static void wait_for_answers(redrive *r)
{
    seal(r);
    while (!r->closed && !sl_output_is_idle(r->output))
        uv_run(&r->loop, UV_RUN_ONCE);
}

static sl_err drive_file(redrive *r, const char *path)
{
    sl_dead_file f;
    sl_buf store = {0};
    sl_err err = sl_dead_file_read(path, &f);
    size_t before = r->out->delivered, twice = r->out->twice;

    if (err)
        return err;
    r->lines = sl_alloc((f.count + 1) * sizeof *r->lines);
    for (size_t i = 0; i < f.count; i++)
        take_line(r, i, f.lines[i], &store);
    wait_for_answers(r);
    for (size_t i = 0; i < f.count; i++)
        r->out->left += r->lines[i].at && !r->lines[i].at->done;
    if (r->out->delivered > before || r->out->twice > twice)
        err = sl_dead_file_sweep(&f, keeps, r);
    sl_buf_fini(&store);
    sl_dead_file_fini(&f);
    return err;
}

/* --- the whole --- */

static sl_err open_output(redrive *r)
{
    const sl_output_config *o = r->config;
    int level = sl_output_gzip_level(o->plugin, o->self);

    sl_packers_init(&r->packers);
    sl_batch_pool_init(&r->pool, UINT64_MAX, o->max_bytes, (uint32_t)o->max_records);
    r->pool.packed_bound = level > 0 ? sl_gzip_bound : NULL;
    return sl_output_new(&(sl_output_options){.name = o->name,
                                              .plugin = o->plugin,
                                              .self = o->self,
                                              .encoding = sl_encoding_names[o->encoding],
                                              .retry_initial_ms = o->retry_initial_ms,
                                              .retry_max_ms = o->retry_max_ms,
                                              .retry_limit = TRIES,
                                              .max_in_flight = (uint32_t)o->max_in_flight,
                                              .storm_goes_on = true,
                                              .packers = &r->packers,
                                              .gzip = sl_gzip,
                                              .pool = &r->pool,
                                              .loop = &r->loop,
                                              .clock = &sl_clock_real,
                                              .log = &r->log,
                                              .arg = r,
                                              .settled = on_settled,
                                              .waits = on_waits,
                                              .flows = on_flows,
                                              .emptied = on_emptied,
                                              .gave_up = on_gave_up,
                                              .closed = on_closed},
                         &r->output);
}

static void close_output(redrive *r)
{
    sl_output_close(r->output);
    while (!r->closed)
        uv_run(&r->loop, UV_RUN_ONCE);
    sl_output_free(r->output);
}

/* Each file's lines live until the output is closed: what it did not take refers to them. */
static sl_err drive_files(redrive *r, char **paths, size_t count)
{
    sent **lines = sl_alloc((count + 1) * sizeof *lines);
    sl_err err = 0;

    for (size_t i = 0; i < count && !err && !r->closed; i++) {
        err = drive_file(r, paths[i]);
        lines[i] = r->lines;
        r->lines = NULL;
        if (err)
            fprintf(stderr, "sluice dead-letter: %s: %s\n", paths[i], sl_strerror(err));
    }
    close_output(r);
    for (size_t i = 0; i < count; i++)
        free(lines[i]);
    free(lines);
    return err;
}

sl_err sl_redrive(const sl_config *c, const sl_output_config *o, const char *reason,
                  sl_redriven *out)
{
    redrive r = {.config = o, .reason = reason, .out = out};
    char **paths;
    size_t count = sl_dead_files_find(c->state_dir, o->name, &paths);
    sl_err err;

    *out = (sl_redriven){0};
    r.log = (sl_log){.level = SL_LOG_WARN, .fd = 2};
    SL_ASSERT(uv_loop_init(&r.loop) == 0);
    err = open_output(&r);
    if (!err)
        err = drive_files(&r, paths, count);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    SL_ASSERT(uv_loop_close(&r.loop) == 0);
    sl_batch_pool_fini(&r.pool);
    tdestroy(r.places, free);
    sl_dead_files_free(paths, count);
    return err;
}
