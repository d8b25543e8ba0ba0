/* change.h - what is changed while the agent runs, through the socket: positions (`sluice state rewind`
 * and `rename`), and dead letters (`sluice dead-letter redrive`).
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

/* Dead letters of `output`, those of `reason` if it is given, go out once more. 202: it has begun. */
void sl_change_redrive(sl_subject *s, const sl_request *r, sl_reply *reply);
/* How far it is: 202, or 200 when it is over. */
void sl_change_redriven(const sl_subject *s, const sl_request *r, sl_reply *reply);

#endif
