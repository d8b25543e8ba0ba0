/* admin.h - the admin server: HTTP on a TCP port for those who reach it, and on a socket in the state
 * directory for this machine's root, through libmicrohttpd on our own loop.
 *
 * Who may ask what is a column of the route table. One request per connection; an answer is built
 * once and handed over whole, a long one piece by piece.
 *
 * Owns     its sockets, connections and answers
 * Thread   the loop's; no others
 * Fails    a port that is in use is said once a minute and asked for again: logs go on being shipped
 * Limits   64 connections, 16 KiB for a request's head, 4 KiB for its body, which is thrown away;
 *          10 s of silence, 30 s in all; 8 answers above 16 KiB at a time, else 503. While it is
 *          nearly full, who has not asked anything for a second has to go */
#ifndef SL_CONTROL_ADMIN_H
#define SL_CONTROL_ADMIN_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <uv.h>

typedef struct sl_admin sl_admin;
typedef struct sl_request sl_request;

typedef enum {
    SL_ASK_ALL,   /* everyone who reaches the port */
    SL_ASK_LOCAL, /* loopback peers, and the socket */
    SL_ASK_SOCKET /* the socket alone */
} sl_audience;

/* The value of NAME in "?NAME=value", decoded; NULL: it was not given. */
const char *sl_request_argument(const sl_request *r, const char *name);

typedef struct sl_reply {
    unsigned status;  /* 200 unless the handler says otherwise */
    const char *type; /* text/plain unless the handler says otherwise; static */
    sl_buf body;      /* taken over */
    /* A long answer: called again and again after the handler has returned, for about 16 KiB at a
     * time. false: that was the end. NULL: body is all. */
    bool (*more)(void *arg, sl_buf *out);
    void (*free)(void *arg); /* at its end, however it came */
    void *arg;               /* of both */
} sl_reply;

typedef struct sl_route {
    const char *method, *path; /* "GET" answers HEAD too */
    sl_audience audience;
    bool reuse;   /* an answer is given again for 20 times as long as it took to make, whatever the
                   * arguments: however many ask, they cost a twentieth of a core at most */
    bool is_long; /* one of the few at a time */
    void (*handle)(void *arg, const sl_request *r, sl_reply *reply);
} sl_route;

typedef struct sl_admin_options {
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    const char *listen;     /* "": no TCP port */
    const sl_route *routes; /* ended by {0} */
    void *arg;              /* of their handlers */
} sl_admin_options;

/* Listens on the port. Never NULL: what cannot be had is said, and tried again. */
sl_admin *sl_admin_new(const sl_admin_options *options);
/* The socket too: we hold the lock of that directory now. */
void sl_admin_open_socket(sl_admin *a, const char *dir);
/* Stops at once, whoever is being answered; the loop has to turn before it frees itself. */
void sl_admin_close(sl_admin *a); /* accepts NULL */

#endif
