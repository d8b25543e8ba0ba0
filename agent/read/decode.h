/* decode.h - one line as the runtime framed it -> a record.
 *
 * A line that is longer than the read buffer comes in pieces: the first has the header, the others
 * go on where it stopped. They leave as parts of one record, for the join.
 *
 * Formats: CRI here (decode_cri.h); the choice between several belongs in this file.
 *
 * Thread   the loop's */
#ifndef SL_READ_DECODE_H
#define SL_READ_DECODE_H

#include "flow/record.h"

/* What a tail remembers from line to line. Zeroed is ready. */
typedef struct sl_decoder {
    char minute[16]; /* "2026-11-23T04:29", the last one found to be a real date */
    bool inside;     /* of a line in pieces: what its header said */
    bool inside_whole;
    sl_stream inside_stream;
    unsigned inside_flags;
    char inside_time[SL_TIME_LEN];
} sl_decoder;

typedef struct sl_line {
    sl_slice bytes; /* without the newline */
    bool first;     /* false: goes on with a line whose beginning was decoded */
    bool last;      /* false: its newline is not in these bytes */
    bool torn;      /* its newline never came: flagged partial */
} sl_line;

/* Fills in rec->text, time, stream, flags and whole. Never fails: what is not the runtime's format
 * becomes a raw record, flagged, with the time of reading (now_ns). */
void sl_decode(sl_decoder *d, const sl_line *line, int64_t now_ns, sl_record *rec);

#endif
