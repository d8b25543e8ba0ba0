/* address.c - see address.h. */
#include "control/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define MAX_HOST 64

static bool parse_port(const char *text, in_port_t *port)
{
    size_t len = strlen(text);
    unsigned long value = strtoul(text, NULL, 10);

    if (len < 1 || len > 5 || strspn(text, "0123456789") != len || value > UINT16_MAX)
        return false;
    *port = htons((uint16_t)value);
    return true;
}

static void put_v4(sl_address *out, in_port_t port, const char *host, bool *good)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&out->addr;

    in->sin_family = AF_INET;
    in->sin_port = port;
    out->len = sizeof *in;
    *good = inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static void put_v6(sl_address *out, in_port_t port, const char *host, bool *good)
{
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&out->addr;

    in->sin6_family = AF_INET6;
    in->sin6_port = port;
    out->len = sizeof *in;
    *good = inet_pton(AF_INET6, host, &in->sin6_addr) == 1;
}

bool sl_address_parse(const char *text, sl_address *out)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char host[MAX_HOST];
    in_port_t port;
    bool good;

    *out = (sl_address){0};
    if (!colon || len >= sizeof host || !parse_port(colon + 1, &port))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (len == 0) {
        put_v6(out, port, "::", &good);
    } else if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        put_v6(out, port, host + 1, &good);
    } else {
        put_v4(out, port, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &good);
    }
    return good;
}

bool sl_address_is_loopback(const struct sockaddr *addr)
{
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
    const struct in_addr *four = &((const struct sockaddr_in *)(const void *)addr)->sin_addr;

    if (addr->sa_family == AF_INET)
        return ntohl(four->s_addr) >> 24 == 127;
    if (addr->sa_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

bool sl_address_names_loopback(const char *host)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    char name[MAX_HOST];
    size_t len = end ? (size_t)(end - host) + 1 : strcspn(host, ":");
    struct in_addr four;

    if (len >= sizeof name)
        return false;
    memcpy(name, host, len);
    name[len] = '\0';
    if (strcmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}
