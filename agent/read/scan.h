/* scan.h - the inside of a discovery: what its files share, and nobody else sees.
 *
 *   discover.c   when something is looked at: events, timers; sources that come and go
 *   discover_untold.c   what changed without an event
 *   pods.c       a tree of pod folders
 *   dirs.c       the folders of globs
 *   files.c      what lies in one of these: which file is whose */
#ifndef SL_READ_SCAN_H
#define SL_READ_SCAN_H

#include "read/discover.h"
#include "read/folder.h"

#define SL_SCAN_MS       UINT64_C(60000) /* the net below inotify */
#define SL_SCAN_RETRY_MS UINT64_C(5000)  /* while something cannot be opened */
#define SL_SCAN_POLL_MS  UINT64_C(1000)  /* without inotify, or without a root; or more: poll_ms */

#define SL_WATCH_FOLDER \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)
#define SL_WATCH_FILES (SL_WATCH_FOLDER | IN_CLOSE_WRITE)
#define SL_WATCH_ROOT  (SL_WATCH_FOLDER | IN_DELETE_SELF | IN_MOVE_SELF)

struct sl_discover {
    sl_discover_options options;
    sl_target root;
    sl_link pods;  /* of globs: the one that all files belong to */
    sl_link dirty; /* sources to list again */
    sl_link dirs, dirty_dirs;
    void *dir_tree; /* tsearch tree of dirs, by path */
    char **bases;   /* folders with which globs begin */
    size_t base_count;
    const char **roots; /* of links */
    sl_folders folders;
    uint32_t source_count;
    uint64_t last_number; /* of a source */
    bool root_complained, watches_complained;
    bool polls; /* some watch could not be had: scan quickly */
    bool scanned_once, list_all, stopping;
    uint64_t poll_ms;      /* between two quick scans: more where there is much to look at */
    uint64_t watchless_ms; /* when there was no watch left; 0: there was */
    uv_timer_t timer;      /* the next scan */
    uv_timer_t later;      /* the next look at a dirty folder that costs much */
    uv_idle_t soon;        /* ... or at once */
};

/* A file that is a copy of a known one, and so nobody's, as long as it stays as it is: that it grows,
 * its folder does not say. */
typedef struct sl_alias {
    sl_link link; /* in its folder */
    struct sl_dir *dir;
    sl_target watch;
    sl_key key;
    uint64_t size;
    bool seen; /* at this look */
    char file[];
} sl_alias;

/* A folder on the way of a glob. Many sources may have their files in it. */
struct sl_dir {
    sl_link link, dirty;
    sl_target watch;
    sl_discover *discover;
    bool holds_files;   /* a glob's last part is matched in it */
    bool holds_folders; /* ... or another part */
    bool base;          /* it stands in the configuration as it is, and may come later */
    bool on_way;        /* at the last scan */
    bool absent, complained, refused, restored;
    bool unsettled; /* something in it has to be looked at again */
    uint32_t mask;  /* of its watch */
    uint64_t ino;   /* of the folder that was listed */
    int64_t listed_ns;
    uint64_t not_before_ms; /* a large folder is not listed more often than that */
    sl_link sources;
    sl_source **by_file; /* the same, sorted by their live files' names, while `sorted` */
    size_t count, cap;
    bool sorted;
    sl_link aliases;
    char path[];
};

static inline sl_pod *sl_pod_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_pod, link);
}

static inline sl_source *sl_source_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_source, link);
}

/* --- discover.c --- */

void sl_scan_soon(sl_discover *d);
void sl_scan_later(sl_discover *d, uint64_t ms);
/* s was looked at: again soon, if something that is sought was not there. */
void sl_scan_missing(sl_discover *d, const sl_source *s);
/* The next scan of everything comes within that time. */
void sl_scan_plan(sl_discover *d, uint64_t within_ms);
void sl_scan_watch(sl_discover *d, sl_target *t, const char *path, uint32_t mask);
/* A folder that was deleted while a file of it is open keeps its watch, and nobody is told. So its
 * inode is compared when it is listed, and what its path names now is watched instead.
 * ino  of the folder that was listed before, 0: none; it becomes now_ino */
void sl_scan_watch_same(sl_discover *d, sl_target *t, const char *path, uint32_t mask,
                        uint64_t *ino, uint64_t now_ino);
/* Says once, until it can be listed, what is the matter with a folder.
 * remedy  what to do if it is not there */
void sl_scan_complain(sl_discover *d, const char *path, sl_err err, const char *remedy,
                      bool *complained);
void sl_scan_source(sl_discover *d, sl_source *s);
/* The files of s were looked at: that one has left its folder is told. */
void sl_scan_listed(sl_discover *d, const sl_source *s);
/* A new source: restored, and its owners told. Its files are listed by list(), in between. */
void sl_scan_found(sl_discover *d, sl_source *s, void (*list)(sl_discover *d, sl_source *s));
/* A writer let go of what that path names: of a known file its end is noted.
 * returns  false: it is none of s that is open */
bool sl_scan_closed(sl_discover *d, sl_source *s, const char *path);

/* --- discover_untold.c --- */

/* Looks at s as a whole if a folder of it changed, and tells of a file that grew.
 * arg  the discovery */
void sl_scan_check(void *arg, sl_source *s);

#endif
