/* back.h - places of a source to go back to, while it is read.
 *
 * Thread   the loop's */
#ifndef SL_READ_BACK_H
#define SL_READ_BACK_H

#include "read/source.h"

/* Of what can be read still; seq 0: there is no such place. */
sl_place sl_back_to_beginning(const sl_source *s);
/* Where the generation begins that was written at that time, or the first one after it. */
sl_place sl_back_to_time(const sl_source *s, int64_t time_ns);
/* A place as records carry it. */
sl_place sl_back_to_name(const sl_source *s, const char *name, uint64_t offset);

/* What was let go of is sought again, from generation `seq` on; its folder is looked at soon. */
void sl_back_seek(sl_source *s, uint64_t seq);

#endif
