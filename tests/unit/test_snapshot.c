/* test_snapshot.c - what is packed comes back, and all else is known to be damaged.
 * (T-CKPT-08 and T-CKPT-15, as far as the format alone decides) */
#include "ship/snapshot.h"
#include "unit.h"

#include <sys/resource.h>
#include <zlib.h>

#define LITERAL(text)            \
    {                            \
        (text), sizeof(text) - 1 \
    }

/* One source with one generation and one cursor, of these numbers; all else is the same. */
typedef struct numbers {
    uint64_t seq, next_seq, size, begin, end;
    sl_place at;
    uint32_t lane;
    int64_t birth_ns;
    const char *pod, *file;
} numbers;

#define OPEN UINT64_MAX /* not left for the next one */

static const numbers plain = {3, 4, 1000, 0, OPEN, {3, 700}, 0, 0, "cart", "0.log"};

static sl_snapshot *snapshot_of(const numbers *n)
{
    sl_snapshot *s = sl_alloc(sizeof *s);
    sl_saved_source *src = sl_alloc(sizeof *src);

    *src = (sl_saved_source){.namespace = sl_strdup("shop"),
                             .pod = sl_strdup(n->pod),
                             .uid = sl_strdup("0f1c3e9a-0000-4000-8000-000000000001"),
                             .container = sl_strdup("app"),
                             .path = n->lane ? sl_strdup("/logs/app.log") : NULL,
                             .next_seq = n->next_seq,
                             .generations = sl_alloc(sizeof *src->generations),
                             .generation_count = 1,
                             .cursors = sl_alloc(sizeof *src->cursors),
                             .cursor_count = 1};
    src->generations[0] = (sl_saved_generation){.seq = n->seq,
                                                .dev = 2049,
                                                .ino = UINT64_MAX,
                                                .birth_ns = n->birth_ns,
                                                .name = {{1, 2, 0, 255}},
                                                .attempt = UINT32_MAX,
                                                .first_ns = INT64_MAX,
                                                .size = n->size,
                                                .begin = n->begin,
                                                .end = n->end,
                                                .file = sl_strdup(n->file),
                                                .head = {{n->lane ? 9 : 0}},
                                                .cuts = n->lane};
    src->cursors[0].lane = n->lane;
    src->cursors[0].lost = n->lane ? n->at : (sl_place){0};
    src->cursors[0].streams[SL_STDERR] = (sl_saved_position){.at = n->at, .hash = UINT64_MAX - 1};
    s->lanes = sl_alloc(2 * sizeof *s->lanes);
    s->lanes[0] = sl_strdup("search");
    s->lanes[1] = sl_strdup("\xc3\xa4rchive");
    s->lane_count = 2;
    s->sources = src;
    s->source_count = 1;
    return s;
}

/* A member that has no row in checkpoint.c would be lost: add both, and compare it here. */
_Static_assert(sizeof(void *) != 8 || sizeof(sl_saved_generation) == 120, "a new member");
_Static_assert(sizeof(void *) != 8 || sizeof(sl_saved_cursor) == 96, "a new member");
_Static_assert(sizeof(void *) != 8 || sizeof(sl_saved_source) == 80, "a new member");

static void assert_same(const sl_snapshot *got, const sl_snapshot *want)
{
    const sl_saved_source *a = got->sources, *b = want->sources;

    ck_assert_uint_eq(got->lane_count, want->lane_count);
    for (size_t i = 0; i < want->lane_count; i++)
        ck_assert_str_eq(got->lanes[i], want->lanes[i]);
    ck_assert_uint_eq(got->source_count, want->source_count);
    for (size_t i = 0; i < want->source_count; i++, a++, b++) {
        ck_assert_str_eq(a->namespace, b->namespace);
        ck_assert_str_eq(a->pod, b->pod);
        ck_assert_str_eq(a->uid, b->uid);
        ck_assert_str_eq(a->container, b->container);
        ck_assert_pstr_eq(a->path, b->path);
        ck_assert_uint_eq(a->next_seq, b->next_seq);
        ck_assert_uint_eq(a->generation_count, b->generation_count);
        for (size_t g = 0; g < b->generation_count; g++) {
            sl_saved_generation x = a->generations[g], y = b->generations[g];

            ck_assert_str_eq(x.file, y.file);
            ck_assert(x.seq == y.seq && x.dev == y.dev && x.ino == y.ino);
            ck_assert(x.birth_ns == y.birth_ns && x.first_ns == y.first_ns);
            ck_assert(sl_name_eq(&x.name, &y.name) && x.attempt == y.attempt);
            ck_assert(x.size == y.size && x.begin == y.begin && x.end == y.end);
            ck_assert(sl_name_eq(&x.head, &y.head) && x.cuts == y.cuts);
        }
        ck_assert_uint_eq(a->cursor_count, b->cursor_count);
        for (size_t n = 0; n < b->cursor_count; n++) {
            ck_assert_uint_eq(a->cursors[n].lane, b->cursors[n].lane);
            ck_assert_int_eq(sl_place_cmp(a->cursors[n].lost, b->cursors[n].lost), 0);
            ck_assert_mem_eq(a->cursors[n].streams, b->cursors[n].streams,
                             sizeof b->cursors[n].streams);
        }
    }
}

/* A refusal comes without a snapshot, and with a reason. */
static sl_err unpack(sl_slice bytes, sl_snapshot **got)
{
    const char *why = NULL;
    sl_err err = sl_snapshot_unpack(bytes, got, &why);

    if (err)
        ck_assert_ptr_null(*got);
    if (err == SL_E_FORMAT)
        ck_assert_ptr_nonnull(why);
    return err;
}

static const struct {
    const char *what;
    numbers n;
    sl_err err;
} rows[] = {
    {"plain", {3, 4, 1000, 0, OPEN, {3, 700}, 0, 0, "cart", "0.log"}, 0},
    {"all read", {3, 4, 1000, 0, OPEN, {3, 1000}, 0, 0, "cart", "0.log"}, 0},
    {"left before its end", {3, 4, 1000, 0, 900, {3, 900}, 0, 0, "cart", "0.log"}, 0},
    {"begun late", {3, 4, 1000, 1000, OPEN, {3, 1000}, 0, 0, "cart", "0.log"}, 0},
    {"no position", {3, 4, 1000, 0, OPEN, {0, 0}, 0, 0, "cart", "0.log"}, 0},
    {"at the start", {3, 4, 1000, 0, OPEN, {3, 0}, 0, 0, "cart", "0.log"}, 0},
    {"large", {OPEN - 1, OPEN, OPEN, 0, OPEN, {OPEN - 1, OPEN}, 0, INT64_MAX, "cart", "0.log"}, 0},
    {"small", {1, 2, 0, 0, 0, {1, 0}, 0, 0, "cart", "0.log"}, 0},
    {"a forgotten generation", {3, 4, 1000, 0, OPEN, {2, 5000}, 0, 0, "cart", "0.log"}, 0},
    {"long before 1970", {3, 4, 1000, 0, OPEN, {3, 7}, 0, INT64_MIN, "cart", "0.log"}, 0},
    {"a little before 1970", {3, 4, 1000, 0, OPEN, {3, 7}, 0, -1, "cart", "0.log"}, 0},
    {"one byte before 1970", {3, 4, 1000, 0, OPEN, {3, 7}, 0, -128, "cart", "0.log"}, 0},
    {"the second lane", {3, 4, 1000, 0, OPEN, {3, 7}, 1, 0, "cart", "0.log"}, 0},
    {"a long name",
     {3, 4, 1, 0, 1, {3, 1}, 0, 0, "a-name-of-more-than-31-bytes-8d9f7c", "0.log"},
     0},
    {"no such lane", {3, 4, 1000, 0, OPEN, {3, 7}, 2, 0, "cart", "0.log"}, SL_E_FORMAT},
    {"seq 0", {0, 4, 1000, 0, OPEN, {0, 0}, 0, 0, "cart", "0.log"}, SL_E_FORMAT},
    {"next_seq not larger", {3, 3, 1000, 0, OPEN, {0, 0}, 0, 0, "cart", "0.log"}, SL_E_FORMAT},
    {"position after the last", {3, 4, 1000, 0, OPEN, {4, 0}, 0, 0, "cart", "0.log"}, SL_E_FORMAT},
    {"offset beyond size", {3, 4, 1000, 0, OPEN, {3, 1001}, 0, 0, "cart", "0.log"}, SL_E_FORMAT},
    {"begin beyond size", {3, 4, 1000, 1001, OPEN, {3, 7}, 0, 0, "cart", "0.log"}, SL_E_FORMAT},
    {"end beyond size", {3, 4, 1000, 0, 1001, {3, 7}, 0, 0, "cart", "0.log"}, SL_E_FORMAT},
    {"a path as pod", {3, 4, 1000, 0, OPEN, {3, 7}, 0, 0, "../etc", "0.log"}, SL_E_FORMAT},
    {"a path as file", {3, 4, 1000, 0, OPEN, {3, 7}, 0, 0, "cart", "a/b"}, SL_E_FORMAT},
    {"the folder above", {3, 4, 1000, 0, OPEN, {3, 7}, 0, 0, "cart", ".."}, SL_E_FORMAT},
    {"the folder itself", {3, 4, 1000, 0, OPEN, {3, 7}, 0, 0, ".", "0.log"}, SL_E_FORMAT},
};

START_TEST(comes_back_if_it_makes_sense)
{
    sl_snapshot *want = snapshot_of(&rows[_i].n), *got = NULL;
    sl_buf bytes = {0}, again = {0};

    sl_snapshot_pack(want, &bytes);
    ck_assert_msg(unpack(sl_buf_slice(&bytes), &got) == rows[_i].err, "%s", rows[_i].what);
    if (rows[_i].err == 0) {
        assert_same(got, want);
        sl_snapshot_pack(got, &again);
        ck_assert(sl_slice_eq(sl_buf_slice(&again), sl_buf_slice(&bytes)));
    } else {
        ck_assert_ptr_null(got);
    }
    sl_snapshot_free(got);
    sl_snapshot_free(want);
    sl_buf_fini(&again);
    sl_buf_fini(&bytes);
}
END_TEST

START_TEST(seq_has_to_grow)
{
    static const struct {
        uint64_t seqs[3];
        sl_err err;
    } orders[] = {
        {{1, 2, 3}, 0},
        {{1, 7, 9}, 0},
        {{1, 1, 2}, SL_E_FORMAT},
        {{3, 2, 4}, SL_E_FORMAT},
    };

    for (size_t i = 0; i < SL_COUNT_OF(orders); i++) {
        sl_saved_generation g[3] = {{.file = "a"}, {.file = "b"}, {.file = "c"}};
        sl_saved_source src = {.namespace = "n", .pod = "p", .uid = "u", .container = "c"};
        sl_snapshot s = {.sources = &src, .source_count = 1}, *got;
        sl_buf bytes = {0};

        for (size_t k = 0; k < 3; k++)
            g[k].seq = orders[i].seqs[k];
        src.generations = g;
        src.generation_count = 3;
        src.next_seq = 10;
        sl_snapshot_pack(&s, &bytes);
        ck_assert_int_eq(unpack(sl_buf_slice(&bytes), &got), orders[i].err);
        if (orders[i].err == 0)
            assert_same(got, &s);
        sl_snapshot_free(got);
        sl_buf_fini(&bytes);
    }
}
END_TEST

static sl_buf packed(void)
{
    sl_snapshot *s = snapshot_of(&plain);
    sl_buf bytes = {0};

    sl_snapshot_pack(s, &bytes);
    sl_snapshot_free(s);
    return bytes;
}

static void fix_crc(sl_buf *b)
{
    uint32_t sum = (uint32_t)crc32(0, (const Bytef *)b->ptr, (uInt)b->len - 4);

    for (unsigned i = 0; i < 4; i++)
        b->ptr[b->len - 4 + i] = (char)(sum >> (8 * i));
}

START_TEST(a_changed_byte_is_noticed)
{
    sl_buf bytes = packed();
    sl_snapshot *got;

    for (size_t i = 0; i < bytes.len; i++)
        for (int mask = 1; mask < 256; mask = mask * 2 + 1) {
            bytes.ptr[i] = (char)(bytes.ptr[i] ^ mask);
            ck_assert_int_eq(unpack(sl_buf_slice(&bytes), &got), SL_E_FORMAT);
            bytes.ptr[i] = (char)(bytes.ptr[i] ^ mask);
        }
    sl_buf_fini(&bytes);
}
END_TEST

/* Behind a right CRC anything may be accepted that makes sense; nothing may crash or leak. */
START_TEST(a_changed_byte_with_a_right_crc_does_no_harm)
{
    sl_buf bytes = packed();
    size_t accepted = 0;

    for (size_t i = 0; i < bytes.len - 4; i++)
        for (int to = 0; to < 256; to++) {
            char was = bytes.ptr[i];
            sl_snapshot *got;

            bytes.ptr[i] = (char)to;
            fix_crc(&bytes);
            accepted += unpack(sl_buf_slice(&bytes), &got) == 0;
            sl_snapshot_free(got);
            bytes.ptr[i] = was;
        }
    ck_assert_uint_gt(accepted,
                      bytes.len - 4); /* the bytes as they are, at least: it got past the CRC */
    sl_buf_fini(&bytes);
}
END_TEST

START_TEST(a_cut_is_noticed_at_every_length)
{
    sl_buf bytes = packed();
    size_t all = bytes.len;
    sl_snapshot *got;

    for (size_t len = 0; len < all; len++) {
        char *copy = sl_alloc_raw(len); /* of its own, so that a read behind it is seen */

        memcpy(copy, bytes.ptr, len);
        ck_assert_int_eq(unpack((sl_slice){copy, len}, &got), SL_E_FORMAT);
        free(copy);
    }
    for (size_t len = 12; len < all; len++) { /* and with a right CRC */
        sl_buf cut = {0};

        sl_buf_add(&cut, bytes.ptr, len);
        fix_crc(&cut);
        ck_assert_int_eq(unpack(sl_buf_slice(&cut), &got), SL_E_FORMAT);
        sl_buf_fini(&cut);
    }
    sl_buf_fini(&bytes);
}
END_TEST

#define LANES   "\xa5lanes"
#define SOURCES "\xa7sources"
#define NAMES                                        \
    "\xa9namespace\xa1n\xa3pod\xa1p\xa3uid\xa1u\xa9" \
    "container\xa1"                                  \
    "c\xa8next_seq\x02"
#define NO_ITEMS              \
    "\xabgenerations\x90\xa7" \
    "cursors\x90"
#define SOURCE               "\x87" NAMES NO_ITEMS
#define BODY(lanes, sources) "\x82" LANES lanes SOURCES sources
#define DEEP                 "\x91\x91\x91\x91\x91\x91\x91\x91"

/* What stands between the magic and the CRC. */
static const struct {
    const char *what;
    sl_slice msgpack;
    sl_err err;
} bodies[] = {
    {"nothing in it", LITERAL("\x93\x01\x00" BODY("\x90", "\x90")), 0},
    {"one source", LITERAL("\x93\x01\x00" BODY("\x90", "\x91" SOURCE)), 0},
    {"longer forms", LITERAL("\xdc\x00\x03\xd9\x00"), SL_E_FORMAT},
    {"numbers and counts in longer forms",
     LITERAL("\xdd\0\0\0\x03\xcd\0\x01\xcf\0\0\0\0\0\0\0\0\xdf\0\0\0\x02\xd9\x05lanes\xdc\0\x01\xda"
             "\0\x01x"
             "\xdb\0\0\0\x07sources\xdd\0\0\0\0"),
     0},
    {"a newer minor", LITERAL("\x93\x01\x05" BODY("\x90", "\x90")), 0},
    {"a key of a newer minor",
     LITERAL("\x93\x01\x05\x83" LANES "\x90\xa5later\x81\xa1k\x93\xc0\xcb\0\0\0\0\0\0\0\0\xd8\x05"
             "0123456789abcdef" SOURCES "\x90"),
     0},
    {"one in a source", LITERAL("\x93\x01\x01" BODY("\x90", "\x91\x88" NAMES NO_ITEMS "\xa1z\xc3")),
     0},
    {"a deep one",
     LITERAL("\x93\x01\x01\x83\xa1z" DEEP DEEP DEEP DEEP DEEP "\x90" LANES "\x90" SOURCES "\x90"),
     0},
    {"one that is cut", LITERAL("\x93\x01\x01\x83" LANES "\x90" SOURCES "\x90\xa1z\x92\xc0"),
     SL_E_FORMAT},
    {"one that is no msgpack", LITERAL("\x93\x01\x01\x83" LANES "\x90" SOURCES "\x90\xa1z\xc1"),
     SL_E_FORMAT},
    {"a newer major", LITERAL("\x93\x02\x00\x80"), SL_E_NEWER},
    {"a much newer major, in another form", LITERAL("\x92\xcd\xff\xff\xc0"), SL_E_NEWER},
    {"major 0", LITERAL("\x93\x00\x00" BODY("\x90", "\x90")), SL_E_FORMAT},
    {"no body", LITERAL("\x92\x01\x00"), SL_E_FORMAT},
    {"empty", LITERAL(""), SL_E_FORMAT},
    {"bytes behind", LITERAL("\x93\x01\x00" BODY("\x90", "\x90") "\x00"), SL_E_FORMAT},
    {"no lanes", LITERAL("\x93\x01\x00\x81" SOURCES "\x90"), SL_E_FORMAT},
    {"a key twice", LITERAL("\x93\x01\x00\x83" LANES "\x91\xa1x" LANES "\x91\xa1y" SOURCES "\x90"),
     SL_E_FORMAT},
    {"a key that is a number", LITERAL("\x93\x01\x00\x83\x01\x01" LANES "\x90" SOURCES "\x90"),
     SL_E_FORMAT},
    {"a lane that is a number", LITERAL("\x93\x01\x00" BODY("\x91\x01", "\x90")), SL_E_FORMAT},
    {"a zero in a name",
     LITERAL("\x93\x01\x00" BODY("\x91\xa3"
                                 "a\0b",
                                 "\x90")),
     SL_E_FORMAT},
    {"a source without numbers", LITERAL("\x93\x01\x00" BODY("\x90", "\x91\x80")), SL_E_FORMAT},
    {"a negative count", LITERAL("\x93\x01\xff" BODY("\x90", "\x90")), SL_E_FORMAT},
    {"four billion parts", LITERAL("\xdd\xff\xff\xff\xff\x01\x00"), SL_E_FORMAT},
    {"four billion lanes", LITERAL("\x93\x01\x00" BODY("\xdd\xff\xff\xff\xff", "\x90")),
     SL_E_FORMAT},
    {"four billion sources", LITERAL("\x93\x01\x00" BODY("\x90", "\xdd\xff\xff\xff\xff")),
     SL_E_FORMAT},
    {"16 million sources", LITERAL("\x93\x01\x00" BODY("\x90", "\xdd\x00\xff\xff\xff")),
     SL_E_FORMAT},
    {"more sources than fit", LITERAL("\x93\x01\x00" BODY("\x90", "\x92" SOURCE)), SL_E_FORMAT},
    {"four billion keys", LITERAL("\x93\x01\x00\xdf\xff\xff\xff\xff" LANES "\x90"), SL_E_FORMAT},
    {"four billion ignored", LITERAL("\x93\x01\x00\x83\xa1z\xdf\xff\xff\xff\xff"), SL_E_FORMAT},
    {"a lane of 4 GiB", LITERAL("\x93\x01\x00" BODY("\x91\xdb\xff\xff\xff\xff", "\x90")),
     SL_E_FORMAT},
    {"a key of 4 GiB", LITERAL("\x93\x01\x00\x82\xdb\xff\xff\xff\xff"), SL_E_FORMAT},
    {"an extension of 4 GiB", LITERAL("\x93\x01\x00\x83\xa1z\xc9\xff\xff\xff\xff\x01"),
     SL_E_FORMAT},
};

/* Address space ever used: a count that is believed shows up here, even if nothing is written. */
static long peak_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "VmPeak:", 7) == 0)
            kib = strtol(line + 7, NULL, 10);
    fclose(f);
    return kib;
}

START_TEST(odd_bodies)
{
    sl_buf bytes = {0};
    sl_snapshot *got;
    long before = peak_kib();

    sl_buf_add_text(&bytes, "SLUICECP");
    sl_buf_add(&bytes, bodies[_i].msgpack.ptr, bodies[_i].msgpack.len);
    sl_buf_add(&bytes, "crc.", 4);
    fix_crc(&bytes);
    ck_assert_msg(unpack(sl_buf_slice(&bytes), &got) == bodies[_i].err, "%s", bodies[_i].what);
    ck_assert_int_lt(peak_kib() - before, 64 << 10);
    sl_snapshot_free(got);
    sl_buf_fini(&bytes);
}
END_TEST

/* Almost as many sources as there are bytes: the count is possible, but no source is that small. */
START_TEST(memory_is_bounded_by_what_is_there)
{
    static const sl_slice head =
        LITERAL("SLUICECP\x93\x01\x00\x82" LANES "\x90" SOURCES "\xdd\0\x0f\0\0");
    static char zeros[1 << 20];
    sl_buf bytes = {0};
    sl_snapshot *got;
    long before;

    sl_buf_add(&bytes, head.ptr, head.len);
    sl_buf_add(&bytes, zeros, sizeof zeros);
    fix_crc(&bytes);
    before = peak_kib();
    ck_assert_int_eq(unpack(sl_buf_slice(&bytes), &got), SL_E_FORMAT);
    ck_assert_int_lt(peak_kib() - before, 12 << 10);
    sl_buf_fini(&bytes);
}
END_TEST

SL_UNIT(SL_ROWS(comes_back_if_it_makes_sense, rows), SL_ONE(seq_has_to_grow),
        SL_ONE(a_changed_byte_is_noticed), SL_ONE(a_changed_byte_with_a_right_crc_does_no_harm),
        SL_ONE(a_cut_is_noticed_at_every_length), SL_ROWS(odd_bodies, bodies),
        SL_ONE(memory_is_bounded_by_what_is_there))
