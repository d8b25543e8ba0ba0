/* source.h - a source is one container of one pod: its generations in reading order.
 *
 * A generation is one file of it (generation.h). Lanes read along the list; a generation that any lane
 * has left for the next one is sealed at `end`; what its writer adds after that comes again, as the
 * same generation at the list's end, from `begin`.
 *
 * Owns     generations and their descriptors; the lanes' cursors are only kept here
 * Thread   the loop's */
#ifndef SL_READ_SOURCE_H
#define SL_READ_SOURCE_H

#include "base/list.h"
#include "base/pool.h"
#include "flow/snapshot.h"
#include "read/decode.h"
#include "read/generation.h"
#include "read/join.h"
#include "read/watch.h"

typedef struct sl_dir sl_dir;

/* How an input's sources are read. */
typedef struct sl_rules {
    const sl_pairs *fields; /* constant ones of its records; NULL: none */
    sl_line_format format;
    bool raw_is_plain;   /* SL_FORMAT_AUTO: a line of no runtime is what was expected */
    bool skip_empty;     /* messages without text are filtered */
    uint64_t max_record; /* bytes, after joining */
    sl_on_oversize on_oversize;
    uint64_t partial_timeout_ms;
    uint64_t ignore_older_ms; /* 0: never */
} sl_rules;

/* One pod's folder. */
typedef struct sl_pod {
    sl_link link; /* in the discovery */
    sl_link sources;
    sl_target watch;
    struct sl_discover *discover;
    bool gone;
    bool complained;   /* that it cannot be listed */
    uint64_t ino;      /* of the folder that was listed */
    int64_t listed_ns; /* change time of the folder when it was last listed; 0: list it */
    sl_slice namespace, pod, uid; /* into folder */
    char folder[];
} sl_pod;

struct sl_source {
    sl_link link;  /* in its pod */
    sl_link dirty; /* its folder has to be listed */
    sl_link hot;   /* read at every tick */
    sl_pod *pod;
    uint64_t number;       /* in its discovery: rises, and never comes again */
    const sl_rules *rules; /* its input's */
    sl_target watch;       /* its folder */
    sl_link generations;
    uint64_t next_seq;
    uint64_t active_ms; /* when something last happened */
    uint64_t ino;       /* of the folder that was listed */
    int64_t listed_ns;
    bool gone;       /* its folder is no more */
    bool complained; /* an unreadable file of it was reported */
    bool refused;    /* ... and a link of it that may not be followed */
    bool unsettled;  /* something could not be opened, or is not whole yet: look again */
    bool missing;    /* something that is sought was not there: look again before it is lost */
    bool dangles;    /* a link of it leads nowhere */
    bool dangled;    /* ... and one did at the look before */
    sl_link cursors; /* the lanes' */
    sl_link branches;
    const char *path; /* NULL: a container's; else its one live file, of an input of files */
    const char *file; /* the name of that in its folder */
    sl_dir *dir;      /* that folder */
    sl_link in_dir;
    bool looked; /* while that is listed */
    char container[];
};

/* The parts of "namespace_pod_uid", or of an old kubelet's "uid". false: neither. */
bool sl_pod_parse(const char *folder, sl_slice *namespace, sl_slice *pod, sl_slice *uid);

typedef enum { SL_FILE_OTHER, SL_FILE_LIVE, SL_FILE_ROTATED, SL_FILE_PACKED } sl_file_kind;

/* "3.log" is live, "3.log.20261123-055921" or "3.log.1" rotated, either with ".gz" packed. */
sl_file_kind sl_file_parse(const char *file, uint32_t *attempt);

/* path  of its live file; NULL: it is a container's */
sl_source *sl_source_new(sl_pod *pod, const char *container, const char *path,
                         const sl_rules *rules);
/* Its cursor is the caller's; closes what is open. */
void sl_source_free(sl_watch *w, sl_source *s);

/* Its generations as the checkpoint knew them, sought for now. */
void sl_source_restore(sl_source *s, const sl_saved_source *saved);

sl_generation *sl_source_find(const sl_source *s, const sl_key *key);
sl_generation *sl_source_add(sl_source *s, const char *file, uint32_t attempt);
/* The one after g, or the first one for NULL; NULL: there is none. */
sl_generation *sl_source_next(const sl_source *s, const sl_generation *g);
/* The first one at or behind `seq`, or NULL. */
sl_generation *sl_source_at(const sl_source *s, uint64_t seq);
/* Where somebody begins who joins now: at the start of what follows the last whole line; behind all
 * that is there, if the last generation cannot be read. */
sl_place sl_source_end(sl_source *s);
/* ... and for whom what was made at since_ns or later is new, and wanted as a whole.
 * before  what a file that does not say when it was made counts as: made before that */
sl_place sl_source_since(sl_source *s, int64_t since_ns, bool before);
/* ... and who wants all that is still there. */
sl_place sl_source_beginning(const sl_source *s);
/* What rested or was sought, and did not show at the last look, is gone. */
void sl_source_give_up(sl_source *s);
/* A .gz of it is out in the pool: it may not be freed. */
bool sl_source_is_checked(const sl_source *s);
/* Nothing before `frontier` is needed any more: descriptors are closed, and generations that have
 * left the folder forgotten.
 * returns  one of them grew after it was left: there is more to read */
bool sl_source_settled(sl_watch *w, sl_source *s, sl_place frontier);

/* "root/pod/container[/file]", or "folder[/file]"; PATH_MAX bytes. */
void sl_source_path(const sl_source *s, const char *file, char *out);
/* The branch of s that is `live` in that folder; a new one, if there is none. */
sl_branch *sl_source_branch(sl_source *s, const char *folder, const char *live, uint32_t attempt);

#endif
