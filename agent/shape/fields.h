/* fields.h - names with dots and their values -> nested objects, in JSON or msgpack, in which no key
 * comes twice: "a.b" = "x" and "a.c" = "y" are {"a":{"b":"x","c":"y"}}.
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

/* flat    a dot is a part of a name, and nothing is nested */
sl_field *sl_fields_new(bool flat);
void sl_fields_free(sl_field *root);

/* An empty value is unknown, and left out. */
void sl_fields_add_text(sl_field *root, sl_slice name, sl_slice value);
/* number    digits, written as they are */
void sl_fields_add_number(sl_field *root, sl_slice name, sl_slice number);
/* A name that is written by somebody else: taken, and not printed. */
void sl_fields_reserve(sl_field *root, sl_slice name);

/* Adds `,"name":value` for each top-level name; the object `last`, which must be there, comes last
 * and stays open, for more to be written into it. `last` empty: none is left open. */
void sl_fields_print(const sl_field *root, sl_slice last, sl_buf *out);

/* The same in msgpack: a name and a value each, without the head of the map that they belong to.
 * Bytes that are not UTF-8 become U+FFFD.
 * open     set to where the number of pairs in `last` stands, two bytes, more significant first
 * returns  how many pairs were added */
uint16_t sl_fields_pack(const sl_field *root, sl_slice last, sl_buf *out, uint32_t *open);

#endif
