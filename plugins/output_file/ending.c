/* ending.c - see ending.h. */
#include "ending.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define CHUNK (64 << 10)

/* --- lines --- */

/* Where the last whole line of a file of that size ends.
 * returns  0; UV_EFBIG: there is no line's end within FILE_MAX_LINE; or a negative errno */
static sl_err find_last_end(int fd, off_t size, off_t *end)
{
    char chunk[CHUNK];
    off_t from = size;

    while (from > 0) {
        size_t len = from < CHUNK ? (size_t)from : CHUNK;
        const char *newline;
        ssize_t n = pread(fd, chunk, len, from - (off_t)len);

        if (n != (ssize_t)len)
            return n < 0 ? -errno : UV_EIO;
        from -= (off_t)len;
        newline = memrchr(chunk, '\n', len);
        if (newline) {
            *end = from + (newline - chunk) + 1;
            return 0;
        }
        if (size - from > FILE_MAX_LINE)
            return UV_EFBIG;
    }
    *end = 0;
    return 0;
}

static bool begins(int fd, off_t at, const char *literal)
{
    char bytes[16];
    size_t len = strlen(literal);
    ssize_t n = pread(fd, bytes, len, at);

    return n > 0 && !memcmp(bytes, literal, (size_t)n);
}

/* It may be half a record that we wrote: of JSON that can be seen, in each schema. */
static bool may_be_ours(int fd, bool json, off_t at)
{
    return !json || begins(fd, at, "{\"@timestamp\":\"") || begins(fd, at, "{\"timestamp\":\"") ||
           begins(fd, at, "{\"log\":\"");
}

sl_err file_find_last_line(int fd, off_t size, bool json, off_t *end)
{
    unsigned char head[2] = {0};
    sl_err err;

    if (pread(fd, head, sizeof head, 0) < 0)
        return -errno;
    if (head[0] == 0xde && head[1] == 0) /* no text: what we write in msgpack */
        return UV_EFBIG;
    err = find_last_end(fd, size, end);
    return !err && *end < size && !may_be_ours(fd, json, *end) ? UV_EFBIG : err;
}

/* --- records in msgpack --- */

/* Reads a file once, from its beginning. */
struct walk {
    int fd;
    off_t at; /* of what comes next */
    size_t used, len;
    unsigned char chunk[CHUNK];
};

/* The next byte, or -1: there is none, or it cannot be read. */
static int take(struct walk *w)
{
    if (w->used == w->len) {
        ssize_t n = pread(w->fd, w->chunk, sizeof w->chunk, w->at);

        w->used = 0;
        w->len = n > 0 ? (size_t)n : 0;
        if (n <= 0)
            return -1;
    }
    w->at++;
    return w->chunk[w->used++];
}

/* UINT64_MAX: it is not there. */
static uint64_t take_number(struct walk *w, unsigned bytes)
{
    uint64_t n = 0;

    while (bytes-- > 0) {
        int c = take(w);

        if (c < 0)
            return UINT64_MAX;
        n = n << 8 | (unsigned)c;
    }
    return n;
}

/* Over that many bytes, whether they are there or not. */
static int64_t skip(struct walk *w, uint64_t n)
{
    size_t left = w->len - w->used;

    if (n > INT32_MAX * UINT64_C(2))
        return -1;
    w->used = n < left ? w->used + (size_t)n : w->len;
    w->at += (off_t)n;
    return 0;
}

/* A number, a text, or the head of a map or array.
 * returns  how many values lie in it; -1: it is not there, or nothing that we write */
static int64_t skip_value(struct walk *w)
{
    int c = take(w);
    uint64_t n;

    if (c < 0xa0)
        return c < 0 ? -1 : c < 0x80 ? 0 : c < 0x90 ? 2 * (c & 15) : c & 15;
    if (c < 0xc0)
        return skip(w, (unsigned)c & 31U);
    if (c >= 0xcc && c <= 0xcf)
        return skip(w, UINT64_C(1) << (c - 0xcc));
    if (c >= 0xd9 && c <= 0xdb)
        return skip(w, take_number(w, 1U << (c - 0xd9)));
    if (c != 0xdc && c != 0xde)
        return -1;
    n = take_number(w, 2);
    return n > UINT16_MAX ? -1 : c == 0xde ? 2 * (int64_t)n : (int64_t)n;
}

/* The map that comes next. false: it is not whole. */
static bool skip_record(struct walk *w)
{
    int64_t open = 1, inside = 0;

    for (; open > 0 && (inside = skip_value(w)) >= 0;)
        open += inside - 1;
    return inside >= 0;
}

sl_err file_find_last_record(int fd, off_t size, off_t *end)
{
    struct walk *w = calloc(1, sizeof *w);
    bool ours = true, whole = true;

    if (!w)
        return UV_ENOMEM;
    w->fd = fd;
    *end = 0;
    while (w->at < size && ours && whole) {
        ours = take(w) == 0xde; /* as each one begins */
        w->at--;
        w->used--;
        whole = ours && skip_record(w) && w->at <= size;
        if (whole)
            *end = w->at;
    }
    free(w);
    return ours ? 0 : UV_EFBIG;
}
