/* test_output.c - an output against a far end that follows a script. */
#include "base/buf.h"
#include "shape/compress.h"
#include "ship/output.h"
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <zlib.h>

/* --- the far end: a plugin that answers each sending of a batch with the next line of its script,
 * a letter for each record: D delivered, R again, X or Y rejected for that reason, N again now,
 * H hold, S too much, F rejected and kept elsewhere --- */

typedef enum { WITHIN, LATER, BACKWARDS, THREAD, SILENT } how;

struct far_end {
    const sl_host *host;
    const char *const *script; /* NULL-terminated; its last line stays */
    how how;
    uint32_t retry_after_ms;
    sl_batch *out[4];
    uint32_t out_count, most_out;
    sl_buf sent; /* what arrived: "abc|c|" */
    uint64_t sent_at_ms[8];
    uint32_t sendings;
    int depth; /* of send() */
    uv_timer_t *later;
    pthread_t thread;
    bool threaded, refuses_to_open, gives_up, newer;
    int closed;
};

struct far_plugin {
    struct far_end *far;
    uv_timer_t later; /* in here, to see that the host keeps it until it is closed */
};

static void answer_row(struct far_end *f, sl_batch *b, const char *line, uint32_t i)
{
    char letter[2] = {line[i], '\0'};
    sl_answer answer = {.outcome = strchr("RNHEO", line[i]) ? SL_RETRY
                                   : line[i] == 'D'         ? SL_DELIVERED
                                   : line[i] == 'S'         ? SL_TOO_MUCH
                                                            : SL_REJECTED,
                        .code = line[i] == 'N'          ? SL_NOW
                                : line[i] == 'H'        ? SL_HOLD
                                : strchr("EO", line[i]) ? SL_ANEW
                                : line[i] == 'F'        ? SL_FAILURE_STORE
                                                        : SL_PLAIN,
                        .reason = sl_str(letter),
                        .retry_after_ms = f->retry_after_ms};

    if (line[i] == 'E')
        answer.target = SL_SLICE("x");
    f->host->answer(b, i, 1, &answer);
    letter[0] = '?'; /* the reason was copied */
}

/* One batch that is out, by the next line. */
static void answer_one(struct far_end *f, sl_batch *b)
{
    const char *line = *f->script;
    uint32_t n = f->host->count(b);

    ck_assert_uint_eq(n, strlen(line));
    if (f->script[1])
        f->script++;
    for (uint32_t i = 0; i < n; i++)
        answer_row(f, b, line, f->how == BACKWARDS ? n - 1 - i : i);
}

static void answer_all(struct far_end *f)
{
    for (uint32_t i = 0; i < f->out_count; i++)
        answer_one(f, f->out[i]);
    f->out_count = 0;
}

static void on_later(uv_timer_t *timer)
{
    answer_all(timer->data);
}

static void *call_wake(void *arg)
{
    struct far_end *f = arg;

    f->host->wake(f->host);
    return NULL;
}

static void far_ready(void *self)
{
    struct far_end *f = ((struct far_plugin *)self)->far;

    pthread_join(f->thread, NULL);
    f->threaded = false;
    answer_all(f);
}

static void far_send(void *self, sl_batch *b)
{
    struct far_end *f = ((struct far_plugin *)self)->far;

    ck_assert_int_eq(f->depth++, 0);
    for (uint32_t i = 0; i < f->host->count(b); i++) {
        sl_item item;

        f->host->record(b, i, &item);
        ck_assert_uint_eq(item.framed.len, item.value.len + 1);
        sl_buf_add(&f->sent, item.value.ptr, item.value.len);
        if (item.target.len)
            sl_buf_add_format(&f->sent, "@%.*s", (int)item.target.len, item.target.ptr);
    }
    sl_buf_add_text(&f->sent, "|");
    if (f->sendings < 8)
        f->sent_at_ms[f->sendings] = uv_now(f->host->loop);
    f->sendings++;
    f->out[f->out_count++] = b;
    f->most_out = f->out_count > f->most_out ? f->out_count : f->most_out;
    if (f->how == WITHIN || f->how == BACKWARDS) {
        answer_all(f);
    } else if (f->how == LATER) {
        uv_timer_start(f->later, on_later, 0, 0);
    } else if (f->how == THREAD && !f->threaded) {
        f->threaded = true;
        ck_assert_int_eq(pthread_create(&f->thread, NULL, call_wake, f), 0);
    }
    if (f->gives_up) {
        f->host->give_up(f->host, "no reader");
        f->host->give_up(f->host, "said twice");
    }
    f->depth--;
}

static sl_err far_open(void *self, const sl_host *host)
{
    struct far_end *f = ((struct far_plugin *)self)->far;

    f->host = host;
    ck_assert_uint_eq(host->size, sizeof *host);
    host->log(host, SL_LOG_INFO, "open %d", 7);
    if (f->refuses_to_open)
        return UV_EACCES;
    f->later = &((struct far_plugin *)self)->later;
    uv_timer_init(host->loop, f->later);
    f->later->data = f;
    return 0;
}

static void far_cancel(void *self)
{
    static const char *const again[] = {"RRRR", NULL};
    struct far_end *f = ((struct far_plugin *)self)->far;

    f->script = again;
    answer_all(f);
}

static void far_close(void *self)
{
    struct far_end *f = ((struct far_plugin *)self)->far;

    ck_assert_uint_eq(f->out_count, 0);
    ck_assert_int_eq(f->depth, 0);
    f->closed++;
    uv_close((uv_handle_t *)f->later, NULL);
}

static const sl_plugin far_patient = {
    .item_size = sizeof(sl_item),
    .self_size = sizeof(struct far_plugin),
    .output = {.open = far_open, .send = far_send, .ready = far_ready, .close = far_close},
};

static const sl_plugin far_cancels = {
    .item_size = sizeof(sl_item),
    .self_size = sizeof(struct far_plugin),
    .output = {.open = far_open,
               .send = far_send,
               .ready = far_ready,
               .close = far_close,
               .cancel = far_cancel},
};

static const sl_plugin far_ordered = {
    .item_size = sizeof(sl_item),
    .self_size = sizeof(struct far_plugin),
    .output = {.open = far_open,
               .send = far_send,
               .ready = far_ready,
               .close = far_close,
               .flags = SL_KEEPS_ORDER},
};

/* --- the near end: what a lane does --- */

struct near {
    uv_loop_t loop;
    sl_hand_clock clock;
    sl_log log;
    sl_batch_pool pool;
    sl_output *output;
    struct far_end far;
    sl_buf settled;  /* "ab=D e=X " */
    sl_buf returned; /* what was unsettled in batches that came back: "cd " */
    uint32_t put, emptied;
    int gave_up, closed;
    bool close_when_empty;
    sl_account accounts[2]; /* of small letters, and of large ones */
    sl_buf waits;           /* "+a:index:H -a " */
    char files[2][16];      /* what was given back, and is to be read again */
    uint64_t offset;
    char dir[64];
    /* options */
    uint64_t retry_max_ms, retry_limit, dead_max_bytes;
    bool dead_drop, no_storm;
    sl_packers packers;
};

static void add_values(sl_buf *out, const sl_batch *b, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++)
        sl_buf_add(out, b->payload + b->rows[i].at, 1);
}

static void on_settled(void *arg, sl_batch *b, uint32_t first, uint32_t n,
                       const sl_verdict *verdict)
{
    struct near *near = arg;

    ck_assert_int_eq(near->far.depth, 0);
    add_values(&near->settled, b, first, n);
    if (verdict->end == SL_END_DELIVERED)
        sl_buf_add_text(&near->settled, "=D ");
    else if (verdict->end == SL_END_DROPPED)
        sl_buf_add_format(&near->settled, "=dropped ");
    else if (verdict->dead == SL_DEAD_REJECTED)
        sl_buf_add_format(&near->settled, "=%s ", verdict->words);
    else
        sl_buf_add_format(&near->settled, "=%s ", sl_dead_names[verdict->dead]);
    sl_ledger_settle(b, first, n, verdict, 0, &(sl_histogram){0});
}

static void on_whose(void *arg, const sl_account *a, sl_whose *out)
{
    const struct near *near = arg;

    *out = (sl_whose){SL_SLICE("ns"), SL_SLICE("pod"),
                      a == &near->accounts[0] ? SL_SLICE("small") : SL_SLICE("large")};
}

static void on_waits(void *arg, sl_account *a, const char *words)
{
    struct near *near = arg;

    sl_buf_add_format(&near->waits, "+%c", a == &near->accounts[0] ? 'a' : 'A');
    if (words)
        sl_buf_add_format(&near->waits, ":%s:%s", a->waiting, words);
    sl_buf_add_text(&near->waits, " ");
}

/* Its file has them in their order, however they come back. */
static void unread(char *file, char letter)
{
    size_t len = strlen(file), at = len;

    while (at > 0 && file[at - 1] > letter)
        at--;
    memmove(file + at + 1, file + at, len + 1 - at);
    file[at] = letter;
}

static void on_given_back(void *arg, sl_batch *b, uint32_t first, uint32_t n)
{
    struct near *near = arg;

    ck_assert_int_eq(near->far.depth, 0);
    add_values(&near->settled, b, first, n);
    sl_buf_add_text(&near->settled, "=< ");
    for (uint32_t i = first; i < first + n; i++)
        unread(near->files[b->marks[b->rows[i].mark]->account == &near->accounts[1]],
               b->payload[b->rows[i].at]);
    sl_ledger_give_back(b, first, n);
}

static void put(struct near *near, const char *letters);

static bool on_tries(void *arg, sl_account *a)
{
    struct near *near = arg;
    char *file = near->files[a == &near->accounts[1]], letter[2] = {*file, 0};

    if (sl_account_is_out(a))
        return false;
    memmove(file, file + 1, strlen(file));
    put(near, letter);
    sl_output_tried(near->output, a);
    return true;
}

static void on_flows(void *arg, sl_account *a)
{
    struct near *near = arg;
    char *file = near->files[a == &near->accounts[1]], rest[sizeof near->files[0]];

    ck_assert_ptr_null(a->waiting);
    sl_buf_add_format(&near->waits, "-%c ", a == &near->accounts[0] ? 'a' : 'A');
    strcpy(rest, file);
    *file = '\0';
    if (*rest)
        put(near, rest);
}

/* Of the frame, all that is looked at is the newline; a target is shown by far_send(). */
static void frame_line(void *arg, const sl_mark *m, const sl_record *rec, sl_slice *target,
                       sl_buf *before, sl_buf *after)
{
    (void)arg, (void)m, (void)rec, (void)before, (void)target;
    sl_buf_add_text(after, "\n");
}

static bool on_reframe(void *arg, sl_batch *b, sl_slice target, const char *before,
                       const char *after)
{
    struct near *near = arg;

    ck_assert(!before && !after); /* those of the plugin */
    return sl_batch_reframe(&near->pool, b, &(sl_reframe){.target = target, .frame = frame_line});
}

static void on_emptied(void *arg, sl_batch *b)
{
    struct near *near = arg;

    ck_assert_int_eq(near->far.depth, 0);
    if (b->row_count > 0) {
        add_values(&near->returned, b, 0, b->row_count);
        sl_buf_add_text(&near->returned, " ");
    }
    sl_batch_free(&near->pool, b);
    if (++near->emptied == near->put && near->close_when_empty)
        sl_output_close(near->output);
}

static void on_gave_up(void *arg, const char *reason)
{
    struct near *near = arg;

    ck_assert_str_eq(reason, "no reader");
    ck_assert_int_eq(near->far.depth, 0);
    near->gave_up++;
    sl_output_close(near->output);
}

static void on_closed(void *arg)
{
    struct near *near = arg;

    near->closed++;
    sl_output_free(near->output);
    near->output = NULL;
}

static void set_up(struct near *near, const sl_plugin *plugin, uint32_t max_in_flight)
{
    struct far_plugin self = {.far = &near->far};
    sl_output_options options = {
        .name = "far",
        .plugin = plugin,
        .self = &self,
        .encoding = "raw",
        .retry_max_ms = near->retry_max_ms ? near->retry_max_ms : 1000,
        .retry_limit = near->retry_limit,
        .dead_dir = near->dir,
        .dead_max_bytes = near->dead_max_bytes ? near->dead_max_bytes : 1 << 20,
        .dead_drop = near->dead_drop,
        .storm_goes_on = near->no_storm,
        .pool = &near->pool,
        .packers = &near->packers,
        .gzip = sl_gzip,
        .whose = on_whose,
        .waits = on_waits,
        .given_back = on_given_back,
        .tries = on_tries,
        .flows = on_flows,
        .max_in_flight = max_in_flight,
        .loop = &near->loop,
        .clock = &near->clock.clock,
        .log = &near->log,
        .arg = near,
        .settled = on_settled,
        .emptied = on_emptied,
        .reframe = on_reframe,
        .gave_up = on_gave_up,
        .closed = on_closed,
    };

    near->clock = (sl_hand_clock)SL_HAND_CLOCK;
    near->log = (sl_log){.level = SL_LOG_INFO, .fd = memfd_create("log", 0)};
    ck_assert_int_eq(uv_loop_init(&near->loop), 0);
    sl_batch_pool_init(&near->pool, UINT64_MAX, 1024, 0);
    near->pool.packed_bound = plugin->output.gzip ? sl_gzip_bound : NULL;
    sl_packers_init(&near->packers);
    sl_account_init(&near->accounts[0]);
    sl_account_init(&near->accounts[1]);
    sl_scratch(near->dir);
    ck_assert_int_eq(sl_output_new(&options, &near->output),
                     near->far.refuses_to_open ? UV_EACCES : 0);
}

static void tear_down(struct near *near)
{
    uv_run(&near->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&near->loop), 0);
    sl_batch_pool_fini(&near->pool); /* asserts that all batches came back */
    sl_buf_fini(&near->settled);
    sl_buf_fini(&near->returned);
    sl_buf_fini(&near->far.sent);
    sl_buf_fini(&near->waits);
    sl_scratch_gone(near->dir);
    close(near->log.fd);
}

/* One record for each letter. */
static void put(struct near *near, const char *letters)
{
    sl_batch *b = sl_batch_new(&near->pool, 1);
    char name[SL_NAME_LEN] = "generation";
    static const char time[] = "2026-11-23T04:29:00.123456789Z";

    for (uint64_t i = 0; letters[i]; i++) {
        sl_account *a = &near->accounts[letters[i] >= 'A' && letters[i] <= 'Z'];
        sl_record rec = {.at = {1, near->offset++}, .bytes = 1, .time = time};
        uint32_t mark = sl_account_mark(a, &near->pool, b, SL_STDOUT, 1, name);

        sl_account_read(a, 1);
        b->payload[b->used] = letters[i];
        b->payload[b->used + 1] = '\n';
        sl_batch_added(b, mark, &(sl_encoded){.len = 2, .after = 1, .time = SL_NO_TIME}, &rec);
    }
    near->put++;
    sl_output_put(near->output, b);
}

static size_t count_in_log(const struct near *near, const char *text)
{
    char log[65536];
    ssize_t n = pread(near->log.fd, log, sizeof log - 1, 0);
    size_t count = 0;

    ck_assert_int_ge(n, 0);
    log[n] = '\0';
    for (const char *at = log; (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* --- answers --- */

static const struct {
    const char *records;
    const char *script[5];
    const char *sent, *settled;
} answer_rows[] = {
    {"a", {"D"}, "a|", "a=D "},
    {"abc", {"DDD"}, "abc|", "abc=D "},
    {"abc", {"XXX"}, "abc|", "abc=X "},
    {"abcd", {"XXYY"}, "abcd|", "ab=X cd=Y "},
    {"abc", {"RRR", "DDD"}, "abc|abc|", "abc=D "},
    {"abcdef", {"DDRRXD", "DR", "D"}, "abcdef|cd|d|", "ab=D f=D e=X c=D d=D "},
    {"abcd", {"RDRX", "XR", "R", "D"}, "abcd|ac|c|c|", "b=D d=X a=X c=D "},
    {"abcd", {"DXRD", "D"}, "abcd|c|", "a=D d=D b=X c=D "},
};

/* Each row, answered in each way. */
START_TEST(answers_become_runs)
{
    int row = _i / SILENT;
    struct near near = {.close_when_empty = true};

    near.far = (struct far_end){.script = answer_rows[row].script, .how = (how)(_i % SILENT)};
    set_up(&near, &far_patient, 1);
    put(&near, answer_rows[row].records);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.far.sent), answer_rows[row].sent);
    ck_assert_slice_eq(sl_buf_slice(&near.settled), answer_rows[row].settled);
    ck_assert_uint_eq(near.emptied, 1);
    ck_assert_int_eq(near.closed, 1);
    ck_assert_int_eq(near.far.closed, 1);
    tear_down(&near);
}
END_TEST

static void on_too_late(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

START_TEST(ten_thousand_batches_neither_recurse_nor_wait)
{
    static const char *const script[] = {"D", NULL};
    struct near near = {.close_when_empty = true};
    bool too_late = false;
    uv_timer_t timer;

    near.far = (struct far_end){.script = script, .how = WITHIN};
    set_up(&near, &far_patient, 1);
    uv_timer_init(&near.loop, &timer);
    timer.data = &too_late;
    uv_timer_start(&timer, on_too_late, 60000, 0); /* what the loop would wait for */
    for (int i = 0; i < 10000; i++)
        put(&near, "a");
    while (!near.closed)
        uv_run(&near.loop, UV_RUN_ONCE);
    ck_assert(!too_late);
    ck_assert_uint_eq(near.emptied, 10000);
    uv_close((uv_handle_t *)&timer, NULL);
    tear_down(&near);
}
END_TEST

START_TEST(no_more_in_flight_than_allowed)
{
    static const char *const script[] = {"D", NULL};
    struct near near = {.close_when_empty = true};

    near.far = (struct far_end){.script = script, .how = LATER};
    set_up(&near, &far_patient, 3);
    for (const char *letter = "abcdefgh"; *letter; letter++)
        put(&near, (char[]){*letter, '\0'});
    ck_assert_uint_eq(sl_output_waiting(near.output), 5);
    ck_assert(!sl_output_is_idle(near.output));
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(near.far.most_out, 3);
    ck_assert_slice_eq(sl_buf_slice(&near.far.sent), "a|b|c|d|e|f|g|h|");
    ck_assert_uint_eq(near.emptied, 8);
    tear_down(&near);
}
END_TEST

/* The order in which two batches that were out together come back. */
static const struct {
    bool swapped;
} order_rows[] = {{false}, {true}};

START_TEST(what_comes_back_goes_out_in_its_old_order)
{
    static const char *const script[] = {"RR", "RR", "DD", NULL};
    struct near near = {.close_when_empty = true};
    sl_batch *first;

    near.far = (struct far_end){.script = script, .how = SILENT};
    set_up(&near, &far_patient, 2);
    put(&near, "ab");
    put(&near, "cd");
    put(&near, "ef");
    if (order_rows[_i].swapped) {
        first = near.far.out[0];
        near.far.out[0] = near.far.out[1];
        near.far.out[1] = first;
    }
    near.far.how = LATER;
    answer_all(&near.far);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.far.sent), "ab|cd|ab|cd|ef|");
    ck_assert_slice_eq(sl_buf_slice(&near.settled), "ab=D cd=D ef=D ");
    tear_down(&near);
}
END_TEST

/* --- what is too much, held, refused for good --- */

/* Small letters are one container's, large ones another's. In `sent`, ! is the end of a batch; in `waits`, + who begins to wait and - who goes on. */
static const struct {
    const char *put[4]; /* batches */
    const char *script[9];
    const char *sent, *settled, *waits;
    uint32_t in_flight;
    uint64_t retry_limit, dead_max_bytes;
    bool dead_drop;
} refused_rows[] = {
    /* halves, and halves of halves, in their order */
    {{"abcd"}, {"SSSS", "DD", "DD"}, "abcd|ab|cd|", "ab=D cd=D ", "", 1, 0, 0, false},
    {{"abcde"},
     {"SSSSS", "SSS", "DD", "DD", "D"},
     "abcde|abc|ab|cd|e|",
     "ab=D cd=D e=D ",
     "",
     1,
     0,
     0,
     false},
    {{"abc", "d"}, {"SSS", "DD", "D", "D"}, "abc|ab|c|d|", "ab=D c=D d=D ", "", 1, 0, 0, false},
    {{"abcd"}, {"SSSS", "SS", "X", "DDD"}, "abcd|ab|a|bcd|", "a=X bcd=D ", "", 1, 0, 0, false},
    /* nothing overtakes what comes home beside what is done */
    {{"ab", "cd", "ef"},
     {"DD", "NN", "DD", "DD"},
     "ab|cd|cd|ef|",
     "ab=D cd=D ef=D ",
     "",
     2,
     0,
     0,
     false},
    {{"a"}, {"S"}, "a|", "a=too_large ", "", 1, 0, 0, false},
    {{"abc"}, {"DSD", "S"}, "abc|b|", "a=D c=D b=too_large ", "", 1, 0, 0, false},
    {{"ab"}, {"SS", "R", "D", "D"}, "ab|a|a|b|", "a=D b=D ", "", 1, 0, 0, false},
    {{"abc"}, {"FXF"}, "abc|", "a=failure_store c=failure_store b=X ", "", 1, 0, 0, false},
    /* at once */
    {{"abc"}, {"NDN", "DD"}, "abc|ac|", "b=D ac=D ", "", 1, 0, 0, false},
    /* tries of a record */
    {{"ab"}, {"RR", "RD", "R"}, "ab|ab|a|", "b=D a=retry_limit ", "", 1, 3, 0, false},
    {{"ab", "cd"}, {"RD", "R", "DD"}, "ab|a|cd|", "b=D a=retry_limit cd=D ", "", 1, 2, 0, false},
    /* who is held waits in his file, and the others flow; then one record is tried */
    {{"aAb"},
     {"HDH", "D", "D"},
     "aAb|a|b|",
     "A=D a=< b=< a=D b=D ",
     "+a:index:H -a ",
     1,
     0,
     0,
     false},
    {{"aAb", "cBC"},
     {"HDH", "DD", "D", "DD"},
     "aAb|BC|a|bc|",
     "A=D a=< b=< c=< BC=D a=D bc=D ",
     "+a:index:H -a ",
     1,
     0,
     0,
     false},
    {{"aAb", "cBC"},
     {"HDH", "DDD", "D", "D"},
     "aAb|cBC|a|b|",
     "A=D a=< b=< cBC=D a=D b=D ",
     "+a:index:H -a ",
     2,
     0,
     0,
     false},
    {{"aA", "bB", "cC"},
     {"HD", "D", "D", "H", "D", "DD"},
     "aA|B|C|a|a|bc|",
     "A=D a=< b=< B=D c=< C=D a=< a=D bc=D ",
     "+a:index:H +a -a ",
     1,
     0,
     0,
     false},
    {{"aA", "bB"},
     {"HH", "H", "D", "D", "D", "D"},
     "aA|a|A|B|a|b|",
     "aA=< bB=< a=< A=D B=D a=D b=D ",
     "+a:index:H +A:index:H +a -A -a ",
     1,
     0,
     0,
     false},
    {{"aAb"},
     {"HRH", "D", "D", "D"},
     "aAb|A|a|b|",
     "a=< b=< A=D a=D b=D ",
     "+a:index:H -a ",
     1,
     0,
     0,
     false},
    {{"ab", "cd"},
     {"HR", "D", "DDD"},
     "ab|a|bcd|",
     "ab=< cd=< a=D bcd=D ",
     "+a:index:H -a ",
     1,
     0,
     0,
     false},
    {{"ab"}, {"HH", "X", "D"}, "ab|a|b|", "ab=< a=X b=D ", "+a:index:H -a ", 1, 0, 0, false},
    /* elsewhere: at once, there again after a failure, and home again when it was held */
    {{"ab", "c"}, {"DE", "D", "D"}, "ab|b@x|c|", "a=D b=D c=D ", "", 1, 0, 0, false},
    {{"ab"}, {"EE", "RD", "D"}, "ab|a@xb@x|a@x|", "b=D a=D ", "", 1, 0, 0, false},
    {{"abc"}, {"EOE", "DDD"}, "abc|a@xbc@x|", "abc=D ", "", 1, 0, 0, false},
    {{"a"}, {"E", "H", "D"}, "a|a@x|a|", "a=< a=D ", "+a:index:H -a ", 1, 0, 0, false},
    {{"a"}, {"E", "E", "D"}, "a|a@x|a@x|", "a=D ", "", 1, 0, 0, false}, /* it fails: it is there */
    /* no room among the dead letters: they wait, or are gone */
    {{"aA", "b"},
     {"XD", "D", "D"},
     "aA|a|b|",
     "A=D a=< b=< a=D b=D ",
     "+a:dead_letter:X -a ",
     1,
     0,
     10,
     false},
    {{"aA"}, {"XX"}, "aA|", "aA=dropped ", "", 1, 0, 10, true},
};

START_TEST(each_record_is_answered_for)
{
    struct near near = {.retry_max_ms = 500}; /* long beside all that comes before a round */
    sl_books books;
    uint32_t batches = 0;

    near.retry_limit = refused_rows[_i].retry_limit;
    near.dead_max_bytes = refused_rows[_i].dead_max_bytes;
    near.dead_drop = refused_rows[_i].dead_drop;
    near.far = (struct far_end){.script = refused_rows[_i].script, .how = LATER};
    set_up(&near, &far_patient, refused_rows[_i].in_flight);
    for (; batches < 4 && refused_rows[_i].put[batches]; batches++)
        put(&near, refused_rows[_i].put[batches]);
    while (near.settled.len < strlen(refused_rows[_i].settled))
        uv_run(&near.loop, UV_RUN_ONCE);
    while (near.waits.len < strlen(refused_rows[_i].waits))
        uv_run(&near.loop, UV_RUN_ONCE);
    sl_output_close(near.output);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.far.sent), refused_rows[_i].sent);
    ck_assert_slice_eq(sl_buf_slice(&near.settled), refused_rows[_i].settled);
    ck_assert_slice_eq(sl_buf_slice(&near.waits), refused_rows[_i].waits);
    ck_assert_uint_eq(near.returned.len, 0);
    for (int i = 0; i < 2; i++) {
        books = sl_account_books(&near.accounts[i]);
        ck_assert_uint_eq(books.in_flight, 0);
        ck_assert(sl_books_balance(&books));
        ck_assert(sl_account_is_settled(&near.accounts[i]));
    }
    tear_down(&near);
}
END_TEST

/* --- gzip --- */

static int far_gzip(const void *self)
{
    (void)self;
    return 1;
}

/* The payload is what is sent, packed. */
static void packed_send(void *self, sl_batch *b)
{
    struct far_end *f = ((struct far_plugin *)self)->far;
    sl_slice payload = f->host->payload(b);
    char plain[256];
    z_stream z = {.next_in = (z_const Bytef *)payload.ptr, .next_out = (Bytef *)plain};

    z.avail_in = (uInt)payload.len;
    z.avail_out = sizeof plain;
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.avail_in, 0);
    inflateEnd(&z);
    ck_assert_uint_eq(z.total_out,
                      UINT64_C(2) * f->host->count(b)); /* a letter and a newline each */
    for (size_t i = 0; i < f->host->count(b); i++) {
        sl_item item;

        f->host->record(b, (uint32_t)i, &item);
        ck_assert_int_eq(plain[2 * i], *item.value.ptr);
    }
    far_send(self, b);
}

static const sl_plugin far_packed = {
    .item_size = sizeof(sl_item),
    .self_size = sizeof(struct far_plugin),
    .output = {.open = far_open, .send = packed_send, .close = far_close, .gzip = far_gzip},
};

static const struct {
    const char *put[4];
    const char *script[6];
    const char *sent, *settled;
    const char *threads; /* of libuv's pool */
} packed_rows[] = {
    {{"abc", "de", "f"}, {"DDD", "DD", "D"}, "abc|de|f|", "abc=D de=D f=D ", NULL},
    {{"abc", "de", "f"}, {"DDD", "DD", "D"}, "abc|de|f|", "abc=D de=D f=D ", "1"},
    {{"abc"}, {"RDR", "DR", "D"}, "abc|ac|c|", "b=D a=D c=D ", NULL},
    {{"abcd", "e"}, {"SSSS", "DD", "DD", "D"}, "abcd|ab|cd|e|", "ab=D cd=D e=D ", NULL},
    {{"aA", "bB"}, {"HD", "D", "D", "D"}, "aA|B|a|b|", "A=D a=< b=< B=D a=D b=D ", NULL},
};

START_TEST(payloads_are_packed_in_their_order)
{
    struct near near = {.retry_max_ms = 20};

    if (packed_rows[_i].threads)
        setenv("UV_THREADPOOL_SIZE", packed_rows[_i].threads, 1);
    near.far = (struct far_end){.script = packed_rows[_i].script, .how = LATER};
    set_up(&near, &far_packed, 1);
    for (int i = 0; i < 4 && packed_rows[_i].put[i]; i++)
        put(&near, packed_rows[_i].put[i]);
    while (near.settled.len < strlen(packed_rows[_i].settled))
        uv_run(&near.loop, UV_RUN_ONCE);
    sl_output_close(near.output);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.far.sent), packed_rows[_i].sent);
    ck_assert_slice_eq(sl_buf_slice(&near.settled), packed_rows[_i].settled);
    ck_assert_uint_eq(near.packers.free, packed_rows[_i].threads ? 1 : 3);
    unsetenv("UV_THREADPOOL_SIZE");
    tear_down(&near);
}
END_TEST

START_TEST(close_waits_for_what_is_in_the_pool)
{
    static const char *const script[] = {"D", NULL};
    struct near near = {0};

    near.far = (struct far_end){.script = script, .how = LATER};
    set_up(&near, &far_packed, 1);
    put(&near, "a");
    put(&near, "b");
    sl_output_close(near.output);
    ck_assert_uint_eq(near.emptied, 0);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.returned), "a b ");
    ck_assert_int_eq(near.closed, 1);
    tear_down(&near);
}
END_TEST

/* --- back-off --- */

static const struct {
    uint64_t failures, initial, max, random, want;
} backoff_rows[] = {
    {1, 500, 30000, 100, 500},       /* 400 + 100: the middle */
    {1, 500, 30000, 0, 400},         /* a fifth less */
    {1, 500, 30000, 200, 600},       /* a fifth more */
    {1, 500, 30000, 201, 400},       /* and round again */
    {2, 500, 30000, 0, 800},         /* doubled */
    {6, 500, 30000, 0, 12800},       /* 16 s */
    {7, 500, 30000, 0, 24000},       /* 30 s, not 32 */
    {1000000, 500, 30000, 0, 24000}, /* stays */
    {UINT64_MAX, 0, 30000, 7, 0},    /* and does not take for ever to find out */
    {65, 1, UINT64_MAX, 0, UINT64_MAX - UINT64_MAX / 5},
    {1, 500, 100, 0, 80},
    {3, 1, 30000, 7, 4},
};

START_TEST(backoff_doubles)
{
    ck_assert_uint_eq(sl_backoff_ms(backoff_rows[_i].failures, backoff_rows[_i].initial,
                                    backoff_rows[_i].max, backoff_rows[_i].random),
                      backoff_rows[_i].want);
}
END_TEST

START_TEST(far_end_may_ask_for_more_time)
{
    static const char *const script[] = {"R", "D", NULL};
    struct near near = {.close_when_empty = true};

    near.far = (struct far_end){.script = script, .how = WITHIN, .retry_after_ms = 40};
    set_up(&near, &far_patient, 1);
    put(&near, "a");
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(near.far.sendings, 2);
    ck_assert_uint_ge(near.far.sent_at_ms[1] - near.far.sent_at_ms[0], 40);
    tear_down(&near);
}
END_TEST

static void run_until_sent(struct near *near, uint32_t sendings)
{
    while (near->far.sendings < sendings)
        uv_run(&near->loop, UV_RUN_ONCE);
}

START_TEST(complains_once_a_minute)
{
    static const char *const script[] = {"R", "R", "R", "R", "R", "D", NULL};
    struct near near = {0};

    near.far = (struct far_end){.script = script, .how = WITHIN};
    set_up(&near, &far_patient, 1);
    ck_assert_uint_eq(count_in_log(&near, "info  \"open 7\""), 0);
    ck_assert_uint_eq(count_in_log(&near, "info  open 7 output=far"), 1);
    put(&near, "a");
    run_until_sent(&near, 4);
    ck_assert_uint_eq(count_in_log(&near, "warn  cannot deliver, tries again output=far reason=R"),
                      1);
    near.clock.ms += 60000;
    run_until_sent(&near, 6);
    ck_assert_uint_eq(count_in_log(&near, "cannot deliver"), 2);
    ck_assert_uint_eq(count_in_log(&near, "delivers again"), 0);
    near.close_when_empty = true;
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(count_in_log(&near, "info  delivers again output=far"), 1);
    ck_assert_uint_eq(near.emptied, 1);
    tear_down(&near);
}
END_TEST

START_TEST(retries_are_counted)
{
    static const char *const script[] = {"R", "R", "D", NULL};
    struct near near = {0};
    sl_output_numbers numbers;

    near.far = (struct far_end){.script = script, .how = LATER};
    set_up(&near, &far_patient, 1);
    put(&near, "a");
    while (near.emptied == 0)
        uv_run(&near.loop, UV_RUN_ONCE);
    sl_output_look(near.output, &numbers);
    ck_assert_uint_eq(numbers.retries, 2);
    ck_assert(sl_output_is_idle(near.output));
    sl_output_free(near.output); /* idle: may be freed without being closed */
    tear_down(&near);
    ck_assert_int_eq(near.far.closed, 1);
}
END_TEST

/* Each sending has its duration; the far end is down from its first failure to its next success. */
START_TEST(a_failing_far_end_is_down_until_it_delivers)
{
    static const char *const script[] = {"R", "D", NULL};
    struct near near = {0};
    sl_output_numbers numbers;

    near.far = (struct far_end){.script = script, .how = SILENT};
    set_up(&near, &far_patient, 1);
    put(&near, "a");
    near.clock.ms += 40;
    answer_all(&near.far);
    uv_run(&near.loop, UV_RUN_ONCE);
    near.clock.ms += 700;
    sl_output_look(near.output, &numbers);
    ck_assert(!numbers.up);
    ck_assert_uint_eq(numbers.down_ms, 700);
    ck_assert_uint_eq(numbers.retries, 1);
    run_until_sent(&near, 2);
    answer_all(&near.far);
    while (near.emptied == 0)
        uv_run(&near.loop, UV_RUN_ONCE);
    sl_output_look(near.output, &numbers);
    ck_assert(numbers.up);
    ck_assert_uint_eq(numbers.sent.counts[3], 1); /* 25 ms < 40 ms <= 50 ms */
    sl_output_free(near.output);
    tear_down(&near);
}
END_TEST

START_TEST(a_far_end_that_says_nothing_is_down_after_a_while)
{
    static const char *const script[] = {"D", NULL};
    struct near near = {0};
    sl_output_numbers numbers;

    near.far = (struct far_end){.script = script, .how = SILENT};
    set_up(&near, &far_patient, 1);
    near.clock.ms += UINT64_C(10) * SL_SILENT_MS; /* idle: that is no silence */
    put(&near, "a");
    near.clock.ms += SL_SILENT_MS - 1;
    sl_output_look(near.output, &numbers);
    ck_assert(numbers.up);
    near.clock.ms++;
    sl_output_look(near.output, &numbers);
    ck_assert(!numbers.up);
    ck_assert_uint_eq(numbers.down_ms, SL_SILENT_MS);
    ck_assert_uint_eq(numbers.out, 1);
    answer_all(&near.far);
    while (near.emptied == 0)
        uv_run(&near.loop, UV_RUN_ONCE);
    sl_output_look(near.output, &numbers);
    ck_assert(numbers.up);
    sl_output_free(near.output);
    tear_down(&near);
}
END_TEST

/* A library that goes on trying by itself answers nothing meanwhile. */
START_TEST(a_far_end_is_down_for_as_long_as_its_plugin_says)
{
    struct near near = {0};
    sl_output_numbers numbers;
    const sl_host *host;

    set_up(&near, &far_patient, 1);
    host = near.far.host;
    for (int i = 0; i < 2; i++) {
        host->up(host, false, "gone");
        near.clock.ms += 300;
    }
    sl_output_look(near.output, &numbers);
    ck_assert(!numbers.up);
    ck_assert_uint_eq(numbers.down_ms, 600);
    host->up(host, true, NULL);
    near.clock.ms += 300;
    sl_output_look(near.output, &numbers);
    ck_assert(numbers.up);
    ck_assert_uint_eq(numbers.down_ms, 0);
    sl_output_free(near.output);
    tear_down(&near);
}
END_TEST

/* --- close --- */

static const struct {
    const sl_plugin *plugin;
    how how;
    const char *script[3]; /* how what is out is answered */
    const char *settled, *returned;
} close_rows[] = {
    {&far_cancels, SILENT, {"-"}, "", "abcd ef "},
    {&far_patient, LATER, {"DDDD"}, "abcd=D ", "ef "},
    {&far_patient, LATER, {"DRXR"}, "a=D c=X ", "bd ef "},
    {&far_patient, WITHIN, {"RDRR"}, "b=D ", "acd ef "}, /* closed while it waits at home */
    {&far_patient, THREAD, {"DDDR"}, "abc=D ", "d ef "},
};

START_TEST(close_gives_everything_back)
{
    struct near near = {0};

    near.far = (struct far_end){.script = close_rows[_i].script, .how = close_rows[_i].how};
    set_up(&near, close_rows[_i].plugin, 1);
    put(&near, "abcd");
    put(&near, "ef");
    sl_output_close(near.output);
    sl_output_close(near.output);
    ck_assert_int_eq(near.closed, 0);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.settled), close_rows[_i].settled);
    ck_assert_slice_eq(sl_buf_slice(&near.returned), close_rows[_i].returned);
    ck_assert_uint_eq(near.emptied, 2);
    ck_assert_int_eq(near.closed, 1);
    ck_assert_int_eq(near.far.closed, 1);
    ck_assert_uint_eq(near.far.sendings, 1);
    ck_assert_uint_eq(count_in_log(&near, "cannot deliver"), 0);
    tear_down(&near);
}
END_TEST

START_TEST(close_ends_a_backoff)
{
    static const char *const script[] = {"R", NULL};
    struct near near = {0};

    near.far = (struct far_end){.script = script, .how = WITHIN, .retry_after_ms = UINT32_MAX};
    set_up(&near, &far_patient, 1);
    put(&near, "a");
    while (sl_output_waiting(near.output) == 0)
        uv_run(&near.loop, UV_RUN_ONCE);
    sl_output_close(near.output);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.returned), "a ");
    ck_assert_int_eq(near.closed, 1);
    tear_down(&near);
}
END_TEST

/* Its time is up in the same turn of the loop in which the output closes, or while what is out
 * comes home. */
static const struct {
    uint32_t max_in_flight;
    const char *returned;
} ending_rows[] = {{1, "a b "}, {2, "a b "}};

static void on_close_time(uv_timer_t *timer)
{
    sl_output_close(timer->data);
}

START_TEST(close_forgets_the_backoff)
{
    static const char *const script[] = {"R", NULL};
    struct near near = {0};
    uv_timer_t timer;

    near.far = (struct far_end){.script = script, .how = SILENT, .retry_after_ms = 5};
    set_up(&near, &far_patient, ending_rows[_i].max_in_flight);
    put(&near, "a");
    put(&near, "b");
    answer_one(&near.far, near.far.out[0]);
    near.far.out[0] = near.far.out[--near.far.out_count];
    uv_run(&near.loop, UV_RUN_NOWAIT); /* the batch comes home: the back-off begins */
    ck_assert_uint_eq(sl_output_waiting(near.output) + near.far.out_count, 2);
    uv_timer_init(&near.loop, &timer);
    timer.data = near.output;
    uv_timer_start(&timer, on_close_time, 4, 0);
    for (uint64_t end = uv_hrtime() + 10000000; uv_hrtime() < end;)
        ; /* until both are due */
    uv_run(&near.loop, UV_RUN_NOWAIT);
    answer_all(&near.far);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.returned), ending_rows[_i].returned);
    ck_assert_int_eq(near.closed, 1);
    tear_down(&near);
}
END_TEST

START_TEST(giving_up_is_said_once_and_later)
{
    static const char *const script[] = {"R", NULL};
    struct near near = {0};

    near.far = (struct far_end){.script = script, .how = WITHIN, .gives_up = true};
    set_up(&near, &far_patient, 1);
    put(&near, "a");
    ck_assert_int_eq(near.gave_up, 0);
    uv_run(&near.loop, UV_RUN_DEFAULT); /* on_gave_up() closes the output */
    ck_assert_int_eq(near.gave_up, 1);
    ck_assert_int_eq(near.closed, 1);
    ck_assert_slice_eq(sl_buf_slice(&near.returned), "a ");
    tear_down(&near);
}
END_TEST

START_TEST(a_plugin_that_does_not_open_leaves_nothing)
{
    struct near near = {.far = {.refuses_to_open = true}};

    set_up(&near, &far_patient, 1);
    tear_down(&near);
    ck_assert_int_eq(near.far.closed, 0);
}
END_TEST

START_TEST(an_unused_output_can_be_freed)
{
    struct near near = {0};

    set_up(&near, &far_patient, 1);
    sl_output_free(near.output);
    sl_output_free(NULL);
    tear_down(&near);
    ck_assert_int_eq(near.far.closed, 1);
    ck_assert_int_eq(near.closed, 0);
}
END_TEST

/* --- a plugin of another header --- */

#define OLD_ITEM   offsetof(sl_item, target)
#define OLD_ANSWER offsetof(sl_answer, retry_after_ms)
#define NEW_ITEM   (sizeof(sl_item) + 64)

/* Its first batch comes back, with something in an answer that it does not know of. */
static void other_send(void *self, sl_batch *b)
{
    struct far_end *f = ((struct far_plugin *)self)->far;
    sl_answer answer = {.outcome = f->sendings++ ? SL_DELIVERED : SL_RETRY,
                        .retry_after_ms = UINT32_MAX};
    union {
        sl_item item;
        unsigned char bytes[NEW_ITEM];
    } space;

    memset(&space, 0x55, sizeof space);
    f->host->record(b, 0, &space.item);
    ck_assert_slice_eq(space.item.value, "a");
    ck_assert_int_eq(space.bytes[OLD_ITEM], f->newer ? 0 : 0x55); /* it is newer */
    ck_assert_int_eq(space.bytes[NEW_ITEM - 1], f->newer ? 0 : 0x55);
    f->host->answer(b, 0, 1, &answer);
}

static const sl_plugin far_others[] = {
    {.item_size = OLD_ITEM,
     .answer_size = OLD_ANSWER,
     .self_size = sizeof(struct far_plugin),
     .output = {.open = far_open, .send = other_send, .close = far_close}},
    {.item_size = NEW_ITEM,
     .answer_size = OLD_ANSWER,
     .self_size = sizeof(struct far_plugin),
     .output = {.open = far_open, .send = other_send, .close = far_close}},
};

START_TEST(each_side_sees_what_it_knows)
{
    struct near near = {.far = {.newer = _i == 1}};

    set_up(&near, &far_others[_i], 1);
    put(&near, "a");
    while (near.emptied == 0) /* ten minutes, if the host believed the answer's end */
        uv_run(&near.loop, UV_RUN_ONCE);
    ck_assert_uint_eq(near.far.sendings, 2);
    ck_assert_slice_eq(sl_buf_slice(&near.settled), "a=D ");
    sl_output_free(near.output);
    tear_down(&near);
}
END_TEST

/* Three are out and answered at once, a fourth one waits. */
static const struct {
    const char *script[8], *sent;
} ordered_rows[] = {
    {{"DD", "NN", "NN", "DD"}, "ab|cd|ef|cd|ef|gh|"},
    {{"NN", "NN", "DD", "DD"}, "ab|cd|ef|ab|cd|gh|"},
    {{"SS", "NN", "NN", "D", "D", "DD"}, "ab|cd|ef|a|b|cd|ef|gh|"}, /* by halves, and alone */
    {{"XN", "NN", "NN", "D", "DD"}, "ab|cd|ef|b|cd|ef|gh|"},        /* its dead letter first */
};

START_TEST(nothing_overtakes_what_goes_out_once_more)
{
    struct near near = {.close_when_empty = true};

    near.far = (struct far_end){.script = ordered_rows[_i].script, .how = LATER};
    set_up(&near, &far_ordered, 3);
    put(&near, "ab");
    put(&near, "cd");
    put(&near, "ef");
    put(&near, "gh");
    uv_run(&near.loop, UV_RUN_DEFAULT);
    ck_assert_slice_eq(sl_buf_slice(&near.far.sent), ordered_rows[_i].sent);
    ck_assert_uint_eq(near.emptied, 4);
    tear_down(&near);
}
END_TEST

SL_UNIT(SL_ROWS(nothing_overtakes_what_goes_out_once_more, ordered_rows),
        tcase_add_loop_test(sl_tests, answers_become_runs, 0,
                            (int)SL_COUNT_OF(answer_rows) * SILENT),
        SL_ONE(ten_thousand_batches_neither_recurse_nor_wait),
        SL_ONE(no_more_in_flight_than_allowed),
        SL_ROWS(what_comes_back_goes_out_in_its_old_order, order_rows),
        SL_ROWS(each_record_is_answered_for, refused_rows),
        SL_ROWS(payloads_are_packed_in_their_order, packed_rows),
        SL_ONE(close_waits_for_what_is_in_the_pool), SL_ROWS(backoff_doubles, backoff_rows),
        SL_ONE(far_end_may_ask_for_more_time), SL_ONE(complains_once_a_minute),
        SL_ONE(retries_are_counted), SL_ONE(a_failing_far_end_is_down_until_it_delivers),
        SL_ONE(a_far_end_that_says_nothing_is_down_after_a_while),
        SL_ONE(a_far_end_is_down_for_as_long_as_its_plugin_says),
        SL_ROWS(close_gives_everything_back, close_rows), SL_ONE(close_ends_a_backoff),
        SL_ROWS(close_forgets_the_backoff, ending_rows), SL_ONE(giving_up_is_said_once_and_later),
        SL_ONE(a_plugin_that_does_not_open_leaves_nothing), SL_ONE(an_unused_output_can_be_freed),
        SL_ROWS(each_side_sees_what_it_knows, far_others))
