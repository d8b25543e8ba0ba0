/* sources.c - see sources.h.
 *
 * Sources come and go while a list is being made, so no pointer is kept: each piece takes the next
 * few by their numbers, which only rise. */
#include "control/sources.h"

#include "read/peek.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#define PIECE 64 /* sources at a time: under a millisecond */

struct sl_sources {
    const sl_subject *subject;
    char *globs[3]; /* of namespace, pod, container */
    sl_choice_lists wanted;
    size_t input;
    uint64_t last; /* number of the last one written, of that input */
    bool begun, first_written;
    sl_source *next[PIECE]; /* of this piece alone, by number */
    size_t count;
};

static sl_texts glob_of(char **glob)
{
    return (sl_texts){(const char **)(void *)glob, 1};
}

sl_sources *sl_sources_new(const sl_subject *s, const char *namespace, const char *pod,
                           const char *container)
{
    const char *globs[] = {namespace, pod, container};
    sl_sources *list = sl_alloc(sizeof *list);

    list->subject = s;
    for (int i = 0; i < 3; i++)
        list->globs[i] = sl_strdup(globs[i] ? globs[i] : "*");
    list->wanted = (sl_choice_lists){glob_of(&list->globs[0]), glob_of(&list->globs[1]),
                                     glob_of(&list->globs[2])};
    return list;
}

void sl_sources_free(sl_sources *list)
{
    for (int i = 0; i < 3; i++)
        free(list->globs[i]);
    free(list);
}

/* --- one source --- */

static void add_text(sl_buf *out, const char *name, sl_slice text)
{
    sl_buf_add_format(out, "\"%s\":\"", name);
    sl_buf_add_json(out, text);
    sl_buf_add_text(out, "\"");
}

static void add_number(sl_buf *out, const char *name, uint64_t value)
{
    sl_buf_add_format(out, ",\"%s\":%" PRIu64, name, value);
}

static const char *state_of(const sl_generation *g)
{
    if (g->body == SL_BODY_GONE)
        return "lost";
    if (g->body == SL_BODY_CHECKED)
        return "checked";
    if (g->body == SL_BODY_SOUGHT)
        return "sought";
    if (g->body == SL_BODY_SHUT)
        return "done";
    if (!g->linked)
        return "deleted";
    return g->packed ? "compressed" : sl_generation_is_live(g) ? "live" : "rotated";
}

static void add_generations(sl_buf *out, const sl_source *s)
{
    char path[PATH_MAX];
    const char *comma = "";

    sl_buf_add_text(out, ",\"generations\":[");
    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = sl_generation_of(link);

        sl_generation_path(g, path);
        sl_buf_add_format(out, "%s{", comma);
        add_text(out, "name", sl_str(g->name_text));
        sl_buf_add_text(out, ",");
        add_text(out, "path", sl_str(path));
        add_number(out, "size", g->measured > g->size ? g->measured : g->size);
        sl_buf_add_format(out, ",\"state\":\"%s\"}", state_of(g));
        comma = ",";
    }
    sl_buf_add_text(out, "]");
}

static void add_positions(sl_buf *out, const sl_source *s, const sl_lane_view *view)
{
    const char *comma = "";

    sl_buf_add_text(out, ",\"positions\":{");
    for (int i = 0; i < SL_STREAMS; i++) {
        sl_place at = view->positions[i];
        const sl_generation *g = at.seq ? sl_source_at(s, at.seq) : NULL;

        if (!g || g->seq != at.seq)
            continue;
        sl_buf_add_format(out, "%s\"%s\":{", comma, sl_stream_names[i]);
        add_text(out, "generation", sl_str(g->name_text));
        add_number(out, "offset", at.offset);
        sl_buf_add_text(out, "}");
        comma = ",";
    }
    sl_buf_add_text(out, "}");
}

static void add_output(sl_buf *out, const char *name, const sl_source *s, const sl_lane_view *view,
                       int64_t now_ns)
{
    const sl_books *b = &view->books;
    int64_t age_ns = view->oldest_ns ? now_ns - view->oldest_ns : 0;

    sl_buf_add_text(out, "\"");
    sl_buf_add_json(out, sl_str(name));
    sl_buf_add_format(out, "\":{\"read_bytes\":%" PRIu64, b->read);
    add_number(out, "delivered_bytes", b->delivered);
    add_number(out, "filtered_bytes", b->filtered);
    add_number(out, "dead_lettered_bytes", sl_books_dead_lettered(b));
    add_number(out, "dropped_bytes", sl_books_dropped(b));
    add_number(out, "in_flight_bytes", b->in_flight);
    add_number(out, "lost_bytes", sl_books_lost(b));
    add_number(out, "unread_bytes", view->unread);
    sl_buf_add_format(out, ",\"oldest_unread_seconds\":%.3f",
                      age_ns > 0 ? (double)age_ns / 1e9 : 0.0);
    add_positions(out, s, view);
    if (view->waiting) {
        sl_buf_add_text(out, ",");
        add_text(out, "waiting", sl_str(view->waiting));
    }
    sl_buf_add_text(out, "}");
}

/* Returns the most that any of them has lost. */
static uint64_t add_outputs(sl_buf *out, const sl_subject *subject, const sl_source *s)
{
    int64_t now_ns = sl_wall_ns(subject->clock);
    const char *comma = "";
    uint64_t most = 0;

    sl_buf_add_text(out, ",\"outputs\":{");
    for (size_t i = 0; i < subject->lane_count; i++) {
        sl_lane_view view;

        if (!sl_lane_look(subject->lanes[i], s, &view))
            continue;
        sl_buf_add_text(out, comma);
        add_output(out, sl_lane_name(subject->lanes[i]), s, &view, now_ns);
        if (sl_books_lost(&view.books) > most)
            most = sl_books_lost(&view.books);
        comma = ",";
    }
    sl_buf_add_text(out, "}");
    return most;
}

static uint32_t restart_of(const sl_source *s)
{
    uint32_t most = 0;

    SL_LIST_EACH(&s->generations, link)
    {
        const sl_generation *g = sl_generation_of(link);

        most = g->attempt > most ? g->attempt : most;
    }
    return most;
}

static void add_source(sl_buf *out, const sl_subject *subject, sl_source *s)
{
    sl_peek_sizes(s);
    sl_buf_add_text(out, "{");
    add_text(out, "namespace", s->pod->namespace);
    sl_buf_add_text(out, ",");
    add_text(out, "pod", s->pod->pod);
    sl_buf_add_text(out, ",");
    add_text(out, "uid", s->pod->uid);
    sl_buf_add_text(out, ",");
    add_text(out, "container", sl_str(s->container));
    add_number(out, "restart", restart_of(s));
    add_generations(out, s);
    add_number(out, "lost_bytes", add_outputs(out, subject, s));
    sl_buf_add_text(out, "}");
}

/* --- the list --- */

/* Keeps the ones with the smallest numbers behind the last. */
static void consider(void *arg, sl_source *s)
{
    static const sl_choice_lists nothing;
    sl_sources *list = arg;
    size_t i = list->count;

    if (s->number <= list->last ||
        (list->count == PIECE && s->number > list->next[PIECE - 1]->number))
        return;
    if (!sl_select_wants(&(sl_select){&list->wanted, &nothing}, s->pod->namespace, s->pod->pod,
                         sl_str(s->container)))
        return;
    if (list->count < PIECE)
        list->count++;
    else
        i--;
    for (; i > 0 && list->next[i - 1]->number > s->number; i--)
        list->next[i] = list->next[i - 1];
    list->next[i] = s;
}

static void add_piece(sl_sources *list, sl_buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        sl_buf_add_text(out, list->first_written ? ",\n" : "\n");
        list->first_written = true;
        add_source(out, list->subject, list->next[i]);
        list->last = list->next[i]->number;
    }
}

bool sl_sources_next(sl_sources *list, sl_buf *out)
{
    if (!list->begun)
        sl_buf_add_text(out, "{\"sources\":[");
    list->begun = true;
    if (list->input == list->subject->discover_count) {
        sl_buf_add_text(out, "\n]}\n");
        return false;
    }
    list->count = 0;
    sl_discover_each(list->subject->discovers[list->input], consider, list);
    add_piece(list, out);
    if (list->count < PIECE) {
        list->input++;
        list->last = 0;
    }
    return true;
}
