/* watch.h - the one inotify descriptor -> calls.
 *
 * Owns     the descriptor; borrows its targets while they are watched
 * Thread   the loop's
 * Fails    without inotify, or without watches left, sl_watch_add() says so and the caller polls;
 *          an overflow of the kernel's queue is told to `on_overflow`, which looks at everything anew */
#ifndef SL_READ_WATCH_H
#define SL_READ_WATCH_H

#include "base/log.h"

#include <sys/inotify.h>
#include <uv.h>

typedef struct sl_watch sl_watch;
typedef struct sl_target sl_target;

/* What is watched; embedded in it. Zeroed: not watched. */
struct sl_target {
    int wd;          /* 0: none; inotify's own begin at 1 */
    sl_target *next; /* another one of the same thing */
    /* name: of the entry in a folder, "" for the thing itself. The target may be removed within. */
    void (*on_event)(sl_target *t, uint32_t mask, const char *name);
};

typedef struct sl_watch_options {
    uv_loop_t *loop;
    sl_log *log;
    void *arg;
    void (*on_overflow)(void *arg);
} sl_watch_options;

/* Never NULL; without inotify it works, and watches nothing. */
sl_watch *sl_watch_new(const sl_watch_options *options);
void sl_watch_close(sl_watch *w); /* then the loop has to turn once; frees itself */

/* Watches what path names. A target is one thing's: watched already, it is first let go. Several may
 * watch the same thing: each is told of what any of them asked for.
 * returns  0, UV_ENOSPC or UV_ENOMEM (no watches left), UV_ENOSYS (no inotify), another errno */
SL_MUST_USE sl_err sl_watch_add(sl_watch *w, sl_target *t, const char *path, uint32_t mask);
void sl_watch_remove(sl_watch *w, sl_target *t);

#endif
