/* compress_zlib.c - see compress.h. */
#include "shape/compress.h"

#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* 32 KiB, and a header of gzip's */

const char *sl_gzip_library(void)
{
    return "zlib " ZLIB_VERSION;
}

size_t sl_gzip(char *out, sl_slice body, int level)
{
    z_stream z = {.next_in = (z_const Bytef *)body.ptr, .next_out = (Bytef *)out};
    size_t cap = sl_gzip_bound(body.len);

    SL_ASSERT(cap <= UINT32_MAX);
    SL_ASSERT(deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.avail_in = (uInt)body.len;
    z.avail_out = (uInt)cap;
    SL_ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    SL_ASSERT(deflateEnd(&z) == Z_OK);
    return z.total_out;
}
