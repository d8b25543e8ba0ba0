/* template.h - "logs-%{kubernetes.namespace:-none}-%{+yyyy.MM.dd}", compiled once.
 *
 *   %{name}            a field, by its name in schema ecs
 *   %{name:-default}   the default where the field is missing
 *   %{+yyyy.MM.dd}     the record's time in UTC: yyyy yy MM dd HH mm ss, and what is no letter
 *   %%{                a plain %{
 *
 * In a frame, %{id} and %{target} are the record's own. All other text stands for itself.
 *
 * Limits   8 KiB of text; a field's name 256 bytes */
#ifndef SL_SHAPE_TEMPLATE_H
#define SL_SHAPE_TEMPLATE_H

#include "base/buf.h"

typedef enum {
    SL_PART_TEXT,   /* `text` */
    SL_PART_FIELD,  /* of the name `text` */
    SL_PART_TIME,   /* `len` bytes of a record's time, from byte `from` on */
    SL_PART_STREAM, /* %{stream} */
    SL_PART_ID,
    SL_PART_TARGET
} sl_part_kind;

typedef struct sl_template_part {
    sl_part_kind kind;
    sl_slice text;
    sl_slice otherwise; /* default; ptr NULL: there is none */
    uint8_t from, len;
    size_t at; /* where it begins in the template's text */
} sl_template_part;

/* Plain data, to look at. */
typedef struct sl_template {
    char *text; /* all slices lie in it */
    sl_template_part *parts;
    size_t count;
} sl_template;

/* frame    %{id} and %{target} are not fields
 * at, why  where it went wrong, in bytes from the text's beginning, and what to do
 * returns  NULL: it is wrong */
sl_template *sl_template_new(const char *text, bool frame, size_t *at, sl_buf *why);
void sl_template_free(sl_template *t); /* accepts NULL */

/* How many bytes of a record's time it shows, from their beginning: while these stay, so does it. */
size_t sl_template_time_bytes(const sl_template *t); /* NULL: none */

#endif
