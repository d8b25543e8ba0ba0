/* ledger.h - one lane's books on one source: how far each stream is safely delivered, and what
 * became of every byte.
 *
 * Frontier of a stream = the start of its oldest record that is not settled: the first mark in its
 * queue, else its open part, else the read position. Everything before it was answered for.
 *
 * Books (P3): read = delivered + filtered + dead-lettered + dropped + in flight, in bytes of the
 * file, per process life; lost bytes were never read. In flight is added up anew from the marks and
 * the open parts, so that the equation can fail. A counter never falls: where something is dropped to be
 * read again, its bytes stay in flight, and as many of the next ones are not counted as read.
 *
 * Thread   the loop's */
#ifndef SL_SHIP_LEDGER_H
#define SL_SHIP_LEDGER_H

#include "base/histogram.h"
#include "base/log.h"
#include "flow/batch.h"

typedef struct sl_books {
    uint64_t read, delivered, filtered; /* bytes of the file */
    uint64_t dead_lettered[SL_DEAD_REASONS], dropped[SL_DROP_REASONS];
    uint64_t in_flight;
    uint64_t delivered_records, dead_lettered_records[SL_DEAD_REASONS];
    uint64_t lost[SL_LOST_REASONS];
} sl_books;

struct sl_account {
    sl_link marks[SL_STREAMS]; /* in file order */
    sl_place part[SL_STREAMS]; /* start of the open part; seq 0: there is none */
    uint64_t part_bytes;       /* of all open parts */
    uint64_t again_bytes;      /* of what was dropped: so many of the next bytes were read before */
    sl_place read;             /* read position; every stream is read up to here */
    sl_place resumed
        [SL_STREAMS]; /* where the stream was when we started: the frontier is never before */
    uint32_t marked[SL_STREAMS]; /* number of the stream's mark in the batch of that epoch */
    uint64_t marked_epoch;
    sl_books books;
    sl_place
        fresh; /* no life before this one can have sent what lies from here on; seq 0: unknown */
    const char *waiting; /* why nothing of it is read for now; NULL: it flows. See ship/aside.h */
    bool held;           /* nothing of it is sent */
    bool tried;          /* a record of it is read, though it waits */
    sl_link waits;       /* among those that wait */
};

void sl_account_init(sl_account *a);

/* The mark for records of this stream and generation in the open batch b: the last one, or a new
 * one at the end of the stream's queue. */
uint32_t sl_account_mark(sl_account *a, sl_batch_pool *p, sl_batch *b, sl_stream stream,
                         uint64_t seq, const char name[SL_NAME_LEN]);

/* So many bytes were read. What was dropped is read again, and was in flight until now. */
static inline void sl_account_read(sl_account *a, uint64_t bytes)
{
    uint64_t again = 0;

    if (SL_UNLIKELY(a->again_bytes > 0)) {
        again = bytes < a->again_bytes ? bytes : a->again_bytes;
        a->again_bytes -= again;
    }
    a->books.read += bytes - again;
}
/* Rows first .. first + n - 1 of b are dropped, and come again: the frontiers are to go back, too. */
void sl_ledger_give_back(sl_batch *b, uint32_t first, uint32_t n);
/* Open parts are dropped, and hold their frontiers: what was read of them comes again. */
void sl_account_drop_parts(sl_account *a);
/* Everything was answered for and dropped: what comes next is at `at`. */
void sl_account_begin(sl_account *a, sl_place at);

sl_place sl_account_frontier(const sl_account *a, sl_stream stream);
/* Some record of it waits for its answer. */
bool sl_account_is_out(const sl_account *a);
/* Nothing is open and nothing unsettled. */
bool sl_account_is_settled(const sl_account *a);

/* What became of rows in the end. */
typedef enum { SL_END_DELIVERED, SL_END_DEAD, SL_END_DROPPED } sl_end;

typedef struct sl_verdict {
    sl_end end;
    sl_dead_reason dead;    /* SL_END_DEAD */
    sl_drop_reason dropped; /* SL_END_DROPPED */
    const char *words;      /* the far end's; NULL: delivered */
} sl_verdict;

/* Rows first .. first + n - 1 of b are answered for good.
 * delays  of those delivered, until now_ns: counted for each run of one mark's records as if all had
 *         been written with its first one, so late rather than early by a batch's age at most */
void sl_ledger_settle(sl_batch *b, uint32_t first, uint32_t n, const sl_verdict *verdict,
                      int64_t now_ns, sl_histogram *delays);

/* Says what was lost: which container, which generation, which bytes; counting is the caller's. */
typedef struct sl_loss {
    sl_lost_reason reason;
    sl_slice namespace, pod, container, generation;
    const char *file; /* its name, last seen */
    uint32_t restart;
    uint64_t from, to;
} sl_loss;

void sl_log_loss(sl_log *log, const char *output, const sl_loss *loss);

/* The books, with in_flight added up. */
sl_books sl_account_books(const sl_account *a);
void sl_books_add(sl_books *sum, const sl_books *one);
bool sl_books_balance(const sl_books *b);
uint64_t sl_books_dead_lettered(const sl_books *b); /* for all reasons together */
uint64_t sl_books_dropped(const sl_books *b);
uint64_t sl_books_lost(const sl_books *b);

#endif
