/* http.h - HTTP requests through libcurl on the host's loop: connections that are kept, bodies that
 * are not copied, answers that are handed on as they come.
 *
 * Owns     its handles on the loop, connections, requests that are out
 * Thread   the loop's; libcurl resolves names on threads of its own
 * Limits   HTTP/1.1; redirects are not followed; one time-out for a request as a whole */
#ifndef HTTP_H
#define HTTP_H

#include <sluice/plugin.h>

typedef struct http http;
typedef struct http_request http_request;

/* Texts are borrowed, and live as long as the http; NULL or empty: none. */
typedef struct http_options {
    struct uv_loop_s *loop;
    const char *ca_file, *cert_file, *key_file, *key_password;
    bool verify, tls_1_3; /* not less than TLS 1.3, else 1.2 */
    const char *proxy;    /* "none", "env" or a URL */
    uint64_t timeout_ms;
    uint64_t max_age_ms;  /* of a connection, less up to a fifth, by chance */
    uint32_t connections; /* kept at most */
} http_options;

/* How a request ended. */
typedef struct http_end {
    int status;      /* of HTTP; 0: there was no whole answer, see why */
    const char *why; /* valid until the call returns */
    uint32_t retry_after_ms;
    uint64_t wire_bytes; /* sent */
} http_end;

typedef struct http_call {
    const char *url;        /* copied, as all texts are */
    const char *connect_to; /* another place to connect to, as libcurl writes it; NULL: the URL's */
    const char *user, *password;
    const char *const *headers; /* "name: value", ended by NULL */
    sl_slice body;              /* borrowed until it has ended */
    /* A part of the answer's body. false: the rest is not wanted, and it ends with its status. */
    bool (*on_bytes)(void *arg, int status, const char *bytes, size_t len);
    void (*on_end)(void *arg, const http_end *end); /* the request is gone */
    void *arg;
} http_call;

/* NULL: libcurl does not work here. */
http *http_new(const http_options *options);
/* No request may be out. Its handles are closed on the loop. */
void http_close(http *h); /* accepts NULL */

/* on_end() is called later, never from within. NULL: no memory for it. */
http_request *http_send(http *h, const http_call *call);
/* It is gone, and on_end() is not called. */
void http_cancel(http_request *r);

/* 0 to n - 1. */
uint32_t http_random(uint32_t n);

#endif
