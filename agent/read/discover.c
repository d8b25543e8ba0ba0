/* discover.c - see discover.h. The story: scan_root() lists pods, scan_pod() containers, and
 * scan_source() the files of one (folder.c); then every event only decides which of the three comes
 * again. */
#include "read/discover.h"

#include "read/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCAN_MS       UINT64_C(60000) /* the net below inotify */
#define SCAN_RETRY_MS UINT64_C(5000)  /* while something cannot be opened */
#define SCAN_POLL_MS  UINT64_C(1000)  /* without inotify, or without a root */
#define SCAN_PART     50              /* of the time goes to such scans: one in so many, 2 % */
#define WATCH_AGAIN_MS \
    UINT64_C(10000) /* after there was no watch left; asking for each of thousands costs too */

#define WATCH_FOLDER \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW)
#define WATCH_CONTAINER (WATCH_FOLDER | IN_CLOSE_WRITE)
#define WATCH_ROOT                                                                  \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR | \
     IN_DELETE_SELF | IN_MOVE_SELF)

struct sl_discover {
    sl_discover_options options;
    sl_target root;
    sl_link pods;
    sl_link dirty; /* sources to list again */
    sl_folders folders;
    uint32_t source_count;
    uint64_t last_number; /* of a source */
    bool root_complained, watches_complained;
    bool polls; /* some watch could not be had: scan quickly */
    bool scanned_once, list_all, stopping;
    uint64_t poll_ms;      /* between two quick scans: more where there is much to look at */
    uint64_t watchless_ms; /* when there was no watch left; 0: there was */
    uv_timer_t timer;      /* the next scan */
    uv_idle_t soon;        /* ... or at once */
};

static void on_soon(uv_idle_t *idle);
static void plan_scan(sl_discover *d, uint64_t within_ms);

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

void sl_discover_retry(sl_discover *d, sl_source *s)
{
    s->unsettled = true;
    plan_scan(d, SCAN_RETRY_MS);
}

uint32_t sl_discover_source_count(const sl_discover *d)
{
    return d->source_count;
}

bool sl_discover_is_watching(const sl_discover *d)
{
    return d->scanned_once && !d->root_complained;
}

static sl_pod *pod_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_pod, link);
}

static sl_source *source_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_source, link);
}

static sl_generation *generation_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_generation, link);
}

void sl_discover_each(sl_discover *d, void (*each)(void *arg, sl_source *s), void *arg)
{
    SL_LIST_EACH(&d->pods, p)
    SL_LIST_EACH(&pod_of(p)->sources, s)
    each(arg, source_of(s));
}

void sl_discover_look(sl_discover *d, sl_source *s)
{
    s->listed_ns = 0;
    if (!sl_link_is_in(&s->dirty))
        sl_list_append(&d->dirty, &s->dirty);
    if (!d->stopping)
        uv_idle_start(&d->soon, on_soon);
}

void sl_discover_ready(sl_discover *d, sl_source *s)
{
    d->options.ready(d->options.arg, s);
}

/* No source of it may be left. */
static void free_pod(sl_discover *d, sl_pod *pod)
{
    sl_watch_remove(d->options.watch, &pod->watch);
    sl_list_remove(&pod->link);
    free(pod);
}

static void free_if_over(sl_discover *d, sl_pod *pod)
{
    if (pod->gone && sl_list_is_empty(&pod->sources))
        free_pod(d, pod);
}

bool sl_discover_forget(sl_discover *d, bool (*is_done)(void *arg, sl_source *s), void *arg)
{
    bool more = false;

    SL_LIST_EACH_SAFE(&d->pods, p)
    {
        SL_LIST_EACH_SAFE(&pod_of(p)->sources, link)
        {
            sl_source *s = source_of(link);

            if (!s->gone)
                continue;
            if (!sl_source_is_checked(s) && is_done(arg, s)) {
                sl_source_free(d->options.watch, s);
                d->source_count--;
            } else {
                more = true;
            }
        }
        free_if_over(d, pod_of(p));
    }
    return more;
}

/* --- watches --- */

void sl_discover_needs_scans(sl_discover *d)
{
    d->polls = true;
    plan_scan(d, d->poll_ms);
    if (d->watches_complained)
        return;
    d->watches_complained = true;
    sl_logf(d->options.log, SL_LOG_WARN,
            "no inotify watch is left, or they are denied: what has none is looked at about once a "
            "second instead; raise fs.inotify.max_user_watches");
}

static void watch_folder(sl_discover *d, sl_target *t, const char *path, uint32_t mask)
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

/* --- one source --- */

static void tell_unlinked(const sl_discover *d, const sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = generation_of(link);

        if (g->body != SL_BODY_OPEN || g->linked || !d->options.unlinked)
            continue;
        d->options.unlinked(d->options.arg);
        return;
    }
}

static void scan_source(sl_discover *d, sl_source *s)
{
    char path[PATH_MAX];

    sl_source_path(s, NULL, path);
    watch_folder(d, &s->watch, path, WATCH_CONTAINER); /* first: what comes while we list is told */
    sl_folder_list(&d->folders, s);
    tell_unlinked(d, s);
    if (s->unsettled) /* soon, unless only a right is missing: who gives it is told of at once */
        plan_scan(d, s->complained || d->folders.descriptors_complained ? SCAN_RETRY_MS
                                                                        : SCAN_POLL_MS);
}

static void on_checked(void *arg, sl_source *s)
{
    sl_discover *d = arg;

    if (s->unsettled)
        plan_scan(d, SCAN_POLL_MS);
    sl_discover_ready(d, s);
}

/* A writer let go of that file. Which one that is, its key says: the event may be older than a rename. */
static void on_close_write(sl_discover *d, sl_source *s, const char *file)
{
    char path[PATH_MAX];
    sl_generation *g = NULL;
    sl_key key;
    uint64_t size;
    mode_t mode;

    sl_source_path(s, file, path);
    if (!sl_key_of(AT_FDCWD, path, &key, &size, &mode))
        g = sl_source_find(s, &key);
    if (!g ||
        (g->body != SL_BODY_OPEN &&
         g->body != SL_BODY_RESTING)) { /* new; or a .gz that is whole now; or one we had left */
        sl_discover_look(d, s);
        return;
    }
    g->closed_size = size;
    sl_discover_ready(d, s);
}

static void on_source_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_source *s = SL_CONTAINER_OF(t, sl_source, watch);
    sl_discover *d = s->pod->discover;

    if (mask & IN_CLOSE_WRITE)
        on_close_write(d, s, name);
    else
        sl_discover_look(d, s);
}

/* --- pods and the root --- */

static void found_container(sl_discover *d, sl_pod *pod, const char *container)
{
    const sl_saved_source *saved;
    sl_source *s;

    SL_LIST_EACH(&pod->sources, link)
    {
        if (strcmp(source_of(link)->container, container) == 0) {
            sl_discover_look(d, source_of(link));
            return;
        }
    }
    if (!d->options.wants(d->options.arg, pod, container))
        return;
    s = sl_source_new(pod, container, d->options.rules);
    s->watch.on_event = on_source_event;
    s->number = ++d->last_number;
    d->source_count++;
    saved = d->options.saved(d->options.arg, s);
    if (saved)
        sl_source_restore(s, saved);
    scan_source(d, s);
    d->options.found(d->options.arg, s);
    sl_discover_ready(d, s);
}

/* Once, until it can be listed. */
static void complain(sl_discover *d, const char *path, sl_err err, bool *complained)
{
    struct stat st = {0};
    bool there = !stat(path, &st);

    if (*complained)
        return;
    *complained = true;
    sl_logf(d->options.log, SL_LOG_WARN,
            there ? "cannot list %s: %s; it has mode %04o and owner %u:%u; run as uid 0 or "
                    "give group %u the right to read; it is read as soon as it can be"
                  : "cannot list %s: %s; mount the node's /var/log here, or set the input's "
                    "`path`; it is looked for each second",
            path, sl_strerror(err), (unsigned)st.st_mode & 07777, (unsigned)st.st_uid,
            (unsigned)st.st_gid, (unsigned)st.st_gid);
}

/* A folder's entries that are folders; on some file systems readdir() does not say. */
static bool is_folder(const struct dirent *entry, int folder)
{
    struct stat st;

    if (entry->d_name[0] == '.')
        return false;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return !fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static void pod_is_gone(sl_discover *d, sl_pod *pod)
{
    pod->gone = true;
    SL_LIST_EACH(&pod->sources, link)
    {
        sl_folder_gone(source_of(link));
        tell_unlinked(d, source_of(link));
        sl_discover_ready(d, source_of(link));
    }
    free_if_over(d, pod);
}

static void list_pod(sl_discover *d, sl_pod *pod, int fd)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    SL_ASSERT(dir);
    while ((entry = readdir(dir))) {
        if (is_folder(entry, fd))
            found_container(d, pod, entry->d_name);
    }
    closedir(dir);
}

static void scan_pod(sl_discover *d, sl_pod *pod)
{
    char path[PATH_MAX];
    struct stat st;
    sl_err err;
    int fd;

    snprintf(path, sizeof path, "%s/%s", d->options.root, pod->folder);
    watch_folder(d, &pod->watch, path, WATCH_FOLDER);
    if (pod->listed_ns && !lstat(path, &st) && S_ISDIR(st.st_mode) &&
        sl_folder_is_unchanged(&st, pod->listed_ns)) {
        pod->gone = pod->complained = false;
        return;
    }
    err = sl_folder_open(path, &fd, &st);
    if (err == UV_ENOENT) {
        pod_is_gone(d, pod);
        return;
    }
    if (err) {
        if (!sl_folders_is_exhausted(&d->folders, err))
            complain(d, path, err, &pod->complained);
        plan_scan(d, SCAN_RETRY_MS);
        return;
    }
    pod->gone = pod->complained = false;
    pod->listed_ns = sl_folder_listed_ns(d->options.clock, &st);
    list_pod(d, pod, fd);
}

/* A container's folder came, went, or changed its mode. */
static void on_pod_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_pod *pod = SL_CONTAINER_OF(t, sl_pod, watch);
    sl_discover *d = pod->discover;

    (void)mask;
    SL_LIST_EACH(&pod->sources, link)
    {
        if (strcmp(source_of(link)->container, name) == 0)
            sl_discover_look(d, source_of(link));
    }
    pod->listed_ns = 0;
    scan_pod(d, pod);
}

static void found_pod(sl_discover *d, const char *folder)
{
    sl_slice namespace, name, uid;
    sl_pod *pod;
    size_t len = strlen(folder);

    if (!sl_pod_parse(folder, &namespace, &name, &uid))
        return;
    pod = sl_alloc(sizeof *pod + len + 1);
    memcpy(pod->folder, folder, len + 1);
    (void)sl_pod_parse(pod->folder, &pod->namespace, &pod->pod, &pod->uid);
    pod->discover = d;
    pod->watch.on_event = on_pod_event;
    sl_list_init(&pod->sources);
    sl_list_append(&d->pods, &pod->link);
    scan_pod(d, pod);
}

static int by_folder(const void *a, const void *b)
{
    return strcmp((*(sl_pod *const *)a)->folder, (*(sl_pod *const *)b)->folder);
}

static int folder_of(const void *key, const void *item)
{
    return strcmp(key, (*(sl_pod *const *)item)->folder);
}

/* All pods, sorted, so that a listing finds each in it. */
static sl_pod **sorted_pods(sl_discover *d, size_t *count)
{
    sl_pod **pods;
    size_t n = 0;

    SL_LIST_EACH(&d->pods, link)
    n++;
    pods = sl_alloc(n * sizeof(sl_pod *));
    *count = n;
    n = 0;
    SL_LIST_EACH(&d->pods, link)
    pods[n++] = pod_of(link);
    qsort(pods, n, sizeof(sl_pod *), by_folder);
    return pods;
}

static void list_root(sl_discover *d, DIR *dir)
{
    size_t count;
    sl_pod **pods = sorted_pods(d, &count);
    struct dirent *entry;

    for (size_t i = 0; i < count; i++)
        pods[i]->gone = true;
    while ((entry = readdir(dir))) {
        sl_pod **known;

        if (!is_folder(entry, dirfd(dir)))
            continue;
        known = bsearch(entry->d_name, pods, count, sizeof(sl_pod *), folder_of);
        if (known)
            (*known)->gone = false;
        else
            found_pod(d, entry->d_name);
    }
    for (size_t i = 0; i < count; i++) {
        if (pods[i]->gone)
            pod_is_gone(d, pods[i]);
        else
            scan_pod(d, pods[i]);
    }
    free(pods);
}

static bool scan_root(sl_discover *d)
{
    DIR *dir = opendir(d->options.root);

    if (!dir) {
        complain(d, d->options.root, -errno, &d->root_complained);
        return false;
    }
    if (d->root_complained)
        sl_logf(d->options.log, SL_LOG_INFO, "%s can be read now", d->options.root);
    d->root_complained = false;
    watch_folder(d, &d->root, d->options.root, WATCH_ROOT);
    rewinddir(dir);
    list_root(d, dir);
    closedir(dir);
    return true;
}

/* It is opened at once: the file may be gone before it is read. */
static bool has_grown_at_rest(sl_discover *d, sl_generation *g)
{
    if (sl_plan_is_undisturbed(g))
        return false;
    (void)sl_plan_wake(d->options.plan, g);
    return true;
}

static bool has_grown(sl_discover *d, const sl_source *s, sl_generation *g)
{
    char path[PATH_MAX];
    struct stat st;
    sl_key key;
    uint64_t size;
    mode_t mode;

    if (g->body == SL_BODY_OPEN && !g->packed)
        return !fstat(g->fd, &st) && (uint64_t)st.st_size != g->size;
    if (g->body == SL_BODY_RESTING)
        return has_grown_at_rest(d, g);
    if (g->body != SL_BODY_SHUT || g->packed || !g->linked)
        return false;
    sl_source_path(s, g->file, path);
    return !sl_key_of(AT_FDCWD, path, &key, &size, &mode) && sl_key_eq(&key, &g->key) &&
           size > g->end;
}

static bool sleeps_unwatched(const sl_source *s, const sl_generation *g)
{
    return (g->body == SL_BODY_OPEN || g->body == SL_BODY_RESTING) && !g->packed &&
           g->end == UINT64_MAX && !g->watch.wd && !sl_link_is_in(&s->hot);
}

/* Files that grew without telling, and folders that changed without telling. */
static void check_source(void *arg, sl_source *s)
{
    sl_discover *d = arg;
    char path[PATH_MAX];
    struct stat st;

    sl_source_path(s, NULL, path);
    if (s->gone || s->unsettled || stat(path, &st) || !sl_folder_is_unchanged(&st, s->listed_ns)) {
        scan_source(d, s);
        sl_discover_ready(d, s);
        return;
    }
    SL_LIST_EACH(&s->generations, link)
    {
        if (sleeps_unwatched(s, generation_of(link)))
            d->polls = true;
        if (has_grown(d, s, generation_of(link))) {
            if (generation_of(link)->body == SL_BODY_SHUT)
                scan_source(d, s); /* opens it again */
            sl_discover_ready(d, s);
            return;
        }
    }
}

static void scan_all(sl_discover *d)
{
    uint64_t start = uv_hrtime();
    bool seen;

    uv_timer_stop(&d->timer);
    d->polls = d->options.poll;
    seen = scan_root(d);
    if (d->scanned_once)
        sl_discover_each(d, check_source, d);
    if (seen) {
        d->scanned_once = true;
        d->folders.start.kind = SL_START_BEGINNING;
        d->options.scanned(d->options.arg);
    }
    d->poll_ms = (uv_hrtime() - start) / 1000000 * SCAN_PART;
    if (d->poll_ms < SCAN_POLL_MS || d->poll_ms > SCAN_RETRY_MS) /* what is new costs once */
        d->poll_ms = d->poll_ms < SCAN_POLL_MS ? SCAN_POLL_MS : SCAN_RETRY_MS;
    plan_scan(d, seen && !d->polls ? SCAN_MS : d->poll_ms);
}

static void on_timer(uv_timer_t *timer)
{
    scan_all(SL_CONTAINER_OF(timer, sl_discover, timer));
}

/* The next scan comes within that time. */
static void plan_scan(sl_discover *d, uint64_t within_ms)
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
        scan_source(d, s);
        sl_discover_ready(d, s);
    }
}

static void on_root_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_discover *d = SL_CONTAINER_OF(t, sl_discover, root);

    if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) || !*name) {
        sl_watch_remove(d->options.watch, &d->root);
        sl_discover_rescan(d);
        return;
    }
    SL_LIST_EACH(&d->pods, link)
    {
        if (strcmp(pod_of(link)->folder, name) == 0) {
            pod_of(link)->listed_ns = 0;
            scan_pod(d, pod_of(link));
            return;
        }
    }
    if (mask & (IN_CREATE | IN_MOVED_TO | IN_ATTRIB))
        found_pod(d, name);
}

void sl_discover_rescan(sl_discover *d)
{
    d->list_all = true;
    if (!d->stopping)
        uv_idle_start(&d->soon, on_soon);
}

sl_discover *sl_discover_new(const sl_discover_options *options)
{
    sl_discover *d = sl_alloc(sizeof *d);

    d->options = *options;
    d->poll_ms = SCAN_POLL_MS;
    d->folders = (sl_folders){.loop = options->loop,
                              .clock = options->clock,
                              .log = options->log,
                              .plan = options->plan,
                              .start = options->start,
                              .arg = d,
                              .checked = on_checked};
    sl_list_init(&d->pods);
    sl_list_init(&d->dirty);
    d->root.on_event = on_root_event;
    uv_timer_init(options->loop, &d->timer);
    uv_idle_init(options->loop, &d->soon);
    return d;
}

void sl_discover_start(sl_discover *d)
{
    scan_all(d);
}

void sl_discover_stop(sl_discover *d)
{
    d->stopping = true;
    sl_folders_stop(&d->folders);
    uv_close((uv_handle_t *)&d->timer, NULL);
    uv_close((uv_handle_t *)&d->soon, NULL);
}

void sl_discover_free(sl_discover *d)
{
    if (!d)
        return;
    SL_LIST_EACH_SAFE(&d->pods, link)
    {
        SL_LIST_EACH_SAFE(&pod_of(link)->sources, source)
        sl_source_free(d->options.watch, source_of(source));
        free_pod(d, pod_of(link));
    }
    sl_watch_remove(d->options.watch, &d->root);
    free(d);
}
