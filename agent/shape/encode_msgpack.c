/* encode_msgpack.c - records as msgpack: the same maps as in JSON, in the same order.
 *
 * The numbers of pairs in the record and in its last map take two bytes each, whatever they are: so
 * a block is copied whole, and the number is put right where there are flags or a piece. */
#include "shape/encode.h"

#include "shape/encode_to.h"
#include "shape/put.h"

static char *put_16(char *out, size_t n)
{
    out[0] = (char)(n >> 8);
    out[1] = (char)n;
    return out + 2;
}

static char *put_32(char *out, size_t n)
{
    out = put_16(out, n >> 16);
    return put_16(out, n & 0xffff);
}

/* The head of a text of that length. */
static inline char *put_text_head(char *out, size_t len)
{
    if (len < 32) {
        *out++ = (char)(0xa0 | len);
    } else if (len < 256) {
        *out++ = (char)0xd9;
        *out++ = (char)len;
    } else if (len < 65536) {
        *out++ = (char)0xda;
        out = put_16(out, len);
    } else {
        *out++ = (char)0xdb;
        out = put_32(out, len);
    }
    return out;
}

static inline char *put_text(char *out, const char *text, size_t len)
{
    return sl_put(put_text_head(out, len), text, len);
}

static char *put_literal(char *out, const char *text)
{
    return put_text(out, text, strlen(text));
}

/* Repaired, its length is known afterwards: the head of five bytes has room for all. */
static char *put_broken(char *out, sl_slice text)
{
    char *end = sl_put_repaired(out + 5, text.ptr, text.len);

    *out = (char)0xdb;
    put_32(out + 1, (size_t)(end - out) - 5);
    return end;
}

static inline char *put_message(char *out, sl_slice text)
{
    if (SL_LIKELY(sl_is_utf8(text.ptr, text.len)))
        return put_text(out, text.ptr, text.len);
    return put_broken(out, text);
}

static char *put_number(char *out, uint64_t n)
{
    if (n < 128) {
        *out++ = (char)n;
    } else if (n <= UINT32_MAX) {
        *out++ = (char)0xce;
        out = put_32(out, (size_t)n);
    } else {
        *out++ = (char)0xcf;
        out = put_32(out, (size_t)(n >> 32));
        out = put_32(out, (size_t)(n & UINT32_MAX));
    }
    return out;
}

static char *put_flags(char *out, unsigned flags)
{
    char *head;

    out = put_literal(out, "flags");
    head = out++;
    *head = (char)0x90; /* an array of so many */
    for (size_t i = 0; i < SL_FLAG_COUNT; i++) {
        if (!(flags & 1U << i))
            continue;
        out = put_literal(out, sl_flag_names[i]);
        ++*head;
    }
    return out;
}

static inline char *put_stream(char *out, sl_stream stream)
{
    static const char pairs[SL_STREAMS][16] = {"\xa6stream\xa6stdout", "\xa6stream\xa6stderr"};

    return stream == SL_RAW ? out : sl_put(out, pairs[stream], 14); /* raw: it has none */
}

/* Between the head and the block. */
static char *put_fluentbit(char *out, const sl_encoder_options *o, const sl_record *rec)
{
    sl_slice written = sl_time_written(rec);

    if (o->stamp.name)
        out = sl_stamp_put_msgpack(out, &o->stamp, rec->time);
    else if (o->timestamp)
        out = put_text(put_literal(out, "@timestamp"), rec->time, SL_TIME_LEN);
    out = put_message(put_literal(out, "log"), rec->text);
    out = put_stream(out, rec->stream);
    return put_text(put_literal(out, "time"), written.ptr, written.len);
}

static char *put_elastic(char *out, const sl_encoder_options *o, const sl_record *rec)
{
    if (SL_UNLIKELY(o->stamp.name)) {
        out = sl_stamp_put_msgpack(out, &o->stamp, rec->time);
    } else {
        out = o->schema == SL_SCHEMA_ECS ? SL_PUT(out, "\xaa@timestamp\xbe")
                                         : SL_PUT(out, "\xa9timestamp\xbe");
        out = sl_put(out, rec->time, SL_TIME_LEN);
    }
    out = put_message(SL_PUT(out, "\xa7message"), rec->text);
    return put_stream(out, rec->stream);
}

/* Which comes after all of the block. */
static char *put_place(char *out, const sl_record *rec)
{
    out = put_number(SL_PUT(out, "\xa6offset"), rec->at.offset);
    if (SL_UNLIKELY(rec->piece))
        out = put_number(SL_PUT(out, "\xa5piece"), rec->piece);
    return SL_UNLIKELY(rec->flags) ? put_flags(out, rec->flags) : out;
}

char *sl_put_msgpack(char *out, const sl_encoder_options *o, const sl_block *block,
                     const sl_record *rec)
{
    size_t pairs = block->count + (rec->stream != SL_RAW ? 1U : 0U);
    size_t seldom = (rec->flags ? 1U : 0U) + (rec->piece ? 1U : 0U);
    char *head = out, *body;

    *out = (char)0xde;
    out += 3;
    out = o->schema == SL_SCHEMA_FLUENTBIT ? put_fluentbit(out, o, rec) : put_elastic(out, o, rec);
    body = out;
    out = sl_put(out, block->bytes, block->len);
    if (o->schema == SL_SCHEMA_ECS)
        put_16(body + block->open, block->inside + seldom);
    else if (o->schema == SL_SCHEMA_FLAT)
        pairs += seldom;
    put_16(head + 1, pairs);
    return o->schema == SL_SCHEMA_FLUENTBIT ? out : put_place(out, rec);
}
