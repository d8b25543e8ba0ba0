/* templates.c - see templates.h. */
#include "control/templates.h"

#include "control/nearest.h"

#include <stdlib.h>

typedef struct work {
    const sl_options *o;
    const sl_yaml *mapping; /* the output's */
    const sl_config *c;
    const sl_output_config *out;
    const sl_option *row;
    const char *text; /* the option's */
    bool hidden;      /* it holds what must not be shown */
} work;

/* --- mistakes --- */

/* Where byte `at` of the text stands, if the text stands in the file as it is. */
static sl_spot place_of(const work *w, size_t at)
{
    const sl_yaml *node = sl_yaml_find(w->mapping, w->row->name);
    sl_spot spot = node ? node->at : w->mapping->at;
    sl_slice rest;
    uint32_t column = spot.column;

    if (!node || spot.in->whole || !spot.line)
        return spot;
    rest = sl_spot_rest(&spot);
    if (rest.len > 0 && (*rest.ptr == '"' || *rest.ptr == '\'')) {
        rest = sl_slice_from(rest, 1);
        column++;
    }
    if (rest.len < at || memcmp(rest.ptr, w->text, at) != 0)
        return spot;
    for (size_t i = 0; i < at; i++)
        column += ((unsigned char)w->text[i] & 0xc0) != 0x80;
    spot.column = column;
    return spot;
}

static void wrong(const work *w, size_t at, const char *why, const char *hint)
{
    sl_spot spot = place_of(w, at);

    if (w->hidden)
        sl_mistake(w->o->mistakes, &spot, "%s%s: what it holds is no template that can be used",
                   w->o->who, w->row->name);
    else
        sl_mistake(w->o->mistakes, &spot, "%s%s: %s%s", w->o->who, w->row->name, why, hint);
}

/* --- names --- */

static bool holds(const sl_pairs *pairs, sl_slice name)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (sl_slice_eq(sl_str(pairs->names[i]), name) && *pairs->values[i])
            return true;
    }
    return false;
}

static bool is_constant(const work *w, sl_slice name)
{
    return holds(&w->c->fields, name) || holds(&w->out->fields, name);
}

/* Some record may have it. */
static bool is_known(sl_slice name)
{
    for (size_t i = 0; i < SL_FACTS; i++) {
        if (sl_slice_eq(sl_str(sl_fact_names[i]), name))
            return true;
    }
    return sl_slice_starts(name, SL_SLICE("kubernetes.labels.")) &&
           name.len > strlen("kubernetes.labels.");
}

static void say_unknown(const work *w, const sl_template_part *part)
{
    char *name = sl_strndup(part->text.ptr, part->text.len), *why;
    sl_nearest near;
    char hint[128];

    sl_nearest_init(&near, name);
    for (size_t i = 0; i < SL_FACTS; i++)
        sl_nearest_try(&near, sl_str(sl_fact_names[i]));
    sl_nearest_try(&near, SL_SLICE("stream"));
    for (size_t i = 0; i < w->c->fields.count; i++)
        sl_nearest_try(&near, sl_str(w->c->fields.names[i]));
    for (size_t i = 0; i < w->out->fields.count; i++)
        sl_nearest_try(&near, sl_str(w->out->fields.names[i]));
    why = sl_format("no record has a field \"%.60s\"", name);
    wrong(w, part->at, why, sl_nearest_text(&near, hint));
    free(why);
    free(name);
}

/* A field that surely is missing and has no default. */
static void check_names(const work *w, const sl_template *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const sl_template_part *part = &t->parts[i];
        sl_slice name = part->text;

        if (part->kind != SL_PART_FIELD || part->otherwise.ptr || is_constant(w, name))
            continue;
        if (!is_known(name))
            say_unknown(w, part);
        else if (sl_slice_eq(name, sl_str(sl_fact_names[SL_FACT_CLUSTER])) &&
                 !*(w->c->cluster ? w->c->cluster : ""))
            wrong(w, part->at, "`cluster` is not set, so no record has that field: set it, or ",
                  "write a default, %{orchestrator.cluster.name:-none}");
    }
}

/* --- reading --- */

/* NULL: it is empty, or wrong, and that was said. */
static sl_template *read_option(work *w)
{
    const void *slot = (const char *)w->out->self + w->row->offset;
    sl_buf why = {0};
    sl_template *t;
    size_t at;

    w->text = *(const char *const *)slot;
    w->hidden = sl_store_hides(w->o->store, slot);
    if (!w->text || !*w->text)
        return NULL; /* not given, or refused before */
    t = sl_template_new(w->text, false, &at, &why);
    if (t) {
        check_names(w, t);
    } else {
        sl_buf_add(&why, "", 1);
        wrong(w, at, why.ptr, "");
    }
    sl_buf_fini(&why);
    return t;
}

static bool is_name(const char *name, const sl_option *row)
{
    return name && !strcmp(name, row->name);
}

static sl_template *read_frame(const char *text)
{
    sl_buf why = {0};
    size_t at;
    sl_template *t = text ? sl_template_new(text, true, &at, &why) : NULL;

    SL_ASSERT(!text || (t && sl_frame_is_allowed(t))); /* the plugin's own mistake */
    return t;
}

void sl_templates_read(const sl_options *o, const sl_yaml *node, const sl_config *c,
                       sl_output_config *out)
{
    const sl_output_ops *ops = &out->plugin->output;
    const char *before = ops->before, *after = ops->after;
    work w = {.o = o, .mapping = node, .c = c, .out = out};

    out->frame.flags = ops->flags;
    out->frame.ops = ops;
    out->frame.self = out->self;
    for (w.row = out->plugin->options; w.row->name; w.row++) {
        sl_template *t = w.row->type == SL_TEMPLATE ? read_option(&w) : NULL;

        if (is_name(ops->target, w.row))
            out->frame.target = t;
        else if (is_name(ops->key, w.row))
            out->frame.key = t;
        else if (is_name(ops->fallback, w.row))
            out->frame.fallback = t;
        else
            sl_template_free(t);
    }
    if (ops->frame)
        ops->frame(out->self, &before, &after);
    if (out->encoding == SL_ENCODING_MSGPACK)
        return; /* its records end by themselves */
    out->frame.before = read_frame(before);
    out->frame.after = read_frame(after);
}

void sl_templates_free(sl_frame_templates *frame)
{
    sl_template_free((sl_template *)frame->target);
    sl_template_free((sl_template *)frame->key);
    sl_template_free((sl_template *)frame->fallback);
    sl_template_free((sl_template *)frame->before);
    sl_template_free((sl_template *)frame->after);
}
