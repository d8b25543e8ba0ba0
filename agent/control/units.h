/* units.h - numbers as people write them: "64KiB", "500ms", "1000". */
#ifndef SL_CONTROL_UNITS_H
#define SL_CONTROL_UNITS_H

#include "base/buf.h"

/* type     SL_SIZE, SL_TIME (milliseconds) or SL_COUNT
 * returns  0, SL_E_FORMAT, or -ERANGE: it is a number, and too large */
SL_MUST_USE sl_err sl_number_read(sl_option_type type, const char *text, uint64_t *out);
/* As sl_number_read() takes it, in the largest unit that divides it. */
void sl_number_format(sl_option_type type, uint64_t n, sl_buf *out);

#endif
