/* positions.c - see positions.h. */
#include "cli/positions.h"

#include "ship/saved.h"

#include <inttypes.h>

/* --- texts --- */

static void add_visible(sl_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text > ' ' && *text <= '~')
            sl_buf_add(out, text, 1);
        else
            sl_buf_add_format(out, "\\x%02x", (unsigned)(unsigned char)*text);
    }
}

static void add_pair(sl_buf *out, const char *name, const char *value)
{
    sl_buf_add_format(out, "\"%s\":\"", name);
    sl_buf_add_json(out, sl_str(value));
    sl_buf_add_text(out, "\",");
}

void sl_positions_head(const sl_positions *p)
{
    if (!p->json)
        sl_buf_add_format(p->out, "as of the last checkpoint, %.1f s ago\n", p->age_seconds);
}

static void add_source_json(const sl_positions *p, const sl_saved_source *s)
{
    sl_buf_add_text(p->out, "{");
    add_pair(p->out, "namespace", s->namespace);
    add_pair(p->out, "pod", s->pod);
    add_pair(p->out, "uid", s->uid);
    add_pair(p->out, "container", s->container);
    sl_buf_add_format(p->out, "\"checkpoint_age_seconds\":%.1f,", p->age_seconds);
}

/* "shop/cart app"; of an old kubelet's folder the uid alone is known. */
static void add_source(const sl_positions *p, const sl_saved_source *s)
{
    add_visible(p->out, *s->namespace ? s->namespace : s->uid);
    if (*s->namespace) {
        sl_buf_add_text(p->out, "/");
        add_visible(p->out, s->pod);
    }
    sl_buf_add_text(p->out, " ");
    add_visible(p->out, s->container);
}

/* "0.log:1234" */
static void add_place(const sl_positions *p, const sl_saved_source *s, sl_place at)
{
    const sl_saved_generation *g = sl_saved_at(s, at.seq);

    if (!at.seq) {
        sl_buf_add_text(p->out, "beginning");
        return;
    }
    add_visible(p->out, g ? g->file : "(done)");
    sl_buf_add_format(p->out, ":%" PRIu64, at.offset);
}

static void add_place_json(const sl_positions *p, const sl_saved_source *s, sl_place at)
{
    const sl_saved_generation *g = sl_saved_at(s, at.seq);
    char name[SL_NAME_LEN + 1] = "";

    if (g && sl_name_is_set(&g->name))
        sl_name_format(name, &g->name);
    sl_buf_add_text(p->out, "{");
    add_pair(p->out, "generation", name);
    add_pair(p->out, "file", g ? g->file : "");
    sl_buf_add_format(p->out, "\"offset\":%" PRIu64 "}", at.offset);
}

/* --- ls --- */

static void list_cursor(const sl_positions *p, const sl_saved_source *s, const sl_saved_cursor *c)
{
    sl_place at = sl_saved_least(c);
    const char *output = p->snapshot->lanes[c->lane];

    if (p->json) {
        add_source_json(p, s);
        add_pair(p->out, "output", output);
        sl_buf_add_text(p->out, "\"position\":");
        add_place_json(p, s, at);
        sl_buf_add_format(p->out, ",\"unread_bytes\":%" PRIu64 "}\n", sl_saved_unread(s, c));
        return;
    }
    add_source(p, s);
    sl_buf_add_text(p->out, " ");
    add_visible(p->out, output);
    sl_buf_add_text(p->out, " ");
    add_place(p, s, at);
    sl_buf_add_format(p->out, " %" PRIu64 " bytes unread\n", sl_saved_unread(s, c));
}

void sl_positions_list(const sl_positions *p, const sl_saved_source *s)
{
    for (size_t i = 0; i < s->cursor_count; i++)
        list_cursor(p, s, &s->cursors[i]);
}

/* --- show --- */

static void show_generation(const sl_positions *p, const sl_saved_generation *g)
{
    char name[SL_NAME_LEN + 1] = "-";

    if (sl_name_is_set(&g->name))
        sl_name_format(name, &g->name);
    sl_buf_add_format(p->out, "  %s ", name);
    add_visible(p->out, g->file);
    sl_buf_add_format(p->out, " restart %" PRIu32 " %" PRIu64 " bytes", g->attempt, g->size);
    if (g->begin)
        sl_buf_add_format(p->out, " from %" PRIu64, g->begin);
    if (g->end != UINT64_MAX)
        sl_buf_add_format(p->out, " done at %" PRIu64, g->end);
    sl_buf_add_text(p->out, "\n");
}

static void show_generation_json(const sl_positions *p, const sl_saved_generation *g)
{
    char name[SL_NAME_LEN + 1] = "";

    if (sl_name_is_set(&g->name))
        sl_name_format(name, &g->name);
    sl_buf_add_text(p->out, "{");
    add_pair(p->out, "name", name);
    add_pair(p->out, "file", g->file);
    sl_buf_add_format(p->out, "\"restart\":%" PRIu32 ",\"size\":%" PRIu64 ",\"begin\":%" PRIu64,
                      g->attempt, g->size, g->begin);
    if (g->end != UINT64_MAX)
        sl_buf_add_format(p->out, ",\"end\":%" PRIu64, g->end);
    sl_buf_add_text(p->out, "}");
}

static void show_cursor(const sl_positions *p, const sl_saved_source *s, const sl_saved_cursor *c)
{
    sl_buf_add_text(p->out, "  output ");
    add_visible(p->out, p->snapshot->lanes[c->lane]);
    for (int i = 0; i < SL_STREAMS; i++) {
        sl_buf_add_format(p->out, "%s %s ", i ? "," : ":", sl_stream_names[i]);
        add_place(p, s, c->streams[i].at);
    }
    sl_buf_add_format(p->out, "; %" PRIu64 " bytes unread\n", sl_saved_unread(s, c));
}

static void show_cursor_json(const sl_positions *p, const sl_saved_source *s,
                             const sl_saved_cursor *c)
{
    sl_buf_add_text(p->out, "\"");
    sl_buf_add_json(p->out, sl_str(p->snapshot->lanes[c->lane]));
    sl_buf_add_text(p->out, "\":{\"positions\":{");
    for (int i = 0; i < SL_STREAMS; i++) {
        sl_buf_add_format(p->out, "%s\"%s\":", i ? "," : "", sl_stream_names[i]);
        add_place_json(p, s, c->streams[i].at);
    }
    sl_buf_add_format(p->out, "},\"unread_bytes\":%" PRIu64 "}", sl_saved_unread(s, c));
}

static void show_json(const sl_positions *p, const sl_saved_source *s)
{
    add_source_json(p, s);
    sl_buf_add_text(p->out, "\"generations\":[");
    for (size_t i = 0; i < s->generation_count; i++) {
        sl_buf_add_text(p->out, i ? "," : "");
        show_generation_json(p, &s->generations[i]);
    }
    sl_buf_add_text(p->out, "],\"outputs\":{");
    for (size_t i = 0; i < s->cursor_count; i++) {
        sl_buf_add_text(p->out, i ? "," : "");
        show_cursor_json(p, s, &s->cursors[i]);
    }
    sl_buf_add_text(p->out, "}}\n");
}

void sl_positions_show(const sl_positions *p, const sl_saved_source *s)
{
    if (p->json) {
        show_json(p, s);
        return;
    }
    add_source(p, s);
    sl_buf_add_text(p->out, " uid ");
    add_visible(p->out, s->uid);
    sl_buf_add_text(p->out, "\n");
    for (size_t i = 0; i < s->generation_count; i++)
        show_generation(p, &s->generations[i]);
    for (size_t i = 0; i < s->cursor_count; i++)
        show_cursor(p, s, &s->cursors[i]);
}
