/* plugin.h - which outputs there are: linked in, named under `plugins`, or modules of our own.
 * <sluice/plugin.h> says what one is.
 *
 * Thread   the loop's */
#ifndef SL_CONTROL_PLUGIN_H
#define SL_CONTROL_PLUGIN_H

#include "control/options.h"

#define SL_MAX_PLUGINS 64

typedef struct sl_known_plugin {
    const char *name;
    const char *file;        /* NULL: it is linked in */
    const sl_plugin *plugin; /* NULL: a module that nobody asked for yet */
} sl_known_plugin;

/* What `type` may name. */
typedef struct sl_plugin_set {
    sl_known_plugin known[SL_MAX_PLUGINS];
    size_t count;
} sl_plugin_set;

/* Those that are linked in.
 * returns  NULL: there is none of that name */
const sl_plugin *sl_plugin_find(const char *name);

/* Zeroed: empty. Puts in what is linked in, loads the files that `plugins:` names (`items`, its node;
 * NULL: none), and notes which modules there are. What is wrong is said.
 * returns  false: a file is missing that was asked for */
bool sl_plugin_set_fill(sl_plugin_set *set, const sl_options *o, const sl_yaml *items);
/* NULL: there is none. */
sl_known_plugin *sl_plugin_set_find(sl_plugin_set *set, const char *name);

/* Loads it, if that was not done yet. A name is what `type` takes, and a file holds what it is called by.
 * returns  NULL, or why it cannot be used, in the store */
SL_MUST_USE const char *sl_plugin_load(sl_store *s, sl_known_plugin *known);

/* Is it what an output must be? It is as large as this version's sl_plugin: see module.h.
 * returns  NULL, or what is wrong with it, in the store */
SL_MUST_USE const char *sl_plugin_check(sl_store *s, const sl_plugin *p);

#endif
