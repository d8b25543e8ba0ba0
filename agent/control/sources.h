/* sources.h - every container that is followed, with its generations and what each output has done of
 * it, as JSON: {"sources": [...]}. Made piece by piece, so that thousands hold up nothing: each object
 * is true by itself, at the moment when it is written; what comes while it goes on may be missing. */
#ifndef SL_CONTROL_SOURCES_H
#define SL_CONTROL_SOURCES_H

#include "base/buf.h"
#include "control/survey.h"

typedef struct sl_sources sl_sources;

/* Globs, as in the configuration; NULL: all. They are copied. */
sl_sources *sl_sources_new(const sl_subject *s, const char *namespace, const char *pod,
                           const char *container);
/* Adds the next few. false: that was the end. */
bool sl_sources_next(sl_sources *list, sl_buf *out);
void sl_sources_free(sl_sources *list);

#endif
