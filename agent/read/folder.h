/* folder.h - lists the folder of a container, and those of Docker to which its links lead.
 *
 * Docker's file of an attempt is a symbolic link in the container's folder, to a file in a folder
 * that Docker has for the container; there it is rotated, too. So that folder is a branch of the
 * source. Where a link may lead, links.h decides.
 *
 * Borrows  loop, clock, log, watch; a generation whose .gz is being verified, until `checked`
 * Thread   the loop's; .gz files are verified in the pool
 * Fails    what cannot be opened is reported once a source, which stays unsettled: list it again */
#ifndef SL_READ_FOLDER_H
#define SL_READ_FOLDER_H

#include "base/clock.h"
#include "read/links.h"
#include "read/plan.h"
#include "read/source.h"
#include "read/start.h"

#include <dirent.h>
#include <stdatomic.h>

/* What the folders of all sources share. */
typedef struct sl_folders {
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    sl_watch *watch;
    sl_links links; /* where they may lead; its roots are borrowed */
    /* For the first scan alone; then its owner sets it to false. */
    sl_start start;
    sl_plan *plan;
    void *arg;
    /* A .gz of s was verified: it is read now, or given up, or s is unsettled. Not after stop(). */
    void (*checked)(void *arg, sl_source *s);
    /* A branch of a source was found, or is still there: it is listed next. */
    void (*branched)(void *arg, sl_branch *b);
    /* its own from here on */
    bool descriptors_complained;
    atomic_bool stopping; /* looked at in the pool as well */
} sl_folders;

/* Path, mode and owner of what could not be opened, once a source, which is unsettled now.
 * file  NULL: the folder itself */
void sl_folder_complain(sl_folders *f, sl_source *s, const char *file, sl_err err);
/* A link that may not be followed, once. */
void sl_folder_refuse(sl_folders *f, const char *path, sl_err err, bool *refused);
/* Which branch of s the link at `path` leads to, as that attempt's live file; NULL: to none now. */
sl_branch *sl_folder_follow(sl_folders *f, sl_source *s, const char *path, uint32_t attempt);

struct sl_look;
/* Shows all files of the linked branches, in folders that stay open until close_branches().
 * all  false: but the live one, none that is not known by its key */
void sl_folder_list_branches(struct sl_look *l, bool all);
void sl_folder_close_branches(sl_source *s);

/* Lists the folder of s, and sets its gone, unsettled and listed_ns. */
void sl_folder_list(sl_folders *f, sl_source *s);
/* The folder of s is no more: what had yet to be found in it is lost. */
void sl_folder_gone(sl_source *s);

/* Says once that there are too few descriptors, if that is what err says.
 * returns  it was that */
bool sl_folders_is_exhausted(sl_folders *f, sl_err err);

void sl_folders_stop(sl_folders *f); /* checks in the pool give up soon: turn the loop */

/* --- any folder --- */

/* Opens it for listing, through no symbolic link but allowed ones.
 * returns  0; UV_ENOENT: it is no more, whatever has its path now; another errno */
SL_MUST_USE sl_err sl_folder_open(sl_folders *f, const char *path, int *fd, struct stat *st);
/* An entry of a folder that is a folder, or an allowed link to one.
 * path  of the folder that it is in */
bool sl_folder_is_in(sl_folders *f, const struct dirent *entry, const char *path);
/* When a folder that is listed now was changed last; 0: it may change again without showing it. */
int64_t sl_folder_listed_ns(const sl_clock *clock, const struct stat *st);
/* It is as it was then. */
bool sl_folder_is_unchanged(const struct stat *st, int64_t listed_ns);

#endif
