/* log.h - the agent's own diagnostics, one line each, on stderr: text, JSON or logfmt.
 *
 * Data never goes here. A message is a short sentence in lower case; what it is about is in
 * its fields, so that it can be searched for: `sl_log(log, SL_LOG_WARN, "...")`.
 *
 * Thread   the loop's */
#ifndef SL_BASE_LOG_H
#define SL_BASE_LOG_H

#include "base/base.h"

typedef enum { SL_LOG_TEXT, SL_LOG_JSON, SL_LOG_LOGFMT } sl_log_format;

typedef struct sl_log {
    sl_level level;
    sl_log_format format;
    int fd;           /* -1: thrown away */
    uint64_t written; /* lines; tests look at it */
} sl_log;

/* A message with fields: pairs of a name and a value (const char *), ended by NULL.
 *   sl_log_fields(log, SL_LOG_WARN, "lost", "reason", "deleted_while_down", "from", "12", NULL) */
void sl_log_fields(sl_log *log, sl_level level, const char *message, ...) __attribute__((sentinel));
void sl_logf(sl_log *log, sl_level level, const char *format, ...) SL_PRINTF(3, 4);

#endif
