/* listen.c - see listen.h.
 *
 * A socket's path holds 107 bytes, so it is named through a descriptor of its folder. It has its
 * rights before it listens, and its name after that: nobody finds it half made, no umask is changed
 * under the feet of the pool's threads. */
#include "control/listen.h"

#include "control/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG     1024
#define UNREADY     ".admin.sock.new"
#define SOCKET_TYPE (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

static sl_err open_tcp(const sl_address *a, int *fd)
{
    int yes = 1, no = 0;

    *fd = socket(a->addr.ss_family, SOCKET_TYPE, 0);
    if (*fd < 0)
        return -errno;
    (void)setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes); /* after a restart */
    if (a->addr.ss_family == AF_INET6)
        (void)setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(*fd, (const struct sockaddr *)&a->addr, a->len) || listen(*fd, BACKLOG)) {
        sl_err err = -errno;

        close(*fd);
        return err;
    }
    return 0;
}

static unsigned port_of(int fd)
{
    struct sockaddr_in6 addr = {0}; /* the port stands at the same place in both families */
    socklen_t len = sizeof addr;

    (void)getsockname(fd, (struct sockaddr *)&addr, &len);
    return ntohs(addr.sin6_port);
}

sl_err sl_listen_tcp(const char *address, int *fd, unsigned *port)
{
    sl_address a;
    char everywhere[16];
    sl_err err;

    *fd = -1;
    if (!sl_address_parse(address, &a))
        return UV_EINVAL;
    err = open_tcp(&a, fd);
    if (err && err != UV_EADDRINUSE && address[0] == ':') { /* a machine without IPv6 */
        snprintf(everywhere, sizeof everywhere, "0.0.0.0%.8s", address);
        err = sl_address_parse(everywhere, &a) ? open_tcp(&a, fd) : UV_EINVAL;
    }
    if (!err)
        *port = port_of(*fd);
    return err;
}

static struct sockaddr_un name_in(int folder, const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d/%s", folder, name);
    return addr;
}

static sl_err make_local(int folder, int fd)
{
    struct sockaddr_un addr = name_in(folder, UNREADY);

    if (unlinkat(folder, UNREADY, 0) && errno != ENOENT)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&addr, sizeof addr))
        return -errno;
    if (fchmodat(folder, UNREADY, 0600, 0) || listen(fd, BACKLOG) ||
        renameat(folder, UNREADY, folder, SL_SOCKET_NAME)) {
        sl_err err = -errno;

        (void)unlinkat(folder, UNREADY, 0);
        return err;
    }
    return 0;
}

/* Opens the folder and a socket; calls neither bind nor connect. */
static sl_err open_both(const char *dir, int type, int *folder, int *fd)
{
    *folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0)
        return -errno;
    *fd = socket(AF_UNIX, type, 0);
    if (*fd < 0) {
        sl_err err = -errno;

        close(*folder);
        return err;
    }
    return 0;
}

sl_err sl_listen_local(const char *dir, int *folder, int *fd)
{
    sl_err err = open_both(dir, SOCKET_TYPE, folder, fd);

    if (err)
        return err;
    err = make_local(*folder, *fd);
    if (err) {
        close(*folder);
        close(*fd);
    }
    return err;
}

void sl_listen_remove_local(int folder)
{
    (void)unlinkat(folder, SL_SOCKET_NAME, 0);
    close(folder);
}

sl_err sl_listen_connect_local(const char *dir, int *fd)
{
    int folder;
    struct sockaddr_un addr;
    sl_err err = open_both(dir, SOCK_STREAM | SOCK_CLOEXEC, &folder, fd);

    if (err)
        return err;
    addr = name_in(folder, SL_SOCKET_NAME);
    err = connect(*fd, (const struct sockaddr *)&addr, sizeof addr) ? -errno : 0;
    close(folder);
    if (err)
        close(*fd);
    return err;
}
