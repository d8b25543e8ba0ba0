/* framing.h - what goes around a record and says where it goes: frame, target and key, rendered from
 * the output's templates.
 *
 * What is constant for a generation is put in once; where that makes the same of several, they share
 * it, so that files do not cost what they have in common. The rest is the stream and the record's time: it
 * is rendered when a part of the time changes that a template shows, for each stream by itself. Of
 * a record there is nothing but its id, which is put between pieces that stand ready.
 *
 * Thread   the loop's
 * Limits   a target, a key and a field's value have 1 KiB at most, cut at a character's border */
#ifndef SL_SHAPE_FRAMING_H
#define SL_SHAPE_FRAMING_H

#include "flow/record.h"
#include "shape/fill.h"

#define SL_ID_MAX  64 /* GENERATION-OFFSET.PIECE */
#define SL_MAX_IDS 4  /* in a frame's half */

/* NULL: there is none. */
typedef struct sl_frame_templates {
    const sl_template *target, *key;
    const sl_template *fallback; /* takes over where a field of target's is missing */
    const sl_template *before, *after;
    unsigned flags;           /* of sl_output_ops, */
    const sl_output_ops *ops; /* and its make_target() and target_field(); NULL: it has none */
    const void *self;         /* for these */
} sl_frame_templates;

/* Half a frame: a piece of its text, with the record's id at some places. */
typedef struct sl_frame_half {
    uint32_t begin, end;
    uint32_t ids[SL_MAX_IDS]; /* ascending */
    uint32_t id_count;
} sl_frame_half;

/* As it is for one stream, at one time. */
typedef struct sl_frame {
    sl_beside beside; /* target and key, which stand in names */
    char time[SL_TIME_LEN];
    sl_frame_half before, after;
    sl_buf names, text;
} sl_frame;

typedef struct sl_framings sl_framings;
typedef struct sl_framing sl_framing;

/* Half a frame of a record alone, as it is when its container is not known any more: without fields. */
bool sl_frame_is_plain(const sl_template *half); /* NULL: it is */
void sl_frame_add(const sl_template *half, unsigned flags, sl_slice target,
                  const char generation[SL_NAME_LEN], const sl_record *rec, sl_buf *out);

/* Says what a plugin's frame must not be: more ids than SL_MAX_IDS. */
bool sl_frame_is_allowed(const sl_template *half);

/* Those of one output. The templates are borrowed. */
sl_framings *sl_framings_new(const sl_frame_templates *t);
void sl_framings_free(sl_framings *all); /* accepts NULL; all of them were put back */

/* For the records of one generation, which is all that the facts are needed for. */
sl_framing *sl_framing_get(sl_framings *all, const sl_facts *facts);
void sl_framing_put(sl_framing *f); /* accepts NULL */
/* Bytes that a frame, a target and a key take at most. */
size_t sl_framing_room(const sl_framing *f);

/* The target, if it is the same for all records of the generation; else empty. Lives as long as f. */
sl_slice sl_framing_target(const sl_framing *f);

/* For that record; alive until the next call. */
const sl_frame *sl_framing_of(sl_framing *f, const sl_record *rec);
/* Writes SL_ID_MAX bytes at most. Returns their end. */
char *sl_put_id(char *out, const char generation[SL_NAME_LEN], const sl_record *rec);
char *sl_put_before(char *out, const sl_frame *frame, const char generation[SL_NAME_LEN],
                    const sl_record *rec);
char *sl_put_after(char *out, const sl_frame *frame, const char generation[SL_NAME_LEN],
                   const sl_record *rec);

#endif
