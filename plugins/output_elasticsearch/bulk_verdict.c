/* bulk_verdict.c - see bulk_verdict.h. Types and reasons are those of Elasticsearch 7 to 9 and
 * OpenSearch 1 to 3; where they differ, both stand here. */
#include "bulk_verdict.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_WORDS (256 << 10)

/* UNSAID: its status alone tells. */
typedef enum {
    UNSAID,
    DELIVERED,
    KNOWN,
    STORED,
    AGAIN,
    AWAY,
    HELD,
    TOO_LARGE,
    REFUSED,
    NO_IDS
} verdict;

/* What is said of a record, and meant of its index. */
static const struct {
    const char *type, *reason; /* how each begins; NULL: however it does */
    verdict is;
} meanings[] = {
    {"unavailable_shards_exception", NULL, AWAY},
    {"cluster_block_exception", NULL, HELD},
    {"index_closed_exception", NULL, HELD},
    {"invalid_index_name_exception", NULL, HELD},
    {"security_exception", NULL, HELD},
    {"illegal_argument_exception", "pipeline with id [", HELD},
    {"illegal_argument_exception", "only write ops with an op_type of create", HELD},
    {"illegal_argument_exception", "no write index is defined for alias [", HELD},
    {"validation_exception", "Validation Failed: 1: this action would add [", HELD}, /* shards */
    {"illegal_argument_exception", "Document ID is not supported", NO_IDS},
    {"document_parsing_exception", "failed to parse: _id must be unset or set to [", NO_IDS},
};

void bulk_verdicts_fini(bulk_verdicts *v)
{
    free(v->rows);
    free(v->words);
    *v = (bulk_verdicts){0};
}

void bulk_verdicts_reset(bulk_verdicts *v, uint32_t count)
{
    bulk_verdicts_fini(v);
    v->count = count;
}

/* --- noting --- */

static void *must(void *memory)
{
    if (!memory)
        abort(); /* as the agent does: what was not acknowledged is read again */
    return memory;
}

static void add_words(bulk_verdicts *v, bulk_verdict *row, const bulk_item *item)
{
    size_t room = item->type.len + item->reason.len + 3;
    int len;

    if (room == 3 || v->words_len + room > MAX_WORDS)
        return;
    if (!v->words)
        v->words = must(malloc(MAX_WORDS)); /* what is not touched costs nothing */
    len = snprintf(v->words + v->words_len, room, "%.*s%s%.*s", (int)item->type.len, item->type.ptr,
                   item->type.len ? ": " : "", (int)item->reason.len, item->reason.ptr);
    row->words_at = (uint32_t)v->words_len;
    row->words_len = (uint16_t)len;
    v->words_len += (size_t)len;
}

static bool starts(sl_slice s, const char *with)
{
    size_t len = with ? strlen(with) : 0;

    return s.len >= len && (len == 0 || !memcmp(s.ptr, with, len));
}

/* Without "[LINE:COLUMN] " before it. What follows is never a record's own text. */
static sl_slice without_place(sl_slice reason)
{
    size_t n = 1;

    if (!starts(reason, "["))
        return reason;
    while (n < reason.len && (isdigit((unsigned char)reason.ptr[n]) || reason.ptr[n] == ':'))
        n++;
    return starts(sl_slice_from(reason, n), "] ") ? sl_slice_from(reason, n + 2) : reason;
}

static verdict by_meaning(const bulk_item *item)
{
    sl_slice reason = without_place(item->reason);

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (item->type.len == strlen(meanings[i].type) && starts(item->type, meanings[i].type) &&
            starts(reason, meanings[i].reason))
            return meanings[i].is;
    }
    return UNSAID;
}

void bulk_verdicts_note(void *arg, const bulk_item *item)
{
    bulk_verdicts *v = arg;
    bulk_verdict *row;

    if (item->index >= v->count || bulk_item_is_plain(item))
        return;
    if (!v->rows)
        v->rows = must(calloc(v->count, sizeof *v->rows));
    row = &v->rows[item->index];
    row->status = (uint16_t)item->status;
    row->in_failure_store = item->in_failure_store;
    row->meant = (uint8_t)by_meaning(item);
    add_words(v, row, item);
    v->is_busy = v->is_busy || (item->status == 429 && row->meant == UNSAID);
    v->has_away = v->has_away || row->meant == AWAY;
}

/* --- judging --- */

static sl_slice words_of(const bulk_verdicts *v, const bulk_verdict *row)
{
    return row->words_len ? (sl_slice){v->words + row->words_at, row->words_len}
                          : (sl_slice){"", 0};
}

static verdict by_status(int status, bool is_create)
{
    if (status == 409)
        return is_create ? KNOWN : AGAIN;
    if (status == 401 || status == 403 || status == 404)
        return HELD;
    if (status == 413)
        return TOO_LARGE;
    return status == 429 || status < 400 || status >= 500 ? AGAIN : REFUSED;
}

static verdict judge(const bulk_verdicts *v, uint32_t i, bool is_create)
{
    const bulk_verdict *row = v->rows ? &v->rows[i] : NULL;

    if (!row || !row->status)
        return DELIVERED;
    if (row->in_failure_store)
        return STORED;
    return row->meant != UNSAID ? (verdict)row->meant : by_status(row->status, is_create);
}

bool bulk_verdicts_is_away(const bulk_verdicts *v, uint32_t i)
{
    return judge(v, i, true) == AWAY;
}

bool bulk_verdicts_is_held(const bulk_verdicts *v, uint32_t i, bool is_create)
{
    return judge(v, i, is_create) == HELD;
}

void bulk_verdicts_judge(const bulk_verdicts *v, uint32_t i, bool is_create, char text[BULK_TEXT],
                         sl_answer *out)
{
    static const sl_answer answers[] = {
        [DELIVERED] = {.outcome = SL_DELIVERED},
        [KNOWN] = {.outcome = SL_DELIVERED, .code = SL_KNOWN},
        [STORED] = {.outcome = SL_REJECTED, .code = SL_FAILURE_STORE},
        [AGAIN] = {.outcome = SL_RETRY},
        [AWAY] = {.outcome = SL_RETRY},
        [HELD] = {.outcome = SL_RETRY, .code = SL_HOLD},
        [TOO_LARGE] = {.outcome = SL_REJECTED, .code = SL_TOO_LARGE},
        [REFUSED] = {.outcome = SL_REJECTED},
        [NO_IDS] = {.outcome = SL_RETRY, .code = SL_NOW},
    };
    verdict is = judge(v, i, is_create);

    *out = answers[is];
    if (is == DELIVERED)
        return;
    out->reason = words_of(v, &v->rows[i]);
    if (out->reason.len)
        return;
    snprintf(text, BULK_TEXT, "status %d", v->rows[i].status);
    out->reason = sl_str(text);
}

bool bulk_verdicts_refuses_ids(const bulk_verdicts *v)
{
    for (uint32_t i = 0; v->rows && i < v->count; i++) {
        if (judge(v, i, true) == NO_IDS)
            return true;
    }
    return false;
}
