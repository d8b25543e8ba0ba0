/* server_name.h - all brokers' certificates must be for one name, whatever address they are reached by. */
#ifndef SERVER_NAME_H
#define SERVER_NAME_H

#include <librdkafka/rdkafka.h>

/* name   a host's or an IP address; lives as long as any producer that is made from conf */
void server_name_check(rd_kafka_conf_t *conf, const char *name);

#endif
