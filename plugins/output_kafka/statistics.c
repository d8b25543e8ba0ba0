/* statistics.c - see statistics.h. What is asked for comes before the list of topics, which can be
 * long and is not looked at. */
#include "statistics.h"

#include "walk.h"

#include <stdlib.h>

#define QUEUE_METRICS 2 /* the first ones */

const sl_metric statistics_metrics[] = {
    {"queue_messages", SL_GAUGE, "Messages that librdkafka has and no broker has acknowledged.",
     NULL},
    {"queue_bytes", SL_GAUGE, "Bytes of these messages.", NULL},
    {"broker_up", SL_GAUGE, "1: the connection to the broker is open and ready.", "broker"},
    {"broker_round_trip_seconds", SL_GAUGE,
     "From a request to its answer, on average over 10 s; the last one that was measured.",
     "broker"},
    {"broker_round_trip_p99_seconds", SL_GAUGE, "The same: 99 of 100 were shorter.", "broker"},
    {"broker_waiting_requests", SL_GAUGE, "Requests that wait to be sent.", "broker"},
    {"broker_in_flight_requests", SL_GAUGE, "Requests that were sent and wait for their answer.",
     "broker"},
    {"broker_requests_total", SL_COUNTER, "Requests that were sent.", "broker"},
    {"broker_sent_bytes_total", SL_COUNTER, "Bytes that were sent.", "broker"},
    {"broker_request_errors_total", SL_COUNTER, "Requests that could not be sent.", "broker"},
    {"broker_request_retries_total", SL_COUNTER, "Requests that were sent again.", "broker"},
    {"broker_request_timeouts_total", SL_COUNTER, "Requests that no answer came to in time.",
     "broker"},
    {"broker_disconnects_total", SL_COUNTER, "How often the connection ended.", "broker"},
    {0},
};

#define ROUND_TRIP 1 /* among a broker's numbers, and the one behind it */
#define SENT_BYTES 6

/* Where each stands, in the order of the metrics. */
static const struct {
    const char *object, *name; /* object NULL: it is the broker's own */
    double unit;
} sources[STATISTICS_NUMBERS] = {
    {NULL, "state", 1},        {"rtt", "avg", 1e-6},      {"rtt", "p99", 1e-6},
    {NULL, "outbuf_cnt", 1},   {NULL, "waitresp_cnt", 1}, {NULL, "tx", 1},
    {NULL, "txbytes", 1},      {NULL, "txerrs", 1},       {NULL, "txretries", 1},
    {NULL, "req_timeouts", 1}, {NULL, "disconnects", 1},
};

_Static_assert(sizeof statistics_metrics / sizeof *statistics_metrics ==
                   QUEUE_METRICS + STATISTICS_NUMBERS + 1,
               "each number has its metric");

static bool is(sl_slice text, const char *other)
{
    return text.len == strlen(other) && !memcmp(text.ptr, other, text.len);
}

/* --- reading --- */

static void note(broker_numbers *b, const char *object, sl_slice name, sl_slice value)
{
    for (size_t i = 0; i < STATISTICS_NUMBERS; i++) {
        bool is_same =
            object ? sources[i].object && !strcmp(sources[i].object, object) : !sources[i].object;

        if (is_same && is(name, sources[i].name))
            b->numbers[i] = i == 0 ? is(value, "UP") : walk_number(value) * sources[i].unit;
    }
}

/* A broker chooses the name that librdkafka puts between quotes as it is: a number may be any. */
static uint64_t bytes_of(const broker_numbers *b)
{
    double bytes = b->numbers[SENT_BYTES];

    return bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0;
}

static void read_broker(broker_numbers *b, sl_slice broker)
{
    sl_slice rest = walk_into(broker), name, value, inner;

    while (walk_next(&rest, &name, &value)) {
        note(b, NULL, name, value);
        inner = is(name, "rtt") ? walk_into(value) : (sl_slice){"", 0};
        while (walk_next(&inner, &name, &value))
            note(b, "rtt", name, value);
    }
}

/* Nothing was sent for a while: the last ones are better than none. */
static void keep_round_trip(const statistics *old, broker_numbers *b)
{
    for (size_t i = 0; b->numbers[ROUND_TRIP] == 0 && i < old->count; i++) {
        const broker_numbers *was = &old->brokers[i];

        if (strcmp(was->name, b->name) != 0)
            continue;
        b->numbers[ROUND_TRIP] = was->numbers[ROUND_TRIP];
        b->numbers[ROUND_TRIP + 1] = was->numbers[ROUND_TRIP + 1];
    }
}

static void read_brokers(statistics *s, const statistics *old, sl_slice brokers)
{
    sl_slice rest = walk_into(brokers), name, broker;

    while (walk_next(&rest, &name, &broker)) {
        broker_numbers b = {0};

        read_broker(&b, broker);
        s->sent_bytes += bytes_of(&b);
        if (s->count == STATISTICS_BROKERS || name.len >= sizeof b.name ||
            is(walk_find(broker, "source"), "internal"))
            continue;
        memcpy(b.name, name.ptr, name.len);
        keep_round_trip(old, &b);
        s->brokers[s->count++] = b;
    }
}

void statistics_read(statistics *s, sl_slice json)
{
    statistics *old = malloc(sizeof *old);
    sl_slice rest = walk_into(json), name, value;

    if (!old)
        abort(); /* as the agent does */
    *old = *s;
    *s = (statistics){0};
    while (walk_next(&rest, &name, &value)) {
        if (is(name, "msg_cnt"))
            s->messages = walk_number(value);
        else if (is(name, "msg_size"))
            s->bytes = walk_number(value);
        if (!is(name, "brokers"))
            continue;
        read_brokers(s, old, value);
        break;
    }
    free(old);
}

/* --- telling --- */

void statistics_measure(const statistics *s, size_t metric, sl_value_fn *value, void *arg)
{
    if (metric < QUEUE_METRICS) {
        value(arg, (sl_slice){"", 0}, metric == 0 ? s->messages : s->bytes);
        return;
    }
    for (size_t i = 0; i < s->count; i++)
        value(arg, sl_str(s->brokers[i].name), s->brokers[i].numbers[metric - QUEUE_METRICS]);
}
