/* request.c - batches on their way: see kafka.h. */
#include "kafka.h"
#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>

#define EVERY_MS  200  /* while we turn back */
#define BROKEN_MS 5000 /* for reports of a producer that is broken */
#define RETRY_MS  5000 /* a producer that could not be made */
#define STOP_MS   500  /* for reports that are on their way */

static void move_on(kafka *k);

/* --- one message --- */

/* Where it goes; NULL: librdkafka says why nowhere. */
static topic *topic_for(kafka *k, const sl_item *item, slot *s)
{
    topic *t = topics_get(k, item->target);

    s->to_fallback = false;
    if (!t || !t->refused_ms)
        return t;
    if (k->host->now_ms(k->host) < t->refused_ms) {
        s->to_fallback = true;
        return topics_get(k, sl_str(k->fallback));
    }
    t->refused_ms = 0; /* perhaps it is well again */
    return t;
}

/* The place of a record, for whoever drops duplicates. */
static size_t make_place(char *text, size_t room, const sl_item *item)
{
    int len = snprintf(text, room, "%.*s-%llu", (int)item->generation.len, item->generation.ptr,
                       (unsigned long long)item->offset);

    if (item->piece)
        len += snprintf(text + len, room - (size_t)len, ".%llu", (unsigned long long)item->piece);
    return (size_t)len;
}

/* Its memory is the batch's, and stays until the batch is answered. */
static rd_kafka_resp_err_t produce(kafka *k, const sl_item *item, slot *s)
{
    topic *t = topic_for(k, item, s);
    char place[128];
    rd_kafka_vu_t v[6];
    size_t n = 0;
    rd_kafka_error_t *error;
    rd_kafka_resp_err_t err;

    if (!t)
        return rd_kafka_last_error();
    v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = t->handle};
    v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_VALUE,
                             .u.mem = {(void *)item->value.ptr, item->value.len}};
    v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
                             .u.i64 = item->time_ns > 0 ? item->time_ns / 1000000 : 0};
    v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = s};
    if (k->has_key && item->key.ptr)
        v[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_KEY,
                                 .u.mem = {(void *)item->key.ptr, item->key.len}};
    if (k->has_place)
        v[n++] = (rd_kafka_vu_t){
            .vtype = RD_KAFKA_VTYPE_HEADER,
            .u.header = {"sluice", place, (ssize_t)make_place(place, sizeof place, item)}};
    error = rd_kafka_produceva(k->rk, v, n);
    err = rd_kafka_error_code(error);
    if (error)
        rd_kafka_error_destroy(error);
    return err;
}

/* --- handing over --- */

/* false: librdkafka is full; its reports will make room. */
static bool hand_over_next(kafka *k, request *r)
{
    uint32_t i = r->produced;
    slot *s = &r->slots[i];
    rd_kafka_resp_err_t err;
    sl_item item;

    k->host->record(r->batch, i, &item);
    s->index = i;
    err = produce(k, &item, s);
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return false;
    r->produced++;
    if (!err)
        return true;
    s->err = (int16_t)err;
    s->is_done = s->is_ours = true;
    r->done++;
    if (request_must_turn_back(k, r, s))
        request_turn_back(k, rd_kafka_err2str(err));
    return true;
}

static void hand_over(kafka *k)
{
    if (k->next)
        return; /* it gets them */
    for (request *r = k->requests; r; r = r->next) {
        if (k->careful && r != k->requests)
            return; /* alone: what is refused has nobody beside it */
        if (k->careful && r->produced == 0)
            r->is_alone = true;
        while (r->produced < r->count) {
            if (k->turning_back || !k->rk || !hand_over_next(k, r))
                return;
        }
    }
}

void request_send(void *self, sl_batch *batch)
{
    kafka *k = self;
    uint32_t count = k->host->count(batch);
    request *r = calloc(1, sizeof *r + count * sizeof *r->slots), **last = &k->requests;

    if (!r)
        abort(); /* as the agent does */
    r->batch = batch;
    r->count = count;
    while (*last)
        last = &(*last)->next;
    *last = r;
    move_on(k);
}

/* --- turning back --- */

static void on_timer(uv_timer_t *timer);

static void purge(kafka *k)
{
    bool is_over = k->is_broken && k->host->now_ms(k->host) - k->broken_ms >= BROKEN_MS;
    int in_flight = is_over || k->is_stopping ? RD_KAFKA_PURGE_F_INFLIGHT : 0;

    if (k->rk)
        (void)rd_kafka_purge(k->rk,
                             RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING | in_flight);
}

/* What librdkafka never got needs no report. */
static void call_back_waiting(request *r)
{
    for (; r->produced < r->count; r->produced++) {
        slot *s = &r->slots[r->produced];

        *s = (slot){.index = r->produced,
                    .err = RD_KAFKA_RESP_ERR__PURGE_QUEUE,
                    .is_done = true,
                    .is_ours = true};
        r->done++;
    }
}

/* After such an error a producer takes nothing any more. What is on its way is still reported. */
static void note_fatal(kafka *k)
{
    char why[KAFKA_WORDS];
    rd_kafka_resp_err_t err =
        k->rk && !k->is_broken ? rd_kafka_fatal_error(k->rk, why, sizeof why) : 0;

    if (!err)
        return;
    k->is_broken = true;
    k->is_strict = err == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE;
    k->broken_ms = k->host->now_ms(k->host);
    if (k->is_strict) {
        k->host->log(k->host, SL_LOG_INFO, "the producer is made anew: %s", why);
        return;
    }
    k->host->up(k->host, false, why);
    if (k->has_worked)
        k->host->log(k->host, SL_LOG_WARN, "the producer is made anew: %s", why);
    else
        producer_complain(k, why);
}

bool request_wants_lenient(const kafka *k)
{
    return k->careful > 0 || (k->host && k->host->now_ms(k->host) < k->lenient_ms);
}

void request_turn_back(kafka *k, const char *words)
{
    note_fatal(k);
    if (!k->turning_back) {
        snprintf(k->words, sizeof k->words, "%s", words);
        uv_timer_start(k->timer, on_timer, EVERY_MS, EVERY_MS); /* what was on its way comes back */
    }
    k->turning_back = true;
    purge(k);
}

static bool is_all_done(const kafka *k)
{
    for (const request *r = k->requests; r; r = r->next) {
        if (r->done < r->count)
            return false;
    }
    return true;
}

/* --- reports --- */

static void answer_done(kafka *k)
{
    request **at = &k->requests, *r;
    bool others_wait = k->careful > 0;

    while ((r = *at)) {
        if (r->done < r->count) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        if (k->careful && r->is_alone && !k->turning_back)
            k->careful--;
        request_answer(k, r);
        free(r);
    }
    if (others_wait && k->requests)
        k->host->wake(k->host); /* it is their turn; the host may have nothing more to send */
}

static void make_producer(kafka *k)
{
    if (producer_open(k) == 0)
        uv_timer_stop(k->timer);
    else
        uv_timer_start(k->timer, on_timer, RETRY_MS, RETRY_MS);
}

/* Whatever librdkafka has of us is reported. */
static bool is_quiet(const kafka *k)
{
    for (const request *r = k->requests; r; r = r->next) {
        if (r->done < r->produced)
            return false;
    }
    return true;
}

/* One that never worked would end again as it did: that waits. */
static void replace_broken(kafka *k)
{
    producer_close(k, NULL, NULL);
    if (k->has_worked || k->is_strict) /* the next one is lenient */
        make_producer(k);
    else
        uv_timer_start(k->timer, on_timer, RETRY_MS, RETRY_MS);
}

/* All have turned back: they are answered, in their order, and come again. */
static void turn_round(kafka *k)
{
    uv_timer_stop(k->timer);
    answer_done(k);
    k->turning_back = false;
    if (k->is_stopping)
        return;
    if (k->next)
        producer_swap(k);
    else if (k->is_broken)
        replace_broken(k);
}

/* As soon as nothing goes alone any more, and before anything goes together. */
static void make_strict(kafka *k)
{
    if (k->rk && k->is_lenient && !k->next && !k->turning_back && !request_wants_lenient(k))
        renewal_make_strict(k);
}

static void move_on(kafka *k)
{
    make_strict(k);
    if (k->next && !k->turning_back && is_quiet(k))
        producer_swap(k);
    if (!k->turning_back)
        hand_over(k);
    if (k->turning_back) {
        for (request *r = k->requests; r; r = r->next)
            call_back_waiting(r);
    }
    if (k->turning_back && is_all_done(k))
        turn_round(k);
    else if (!k->turning_back)
        answer_done(k);
}

void request_ready(void *self)
{
    kafka *k = self;

    if (k->rk)
        producer_poll(k);
    if (k->turning_back)
        purge(k);
    move_on(k);
}

static void on_timer(uv_timer_t *timer)
{
    kafka *k = timer->data;

    if (!k->rk)
        make_producer(k);
    request_ready(k);
}

/* --- the end --- */

static void on_ended(void *arg)
{
    kafka *k = arg;

    for (request *r = k->requests; r; r = r->next) {
        for (uint32_t i = 0; i < r->count; i++) {
            if (!r->slots[i].is_done)
                r->slots[i] =
                    (slot){.index = i, .err = RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, .is_done = true};
        }
        r->done = r->count;
    }
    turn_round(k);
}

/* Some are with a broker that does not take them from our hands: without the producer, nobody
 * looks at them any more. */
static void on_stop_over(uv_timer_t *timer)
{
    kafka *k = timer->data;

    if (k->rk)
        producer_poll(k);
    if (k->requests && k->rk)
        producer_close(k, on_ended, k);
    uv_timer_stop(k->timer);
}

void request_cancel(void *self)
{
    kafka *k = self;

    k->is_stopping = true;
    request_turn_back(k, "the agent stops");
    uv_timer_start(k->timer, on_stop_over, STOP_MS, 0);
    request_ready(k);
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer);
}

void request_close(void *self)
{
    kafka *k = self;

    if (k->next)
        producer_drop(k, k->next);
    if (k->rk)
        producer_close(k, NULL, NULL);
    k->next = NULL;
    free(k->topics);
    k->topics = NULL;
    uv_close((uv_handle_t *)k->timer, on_timer_closed);
}
