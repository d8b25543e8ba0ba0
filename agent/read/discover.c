/* discover.c - see discover.h. The story: scan_all() has pods.c or dirs.c find what there is; then
 * every event only decides which part of it is looked at again. */
#include "read/discover.h"

#include "read/claim.h"
#include "read/dirs.h"
#include "read/pods.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCAN_PART 50 /* of the time goes to quick scans: one in so many, 2 % */
#define WATCH_AGAIN_MS \
    UINT64_C(10000) /* after there was no watch left; asking for each of thousands costs too */

static void on_soon(uv_idle_t *idle);

const char *sl_discover_root(const sl_discover *d)
{
    return d->options.root;
}

bool sl_discover_polls(const sl_discover *d)
{
    return d->options.poll;
}

sl_watch *sl_discover_watch(const sl_discover *d)
{
    return d->options.watch;
}

sl_plan *sl_discover_plan(const sl_discover *d)
{
    return d->options.plan;
}

int sl_discover_open(sl_discover *d, const char *path)
{
    return sl_links_open(&d->folders.links, path, SL_OPEN_FLAGS);
}

void sl_discover_retry(sl_discover *d, sl_source *s)
{
    s->unsettled = true;
    sl_scan_plan(d, SL_SCAN_RETRY_MS);
}

uint32_t sl_discover_source_count(const sl_discover *d)
{
    return d->source_count;
}

bool sl_discover_has_looked(const sl_discover *d)
{
    return d->scanned_once;
}

bool sl_discover_may_hold(const sl_discover *d, const char *path)
{
    if (!path)
        return d->options.root && !d->scanned_once;
    for (size_t i = 0; i < d->base_count; i++) {
        size_t len = strlen(d->bases[i]);

        if (len > 0 && strncmp(path, d->bases[i], len) == 0 && path[len] == '/' &&
            access(d->bases[i], F_OK))
            return true;
    }
    return false;
}

bool sl_discover_is_watching(const sl_discover *d)
{
    return d->scanned_once && !d->root_complained;
}

void sl_discover_each(sl_discover *d, void (*each)(void *arg, sl_source *s), void *arg)
{
    SL_LIST_EACH(&d->pods, p)
    SL_LIST_EACH(&sl_pod_of(p)->sources, s)
    each(arg, sl_source_of(s));
}

void sl_scan_soon(sl_discover *d)
{
    if (!d->stopping)
        uv_idle_start(&d->soon, on_soon);
}

void sl_discover_look(sl_discover *d, sl_source *s)
{
    s->listed_ns = 0;
    if (s->path) {
        sl_dirs_look(d, s);
        return;
    }
    if (!sl_link_is_in(&s->dirty))
        sl_list_append(&d->dirty, &s->dirty);
    sl_scan_soon(d);
}

void sl_discover_ready(sl_discover *d, sl_source *s)
{
    d->options.ready(d->options.arg, s);
}

bool sl_discover_forget(sl_discover *d, bool (*is_done)(void *arg, sl_source *s), void *arg)
{
    bool more = false;

    SL_LIST_EACH_SAFE(&d->pods, p)
    {
        SL_LIST_EACH_SAFE(&sl_pod_of(p)->sources, link)
        {
            sl_source *s = sl_source_of(link);

            if (!s->gone)
                continue;
            if (!sl_source_is_checked(s) && is_done(arg, s)) {
                sl_dirs_forget(s);
                sl_source_free(d->options.watch, s);
                d->source_count--;
            } else {
                more = true;
            }
        }
        sl_pod_free_if_over(d, sl_pod_of(p));
    }
    return more;
}

/* --- watches --- */

void sl_discover_needs_scans(sl_discover *d)
{
    d->polls = true;
    sl_scan_plan(d, d->poll_ms);
    if (d->watches_complained)
        return;
    d->watches_complained = true;
    sl_logf(d->options.log, SL_LOG_WARN,
            "no inotify watch is left, or they are denied: what has none is looked at about once a "
            "second instead; raise fs.inotify.max_user_watches");
}

void sl_scan_watch(sl_discover *d, sl_target *t, const char *path, uint32_t mask)
{
    uint64_t now = sl_now_ms(d->options.clock);
    sl_err err;

    if (d->options.poll || t->wd)
        return;
    if (d->watchless_ms && now - d->watchless_ms < WATCH_AGAIN_MS) {
        sl_discover_needs_scans(d);
        return;
    }
    err = sl_watch_add(d->options.watch, t, path, mask);
    d->watchless_ms = err == UV_ENOSPC ? now : 0;
    if (!err || err == UV_ENOENT || err == UV_ENOTDIR || err == UV_EACCES)
        return; /* a folder that may not be watched may not be listed: that is said, and tried again */
    sl_discover_needs_scans(d);
}

void sl_scan_watch_same(sl_discover *d, sl_target *t, const char *path, uint32_t mask,
                        uint64_t *ino, uint64_t now_ino)
{
    if (*ino && *ino != now_ino) {
        sl_watch_remove(d->options.watch, t);
        sl_scan_watch(d, t, path, mask);
    }
    *ino = now_ino;
}

/* --- one source --- */

void sl_scan_listed(sl_discover *d, const sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = sl_generation_of(link);

        if (g->body != SL_BODY_OPEN || g->linked || !d->options.unlinked)
            continue;
        d->options.unlinked(d->options.arg);
        return;
    }
}

void sl_scan_source(sl_discover *d, sl_source *s)
{
    char path[PATH_MAX];
    uint64_t ino = s->ino;

    sl_source_path(s, NULL, path);
    sl_scan_watch(d, &s->watch, path, SL_WATCH_FILES); /* first: what comes while we list is told */
    sl_folder_list(&d->folders, s);
    if (ino && ino != s->ino) {
        sl_scan_watch_same(d, &s->watch, path, SL_WATCH_FILES, &ino, s->ino);
        sl_folder_list(&d->folders, s);
    }
    sl_scan_listed(d, s);
    sl_scan_missing(d, s);
    if (s->unsettled) /* soon, unless only a right is missing: who gives it is told of at once */
        sl_scan_plan(d, s->complained || d->folders.descriptors_complained ? SL_SCAN_RETRY_MS
                                                                           : SL_SCAN_POLL_MS);
}

static void on_checked(void *arg, sl_source *s)
{
    sl_discover *d = arg;

    if (s->unsettled)
        sl_scan_plan(d, SL_SCAN_POLL_MS);
    sl_discover_ready(d, s);
}

/* Which file that is, its key says: the event may be older than a rename. */
bool sl_scan_closed(sl_discover *d, sl_source *s, const char *path)
{
    sl_generation *g = NULL;
    sl_key key;
    uint64_t size;
    mode_t mode;

    if (!sl_key_of(AT_FDCWD, path, &key, &size, &mode))
        g = sl_source_find(s, &key);
    if (!g || (g->body != SL_BODY_OPEN && g->body != SL_BODY_RESTING))
        return false;
    g->closed_size = size;
    sl_discover_ready(d, s);
    return true;
}

static void on_files_event(sl_source *s, uint32_t mask, const char *folder, const char *file)
{
    sl_discover *d = s->pod->discover;
    char path[PATH_MAX];

    if (mask & IN_CLOSE_WRITE && snprintf(path, sizeof path, "%s/%s", folder, file) < PATH_MAX &&
        sl_scan_closed(d, s, path))
        return;
    sl_discover_look(d, s); /* it is new; or a .gz that is whole now; or one we had left */
}

static void on_branch_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_branch *b = SL_CONTAINER_OF(t, sl_branch, watch);

    on_files_event(b->source, mask, b->folder, name);
}

static void on_branched(void *arg, sl_branch *b)
{
    b->watch.on_event = on_branch_event;
    sl_scan_watch(arg, &b->watch, b->folder, SL_WATCH_FILES);
}

static void on_source_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_source *s = SL_CONTAINER_OF(t, sl_source, watch);
    char folder[PATH_MAX];

    sl_source_path(s, NULL, folder);
    on_files_event(s, mask, folder, name);
}

void sl_scan_found(sl_discover *d, sl_source *s, void (*list)(sl_discover *d, sl_source *s))
{
    const sl_saved_source *saved;

    s->watch.on_event = on_source_event;
    s->number = ++d->last_number;
    d->source_count++;
    saved = d->options.saved(d->options.arg, s);
    if (saved)
        sl_source_restore(s, saved);
    list(d, s);
    d->options.found(d->options.arg, s);
    sl_discover_ready(d, s);
}

void sl_scan_complain(sl_discover *d, const char *path, sl_err err, const char *remedy,
                      bool *complained)
{
    struct stat st = {0};
    bool there = !stat(path, &st);

    if (*complained)
        return;
    *complained = true;
    if (there)
        sl_logf(d->options.log, SL_LOG_WARN,
                "cannot list %s: %s; it has mode %04o and owner %u:%u; run as uid 0 or give group "
                "%u the right to read; it is read as soon as it can be",
                path, sl_strerror(err), (unsigned)st.st_mode & 07777, (unsigned)st.st_uid,
                (unsigned)st.st_gid, (unsigned)st.st_gid);
    else
        sl_logf(d->options.log, SL_LOG_WARN, "cannot list %s: %s%s", path, sl_strerror(err),
                remedy);
}

static bool scan(sl_discover *d)
{
    if (d->options.root)
        return sl_pods_scan(d);
    sl_dirs_scan(d);
    return true;
}

static void scan_all(sl_discover *d)
{
    uint64_t start = uv_hrtime();
    bool seen;

    uv_timer_stop(&d->timer);
    d->polls = d->options.poll;
    seen = scan(d);
    if (d->scanned_once)
        sl_discover_each(d, sl_scan_check, d);
    if (seen) {
        d->scanned_once = true;
        d->folders.start.kind = SL_START_BEGINNING;
    }
    d->options.scanned(d->options.arg);
    d->poll_ms = (uv_hrtime() - start) / 1000000 * SCAN_PART;
    if (d->poll_ms < SL_SCAN_POLL_MS || d->poll_ms > SL_SCAN_RETRY_MS) /* what is new costs once */
        d->poll_ms = d->poll_ms < SL_SCAN_POLL_MS ? SL_SCAN_POLL_MS : SL_SCAN_RETRY_MS;
    sl_scan_plan(d, seen && !d->polls ? SL_SCAN_MS : d->poll_ms);
}

static void on_timer(uv_timer_t *timer)
{
    scan_all(SL_CONTAINER_OF(timer, sl_discover, timer));
}

void sl_scan_plan(sl_discover *d, uint64_t within_ms)
{
    if (d->stopping ||
        (uv_is_active((uv_handle_t *)&d->timer) && uv_timer_get_due_in(&d->timer) <= within_ms))
        return;
    uv_timer_start(&d->timer, on_timer, within_ms, 0);
}

static void on_soon(uv_idle_t *idle)
{
    sl_discover *d = SL_CONTAINER_OF(idle, sl_discover, soon);

    uv_idle_stop(idle);
    if (d->list_all) {
        d->list_all = false;
        scan_all(d);
    }
    while (!sl_list_is_empty(&d->dirty)) {
        sl_source *s = SL_CONTAINER_OF(d->dirty.next, sl_source, dirty);

        sl_list_remove(&s->dirty);
        sl_scan_source(d, s);
        sl_discover_ready(d, s);
    }
    sl_dirs_list_dirty(d);
}

static void look_if_missing(void *arg, sl_source *s)
{
    if (s->missing)
        sl_discover_look(arg, s);
}

static void on_later(uv_timer_t *timer)
{
    sl_discover *d = SL_CONTAINER_OF(timer, sl_discover, later);

    sl_discover_each(d, look_if_missing, d);
    sl_scan_soon(d);
}

void sl_scan_later(sl_discover *d, uint64_t ms)
{
    if (d->stopping ||
        (uv_is_active((uv_handle_t *)&d->later) && uv_timer_get_due_in(&d->later) <= ms))
        return;
    uv_timer_start(&d->later, on_later, ms, 0);
}

void sl_scan_missing(sl_discover *d, const sl_source *s)
{
    if (s->missing)
        sl_scan_later(d, SL_MISSED_MS);
}

void sl_discover_rescan(sl_discover *d)
{
    d->list_all = true;
    sl_scan_soon(d);
}

/* Where links may lead: what was configured, and what is read in any case. */
static void allow_roots(sl_discover *d)
{
    const sl_discover_options *o = &d->options;
    size_t given = o->roots ? o->roots->count : 0, count = 0;

    d->roots = sl_alloc((given + d->base_count + 1) * sizeof *d->roots);
    for (size_t i = 0; i < given; i++)
        d->roots[count++] = o->roots->items[i];
    for (size_t i = 0; i < d->base_count; i++)
        d->roots[count++] = d->bases[i];
    if (o->root)
        d->roots[count++] = o->root;
    d->folders.links = (sl_links){.roots = d->roots, .count = count};
}

sl_discover *sl_discover_new(const sl_discover_options *options)
{
    sl_discover *d = sl_alloc(sizeof *d);

    d->options = *options;
    d->poll_ms = SL_SCAN_POLL_MS;
    d->folders = (sl_folders){.loop = options->loop,
                              .clock = options->clock,
                              .log = options->log,
                              .watch = options->watch,
                              .plan = options->plan,
                              .start = options->start,
                              .arg = d,
                              .checked = on_checked,
                              .branched = on_branched};
    sl_list_init(&d->pods);
    sl_list_init(&d->dirty);
    sl_dirs_init(d);
    allow_roots(d);
    uv_timer_init(options->loop, &d->timer);
    uv_timer_init(options->loop, &d->later);
    uv_idle_init(options->loop, &d->soon);
    return d;
}

void sl_discover_start(sl_discover *d)
{
    scan_all(d);
}

/* What was to be looked at soon, too. */
void sl_discover_scan(sl_discover *d)
{
    SL_LIST_EACH(&d->dirs, link)
    SL_CONTAINER_OF(link, sl_dir, link)->listed_ns = 0;
    scan_all(d);
}

void sl_discover_stop(sl_discover *d)
{
    d->stopping = true;
    sl_folders_stop(&d->folders);
    uv_close((uv_handle_t *)&d->timer, NULL);
    uv_close((uv_handle_t *)&d->later, NULL);
    uv_close((uv_handle_t *)&d->soon, NULL);
}

void sl_discover_free(sl_discover *d)
{
    if (!d)
        return;
    SL_LIST_EACH_SAFE(&d->pods, link)
    {
        sl_pod *pod = sl_pod_of(link);

        SL_LIST_EACH_SAFE(&pod->sources, source)
        {
            sl_dirs_forget(sl_source_of(source));
            sl_source_free(d->options.watch, sl_source_of(source));
        }
        pod->gone = true;
        sl_pod_free_if_over(d, pod);
    }
    sl_dirs_free(d);
    free(d->roots);
    sl_watch_remove(d->options.watch, &d->root);
    free(d);
}
