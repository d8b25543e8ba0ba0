/* entries.h - the files of a folder as they were at one moment.
 *
 * readdir() walks through a folder while others rename in it: it may show the new 0.log and not the
 * old one under its new name, and a line would come before those that stand before it. So a folder
 * that may have changed meanwhile is read until two readings agree.
 *
 * Owns     the entries
 * Thread   the loop's */
#ifndef SL_READ_ENTRIES_H
#define SL_READ_ENTRIES_H

#include "read/source.h"

#include <limits.h>

/* What statx() says of a folder's entry. */
typedef struct sl_seen {
    sl_key key;
    uint64_t size;
    int64_t written_ns;
    mode_t mode;
} sl_seen;

SL_MUST_USE sl_err sl_seen_of(int folder, const char *file, sl_seen *seen);

typedef struct sl_entry {
    char file[NAME_MAX + 1];
    sl_seen seen;
} sl_entry;

typedef struct sl_entries {
    sl_entry *items;
    size_t count, cap;
    bool missed; /* files came and went all the time: there may be others */
} sl_entries;

/* Fills in a zeroed *e.
 * still  nothing happened in the folder for a while: what changes now changes its time
 * takes  which names are wanted; asked more than once */
void sl_entries_read(sl_entries *e, DIR *dir, bool still,
                     bool (*takes)(void *arg, const char *file), void *arg);
void sl_entries_fini(sl_entries *e);

#endif
