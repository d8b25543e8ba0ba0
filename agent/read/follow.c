/* follow.c - see follow.h. */
#include "read/follow.h"

#include <limits.h>
#include <stdio.h>

/* Silent for so long: a little longer than a file has to be still to count as left. */
#define SILENT_MS (SL_STILL_MS + 5 * SL_TICK_MS)

static void on_file_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_generation *g = SL_CONTAINER_OF(t, sl_generation, watch);
    sl_discover *d = g->source->pod->discover;
    struct stat st;

    (void)name;
    if (!(mask & ~(uint32_t)IN_IGNORED))
        return;                     /* the one shot was fired */
    if (g->body == SL_BODY_RESTING) /* at once: it may be gone before it is read */
        (void)sl_plan_wake(sl_discover_plan(d), g);
    if (mask & IN_CLOSE_WRITE && g->fd >= 0 && !fstat(g->fd, &st))
        g->closed_size = (uint64_t)st.st_size;
    sl_discover_ready(d, g->source);
}

/* Set through the descriptor: no race with a rename, and it works on a file that was unlinked. A file
 * that rests is found by its path; if that is another one's by now, its folder shows where it is. */
static sl_err watch_file(sl_discover *d, sl_generation *g)
{
    char path[PATH_MAX];
    int64_t written_ns;
    uint64_t size;
    sl_err err;

    if (g->body == SL_BODY_RESTING)
        sl_generation_path(g, path);
    else
        snprintf(path, sizeof path, "/proc/self/fd/%d", g->fd);
    g->watch.on_event = on_file_event;
    err = sl_watch_add(sl_discover_watch(d), &g->watch, path,
                       IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_ONESHOT);
    if (g->body == SL_BODY_RESTING && !sl_plan_peek(g, &size, &written_ns)) {
        sl_watch_remove(sl_discover_watch(d), &g->watch);
        sl_discover_look(d, g->source);
        return 0;
    }
    return err;
}

static bool may_grow(const sl_generation *g)
{
    return (g->body == SL_BODY_OPEN || g->body == SL_BODY_RESTING) && !g->packed &&
           g->end == UINT64_MAX;
}

static void put_to_sleep(sl_follow *f, sl_source *s)
{
    sl_discover *d = s->pod->discover;

    sl_list_remove(&s->hot);
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);

        if (sl_discover_polls(d) || !may_grow(g))
            continue;
        if (watch_file(d, g))
            sl_discover_needs_scans(d);
    }
    f->slept(f->arg, s);
}

static void on_tick(uv_timer_t *timer)
{
    sl_follow *f = SL_CONTAINER_OF(timer, sl_follow, tick);
    uint64_t now = sl_now_ms(f->clock);

    SL_LIST_EACH_SAFE(&f->hot, link)
    {
        sl_source *s = SL_CONTAINER_OF(link, sl_source, hot);

        if (now - s->active_ms >= SILENT_MS)
            put_to_sleep(f, s);
        f->ready(f->arg, s);
    }
    if (sl_list_is_empty(&f->hot))
        uv_timer_stop(timer);
}

void sl_follow_init(sl_follow *f, uv_loop_t *loop)
{
    sl_list_init(&f->hot);
    uv_timer_init(loop, &f->tick);
}

void sl_follow_stop(sl_follow *f)
{
    SL_LIST_EACH_SAFE(&f->hot, link)
    sl_list_remove(link);
    uv_close((uv_handle_t *)&f->tick, NULL);
}

void sl_follow_wake(sl_follow *f, sl_source *s)
{
    s->active_ms = sl_now_ms(f->clock);
    if (sl_link_is_in(&s->hot) || uv_is_closing((uv_handle_t *)&f->tick))
        return;
    sl_list_append(&f->hot, &s->hot);
    if (!uv_is_active((uv_handle_t *)&f->tick))
        uv_timer_start(&f->tick, on_tick, SL_TICK_MS, SL_TICK_MS);
}
