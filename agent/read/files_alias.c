/* files_alias.c - copies of known files: nobody's, as long as they stay as they are. See files_in.h. */
#include "read/files.h"

#include "read/dirs.h"
#include "read/files_in.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A copy, or a file that is still empty, is looked at again soon while it is so young. */
#define YOUNG_NS INT64_C(10000000000)

/* --- what is in it --- */

/* What is in a file beside what is in another one. */
typedef enum { OTHER, SAME, MORE } likeness;

/* g's file as it is now, for somebody may have copied what nobody has read. */
static likeness compare(const sl_generation *g, int fd, uint64_t size)
{
    struct stat st;
    bool more;

    if (g->end != UINT64_MAX || g->body != SL_BODY_OPEN || fstat(g->fd, &st))
        return OTHER;
    more = size > (uint64_t)st.st_size;
    if (!sl_begins_as(g, fd, more ? (uint64_t)st.st_size : size))
        return OTHER;
    return more ? MORE : SAME;
}

static likeness compare_all(const sl_listing *l, const sl_found *e, const sl_source *s)
{
    int fd = sl_found_open(l, e);
    likeness like = OTHER;

    SL_LIST_EACH(&s->generations, link)
    {
        sl_generation *g = sl_generation_of(link);
        likeness with;

        if (fd >= 0 && g->body == SL_BODY_RESTING && !g->packed)
            (void)sl_plan_wake(l->discover->options.plan, g);
        with = fd >= 0 ? compare(g, fd, e->seen.size) : OTHER;
        if (with == SAME || like == OTHER)
            like = with;
    }
    if (fd >= 0)
        close(fd);
    return like;
}

static bool begins_as(const sl_generation *g)
{
    sl_name head = sl_files_head_of(g, g->fd);

    return sl_name_eq(&head, &g->head);
}

/* Its file was cut back, and perhaps written anew since. */
static bool was_cut(const sl_generation *g)
{
    struct stat st;

    if (g->body != SL_BODY_OPEN || g->packed || fstat(g->fd, &st))
        return false;
    return (uint64_t)st.st_size < g->size || (sl_name_is_set(&g->head) && !begins_as(g));
}

/* A file of s is being looked for, or was cut and that was not noticed yet: what may be its copy has
 * to wait until it was. */
static bool is_unclear(sl_listing *l, sl_source *s)
{
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = sl_generation_of(link);

        if (g->body != SL_BODY_SOUGHT && !was_cut(g))
            continue;
        l->dir->unsettled = true;
        sl_discover_ready(l->discover, s);
        return true;
    }
    return false;
}

/* --- one alias --- */

static sl_alias *alias_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_alias, link);
}

/* Under another name it is one that is new. */
static sl_alias *find_alias(const sl_dir *dir, const sl_found *e)
{
    SL_LIST_EACH(&dir->aliases, link)
    {
        if (sl_key_eq(&alias_of(link)->key, &e->seen.key) && !strcmp(alias_of(link)->file, e->file))
            return alias_of(link);
    }
    return NULL;
}

static void on_alias_event(sl_target *t, uint32_t mask, const char *name)
{
    (void)name;
    if (mask & ~(uint32_t)IN_IGNORED) /* else the one shot was fired */
        sl_dir_look(SL_CONTAINER_OF(t, sl_alias, watch)->dir);
}

static bool has_grown(const sl_alias *a)
{
    char path[PATH_MAX];
    sl_seen seen;

    return snprintf(path, sizeof path, "%s/%s", a->dir->path, a->file) < PATH_MAX &&
           !sl_seen_of(AT_FDCWD, path, &seen) && sl_key_eq(&seen.key, &a->key) &&
           seen.size != a->size;
}

/* Once it is silent; as long as it is young, the folder is looked at each second. */
static void watch_alias(sl_alias *a)
{
    char path[PATH_MAX];

    if (a->watch.wd || snprintf(path, sizeof path, "%s/%s", a->dir->path, a->file) >= PATH_MAX)
        return;
    sl_scan_watch(a->dir->discover, &a->watch, path, IN_MODIFY | IN_ONESHOT);
    if (has_grown(a)) /* before it was watched */
        a->dir->unsettled = true;
}

static sl_alias *new_alias(sl_dir *dir, const sl_found *e)
{
    size_t len = strlen(e->file) + 1;
    sl_alias *a = sl_alloc(sizeof *a + len);

    memcpy(a->file, e->file, len);
    a->dir = dir;
    a->watch.on_event = on_alias_event;
    a->key = e->seen.key;
    sl_list_append(&dir->aliases, &a->link);
    return a;
}

static void free_alias(sl_alias *a)
{
    sl_watch_remove(a->dir->discover->options.watch, &a->watch);
    sl_list_remove(&a->link);
    free(a);
}

/* --- all of a folder --- */

bool sl_files_has_grown_alias(const sl_dir *dir)
{
    SL_LIST_EACH(&dir->aliases, link)
    {
        if (has_grown(alias_of(link)))
            return true;
    }
    return false;
}

void sl_files_forget_aliases(sl_dir *dir)
{
    SL_LIST_EACH_SAFE(&dir->aliases, link)
    free_alias(alias_of(link));
}

/* What goes on behind all that is in a known file takes its place in a moment, or is another writer's
 * who began with the same lines. */
static bool is_being_made(sl_listing *l, const sl_found *e)
{
    int64_t age_ns = sl_wall_ns(l->discover->options.clock) - e->seen.key.birth_ns;

    if (!e->seen.key.birth_ns || age_ns >= SL_STILL_MS * INT64_C(1000000))
        return false;
    l->dir->unsettled = true;
    return true;
}

static bool is_known_alias(const sl_found *e, sl_alias *a, bool young)
{
    if (!a || a->size != e->seen.size)
        return false;
    a->seen = true;
    if (!young)
        watch_alias(a);
    return true;
}

bool sl_files_is_alias(sl_listing *l, const sl_found *e)
{
    sl_source *s = sl_files_related(l->dir, e->file);
    sl_alias *alias = s ? find_alias(l->dir, e) : NULL;
    bool young = sl_found_is_young(l, e, YOUNG_NS);
    likeness like;

    if (!s)
        return false;
    l->dir->unsettled = l->dir->unsettled || young;
    if (e->seen.size == 0)
        return young;
    if (is_known_alias(e, alias, young))
        return true;
    like = compare_all(l, e, s);
    if (like != SAME) /* asked last: it may have been cut while we compared */
        return is_unclear(l, s) || (like == MORE && is_being_made(l, e));
    alias = alias ? alias : new_alias(l->dir, e);
    alias->size = e->seen.size;
    return is_known_alias(e, alias, young);
}

void sl_files_forget_unseen_aliases(sl_dir *dir)
{
    SL_LIST_EACH_SAFE(&dir->aliases, link)
    {
        if (alias_of(link)->seen)
            alias_of(link)->seen = false;
        else
            free_alias(alias_of(link));
    }
}
