/* templates.h - an output's templates: from texts to what its lane renders, every mistake shown where
 * it stands. */
#ifndef SL_CONTROL_TEMPLATES_H
#define SL_CONTROL_TEMPLATES_H

#include "control/config.h"
#include "control/options.h"

/* Fills in out->frame: its plugin's frame, and what its SL_TEMPLATE options say.
 * node     the output's mapping
 * c        as far as it was read: constant fields, cluster, inputs */
void sl_templates_read(const sl_options *o, const sl_yaml *node, const sl_config *c,
                       sl_output_config *out);
void sl_templates_free(sl_frame_templates *frame);

#endif
