/* bench_gzip.c - what compressing a body costs: a file in bodies of 1 MiB, at each level. Built twice,
 * with the agent's own compressor and with zlib: bench_gzip, bench_gzip_zlib.
 *
 *     bench_gzip FILE */
#include "base/buf.h"
#include "shape/compress.h"

#include <stdio.h>
#include <time.h>

#define BODY   ((size_t)1 << 20)
#define ROUNDS 5

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t pack_all(const sl_buf *text, char *out, int level)
{
    size_t packed = 0;

    for (size_t at = 0; at < text->len; at += BODY) {
        size_t len = text->len - at < BODY ? text->len - at : BODY;

        packed += sl_gzip(out, (sl_slice){text->ptr + at, len}, level);
    }
    return packed;
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    char *out = sl_alloc_raw(sl_gzip_bound(BODY));
    sl_buf text = {0};
    size_t n;

    if (!f) {
        fprintf(stderr, "usage: bench_gzip FILE\n");
        return 2;
    }
    do {
        sl_buf_reserve(&text, BODY);
        n = fread(text.ptr + text.len, 1, BODY, f);
        text.len += n;
    } while (n > 0);
    for (int level = 1; level <= 6; level += level == 1 ? 2 : 3) {
        double best = 1e9;
        size_t packed = 0;

        for (int i = 0; i < ROUNDS; i++) {
            double start = cpu_s(), took;

            packed = pack_all(&text, out, level);
            took = cpu_s() - start;
            best = took < best ? took : best;
        }
        printf("{\"bench\":\"gzip\",\"library\":\"%s\",\"level\":%d,\"bytes\":%zu,"
               "\"mb_per_s\":%.0f,\"ratio\":%.2f}\n",
               sl_gzip_library(), level, text.len, (double)text.len / best / 1e6,
               (double)text.len / (double)packed);
    }
    return 0; /* what is in memory stays: the process ends */
}
