/* bench_codec.c - what decoding and encoding cost a line, alone: no file is read meanwhile.
 *
 *   bench_codec FILE...      CRI logs, such as `mix` writes; taken into memory whole
 *
 * Prints two lines of JSON, for these lines and for the same messages as Docker writes them: CPU time
 * of the median of some rounds. */
#include "read/decode.h"
#include "read/decode_cri.h"
#include "shape/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS   9
#define OUT_SIZE ((size_t)1 << 20)

typedef struct lines {
    sl_slice *items;
    size_t count, cap, bytes;
} lines;

static void take_file(lines *l, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *bytes, *end, *stop;
    long size;

    if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
        perror(path);
        exit(1);
    }
    bytes = sl_alloc((size_t)size + 64); /* sl_encode() reads a little behind a text */
    end = bytes + fread(bytes, 1, (size_t)size, f);
    fclose(f);
    for (char *p = bytes; (stop = memchr(p, '\n', (size_t)(end - p))); p = stop + 1) {
        if (l->count == l->cap) {
            l->cap = l->cap ? 2 * l->cap : 4096;
            l->items = sl_realloc(l->items, l->cap * sizeof *l->items);
        }
        l->items[l->count++] = (sl_slice){p, (size_t)(stop - p)};
        l->bytes += (size_t)(stop + 1 - p);
    }
}

/* The same message in Docker's form; what it escapes is more than JSON asks for. */
static sl_slice as_docker(sl_slice line, char *out)
{
    char *p = out, minute[16] = {0};
    sl_record rec = {0};

    if (sl_decode_cri(line, minute, &rec))
        return line;
    p += sprintf(p, "{\"log\":\"");
    for (size_t i = 0; i < rec.text.len; i++) {
        unsigned char c = (unsigned char)rec.text.ptr[i];

        if (c == '"' || c == '\\')
            p += sprintf(p, "\\%c", c);
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            p += sprintf(p, "\\u%04x", c);
        else
            *p++ = (char)c;
    }
    p += sprintf(p, "%s\",\"stream\":\"%s\",\"time\":\"%.*s\"}", rec.whole ? "\\n" : "",
                 sl_stream_names[rec.stream], SL_TIME_LEN, rec.time);
    return (sl_slice){out, (size_t)(p - out)};
}

static lines all_as_docker(const lines *l)
{
    lines d = {.items = sl_alloc(l->count * sizeof *l->items), .count = l->count};

    /* one behind the other, as in a file */
    char *out = sl_alloc_raw(6 * l->bytes + 256 * l->count);

    for (size_t i = 0; i < l->count; i++) {
        d.items[i] = as_docker(l->items[i], out + d.bytes);
        d.bytes += d.items[i].len + 1;
    }
    return d;
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static char scratch[(size_t)1 << 20];

static double decode_all(const lines *l, size_t *odd)
{
    double start = cpu_ns();
    sl_decoder d = {.scratch = scratch};
    sl_record rec = {0};

    *odd = 0;
    for (size_t i = 0; i < l->count; i++) {
        sl_decode(&d, &(sl_line){.bytes = l->items[i], .first = true, .last = true}, 0, &rec);
        *odd += rec.flags != 0;
    }
    return cpu_ns() - start;
}

static double decode_and_encode_all(const lines *l, const sl_encoder *e, const sl_block *block,
                                    char *out, size_t *written)
{
    double start = cpu_ns();
    sl_decoder d = {.scratch = scratch};
    size_t used = 0;
    sl_record rec = {0};

    *written = 0;
    for (size_t i = 0; i < l->count; i++) {
        sl_decode(&d, &(sl_line){.bytes = l->items[i], .first = true, .last = true}, 0, &rec);
        if (OUT_SIZE - used < sl_encode_room(block, rec.text.len)) {
            *written += used;
            used = 0;
        }
        rec.at.offset = 1000000 + i;
        used += sl_encode(e, block, &rec, out + used).len;
    }
    *written += used;
    return cpu_ns() - start;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(const char *format, sl_encoding encoding, const lines *l)
{
    static const sl_origin origin = {
        .namespace = {"shop", 4},
        .pod = {"cart-5e634f7ab-2ae44", 20},
        .uid = {"db3257c7-5896-4e77-886e-1db8a8e23214", 36},
        .container = {"cart", 4},
        .generation = "AAECAwQFBgcICQoLDA0ODw",
    };
    sl_encoder *e = sl_encoder_new(
        &(sl_encoder_options){.encoding = encoding, .constants = {.node = "node-1"}});
    sl_block *block = sl_encoder_block(e, &origin);
    char *out = sl_alloc_raw(OUT_SIZE);
    double decode[ROUNDS], both[ROUNDS];
    size_t odd = 0, written = 0;

    for (int i = 0; i < ROUNDS; i++) {
        decode[i] = decode_all(l, &odd);
        both[i] = decode_and_encode_all(l, e, block, out, &written);
    }
    qsort(decode, ROUNDS, sizeof *decode, by_value);
    qsort(both, ROUNDS, sizeof *both, by_value);
    printf("{\"bench\":\"codec\",\"format\":\"%s\",\"encoding\":\"%s\",\"lines\":%zu,\"odd\":%zu,"
           "\"bytes\":%zu,"
           "\"out_bytes\":%zu,\"decode_ns_per_line\":%.1f,\"decode_encode_ns_per_line\":%.1f,"
           "\"decode_mb_per_s\":%.0f,\"decode_encode_mb_per_s\":%.0f}\n",
           format, sl_encoding_names[encoding], l->count, odd, l->bytes, written,
           decode[ROUNDS / 2] / (double)l->count, both[ROUNDS / 2] / (double)l->count,
           (double)l->bytes * 1e3 / decode[ROUNDS / 2], (double)l->bytes * 1e3 / both[ROUNDS / 2]);
}

int main(int argc, char **argv)
{
    lines l = {0}, docker;

    for (int i = 1; i < argc; i++)
        take_file(&l, argv[i]);
    if (l.count == 0) {
        fprintf(stderr, "usage: bench_codec FILE...\n");
        return 2;
    }
    docker = all_as_docker(&l);
    measure("cri", SL_ENCODING_JSON, &l);
    measure("cri", SL_ENCODING_MSGPACK, &l);
    measure("cri", SL_ENCODING_RAW, &l);
    measure("docker", SL_ENCODING_JSON, &docker);
    return 0; /* what is in memory stays: the process ends */
}
