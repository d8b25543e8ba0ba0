/* fuzz_docker.c - any bytes as Docker's json-file log: decoded line by line, as any format.
 *
 * What must hold: the bytes of a line stay as they are, for it may come again, and then says the
 * same; a text is a slice of the line, or of the scratch and no longer than the line; a line of
 * Docker's has no bare quote around it, so that written as Docker writes it, it says the same; and
 * what it says of its time, it says alone as well.
 *
 * The first byte of an input says which format is expected. */
#include "read/decode.h"

#include "read/decode_docker.h"

#include <stdio.h>
#include <stdlib.h>

#define OVERREAD 16
#define NOW      INT64_C(1795408140000000007)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const sl_record *a, const sl_record *b)
{
    SL_ASSERT(sl_slice_eq(a->text, b->text));
    SL_ASSERT(memcmp(a->time, b->time, SL_TIME_LEN) == 0);
    SL_ASSERT(a->stream == b->stream && a->flags == b->flags && a->whole == b->whole);
}

static bool is_in(sl_slice text, const char *bytes, size_t len)
{
    return text.ptr >= bytes && text.ptr + text.len <= bytes + len;
}

/* Every byte as \u00xx, or as it is where it is no ASCII: the slow way through the decoder. */
static void check_rewritten(const sl_record *rec)
{
    char *line = sl_alloc_raw(6 * rec->text.len + 128), *p = line, *scratch, minute[16] = {0};
    sl_record again = {0};
    size_t len;

    p += sprintf(p, "{\"time\":\"%.*s\",\"log\":\"", SL_TIME_LEN, rec->time);
    for (size_t i = 0; i < rec->text.len; i++) {
        unsigned char c = (unsigned char)rec->text.ptr[i];

        p += c < 0x80 ? sprintf(p, "\\u%04X", c) : sprintf(p, "%c", c);
    }
    p += sprintf(p, "%s\",\"stream\":\"%s\"}", rec->whole ? "\\n" : "",
                 sl_stream_names[rec->stream]);
    len = (size_t)(p - line);
    scratch = sl_alloc_raw(len);
    SL_ASSERT(sl_decode_docker((sl_slice){line, len}, scratch, minute, &again) == 0);
    SL_ASSERT(sl_slice_eq(again.text, rec->text) && again.whole == rec->whole);
    SL_ASSERT(memcmp(again.time, rec->time, SL_TIME_LEN) == 0 && again.stream == rec->stream);
    free(line);
    free(scratch);
}

static void check_line(sl_decoder *d, sl_slice line)
{
    char *copy = sl_alloc_raw(line.len + OVERREAD), *other = sl_alloc_raw(line.len + OVERREAD);
    sl_record rec = {.at = {1, 1}}, again = rec;
    sl_decoder fresh = *d;

    memcpy(copy, line.ptr, line.len);
    fresh.scratch = other;
    memset(fresh.minute, 0, sizeof fresh.minute);
    sl_decode(d, &(sl_line){.bytes = line, .first = true, .last = true}, NOW, &rec);
    sl_decode(&fresh, &(sl_line){.bytes = line, .first = true, .last = true}, NOW, &again);
    check_same(&rec, &again);
    SL_ASSERT(memcmp(copy, line.ptr, line.len) == 0);
    SL_ASSERT(is_in(rec.text, line.ptr, line.len) || is_in(rec.text, d->scratch, line.len));
    if (rec.stream != SL_RAW && line.len > 0 && *line.ptr == '{') {
        check_rewritten(&rec);
        (void)sl_docker_time_ns(line);
    } else if (rec.stream == SL_RAW) {
        SL_ASSERT(rec.whole && is_in(rec.text, line.ptr, line.len));
    }
    free(copy);
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = sl_alloc(size + OVERREAD), *scratch = sl_alloc(size + OVERREAD), *stop;
    char *p = bytes, *end = bytes + (size > 0 ? size - 1 : 0);
    sl_decoder d = {.scratch = scratch};

    if (size > 0) {
        memcpy(bytes, data + 1, size - 1);
        d.format = data[0] & 3;
        d.raw_is_plain = data[0] & 4;
    }
    for (; p < end; p = stop + 1) {
        stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop)
            stop = end;
        check_line(&d, (sl_slice){p, (size_t)(stop - p)});
    }
    free(bytes);
    free(scratch);
    return 0;
}
