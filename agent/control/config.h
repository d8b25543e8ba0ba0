/* config.h - sluice.yaml as one immutable struct, or every mistake in it at once.
 *
 * Owns     a sl_config owns all its texts; plugins' instances borrow them
 * Thread   the loop's */
#ifndef SL_CONTROL_CONFIG_H
#define SL_CONTROL_CONFIG_H

#include "base/buf.h"
#include "base/log.h"
#include "control/bounds.h"
#include "control/plugin.h"
#include "shape/encode.h"
#include "shape/select.h"

typedef enum { SL_JOIN_NOW, SL_JOIN_BEGINNING } sl_join_at;
typedef enum { SL_DEAD_WAIT, SL_DEAD_DROP } sl_dead_full;
typedef enum { SL_STORM_WAIT, SL_STORM_CONTINUE } sl_reject_storm;
typedef enum { SL_FOLLOW_AUTO, SL_FOLLOW_POLL } sl_follow_mode;

typedef enum { SL_INPUT_PODS, SL_INPUT_FILES } sl_input_type;

typedef struct sl_input_config {
    int type;         /* sl_input_type */
    const char *path; /* of pods */
    sl_texts paths;   /* of files: globs */
    int format;       /* of files: sl_line_format */
    sl_pairs fields;  /* of files */
    sl_texts allowed_roots;
    sl_choice_lists select, exclude; /* of pods */
    const char *start_at;            /* as it was written */
    sl_start start;
    int follow; /* sl_follow_mode */
    uint64_t max_record, partial_timeout_ms;
    int on_oversize; /* sl_on_oversize */
    bool skip_empty;
    uint64_t ignore_older_ms; /* 0: never */
    uint64_t pin_max_bytes;
    const char *pin_min_free; /* as it was written */
    sl_pin_free pin_free;
} sl_input_config;

static inline bool sl_input_is_files(const sl_input_config *in)
{
    return in->type == SL_INPUT_FILES;
}

typedef struct sl_output_config {
    const char *name;
    const sl_plugin *plugin;
    void *self; /* plugin->self_size bytes, zeroed, options filled in: copied for each instance */
    sl_choice_lists select, exclude;
    sl_pairs fields;
    int start_at;             /* sl_join_at */
    int encoding;             /* sl_encoding */
    int schema;               /* sl_schema */
    sl_frame_templates frame; /* owned */
    sl_stamp stamp;           /* name NULL: the schema's own time */
    uint64_t max_bytes, max_records, max_age_ms;
    uint64_t max_in_flight;
    uint64_t retry_initial_ms, retry_max_ms, retry_limit;
    uint64_t dead_max_bytes;
    int dead_when_full; /* sl_dead_full */
    int reject_storm;   /* sl_reject_storm */
} sl_output_config;

typedef struct sl_config {
    const char *file; /* NULL: the built-in default */
    const char *cluster, *node, *state_dir;
    sl_pairs fields;
    sl_texts plugins;
    sl_plugin_set known; /* what a `type` may name; those in files that it did name are loaded */
    uint64_t memory_limit, checkpoint_interval_ms, shutdown_timeout_ms;
    bool own_logs;
    const char *admin_listen;  /* "": no port */
    int log_level, log_format; /* sl_level, sl_log_format */
    sl_input_config *inputs;
    size_t input_count; /* > 0 */
    sl_output_config *outputs;
    size_t output_count; /* > 0 */
} sl_config;

#define SL_NAME_FORM "takes 1 to 64 of the characters a-z A-Z 0-9 . _ -, and no . in front"

/* May an output be called so? It names a lane, its metrics and a folder. */
bool sl_config_is_name(const char *name);

/* Who looks at the files that outputs' options name. */
typedef enum {
    SL_FILES_UNSEEN, /* nobody: they are not used now */
    SL_FILES_AWAY,   /* one that cannot be read here may be there where the agent runs: a warning */
    SL_FILES_NEEDED
} sl_config_files;

/* Reads, expands ${...}, checks. `sets` are `--set` values, "key=value" each.
 * file      NULL: /etc/sluice/sluice.yaml if it exists, else the built-in default
 * files     where a configuration names what cannot be read
 * errors    every mistake, a paragraph each: place, line, caret, remedy; or else the warnings
 * returns   NULL if there was any mistake */
sl_config *sl_config_load(sl_config_files files, const char *file, const char *const *sets,
                          size_t set_count, sl_buf *errors);
/* The same from memory, and SL_FILES_UNSEEN; `name` is what error texts call it. */
sl_config *sl_config_parse(const char *name, sl_slice yaml, const char *const *sets,
                           size_t set_count, sl_buf *errors);
void sl_config_free(sl_config *c); /* accepts NULL */

/* The whole configuration with its defaults as YAML; secrets and file contents as ***. */
void sl_config_dump(const sl_config *c, sl_buf *out);

/* All options as `sluice options [PLUGIN]` prints them. Loads the modules that it describes.
 * plugin    NULL: the agent's own and a list of plugins
 * json      a line for each, instead of a table
 * returns   NULL, or why it cannot be described, which c owns */
SL_MUST_USE const char *sl_config_describe(sl_config *c, const char *plugin, bool json,
                                           sl_buf *out);

#endif
