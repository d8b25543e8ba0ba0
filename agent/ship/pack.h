/* pack.h - payloads are compressed in libuv's pool, on their way from the queue to the far end.
 *
 * All outputs together use all of its threads but one, so that a checkpoint or a cold read always
 * gets through. The function that compresses comes from outside.
 *
 * Owns     nothing: a batch has its memory for it from the beginning
 * Thread   the loop's; the pool reads a batch that is `packing`, which nobody else changes then */
#ifndef SL_SHIP_PACK_H
#define SL_SHIP_PACK_H

#include "base/pool.h"
#include "flow/batch.h"

/* Threads that all outputs together may use. */
typedef struct sl_packers {
    uint32_t free;
    sl_link waiting; /* outputs that found none */
} sl_packers;

/* One less than libuv's pool has, and at least one. */
void sl_packers_init(sl_packers *p);

/* One output's. */
typedef struct sl_packer {
    sl_packers *packers;
    sl_link waiting; /* in packers */
    uv_loop_t *loop;
    size_t (*gzip)(char *out, sl_slice body, int level);
    int level;               /* 0: it sends payloads as they are */
    uint32_t busy;           /* batches */
    void (*more)(void *arg); /* a batch is packed, or a thread is free */
    void *arg;
} sl_packer;

/* b is shown, and not packed yet.
 * returns  false: no thread is free; more() is called when one is */
bool sl_packer_start(sl_packer *p, sl_batch *b);

#endif
