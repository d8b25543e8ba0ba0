/* plan.h - the descriptor plan: who gives his descriptor back when there are more files than those.
 *
 * A generation that its path can open again rests: its file is known by its key, watched by its
 * inode where there are watches, and opened when it is read again. The one that was read least
 * recently goes first, so all of them come to their turn, whatever they have unread. When none of
 * these is left, `last_resort` gives up a deleted file. What happens to a resting file is found when
 * its folder is listed: under another name it is found by its key, and compressed by its name; gone
 * for good, what was seen of it and not read is lost(vanished).
 *
 * Borrows  generations that are open, least recently read first
 * Thread   the loop's */
#ifndef SL_READ_PLAN_H
#define SL_READ_PLAN_H

#include "read/source.h"

#include <fcntl.h>

#define SL_OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) /* a log file */

typedef struct sl_plan {
    sl_link open;
    int max_fd; /* a log file's descriptor is not above this: the others are for the agent itself */
    bool said;  /* that there are too few */
    sl_log *log;
    void *arg;
    bool (*last_resort)(
        void *arg); /* frees a descriptor, at a price; false: it cannot. May be NULL */
} sl_plan;

/* log, arg and last_resort are filled in. */
void sl_plan_init(sl_plan *p);

/* Opens a log file; others rest for it, if need be.
 * returns  the descriptor, or -errno */
int sl_plan_open(sl_plan *p, int folder, const char *file);
/* g was opened, or read. */
void sl_plan_used(sl_plan *p, sl_generation *g);
/* One of the others rests. false: none could. */
bool sl_plan_make_room(sl_plan *p);

/* g, which is open, rests. */
void sl_plan_put(sl_generation *g);
/* Opens g, which rests.
 * returns  0; UV_ENOENT: its path names another file now, g is sought, and its folder is listed soon;
 *          another errno: it rests on, and is tried again */
sl_err sl_plan_wake(sl_plan *p, sl_generation *g);
/* The size of g, by its path, and when it was written to. false: the path names another file now. */
bool sl_plan_peek(const sl_generation *g, uint64_t *size, int64_t *written_ns);
/* g, which rests, is as it was when it began to. */
bool sl_plan_is_undisturbed(const sl_generation *g);
/* A descriptor for a moment; -1: not to be had. The caller closes it. */
int sl_plan_borrow(const sl_generation *g);

#endif
