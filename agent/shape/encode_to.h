/* encode_to.h - what encode.c asks of its neighbours: a record's text for people, and its msgpack. */
#ifndef SL_SHAPE_ENCODE_TO_H
#define SL_SHAPE_ENCODE_TO_H

#include "shape/encode.h"

/* "namespace/pod container ", as far as they are known. */
void sl_text_label(const sl_encoder_options *o, const sl_origin *origin, sl_buf *out);
/* HH:MM:SS.mmm namespace/pod container stream| message */
char *sl_put_text(char *out, bool terminal, const sl_block *block, const sl_record *rec);

/* A record's time for schema fluentbit: as the runtime wrote it, if one did. */
static inline sl_slice sl_time_written(const sl_record *rec)
{
    return rec->written.len > 0 ? rec->written : (sl_slice){rec->time, SL_TIME_LEN};
}

/* returns  the end of what was written */
char *sl_put_msgpack(char *out, const sl_encoder_options *o, const sl_block *block,
                     const sl_record *rec);

/* log.flags, in the order in which they are written */
#define SL_FLAG_COUNT 5
extern const char *const sl_flag_names[SL_FLAG_COUNT];

#endif
