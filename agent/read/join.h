/* join.h - the runtime's partial lines -> one message, per container attempt and stream, across
 * rotations.
 *
 * Open parts of all sources of a lane share a quarter of its memory, in order of age: the oldest
 * ships unfinished, flagged, when the share is full or its time is over.
 *
 * A record longer than max_record is, as the input wants it,
 *   truncated   its text beyond that is not kept; it is cut at a character's border and flagged
 *   split       into pieces as long as that at most, cut at characters' borders and flagged; each
 *               leaves as it is full. Borders depend on nothing but the text and max_record, so that
 *               pieces that come again are the same ones. All have the record's place, and a number
 *   dropped     from its first byte to its last; nothing of it is kept
 *
 * A line of a split record may be refused between two of its pieces, and comes again: how much of it
 * has left is remembered here.
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
    size_t len, cap; /* cap 0: it holds no memory of the gate's */
    size_t left;     /* bytes of text that are in a piece that leaves */
    sl_place at;
    uint64_t bytes; /* in the file; without those of pieces, and of what is dropped */
    uint64_t since_ms;
    sl_stream stream;
    unsigned flags;
    uint32_t piece; /* the one that is filled now */
    bool dropped;
    uint8_t rest_len, written_len;
    char rest[4]; /* of a character that did not fit into the piece before */
    char time[SL_TIME_LEN];
    char written[SL_WRITTEN_MAX];
} sl_part;

/* What the next line of a stream is, after its part was given up. */
typedef enum { SL_REST_NONE, SL_REST_FLAGGED, SL_REST_DROPPED } sl_rest;

/* One lane's. */
typedef struct sl_join {
    sl_gate gate;
    sl_link parts;
} sl_join;

/* One source's open parts; zeroed but for max_record and on_oversize is ready. */
typedef struct sl_joined {
    size_t max_record;
    sl_on_oversize on_oversize;
    sl_rest rest[SL_STREAMS];
    sl_part *parts[SL_STREAMS];
    sl_part *halfway;    /* pieces of its line have left, and not all; NULL: none */
    sl_place halfway_at; /* that line */
    size_t taken;        /* bytes of that line's text that are not needed any more */
} sl_joined;

void sl_join_init(sl_join *j, uint64_t budget);

/* All that is held is one part, of that source: it may become larger than the budget. */
bool sl_join_is_alone(const sl_join *j, const sl_joined *of);

/* false: a line of `len` bytes might need more memory than is left, should it become a part; ship
 * sl_join_oldest() first, then ask again. */
static inline bool sl_join_fits(const sl_join *j, const sl_joined *of, size_t longest, size_t len)
{
    uint64_t most = 2 * (longest + len) + SL_PART_MIN; /* parts grow by doubling */

    if (most > of->max_record)
        most = of->max_record;
    return j->gate.held == 0 || j->gate.held + most <= j->gate.budget || sl_join_is_alone(j, of);
}

/* The longest of a source's open parts: 0 nearly always. */
size_t sl_join_longest(const sl_joined *of);

/* Takes one decoded line, which fits.
 * returns  true: rec is a whole message now; after its use comes sl_join_release().
 *          false: it was kept */
bool sl_join_add(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms, sl_record *rec);

/* This line makes its record longer than it may be, and is not for sl_join_add(). */
static inline bool sl_join_is_oversize(const sl_joined *of, const sl_record *line)
{
    const sl_part *part = of->parts[line->stream];

    if (SL_LIKELY(of->on_oversize == SL_OVERSIZE_TRUNCATE))
        return false;
    if (!part)
        return line->text.len > of->max_record || of->rest[line->stream] == SL_REST_DROPPED;
    return part->len + line->text.len > of->max_record || part->piece > 0 || part->dropped;
}

/* ... and then: it is dropped, not split. */
bool sl_join_drops(const sl_joined *of, sl_stream stream);

/* ... or else: how long its next piece is at most; 0: none is full yet. */
size_t sl_join_next_piece(const sl_joined *of, const sl_record *line);

typedef enum {
    SL_SPLIT_KEPT, /* the line is used up, its record goes on; there is no piece */
    SL_SPLIT_PIECE, /* the line has more: sl_join_left(), then ask again, now or when it comes again */
    SL_SPLIT_LAST /* the line and its record are used up: sl_join_release() */
} sl_split;

/* Makes that piece, or keeps what is left of the line. `line` is as it was decoded. */
sl_split sl_join_split(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms,
                       const sl_record *line, sl_record *piece);
/* The piece was copied. */
void sl_join_left(sl_join *j, sl_joined *of, sl_stream stream);

/* Drops such a line, and what was kept of its record.
 * returns  bytes of the file that were open until now */
uint64_t sl_join_drop_line(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms,
                           const sl_record *line);

/* The oldest that holds memory; NULL: there is none. */
sl_part *sl_join_oldest(const sl_join *j);
/* Makes an open part an unfinished message, flagged; then sl_join_release().
 * rest_follows  what comes next in this stream is its rest, and flagged or dropped as well
 * returns       false: it has nothing to ship */
bool sl_join_give_up(sl_joined *of, sl_part *part, bool rest_follows, sl_record *rec);
/* The message of that stream was copied: its part goes, if it had one. */
void sl_join_release(sl_join *j, sl_joined *of, sl_stream stream);
/* All of a source's parts go, unshipped: they will be read again. */
void sl_join_drop(sl_join *j, sl_joined *of);

#endif
