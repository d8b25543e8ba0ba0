/* escape_scalar.c - escape.h, byte by byte: for machines without a twin of their own. */
#include "shape/escape.h"

char *sl_escape(char *out, const char *text, size_t len, bool *high)
{
    unsigned char all = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        all |= c;
        if (c < 0x20 || c == '"' || c == '\\')
            out = sl_escape_byte(out, c);
        else
            *out++ = (char)c;
    }
    *high = all >= 0x80;
    return out;
}
