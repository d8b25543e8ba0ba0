/* checkpoint.h - how far everything is delivered, as one file: read at start, written whole, aside,
 * fsynced and renamed, only when asked. The one before stays as `checkpoint.prev`. snapshot.h says
 * what is in it.
 *
 * Thread   the loop's; write, fsync and rename wait in the pool
 * Fails    a disk that is full or broken: said once until it works again, and tried again */
#ifndef SL_SHIP_CHECKPOINT_H
#define SL_SHIP_CHECKPOINT_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/snapshot.h"

#include <uv.h>

typedef struct sl_checkpoint sl_checkpoint;

/* dir   the state directory; borrowed */
sl_checkpoint *sl_checkpoint_new(const char *dir, uv_loop_t *loop, const sl_clock *clock,
                                 sl_log *log);
void sl_checkpoint_free(sl_checkpoint *c); /* not while it is writing; accepts NULL */

/* Reads `checkpoint`. One that is damaged is renamed to `checkpoint.damaged`, loudly, and
 * `checkpoint.prev` used. Nothing there, or all damaged: *out is an empty snapshot, *fresh is true.
 * returns  SL_E_NEWER, or an errno of a file that is there but cannot be read: refuse to start; it
 *          was logged, with the path, and *out is NULL */
SL_MUST_USE sl_err sl_checkpoint_load(sl_checkpoint *c, sl_snapshot **out, bool *fresh);

/* Reads `checkpoint` and touches nothing: beside an agent that runs, too.
 * when_ns  when it was written
 * why      of SL_E_FORMAT: what is wrong with it */
SL_MUST_USE sl_err sl_checkpoint_read(const char *dir, sl_snapshot **out, int64_t *when_ns,
                                      const char **why);

/* Writes bytes (moved: *bytes is empty after) in the pool, then calls done(arg, err) on the loop.
 * Not while one is being written: sl_checkpoint_is_writing(). */
void sl_checkpoint_write(sl_checkpoint *c, sl_buf *bytes, void (*done)(void *arg, sl_err err),
                         void *arg);
bool sl_checkpoint_is_writing(const sl_checkpoint *c);
/* The same at once, on this thread: for the last one, when the loop has ended. Not while one is
 * being written either. */
SL_MUST_USE sl_err sl_checkpoint_write_now(sl_checkpoint *c, sl_slice bytes);

#endif
