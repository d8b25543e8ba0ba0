/* dead_entry.h - a refused record as one line of JSON, and the way back.
 *
 *   {"time":"2026-...Z","output":"search","reason":"rejected","error":"mapper_parsing: ...",
 *    "namespace":"shop","pod":"cart-1","container":"app","generation":"...","offset":12,"piece":1,
 *    "target":"logs","key":"k","timestamp":"2026-...Z","before":"{...}\n","after":"\n","message":...}
 *
 * `message` is the record as it was sent: JSON where it is JSON, else a text; "base64" has its place
 * where it is neither. What there is none of is left out. `time` is when it was refused, `timestamp` the
 * record's own. Generation, offset and piece are its place, by which one that was written twice is known.
 *
 * Thread   any */
#ifndef SL_SHIP_DEAD_ENTRY_H
#define SL_SHIP_DEAD_ENTRY_H

#include "base/buf.h"
#include "flow/span.h"

typedef struct sl_dead_entry {
    sl_slice time, output, reason, error;
    sl_slice namespace, pod, container, generation;
    uint64_t offset, piece;
    sl_slice target, key; /* key: ptr NULL: there is none */
    sl_slice timestamp;
    sl_slice before, after; /* its frame */
    sl_slice value;         /* the record as it was sent */
} sl_dead_entry;

/* Adds e and a newline.
 * json     value is JSON */
void sl_dead_entry_write(const sl_dead_entry *e, bool json, sl_buf *out);

/* Reads a line without its newline. Texts are slices of it, or of `store`, which they may not outlive
 * nor its next use.
 * returns  false: it is none */
bool sl_dead_entry_read(sl_slice line, sl_buf *store, sl_dead_entry *e);

#endif
