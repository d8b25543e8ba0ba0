/* packed.c - see packed.h. */
#include "read/packed.h"

#include "read/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* A .gz that is not whole is given up when nobody has written to it for so long. */
#define STILL_NS INT64_C(10000000000)

typedef struct check {
    sl_job job;
    sl_folders *folders;
    sl_generation *generation;
    int fd;
    bool still; /* nobody writes to it any more */
    uint64_t size;
    bool fits;
    sl_start start; /* of a new one */
    uint64_t begin;
    sl_err err;
} check;

static void check_packed(sl_job *job)
{
    check *k = SL_CONTAINER_OF(job, check, job);
    size_t len;
    char first;

    k->err = sl_inflate_check(k->fd, &first, 1, &len, &k->size, &k->folders->stopping);
    if (!k->err)
        k->fits = sl_checks_fit(k->generation, k->fd, k->size); /* its own while it is checked */
    if (!k->err && k->fits)
        k->begin = sl_start_in_packed(&k->start, k->fd, k->size);
}

static void open_packed(sl_generation *g, const check *k)
{
    g->fd = k->fd;
    g->size = k->size;
    g->body = SL_BODY_OPEN;
    sl_plan_used(k->folders->plan, g);
    if (k->begin > g->begin)
        g->begin = k->begin;
}

static void give_up_packed(sl_generation *g, const check *k)
{
    bool is_being_written = k->err == SL_E_FORMAT && !k->still;
    char path[PATH_MAX];

    sl_generation_path(g, path);
    close(k->fd);
    g->packed = false;
    g->body = is_being_written ? SL_BODY_SOUGHT : SL_BODY_GONE;
    if (is_being_written)
        g->source->unsettled = true;
    if (!is_being_written && !k->folders->stopping)
        sl_logf(
            k->folders->log, SL_LOG_ERROR,
            "%s.gz cannot be read: %s; what of it was not delivered before it was compressed is "
            "lost",
            path, k->err ? sl_strerror(k->err) : "its text is not that of the file it replaced");
}

static void on_checked(sl_job *job)
{
    check *k = SL_CONTAINER_OF(job, check, job);
    sl_folders *f = k->folders;
    sl_source *s = k->generation->source;

    if (!k->err && k->fits)
        open_packed(k->generation, k);
    else
        give_up_packed(k->generation, k);
    free(k);
    if (!f->stopping)
        f->checked(f->arg, s);
}

void sl_packed_take(sl_folders *f, sl_generation *g, int fd, const sl_key *key, int64_t written_ns)
{
    check *k = sl_alloc(sizeof *k);

    *k = (check){.folders = f, .generation = g, .fd = fd};
    if (g->first_ns) /* else it is wanted as a whole, or was not taken */
        k->start = f->start;
    k->still = sl_wall_ns(f->clock) - written_ns > STILL_NS;
    g->body = SL_BODY_CHECKED;
    g->packed = g->linked = true;
    g->key = *key;
    sl_pool_run(f->loop, &k->job, check_packed, on_checked);
}
