/* config_check.h - what must hold in a configuration, and no row of one option can say. Each mistake
 * is said, with its place and its remedy.
 *
 * Thread   the loop's */
#ifndef SL_CONTROL_CONFIG_CHECK_H
#define SL_CONTROL_CONFIG_CHECK_H

#include "control/config.h"
#include "control/options.h"

/* A configuration on its way. */
typedef struct sl_reading {
    sl_config *c;
    sl_store *store;
    sl_config_files files;
    sl_mistakes mistakes, warnings;
    sl_source_text *texts; /* the file, then each --set */
    sl_yaml *root;
    bool built_in;
    bool lacks_plugin; /* a file of `plugins` is not there: an unknown type may have been its */
} sl_reading;

/* Where that option stands; where its mapping does, if it is not given. */
static inline sl_spot sl_spot_of(const sl_yaml *mapping, const char *path)
{
    const sl_yaml *node = sl_yaml_find(mapping, path);

    return node ? node->at : mapping->at;
}

/* Of one input: what it selects, its path, and what has more than one form, which is read here. */
void sl_check_input(const sl_options *o, const sl_yaml *node, sl_input_config *in);
/* It and the shares of memory. */
void sl_check_record(sl_reading *r, const sl_yaml *node, const sl_input_config *in);
/* It and the inputs before it. */
void sl_check_path(sl_reading *r, const sl_yaml *item, const char *who, const sl_input_config *in);

/* Of one output. */
void sl_check_output(const sl_options *o, const sl_yaml *node, const sl_output_config *out);
/* It and the shares of memory. */
void sl_check_memory(sl_reading *r, const sl_yaml *node, const sl_output_config *out);
/* It and the outputs before it. */
void sl_check_name(sl_reading *r, const sl_yaml *item, const sl_output_config *out);

/* What concerns more than one of root, inputs and outputs. */
void sl_check_whole(sl_reading *r);

#endif
