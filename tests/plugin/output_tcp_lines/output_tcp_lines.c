/* output_tcp_lines.c - an output as somebody else would write it, in a `.so` of its own.
 *
 * Each batch goes over one TCP connection as lines of JSON and an empty line behind them. The far
 * end answers with one byte: `+` it has the batch, `-` it will never take it. A connection that
 * breaks, or says nothing for `timeout`, is given up with its batch, which is sent again.
 *
 * Owns     struct tcp and the handles in it
 * Borrows  the batch that is out, until it is answered
 * Thread   the loop's */
#include <sluice/plugin.h>

#include <uv.h>

typedef enum { DOWN, CONNECTING, UP, GOING_DOWN } line_state;

struct tcp {
    const char *address; /* option */
    uint64_t port;       /* option */
    uint64_t timeout_ms; /* option */
    const sl_host *host;
    struct sockaddr_in peer;
    line_state state;
    uv_tcp_t line;
    uv_timer_t timer; /* runs while a batch is out */
    uv_connect_t connect;
    uv_write_t write;
    bool written;
    char byte;
    sl_batch *batch; /* out, or NULL */
};

static void dial(struct tcp *t);

static void answer(struct tcp *t, sl_outcome outcome, const char *reason)
{
    sl_batch *batch = t->batch;

    t->batch = NULL;
    uv_timer_stop(&t->timer);
    if (batch)
        t->host->answer(batch, 0, t->host->count(batch),
                        &(sl_answer){.outcome = outcome, .reason = sl_str(reason)});
}

static void on_down(uv_handle_t *line)
{
    struct tcp *t = line->data;

    t->state = DOWN;
    if (t->batch)
        dial(t);
}

/* From here on libuv does not look at the payload any more, so the batch may be answered. */
static void hang_up(struct tcp *t, const char *reason)
{
    if (t->state == CONNECTING || t->state == UP) {
        t->state = GOING_DOWN;
        uv_close((uv_handle_t *)&t->line, on_down);
    }
    answer(t, SL_RETRY, reason);
}

static void on_written(uv_write_t *write, int status)
{
    struct tcp *t = write->data;

    if (t->state == UP && status)
        hang_up(t, uv_strerror(status));
    t->written = true;
}

static void write_batch(struct tcp *t)
{
    sl_slice payload = t->host->payload(t->batch);
    uv_buf_t parts[] = {uv_buf_init((char *)payload.ptr, (unsigned)payload.len),
                        uv_buf_init("\n", 1)};
    int err;

    t->written = false;
    t->write.data = t;
    err = uv_write(&t->write, (uv_stream_t *)&t->line, parts, 2, on_written);
    if (err)
        hang_up(t, uv_strerror(err));
}

static void give_byte(uv_handle_t *line, size_t wanted, uv_buf_t *out)
{
    (void)wanted;
    *out = uv_buf_init(&((struct tcp *)line->data)->byte, 1);
}

static void on_byte(uv_stream_t *line, ssize_t n, const uv_buf_t *buf)
{
    struct tcp *t = line->data;

    (void)buf;
    if (n < 0)
        hang_up(t, uv_strerror((int)n));
    else if (n > 0 && t->batch && t->written && t->byte == '+')
        answer(t, SL_DELIVERED, "");
    else if (n > 0 && t->batch && t->written && t->byte == '-')
        answer(t, SL_REJECTED, "the far end refused it");
    else if (n > 0)
        hang_up(t, "the far end does not keep to the protocol");
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct tcp *t = connect->data;

    if (t->state != CONNECTING)
        return; /* hung up meanwhile */
    if (status) {
        hang_up(t, uv_strerror(status));
        return;
    }
    t->state = UP;
    uv_read_start((uv_stream_t *)&t->line, give_byte, on_byte);
    write_batch(t);
}

static void dial(struct tcp *t)
{
    int err;

    uv_tcp_init(t->host->loop, &t->line);
    t->line.data = t;
    t->connect.data = t;
    t->state = CONNECTING;
    err = uv_tcp_connect(&t->connect, &t->line, (struct sockaddr *)&t->peer, on_connected);
    if (err)
        hang_up(t, uv_strerror(err));
}

static void on_silence(uv_timer_t *timer)
{
    hang_up(timer->data, "the far end does not answer");
}

static void tcp_send(void *self, sl_batch *batch)
{
    struct tcp *t = self;

    t->batch = batch;
    uv_timer_start(&t->timer, on_silence, t->timeout_ms, 0);
    if (t->state == UP)
        write_batch(t);
    else if (t->state == DOWN)
        dial(t);
}

static sl_err tcp_open(void *self, const sl_host *host)
{
    struct tcp *t = self;
    int err = uv_ip4_addr(t->address, (int)t->port, &t->peer);

    t->host = host;
    if (err) {
        host->log(host, SL_LOG_ERROR, "address: \"%s\" is no IPv4 address", t->address);
        return err;
    }
    uv_timer_init(host->loop, &t->timer);
    t->timer.data = t;
    return 0;
}

static void tcp_cancel(void *self)
{
    hang_up(self, "the agent stops");
}

static void tcp_close(void *self)
{
    struct tcp *t = self;

    hang_up(t, "");
    uv_close((uv_handle_t *)&t->timer, NULL);
}

static const sl_option options[] = {
    {.name = "address",
     .type = SL_TEXT,
     .offset = offsetof(struct tcp, address),
     .fallback = "127.0.0.1",
     .help = "the far end's IPv4 address"},
    {.name = "port",
     .type = SL_COUNT,
     .offset = offsetof(struct tcp, port),
     .help = "the far end's port",
     .min = 1,
     .max = 65535},
    {.name = "timeout",
     .type = SL_TIME,
     .offset = offsetof(struct tcp, timeout_ms),
     .fallback = "10s",
     .help = "a batch that is not answered for so long is sent again",
     .min = 1,
     .max = 3600000},
    {0},
};

SL_PLUGIN(tcp_lines) = {
    SL_PLUGIN_HEAD,
    .kind = SL_OUTPUT,
    .name = "tcp_lines",
    .help = "lines over TCP, a byte back for each batch",
    .self_size = sizeof(struct tcp),
    .options = options,
    .output =
        {
            .max_in_flight = 1,
            .after = "\n",
            .max_age_ms = 100,
            .open = tcp_open,
            .send = tcp_send,
            .close = tcp_close,
            .cancel = tcp_cancel,
        },
};
