/* pin.c - see pin.h. */
#include "read/pin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define SOON_MS  100  /* several deletions are one look */
#define AGAIN_MS 1000 /* while something is pinned */

struct sl_pin {
    sl_pin_options options;
    uv_timer_t timer;
};

/* One look at everything. */
typedef struct sum {
    uint64_t dev;         /* of this file system alone; 0: of all */
    uint64_t bytes;       /* pinned */
    uint64_t most;        /* in one source */
    sl_generation *first; /* the oldest one there; NULL: nothing is pinned */
    bool unlinked;        /* some file left its folder, and may yet lose its name */
    uint64_t above, next; /* the least file system above that one on which something is pinned */
} sum;

/* Allocated bytes that its file keeps; the rest of a file that went on shares it, and counts once. */
static uint64_t pinned_bytes(const sl_generation *g, uint64_t dev)
{
    struct stat st;

    if (g->body != SL_BODY_OPEN || g->linked || !g->key.ino || (dev && g->key.dev != dev) ||
        fstat(g->fd, &st) || st.st_nlink > 0)
        return 0;
    return (uint64_t)st.st_blocks * 512;
}

static void add_source(void *arg, sl_source *s)
{
    sum *all = arg;
    sl_generation *first = NULL;
    uint64_t bytes = 0;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);
        uint64_t own = pinned_bytes(g, all->dev);

        all->unlinked = all->unlinked || (g->body == SL_BODY_OPEN && !g->linked);
        if (own && g->key.dev > all->above && (!all->next || g->key.dev < all->next))
            all->next = g->key.dev;
        first = first || !own ? first : g;
        bytes += own;
    }
    all->bytes += bytes;
    if (bytes > all->most) {
        all->most = bytes;
        all->first = first;
    }
}

static sum add_up(const sl_pin *p, uint64_t dev)
{
    sum all = {.dev = dev};

    sl_discover_each(p->options.discover, add_source, &all);
    return all;
}

uint64_t sl_pin_bytes(const sl_pin *p)
{
    return add_up(p, 0).bytes;
}

/* --- giving up --- */

static void give_up(sl_pin *p, sl_generation *g)
{
    struct stat st;
    uint64_t last = g->size, most;
    bool held = false;

    if (!g->packed && !fstat(g->fd, &st) && (uint64_t)st.st_size > last)
        last = (uint64_t)st.st_size;
    if (g->end < last)
        last = g->end;
    sl_generation_look_up_name(g); /* a loss is told by it, and nobody may have read that far */
    g->gone_reason = SL_LOST_PIN_LIMIT;
    most = p->options.lose(p->options.arg, g, last, &held);
    if (!held) { /* an output may stand still for days */
        sl_generation_forget(sl_discover_watch(p->options.discover), g);
        return;
    }
    sl_generation_close(sl_discover_watch(p->options.discover), g);
    g->body = SL_BODY_GONE;
    g->key = (sl_key){0};
    g->loss_told = true;
    g->begin = g->end = g->size = most; /* the rest was told of, and is nobody's any more */
}

/* The file of g, with all generations that are read from it: else its blocks would stay. */
static void give_up_file(sl_pin *p, sl_generation *g)
{
    sl_source *s = g->source;
    struct stat file, st;

    SL_ASSERT(fstat(g->fd, &file) == 0);
    SL_LIST_EACH_SAFE(&s->generations, link)
    {
        sl_generation *o = sl_generation_of(link);

        if (o->body == SL_BODY_OPEN && !fstat(o->fd, &st) && st.st_ino == file.st_ino &&
            st.st_dev == file.st_dev)
            give_up(p, o);
    }
    sl_discover_look(p->options.discover, s); /* there may be something behind it to read */
}

bool sl_pin_give_up_one(sl_pin *p)
{
    sum all = add_up(p, 0);

    if (all.first)
        give_up_file(p, all.first);
    return all.first != NULL;
}

static void keep_below_max(sl_pin *p)
{
    sum all = add_up(p, 0);

    while (all.bytes > p->options.max_bytes) {
        give_up_file(p, all.first);
        all = add_up(p, 0);
    }
}

/* --- the file system --- */

static sl_err ask_system(int fd, sl_space *out)
{
    struct statvfs st;

    if (fstatvfs(fd, &st))
        return -errno;
    *out = (sl_space){(uint64_t)st.f_blocks * st.f_frsize, (uint64_t)st.f_bavail * st.f_frsize};
    return 0;
}

/* The file system of what is open as fd. */
static bool is_short(const sl_pin *p, int fd, uint64_t freed)
{
    sl_err (*space)(int, sl_space *) = p->options.space ? p->options.space : ask_system;
    sl_pin_free least = p->options.min_free;
    sl_space now = {0};

    if (least.value == 0 || space(fd, &now))
        return false;
    return now.free + freed < (least.percent ? now.all / 100 * least.value : least.value);
}

/* A file system may take its time to count freed blocks: those are believed to be free. */
static void keep_free_on(sl_pin *p, uint64_t dev)
{
    sum all = add_up(p, dev);
    uint64_t before = all.bytes;

    while (all.first && is_short(p, all.first->fd, before - all.bytes)) {
        give_up_file(p, all.first);
        all = add_up(p, dev);
    }
}

/* Each file system by itself: Docker's files, and those of globs, need not be on the log root's. */
static void keep_free(sl_pin *p)
{
    sum all = {0};

    do {
        all = (sum){.above = all.next};
        sl_discover_each(p->options.discover, add_source, &all);
        if (all.next)
            keep_free_on(p, all.next);
    } while (all.next);
}

/* --- life --- */

bool sl_pin_check(sl_pin *p)
{
    keep_below_max(p);
    keep_free(p);
    return add_up(p, 0).unlinked;
}

static void on_check(uv_timer_t *timer)
{
    if (sl_pin_check(SL_CONTAINER_OF(timer, sl_pin, timer)))
        uv_timer_start(timer, on_check, AGAIN_MS, 0);
}

void sl_pin_wake(sl_pin *p)
{
    uv_handle_t *timer = (uv_handle_t *)&p->timer;

    if (!uv_is_closing(timer) && (!uv_is_active(timer) || uv_timer_get_due_in(&p->timer) > SOON_MS))
        uv_timer_start(&p->timer, on_check, SOON_MS, 0);
}

sl_pin *sl_pin_new(const sl_pin_options *options)
{
    sl_pin *p = sl_alloc(sizeof *p);

    p->options = *options;
    uv_timer_init(options->loop, &p->timer);
    return p;
}

void sl_pin_stop(sl_pin *p)
{
    if (p)
        uv_close((uv_handle_t *)&p->timer, NULL);
}

void sl_pin_release(sl_pin *p)
{
    free(p);
}
