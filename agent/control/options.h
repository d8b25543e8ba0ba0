/* options.h - option rows at work: from YAML into structs. dump.h is the way back.
 *
 * A row (plugin.h, sl_option) is all there is to an option. A dot in its name stands for a section.
 * A text whose name ends in `path`, `dir` or `file` names a file: it must be absolute, or empty. A secret
 * that is ${file:/path} and nothing else fills the row NAME_file instead, where there is one: an output
 * reads its own file again when it changes.
 *
 * Thread   any, one at a time */
#ifndef SL_CONTROL_OPTIONS_H
#define SL_CONTROL_OPTIONS_H

#include "control/expand.h"
#include "control/yaml.h"

typedef struct sl_options {
    sl_store *store;
    sl_mistakes *mistakes;
    const char *who; /* before each mistake: `output "archive": `, or "" */
} sl_options;

/* Says every item of `mapping` that is no option, and every section that holds none.
 * tables   all the rows that may be meant, ended by NULL */
void sl_options_check(const sl_options *o, const sl_option *const *tables, const sl_yaml *mapping);

/* Fills `into` from the items of `mapping` that `rows` name, and from the rows' defaults. An option
 * that is wrong is said, and keeps the zero it had. */
void sl_options_fill(const sl_options *o, const sl_option *rows, void *into,
                     const sl_yaml *mapping);

#endif
