/* state.h - what one life of the agent leaves to the next: how far each container was delivered.
 *
 * At the start the last life's checkpoint is loaded, and each source that is found gets its part of
 * it. When everything was looked at, what is left of it has vanished: that is said, and this life's
 * checkpoint takes its place. One timer runs while there is something to save: it writes the
 * checkpoint, closes what is settled and forgets what is gone.
 *
 * Owns     the checkpoint
 * Borrows  the discoveries and the lanes, from follow() on
 * Thread   the loop's */
#ifndef SL_CONTROL_STATE_H
#define SL_CONTROL_STATE_H

#include "lane.h"

typedef struct sl_state sl_state;

typedef struct sl_state_options {
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    const char *dir;      /* the state directory */
    uint64_t interval_ms; /* between two checkpoints; more where they are large */
    void *arg;
    /* Is a source of the last life still one of ours? */
    bool (*wants)(void *arg, const sl_saved_source *saved);
    void (*written)(void *arg); /* a checkpoint, or in vain; its memory is free again */
} sl_state_options;

sl_state *sl_state_new(const sl_state_options *options);
void sl_state_stop(sl_state *st); /* its timer is closed: turn the loop; accepts NULL */
void sl_state_free(sl_state *st); /* after that; accepts NULL */

/* Loads what the last life left. Returns as sl_checkpoint_load(), of which *fresh is, too. */
SL_MUST_USE sl_err sl_state_load(sl_state *st, bool *fresh);
/* What the last life knew of s; NULL: nothing. It lives until scanned(). */
const sl_saved_source *sl_state_find(sl_state *st, const sl_source *s);
/* Where l goes on in s, which was just found, or begins in it if l joins what others left.
 * returns  false: at its beginning, as nothing is known */
bool sl_state_find_cursor(sl_state *st, sl_source *s, const sl_lane *l, sl_saved_cursor *out);
/* Calls each(of, path) for the files right in that folder that were sources of the last life. */
void sl_state_each_in(const sl_state *st, const char *folder,
                      void (*each)(void *of, const char *path), void *of);

/* Whose positions are saved from now on. */
void sl_state_follow(sl_state *st, sl_discover *const *discovers, size_t discover_count,
                     sl_lane *const *lanes, size_t lane_count);
/* Everything was looked at. What was not found has vanished, unless its folder is there and could not
 * be listed, or its root is missing: then its positions are kept. With the first call saving begins. */
void sl_state_scanned(sl_state *st);
/* Something moved: it is saved, within the interval. */
void sl_state_changed(sl_state *st);

/* Everything was looked at once, and the end has not begun. */
bool sl_state_is_whole(const sl_state *st);
/* Somebody waits for it to be on disk: it is written as soon as the disk is free. */
void sl_state_save_soon(sl_state *st);
/* All that was wanted so is there. */
bool sl_state_is_saved(const sl_state *st);
/* Under which name a lane's positions are saved. */
const char *sl_state_lane_name(const sl_state *st, size_t lane);
/* From now on the lane that is saved as `from` is saved as `to`; whatever it is called in this life.
 * Returns 0; UV_ENOENT: there is none; UV_EEXIST: `to` is a lane's own already. */
SL_MUST_USE sl_err sl_state_rename(sl_state *st, const char *from, const char *to);

/* Saves it at once, when the loop has ended. */
SL_MUST_USE sl_err sl_state_save_now(sl_state *st);

#endif
