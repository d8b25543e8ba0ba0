/* statistics.h - librdkafka's statistics as numbers for the metrics.
 *
 * It says them every so often, as JSON; the last ones are kept.
 *
 * Limits   STATISTICS_BROKERS: what more there are is left out */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <sluice/plugin.h>

#define STATISTICS_BROKERS 64
#define STATISTICS_NUMBERS 11 /* of a broker */

typedef struct broker_numbers {
    char name[128]; /* "HOST:PORT/ID" */
    double numbers[STATISTICS_NUMBERS];
} broker_numbers;

typedef struct statistics {
    double messages, bytes; /* in librdkafka's queue */
    uint64_t sent_bytes;    /* to all brokers together */
    size_t count;
    broker_numbers brokers[STATISTICS_BROKERS];
} statistics;

/* Takes what librdkafka said. What cannot be read of it is 0, or left out. */
void statistics_read(statistics *s, sl_slice json);

/* As sl_output_ops has them. */
extern const sl_metric statistics_metrics[];
void statistics_measure(const statistics *s, size_t metric, sl_value_fn *value, void *arg);

#endif
