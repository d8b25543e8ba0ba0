/* property.c - see property.h. */
#include "property.h"

#include <stddef.h>
#include <string.h>

#define LOSES    "records could be lost"
#define REORDERS "records could change places"
#define OURS     "it belongs to the agent"
#define OLD      "brokers before Kafka 0.11 are not supported"
#define LOADS    "it would load a library or start a program"

static const struct {
    const char *name; /* with * at its end: all that begin so */
    const char *why;
} refused[] = {
    {"bootstrap.servers", "use the option brokers"},
    {"metadata.broker.list", "use the option brokers"},
    {"acks", "use the option acks"},
    {"request.required.acks", "use the option acks"},
    {"enable.idempotence", "use the option idempotence"},
    {"enable.gapless.guarantee", OURS},
    {"compression.*", "use the options compression and compression_level"},
    {"partitioner", "use the option partitioner"},
    {"message.timeout.ms", LOSES},
    {"delivery.timeout.ms", LOSES},
    {"message.send.max.retries", LOSES},
    {"retries", LOSES},
    {"max.in.flight", REORDERS},
    {"max.in.flight.requests.per.connection", REORDERS},
    {"queuing.strategy", REORDERS},
    {"queue.buffering.max.kbytes", "a record that is longer would wait for ever"},
    {"transactional.id", "the output has no transactions"},
    {"delivery.report.only.error", "what arrived would never be known"},
    {"test.*", "records would go nowhere"},
    {"topic.blacklist", "records would go nowhere"},
    {"api.version.request", OLD},
    {"broker.version.fallback", OLD},
    {"security.protocol", "use the options tls and sasl"},
    {"ssl.ca.*", "use the option tls.ca_file"},
    {"ssl.certificate.*", "use the option tls.cert_file"},
    {"ssl.key.*", "use the options tls.key_file and tls.key_password"},
    {"ssl.keystore.*", "use the options tls.cert_file and tls.key_file"},
    {"enable.ssl.certificate.verification", "use the option tls.verify"},
    {"ssl.endpoint.identification.algorithm", "use the option tls.verify"},
    {"ssl.engine.*", LOADS},
    {"ssl.providers", LOADS},
    {"ssl_*", OURS},
    {"sasl.username", "use the option sasl.user"},
    {"sasl.password", "use the option sasl.password or sasl.password_file"},
    {"sasl.mechanism*", "use the option sasl.mechanism"},
    {"sasl.kerberos.*", "GSSAPI is not supported"},
    {"sasl.oauthbearer.*", "tokens come from a file: use the option sasl.token_file"},
    {"enable.sasl.oauthbearer.unsecure.jwt", "use the option sasl.token_file"},
    {"sasl.*", "use the option sasl"},
    {"enable_sasl_queue", OURS},
    {"plugin.library.paths", LOADS},
    {"enabled_events", OURS},
    {"log.queue", OURS},
    {"log_level", "use the agent's log.level"},
    {"debug", "it would print records' places and secrets"},
    {"statistics.interval.ms", OURS},
    {"opaque", OURS},
    {"default_topic_conf", OURS},
    {"msg_order_cmp", OURS},
    {"internal.termination.signal", OURS},
    {"builtin.features", OURS},
    {"interceptors", OURS},
};

static int matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    if (pattern[len - 1] == '*')
        return !strncmp(pattern, name, len - 1);
    return !strcmp(pattern, name);
}

const char *property_refusal(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (matches(refused[i].name, name))
            return refused[i].why;
    }
    return len > 3 && !strcmp(name + len - 3, "_cb") ? OURS : NULL;
}
