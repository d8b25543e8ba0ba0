/* hosts.c - see hosts.h. */
#include "hosts.h"

#include "http.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_OUT_MS 1000
#define MAX_OUT_MS   60000

/* The parts of a URL, as libcurl gives them. */
typedef struct parts {
    char *scheme, *name, *port, *path;
} parts;

static void free_parts(parts *p)
{
    curl_free(p->scheme);
    curl_free(p->name);
    curl_free(p->port);
    curl_free(p->path);
}

static bool has(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return there;
}

/* NULL, or what to write. */
static const char *find_mistake(CURLU *u, const char *url)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return "it must begin with http:// or https://";
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        return "it is no URL: write https://name:9200";
    if (has(u, CURLUPART_USER) || has(u, CURLUPART_PASSWORD))
        return "it holds a user or a password: write them as auth: {user, password}, where they "
               "are "
               "kept secret";
    if (has(u, CURLUPART_QUERY) || has(u, CURLUPART_FRAGMENT))
        return "it ends with ?... or #...: write scheme, name, port, and a path if there is one";
    return NULL;
}

static bool take_apart(CURLU *u, parts *p)
{
    bool all = curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) == CURLUE_OK &&
               curl_url_get(u, CURLUPART_HOST, &p->name, 0) == CURLUE_OK &&
               curl_url_get(u, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               curl_url_get(u, CURLUPART_PATH, &p->path, 0) == CURLUE_OK;

    return all && strtol(p->port, NULL, 10) > 0;
}

static char *format(const char *pattern, ...) SL_PRINTF(1, 2);

static char *format(const char *pattern, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, pattern);
    len = vasprintf(&text, pattern, args);
    va_end(args);
    if (len < 0)
        abort(); /* as the agent does */
    return text;
}

/* With another name in its certificate, a server is asked for by that name, at its own address. */
static void fill_in(server *s, const parts *p, const char *server_name, const char *target)
{
    size_t path = strlen(p->path);
    bool renamed = *server_name && !strcmp(p->scheme, "https");
    char *place;

    while (path > 0 && p->path[path - 1] == '/')
        p->path[--path] = '\0';
    s->shown = format("%s://%s:%s", p->scheme, p->name, p->port);
    if (renamed) {
        place = format("%s:%s", server_name, p->port);
        s->connect_to = format("%s:%s:%s", place, p->name, p->port);
        free(place);
    }
    place = format("%s://%s:%s", p->scheme, renamed ? server_name : p->name, p->port);
    s->url = format("%s%s%s", place, p->path, target);
    free(place);
}

/* NULL: it is one that can be used, and *p its parts. */
static const char *read_url(const char *url, parts *p)
{
    CURLU *u = curl_url();
    const char *mistake = u ? find_mistake(u, url) : "no memory";

    if (!mistake && !take_apart(u, p))
        mistake = "it is no URL: write https://name:9200";
    curl_url_cleanup(u);
    return mistake;
}

void hosts_check(const sl_texts *urls, sl_mistake_fn *mistake, void *arg)
{
    if (!urls->count)
        mistake(arg, "hosts", "there is none: write [https://name:9200]");
    for (size_t i = 0; i < urls->count; i++) {
        parts p = {0};
        const char *why = read_url(urls->items[i], &p);
        char *text = why ? format("number %zu cannot be used: %s", i + 1, why) : NULL;

        if (text) /* without the URL: it may hold a password */
            mistake(arg, "hosts", text);
        free(text);
        free_parts(&p);
    }
}

void hosts_init(hosts *h, const sl_texts *urls, const char *server_name, const char *target)
{
    *h = (hosts){.servers = calloc(urls->count, sizeof *h->servers), .count = urls->count};
    if (!h->servers)
        abort(); /* as the agent does */
    for (size_t i = 0; i < urls->count; i++) {
        parts p = {0};

        if (read_url(urls->items[i], &p))
            abort(); /* it was checked */
        fill_in(&h->servers[i], &p, server_name, target);
        free_parts(&p);
    }
    h->next = http_random((uint32_t)h->count); /* many agents do not begin with the same one */
}

void hosts_fini(hosts *h)
{
    for (size_t i = 0; i < h->count; i++) {
        free(h->servers[i].url);
        free(h->servers[i].shown);
        free(h->servers[i].connect_to);
    }
    free(h->servers);
    *h = (hosts){0};
}

server *hosts_next(hosts *h, uint64_t now_ms)
{
    server *soonest = NULL;

    for (size_t i = 0; i < h->count; i++) {
        server *s = &h->servers[h->next];

        h->next = (h->next + 1) % h->count;
        if (!s->out_ms || now_ms >= s->out_until_ms)
            return s;
        if (!soonest || s->out_until_ms < soonest->out_until_ms)
            soonest = s;
    }
    return soonest;
}

/* Requests that were out together fail together: they count once. */
void hosts_failed(server *s, uint64_t now_ms)
{
    uint64_t fifth;

    if (s->out_ms && now_ms < s->out_until_ms)
        return;
    s->out_ms = s->out_ms ? s->out_ms * 2 : FIRST_OUT_MS;
    s->out_ms = s->out_ms < MAX_OUT_MS ? s->out_ms : MAX_OUT_MS;
    fifth = s->out_ms / 5;
    s->out_until_ms = now_ms + s->out_ms - fifth + http_random((uint32_t)(2 * fifth) + 1);
}

void hosts_worked(server *s)
{
    s->out_ms = 0;
}
