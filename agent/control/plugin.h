/* plugin.h - finds and checks plugins; <sluice/plugin.h> says what one is. */
#ifndef SL_CONTROL_PLUGIN_H
#define SL_CONTROL_PLUGIN_H

#include "base/base.h"

/* All outputs that are linked in, ended by NULL. */
extern const sl_plugin *const sl_plugins[];

/* NULL: there is none of that name. */
const sl_plugin *sl_plugin_find(const char *name);

/* 0, SL_E_NEWER: built for a newer host than this one; SL_E_FORMAT: not what an output must
 * be. */
SL_MUST_USE sl_err sl_plugin_check(const sl_plugin *p);

#endif
