/* sockets.h - the sockets that libcurl waits for, on the host's loop.
 *
 * A connection's socket stays watched for as long as it is open: from one request to the next libcurl
 * wants it no more for a moment, and to take it out of epoll and put it in again would cost more system
 * calls than the request itself.
 *
 * Owns     its handles on the loop, and the file descriptors of connections
 * Thread   the loop's */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <curl/curl.h>

struct uv_loop_s;

typedef struct watched watched;

/* Embedded. */
typedef struct sockets {
    struct uv_loop_s *loop;
    CURLM *multi;
    /* Something happened that libcurl waits for: CURL_CSELECT_... */
    void (*ready)(void *arg, curl_socket_t socket, int flags);
    void *arg;
    watched *first;
} sockets;

/* What libcurl wants of its sockets goes through *s from now on, whose members are set. */
void sockets_init(sockets *s);

/* Connections of that transfer open and close their sockets through s. */
void sockets_use(sockets *s, CURL *easy);

#endif
