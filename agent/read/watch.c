/* watch.c - see watch.h.
 *
 * The one subtle thing: events of a watch that was removed may still be in the queue. The kernel
 * gives numbers in rising order, so an old number finds nothing, never somebody else. */
#include "read/watch.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_SIZE      ((size_t)64 << 10)
#define READS_PER_TURN 8 /* then others have their turn; what is left wakes us again */

struct sl_watch {
    sl_watch_options options;
    int fd; /* -1: no inotify */
    uv_poll_t poll;
    void *targets;     /* tsearch tree by wd, of the first of each */
    sl_target *handed; /* who is told next */
};

static int by_wd(const void *a, const void *b)
{
    const sl_target *x = a, *y = b;

    return (x->wd > y->wd) - (x->wd < y->wd);
}

static sl_target *find(const sl_watch *w, int wd)
{
    sl_target key = {.wd = wd};
    sl_target *const *found = tfind(&key, &w->targets, by_wd);

    return found ? *found : NULL;
}

static void forget(sl_watch *w, sl_target *t)
{
    sl_target **at = tfind(t, &w->targets, by_wd);

    if (w->handed == t)
        w->handed = t->next;
    if (*at == t && !t->next) {
        tdelete(t, &w->targets, by_wd);
    } else {
        while (*at != t)
            at = &(*at)->next;
        *at = t->next;
    }
    t->wd = 0;
    t->next = NULL;
}

static void hand_out(sl_watch *w, const struct inotify_event *event)
{
    sl_target *t = find(w, event->wd);

    if (event->mask & IN_Q_OVERFLOW) {
        w->options.on_overflow(w->options.arg);
        return;
    }
    while (t) {
        w->handed = t->next;
        if (event->mask & IN_IGNORED) /* it is gone, or was a one-shot that fired */
            forget(w, t);
        t->on_event(t, event->mask, event->len ? event->name : "");
        t = w->handed; /* unless that was removed meanwhile */
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    sl_watch *w = poll->data;
    _Alignas(struct inotify_event) char buffer[READ_SIZE];

    (void)status, (void)events;
    for (int reads = 0; reads < READS_PER_TURN; reads++) {
        ssize_t n = read(w->fd, buffer, sizeof buffer);

        if (n <= 0)
            break;
        for (char *p = buffer; p < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)p;

            p += sizeof *event + event->len;
            hand_out(w, event);
        }
    }
}

sl_watch *sl_watch_new(const sl_watch_options *options)
{
    sl_watch *w = sl_alloc(sizeof *w);

    w->options = *options;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0) {
        sl_logf(
            options->log, SL_LOG_WARN,
            "inotify is not to be had (%s): files are polled; see fs.inotify.max_user_instances",
            strerror(errno));
        return w;
    }
    SL_ASSERT(uv_poll_init(options->loop, &w->poll, w->fd) == 0);
    w->poll.data = w;
    SL_ASSERT(uv_poll_start(&w->poll, UV_READABLE, on_readable) == 0);
    uv_unref((uv_handle_t *)&w->poll);
    return w;
}

static void on_closed(uv_handle_t *handle)
{
    sl_watch *w = handle->data;

    close(w->fd);
    free(w);
}

static void leave(void *node)
{
    sl_target *next;

    for (sl_target *t = node; t; t = next) {
        next = t->next;
        *t = (sl_target){.on_event = t->on_event};
    }
}

void sl_watch_close(sl_watch *w)
{
    tdestroy(w->targets, leave);
    w->targets = NULL;
    if (w->fd < 0)
        free(w);
    else
        uv_close((uv_handle_t *)&w->poll, on_closed);
}

sl_err sl_watch_add(sl_watch *w, sl_target *t, const char *path, uint32_t mask)
{
    sl_target **first;
    int wd;

    sl_watch_remove(w, t);
    if (w->fd < 0)
        return UV_ENOSYS;
    wd = inotify_add_watch(w->fd, path, mask | IN_MASK_ADD);
    if (wd < 0)
        return -errno;
    t->wd = wd;
    first = tsearch(t, &w->targets, by_wd);
    SL_ASSERT(first);
    if (*first != t) { /* the same thing for somebody else, or under another name */
        t->next = (*first)->next;
        (*first)->next = t;
    }
    return 0;
}

void sl_watch_remove(sl_watch *w, sl_target *t)
{
    int wd = t->wd;

    if (!wd)
        return;
    forget(w, t);
    if (!find(w, wd))
        (void)inotify_rm_watch(w->fd, wd); /* it may be gone already */
}
