/* bulk_verdict.h - what became of each record of a bulk request, and what the host is told of it.
 *
 * Most answers say 201 for all, and cost nothing: rows are there from the first other one on.
 *
 * Limits   256 KiB of servers' words for one answer; beyond, a status alone has to do */
#ifndef BULK_VERDICT_H
#define BULK_VERDICT_H

#include "bulk_answer.h"

typedef struct bulk_verdict {
    uint32_t words_at;
    uint16_t words_len;
    uint16_t status; /* 0: not heard of, or plainly there */
    uint8_t meant;   /* by its words */
    bool in_failure_store;
} bulk_verdict;

/* Embedded; zeroed but for count. */
typedef struct bulk_verdicts {
    uint32_t count; /* of records that were sent */
    bulk_verdict *rows;
    char *words;
    size_t words_len;
    bool is_busy;  /* somebody was told to come later (429) */
    bool has_away; /* an index has no shard that could take what was sent */
} bulk_verdicts;

void bulk_verdicts_fini(bulk_verdicts *v);
/* Forgets what was heard, for another request with so many records. */
void bulk_verdicts_reset(bulk_verdicts *v, uint32_t count);
/* A bulk_item_fn; arg is the verdicts. An item that nobody sent is not noted. */
void bulk_verdicts_note(void *arg, const bulk_item *item);

/* is_create   the request's operation: then 409 says that the record is there already
 * out         its reason is valid until the next call on v, or with the same `text` */
#define BULK_TEXT 32
void bulk_verdicts_judge(const bulk_verdicts *v, uint32_t i, bool is_create, char text[BULK_TEXT],
                         sl_answer *out);
/* Is it the place that takes nothing (no such index, no right), whatever the record is? */
bool bulk_verdicts_is_held(const bulk_verdicts *v, uint32_t i, bool is_create);
/* Has its index no shard for now that could take it? */
bool bulk_verdicts_is_away(const bulk_verdicts *v, uint32_t i);
/* Does the store take no ids from us? */
bool bulk_verdicts_refuses_ids(const bulk_verdicts *v);

#endif
