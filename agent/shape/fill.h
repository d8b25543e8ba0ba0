/* fill.h - templates with their fields filled in: what is left is to be rendered.
 *
 * All templates of one framing go into the same two buffers, so that they become one piece of memory.
 *
 * Thread   the loop's */
#ifndef SL_SHAPE_FILL_H
#define SL_SHAPE_FILL_H

#include "shape/origin.h"
#include "shape/template.h"

#define SL_TEXT_MAX 1024

typedef enum { SL_FILL_TEXT, SL_FILL_PATH, SL_FILL_JSON } sl_filling;

typedef struct sl_filled_part {
    sl_part_kind kind; /* no field any more */
    uint32_t at, len;  /* SL_PART_TEXT: in the text; SL_PART_TIME: in the time */
} sl_filled_part;

/* One template: count parts, from number `first` on. */
typedef struct sl_filled {
    uint32_t there; /* is there such a template? */
    uint32_t first, count;
    uint32_t folder; /* bytes before its first field's or date's component: the operator's own */
} sl_filled;

typedef struct sl_filler {
    const sl_facts *facts;
    sl_buf parts, text; /* of all templates; the caller's to free */
} sl_filler;

/* t  NULL: there is none. A field that is missing, without a default, is "unknown" */
sl_filled sl_fill(sl_filler *f, const sl_template *t, sl_filling as);

/* Adds a field's value, up to SL_TEXT_MAX of it. */
void sl_fill_value(sl_buf *out, sl_filling as, sl_slice value);

#endif
