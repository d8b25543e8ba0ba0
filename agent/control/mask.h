/* mask.h - what an excerpt of a configuration must not show. The user's line may be no YAML at all, so
 * words decide: a value whose name speaks of a password, a secret, a token or a key, and the user and
 * password of a URL. */
#ifndef SL_CONTROL_MASK_H
#define SL_CONTROL_MASK_H

#include "base/buf.h"

/* May its value be shown to nobody? Names of files may: "password_file". */
bool sl_mask_is_secret(sl_slice name);

/* Adds the line with *** for each secret.
 *
 * place    of a byte in it, or its length
 * returns  where that byte is in what was added; in a secret: its beginning */
size_t sl_mask_line(sl_slice line, size_t place, sl_buf *out);

#endif
