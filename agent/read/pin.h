/* pin.h - how much disk the deleted files that we hold open may keep from being free.
 *
 * A generation with unread bytes stays open when its file is deleted, so its blocks stay taken. Only
 * files that have no name left count, at their allocated size: what was merely moved elsewhere would
 * take its place without us, too. Beyond max_bytes, or when a file system of
 * which we hold some has less than min_free left, the largest source gives up its oldest such file, and
 * then again, until it is enough. What no lane had read of it is lost(pin_limit), at once, whatever
 * the lanes wait for; what is in batches already stays on its way.
 *
 * Borrows  the discovery
 * Thread   the loop's; a timer that runs only while something is pinned */
#ifndef SL_READ_PIN_H
#define SL_READ_PIN_H

#include "read/discover.h"

typedef struct sl_pin sl_pin;

typedef struct sl_pin_free {
    bool percent; /* of the whole file system; else bytes */
    uint64_t value;
} sl_pin_free;

/* Of a file system, in bytes. */
typedef struct sl_space {
    uint64_t all, free;
} sl_space;

typedef struct sl_pin_options {
    uv_loop_t *loop;
    sl_discover *discover;
    uint64_t max_bytes;
    sl_pin_free min_free;
    sl_err (*space)(int fd, sl_space *out); /* NULL: fstatvfs() */
    void *arg;
    /* g is given up, and ends at `last`: whoever has not read so far says what he lost.
     * held     becomes true if anybody has come to it
     * returns  how far anybody has read it */
    uint64_t (*lose)(void *arg, sl_generation *g, uint64_t last, bool *held);
} sl_pin_options;

sl_pin *sl_pin_new(const sl_pin_options *options);
void sl_pin_stop(sl_pin *p);    /* its timer is closed: turn the loop; accepts NULL */
void sl_pin_release(sl_pin *p); /* after that; accepts NULL */

/* A file lost its name: soon it is looked whether that is too much. */
void sl_pin_wake(sl_pin *p);
/* Gives up what is too much.
 * returns  something is pinned, or may soon be: look again */
bool sl_pin_check(sl_pin *p);
/* Allocated bytes of files without a name, now. */
uint64_t sl_pin_bytes(const sl_pin *p);
/* Makes one descriptor free, for want of others. false: nothing is pinned. */
bool sl_pin_give_up_one(sl_pin *p);

#endif
