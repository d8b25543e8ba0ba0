/* output_kafka.c - one message for each record, acknowledged and in order: Apache Kafka 0.11 and later.
 *
 * The producer is idempotent: what librdkafka sends again after a broken connection is not there
 * twice. What we send again after a crash of ours is, under the same place.
 *
 * Owns     struct kafka and what hangs on it
 * Borrows  a batch until it is answered: messages lie in its memory
 * Thread   the loop's; librdkafka has its own
 * Fails    see answer.c: reports decide for each record; nothing is given up by itself */
#include "kafka.h"
#include "tls_files.h"
#include "topic_name.h"

#include <errno.h>
#include <stdlib.h>

static size_t make_target(const void *self, char *text, size_t len, size_t room)
{
    (void)self;
    return topic_name_make(text, len, room);
}

static bool is_template(const char *text)
{
    return strstr(text, "%{");
}

static void check_topic(const char *option, const char *text, sl_mistake_fn *mistake, void *arg)
{
    if (*text && !is_template(text) && !topic_name_is_valid(text))
        mistake(arg, option,
                "it is no name of a topic: letters, digits, dots, dashes and underscores, 249 at "
                "most");
}

static void check(const void *self, sl_mistake_fn *mistake, void *arg)
{
    const kafka *k = self;
    rd_kafka_conf_t *conf = kafka_conf_new(k, mistake, arg);

    if (conf)
        rd_kafka_conf_destroy(conf);
    if (!*k->topic)
        mistake(arg, "topic", "it is empty");
    check_topic("topic", k->topic, mistake, arg);
    check_topic("fallback_topic", k->fallback_topic, mistake, arg);
}

static void check_secret(const char *option, const char *path, sl_mistake_fn *mistake, void *arg)
{
    char *secret = *path ? secret_new(path) : NULL;

    if (*path && !secret)
        mistake(arg, option, errno == ENODATA ? "it is empty" : strerror(errno));
    free(secret);
}

static void check_files(const void *self, sl_mistake_fn *mistake, void *arg)
{
    const kafka *k = self;
    const tls_files files = {k->ca_file, k->cert_file, k->key_file, k->key_password};

    tls_files_check(&files, mistake, arg);
    check_secret("sasl.password_file", k->password_file, mistake, arg);
    check_secret("sasl.token_file", k->token_file, mistake, arg);
}

/* What a message carries beside its value. */
static void choose_extras(kafka *k)
{
    k->has_key = *k->key && strcmp(k->key, "none") != 0;
    k->has_place = k->headers == 1 || (k->headers == 0 && !(k->host->facts & SL_VALUE_HAS_PLACE));
    k->fallback = NULL;
    if (*k->fallback_topic && !is_template(k->fallback_topic))
        k->fallback = k->fallback_topic;
}

/* As consumers of other agents want it: what Fluent Bit calls iso8601 has microseconds, and its
 * iso8601_ns is what everybody else has. */
static uint32_t stamp(const void *self, const char **name)
{
    static const uint32_t forms[] = {SL_STAMP_RFC3339, SL_STAMP_DOUBLE, SL_STAMP_MICROS,
                                     SL_STAMP_RFC3339, SL_STAMP_MILLIS};
    const kafka *k = self;

    *name = k->time_key;
    return forms[k->time_format];
}

static void measure(const void *self, size_t metric, sl_value_fn *value, void *arg)
{
    statistics_measure(&((const kafka *)self)->statistics, metric, value, arg);
}

static void open_timer(kafka *k)
{
    k->timer = malloc(sizeof *k->timer);
    k->topics = calloc(KAFKA_TOPICS, sizeof *k->topics);
    if (!k->timer || !k->topics)
        abort(); /* as the agent does */
    uv_timer_init(k->host->loop, k->timer);
    k->timer->data = k;
}

static sl_err kafka_open(void *self, const sl_host *host)
{
    kafka *k = self;
    sl_err err;

    k->host = host;
    err = producer_open(k);
    if (err)
        return err;
    choose_extras(k);
    open_timer(k);
    return 0;
}

/* --- the constant --- */

#define AT(member)   offsetof(kafka, member)
#define TIME_FORMATS "rfc3339|double|iso8601|iso8601_ns|epoch_ms"

static const sl_option options[] = {
    {"brokers", SL_LIST, AT(brokers), NULL, "HOST:PORT of some of them; the others are asked for",
     NULL, 0, 0},
    {"topic", SL_TEMPLATE, AT(topic), "logs", "where to", NULL, 0, 0},
    {"fallback_topic", SL_TEMPLATE, AT(fallback_topic), "",
     "where a field of topic is missing, or that topic takes nothing", NULL, 0, 0},
    {"key", SL_TEMPLATE, AT(key), "%{kubernetes.pod.uid}/%{kubernetes.container.name}",
     "records with the same one stay in order; none: no key, and no order", NULL, 0, 0},
    {"headers", SL_CHOICE, AT(headers), "auto",
     "one header, sluice: the record's place; auto: where the value does not hold it",
     "auto|true|false", 0, 0},
    {"partitioner", SL_CHOICE, AT(partitioner), "murmur2_random",
     "murmur2_random is that of Java's clients", "murmur2_random|consistent_random", 0, 0},
    {"compression", SL_CHOICE, AT(compression), "lz4", "of batches", "none|gzip|snappy|lz4|zstd", 0,
     0},
    {"compression_level", SL_COUNT, AT(compression_level), "0", "0: the codec's fast one", NULL, 0,
     12},
    {"acks", SL_CHOICE, AT(acks), "all", "which brokers must have it; 1: the leader alone", "all|1",
     0, 0},
    {"idempotence", SL_FLAG, AT(idempotence), "true",
     "false: what is sent again may be there twice", NULL, 0, 0},
    {"timestamp.key", SL_TEXT, AT(time_key), "",
     "name of the time in a value; empty: the schema's, @timestamp or timestamp", NULL, 0, 0},
    {"timestamp.format", SL_CHOICE, AT(time_format), "rfc3339",
     "of that; double and epoch_ms are numbers, since 1970", TIME_FORMATS, 0, 0},
    {"tls.enabled", SL_CHOICE, AT(tls), "auto", "auto: where something else of tls is given",
     "auto|true|false", 0, 0},
    {"tls.ca_file", SL_TEXT, AT(ca_file), "", "authorities to trust; empty: the system's", NULL, 0,
     0},
    {"tls.cert_file", SL_TEXT, AT(cert_file), "", "the client's certificate, in PEM", NULL, 0, 0},
    {"tls.key_file", SL_TEXT, AT(key_file), "", "its key, unless it is in cert_file", NULL, 0, 0},
    {"tls.key_password", SL_SECRET, AT(key_password), "", "of that key", NULL, 0, 0},
    {"tls.server_name", SL_TEXT, AT(server_name), "",
     "in all brokers' certificates; empty: each one's own", NULL, 0, 0},
    {"tls.min_version", SL_CHOICE, AT(min_version), "1.2", "of TLS", "1.2|1.3", 0, 0},
    {"tls.verify", SL_FLAG, AT(verify), "true", "false: anybody may answer in the broker's place",
     NULL, 0, 0},
    {"sasl.mechanism", SL_CHOICE, AT(mechanism), "none", "how to log in",
     "none|PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER", 0, 0},
    {"sasl.user", SL_TEXT, AT(user), "", "with a password", NULL, 0, 0},
    {"sasl.password", SL_SECRET, AT(password), "", "of that user", NULL, 0, 0},
    {"sasl.password_file", SL_TEXT, AT(password_file), "",
     "holds it, and is read again when it is replaced", NULL, 0, 0},
    {"sasl.token_file", SL_TEXT, AT(token_file), "",
     "holds OAUTHBEARER's token, and is read again when it is replaced", NULL, 0, 0},
    {"librdkafka", SL_MAP, AT(properties), "", "further properties of librdkafka", NULL, 0, 0},
    {0},
};

SL_PLUGIN(kafka) = {
    SL_PLUGIN_HEAD,
    .kind = SL_OUTPUT,
    .name = "kafka",
    .help = "messages to Apache Kafka",
    .self_size = sizeof(kafka),
    .options = options,
    .output =
        {
            .max_in_flight = KAFKA_MAX_IN_FLIGHT,
            .max_bytes = 2 << 20, /* a request for each partition and batch: large ones cost less */
            .in_flight = 4,
            .max_age_ms = 1000,
            .encodings = "json|msgpack|raw",
            .open = kafka_open,
            .send = request_send,
            .close = request_close,
            .ready = request_ready,
            .cancel = request_cancel,
            .target = "topic",
            .key = "key",
            .fallback = "fallback_topic",
            .flags = SL_WANTS_TIMESTAMP | SL_KEEPS_ORDER,
            .make_target = make_target,
            .check = check,
            .check_files = check_files,
            .stamp = stamp,
            .metrics = statistics_metrics,
            .measure = measure,
        },
};
