/* utf8.h - where characters end, and what is none. */
#ifndef SL_BASE_UTF8_H
#define SL_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character at p; or, negated, of what one U+FFFD stands for there: the longest start
 * of a character that breaks off (a "maximal subpart", Unicode 3.9, table 3-7).
 * left     bytes from p on, > 0 */
static inline int sl_utf8_step(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xbf; /* for the second byte; the others are 80..BF */
    int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;

    if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
        return -1;
    if (*p == 0xe0) /* no longer than needed */
        low = 0xa0;
    else if (*p == 0xed) /* no surrogates */
        high = 0x9f;
    else if (*p == 0xf0)
        low = 0x90;
    else if (*p == 0xf4) /* up to U+10FFFF */
        high = 0x8f;
    for (int i = 1; i <= more; i++) {
        if ((size_t)i >= left || p[i] < low || p[i] > high)
            return -i;
        low = 0x80;
        high = 0xbf;
    }
    return more + 1;
}

#endif
