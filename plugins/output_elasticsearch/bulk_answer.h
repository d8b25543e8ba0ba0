/* bulk_answer.h - what a server says about a bulk request, scanned as it comes: no tree, no copy but
 * that of the words that are looked for.
 *
 *     {"errors":true,"items":[{"create":{"status":201}},{"create":{"status":400,
 *      "error":{"type":"mapper_parsing_exception","reason":"..."}}}]}
 *
 * Everything else in it is skipped, as long as it is JSON. An answer to a whole request
 * ({"error":{"type":...,"reason":...},"status":400}) is understood as well.
 *
 * Nothing that was heard counts before bulk_answer_end() has said that the answer was whole.
 *
 * Limits   32 levels; a type 64 bytes, a reason 384, what is longer is cut */
#ifndef BULK_ANSWER_H
#define BULK_ANSWER_H

#include <sluice/plugin.h>

#define BULK_LEVELS 32
#define BULK_TYPE   64
#define BULK_REASON 384

typedef struct bulk_item {
    uint32_t index;        /* from 0, in the order of the request */
    int status;            /* 100 to 599 */
    sl_slice type;         /* of its error; empty: there is none */
    sl_slice reason;       /* valid until the call returns */
    bool in_failure_store; /* the server has put it into the failure store */
} bulk_item;

/* It is there, and there is no more to say of it. */
static inline bool bulk_item_is_plain(const bulk_item *item)
{
    return item->status >= 200 && item->status < 300 && !item->in_failure_store;
}

/* Called for each item that is not plain, in their order. */
typedef void bulk_item_fn(void *arg, const bulk_item *item);

/* Bytes, cut at the end of what holds them. */
typedef struct bulk_words {
    size_t len, room;
    char *at;
} bulk_words;

/* Embedded; to be looked at: items, has_items, type and reason. */
typedef struct bulk_answer {
    bulk_item_fn *on_item;
    void *arg;
    const char *op;                 /* "create" or "index": what every item must be called */
    uint32_t items;                 /* heard so far */
    bool has_items;                 /* there is a list of them */
    bool failed;                    /* it is no such answer */
    uint8_t state, role, next_role; /* of the value that is read, and that comes */
    uint8_t level;
    uint8_t roles[BULK_LEVELS]; /* of the objects and lists around it */
    uint8_t hex_left;
    uint32_t hex;
    const char *literal; /* what is left of true, false or null */
    bool has_op;         /* the item has named its operation */
    bool is_key;
    bool digits_only;
    int status, number;
    char plain[48]; /* a comma, and an item that says: created */
    size_t plain_len;
    bulk_words *words; /* where the string goes that is read; NULL: it is skipped */
    bulk_words key, type, reason, store;
    char key_text[16], type_text[BULK_TYPE], reason_text[BULK_REASON], store_text[8];
} bulk_answer;

/* op   what the request's actions were: "create" or "index" */
void bulk_answer_init(bulk_answer *a, const char *op, bulk_item_fn *on_item, void *arg);

/* false: it is no such answer, and the rest of it need not be heard */
bool bulk_answer_feed(bulk_answer *a, const char *bytes, size_t len);

/* Was it one JSON object, whole, and everything in it as it must be? */
bool bulk_answer_end(const bulk_answer *a);

/* The error of the request as a whole; empty: there is none. */
sl_slice bulk_answer_type(const bulk_answer *a);
sl_slice bulk_answer_reason(const bulk_answer *a);

#endif
