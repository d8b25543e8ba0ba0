/* decode.h - one line as the runtime framed it -> a record.
 *
 * Where a generation's format is not given, the first byte of each line says what may be tried, and
 * a real parse decides: `{` Docker (decode_docker.h), else CRI (decode_cri.h). So a file of both
 * kinds, as a change of the runtime leaves it, is read right from line to line. What fits neither
 * travels as it is: as raw text, flagged, or as a line of a plain file where such lines are expected.
 *
 * A line that is longer than the read buffer comes in pieces: the first has the header, the others
 * go on where it stopped. They leave as parts of one record, for the join. Docker's objects are
 * never that long (16 KiB of text, six times as much with escapes); what is, is raw.
 *
 * Thread   the loop's */
#ifndef SL_READ_DECODE_H
#define SL_READ_DECODE_H

#include "flow/record.h"

typedef enum { SL_FORMAT_AUTO, SL_FORMAT_CRI, SL_FORMAT_DOCKER, SL_FORMAT_PLAIN } sl_line_format;

/* What a tail remembers from line to line. Zeroed, it decides by itself; Docker needs a scratch. */
typedef struct sl_decoder {
    sl_line_format format;
    bool raw_is_plain; /* what no runtime wrote is a line of a plain file: not flagged */
    char *scratch;     /* for unescaped text, as long as a line can be; NULL: no Docker */
    char minute[16];   /* "2026-11-23T04:29", the last one found to be a real date */
    bool inside;       /* of a line in pieces: what its header said */
    bool inside_whole;
    uint8_t inside_written_len;
    sl_stream inside_stream;
    unsigned inside_flags;
    char inside_time[SL_TIME_LEN];
    char inside_written[SL_WRITTEN_MAX];
} sl_decoder;

typedef struct sl_line {
    sl_slice bytes; /* without the newline */
    bool first;     /* false: goes on with a line whose beginning was decoded */
    bool last;      /* false: its newline is not in these bytes */
    bool torn;      /* its newline never came: flagged partial */
} sl_line;

/* Fills in rec->text, time, written, stream, flags and whole. Never fails: what no runtime wrote has
 * the stream SL_RAW and the time of reading (now_ns). A plain line ends before a CR, as Windows
 * writes it, and begins behind a byte order mark at the file's start.
 *
 * rec->at      filled in by the caller
 * rec->text    a slice of the line, or of the scratch: until the next call */
void sl_decode(sl_decoder *d, const sl_line *line, int64_t now_ns, sl_record *rec);

/* That line was refused after it had been decoded, and comes again. */
static inline void sl_decode_undo(sl_decoder *d, const sl_line *line)
{
    d->inside = !line->first;
}

/* When that line was written, in ns since 1970, UTC; 0: it is no runtime's, or says nothing. */
int64_t sl_line_time_ns(sl_slice line, sl_line_format format);

#endif
