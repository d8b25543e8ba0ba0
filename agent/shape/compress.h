/* compress.h - a whole body as gzip (RFC 1952), in one call.
 *
 * Two files do it, of which the build takes one: compress_isal.c, with Intel's ISA-L, and
 * compress_zlib.c, with zlib, which is everywhere and some five times slower at level 1.
 *
 * Thread   any: nothing is kept between calls */
#ifndef SL_SHAPE_COMPRESS_H
#define SL_SHAPE_COMPRESS_H

#include "base/base.h"

/* As `sluice version` says it: "isa-l 2.30.0". */
const char *sl_gzip_library(void);

/* Bytes that a body of `len` takes at most, whatever is in it. */
static inline size_t sl_gzip_bound(size_t len)
{
    return len + (len >> 10) + 256;
}

/* level    1 to 9: fast to small; with ISA-L all from 3 on are the same
 * out      sl_gzip_bound(body.len) bytes
 * returns  how many of them are used */
size_t sl_gzip(char *out, sl_slice body, int level);

#endif
