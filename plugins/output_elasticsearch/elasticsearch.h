/* elasticsearch.h - the output's instance, and its requests.
 *
 * Batches wait in `waiting` until a request may go out: how many may is `window`, which grows by one
 * for each round that went well, and halves when the far end says that it is too busy. */
#ifndef ELASTICSEARCH_H
#define ELASTICSEARCH_H

#include "bulk_verdict.h"
#include "credentials.h"
#include "hosts.h"
#include "http.h"

#define MAX_OPTION_HEADERS 32
#define BULK_MAX_IN_FLIGHT 64

typedef enum { OP_CREATE, OP_INDEX } bulk_op;
typedef enum { DEDUPE_AUTO, DEDUPE_TRUE, DEDUPE_FALSE } dedupe;

struct elasticsearch;

/* A batch on its way. */
typedef struct request {
    struct request *next; /* in waiting, or in out */
    struct elasticsearch *es;
    sl_batch *batch;
    server *server;
    http_request *http; /* NULL: it waits */
    uint32_t count;     /* of records in it */
    bool has_ids;
    bulk_answer answer;
    bulk_verdicts verdicts;
    size_t heard;   /* bytes of the answer */
    char page[161]; /* the beginning of an answer that is no JSON */
} request;

typedef struct elasticsearch {
    sl_texts hosts_option;
    const char *index, *fallback_index, *pipeline;
    int op, dedupe, compression;
    uint64_t compression_level;
    credentials credentials;
    const char *ca_file, *cert_file, *key_file, *key_password, *server_name;
    int min_version;
    bool verify;
    const char *proxy;
    uint64_t timeout_ms, max_connection_age_ms;
    sl_pairs headers_option;

    const sl_host *host;
    char *fallback; /* fallback_index, if it is the same for all records; else NULL */
    hosts hosts;
    http *http;
    char *headers[MAX_OPTION_HEADERS + 1]; /* of the option */
    request *waiting, *out;
    uint32_t running;               /* how many are out */
    double window;                  /* how many may be */
    bool ids_off;                   /* the store refuses them */
    bool is_away;                   /* shards are, and not for a moment alone */
    uint64_t away_ms, away_last_ms; /* they were found to be, first and last */
} elasticsearch;

/* bulk.c */
void bulk_send(void *self, sl_batch *batch);
void bulk_cancel(void *self);

#endif
