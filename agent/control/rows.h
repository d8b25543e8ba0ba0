/* rows.h - the agent's own options: all that sluice.yaml may hold, but for a plugin's own.
 *
 * What is promised and not built yet has its row too, so that it is refused by its name. */
#ifndef SL_CONTROL_ROWS_H
#define SL_CONTROL_ROWS_H

#include "control/config.h"
#include "control/expand.h"
#include "control/plugin.h"

extern const sl_option sl_root_rows[];       /* into sl_config */
extern const sl_option sl_list_rows[];       /* into nothing: lists of what has the rows below */
extern const sl_option sl_input_type_rows[]; /* these four into sl_input_config */
extern const sl_option sl_input_rows[];      /* of inputs of both types; before them stand */
extern const sl_option sl_pods_rows[];       /* those of type kubernetes, */
extern const sl_option sl_files_rows[];      /* or of type file */
extern const sl_option sl_output_rows[];     /* into sl_output_config; good for a dump alone */

typedef struct sl_output_type {
    int plugin; /* which of the set's */
} sl_output_type;

/* `type`: all outputs of the set, and those that are promised. Into sl_output_type. */
const sl_option *sl_output_type_rows(sl_store *store, const sl_plugin_set *set);
/* sl_output_rows with a plugin's own defaults and bounds.
 * encoding  the default; what is filled in is a place among the plugin's encodings */
const sl_option *sl_output_rows_for(sl_store *store, const sl_plugin *p, const char *encoding);

#endif
