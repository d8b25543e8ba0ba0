/* producer.c - librdkafka's producer: it is made, listened to, and ended.
 *
 * Thread   the loop's. librdkafka's own call only wake_host(); its end, which waits for them, is on
 *          the pool */
#include "kafka.h"

#include <stdlib.h>

#define SAY_EACH_MS 60000
#define MAX_EVENTS  256 /* in one turn */

/* --- its life --- */

static void wake_host(rd_kafka_t *rk, void *arg)
{
    const kafka *k = arg;

    (void)rk;
    k->host->wake(k->host);
}

static void log_mistake(void *arg, const char *option, const char *text)
{
    const kafka *k = arg;

    k->host->log(k->host, SL_LOG_ERROR, "%s: %s", option, text);
}

sl_err producer_open(kafka *k)
{
    rd_kafka_conf_t *conf = kafka_conf_new(k, log_mistake, k);
    char why[KAFKA_WORDS];

    if (!conf)
        return SL_E_CONFIG;
    k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!k->rk) {
        k->host->log(k->host, SL_LOG_ERROR, "librdkafka: %s", why);
        rd_kafka_conf_destroy(conf);
        return SL_E_CONFIG;
    }
    (void)rd_kafka_set_log_queue(k->rk, NULL); /* to the queue of all events */
    k->queue = rd_kafka_queue_get_main(k->rk);
    rd_kafka_queue_cb_event_enable(k->queue, wake_host, k);
    k->host->wake(k->host); /* what came before that wakes nobody, nor does what comes behind it */
    k->is_broken = false;
    k->wire_bytes = 0;
    return 0;
}

typedef struct ending {
    uv_work_t work;
    rd_kafka_t *rk;
    void (*ended)(void *arg);
    void *arg;
} ending;

static void on_pool(uv_work_t *work)
{
    rd_kafka_destroy(((ending *)work->data)->rk);
}

static void on_ended(uv_work_t *work, int status)
{
    ending *e = work->data;

    (void)status;
    if (e->ended)
        e->ended(e->arg);
    free(e);
}

void producer_close(kafka *k, void (*ended)(void *arg), void *arg)
{
    ending *e = malloc(sizeof *e);

    if (!e)
        abort(); /* as the agent does */
    *e = (ending){.rk = k->rk, .ended = ended, .arg = arg};
    e->work.data = e;
    topics_drop_all(k);
    rd_kafka_queue_cb_event_enable(k->queue, NULL, NULL);
    rd_kafka_queue_destroy(k->queue);
    k->rk = NULL;
    k->queue = NULL;
    if (uv_queue_work(k->host->loop, &e->work, on_pool, on_ended) != 0)
        abort(); /* it has no reason to fail */
}

/* --- events --- */

static request *request_of(slot *s)
{
    return (request *)((char *)(s - s->index) - offsetof(request, slots));
}

static void note_report(kafka *k, const rd_kafka_message_t *message)
{
    slot *s = message->_private;
    request *r = request_of(s);

    s->err = (int16_t)message->err;
    s->is_done = true;
    r->done++;
    if (request_must_turn_back(k, r, s))
        request_turn_back(k, rd_kafka_err2str(message->err));
}

static void on_reports(kafka *k, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *messages[256];
    size_t n;

    while ((n = rd_kafka_event_message_array(event, messages, 256)) > 0) {
        for (size_t i = 0; i < n; i++)
            note_report(k, messages[i]);
    }
}

/* At most once a minute. */
static void complain(kafka *k, const char *text)
{
    uint64_t now = k->host->now_ms(k->host);

    if (k->said_ms && now - k->said_ms < SAY_EACH_MS)
        return;
    k->said_ms = now ? now : 1;
    k->host->log(k->host, SL_LOG_WARN, "%s", text);
}

/* The file may hold another one by now; connections to come use it. */
static void renew_password(const kafka *k)
{
    char *password = *k->password_file ? kafka_password_new(k) : NULL;
    rd_kafka_error_t *error =
        password ? rd_kafka_sasl_set_credentials(k->rk, k->user, password) : NULL;

    if (error)
        rd_kafka_error_destroy(error);
    free(password);
}

/* One broker that cannot be reached is no outage. */
static void note_error(kafka *k, rd_kafka_resp_err_t err, const char *text)
{
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
        renew_password(k);
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION || err == RD_KAFKA_RESP_ERR__SSL ||
        err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        k->host->up(k->host, false, text);
    complain(k, text);
}

static void on_error(kafka *k, rd_kafka_event_t *event)
{
    const char *text = rd_kafka_event_error_string(event);

    if (rd_kafka_fatal_error(k->rk, NULL, 0))
        request_turn_back(k, text);
    else
        note_error(k, rd_kafka_event_error(event), text);
}

/* What librdkafka says of a connection comes as an error as well. */
static void on_log(const kafka *k, rd_kafka_event_t *event)
{
    const char *part, *text;
    int level;

    if (rd_kafka_event_log(event, &part, &text, &level) == 0)
        k->host->log(k->host, level <= 2 ? SL_LOG_ERROR : SL_LOG_DEBUG, "librdkafka: %s: %s", part,
                     text);
}

static void on_statistics(kafka *k, rd_kafka_event_t *event)
{
    uint64_t bytes;

    statistics_read(&k->statistics, sl_str(rd_kafka_event_stats(event)));
    bytes = k->statistics.sent_bytes;
    if (bytes > k->wire_bytes) {
        k->host->wire(k->host, bytes - k->wire_bytes);
        k->wire_bytes = bytes;
    }
}

static void on_event(kafka *k, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR:
        on_reports(k, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        on_error(k, event);
        break;
    case RD_KAFKA_EVENT_LOG:
        on_log(k, event);
        break;
    case RD_KAFKA_EVENT_STATS:
        on_statistics(k, event);
        break;
    default:
        break;
    }
}

void producer_poll(kafka *k)
{
    rd_kafka_event_t *event;
    int left = MAX_EVENTS;

    while (left > 0 && (event = rd_kafka_queue_poll(k->queue, 0))) {
        on_event(k, event);
        rd_kafka_event_destroy(event);
        left--;
    }
    if (left == 0)
        k->host->wake(k->host); /* there may be more */
}
