/* options.c - one walk over rows for each job: fill in, and say what is none.
 *
 * A value goes through two doors: expand() turns what stands in the file into the text that is
 * meant, and set() turns that text into what the row's type wants. Defaults take the same way. */
#include "control/options.h"
#include "control/nearest.h"
#include "control/units.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_NAME_BYTES 256 /* of a mapping's, with its dots */
#define NOT_BUILT      "is not built yet in this version of sluice"

/* An option's value as it is meant, with ${...} replaced. */
typedef struct value {
    const char *text;
    bool from_file;
} value;

/* One option on its way: its row, and the place that mistakes in it are shown at. */
typedef struct work {
    const sl_options *o;
    const sl_option *row;
    sl_spot at;
} work;

static void wrong(const work *w, const char *format, ...) SL_PRINTF(2, 3);

static void wrong(const work *w, const char *format, ...)
{
    va_list args;
    char *why;
    int len;

    va_start(args, format);
    len = vasprintf(&why, format, args);
    va_end(args);
    SL_ASSERT(len >= 0);
    sl_mistake(w->o->mistakes, &w->at, "%s%s: %s", w->o->who, w->row->name, why);
    free(why);
}

/* false: that was said. */
static bool expand(const work *w, const char *text, value *out)
{
    const char *why = sl_expand(w->o->store, text, &out->text, &out->from_file);

    if (why)
        wrong(w, "%s", why);
    return !why;
}

/* As a mistake may quote it. */
typedef struct quoted {
    char text[72];
} quoted;

static const char *quote(const value *v, quoted *q)
{
    const char *text = v->from_file ? "***" : v->text;

    snprintf(q->text, sizeof q->text, "\"%.60s%s\"", text, strlen(text) > 60 ? "..." : "");
    return q->text;
}

/* --- from texts to what the row's type wants --- */

static void set_number(const work *w, const value *v, uint64_t *slot)
{
    static const char *const remedies[] = {
        [SL_SIZE] = "is not a size: write a whole number with KiB, MiB, GiB, KB, MB, GB or no unit",
        [SL_TIME] = "is not a duration: write a whole number with ms, s, m or h",
        [SL_COUNT] = "is not a number: write digits alone",
    };
    const sl_option *row = w->row;
    sl_buf bound = {0};
    uint64_t n = 0;
    sl_err err = sl_number_read(row->type, v->text, &n);
    quoted q;

    if (err == SL_E_FORMAT) {
        wrong(w, "%s %s", quote(v, &q), remedies[row->type]);
    } else if (err == 0 && n < row->min) {
        sl_number_format(row->type, row->min, &bound);
        wrong(w, "%s is too small: at least %.*s", quote(v, &q), (int)bound.len, bound.ptr);
    } else if (err || (row->max && n > row->max)) {
        sl_number_format(row->type, row->max ? row->max : UINT64_MAX, &bound);
        wrong(w, "%s is too large: at most %.*s", quote(v, &q), (int)bound.len, bound.ptr);
    } else {
        *slot = n;
    }
    sl_buf_fini(&bound);
}

/* Those of the row's choices that are built; the promised ones stand behind them, each with a !. */
static sl_slice built_choices(const sl_option *row)
{
    const char *promised = strstr(row->choices, "|!");

    return (sl_slice){row->choices,
                      promised ? (size_t)(promised - row->choices) : strlen(row->choices)};
}

/* Its place among the row's choices, or -1. */
static int find_choice(const sl_option *row, const char *text)
{
    sl_slice rest = built_choices(row), choice;

    for (int i = 0; sl_next_part(&rest, '|', &choice); i++) {
        if (!strncmp(text, choice.ptr, choice.len) && !text[choice.len])
            return i;
    }
    return -1;
}

static bool is_promised(const sl_option *row, const char *text)
{
    sl_slice rest = sl_slice_from(sl_str(row->choices), built_choices(row).len), choice;
    bool found = false;

    while (!found && sl_next_part(&rest, '|', &choice)) {
        char *glob = choice.len ? sl_strndup(choice.ptr + 1, choice.len - 1) : NULL;

        found = glob && fnmatch(glob, text, 0) == 0;
        free(glob);
    }
    return found;
}

static void wrong_choice(const work *w, const value *v)
{
    sl_slice rest = built_choices(w->row), choice;
    sl_buf all = {0};
    sl_nearest near;
    char hint[128];
    quoted q;

    sl_nearest_init(&near, v->text);
    sl_nearest_try_all(&near, rest);
    while (sl_next_part(&rest, '|', &choice))
        sl_buf_add_format(&all, "%s%.*s", all.len ? ", " : "", (int)choice.len, choice.ptr);
    if (is_promised(w->row, v->text))
        wrong(w, "%s " NOT_BUILT "; there is %.*s", quote(v, &q), (int)all.len, all.ptr);
    else
        wrong(w, "%s is none of %.*s%s", quote(v, &q), (int)all.len, all.ptr,
              v->from_file ? "" : sl_nearest_text(&near, hint));
    sl_buf_fini(&all);
}

static bool names_file(const char *name)
{
    static const char *const ends[] = {"path", "dir", "file"};
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);

        if (len >= end && !strcmp(name + len - end, ends[i]))
            return true;
    }
    return false;
}

static void set_text(const work *w, const value *v, const char **slot)
{
    quoted q;

    if (names_file(w->row->name) && *v->text && *v->text != '/')
        wrong(w, "%s is not an absolute path: write it from the root on, \"/...\"", quote(v, &q));
    else if (w->row->type != SL_TEMPLATE && names_file(w->row->name) && strstr(v->text, "%{"))
        wrong(w, "a template (%%{...}) in a path " NOT_BUILT);
    else
        *slot = v->text;
}

static void set(const work *w, const value *v, void *slot)
{
    int choice;
    quoted q;

    switch (w->row->type) {
    case SL_TEXT:
    case SL_SECRET:
    case SL_TEMPLATE: /* templates.c reads it */
        set_text(w, v, slot);
        break;
    case SL_SIZE:
    case SL_TIME:
    case SL_COUNT:
        set_number(w, v, slot);
        break;
    case SL_FLAG:
        if (!strcmp(v->text, "true") || !strcmp(v->text, "false"))
            *(bool *)slot = *v->text == 't';
        else
            wrong(w, "%s is neither true nor false", quote(v, &q));
        break;
    default: /* SL_CHOICE: lists and maps hold texts, and come in one by one */
        choice = find_choice(w->row, v->text);
        if (choice < 0)
            wrong_choice(w, v);
        else
            *(int *)slot = choice;
        break;
    }
    if (v->from_file)
        sl_store_hide(w->o->store, slot);
}

/* --- filling in --- */

/* One type of output is called null, and nobody should have to put it in quotes. */
static bool is_choice_null(const sl_option *row, const char *text)
{
    return row->type == SL_CHOICE && find_choice(row, text) >= 0;
}

/* The scalar's text, if it is one that has a value; else that was said. */
static bool text_of(const work *w, const sl_yaml *node, value *out)
{
    if (node->kind != SL_YAML_SCALAR)
        wrong(w, "takes a single value, not a %s",
              node->kind == SL_YAML_MAPPING ? "mapping" : "list");
    else if (sl_yaml_is_null(node) && !is_choice_null(w->row, node->text))
        wrong(w, "has no value: write one, or leave it out for its default");
    else
        return expand(w, node->text, out);
    return false;
}

static void fill_list(work *w, const sl_yaml *node, sl_texts *list)
{
    size_t count = 0;
    value v;

    if (node->kind != SL_YAML_SEQUENCE) {
        wrong(w, "takes a list: write [a, b], or [] for none");
        return;
    }
    for (const sl_yaml *item = node->first; item; item = item->next)
        count++;
    list->items = sl_store_alloc(w->o->store, count * sizeof *list->items);
    for (const sl_yaml *item = node->first; item; item = item->next) {
        w->at = item->at;
        if (!text_of(w, item, &v))
            continue;
        if (v.from_file)
            sl_store_hide(w->o->store, &list->items[list->count]);
        list->items[list->count++] = v.text;
    }
}

/* "a, b" as in a row's default */
static void fill_list_default(const work *w, sl_texts *list)
{
    sl_slice rest = {*w->row->fallback ? w->row->fallback : NULL, strlen(w->row->fallback)}, part;

    list->items = sl_store_alloc(w->o->store, (strlen(w->row->fallback) + 1) * sizeof *list->items);
    while (sl_next_part(&rest, ',', &part))
        list->items[list->count++] = sl_store_text(w->o->store, part);
}

static size_t count_leaves(const sl_yaml *node)
{
    size_t count = node->kind != SL_YAML_MAPPING;

    if (node->kind == SL_YAML_MAPPING) {
        for (const sl_yaml *item = node->first; item; item = item->next)
            count += count_leaves(item);
    }
    return count;
}

/* A mapping in a mapping stands for dots: {a: {b: x}} is {a.b: x}. */
static void fill_pairs(work *w, const sl_yaml *node, const char *prefix, sl_pairs *map)
{
    for (const sl_yaml *item = node->first; item; item = item->next) {
        const char *name;
        value v;

        w->at = item->key_at;
        if (!*item->key || strlen(prefix) + strlen(item->key) > MAX_NAME_BYTES) {
            wrong(w, "a name has 1 to 256 bytes");
            continue;
        }
        name = sl_store_format(w->o->store, "%s%s", prefix, item->key);
        if (item->kind == SL_YAML_MAPPING) {
            fill_pairs(w, item, sl_store_format(w->o->store, "%s.", name), map);
        } else {
            w->at = item->at;
            if (!text_of(w, item, &v))
                continue;
            if (v.from_file)
                sl_store_hide(w->o->store, &map->values[map->count]);
            map->names[map->count] = name;
            map->values[map->count++] = v.text;
        }
    }
}

static void fill_map(work *w, const sl_yaml *node, sl_pairs *map)
{
    size_t count = count_leaves(node);

    if (node->kind != SL_YAML_MAPPING) {
        wrong(w, "takes names and values: write {name: value}, or {} for none");
        return;
    }
    map->names = sl_store_alloc(w->o->store, count * sizeof *map->names);
    map->values = sl_store_alloc(w->o->store, count * sizeof *map->values);
    fill_pairs(w, node, "", map);
}

/* What is promised and not built is refused, except the one value that asks for nothing of it. */
static void refuse_unbuilt(work *w, const sl_yaml *node)
{
    const sl_option *row = w->row;
    bool scalar = node->kind == SL_YAML_SCALAR;
    value v = {.text = ""};
    quoted q;

    if (scalar && !sl_yaml_is_null(node)) {
        if (!expand(w, node->text, &v) || (row->fallback && !strcmp(v.text, row->fallback)))
            return;
        if (row->choices && find_choice(row, v.text) < 0) {
            wrong_choice(w, &v);
            return;
        }
    } else if (!scalar && !node->first && row->fallback && !*row->fallback) {
        return; /* [] or {} */
    }
    if (scalar && row->fallback && *row->fallback) {
        wrong(w, "%s " NOT_BUILT "; only \"%s\" is", quote(&v, &q), row->fallback);
        return;
    }
    sl_mistake(w->o->mistakes, &node->key_at, "%s`%s` " NOT_BUILT, w->o->who, row->name);
}

static void fill_row(const sl_options *o, const sl_option *row, void *slot, const sl_yaml *node,
                     const sl_spot *whole)
{
    work w = {.o = o, .row = row, .at = node ? node->at : *whole};
    value v;

    if (row->type == SL_UNBUILT) {
        if (node)
            refuse_unbuilt(&w, node);
    } else if (!node && !row->fallback) {
        wrong(&w, "is missing: %s", row->help);
    } else if (row->type == SL_MAP) {
        if (node)
            fill_map(&w, node, slot);
    } else if (row->type == SL_LIST) {
        if (node)
            fill_list(&w, node, slot);
        else
            fill_list_default(&w, slot);
    } else if (node ? text_of(&w, node, &v) : expand(&w, row->fallback, &v)) {
        set(&w, &v, slot);
    }
}

/* The row NAME_file beside the secret NAME, or NULL. */
static const sl_option *file_row(const sl_option *rows, const sl_option *secret)
{
    size_t len = strlen(secret->name);

    for (const sl_option *row = rows; secret->type == SL_SECRET && row->name; row++) {
        if (!strncmp(row->name, secret->name, len) && !strcmp(row->name + len, "_file"))
            return row;
    }
    return NULL;
}

/* PATH, if the scalar is "${file:PATH}" and nothing else; else empty. */
static sl_slice only_file(const sl_yaml *node)
{
    sl_slice text = node && node->kind == SL_YAML_SCALAR ? sl_str(node->text) : (sl_slice){0};
    const char *end = text.len > 0 ? memchr(text.ptr, '}', text.len) : NULL;

    if (!end || end + 1 != text.ptr + text.len || !sl_slice_starts(text, SL_SLICE("${file:")))
        return (sl_slice){0};
    return (sl_slice){text.ptr + 7, text.len - 8};
}

/* A secret that is a file's contents, and nothing else, is left to whoever reads that file himself:
 * so it is read again when it changes. It could be read now, or that was said. */
static void hand_over_file(const sl_options *o, const sl_option *rows, const sl_option *secret,
                           void *into, const sl_yaml *mapping)
{
    const sl_option *file = file_row(rows, secret);
    sl_slice path = only_file(sl_yaml_find(mapping, secret->name));
    const char **slot = (void *)((char *)into + secret->offset);

    if (!file || !path.len || !*slot || sl_yaml_find(mapping, file->name))
        return;
    *slot = secret->fallback;
    *(const char **)(void *)((char *)into + file->offset) = sl_store_text(o->store, path);
}

void sl_options_fill(const sl_options *o, const sl_option *rows, void *into, const sl_yaml *mapping)
{
    for (const sl_option *row = rows; row->name; row++)
        fill_row(o, row, (char *)into + row->offset, sl_yaml_find(mapping, row->name),
                 &mapping->at);
    for (const sl_option *row = rows; row->name; row++)
        hand_over_file(o, rows, row, into, mapping);
}

/* --- what is no option --- */

typedef struct check {
    const sl_options *o;
    const sl_option *const *tables;
} check;

static bool is_option(const check *c, const char *name)
{
    for (const sl_option *const *t = c->tables; *t; t++) {
        for (const sl_option *row = *t; row->name; row++) {
            if (!strcmp(row->name, name))
                return true;
        }
    }
    return false;
}

/* The first option in the section of that name, or NULL: there is no such section. */
static const char *first_of(const check *c, const char *section)
{
    size_t len = strlen(section);

    for (const sl_option *const *t = c->tables; *t; t++) {
        for (const sl_option *row = *t; row->name; row++) {
            if (!strncmp(row->name, section, len) && row->name[len] == '.')
                return row->name + len + 1;
        }
    }
    return NULL;
}

/* `name` may be near to an option or a section, or be an option that belongs into a section. */
static void try_row(sl_nearest *near, const char *row_name, const char *name)
{
    const char *last = strrchr(row_name, '.');

    for (const char *dot = row_name; (dot = strchr(dot, '.')); dot++)
        sl_nearest_try(near, (sl_slice){row_name, (size_t)(dot - row_name)});
    sl_nearest_try(near, sl_str(row_name));
    if (last && !strcmp(last + 1, name) && near->distance > 0) {
        near->best = sl_str(row_name);
        near->distance = 0;
    }
}

static void say_unknown(const check *c, const char *name, const sl_spot *at)
{
    sl_nearest near;
    char hint[128];

    sl_nearest_init(&near, name);
    for (const sl_option *const *t = c->tables; *t; t++) {
        for (const sl_option *row = *t; row->name; row++)
            try_row(&near, row->name, name);
    }
    sl_mistake(c->o->mistakes, at, "%sno option \"%.60s\"%s", c->o->who, name,
               is_option(c, name) ? ": a dot stands for a section, \"section: {option: ...}\""
                                  : sl_nearest_text(&near, hint));
}

/* prefix   "section." of all names in `mapping` */
static void check_items(const check *c, const char *prefix, const sl_yaml *mapping)
{
    for (const sl_yaml *item = mapping->first; item; item = item->next) {
        char *name = sl_format("%s%s", prefix, item->key);
        const char *inside = first_of(c, name);

        if (inside && item->kind == SL_YAML_MAPPING) {
            char *section = sl_format("%s.", name);

            check_items(c, section, item);
            free(section);
        } else if (inside) {
            sl_mistake(c->o->mistakes, &item->at, "%s%s: holds options: write %s: {%s: ...}",
                       c->o->who, name, item->key, inside);
        } else if (!is_option(c, name) || strchr(item->key, '.')) {
            say_unknown(c, name, &item->key_at);
        }
        free(name);
    }
}

void sl_options_check(const sl_options *o, const sl_option *const *tables, const sl_yaml *mapping)
{
    check_items(&(check){o, tables}, "", mapping);
}
