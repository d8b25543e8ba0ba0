/* redrive.h - dead letters on their way once more, without an agent: the output is opened here, and
 * whoever calls holds the lock of the state directory. */
#ifndef SL_CLI_REDRIVE_H
#define SL_CLI_REDRIVE_H

#include "control/config.h"
#include "ship/redrive.h"

/* reason   of the entries that are meant; NULL: all
 * out      its words and its file are the caller's
 * returns  0; else the output could not be opened, and that was said */
SL_MUST_USE sl_err sl_cli_redrive(const sl_config *c, const sl_output_config *o, const char *reason,
                                  sl_redriven *out);

#endif
