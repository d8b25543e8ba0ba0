/* lane.h - a lane is one output with its own cursors on the sources that it wants: lane.c joins the
 * stages in order, and is the file to read first.
 *
 * Owns     its cursors, batches, open parts, output
 * Borrows  sources, from add() until forget()
 * Thread   the loop's
 * Limits   its share of memory_limit: three quarters for batches, one for open parts */
#ifndef SL_LANE_H
#define SL_LANE_H

#include "base/clock.h"
#include "flow/namespaces.h"
#include "read/follow.h"
#include "shape/encode.h"
#include "shape/select.h"
#include "ship/ledger.h"
#include "ship/output.h"
#include "ship/redrive.h"

typedef struct sl_lane sl_lane;
typedef struct sl_cursor sl_cursor;

typedef struct sl_lane_options {
    const char *name;
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    sl_follow *follow;
    sl_select select;
    bool from_beginning;       /* where it begins if it joins a state that others left */
    sl_namespaces *namespaces; /* of all lanes: their numbers in the books */
    uint64_t memory;           /* its share */
    uint64_t max_bytes, max_records, max_age_ms; /* of a batch */
    sl_encoder_options encoder;
    sl_output_options output; /* its calls and arg are the lane's own, but for gave_up and closed */
    void *arg;
    void (*changed)(void *arg); /* a position moved: there is something to save */
    void (*gave_up)(void *arg, sl_lane *l, const char *reason); /* it delivers no more, for ever */
    void (*closed)(void *arg);
    void (*rested)(
        void *arg); /* it has read all that is there, or all that it sent is answered for */
} sl_lane_options;

SL_MUST_USE sl_err sl_lane_new(const sl_lane_options *options, sl_lane **out);
/* After `closed`; NULL is accepted. Sources keep no trace of it. */
void sl_lane_free(sl_lane *l);

const char *sl_lane_name(const sl_lane *l);
bool sl_lane_starts_at_beginning(const sl_lane *l);

/* Follows s, from where the checkpoint left it.
 * saved  NULL: from its beginning */
void sl_lane_add(sl_lane *l, sl_source *s, const sl_saved_cursor *saved);
/* Something happened in s. */
void sl_lane_ready(sl_lane *l, sl_source *s);
/* s is cold. */
void sl_lane_slept(sl_lane *l, sl_source *s);
/* Gives memory back that it needs only while it reads and sends. */
void sl_lane_trim(sl_lane *l);
/* Nothing of s is read, open or unsettled, and its folder is gone. */
bool sl_lane_is_done_with(const sl_lane *l, const sl_source *s);
/* s is about to go. */
void sl_lane_forget(sl_lane *l, sl_source *s);

/* g ends at `last`, and its file is given up: what was not read of it is lost, now.
 * held     becomes true if the lane has come to it
 * returns  how far it was read */
uint64_t sl_lane_lose(sl_lane *l, sl_generation *g, uint64_t last, bool *held);

/* How far s is delivered, for the checkpoint. Hashes are computed where a position moved.
 * returns  the smallest place of all streams; seq UINT64_MAX: it does not follow s, *out is untouched */
sl_place sl_lane_save(sl_lane *l, sl_source *s, sl_saved_cursor *out);

typedef enum {
    SL_REWOUND_NOT, /* it does not follow s, or none of its streams is further */
    SL_REWOUND_NOW,
    SL_REWOUND_LATER /* when what is out of s is answered for; it is saved before, all the same */
} sl_rewound;

/* Reads s again from `at` on; streams that are not that far go on where they are. What is open is
 * dropped, and read again. Other lanes do not notice. */
sl_rewound sl_lane_rewind(sl_lane *l, sl_source *s, sl_place at);

/* The end begins: from now on only files that may be gone with our pod are read, those of an input
 * of files; what else is unread stays where it is. */
void sl_lane_finish(sl_lane *l);
/* All that lies in them was read; asked again now and then, since the next file may come in time. */
bool sl_lane_has_finished(sl_lane *l);
/* Reads no more; what is open is sent. */
void sl_lane_drain(sl_lane *l);
/* Everything that was read is answered for, but for open parts; or will never be. */
bool sl_lane_is_drained(const sl_lane *l);
/* Takes back what is out; then `closed`. What is left is read again at the next start. */
void sl_lane_close(sl_lane *l);

/* Its handles go: the loop has to turn once before it is freed. */
void sl_lane_stop(sl_lane *l);

/* All sources together, forgotten ones too. */
sl_books sl_lane_books(const sl_lane *l);
/* Bytes that vanished unread of a source that has no folder any more. */
void sl_lane_lost(sl_lane *l, sl_slice namespace, uint64_t bytes, sl_lost_reason reason);

/* Its output's dead letters, those of that reason or all (NULL), go out once more. The agent asks how
 * far they are. See ship/redrive.h. */
SL_MUST_USE bool sl_lane_redrive(sl_lane *l, const char *reason);
const sl_redriven *sl_lane_redriven(const sl_lane *l);

/* --- for those who ask --- */

/* What a lane knows of one source. */
typedef struct sl_lane_view {
    uint32_t namespace; /* its number */
    sl_books books;
    uint64_t unread;                /* bytes, as of the last sl_peek_sizes() */
    int64_t oldest_ns;              /* when the first of them was written; 0: none, or not known */
    sl_place positions[SL_STREAMS]; /* the frontiers; seq 0: nothing was read yet */
    const char *waiting;            /* why nothing of it is read for now; NULL: it flows */
} sl_lane_view;

/* false: it does not follow s, and *out is untouched. */
bool sl_lane_look(const sl_lane *l, const sl_source *s, sl_lane_view *out);
/* The books of sources of that namespace that were forgotten; NULL: there were none. */
const sl_books *sl_lane_gone(const sl_lane *l, uint32_t namespace);

typedef struct sl_lane_numbers {
    uint64_t memory;     /* bytes held of its share: batches and open parts */
    sl_histogram delays; /* from a record's time to its delivery */
    sl_output_numbers output;
} sl_lane_numbers;

void sl_lane_look_at_output(const sl_lane *l, sl_lane_numbers *out);
const sl_output *sl_lane_output(const sl_lane *l);

#endif
