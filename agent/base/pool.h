/* pool.h, the first of two doors out of the loop's thread: work that blocks goes to libuv's pool
 * and comes back. post.h is the other.
 *
 * An sl_job is embedded in what it works on. While it is out, that thing belongs to the pool: the
 * loop touches nothing of it but what `work` does not. */
#ifndef SL_BASE_POOL_H
#define SL_BASE_POOL_H

#include <stdbool.h>
#include <uv.h>

typedef struct sl_job sl_job;

struct sl_job {
    uv_work_t req;
    void (*work)(sl_job *); /* in the pool */
    void (*done)(sl_job *); /* on the loop */
    bool out;
};

/* Runs work(job) in the pool, then done(job) on the loop. A job is out once at a time. */
void sl_pool_run(uv_loop_t *loop, sl_job *job, void (*work)(sl_job *), void (*done)(sl_job *));

#endif
