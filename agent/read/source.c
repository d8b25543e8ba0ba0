/* source.c - see source.h. */
#include "read/source.h"

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

/* --- names of folders and files --- */

bool sl_pod_parse(const char *folder, sl_slice *namespace, sl_slice *pod, sl_slice *uid)
{
    const char *first = strchr(folder, '_'), *second = first ? strchr(first + 1, '_') : NULL;

    if (!first) { /* before Kubernetes 1.14: the uid alone */
        *namespace = *pod = (sl_slice){folder, 0};
        *uid = sl_str(folder);
        return uid->len > 0 && folder[0] != '.';
    }
    if (!second || strchr(second + 1, '_'))
        return false;
    *namespace = (sl_slice){folder, (size_t)(first - folder)};
    *pod = (sl_slice){first + 1, (size_t)(second - first - 1)};
    *uid = sl_str(second + 1);
    return namespace->len > 0 && pod->len > 0 && uid->len > 0;
}

static size_t span_digits(const char *text)
{
    return strspn(text, "0123456789");
}

sl_file_kind sl_file_parse(const char *file, uint32_t *attempt)
{
    size_t digits = span_digits(file), stamp;
    const char *rest = file + digits;

    if (digits < 1 || digits > 9 || (digits > 1 && file[0] == '0') || strncmp(rest, ".log", 4) != 0)
        return SL_FILE_OTHER;
    *attempt = (uint32_t)strtoul(file, NULL, 10);
    rest += 4;
    if (!*rest)
        return SL_FILE_LIVE;
    if (*rest != '.')
        return SL_FILE_OTHER;
    stamp = strspn(rest + 1, "0123456789-");
    if (stamp == 0 || stamp != strcspn(rest + 1, "."))
        return SL_FILE_OTHER;
    rest += 1 + stamp;
    return !*rest ? SL_FILE_ROTATED : strcmp(rest, ".gz") == 0 ? SL_FILE_PACKED : SL_FILE_OTHER;
}

void sl_source_path(const sl_source *s, const char *file, char *out)
{
    if (s->path)
        snprintf(out, PATH_MAX, "%.*s%s", (int)(s->file - s->path) - !file, s->path,
                 file ? file : "");
    else
        snprintf(out, PATH_MAX, "%s/%s/%s%s%s", sl_discover_root(s->pod->discover), s->pod->folder,
                 s->container, file ? "/" : "", file ? file : "");
}

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

/* --- keys --- */

sl_key sl_key_from(const struct statx *st)
{
    sl_key key = {.dev = makedev(st->stx_dev_major, st->stx_dev_minor), .ino = st->stx_ino};

    if (st->stx_mask & STATX_BTIME)
        key.birth_ns = st->stx_btime.tv_sec * 1000000000 + (int64_t)st->stx_btime.tv_nsec;
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

/* --- sources --- */

sl_source *sl_source_new(sl_pod *pod, const char *container, const char *path,
                         const sl_rules *rules)
{
    size_t len = strlen(container);
    sl_source *s = sl_alloc(sizeof *s + len + 1);

    memcpy(s->container, container, len + 1);
    s->pod = pod;
    s->rules = rules;
    s->next_seq = 1;
    if (path) {
        s->path = sl_strdup(path);
        s->file = strrchr(s->path, '/') + 1;
    }
    sl_list_init(&s->branches);
    sl_list_init(&s->generations);
    sl_list_init(&s->cursors);
    sl_list_append(&pod->sources, &s->link);
    return s;
}

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

/* --- branches --- */

static sl_branch *branch_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_branch, link);
}

sl_branch *sl_source_branch(sl_source *s, const char *folder, const char *live, uint32_t attempt)
{
    size_t len = strlen(folder) + 1;
    sl_branch *b;

    SL_LIST_EACH(&s->branches, link)
    {
        b = branch_of(link);
        if (!strcmp(b->folder, folder) && !strcmp(b->live, live) && b->attempt == attempt)
            return b;
    }
    b = sl_alloc(sizeof *b + len);
    memcpy(b->folder, folder, len);
    b->source = s;
    b->attempt = attempt;
    b->live = sl_strdup(live);
    sl_list_append(&s->branches, &b->link);
    return b;
}

static void free_branch(sl_watch *w, sl_branch *b)
{
    sl_watch_remove(w, &b->watch);
    sl_list_remove(&b->link);
    free(b->live);
    free(b);
}

static bool is_used(const sl_branch *b)
{
    SL_LIST_EACH(&b->source->generations, link)
    {
        if (SL_CONTAINER_OF(link, sl_generation, link)->branch == b)
            return true;
    }
    return b->linked;
}

/* Those to which no link leads any more, and whose files were read. */
static void prune_branches(sl_watch *w, sl_source *s)
{
    SL_LIST_EACH_SAFE(&s->branches, link)
    {
        if (!is_used(branch_of(link)))
            free_branch(w, branch_of(link));
    }
}

sl_slice sl_generation_container_id(const sl_generation *g)
{
    const char *id = g->branch ? strrchr(g->branch->folder, '/') + 1 : "";

    if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
        return (sl_slice){0};
    return sl_str(id);
}

void sl_source_free(sl_watch *w, sl_source *s)
{
    sl_watch_remove(w, &s->watch);
    SL_LIST_EACH_SAFE(&s->generations, link)
    sl_generation_forget(w, SL_CONTAINER_OF(link, sl_generation, link));
    SL_LIST_EACH_SAFE(&s->branches, link)
    free_branch(w, branch_of(link));
    free((char *)s->path);
    sl_list_remove(&s->link);
    sl_list_remove(&s->dirty);
    sl_list_remove(&s->hot);
    free(s);
}

static sl_generation *new_generation(sl_source *s, const char *file, uint32_t attempt, uint64_t seq)
{
    sl_generation *g = sl_alloc(sizeof *g);

    g->source = s;
    g->seq = seq;
    g->file = sl_strdup(file);
    g->attempt = attempt;
    g->fd = -1;
    g->body = SL_BODY_SOUGHT;
    g->end = g->closed_size = UINT64_MAX;
    sl_list_append(&s->generations, &g->link);
    return g;
}

sl_generation *sl_source_add(sl_source *s, const char *file, uint32_t attempt)
{
    return new_generation(s, file, attempt, s->next_seq++);
}

static void restore_checks(sl_generation *g, const sl_saved_source *saved)
{
    g->checks = sl_alloc(saved->cursor_count * SL_STREAMS * sizeof *g->checks);
    for (size_t c = 0; c < saved->cursor_count; c++) {
        for (int stream = 0; stream < SL_STREAMS; stream++) {
            const sl_saved_position *p = &saved->cursors[c].streams[stream];

            if (p->at.seq == g->seq)
                g->checks[g->check_count++] = *p;
        }
    }
}

/* The place before which no lane needs anything.
 * all  those that join, too */
static uint64_t least_seq(const sl_saved_source *saved, bool all)
{
    uint64_t least = UINT64_MAX;

    for (size_t c = 0; c < saved->cursor_count; c++) {
        for (int stream = 0; stream < SL_STREAMS; stream++) {
            uint64_t seq = saved->cursors[c].streams[stream].at.seq;

            if (seq < least && (all || !saved->cursors[c].joins))
                least = seq;
        }
    }
    return saved->cursor_count > 0 ? least : 0;
}

static void restore_name(sl_generation *g, const sl_saved_generation *old)
{
    g->name = old->name;
    g->first_ns = old->first_ns;
    g->head = old->head;
    if (!sl_name_is_set(&g->head) && old->first_ns) /* of an older version */
        g->head = old->name;
    if (sl_name_is_set(&g->name))
        sl_name_format(g->name_text, &g->name);
}

void sl_source_restore(sl_source *s, const sl_saved_source *saved)
{
    uint64_t least = least_seq(saved, true), owed = least_seq(saved, false);

    s->next_seq = saved->next_seq;
    for (size_t i = 0; i < saved->generation_count; i++) {
        const sl_saved_generation *old = &saved->generations[i];
        sl_generation *g = new_generation(s, old->file, old->attempt, old->seq);

        g->key = (sl_key){old->dev, old->ino, old->birth_ns};
        g->cuts = old->cuts;
        restore_name(g, old);
        g->size = old->size;
        g->begin = old->begin;
        g->end = old->end;
        g->gone_reason = SL_LOST_DELETED;
        if (g->seq < least && g->end != UINT64_MAX)
            g->body = SL_BODY_SHUT;
        g->unowed = g->seq < owed && g->end != UINT64_MAX;
        restore_checks(g, saved);
    }
}

static sl_generation *generation_of(const sl_source *s, sl_link *link)
{
    return link == &s->generations ? NULL : SL_CONTAINER_OF(link, sl_generation, link);
}

sl_generation *sl_source_find(const sl_source *s, const sl_key *key)
{
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(s, link);

        if (sl_key_eq(&g->key, key) && !g->packed)
            return g;
    }
    return NULL;
}

sl_generation *sl_source_next(const sl_source *s, const sl_generation *g)
{
    return generation_of(s, g ? g->link.next : s->generations.next);
}

sl_generation *sl_source_at(const sl_source *s, uint64_t seq)
{
    sl_generation *g = sl_source_next(s, NULL);

    while (g && g->seq < seq)
        g = sl_source_next(s, g);
    return g;
}

sl_place sl_source_end(sl_source *s)
{
    sl_generation *last = generation_of(s, s->generations.prev);

    if (!last)
        return (sl_place){0};
    if (last->body == SL_BODY_RESTING)
        (void)sl_plan_wake(sl_discover_plan(s->pod->discover), last);
    if ((last->body == SL_BODY_SOUGHT || last->body == SL_BODY_RESTING) &&
        last->linked) /* no descriptor for it: rather twice */
        return (sl_place){last->seq, last->begin};
    if (last->body != SL_BODY_OPEN || last->packed)
        return (sl_place){s->next_seq++, 0}; /* no file's: what comes has a greater one */
    sl_generation_look_up_name(last);
    if (!sl_name_is_set(&last->name))
        return (sl_place){last->seq, 0};
    return (sl_place){last->seq,
                      sl_start_in_file(&(sl_start){.kind = SL_START_END}, last->fd, last->size, 0)};
}

/* A .gz is younger than its lines. */
static bool was_made_before(sl_generation *g, int64_t since_ns, bool otherwise)
{
    int64_t made_ns = g->packed ? 0 : g->key.birth_ns;

    if (!made_ns) {
        sl_generation_look_up_name(g);
        made_ns = g->first_ns;
    }
    return made_ns ? made_ns < since_ns : otherwise;
}

sl_place sl_source_since(sl_source *s, int64_t since_ns, bool before)
{
    const sl_generation *first = NULL;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = generation_of(s, link);

        if (was_made_before(g, since_ns, before))
            first = NULL;
        else if (!first)
            first = g;
    }
    return first ? (sl_place){first->seq, first->begin} : sl_source_end(s);
}

sl_place sl_source_beginning(const sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = generation_of(s, link);

        if (g->body != SL_BODY_GONE)
            return (sl_place){g->seq, g->begin};
    }
    return (sl_place){0};
}

bool sl_source_is_checked(const sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        if (generation_of(s, link)->body == SL_BODY_CHECKED)
            return true;
    }
    return false;
}

static bool grew(const sl_generation *g)
{
    struct stat st;

    return g->key.ino && /* else it goes on as another generation already */
           !g->packed && !fstat(g->fd, &st) && (uint64_t)st.st_size > g->end;
}

static void wake_if_grown(const sl_source *s, sl_generation *g)
{
    if (g->body == SL_BODY_RESTING && !g->packed && !sl_plan_is_undisturbed(g))
        (void)sl_plan_wake(sl_discover_plan(s->pod->discover), g);
}

bool sl_source_settled(sl_watch *w, sl_source *s, sl_place frontier)
{
    bool more = false;

    SL_LIST_EACH_SAFE(&s->generations, link)
    {
        sl_generation *g = generation_of(s, link);
        bool left = g->seq < frontier.seq, open;
        bool over = g->seq == frontier.seq && !g->linked && g->closed_size == g->size &&
                    frontier.offset >= g->size; /* deleted, closed, and delivered */

        if (left || g->end != UINT64_MAX)
            wake_if_grown(s, g);
        open = g->body == SL_BODY_OPEN;
        if ((open || g->body == SL_BODY_RESTING) && left && g->end == UINT64_MAX)
            g->end = g->size; /* passed over: no lane wanted it */
        if (open && g->end != UINT64_MAX && grew(g)) {
            if (!sl_generation_go_on(g))
                continue; /* no descriptor: asked again at the next checkpoint */
            more = true;  /* at once, though another lane may have some of it to read still */
        }
        if ((!left && !over) || g->body == SL_BODY_CHECKED)
            continue;
        if (open) {
            sl_generation_close(w, g);
            g->body = SL_BODY_SHUT;
            g->end = over ? g->size : g->end;
        } else if (g->body == SL_BODY_RESTING) {
            sl_generation_close(w, g);
            g->body = SL_BODY_SHUT;
        }
        if (left && !g->linked)
            sl_generation_forget(w, g);
    }
    prune_branches(w, s);
    return more;
}

/* --- generations --- */

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
        const sl_generation *o = generation_of(g->source, link);

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
    written_ns = st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return now_ms - g->still_since_ms >= still_ms ||
           (written_ns <= wall_ns && wall_ns - written_ns >= (int64_t)still_ms * 1000000);
}
