/* test_batch.c - rows, marks and remainders of a batch; what the gate lets in; the ledger's books. */
#include "flow/batch.h"
#include "ship/ledger.h"
#include "unit.h"

#define ROW_BYTES 100 /* of the file, each record */

static const char name[SL_NAME_LEN + 1] = "0123456789abcdefghijkl";

static const char noon[] = "2026-11-23T04:29:00.123456789Z";

static sl_batch_pool pool;
static sl_account account;

static void add(sl_batch *b, sl_stream stream, uint64_t seq, uint64_t offset, const char *text)
{
    sl_record rec = {.at = {seq, offset}, .bytes = ROW_BYTES, .stream = stream, .time = noon};
    uint32_t mark = sl_account_mark(&account, &pool, b, stream, seq, name);
    size_t len = strlen(text);

    ck_assert(sl_batch_room(b, len + SL_TIME_LEN));
    memcpy(b->payload + b->used, text, len);
    sl_batch_added(b, mark, &(sl_encoded){.len = len, .before = 1, .after = 1, .time = SL_NO_TIME},
                   &rec);
    account.books.read += ROW_BYTES;
    account.read = (sl_place){seq, offset + ROW_BYTES};
}

static sl_histogram delays;

static void begin(void)
{
    sl_batch_pool_init(&pool, 1 << 20, 4096, 0);
    sl_account_init(&account);
}

static const sl_verdict delivered = {.end = SL_END_DELIVERED};
static const sl_verdict dropped = {.end = SL_END_DROPPED, .dropped = SL_DROPPED_DEAD_LETTER_FULL};

/* Answers as an output does: 'd' delivered, 'r' RETRY, 'x' rejected, a letter a row. */
static bool answer(sl_batch *b, const char *answers)
{
    ck_assert_uint_eq(strlen(answers), b->row_count);
    for (uint32_t i = 0; i < b->row_count; i++) {
        if (answers[i] == 'r')
            b->rows[i].fate = SL_FATE_AGAIN;
        else
            sl_ledger_settle(b, i, 1, answers[i] == 'd' ? &delivered : &dropped, 0, &delays);
    }
    return sl_batch_keep_unsettled(b);
}

static void ck_frontier(sl_stream stream, uint64_t seq, uint64_t offset)
{
    sl_place at = sl_account_frontier(&account, stream);

    ck_assert_uint_eq(at.seq, seq);
    ck_assert_uint_eq(at.offset, offset);
}

/* --- remainders --- */

static const struct {
    const char *answers, *left;
    uint64_t out, err; /* frontiers; 600 is the read position */
    uint64_t delivered, dropped;
} remainders[] = {
    {"dddddd", "", 600, 600, 600, 0},         {"rrrrrr", "<a><B><c><D><e><F>", 0, 100, 0, 0},
    {"rddddd", "<a>", 0, 600, 500, 0},        {"dddddr", "<F>", 600, 500, 500, 0},
    {"drdrdd", "<B><D>", 600, 100, 400, 0},   {"ddrddd", "<c>", 200, 600, 500, 0},
    {"dxrxdr", "<c><F>", 200, 500, 200, 200},
};

START_TEST(keeps_what_is_to_be_sent_again)
{
    static const char *const texts[] = {"<a>", "<B>", "<c>", "<D>", "<e>", "<F>"};
    sl_batch *b;
    sl_books books;
    bool left;

    begin();
    b = sl_batch_new(&pool, 100);
    for (uint64_t i = 0; i < 6; i++)
        add(b, i % 2 ? SL_STDERR : SL_STDOUT, 1, i * ROW_BYTES, texts[i]);
    ck_frontier(SL_STDOUT, 1, 0);
    ck_frontier(SL_STDERR, 1, 100);
    ck_frontier(SL_RAW, 1, 600);

    left = answer(b, remainders[_i].answers);
    sl_batch_show(b);
    ck_assert_int_eq(left, *remainders[_i].left != '\0');
    ck_assert_slice_eq(sl_batch_payload(b), remainders[_i].left);
    ck_frontier(SL_STDOUT, 1, remainders[_i].out);
    ck_frontier(SL_STDERR, 1, remainders[_i].err);
    books = sl_account_books(&account);
    ck_assert_uint_eq(books.delivered, remainders[_i].delivered);
    ck_assert_uint_eq(sl_books_dropped(&books), remainders[_i].dropped);
    ck_assert(sl_books_balance(&books));
    ck_assert_int_eq(sl_account_is_settled(&account), !left);

    for (uint32_t i = 0; i < b->row_count; i++) {
        sl_item item;

        sl_batch_item(b, i, &item);
        ck_assert_uint_eq(item.value.len, 1); /* without its frame */
        ck_assert_uint_eq(item.framed.len, 3);
        ck_assert_slice_eq(item.generation, name);
        ck_assert_uint_eq(item.offset, (uint64_t)((item.value.ptr[0] | 32) - 'a') * ROW_BYTES);
    }
    sl_batch_free(&pool, b);
    sl_batch_pool_fini(&pool);
}
END_TEST

/* --- several batches, answered in any order --- */

static const struct {
    const char *order; /* in which batches 0, 1, 2 are delivered */
    uint64_t frontier[3];
} orders[] = {
    {"012", {200, 400, 600}},
    {"210", {0, 0, 600}},
    {"102", {0, 400, 600}},
    {"021", {200, 200, 600}},
};

START_TEST(frontier_waits_for_the_oldest)
{
    sl_batch *batches[3];

    begin();
    for (uint64_t i = 0; i < 3; i++) {
        batches[i] = sl_batch_new(&pool, 100);
        add(batches[i], SL_STDOUT, 1, i * 200, "<a>");
        add(batches[i], SL_STDOUT, 1, i * 200 + 100, "<b>");
        ck_assert_uint_eq(batches[i]->mark_count, 1); /* one mark for both */
    }
    for (int i = 0; i < 3; i++) {
        sl_batch *b = batches[orders[_i].order[i] - '0'];

        ck_assert(!answer(b, "dd"));
        sl_batch_free(&pool, b);
        ck_frontier(SL_STDOUT, 1, orders[_i].frontier[i]);
    }
    sl_batch_pool_fini(&pool);
}
END_TEST

START_TEST(generations_have_marks_of_their_own)
{
    sl_batch *b;

    begin();
    b = sl_batch_new(&pool, 100);
    add(b, SL_STDOUT, 1, 900, "<a>");
    add(b, SL_STDOUT, 2, 0, "<b>");
    add(b, SL_STDOUT, 2, 100, "<c>");
    ck_assert_uint_eq(b->mark_count, 2);
    ck_assert(answer(b, "drd"));
    ck_frontier(SL_STDOUT, 2, 0);
    ck_assert(!answer(b, "d"));
    ck_frontier(SL_STDOUT, 2, 200);
    sl_batch_free(&pool, b);
    sl_batch_pool_fini(&pool);
}
END_TEST

/* The memory of a batch is used again: its marks must not be taken for the old ones. */
START_TEST(marks_do_not_outlive_their_batch)
{
    sl_batch *b, *again;

    begin();
    b = sl_batch_new(&pool, 100);
    add(b, SL_STDOUT, 1, 0, "<a>");
    ck_assert(!answer(b, "d"));
    sl_batch_free(&pool, b);
    again = sl_batch_new(&pool, 100);
    ck_assert_ptr_eq(again, b);
    add(again, SL_STDOUT, 1, 100, "<b>");
    ck_assert_uint_eq(again->mark_count, 1);
    ck_frontier(SL_STDOUT, 1, 100);
    ck_assert(!answer(again, "d"));
    ck_frontier(SL_STDOUT, 1, 200);
    sl_batch_free(&pool, again);
    sl_batch_pool_fini(&pool);
}
END_TEST

START_TEST(open_part_holds_its_stream_alone)
{
    begin();
    account.read = (sl_place){3, 500};
    account.part[SL_STDERR] = (sl_place){2, 40};
    account.part_bytes = 60;
    account.books.read = 60;
    ck_frontier(SL_STDERR, 2, 40);
    ck_frontier(SL_STDOUT, 3, 500);
    ck_assert(!sl_account_is_settled(&account));
    account.resumed[SL_STDOUT] = (sl_place){3, 900}; /* it was further when we started */
    ck_frontier(SL_STDOUT, 3, 900);
    ck_assert(sl_books_balance(&(sl_books){.read = 60, .in_flight = 60}));
    ck_assert(!sl_books_balance(&(sl_books){.read = 60, .in_flight = 59}));
}
END_TEST

START_TEST(dropped_parts_are_in_flight_until_they_are_read_again)
{
    static const struct {
        uint64_t bytes, read,
            in_flight; /* after so many more bytes, of lines that a filter takes */
    } steps[] = {{50, 160, 10}, {30, 180, 0}, {20, 200, 0}};
    sl_books books;

    begin();
    account.part[SL_STDERR] = (sl_place){2, 40};
    account.part_bytes = 60;
    sl_account_read(&account, 160);
    account.books.delivered = 100; /* of other lines */
    sl_account_drop_parts(&account);
    ck_frontier(SL_STDERR, 2, 40);
    sl_account_begin(&account, (sl_place){1, 7});
    ck_frontier(SL_STDERR, 1, 7); /* nothing is open any more */
    ck_assert_uint_eq(sl_account_books(&account).in_flight, 60);
    for (size_t i = 0; i < SL_COUNT_OF(steps); i++) {
        sl_account_read(&account, steps[i].bytes);
        account.books.filtered += steps[i].bytes;
        books = sl_account_books(&account);
        ck_assert_uint_eq(books.read, steps[i].read);
        ck_assert_uint_eq(books.in_flight, steps[i].in_flight);
        ck_assert(sl_books_balance(&books));
    }
}
END_TEST

static void add_for(sl_batch *b, sl_account *a, uint64_t i, bool time_inside)
{
    static const char *const targets[] = {"one", "one", "two", ""};
    sl_beside beside = {
        .number = i / 2 + 1, .target = sl_str(targets[i]), .key = sl_str(i % 3 ? "key" : NULL)};
    sl_encoded encoded = {.len = 2 + SL_TIME_LEN,
                          .before = 1,
                          .beside = &beside,
                          .time = time_inside ? 2 : SL_NO_TIME};
    sl_record rec = {.at = {1, i * ROW_BYTES}, .bytes = ROW_BYTES, .time = noon, .piece = 7};
    uint32_t mark = sl_account_mark(a, &pool, b, SL_STDOUT, 1, name);

    beside.number = i + 1;
    b->payload[b->used] = '<';
    b->payload[b->used + 1] = (char)('a' + i);
    memcpy(b->payload + b->used + 2, noon, SL_TIME_LEN);
    sl_batch_added(b, mark, &encoded, &rec);
    a->read = (sl_place){1, (i + 1) * ROW_BYTES};
}

/* Which of four records, of ROW_BYTES each, are delivered before the others are given back. */
static const struct {
    const char *delivered;
    uint64_t in_flight;
} given_back[] = {{"----", 400}, {"d--d", 200}, {"-ddd", 100}};

START_TEST(what_is_given_back_is_in_flight_until_it_is_read_again)
{
    const char *how = given_back[_i].delivered;
    uint64_t left = given_back[_i].in_flight;
    sl_books books;
    sl_batch *b;

    begin();
    b = sl_batch_new(&pool, 500);
    for (uint32_t i = 0; i < 4; i++)
        add_for(b, &account, i, true);
    sl_account_read(&account, 400);
    for (uint32_t i = 0; i < 4; i++) {
        if (how[i] == 'd')
            sl_ledger_settle(b, i, 1, &delivered, 0, &delays);
    }
    for (uint32_t i = 0, n; i < 4; i += n) {
        n = how[i] == 'd' ? 1 : i + 1 < 4 && how[i + 1] != 'd' ? 2 : 1;
        if (how[i] != 'd')
            sl_ledger_give_back(b, i, n);
        books = sl_account_books(&account);
        ck_assert_uint_eq(books.in_flight, left);
        ck_assert(sl_books_balance(&books));
    }
    ck_assert(!sl_account_is_out(&account));
    sl_batch_free(&pool, b);
    sl_account_begin(&account, (sl_place){1, 0});
    sl_account_read(&account, left);
    ck_assert_uint_eq(account.books.read, 400);
    ck_assert_uint_eq(account.again_bytes, 0);
    sl_batch_pool_fini(&pool);
}
END_TEST

/* --- the gate --- */

START_TEST(gate_closes_and_opens)
{
    sl_batch *a, *b;

    sl_batch_pool_init(&pool, 10000, 4096, 16);
    a = sl_batch_new(&pool, 100);
    b = sl_batch_new(&pool, 100);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_null(sl_batch_new(&pool, 100));   /* full */
    ck_assert_ptr_null(sl_batch_new(&pool, 50000)); /* and nothing large beside them */
    sl_batch_free(&pool, a);
    ck_assert_ptr_null(sl_batch_new(&pool, 50000));
    sl_batch_free(&pool, b);
    a = sl_batch_new(&pool, 50000); /* larger than the budget: it travels alone */
    ck_assert_ptr_nonnull(a);
    ck_assert_uint_eq(a->row_cap, 1);
    ck_assert_ptr_null(sl_batch_new(&pool, 100));
    sl_batch_free(&pool, a);
    a = sl_batch_new(&pool, 100);
    ck_assert_uint_eq(a->row_cap, 16); /* max_records */
    sl_batch_free(&pool, a);
    sl_batch_pool_fini(&pool);
    ck_assert_uint_eq(pool.gate.held, 0);
}
END_TEST

/* Targets, keys and times beside the payload stay with their records, whatever is sent again. */
START_TEST(keeps_what_stands_beside_the_payload)
{
    static const char *const targets[] = {"one", "one", "", "two", "two"};
    sl_record rec = {.at = {1, 0}, .bytes = ROW_BYTES, .time = noon, .piece = 3};
    sl_item item;
    sl_batch *b;
    size_t room;

    begin();
    b = sl_batch_new(&pool, 500);
    room = b->texts;
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t mark = sl_account_mark(&account, &pool, b, SL_STDOUT, 1, name);
        sl_beside beside = {.number = targets[i][0] ? (uint64_t)targets[i][0] : 1,
                            .target = sl_str(targets[i]),
                            .key = sl_str(i < 3 ? NULL : "key")};
        sl_encoded encoded = {.len = 1 + i, .time = SL_NO_TIME, .beside = &beside};

        rec.at.offset = (uint64_t)i * ROW_BYTES;
        memset(b->payload + b->used, (char)('a' + i), encoded.len);
        sl_batch_added(b, mark, &encoded, &rec);
        account.books.read += ROW_BYTES;
    }
    /* "one" once, "", "two" and "key" once, and five times */
    ck_assert_uint_eq(room - b->texts, 5 * SL_TIME_LEN + 3 + 3 + 3 + 4 * SL_TEXT_BYTES);
    for (uint32_t round = 0; round < 2; round++) {
        ck_assert(answer(b, round ? "drr" : "drdrr"));
        ck_assert_uint_eq(sl_batch_show(b), 3 - round);
        sl_batch_item(b, 0, &item);
        ck_assert_slice_eq(item.target, round ? "two" : "one");
        ck_assert_int_eq(item.key.ptr == NULL, !round);
        sl_batch_item(b, sl_batch_count(b) - 1, &item);
        ck_assert_slice_eq(item.framed, "eeeee");
        ck_assert_slice_eq(item.target, "two");
        ck_assert_slice_eq(item.key, "key");
        ck_assert_int_eq(item.time_ns, 1795408140123456789);
        ck_assert_uint_eq(item.piece, 3);
    }
    ck_assert(!answer(b, "dd"));
    sl_batch_free(&pool, b);
    sl_batch_pool_fini(&pool);
}
END_TEST

/* --- other frames --- */

/* Which of four records are framed anew, and how much longer their frames become. */
static const struct {
    const char *anew, *target;
    size_t longer;
    bool changes, grows;
} frame_rows[] = {
    {"----", "x", 0, false, false},    {"abcd", "else", 0, true, false},
    {"-b-d", "else", 3, true, false},  {"a-c-", NULL, 3, true, false},
    {"abcd", "else", 400, true, true}, {"---d", NULL, 5000, true, true},
    {"ab--", "one", 0, true, false},
};

/* "NNN<TARGET" and "OFFSET>" */
static void frame_long(void *arg, const sl_mark *m, const sl_record *rec, sl_slice *target,
                       sl_buf *before, sl_buf *after)
{
    const size_t *longer = arg;

    ck_assert_ptr_eq(m->account, &account);
    ck_assert_int_eq(memcmp(rec->time, noon, SL_TIME_LEN), 0);
    for (size_t i = 0; i < *longer; i++)
        sl_buf_add(before, "N", 1);
    sl_buf_add_text(before, "<");
    sl_buf_add(before, target->ptr, target->len);
    sl_buf_add_format(after, "%u>", (unsigned)rec->at.offset);
}

static void ck_framed(const sl_batch *b, uint32_t i, bool anew, const char *target, size_t longer)
{
    static const char *const targets[] = {"one", "one", "two", ""};
    sl_slice at = sl_str(anew && target ? target : targets[i]);
    char *before = sl_alloc(longer + 100);
    sl_item item;

    memset(before, 'N', longer);
    snprintf(before + longer, 100, "<%.*s%c%s%u>", (int)at.len, at.ptr, (char)('a' + i), noon,
             i * ROW_BYTES);
    if (!anew)
        snprintf(before, 100, "<%c%s", (char)('a' + i), noon);
    sl_batch_item(b, i, &item);
    ck_assert_slice_eq(item.framed, before);
    ck_assert_int_eq(item.value.ptr[0], 'a' + (char)i);
    ck_assert_uint_eq(item.value.len, 1 + SL_TIME_LEN);
    ck_assert(sl_slice_eq(item.target, at));
    ck_assert_slice_eq(item.key, i % 3 ? "key" : NULL);
    ck_assert_int_eq(item.time_ns, 1795408140123456789);
    ck_assert_uint_eq(item.piece, 7);
    free(before);
}

START_TEST(frames_records_anew)
{
    size_t longer = frame_rows[_i].longer;
    sl_slice target = sl_str(frame_rows[_i].target);
    sl_batch *b;
    uint64_t held;

    for (int inside = 0; inside < 2; inside++) {
        begin();
        b = sl_batch_new(&pool, 300);
        b->texts = 420; /* as if it were as small */
        held = pool.gate.held;
        for (uint32_t i = 0; i < 4; i++) {
            add_for(b, &account, i, inside);
            b->rows[i].fate = frame_rows[_i].anew[i] == '-' ? SL_FATE_AGAIN : SL_FATE_ANEW;
        }
        ck_assert(sl_batch_keep_unsettled(b));
        ck_assert_int_eq(sl_batch_reframe(&pool, b, &(sl_reframe){target, frame_long, &longer}),
                         frame_rows[_i].changes);
        for (uint32_t i = 0; i < 4; i++)
            ck_framed(b, i, frame_rows[_i].anew[i] != '-', frame_rows[_i].target, longer);
        ck_assert_int_eq(pool.gate.held > held, frame_rows[_i].grows);
        ck_assert_uint_eq(sl_batch_show(b), 4);
        ck_assert_uint_eq(sl_batch_plain(b).len, b->used);
        sl_ledger_settle(b, 0, 4, &delivered, 0, &delays);
        sl_batch_free(&pool, b);
        sl_batch_pool_fini(&pool); /* asserts that the gate is empty */
    }
}
END_TEST

SL_UNIT(SL_ROWS(keeps_what_is_to_be_sent_again, remainders),
        SL_ROWS(frontier_waits_for_the_oldest, orders), SL_ONE(generations_have_marks_of_their_own),
        SL_ONE(marks_do_not_outlive_their_batch), SL_ONE(open_part_holds_its_stream_alone),
        SL_ONE(dropped_parts_are_in_flight_until_they_are_read_again),
        SL_ROWS(what_is_given_back_is_in_flight_until_it_is_read_again, given_back),
        SL_ONE(gate_closes_and_opens), SL_ONE(keeps_what_stands_beside_the_payload),
        SL_ROWS(frames_records_anew, frame_rows))
