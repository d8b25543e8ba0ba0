/* pack.h - a body as one gzip member, level 1, by either library; for bare.c alone.
 *
 * pack   returns the packed size; `out` has room for whatever comes. NULL: not built in */
#ifndef PACK_H
#define PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base.h"

typedef size_t pack_fn(const char *bytes, size_t size, char *out, size_t room);

#ifdef HAVE_ZLIB
#include <zlib.h>

static size_t pack_zlib(const char *bytes, size_t size, char *out, size_t room)
{
    static z_stream z;

    if (!z.state && deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        die("zlib", "deflateInit2");
    deflateReset(&z);
    z.next_in = (unsigned char *)(uintptr_t)bytes;
    z.avail_in = (unsigned)size;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        die("zlib", "deflate");
    return z.total_out;
}
#else
#define pack_zlib NULL
#endif

#ifdef HAVE_ISAL
#include <isa-l.h>

static size_t pack_igzip(const char *bytes, size_t size, char *out, size_t room)
{
    static struct isal_zstream z;
    static uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT];

    isal_deflate_init(&z);
    z.level = 1;
    z.level_buf = level_buffer;
    z.level_buf_size = sizeof level_buffer;
    z.gzip_flag = IGZIP_GZIP;
    z.end_of_stream = 1;
    z.next_in = (uint8_t *)(uintptr_t)bytes;
    z.avail_in = (uint32_t)size;
    z.next_out = (uint8_t *)out;
    z.avail_out = (uint32_t)room;
    if (isal_deflate(&z) != COMP_OK || z.internal_state.state != ZSTATE_END)
        die("igzip", "isal_deflate");
    return z.total_out;
}
#else
#define pack_igzip NULL
#endif

#endif
