/* verdict.h - what a delivery report means for its record. */
#ifndef VERDICT_H
#define VERDICT_H

#include <librdkafka/rdkafka.h>

/* DELIVERED  the broker has it, as acks says
 * AGAIN      it may work later; nobody knows whether the broker has it
 * HELD       its topic takes nothing
 * TOO_LARGE  it, or what travelled beside it, is longer than the broker takes
 * REFUSED    the broker will never take it */
typedef enum {
    VERDICT_DELIVERED,
    VERDICT_AGAIN,
    VERDICT_HELD,
    VERDICT_TOO_LARGE,
    VERDICT_REFUSED
} verdict;

verdict verdict_of(rd_kafka_resp_err_t err);

#endif
