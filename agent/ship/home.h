/* home.h - what becomes of a batch when all of it was answered. A part of output.c. */
#ifndef SL_SHIP_HOME_H
#define SL_SHIP_HOME_H

#include "ship/output_in.h"

/* All of t's records are answered. */
void sl_output_home(sl_output *o, sl_trip *t);
/* Some that were refused are on disk, or why they are not: for sl_refusals. */
void sl_output_buried(void *output, sl_trip *t, sl_err err);
/* NULL: for no reason. */
void sl_output_say(const sl_output *o, sl_level level, const char *what, const char *reason);

#endif
