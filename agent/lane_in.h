/* lane_in.h - one lane from within, for the files that it is made of: lane.c is the way of a line,
 * lane_parts.c deals with what is not whole or too long, lane_reframe.c with what has to go elsewhere,
 * lane_sources.c with its cursors, lane_held.c with those that wait. What stands below the structs is in lane.c. */
#ifndef SL_LANE_IN_H
#define SL_LANE_IN_H

#include "lane.h"
#include "read/join.h"
#include "read/tail.h"

struct sl_cursor {
    sl_link in_source; /* one of the source's cursors */
    sl_link in_lane;
    sl_link ready;     /* in the ring */
    sl_link rewinding; /* not read until what is out is answered for */
    sl_place
        back[SL_STREAMS]; /* ... and then anew from here, if the stream is further; else seq 0 */
    sl_lane *lane;
    sl_source *source;
    sl_tail tail;
    sl_joined joined;
    sl_account account;
    uint32_t namespace; /* its number */
    bool resuming;      /* some stream was further than the read position, or it is on trial */
    sl_block *block;    /* rendered for generation block_seq; NULL: not now */
    uint64_t block_seq;
    char block_name[SL_NAME_LEN];
    sl_saved_position saved[SL_STREAMS]; /* as last saved, with their hashes */
};

struct sl_lane {
    sl_lane_options options;
    int64_t began_ns; /* no life before ours has sent what is in younger files */
    sl_reader reader;
    sl_link cursors, ready, rewinding;
    sl_join join;
    sl_batch_pool pool;
    sl_batch *open; /* NULL: the next record opens one */
    sl_encoder *encoder;
    sl_output *output;
    uv_idle_t turn;
    uv_timer_t age;   /* the open batch's */
    uv_timer_t parts; /* the oldest part's */
    bool paused;      /* the gate is closed */
    bool finishing, draining, closing;
    bool dead;      /* its output gave up */
    int64_t now_ns; /* wall clock of this turn: the time of lines that have none */
    uint64_t now_ms;
    sl_books *gone; /* of sources that were forgotten, by namespace */
    uint32_t gone_count;
    sl_histogram delays;
    sl_link left_over; /* batches that came back unsettled at the end */
};

/* Sends the open batch on, if there is anything in it. */
void sl_lane_seal(sl_lane *l);
/* Room in the open batch for a message of up to `len` bytes. false: the gate is closed. */
bool sl_lane_room(sl_lane *l, const sl_cursor *c, size_t len);
/* Renders the bytes that are constant in the records of that generation. */
void sl_lane_render(sl_cursor *c, uint64_t seq);
/* A whole message, for which there is room. */
void sl_lane_message(sl_lane *l, sl_cursor *c, sl_record *rec);
/* It is read in one of the next turns, unless it waits for something. */
void sl_lane_make_ready(sl_cursor *c);

#endif
