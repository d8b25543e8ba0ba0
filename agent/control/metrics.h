/* metrics.h - what is counted, as Prometheus reads it (text format 0.0.4): one consistent picture,
 * made when somebody asks. */
#ifndef SL_CONTROL_METRICS_H
#define SL_CONTROL_METRICS_H

#include "base/buf.h"
#include "control/survey.h"

#define SL_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void sl_metrics_write(const sl_subject *s, sl_buf *out);

/* Adds text as a label's value: quotes, backslashes and newlines escaped, bytes that are not UTF-8
 * replaced. */
void sl_metrics_add_label(sl_buf *out, sl_slice text);
/* Adds the lines of a histogram of seconds, `labels` in each. */
void sl_metrics_add_histogram(sl_buf *out, const char *name, const char *labels,
                              const sl_histogram *h);

#endif
