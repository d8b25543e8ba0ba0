/* kafka.h - librdkafka: the producer, and its mock cluster in a process of its own, whose CPU time
 * does not count; for bare.c alone.
 *
 * Values are not copied: a body is free again when its last delivery report is in. */
#ifndef KAFKA_H
#define KAFKA_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base.h"
#include "source.h"

#define TOPIC "logs"

struct body {
    char *bytes;
    size_t used, records;
    struct message {
        const struct source *src;
        size_t start, end;
    } * messages;     /* NULL: it does not go to Kafka */
    size_t in_flight; /* of them, not reported yet */
};

static rd_kafka_t *producer;
static rd_kafka_topic_t *topic;
static rd_kafka_queue_t *reports;

static void kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die(name, why);
}

static rd_kafka_t *kafka_new(rd_kafka_conf_t *conf)
{
    char why[512];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);

    if (!rk)
        die("librdkafka", why);
    return rk;
}

/* Prints its address, and serves until it is killed. */
static _Noreturn void kafka_serve(uint64_t partitions)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_mock_cluster_t *cluster;

    kafka_set(conf, "log_level", "3");
    cluster = must(rd_kafka_mock_cluster_new(kafka_new(conf), 1));
    rd_kafka_mock_topic_create(cluster, TOPIC, (int)partitions, 1);
    puts(rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    for (;;)
        pause();
}

static const char *start_broker(void)
{
    static char address[256];
    int fds[2];
    ssize_t n;

    if (pipe(fds))
        die("pipe", strerror(errno));
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fds[1], STDOUT_FILENO);
        kafka_serve(4);
    }
    n = read(fds[0], address, sizeof address - 1); /* one short write: it comes whole */
    if (n <= 1)
        die("mock cluster", "did not start");
    address[n - 1] = '\0';
    return address;
}

/* brokers  NULL: a mock cluster of its own */
static void kafka_open(const char *brokers, const char *codec)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    kafka_set(conf, "bootstrap.servers", brokers ? brokers : start_broker());
    kafka_set(conf, "compression.codec", codec);
    if (!strcmp(codec, "gzip") || !strcmp(codec, "zstd"))
        kafka_set(conf, "compression.level", "1");
    kafka_set(conf, "enable.idempotence", "true");
    kafka_set(conf, "linger.ms", "1000");
    kafka_set(conf, "partitioner", "murmur2_random");
    kafka_set(conf, "queue.buffering.max.messages", "1000000");
    kafka_set(conf, "message.max.bytes", "4000000"); /* MAX_RECORD, escaped */
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    producer = kafka_new(conf);
    topic = must(rd_kafka_topic_new(producer, TOPIC, NULL));
    reports = rd_kafka_queue_get_main(producer);
}

static void take_reports(int timeout_ms)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(reports, timeout_ms);
    const rd_kafka_message_t *done[256];

    for (size_t n; event && (n = rd_kafka_event_message_array(event, done, 256)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            if (done[i]->err)
                die("kafka", rd_kafka_err2str(done[i]->err));
            ((struct body *)done[i]->_private)->in_flight--;
        }
    }
    if (event)
        rd_kafka_event_destroy(event);
}

static void kafka_wait(const struct body *b)
{
    while (b->in_flight > 0)
        take_reports(100);
}

static void kafka_send(struct body *b)
{
    b->in_flight = b->records;
    for (struct message *m = b->messages; m < b->messages + b->records; m++) {
        rd_kafka_vu_t fields[] = {
            {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {b->bytes + m->start, m->end - m->start}},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {m->src->key.bytes, m->src->key.len}},
            {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = b},
        };
        rd_kafka_error_t *error;

        while ((error = rd_kafka_produceva(producer, fields, sizeof fields / sizeof *fields))) {
            if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                die("kafka", rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
            take_reports(100);
        }
    }
    take_reports(0);
}

#endif
