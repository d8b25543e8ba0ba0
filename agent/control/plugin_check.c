/* plugin_check.c - is a plugin's constant what an output must be? What is found here, nobody has to
 * ask later: rows fit into the instance, defaults parse, functions are there. */
#include "control/plugin.h"

#include "control/nearest.h"
#include "control/rows.h"

#include <stdalign.h>

#define NAME_LETTERS   "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define METRIC_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define MAX_NAME       32
#define MAX_ROW_NAME   64
#define MAX_SELF       ((size_t)16 << 20)
#define MAX_BATCHES    1024
#define MAX_FRAME      4096

/* What a row of each type fills in. */
static const struct {
    size_t size, align;
} slots[] = {
    [SL_TEXT] = {sizeof(char *), alignof(char *)},
    [SL_TEMPLATE] = {sizeof(char *), alignof(char *)},
    [SL_SECRET] = {sizeof(char *), alignof(char *)},
    [SL_SIZE] = {sizeof(uint64_t), alignof(uint64_t)},
    [SL_TIME] = {sizeof(uint64_t), alignof(uint64_t)},
    [SL_COUNT] = {sizeof(uint64_t), alignof(uint64_t)},
    [SL_FLAG] = {sizeof(bool), alignof(bool)},
    [SL_CHOICE] = {sizeof(int), alignof(int)},
    [SL_LIST] = {sizeof(sl_texts), alignof(sl_texts)},
    [SL_MAP] = {sizeof(sl_pairs), alignof(sl_pairs)},
    [SL_UNBUILT] = {0, 1},
};

static bool is_name(const char *name, const char *letters, size_t max)
{
    size_t len = name ? strspn(name, letters) : 0;

    return len > 0 && len <= max && !name[len];
}

/* --- one row --- */

/* Of two names, is one the other, or a section that the other is in? */
static bool clash(const char *a, const char *b)
{
    size_t len = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

    return !strncmp(a, b, len) && (!a[len] || a[len] == '.') && (!b[len] || b[len] == '.');
}

/* The row before `row` or among the common ones that it cannot be told from. */
static const char *clashing(const sl_option *rows, const sl_option *row)
{
    for (const sl_option *other = sl_output_rows; other->name; other++) {
        if (clash(other->name, row->name))
            return other->name;
    }
    for (const sl_option *other = rows; other < row; other++) {
        if (clash(other->name, row->name))
            return other->name;
    }
    return clash("type", row->name) ? "type" : NULL;
}

static bool is_number(const sl_option *row)
{
    return row->type == SL_SIZE || row->type == SL_TIME || row->type == SL_COUNT;
}

static const char *check_row(sl_store *s, const sl_plugin *p, const sl_option *row)
{
    const char *other;

    if (!is_name(row->name, NAME_LETTERS ".", MAX_ROW_NAME) || *row->name == '.' ||
        row->name[strlen(row->name) - 1] == '.' || strstr(row->name, ".."))
        return sl_store_format(s, "option %d has no right name: write 1 to %d of a-z 0-9 _ - and .",
                               (int)(row - p->options), MAX_ROW_NAME);
    other = clashing(p->options, row);
    if (other)
        return sl_store_format(s, "its option \"%s\" clashes with option \"%s\"", row->name, other);
    if ((size_t)row->type >= sizeof slots / sizeof *slots)
        return sl_store_format(s, "its option \"%s\" has a type that this sluice does not know",
                               row->name);
    if (row->offset > p->self_size || slots[row->type].size > p->self_size - row->offset ||
        row->offset % slots[row->type].align)
        return sl_store_format(s, "its option \"%s\" has no place in self_size", row->name);
    if (row->type == SL_CHOICE && (!row->choices || !*row->choices))
        return sl_store_format(s, "its option \"%s\" has no choices", row->name);
    if (is_number(row) && row->max && row->min > row->max)
        return sl_store_format(s, "its option \"%s\" has a min above its max", row->name);
    return NULL;
}

/* The first line of a mistake in the row's default, or NULL: there is none, or it is right. */
static const char *check_fallback(sl_store *s, const sl_plugin *p, const sl_option *row)
{
    const sl_option rows[] = {*row, {0}};
    sl_source_text text = {.name = "default", .whole = true};
    sl_mistakes mistakes = {0};
    const sl_options o = {s, &mistakes, ""};
    sl_yaml nothing = {.kind = SL_YAML_MAPPING, .at = {.in = &text}};
    sl_buf said = {0};
    sl_slice rest, first = {0};
    const char *why = NULL;

    if (!row->fallback)
        return NULL; /* it must be given */
    sl_options_fill(&o, rows, sl_store_alloc(s, p->self_size), &nothing);
    if (mistakes.count > 0) {
        sl_mistakes_write(&mistakes, &said);
        rest = sl_buf_slice(&said);
        (void)sl_next_part(&rest, '\n', &first);
        why = sl_store_format(s, "its %.*s", (int)first.len, first.ptr);
    }
    sl_buf_fini(&said);
    return why;
}

/* What `output` names as target, key or fallback is one of its templates. */
static const char *check_template(sl_store *s, const sl_plugin *p, const char *name)
{
    const sl_option *row = p->options;

    while (name && row->name && strcmp(row->name, name) != 0)
        row++;
    return name && (!row->name || row->type != SL_TEMPLATE)
               ? sl_store_format(s, "names \"%s\", which is no option of type SL_TEMPLATE", name)
               : NULL;
}

static const char *check_rows(sl_store *s, const sl_plugin *p)
{
    const char *why = NULL;

    for (const sl_option *row = p->options; !why && row->name; row++) {
        why = check_row(s, p, row);
        if (!why)
            why = check_fallback(s, p, row);
    }
    return why;
}

/* --- the whole --- */

static bool is_among(sl_slice name, const char *choices)
{
    sl_slice rest = sl_str(choices), choice;
    bool found = false;

    while (!found && sl_next_part(&rest, '|', &choice))
        found = sl_slice_eq(name, choice);
    return found;
}

static const char *common_encodings(void)
{
    const sl_option *row = sl_output_rows;

    while (strcmp(row->name, "encoding") != 0)
        row++;
    return row->choices;
}

static const char *check_encodings(sl_store *s, const sl_plugin *p)
{
    const char *all = common_encodings();
    sl_slice rest = sl_str(p->output.encodings), name;

    while (sl_next_part(&rest, '|', &name)) {
        if (!is_among(name, all))
            return sl_store_format(s, "takes an encoding \"%.*s\", which is none of %s",
                                   (int)name.len, name.ptr, all);
    }
    return NULL;
}

/* A default that the common option itself would refuse. */
static const char *check_bounds(sl_store *s, const char *name, uint64_t value)
{
    for (const sl_option *row = sl_output_rows; row->name; row++) {
        if (!strcmp(row->name, name) && (value < row->min || (row->max && value > row->max)))
            return sl_store_format(s, "has a default of %s that is out of bounds: %llu", name,
                                   (unsigned long long)value);
    }
    return NULL;
}

static const char *check_metrics(sl_store *s, const sl_plugin *p)
{
    const sl_metric *row = p->output.metrics;

    if (row && !p->output.measure)
        return "has metrics and no measure()";
    for (; row && row->name; row++) {
        if (!is_name(row->name, METRIC_LETTERS, MAX_ROW_NAME))
            return sl_store_format(s, "metric %d has no right name: write 1 to %d of a-z 0-9 _",
                                   (int)(row - p->output.metrics), MAX_ROW_NAME);
        if (!row->help || row->help[strcspn(row->help, "\\\n")])
            return sl_store_format(s, "its metric \"%s\" has no help of one line", row->name);
        if (row->label &&
            (!is_name(row->label, METRIC_LETTERS, MAX_ROW_NAME) || !strcmp(row->label, "output")))
            return sl_store_format(s, "its metric \"%s\" has no right label", row->name);
    }
    return NULL;
}

static const char *check_ops(sl_store *s, const sl_plugin *p)
{
    const sl_output_ops *ops = &p->output;
    const char *why;

    if (!ops->open || !ops->send)
        return sl_store_format(s, "has no %s()", ops->open ? "send" : "open");
    if (!ops->max_in_flight || ops->max_in_flight > MAX_BATCHES)
        return sl_store_format(s, "has a max_in_flight of %u: write 1 to %d", ops->max_in_flight,
                               MAX_BATCHES);
    if (ops->in_flight > ops->max_in_flight)
        return sl_store_format(s, "has an in_flight of %u, above its max_in_flight of %u",
                               ops->in_flight, ops->max_in_flight);
    if (!ops->encodings)
        return "has no encodings";
    if (sl_str(ops->before).len > MAX_FRAME || sl_str(ops->after).len > MAX_FRAME)
        return sl_store_format(s, "has a frame of more than %d bytes", MAX_FRAME);
    why = check_bounds(s, "batch.max_bytes", ops->max_bytes);
    return why ? why : check_bounds(s, "batch.max_age", ops->max_age_ms);
}

const char *sl_plugin_check(sl_store *s, const sl_plugin *p)
{
    const char *why;

    if (!is_name(p->name, NAME_LETTERS, MAX_NAME))
        return sl_store_format(s, "has no right name: write 1 to %d of a-z 0-9 _ -", MAX_NAME);
    if (p->kind != SL_OUTPUT)
        return "is no output (kind SL_OUTPUT), and there is no other kind yet";
    if (!p->self_size || p->self_size > MAX_SELF)
        return sl_store_format(s, "has a self_size of %zu: write sizeof its struct, 1 to %zu",
                               p->self_size, MAX_SELF);
    why = check_ops(s, p);
    if (!why)
        why = check_encodings(s, p);
    if (!why)
        why = check_rows(s, p);
    if (!why)
        why = check_metrics(s, p);
    if (!why)
        why = check_template(s, p, p->output.target);
    if (!why)
        why = check_template(s, p, p->output.key);
    return why ? why : check_template(s, p, p->output.fallback);
}
