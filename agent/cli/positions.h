/* positions.h - what `sluice state ls|show` print: the positions of a snapshot, for people or as JSON.
 *
 * Names came from folders that anybody may have made: bytes that do not show are shown as \xNN. */
#ifndef SL_CLI_POSITIONS_H
#define SL_CLI_POSITIONS_H

#include "base/buf.h"
#include "flow/snapshot.h"

typedef struct sl_positions {
    const sl_snapshot *snapshot;
    double age_seconds; /* of it */
    bool json;          /* one object a line */
    sl_buf *out;
} sl_positions;

/* How old it is; in JSON each object says so. */
void sl_positions_head(const sl_positions *p);
/* A line for each output that follows s. */
void sl_positions_list(const sl_positions *p, const sl_saved_source *s);
/* The files of s, and the position of each stream for each output. */
void sl_positions_show(const sl_positions *p, const sl_saved_source *s);

#endif
