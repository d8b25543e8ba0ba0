/* dead_letter.h - one output's dead letters on disk: DIR/dead-letter/OUTPUT/NNNNNNNN.ndjson.
 *
 * Entries are on disk for good (fdatasync) before `done` is called. Nothing is created before the first
 * one. A line that a crash tore is cut off when its file is continued. The folder is 0700, files 0600
 * and 16 MiB at most, unless one entry is larger.
 *
 * Thread   the loop's; a job is the pool's while it is out, one at a time */
#ifndef SL_SHIP_DEAD_LETTER_H
#define SL_SHIP_DEAD_LETTER_H

#include "base/buf.h"
#include "base/list.h"
#include "base/pool.h"

#define SL_DEAD_FOLDER "dead-letter"
#define SL_DEAD_SUFFIX ".ndjson"

typedef struct sl_dead_letter sl_dead_letter;

/* WRITE   its text
 * TURN    files that are there are not continued: they are another's now, who may take some away
 * COUNT   something was taken away: what is left is looked at anew */
typedef enum { SL_DEAD_WRITE, SL_DEAD_TURN, SL_DEAD_COUNT } sl_dead_kind;

typedef struct sl_dead_job {
    sl_link link; /* while it waits */
    sl_dead_kind kind;
    sl_buf text; /* whole entries */
    sl_err err;  /* 0: they are on disk; SL_E_FULL: max_bytes; else why they are not */
    void (*done)(struct sl_dead_job *);
} sl_dead_job;

/* dir      the agent's; borrowed, as output is */
sl_dead_letter *sl_dead_letter_new(uv_loop_t *loop, const char *dir, const char *output,
                                   uint64_t max_bytes);
/* Nothing is out. Accepts NULL. */
void sl_dead_letter_free(sl_dead_letter *d);

/* Does it; one job after the other. */
void sl_dead_letter_write(sl_dead_letter *d, sl_dead_job *job);
/* The last file that was there at the last TURN; none that is younger has that number. */
unsigned long sl_dead_letter_turned(const sl_dead_letter *d);

/* The folder of an output. PATH_MAX bytes. Also for those who read: one entry a line, oldest file
 * first by name; a last line without newline may be half written. */
void sl_dead_letter_path(const char *dir, const char *output, char *out);
bool sl_dead_letter_is_file(const char *name);
/* Of a file's path. */
unsigned long sl_dead_letter_number(const char *path);

#endif
