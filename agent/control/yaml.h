/* yaml.h - a strict YAML text as a tree of nodes that know where they stand.
 *
 * Strict: one document of mappings, sequences and scalars. Anchors, aliases, tags, keys given twice
 * and zero bytes are mistakes, said with their place; the rest of the text is still read.
 *
 * Limits   1 MiB of text, 10,000 nodes, 16 levels */
#ifndef SL_CONTROL_YAML_H
#define SL_CONTROL_YAML_H

#include "control/mistake.h"

#define SL_YAML_MAX_BYTES  ((size_t)1 << 20)
#define SL_YAML_MAX_NODES  10000
#define SL_YAML_MAX_LEVELS 16

typedef enum { SL_YAML_SCALAR, SL_YAML_SEQUENCE, SL_YAML_MAPPING } sl_yaml_kind;

typedef struct sl_yaml sl_yaml;

struct sl_yaml {
    sl_yaml_kind kind;
    bool plain; /* a scalar without quotes */
    sl_spot at, key_at;
    char *key;      /* in a mapping */
    char *text;     /* of a scalar */
    sl_yaml *first; /* of a mapping's or sequence's items */
    sl_yaml *next;
};

/* A text that needs no reading. */
sl_yaml *sl_yaml_new(const sl_source_text *in, const char *text);
/* NULL if the text is not YAML at all, which was said. An empty text is a node without value. */
sl_yaml *sl_yaml_parse(const sl_source_text *in, sl_mistakes *m);
void sl_yaml_free(sl_yaml *node); /* accepts NULL */

/* A plain scalar without text, or `null` or `~`. */
bool sl_yaml_is_null(const sl_yaml *node);
/* The item of a mapping with that key, or NULL; also when `mapping` is something else. */
sl_yaml *sl_yaml_get(const sl_yaml *mapping, sl_slice key);
/* The same through mappings in mappings: "a.b.c". */
const sl_yaml *sl_yaml_find(const sl_yaml *mapping, const char *path);

/* Puts `value` in at "a.b.c", instead of what was there. A name in a sequence is an item's number
 * from 0, or its `name`; the number behind the last one adds an item. What is missing on the way is
 * made.
 * in       its mistakes' text; the new nodes stand there
 * value    taken, whatever happens */
void sl_yaml_set(sl_yaml *root, const char *path, sl_yaml *value, const sl_source_text *in,
                 sl_mistakes *m);

#endif
