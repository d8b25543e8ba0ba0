/* discover.h - finds what an input reads, and decides when each folder is listed: containers below a
 * root, or files that match globs.
 *
 * Folders are watched for entries that come, go, move, change mode, or are closed by their writer;
 * a folder in which something happened is listed, whatever the event said. A slow scan of
 * everything is the net below that; without watches it is quick, and the only way.
 *
 * Owns     pods, sources, their watches
 * Thread   the loop's; .gz files are verified in the pool
 * Fails    a root that is missing or unreadable is reported once and looked for again */
#ifndef SL_READ_DISCOVER_H
#define SL_READ_DISCOVER_H

#include "base/clock.h"
#include "read/plan.h"
#include "read/source.h"
#include "read/start.h"

typedef struct sl_discover sl_discover;

typedef struct sl_discover_options {
    uv_loop_t *loop;
    sl_log *log;
    const sl_clock *clock;
    sl_watch *watch;       /* the agent's one; borrowed */
    const sl_rules *rules; /* of its sources; borrowed */
    const char *root;      /* a tree of pods; NULL: globs */
    const sl_texts *globs; /* absolute, without empty parts; a leading ! takes away */
    const sl_texts
        *roots; /* where symbolic links may lead; root, and what globs begin with, as well */
    sl_slice namespace, pod, uid; /* of all files that match */
    const char *container;
    bool poll;      /* no watches at all */
    sl_plan *plan;  /* the agent's one; borrowed */
    sl_start start; /* start_at, at the very first start: of what the first scan finds */
    void *arg;      /* of all these: */
    /* path  NULL, or of the file */
    bool (*wants)(void *arg, const sl_pod *pod, const char *container, const char *path);
    /* What the checkpoint knew of it, or NULL. */
    const sl_saved_source *(*saved)(void *arg, const sl_source *s);
    /* Calls each(of, path) for all live files in that folder that the checkpoint knew. */
    void (*saved_in)(void *arg, const char *folder, void (*each)(void *of, const char *path),
                     void *of);
    void (*found)(void *arg, sl_source *s); /* its generations are there; give it a cursor */
    void (*ready)(void *arg, sl_source *s); /* something happened: read it */
    void (*scanned)(void *arg);             /* everything was looked at, or the root is not there */
    void (*unlinked)(void *arg); /* a file that is open has left its folder; may be NULL */
} sl_discover_options;

sl_discover *sl_discover_new(const sl_discover_options *options);
void sl_discover_start(sl_discover *d); /* scans at once */
void sl_discover_scan(sl_discover *d);  /* everything, now */
void sl_discover_stop(sl_discover *d);  /* handles closed, .gz checks given up: turn the loop */
void sl_discover_free(sl_discover *d);  /* after that; with all pods and sources */

/* The last glob that matches decides. */
bool sl_globs_take(const sl_texts *globs, const char *path);

const char *sl_discover_root(const sl_discover *d); /* NULL: it has globs */
bool sl_discover_polls(const sl_discover *d);       /* it was told to watch nothing */
sl_watch *sl_discover_watch(const sl_discover *d);
/* Opens a file that it found for reading, through allowed links alone: a descriptor or an error. */
int sl_discover_open(sl_discover *d, const char *path);
sl_plan *sl_discover_plan(const sl_discover *d);
uint32_t sl_discover_source_count(const sl_discover *d);
/* Everything was looked at, once. */
bool sl_discover_has_looked(const sl_discover *d);
/* Its root could be looked at, the last time too. */
bool sl_discover_is_watching(const sl_discover *d);
/* Where that file is, or a container for NULL, could not be looked at yet: the root, or the folder
 * with which its glob begins, was never there. */
bool sl_discover_may_hold(const sl_discover *d, const char *path);
/* Calls each(arg, s) for all sources; it may not free them. */
void sl_discover_each(sl_discover *d, void (*each)(void *arg, sl_source *s), void *arg);
/* Everything is looked at anew, soon: the kernel's queue of events overflowed, perhaps. */
void sl_discover_rescan(sl_discover *d);
/* This source's folder is listed again, soon. */
void sl_discover_look(sl_discover *d, sl_source *s);
/* Something happened in s: tells the lanes. */
void sl_discover_ready(sl_discover *d, sl_source *s);
/* Something of s could not be opened for want of descriptors: it is looked at again in a while. */
void sl_discover_retry(sl_discover *d, sl_source *s);
/* A watch could not be had: growth is found by scans, once a second, until the next full one. */
void sl_discover_needs_scans(sl_discover *d);
/* Asks is_done(arg, s) of each source whose folder is gone; true: it is freed.
 * returns  some are not done */
bool sl_discover_forget(sl_discover *d, bool (*is_done)(void *arg, sl_source *s), void *arg);

#endif
