/* bulk.c - batches as bulk requests, and answers as what became of each record.
 *
 * A request that failed as a whole says nothing about its records: they come back as RETRY. One that
 * was answered item by item is believed only if the answer was whole and had as many items as were
 * sent. Records whose index takes nothing may go to the fallback index: the host sends them again.
 *
 * Thread   the loop's
 * Limits   an answer has 64 KiB, and 2 KiB for each record */
#include "elasticsearch.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_ANSWER      ((size_t)64 << 10)
#define MAX_ITEM        ((size_t)2 << 10)
#define REASON          512
#define AUTH_WAIT_MS    10000
#define ID              "\",\"_id\":\"" /* in a frame, behind the index's name */
#define AWAY_MS         10000  /* shards that are away for longer hold up their containers alone */
#define AWAY_AGAIN_MS   120000 /* without a word of it: they were back */
#define GZIP_MAGIC      "\x1f\x8b"
#define CONTENT_TYPE    "Content-Type: application/x-ndjson"
#define MAX_OWN_HEADERS 8

static void pump(elasticsearch *es);
static void start(request *q);

static const char *op_of(const elasticsearch *es)
{
    return es->op == OP_CREATE ? "create" : "index";
}

/* --- lists --- */

static void append(request **list, request *q)
{
    while (*list)
        list = &(*list)->next;
    q->next = NULL;
    *list = q;
}

static void take_out(request **list, const request *q)
{
    while (*list != q)
        list = &(*list)->next;
    *list = q->next;
}

static void free_request(request *q)
{
    bulk_verdicts_fini(&q->verdicts);
    free(q);
}

/* --- telling the host --- */

static void answer_all(request *q, const sl_answer *answer)
{
    q->es->host->answer(q->batch, 0, q->count, answer);
}

static bool is_delivered(const sl_answer *answer)
{
    return answer->outcome == SL_DELIVERED && answer->code == SL_PLAIN;
}

static bool is_held(const request *q, uint32_t i)
{
    return bulk_verdicts_is_held(&q->verdicts, i, q->es->op == OP_CREATE);
}

/* Has the record another place to go to? */
static bool can_fall_back(const request *q, uint32_t i)
{
    const elasticsearch *es = q->es;
    sl_item item;

    if (!es->fallback)
        return false;
    es->host->record(q->batch, i, &item);
    return item.target.len != strlen(es->fallback) ||
           memcmp(item.target.ptr, es->fallback, item.target.len) != 0;
}

static void judge(const request *q, uint32_t i, char text[BULK_TEXT], sl_answer *out)
{
    const elasticsearch *es = q->es;

    bulk_verdicts_judge(&q->verdicts, i, es->op == OP_CREATE, text, out);
    if (out->code == SL_NOW) /* for its id; without another frame it would be refused for ever */
        out->code = es->dedupe == DEDUPE_AUTO && q->has_ids ? SL_ANEW : SL_HOLD;
    if (out->code == SL_KNOWN && es->ids_off && !q->has_ids) /* known by an id that is not ours */
        *out = (sl_answer){.outcome = SL_REJECTED, .reason = out->reason};
    if (es->is_away && bulk_verdicts_is_away(&q->verdicts, i))
        out->code = SL_HOLD;
    if (is_held(q, i) && can_fall_back(q, i))
        *out = (sl_answer){.outcome = SL_RETRY, .code = SL_ANEW, .target = sl_str(es->fallback)};
}

/* How many from i on are delivered. */
static uint32_t count_delivered(const request *q, uint32_t i)
{
    uint32_t n = 0;
    sl_answer answer;
    char text[BULK_TEXT];

    for (; i + n < q->count; n++) {
        judge(q, i + n, text, &answer);
        if (!is_delivered(&answer))
            break;
    }
    return n;
}

/* Answers each record, runs of delivered ones at once. */
static void answer_each(request *q)
{
    static const sl_answer delivered = {.outcome = SL_DELIVERED};
    sl_answer answer;
    char text[BULK_TEXT];

    if (!q->verdicts.rows) {
        answer_all(q, &delivered);
        return;
    }
    for (uint32_t i = 0, n; i < q->count; i += n) {
        n = count_delivered(q, i);
        n = n ? n : 1;
        judge(q, i, text, &answer);
        q->es->host->answer(q->batch, i, n, &answer);
    }
}

/* --- the window --- */

/* Half of those that are out, the one that was answered so among them. */
static void on_busy(elasticsearch *es)
{
    es->window = es->running / 2 < 1 ? 1 : es->running / 2;
}

static void on_well(elasticsearch *es)
{
    if (es->window < BULK_MAX_IN_FLIGHT)
        es->window += 1 / es->window;
}

/* --- a request's end --- */

static void end(request *q)
{
    elasticsearch *es = q->es;

    take_out(&es->out, q);
    es->running--;
    free_request(q);
    pump(es);
}

/* The store takes no ids: from now on none are sent. */
static void turn_ids_off(elasticsearch *es)
{
    if (es->ids_off)
        return;
    es->ids_off = true;
    es->host->log(
        es->host, SL_LOG_WARN,
        "the store refuses ids, so none are sent any more: a record that is sent again after "
        "a failure will be there twice. `dedupe: false` says that this is meant");
}

/* Shards that are elsewhere in a moment are waited for by all; those that stay away, by their own. */
static void note_away(elasticsearch *es)
{
    uint64_t now = es->host->now_ms(es->host);

    if (!es->away_ms || now - es->away_last_ms > AWAY_AGAIN_MS)
        es->away_ms = now;
    es->away_last_ms = now;
    es->is_away = now - es->away_ms >= AWAY_MS;
}

static void on_items(request *q)
{
    elasticsearch *es = q->es;

    es->host->up(es->host, true, NULL);
    hosts_worked(q->server);
    if (q->verdicts.is_busy)
        on_busy(es);
    else
        on_well(es);
    if (es->dedupe == DEDUPE_AUTO && bulk_verdicts_refuses_ids(&q->verdicts))
        turn_ids_off(es);
    if (q->verdicts.has_away)
        note_away(es);
    answer_each(q);
    end(q);
}

/* --- answers to the whole of it --- */

/* What the server said, on one line: its error, or the beginning of a page. */
static const char *words_of(const request *q, char out[REASON])
{
    sl_slice type = bulk_answer_type(&q->answer), reason = bulk_answer_reason(&q->answer);

    if (bulk_answer_end(&q->answer) && (type.len || reason.len))
        snprintf(out, REASON, "%.*s%s%.*s", (int)type.len, type.ptr, type.len ? ": " : "",
                 (int)reason.len, reason.ptr);
    else
        snprintf(out, REASON, "%s", q->page);
    for (char *c = out; *c; c++) {
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    }
    return out;
}

/* A request that a server, and no proxy, has found wrong: one of its records made it so. */
static bool is_found_wrong(const request *q, int status)
{
    return status == 400 && bulk_answer_end(&q->answer) && bulk_answer_type(&q->answer).len > 0;
}

/* A cluster that is set to be read only says so by itself. */
static const char *forbidden(const request *q)
{
    sl_slice type = bulk_answer_type(&q->answer);

    if (bulk_answer_end(&q->answer) && type.len && !memmem(type.ptr, type.len, "security", 8))
        return "";
    return "; the user lacks the right to write there";
}

/* By status, when there are no items: what to do, and what an operator should know. */
static void judge_whole(const request *q, const http_end *end, sl_answer *out, const char **remedy)
{
    int status = end->status;

    *out = (sl_answer){.outcome = SL_RETRY, .retry_after_ms = end->retry_after_ms};
    *remedy = "";
    if (status == 413) {
        out->outcome = SL_TOO_MUCH;
        *remedy = "; a smaller batch.max_bytes keeps requests below its limit";
    } else if (is_found_wrong(q, status)) {
        out->outcome = q->count > 1 ? SL_TOO_MUCH : SL_REJECTED;
    } else if (status == 401 || status == 403) {
        if (out->retry_after_ms < AUTH_WAIT_MS)
            out->retry_after_ms = AUTH_WAIT_MS;
        *remedy = status == 401 ? "; look at auth" : forbidden(q);
    } else if (status >= 300 && status < 400) {
        *remedy = "; it leads elsewhere, which is not followed: write the right URL to hosts";
    } else if (status < 300) {
        *remedy = "; this is no answer to a bulk request: does a proxy answer in its place?";
    }
}

static void note_whole(request *q, int status)
{
    elasticsearch *es = q->es;
    bool is_servers = status == 0 || status >= 500 || status < 400;

    if (status == 429)
        on_busy(es);
    if (is_servers)
        hosts_failed(q->server, es->host->now_ms(es->host));
    else
        hosts_worked(q->server);
}

static void on_whole(request *q, const http_end *done)
{
    const sl_host *host = q->es->host;
    char reason[REASON + 256], words[REASON];
    const char *remedy;
    sl_answer answer;

    judge_whole(q, done, &answer, &remedy);
    if (done->status == 0)
        snprintf(reason, sizeof reason, "%s: %s", q->server->shown, done->why);
    else if (answer.outcome == SL_REJECTED) /* the server's words alone begin with its kind */
        snprintf(reason, sizeof reason, "%s", words_of(q, words));
    else
        snprintf(reason, sizeof reason, "%s: status %d%s%s%s", q->server->shown, done->status,
                 *words_of(q, words) ? ": " : "", words_of(q, words), remedy);
    answer.reason = sl_str(reason);
    note_whole(q, done->status);
    if (answer.outcome == SL_RETRY)
        host->up(host, false, reason);
    answer_all(q, &answer);
    end(q);
}

static bool is_whole(const request *q, int status)
{
    return status >= 200 && status < 300 && bulk_answer_end(&q->answer) && q->answer.has_items &&
           q->answer.items == q->count;
}

static void on_end(void *arg, const http_end *done)
{
    request *q = arg;

    q->http = NULL;
    q->es->host->wire(q->es->host, done->wire_bytes);
    if (is_whole(q, done->status))
        on_items(q);
    else
        on_whole(q, done);
}

static bool on_bytes(void *arg, int status, const char *bytes, size_t len)
{
    request *q = arg;
    size_t kept = strlen(q->page), room = sizeof q->page - 1 - kept;
    bool is_json = bulk_answer_feed(&q->answer, bytes, len);

    (void)status;
    q->heard += len;
    memcpy(q->page + kept, bytes, len < room ? len : room);
    if (memchr(q->page + kept, '\0', len < room ? len : room))
        return false; /* nobody sends that */
    /* the end of a short page is awaited, for the connection's sake */
    return q->heard < MAX_ANSWER + (is_json ? q->count * MAX_ITEM : 0);
}

/* --- sending --- */

static void set_headers(const request *q, const http_call *call, const char **headers)
{
    const elasticsearch *es = q->es;
    size_t n = 0;

    headers[n++] = CONTENT_TYPE;
    headers[n++] = "Accept: application/json";
    headers[n++] = "User-Agent: sluice";
    headers[n++] = "Expect:"; /* libcurl would wait for a 100 */
    if (call->body.len > 2 && !memcmp(call->body.ptr, GZIP_MAGIC, 2))
        headers[n++] = "Content-Encoding: gzip";
    if (es->credentials.header)
        headers[n++] = es->credentials.header;
    for (size_t i = 0; es->headers[i]; i++)
        headers[n++] = es->headers[i];
    headers[n] = NULL;
}

static void start(request *q)
{
    elasticsearch *es = q->es;
    const char *headers[MAX_OWN_HEADERS + MAX_OPTION_HEADERS];
    http_call call = {.headers = headers, .on_bytes = on_bytes, .on_end = on_end, .arg = q};
    http_end none = {.why = "libcurl cannot send it: out of memory?"};

    credentials_refresh(&es->credentials, es->host);
    q->server = hosts_next(&es->hosts, es->host->now_ms(es->host));
    q->heard = 0;
    memset(q->page, 0, sizeof q->page);
    bulk_answer_init(&q->answer, op_of(es), bulk_verdicts_note, &q->verdicts);
    bulk_verdicts_reset(&q->verdicts, q->count);
    call.body = es->host->payload(q->batch);
    set_headers(q, &call, headers);
    call.url = q->server->url;
    call.connect_to = q->server->connect_to;
    call.user = es->credentials.user;
    call.password = credentials_password(&es->credentials);
    q->http = http_send(es->http, &call);
    if (!q->http)
        on_whole(q, &none);
}

static void pump(elasticsearch *es)
{
    while (es->waiting && es->running < (uint32_t)es->window) {
        request *q = es->waiting;

        es->waiting = q->next;
        append(&es->out, q);
        es->running++;
        start(q);
    }
}

static bool has_id(const elasticsearch *es, const sl_batch *batch, uint32_t i)
{
    sl_item item;

    es->host->record(batch, i, &item);
    return memmem(item.framed.ptr, (size_t)(item.value.ptr - item.framed.ptr), ID, strlen(ID));
}

/* Records that were framed before the store was known to refuse ids. */
static bool has_any_id(const elasticsearch *es, const sl_batch *batch, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (has_id(es, batch, i))
            return true;
    }
    return false;
}

void bulk_send(void *self, sl_batch *batch)
{
    static const sl_answer anew = {.outcome = SL_RETRY, .code = SL_ANEW};
    elasticsearch *es = self;
    uint32_t count = es->host->count(batch);
    request *q;

    if (es->ids_off && has_any_id(es, batch, count)) {
        es->host->answer(batch, 0, count, &anew);
        return;
    }
    q = calloc(1, sizeof *q);
    if (!q)
        abort(); /* as the agent does */
    q->es = es;
    q->batch = batch;
    q->count = count;
    q->has_ids = es->dedupe != DEDUPE_FALSE && !es->ids_off;
    append(&es->waiting, q);
    pump(es);
}

/* --- the end --- */

static void give_back(request **list)
{
    const sl_answer again = {.outcome = SL_RETRY, .reason = sl_str("the agent stops")};
    request *q;

    while ((q = *list)) {
        *list = q->next;
        if (q->http)
            http_cancel(q->http);
        answer_all(q, &again);
        free_request(q);
    }
}

void bulk_cancel(void *self)
{
    elasticsearch *es = self;

    give_back(&es->waiting);
    give_back(&es->out);
    es->running = 0;
}
