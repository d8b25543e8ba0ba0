/* trip.c - see trip.h. */
#include "ship/trip.h"

#include "ship/ledger.h"

#include <stdlib.h>

#define MAX_REASON   512
#define MAX_ASKED_MS 600000

sl_trip *sl_trip_new(void *owner, sl_batch *b)
{
    sl_trip *t = sl_alloc(sizeof *t);

    t->owner = owner;
    t->batch = b;
    b->output = t;
    b->unanswered = b->shown;
    return t;
}

static void drop_refusals(sl_trip *t)
{
    for (size_t i = 0; i < t->refusal_count; i++)
        free(t->refusals[i].words);
    t->refusal_count = 0;
}

void sl_trip_free(sl_trip *t)
{
    if (!t)
        return;
    drop_refusals(t);
    free(t->refusals);
    free(t->why_again);
    free(t->why_held);
    free(t->elsewhere);
    free(t);
}

static char *copy_reason(sl_slice reason)
{
    return sl_strndup(reason.ptr ? reason.ptr : "",
                      reason.len < MAX_REASON ? reason.len : MAX_REASON);
}

/* Records are often refused one by one, all for the same reason. */
static bool widen(sl_refusal *last, const sl_refusal *r)
{
    if (last->reason != r->reason || strcmp(last->words, r->words) != 0)
        return false;
    if (r->first + r->n == last->first)
        last->first = r->first;
    else if (last->first + last->n != r->first)
        return false;
    last->n += r->n;
    return true;
}

static void note_refusal(sl_trip *t, uint32_t first, uint32_t n, sl_dead_reason reason,
                         sl_slice words)
{
    sl_refusal r = {first, n, reason, copy_reason(words)};

    if (t->refusal_count && widen(&t->refusals[t->refusal_count - 1], &r)) {
        free(r.words);
        return;
    }
    if (t->refusal_count == t->refusal_cap) {
        t->refusal_cap = t->refusal_cap ? t->refusal_cap * 2 : 8;
        t->refusals = sl_realloc(t->refusals, t->refusal_cap * sizeof *t->refusals);
    }
    t->refusals[t->refusal_count++] = r;
}

/* One target at a time: who is wanted at another one than the first is answered so once more. */
static sl_fate note_anew(sl_trip *t, sl_slice target)
{
    if (!t->anew && target.ptr)
        t->elsewhere = sl_strndup(target.ptr, target.len);
    t->anew = true;
    if (!target.ptr)
        return t->elsewhere ? SL_FATE_LATER : SL_FATE_ANEW;
    return sl_slice_eq(sl_str(t->elsewhere), target) ? SL_FATE_ANEW : SL_FATE_LATER;
}

static sl_fate note_retry(sl_trip *t, const sl_answer *answer)
{
    if (answer->code == SL_HOLD) {
        if (!t->why_held)
            t->why_held = copy_reason(answer->reason);
        return SL_FATE_HELD;
    }
    if (answer->code == SL_ANEW)
        return note_anew(t, answer->target);
    if (answer->code == SL_NOW) {
        t->now = true;
        return SL_FATE_LATER;
    }
    if (!t->why_again)
        t->why_again = copy_reason(answer->reason);
    if (answer->retry_after_ms > t->asked_ms)
        t->asked_ms = answer->retry_after_ms < MAX_ASKED_MS ? answer->retry_after_ms : MAX_ASKED_MS;
    return SL_FATE_AGAIN;
}

static sl_fate note_rejected(sl_trip *t, uint32_t first, uint32_t n, const sl_answer *answer)
{
    sl_dead_reason reason = SL_DEAD_REJECTED;

    if (answer->outcome == SL_TOO_MUCH || answer->code == SL_TOO_LARGE)
        reason = SL_DEAD_TOO_LARGE;
    else if (answer->code == SL_FAILURE_STORE)
        reason = SL_DEAD_FAILURE_STORE;
    note_refusal(t, first, n, reason, answer->reason);
    return SL_FATE_SETTLED;
}

/* Whose place was taken, though it is new: is it another record's? Then one of them is lost. */
static uint32_t count_conflicts(const sl_batch *b, uint32_t first, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t i = first; !b->sent && i < first + n; i++) {
        const sl_mark *m = b->marks[b->rows[i].mark];
        sl_place at = {m->first.seq, b->rows[i].offset};

        count += m->account->fresh.seq && sl_place_cmp(at, m->account->fresh) >= 0;
    }
    return count;
}

/* What that answer means for each of its rows. */
static sl_fate note(sl_trip *t, uint32_t first, uint32_t n, const sl_answer *answer)
{
    switch (answer->outcome) {
    case SL_DELIVERED:
        if (answer->code == SL_KNOWN)
            t->conflicts += count_conflicts(t->batch, first, n);
        return SL_FATE_SETTLED;
    case SL_TOO_MUCH:
        if (t->batch->shown == 1)
            return note_rejected(t, first, n, answer);
        t->too_much += n;
        return SL_FATE_LATER;
    case SL_REJECTED:
        return note_rejected(t, first, n, answer);
    default:
        return note_retry(t, answer); /* of what we do not know, the safe one */
    }
}

bool sl_trip_answer(sl_trip *t, uint32_t first, uint32_t n, const sl_answer *answer)
{
    sl_batch *b = t->batch;
    sl_fate fate;

    SL_ASSERT(first <= b->shown && n <= b->shown - first);
    if (n == 0)
        return false;
    fate = note(t, first, n, answer);
    for (uint32_t i = first; i < first + n; i++) {
        SL_ASSERT(!b->rows[i].answered);
        b->rows[i].answered = true;
        b->rows[i].fate = (unsigned)fate & 7;
    }
    b->unanswered -= n;
    return b->unanswered == 0;
}

static int by_first(const void *a, const void *b)
{
    const sl_refusal *left = a, *right = b;

    return (left->first > right->first) - (left->first < right->first);
}

static void refuse_failed(sl_trip *t)
{
    sl_row *rows = t->batch->rows;

    for (uint32_t i = 0; i < t->batch->row_count; i++) {
        if (rows[i].fate != SL_FATE_AGAIN)
            continue;
        rows[i].fate = SL_FATE_SETTLED;
        note_refusal(t, i, 1, SL_DEAD_RETRY_LIMIT, sl_str(t->why_again));
    }
}

void sl_trip_end(sl_trip *t, uint64_t limit)
{
    sl_batch *b = t->batch;

    b->sent = true;
    if (t->too_much)
        b->limit = (t->too_much + 1) / 2;
    else if (t->refusal_count > 0)
        b->limit = 0; /* it was found: the others go together again */
    for (uint32_t i = b->shown; i < b->row_count; i++)
        b->rows[i].fate = SL_FATE_LATER;
    if (t->why_again && ++b->tries >= limit && limit > 0)
        refuse_failed(t);
    if (t->refusal_count)
        qsort(t->refusals, t->refusal_count, sizeof *t->refusals, by_first);
}

void sl_trip_take_back(sl_trip *t)
{
    for (size_t r = 0; r < t->refusal_count; r++) {
        for (uint32_t i = t->refusals[r].first; i < t->refusals[r].first + t->refusals[r].n; i++)
            t->batch->rows[i].fate = SL_FATE_LATER;
    }
    drop_refusals(t);
}
