/* config.c - sluice.yaml -> sl_config, and what must hold between options.
 *
 * A text becomes nodes (yaml.c), --set changes them, and then the root, each input and each output go
 * through the same three steps: say what is no option, fill in the rest by its rows, check what no
 * row can. Nothing stops at the first mistake, unless the rest cannot be judged without it.
 *
 * Owns     a configuration and all its values, in one store */
#include "control/config.h"

#include "control/address.h"
#include "control/dump.h"
#include "control/nearest.h"
#include "control/options.h"
#include "control/rows.h"
#include "control/templates.h"
#include "control/units.h"
#include "read/discover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_FILE "/etc/sluice/sluice.yaml"
#define BUILT_IN     "inputs: [{type: kubernetes}]\noutputs: [{type: stdout}]\n"

struct owner {
    sl_config config;
    sl_store store;
};

/* A configuration on its way. */
typedef struct reading {
    sl_config *c;
    sl_store *store;
    sl_mistakes mistakes;
    sl_source_text *texts; /* the file, then each --set */
    sl_yaml *root;
    bool built_in;
    bool lacks_plugin; /* a file of `plugins` is not there: an unknown type may have been its */
} reading;

static sl_spot spot_of(const sl_yaml *mapping, const char *path)
{
    const sl_yaml *node = sl_yaml_find(mapping, path);

    return node ? node->at : mapping->at;
}

/* --- checks that no row can make --- */

/* A value as a mistake may quote it; `place` is where it lies. */
static const char *shown(const sl_options *o, const void *place, const char *text)
{
    return sl_store_hides(o->store, place) ? "***" : text;
}

static void check_globs(const sl_options *o, const sl_yaml *mapping, const char *name,
                        const sl_texts *globs, bool selects)
{
    const sl_yaml *node = sl_yaml_find(mapping, name);
    sl_spot at = spot_of(mapping, name);

    if (selects && node && node->kind == SL_YAML_SEQUENCE && !node->first)
        sl_mistake(o->mistakes, &at, "%s%s: selects nothing: write [\"*\"], or leave it out",
                   o->who, name);
    if (globs->count > 0 && *globs->items[0] == '!')
        sl_mistake(o->mistakes, &at,
                   "%s%s: begins with \"%s\", which takes away from nothing: write [\"*\", \"%s\"]",
                   o->who, name, shown(o, &globs->items[0], globs->items[0]),
                   shown(o, &globs->items[0], globs->items[0]));
    for (size_t i = 0; i < globs->count; i++) {
        const char *glob = globs->items[i];

        if (!glob[*glob == '!'] || strchr(glob, '/') || strstr(glob, "**"))
            sl_mistake(o->mistakes, &at,
                       "%s%s: \"%s\" matches no name: names are not empty and hold no /, and there "
                       "is no **",
                       o->who, name, shown(o, &globs->items[i], glob));
    }
}

static void check_lists(const sl_options *o, const sl_yaml *mapping, const sl_choice_lists *select,
                        const sl_choice_lists *exclude)
{
    check_globs(o, mapping, "select.namespaces", &select->namespaces, true);
    check_globs(o, mapping, "select.pods", &select->pods, true);
    check_globs(o, mapping, "select.containers", &select->containers, true);
    check_globs(o, mapping, "exclude.namespaces", &exclude->namespaces, false);
    check_globs(o, mapping, "exclude.pods", &exclude->pods, false);
    check_globs(o, mapping, "exclude.containers", &exclude->containers, false);
}

/* Is `path` that folder, or below it? */
static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    while (len > 1 && folder[len - 1] == '/')
        len--;
    return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

/* What has more than one form. */
static void read_bounds(const sl_options *o, const sl_yaml *node, sl_input_config *in)
{
    sl_spot at = spot_of(node, "start_at");

    if (in->start_at && !sl_start_read(in->start_at, &in->start))
        sl_mistake(o->mistakes, &at,
                   "%sstart_at: \"%.60s\" is none of beginning, end, a duration (24h), a time "
                   "(2026-11-23T00:00:00Z)",
                   o->who, shown(o, &in->start_at, in->start_at));
    at = spot_of(node, "pin.min_free");
    if (in->pin_min_free && !sl_free_read(in->pin_min_free, &in->pin_free))
        sl_mistake(o->mistakes, &at,
                   "%spin.min_free: \"%.60s\" is neither a part of the disk (15%%) nor a size "
                   "(10GiB)",
                   o->who, shown(o, &in->pin_min_free, in->pin_min_free));
}

static bool is_files(const sl_input_config *in)
{
    return in->type == SL_INPUT_FILES;
}

static void check_path_text(const sl_options *o, const sl_spot *at, const char *name,
                            const char *path, const char *said)
{
    if (is_below(path, "/var/log/containers"))
        sl_mistake(o->mistakes, at,
                   "%s%s: %s holds symlinks alone: write /var/log/pods, where the files are",
                   o->who, name, said);
}

/* Without empty parts, so that a path that was written untidily matches. */
static const char *tidy_glob(sl_store *store, const char *glob)
{
    char *tidy = sl_store_text(store, sl_str(glob)), *out = tidy;

    for (const char *p = tidy; *p; p++) {
        if (*p != '/' || out == tidy || out[-1] != '/')
            *out++ = *p;
    }
    while (out > tidy + 1 && out[-1] == '/')
        out--;
    *out = '\0';
    return tidy;
}

static void check_glob(const sl_options *o, const sl_spot *at, const char *glob, const char *said)
{
    size_t parts = 0;

    for (const char *p = glob; *p; p++)
        parts += *p == '/';
    if (*glob != '/')
        sl_mistake(o->mistakes, at, "%spaths: \"%s\" is no absolute path: write /folder/*.log",
                   o->who, said);
    else if (strstr(glob, "**"))
        sl_mistake(o->mistakes, at,
                   "%spaths: \"%s\": there is no **: write one glob for each depth", o->who, said);
    else if (strstr(glob, "/../") || strstr(glob, "/./"))
        sl_mistake(o->mistakes, at, "%spaths: \"%s\": write it without . and ..", o->who, said);
    else if (parts < 2 || parts > 64 || !glob[1] ||
             strcspn(glob + 1, "*?[\\") < strcspn(glob + 1, "/"))
        sl_mistake(o->mistakes, at,
                   "%spaths: \"%s\" begins with no folder: write one, as in /folder/*.log", o->who,
                   said);
    check_path_text(o, at, "paths", glob, said);
}

static void check_files(const sl_options *o, const sl_yaml *node, sl_input_config *in)
{
    sl_spot at = spot_of(node, "paths");

    if (in->paths.count > 0 && *in->paths.items[0] == '!')
        sl_mistake(o->mistakes, &at, "%spaths: begins with \"!\", which takes away from nothing",
                   o->who);
    else if (in->paths.count == 0 && sl_yaml_find(node, "paths"))
        sl_mistake(o->mistakes, &at, "%spaths: is empty: write /folder/*.log", o->who);
    for (size_t i = 0; i < in->paths.count; i++) {
        const char *said = shown(o, &in->paths.items[i], in->paths.items[i]);

        in->paths.items[i] = tidy_glob(o->store, in->paths.items[i]);
        check_glob(o, &at, in->paths.items[i] + (*in->paths.items[i] == '!'), said);
    }
}

static void check_roots(const sl_options *o, const sl_yaml *node, const sl_input_config *in)
{
    sl_spot at = spot_of(node, "allowed_roots");

    for (size_t i = 0; i < in->allowed_roots.count; i++) {
        const char *root = in->allowed_roots.items[i];

        if (*root != '/' || !root[1] || strstr(root, "/.."))
            sl_mistake(o->mistakes, &at,
                       "%sallowed_roots: \"%s\" is no folder of its own: write an absolute path, "
                       "not / and without ..",
                       o->who, shown(o, &in->allowed_roots.items[i], root));
    }
}

static void check_input(const sl_options *o, const sl_yaml *node, sl_input_config *in)
{
    sl_spot at = spot_of(node, "path");

    check_roots(o, node, in);
    read_bounds(o, node, in);
    if (is_files(in)) {
        check_files(o, node, in);
        return;
    }
    check_lists(o, node, &in->select, &in->exclude);
    if (!in->path)
        return;
    if (!*in->path)
        sl_mistake(o->mistakes, &at, "%spath: is empty: write /var/log/pods", o->who);
    check_path_text(o, &at, "path", in->path, shown(o, &in->path, in->path));
}

bool sl_config_is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return len > 0 && len <= 64 && !name[len] && *name != '.';
}

static void check_output(const sl_options *o, const sl_yaml *node, const sl_output_config *out)
{
    sl_spot at = spot_of(node, "name");

    check_lists(o, node, &out->select, &out->exclude);
    if (!sl_config_is_name(out->name))
        sl_mistake(o->mistakes, &at, "%sname: " SL_NAME_FORM, o->who);
    at = spot_of(node, "retry");
    if (out->retry_initial_ms > out->retry_max_ms && out->retry_max_ms > 0)
        sl_mistake(o->mistakes, &at, "%sretry: initial is longer than max", o->who);
}

/* Each lane has the same part of memory_limit. */
static uint64_t share(const sl_config *c)
{
    return c->output_count > 0 ? c->memory_limit / c->output_count : c->memory_limit;
}

/* Before "memory_limit" or "it", in a mistake. */
static const char *whose_share(const reading *r)
{
    return r->c->output_count == 1
               ? ""
               : sl_store_format(r->store, "the share of one of %zu outputs in ",
                                 r->c->output_count);
}

/* A record travels alone if it must, but it has to fit beside its own encoded form. */
static void check_record(reading *r, const sl_yaml *node, const sl_input_config *in)
{
    uint64_t limit = share(r->c), longest = in->max_record;
    sl_spot at = spot_of(node, "max_record");
    sl_buf text[3] = {{0}};

    if (!limit || longest <= limit / 2)
        return;
    sl_number_format(SL_SIZE, longest, &text[0]);
    sl_number_format(SL_SIZE, r->c->memory_limit, &text[1]);
    sl_number_format(SL_SIZE, longest * 2 * r->c->output_count, &text[2]);
    sl_mistake(&r->mistakes, &at,
               "max_record: %.*s does not fit twice into %smemory_limit %.*s: raise memory_limit "
               "to %.*s, or lower max_record",
               (int)text[0].len, text[0].ptr, whose_share(r), (int)text[1].len, text[1].ptr,
               (int)text[2].len, text[2].ptr);
    for (size_t i = 0; i < 3; i++)
        sl_buf_fini(&text[i]);
}

/* Besides the batches out, one is filled and one waits; a quarter is for open parts. */
static void check_memory(reading *r, const sl_yaml *node, const sl_output_config *out)
{
    uint64_t batches = out->max_in_flight + 2, limit = share(r->c);
    const sl_yaml *given = sl_yaml_find(r->root, "memory_limit");
    sl_spot at = given ? given->at : spot_of(node, "batch.max_bytes");
    sl_buf text[4] = {{0}};
    uint64_t mib = UINT64_C(1) << 20, need;

    if (!limit || !out->max_bytes || !out->max_in_flight ||
        batches * out->max_bytes <= limit - limit / 4)
        return;
    need = (batches * out->max_bytes * 4 / 3 + mib - 1) / mib * mib * r->c->output_count;
    sl_number_format(SL_SIZE, r->c->memory_limit, &text[0]);
    sl_number_format(SL_SIZE, out->max_bytes, &text[1]);
    sl_number_format(SL_SIZE, need, &text[2]);
    sl_number_format(SL_SIZE, (limit - limit / 4) / batches / 1024 * 1024, &text[3]);
    sl_mistake(
        &r->mistakes, &at,
        "memory_limit: %.*s is too small for output \"%s\": three quarters of %sit must hold "
        "%llu batches of %.*s; raise it to %.*s, or lower batch.max_bytes to %.*s",
        (int)text[0].len, text[0].ptr, out->name, whose_share(r), (unsigned long long)batches,
        (int)text[1].len, text[1].ptr, (int)text[2].len, text[2].ptr, (int)text[3].len,
        text[3].ptr);
    for (size_t i = 0; i < 4; i++)
        sl_buf_fini(&text[i]);
}

static bool is_stdout(const sl_output_config *out)
{
    return out->plugin && !strcmp(out->plugin->name, "stdout");
}

/* What we write must not be what we read. */
static void check_feed(reading *r, const char *path, const char *what)
{
    for (size_t i = 0; path && i < r->c->input_count; i++) {
        const sl_input_config *in = &r->c->inputs[i];

        if (is_files(in) && sl_globs_take(&in->paths, path))
            sl_mistake(
                &r->mistakes, &(sl_spot){.in = r->texts},
                "inputs.%zu: paths: %s matches, which is %s: it would feed itself, for ever; "
                "take it away with \"!%s\"",
                i, path, what, path);
    }
}

static void check_feeds(reading *r)
{
    const sl_config *c = r->c;

    for (size_t i = 0; i < c->output_count; i++) {
        const sl_output_config *out = &c->outputs[i];
        const sl_option *row = out->plugin ? out->plugin->options : NULL;

        for (; row && row->name; row++) {
            if (!strcmp(row->name, "path") && out->self)
                check_feed(r, *(const char *const *)(const void *)((char *)out->self + row->offset),
                           sl_store_format(r->store, "what output \"%s\" writes", out->name));
        }
    }
    if (c->state_dir && *c->state_dir)
        check_feed(r, sl_store_format(r->store, "%s/checkpoint", c->state_dir), "our own state");
}

/* What concerns more than one of root, inputs and outputs. */
static void check_whole(reading *r)
{
    const sl_config *c = r->c;
    const sl_output_config *first = NULL;
    sl_spot at = spot_of(r->root, "own_logs");
    sl_address listen;

    for (size_t i = 0; i < c->output_count; i++) {
        const sl_output_config *out = &c->outputs[i];

        if (c->own_logs && is_stdout(out))
            sl_mistake(&r->mistakes, &at,
                       "own_logs: with output \"%s\" to stdout it would read what it writes, for "
                       "ever: write false, or take another output",
                       out->name);
        if (first && is_stdout(out))
            sl_mistake(&r->mistakes, &(sl_spot){.in = r->texts},
                       "outputs \"%s\" and \"%s\" both write to stdout, which is one: their "
                       "records would cut into each other",
                       first->name, out->name);
        first = is_stdout(out) ? out : first;
    }
    at = spot_of(r->root, "admin.listen");
    if (c->admin_listen && *c->admin_listen && !sl_address_parse(c->admin_listen, &listen))
        sl_mistake(
            &r->mistakes, &at,
            "admin.listen: \"%s\" is no address: write 127.0.0.1:9600, [::1]:9600, :9600 for "
            "all addresses of the machine, or \"\" for none",
            c->admin_listen);
    at = spot_of(r->root, "state_dir");
    if (c->state_dir && !*c->state_dir)
        sl_mistake(&r->mistakes, &at, "state_dir: is empty: write /var/lib/sluice");
    for (size_t i = 0; c->state_dir && i < c->input_count; i++) {
        const char *path = c->inputs[i].path;

        if (path && *path && is_below(c->state_dir, path))
            sl_mistake(&r->mistakes, &at,
                       "state_dir: lies below the input's path, where nothing may be written: take "
                       "another folder");
    }
    check_feeds(r);
}

/* --- reading --- */

static void read_input(reading *r, const sl_yaml *node, const char *who, sl_input_config *in)
{
    const sl_options o = {r->store, &r->mistakes, who};
    const sl_option *const tables[2][4] = {
        [SL_INPUT_PODS] = {sl_input_type_rows, sl_pods_rows, sl_input_rows, NULL},
        [SL_INPUT_FILES] = {sl_input_type_rows, sl_files_rows, sl_input_rows, NULL}};
    size_t before = r->mistakes.count;

    sl_options_fill(&o, sl_input_type_rows, in, node);
    if (r->mistakes.count > before)
        return; /* another type would have other options */
    sl_options_check(&o, tables[in->type], node);
    sl_options_fill(&o, tables[in->type][1], in, node);
    sl_options_fill(&o, sl_input_rows, in, node);
    check_input(&o, node, in);
    check_record(r, node, in);
}

/* Where it stands among `sl_encoding`s. */
static sl_encoding encoding_of(const sl_plugin *p, int place)
{
    sl_slice rest = sl_str(p->output.encodings), name = {0};

    for (int i = 0; i <= place; i++)
        (void)sl_next_part(&rest, '|', &name);
    for (int i = 0; i < SL_ENCODINGS; i++) {
        if (sl_slice_eq(name, sl_str(sl_encoding_names[i])))
            return (sl_encoding)i;
    }
    return SL_ENCODING_JSON;
}

/* Text where people look: on a terminal, and where nothing was configured at all. */
static const char *default_encoding(const reading *r, const sl_plugin *p)
{
    sl_slice rest = sl_str(p->output.encodings), first = {0}, name;
    bool for_people = r->built_in || isatty(STDOUT_FILENO);

    (void)sl_next_part(&rest, '|', &first);
    while (for_people && sl_next_part(&rest, '|', &name)) {
        if (sl_slice_eq(name, SL_SLICE("text")))
            first = name;
    }
    return sl_store_text(r->store, first);
}

static void read_options(reading *r, const sl_yaml *node, const sl_option *type_rows,
                         const sl_plugin *p, sl_output_config *out)
{
    const sl_option *rows = sl_output_rows_for(r->store, p, default_encoding(r, p));
    const sl_option *const tables[] = {type_rows, rows, p->options, NULL};
    const sl_yaml *name = sl_yaml_find(node, "name");
    const char *text = name && name->kind == SL_YAML_SCALAR ? name->text : p->name;
    const sl_options o = {r->store, &r->mistakes,
                          sl_store_format(r->store, "output \"%.60s\": ", text)};

    out->plugin = p;
    out->self = sl_store_alloc(r->store, p->self_size);
    sl_options_check(&o, tables, node);
    sl_options_fill(&o, rows, out, node);
    sl_options_fill(&o, p->options, out->self, node);
    out->encoding = (int)encoding_of(p, out->encoding);
    if (!out->name)
        out->name = p->name; /* it was wrong; the checks want one to speak of */
    check_output(&o, node, out);
    check_memory(r, node, out);
    sl_templates_read(&o, node, r->c, out);
}

/* Its file was said to be wrong already. */
static bool is_excused(reading *r, const sl_yaml *node)
{
    const sl_yaml *type = sl_yaml_find(node, "type");

    return r->lacks_plugin && type && type->kind == SL_YAML_SCALAR &&
           !sl_plugin_set_find(&r->c->known, type->text);
}

static void read_output(reading *r, const sl_yaml *node, const char *who, sl_output_config *out)
{
    const sl_options o = {r->store, &r->mistakes, who};
    const sl_option *type_rows = sl_output_type_rows(r->store, &r->c->known);
    size_t before = r->mistakes.count;
    sl_output_type type = {0};
    sl_known_plugin *known;
    sl_spot at = spot_of(node, "type");
    const char *why;

    if (is_excused(r, node))
        return;
    sl_options_fill(&o, type_rows, &type, node);
    if (r->mistakes.count > before)
        return; /* nothing is known of its options */
    known = &r->c->known.known[type.plugin];
    why = sl_plugin_load(r->store, known);
    if (why)
        sl_mistake(&r->mistakes, &at, "%stype: %s", who, why);
    else
        read_options(r, node, type_rows, known->plugin, out);
}

/* The first item of a list that must not be empty, or NULL, and that was said. */
static const sl_yaml *first_item(reading *r, const char *name, const char *remedy)
{
    const sl_yaml *node = sl_yaml_find(r->root, name);
    const sl_spot *at = node ? &node->at : &(sl_spot){.in = r->texts};

    if (node && node->kind == SL_YAML_SEQUENCE && node->first)
        return node->first;
    if (node && !sl_yaml_is_null(node) && node->kind != SL_YAML_SEQUENCE)
        sl_mistake(&r->mistakes, at, "%s: takes a list: write \"- type: ...\" below it", name);
    else
        sl_mistake(&r->mistakes, at, "no %s: %s", name, remedy);
    return NULL;
}

static size_t count_items(const sl_yaml *item)
{
    size_t count = 0;

    for (; item; item = item->next)
        count++;
    return count;
}

/* false: that was said. */
static bool is_item(reading *r, const sl_yaml *item, const char *who)
{
    if (item->kind != SL_YAML_MAPPING)
        sl_mistake(&r->mistakes, &item->at, "%sholds options: write \"- type: ...\"", who);
    return item->kind == SL_YAML_MAPPING;
}

/* Two inputs that read one tree would ship everything twice. */
static void check_path(reading *r, const sl_yaml *item, const char *who, const sl_input_config *in)
{
    sl_spot at = spot_of(item, "path");

    for (const sl_input_config *other = r->c->inputs; other < in; other++) {
        if (in->path && *in->path && other->path && *other->path &&
            (is_below(in->path, other->path) || is_below(other->path, in->path)))
            sl_mistake(&r->mistakes, &at, "%spath: another input reads it already", who);
    }
}

static void read_inputs(reading *r, const sl_yaml *item)
{
    r->c->inputs = sl_store_alloc(r->store, count_items(item) * sizeof *r->c->inputs);
    for (; item; item = item->next) {
        sl_input_config *in = &r->c->inputs[r->c->input_count];
        const char *who = sl_store_format(r->store, "inputs.%zu: ", r->c->input_count++);

        if (!is_item(r, item, who))
            continue;
        read_input(r, item, who, in);
        check_path(r, item, who, in);
    }
}

/* It names a lane, with positions of its own. */
static void check_name(reading *r, const sl_yaml *item, const sl_output_config *out)
{
    sl_spot at = spot_of(item, "name");

    for (const sl_output_config *other = r->c->outputs; out->name && other < out; other++) {
        if (other->name && !strcmp(other->name, out->name))
            sl_mistake(&r->mistakes, &at,
                       "output \"%s\": another output has that name: give each its own", out->name);
    }
}

static void read_outputs(reading *r, const sl_yaml *item)
{
    sl_output_config *out = r->c->outputs;

    for (size_t i = 0; item; item = item->next, i++, out++) {
        const char *who = sl_store_format(r->store, "outputs.%zu: ", i);

        if (!is_item(r, item, who))
            continue;
        read_output(r, item, who, out);
        check_name(r, item, out);
    }
}

static void read_root(reading *r)
{
    static const sl_option *const tables[] = {sl_root_rows, sl_list_rows, NULL};
    const sl_options o = {r->store, &r->mistakes, ""};

    sl_options_check(&o, tables, r->root);
    sl_options_fill(&o, sl_root_rows, r->c, r->root);
    r->lacks_plugin = !sl_plugin_set_fill(&r->c->known, &o, sl_yaml_find(r->root, "plugins"));
    if (r->c->node && !*r->c->node) {
        char host[HOST_NAME_MAX + 1] = "";

        (void)gethostname(host, sizeof host - 1);
        r->c->node = sl_store_text(r->store, sl_str(host));
    }
}

/* A value is YAML if it looks like a list, a mapping or a quoted text; else it is meant as it
 * stands, so that globs need no second pair of quotes. */
static void apply_set(reading *r, const char *set, sl_source_text *in)
{
    const char *equals = strchr(set, '=');
    sl_yaml *value;
    char *path;

    *in = (sl_source_text){.name = "--set", .whole = true};
    if (!equals) {
        sl_mistake(&r->mistakes, &(sl_spot){.in = in},
                   "\"%s\" has no \"=\": write for example --set memory_limit=32MiB", set);
        return;
    }
    path = sl_store_text(r->store, (sl_slice){set, (size_t)(equals - set)});
    in->name = sl_store_format(r->store, "--set %s", path);
    in->bytes = sl_str(equals + 1);
    value = equals[1] && strchr("[{\"'", equals[1]) ? sl_yaml_parse(in, &r->mistakes)
                                                    : sl_yaml_new(in, equals + 1);
    if (value)
        sl_yaml_set(r->root, path, value, in, &r->mistakes);
}

static void read_all(reading *r, const char *const *sets, size_t set_count)
{
    const sl_yaml *inputs, *outputs;

    r->root = sl_yaml_parse(&r->texts[0], &r->mistakes);
    if (!r->root)
        return;
    for (size_t i = 0; i < set_count; i++)
        apply_set(r, sets[i], &r->texts[1 + i]);
    if (r->root->kind != SL_YAML_MAPPING && !sl_yaml_is_null(r->root)) {
        sl_mistake(&r->mistakes, &r->root->at,
                   "takes options, such as \"inputs:\" and \"outputs:\"");
        return;
    }
    read_root(r);
    inputs =
        first_item(r, "inputs", "say what to read, for example \"inputs: [{type: kubernetes}]\"");
    outputs =
        first_item(r, "outputs", "say where to write, for example \"outputs: [{type: stdout}]\"");
    r->c->output_count = count_items(outputs); /* known before the shares of memory are checked */
    r->c->outputs = sl_store_alloc(r->store, r->c->output_count * sizeof *r->c->outputs);
    read_inputs(r, inputs);
    read_outputs(r, outputs);
    check_whole(r);
}

/* name     NULL: the built-in default */
static sl_config *parse(const char *name, sl_slice yaml, const char *const *sets, size_t set_count,
                        sl_buf *errors)
{
    struct owner *owner = sl_alloc(sizeof *owner);
    reading r = {.c = &owner->config,
                 .store = &owner->store,
                 .texts = sl_alloc((1 + set_count) * sizeof *r.texts),
                 .built_in = !name};
    bool good;

    if (sl_slice_starts(yaml, SL_SLICE("\xef\xbb\xbf")))
        yaml = sl_slice_from(yaml, 3); /* a byte order mark; it would count as a column */
    r.texts[0] = (sl_source_text){.name = name ? name : "the built-in default", .bytes = yaml};
    if (name)
        r.c->file = sl_store_text(r.store, sl_str(name));
    read_all(&r, sets, set_count);
    good = r.mistakes.count == 0;
    sl_mistakes_write(&r.mistakes, errors);
    sl_yaml_free(r.root);
    free(r.texts);
    if (good)
        return r.c;
    sl_config_free(r.c);
    return NULL;
}

sl_config *sl_config_parse(const char *name, sl_slice yaml, const char *const *sets,
                           size_t set_count, sl_buf *errors)
{
    return parse(name, yaml, sets, set_count, errors);
}

static sl_err read_text(const char *file, sl_buf *out)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n;

    if (fd < 0)
        return -errno;
    sl_buf_reserve(out, SL_YAML_MAX_BYTES + 1); /* one more, so that too much shows */
    while ((n = read(fd, out->ptr + out->len, SL_YAML_MAX_BYTES + 1 - out->len)) > 0)
        out->len += (size_t)n;
    n = n < 0 ? -errno : 0;
    close(fd);
    return (sl_err)n;
}

sl_config *sl_config_load(const char *file, const char *const *sets, size_t set_count,
                          sl_buf *errors)
{
    sl_config *c = NULL;
    sl_buf text = {0};
    sl_err err;

    if (!file && access(DEFAULT_FILE, F_OK) == 0)
        file = DEFAULT_FILE;
    if (!file)
        return parse(NULL, SL_SLICE(BUILT_IN), sets, set_count, errors);
    err = read_text(file, &text);
    if (err)
        sl_buf_add_format(errors, "%s: cannot be read: %s\n", file, sl_strerror(err));
    else
        c = parse(file, sl_buf_slice(&text), sets, set_count, errors);
    sl_buf_fini(&text);
    return c;
}

void sl_config_free(sl_config *c)
{
    struct owner *owner;

    if (!c)
        return;
    owner = SL_CONTAINER_OF(c, struct owner, config);
    for (size_t i = 0; i < c->output_count; i++)
        sl_templates_free(&c->outputs[i].frame);
    sl_store_fini(&owner->store);
    free(owner);
}

/* --- out again --- */

void sl_config_dump(const sl_config *c, sl_buf *out)
{
    const sl_store *store = &SL_CONTAINER_OF(c, struct owner, config)->store;

    sl_options_dump(store, sl_root_rows, c, 0, out);
    sl_buf_add_text(out, "inputs:\n");
    for (const sl_input_config *in = c->inputs; in < c->inputs + c->input_count; in++) {
        sl_buf_add_text(out, is_files(in) ? "  - type: file\n" : "  - type: kubernetes\n");
        sl_options_dump(store, is_files(in) ? sl_files_rows : sl_pods_rows, in, 4, out);
        sl_options_dump(store, sl_input_rows, in, 4, out);
    }
    sl_buf_add_text(out, "outputs:\n");
    for (const sl_output_config *o = c->outputs; o < c->outputs + c->output_count; o++) {
        sl_buf_add_format(out, "  - type: %s\n", o->plugin->name);
        sl_options_dump(store, sl_output_rows, o, 4, out);
        sl_options_dump(store, o->plugin->options, o->self, 4, out);
    }
}

static void describe_types(sl_store *store, sl_plugin_set *set, sl_buf *out)
{
    for (sl_known_plugin *k = set->known; k < set->known + set->count; k++) {
        const char *why = sl_plugin_load(store, k);

        sl_buf_add_format(out, "  %-10s %s", k->name, why ? why : k->plugin->help);
        if (k->file && !why)
            sl_buf_add_format(out, " (%s)", k->file);
        sl_buf_add_text(out, "\n");
    }
}

static void describe_agent(sl_store *store, sl_plugin_set *set, bool json, sl_buf *out)
{
    const char *heads[] = {
        "Options of sluice:\n", "\nOf an input:\n", "\nOf an output of any type:\n",
        "\nTypes of outputs; `sluice options TYPE` lists what each one takes:\n"};

    sl_buf_add_text(out, json ? "" : heads[0]);
    sl_options_describe(sl_root_rows, "", json, out);
    sl_buf_add_text(out, json ? "" : heads[1]);
    sl_options_describe(sl_input_type_rows, "inputs.N.", json, out);
    sl_options_describe(sl_pods_rows, "inputs.N.", json, out);
    sl_options_describe(sl_input_rows, "inputs.N.", json, out);
    sl_buf_add_text(out, json ? "" : heads[2]);
    sl_options_describe(sl_output_type_rows(store, set), "outputs.N.", json, out);
    sl_options_describe(sl_output_rows, "outputs.N.", json, out);
    if (json)
        return;
    sl_buf_add_text(out, heads[3]);
    describe_types(store, set, out);
}

static void describe_plugin(sl_store *store, const sl_known_plugin *known, bool json, sl_buf *out)
{
    const sl_plugin *p = known->plugin;
    sl_slice rest = sl_str(p->output.encodings), first = {0};

    (void)sl_next_part(&rest, '|', &first);
    if (!json)
        sl_buf_add_format(out, "Output %s: %s\n", p->name, p->help);
    if (!json && known->file)
        sl_buf_add_format(out, "From %s\n", known->file);
    sl_options_describe(p->options, "", json, out);
    sl_options_describe(sl_output_rows_for(store, p, sl_store_text(store, first)), "", json, out);
}

const char *sl_config_describe(sl_config *c, const char *plugin, bool json, sl_buf *out)
{
    sl_store *store = &SL_CONTAINER_OF(c, struct owner, config)->store;
    sl_known_plugin *known = plugin ? sl_plugin_set_find(&c->known, plugin) : NULL;
    const char *why = NULL;
    sl_nearest near;
    char hint[128];

    if (!plugin) {
        describe_agent(store, &c->known, json, out);
        return NULL;
    }
    if (known) {
        why = sl_plugin_load(store, known);
        if (!why)
            describe_plugin(store, known, json, out);
        return why;
    }
    sl_nearest_init(&near, plugin);
    for (size_t i = 0; i < c->known.count; i++)
        sl_nearest_try(&near, sl_str(c->known.known[i].name));
    return sl_store_format(store, "no output is of type \"%s\"%s", plugin,
                           sl_nearest_text(&near, hint));
}
