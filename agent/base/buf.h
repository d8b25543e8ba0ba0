/* buf.h - bytes that grow at their end. A zeroed sl_buf is empty and ready. */
#ifndef SL_BASE_BUF_H
#define SL_BASE_BUF_H

#include "base/base.h"

typedef struct sl_buf {
    char *ptr;
    size_t len, cap;
} sl_buf;

void sl_buf_fini(sl_buf *b);
/* Room for `more` bytes behind len. */
void sl_buf_reserve(sl_buf *b, size_t more);
void sl_buf_add(sl_buf *b, const void *bytes, size_t len);
void sl_buf_add_text(sl_buf *b, const char *text);
void sl_buf_add_format(sl_buf *b, const char *format, ...) SL_PRINTF(2, 3);
/* Adds text as the inside of a JSON string; bytes that are not UTF-8 become U+FFFD. */
void sl_buf_add_json(sl_buf *b, sl_slice text);

static inline sl_slice sl_buf_slice(const sl_buf *b)
{
    return (sl_slice){b->ptr, b->len};
}

#endif
