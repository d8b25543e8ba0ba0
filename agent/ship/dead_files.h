/* dead_files.h - an output's dead letters as they lie on disk, for those who look at them or take some
 * away. Looking is done beside an agent that runs, too; taking away only from files that nobody writes.
 *
 * Blocks: for a command line, or in the pool. A file is read as a whole; 16 MiB is what an agent makes it.
 *
 * Thread   any */
#ifndef SL_SHIP_DEAD_FILES_H
#define SL_SHIP_DEAD_FILES_H

#include "ship/dead_entry.h"

/* The lines of one file. */
typedef struct sl_dead_file {
    char *path;
    sl_buf text;
    sl_slice *lines; /* without their newlines; a torn last one is left out */
    size_t count;
} sl_dead_file;

/* Paths of all files, oldest first, and freed with sl_dead_files_free().
 * returns  how many; 0: there are none */
size_t sl_dead_files_find(const char *dir, const char *output, char ***paths);
void sl_dead_files_free(char **paths, size_t count);

/* Outputs that have a folder, to be freed in the same way. */
size_t sl_dead_files_outputs(const char *dir, char ***names);

SL_MUST_USE sl_err sl_dead_file_read(const char *path, sl_dead_file *f);
void sl_dead_file_fini(sl_dead_file *f);

/* Only the lines that `keeps` stay, for good: the file is written anew aside, or goes. */
SL_MUST_USE sl_err sl_dead_file_sweep(const sl_dead_file *f, bool (*keeps)(void *arg, size_t line),
                                      void *arg);

#endif
