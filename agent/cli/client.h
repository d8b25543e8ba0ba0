/* client.h - one question to the running agent, through the socket in its state directory.
 *
 * Blocks, for a command line; gives up after 10 s of silence, and beyond 64 MiB. */
#ifndef SL_CLI_CLIENT_H
#define SL_CLI_CLIENT_H

#include "base/buf.h"

/* method   "GET" or "POST"
 * target   path and query, "/api/v1/status?format=text"; encoded already
 * answer   its body, whatever the status
 * returns  the status; 0: nobody answered, or not well, and that was said on stderr, as `who` */
unsigned sl_client_ask(const char *who, const char *state_dir, const char *method,
                       const char *target, sl_buf *answer);

/* Adds "?name=value", or "&name=value" if it is not the first one, with value encoded. */
void sl_client_add_argument(sl_buf *target, const char *name, const char *value);

#endif
