/* host.c - see host.h. */
#include "ship/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static sl_hosting *hosting_of(const sl_host *host)
{
    return SL_CONTAINER_OF(host, sl_hosting, host);
}

/* --- batches --- */

static void take_answer(sl_batch *b, uint32_t first, uint32_t n, const sl_answer *answer)
{
    sl_trip *t = b->output;
    sl_hosting *h;

    SL_ASSERT(t);
    h = t->owner;
    if (sl_trip_answer(t, first, n, answer))
        h->answered(h->arg, t);
}

/* A plugin that was built with another header knows smaller or larger values than ours. */
static void take_their_answer(sl_batch *b, uint32_t first, uint32_t n, const sl_answer *theirs)
{
    const sl_hosting *h = ((sl_trip *)b->output)->owner;
    size_t size = h->plugin->answer_size;
    sl_answer answer = {0};

    memcpy(&answer, theirs, size < sizeof answer ? size : sizeof answer);
    take_answer(b, first, n, &answer);
}

static void give_their_item(const sl_batch *b, uint32_t i, sl_item *theirs)
{
    const sl_hosting *h = ((const sl_trip *)b->output)->owner;
    size_t size = h->plugin->item_size;
    sl_item item;

    sl_batch_item(b, i, &item);
    memset(theirs, 0, size);
    memcpy(theirs, &item, size < sizeof item ? size : sizeof item);
}

static void set_data(sl_batch *b, void *data)
{
    ((sl_trip *)b->output)->data = data;
}

static void *get_data(const sl_batch *b)
{
    return ((const sl_trip *)b->output)->data;
}

/* --- the output --- */

static void wake(const sl_host *host)
{
    sl_post_send(hosting_of(host)->post);
}

static void on_woken(void *arg)
{
    sl_hosting *h = arg;

    if (h->plugin->output.ready)
        h->plugin->output.ready(h->self);
}

static void give_up(const sl_host *host, const char *reason)
{
    sl_hosting *h = hosting_of(host);

    if (h->last_words)
        return;
    h->last_words = sl_strdup(reason);
    h->gave_up(h->arg);
}

static void host_log(const sl_host *, sl_level, const char *format, ...) SL_PRINTF(3, 4);

static void host_log(const sl_host *host, sl_level level, const char *format, ...)
{
    const sl_hosting *h = hosting_of(host);
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    SL_ASSERT(len >= 0);
    sl_log_fields(h->log, level, text, "output", h->name, NULL);
    free(text);
}

static void count_wire(const sl_host *host, uint64_t bytes)
{
    hosting_of(host)->wire_bytes += bytes;
}

static uint64_t now_ms(const sl_host *host)
{
    return sl_now_ms(hosting_of(host)->clock);
}

void sl_hosting_up(sl_hosting *h, bool up, const char *reason)
{
    if (up || !h->down_ms)
        h->down_ms = up ? 0 : sl_now_ms(h->clock);
    h->up = up;
    free(h->up_reason);
    h->up_reason = reason ? sl_strdup(reason) : NULL;
}

static void note_up(const sl_host *host, bool up, const char *reason)
{
    sl_hosting_up(hosting_of(host), up, reason);
}

void sl_hosting_init(sl_hosting *h, uv_loop_t *loop, const char *encoding, uint64_t facts)
{
    const sl_plugin *p = h->plugin;

    h->up = true; /* until somebody finds out */
    h->post = sl_post_new(loop, on_woken, h);
    h->host = (sl_host){
        .size = sizeof h->host,
        .loop = loop,
        .payload = sl_batch_payload,
        .count = sl_batch_count,
        .record = sl_batch_item,
        .answer = take_answer,
        .wake = wake,
        .give_up = give_up,
        .log = host_log,
        .wire = count_wire,
        .encoding = encoding,
        .set_data = set_data,
        .data = get_data,
        .now_ms = now_ms,
        .up = note_up,
        .facts = facts,
    };
    if (p->item_size && p->item_size != sizeof(sl_item))
        h->host.record = give_their_item;
    if (p->answer_size && p->answer_size != sizeof(sl_answer))
        h->host.answer = take_their_answer;
}

void sl_hosting_close(sl_hosting *h)
{
    sl_post_free(h->post);
    h->post = NULL;
}

void sl_hosting_fini(sl_hosting *h)
{
    free(h->self);
    free(h->up_reason);
    free(h->last_words);
}
