/* module.h - plugins in files of their own: opens them, and makes what they hold ours.
 *
 * Two kinds, loaded in the same way: those that a user names under `plugins`, and our own modules,
 * sluice-output-NAME.so, which a configuration gets by naming the type. Modules are looked for in the
 * folder `modules` beside the program (a build), in `../lib/sluice` (an unpacked archive), and where
 * they were installed to. No environment variable leads elsewhere.
 *
 * Owns     what was loaded, until the process ends: nothing is ever unloaded
 * Thread   the loop's */
#ifndef SL_CONTROL_MODULE_H
#define SL_CONTROL_MODULE_H

#include "control/expand.h"

/* Loads the file, unless that was done before. Only what sl_trust_open() trusts is opened.
 * out      valid until the process ends; checked for all but clashes with other plugins
 * returns  NULL, or why not, in the store */
SL_MUST_USE const char *sl_module_load(sl_store *s, const char *path, const sl_plugin **out);

/* Calls `found` for each module there is, in the order of their folders and names; both texts are in
 * the store. Opens none of them. */
void sl_module_each(sl_store *s, void (*found)(void *arg, const char *name, const char *file),
                    void *arg);

#endif
