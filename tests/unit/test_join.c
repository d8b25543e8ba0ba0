/* test_join.c - partial lines put together: streams apart, bounded, given up in order of age. */
#include "read/join.h"
#include "unit.h"

static const char time_text[] = "2026-01-02T03:04:05.000000006Z";

static sl_join join;
static sl_joined of;

/* Feeds "oP:text" (stream o, e or r; P or F), as a line of that many bytes at that offset. */
static bool feed(const char *line, uint64_t offset, uint64_t now_ms, sl_record *rec)
{
    *rec = (sl_record){.text = sl_str(line + 3),
                       .time = time_text,
                       .at = {1, offset},
                       .bytes = strlen(line),
                       .stream = line[0] == 'o'   ? SL_STDOUT
                                 : line[0] == 'e' ? SL_STDERR
                                                  : SL_RAW,
                       .whole = line[1] == 'F'};
    return sl_join_add(&join, &of, &of, now_ms, rec);
}

static const struct {
    const char *lines[8];
    const char *messages; /* each "text@offset+bytes[!flags] " */
    size_t max_record;
} rows[] = {
    {{"oF:a"}, "a@0+4 ", 100},
    {{"oP:a", "oF:b"}, "ab@0+8 ", 100},
    {{"oP: a ", "oP: b ", "oF: c "}, " a  b  c @0+18 ", 100},
    {{"oP:a", "oF:"}, "a@0+7 ", 100},      /* T-CRI-07 */
    {{"oF:", "oF:x"}, "@0+3 x@3+4 ", 100}, /* D3: empty is a message */
    {{"oP:a", "eF:x", "oP:b", "eF:y", "oF:c"}, "x@4+4 y@12+4 abc@0+12 ", 100}, /* T-CRI-03 */
    {{"oP:a", "eP:x", "eF:y", "oF:b"}, "xy@4+8 ab@0+8 ", 100},
    {{"oF:123456", "oF:z"}, "1234@0+9!1 z@9+4 ", 4}, /* T-LINE-03 */
    {{"oF:1234"}, "1234@0+7 ", 4},
    {{"oP:12", "oP:34", "oP:56", "oF:78", "oF:z"}, "1234@0+20!1 z@20+4 ", 4},
    {{"oF:12\xc3\xa9"}, "12@0+7!1 ", 3}, /* T-LINE-02: cut at a character */
    {{"oP:1", "oF:2\xc3\xa9"}, "12@0+10!1 ", 3},
    {{"oF:1\xc3\xa9\xc3\xa9"}, "1\xc3\xa9@0+8!1 ", 3},
    {{"oF:\x80\x80\x80\x80\x80"}, "\x80\x80\x80@0+8!1 ", 3}, /* not UTF-8 at all: cut where it is */
};

START_TEST(joins_each_row)
{
    char got[256] = "";
    uint64_t offset = 0;
    sl_record rec;

    of = (sl_joined){.max_record = rows[_i].max_record};
    sl_join_init(&join, 1 << 20);
    for (int i = 0; i < 8 && rows[_i].lines[i]; i++) {
        const char *line = rows[_i].lines[i];

        if (feed(line, offset, 0, &rec)) {
            size_t n = strlen(got);

            n += (size_t)snprintf(got + n, sizeof got - n, "%.*s@%d+%d", (int)rec.text.len,
                                  rec.text.ptr, (int)rec.at.offset, (int)rec.bytes);
            if (rec.flags)
                n += (size_t)snprintf(got + n, sizeof got - n, "!%u", rec.flags);
            snprintf(got + n, sizeof got - n, " ");
            ck_assert_mem_eq(rec.time, time_text, SL_TIME_LEN);
            sl_join_release(&join, &of, rec.stream);
        }
        offset += strlen(line);
    }
    ck_assert_str_eq(got, rows[_i].messages);
    ck_assert_ptr_null(sl_join_oldest(&join));
    ck_assert_uint_eq(join.gate.held, 0);
}
END_TEST

START_TEST(gives_up_the_oldest_and_flags_its_rest)
{
    sl_record rec;

    of = (sl_joined){.max_record = 100};
    sl_join_init(&join, 1 << 20);
    ck_assert(!feed("oP:old", 0, 5, &rec));
    ck_assert(!feed("eP:young", 6, 7, &rec));
    ck_assert_uint_eq(sl_join_oldest(&join)->since_ms, 5);
    sl_join_give_up(&of, sl_join_oldest(&join), true, &rec);
    ck_assert_slice_eq(rec.text, "old");
    ck_assert_uint_eq(rec.flags, SL_PARTIAL);
    sl_join_release(&join, &of, rec.stream);
    ck_assert_uint_eq(sl_join_oldest(&join)->since_ms, 7);

    ck_assert(feed("oF:rest", 20, 9, &rec)); /* what follows is its rest: flagged as well */
    ck_assert_uint_eq(rec.flags, SL_PARTIAL);
    ck_assert(feed("oF:next", 27, 9, &rec)); /* T-CRI-04: a later line starts fresh */
    ck_assert_uint_eq(rec.flags, 0);

    sl_join_give_up(&of, sl_join_oldest(&join), false, &rec); /* its attempt is over */
    ck_assert_slice_eq(rec.text, "young");
    sl_join_release(&join, &of, rec.stream);
    ck_assert(feed("eF:fresh", 40, 9, &rec));
    ck_assert_uint_eq(rec.flags, 0);
    ck_assert_uint_eq(join.gate.held, 0);
}
END_TEST

START_TEST(share_is_never_exceeded)
{
    static char text[40000];
    sl_joined many[8] = {0};
    uint64_t given_up = 0;

    memset(text, 'x', sizeof text);
    sl_join_init(&join, 100000);
    for (int i = 0; i < 8; i++)
        many[i].max_record = 60000;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            sl_record rec = {.text = {text, 9000}, .time = time_text, .at = {1, 1}, .bytes = 9000};
            sl_part *oldest;

            while (!sl_join_fits(&join, &many[i], sl_join_longest(&many[i]), rec.text.len) &&
                   (oldest = sl_join_oldest(&join))) {
                sl_joined *owner = oldest->owner;
                sl_record shipped;

                sl_join_give_up(owner, oldest, true, &shipped);
                ck_assert_uint_gt(shipped.text.len, 0);
                sl_join_release(&join, owner, shipped.stream);
                given_up++;
            }
            ck_assert(!sl_join_add(&join, &many[i], &many[i], 0, &rec));
            ck_assert_uint_le(join.gate.held, 100000);
        }
    }
    ck_assert_uint_gt(given_up, 0);
    for (int i = 0; i < 8; i++)
        sl_join_drop(&join, &many[i]);
    ck_assert_uint_eq(join.gate.held, 0);
}
END_TEST

SL_UNIT(SL_ROWS(joins_each_row, rows), SL_ONE(gives_up_the_oldest_and_flags_its_rest),
        SL_ONE(share_is_never_exceeded))
