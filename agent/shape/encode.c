/* encode.c - see encode.h.
 *
 * Room for the longest record was reserved before, so that bytes are stored here without a check;
 * short constants are copied at their largest length, which is one or two moves instead of a call. */
#include "shape/encode.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "shape/escape.h"
#include "shape/fields.h"

#include <stdio.h>
#include <stdlib.h>

#define FRAME_MAX 128 /* bytes before and after a record together: sl_encode_room() counts on it */

struct sl_encoder {
    sl_encoder_options options;
    sl_slice before, after;
};

sl_encoder *sl_encoder_new(const sl_encoder_options *o)
{
    sl_encoder *e = sl_alloc(sizeof *e);

    e->options = *o;
    e->before = sl_str(o->before ? o->before : "");
    e->after = sl_str(o->after ? o->after : "");
    SL_ASSERT(e->before.len + e->after.len <= FRAME_MAX);
    return e;
}

void sl_encoder_free(sl_encoder *e)
{
    free(e);
}

/* --- what never changes for one generation --- */

static void add_constants(sl_field *fields, const sl_pairs *pairs)
{
    for (size_t i = 0; pairs && i < pairs->count; i++)
        sl_fields_add_text(fields, sl_str(pairs->names[i]), sl_str(pairs->values[i]));
}

/* Everything between the stream and the offset. What the record says of itself comes first, so that
 * no constant field can take its place. */
static void print_fields(const sl_encoder_options *o, const sl_origin *origin, sl_buf *out)
{
    sl_field *fields = sl_fields_new();
    sl_slice node = sl_str(o->node);
    char restart[16];

    snprintf(restart, sizeof restart, "%u", origin->restart);
    sl_fields_reserve(fields, SL_SLICE("@timestamp"));
    sl_fields_reserve(fields, SL_SLICE("message"));
    sl_fields_reserve(fields, SL_SLICE("stream"));
    sl_fields_add_text(fields, SL_SLICE("kubernetes.namespace"), origin->namespace);
    sl_fields_add_text(fields, SL_SLICE("kubernetes.node.name"), node);
    sl_fields_add_text(fields, SL_SLICE("kubernetes.pod.name"), origin->pod);
    sl_fields_add_text(fields, SL_SLICE("kubernetes.pod.uid"), origin->uid);
    sl_fields_add_text(fields, SL_SLICE("kubernetes.container.name"), origin->container);
    sl_fields_add_text(fields, SL_SLICE("orchestrator.cluster.name"), sl_str(o->cluster));
    sl_fields_add_text(fields, SL_SLICE("host.name"), node);
    sl_fields_add_text(fields, SL_SLICE("agent.name"), node);
    sl_fields_add_text(fields, SL_SLICE("agent.type"), SL_SLICE("sluice"));
    sl_fields_add_text(fields, SL_SLICE("agent.version"), SL_SLICE(SL_VERSION));
    sl_fields_add_text(fields, SL_SLICE("ecs.version"), SL_SLICE("8.11.0"));
    sl_fields_add_number(fields, SL_SLICE("sluice.restart"), sl_str(restart));
    sl_fields_add_text(fields, SL_SLICE("log.generation"),
                       (sl_slice){origin->generation, SL_NAME_LEN});
    sl_fields_reserve(fields, SL_SLICE("log.offset"));
    sl_fields_reserve(fields, SL_SLICE("log.flags"));
    add_constants(fields, o->fields[1]); /* before the other, which it overrides */
    add_constants(fields, o->fields[0]);
    sl_fields_print(fields, SL_SLICE("log"), out);
    sl_buf_add_text(out, ",\"offset\":");
    sl_fields_free(fields);
}

static char *make_visible(char *out, const char *text, size_t len);

static void add_visible(sl_buf *out, sl_slice text)
{
    if (text.len == 0)
        return;
    sl_buf_reserve(out, 4 * text.len);
    out->len = (size_t)(make_visible(out->ptr + out->len, text.ptr, text.len) - out->ptr);
}

/* One of the colours that are easy to read on black and on white; red is for what went wrong. */
static unsigned colour_of(sl_slice label)
{
    static const uint8_t colours[] = {32, 33, 34, 35, 36, 92, 94, 95, 96};
    uint32_t hash = 2166136261; /* FNV-1a */

    for (size_t i = 0; i < label.len; i++)
        hash = (hash ^ (unsigned char)label.ptr[i]) * 16777619;
    return colours[hash % sizeof colours];
}

/* "namespace/pod container ", as far as they are known. */
static void print_label(const sl_encoder_options *o, const sl_origin *origin, sl_buf *out)
{
    sl_buf label = {0};

    add_visible(&label, origin->namespace);
    if (origin->namespace.len > 0 && origin->pod.len > 0)
        sl_buf_add_text(&label, "/");
    add_visible(&label, origin->pod);
    if (label.len > 0 && origin->container.len > 0)
        sl_buf_add_text(&label, " ");
    add_visible(&label, origin->container);
    if (label.len > 0 && o->colour)
        sl_buf_add_format(out, "\033[%um%.*s\033[0m ", colour_of(sl_buf_slice(&label)),
                          (int)label.len, label.ptr);
    else if (label.len > 0)
        sl_buf_add_format(out, "%.*s ", (int)label.len, label.ptr);
    sl_buf_fini(&label);
}

sl_block *sl_encoder_block(const sl_encoder *e, const sl_origin *origin)
{
    sl_buf bytes = {0};
    sl_block *block;

    sl_buf_reserve(&bytes, 512); /* most fit */
    if (e->options.text)
        print_label(&e->options, origin, &bytes);
    else
        print_fields(&e->options, origin, &bytes);
    SL_ASSERT(bytes.len <= UINT32_MAX);
    block = sl_alloc_raw(sizeof *block + bytes.len);
    block->len = (uint32_t)bytes.len;
    memcpy(block->bytes, bytes.ptr, bytes.len);
    sl_buf_fini(&bytes);
    return block;
}

/* --- for each record --- */

static inline char *put(char *out, const char *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

#define PUT(out, literal) put((out), (literal), sizeof(literal) - 1)

static bool is_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;

    while (p < end) {
        uint64_t eight;
        int step;

        if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & UINT64_C(0x8080808080808080)))) {
            p += 8;
            continue;
        }
        step = sl_utf8_step(p, (size_t)(end - p));
        if (step < 0)
            return false;
        p += step;
    }
    return true;
}

/* As sl_escape(), with U+FFFD for what is not UTF-8. */
static char *escape_repaired(char *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;

    while (p < end) {
        int step = sl_utf8_step(p, (size_t)(end - p));

        if (step < 0) {
            out = PUT(out, "\xef\xbf\xbd");
            step = -step;
        } else if (*p < 0x20 || *p == '"' || *p == '\\') {
            out = sl_escape_byte(out, *p);
        } else {
            out = put(out, (const char *)p, (size_t)step);
        }
        p += step;
    }
    return out;
}

static inline char *put_message(char *out, sl_slice text)
{
    bool high;
    char *end = sl_escape(out, text.ptr, text.len, &high);

    if (SL_UNLIKELY(high && !is_utf8(text.ptr, text.len)))
        end = escape_repaired(out, text.ptr, text.len);
    return end;
}

/* In decimal, two digits at a time. */
static inline char *put_number(char *out, uint64_t n)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char digits[40],
        *p = digits + 20; /* the other half lets twenty be copied, however many count */

    for (; n >= 100; n /= 100)
        memcpy(p -= 2, pairs + n % 100 * 2, 2);
    if (n >= 10)
        memcpy(p -= 2, pairs + n * 2, 2);
    else
        *--p = (char)('0' + n);
    put(out, p, 20);
    return out + (digits + 20 - p);
}

static char *put_flags(char *out, unsigned flags)
{
    static const char *const names[] = {"truncated", "split", "partial", "raw", "multiline"};
    const char *comma = "\"";

    out = PUT(out, ",\"flags\":[");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(flags & 1U << i))
            continue;
        out = put(out, comma, strlen(comma));
        out = put(out, names[i], strlen(names[i]));
        out = PUT(out, "\"");
        comma = ",\"";
    }
    return PUT(out, "]");
}

static inline char *put_json(char *out, const sl_block *block, const sl_record *rec)
{
    static const struct {
        char bytes[24];
        size_t len;
    } streams[SL_STREAMS] = {
        [SL_STDOUT] = {"\",\"stream\":\"stdout\"", 19},
        [SL_STDERR] = {"\",\"stream\":\"stderr\"", 19},
        [SL_RAW] = {"\"", 1}, /* it has none */
    };

    out = PUT(out, "{\"@timestamp\":\"");
    out = put(out, rec->time, SL_TIME_LEN);
    out = PUT(out, "\",\"message\":\"");
    out = put_message(out, rec->text);
    put(out, streams[rec->stream].bytes, sizeof streams->bytes);
    out += streams[rec->stream].len;
    out = put(out, block->bytes, block->len);
    out = put_number(out, rec->at.offset);
    if (SL_UNLIKELY(rec->flags))
        out = put_flags(out, rec->flags);
    return PUT(out, "}}");
}

/* What a terminal would obey is shown as \xNN, what it cannot show as U+FFFD. */
static char *make_visible(char *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *)text, *end = p + len;

    while (p < end) {
        int step = sl_utf8_step(p, (size_t)(end - p));
        bool control = (*p < 0x20 && *p != '\t') || *p == 0x7f;
        bool control_8bit = step == 2 && p[0] == 0xc2 && p[1] < 0xa0; /* U+0080 to U+009F */

        if (step < 0) {
            out = PUT(out, "\xef\xbf\xbd");
            p += -step;
            continue;
        }
        for (; step > 0; step--, p++) {
            if (control || control_8bit) {
                out = PUT(out, "\\x");
                *out++ = hex[*p >> 4];
                *out++ = hex[*p & 15];
            } else {
                *out++ = (char)*p;
            }
        }
    }
    return out;
}

/* HH:MM:SS.mmm namespace/pod container stream| message */
static char *put_text(char *out, bool terminal, const sl_block *block, const sl_record *rec)
{
    const char *stream = sl_stream_names[rec->stream];

    out = put(out, rec->time + strlen("2026-11-23T"), strlen("04:29:00.123"));
    out = PUT(out, " ");
    out = put(out, block->bytes, block->len);
    out = put(out, stream, strlen(stream));
    out = PUT(out, "| ");
    return terminal ? make_visible(out, rec->text.ptr, rec->text.len)
                    : put(out, rec->text.ptr, rec->text.len);
}

size_t sl_encode(const sl_encoder *e, const sl_block *block, const sl_record *rec, char *out)
{
    char *end = put(out, e->before.ptr, e->before.len);

    if (e->options.text)
        end = put_text(end, e->options.terminal, block, rec);
    else
        end = put_json(end, block, rec);
    end = put(end, e->after.ptr, e->after.len);
    return (size_t)(end - out);
}
