/* test_property.c - properties of librdkafka that would break a promise are refused. */
#include "property.h"

#include "unit.h"

static const struct {
    const char *name;
    bool allowed;
} rows[] = {
    {"linger.ms", true},
    {"batch.size", true},
    {"queue.buffering.max.messages", true},
    {"socket.keepalive.enable", true},
    {"ssl.cipher.suites", true},
    {"no.such.property", true}, /* librdkafka says so itself */
    {"maximum", true},
    {"cb", true},
    {"acks", false},
    {"request.required.acks", false},
    {"enable.idempotence", false},
    {"enable.gapless.guarantee", false},
    {"transactional.id", false},
    {"message.timeout.ms", false},
    {"delivery.timeout.ms", false},
    {"retries", false},
    {"message.send.max.retries", false},
    {"max.in.flight", false},
    {"max.in.flight.requests.per.connection", false},
    {"queuing.strategy", false},
    {"delivery.report.only.error", false},
    {"bootstrap.servers", false},
    {"metadata.broker.list", false},
    {"compression.codec", false},
    {"compression.type", false},
    {"compression.level", false},
    {"partitioner", false},
    {"security.protocol", false},
    {"ssl.ca.location", false},
    {"ssl.key.pem", false},
    {"ssl.engine.location", false},
    {"enable.ssl.certificate.verification", false},
    {"sasl.password", false},
    {"sasl.mechanisms", false},
    {"sasl.kerberos.kinit.cmd", false},
    {"plugin.library.paths", false},
    {"test.mock.num.brokers", false},
    {"dr_msg_cb", false},
    {"opaque", false},
    {"client.id", true},
    {"request.timeout.ms", true},
    {"connections.max.idle.ms", true},
    {"message.max.bytes", true},
    {"queue.buffering.max.kbytes", false},
    {"topic.metadata.refresh.interval.ms", true},
    {"topic.blacklist", false},
    {"api.version.request", false},
    {"api.version.request.timeout.ms", true},
    {"broker.version.fallback", false},
    {"sasl.mechanism", false},
    {"sasl.username", false},
    {"sasl.oauthbearer.method", false},
    {"sasl.oauthbearer.client.secret", false},
    {"enable.sasl.oauthbearer.unsecure.jwt", false},
    {"enable_sasl_queue", false},
    {"ssl.providers", false},
    {"ssl.crl.location", true},
    {"ssl_key", false},
    {"ssl.certificate.verify_cb", false},
    {"default_topic_conf", false},
    {"internal.termination.signal", false},
    {"statistics.interval.ms", false},
    {"log.queue", false},
    {"enabled_events", false},
    {"background_event_cb", false},
    {"interceptors", false},
    {"debug", false},
};

START_TEST(says_which_may_be_set)
{
    const char *why = property_refusal(rows[_i].name);

    ck_assert_int_eq(why == NULL, rows[_i].allowed);
    ck_assert(!why || *why);
}
END_TEST

SL_UNIT(SL_ROWS(says_which_may_be_set, rows))
