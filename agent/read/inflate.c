/* inflate.c - see inflate.h.
 *
 * A gzip file is a row of members; its uncompressed bytes are theirs, one behind the other. Everything
 * goes through advance(), which takes one bite of the file at a time, so that no file, however it
 * was made, keeps the caller longer than that or costs more memory. */
#include "read/inflate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#define BITE      8192
#define MAX_BYTES (UINT64_C(64) << 30)

struct sl_inflate {
    int fd;
    z_stream z;
    off_t in_at;     /* in the file: behind what is in `in` */
    uint64_t out_at; /* uncompressed bytes so far */
    bool in_member;  /* false: between two, where the file may end */
    bool at_end;
    Bytef in[BITE];
};

static void start_over(sl_inflate *i)
{
    (void)inflateReset(&i->z);
    i->z.avail_in = 0;
    i->in_at = 0;
    i->out_at = 0;
    i->in_member = true;
    i->at_end = false;
}

static sl_err refill(sl_inflate *i)
{
    ssize_t n;

    do
        n = pread(i->fd, i->in, sizeof i->in, i->in_at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n == 0 && i->in_member)
        return SL_E_FORMAT; /* cut short */
    i->at_end = n == 0;
    i->z.next_in = i->in;
    i->z.avail_in = (uInt)n;
    i->in_at += n;
    return 0;
}

/* One bite further. Returns bytes written to out: 0 says nothing, i->at_end does. */
static ssize_t advance(sl_inflate *i, char *out, size_t len)
{
    sl_err err = i->z.avail_in == 0 ? refill(i) : 0;
    uInt room = len > INT_MAX ? INT_MAX : (uInt)len;
    ssize_t n;
    int rc;

    if (err || i->at_end)
        return err;
    if (!i->in_member)
        (void)inflateReset(&i->z);
    i->in_member = true;
    i->z.next_out = (Bytef *)out;
    i->z.avail_out = room;
    rc = inflate(&i->z, Z_NO_FLUSH);
    n = (ssize_t)(room - i->z.avail_out);
    i->out_at += (uint64_t)n;
    if (rc == Z_STREAM_END)
        i->in_member = false;
    else if (n == 0 && rc != Z_OK && rc != Z_BUF_ERROR) /* n > 0: it fails again next time */
        return rc == Z_MEM_ERROR ? UV_ENOMEM : SL_E_FORMAT;
    return n;
}

sl_inflate *sl_inflate_new(int fd)
{
    sl_inflate *i = sl_alloc(sizeof *i);
    int rc = inflateInit2(&i->z, 15 + 16); /* gzip alone, any window */

    SL_ASSERT(rc == Z_OK); /* else: out of memory */
    i->fd = fd;
    i->in_member = true; /* an empty file is none */
    return i;
}

void sl_inflate_free(sl_inflate *i)
{
    if (!i)
        return;
    (void)inflateEnd(&i->z);
    free(i);
}

void sl_inflate_use(sl_inflate *i, int fd)
{
    i->fd = fd;
}

uint64_t sl_inflate_distance(const sl_inflate *i, uint64_t offset)
{
    return offset < i->out_at ? offset : offset - i->out_at;
}

static bool is_cancelled(const atomic_bool *cancel)
{
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

sl_err sl_inflate_skip(sl_inflate *i, uint64_t offset, const atomic_bool *cancel)
{
    char away[BITE];
    ssize_t n = 0;

    if (offset < i->out_at)
        start_over(i);
    while (n >= 0 && !i->at_end && i->out_at < offset && !is_cancelled(cancel)) {
        uint64_t left = offset - i->out_at;

        n = advance(i, away, left < sizeof away ? (size_t)left : sizeof away);
    }
    return n < 0 ? (sl_err)n : 0;
}

ssize_t sl_inflate_read(sl_inflate *i, char *out, size_t len, uint64_t offset)
{
    sl_err err = sl_inflate_skip(i, offset, NULL);
    size_t have = 0;
    ssize_t n;

    if (err)
        return err;
    while (have < len && !i->at_end) {
        n = advance(i, out + have, len - have);
        if (n < 0)
            return have > 0 ? (ssize_t)have : n;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

ssize_t sl_inflate_before(int fd, uint64_t offset, char out[64])
{
    sl_inflate *i = sl_inflate_new(fd);
    size_t want = offset < 64 ? (size_t)offset : 64;
    ssize_t n = sl_inflate_read(i, out, want, offset - want);

    sl_inflate_free(i);
    return n >= 0 && (size_t)n < want ? UV_ERANGE : n;
}

sl_err sl_inflate_check(int fd, char *first, size_t first_cap, size_t *first_len, uint64_t *size,
                        const atomic_bool *cancel)
{
    size_t cap = 64 << 10;
    sl_inflate *i = sl_inflate_new(fd);
    char *out = sl_alloc_raw(cap);
    ssize_t n = 0;

    *first_len = 0;
    while (n >= 0 && !i->at_end) {
        n = advance(i, out, cap);
        if (n > 0 && *first_len < first_cap) {
            size_t room = first_cap - *first_len, more = (size_t)n < room ? (size_t)n : room;

            memcpy(first + *first_len, out, more);
            *first_len += more;
        }
        if (i->out_at > MAX_BYTES)
            n = UV_EFBIG;
        if (is_cancelled(cancel))
            n = UV_ECANCELED;
    }
    *size = i->out_at;
    sl_inflate_free(i);
    free(out);
    return n < 0 ? (sl_err)n : 0;
}
