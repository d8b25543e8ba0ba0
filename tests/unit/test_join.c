/* test_join.c - partial lines put together: streams apart, bounded, given up in order of age; what
 * is too long cut, split or dropped.
 *
 * Scenarios: T-LINE-01, 02, 03, 08, 09; T-CRI-02, 03, 04, 06, 07. */
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

/* --- too long, and not truncated --- */

static char said[4096];

static void say(const sl_record *rec)
{
    size_t n = strlen(said);

    n += (size_t)snprintf(said + n, sizeof said - n, "%.*s.%u+%d", (int)rec->text.len,
                          rec->text.ptr, rec->piece, (int)rec->bytes);
    if (rec->flags & ~(unsigned)SL_SPLIT)
        n += (size_t)snprintf(said + n, sizeof said - n, "!%u", rec->flags & ~(unsigned)SL_SPLIT);
    snprintf(said + n, sizeof said - n, "%s ", rec->flags & SL_SPLIT ? "" : "=");
}

/* What a lane does with one line, but that it may be refused: `refuse` says before which pieces.
 * Returns false when it was. */
static bool take(const sl_record *line, bool (*refuse)(void))
{
    sl_split what = SL_SPLIT_PIECE;
    sl_record rec = *line;

    if (!sl_join_is_oversize(&of, line)) {
        if (sl_join_add(&join, &of, &of, 0, &rec)) {
            say(&rec);
            sl_join_release(&join, &of, line->stream);
        }
        return true;
    }
    while (what == SL_SPLIT_PIECE) {
        if (sl_join_drops(&of, line->stream)) {
            size_t n = strlen(said), rest = line->bytes - of.taken;
            uint64_t open = sl_join_drop_line(&join, &of, &of, 0, line);

            snprintf(said + n, sizeof said - n, "-%d ", (int)(rest + open));
            return true;
        }
        if (refuse && refuse())
            return false;
        what = sl_join_split(&join, &of, &of, 0, line, &rec);
        if (what == SL_SPLIT_KEPT)
            return true;
        ck_assert_uint_le(rec.text.len, of.max_record);
        ck_assert_uint_eq(rec.at.offset, of.parts[line->stream]->at.offset);
        say(&rec);
        if (what == SL_SPLIT_PIECE)
            sl_join_left(&join, &of, line->stream);
    }
    sl_join_release(&join, &of, line->stream);
    return true;
}

/* "oP:text" as above. */
static void take_text(const char *text, uint64_t offset, bool (*refuse)(void))
{
    sl_record line = {.text = sl_str(text + 3),
                      .time = time_text,
                      .at = {1, offset},
                      .bytes = strlen(text) + 1, /* and its newline */
                      .stream = text[0] == 'e' ? SL_STDERR : SL_STDOUT,
                      .whole = text[1] == 'F'};

    while (!take(&line, refuse))
        ck_assert(!of.halfway || join.gate.held == 0); /* it is in nobody's way */
}

/* pieces  each "text.K+bytes[!flags] ", with "= " behind what is no piece; "-bytes " is dropped */
static const struct {
    sl_on_oversize how;
    size_t max_record;
    const char *lines[8];
    const char *pieces;
} long_ones[] = {
    {SL_OVERSIZE_SPLIT, 4, {"oF:1234", "oF:z"}, "1234.0+8= z.0+5= "},
    {SL_OVERSIZE_SPLIT, 4, {"oF:12345", "oF:z"}, "1234.0+4 5.1+5 z.0+5= "},
    {SL_OVERSIZE_SPLIT, 4, {"oF:123456789"}, "1234.0+4 5678.1+4 9.2+5 "},
    {SL_OVERSIZE_SPLIT, 4, {"oF:12345678"}, "1234.0+4 5678.1+8 "},
    {SL_OVERSIZE_SPLIT, 4, {"oP:12", "oF:34"}, "1234.0+12= "},
    {SL_OVERSIZE_SPLIT, 4, {"oP:12", "oP:34", "oF:"}, "1234.0+16= "},
    {SL_OVERSIZE_SPLIT, 4, {"oP:12", "oP:34", "oF:5", "oF:z"}, "1234.0+12 5.1+5 z.0+5= "},
    {SL_OVERSIZE_SPLIT, 4, {"oP:12", "oF:3456789"}, "1234.0+8 5678.1+4 9.2+5 "},
    {SL_OVERSIZE_SPLIT, 4, {"oP:12345", "oP:6789a", "oF:b"}, "1234.0+4 5678.1+8 9ab.2+11 "},
    {SL_OVERSIZE_SPLIT, 4, {"oP:12345", "eF:x", "oF:6", "eF:z"}, "1234.0+4 x.0+5= 56.1+10 z.0+5= "},
    /* borders of characters, also where they lie between two lines */
    {SL_OVERSIZE_SPLIT, 3, {"oF:12\u00e93"}, "12.0+2 \u00e93.1+7 "},
    {SL_OVERSIZE_SPLIT,
     3,
     {"oP:12\xc3", "oF:\xa9"
                   "3"},
     "12.0+7 \u00e93.1+6 "},
    {SL_OVERSIZE_SPLIT, 5, {"oP:12\xf0\x9f\x98", "oP:\x80", "oF:"}, "12.0+9 \U0001f600.1+9 "},
    {SL_OVERSIZE_SPLIT, 5, {"oP:12", "oF:\xf0\x9f\x98\x80"}, "12.0+9 \U0001f600.1+5 "},
    {SL_OVERSIZE_SPLIT, 3, {"oF:\x80\x80\x80\x80"}, "\x80\x80\x80.0+3 \x80.1+5 "},
    {SL_OVERSIZE_SPLIT, 1, {"oF:\u00e9"}, "\xc3.0+1 \xa9.1+5 "}, /* smaller than a character */

    {SL_OVERSIZE_DROP, 4, {"oF:1234", "oF:12345", "oF:z"}, "1234.0+8= -9 z.0+5= "},
    {SL_OVERSIZE_DROP, 4, {"oP:12", "oP:34", "oP:56", "oP:7", "oF:8", "oF:z"}, "-18 -5 -5 z.0+5= "},
    {SL_OVERSIZE_DROP, 4, {"oP:12345", "eF:x", "oF:", "oF:z"}, "-9 x.0+5= -4 z.0+5= "},
};

static void take_all(int row, bool (*refuse)(void))
{
    uint64_t offset = 0;

    of = (sl_joined){.max_record = long_ones[row].max_record, .on_oversize = long_ones[row].how};
    sl_join_init(&join, 1 << 20);
    said[0] = '\0';
    for (int i = 0; i < 8 && long_ones[row].lines[i]; i++) {
        take_text(long_ones[row].lines[i], offset, refuse);
        offset += strlen(long_ones[row].lines[i]) + 1;
    }
    ck_assert_str_eq(said, long_ones[row].pieces);
    ck_assert(sl_list_is_empty(&join.parts));
    ck_assert_uint_eq(join.gate.held, 0);
    ck_assert_uint_eq(of.taken, 0);
}

START_TEST(splits_or_drops_each_row)
{
    take_all(_i, NULL);
}
END_TEST

static bool refused;

static bool every_second_time(void)
{
    return refused = !refused;
}

/* A line that is refused between two of its pieces goes on where it stopped. */
START_TEST(goes_on_in_a_refused_line)
{
    refused = true; /* not before the first piece: then it holds what it held */
    take_all(_i, every_second_time);
}
END_TEST

/* T-LINE-08: pieces are the same however the text comes: whole, byte by byte, in any parts. */
START_TEST(pieces_depend_on_the_text_alone)
{
    static const char letters[] = "ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\x80";
    char text[200], whole[4096];
    unsigned dice = (unsigned)_i * 2654435761U + 1;

    for (size_t i = 0, at = 0; i < sizeof text; i++, at++) {
        dice = dice * 1103515245U + 12345;
        at += (dice >> 16) % 8 == 0; /* not all are whole */
        text[i] = letters[at % (sizeof letters - 1)];
    }
    for (int round = 0; round < 20; round++) {
        size_t step, at = 0, n = 0;

        of = (sl_joined){.max_record = 1 + (size_t)_i % 40, .on_oversize = SL_OVERSIZE_SPLIT};
        sl_join_init(&join, 1 << 20);
        said[0] = '\0';
        for (; at < sizeof text; at += step) {
            sl_record line = {.text = {text + at, 0}, .time = time_text, .at = {1, 0}};

            step = round == 0 ? sizeof text : 1 + ((dice = dice * 1103515245U + 12345) >> 16) % 9;
            step = step < sizeof text - at ? step : sizeof text - at;
            line.text.len = line.bytes = step;
            line.whole = at + step == sizeof text;
            while (!take(&line, round % 2 ? every_second_time : NULL))
                continue;
        }
        for (char *p = said; *p; p++) { /* bytes of the lines differ, the pieces do not */
            if (*p == '+')
                p += strspn(p, "+0123456789");
            said[n++] = *p;
        }
        said[n] = '\0';
        if (round == 0)
            strcpy(whole, said);
        ck_assert_str_eq(said, whole);
        ck_assert_uint_eq(join.gate.held, 0);
    }
}
END_TEST

/* There are no more numbers: the rest is dropped, and says so. */
START_TEST(numbers_of_pieces_end)
{
    of = (sl_joined){.max_record = 4, .on_oversize = SL_OVERSIZE_SPLIT};
    sl_join_init(&join, 1 << 20);
    said[0] = '\0';
    take_text("oP:12345", 0, NULL);
    of.parts[SL_STDOUT]->piece = SL_PIECE_MAX - 1;
    take_text("oF:6789abc", 9, NULL);
    take_text("oF:z", 20, NULL);
    ck_assert_str_eq(said, "1234.0+4 5678.134217726+8 -8 z.0+5= ");
}
END_TEST

/* A line that comes no more leaves what was not in a piece yet; what is dropped leaves nothing. */
START_TEST(gives_up_in_the_middle)
{
    sl_record rec;

    of = (sl_joined){.max_record = 3, .on_oversize = SL_OVERSIZE_SPLIT};
    sl_join_init(&join, 1 << 20);
    said[0] = '\0';
    take_text("oP:12\xc3", 0, NULL);
    rec = (sl_record){.text = sl_str("\xa9"
                                     "3456"),
                      .time = time_text,
                      .at = {1, 7},
                      .bytes = 9};
    refused = true;
    ck_assert(!take(&rec, every_second_time));
    ck_assert_ptr_eq(of.halfway, of.parts[SL_STDOUT]);
    ck_assert_uint_eq(of.halfway_at.offset, 7);
    ck_assert_ptr_null(sl_join_oldest(&join)); /* it holds nothing */
    ck_assert(sl_join_give_up(&of, of.halfway, false, &rec));
    ck_assert_slice_eq(rec.text, "\xc3");
    ck_assert_uint_eq(rec.piece, 1);
    ck_assert_uint_eq(rec.flags, SL_SPLIT | SL_PARTIAL);
    sl_join_release(&join, &of, SL_STDOUT);
    ck_assert_ptr_null(of.halfway);
    ck_assert_uint_eq(of.taken, 0);

    of.on_oversize = SL_OVERSIZE_DROP;
    said[0] = '\0';
    take_text("oP:12345", 20, NULL);
    ck_assert(!sl_join_give_up(&of, of.parts[SL_STDOUT], true, &rec));
    sl_join_release(&join, &of, SL_STDOUT);
    take_text("oP:the rest", 30, NULL); /* dropped as well */
    take_text("oF:z", 42, NULL);
    take_text("oF:z", 47, NULL);
    ck_assert_str_eq(said, "-9 -12 -5 z.0+5= ");
    ck_assert(sl_list_is_empty(&join.parts));
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

/* One that is alone becomes as long as a record may be, whatever the share; not beside another one. */
START_TEST(one_part_may_have_more_than_the_share)
{
    static char text[9000];
    sl_joined one = {.max_record = 60000}, two = {.max_record = 60000};
    sl_record rec = {.time = time_text, .at = {1, 1}, .bytes = 9000};

    memset(text, 'x', sizeof text);
    sl_join_init(&join, 20000);
    for (int i = 0; i < 7; i++) {
        rec.text = (sl_slice){text, 9000};
        ck_assert(sl_join_fits(&join, &one, sl_join_longest(&one), rec.text.len));
        ck_assert(!sl_join_add(&join, &one, &one, 0, &rec));
    }
    ck_assert_uint_eq(one.parts[SL_STDOUT]->len, 60000);
    ck_assert(!sl_join_fits(&join, &two, 0, 10));
    sl_join_drop(&join, &one);
    ck_assert(sl_join_fits(&join, &two, 0, 10));
    ck_assert_uint_eq(join.gate.held, 0);
}
END_TEST

SL_UNIT(SL_ROWS(joins_each_row, rows), SL_ROWS(splits_or_drops_each_row, long_ones),
        SL_ROWS(goes_on_in_a_refused_line, long_ones),
        tcase_add_loop_test(sl_tests, pieces_depend_on_the_text_alone, 0, 200),
        SL_ONE(numbers_of_pieces_end), SL_ONE(gives_up_in_the_middle),
        SL_ONE(gives_up_the_oldest_and_flags_its_rest), SL_ONE(share_is_never_exceeded),
        SL_ONE(one_part_may_have_more_than_the_share))
