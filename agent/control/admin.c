/* admin.c - see admin.h.
 *
 * libmicrohttpd has an epoll descriptor of its own for each door; libuv watches that descriptor, and
 * a timer runs while there are connections. A library that counts silence alone would let a client
 * live for ever that sends or takes a byte now and then, so visitors have an age too: the one that
 * stays too long finds its socket shut down, which the library takes for its leaving.
 *
 * Owns     doors, visitors; answers through the library's counts of them */
#include "control/admin.h"

#include "base/list.h"
#include "control/address.h"
#include "control/listen.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_VISITORS 64
#define CROWDED      56 /* from here on the silent ones have to go */
#define SILENT_MS    UINT64_C(1000)
#define MAX_VISIT_MS UINT64_C(30000)
#define SWEEP_MS     UINT64_C(1000)
#define IDLE_S       10u
#define HEAD_BYTES   ((size_t)16 << 10)
#define BODY_BYTES   4096
#define LARGE        ((size_t)16 << 10)
#define MAX_LARGE    8
#define PIECE        ((size_t)16 << 10)
#define AGAIN_MS     UINT64_C(5000)
#define COMPLAIN_MS  UINT64_C(60000)
#define MAX_ROUTES   16
#define REUSE        20

/* One way in. */
typedef struct door {
    sl_admin *admin;
    struct MHD_Daemon *daemon; /* NULL: shut */
    bool is_socket;
    uv_poll_t poll;
    uv_timer_t timer;
    sl_link visitors; /* the oldest first */
    unsigned count;
    uint64_t swept_ms;
} door;

/* One connection. */
typedef struct visitor {
    sl_link link;
    int fd;
    uint64_t since_ms;
    bool asked;       /* its request's head is whole */
    size_t body_left; /* that it may still send */
} visitor;

/* An answer that may be given again. */
typedef struct kept {
    struct MHD_Response *response; /* NULL: none */
    unsigned status;
    uint64_t until_ns; /* of uv_hrtime() */
} kept;

struct sl_admin {
    sl_admin_options options;
    door port, local;
    int folder; /* of the local socket; -1: not open */
    uv_timer_t again;
    uint64_t complained_ms;
    unsigned large; /* answers alive */
    kept kept[MAX_ROUTES];
    unsigned handles; /* not closed yet */
};

struct sl_request {
    struct MHD_Connection *connection;
};

const char *sl_request_argument(const sl_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* --- visitors --- */

static void show_out(visitor *v)
{
    (void)shutdown(v->fd, SHUT_RDWR);
}

static void make_way(door *d, uint64_t now)
{
    SL_LIST_EACH(&d->visitors, link)
    {
        visitor *v = SL_CONTAINER_OF(link, visitor, link);

        if (!v->asked && now - v->since_ms >= SILENT_MS)
            show_out(v);
    }
}

/* Once a second, however much is going on. */
static void sweep(door *d)
{
    uint64_t now = sl_now_ms(d->admin->options.clock);

    if (now - d->swept_ms < SWEEP_MS)
        return;
    d->swept_ms = now;
    SL_LIST_EACH(&d->visitors, link)
    {
        visitor *v = SL_CONTAINER_OF(link, visitor, link);

        if (now - v->since_ms < MAX_VISIT_MS)
            break;
        show_out(v);
    }
    if (d->count >= CROWDED)
        make_way(d, now);
}

static void on_visit(void *arg, struct MHD_Connection *c, void **context,
                     enum MHD_ConnectionNotificationCode what)
{
    door *d = arg;
    visitor *v = *context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        v = sl_alloc(sizeof *v);
        v->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        v->since_ms = sl_now_ms(d->admin->options.clock);
        v->body_left = BODY_BYTES;
        sl_list_append(&d->visitors, &v->link);
        d->count++;
        *context = v;
    } else if (v) {
        sl_list_remove(&v->link);
        d->count--;
        free(v);
        *context = NULL;
    }
}

/* --- answers --- */

/* What the library holds of one answer. */
typedef struct answer {
    sl_admin *admin;
    sl_reply reply;
    size_t given; /* of its body, if there is more */
    bool is_large, is_last;
} answer;

static void free_answer(void *arg)
{
    answer *s = arg;

    s->admin->large -= s->is_large;
    if (s->reply.free)
        s->reply.free(s->reply.arg);
    sl_buf_fini(&s->reply.body);
    free(s);
}

static ssize_t give_more(void *arg, uint64_t at, char *out, size_t max)
{
    answer *s = arg;
    sl_buf *b = &s->reply.body;
    size_t n;

    (void)at;
    while (s->given == b->len && !s->is_last) {
        s->given = b->len = 0;
        s->is_last = !s->reply.more(s->reply.arg, b);
    }
    n = b->len - s->given < max ? b->len - s->given : max;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(out, b->ptr + s->given, n);
    s->given += n;
    return (ssize_t)n;
}

static struct MHD_Response *make_response(sl_admin *a, sl_reply *reply)
{
    answer *s = sl_alloc(sizeof *s);
    struct MHD_Response *r;

    *s = (answer){.admin = a, .reply = *reply};
    s->is_large = reply->more || reply->body.cap > LARGE;
    a->large += s->is_large;
    if (reply->more)
        r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, give_more, s, free_answer);
    else
        r = MHD_create_response_from_buffer_with_free_callback_cls(reply->body.len, reply->body.ptr,
                                                                   free_answer, s);
    if (!r) {
        free_answer(s);
        return NULL;
    }
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    return r;
}

static enum MHD_Result refuse(sl_admin *a, struct MHD_Connection *c, unsigned status,
                              const char *why)
{
    sl_reply reply = {.status = status, .type = "text/plain; charset=utf-8"};
    struct MHD_Response *r;
    enum MHD_Result queued;

    sl_buf_add_text(&reply.body, why);
    r = make_response(a, &reply);
    if (!r)
        return MHD_NO;
    queued = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return queued;
}

static void forget_kept(kept *k)
{
    if (k->response)
        MHD_destroy_response(k->response);
    *k = (kept){0};
}

/* The response to route number i, made now or a moment ago; it is the caller's. NULL: too much is
 * being answered already. */
static struct MHD_Response *respond(sl_admin *a, size_t i, const sl_request *request,
                                    unsigned *status)
{
    const sl_route *route = &a->options.routes[i];
    uint64_t begin_ns = uv_hrtime();
    sl_reply reply = {.status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8"};
    struct MHD_Response *r;
    kept *k = &a->kept[i];

    if (k->response && begin_ns < k->until_ns) {
        *status = k->status;
        return k->response;
    }
    forget_kept(k);
    if (route->is_long && a->large >= MAX_LARGE)
        return NULL;
    route->handle(a->options.arg, request, &reply);
    r = make_response(a, &reply);
    *status = reply.status;
    if (r && route->reuse)
        *k = (kept){r, reply.status, uv_hrtime() + (uv_hrtime() - begin_ns) * REUSE};
    return r;
}

/* --- requests --- */

static bool is_from_here(const door *d, struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *peer;
    const char *host;

    if (d->is_socket)
        return true;
    peer = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    return peer && sl_address_is_loopback(peer->client_addr) &&
           (!host || sl_address_names_loopback(host)) && /* else a name that points here today */
           !MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN);
}

static bool may_ask(const door *d, const sl_route *route, struct MHD_Connection *c)
{
    return route->audience == SL_ASK_ALL || d->is_socket ||
           (route->audience == SL_ASK_LOCAL && is_from_here(d, c));
}

static bool is_method(const sl_route *route, const char *method)
{
    return !strcmp(route->method, method) ||
           (!strcmp(route->method, "GET") && !strcmp(method, "HEAD"));
}

static enum MHD_Result answer_route(door *d, size_t i, struct MHD_Connection *c)
{
    sl_admin *a = d->admin;
    sl_request request = {c};
    enum MHD_Result queued;
    struct MHD_Response *r;
    unsigned status;

    r = respond(a, i, &request, &status);
    if (!r)
        return refuse(a, c, MHD_HTTP_SERVICE_UNAVAILABLE, "busy: ask again in a moment\n");
    queued = MHD_queue_response(c, status, r);
    if (r != a->kept[i].response)
        MHD_destroy_response(r);
    return queued;
}

static enum MHD_Result answer_path(door *d, struct MHD_Connection *c, const char *path,
                                   const char *method)
{
    const sl_route *routes = d->admin->options.routes;
    bool known = false;

    for (size_t i = 0; routes[i].path; i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        known = true;
        if (!is_method(&routes[i], method))
            continue;
        if (!may_ask(d, &routes[i], c))
            return refuse(d->admin, c, MHD_HTTP_FORBIDDEN,
                          "only from this machine: through admin.sock in the state directory, or "
                          "from a loopback address\n");
        return answer_route(d, i, c);
    }
    return known ? refuse(d->admin, c, MHD_HTTP_METHOD_NOT_ALLOWED, "not by that method\n")
                 : refuse(d->admin, c, MHD_HTTP_NOT_FOUND, "there is nothing by that name\n");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **state)
{
    visitor *v = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    (void)version, (void)body;
    if (!*state) { /* the head alone */
        *state = v;
        v->asked = true;
        return MHD_YES;
    }
    if (*body_len == 0)
        return answer_path(arg, c, path, method);
    if (*body_len > v->body_left)
        return MHD_NO;
    v->body_left -= *body_len;
    *body_len = 0;
    return MHD_YES;
}

/* --- doors --- */

static void on_timer(uv_timer_t *timer);

/* Who left makes place for the next one, whom the library looks for in its next turn. */
static void turn(door *d)
{
    MHD_UNSIGNED_LONG_LONG wait = 0;
    unsigned before = d->count;

    sweep(d);
    (void)MHD_run(d->daemon);
    if (before == 0 && d->count == 0) {
        uv_timer_stop(&d->timer);
        return;
    }
    if (d->count < before)
        wait = 0;
    else if (MHD_get_timeout(d->daemon, &wait) != MHD_YES || wait > SWEEP_MS)
        wait = SWEEP_MS;
    uv_timer_start(&d->timer, on_timer, wait, 0);
}

static void on_timer(uv_timer_t *timer)
{
    turn(SL_CONTAINER_OF(timer, door, timer));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    turn(SL_CONTAINER_OF(poll, door, poll));
}

/* Takes fd. false: the library refused. */
static bool open_door(door *d, int fd)
{
    const union MHD_DaemonInfo *info;

    d->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, d, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_VISITORS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_BYTES, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_visit, d, MHD_OPTION_END);
    if (!d->daemon) {
        close(fd);
        return false;
    }
    info = MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    SL_ASSERT(uv_poll_init(d->admin->options.loop, &d->poll, info->epoll_fd) == 0);
    SL_ASSERT(uv_poll_start(&d->poll, UV_READABLE, on_readable) == 0);
    uv_timer_init(d->admin->options.loop, &d->timer);
    d->admin->handles += 2;
    return true;
}

static void on_again(uv_timer_t *timer);

static void complain(sl_admin *a, sl_err err)
{
    uint64_t now = sl_now_ms(a->options.clock);

    if (!a->complained_ms || now - a->complained_ms >= COMPLAIN_MS) {
        a->complained_ms = now;
        sl_logf(a->options.log, SL_LOG_WARN,
                "admin.listen: %s: %s; logs are shipped all the same, and it is tried again",
                a->options.listen, sl_strerror(err));
    }
    uv_timer_start(&a->again, on_again, AGAIN_MS, 0);
}

static void open_port(sl_admin *a)
{
    unsigned port = 0;
    int fd;
    sl_err err = sl_listen_tcp(a->options.listen, &fd, &port);

    if (!err && !open_door(&a->port, fd))
        err = UV_EMFILE;
    if (err)
        complain(a, err);
    else
        sl_logf(a->options.log, SL_LOG_INFO, "admin: listens on %s, port %u", a->options.listen,
                port);
}

static void on_again(uv_timer_t *timer)
{
    open_port(SL_CONTAINER_OF(timer, sl_admin, again));
}

sl_admin *sl_admin_new(const sl_admin_options *options)
{
    sl_admin *a = sl_alloc(sizeof *a);

    a->options = *options;
    a->port.admin = a->local.admin = a;
    a->local.is_socket = true;
    a->folder = -1;
    sl_list_init(&a->port.visitors);
    sl_list_init(&a->local.visitors);
    uv_timer_init(options->loop, &a->again);
    a->handles = 1;
    if (*options->listen)
        open_port(a);
    return a;
}

void sl_admin_open_socket(sl_admin *a, const char *dir)
{
    int fd;
    sl_err err = sl_listen_local(dir, &a->folder, &fd);

    if (!err && !open_door(&a->local, fd)) {
        sl_listen_remove_local(a->folder);
        err = UV_EMFILE;
    }
    if (!err)
        return;
    a->folder = -1;
    sl_logf(a->options.log, SL_LOG_WARN,
            "%s/" SL_SOCKET_NAME ": %s; `sluice status` cannot ask this agent", dir,
            sl_strerror(err));
}

/* --- the end --- */

static void leave(sl_admin *a)
{
    if (--a->handles > 0)
        return;
    free(a);
}

static void on_port_closed(uv_handle_t *handle)
{
    leave(((door *)handle->data)->admin);
}

static void on_again_closed(uv_handle_t *handle)
{
    leave(SL_CONTAINER_OF((uv_timer_t *)handle, sl_admin, again));
}

static void close_door(door *d)
{
    if (!d->daemon)
        return;
    d->poll.data = d->timer.data = d;
    uv_close((uv_handle_t *)&d->poll, on_port_closed); /* before its descriptor goes */
    uv_close((uv_handle_t *)&d->timer, on_port_closed);
    MHD_stop_daemon(d->daemon);
    d->daemon = NULL;
}

void sl_admin_close(sl_admin *a)
{
    if (!a)
        return;
    if (a->folder >= 0)
        sl_listen_remove_local(a->folder);
    close_door(&a->port);
    close_door(&a->local);
    for (size_t i = 0; i < MAX_ROUTES; i++)
        forget_kept(&a->kept[i]);
    uv_close((uv_handle_t *)&a->again, on_again_closed);
}
