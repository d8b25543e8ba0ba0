/* encode.h - record -> bytes in the batch, in the lane's schema and encoding: the one copy.
 *
 * What never changes for one generation is rendered once, as a block; a record is then a constant
 * head, its time, its escaped text, its stream, the block, and its offset. In schema ecs:
 *
 *   {"@timestamp":"...","message":"...","stream":"stdout","kubernetes":{...},...,
 *    "log":{"generation":"...","offset":1234,"piece":1,"flags":["split"]}}
 *
 * What is unknown is left out: so is the stream of a raw record, the number of a first piece, and
 * flags when there are none. The result is valid JSON whatever the text: bytes that are not UTF-8
 * become U+FFFD. Schema flat has no objects in it, and fluentbit what Fluent Bit's kubernetes filter
 * makes of a line:
 *
 *   {"timestamp":"...","message":"...","stream":"stdout","namespace":"...","pod":"...","uid":"...",
 *    "container":"...","node":"...","restart":0,"generation":"...","offset":1234}
 *   {"log":"...","stream":"stdout","time":"...","kubernetes":{"pod_name":"...",...}}
 *
 * In msgpack a record is the same map. Raw, it is the message's bytes and nothing else. For people
 * it is `HH:MM:SS.mmm namespace/pod container stream| message` (UTC), with the message's bytes as
 * they are; on a terminal the container has a colour of its own, and control bytes are shown as \xNN.
 *
 * Thread   the loop's */
#ifndef SL_SHAPE_ENCODE_H
#define SL_SHAPE_ENCODE_H

#include "shape/framing.h"
#include "shape/stamp.h"

typedef enum {
    SL_ENCODING_JSON,
    SL_ENCODING_TEXT, /* for people */
    SL_ENCODING_MSGPACK,
    SL_ENCODING_RAW,
    SL_ENCODINGS
} sl_encoding;

extern const char *const sl_encoding_names[SL_ENCODINGS]; /* "json", "text", "msgpack", "raw" */

typedef enum { SL_SCHEMA_ECS, SL_SCHEMA_FLUENTBIT, SL_SCHEMA_FLAT, SL_SCHEMAS } sl_schema;

typedef struct sl_encoder sl_encoder;

typedef struct sl_encoder_options {
    sl_encoding encoding;
    sl_schema schema;
    bool terminal;  /* text: control bytes made visible, lest they are obeyed */
    bool colour;    /* text: each container has one of its own */
    bool timestamp; /* fluentbit: begins with @timestamp */
    sl_stamp stamp; /* how that is written, and in the other schemas their time */
    sl_constants constants;
    sl_frame_templates frame; /* its halves not in msgpack */
} sl_encoder_options;

/* What it calls a record's time. */
const char *sl_schema_time(sl_schema schema);
/* Does a record of that schema have a field or an object of that name, beside its time? */
bool sl_schema_has(sl_schema schema, const char *name);
/* Do its records hold their place? */
bool sl_encoding_has_place(sl_encoding encoding, sl_schema schema);

/* What the options point at is borrowed while the encoder lives. */
sl_encoder *sl_encoder_new(const sl_encoder_options *o);
void sl_encoder_free(sl_encoder *e); /* accepts NULL */

/* Bytes pre-rendered for one generation. */
typedef struct sl_block {
    uint32_t len;           /* of bytes[] */
    uint32_t growth, fixed; /* sl_encode_room() */
    uint32_t open;          /* msgpack: where the number of pairs of the last map stands */
    uint16_t count, inside; /* msgpack: pairs of the record, and of that map */
    sl_framing *framing;    /* NULL: the frame is the same for all, and there is nothing else */
    char generation[SL_NAME_LEN];
    char bytes[];
} sl_block;

sl_block *sl_encoder_block(const sl_encoder *e, const sl_origin *origin);
void sl_block_free(sl_block *block); /* accepts NULL */

/* How many bytes sl_encode() may touch at most, for a text of `len`, and what is kept beside it takes. */
static inline size_t sl_encode_room(const sl_block *block, size_t len)
{
    return block->growth * len + block->fixed;
}

/* Writes the framed record to `out`, which has sl_encode_room() bytes; bytes behind what is
 * returned may be overwritten. Reads up to 16 bytes behind rec->text, which must be mapped. */
sl_encoded sl_encode(const sl_encoder *e, const sl_block *block, const sl_record *rec, char *out);

#endif
