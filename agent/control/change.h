/* change.h - positions that are changed while the agent runs: `sluice state rewind` and `rename`,
 * through the socket.
 *
 * Thread   the loop's */
#ifndef SL_CONTROL_CHANGE_H
#define SL_CONTROL_CHANGE_H

#include "control/admin.h"
#include "control/survey.h"

/* `output` reads again what `source` ("NS/POD[/CONTAINER]"; all, if it is left out) has had since
 * `to`. */
void sl_change_rewind(sl_subject *s, const sl_request *r, sl_reply *reply);
/* The positions of `old` are saved as those of `new`. */
void sl_change_rename(sl_subject *s, const sl_request *r, sl_reply *reply);
/* Is it on disk yet? 200, or 202: ask again. */
void sl_change_saved(const sl_subject *s, sl_reply *reply);

#endif
