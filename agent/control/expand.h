/* expand.h - ${env:NAME}, ${env:NAME:-default} and ${file:/path} in values, and the memory that
 * values live in.
 *
 * They are replaced once, as data: what comes in is neither read as YAML nor replaced again. A
 * default stands in for an empty variable too. `$${` is a literal `${`.
 *
 * Limits   a file 64 KiB, all values of a configuration together 4 MiB */
#ifndef SL_CONTROL_EXPAND_H
#define SL_CONTROL_EXPAND_H

#include "base/buf.h"

/* The memory of one configuration's values, and which of them must not be shown. Zeroed: empty. */
typedef struct sl_store {
    struct sl_stored *stored;
    size_t bytes;
    const void **secrets; /* places of values that came from a file */
    size_t secret_count;
} sl_store;

void *sl_store_alloc(sl_store *s, size_t size); /* zeroed */
char *sl_store_text(sl_store *s, sl_slice text);
char *sl_store_format(sl_store *s, const char *format, ...) SL_PRINTF(2, 3);
/* What lies at `place` must not be shown. */
void sl_store_hide(sl_store *s, const void *place);
bool sl_store_hides(const sl_store *s, const void *place);
void sl_store_fini(sl_store *s);

/* text       as it was written
 * out        what it means, in the store; unless it failed
 * from_file  set to whether a file's content is in it
 * returns    NULL, or why it failed, in the store */
SL_MUST_USE const char *sl_expand(sl_store *s, const char *text, const char **out, bool *from_file);

#endif
