/* snapshot.h - what a checkpoint holds, as bytes.
 *
 * Format: 8 bytes "SLUICECP", then msgpack: an array [major, minor, body map], then 4 bytes CRC-32
 * (IEEE 802.3, as zlib's), little endian, of all bytes before them. Unknown keys are ignored: a newer
 * minor only adds keys. A newer major is refused. (https://github.com/msgpack/msgpack/blob/master/spec.md)
 *
 * Thread   any */
#ifndef SL_SHIP_SNAPSHOT_H
#define SL_SHIP_SNAPSHOT_H

#include "base/buf.h"
#include "flow/snapshot.h"

/* Into a buffer, complete with magic and CRC. */
void sl_snapshot_pack(const sl_snapshot *s, sl_buf *out);
/* Any bytes at all. Allocates for what is there, not for what a count promises: at most 12 times
 * len, for a snapshot that is made to be so.
 * why      on SL_E_FORMAT: what is wrong with them; static
 * returns  0; SL_E_NEWER; SL_E_FORMAT, for numbers that make no sense too (offset beyond size, seq 0
 *          or not growing, names with '/', lane out of range) */
SL_MUST_USE sl_err sl_snapshot_unpack(sl_slice bytes, sl_snapshot **out, const char **why);

void sl_snapshot_free(sl_snapshot *s); /* accepts NULL */

#endif
