/* nearest.h - "did you mean": of some names, the one that a word was probably meant to be. */
#ifndef SL_CONTROL_NEAREST_H
#define SL_CONTROL_NEAREST_H

#include "base/slice.h"

typedef struct sl_nearest {
    sl_slice word, best;
    size_t distance; /* of best, in letters typed wrong, left out, added or swapped */
} sl_nearest;

void sl_nearest_init(sl_nearest *n, const char *word);
/* `candidate` outlives n. */
void sl_nearest_try(sl_nearest *n, sl_slice candidate);
/* Each part of "one|two|three". */
void sl_nearest_try_all(sl_nearest *n, sl_slice choices);
/* `, did you mean "X"?`, or "" if nothing is near; in `text`, which is returned. */
const char *sl_nearest_text(const sl_nearest *n, char text[128]);

/* Cuts the part up to the next `end` off `rest`. false: nothing is left. */
static inline bool sl_next_part(sl_slice *rest, char end, sl_slice *part)
{
    const char *stop;

    if (!rest->ptr)
        return false;
    stop = memchr(rest->ptr, end, rest->len);
    *part = (sl_slice){rest->ptr, stop ? (size_t)(stop - rest->ptr) : rest->len};
    *rest = stop ? sl_slice_from(*rest, part->len + 1) : (sl_slice){0};
    return true;
}

#endif
