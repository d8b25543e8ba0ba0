/* trust.h - opens a file that nobody but root, or the user that we run as, could have changed.
 *
 * What is loaded runs with all our rights, so whoever can write it has them. The path is walked from
 * the root on, one descriptor after the other, without following a link: what was judged is what
 * was opened, and nothing can be swapped in between. */
#ifndef SL_CONTROL_TRUST_H
#define SL_CONTROL_TRUST_H

#include "control/expand.h"

/* A regular file that belongs to root or to us, in folders that do, none of which others can write:
 * but for a sticky one (/tmp) further up, where others cannot rename what is ours.
 *
 * fd       its descriptor (O_PATH): good for fstat() and through /proc/self/fd
 * returns  NULL, or why not, in the store, with a remedy */
SL_MUST_USE const char *sl_trust_open(sl_store *s, const char *path, int *fd);

#endif
