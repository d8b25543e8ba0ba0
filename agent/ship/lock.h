/* lock.h - one agent for one state directory: a kernel lock (flock) on `state_dir/lock`, which ends
 * with its process, so it is never stale. The file's text says who holds it. */
#ifndef SL_SHIP_LOCK_H
#define SL_SHIP_LOCK_H

#include "base/base.h"

typedef struct sl_lock {
    int fd; /* -1: not held */
} sl_lock;

/* Makes the directory if it is not there (mode 0700, parents too). Takes the lock if it is free.
 * holder    32+ bytes: with SL_E_BUSY, who has it: "pid 123 on node-1"; with an errno, the file or
 *           folder that refused, cut at its end if need be
 * returns   0, SL_E_BUSY, or an errno; l->fd is -1 unless it is 0 */
SL_MUST_USE sl_err sl_lock_take(sl_lock *l, const char *dir, char *holder, size_t holder_size);
void sl_lock_release(sl_lock *l); /* one that is not held, too */

#endif
