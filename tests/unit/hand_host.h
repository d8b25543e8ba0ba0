/* hand_host.h - a host for one output plugin, driven by hand: a batch is a list of texts, and what
 * the plugin answers stands there as letters, one for each record: D delivered, R again, X rejected,
 * S split; the last answer's code stands beside them.
 *
 * It defines its own struct sl_batch, which is opaque to a plugin: so nothing of the agent takes
 * part but the plugin itself. */
#ifndef SL_HAND_HOST_H
#define SL_HAND_HOST_H

#include "base/buf.h"
#include "unit.h"

#include <stdarg.h>
#include <uv.h>

struct sl_batch {
    sl_buf payload;
    size_t record_len; /* with its newline; all have the same */
    uint32_t count, unanswered;
    char *answers;
    char reason[512];     /* the last one */
    const char **targets; /* of each record; NULL: none */
    uint32_t code;        /* of the last answer */
    void *data;
};

typedef struct sl_hand_host {
    sl_host host;
    uv_loop_t loop;
    const sl_plugin *plugin;
    void *self;
    sl_buf said; /* what it logged, a line each */
    char gave_up[128];
    uint64_t ms; /* its clock, turned by hand */
    bool up;
} sl_hand_host;

static inline sl_slice sl_hand_payload(const sl_batch *b)
{
    return sl_buf_slice(&b->payload);
}

static inline uint32_t sl_hand_count(const sl_batch *b)
{
    return b->count;
}

static inline void sl_hand_record(const sl_batch *b, uint32_t i, sl_item *out)
{
    const char *at = b->payload.ptr + i * b->record_len;

    ck_assert_uint_lt(i, b->count);
    *out = (sl_item){.framed = {at, b->record_len}, .value = {at, b->record_len - 1}};
    if (b->targets)
        out->target = sl_str(b->targets[i]);
}

static inline void sl_hand_answer(sl_batch *b, uint32_t first, uint32_t n, const sl_answer *answer)
{
    ck_assert_uint_le(first + n, b->count);
    for (uint32_t i = first; i < first + n; i++) {
        ck_assert_int_eq(b->answers[i], '.');
        b->answers[i] = "DRXS"[answer->outcome];
    }
    b->unanswered -= n;
    b->code = answer->code;
    snprintf(b->reason, sizeof b->reason, "%.*s", (int)answer->reason.len,
             answer->reason.ptr ? answer->reason.ptr : "");
}

static inline void sl_hand_give_up(const sl_host *host, const char *reason)
{
    sl_hand_host *h = SL_CONTAINER_OF(host, sl_hand_host, host);

    snprintf(h->gave_up, sizeof h->gave_up, "%s", reason);
}

static inline void sl_hand_log(const sl_host *host, sl_level level, const char *format, ...)
    SL_PRINTF(3, 4);

static inline void sl_hand_log(const sl_host *host, sl_level level, const char *format, ...)
{
    sl_hand_host *h = SL_CONTAINER_OF(host, sl_hand_host, host);
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sl_buf_add_format(&h->said, "%d %s\n", (int)level, text);
}

static inline void sl_hand_set_data(sl_batch *b, void *data)
{
    b->data = data;
}

static inline void *sl_hand_data(const sl_batch *b)
{
    return b->data;
}

static inline uint64_t sl_hand_now_ms(const sl_host *host)
{
    return SL_CONTAINER_OF(host, sl_hand_host, host)->ms;
}

static inline void sl_hand_up(const sl_host *host, bool up, const char *reason)
{
    (void)reason;
    SL_CONTAINER_OF(host, sl_hand_host, host)->up = up;
}

/* self   plugin->self_size bytes with the options filled in */
static inline sl_err sl_hand_open_encoded(sl_hand_host *h, const sl_plugin *plugin,
                                          const void *self, const char *encoding)
{
    *h = (sl_hand_host){.plugin = plugin,
                        .host = {.size = sizeof h->host,
                                 .loop = &h->loop,
                                 .payload = sl_hand_payload,
                                 .count = sl_hand_count,
                                 .record = sl_hand_record,
                                 .answer = sl_hand_answer,
                                 .give_up = sl_hand_give_up,
                                 .log = sl_hand_log,
                                 .encoding = encoding,
                                 .set_data = sl_hand_set_data,
                                 .data = sl_hand_data,
                                 .now_ms = sl_hand_now_ms,
                                 .up = sl_hand_up}};
    ck_assert_int_eq(uv_loop_init(&h->loop), 0);
    h->self = sl_alloc(plugin->self_size);
    memcpy(h->self, self, plugin->self_size);
    return plugin->output.open(h->self, &h->host);
}

static inline sl_err sl_hand_open(sl_hand_host *h, const sl_plugin *plugin, const void *self)
{
    return sl_hand_open_encoded(h, plugin, self, "json");
}

/* Closes the plugin unless it did not open, and whatever it left on the loop is a failure. */
static inline void sl_hand_close(sl_hand_host *h, bool opened)
{
    if (opened && h->plugin->output.close)
        h->plugin->output.close(h->self);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&h->loop), 0);
    free(h->self);
    sl_buf_fini(&h->said);
}

/* `count` records of `record_len` bytes: their number, filled up with dots, and a newline. */
static inline sl_batch *sl_hand_batch(uint32_t count, size_t record_len)
{
    sl_batch *b = sl_alloc(sizeof *b);

    *b = (sl_batch){.record_len = record_len, .count = count, .unanswered = count};
    b->answers = sl_alloc(count + 1);
    memset(b->answers, '.', count);
    for (uint32_t i = 0; i < count; i++) {
        size_t start = b->payload.len;

        sl_buf_add_format(&b->payload, "%u", i);
        while (b->payload.len < start + record_len - 1)
            sl_buf_add(&b->payload, ".", 1);
        sl_buf_add(&b->payload, "\n", 1);
    }
    return b;
}

static inline void sl_hand_batch_free(sl_batch *b)
{
    sl_buf_fini(&b->payload);
    free(b->answers);
    free(b);
}

static inline void sl_hand_send(sl_hand_host *h, sl_batch *b)
{
    h->plugin->output.send(h->self, b);
}

/* Until it is answered; for what nobody else has to act for. */
static inline void sl_hand_wait(sl_hand_host *h, const sl_batch *b)
{
    while (b->unanswered)
        uv_run(&h->loop, UV_RUN_ONCE);
}

#endif
