/* listen.h - the two doors of the admin server: a TCP port, and a socket in the state directory. */
#ifndef SL_CONTROL_LISTEN_H
#define SL_CONTROL_LISTEN_H

#include "base/base.h"

#include <uv.h>

#define SL_SOCKET_NAME "admin.sock"

/* A listening socket for an address that sl_address_parse() knows.
 * port     which one it has; of interest where 0 was asked for
 * returns  0 or an errno: UV_EADDRINUSE, it is somebody else's */
SL_MUST_USE sl_err sl_listen_tcp(const char *address, int *fd, unsigned *port);

/* `dir`/admin.sock, for its owner alone (0600). What is there by that name is replaced: the caller
 * holds the directory's lock, so it is nobody's any more. Paths of any length work.
 * folder   a descriptor of `dir`, for remove_local(), which takes it */
SL_MUST_USE sl_err sl_listen_local(const char *dir, int *folder, int *fd);
/* From that folder, wherever it is now: another agent may have made a new one by its name. */
void sl_listen_remove_local(int folder);

/* The other end of it. returns UV_ENOENT, UV_ECONNREFUSED: nobody listens there */
SL_MUST_USE sl_err sl_listen_connect_local(const char *dir, int *fd);

#endif
