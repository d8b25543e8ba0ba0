/* nearest.c - see nearest.h. */
#include "control/nearest.h"

#include <stdio.h>

#define MAX_WORD 48 /* longer ones are not compared */

void sl_nearest_init(sl_nearest *n, const char *word)
{
    *n = (sl_nearest){.word = sl_str(word), .distance = SIZE_MAX};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau and Levenshtein's distance, in which no letter is touched twice. */
static size_t distance(sl_slice a, sl_slice b)
{
    size_t rows[3][MAX_WORD + 1], *two_up = rows[0], *up = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.len; j++)
        up[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *free_row = two_up;

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = a.ptr[i - 1] == b.ptr[j - 1];

            row[j] = least(up[j - 1] + !same, least(up[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[j] = least(row[j], two_up[j - 2] + 1);
        }
        two_up = up;
        up = row;
        row = free_row;
    }
    return up[b.len];
}

void sl_nearest_try(sl_nearest *n, sl_slice candidate)
{
    size_t d;

    if (n->word.len > MAX_WORD || candidate.len > MAX_WORD)
        return;
    d = distance(n->word, candidate);
    if (candidate.len >= 3 && d > 2 && sl_slice_starts(n->word, candidate))
        d = 2; /* "warning" for "warn" */
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

void sl_nearest_try_all(sl_nearest *n, sl_slice choices)
{
    sl_slice choice;

    while (sl_next_part(&choices, '|', &choice))
        sl_nearest_try(n, choice);
}

const char *sl_nearest_text(const sl_nearest *n, char text[128])
{
    *text = '\0';
    if (n->distance <= 1 + n->word.len / 4 && n->distance < n->word.len)
        snprintf(text, 128, ", did you mean \"%.*s\"?", (int)n->best.len, n->best.ptr);
    return text;
}
