/* kafka.h - the output's instance: a producer of librdkafka's, handles of topics, and batches on
 * their way.
 *
 * Batches stand in `requests` in the order in which they came; the first ones are handed over to
 * librdkafka, message by message, and the last one of these perhaps in part. Each message points at
 * its slot, which its report fills in; a batch is answered when all its slots are.
 *
 * Turning back: where some message has to be sent again, those behind it must not stay in front. So
 * nothing more is handed over, what has not left is purged, and when the last report has come all is
 * answered at once; the host sends it again, oldest first.
 *
 * Strict: a producer of ours breaks when a request is refused (librdkafka's gapless guarantee), before
 * what stands behind it can overtake. The next one is lenient, or each try with a part of what was refused
 * would cost one more: batches go alone meanwhile. Then a strict one takes over again.
 *
 * Renewing: where files of TLS were replaced, another producer is made at once, so that their faults
 * show while the old one still works. Nothing more is handed over to that; when its last report has
 * come the other one takes its place. */
#ifndef KAFKA_H
#define KAFKA_H

#include "statistics.h"

#include <librdkafka/rdkafka.h>
#include <sys/stat.h>
#include <uv.h>

#define KAFKA_MAX_IN_FLIGHT 64
#define KAFKA_TOPICS        256 /* handles that are kept */
#define KAFKA_WORDS         512
#define KAFKA_FILES         5 /* that may be replaced while we run */

/* A message's report. */
typedef struct slot {
    uint32_t index;
    int16_t err; /* rd_kafka_resp_err_t */
    bool is_done;
    bool is_ours; /* librdkafka did not take it */
    bool to_fallback;
} slot;

typedef struct request {
    struct request *next;
    sl_batch *batch;
    uint32_t count, produced, done;
    bool is_alone; /* no other batch was out beside it */
    slot slots[];
} request;

typedef struct topic {
    char name[250];
    size_t len;
    rd_kafka_topic_t *handle; /* NULL: this place is free */
    uint64_t used;            /* a count that rises: the smallest is replaced */
    uint64_t refused_ms;      /* until then its records go to fallback_topic; 0: it is well */
} topic;

/* sasl.mechanism */
enum { LOGIN_NONE, LOGIN_PLAIN, LOGIN_SCRAM_256, LOGIN_SCRAM_512, LOGIN_TOKEN };

/* What tells a file from the one that takes its place. */
typedef struct file_seen {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} file_seen;

typedef struct kafka {
    sl_texts brokers;
    const char *topic, *fallback_topic, *key;
    const char *time_key;
    int time_format;
    int headers, partitioner, compression, acks;
    uint64_t compression_level;
    bool idempotence;
    int tls, min_version;
    const char *ca_file, *cert_file, *key_file, *key_password, *server_name;
    bool verify;
    int mechanism;
    const char *user, *password, *password_file, *token_file;
    sl_pairs properties;

    const sl_host *host;
    bool has_key, has_place; /* what a message carries beside its value */
    const char *fallback;    /* fallback_topic, if it is the same for all records */
    rd_kafka_t *rk;          /* NULL: there is none for now */
    rd_kafka_queue_t *queue; /* of its events */
    const char *why_next;
    rd_kafka_t *next; /* takes over once all that rk has is reported; NULL: there is none */
    file_seen seen[KAFKA_FILES]; /* as they were when they were read */
    topic *topics;               /* KAFKA_TOPICS of them */
    topic *last_topic;
    uint64_t topics_used;
    request *requests;
    uint32_t careful;  /* so many batches more go out one by one */
    bool turning_back; /* see above */
    bool is_broken;    /* the producer is, and another one is made */
    bool has_worked;   /* the producer has: something was acknowledged */
    bool is_strict;    /* ... because something was refused, and nothing may overtake it */
    bool is_lenient;   /* the newest producer goes on where something is refused */
    uint64_t broken_ms;
    uint64_t lenient_ms; /* until then no strict one is made */
    bool is_stopping;
    char words[KAFKA_WORDS]; /* why we turn back; of the first one */
    uint64_t said_ms;        /* when we complained last; 0: never */
    statistics statistics;   /* what librdkafka said last */
    uint64_t wire_bytes;     /* that are counted */
    uv_timer_t *timer;       /* while turning back, or without a producer */
} kafka;

/* conf.c: settings for a producer, from the options. Files are looked at only when k->host is there.
 * NULL: `mistake` was told what is wrong. */
rd_kafka_conf_t *kafka_conf_new(const kafka *k, sl_mistake_fn *mistake, void *arg);

/* secret.c: what a file holds, without its last newlines, to be freed; NULL: errno says why nothing. */
char *secret_new(const char *path);

/* login.c: gives what token_file holds to a producer that logs in with it. */
void token_renew(kafka *k, rd_kafka_t *rk);

/* Has the next producer to go on where something is refused? */
bool request_wants_lenient(const kafka *k);

/* renewal.c: remembers what its files are like; before they are read. */
void renewal_note(kafka *k);
/* Reads those that were replaced since. */
void renewal_look(kafka *k);
/* Makes a strict producer, to take over from a lenient one. */
void renewal_make_strict(kafka *k);

/* topics.c: a topic by its name; NULL: librdkafka says why not. It stays until another one needs
 * its place or topics_drop(). */
topic *topics_get(kafka *k, sl_slice name);
void topics_drop(topic *t);
void topics_drop_all(kafka *k);

/* producer.c */
SL_MUST_USE sl_err producer_open(kafka *k);
/* A producer beside the one that works; NULL: it cannot be, and that was said. */
rd_kafka_t *producer_new(kafka *k);
/* k->next takes the place of the one that works. */
void producer_swap(kafka *k);
/* It never worked. */
void producer_drop(kafka *k, rd_kafka_t *rk);
/* It ends by and by, on the pool. `ended` comes on the loop when nothing of it is left. */
void producer_close(kafka *k, void (*ended)(void *arg), void *arg);
/* Takes what librdkafka has for us: reports are filled in. */
void producer_poll(kafka *k);
/* Says it, once a minute at most. */
void producer_complain(kafka *k, const char *text);

/* request.c */
void request_send(void *self, sl_batch *batch);
void request_cancel(void *self);
void request_ready(void *self);
void request_close(void *self);
/* See above. words: why */
void request_turn_back(kafka *k, const char *words);

/* answer.c: answers a batch whose slots are all done. */
void request_answer(kafka *k, request *r);
/* Must all be sent again, because of this report? */
bool request_must_turn_back(kafka *k, const request *r, const slot *s);

#endif
