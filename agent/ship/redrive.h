/* redrive.h - an output's dead letters on their way once more, beside what its lane sends.
 *
 * File after file, oldest first: entries become batches, as they were when they were refused, and take
 * turns with the lane's. Each goes out by itself: what is refused again stays where it is, and a
 * sending that fails is tried a few times, whatever the lane's own back-off does. When all of a file
 * is answered, the file is written anew without those that were taken. A crash in between sends them
 * again, which their places tell to the far end.
 *
 * What is refused meanwhile goes into new files, which are not looked at.
 *
 * Thread   the loop's; files are read and written in the pool
 * Limits   one file (16 MiB, unless an entry is larger) and the places of all entries are in memory,
 *          beside the lane's share, from which batches come */
#ifndef SL_SHIP_REDRIVE_H
#define SL_SHIP_REDRIVE_H

#include "ship/output.h"

/* Entries, so far. Twice: with the place of another one, so they go with it. */
typedef struct sl_redriven {
    bool over;
    size_t delivered, left, twice, damaged;
    char *words; /* why the last one of those left is; NULL: none is */
    sl_err err;  /* why nothing more could be done with `file`; 0: all was */
    char *file;
} sl_redriven;

/* dir      the agent's; borrowed
 * reason   of the entries that are meant; copied. NULL: all
 * over     called when it is; may be NULL
 * returns  false: one is at work, or the output is closing */
SL_MUST_USE bool sl_redrive_start(sl_output *o, const char *dir, const char *reason,
                                  void (*over)(void *arg), void *arg);
/* Sends nothing more; what is out is waited for. */
void sl_redrive_stop(sl_output *o);
/* The last one's, until the next one begins; NULL: there was none. */
const sl_redriven *sl_redrive_look(const sl_output *o);

#endif
