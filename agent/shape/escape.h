/* escape.h - text as the inside of a JSON string, as fast as this machine can.
 *
 * Twins behind one interface, chosen by CMake: escape_sse2.c for x86-64, escape_scalar.c anywhere.
 * They write the same bytes. */
#ifndef SL_SHAPE_ESCAPE_H
#define SL_SHAPE_ESCAPE_H

#include "base/base.h"

#define SL_ESCAPE_GROWTH 6 /* of one byte: \u0000 */
#define SL_ESCAPE_OVERREAD \
    16 /* bytes behind the text that may be read, and behind the result written */

/* Escapes quote, backslash and control bytes; all others stay, be they UTF-8 or not.
 * out      room for SL_ESCAPE_GROWTH * len + SL_ESCAPE_OVERREAD bytes
 * high     set to whether there was a byte of 0x80 or more
 * returns  the end of what was written */
char *sl_escape(char *out, const char *text, size_t len, bool *high);

/* One byte that needs it. */
static inline char *sl_escape_byte(char *out, unsigned char c)
{
    static const char letter[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
        ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
    };

    *out++ = '\\';
    if (letter[c]) {
        *out++ = letter[c];
        return out;
    }
    out[0] = 'u';
    out[1] = out[2] = '0';
    out[3] = (char)('0' + (c >> 4));
    out[4] = "0123456789abcdef"[c & 15];
    return out + 5;
}

#endif
