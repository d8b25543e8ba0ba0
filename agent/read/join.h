/* join.h - the runtime's partial lines -> one message, per container attempt and stream, across
 * rotations.
 *
 * Open parts of all sources of a lane share a quarter of its memory, in order of age: the oldest
 * ships unfinished, flagged, when the share is full or its time is over. Text beyond max_record is
 * not kept; the record is cut at a character's border and flagged.
 *
 * Owns     the text of open parts
 * Thread   the loop's
 * Limits   the gate's budget, and max_record for one part */
#ifndef SL_READ_JOIN_H
#define SL_READ_JOIN_H

#include "base/list.h"
#include "flow/gate.h"
#include "flow/record.h"

/* Bytes behind a text that a vector scan may read. */
#define SL_TEXT_SLACK 16
/* The first buffer of a part: containerd's own limit, so most parts need no second one. */
#define SL_PART_MIN ((size_t)16 << 10)

/* What becomes of a record that is longer than max_record. */
typedef enum { SL_OVERSIZE_TRUNCATE, SL_OVERSIZE_SPLIT, SL_OVERSIZE_DROP } sl_on_oversize;

typedef struct sl_part {
    sl_link link; /* in the join, oldest first */
    void *owner;  /* whose sl_joined it belongs to: the caller's */
    char *text;
    size_t len, cap;
    sl_place at;
    uint64_t bytes;
    uint64_t since_ms;
    sl_stream stream;
    unsigned flags;
    char time[SL_TIME_LEN];
} sl_part;

/* One lane's. */
typedef struct sl_join {
    sl_gate gate;
    sl_link parts;
} sl_join;

/* One source's open parts; zeroed but for max_record is ready. */
typedef struct sl_joined {
    size_t max_record;
    sl_part *parts[SL_STREAMS];
    bool cut[SL_STREAMS]; /* the last part shipped unfinished: what follows is its rest */
} sl_joined;

void sl_join_init(sl_join *j, uint64_t budget);

/* false: a line of `len` bytes might need more memory than is left, should it become a part; ship
 * sl_join_oldest() first, then ask again. */
static inline bool sl_join_fits(const sl_join *j, const sl_joined *of, size_t longest, size_t len)
{
    uint64_t most = 2 * (longest + len) + SL_PART_MIN; /* parts grow by doubling */

    if (most > of->max_record)
        most = of->max_record;
    return j->gate.held == 0 || j->gate.held + most <= j->gate.budget;
}

/* The longest of a source's open parts: 0 nearly always. */
size_t sl_join_longest(const sl_joined *of);

/* Takes one decoded line, which fits.
 * returns  true: rec is a whole message now; after its use comes sl_join_release().
 *          false: it was kept */
bool sl_join_add(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms, sl_record *rec);

/* NULL: there is none. */
sl_part *sl_join_oldest(const sl_join *j);
/* Makes an open part an unfinished message, flagged; then sl_join_release().
 * rest_follows  what comes next in this stream is its rest, and flagged as well */
void sl_join_give_up(sl_joined *of, sl_part *part, bool rest_follows, sl_record *rec);
/* The message of that stream was copied: its part goes, if it had one. */
void sl_join_release(sl_join *j, sl_joined *of, sl_stream stream);
/* All of a source's parts go, unshipped: they will be read again. */
void sl_join_drop(sl_join *j, sl_joined *of);

#endif
