/* select.h - which containers an input or an output wants, by globs on their names.
 *
 * Thread   the loop's */
#ifndef SL_SHAPE_SELECT_H
#define SL_SHAPE_SELECT_H

#include "base/slice.h"

/* Lists of shell globs (`*`, `?`, `[a-z]`). In a list the last glob that matches a name decides:
 * a plain one takes the name in, one with a leading ! takes it away again. */
typedef struct sl_choice_lists {
    sl_texts namespaces, pods, containers;
} sl_choice_lists;

/* Borrows both; exclude wins. */
typedef struct sl_select {
    const sl_choice_lists *select;  /* a container is wanted if all three of its names match */
    const sl_choice_lists *exclude; /* and none of its names matches here */
} sl_select;

bool sl_select_wants(const sl_select *s, sl_slice namespace, sl_slice pod, sl_slice container);

#endif
