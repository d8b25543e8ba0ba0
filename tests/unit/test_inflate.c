/* test_inflate.c - compressed generations: whole, cut, odd ones, read from anywhere. (T-ROT-31) */
#include "read/inflate.h"
#include "unit.h"

#include <sys/mman.h>
#include <uv.h>
#include <zlib.h>

#define FIRST 64

/* One member around text, at out; returns its length. */
static size_t member(unsigned char *out, size_t cap, const char *text, size_t len)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = (uInt)len,
                  .next_out = out,
                  .avail_out = (uInt)cap};

    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_int_eq(deflateEnd(&z), Z_OK);
    return cap - z.avail_out;
}

static int file_of(const void *bytes, size_t len)
{
    int fd = memfd_create("gz", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    return fd;
}

static sl_err check(int fd, uint64_t *size)
{
    char first[FIRST];
    size_t first_len;
    atomic_bool cancel = false;

    return sl_inflate_check(fd, first, sizeof first, &first_len, size, &cancel);
}

/* Members' texts, joined by '|'; then bytes that follow the last one, as they are. */
static const struct {
    const char *members, *behind;
    size_t behind_len;
    sl_err err;
    const char *text;
} files[] = {
    {"one line\n", "", 0, 0, "one line\n"},
    {"", "", 0, 0, ""},
    {"a|b", "", 0, 0, "ab"},
    {"|a||b|", "", 0, 0, "ab"},
    {"a|b", "x", 1, SL_E_FORMAT, NULL},
    {"a", "\0\0\0\0", 4, SL_E_FORMAT, NULL}, /* tape padding: the kubelet writes none */
    {"a", "\x1f", 1, SL_E_FORMAT, NULL},
    {"a", "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10, SL_E_FORMAT, NULL},
    {NULL, "", 0, SL_E_FORMAT, NULL},
    {NULL, "not gzip at all", 15, SL_E_FORMAT, NULL},
    {NULL, "\x78\x9c\x03\0\0\0\0\x01", 8, SL_E_FORMAT, NULL}, /* zlib's own frame */
};

START_TEST(whole_files_alone_count)
{
    unsigned char bytes[1024];
    char first[FIRST], out[FIRST];
    size_t len = 0, first_len;
    atomic_bool cancel = false;
    uint64_t size;
    int fd;

    for (const char *m = files[_i].members; m; m = strchr(m, '|') ? strchr(m, '|') + 1 : NULL)
        len += member(bytes + len, sizeof bytes - len, m, strcspn(m, "|"));
    memcpy(bytes + len, files[_i].behind, files[_i].behind_len);
    fd = file_of(bytes, len + files[_i].behind_len);
    ck_assert_int_eq(sl_inflate_check(fd, first, sizeof first, &first_len, &size, &cancel),
                     files[_i].err);
    if (files[_i].err == 0) {
        sl_inflate *i = sl_inflate_new(fd);

        ck_assert_uint_eq(size, strlen(files[_i].text));
        ck_assert_slice_eq(((sl_slice){first, first_len}), files[_i].text);
        ck_assert_int_eq(sl_inflate_read(i, out, sizeof out, 0), (ssize_t)size);
        ck_assert_mem_eq(out, first, first_len);
        sl_inflate_free(i);
    }
    close(fd);
}
END_TEST

static const char two_lines[] =
    "2026-11-23T04:29:00Z stdout F hello\n2026-11-23T04:29:01Z stdout F you\n";

START_TEST(a_cut_file_never_counts)
{
    unsigned char bytes[512];
    size_t first = member(bytes, sizeof bytes, two_lines, sizeof two_lines - 1);
    size_t all = first + member(bytes + first, sizeof bytes - first, two_lines, 40);
    uint64_t size;

    for (size_t len = 0; len <= all; len++) {
        int fd = file_of(bytes, len);

        /* between the two members it is a whole file again */
        ck_assert_int_eq(check(fd, &size), len == first || len == all ? 0 : SL_E_FORMAT);
        close(fd);
    }
}
END_TEST

START_TEST(a_changed_trailer_never_counts)
{
    unsigned char bytes[512];
    size_t len = member(bytes, sizeof bytes, two_lines, sizeof two_lines - 1);
    uint64_t size;

    for (size_t at = len - 8; at < len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            int fd;

            bytes[at] ^= (unsigned char)(1u << bit);
            fd = file_of(bytes, len);
            ck_assert_int_eq(check(fd, &size), SL_E_FORMAT);
            close(fd);
            bytes[at] ^= (unsigned char)(1u << bit);
        }
}
END_TEST

/* The byte at an offset of the long file: it tells every offset from its neighbours. */
static char byte_at(uint64_t offset)
{
    return (char)(offset * 2654435761u >> 13);
}

#define LONG ((size_t)300000) /* more than a window, a bite and a member */

static int long_file(void)
{
    char *text = sl_alloc(LONG);
    unsigned char *bytes = sl_alloc(2 * LONG);
    size_t len = 0;
    int fd;

    for (size_t at = 0; at < LONG; at++)
        text[at] = byte_at(at);
    for (size_t at = 0; at < LONG; at += LONG / 3)
        len += member(bytes + len, 2 * LONG - len, text + at, LONG / 3);
    fd = file_of(bytes, len);
    free(text);
    free(bytes);
    return fd;
}

/* Read one after the other from one sl_inflate: forward, backward, beyond. */
static const struct {
    uint64_t offset;
    size_t len;
    ssize_t got;
} reads[] =
    {
        {0, 10, 10},         {10, 1, 1},      {11, 70000, 70000},
        {99990, 20, 20}, /* backward, and over the end of a member */
        {5, 5, 5},           {5, 0, 0},       {250000, 100000, 50000}, /* as far as there is */
        {299999, 10, 1},     {300000, 10, 0}, {300001, 10, 0},
        {UINT64_MAX, 10, 0}, {0, LONG, LONG},
};

START_TEST(reads_at_any_offset)
{
    char *out = sl_alloc(LONG);
    int fd = long_file();
    sl_inflate *i = sl_inflate_new(fd);

    for (size_t r = 0; r < SL_COUNT_OF(reads); r++) {
        ck_assert_int_eq(sl_inflate_read(i, out, reads[r].len, reads[r].offset), reads[r].got);
        for (size_t n = 0; n < (size_t)reads[r].got; n++)
            ck_assert_int_eq(out[n], byte_at(reads[r].offset + n));
    }
    sl_inflate_free(i);
    close(fd);
    free(out);
}
END_TEST

static const struct {
    uint64_t offset;
    ssize_t got;
} befores[] = {
    {0, 0}, {1, 1}, {63, 63}, {64, 64}, {65, 64}, {200010, 64}, {LONG, 64}, {LONG + 1, UV_ERANGE},
};

START_TEST(knows_what_is_before_an_offset)
{
    char out[64];
    int fd = long_file();

    ck_assert_int_eq(sl_inflate_before(fd, befores[_i].offset, out), befores[_i].got);
    for (ssize_t n = 0; n < befores[_i].got; n++)
        ck_assert_int_eq(out[n], byte_at(befores[_i].offset - (uint64_t)(befores[_i].got - n)));
    close(fd);
}
END_TEST

/* What came before the damage is readable; the damage itself is an error each time. */
START_TEST(damage_is_an_error_again_and_again)
{
    unsigned char bytes[512];
    char out[256];
    size_t len = member(bytes, sizeof bytes, two_lines, sizeof two_lines - 1);
    ssize_t text_len = sizeof two_lines - 1;
    sl_inflate *i;
    int fd;

    bytes[len - 8] ^= 1;
    fd = file_of(bytes, len);
    i = sl_inflate_new(fd);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(sl_inflate_read(i, out, (size_t)text_len, 0), text_len);
        ck_assert_mem_eq(out, two_lines, (size_t)text_len);
        ck_assert_int_eq(sl_inflate_read(i, out, 1, (uint64_t)text_len), SL_E_FORMAT);
        ck_assert_int_eq(sl_inflate_read(i, out, 1, (uint64_t)text_len), SL_E_FORMAT);
    }
    sl_inflate_free(i);
    close(fd);
    ck_assert_int_eq(sl_inflate_before(-1, 10, out), UV_EBADF);
}
END_TEST

START_TEST(gives_up_when_told)
{
    char first[FIRST];
    size_t first_len;
    atomic_bool cancel = true;
    uint64_t size;
    int fd = long_file();

    ck_assert_int_eq(sl_inflate_check(fd, first, sizeof first, &first_len, &size, &cancel),
                     UV_ECANCELED);
    ck_assert_uint_lt(size, LONG);
    cancel = false;
    ck_assert_int_eq(sl_inflate_check(fd, first, sizeof first, &first_len, &size, &cancel), 0);
    ck_assert_uint_eq(size, LONG);
    ck_assert_uint_eq(first_len, FIRST);
    ck_assert_int_eq(sl_inflate_check(fd, NULL, 0, &first_len, &size, &cancel), 0);
    ck_assert_uint_eq(first_len, 0);
    close(fd);
}
END_TEST

SL_UNIT(SL_ROWS(whole_files_alone_count, files), SL_ONE(a_cut_file_never_counts),
        SL_ONE(a_changed_trailer_never_counts), SL_ONE(reads_at_any_offset),
        SL_ROWS(knows_what_is_before_an_offset, befores),
        SL_ONE(damage_is_an_error_again_and_again), SL_ONE(gives_up_when_told))
