/* mistake.h - what the user did wrong, all of it, each shown at its place. */
#ifndef SL_CONTROL_MISTAKE_H
#define SL_CONTROL_MISTAKE_H

#include "base/buf.h"

/* A text that the user wrote. */
typedef struct sl_source_text {
    const char *name; /* what mistakes call it: "sluice.yaml", "--set a.b" */
    sl_slice bytes;
    bool whole; /* mistakes show neither a line of it nor a place */
} sl_source_text;

typedef struct sl_spot {
    const sl_source_text *in;
    uint32_t line, column; /* from 1, in characters; line 0: the text as a whole */
} sl_spot;

typedef struct sl_mistakes {
    struct sl_shown *shown; /* the first 50 */
    size_t count;           /* of all */
} sl_mistakes;

void sl_mistake(sl_mistakes *m, const sl_spot *at, const char *format, ...) SL_PRINTF(3, 4);

/* Writes them in the order of their places and forgets them: "NAME:LINE:COLUMN: MESSAGE", then the
 * line without its secrets (mask.h), then a caret under the place. Bytes that would drive a terminal are
 * written as `?`. */
void sl_mistakes_write(sl_mistakes *m, sl_buf *out);

/* The place of the byte at `offset`; lines end as YAML 1.1 says. */
sl_spot sl_spot_at(const sl_source_text *in, size_t offset);
/* What stands in its line from there on. */
sl_slice sl_spot_rest(const sl_spot *at);

#endif
