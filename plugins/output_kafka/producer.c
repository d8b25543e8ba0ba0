/* producer.c - librdkafka's producer: it is made, listened to, and ended.
 *
 * Thread   the loop's. librdkafka's own call only wake_host(); its end, which waits for them, is on
 *          the pool */
#include "kafka.h"

#include <stdio.h>
#include <stdlib.h>

#define SAY_EACH_MS        60000
#define MAX_EVENTS         256 /* in one turn */
#define SCRAM_WITH_KAFKA_4 0x02060100

/* --- its life --- */

static void wake_host(rd_kafka_t *rk, void *arg)
{
    const kafka *k = arg;

    (void)rk;
    k->host->wake(k->host);
}

/* At the start each mistake is said; later they may come again and again. */
static void on_mistake(void *arg, const char *option, const char *text)
{
    char words[2 * KAFKA_WORDS];
    kafka *k = arg;

    if (!k->timer) {
        k->host->log(k->host, SL_LOG_ERROR, "%s: %s", option, text);
        return;
    }
    snprintf(words, sizeof words, "%s: %s", option, text);
    producer_complain(k, words);
}

rd_kafka_t *producer_new(kafka *k)
{
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;
    char why[KAFKA_WORDS];

    renewal_note(k);
    k->is_lenient = request_wants_lenient(k);
    conf = kafka_conf_new(k, on_mistake, k);
    if (!conf)
        return NULL;
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk) {
        on_mistake(k, "librdkafka", why);
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    if (k->mechanism == LOGIN_TOKEN)
        token_renew(k, rk);
    return rk;
}

static void listen_to(kafka *k, rd_kafka_t *rk)
{
    k->rk = rk;
    (void)rd_kafka_set_log_queue(k->rk, NULL); /* to the queue of all events */
    k->queue = rd_kafka_queue_get_main(k->rk);
    rd_kafka_queue_cb_event_enable(k->queue, wake_host, k);
    k->host->wake(k->host); /* what came before that wakes nobody, nor does what comes behind it */
    k->is_broken = k->is_strict = k->has_worked = false;
    k->wire_bytes = 0;
}

sl_err producer_open(kafka *k)
{
    rd_kafka_t *rk = producer_new(k);

    if (!rk)
        return SL_E_CONFIG;
    listen_to(k, rk);
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

static void end(kafka *k, rd_kafka_t *rk, void (*ended)(void *arg), void *arg)
{
    ending *e = malloc(sizeof *e);

    if (!e)
        abort(); /* as the agent does */
    *e = (ending){.rk = rk, .ended = ended, .arg = arg};
    e->work.data = e;
    if (uv_queue_work(k->host->loop, &e->work, on_pool, on_ended) != 0)
        abort(); /* it has no reason to fail */
}

void producer_drop(kafka *k, rd_kafka_t *rk)
{
    end(k, rk, NULL, NULL);
}

void producer_close(kafka *k, void (*ended)(void *arg), void *arg)
{
    rd_kafka_t *rk = k->rk;

    topics_drop_all(k);
    rd_kafka_queue_cb_event_enable(k->queue, NULL, NULL);
    rd_kafka_queue_destroy(k->queue);
    k->rk = NULL;
    k->queue = NULL;
    end(k, rk, ended, arg);
}

void producer_swap(kafka *k)
{
    rd_kafka_t *next = k->next;

    k->next = NULL;
    producer_close(k, NULL, NULL);
    listen_to(k, next);
    k->host->log(k->host, SL_LOG_INFO, "the producer is another one: %s", k->why_next);
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
    k->has_worked |= !message->err;
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

void producer_complain(kafka *k, const char *text)
{
    uint64_t now = k->host->now_ms(k->host);

    if (k->said_ms && now - k->said_ms < SAY_EACH_MS)
        return;
    k->said_ms = now ? now : 1;
    k->host->log(k->host, SL_LOG_WARN, "%s", text);
}

/* Brokers close what is idle; nobody misses them. */
static bool is_idle_close(const kafka *k, rd_kafka_resp_err_t err)
{
    return (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || err == RD_KAFKA_RESP_ERR__TRANSPORT) &&
           k->has_worked && !k->requests;
}

/* A right password may be refused as well: librdkafka #4895. */
static const char *why_no_login(const kafka *k, const char *text, char room[2 * KAFKA_WORDS])
{
    bool is_scram = k->mechanism == LOGIN_SCRAM_256 || k->mechanism == LOGIN_SCRAM_512;

    if (!is_scram || rd_kafka_version() >= SCRAM_WITH_KAFKA_4)
        return text;
    snprintf(room, (size_t)2 * KAFKA_WORDS,
             "%s; SCRAM with Kafka 4 needs librdkafka 2.6.1, and this is %s: use PLAIN over TLS",
             text, rd_kafka_version_str());
    return room;
}

/* One broker that cannot be reached is no outage. */
static void note_error(kafka *k, rd_kafka_resp_err_t err, const char *text)
{
    char room[2 * KAFKA_WORDS];

    if (is_idle_close(k, err))
        return;
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION || err == RD_KAFKA_RESP_ERR__SSL)
        renewal_look(k);
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
        text = why_no_login(k, text, room);
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION || err == RD_KAFKA_RESP_ERR__SSL ||
        err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        k->host->up(k->host, false, text);
    producer_complain(k, text);
}

static void on_error(kafka *k, rd_kafka_event_t *event)
{
    const char *text = rd_kafka_event_error_string(event);

    if (rd_kafka_fatal_error(k->rk, NULL, 0))
        request_turn_back(k, text);
    else
        note_error(k, rd_kafka_event_error(event), text);
}

/* What librdkafka says of a connection, or before it gives up, comes as an error as well. */
static void on_log(const kafka *k, rd_kafka_event_t *event)
{
    const char *part, *text;
    int level;

    if (rd_kafka_event_log(event, &part, &text, &level) != 0)
        return;
    k->host->log(k->host, level <= 2 && strcmp(part, "FATAL") != 0 ? SL_LOG_ERROR : SL_LOG_DEBUG,
                 "librdkafka: %s: %s", part, text);
}

static void on_statistics(kafka *k, rd_kafka_event_t *event)
{
    uint64_t bytes;

    renewal_look(k); /* no timer of its own: this comes every 10 s */
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
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        token_renew(k, k->rk);
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
