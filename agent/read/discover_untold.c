/* discover_untold.c - what changed without telling: where nothing is watched, and whatever was missed. */
#include "read/discover.h"

#include "read/dirs.h"

#include <fcntl.h>
#include <limits.h>

/* g->size is how far somebody has seen it, not everybody: so what was told is remembered apart. What
 * could not be read yet is told again. */
static bool is_news(sl_generation *g, uint64_t size)
{
    bool news = size != g->size || size != g->told;

    g->told = size;
    return news;
}

/* It is opened at once: the file may be gone before it is read. */
static bool has_grown_at_rest(sl_discover *d, sl_generation *g)
{
    if (sl_plan_is_undisturbed(g))
        return is_news(g, g->size);
    (void)sl_plan_wake(d->options.plan, g);
    return true;
}

static bool has_grown(sl_discover *d, sl_generation *g)
{
    char path[PATH_MAX];
    struct stat st;
    sl_key key;
    uint64_t size;
    mode_t mode;

    if (g->body == SL_BODY_OPEN && !g->packed)
        return !fstat(g->fd, &st) && is_news(g, (uint64_t)st.st_size);
    if (g->body == SL_BODY_RESTING)
        return has_grown_at_rest(d, g);
    if (g->body != SL_BODY_SHUT || g->packed || !g->linked)
        return false;
    sl_generation_path(g, path);
    return !sl_key_of(AT_FDCWD, path, &key, &size, &mode) && sl_key_eq(&key, &g->key) &&
           size > g->end;
}

static bool sleeps_unwatched(const sl_source *s, const sl_generation *g)
{
    return (g->body == SL_BODY_OPEN || g->body == SL_BODY_RESTING) && !g->packed &&
           g->end == UINT64_MAX && !g->watch.wd && !sl_link_is_in(&s->hot);
}

static bool is_unchanged(const char *path, int64_t listed_ns)
{
    struct stat st;

    return !stat(path, &st) && sl_folder_is_unchanged(&st, listed_ns);
}

static bool is_as_listed(const sl_source *s)
{
    char path[PATH_MAX];

    if (s->gone || s->unsettled || s->missing)
        return false;
    SL_LIST_EACH(&s->branches, link)
    {
        const sl_branch *b = SL_CONTAINER_OF(link, sl_branch, link);

        if (!is_unchanged(b->folder, b->listed_ns))
            return false;
    }
    sl_source_path(s, NULL, path);
    return s->path || is_unchanged(path, s->listed_ns);
}

/* Its folder, as a whole: of an input of files soon, with all others in it. */
static void look_again(sl_discover *d, sl_source *s)
{
    if (s->path) {
        sl_dirs_look(d, s);
        return;
    }
    sl_scan_source(d, s);
    sl_discover_ready(d, s);
}

void sl_scan_check(void *arg, sl_source *s)
{
    sl_discover *d = arg;

    if (!is_as_listed(s)) {
        look_again(d, s);
        return;
    }
    SL_LIST_EACH(&s->generations, link)
    {
        if (sleeps_unwatched(s, sl_generation_of(link)))
            d->polls = true;
        if (has_grown(d, sl_generation_of(link))) {
            if (sl_generation_of(link)->body == SL_BODY_SHUT)
                look_again(d, s); /* opens it again */
            sl_discover_ready(d, s);
            return;
        }
    }
}
