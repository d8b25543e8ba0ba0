/* server_name.h - all brokers' certificates must be for one name, whatever address they are reached by. */
#ifndef SERVER_NAME_H
#define SERVER_NAME_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* Is a certificate, in DER, for that name? An address must stand in it as one. */
bool server_name_is_in(const char *bytes, size_t size, const char *name);

/* name   a host's or an IP address; lives as long as any producer that is made from conf */
void server_name_check(rd_kafka_conf_t *conf, const char *name);

#endif
