/* batch.c - see batch.h.
 *
 * A batch's memory is taken whole when it is opened, and used again by the next one: touching fresh
 * pages costs more than encoding into them. Rows are bounded by the payload: 64 bytes of payload a
 * row is less than any JSON record has. */
#include "flow/batch.h"

#include <stdlib.h>

#define PAYLOAD_PER_ROW 64
#define MIN_ROWS        16
#define AHEAD           8 /* rows are asked for in turn, long after they were written */

void sl_batch_pool_init(sl_batch_pool *p, uint64_t budget, size_t max_bytes, uint32_t max_records)
{
    *p = (sl_batch_pool){.max_bytes = max_bytes, .max_records = max_records};
    sl_gate_init(&p->gate, budget);
    sl_list_init(&p->idle);
    sl_list_init(&p->idle_marks);
}

static void destroy(sl_batch *b)
{
    free(b->payload);
    free(b->rows);
    free(b->marks);
    free(b->packed);
    free(b);
}

void sl_batch_pool_trim(sl_batch_pool *p)
{
    SL_LIST_EACH_SAFE(&p->idle, link)
    {
        sl_list_remove(link);
        destroy(SL_CONTAINER_OF(link, sl_batch, link));
    }
    SL_LIST_EACH_SAFE(&p->idle_marks, link)
    {
        sl_list_remove(link);
        free(SL_CONTAINER_OF(link, sl_mark, link));
    }
}

void sl_batch_pool_fini(sl_batch_pool *p)
{
    SL_ASSERT(p->gate.held == 0);
    sl_batch_pool_trim(p);
}

static uint32_t rows_for(const sl_batch_pool *p, size_t cap)
{
    size_t rows = cap / PAYLOAD_PER_ROW + MIN_ROWS;

    return p->max_records && p->max_records < rows ? p->max_records : (uint32_t)rows;
}

static uint64_t memory_of(const sl_batch_pool *p, size_t cap, uint32_t rows)
{
    return cap + rows * sizeof(sl_row) + (p->packed_bound ? p->packed_bound(cap) : 0);
}

static sl_batch *allocate(const sl_batch_pool *p, size_t cap, uint32_t rows)
{
    sl_batch *b = sl_alloc(sizeof *b);

    b->payload = sl_alloc_raw(cap);
    b->rows = sl_alloc_raw(rows * sizeof *b->rows);
    b->packed = p->packed_bound ? sl_alloc_raw(p->packed_bound(cap)) : NULL;
    b->cap = cap;
    b->row_cap = rows;
    sl_list_init(&b->link);
    return b;
}

sl_batch *sl_batch_new(sl_batch_pool *p, size_t bytes)
{
    size_t cap = bytes > p->max_bytes ? bytes : p->max_bytes;
    uint32_t rows = bytes > p->max_bytes ? 1 : rows_for(p, cap); /* a large record travels alone */
    uint64_t held = memory_of(p, cap, rows);
    sl_batch *b;

    SL_ASSERT(cap <= UINT32_MAX);
    if (!sl_gate_take(&p->gate, held))
        return NULL;
    if (cap == p->max_bytes && !sl_list_is_empty(&p->idle)) {
        b = SL_CONTAINER_OF(p->idle.next, sl_batch, link);
        sl_list_remove(&b->link);
    } else {
        b = allocate(p, cap, rows);
    }
    b->texts = cap;
    b->held = held;
    b->epoch = ++p->epoch;
    return b;
}

void sl_batch_free(sl_batch_pool *p, sl_batch *b)
{
    for (uint32_t i = 0; i < b->mark_count; i++) {
        sl_mark *m = b->marks[i];

        sl_list_remove(&m->link);
        sl_list_append(&p->idle_marks, &m->link);
    }
    sl_gate_give(&p->gate, b->held);
    b->used = b->row_count = b->mark_count = b->unanswered = 0;
    b->limit = b->shown = b->tries = 0;
    b->packed_len = 0;
    b->sent = b->errand = false;
    b->output = NULL;
    if (b->cap == p->max_bytes)
        sl_list_prepend(&p->idle, &b->link); /* the one whose pages are warmest goes out first */
    else
        destroy(b);
}

static uint32_t add_mark(sl_batch *b, sl_mark *m)
{
    if (b->mark_count == b->mark_cap) {
        b->mark_cap = b->mark_cap ? b->mark_cap * 2 : 16;
        b->marks = sl_realloc(b->marks, b->mark_cap * sizeof *b->marks);
    }
    b->marks[b->mark_count] = m;
    return b->mark_count++;
}

uint32_t sl_batch_mark(sl_batch_pool *p, sl_batch *b, sl_account *account, sl_stream stream,
                       const char name[SL_NAME_LEN])
{
    sl_mark *m;

    if (sl_list_is_empty(&p->idle_marks)) {
        m = sl_alloc(sizeof *m);
    } else {
        m = SL_CONTAINER_OF(p->idle_marks.next, sl_mark, link);
        sl_list_remove(&m->link);
    }
    *m = (sl_mark){.account = account, .stream = stream};
    sl_list_init(&m->link);
    memcpy(m->name, name, SL_NAME_LEN);
    return add_mark(b, m);
}

/* Behind its length; so it is never at 0. */
static uint32_t keep(sl_batch *b, sl_slice text)
{
    uint16_t len = (uint16_t)text.len;

    if (!text.ptr)
        return 0;
    SL_ASSERT(text.len <= UINT16_MAX && b->texts - b->used >= text.len + sizeof len);
    b->texts -= text.len;
    memcpy(b->payload + b->texts, text.ptr, text.len);
    b->texts -= sizeof len;
    memcpy(b->payload + b->texts, &len, sizeof len);
    return (uint32_t)(b->texts + sizeof len);
}

static sl_slice kept(const sl_batch *b, uint32_t at)
{
    uint16_t len;

    if (!at)
        return (sl_slice){0};
    memcpy(&len, b->payload + at - sizeof len, sizeof len);
    return (sl_slice){b->payload + at, len};
}

void sl_batch_keep_texts(sl_batch *b, sl_mark *m, const sl_beside *beside)
{
    m->texts = beside->number;
    m->target = keep(b, beside->target);
    m->key = keep(b, beside->key);
}

uint32_t sl_batch_keep_time(sl_batch *b, const char time[SL_TIME_LEN])
{
    SL_ASSERT(b->texts - b->used >= SL_TIME_LEN);
    b->texts -= SL_TIME_LEN;
    memcpy(b->payload + b->texts, time, SL_TIME_LEN);
    return (uint32_t)b->texts;
}

uint32_t sl_batch_show(sl_batch *b)
{
    uint32_t shown = b->limit && b->limit < b->row_count ? b->limit : b->row_count;

    if (shown != b->shown)
        b->packed_len = 0;
    b->shown = shown;
    return shown;
}

sl_slice sl_batch_plain(const sl_batch *b)
{
    return (sl_slice){b->payload, b->shown < b->row_count ? b->rows[b->shown].at : b->used};
}

sl_slice sl_batch_payload(const sl_batch *b)
{
    return b->packed_len ? (sl_slice){b->packed, b->packed_len} : sl_batch_plain(b);
}

uint32_t sl_batch_count(const sl_batch *b)
{
    return b->shown;
}

void sl_batch_item(const sl_batch *b, uint32_t i, sl_item *out)
{
    const sl_row *row = &b->rows[i];
    const char *framed = b->payload + row->at;

    SL_ASSERT(i < b->row_count);
    if (i + AHEAD < b->row_count)
        __builtin_prefetch(b->payload + row[AHEAD].time);
    *out = (sl_item){
        .framed = {framed, row->len},
        .value = {framed + row->before, row->len - row->before - row->after},
        .key = kept(b, row->key),
        .target = kept(b, row->target),
        .generation = {b->marks[row->mark]->name, SL_NAME_LEN},
        .offset = row->offset,
        .piece = row->piece,
        .time_ns = sl_time_read(b->payload + row->time),
    };
}

void sl_mark_settle(sl_mark *m, uint32_t records, uint64_t bytes)
{
    SL_ASSERT(m->records >= records && m->bytes >= bytes);
    m->bytes -= bytes;
    m->records -= records;
    if (m->records == 0)
        sl_list_remove(&m->link);
}

/* Moves the marks on. Returns the first row that is left. */
static uint32_t find_unsettled(sl_batch *b)
{
    uint32_t first = b->row_count;

    for (uint32_t i = b->row_count;
         i-- > 0;) { /* backwards: the first one left has the last word */
        if (b->rows[i].fate == SL_FATE_SETTLED)
            continue;
        b->marks[b->rows[i].mark]->first.offset = b->rows[i].offset;
        first = i;
    }
    return first;
}

bool sl_batch_keep_unsettled(sl_batch *b)
{
    uint32_t kept = 0;
    size_t used = 0;

    for (uint32_t i = find_unsettled(b); i < b->row_count; i++) {
        sl_row row = b->rows[i];

        if (row.fate == SL_FATE_SETTLED)
            continue;
        memmove(b->payload + used, b->payload + row.at, row.len);
        if (row.time < row.at + row.len) /* else it does not stand in the payload */
            row.time -= row.at - (uint32_t)used;
        row.at = (uint32_t)used;
        row.answered = false;
        row.fate = row.fate == SL_FATE_ANEW ? SL_FATE_ANEW : SL_FATE_SETTLED;
        used += row.len;
        b->rows[kept++] = row;
    }
    b->used = used;
    b->row_count = kept;
    b->shown = 0;
    b->packed_len = 0;
    return kept > 0;
}

static bool time_is_beside(const sl_row *row)
{
    return row->time >= row->at + row->len;
}

/* --- other frames --- */

typedef struct reframing {
    sl_batch *batch;
    const sl_reframe *how;
    sl_slice target; /* of the row that was framed last, with its frame */
    sl_buf before, after;
    sl_buf last; /* the target that was kept last; len 0: none was */
    uint32_t last_at;
} reframing;

static bool is_meant(const sl_row *row)
{
    return row->fate == SL_FATE_ANEW;
}

static void frame_row(reframing *r, const sl_row *row)
{
    const sl_batch *b = r->batch;
    const sl_mark *m = b->marks[row->mark];
    sl_record rec = {.at = {m->first.seq, row->offset},
                     .stream = m->stream,
                     .time = b->payload + row->time,
                     .piece = row->piece};

    r->before.len = r->after.len = 0;
    r->target = r->how->target.ptr ? r->how->target : kept(b, row->target);
    r->how->frame(r->how->arg, m, &rec, &r->target, &r->before, &r->after);
    SL_ASSERT(r->before.len <= UINT16_MAX && r->after.len <= UINT16_MAX);
}

static bool is_other_target(const reframing *r, const sl_row *row)
{
    return r->target.ptr && !sl_slice_eq(kept(r->batch, row->target), r->target);
}

static bool is_other_frame(const reframing *r, const sl_row *row)
{
    const char *at = r->batch->payload + row->at;
    sl_slice before = {at, row->before}, after = {at + row->len - row->after, row->after};

    return !sl_slice_eq(before, sl_buf_slice(&r->before)) ||
           !sl_slice_eq(after, sl_buf_slice(&r->after)) || is_other_target(r, row);
}

/* The target is not the one of the row before. */
static bool is_next_target(reframing *r)
{
    if (sl_slice_eq(sl_buf_slice(&r->last), r->target) && r->last.len > 0)
        return false;
    r->last.len = 0;
    sl_buf_add(&r->last, r->target.ptr, r->target.len);
    return true;
}

/* Bytes of the payload with its new frames, and of targets that come to it.
 * returns  false: nothing changes */
static bool measure_frames(reframing *r, size_t *used, size_t *texts)
{
    bool changed = false;

    *used = *texts = 0;
    for (uint32_t i = 0; i < r->batch->row_count; i++) {
        const sl_row *row = &r->batch->rows[i];

        *used += row->len;
        if (!is_meant(row))
            continue;
        frame_row(r, row);
        *used += r->before.len + r->after.len - row->before - row->after;
        changed = changed || is_other_frame(r, row);
        if (is_other_target(r, row) && is_next_target(r))
            *texts += r->target.len + SL_TEXT_BYTES;
    }
    r->last.len = 0;
    return changed;
}

/* What stands at its end goes on standing there. */
static void grow(sl_batch_pool *p, sl_batch *b, size_t more)
{
    size_t cap = b->cap + more;
    uint64_t held = memory_of(p, cap, b->row_cap);

    SL_ASSERT(cap <= UINT32_MAX);
    for (uint32_t i = 0; i < b->row_count; i++) {
        sl_row *row = &b->rows[i];

        row->time += time_is_beside(row) ? (uint32_t)more : 0;
        row->target += row->target ? (uint32_t)more : 0;
        row->key += row->key ? (uint32_t)more : 0;
    }
    b->payload = sl_realloc(b->payload, cap);
    memmove(b->payload + b->texts + more, b->payload + b->texts, b->cap - b->texts);
    b->texts += more;
    b->cap = cap;
    if (b->packed)
        b->packed = sl_realloc(b->packed, p->packed_bound(cap));
    sl_gate_force(&p->gate, held - b->held);
    b->held = held;
}

/* From the front, so that what is left has room to move; targets get their place. */
static void strip_frames(reframing *r)
{
    sl_batch *b = r->batch;
    size_t used = 0;

    b->used = 0; /* the targets' room was made sure of */
    for (uint32_t i = 0; i < b->row_count; i++) {
        sl_row *row = &b->rows[i];
        bool meant = is_meant(row), beside = time_is_beside(row);
        uint32_t from = row->at + (meant ? row->before : 0);

        if (meant) {
            frame_row(r, row);
            if (is_other_target(r, row) && is_next_target(r))
                r->last_at = keep(b, sl_buf_slice(&r->last));
            if (is_other_target(r, row))
                row->target = r->last_at;
            row->len -= row->before + (uint32_t)row->after;
        }
        memmove(b->payload + used, b->payload + from, row->len);
        row->time -= beside ? 0 : from - (uint32_t)used;
        row->at = (uint32_t)used;
        used += row->len;
    }
}

/* At `to` its value stands, between the halves. */
static void put_frame(reframing *r, sl_row *row, size_t to)
{
    char *value = r->batch->payload + to;

    memcpy(value - r->before.len, r->before.ptr, r->before.len);
    memcpy(value + row->len, r->after.ptr, r->after.len);
    row->before = (uint16_t)r->before.len;
    row->after = (uint16_t)r->after.len;
    row->len += row->before + (uint32_t)row->after;
    row->fate = SL_FATE_SETTLED;
}

/* From the back, to where they end in `used` bytes. */
static void put_frames(reframing *r, size_t used)
{
    sl_batch *b = r->batch;

    b->used = used;
    for (uint32_t i = b->row_count; i-- > 0;) {
        sl_row *row = &b->rows[i];
        bool meant = is_meant(row), beside = time_is_beside(row);
        size_t to = used - row->len;

        if (meant)
            frame_row(r, row);
        to -= meant ? r->after.len : 0;
        memmove(b->payload + to, b->payload + row->at, row->len);
        row->time += beside ? 0 : (uint32_t)to - row->at;
        if (meant)
            put_frame(r, row, to);
        used = meant ? to - r->before.len : to;
        row->at = (uint32_t)used;
    }
    SL_ASSERT(used == 0);
}

bool sl_batch_reframe(sl_batch_pool *p, sl_batch *b, const sl_reframe *how)
{
    reframing r = {.batch = b, .how = how};
    size_t used, texts, most;
    bool changed;

    sl_buf_reserve(&r.before, 1); /* so that an empty one has a place, too */
    sl_buf_reserve(&r.after, 1);
    changed = measure_frames(&r, &used, &texts);
    most = texts + (used > b->used ? used : b->used); /* targets may come before rows have moved */
    if (changed && most > b->texts)
        grow(p, b, most - b->texts);
    if (changed) {
        strip_frames(&r);
        put_frames(&r, used);
        b->packed_len = 0;
    }
    sl_buf_fini(&r.before);
    sl_buf_fini(&r.after);
    sl_buf_fini(&r.last);
    return changed;
}
