/* sockets.c - see sockets.h. A socket's uv_poll_t lives on the heap, since libuv may still hold it when
 * the socket is closed. */
#include "sockets.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

struct watched {
    watched *next;
    sockets *all;
    curl_socket_t socket;
    bool is_connection; /* else it is one of libcurl's own, which it closes by itself */
    int wanted;         /* UV_READABLE and UV_WRITABLE; 0: libcurl does not wait for it */
    int polled;         /* what the loop waits for */
    uv_poll_t poll;
};

static watched **find(sockets *s, curl_socket_t socket)
{
    watched **at = &s->first;

    while (*at && (*at)->socket != socket)
        at = &(*at)->next;
    return at;
}

static watched *watch(sockets *s, curl_socket_t socket, bool is_connection)
{
    watched *w = calloc(1, sizeof *w);

    if (!w)
        abort(); /* as the agent does: what was not acknowledged is read again */
    w->all = s;
    w->socket = socket;
    w->is_connection = is_connection;
    w->poll.data = w;
    if (uv_poll_init_socket(s->loop, &w->poll, socket)) {
        free(w);
        return NULL;
    }
    w->next = s->first;
    s->first = w;
    return w;
}

static void on_closed(uv_handle_t *poll)
{
    free(poll->data);
}

static void unwatch(sockets *s, curl_socket_t socket)
{
    watched **at = find(s, socket), *w = *at;

    if (!w)
        return;
    *at = w->next;
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* What is not wanted any more is still waited for, since it will be again, if it does not come at once. */
static bool wait_for(watched *w, int wanted)
{
    w->wanted = wanted;
    if (wanted == w->polled || (!wanted && w->polled == UV_READABLE))
        return true;
    w->polled = wanted;
    return wanted ? !uv_poll_start(&w->poll, wanted, on_ready) : !uv_poll_stop(&w->poll);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    watched *w = poll->data;
    sockets *s = w->all;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

    if (status < 0) {
        /* told nothing, libcurl looks by itself: words may have come before the error */
        flags = 0;
        w->polled = 0; /* libuv has stopped it */
        (void)wait_for(w, w->wanted);
    }
    if (w->wanted) {
        s->ready(s->arg, w->socket, flags);
        return; /* w may be gone */
    }
    /* The far end has closed it: libcurl looks before it sends the next request. */
    uv_poll_stop(poll);
    w->polled = 0;
}

static int on_want(CURL *easy, curl_socket_t socket, int what, void *arg, void *unused)
{
    sockets *s = arg;
    watched *w = *find(s, socket);
    int wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        if (w && w->is_connection)
            return wait_for(w, 0) ? 0 : -1;
        unwatch(s, socket);
        return 0;
    }
    if (!w)
        w = watch(s, socket, false);
    return w && wait_for(w, wanted) ? 0 : -1;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (watch(arg, fd, true))
        return fd;
    close(fd);
    return CURL_SOCKET_BAD;
}

static int on_close(void *arg, curl_socket_t socket)
{
    unwatch(arg, socket);
    return close(socket);
}

void sockets_init(sockets *s)
{
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_want);
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
}

void sockets_use(sockets *s, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, s);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, s);
}
