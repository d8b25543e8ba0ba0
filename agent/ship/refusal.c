/* refusal.c - see refusal.h. */
#include "ship/refusal.h"

#include "ship/dead_entry.h"

#include <stdlib.h>

#define CHUNK_BYTES (256 << 10)

/* A row of one of the trip's refusals. */
typedef struct spot {
    size_t refusal;
    uint32_t row;
} spot;

/* One trip's refused rows on their way to the disk. */
typedef struct burial {
    sl_dead_job job;
    const sl_refusals *all;
    sl_trip *trip;
    spot from, to;    /* what is in the job; before it all is settled */
    uint32_t entries; /* in the job */
    uint32_t most;    /* of them */
} burial;

static void render(const sl_refusals *all, const sl_batch *b, uint32_t i, const sl_refusal *r,
                   sl_buf *out)
{
    const sl_row *row = &b->rows[i];
    char now[SL_TIME_LEN];
    sl_whose whose = {0};
    sl_item item;

    sl_time_format(now, sl_wall_ns(all->clock));
    all->whose(all->arg, b->marks[row->mark]->account, &whose);
    sl_batch_item(b, i, &item);
    sl_dead_entry_write(
        &(sl_dead_entry){
            .time = {now, sizeof now},
            .output = sl_str(all->output),
            .reason = sl_str(sl_dead_names[r->reason]),
            .error = sl_str(r->words),
            .namespace = whose.namespace,
            .pod = whose.pod,
            .container = whose.container,
            .generation = item.generation,
            .offset = item.offset,
            .piece = item.piece,
            .target = item.target,
            .key = item.key,
            .timestamp = {b->payload + row->time, SL_TIME_LEN},
            .before = {item.framed.ptr, row->before},
            .after = {item.value.ptr + item.value.len, row->after},
            .value = item.value,
        },
        all->json, out);
}

/* The far end has it. */
static bool is_elsewhere(const sl_refusal *r)
{
    return r->reason == SL_DEAD_FAILURE_STORE;
}

/* Calls `each` for what is left of each refusal from one spot to the other. */
static void walk(burial *u, spot to,
                 void (*each)(burial *u, const sl_refusal *r, uint32_t first, uint32_t n))
{
    for (spot at = u->from; at.refusal < u->trip->refusal_count; at = (spot){at.refusal + 1, 0}) {
        const sl_refusal *r = &u->trip->refusals[at.refusal];
        uint32_t rows = at.refusal < to.refusal ? r->n : at.refusal == to.refusal ? to.row : 0;

        if (rows > at.row && !is_elsewhere(r))
            each(u, r, r->first + at.row, rows - at.row);
    }
    u->from = to;
}

static void hold(burial *u, const sl_refusal *r, uint32_t first, uint32_t n)
{
    (void)r;
    for (uint32_t i = first; i < first + n; i++)
        u->trip->batch->rows[i].fate = SL_FATE_HELD;
}

static void settle(burial *u, const sl_refusal *r, uint32_t first, uint32_t n)
{
    sl_verdict verdict = {.end = SL_END_DEAD, .dead = r->reason, .words = r->words};

    if (u->job.err)
        verdict = (sl_verdict){
            .end = SL_END_DROPPED, .dropped = SL_DROPPED_DEAD_LETTER_FULL, .words = r->words};
    u->all->settled(u->all->arg, u->trip->batch, first, n, &verdict);
}

static void end(burial *u, sl_err err)
{
    const sl_refusals *all = u->all;
    sl_trip *t = u->trip;

    walk(u, (spot){t->refusal_count, 0}, hold);
    sl_buf_fini(&u->job.text);
    free(u);
    all->buried(all->arg, t, err);
}

static void on_written(sl_dead_job *job);

static void write_next(burial *u)
{
    const sl_trip *t = u->trip;
    sl_buf *text = &u->job.text;

    text->len = u->entries = 0;
    while (u->to.refusal < t->refusal_count && text->len < CHUNK_BYTES && u->entries < u->most) {
        const sl_refusal *r = &t->refusals[u->to.refusal];

        if (!is_elsewhere(r)) {
            render(u->all, t->batch, r->first + u->to.row, r, text);
            u->entries++;
        }
        if (is_elsewhere(r) || ++u->to.row == r->n)
            u->to = (spot){u->to.refusal + 1, 0};
    }
    if (text->len == 0) {
        end(u, 0);
        return;
    }
    u->job.done = on_written;
    sl_dead_letter_write(u->all->letters, &u->job);
}

static void on_written(sl_dead_job *job)
{
    burial *u = SL_CONTAINER_OF(job, burial, job);

    if (job->err == SL_E_FULL && u->entries > 1) { /* there may be room for some of them */
        u->to = u->from;
        u->most = u->entries / 2;
        write_next(u);
        return;
    }
    if (job->err && !(job->err == SL_E_FULL && u->all->drop_when_full)) {
        end(u, job->err);
        return;
    }
    if (job->err) /* full for one is full for all that are with it */
        u->to = (spot){u->trip->refusal_count, 0};
    walk(u, u->to, settle);
    write_next(u);
}

static void settle_elsewhere(const sl_refusals *all, const sl_trip *t)
{
    for (size_t i = 0; i < t->refusal_count; i++) {
        const sl_refusal *r = &t->refusals[i];

        if (is_elsewhere(r))
            all->settled(all->arg, t->batch, r->first, r->n,
                         &(sl_verdict){
                             .end = SL_END_DEAD, .dead = SL_DEAD_FAILURE_STORE, .words = r->words});
    }
}

void sl_refusals_bury(const sl_refusals *all, sl_trip *t)
{
    burial *u = sl_alloc(sizeof *u);

    u->all = all;
    u->trip = t;
    u->most = UINT32_MAX;
    settle_elsewhere(all, t);
    if (all->letters)
        write_next(u);
    else
        end(u, 0);
}
