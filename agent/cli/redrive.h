/* redrive.h - dead letters on their way once more, through the output's own plugin.
 *
 * The output is opened here, without an agent: whoever calls holds the lock of the state directory.
 * What it takes is deleted; what it refuses again, or cannot take, stays. */
#ifndef SL_CLI_REDRIVE_H
#define SL_CLI_REDRIVE_H

#include "control/config.h"

typedef struct sl_redriven {
    size_t delivered, left, twice, damaged; /* entries; twice: with the place of another one */
    char *words;                            /* why the last one of those left is; NULL: none is */
} sl_redriven;

/* reason   of the entries that are meant; NULL: all
 * returns  0, though some may be left; else nothing more could be done, and that was said */
SL_MUST_USE sl_err sl_redrive(const sl_config *c, const sl_output_config *o, const char *reason,
                              sl_redriven *out);

#endif
