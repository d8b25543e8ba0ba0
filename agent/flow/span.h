/* span.h - where bytes lie: in which stream, at which place of a source.
 *
 * A source is one long stream of generations (files); each has a number in it that only grows, so
 * places compare as (seq, offset). */
#ifndef SL_FLOW_SPAN_H
#define SL_FLOW_SPAN_H

#include "base/base.h"

typedef enum { SL_STDOUT, SL_STDERR, SL_RAW } sl_stream;

#define SL_STREAMS 3

extern const char *const sl_stream_names[SL_STREAMS]; /* "stdout", "stderr", "raw" */

typedef struct sl_place {
    uint64_t seq;    /* of the generation in its source, from 1; 0: nowhere */
    uint64_t offset; /* in its uncompressed bytes */
} sl_place;

static inline int sl_place_cmp(sl_place a, sl_place b)
{
    if (a.seq != b.seq)
        return a.seq < b.seq ? -1 : 1;
    return (a.offset > b.offset) - (a.offset < b.offset);
}

/* Why bytes vanished unread. */
typedef enum {
    SL_LOST_PIN_LIMIT,
    SL_LOST_DELETED,
    SL_LOST_TRUNCATED,
    SL_LOST_VANISHED,
    SL_LOST_REASONS
} sl_lost_reason;

/* "pin_limit", "deleted_while_down", "truncated", "vanished" */
extern const char *const sl_lost_names[SL_LOST_REASONS];

/* Why a record was left out. */
typedef enum { SL_DROPPED_OVERSIZE, SL_DROPPED_DEAD_LETTER_FULL, SL_DROP_REASONS } sl_drop_reason;

/* "oversize", "dead_letter_full" */
extern const char *const sl_drop_names[SL_DROP_REASONS];

/* Why a record went to the dead letter. */
typedef enum {
    SL_DEAD_REJECTED,
    SL_DEAD_TOO_LARGE,
    SL_DEAD_RETRY_LIMIT,
    SL_DEAD_FAILURE_STORE,
    SL_DEAD_REASONS
} sl_dead_reason;

/* "rejected", "too_large", "retry_limit", "failure_store" */
extern const char *const sl_dead_names[SL_DEAD_REASONS];

/* A generation's name for ever: 128 bits, from its pod, container, attempt and first line. */
typedef struct sl_name {
    uint8_t bytes[16];
} sl_name;

/* As `log.generation` carries it: base64url without padding (RFC 4648, section 5). */
#define SL_NAME_LEN 22

static inline bool sl_name_eq(const sl_name *a, const sl_name *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static inline bool sl_name_is_set(const sl_name *n)
{
    static const sl_name none;

    return !sl_name_eq(n, &none);
}

/* Writes SL_NAME_LEN bytes and a zero. */
void sl_name_format(char out[SL_NAME_LEN + 1], const sl_name *name);

#endif
