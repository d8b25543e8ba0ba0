/* claim.h - whose file is that? One look at the files of one source, wherever they lie.
 *
 * A file is a generation's that we know (by its key, or by how it begins where it was copied or
 * compressed) or a new one's. Who lists folders shows each file with saw(); end() opens what is left,
 * tells what each of them is by its first line, and takes them in the order in which they were
 * written. What was sought and did not show, at a second look either, is gone.
 *
 * Owns     its candidates
 * Borrows  the source; the listed folders' descriptors until end()
 * Thread   the loop's */
#ifndef SL_READ_CLAIM_H
#define SL_READ_CLAIM_H

#include "read/entries.h"
#include "read/folder.h"

/* What is sought is lost when it is still not found so long after it was missed: Docker's link leads
 * nowhere between two steps of a rotation, and a listing beside one may be torn. */
#define SL_MISSED_MS UINT64_C(200)

/* A regular file, as it was found. */
typedef struct sl_sighting {
    int folder; /* its descriptor */
    const char *file;
    sl_branch *branch; /* NULL: it lies in the source's own folder */
    sl_file_kind kind;
    uint32_t attempt;
    sl_seen seen;
} sl_sighting;

typedef struct sl_look {
    sl_folders *folders;
    sl_source *source;
    struct sl_candidate *items;
    size_t count, cap;
    uint64_t began_ms;
    bool missed; /* a file lost its name while we looked, or it or a folder could not be opened */
    bool exhausted; /* ... for want of descriptors: what is newer is not taken before it */
    bool changed;   /* there is something new to read */
    bool strange;   /* what had a known key is not that file: whose it is takes another look */
} sl_look;

void sl_look_begin(sl_look *l, sl_folders *f, sl_source *s);
void sl_look_saw(sl_look *l, const sl_sighting *at);
void sl_look_end(sl_look *l);

/* The .gz at fd, of `size` bytes, is of what was read as g, or is being read. */
bool sl_is_packed_of(const sl_generation *g, int fd, uint64_t size);
/* The first `len` bytes of the file at fd are those of g's, which is open and has so many. */
bool sl_begins_as(const sl_generation *g, int fd, uint64_t len);

#endif
