/* unpack.h - a gzip member, piece by piece, by ISA-L where it is built in and by zlib elsewhere; for
 * sink.c alone.
 *
 * A body is fed in pieces; after each one, unpack() is called until it says 0. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "yardstick/base.h"

#ifdef HAVE_ISAL
#include <isa-l.h>

struct unpacker {
    struct inflate_state z;
};

static void unpack_init(struct unpacker *u)
{
    (void)u;
}

static void unpack_reset(struct unpacker *u)
{
    isal_inflate_init(&u->z);
    u->z.crc_flag = ISAL_GZIP;
}

static void unpack_feed(struct unpacker *u, const char *bytes, size_t len)
{
    u->z.next_in = (uint8_t *)(uintptr_t)bytes;
    u->z.avail_in = (uint32_t)len;
}

/* Bytes that were made of what was fed, up to `room`; 0: all of it was used. */
static size_t unpack(struct unpacker *u, char *out, size_t room)
{
    u->z.next_out = (uint8_t *)out;
    u->z.avail_out = (uint32_t)room;
    if (isal_inflate(&u->z) != ISAL_DECOMP_OK)
        die("gzip", "is broken");
    return room - u->z.avail_out;
}

static bool unpack_is_over(const struct unpacker *u)
{
    return u->z.block_state == ISAL_BLOCK_FINISH;
}

static void unpack_fini(struct unpacker *u)
{
    (void)u;
}
#else
#include <zlib.h>

struct unpacker {
    z_stream z;
    bool over;
};

static void unpack_init(struct unpacker *u)
{
    if (inflateInit2(&u->z, 15 + 16) != Z_OK)
        die("zlib", "inflateInit2");
}

static void unpack_reset(struct unpacker *u)
{
    inflateReset(&u->z);
    u->over = false;
}

static void unpack_feed(struct unpacker *u, const char *bytes, size_t len)
{
    u->z.next_in = (unsigned char *)(uintptr_t)bytes;
    u->z.avail_in = (unsigned)len;
}

/* Bytes that were made of what was fed, up to `room`; 0: all of it was used. */
static size_t unpack(struct unpacker *u, char *out, size_t room)
{
    int said;

    u->z.next_out = (unsigned char *)out;
    u->z.avail_out = (unsigned)room;
    said = u->over ? Z_STREAM_END : inflate(&u->z, Z_NO_FLUSH);
    u->over = said == Z_STREAM_END;
    if (said != Z_OK && said != Z_STREAM_END && said != Z_BUF_ERROR)
        die("gzip", "is broken");
    return room - u->z.avail_out;
}

static bool unpack_is_over(const struct unpacker *u)
{
    return u->over;
}

static void unpack_fini(struct unpacker *u)
{
    inflateEnd(&u->z);
}
#endif

#endif
