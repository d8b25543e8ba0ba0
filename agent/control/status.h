/* status.h - how it stands, in a few lines: one for each output. For the log (SIGUSR1), for people
 * and for programs (`sluice status`). */
#ifndef SL_CONTROL_STATUS_H
#define SL_CONTROL_STATUS_H

#include "base/buf.h"
#include "base/log.h"
#include "control/survey.h"

void sl_status_log(const sl_subject *s, sl_log *log);
/* A table. */
void sl_status_write_text(const sl_subject *s, sl_buf *out);
/* One object a line. */
void sl_status_write_json(const sl_subject *s, sl_buf *out);

#endif
