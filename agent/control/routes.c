/* routes.c - see routes.h. */
#include "control/routes.h"

#include "control/change.h"
#include "control/metrics.h"
#include "control/sources.h"
#include "control/status.h"

#define MAX_GLOB  253
#define MAX_STARS 4 /* more could make a match take ages */

/* Who gets an answer knows that the loop turns. */
static void healthz(void *arg, const sl_request *r, sl_reply *reply)
{
    (void)arg, (void)r;
    sl_buf_add_text(&reply->body, "ok\n");
}

static void not_ready(sl_reply *reply, const char *why, const char *what)
{
    reply->status = 503;
    sl_buf_add_format(&reply->body, "%s%s\n", why, what);
}

static void readyz(void *arg, const sl_request *r, sl_reply *reply)
{
    const sl_subject *s = arg;

    (void)r;
    if (s->stopping) {
        not_ready(reply, "stopping", "");
        return;
    }
    for (size_t i = 0; i < s->discover_count; i++) {
        if (!sl_discover_is_watching(s->discovers[i])) {
            not_ready(reply, "cannot look at ",
                      sl_discover_root(s->discovers[i]) ? sl_discover_root(s->discovers[i])
                                                        : "an input's files");
            return;
        }
    }
    sl_buf_add_text(&reply->body, s->standby ? "ok: standby\n" : "ok\n");
}

static void metrics(void *arg, const sl_request *r, sl_reply *reply)
{
    (void)r;
    reply->type = SL_METRICS_TYPE;
    sl_metrics_write(arg, &reply->body);
}

/* NULL is one, too. */
static bool is_simple_glob(const char *glob)
{
    unsigned stars = 0;

    for (const char *p = glob; p && *p; p++)
        stars += *p == '*';
    return !glob || (strlen(glob) <= MAX_GLOB && stars <= MAX_STARS);
}

static bool next_sources(void *arg, sl_buf *out)
{
    return sl_sources_next(arg, out);
}

static void free_sources(void *arg)
{
    sl_sources_free(arg);
}

static void sources(void *arg, const sl_request *r, sl_reply *reply)
{
    const char *namespace = sl_request_argument(r, "namespace");
    const char *pod = sl_request_argument(r, "pod");
    const char *container = sl_request_argument(r, "container");

    if (!is_simple_glob(namespace) || !is_simple_glob(pod) || !is_simple_glob(container)) {
        reply->status = 400;
        sl_buf_add_format(&reply->body, "a glob is at most %d bytes long, and has %d stars\n",
                          MAX_GLOB, MAX_STARS);
        return;
    }
    reply->type = "application/json";
    reply->more = next_sources;
    reply->free = free_sources;
    reply->arg = sl_sources_new(arg, namespace, pod, container);
}

static void status(void *arg, const sl_request *r, sl_reply *reply)
{
    const char *format = sl_request_argument(r, "format");

    if (format && !strcmp(format, "text")) {
        sl_status_write_text(arg, &reply->body);
    } else {
        reply->type = "application/x-ndjson";
        sl_status_write_json(arg, &reply->body);
    }
}

static void rewind_output(void *arg, const sl_request *r, sl_reply *reply)
{
    sl_change_rewind(arg, r, reply);
}

static void rename_output(void *arg, const sl_request *r, sl_reply *reply)
{
    sl_change_rename(arg, r, reply);
}

static void saved(void *arg, const sl_request *r, sl_reply *reply)
{
    (void)r;
    sl_change_saved(arg, reply);
}

static void begin_redrive(void *arg, const sl_request *r, sl_reply *reply)
{
    sl_change_redrive(arg, r, reply);
}

static void redriven(void *arg, const sl_request *r, sl_reply *reply)
{
    sl_change_redriven(arg, r, reply);
}

const sl_route sl_routes[] = {
    {"GET", "/healthz", SL_ASK_ALL, false, false, healthz},
    {"GET", "/readyz", SL_ASK_ALL, false, false, readyz},
    {"GET", "/metrics", SL_ASK_ALL, true, true, metrics},
    {"GET", "/api/v1/sources", SL_ASK_LOCAL, false, true, sources},
    {"GET", "/api/v1/status", SL_ASK_LOCAL, false, false, status},
    {"POST", "/api/v1/state/rewind", SL_ASK_SOCKET, false, false, rewind_output},
    {"POST", "/api/v1/state/rename", SL_ASK_SOCKET, false, false, rename_output},
    {"GET", "/api/v1/state/saved", SL_ASK_SOCKET, false, false, saved},
    {"POST", "/api/v1/dead-letter/redrive", SL_ASK_SOCKET, false, false, begin_redrive},
    {"GET", "/api/v1/dead-letter/redrive", SL_ASK_SOCKET, false, false, redriven},
    {0},
};
