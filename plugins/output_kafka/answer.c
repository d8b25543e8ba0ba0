/* answer.c - reports become answers, in runs of the same ones. */
#include "kafka.h"
#include "verdict.h"

#include <stdio.h>

#define REFUSED_MS 60000 /* so long fallback_topic takes what another one does not */
#define CAREFUL    32    /* batches that go alone, after something was refused */
#define LENIENT_MS \
    600000 /* a topic that is forbidden is tried again and again: no producer for each */

static sl_slice target_of(const kafka *k, const request *r, const slot *s)
{
    sl_item item;

    k->host->record(r->batch, s->index, &item);
    return item.target;
}

static bool is_same(sl_slice a, sl_slice b)
{
    return a.len == b.len && !memcmp(a.ptr, b.ptr, a.len);
}

/* Will fallback_topic be tried for it? */
static bool falls_back(const kafka *k, const request *r, const slot *s)
{
    return k->fallback && !s->to_fallback && !is_same(target_of(k, r, s), sl_str(k->fallback));
}

static void refuse_topic(kafka *k, sl_slice name)
{
    topic *t = k->rk ? topics_get(k, name) : NULL;

    if (t && !t->refused_ms) {
        t->refused_ms = k->host->now_ms(k->host) + REFUSED_MS;
        k->host->log(k->host, SL_LOG_WARN,
                     "topic %s takes nothing: its records go to fallback_topic", t->name);
    }
}

bool request_must_turn_back(kafka *k, const request *r, const slot *s)
{
    switch (verdict_of(s->err)) {
    case VERDICT_AGAIN:
        return !k->turning_back || !k->is_broken;
    case VERDICT_TOO_LARGE:
    case VERDICT_REFUSED:
        return !s->is_ours;
    case VERDICT_HELD:
        k->lenient_ms = k->host->now_ms(k->host) + LENIENT_MS;
        if (!falls_back(k, r, s))
            return false;
        refuse_topic(k, target_of(k, r, s));
        return true;
    default:
        return false;
    }
}

/* --- answers --- */

static bool is_purged(const slot *s)
{
    return s->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || s->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

/* A broker refuses a request for one of its records, and does not say for which. */
static bool is_suspect(const slot *s)
{
    verdict v = verdict_of(s->err);

    return !s->is_ours && (v == VERDICT_TOO_LARGE || v == VERDICT_REFUSED);
}

/* Was something in it refused, and nobody was beside it? */
static bool is_too_much(const request *r)
{
    for (uint32_t i = 0; r->is_alone && i < r->count; i++) {
        if (is_suspect(&r->slots[i]))
            return true;
    }
    return false;
}

static sl_answer again(const kafka *k, const slot *s)
{
    sl_answer answer = {.outcome = SL_RETRY};

    if (is_purged(s) && (!k->is_broken || k->is_strict) && !k->is_stopping)
        answer.code = SL_NOW; /* it has only stood in the way */
    return answer;
}

/* It is its own fault only if nobody was beside it. */
static sl_answer refused(kafka *k, const request *r, const slot *s)
{
    bool is_too_large = verdict_of(s->err) == VERDICT_TOO_LARGE;

    if (s->is_ours || (r->is_alone && r->count == 1))
        return (sl_answer){.outcome = SL_REJECTED, .code = is_too_large ? SL_TOO_LARGE : SL_PLAIN};
    k->careful = CAREFUL;
    if (r->is_alone)
        return (sl_answer){.outcome = SL_TOO_MUCH};
    return (sl_answer){.outcome = SL_RETRY, .code = SL_NOW};
}

/* With its halves, what was purged stays in its order. */
static sl_answer judge(kafka *k, const request *r, const slot *s, bool splits)
{
    switch (verdict_of(s->err)) {
    case VERDICT_DELIVERED:
        return (sl_answer){.outcome = SL_DELIVERED};
    case VERDICT_TOO_LARGE:
    case VERDICT_REFUSED:
        return refused(k, r, s);
    case VERDICT_HELD:
        return (sl_answer){.outcome = SL_RETRY, .code = falls_back(k, r, s) ? SL_NOW : SL_HOLD};
    default:
        return splits && is_purged(s) ? (sl_answer){.outcome = SL_TOO_MUCH} : again(k, s);
    }
}

/* Up to where the same is to be said. */
static uint32_t run_end(const kafka *k, const request *r, uint32_t first)
{
    const slot *s = &r->slots[first], *end = r->slots + r->count, *at = s + 1;
    bool is_held = verdict_of(s->err) == VERDICT_HELD;

    while (at < end && at->err == s->err && at->is_ours == s->is_ours &&
           at->to_fallback == s->to_fallback &&
           (!is_held || is_same(target_of(k, r, at), target_of(k, r, s))))
        at++;
    return (uint32_t)(at - r->slots);
}

static sl_slice reason_of(const kafka *k, const request *r, const slot *s, char text[KAFKA_WORDS])
{
    rd_kafka_resp_err_t err = s->err;
    sl_slice target = target_of(k, r, s);

    if (is_purged(s))
        return sl_str(k->words);
    if (s->to_fallback)
        target = sl_str(k->fallback);
    snprintf(text, KAFKA_WORDS, "%s: %s (topic %.*s)", rd_kafka_err2name(err),
             rd_kafka_err2str(err), (int)target.len, target.ptr);
    return sl_str(text);
}

void request_answer(kafka *k, request *r)
{
    char text[KAFKA_WORDS];
    bool splits = is_too_much(r);
    uint32_t end;

    for (uint32_t i = 0; i < r->count; i = end) {
        const slot *s = &r->slots[i];
        sl_answer answer = judge(k, r, s, splits);

        end = run_end(k, r, i);
        if (answer.outcome != SL_DELIVERED)
            answer.reason = reason_of(k, r, s, text);
        k->host->answer(r->batch, i, end - i, &answer);
    }
}
