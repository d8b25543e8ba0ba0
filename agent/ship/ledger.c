/* ledger.c - see ledger.h. */
#include "ship/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void sl_account_init(sl_account *a)
{
    *a = (sl_account){0};
    for (int s = 0; s < SL_STREAMS; s++)
        sl_list_init(&a->marks[s]);
}

static sl_mark *mark_of(const sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_mark, link);
}

uint32_t sl_account_mark(sl_account *a, sl_batch_pool *p, sl_batch *b, sl_stream stream,
                         uint64_t seq, const char name[SL_NAME_LEN])
{
    uint32_t number;

    if (a->marked_epoch != b->epoch) {
        a->marked_epoch = b->epoch;
        for (int s = 0; s < SL_STREAMS; s++)
            a->marked[s] = UINT32_MAX;
    }
    number = a->marked[stream];
    if (number != UINT32_MAX && b->marks[number]->first.seq == seq)
        return number;
    number = sl_batch_mark(p, b, a, stream, name);
    b->marks[number]->first.seq = seq;
    sl_list_append(&a->marks[stream], &b->marks[number]->link);
    a->marked[stream] = number;
    return number;
}

sl_place sl_account_frontier(const sl_account *a, sl_stream stream)
{
    sl_place at = a->read;

    if (!sl_list_is_empty(&a->marks[stream]))
        at = mark_of(a->marks[stream].next)->first;
    else if (a->part[stream].seq)
        at = a->part[stream];
    return sl_place_cmp(at, a->resumed[stream]) < 0 ? a->resumed[stream] : at;
}

bool sl_account_is_out(const sl_account *a)
{
    for (int s = 0; s < SL_STREAMS; s++) {
        if (!sl_list_is_empty(&a->marks[s]))
            return true;
    }
    return false;
}

bool sl_account_is_settled(const sl_account *a)
{
    for (int s = 0; s < SL_STREAMS; s++) {
        if (a->part[s].seq)
            return false;
    }
    return !sl_account_is_out(a);
}

void sl_account_drop_parts(sl_account *a)
{
    a->again_bytes += a->part_bytes;
    a->part_bytes = 0;
}

void sl_account_begin(sl_account *a, sl_place at)
{
    SL_ASSERT(!sl_account_is_out(a) && a->part_bytes == 0);
    a->read = at;
    for (int s = 0; s < SL_STREAMS; s++)
        a->part[s] = (sl_place){0};
}

static void count(sl_books *books, uint32_t records, uint64_t bytes, const sl_verdict *v)
{
    if (v->end == SL_END_DELIVERED) {
        books->delivered += bytes;
        books->delivered_records += records;
    } else if (v->end == SL_END_DEAD) {
        books->dead_lettered[v->dead] += bytes;
        books->dead_lettered_records[v->dead] += records;
    } else {
        books->dropped[v->dropped] += bytes;
    }
}

static void count_delay(const sl_mark *m, uint32_t records, int64_t now_ns, sl_histogram *delays)
{
    int64_t delay_ns = now_ns - m->time_ns;

    if (m->time_ns) /* a clock that was set back makes no negative delay */
        sl_histogram_add(delays, delay_ns > 0 ? (uint64_t)delay_ns / 1000000 : 0, records);
}

/* How many rows from i to end belong to the same mark as row i, and their bytes. */
static uint32_t run_of(const sl_batch *b, uint32_t i, uint32_t end, uint64_t *bytes)
{
    uint32_t from = i;

    for (*bytes = 0; i < end && b->rows[i].mark == b->rows[from].mark; i++)
        *bytes += b->rows[i].bytes;
    return i - from;
}

void sl_ledger_settle(sl_batch *b, uint32_t first, uint32_t n, const sl_verdict *verdict,
                      int64_t now_ns, sl_histogram *delays)
{
    uint64_t bytes;

    for (uint32_t i = first, run; i < first + n; i += run) {
        sl_mark *m = b->marks[b->rows[i].mark];

        run = run_of(b, i, first + n, &bytes);
        count(&m->account->books, run, bytes, verdict);
        if (verdict->end == SL_END_DELIVERED)
            count_delay(m, run, now_ns, delays);
        sl_mark_settle(m, run, bytes);
    }
}

void sl_ledger_give_back(sl_batch *b, uint32_t first, uint32_t n)
{
    uint64_t bytes;

    for (uint32_t i = first, run; i < first + n; i += run) {
        sl_mark *m = b->marks[b->rows[i].mark];

        run = run_of(b, i, first + n, &bytes);
        m->account->again_bytes += bytes;
        sl_mark_settle(m, run, bytes);
    }
}

void sl_log_loss(sl_log *log, const char *output, const sl_loss *loss)
{
    char from[24], to[24], bytes[24], restart[16];
    const sl_slice slices[] = {loss->namespace, loss->pod, loss->container, loss->generation};
    char *texts[4];

    for (int i = 0; i < 4; i++)
        texts[i] = sl_strndup(slices[i].ptr, slices[i].len);
    snprintf(from, sizeof from, "%" PRIu64, loss->from);
    snprintf(to, sizeof to, "%" PRIu64, loss->to);
    snprintf(bytes, sizeof bytes, "%" PRIu64, loss->to - loss->from);
    snprintf(restart, sizeof restart, "%" PRIu32, loss->restart);
    sl_log_fields(log, SL_LOG_ERROR, "lost", "reason", sl_lost_names[loss->reason], "namespace",
                  texts[0], "pod", texts[1], "container", texts[2], "restart", restart, "file",
                  loss->file, "generation", texts[3], "from", from, "to", to, "bytes", bytes,
                  "output", output, NULL);
    for (int i = 0; i < 4; i++)
        free(texts[i]);
}

sl_books sl_account_books(const sl_account *a)
{
    sl_books books = a->books;

    books.in_flight = a->part_bytes + a->again_bytes;
    for (int s = 0; s < SL_STREAMS; s++)
        SL_LIST_EACH(&a->marks[s], link)
    books.in_flight += mark_of(link)->bytes;
    return books;
}

void sl_books_add(sl_books *sum, const sl_books *one)
{
    sum->read += one->read;
    sum->delivered += one->delivered;
    sum->filtered += one->filtered;
    for (int r = 0; r < SL_DEAD_REASONS; r++) {
        sum->dead_lettered[r] += one->dead_lettered[r];
        sum->dead_lettered_records[r] += one->dead_lettered_records[r];
    }
    for (int r = 0; r < SL_DROP_REASONS; r++)
        sum->dropped[r] += one->dropped[r];
    sum->in_flight += one->in_flight;
    sum->delivered_records += one->delivered_records;
    for (int r = 0; r < SL_LOST_REASONS; r++)
        sum->lost[r] += one->lost[r];
}

bool sl_books_balance(const sl_books *b)
{
    return b->read == b->delivered + b->filtered + sl_books_dead_lettered(b) + sl_books_dropped(b) +
                          b->in_flight;
}

static uint64_t sum_of(const uint64_t *bytes, int reasons)
{
    uint64_t sum = 0;

    for (int r = 0; r < reasons; r++)
        sum += bytes[r];
    return sum;
}

uint64_t sl_books_dead_lettered(const sl_books *b)
{
    return sum_of(b->dead_lettered, SL_DEAD_REASONS);
}

uint64_t sl_books_dropped(const sl_books *b)
{
    return sum_of(b->dropped, SL_DROP_REASONS);
}

uint64_t sl_books_lost(const sl_books *b)
{
    return sum_of(b->lost, SL_LOST_REASONS);
}
