/* tail_warm.c - what a tail reads next is fetched in the pool: the disk, or the way through a .gz, takes
 * its time. */
#include "read/tail.h"

#include <stdlib.h>
#include <unistd.h>

#define WARM_BYTES ((size_t)256 << 10) /* as much as one read takes */

struct warm_up {
    sl_job job;
    sl_reader *reader;
    sl_tail *tail;
    int fd;
    uint64_t offset;
    sl_unpack *unpack; /* the tail's; NULL: it is no .gz */
};

static void fetch(sl_job *job)
{
    struct warm_up *w = SL_CONTAINER_OF(job, struct warm_up, job);
    char *scratch = w->unpack ? NULL : malloc(WARM_BYTES);

    if (w->unpack)
        sl_unpack_skip(w->unpack, w->fd, w->offset, &w->reader->stopping);
    if (scratch)
        (void)!pread(w->fd, scratch, WARM_BYTES, (off_t)w->offset);
    free(scratch);
}

static void on_fetched(sl_job *job)
{
    struct warm_up *w = SL_CONTAINER_OF(job, struct warm_up, job);

    close(w->fd);
    w->tail->unpack = w->unpack;
    w->tail->warming = false;
    w->tail->warm = true;
    w->reader->warmed(w->reader->arg, w->tail);
    free(w);
}

void sl_tail_warm(sl_reader *r, sl_tail *t)
{
    struct warm_up *w;
    int fd = dup(t->generation->fd); /* its own may be closed meanwhile */

    if (fd > sl_discover_plan(t->source->pod->discover)->max_fd) {
        close(fd);
        fd = -1;
    }
    t->warm = true; /* without a descriptor for it, the next read waits for the disk itself */
    if (fd < 0) {
        r->warmed(r->arg, t);
        return;
    }
    w = sl_alloc(sizeof *w);
    *w = (struct warm_up){
        .reader = r, .tail = t, .fd = fd, .offset = t->at.offset, .unpack = t->unpack};
    t->unpack = NULL;
    t->warm = false;
    t->warming = true;
    sl_pool_run(r->loop, &w->job, fetch, on_fetched);
}
