/* stamp.c - see stamp.h. */
#include "shape/stamp.h"

#include "shape/put.h"

#define SECOND INT64_C(1000000000)
#define MILLI  INT64_C(1000000)
#define MICROS (SL_TIME_LEN - 4) /* of the time's text: up to its microseconds */

bool sl_stamp_is_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@_-";
    size_t len = strspn(name, letters);

    return len > 0 && len <= SL_STAMP_NAME_MAX && !name[len];
}

/* --- JSON --- */

static char *put_text(char *out, const char *time, size_t len)
{
    out = sl_put(SL_PUT(out, "\""), time, len);
    return SL_PUT(out, "\"");
}

static char *put_signed(char *out, int64_t n)
{
    if (n >= 0)
        return sl_put_number(out, (uint64_t)n);
    return sl_put_number(SL_PUT(out, "-"), 0 - (uint64_t)n);
}

/* With all nine digits: what reads it as a double takes as many as that has. */
static char *put_seconds(char *out, int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t rest = size % SECOND;

    if (ns < 0)
        out = SL_PUT(out, "-");
    out = sl_put_number(out, size / SECOND);
    out = SL_PUT(out, ".000000000");
    sl_put_number(out - sl_number_width(rest), rest);
    return out;
}

/* Those before 1970, too, belong to the millisecond that they are in. */
static int64_t millis_of(int64_t ns)
{
    return ns / MILLI - (ns % MILLI < 0);
}

char *sl_stamp_put_json(char *out, const sl_stamp *s, const char time[SL_TIME_LEN])
{
    out = put_text(out, s->name, strlen(s->name));
    out = SL_PUT(out, ":");
    switch (s->form) {
    case SL_STAMP_DOUBLE:
        return put_seconds(out, sl_time_read(time));
    case SL_STAMP_MILLIS:
        return put_signed(out, millis_of(sl_time_read(time)));
    case SL_STAMP_MICROS:
        out = sl_put(SL_PUT(out, "\""), time, MICROS);
        return SL_PUT(out, "Z\"");
    default:
        return put_text(out, time, SL_TIME_LEN);
    }
}

/* --- msgpack --- */

static char *put_64(char *out, char head, uint64_t bits)
{
    *out++ = head;
    for (int shift = 56; shift >= 0; shift -= 8)
        *out++ = (char)(bits >> shift);
    return out;
}

static char *put_double(char *out, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return put_64(out, '\xcb', bits);
}

static size_t name_head(const sl_stamp *s)
{
    return strlen(s->name) < 32 ? 1 : 2;
}

static char *put_name(char *out, const sl_stamp *s)
{
    size_t len = strlen(s->name);

    if (name_head(s) == 2)
        *out++ = '\xd9';
    *out++ = (char)(name_head(s) == 2 ? len : 0xa0 | len);
    return sl_put(out, s->name, len);
}

char *sl_stamp_put_msgpack(char *out, const sl_stamp *s, const char time[SL_TIME_LEN])
{
    out = put_name(out, s);
    switch (s->form) {
    case SL_STAMP_DOUBLE:
        return put_double(out, (double)sl_time_read(time) / (double)SECOND);
    case SL_STAMP_MILLIS:
        return put_64(out, '\xd3', (uint64_t)millis_of(sl_time_read(time)));
    case SL_STAMP_MICROS:
        *out++ = (char)(0xa0 | (MICROS + 1));
        return SL_PUT(sl_put(out, time, MICROS), "Z");
    default:
        *out++ = (char)(0xa0 | SL_TIME_LEN);
        return sl_put(out, time, SL_TIME_LEN);
    }
}

size_t sl_stamp_time_at(const sl_stamp *s, bool msgpack)
{
    if (s->form != SL_STAMP_RFC3339)
        return 0;
    return strlen(s->name) + (msgpack ? name_head(s) + 1 : strlen("\"\":\""));
}
