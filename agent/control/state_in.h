/* state_in.h - the state from within, for the two files that it is made of: state_last.c knows what the
 * last life left, state.c saves what this one leaves. */
#ifndef SL_CONTROL_STATE_IN_H
#define SL_CONTROL_STATE_IN_H

#include "control/state.h"
#include "ship/checkpoint.h"
#include "ship/snapshot.h"

/* What became of a source of the last life. */
typedef enum { SL_LAST_ABSENT, SL_LAST_FOUND, SL_LAST_SETTLED } sl_last_fate;

struct sl_state {
    sl_state_options options;
    sl_checkpoint *checkpoint;
    sl_snapshot
        *last; /* its sources sorted by their names; NULL once each was found or has vanished */
    uint8_t *fates;                /* of them */
    sl_discover *const *discovers; /* one for each input */
    size_t discover_count;
    sl_lane *const *lanes;
    size_t lane_count;
    char **names;     /* of the lanes, as they are saved */
    bool *joins;      /* of the lanes: new beside what others left */
    int64_t since_ns; /* what was made later is new to them */
    bool fresh;       /* nobody left anything */
    size_t last_size; /* of the checkpoint */
    bool scanned;     /* there is a whole picture to save */
    bool changed;     /* what was saved last is not the picture any more */
    bool again;       /* something changed while the checkpoint was being written */
    bool unbalanced;  /* and that was said */
    bool absent_said;
    uint64_t asked, packed, written; /* changes that somebody waits for to be saved */
    uv_timer_t upkeep;               /* saves, and asks whether sources that are gone are done */
};

/* --- state_last.c --- */

/* Its lanes are known: cursors get their numbers, and who is new or gone is said. */
void sl_last_meets_lanes(sl_state *st);
/* Everything was looked at: what was not found, and is not out of sight, has vanished; that is told. */
void sl_last_looked_at(sl_state *st);
void sl_last_forget(sl_state *st);

#endif
