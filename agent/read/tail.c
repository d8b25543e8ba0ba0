/* tail.c - see tail.h. */
#include "read/tail.h"

#include "read/join.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE  ((uint64_t)4096)
#define CHUNK ((size_t)256 << 10)
/* The kernel copies up to five times slower on some CPUs when address and file offset differ by a
 * few bytes modulo the page: so data lies at its file offset modulo 4096. */
#define BUFFER (CHUNK + PAGE)
/* From here a line is not waited for as a whole. Its header is in the first piece in any case. */
#define LONG_LINE (CHUNK / 2)

static char *map(void)
{
    void *p = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    SL_ASSERT(p != MAP_FAILED);
    return p;
}

void sl_reader_init(sl_reader *r)
{
    r->buffer = map();
    r->text = map();
}

void sl_reader_fini(sl_reader *r)
{
    munmap(r->buffer, BUFFER);
    munmap(r->text, BUFFER);
}

void sl_reader_trim(sl_reader *r)
{
    (void)madvise(r->buffer, BUFFER, MADV_DONTNEED);
    (void)madvise(r->text, BUFFER, MADV_DONTNEED);
}

void sl_tail_init(sl_tail *t, sl_source *s, sl_place at)
{
    *t = (sl_tail){.source = s, .at = at};
}

static void drop_unpack(sl_tail *t)
{
    sl_unpack_free(t->unpack);
    t->unpack = NULL;
}

void sl_tail_fini(sl_tail *t)
{
    drop_unpack(t);
}

static void enter(const sl_reader *r, sl_tail *t, sl_generation *g)
{
    t->decoder.format = t->source->rules->format;
    t->decoder.raw_is_plain = t->source->rules->raw_is_plain;
    t->decoder.scratch = r->text;
    drop_unpack(t);
    if (t->at.seq != g->seq)
        t->at = (sl_place){g->seq, g->begin};
    t->generation = g;
    t->inside = t->decoder.inside = false;
    t->before_len = 0;
}

/* --- bytes --- */

static ssize_t read_file(bool wait, sl_generation *g, char *out, size_t len, uint64_t offset)
{
    struct iovec iov = {out, len};
    ssize_t n;

    if (!wait) {
        n = preadv2(g->fd, &iov, 1, (off_t)offset, RWF_NOWAIT);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
            return n < 0 ? -errno : n;
        g->waits_for_disk = true;
    }
    n = pread(g->fd, out, len, (off_t)offset);
    return n < 0 ? -errno : n;
}

static bool goes_on(const sl_generation *g, uint64_t offset)
{
    struct stat st;

    return !fstat(g->fd, &st) && (uint64_t)st.st_size > offset;
}

/* The next bytes of g at *data, up to where it was sealed, `asked` at most.
 * returns  how many; SL_E_REPLACED: what stood before them stands there no more; an errno */
static ssize_t fill(sl_reader *r, sl_tail *t, sl_generation *g, char **data, size_t *asked)
{
    uint64_t from = t->at.offset - t->before_len, left = g->end - t->at.offset;
    char *start = r->buffer + from % PAGE;
    size_t room = CHUNK - SL_TEXT_SLACK - t->before_len, fresh;
    bool warm = t->warm, waited;
    ssize_t n;

    *data = start + t->before_len;
    *asked = left < room ? (size_t)left : room;
    if (*asked == 0 || g->body != SL_BODY_OPEN)
        return 0;
    t->warm = false;
    if (g->packed)
        return sl_unpack_read(&t->unpack, g, *data, *asked, t->at.offset, warm);
    waited = warm || g->waits_for_disk;
    n = read_file(waited, g, start, *asked + t->before_len, from);
    if (n < 0)
        return n;
    fresh = n > t->before_len ? (size_t)n - t->before_len : 0;
    if (fresh < *asked && !memchr(*data, '\n', fresh) && goes_on(g, from + (size_t)n)) {
        char byte;

        if (!waited)
            return UV_EAGAIN; /* the page cache ends here, and the file does not */
        if (pread(g->fd, &byte, 1, (off_t)(from + (size_t)n)) < 0)
            return -errno; /* nor does it for the disk: this is what stopped it */
    }
    if (n < t->before_len || memcmp(start, t->before, t->before_len) != 0)
        return SL_E_REPLACED;
    return n - t->before_len;
}

/* After `len` bytes at data were consumed; the old ones stand in front of data. */
static void remember(sl_tail *t, const sl_generation *g, const char *data, size_t len)
{
    size_t all = len + t->before_len;

    if (g->packed)
        return;
    t->before_len = (uint8_t)(all < SL_CHECK_BYTES ? all : SL_CHECK_BYTES);
    memcpy(t->before, data + len - t->before_len, t->before_len);
}

/* What stood before our position: a copy that was made of the file first has it still. */
static void remember_check(const sl_tail *t, sl_generation *g)
{
    size_t len = t->at.offset < SL_CHECK_BYTES ? (size_t)t->at.offset : SL_CHECK_BYTES;

    if (t->before_len != len || len == 0)
        return;
    g->checks = sl_realloc(g->checks, (g->check_count + 1) * sizeof *g->checks);
    g->checks[g->check_count++] =
        (sl_saved_position){.at = t->at, .hash = sl_hash_bytes(t->before, len)};
}

static sl_tail_state on_replaced(sl_reader *r, sl_tail *t, sl_generation *g)
{
    char path[PATH_MAX];

    g->nothing_left = g->size <= t->at.offset;
    if (g->nothing_left)
        g->size = t->at.offset;
    sl_generation_path(g, path);
    sl_logf(r->log, SL_LOG_WARN, "%s was truncated or overwritten; it is read from its start",
            path);
    remember_check(t, g);
    sl_generation_replaced(g);
    t->before_len = 0; /* a copy of it, if there is one, was looked at by its first line */
    sl_discover_look(t->source->pod->discover, t->source);
    return SL_TAIL_DONE;
}

/* --- lines --- */

static bool hand_on(sl_reader *r, sl_tail *t, const sl_line *line, uint64_t bytes)
{
    if (!r->line(r->arg, t, line, bytes))
        return false;
    t->inside = !line->last;
    t->at.offset += bytes;
    return true;
}

/* Hands on all complete lines. Returns false when one was refused. */
static bool cut_lines(sl_reader *r, sl_tail *t, const char *data, size_t len)
{
    const char *p = data, *end = data + len, *newline;

    while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
        sl_line line = {{p, (size_t)(newline - p)}, !t->inside, true, false};

        if (!hand_on(r, t, &line, (uint64_t)(newline + 1 - p)))
            return false;
        p = newline + 1;
    }
    return true;
}

/* --- the end of a generation --- */

static bool is_over(const sl_reader *r, const sl_tail *t, sl_generation *g, bool has_next)
{
    if (g->body == SL_BODY_SOUGHT || g->body == SL_BODY_CHECKED || g->body == SL_BODY_RESTING)
        return false;
    if (g->body != SL_BODY_OPEN)
        return true;
    if (!has_next && g->linked)
        return false; /* the live one */
    if (has_next && g->end != UINT64_MAX)
        return true; /* another lane has left it: it ends there, whatever is added */
    if (!sl_generation_is_left(g, has_next || !t->source->path ? SL_STILL_MS : SL_NAMELESS_MS,
                               sl_now_ms(r->clock), sl_wall_ns(r->clock)))
        return false;
    /* The last one, deleted: its writer has closed it, or its folder is gone as well. */
    return has_next || t->source->gone || g->closed_size == g->size || g->packed;
}

/* Nobody will write the newline of what stands at the end: our pod ends, and its writer has. */
static bool ends_torn(const sl_reader *r, const sl_tail *t, sl_generation *g)
{
    return r->finishing && t->source->path && g->body == SL_BODY_OPEN && !g->packed &&
           !sl_source_next(t->source, g) &&
           sl_generation_is_left(g, SL_STILL_MS, sl_now_ms(r->clock), sl_wall_ns(r->clock));
}

/* false: it was refused. */
static bool hand_on_torn(sl_reader *r, sl_tail *t, const sl_generation *g, sl_slice rest)
{
    sl_line torn = {rest, !t->inside, true, true};

    if (rest.len == 0 && !t->inside)
        return true;
    if (!hand_on(r, t, &torn, rest.len))
        return false;
    if (rest.len > 0)
        remember(t, g, rest.ptr, rest.len); /* else the next look finds other bytes there */
    return true;
}

/* What stands behind the live file in the list was found late. Its writer will end its last line, which
 * then comes as a whole. */
static bool goes_on_later(const sl_tail *t, const sl_generation *g, const sl_generation *next)
{
    return next && !t->inside && g->end == UINT64_MAX && next->attempt <= g->attempt &&
           sl_generation_is_live(g);
}

/* Nothing complete is left to read at t->at; `rest` stands behind the last newline. */
static sl_tail_state at_end(sl_reader *r, sl_tail *t, sl_generation *g, sl_slice rest)
{
    sl_generation *next = sl_source_next(t->source, g);
    uint64_t last = g->end < g->size ? g->end : g->size;

    if (!is_over(r, t, g, next != NULL))
        return ends_torn(r, t, g) && !hand_on_torn(r, t, g, rest) ? SL_TAIL_FULL : SL_TAIL_DONE;
    if (g->body == SL_BODY_OPEN &&
        t->at.offset + rest.len < (g->end == UINT64_MAX ? g->size : g->end)) {
        if (g->end == UINT64_MAX || g->packed)
            return SL_TAIL_MORE;     /* it grew just now */
        return on_replaced(r, t, g); /* another lane has read more of it: it was cut since */
    }
    if (!goes_on_later(t, g, next) && !hand_on_torn(r, t, g, rest))
        return SL_TAIL_FULL;
    if (g->body == SL_BODY_GONE && t->at.offset < last) {
        if (!g->unowed)
            r->lost(r->arg, t, g, t->at.offset, last);
        t->at.offset = last;
    }
    if ((!next || next->attempt != g->attempt) && !r->attempt_ended(r->arg, t))
        return SL_TAIL_FULL;
    if (!next)
        return SL_TAIL_DONE;
    if (g->end == UINT64_MAX) {
        g->end = t->at.offset;
        if (sl_generation_is_live(g) && next->attempt <= g->attempt && !sl_generation_go_on(g)) {
            g->end = UINT64_MAX;
            return SL_TAIL_DONE;
        }
    }
    enter(r, t, next);
    return SL_TAIL_MORE;
}

/* The generation's name is made of its first line: nothing is emitted before that is complete. */
static bool is_named(sl_generation *g, const sl_tail *t, const char *data, size_t len, bool whole)
{
    return sl_name_is_set(&g->name) || (t->at.offset == g->begin && len > 0 &&
                                        sl_generation_name(g, (sl_slice){data, len}, whole));
}

/* A file that was truncated under a writer who goes on at his old offset begins with a hole, of up to
 * gigabytes. Its NULs were never written, so they are no record, and not lost either. */
static bool skip_hole(sl_tail *t, sl_generation *g, const char *data)
{
    if (t->at.offset != 0 || *data != '\0' || g->packed || sl_name_is_set(&g->name))
        return false;
    g->begin = sl_hole_end(g->fd);
    t->at.offset = g->begin;
    t->before_len = 0;
    return g->begin > 0;
}

/* The bytes in front of a position that was not reached by reading. */
static sl_err prime(sl_tail *t, const sl_generation *g)
{
    uint64_t at = t->at.offset;
    size_t len = at < SL_CHECK_BYTES ? (size_t)at : SL_CHECK_BYTES;

    if (t->before_len > 0 || len == 0 || g->body != SL_BODY_OPEN || g->packed)
        return 0;
    if (pread(g->fd, t->before, len, (off_t)(at - len)) != (ssize_t)len)
        return SL_E_REPLACED;
    t->before_len = (uint8_t)len;
    return 0;
}

static sl_tail_state on_error(sl_reader *r, sl_tail *t, sl_generation *g, sl_err err)
{
    char path[PATH_MAX];

    if (err == UV_EAGAIN)
        return SL_TAIL_COLD;
    if (err == SL_E_REPLACED)
        return on_replaced(r, t, g);
    sl_generation_path(g, path);
    if (!t->complained)
        sl_logf(r->log, SL_LOG_ERROR, "cannot read %s at byte %llu: %s%s", path,
                (unsigned long long)t->at.offset, sl_strerror(err),
                g->packed ? "" : "; it is tried again");
    t->complained = true;
    if (!g->packed)
        return SL_TAIL_DONE;
    g->body = SL_BODY_GONE; /* it was whole when we checked it, and is not any more */
    g->gone_reason = SL_LOST_VANISHED;
    return SL_TAIL_MORE;
}

/* Of what was given up before the begin of g, all from there on was told when that happened. */
static uint64_t told_from(const sl_tail *t, const sl_generation *g)
{
    return t->told.seq == g->seq && t->told.offset < g->begin ? t->told.offset : g->begin;
}

/* It may have been found only when t was here: in a .gz, or behind what was given up. */
static void skip_to_begin(sl_reader *r, sl_tail *t, const sl_generation *g)
{
    if (SL_LIKELY(t->at.offset >= g->begin) || g->body == SL_BODY_SOUGHT ||
        g->body == SL_BODY_CHECKED)
        return;
    if (g->body == SL_BODY_GONE && !g->loss_told && t->at.offset < told_from(t, g))
        r->lost(r->arg, t, g, t->at.offset,
                told_from(t, g)); /* out when the last life was killed */
    t->at.offset = g->begin;
    t->before_len = 0;
}

/* Hands on what is complete, and a line that is longer than the buffer piece by piece. */
static bool consume(sl_reader *r, sl_tail *t, const char *data, size_t len, size_t asked)
{
    uint64_t from = t->at.offset;
    size_t used;

    if (!cut_lines(r, t, data, len))
        return false;
    used = (size_t)(t->at.offset - from);
    if (used < len && (t->inside || (used == 0 && len == asked && len >= LONG_LINE))) {
        sl_line piece = {{data + used, len - used}, !t->inside, false, false};

        if (data[len - 1] == '\r')
            piece.bytes.len--; /* it may belong to the newline: they are never parted */
        return piece.bytes.len == 0 || hand_on(r, t, &piece, piece.bytes.len);
    }
    return true;
}

/* Opens what rests, if there is something new in it, or something behind it. false: not now. */
static bool wake(const sl_tail *t, sl_generation *g)
{
    sl_discover *d = t->source->pod->discover;
    sl_err err;

    if (!sl_source_next(t->source, g) && t->at.offset == g->size && sl_plan_is_undisturbed(g))
        return false;
    err = sl_plan_wake(sl_discover_plan(d), g);
    if (err && err != UV_ENOENT)
        sl_discover_retry(d, t->source);
    return !err;
}

sl_tail_state sl_tail_read(sl_reader *r, sl_tail *t, uint64_t *bytes)
{
    sl_generation *g = t->generation ? t->generation : sl_source_at(t->source, t->at.seq);
    size_t asked, len;
    bool accepted;
    char *data;
    ssize_t n;

    *bytes = 0;
    if (!g || t->warming)
        return SL_TAIL_DONE;
    if (!t->generation)
        enter(r, t, g);
    skip_to_begin(r, t, g);
    if (g->body == SL_BODY_RESTING && !wake(t, g))
        return SL_TAIL_DONE;
    sl_plan_used(sl_discover_plan(t->source->pod->discover), g);
    g->stirred = false;
    n = prime(t, g);
    if (n == 0)
        n = fill(r, t, g, &data, &asked);
    if (n < 0)
        return on_error(r, t, g, (sl_err)n);
    t->complained = false;
    len = (size_t)n;
    if (len == 0)
        return at_end(r, t, g, (sl_slice){0});
    if (skip_hole(t, g, data))
        return SL_TAIL_MORE;
    if (!is_named(g, t, data, len, false)) {
        if (!is_over(r, t, g, sl_source_next(t->source, g) != NULL) && !ends_torn(r, t, g))
            return SL_TAIL_DONE;
        (void)is_named(g, t, data, len, true); /* its only line never got its newline */
        return at_end(r, t, g, (sl_slice){data, len});
    }
    if (t->at.offset + len > g->size) {
        g->size = t->at.offset + len;
        g->still_since_ms = 0;
    }
    *bytes = t->at.offset;
    accepted = consume(r, t, data, len, asked);
    *bytes = t->at.offset - *bytes;
    remember(t, g, data, (size_t)*bytes);
    if (!accepted)
        return SL_TAIL_FULL;
    return *bytes > 0 ? SL_TAIL_MORE : at_end(r, t, g, (sl_slice){data, len});
}

bool sl_tail_has_rest(const sl_tail *t)
{
    const sl_generation *g = sl_source_at(t->source, t->at.seq);

    return g && g->seq == t->at.seq && !g->packed &&
           (g->body == SL_BODY_OPEN || g->body == SL_BODY_RESTING) &&
           (t->inside || t->at.offset < g->size);
}

bool sl_tail_is_over(const sl_reader *r, const sl_tail *t)
{
    sl_generation *g = sl_source_at(t->source, t->at.seq);

    if (!g)
        return true;
    return g->seq == t->at.seq && !sl_source_next(t->source, g) && is_over(r, t, g, false) &&
           t->at.offset >= (g->end == UINT64_MAX ? g->size : g->end);
}

uint64_t sl_tail_lose(sl_reader *r, sl_tail *t, const sl_generation *g, uint64_t last, bool *held)
{
    uint64_t at = t->at.seq == g->seq ? t->at.offset : g->begin;

    *held = *held || t->at.seq >= g->seq;
    if (t->at.seq > g->seq)
        return last;
    if (t->at.seq == g->seq)
        t->told = (sl_place){g->seq, at};
    if (at < last)
        r->lost(r->arg, t, g, at, last);
    return at;
}
