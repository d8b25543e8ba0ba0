/* redrive.c - see redrive.h.
 *
 *   turn (no file is continued) -> find -> read -> fill a batch -> send -> home -> ... -> sweep -> read
 *
 * Exactly one of these is under way until it is over: a job in the pool, a batch, or the timer.
 *
 * Owns     the batch, while it is not out; a file's text; places
 * Borrows  the output, whose part it is */
#include "ship/redrive.h"

#include "ship/dead_files.h"
#include "ship/dead_letter.h"
#include "ship/home.h"

#include <search.h>
#include <stdlib.h>

#define TRIES      5                 /* of one batch */
#define LOOK_BYTES ((size_t)1 << 20) /* of a file in one go */
#define FULL_MS    100               /* until memory is asked for again */
#define FULL_TIMES 50

/* A place that was met. */
typedef struct place {
    char generation[SL_NAME_LEN];
    uint64_t offset, piece;
    bool done;
} place;

struct sl_redrive {
    sl_output *output;
    const char *dir;
    char *reason; /* NULL: all */
    sl_redriven said;
    void (*over)(void *arg);
    void *arg;
    bool stopped;
    sl_job job;
    sl_dead_job letters;
    char **paths;
    size_t path_count, path; /* the file at work */
    sl_dead_file file;
    place **lines; /* of it; NULL: it is not meant, or damaged */
    size_t line;   /* the next one */
    bool changed;  /* some of it goes */
    sl_buf store;
    void *places; /* a tree */
    sl_account account;
    uint64_t seq; /* of the generation that was met last */
    char generation[SL_NAME_LEN];
    sl_batch *batch; /* NULL: none is filled or out */
    uint64_t tries;
    unsigned full; /* how often there was no memory */
    bool hopeless; /* nothing more is sent: it would fail, too */
    sl_err err;    /* of the job */
};

/* --- places --- */

static int by_place(const void *a, const void *b)
{
    const place *left = a, *right = b;
    int order = memcmp(left->generation, right->generation, SL_NAME_LEN);

    if (order == 0)
        order = (left->offset > right->offset) - (left->offset < right->offset);
    return order ? order : (left->piece > right->piece) - (left->piece < right->piece);
}

/* *is_new: nobody had it before. */
static place *find_place(sl_redrive *r, sl_slice generation, uint64_t offset, uint64_t piece,
                         bool *is_new)
{
    place *p = sl_alloc(sizeof *p), **found;

    memcpy(p->generation, generation.ptr, SL_NAME_LEN);
    p->offset = offset;
    p->piece = piece;
    found = tsearch(p, &r->places, by_place);
    SL_ASSERT(found);
    *is_new = *found == p;
    if (!*is_new)
        free(p);
    return *found;
}

/* --- the end --- */

static void forget_file(sl_redrive *r)
{
    sl_dead_file_fini(&r->file);
    free(r->lines);
    r->lines = NULL;
}

static void forget_all(sl_redrive *r)
{
    forget_file(r);
    sl_dead_files_free(r->paths, r->path_count);
    sl_buf_fini(&r->store);
    tdestroy(r->places, free);
    r->paths = NULL;
    r->path_count = 0;
    r->places = NULL;
}

static void end(sl_redrive *r)
{
    forget_all(r);
    r->said.over = true;
    if (r->over)
        r->over(r->arg);
    sl_output_errand_over(r->output);
}

static void on_counted(sl_dead_job *job)
{
    end(SL_CONTAINER_OF(job, sl_redrive, letters));
}

/* What was taken away makes room. */
static void finish(sl_redrive *r)
{
    sl_dead_letter *letters = r->output->refusals.letters;

    r->letters.kind = SL_DEAD_COUNT;
    r->letters.done = on_counted;
    if (letters)
        sl_dead_letter_write(letters, &r->letters);
    else
        end(r);
}

static void fail(sl_redrive *r, sl_err err)
{
    r->said.err = err;
    r->said.file = sl_strdup(r->paths[r->path]);
    finish(r);
}

/* --- files --- */

static void go_on(sl_redrive *r);
static void read_next(sl_redrive *r);

static bool keeps(void *arg, size_t line)
{
    const sl_redrive *r = arg;
    const place *at = r->lines[line];

    return !at || !at->done;
}

static void sweep(sl_job *job)
{
    sl_redrive *r = SL_CONTAINER_OF(job, sl_redrive, job);

    r->err = sl_dead_file_sweep(&r->file, keeps, r);
}

static void on_swept(sl_job *job)
{
    sl_redrive *r = SL_CONTAINER_OF(job, sl_redrive, job);

    if (r->err) {
        fail(r, r->err);
        return;
    }
    forget_file(r);
    r->path++;
    read_next(r);
}

static void end_file(sl_redrive *r)
{
    if (r->changed) {
        sl_pool_run(r->output->options.loop, &r->job, sweep, on_swept);
        return;
    }
    forget_file(r);
    r->path++;
    read_next(r);
}

static void read_file(sl_job *job)
{
    sl_redrive *r = SL_CONTAINER_OF(job, sl_redrive, job);

    r->err = sl_dead_file_read(r->paths[r->path], &r->file);
}

static void on_read(sl_job *job)
{
    sl_redrive *r = SL_CONTAINER_OF(job, sl_redrive, job);

    if (r->err) {
        fail(r, r->err);
        return;
    }
    r->lines = sl_alloc((r->file.count + 1) * sizeof(place *));
    r->line = 0;
    r->changed = false;
    go_on(r);
}

static void read_next(sl_redrive *r)
{
    if (r->stopped || r->path == r->path_count)
        finish(r);
    else
        sl_pool_run(r->output->options.loop, &r->job, read_file, on_read);
}

static void find(sl_job *job)
{
    sl_redrive *r = SL_CONTAINER_OF(job, sl_redrive, job);

    r->path_count = sl_dead_files_find(r->dir, r->output->options.name, &r->paths);
}

static void on_found(sl_job *job)
{
    sl_redrive *r = SL_CONTAINER_OF(job, sl_redrive, job);
    const sl_dead_letter *letters = r->output->refusals.letters;

    /* the newest ones, which are being written */
    while (letters && r->path_count > 0 &&
           sl_dead_letter_number(r->paths[r->path_count - 1]) > sl_dead_letter_turned(letters))
        free(r->paths[--r->path_count]);
    read_next(r);
}

static void start_finding(sl_redrive *r)
{
    sl_pool_run(r->output->options.loop, &r->job, find, on_found);
}

static void on_turned(sl_dead_job *job)
{
    sl_redrive *r = SL_CONTAINER_OF(job, sl_redrive, letters);

    if (!job->err) {
        start_finding(r);
        return;
    }
    r->said.err = job->err;
    r->said.file = sl_format("%s/" SL_DEAD_FOLDER, r->dir);
    finish(r);
}

/* --- batches --- */

static char *put(char *at, sl_slice text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static size_t room_for(const sl_dead_entry *e)
{
    return e->before.len + e->value.len + e->after.len + e->target.len + e->key.len +
           2 * SL_TEXT_BYTES + SL_TIME_LEN;
}

/* There is room. */
static void add(sl_redrive *r, const sl_dead_entry *e)
{
    sl_batch_pool *pool = r->output->options.pool;
    sl_beside beside = {.number = ++pool->epoch, .target = e->target, .key = e->key};
    sl_encoded encoded = {.len = e->before.len + e->value.len + e->after.len,
                          .before = (uint32_t)e->before.len,
                          .after = (uint32_t)e->after.len,
                          .time = SL_NO_TIME,
                          .beside = &beside};
    sl_record rec = {.piece = (uint32_t)e->piece & SL_PIECE_MAX, .time = e->timestamp.ptr};
    char *at = r->batch->payload + r->batch->used;
    uint32_t mark;

    if (memcmp(r->generation, e->generation.ptr, SL_NAME_LEN) != 0)
        r->seq++;
    memcpy(r->generation, e->generation.ptr, SL_NAME_LEN);
    rec.at = (sl_place){r->seq, e->offset};
    at = put(at, e->before);
    at = put(at, e->value);
    (void)put(at, e->after);
    mark = sl_account_mark(&r->account, pool, r->batch, SL_RAW, r->seq, e->generation.ptr);
    sl_batch_added(r->batch, mark, &encoded, &rec);
}

static bool is_meant(const sl_redrive *r, const sl_dead_entry *e)
{
    return (!r->reason || sl_slice_eq(e->reason, sl_str(r->reason))) &&
           e->before.len <= UINT16_MAX && e->after.len <= UINT16_MAX &&
           e->target.len <= UINT16_MAX && e->key.len <= UINT16_MAX && e->piece <= SL_PIECE_MAX;
}

/* false: there is no room for it now, and it comes again. */
static bool take_line(sl_redrive *r)
{
    sl_dead_entry e;
    bool is_new;

    if (!sl_dead_entry_read(r->file.lines[r->line], &r->store, &e)) {
        r->said.damaged++;
        return true;
    }
    if (!is_meant(r, &e))
        return true;
    if (r->hopeless) {
        r->said.left++;
        return true;
    }
    if (r->batch && !sl_batch_room(r->batch, room_for(&e)))
        return false;
    if (!r->batch)
        r->batch = sl_batch_new(r->output->options.pool, room_for(&e));
    if (!r->batch)
        return false;
    r->full = 0;
    r->lines[r->line] = find_place(r, e.generation, e.offset, e.piece, &is_new);
    if (is_new)
        add(r, &e);
    else
        r->said.twice++;
    r->changed |= !is_new;
    return true;
}

static void free_batch(sl_redrive *r)
{
    sl_batch *b = r->batch;

    r->batch = NULL;
    r->output->options.emptied(r->output->options.arg, b);
}

static void note_words(sl_redrive *r, const char *words)
{
    free(r->said.words);
    r->said.words = sl_strdup(words && *words ? words : "not said");
}

/* Rows that are not wanted again leave the batch; false: none is left. */
static bool settle(sl_redrive *r, bool all)
{
    sl_batch *b = r->batch;

    for (uint32_t i = 0; i < b->row_count; i++) {
        if (all && b->rows[i].fate != SL_FATE_SETTLED) {
            b->rows[i].fate = SL_FATE_SETTLED;
            r->said.left++;
        }
        if (b->rows[i].fate == SL_FATE_SETTLED)
            sl_mark_settle(b->marks[b->rows[i].mark], 1, b->rows[i].bytes);
    }
    return sl_batch_keep_unsettled(b);
}

/* Of a batch that is not out, everything stays where it is. */
static void give_up(sl_redrive *r, const char *words)
{
    note_words(r, words);
    for (uint32_t i = 0; i < r->batch->row_count; i++)
        r->batch->rows[i].fate = SL_FATE_LATER;
    (void)settle(r, true);
    free_batch(r);
    go_on(r);
}

static void go_on_in(sl_redrive *r, uint64_t ms);

/* It failed, or could not even go. */
static void try_again(sl_redrive *r, const char *words, uint64_t least_ms)
{
    const sl_output_options *with = &r->output->options;
    uint64_t ms;

    if (++r->tries >= TRIES || r->stopped) {
        r->hopeless = true;
        give_up(r, words);
        return;
    }
    ms = sl_backoff_ms(r->tries, with->retry_initial_ms, with->retry_max_ms, sl_random());
    go_on_in(r, ms > least_ms ? ms : least_ms);
}

static void send_batch(sl_redrive *r)
{
    sl_output *o = r->output;

    if (r->stopped)
        give_up(r, "the agent is stopping");
    else if (o->state == OUT_OPEN)
        sl_output_put_errand(o, r->batch);
    else
        try_again(r,
                  sl_output_waits_for(o) ? "the output waits: reject_storm"
                  : o->hosting.up_reason ? o->hosting.up_reason
                                         : "the output waits: what it sends fails",
                  0);
}

/* Others have all the memory: a lane that stands still may never give it back. */
static void wait_for_memory(sl_redrive *r)
{
    if (++r->full == FULL_TIMES) {
        r->hopeless = true;
        note_words(r, "its memory is full of records that wait");
    }
    go_on_in(r, FULL_MS);
}

/* Fills a batch and sends it; without a line that is left, the file is done. */
static void go_on(sl_redrive *r)
{
    const char *begin = r->line < r->file.count ? r->file.lines[r->line].ptr : NULL;
    bool room = true;

    while (!r->stopped && room && r->line < r->file.count &&
           (size_t)(r->file.lines[r->line].ptr - begin) < LOOK_BYTES) {
        room = take_line(r);
        r->line += room;
    }
    if (r->batch && r->batch->row_count > 0) {
        r->tries = 0;
        send_batch(r);
        return;
    }
    if (r->batch)
        free_batch(r);
    if (r->stopped || r->line == r->file.count)
        end_file(r);
    else if (room)
        go_on_in(r, 0);
    else
        wait_for_memory(r);
}

static void on_again(uv_timer_t *timer)
{
    sl_redrive *r = SL_CONTAINER_OF(timer, sl_output, again)->redrive;

    if (r->batch)
        send_batch(r);
    else
        go_on(r);
}

static void go_on_in(sl_redrive *r, uint64_t ms)
{
    uv_timer_start(&r->output->again, on_again, ms, 0);
}

/* --- answers --- */

static void note_taken(sl_redrive *r, uint32_t row)
{
    sl_item item;
    bool is_new;

    sl_batch_item(r->batch, row, &item);
    find_place(r, item.generation, item.offset, item.piece, &is_new)->done = true;
    r->said.delivered++;
    r->changed = true;
}

/* Refused ones are settled, as those that were taken are. */
static void note_answers(sl_redrive *r, const sl_trip *t)
{
    const sl_refusal *f = t->refusals, *end = f + t->refusal_count;

    for (uint32_t i = 0; i < t->batch->shown; i++) {
        sl_row *row = &t->batch->rows[i];

        while (f < end && f->first + f->n <= i)
            f++;
        if (row->fate == SL_FATE_HELD) {
            row->fate = SL_FATE_SETTLED;
            note_words(r, t->why_held);
            r->said.left++;
        } else if (row->fate == SL_FATE_SETTLED && f < end && f->first <= i &&
                   f->reason != SL_DEAD_FAILURE_STORE) {
            note_words(r, f->words);
            r->said.left++;
        } else if (row->fate == SL_FATE_SETTLED) {
            note_taken(r, i);
        }
    }
}

void sl_redrive_home(sl_redrive *r, const sl_trip *t)
{
    bool left, stuck;

    note_answers(r, t);
    left = settle(r, false);
    stuck = left && t->anew && !sl_output_reframe(r->output, t);
    if (!left) {
        free_batch(r);
        go_on(r);
    } else if (t->why_again) {
        try_again(r, t->why_again, t->asked_ms);
    } else if (t->now || stuck) {
        try_again(r, "it is wanted again and again", 0);
    } else {
        send_batch(r); /* halves */
    }
}

void sl_redrive_take_back(sl_redrive *r)
{
    give_up(r, "the agent is stopping");
}

/* --- its life --- */

bool sl_redrive_start(sl_output *o, const char *dir, const char *reason, void (*over)(void *arg),
                      void *arg)
{
    sl_redrive *r;

    if (o->draining || o->state == OUT_CLOSING || o->state == OUT_CLOSED ||
        sl_redrive_is_working(o->redrive))
        return false;
    sl_redrive_free(o->redrive);
    r = o->redrive = sl_alloc(sizeof *r);
    *r = (sl_redrive){.output = o,
                      .dir = dir,
                      .reason = reason ? sl_strdup(reason) : NULL,
                      .over = over,
                      .arg = arg};
    sl_account_init(&r->account);
    r->letters.kind = SL_DEAD_TURN;
    r->letters.done = on_turned;
    if (o->refusals.letters)
        sl_dead_letter_write(o->refusals.letters, &r->letters);
    else
        start_finding(r);
    return true;
}

void sl_redrive_stop(sl_output *o)
{
    sl_redrive *r = o->redrive;

    o->draining = true;
    if (!sl_redrive_is_working(r) || r->stopped)
        return;
    r->stopped = true;
    if (uv_is_active((uv_handle_t *)&o->again)) {
        uv_timer_stop(&o->again);
        on_again(&o->again);
    }
    sl_output_take_back_errand(o);
}

bool sl_redrive_is_working(const sl_redrive *r)
{
    return r && !r->said.over;
}

void sl_redrive_free(sl_redrive *r)
{
    if (!r)
        return;
    forget_all(r);
    free(r->said.words);
    free(r->said.file);
    free(r->reason);
    free(r);
}

const sl_redriven *sl_redrive_look(const sl_output *o)
{
    return o->redrive ? &o->redrive->said : NULL;
}
