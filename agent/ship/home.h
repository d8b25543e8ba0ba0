/* home.h - what becomes of a batch when all of it was answered. A part of output.c. */
#ifndef SL_SHIP_HOME_H
#define SL_SHIP_HOME_H

#include "ship/output_in.h"

/* All of t's records are answered. */
void sl_output_home(sl_output *o, sl_trip *t);
/* Rows that are to go out in another frame get it. false: they would go out as they were. */
bool sl_output_reframe(sl_output *o, const sl_trip *t);
/* Rows that were refused are settled: for sl_refusals, as the next one. */
void sl_output_refused(void *output, sl_batch *b, uint32_t first, uint32_t n, const sl_verdict *v);
/* Some that were refused are on disk, or why they are not. */
void sl_output_buried(void *output, sl_trip *t, sl_err err);
/* NULL: for no reason. */
void sl_output_say(const sl_output *o, sl_level level, const char *what, const char *reason);

#endif
