/* http.c - see http.h.
 *
 * libcurl says which sockets it waits for and until when; libuv waits: see sockets.h. */
#include "http.h"

#include "sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#if LIBCURL_VERSION_NUM >= 0x075700
#define QUICK_EXIT(easy) curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)
#define CA_CACHE(easy)   curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S)
#else
#define QUICK_EXIT(easy) (void)(easy)
#define CA_CACHE(easy)   (void)(easy)
#endif

#define CONNECT_MS 10000
#define CA_CACHE_S 10L /* authorities that were replaced are trusted after so long */
/* A compressed body goes out at once, and an answer comes in at once, as far as the kernel takes them. */
#define SEND_BYTES 262144L
#define RECV_BYTES 65536L

struct http {
    http_options options;
    CURLM *multi;
    sockets sockets;
    uv_timer_t timer;
};

struct http_request {
    http *h;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    http_call call;
    bool stopped; /* by on_bytes() */
    char error[CURL_ERROR_SIZE];
};

uint32_t http_random(uint32_t n)
{
    uint32_t random = 0;

    (void)uv_random(NULL, NULL, &random, sizeof random, 0, NULL); /* else 0, which will do */
    return random % n;
}

/* --- ends --- */

static const char *explain(const http_request *r, CURLcode code)
{
    static char text[CURL_ERROR_SIZE + 64];

    if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(text, sizeof text, "no answer within %llu ms",
                 (unsigned long long)r->h->options.timeout_ms);
    else if (*r->error)
        snprintf(text, sizeof text, "%s", r->error);
    else
        snprintf(text, sizeof text, "%s", curl_easy_strerror(code));
    return text;
}

static void free_request(http_request *r)
{
    curl_multi_remove_handle(r->h->multi, r->easy);
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    curl_slist_free_all(r->connect_to);
    free(r);
}

static uint32_t retry_after_ms(CURL *easy)
{
    curl_off_t seconds = 0;

    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds <= 0 ? 0 : seconds > 86400 ? 86400000 : (uint32_t)seconds * 1000;
}

static void on_done(http_request *r, CURLcode code)
{
    http_call call = r->call;
    curl_off_t body = 0;
    long status = 0, head = 0;
    http_end end = {0};

    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->easy, CURLINFO_SIZE_UPLOAD_T, &body);
    curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &head);
    end.wire_bytes = (uint64_t)body + (uint64_t)head;
    end.retry_after_ms = retry_after_ms(r->easy);
    if (code == CURLE_OK || r->stopped)
        end.status = (int)status;
    else
        end.why = explain(r, code);
    free_request(r);
    call.on_end(call.arg, &end);
}

static void collect(http *h)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(h->multi, &left))) {
        CURLcode code = message->data.result;
        http_request *r;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
        on_done(r, code);
    }
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    http_request *r = arg;
    long status = 0;

    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!r->call.on_bytes(r->call.arg, (int)status, bytes, size * n))
        r->stopped = true;
    return r->stopped ? 0 : size * n;
}

/* --- the loop --- */

static void on_ready(void *arg, curl_socket_t socket, int flags)
{
    http *h = arg;
    int running;

    curl_multi_socket_action(h->multi, socket, flags, &running);
    collect(h);
}

static void on_timer(uv_timer_t *timer)
{
    http *h = timer->data;
    int running;

    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(h);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
    http *h = arg;

    (void)multi;
    if (ms < 0)
        uv_timer_stop(&h->timer);
    else
        uv_timer_start(&h->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

/* --- requests --- */

static bool is_set(const char *text)
{
    return text && *text;
}

static void set_tls(const http *h, CURL *easy)
{
    const http_options *o = &h->options;

    curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                     (long)(o->tls_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, o->verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, o->verify ? 2L : 0L);
    CA_CACHE(easy);
    if (is_set(o->ca_file)) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the system's are trusted, too */
    }
    if (is_set(o->cert_file))
        curl_easy_setopt(easy, CURLOPT_SSLCERT, o->cert_file);
    if (is_set(o->key_file))
        curl_easy_setopt(easy, CURLOPT_SSLKEY, o->key_file);
    if (is_set(o->key_password))
        curl_easy_setopt(easy, CURLOPT_KEYPASSWD, o->key_password);
}

static void set_connection(const http *h, CURL *easy)
{
    const http_options *o = &h->options;
    long age = (long)((o->max_age_ms + 999) / 1000), limit = CONNECT_MS;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    QUICK_EXIT(easy); /* a name that is still being looked up is not waited for */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
    if ((long)o->timeout_ms < limit)
        limit = (long)o->timeout_ms;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, limit);
    if (age > 0) /* so that many agents do not come back in the same second */
        age -= (long)http_random((uint32_t)age / 5 + 1);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, age);
    if (!strcmp(o->proxy, "env"))
        return;
    curl_easy_setopt(easy, CURLOPT_PROXY, strcmp(o->proxy, "none") ? o->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); /* else the environment makes exceptions */
}

static void set_body(CURL *easy, sl_slice body)
{
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECV_BYTES);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
}

static bool set_headers(http_request *r)
{
    for (const char *const *header = r->call.headers; *header; header++) {
        struct curl_slist *more = curl_slist_append(r->headers, *header);

        if (!more)
            return false;
        r->headers = more;
    }
    curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
    if (!r->call.connect_to)
        return true;
    r->connect_to = curl_slist_append(NULL, r->call.connect_to);
    curl_easy_setopt(r->easy, CURLOPT_CONNECT_TO, r->connect_to);
    return r->connect_to;
}

static bool set_call(http_request *r)
{
    const http_call *call = &r->call;

    curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(r->easy, CURLOPT_URL, call->url);
    curl_easy_setopt(r->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    /* short answers are not worth it; a proxy that compresses them in spite of that is understood */
    curl_easy_setopt(r->easy, CURLOPT_ACCEPT_ENCODING, "identity");
    curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    if (is_set(call->user)) {
        curl_easy_setopt(r->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(r->easy, CURLOPT_USERNAME, call->user);
        curl_easy_setopt(r->easy, CURLOPT_PASSWORD, call->password);
    }
    return set_headers(r);
}

http_request *http_send(http *h, const http_call *call)
{
    http_request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    *r = (http_request){.h = h, .call = *call, .easy = curl_easy_init()};
    if (!r->easy || !set_call(r)) {
        free_request(r);
        return NULL;
    }
    set_tls(h, r->easy);
    set_connection(h, r->easy);
    sockets_use(&h->sockets, r->easy);
    set_body(r->easy, call->body);
    if (curl_multi_add_handle(h->multi, r->easy)) {
        free_request(r);
        return NULL;
    }
    return r;
}

void http_cancel(http_request *r)
{
    free_request(r);
}

/* --- its life --- */

http *http_new(const http_options *options)
{
    http *h = calloc(1, sizeof *h);

    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(h);
        return NULL;
    }
    h->options = *options;
    h->multi = curl_multi_init();
    if (!h->multi) {
        curl_global_cleanup();
        free(h);
        return NULL;
    }
    uv_timer_init(options->loop, &h->timer);
    h->timer.data = h;
    h->sockets = (sockets){.loop = options->loop, .multi = h->multi, .ready = on_ready, .arg = h};
    sockets_init(&h->sockets);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)options->connections);
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return h;
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void http_close(http *h)
{
    if (!h)
        return;
    curl_multi_cleanup(h->multi); /* lets go of the sockets, one by one */
    curl_global_cleanup();
    uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}
