/* generation.h - a generation is one file of a source, through all its names.
 *
 * Its key (device, inode, birth time) finds it again after a rename; its name (hash of the container,
 * the attempt and the first line) is what it is called outside, and what tells it from another file
 * with the same key.
 *
 * Owns     its descriptor
 * Thread   the loop's */
#ifndef SL_READ_GENERATION_H
#define SL_READ_GENERATION_H

#include "base/list.h"
#include "flow/snapshot.h"
#include "read/watch.h"

#include <dirent.h>
#include <sys/stat.h>

typedef struct sl_source sl_source;
typedef struct sl_generation sl_generation;

typedef struct sl_key {
    uint64_t dev, ino;
    int64_t birth_ns; /* 0: the file system does not say */
} sl_key;

typedef enum {
    SL_BODY_OPEN,    /* fd reads it */
    SL_BODY_RESTING, /* its descriptor was given back: its path opens it again (plan.c) */
    SL_BODY_SHUT,    /* settled, and its descriptor given up */
    SL_BODY_SOUGHT,  /* not there under its key: the next look at the folder decides */
    SL_BODY_CHECKED, /* its .gz is being verified, in the pool */
    SL_BODY_GONE     /* what was unread is lost */
} sl_body;

/* A folder outside of the source's own, to which one of its symbolic links leads: Docker's, of one
 * container. */
typedef struct sl_branch {
    sl_link link; /* in the source */
    sl_source *source;
    uint32_t attempt;
    bool linked; /* some link led to it at the last look */
    sl_target watch;
    int64_t listed_ns; /* as the source's */
    DIR *dir;          /* while it is listed */
    char *live;        /* the file that the link names, in `folder` */
    char folder[];
} sl_branch;

struct sl_generation {
    sl_link link;   /* in the source, in reading order */
    sl_link recent; /* among those that may rest, by when they were read */
    sl_source *source;
    uint64_t seq;
    sl_key key;
    sl_name name; /* zeros: its first line is not complete yet */
    char name_text[SL_NAME_LEN + 1];
    sl_name head;     /* hash of its container and first line: what a copy of it has as well */
    uint32_t cuts;    /* how often its file was cut back: part of its name, where it is needed */
    int64_t first_ns; /* time of its first record; 0: none, or not known yet */
    uint32_t attempt;
    char *file;        /* its name in the folder, last seen */
    sl_branch *branch; /* where it lies; NULL: in its source's own folder */
    sl_body body;
    int fd;                  /* -1 unless open */
    uint64_t size;           /* uncompressed, last seen */
    uint64_t told;           /* the size of which the lanes were told last */
    uint64_t begin;          /* reading starts here; 0 but for what was added after sealing */
    uint64_t end;            /* UINT64_MAX, or where it was left for the next one */
    uint64_t closed_size;    /* its size when its writer let go; UINT64_MAX: it has not */
    uint64_t still_since_ms; /* since when we find nothing new at `size`; 0: not looked yet */
    int64_t rested_ns;       /* when it was written to last, as it began to rest */
    sl_lost_reason gone_reason;
    uint64_t missed_ms;  /* since when no look has found it; 0: the last one did */
    bool nothing_left;   /* it was cut, and who found that out had read all that was seen of it */
    bool linked;         /* it, or its .gz, was in the folder at the last look */
    bool was_linked;     /* ... and at the one before */
    bool packed;         /* fd is its .gz */
    bool loss_told;      /* what was given up of it, in this life */
    bool unowed;         /* all lanes of the last life had had it: it is nobody's loss */
    bool stirred;        /* it changed while it rested: to be read, whatever its size */
    bool waits_for_disk; /* RWF_NOWAIT is not known to this file system */
    sl_target watch;     /* one-shot, while the source sleeps */
    uint64_t measured;   /* its size when it was last looked at for numbers alone: peek.h */
    int measured_wd;     /* the watch that was set then; 0: none */
    sl_saved_position *checks; /* of the checkpoint, until they are verified */
    size_t check_count;
};

static inline sl_generation *sl_generation_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_generation, link);
}

/* statx() has a type of its own for times. */
static inline int64_t sl_statx_ns(struct statx_timestamp t)
{
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* What fstat() says now: size and key. Returns 0 or -errno. */
sl_err sl_key_of(int fd, const char *path, sl_key *key, uint64_t *size, mode_t *mode);
sl_key sl_key_from(const struct statx *st);
bool sl_key_eq(const sl_key *a, const sl_key *b);

/* Names g after its first line.
 * first   the file's beginning
 * whole   there is no more of it: a line without newline is complete
 * returns false: the line is not complete, and shorter than 64 KiB */
bool sl_generation_name(sl_generation *g, sl_slice first, bool whole);
/* The same from the file itself, where it is open and its first line is there. */
void sl_generation_look_up_name(sl_generation *g);
/* The same for a file that may become one: *head, and *first_ns, 0 if the line is not the runtime's. */
bool sl_head_of(const sl_source *s, uint32_t attempt, sl_slice first, bool whole, sl_name *head,
                int64_t *first_ns);
/* g, whose key is known, begins like that. A line that is not the runtime's may begin many files, and
 * any line a file that was cut back: then the name takes in key and cuts as well. */
void sl_generation_set_head(sl_generation *g, const sl_name *head, int64_t first_ns);
/* `more` is the same file as g, further on. */
void sl_generation_name_as(sl_generation *more, const sl_generation *g);
/* Its file was cut or overwritten in place: what the path names goes on as a new generation, which
 * is returned; g is sought among copies. */
sl_generation *sl_generation_replaced(sl_generation *g);
/* g was left, and its file is not done: what comes after g->end is a generation at the list's end.
 * NULL: no descriptor for it. */
sl_generation *sl_generation_go_on(sl_generation *g);
/* The file that its writer has open now, whatever stands behind it in the list. */
bool sl_generation_is_live(const sl_generation *g);
/* Its writer has closed it, or has not written for still_ms. Looks at the file.
 * now_ms, wall_ns  of the clock */
bool sl_generation_is_left(sl_generation *g, uint64_t still_ms, uint64_t now_ms, int64_t wall_ns);
void sl_generation_close(sl_watch *w, sl_generation *g);
void sl_generation_forget(sl_watch *w, sl_generation *g); /* nobody holds it */

#define SL_STILL_MS 2000 /* a file that did not grow for so long is quiet */
/* ... and so is one that has no name any more, and nothing that says whether its writer is done */
#define SL_NAMELESS_MS    30000
#define SL_FIRST_LINE_MAX ((size_t)64 << 10)
#define SL_CHECK_BYTES    64

/* Hash of up to 64 bytes, never 0. */
uint64_t sl_hash_bytes(const char *bytes, size_t len);
/* The hash of the (up to) 64 bytes before offset in an open generation; 0: could not be read. */
uint64_t sl_generation_hash(const sl_generation *g, uint64_t offset);
/* All positions of the checkpoint that lie in g fit what fd holds. */
bool sl_checks_fit(const sl_generation *g, int fd, uint64_t size);

/* Where g lies, or lay; without the .gz that it may be by now. */
void sl_generation_path(const sl_generation *g, char *out);
/* The file of g that is open, or rests. */
void sl_generation_body_path(const sl_generation *g, char *out);

/* Docker's id of the container, 64 hex digits; empty: it is not Docker's, or not known. */
sl_slice sl_generation_container_id(const sl_generation *g);

/* Where the first bytes that were written stand: behind the hole that is left when a file is
 * truncated under a writer who goes on at his old offset. What the hole seems to hold, NULs, was
 * never written. */
uint64_t sl_hole_end(int fd);

#endif
