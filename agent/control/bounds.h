/* bounds.h - values of more than one form: start_at, and how much of a disk stays free.
 *
 * Thread   any */
#ifndef SL_CONTROL_BOUNDS_H
#define SL_CONTROL_BOUNDS_H

#include "read/pin.h"
#include "read/start.h"

/* "beginning", "end", a duration or an RFC 3339 time. false: none of them. */
bool sl_start_read(const char *text, sl_start *out);
/* "15%" or a size. false: neither. */
bool sl_free_read(const char *text, sl_pin_free *out);

#endif
