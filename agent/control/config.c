/* config.c - sluice.yaml -> sl_config.
 *
 * A text becomes nodes (yaml.c), --set changes them, and then the root, each input and each output go
 * through the same three steps: say what is no option, fill in the rest by its rows, check what no
 * row can (config_check.c). Nothing stops at the first mistake, unless the rest cannot be judged without it.
 *
 * Owns     a configuration and all its values, in one store */
#include "control/config.h"

#include "control/config_check.h"
#include "control/dump.h"
#include "control/nearest.h"
#include "control/options.h"
#include "control/rows.h"
#include "control/templates.h"

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

/* --- reading --- */

static void read_input(sl_reading *r, const sl_yaml *node, const char *who, sl_input_config *in)
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
    sl_check_input(&o, node, in);
    sl_check_record(r, node, in);
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
static const char *default_encoding(const sl_reading *r, const sl_plugin *p)
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

/* Where a plugin's own check says its mistakes. */
typedef struct plugin_check {
    const sl_options *o;
    const sl_yaml *node;
} plugin_check;

static void on_plugin_mistake(void *arg, const char *option, const char *text)
{
    const plugin_check *c = arg;
    sl_spot at = sl_spot_of(c->node, option);

    sl_mistake(c->o->mistakes, &at, "%s%s: %s", c->o->who, option, text);
}

/* Where it says which files it cannot use. */
typedef struct file_check {
    sl_reading *r;
    const sl_options *o;
    const sl_yaml *node;
    const sl_output_config *out;
} file_check;

/* The value of its option of that name. NULL: it has none. */
static const char *const *text_of(const sl_output_config *out, const char *option)
{
    for (const sl_option *row = out->plugin->options; row && row->name; row++) {
        if (row->type == SL_TEXT && !strcmp(row->name, option))
            return (const void *)((const char *)out->self + row->offset);
    }
    return NULL;
}

static void on_file_mistake(void *arg, const char *option, const char *text)
{
    const file_check *c = arg;
    const char *const *path = text_of(c->out, option);
    bool hidden = !path || sl_store_hides(c->r->store, path);
    bool away = path && c->r->files == SL_FILES_AWAY && access(*path, R_OK) != 0;
    sl_spot at = sl_spot_of(c->node, option);

    sl_mistake(away ? &c->r->warnings : &c->r->mistakes, &at, "%s%s: %s%s%s%s", c->o->who, option,
               hidden ? "" : *path, hidden ? "" : ": ", text,
               away ? "; the agent does not start without it" : "");
}

/* What is wrong by itself has been said, and is not there: so there is nothing to check then. */
static void fill_plugin(sl_reading *r, const sl_options *o, const sl_yaml *node,
                        const sl_output_config *out)
{
    const sl_output_ops *ops = &out->plugin->output;
    size_t before = r->mistakes.count;

    sl_options_fill(o, out->plugin->options, out->self, node);
    if (ops->check && r->mistakes.count == before)
        ops->check(out->self, on_plugin_mistake, &(plugin_check){o, node});
    if (ops->check_files && r->files != SL_FILES_UNSEEN && r->mistakes.count == before)
        ops->check_files(out->self, on_file_mistake, &(file_check){r, o, node, out});
}

/* Why its records cannot have such a time, or NULL. */
static const char *stamp_mistake(const sl_output_config *out, const sl_stamp *stamp)
{
    if (out->encoding != SL_ENCODING_JSON && out->encoding != SL_ENCODING_MSGPACK)
        return "in this encoding a value is the message alone: take json or msgpack";
    if (stamp->form >= SL_STAMPS)
        return "its plugin asks for a form of time that this sluice does not know";
    if (!sl_stamp_is_name(stamp->name))
        return "is no name for the time: write 1 to 64 letters, digits, @ _ or -";
    if (sl_schema_has((sl_schema)out->schema, stamp->name))
        return "is the name of another field in this schema: take another one";
    return NULL;
}

/* The form and the name that the output has for the time in a value. */
static void read_stamp(const sl_options *o, const sl_yaml *node, sl_output_config *out)
{
    const char *own = sl_schema_time((sl_schema)out->schema), *why;
    sl_stamp stamp = {.name = ""};
    sl_spot at = sl_spot_of(node, "timestamp.key");

    if (out->plugin->output.stamp)
        stamp.form = out->plugin->output.stamp(out->self, &stamp.name);
    if (!stamp.name || !*stamp.name)
        stamp.name = own;
    if (stamp.form == SL_STAMP_RFC3339 && !strcmp(stamp.name, own))
        return;
    why = stamp_mistake(out, &stamp);
    if (why)
        sl_mistake(o->mistakes, &at, "%stimestamp: %s", o->who, why);
    out->stamp = stamp;
}

static void read_options(sl_reading *r, const sl_yaml *node, const sl_option *type_rows,
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
    fill_plugin(r, &o, node, out);
    out->encoding = (int)encoding_of(p, out->encoding);
    read_stamp(&o, node, out);
    if (!out->name)
        out->name = p->name; /* it was wrong; the checks want one to speak of */
    sl_check_output(&o, node, out);
    sl_check_memory(r, node, out);
    sl_templates_read(&o, node, r->c, out);
}

/* Its file was said to be wrong already. */
static bool is_excused(sl_reading *r, const sl_yaml *node)
{
    const sl_yaml *type = sl_yaml_find(node, "type");

    return r->lacks_plugin && type && type->kind == SL_YAML_SCALAR &&
           !sl_plugin_set_find(&r->c->known, type->text);
}

static void read_output(sl_reading *r, const sl_yaml *node, const char *who, sl_output_config *out)
{
    const sl_options o = {r->store, &r->mistakes, who};
    const sl_option *type_rows = sl_output_type_rows(r->store, &r->c->known);
    size_t before = r->mistakes.count;
    sl_output_type type = {0};
    sl_known_plugin *known;
    sl_spot at = sl_spot_of(node, "type");
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
static const sl_yaml *first_item(sl_reading *r, const char *name, const char *remedy)
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
static bool is_item(sl_reading *r, const sl_yaml *item, const char *who)
{
    if (item->kind != SL_YAML_MAPPING)
        sl_mistake(&r->mistakes, &item->at, "%sholds options: write \"- type: ...\"", who);
    return item->kind == SL_YAML_MAPPING;
}

static void read_inputs(sl_reading *r, const sl_yaml *item)
{
    r->c->inputs = sl_store_alloc(r->store, count_items(item) * sizeof *r->c->inputs);
    for (; item; item = item->next) {
        sl_input_config *in = &r->c->inputs[r->c->input_count];
        const char *who = sl_store_format(r->store, "inputs.%zu: ", r->c->input_count++);

        if (!is_item(r, item, who))
            continue;
        read_input(r, item, who, in);
        sl_check_path(r, item, who, in);
    }
}

static void read_outputs(sl_reading *r, const sl_yaml *item)
{
    sl_output_config *out = r->c->outputs;

    for (size_t i = 0; item; item = item->next, i++, out++) {
        const char *who = sl_store_format(r->store, "outputs.%zu: ", i);

        if (!is_item(r, item, who))
            continue;
        read_output(r, item, who, out);
        sl_check_name(r, item, out);
    }
}

static void read_root(sl_reading *r)
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
static void apply_set(sl_reading *r, const char *set, sl_source_text *in)
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

static void read_all(sl_reading *r, const char *const *sets, size_t set_count)
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
    sl_check_whole(r);
}

/* name     NULL: the built-in default */
static sl_config *parse(sl_config_files files, const char *name, sl_slice yaml,
                        const char *const *sets, size_t set_count, sl_buf *errors)
{
    struct owner *owner = sl_alloc(sizeof *owner);
    sl_reading r = {.c = &owner->config,
                    .store = &owner->store,
                    .texts = sl_alloc((1 + set_count) * sizeof *r.texts),
                    .files = files,
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
    sl_mistakes_write(&r.warnings, errors);
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
    return parse(SL_FILES_UNSEEN, name, yaml, sets, set_count, errors);
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

sl_config *sl_config_load(sl_config_files files, const char *file, const char *const *sets,
                          size_t set_count, sl_buf *errors)
{
    sl_config *c = NULL;
    sl_buf text = {0};
    sl_err err;

    if (!file && access(DEFAULT_FILE, F_OK) == 0)
        file = DEFAULT_FILE;
    if (!file)
        return parse(files, NULL, SL_SLICE(BUILT_IN), sets, set_count, errors);
    err = read_text(file, &text);
    if (err)
        sl_buf_add_format(errors, "%s: cannot be read: %s\n", file, sl_strerror(err));
    else
        c = parse(files, file, sl_buf_slice(&text), sets, set_count, errors);
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
        sl_buf_add_text(out, sl_input_is_files(in) ? "  - type: file\n" : "  - type: kubernetes\n");
        sl_options_dump(store, sl_input_is_files(in) ? sl_files_rows : sl_pods_rows, in, 4, out);
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
