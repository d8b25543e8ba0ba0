/* links.h - symbolic links, followed only where they are allowed to lead.
 *
 * Who may write below a log root can plant a link to any file of the node there. So no link is left
 * to the kernel: a path is opened below one of the roots, without any link (openat2, or a walk
 * where that is not to be had); what turns out to be a link is read, and its target is taken for a
 * path of its own, under the same rule. A root itself may be a link: it stands in the configuration.
 *
 * Borrows  the roots' texts
 * Thread   the loop's */
#ifndef SL_READ_LINKS_H
#define SL_READ_LINKS_H

#include "base/base.h"

#include <sys/stat.h>

#define SL_LINKS_MAX 40 /* in one path, as in the kernel */

typedef struct sl_links {
    const char **roots;
    size_t count;
    bool walks; /* openat2() is not to be had: it was tried, or may not be */
} sl_links;

/* Where `path` leads.
 * real     the same without links, below a root; PATH_MAX bytes
 * returns  0; UV_EXDEV: to no allowed place; UV_ELOOP: too many links; an errno */
SL_MUST_USE sl_err sl_links_resolve(sl_links *l, const char *path, char *real, struct stat *st);
/* Opens it, as open() does with these flags. Returns a descriptor or an error, as above. */
int sl_links_open(sl_links *l, const char *path, int flags);

#endif
