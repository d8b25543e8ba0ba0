/* start.c - see start.h. */
#include "read/start.h"

#include "read/decode_cri.h"
#include "read/inflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK ((size_t)64 << 10)
#define SLACK_NS \
    INT64_C(1000000000) /* a clock that steps back further costs lines that are too old, or not */
#define DOCKER_TIME "\"time\":\""

/* The bytes of a file, compressed or not. */
typedef struct bytes {
    int fd;
    sl_inflate *inflate; /* NULL: as they are */
    uint64_t size;
    char *chunk; /* CHUNK bytes */
} bytes;

static ssize_t read_at(const bytes *b, uint64_t at)
{
    size_t len = b->size - at < CHUNK ? (size_t)(b->size - at) : CHUNK;

    return b->inflate ? sl_inflate_read(b->inflate, b->chunk, len, at)
                      : pread(b->fd, b->chunk, len, (off_t)at);
}

/* --- times --- */

/* A time as RFC 3339 has it, or 0. */
static int64_t time_of(sl_slice text)
{
    char line[96], minute[16] = {0};
    sl_record rec = {0};
    int len;

    if (text.len > 64)
        return 0;
    len = snprintf(line, sizeof line, "%.*s stdout F ", (int)text.len, text.ptr);
    return sl_decode_cri((sl_slice){line, (size_t)len}, minute, &rec) ? 0
                                                                      : sl_cri_time_ns(rec.time);
}

/* When a line was written: CRI begins with it, Docker's JSON ends with it. 0: it does not say. */
static int64_t line_time(sl_slice line)
{
    size_t len = sizeof DOCKER_TIME - 1;
    const char *space = memchr(line.ptr, ' ', line.len < 64 ? line.len : 64), *end;

    if (line.len > 0 && line.ptr[0] != '{')
        return space ? time_of((sl_slice){line.ptr, (size_t)(space - line.ptr)}) : 0;
    for (size_t i = line.len; i >= len; i--) {
        const char *p = line.ptr + i;

        if (memcmp(p - len, DOCKER_TIME, len) != 0)
            continue;
        end = memchr(p, '"', line.len - i);
        return end ? time_of((sl_slice){p, (size_t)(end - p)}) : 0;
    }
    return 0;
}

/* --- lines --- */

/* Where the last line begins: behind the last newline. */
static uint64_t last_line(bytes *b)
{
    const char *newline = NULL;
    uint64_t at = b->size;

    while (at > 0 && !newline) {
        size_t len = at < CHUNK ? (size_t)at : CHUNK;
        ssize_t n = pread(b->fd, b->chunk, len, (off_t)(at - len));

        if (n != (ssize_t)len)
            break;
        at -= len;
        newline = memrchr(b->chunk, '\n', len);
    }
    return newline ? at + (uint64_t)(newline - b->chunk) + 1 : at;
}

/* The first line of the chunk at `at` that has a time.
 * behind   look behind the first newline: `at` is somewhere in a line
 * returns  its time and its place in *line, or 0 */
static int64_t first_time(const bytes *b, uint64_t at, bool behind, uint64_t *line)
{
    ssize_t n = read_at(b, at);
    const char *p = b->chunk, *end = b->chunk + (n > 0 ? n : 0), *newline;

    for (; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) {
        int64_t time = behind ? 0 : line_time((sl_slice){p, (size_t)(newline - p)});

        behind = false;
        *line = at + (uint64_t)(p - b->chunk);
        if (time)
            return time;
    }
    return 0;
}

/* A line that is older than `time`, and near to the first one that is not. */
static uint64_t halve(const bytes *b, int64_t time)
{
    uint64_t low = 0, high = b->size, line = 0;

    while (high - low > CHUNK) {
        uint64_t middle = low + (high - low) / 2;
        int64_t found = first_time(b, middle, true, &line);

        if (found && found < time && line < high)
            low = line;
        else
            high = middle;
    }
    return low;
}

/* From the line at `at` on, the first one that is not older than `time`; a line without a time goes
 * with the one before it. */
static uint64_t walk(const bytes *b, uint64_t at, int64_t time)
{
    while (at < b->size) {
        ssize_t n = read_at(b, at);
        const char *p = b->chunk, *end = b->chunk + (n > 0 ? n : 0), *newline;

        for (; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) {
            if (line_time((sl_slice){p, (size_t)(newline - p)}) >= time)
                return at + (uint64_t)(p - b->chunk);
        }
        if (p == b->chunk) /* a line that is longer than this, or the last one: it is read */
            break;
        at += (uint64_t)(p - b->chunk);
    }
    return at;
}

static uint64_t find(const bytes *b, int64_t time)
{
    uint64_t first = 0;
    int64_t oldest = first_time(b, 0, false, &first);

    if (!oldest || first > 0 || oldest >= time)
        return 0;
    return walk(b, b->inflate ? 0 : halve(b, time - SLACK_NS), time);
}

/* --- files --- */

sl_start sl_start_now(const sl_start *start, int64_t wall_ns)
{
    sl_start now = *start;

    if (start->kind != SL_START_AGE)
        return now;
    now.kind = SL_START_TIME;
    now.time_ns = start->age_ms < (uint64_t)wall_ns / 1000000
                      ? wall_ns - (int64_t)start->age_ms * 1000000
                      : 0;
    return now;
}

bool sl_start_is_over(const sl_start *start, int64_t written_ns)
{
    return start->kind == SL_START_END ||
           (start->kind == SL_START_TIME && written_ns < start->time_ns);
}

uint64_t sl_start_in_file(const sl_start *start, int fd, uint64_t size, int64_t written_ns)
{
    bytes b = {.fd = fd, .size = size};
    uint64_t at;

    if (start->kind == SL_START_BEGINNING)
        return 0;
    b.chunk = sl_alloc_raw(CHUNK);
    at = sl_start_is_over(start, written_ns) ? last_line(&b) : find(&b, start->time_ns);
    free(b.chunk);
    return at;
}

uint64_t sl_start_in_packed(const sl_start *start, int fd, uint64_t size)
{
    bytes b = {.fd = fd, .size = size};
    uint64_t at;

    if (start->kind != SL_START_TIME)
        return 0;
    b.chunk = sl_alloc_raw(CHUNK);
    b.inflate = sl_inflate_new(fd);
    at = find(&b, start->time_ns);
    sl_inflate_free(b.inflate);
    free(b.chunk);
    return at;
}
