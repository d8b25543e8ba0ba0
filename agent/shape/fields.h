/* fields.h - names with dots and their values -> nested JSON objects, in which no key comes twice:
 * "a.b" = "x" and "a.c" = "y" are {"a":{"b":"x","c":"y"}}.
 *
 * The first one to come stays: a later one of the same name, or one that would need an object where
 * there is a value, or a value where there is an object, is not taken.
 *
 * Owns     the tree
 * Borrows  names and values, until it is freed */
#ifndef SL_SHAPE_FIELDS_H
#define SL_SHAPE_FIELDS_H

#include "base/buf.h"

typedef struct sl_field sl_field;

sl_field *sl_fields_new(void);
void sl_fields_free(sl_field *root);

/* An empty value is unknown, and left out. */
void sl_fields_add_text(sl_field *root, sl_slice name, sl_slice value);
/* number    digits, written as they are */
void sl_fields_add_number(sl_field *root, sl_slice name, sl_slice number);
/* A name that is written by somebody else: taken, and not printed. */
void sl_fields_reserve(sl_field *root, sl_slice name);

/* Adds `,"name":value` for each top-level name; the object `last`, which must be there, comes last
 * and stays open, for more to be written into it. */
void sl_fields_print(const sl_field *root, sl_slice last, sl_buf *out);

#endif
