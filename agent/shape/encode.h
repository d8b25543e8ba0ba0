/* encode.h - record -> bytes in the batch, in the lane's schema and encoding: the one copy.
 *
 * What never changes for one generation is rendered once, as a block; a record is then a constant
 * head, its time, its escaped text, its stream, the block, and its offset:
 *
 *   {"@timestamp":"...","message":"...","stream":"stdout","kubernetes":{...},...,
 *    "log":{"generation":"...","offset":1234,"flags":["raw"]}}
 *
 * What is unknown is left out: so is the stream of a raw record, and flags when there are none. The
 * result is valid JSON whatever the text: bytes that are not UTF-8 become U+FFFD.
 *
 * For people it is `HH:MM:SS.mmm namespace/pod container stream| message` (UTC), with the message's
 * bytes as they are; on a terminal the container has a colour of its own, and control bytes are
 * shown as \xNN.
 *
 * Thread   the loop's */
#ifndef SL_SHAPE_ENCODE_H
#define SL_SHAPE_ENCODE_H

#include "flow/record.h"

typedef struct sl_encoder sl_encoder;

/* What is known of a container, all borrowed for the call. Empty slices are unknown and left out. */
typedef struct sl_origin {
    sl_slice namespace, pod, uid, container;
    uint32_t restart;
    const char *generation; /* SL_NAME_LEN bytes */
} sl_origin;

typedef struct sl_encoder_options {
    bool text;                  /* for people, instead of JSON */
    bool terminal;              /* text: control bytes made visible, lest they are obeyed */
    bool colour;                /* text: each container has one of its own */
    const char *node, *cluster; /* NULL or "": left out */
    /* Constant fields, NULL allowed; the second overrides the first, and neither what the record
     * says of itself. Dots in a name make objects; an empty value is left out. */
    const sl_pairs *fields[2];
    const char *before, *after; /* frame, NULL: none */
} sl_encoder_options;

/* What the options point at is borrowed while the encoder lives. A frame is 128 bytes at most. */
sl_encoder *sl_encoder_new(const sl_encoder_options *o);
void sl_encoder_free(sl_encoder *e); /* accepts NULL */

/* Bytes pre-rendered for one generation; on the heap, free() releases it. */
typedef struct sl_block {
    uint32_t len; /* of bytes[] */
    char bytes[];
} sl_block;

sl_block *sl_encoder_block(const sl_encoder *e, const sl_origin *origin);

/* How many bytes sl_encode() may touch at most, for a text of `len`. */
static inline size_t sl_encode_room(const sl_block *block, size_t len)
{
    return 6 * len + block->len + 512;
}

/* Writes the framed record to `out`, which has sl_encode_room() bytes; bytes behind what is
 * returned may be overwritten. Reads up to 16 bytes behind rec->text, which must be mapped.
 * returns  its length */
size_t sl_encode(const sl_encoder *e, const sl_block *block, const sl_record *rec, char *out);

#endif
