/* test_unpack.c - the way through a .gz: what is near is read at once, what is far not on this thread. */
#include "read/unpack.h"
#include "unit.h"

#include <sys/mman.h>
#include <uv.h>
#include <zlib.h>

#define MIB   (UINT64_C(1) << 20)
#define SIZE  (16 * MIB)
#define PIECE 4096

/* Each eight bytes of it say where they stand. */
static int make_file(void)
{
    int fd = memfd_create("gz", MFD_CLOEXEC);
    gzFile out = gzdopen(dup(fd), "wb1");
    uint64_t piece[PIECE / 8];

    for (uint64_t at = 0; at < SIZE; at += PIECE) {
        for (uint64_t i = 0; i < PIECE / 8; i++)
            piece[i] = at + 8 * i;
        ck_assert_int_eq(gzwrite(out, piece, sizeof piece), (int)sizeof piece);
    }
    ck_assert_int_eq(gzclose(out), Z_OK);
    return fd;
}

/* What a read says: a place in `here` is there, EAGAIN, or 0 at the end. */
static ssize_t read_at(sl_unpack **u, const sl_generation *g, uint64_t offset, bool at_once)
{
    uint64_t here = UINT64_MAX;
    ssize_t n = sl_unpack_read(u, g, (char *)&here, sizeof here, offset, at_once);

    if (n > 0)
        ck_assert_uint_eq(here, offset);
    return n;
}

/* One state goes through these places, in this order. */
static const struct {
    const char *what;
    uint64_t at[4];
    ssize_t n[4];
} ways[] = {
    {"forwards, in steps", {0, 3 * MIB, 6 * MIB, 9 * MIB}, {8, 8, 8, 8}},
    {"far from the beginning", {5 * MIB, 0}, {UV_EAGAIN, 8}},
    {"far from where it is", {MIB, 6 * MIB, 2 * MIB}, {8, UV_EAGAIN, 8}},
    {"back to what is near to the beginning", {3 * MIB, MIB}, {8, 8}},
    {"back to what is not", {4 * MIB, 8 * MIB, 12 * MIB, 7 * MIB}, {8, 8, 8, UV_EAGAIN}},
    {"to the end", {4 * MIB, 8 * MIB, 12 * MIB, 16 * MIB}, {8, 8, 8, 0}},
};

START_TEST(reads_what_is_near)
{
    sl_generation g = {.fd = make_file(), .packed = true, .key = {1, 2, 3}};
    sl_unpack *u = NULL;

    for (size_t i = 0; i < 4 && (i == 0 || ways[_i].at[i]); i++)
        ck_assert_int_eq(read_at(&u, &g, ways[_i].at[i], false), ways[_i].n[i]);
    sl_unpack_free(u);
    close(g.fd);
}
END_TEST

START_TEST(goes_far_elsewhere)
{
    sl_generation g = {.fd = make_file(), .packed = true, .key = {1, 2, 3}};
    int other = dup(g.fd);
    atomic_bool cancel = true;
    sl_unpack *u = NULL;

    ck_assert_int_eq(read_at(&u, &g, 10 * MIB, false), UV_EAGAIN);
    sl_unpack_skip(u, other, 10 * MIB, &cancel);
    ck_assert_int_eq(read_at(&u, &g, 10 * MIB, false), UV_EAGAIN);
    cancel = false;
    sl_unpack_skip(u, other, 10 * MIB, &cancel);
    close(other); /* it was only lent */
    ck_assert_int_eq(read_at(&u, &g, 10 * MIB, false), 8);
    ck_assert_int_eq(read_at(&u, &g, 15 * MIB, true), 8);
    sl_unpack_free(u);
    close(g.fd);
}
END_TEST

START_TEST(begins_anew_in_another_file)
{
    sl_generation g = {.fd = make_file(), .packed = true, .key = {1, 2, 3}};
    sl_unpack *u = NULL;

    ck_assert_int_eq(read_at(&u, &g, 3 * MIB, false), 8);
    ck_assert_int_eq(ftruncate(g.fd, 0), 0);
    ck_assert_int_eq(read_at(&u, &g, 3 * MIB + 8, false), 8); /* it has some of it still */
    close(g.fd);
    g.fd = make_file();
    g.key.ino = 4;
    ck_assert_int_eq(read_at(&u, &g, 8, false), 8);
    ck_assert_int_eq(read_at(&u, &g, 6 * MIB, false), UV_EAGAIN);
    sl_unpack_free(u);
    close(g.fd);
}
END_TEST

SL_UNIT(SL_ROWS(reads_what_is_near, ways), SL_ONE(goes_far_elsewhere),
        SL_ONE(begins_anew_in_another_file))
