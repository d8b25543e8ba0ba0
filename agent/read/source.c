/* source.c - see source.h. */
#include "read/source.h"

#include "read/discover.h"
#include "read/plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

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
        if (sl_generation_of(link)->branch == b)
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

void sl_source_free(sl_watch *w, sl_source *s)
{
    sl_watch_remove(w, &s->watch);
    SL_LIST_EACH_SAFE(&s->generations, link)
    sl_generation_forget(w, sl_generation_of(link));
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

/* NULL: behind the last one, or before the first. */
static sl_generation *generation_at(const sl_source *s, sl_link *link)
{
    return link == &s->generations ? NULL : sl_generation_of(link);
}

sl_generation *sl_source_find(const sl_source *s, const sl_key *key)
{
    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);

        if (sl_key_eq(&g->key, key) && !g->packed)
            return g;
    }
    return NULL;
}

sl_generation *sl_source_next(const sl_source *s, const sl_generation *g)
{
    return generation_at(s, g ? g->link.next : s->generations.next);
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
    sl_generation *last = generation_at(s, s->generations.prev);

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
        sl_generation *g = sl_generation_of(link);

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
        const sl_generation *g = sl_generation_of(link);

        if (g->body != SL_BODY_GONE)
            return (sl_place){g->seq, g->begin};
    }
    return (sl_place){0};
}

bool sl_source_is_checked(const sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        if (sl_generation_of(link)->body == SL_BODY_CHECKED)
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
        sl_generation *g = sl_generation_of(link);
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
