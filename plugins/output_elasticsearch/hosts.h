/* hosts.h - the servers of an output: one after the other, and one that fails is left out for a while
 * that grows from one second to a minute. */
#ifndef HOSTS_H
#define HOSTS_H

#include <sluice/plugin.h>

typedef struct server {
    char *url;        /* with the path and what is asked of it */
    char *shown;      /* scheme, name and port: for messages */
    char *connect_to; /* NULL: to the URL's own name */
    uint64_t out_ms;  /* how long it is left out; 0: it works */
    uint64_t out_until_ms;
} server;

/* Embedded. */
typedef struct hosts {
    server *servers;
    size_t count, next;
} hosts;

/* Says what is wrong with each of them. */
void hosts_check(const sl_texts *urls, sl_mistake_fn *mistake, void *arg);

/* They have been checked, and there are some.
 *
 * server_name   that a certificate must have instead of the URL's; empty: none
 * target        behind each URL: "/_bulk?..." */
void hosts_init(hosts *h, const sl_texts *urls, const char *server_name, const char *target);
void hosts_fini(hosts *h);

/* The next one; if all are left out, the one whose time is over first. */
server *hosts_next(hosts *h, uint64_t now_ms);
void hosts_failed(server *s, uint64_t now_ms);
void hosts_worked(server *s);

#endif
