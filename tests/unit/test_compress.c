/* test_compress.c - bodies of all kinds come out of gzip as they went in. Built twice: with the
 * agent's own compressor, and as test_compress_zlib with zlib. */
#include "shape/compress.h"
#include "unit.h"

#include <zlib.h>

typedef enum { ZEROS, TEXT, NOISE, LONGEST_MATCHES, KINDS } kind;

static void fill(char *body, size_t len, kind k)
{
    uint64_t seed = 88172645463325252u;

    for (size_t i = 0; i < len; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        body[i] = k == ZEROS ? '\0' : k == TEXT ? "abcdefgh {}\":,\n"[seed % 15] : (char)seed;
        if (k == LONGEST_MATCHES && i >= 258 && i / 258 % 2)
            body[i] = body[i - 258];
    }
}

/* Inflates, by zlib itself; the length of what came out, with nothing behind the trailer. */
static size_t inflate_all(const char *packed, size_t len, char *out, size_t cap)
{
    z_stream z = {.next_in = (z_const Bytef *)packed, .next_out = (Bytef *)out};

    z.avail_in = (uInt)len;
    z.avail_out = (uInt)cap;
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.avail_in, 0);
    ck_assert_int_eq(inflateEnd(&z), Z_OK);
    return z.total_out;
}

static const size_t lengths[] = {0,     1,     2,     17,     255,     4095,    4096,
                                 32768, 65535, 65536, 131073, 1048576, 5000001, 20 << 20};

START_TEST(comes_out_as_it_went_in)
{
    size_t len = lengths[_i];
    char *body = sl_alloc_raw(len + 1), *back = sl_alloc_raw(len + 1);
    char *packed = sl_alloc_raw(sl_gzip_bound(len) + 1);

    for (kind k = 0; k < KINDS; k++) {
        fill(body, len, k);
        for (int level = 1; level <= 9; level += len > 100000 ? 4 : 1) {
            size_t n;

            packed[sl_gzip_bound(len)] = 0x55;
            n = sl_gzip(packed, (sl_slice){body, len}, level);
            ck_assert_uint_le(n, sl_gzip_bound(len));
            ck_assert_int_eq(packed[sl_gzip_bound(len)], 0x55);
            ck_assert_uint_eq(inflate_all(packed, n, back, len + 1), len);
            ck_assert(memcmp(back, body, len) == 0);
            if (k == ZEROS && len > 4096)
                ck_assert_uint_lt(n, len / 8);
            if (len > 5000001)
                break; /* one level is enough for the largest */
        }
    }
    free(body);
    free(back);
    free(packed);
}
END_TEST

START_TEST(says_who_does_it)
{
    ck_assert_ptr_nonnull(strchr(sl_gzip_library(), '.'));
}
END_TEST

SL_UNIT(SL_ROWS(comes_out_as_it_went_in, lengths), SL_ONE(says_who_does_it))
