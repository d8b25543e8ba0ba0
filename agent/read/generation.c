/* generation.c - see generation.h. */
#include "read/generation.h"

#include "read/discover.h"
#include "read/inflate.h"
#include "read/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* --- where it lies --- */

void sl_generation_path(const sl_generation *g, char *out)
{
    if (g->branch)
        snprintf(out, PATH_MAX, "%s/%s", g->branch->folder, g->file);
    else
        sl_source_path(g->source, g->file, out);
}

void sl_generation_body_path(const sl_generation *g, char *out)
{
    sl_generation_path(g, out);
    if (g->packed && strlen(out) + 3 < PATH_MAX)
        strcat(out, ".gz");
}

sl_slice sl_generation_container_id(const sl_generation *g)
{
    const char *id = g->branch ? strrchr(g->branch->folder, '/') + 1 : "";

    if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
        return (sl_slice){0};
    return sl_str(id);
}

/* --- keys --- */

sl_key sl_key_from(const struct statx *st)
{
    sl_key key = {.dev = makedev(st->stx_dev_major, st->stx_dev_minor), .ino = st->stx_ino};

    if (st->stx_mask & STATX_BTIME)
        key.birth_ns = sl_statx_ns(st->stx_btime);
    return key;
}

sl_err sl_key_of(int fd, const char *path, sl_key *key, uint64_t *size, mode_t *mode)
{
    struct statx st;
    int flags = (path[0] ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH) | AT_STATX_SYNC_AS_STAT;

    if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &st))
        return -errno;
    *key = sl_key_from(&st);
    *size = st.stx_size;
    *mode = st.stx_mode;
    return 0;
}

bool sl_key_eq(const sl_key *a, const sl_key *b)
{
    return a->ino == b->ino && a->dev == b->dev && a->birth_ns == b->birth_ns;
}

uint64_t sl_hash_bytes(const char *bytes, size_t len)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX sha;
    uint64_t hash;

    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)bytes, len);
    SHA256Final(digest, &sha);
    memcpy(&hash, digest, sizeof hash);
    return hash ? hash : 1;
}

/* The (up to) 64 bytes before offset; how many, or -1. */
static ssize_t bytes_before(int fd, bool packed, uint64_t offset, char out[SL_CHECK_BYTES])
{
    size_t len = offset < SL_CHECK_BYTES ? (size_t)offset : SL_CHECK_BYTES;
    ssize_t n =
        packed ? sl_inflate_before(fd, offset, out) : pread(fd, out, len, (off_t)(offset - len));

    return n == (ssize_t)len ? n : -1;
}

uint64_t sl_generation_hash(const sl_generation *g, uint64_t offset)
{
    bool borrowed = g->body == SL_BODY_RESTING && !g->packed;
    int fd = borrowed ? sl_plan_borrow(g) : g->fd;
    char bytes[SL_CHECK_BYTES];
    ssize_t n;

    if (fd < 0 || g->packed) /* in a .gz it would cost an inflate each time */
        return 0;
    n = bytes_before(fd, false, offset, bytes);
    if (borrowed)
        close(fd);
    return n < 0 ? 0 : sl_hash_bytes(bytes, (size_t)n);
}

bool sl_checks_fit(const sl_generation *g, int fd, uint64_t size)
{
    for (size_t i = 0; i < g->check_count; i++) {
        const sl_saved_position *p = &g->checks[i];
        char bytes[SL_CHECK_BYTES];
        ssize_t n;

        if (p->at.offset > size)
            return false;
        if (!p->hash)
            continue;
        n = bytes_before(fd, g->packed, p->at.offset, bytes);
        if (n < 0 || sl_hash_bytes(bytes, (size_t)n) != p->hash)
            return false;
    }
    return true;
}

/* --- names --- */

/* What tells the files of one source from those of another: the container, or the folder. */
static void add_owner(SHA2_CTX *sha, const sl_source *s, uint32_t attempt)
{
    const sl_slice parts[] = {s->pod->namespace,
                              s->pod->uid,
                              sl_str(s->container),
                              {s->path, s->path ? (size_t)(s->file - s->path) : 0}};
    size_t count = s->path ? 4 : 3;
    char number[24];

    for (size_t i = 0; i < count; i++) {
        SHA256Update(sha, (const uint8_t *)parts[i].ptr, parts[i].len);
        SHA256Update(sha, (const uint8_t *)"/", 1); /* in none of a container's parts */
    }
    snprintf(number, sizeof number, "%u\n", attempt);
    SHA256Update(sha, (const uint8_t *)number, strlen(number));
}

static void finish(SHA2_CTX *sha, sl_name *out)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256Final(digest, sha);
    memcpy(out->bytes, digest, sizeof out->bytes);
}

bool sl_head_of(const sl_source *s, uint32_t attempt, sl_slice first, bool whole, sl_name *head,
                int64_t *first_ns)
{
    size_t max = first.len < SL_FIRST_LINE_MAX ? first.len : SL_FIRST_LINE_MAX;
    const char *newline = memchr(first.ptr, '\n', max);
    size_t len = newline ? (size_t)(newline - first.ptr) : max;
    SHA2_CTX sha;

    if (!newline && max < SL_FIRST_LINE_MAX && !(whole && max > 0))
        return false;
    SHA256Init(&sha);
    add_owner(&sha, s, attempt);
    SHA256Update(&sha, (const uint8_t *)first.ptr, len);
    finish(&sha, head);
    *first_ns = sl_line_time_ns((sl_slice){first.ptr, len}, s->rules->format);
    return true;
}

static bool is_taken(const sl_generation *g, const sl_name *name)
{
    SL_LIST_EACH(&g->source->generations, link)
    {
        const sl_generation *o = sl_generation_of(link);

        if (o != g && sl_name_eq(&o->name, name))
            return true;
    }
    return false;
}

/* As a plain file's: inode, birth and truncations tell it from others that begin alike. */
static void add_key(const sl_generation *g, sl_name *name)
{
    char key[80];
    SHA2_CTX sha;

    snprintf(key, sizeof key, "\n%" PRIx64 " %" PRIx64 " %" PRIu32, g->key.ino,
             (uint64_t)g->key.birth_ns, g->cuts);
    SHA256Init(&sha);
    SHA256Update(&sha, name->bytes, sizeof name->bytes);
    SHA256Update(&sha, (const uint8_t *)key, strlen(key));
    finish(&sha, name);
}

void sl_generation_set_head(sl_generation *g, const sl_name *head, int64_t first_ns)
{
    g->head = g->name = *head;
    g->first_ns = first_ns;
    if (!first_ns || (g->cuts > 0 && is_taken(g, head)))
        add_key(g, &g->name);
    sl_name_format(g->name_text, &g->name);
}

void sl_generation_name_as(sl_generation *more, const sl_generation *g)
{
    more->head = g->head;
    more->name = g->name;
    more->first_ns = g->first_ns;
    more->cuts = g->cuts;
    memcpy(more->name_text, g->name_text, sizeof more->name_text);
}

bool sl_generation_name(sl_generation *g, sl_slice first, bool whole)
{
    sl_name head;
    int64_t first_ns;

    if (!sl_head_of(g->source, g->attempt, first, whole, &head, &first_ns))
        return false;
    sl_generation_set_head(g, &head, first_ns);
    return true;
}

void sl_generation_look_up_name(sl_generation *g)
{
    char *first;
    ssize_t n;

    if (sl_name_is_set(&g->name) || g->body != SL_BODY_OPEN || g->packed)
        return;
    first = sl_alloc_raw(SL_FIRST_LINE_MAX);
    n = pread(g->fd, first, SL_FIRST_LINE_MAX, (off_t)sl_hole_end(g->fd));
    if (n > 0)
        (void)sl_generation_name(g, (sl_slice){first, (size_t)n}, false);
    free(first);
}

uint64_t sl_hole_end(int fd)
{
    char block[4096];
    off_t end = 0;
    ssize_t n = pread(fd, block, 1, 0), k = 0;

    if (n != 1 || block[0] != '\0' || (end = lseek(fd, 0, SEEK_DATA)) <= 0)
        return 0;
    n = pread(fd, block, sizeof block, end); /* what he wrote begins somewhere in this block */
    while (k < n && block[k] == '\0')
        k++;
    return (uint64_t)(end + (n > 0 && k < n ? k : 0));
}

/* --- life --- */

void sl_generation_close(sl_watch *w, sl_generation *g)
{
    sl_watch_remove(w, &g->watch);
    sl_list_remove(&g->recent);
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
}

void sl_generation_forget(sl_watch *w, sl_generation *g)
{
    sl_generation_close(w, g);
    sl_list_remove(&g->link);
    free(g->checks);
    free(g->file);
    free(g);
}

sl_generation *sl_generation_replaced(sl_generation *g)
{
    sl_generation *next = sl_source_add(g->source, g->file, g->attempt);

    next->key = g->key;
    next->cuts = g->cuts + 1;
    next->branch = g->branch;
    next->fd = g->fd;
    next->body = SL_BODY_OPEN;
    next->linked = g->linked;
    next->waits_for_disk = g->waits_for_disk;
    g->key = (sl_key){0};
    g->fd = -1;
    g->linked = false;
    g->gone_reason = SL_LOST_TRUNCATED;
    g->body = SL_BODY_SOUGHT;
    return next;
}

sl_generation *sl_generation_go_on(sl_generation *g)
{
    int fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
    sl_generation *more;

    if (fd < 0 && sl_plan_make_room(sl_discover_plan(g->source->pod->discover)) && g->fd >= 0)
        fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    more = sl_source_add(g->source, g->file, g->attempt);
    sl_generation_name_as(more, g);
    more->key = g->key;
    more->branch = g->branch;
    more->fd = fd;
    more->body = SL_BODY_OPEN;
    more->begin = more->size = more->told = g->end;
    more->closed_size = g->closed_size;
    more->linked = g->linked;
    more->waits_for_disk = g->waits_for_disk;
    g->key = (sl_key){0};
    g->linked = false;
    return more;
}

bool sl_generation_is_live(const sl_generation *g)
{
    const char *live = g->branch ? g->branch->live : g->source->file;
    uint32_t attempt;

    if ((g->body != SL_BODY_OPEN && g->body != SL_BODY_RESTING) || g->packed || !g->linked)
        return false;
    return live ? !strcmp(g->file, live) : sl_file_parse(g->file, &attempt) == SL_FILE_LIVE;
}

bool sl_generation_is_left(sl_generation *g, uint64_t still_ms, uint64_t now_ms, int64_t wall_ns)
{
    struct stat st;
    int64_t written_ns;

    if (g->body != SL_BODY_OPEN || g->packed)
        return true;
    if (fstat(g->fd, &st))
        return true;
    if ((uint64_t)st.st_size != g->size || !g->still_since_ms) {
        g->size = (uint64_t)st.st_size;
        g->still_since_ms = now_ms;
    }
    if (g->closed_size == g->size)
        return true;
    written_ns = sl_timespec_ns(st.st_mtim);
    return now_ms - g->still_since_ms >= still_ms ||
           (written_ns <= wall_ns && wall_ns - written_ns >= (int64_t)still_ms * 1000000);
}
