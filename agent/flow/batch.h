/* batch.h - records bound for one output: their framed bytes in one arena, a row for each record,
 * and a mark for each (account, stream, generation) that says how far back it reaches.
 *
 * The arena is filled from both ends: from its beginning with the payload, from its end with what
 * rows say beside it, which is mostly the same for many of them: targets and keys.
 *
 * Open: records are added. Sealed: it waits, is out, and its records are answered, in any order and
 * number; those answered RETRY stay, the rest is settled. A batch whose records are all settled
 * goes back to the pool it came from.
 *
 * Owns     payload, rows, marks
 * Thread   the loop's; a sealed payload may be read by the output's threads until it is answered
 * Limits   its memory is what the gate let in: sl_batch_room() is asked before a record is added, for
 *          SL_TEXT_BYTES more than the bytes of its target and its key, if it has any */
#ifndef SL_FLOW_BATCH_H
#define SL_FLOW_BATCH_H

#include "base/buf.h"
#include "base/list.h"
#include "flow/gate.h"
#include "flow/record.h"

#define SL_TEXT_BYTES sizeof(uint16_t) /* the length before a text */

typedef struct sl_account sl_account; /* one lane's books on one source: ship/ledger.h */

/* The unsettled records of one stream of one generation in one batch. Marks of the same account and
 * stream stand in a queue, in file order: the first one's `first` is as far as is delivered. */
typedef struct sl_mark {
    sl_link link; /* in the account's queue; in the pool, when idle */
    sl_account *account;
    sl_stream stream;
    sl_place first;         /* of its first unsettled record; seq is the generation's */
    uint64_t bytes;         /* of the file, unsettled */
    uint32_t records;       /* unsettled */
    uint64_t texts;         /* number of target and key, as it used them last */
    uint32_t target, key;   /* those, as in a row */
    int64_t time_ns;        /* of the first record that it got; 0: not known */
    char name[SL_NAME_LEN]; /* of the generation */
} sl_mark;

typedef struct sl_row {
    uint32_t at, len;       /* in the payload, with its frame */
    uint16_t before, after; /* bytes of frame in len */
    uint32_t mark;          /* number of its mark */
    uint64_t offset;        /* the record's place, with its mark's generation */
    uint64_t bytes;         /* of the file */
    uint32_t target, key;   /* where they stand in the arena; 0: none */
    uint32_t time;          /* where its SL_TIME_LEN bytes do */
    uint32_t piece : 27;    /* of the place */
    bool answered : 1;      /* since it was sent last */
    unsigned fate : 3;      /* sl_fate: what that answer means for it */
} sl_row;

/* What becomes of a row that was answered. */
typedef enum {
    SL_FATE_SETTLED, /* delivered, or refused */
    SL_FATE_AGAIN,   /* its sending failed */
    SL_FATE_LATER,   /* it has not had its turn, and nobody failed */
    SL_FATE_HELD,    /* its container waits */
    SL_FATE_ANEW     /* as LATER, and in another frame */
} sl_fate;

struct sl_batch {
    sl_link link; /* in the queue, or in the pool */
    char *payload;
    size_t used, cap; /* of the arena that begins with the payload */
    size_t texts;     /* where what stands at its end begins */
    sl_row *rows;
    uint32_t row_count, row_cap;
    sl_mark **marks; /* in the order of their first record */
    uint32_t mark_count, mark_cap;
    uint32_t limit;      /* rows that go out at once; 0: all */
    uint32_t shown;      /* rows that are out, or packed to go out: the first ones */
    uint32_t unanswered; /* of them, while it is out */
    uint32_t tries;      /* how often the rows that are left have failed */
    char *packed;        /* those that are shown, compressed; NULL: this pool does not compress */
    size_t packed_len;   /* 0: not yet */
    bool packing;        /* the pool's threads read the payload and write `packed` */
    bool sent;           /* some of it was, before now */
    bool errand;         /* not the lane's records: ship/redrive.h */
    uint64_t epoch;      /* of this use of the memory: never the same twice in one pool */
    uint64_t held;       /* of the pool's gate */
    void *output;        /* its output's, while it is out; else NULL */
};

/* Where a lane's batches come from and go back to, so that pages once touched are used again. */
typedef struct sl_batch_pool {
    sl_gate gate;
    size_t (*packed_bound)(size_t len); /* NULL: payloads are not compressed */
    size_t max_bytes;
    uint32_t max_records;
    uint64_t epoch;
    sl_link idle, idle_marks;
} sl_batch_pool;

/* budget       bytes of memory for all batches together
 * max_bytes    of payload in one batch, unless a single record is larger
 * max_records  0: as many as fit */
void sl_batch_pool_init(sl_batch_pool *p, uint64_t budget, size_t max_bytes, uint32_t max_records);
/* Gives the memory of idle batches back to the system. */
void sl_batch_pool_trim(sl_batch_pool *p);
void sl_batch_pool_fini(sl_batch_pool *p);

/* A batch with room for `bytes` of payload, or NULL: the gate is closed. */
sl_batch *sl_batch_new(sl_batch_pool *p, size_t bytes);
/* Back to the pool; all its records are settled. */
void sl_batch_free(sl_batch_pool *p, sl_batch *b);

/* false: a record that may take up to `bytes` of payload does not fit any more. */
static inline bool sl_batch_room(const sl_batch *b, size_t bytes)
{
    return b->texts - b->used >= bytes && b->row_count < b->row_cap;
}

/* No record fits any more, however short it is. */
static inline bool sl_batch_is_full(const sl_batch *b)
{
    return b->row_count == b->row_cap;
}

/* For sl_batch_added(), where something has to be kept beside the payload. */
void sl_batch_keep_texts(sl_batch *b, sl_mark *m, const sl_beside *beside);
uint32_t sl_batch_keep_time(sl_batch *b, const char time[SL_TIME_LEN]);

/* Counts the record that was just written at payload + used: moves `used` by its length, adds its
 * row and counts it in that mark, whose `first` it becomes if it is its first. There was room, for
 * its target, its key and its time as well. */
static inline void sl_batch_added(sl_batch *b, uint32_t mark, const sl_encoded *encoded,
                                  const sl_record *rec)
{
    sl_mark *m = b->marks[mark];
    uint32_t at = (uint32_t)b->used;

    b->used += encoded->len;
    if (SL_UNLIKELY(encoded->beside) && encoded->beside->number != m->texts)
        sl_batch_keep_texts(b, m, encoded->beside);
    b->rows[b->row_count++] =
        (sl_row){.at = at,
                 .len = (uint32_t)encoded->len,
                 .before = (uint16_t)encoded->before,
                 .after = (uint16_t)encoded->after,
                 .mark = mark,
                 .offset = rec->at.offset,
                 .bytes = rec->bytes,
                 .target = m->target,
                 .key = m->key,
                 .time = SL_LIKELY(encoded->time != SL_NO_TIME) ? at + encoded->time
                                                                : sl_batch_keep_time(b, rec->time),
                 .piece = rec->piece & SL_PIECE_MAX};
    if (m->records++ == 0)
        m->first = rec->at;
    m->bytes += rec->bytes;
}

/* A new mark, for records of that account, stream and generation. Returns its number. */
uint32_t sl_batch_mark(sl_batch_pool *p, sl_batch *b, sl_account *account, sl_stream stream,
                       const char name[SL_NAME_LEN]);

/* --- after sealing --- */
/* The first `limit` rows are what is sent next. Returns how many. */
uint32_t sl_batch_show(sl_batch *b);
/* What is shown: as it is, and as the far end wants it. */
sl_slice sl_batch_plain(const sl_batch *b);
sl_slice sl_batch_payload(const sl_batch *b);
uint32_t sl_batch_count(const sl_batch *b);
void sl_batch_item(const sl_batch *b, uint32_t i, sl_item *out);

/* Records of m were answered for good: they leave it. A mark without records leaves its account's queue. */
void sl_mark_settle(sl_mark *m, uint32_t records, uint64_t bytes);
/* What is left after all rows were answered: rows that are not settled move to the front, as the same
 * batch, their `answered` cleared, their `fate` too unless it is ANEW, and their marks' `first` moved
 * on; the others go.
 * returns  false: nothing is left */
bool sl_batch_keep_unsettled(sl_batch *b);

/* How rows of a batch whose fate is ANEW get other frames.
 *
 * target  where they go from now on; ptr NULL: each keeps its own, unless frame() changes it
 * frame   adds both halves of a row's frame. rec has its place, its time and its stream, and no more */
typedef struct sl_reframe {
    sl_slice target;
    void (*frame)(void *arg, const sl_mark *m, const sl_record *rec, sl_slice *target,
                  sl_buf *before, sl_buf *after);
    void *arg;
} sl_reframe;

/* Of a batch that is not out. If they do not fit, it grows; the gate counts that even when it is full.
 * returns  false: all is as it was */
bool sl_batch_reframe(sl_batch_pool *p, sl_batch *b, const sl_reframe *how);

#endif
