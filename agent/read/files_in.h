/* files_in.h - one look at a folder from within, for the files that it is made of: files.c is its story,
 * files_named.c finds sources by name, files_alias.c tells copies from files.
 *
 * Thread   the loop's */
#ifndef SL_READ_FILES_IN_H
#define SL_READ_FILES_IN_H

#include "read/claim.h"
#include "read/dirs.h"
#include "read/files.h"

/* One file in the folder. */
typedef struct sl_found {
    char *file;
    sl_seen seen;
    sl_source *owner;
    bool matches, packed;
    bool opened;  /* to see how it begins; once a look, however many are sought */
    sl_name head; /* zeros: with no whole line */
} sl_found;

typedef struct sl_listing {
    sl_dir *dir;
    sl_discover *discover;
    int fd;
    sl_found *items;
    size_t count, cap;
    bool missed; /* what a file is called now: it was renamed while we looked */
} sl_listing;

static inline sl_source *sl_source_in_dir(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_source, in_dir);
}

/* --- files.c --- */

int sl_found_open(const sl_listing *l, const sl_found *e);
bool sl_found_is_young(const sl_listing *l, const sl_found *e, int64_t young_ns);
/* How the file at fd begins; zeros, if there is no whole line. All files of a folder have the same
 * owner, so g may be any. */
sl_name sl_files_head_of(const sl_generation *g, int fd);

/* --- files_named.c --- */

/* One more: sorting all anew for each of thousands would take its time. */
void sl_files_insert(sl_dir *dir, sl_source *s);
/* The source whose file a rotation may have named so: "app.log" for "app.log.1" and "app-2026.log". */
sl_source *sl_files_related(sl_dir *dir, const char *file);

/* --- files_alias.c --- */

/* It is being made, perhaps: a copy of a related source's file, or something else. */
bool sl_files_is_alias(sl_listing *l, const sl_found *e);
/* Those that were not seen at this look. */
void sl_files_forget_unseen_aliases(sl_dir *dir);

#endif
