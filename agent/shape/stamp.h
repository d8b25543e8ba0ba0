/* stamp.h - a record's time as the first field of its value, under another name or in another form
 * than the schema's own: for consumers of other agents.
 *
 * Thread   any */
#ifndef SL_SHAPE_STAMP_H
#define SL_SHAPE_STAMP_H

#include "base/clock.h"
#include "base/slice.h"

#define SL_STAMP_NAME_MAX 64
#define SL_STAMP_MAX      32 /* bytes of a time, with its quotes */

typedef struct sl_stamp {
    const char *name; /* NULL: the schema's, and RFC 3339 */
    uint32_t form;    /* sl_stamp_form */
} sl_stamp;

/* A name that stands in JSON as it is, and makes no object: 1 to SL_STAMP_NAME_MAX of letters,
 * digits, @ _ and -. */
bool sl_stamp_is_name(const char *name);

/* `"name":time`: SL_STAMP_NAME_MAX + SL_STAMP_MAX + 3 bytes at most. Returns their end. */
char *sl_stamp_put_json(char *out, const sl_stamp *s, const char time[SL_TIME_LEN]);
/* The same in msgpack: a text, and a text, a double or an integer. */
char *sl_stamp_put_msgpack(char *out, const sl_stamp *s, const char time[SL_TIME_LEN]);

/* Where in these the time stands as it is, all SL_TIME_LEN bytes of it; 0: it does not. */
size_t sl_stamp_time_at(const sl_stamp *s, bool msgpack);

#endif
