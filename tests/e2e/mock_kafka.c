/* mock_kafka.c - librdkafka's mock cluster as a program: it prints its brokers, and does what stands
 * on its input, a command a line, each answered by "ok" or "failed". It ends with its input.
 *
 *     mock_kafka BROKERS
 *
 *     topic NAME PARTITIONS          create it
 *     topic-error NAME ERROR         metadata says so of it; 0: it is well again
 *     error API ERROR COUNT          the next COUNT requests of that kind are answered so
 *     down | up BROKER               it takes no connection
 *     leader NAME PARTITION BROKER   leads that partition from now on
 *     rtt BROKER MS                  how late it answers */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rd_kafka_resp_err_t push(rd_kafka_mock_cluster_t *c, int api, int error, int count)
{
    rd_kafka_resp_err_t errors[100];

    for (int i = 0; i < count && i < 100; i++)
        errors[i] = (rd_kafka_resp_err_t)error;
    rd_kafka_mock_push_request_errors_array(c, (int16_t)api, count < 100 ? (size_t)count : 100,
                                            errors);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t obey(rd_kafka_mock_cluster_t *c, const char *line)
{
    char name[256];
    int a, b, d;

    if (sscanf(line, "topic %255s %d", name, &a) == 2)
        return rd_kafka_mock_topic_create(c, name, a, 1);
    if (sscanf(line, "topic-error %255s %d", name, &a) == 2) {
        rd_kafka_mock_topic_set_error(c, name, (rd_kafka_resp_err_t)a);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (sscanf(line, "error %d %d %d", &a, &b, &d) == 3)
        return push(c, a, b, d);
    if (sscanf(line, "down %d", &a) == 1)
        return rd_kafka_mock_broker_set_down(c, a);
    if (sscanf(line, "up %d", &a) == 1)
        return rd_kafka_mock_broker_set_up(c, a);
    if (sscanf(line, "leader %255s %d %d", name, &a, &b) == 3)
        return rd_kafka_mock_partition_set_leader(c, name, a, b);
    if (sscanf(line, "rtt %d %d", &a, &b) == 2)
        return rd_kafka_mock_broker_set_rtt(c, a, b);
    return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool is_quiet = rd_kafka_conf_set(conf, "log_level", "0", NULL, 0) == RD_KAFKA_CONF_OK;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    int brokers = argc == 2 ? atoi(argv[1]) : 0;
    rd_kafka_mock_cluster_t *c =
        rk && is_quiet && brokers > 0 ? rd_kafka_mock_cluster_new(rk, brokers) : NULL;
    char line[1024];

    if (!c) {
        fprintf(stderr, "usage: mock_kafka BROKERS\n");
        return 2;
    }
    puts(rd_kafka_mock_cluster_bootstraps(c));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        puts(obey(c, line) ? "failed" : "ok");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(c);
    rd_kafka_destroy(rk);
    return 0;
}
