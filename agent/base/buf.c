/* buf.c - see buf.h. */
#include "base/buf.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sl_buf_fini(sl_buf *b)
{
    free(b->ptr);
    *b = (sl_buf){0};
}

void sl_buf_reserve(sl_buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 64;

    if (b->cap - b->len >= more)
        return;
    SL_ASSERT(more <= SIZE_MAX / 4 - b->len);
    while (cap - b->len < more)
        cap *= 2;
    b->ptr = sl_realloc(b->ptr, cap);
    b->cap = cap;
}

void sl_buf_add(sl_buf *b, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    sl_buf_reserve(b, len);
    memcpy(b->ptr + b->len, bytes, len);
    b->len += len;
}

void sl_buf_add_text(sl_buf *b, const char *text)
{
    sl_buf_add(b, text, strlen(text));
}

void sl_buf_add_format(sl_buf *b, const char *format, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    SL_ASSERT(len >= 0);
    sl_buf_add(b, text, (size_t)len);
    free(text);
}

static void add_escape(sl_buf *b, unsigned char c)
{
    static const char shorts[] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };

    if (shorts[c])
        sl_buf_add_format(b, "\\%c", shorts[c]);
    else
        sl_buf_add_format(b, "\\u%04x", c);
}

void sl_buf_add_json(sl_buf *b, sl_slice text)
{
    size_t done = 0, at = 0; /* what lies between needs no change */

    while (at < text.len) {
        unsigned char c = (unsigned char)text.ptr[at];
        int step = sl_utf8_step((const unsigned char *)text.ptr + at, text.len - at);

        if (step > 0 && c >= 0x20 && c != '"' && c != '\\') {
            at += (size_t)step;
            continue;
        }
        sl_buf_add(b, text.ptr + done, at - done);
        if (step < 0)
            sl_buf_add_text(b, "\xef\xbf\xbd"); /* U+FFFD */
        else
            add_escape(b, c);
        at += (size_t)(step < 0 ? -step : step);
        done = at;
    }
    sl_buf_add(b, text.ptr + done, at - done);
}
