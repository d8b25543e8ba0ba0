/* address.h - network addresses as options write them, and which of them are our own machine's. */
#ifndef SL_CONTROL_ADDRESS_H
#define SL_CONTROL_ADDRESS_H

#include "base/base.h"

#include <sys/socket.h>

typedef struct sl_address {
    struct sockaddr_storage addr;
    socklen_t len;
} sl_address;

/* "127.0.0.1:9600", "localhost:9600", "[::1]:9600"; ":9600" is every address of this machine, IPv4
 * too. Names are not looked up. false: it is none of these. */
SL_MUST_USE bool sl_address_parse(const char *text, sl_address *out);

/* 127.0.0.0/8 or ::1, or the first written as an IPv6 address. */
bool sl_address_is_loopback(const struct sockaddr *addr);

/* What a browser puts into `Host:` for such an address, with or without a port. */
bool sl_address_names_loopback(const char *host);

#endif
