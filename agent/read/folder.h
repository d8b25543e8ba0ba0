/* folder.h - brings one source's generations in step with the files that lie in its folder.
 *
 * A file is a generation's that we know (by its key, or by its name where it was copied or compressed)
 * or a new one's. What a listing sought and did not find is gone.
 *
 * Borrows  loop, clock, log; a generation whose .gz is being verified, until `checked`
 * Thread   the loop's; .gz files are verified in the pool
 * Fails    what cannot be opened is reported once a source, which stays unsettled: list it again */
#ifndef SL_READ_FOLDER_H
#define SL_READ_FOLDER_H

#include "base/clock.h"
#include "read/plan.h"
#include "read/source.h"
#include "read/start.h"

#include <stdatomic.h>

/* What the folders of all sources share. */
typedef struct sl_folders {
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    /* For the first scan alone; then its owner sets it to false. */
    sl_start start;
    sl_plan *plan;
    void *arg;
    /* A .gz of s was verified: it is read now, or given up, or s is unsettled. Not after stop(). */
    void (*checked)(void *arg, sl_source *s);
    /* its own from here on */
    bool links_complained, descriptors_complained;
    atomic_bool stopping; /* looked at in the pool as well */
} sl_folders;

/* Lists the folder of s, and sets its gone, unsettled and listed_ns. */
void sl_folder_list(sl_folders *f, sl_source *s);
/* The folder of s is no more: what had yet to be found in it is lost. */
void sl_folder_gone(sl_source *s);

/* Says once that there are too few descriptors, if that is what err says.
 * returns  it was that */
bool sl_folders_is_exhausted(sl_folders *f, sl_err err);

void sl_folders_stop(sl_folders *f); /* checks in the pool give up soon: turn the loop */

/* --- any folder --- */

/* Opens it for listing, through no symbolic link.
 * returns  0; UV_ENOENT: it is no more, whatever has its path now; another errno */
SL_MUST_USE sl_err sl_folder_open(const char *path, int *fd, struct stat *st);
/* When a folder that is listed now was changed last; 0: it may change again without showing it. */
int64_t sl_folder_listed_ns(const sl_clock *clock, const struct stat *st);
/* It is as it was then. */
bool sl_folder_is_unchanged(const struct stat *st, int64_t listed_ns);

#endif
