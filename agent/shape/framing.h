/* framing.h - what goes around a record and says where it goes: frame, target and key, rendered from
 * the output's templates.
 *
 * What is constant for a generation is put in once. The rest is the stream and the record's time: it
 * is rendered when a part of the time changes that a template shows, for each stream by itself. Of
 * a record there is nothing but its id, which is put between pieces that stand ready.
 *
 * Thread   the loop's
 * Limits   a target, a key and a field's value have 1 KiB at most, cut at a character's border */
#ifndef SL_SHAPE_FRAMING_H
#define SL_SHAPE_FRAMING_H

#include "flow/record.h"
#include "shape/origin.h"
#include "shape/template.h"

#define SL_TEXT_MAX 1024
#define SL_ID_MAX   64 /* GENERATION-OFFSET.PIECE */
#define SL_MAX_IDS  4  /* in a frame's half */

/* NULL: there is none. */
typedef struct sl_frame_templates {
    const sl_template *target, *key;
    const sl_template *fallback; /* takes over where a field of target's is missing */
    const sl_template *before, *after;
    unsigned flags;           /* of sl_output_ops, */
    const sl_output_ops *ops; /* and its make_target() and target_field(); NULL: it has none */
    const void *self;         /* for these */
} sl_frame_templates;

/* Half a frame: `text` with the record's id at some places. */
typedef struct sl_frame_half {
    sl_buf text;
    uint32_t ids[SL_MAX_IDS]; /* offsets in text, ascending */
    size_t id_count;
} sl_frame_half;

/* As it is for one stream, at one time. */
typedef struct sl_frame {
    sl_beside beside; /* target and key; number 0: not rendered yet */
    char time[SL_TIME_LEN];
    sl_buf target, key;
    sl_frame_half before, after;
} sl_frame;

typedef struct sl_framing sl_framing;

/* Says what a plugin's frame must not be: more ids than SL_MAX_IDS. */
bool sl_frame_is_allowed(const sl_template *half);

/* For the records of one generation. The templates are borrowed; origin's values are not. */
sl_framing *sl_framing_new(const sl_frame_templates *t, const sl_constants *constants,
                           const sl_origin *origin);
void sl_framing_free(sl_framing *f); /* accepts NULL */
/* Bytes that a frame, a target and a key take at most. */
size_t sl_framing_room(const sl_framing *f);

/* The target, if it is the same for all records of the generation; else empty. Lives as long as f. */
sl_slice sl_framing_target(const sl_framing *f);

/* For that record; alive until the next call. */
const sl_frame *sl_framing_of(sl_framing *f, const sl_record *rec);
/* Writes SL_ID_MAX bytes at most. Returns their end. */
char *sl_put_id(char *out, const char generation[SL_NAME_LEN], const sl_record *rec);
char *sl_put_half(char *out, const sl_frame_half *half, const char generation[SL_NAME_LEN],
                  const sl_record *rec);

#endif
