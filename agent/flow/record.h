/* record.h - one message as slices, on its way from a line to a batch.
 *
 * Lives on the stack of one call; its slices point into the read buffer or an open part. */
#ifndef SL_FLOW_RECORD_H
#define SL_FLOW_RECORD_H

#include "base/clock.h"
#include "flow/span.h"

/* log.flags, in the order in which they are written */
enum {
    SL_TRUNCATED = 1, /* longer than max_record */
    SL_SPLIT = 2,     /* one of the pieces of a longer record */
    SL_PARTIAL = 4,   /* its end, or its beginning, travels apart or is lost */
    SL_IS_RAW = 8,    /* the line was not the runtime's format */
    SL_MULTILINE = 16
};

/* Of `written`: a longer one, which has more digits than a nanosecond, stands there as in `time`. */
#define SL_WRITTEN_MAX 40

/* The number of a split record's last piece, at most. */
#define SL_PIECE_MAX UINT32_C(0x07ffffff)

typedef struct sl_record {
    sl_slice text;
    const char *time; /* SL_TIME_LEN bytes: UTC, nine digits, "Z" */
    sl_slice written; /* the time as the runtime wrote it; empty where it wrote none */
    sl_place at;      /* of its first byte: with the generation's name, its identity */
    uint64_t bytes;   /* of all its lines in the file, framing and newlines included */
    sl_stream stream;
    uint32_t piece; /* of `at`: 1 is the second piece of a split record, and so on; else 0 */
    unsigned flags;
    bool whole;                       /* false: a part, more follows */
    char time_store[SL_TIME_LEN + 2]; /* `time` is here when the runtime wrote another form */
} sl_record;

/* What goes with a record and is not in it, mostly the same for many. */
typedef struct sl_beside {
    uint64_t number;      /* others have another one; never 0 */
    sl_slice target, key; /* ptr NULL: none */
} sl_beside;

/* A record as it was encoded into a batch. */
typedef struct sl_encoded {
    size_t len;              /* with its frame */
    uint32_t before, after;  /* bytes of frame in it */
    uint32_t time;           /* where its SL_TIME_LEN bytes stand in it; SL_NO_TIME: they do not */
    const sl_beside *beside; /* alive until the next record is encoded; NULL: nothing */
} sl_encoded;

#define SL_NO_TIME UINT32_MAX

#endif
