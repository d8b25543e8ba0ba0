/* slice.h - borrowed bytes and what can be asked of them; sl_slice itself is plugin.h's. */
#ifndef SL_BASE_SLICE_H
#define SL_BASE_SLICE_H

#include <sluice/plugin.h>

#include <string.h>

#define SL_SLICE(literal) ((sl_slice){(literal), sizeof(literal) - 1})

static inline bool sl_slice_eq(sl_slice a, sl_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool sl_slice_starts(sl_slice s, sl_slice start)
{
    return s.len >= start.len && memcmp(s.ptr, start.ptr, start.len) == 0;
}

#endif
