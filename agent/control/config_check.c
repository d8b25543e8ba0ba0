/* config_check.c - see config_check.h. */
#include "control/config_check.h"

#include "control/address.h"
#include "control/units.h"
#include "read/discover.h"
#include "shape/compress.h"
#include "ship/output.h"

/* A value as a mistake may quote it; `place` is where it lies. */
static const char *shown(const sl_options *o, const void *place, const char *text)
{
    return sl_store_hides(o->store, place) ? "***" : text;
}

static void check_globs(const sl_options *o, const sl_yaml *mapping, const char *name,
                        const sl_texts *globs, bool selects)
{
    const sl_yaml *node = sl_yaml_find(mapping, name);
    sl_spot at = sl_spot_of(mapping, name);

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
    sl_spot at = sl_spot_of(node, "start_at");

    if (in->start_at && !sl_start_read(in->start_at, &in->start))
        sl_mistake(o->mistakes, &at,
                   "%sstart_at: \"%.60s\" is none of beginning, end, a duration (24h), a time "
                   "(2026-11-23T00:00:00Z)",
                   o->who, shown(o, &in->start_at, in->start_at));
    at = sl_spot_of(node, "pin.min_free");
    if (in->pin_min_free && !sl_free_read(in->pin_min_free, &in->pin_free))
        sl_mistake(o->mistakes, &at,
                   "%spin.min_free: \"%.60s\" is neither a part of the disk (15%%) nor a size "
                   "(10GiB)",
                   o->who, shown(o, &in->pin_min_free, in->pin_min_free));
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
    sl_spot at = sl_spot_of(node, "paths");

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
    sl_spot at = sl_spot_of(node, "allowed_roots");

    for (size_t i = 0; i < in->allowed_roots.count; i++) {
        const char *root = in->allowed_roots.items[i];

        if (*root != '/' || !root[1] || strstr(root, "/.."))
            sl_mistake(o->mistakes, &at,
                       "%sallowed_roots: \"%s\" is no folder of its own: write an absolute path, "
                       "not / and without ..",
                       o->who, shown(o, &in->allowed_roots.items[i], root));
    }
}

void sl_check_input(const sl_options *o, const sl_yaml *node, sl_input_config *in)
{
    sl_spot at = sl_spot_of(node, "path");

    check_roots(o, node, in);
    read_bounds(o, node, in);
    if (sl_input_is_files(in)) {
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

void sl_check_output(const sl_options *o, const sl_yaml *node, const sl_output_config *out)
{
    sl_spot at = sl_spot_of(node, "name");

    check_lists(o, node, &out->select, &out->exclude);
    if (!sl_config_is_name(out->name))
        sl_mistake(o->mistakes, &at, "%sname: " SL_NAME_FORM, o->who);
    at = sl_spot_of(node, "retry");
    if (out->retry_initial_ms > out->retry_max_ms && out->retry_max_ms > 0)
        sl_mistake(o->mistakes, &at, "%sretry: initial is longer than max", o->who);
}

/* Each lane has the same part of memory_limit. */
static uint64_t share(const sl_config *c)
{
    return c->output_count > 0 ? c->memory_limit / c->output_count : c->memory_limit;
}

/* Before "memory_limit" or "it", in a mistake. */
static const char *whose_share(const sl_reading *r)
{
    return r->c->output_count == 1
               ? ""
               : sl_store_format(r->store, "the share of one of %zu outputs in ",
                                 r->c->output_count);
}

/* A record travels alone if it must, but it has to fit beside its own encoded form. */
void sl_check_record(sl_reading *r, const sl_yaml *node, const sl_input_config *in)
{
    uint64_t limit = share(r->c), longest = in->max_record;
    sl_spot at = sl_spot_of(node, "max_record");
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

/* What a batch of so many bytes takes: with its compressed form at its worst, if it has one. */
static uint64_t batch_memory(bool packs, uint64_t bytes)
{
    return bytes + (packs ? sl_gzip_bound(bytes) : 0);
}

/* The largest batch.max_bytes, in KiB, with which a batch takes no more than `memory`. */
static uint64_t fitting_batch(bool packs, uint64_t memory)
{
    uint64_t bytes = memory / (packs ? 2 : 1) / 1024 * 1024;

    while (bytes > 0 && batch_memory(packs, bytes) > memory)
        bytes -= 1024;
    return bytes;
}

/* Besides the batches out, one is filled and one waits; a quarter is for open parts. */
void sl_check_memory(sl_reading *r, const sl_yaml *node, const sl_output_config *out)
{
    bool packs = sl_output_gzip_level(out->plugin, out->self) > 0;
    uint64_t batches = out->max_in_flight + 2, limit = share(r->c);
    uint64_t room = limit - limit / 4, each = batch_memory(packs, out->max_bytes);
    const sl_yaml *given = sl_yaml_find(r->root, "memory_limit");
    sl_spot at = given ? given->at : sl_spot_of(node, "batch.max_bytes");
    sl_buf text[4] = {{0}};
    uint64_t mib = UINT64_C(1) << 20, need;

    if (!limit || !out->max_bytes || !out->max_in_flight || batches * each <= room)
        return;
    need = (batches * each * 4 / 3 + mib - 1) / mib * mib * r->c->output_count;
    sl_number_format(SL_SIZE, r->c->memory_limit, &text[0]);
    sl_number_format(SL_SIZE, out->max_bytes, &text[1]);
    sl_number_format(SL_SIZE, need, &text[2]);
    sl_number_format(SL_SIZE, fitting_batch(packs, room / batches), &text[3]);
    sl_mistake(
        &r->mistakes, &at,
        "memory_limit: %.*s is too small for output \"%s\": three quarters of %sit must hold "
        "%llu batches of %.*s%s; raise it to %.*s, or lower batch.max_bytes to %.*s",
        (int)text[0].len, text[0].ptr, out->name, whose_share(r), (unsigned long long)batches,
        (int)text[1].len, text[1].ptr, packs ? ", and as much again for gzip" : "",
        (int)text[2].len, text[2].ptr, (int)text[3].len, text[3].ptr);
    for (size_t i = 0; i < 4; i++)
        sl_buf_fini(&text[i]);
}

static bool is_stdout(const sl_output_config *out)
{
    return out->plugin && !strcmp(out->plugin->name, "stdout");
}

/* What we write must not be what we read. */
static void check_feed(sl_reading *r, const char *path, const char *what)
{
    for (size_t i = 0; path && i < r->c->input_count; i++) {
        const sl_input_config *in = &r->c->inputs[i];

        if (sl_input_is_files(in) && sl_globs_take(&in->paths, path))
            sl_mistake(
                &r->mistakes, &(sl_spot){.in = r->texts},
                "inputs.%zu: paths: %s matches, which is %s: it would feed itself, for ever; "
                "take it away with \"!%s\"",
                i, path, what, path);
    }
}

static void check_feeds(sl_reading *r)
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
void sl_check_whole(sl_reading *r)
{
    const sl_config *c = r->c;
    const sl_output_config *first = NULL;
    sl_spot at = sl_spot_of(r->root, "own_logs");
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
    at = sl_spot_of(r->root, "admin.listen");
    if (c->admin_listen && *c->admin_listen && !sl_address_parse(c->admin_listen, &listen))
        sl_mistake(
            &r->mistakes, &at,
            "admin.listen: \"%s\" is no address: write 127.0.0.1:9600, [::1]:9600, :9600 for "
            "all addresses of the machine, or \"\" for none",
            c->admin_listen);
    at = sl_spot_of(r->root, "state_dir");
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

/* Two inputs that read one tree would ship everything twice. */
void sl_check_path(sl_reading *r, const sl_yaml *item, const char *who, const sl_input_config *in)
{
    sl_spot at = sl_spot_of(item, "path");

    for (const sl_input_config *other = r->c->inputs; other < in; other++) {
        if (in->path && *in->path && other->path && *other->path &&
            (is_below(in->path, other->path) || is_below(other->path, in->path)))
            sl_mistake(&r->mistakes, &at, "%spath: another input reads it already", who);
    }
}

/* It names a lane, with positions of its own. */
void sl_check_name(sl_reading *r, const sl_yaml *item, const sl_output_config *out)
{
    sl_spot at = sl_spot_of(item, "name");

    for (const sl_output_config *other = r->c->outputs; out->name && other < out; other++) {
        if (other->name && !strcmp(other->name, out->name))
            sl_mistake(&r->mistakes, &at,
                       "output \"%s\": another output has that name: give each its own", out->name);
    }
}
