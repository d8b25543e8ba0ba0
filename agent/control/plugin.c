/* plugin.c - see plugin.h. A new plugin that is linked in is one more line in the table. */
#include "control/plugin.h"
#include "control/module.h"

extern const sl_plugin sl_plugin_stdout, sl_plugin_file, sl_plugin_null;

static const sl_plugin *const linked_in[] = {&sl_plugin_stdout, &sl_plugin_file, &sl_plugin_null};

const sl_plugin *sl_plugin_find(const char *name)
{
    for (size_t i = 0; i < sizeof linked_in / sizeof *linked_in; i++) {
        if (!strcmp(linked_in[i]->name, name))
            return linked_in[i];
    }
    return NULL;
}

sl_known_plugin *sl_plugin_set_find(sl_plugin_set *set, const char *name)
{
    for (sl_known_plugin *k = set->known; k < set->known + set->count; k++) {
        if (!strcmp(k->name, name))
            return k;
    }
    return NULL;
}

static bool add(sl_plugin_set *set, const char *name, const char *file, const sl_plugin *p)
{
    if (set->count == SL_MAX_PLUGINS)
        return false;
    set->known[set->count++] = (sl_known_plugin){name, file, p};
    return true;
}

static void on_module(void *arg, const char *name, const char *file)
{
    if (!sl_plugin_set_find(arg, name)) /* the first folder's counts */
        (void)add(arg, name, file, NULL);
}

/* A file that `plugins:` names. */
static const char *add_file(sl_plugin_set *set, sl_store *s, const char *file)
{
    const sl_plugin *p;
    const char *why = sl_module_load(s, file, &p);
    const sl_known_plugin *other = why ? NULL : sl_plugin_set_find(set, p->name);

    if (other && other->file)
        return sl_store_format(s, "its name, \"%s\", is that of %s: load one of them", p->name,
                               other->file);
    if (other)
        return sl_store_format(s,
                               "its name, \"%s\", is that of an output of sluice itself: give "
                               "it another one",
                               p->name);
    if (!why && !add(set, p->name, file, p))
        return sl_store_format(s, "is one too many: at most %d", SL_MAX_PLUGINS);
    return why;
}

bool sl_plugin_set_fill(sl_plugin_set *set, const sl_options *o, const sl_yaml *items)
{
    bool all = true;

    items = items && items->kind == SL_YAML_SEQUENCE ? items : NULL;
    for (size_t i = 0; i < sizeof linked_in / sizeof *linked_in; i++)
        (void)add(set, linked_in[i]->name, NULL, linked_in[i]);
    for (const sl_yaml *item = items ? items->first : NULL; item; item = item->next) {
        const char *file = NULL, *why;
        bool from_file;

        if (item->kind != SL_YAML_SCALAR || sl_yaml_is_null(item) ||
            sl_expand(o->store, item->text, &file, &from_file)) {
            all = false; /* which was said when the option itself was filled in */
            continue;
        }
        why = from_file ? "takes a path, not what a file holds" : add_file(set, o->store, file);
        if (why)
            sl_mistake(o->mistakes, &item->at, "plugins: %s: %s", from_file ? "***" : file, why);
        all = all && !why;
    }
    sl_module_each(o->store, on_module, set);
    return all;
}

const char *sl_plugin_load(sl_store *s, sl_known_plugin *known)
{
    const sl_plugin *p;
    const char *why;

    if (known->plugin)
        return NULL;
    why = sl_module_load(s, known->file, &p);
    if (!why && strcmp(p->name, known->name) != 0)
        why = sl_store_format(s, "holds an output \"%s\"", p->name);
    if (why)
        return sl_store_format(s, "%s: %s", known->file, why);
    known->plugin = p;
    return NULL;
}
