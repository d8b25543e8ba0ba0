/* record.h - from a CRI line to a record of schema `ecs` (CONTRACT.md, section 3), with nothing
 * between; for bare.c alone.
 *
 * Per line: one check of the header, then straight into the body: constant head, timestamp, escaped
 * text, constant block of the container, offset. Nothing is allocated and nothing formatted. SSE2
 * where the compiler has it, else byte by byte. */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TIME_LEN   30 /* 2026-11-23T04:29:00.123456789Z */
#define OVERREAD   64 /* bytes behind a text or body that may be read or written */
#define MAX_GROWTH 6  /* of one byte of text: \u0000 */

struct record {
    const char *time, *text;
    size_t len;
    uint64_t offset;
    bool err, partial;
    char padded[32]; /* time is here when the runtime wrote fewer than nine digits */
};

struct block { /* pre-rendered bytes */
    char *bytes;
    size_t len;
};

/* Up to the time, or to the offset in a bulk body's action; and from message's end to the offset, for
 * stdout and stderr. */
struct blocks {
    struct block head, tail[2];
    bool bulk;
};

static inline char *put(char *out, const char *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

/* Thirty-two bytes at once, which compilers turn into two vector compares. */
static inline bool is_time(const char *p)
{
    static const char shape[33] = "0000-00-00T00:00:00.000000000Z s";
    static const unsigned char slack[32] = {9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9,
                                            0, 9, 9, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0};
    unsigned char bad = 0;

    for (int i = 0; i < 32; i++)
        bad |= (unsigned char)((unsigned char)(p[i] ^ shape[i]) > slack[i]);
    return !bad;
}

/* A time in UTC with any number of digits: padded to nine. Returns what follows it, or NULL. */
static const char *pad_time(const char *p, const char *end, char padded[32])
{
    size_t n = 20;

    if (end - p < 20)
        return NULL;
    memcpy(padded, "0000-00-00T00:00:00.000000000Z s", 32);
    memcpy(padded, p, 19);
    p += 19;
    if (*p == '.') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
            if (n < 29)
                padded[n++] = *p;
        }
    }
    return p < end && *p == 'Z' && is_time(padded) ? p + 1 : NULL;
}

/* <time> <stdout|stderr> <P|F, more tags after a colon> <text> */
static inline bool decode(const char *p, const char *end, struct record *rec)
{
    rec->time = p;
    if (end - p >= 32 && is_time(p)) {
        p += TIME_LEN;
    } else {
        p = pad_time(p, end, rec->padded);
        rec->time = rec->padded;
        if (!p)
            return false;
    }
    if (end - p < 9 || (memcmp(p, " stdout ", 8) != 0 && memcmp(p, " stderr ", 8) != 0))
        return false;
    rec->err = p[4] == 'e';
    rec->partial = p[8] == 'P';
    if (p[8] != 'F' && p[8] != 'P')
        return false;
    p += 9;
    if (p < end && *p == ':')
        while (p < end && *p != ' ')
            p++;
    if (p < end && *p++ != ' ')
        return false;
    rec->text = p;
    rec->len = (size_t)(end - p);
    return true;
}

static inline char *escape_byte(char *out, unsigned char c)
{
    static const char letter[256] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                     ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};

    *out++ = '\\';
    if (letter[c]) {
        *out++ = letter[c];
        return out;
    }
    out = put(out, "u00", 3);
    *out++ = "0123456789abcdef"[c >> 4];
    *out++ = "0123456789abcdef"[c & 15];
    return out;
}

/* Copies text as the inside of a JSON string; *high: it has bytes above 0x7f. */
#ifdef __SSE2__
static inline char *escape(char *out, const char *text, size_t len, bool *high)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(31);
    unsigned high_bits = 0;

    while (len > 0) {
        __m128i v = _mm_loadu_si128((const __m128i *)text);
        __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        unsigned n = len < 16 ? (unsigned)len : 16, valid = (1u << n) - 1, done = 0;
        unsigned bits = (unsigned)_mm_movemask_epi8(
                            _mm_or_si128(odd, _mm_cmpeq_epi8(_mm_min_epu8(v, last), v))) &
                        valid;

        high_bits |= (unsigned)_mm_movemask_epi8(v) & valid;
        _mm_storeu_si128((__m128i *)out, v);
        while (bits) { /* every hit of these 16 bytes before the next load */
            unsigned at = (unsigned)__builtin_ctz(bits);

            bits &= bits - 1;
            out = escape_byte(out + (at - done), (unsigned char)text[at]);
            done = at + 1;
            _mm_storeu_si128((__m128i *)out, _mm_loadu_si128((const __m128i *)(text + done)));
        }
        out += n - done;
        text += n;
        len -= n;
    }
    *high = high_bits != 0;
    return out;
}
#else
static inline char *escape(char *out, const char *text, size_t len, bool *high)
{
    unsigned char all = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        all |= c;
        if (c < 32 || c == '"' || c == '\\')
            out = escape_byte(out, c);
        else
            *out++ = (char)c;
    }
    *high = all > 0x7f;
    return out;
}
#endif

/* Length of the character at p, or 0 where there is none: then *bad bytes make one U+FFFD, counted
 * as Unicode recommends (the longest beginning of a character, else one). */
static size_t utf8_length(const unsigned char *p, const unsigned char *end, size_t *bad)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t want = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

    *bad = 1;
    if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
        return 0;
    if (*p == 0xe0) /* the second byte's range excludes overlong forms, surrogates and > U+10FFFF */
        low = 0xa0;
    else if (*p == 0xed)
        high = 0x9f;
    else if (*p == 0xf0)
        low = 0x90;
    else if (*p == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < want; i++) {
        *bad = i;
        if (p + i == end || p[i] < low || p[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return want;
}

static bool is_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    uint64_t eight;

    for (size_t n = 8, bad; p < end; p += n) {
        n = 8;
        if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & UINT64_C(0x8080808080808080))))
            continue;
        n = utf8_length(p, end, &bad);
        if (!n)
            return false;
    }
    return true;
}

static char *escape_repaired(char *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    bool high;

    while (p < end) {
        size_t bad, n = utf8_length(p, end, &bad);

        if (n == 1)
            out = escape(out, (const char *)p, 1, &high);
        else
            out = n ? put(out, (const char *)p, n) : put(out, "\xEF\xBF\xBD", 3);
        p += n ? n : bad;
    }
    return out;
}

/* Decimal digits of n at the end of digits[20]; returns where they start. */
static inline char *format_offset(char digits[20], uint64_t n)
{
    char *p = digits + 20;

    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    return p;
}

/* Room wanted: MAX_GROWTH * len + the blocks + 256 + OVERREAD. */
static inline char *encode(char *out, const struct blocks *blocks, const struct record *rec)
{
    const struct block *tail = &blocks->tail[rec->err];
    char digits[20], *offset = format_offset(digits, rec->offset), *start;
    size_t width = (size_t)(digits + 20 - offset);
    bool high;

    out = put(out, blocks->head.bytes, blocks->head.len);
    if (blocks->bulk) {
        out = put(out, offset, width);
        out = put(out, "\"}}\n{\"@timestamp\":\"", 19);
    }
    out = put(out, rec->time, TIME_LEN);
    out = put(out, "\",\"message\":\"", 13);
    start = out;
    out = escape(start, rec->text, rec->len, &high);
    if (high && !is_utf8(rec->text, rec->len))
        out = escape_repaired(start, rec->text, rec->len);
    out = put(out, tail->bytes, tail->len);
    out = put(out, offset, width);
    return put(out, "}}\n", 3);
}

#endif
