/* conf.c - from our options to librdkafka's properties.
 *
 * The lane has gathered records for batch.max_age already, so linger.ms is only what joins batches
 * that come quickly one after the other. It is no less, since librdkafka 2.0 turns round and round
 * while older messages wait behind a request of their partition. */
#include "kafka.h"
#include "property.h"
#include "server_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct maker {
    const kafka *k;
    rd_kafka_conf_t *conf;
    sl_mistake_fn *mistake;
    void *arg;
    bool failed;
} maker;

static void refuse(maker *m, const char *option, const char *why)
{
    m->mistake(m->arg, option, why);
    m->failed = true;
}

static void set(maker *m, const char *name, const char *value)
{
    char why[KAFKA_WORDS];

    if (rd_kafka_conf_set(m->conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        refuse(m, "librdkafka", why);
}

static void set_if_given(maker *m, const char *name, const char *value)
{
    if (value && *value)
        set(m, name, value);
}

/* --- what we promise --- */

static void set_promises(maker *m)
{
    static const char *const fixed[][2] = {
        {"message.timeout.ms", "0"}, /* again, without end */
        {"linger.ms", "50"},
        {"message.max.bytes", "1000000000"},           /* what the broker takes is for it to say */
        {"queue.buffering.max.kbytes", "2147483647"},  /* the host bounds it, in bytes */
        {"queue.buffering.max.messages", "25000"},     /* each takes up to 470 bytes of its own */
        {"topic.metadata.propagation.max.ms", "5000"}, /* others wait behind */
        {"log.queue", "true"},
        {"statistics.interval.ms", "10000"},
        {"client.id", "sluice"},
    };

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        set(m, fixed[i][0], fixed[i][1]);
    set(m, "acks", m->k->acks == 0 ? "all" : "1");
    set(m, "enable.idempotence", m->k->idempotence ? "true" : "false");
    set(m, "enable.gapless.guarantee", m->k->idempotence && !m->k->is_lenient ? "true" : "false");
    set(m, "max.in.flight", m->k->idempotence ? "5" : "1"); /* or they change places */
}

/* HOST, HOST:PORT or [V6]:PORT; without a port it is Kafka's own, 9092. */
static bool is_broker(const char *text)
{
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    char *end = NULL;
    long port = colon && colon > bracket ? strtol(colon + 1, &end, 10) : 1;

    return *text && !strpbrk(text, ", /") && colon != text &&
           (!end || (*end == '\0' && end > colon + 1)) && port > 0 && port <= 65535;
}

static void set_brokers(maker *m)
{
    const sl_texts *brokers = &m->k->brokers;
    size_t len = 1;
    char *list;

    for (size_t i = 0; i < brokers->count; i++) {
        if (!is_broker(brokers->items[i]))
            refuse(m, "brokers", "one of them is not HOST:PORT");
        len += strlen(brokers->items[i]) + 1;
    }
    if (brokers->count == 0)
        refuse(m, "brokers", "there is none");
    list = calloc(1, len);
    if (!list)
        abort(); /* as the agent does */
    for (size_t i = 0; i < brokers->count; i++) {
        strcat(list, i ? "," : "");
        strcat(list, brokers->items[i]);
    }
    set_if_given(m, "bootstrap.servers", list);
    free(list);
}

static void set_shape(maker *m)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    static const char *const partitioners[] = {"murmur2_random", "consistent_random"};
    const kafka *k = m->k;
    bool has_slow_default = k->compression == 1 || k->compression == 4;
    uint64_t level = k->compression_level ? k->compression_level : has_slow_default;
    char text[24];

    set(m, "compression.codec", codecs[k->compression]);
    set(m, "partitioner", partitioners[k->partitioner]);
    if (k->compression == 1 && level > 9)
        refuse(m, "compression_level", "gzip has 1 to 9");
    snprintf(text, sizeof text, "%u", (unsigned)level);
    set(m, "compression.level", text);
}

/* --- who we are, and whom we trust --- */

/* Nobody looks at files before the output opens. */
static void set_password(maker *m)
{
    const kafka *k = m->k;
    char *text = *k->password_file && k->host ? secret_new(k->password_file) : NULL;

    if (*k->password_file && k->host && !text)
        refuse(m, "sasl.password_file", strerror(errno));
    set_if_given(m, "sasl.password", text ? text : k->password);
    free(text);
}

static void check_token(maker *m)
{
    const kafka *k = m->k;
    char *text = *k->token_file && k->host ? secret_new(k->token_file) : NULL;

    if (!*k->token_file)
        refuse(m, "sasl", "OAUTHBEARER needs token_file");
    else if (k->host && !text)
        refuse(m, "sasl.token_file", strerror(errno));
    free(text);
}

static void check_login(maker *m)
{
    const kafka *k = m->k;
    bool has_password = *k->password || *k->password_file;
    bool wants_password = k->mechanism != LOGIN_NONE && k->mechanism != LOGIN_TOKEN;

    if (*k->password && *k->password_file)
        refuse(m, "sasl", "give a password or its file, not both");
    if (wants_password != (*k->user && has_password) || !*k->user != !has_password)
        refuse(m, "sasl", "mechanism, user and password belong together");
    if (*k->token_file && k->mechanism != LOGIN_TOKEN)
        refuse(m, "sasl.token_file", "it is for the mechanism OAUTHBEARER");
    if (k->mechanism == LOGIN_TOKEN)
        check_token(m);
}

static void set_login(maker *m)
{
    static const char *const mechanisms[] = {"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512",
                                             "OAUTHBEARER"};
    const kafka *k = m->k;

    check_login(m);
    if (k->mechanism == LOGIN_NONE || m->failed)
        return;
    set(m, "sasl.mechanism", mechanisms[k->mechanism]);
    if (k->mechanism == LOGIN_TOKEN)
        return;
    set_if_given(m, "sasl.username", k->user);
    set_password(m);
}

static void check_tls(maker *m, bool is_on, bool is_set)
{
    const kafka *k = m->k;

    if (!is_on && is_set)
        refuse(m, "tls", "it has settings, and tls.enabled is false");
    if (*k->key_file && !*k->cert_file)
        refuse(m, "tls.key_file", "there is no tls.cert_file that it belongs to");
    if (*k->server_name && !k->verify)
        refuse(m, "tls.server_name", "nobody looks at it: tls.verify is false");
    if (k->min_version == 1)
        refuse(m, "tls.min_version",
               "librdkafka cannot refuse TLS 1.2; let the brokers do it (ssl.enabled.protocols)");
}

static void set_tls(maker *m)
{
    static const char *const protocols[2][2] = {{"plaintext", "ssl"},
                                                {"sasl_plaintext", "sasl_ssl"}};
    const kafka *k = m->k;
    bool is_set = *k->ca_file || *k->cert_file || *k->key_file || *k->key_password ||
                  *k->server_name || k->min_version || !k->verify;
    bool is_on = k->tls == 1 || (k->tls == 0 && is_set);

    set(m, "security.protocol", protocols[k->mechanism > 0][is_on]);
    check_tls(m, is_on, is_set);
    if (!is_on)
        return;
    set_if_given(m, "ssl.ca.location", k->ca_file);
    set_if_given(m, "ssl.certificate.location", k->cert_file);
    set_if_given(m, "ssl.key.location", *k->key_file ? k->key_file : k->cert_file);
    set_if_given(m, "ssl.key.password", k->key_password);
    set(m, "enable.ssl.certificate.verification", k->verify ? "true" : "false");
    set(m, "ssl.endpoint.identification.algorithm",
        k->verify && !*k->server_name ? "https" : "none");
    if (*k->server_name)
        server_name_check(m->conf, k->server_name);
}

/* --- all of it --- */

/* librdkafka says it as it is, within quotes, in its statistics. */
static const char *name_refusal(const char *name, const char *value)
{
    bool is_odd = !strcmp(name, "client.id") && value[strcspn(value, "\"\\")];

    return is_odd ? "it has a quote or a backslash" : property_refusal(name);
}

/* librdkafka may say another name of the same property. */
static void set_property(maker *m, const char *name, const char *value)
{
    const char *refusal = name_refusal(name, value);
    char why[KAFKA_WORDS], text[2 * KAFKA_WORDS];

    if (!refusal && rd_kafka_conf_set(m->conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return;
    snprintf(text, sizeof text, "%s: %s", name, refusal ? refusal : why);
    refuse(m, "librdkafka", text);
}

static void set_properties(maker *m)
{
    const sl_pairs *pairs = &m->k->properties;

    for (size_t i = 0; i < pairs->count; i++)
        set_property(m, pairs->names[i], pairs->values[i]);
}

/* A batch that goes alone is one request to each partition, or a part of it could overtake another. */
static void set_alone(maker *m)
{
    set(m, "linger.ms", "100");
    set(m, "batch.num.messages", "1000000");
    set(m, "batch.size", "2147483647");
}

rd_kafka_conf_t *kafka_conf_new(const kafka *k, sl_mistake_fn *mistake, void *arg)
{
    maker m = {.k = k, .conf = rd_kafka_conf_new(), .mistake = mistake, .arg = arg};

    if (k->acks != 0 && k->idempotence)
        refuse(&m, "acks", "an idempotent producer needs all; set idempotence: false as well");
    set_promises(&m);
    set_brokers(&m);
    set_shape(&m);
    set_login(&m);
    set_tls(&m);
    set_properties(&m);
    if (k->is_lenient)
        set_alone(&m);
    rd_kafka_conf_set_events(m.conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
                                         RD_KAFKA_EVENT_STATS |
                                         RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
    if (!m.failed)
        return m.conf;
    rd_kafka_conf_destroy(m.conf);
    return NULL;
}
