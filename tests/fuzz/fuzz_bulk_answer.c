/* fuzz_bulk_answer.c - any bytes as the answer to a bulk request.
 *
 * What must hold: in pieces it says the same as whole; items come in their order, with a status that
 * HTTP knows; nothing is heard of an answer after it has failed; what is kept is bounded.
 *
 * The first byte of an input says how long the pieces are. */
#include "bulk_verdict.h"

#include "base/base.h"

#define SENT 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct heard {
    uint32_t items;
    uint64_t sum; /* of all that was said */
    bulk_verdicts verdicts;
} heard;

static void add(heard *h, sl_slice words)
{
    for (size_t i = 0; i < words.len; i++)
        h->sum = h->sum * 31 + (unsigned char)words.ptr[i];
}

static void on_item(void *arg, const bulk_item *item)
{
    heard *h = arg;

    SL_ASSERT(item->index >= h->items);
    h->items = item->index + 1;
    SL_ASSERT(item->status >= 100 && item->status <= 599);
    SL_ASSERT(item->type.len <= BULK_TYPE && item->reason.len <= BULK_REASON);
    h->sum = h->sum * 31 + (uint64_t)item->status * 2 + item->in_failure_store + item->index;
    add(h, item->type);
    add(h, item->reason);
    bulk_verdicts_note(&h->verdicts, item);
}

static bool hear(const char *bytes, size_t len, size_t piece, heard *h)
{
    bulk_answer a;
    bool goes_on = true;

    *h = (heard){.verdicts = {.count = SENT}};
    bulk_answer_init(&a, "create", on_item, h);
    for (size_t at = 0; at < len; at += piece) {
        bool well = bulk_answer_feed(&a, bytes + at, len - at < piece ? len - at : piece);

        SL_ASSERT(goes_on || !well);
        goes_on = well;
    }
    add(h, bulk_answer_type(&a));
    add(h, bulk_answer_reason(&a));
    SL_ASSERT(a.items >= h->items);
    h->items = a.items;
    return bulk_answer_end(&a);
}

static void judge(const heard *h)
{
    char text[BULK_TEXT];
    sl_answer answer;

    for (uint32_t i = 0; i < SENT; i++) {
        bulk_verdicts_judge(&h->verdicts, i, true, text, &answer);
        SL_ASSERT(answer.outcome <= SL_REJECTED);
        SL_ASSERT(answer.reason.len <= BULK_TYPE + BULK_REASON + 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heard whole, cut;
    size_t piece = size ? data[0] % 64 + 1u : 1;
    const char *bytes = (const char *)data + (size > 0);
    size_t len = size - (size > 0);
    bool one = hear(bytes, len, len + 1, &whole), other = hear(bytes, len, piece, &cut);

    SL_ASSERT(one == other && whole.items == cut.items && whole.sum == cut.sum);
    judge(&whole);
    bulk_verdicts_fini(&whole.verdicts);
    bulk_verdicts_fini(&cut.verdicts);
    return 0;
}
