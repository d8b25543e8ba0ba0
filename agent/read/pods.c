/* pods.c - a tree of pod folders: sl_pods_scan() lists pods, scan_pod() containers, and folder.c the
 * files of one. */
#include "read/pods.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define REMEDY                                                                       \
    "; mount the node's /var/log here, or set the input's `path`; it is looked for " \
    "each second"

void sl_pod_free_if_over(sl_discover *d, sl_pod *pod)
{
    if (!pod->gone || !sl_list_is_empty(&pod->sources))
        return;
    sl_watch_remove(d->options.watch, &pod->watch);
    sl_list_remove(&pod->link);
    free(pod);
}

static void found_container(sl_discover *d, sl_pod *pod, const char *container)
{
    SL_LIST_EACH(&pod->sources, link)
    {
        if (strcmp(sl_source_of(link)->container, container) == 0) {
            sl_discover_look(d, sl_source_of(link));
            return;
        }
    }
    if (d->options.wants(d->options.arg, pod, container, NULL))
        sl_scan_found(d, sl_source_new(pod, container, NULL, d->options.rules), sl_scan_source);
}

static void pod_is_gone(sl_discover *d, sl_pod *pod)
{
    pod->gone = true;
    SL_LIST_EACH(&pod->sources, link)
    {
        sl_folder_gone(sl_source_of(link));
        sl_scan_listed(d, sl_source_of(link));
        sl_discover_ready(d, sl_source_of(link));
    }
    sl_pod_free_if_over(d, pod);
}

static void list_pod(sl_discover *d, sl_pod *pod, const char *path, int fd)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    SL_ASSERT(dir);
    while ((entry = readdir(dir))) {
        if (sl_folder_is_in(&d->folders, entry, path))
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
    sl_scan_watch(d, &pod->watch, path, SL_WATCH_FOLDER);
    if (pod->listed_ns && !stat(path, &st) && S_ISDIR(st.st_mode) &&
        sl_folder_is_unchanged(&st, pod->listed_ns)) {
        pod->gone = pod->complained = false;
        return;
    }
    err = sl_folder_open(&d->folders, path, &fd, &st);
    if (err == UV_ENOENT) {
        pod_is_gone(d, pod);
        return;
    }
    if (err) {
        if (!sl_folders_is_exhausted(&d->folders, err))
            sl_scan_complain(d, path, err, REMEDY, &pod->complained);
        sl_scan_plan(d, SL_SCAN_RETRY_MS);
        return;
    }
    pod->gone = pod->complained = false;
    sl_scan_watch_same(d, &pod->watch, path, SL_WATCH_FOLDER, &pod->ino, st.st_ino);
    pod->listed_ns = sl_folder_listed_ns(d->options.clock, &st);
    list_pod(d, pod, path, fd);
}

/* A container's folder came, went, or changed its mode. */
static void on_pod_event(sl_target *t, uint32_t mask, const char *name)
{
    sl_pod *pod = SL_CONTAINER_OF(t, sl_pod, watch);
    sl_discover *d = pod->discover;

    (void)mask;
    SL_LIST_EACH(&pod->sources, link)
    {
        if (strcmp(sl_source_of(link)->container, name) == 0)
            sl_discover_look(d, sl_source_of(link));
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
    pods[n++] = sl_pod_of(link);
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

        if (!sl_folder_is_in(&d->folders, entry, d->options.root))
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
        if (strcmp(sl_pod_of(link)->folder, name) == 0) {
            sl_pod_of(link)->listed_ns = 0;
            scan_pod(d, sl_pod_of(link));
            return;
        }
    }
    if (mask & (IN_CREATE | IN_MOVED_TO | IN_ATTRIB))
        found_pod(d, name);
}

bool sl_pods_scan(sl_discover *d)
{
    DIR *dir = opendir(d->options.root);

    if (!dir) {
        sl_scan_complain(d, d->options.root, -errno, REMEDY, &d->root_complained);
        return false;
    }
    if (d->root_complained)
        sl_logf(d->options.log, SL_LOG_INFO, "%s can be read now", d->options.root);
    d->root_complained = false;
    d->root.on_event = on_root_event;
    sl_scan_watch(d, &d->root, d->options.root, SL_WATCH_ROOT);
    rewinddir(dir);
    list_root(d, dir);
    closedir(dir);
    return true;
}
