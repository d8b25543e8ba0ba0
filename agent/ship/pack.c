/* pack.c - see pack.h. */
#include "ship/pack.h"

#include <stdlib.h>

/* One batch in the pool. */
typedef struct packing {
    sl_job job;
    sl_packer *packer;
    sl_batch *batch;
    size_t len;
} packing;

void sl_packers_init(sl_packers *p)
{
    const char *text = getenv("UV_THREADPOOL_SIZE"); /* libuv reads the same */
    long threads = text ? strtol(text, NULL, 10) : 4;

    p->free = threads > 1 ? (uint32_t)(threads < 1024 ? threads : 1024) - 1 : 1;
    sl_list_init(&p->waiting);
}

static void on_work(sl_job *job)
{
    packing *k = SL_CONTAINER_OF(job, packing, job);

    k->len = k->packer->gzip(k->batch->packed, sl_batch_plain(k->batch), k->packer->level);
}

/* A thread is free: for who waits longest. */
static void pass_on(sl_packers *all)
{
    while (all->free > 0 && !sl_list_is_empty(&all->waiting)) {
        sl_packer *p = SL_CONTAINER_OF(all->waiting.next, sl_packer, waiting);

        sl_list_remove(&p->waiting);
        p->more(p->arg);
    }
}

static void on_done(sl_job *job)
{
    packing *k = SL_CONTAINER_OF(job, packing, job);
    sl_packer *p = k->packer;
    sl_packers *all = p->packers;

    k->batch->packing = false;
    k->batch->packed_len = k->len;
    free(k);
    p->busy--;
    all->free++;
    pass_on(all);
    p->more(p->arg); /* p may be gone after this */
}

bool sl_packer_start(sl_packer *p, sl_batch *b)
{
    packing *k;

    if (p->packers->free == 0) {
        if (!sl_link_is_in(&p->waiting))
            sl_list_append(&p->packers->waiting, &p->waiting);
        return false;
    }
    p->packers->free--;
    p->busy++;
    b->packing = true;
    k = sl_alloc(sizeof *k);
    k->packer = p;
    k->batch = b;
    sl_pool_run(p->loop, &k->job, on_work, on_done);
    return true;
}
