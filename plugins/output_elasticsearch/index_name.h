/* index_name.h - names that a server takes for an index or a data stream. */
#ifndef INDEX_NAME_H
#define INDEX_NAME_H

#include <sluice/plugin.h>

#define INDEX_NAME_MAX 255
/* A name of which nothing was left. */
#define INDEX_NAME_NONE "unknown"

/* Makes a name valid, in place: letters small, "_" for what may not be in it, nothing of - _ + at its
 * beginning, 255 bytes, not empty.
 *
 * room     bytes at `text`, sizeof INDEX_NAME_NONE at least
 * returns  its length */
size_t index_name_make(char *text, size_t len, size_t room);

/* A data stream's name, logs-app-prod, in its parts: type (logs, metrics, traces, synthetics or
 * profiling), dataset, namespace. The namespace may hold further dashes. false: it is another name. */
bool index_name_split(sl_slice name, sl_slice parts[3]);

#endif
