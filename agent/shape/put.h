/* put.h - bytes stored one behind the other, without a check: room was made sure of before.
 *
 * Short constants are copied at their largest length, which is one or two moves instead of a call. */
#ifndef SL_SHAPE_PUT_H
#define SL_SHAPE_PUT_H

#include "base/base.h"
#include "base/utf8.h"

#define SL_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static inline char *sl_put(char *out, const char *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

#define SL_PUT(out, literal) sl_put((out), (literal), sizeof(literal) - 1)

/* How many decimal digits a number has. */
static inline size_t sl_number_width(uint64_t n)
{
    static const uint64_t powers[] = {1,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      UINT64_C(10000000000000000000)};
    unsigned bits = 64U - (unsigned)__builtin_clzll(n | 1);
    unsigned log = bits * 1233 >> 12; /* log10(2) is 1233 / 4096: right, or one digit too few */

    return log + ((n | 1) >= powers[log]);
}

/* In decimal, two digits at a time, each to where it stays: what is stored in small pieces and then
 * copied as a whole makes the processor wait. */
static inline char *sl_put_number(char *out, uint64_t n)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char *end = out + sl_number_width(n), *p = end;

    for (; n >= 100; n /= 100)
        memcpy(p -= 2, pairs + n % 100 * 2, 2);
    if (n >= 10)
        memcpy(p - 2, pairs + n * 2, 2);
    else
        p[-1] = (char)('0' + n);
    return end;
}

static inline bool sl_is_utf8(const char *text, size_t len)
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

/* The text, with U+FFFD for what is not UTF-8: three times as long at most. */
static inline char *sl_put_repaired(char *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;

    while (p < end) {
        int step = sl_utf8_step(p, (size_t)(end - p));

        if (step < 0) {
            out = SL_PUT(out, SL_REPLACEMENT);
            step = -step;
        } else {
            out = sl_put(out, (const char *)p, (size_t)step);
        }
        p += step;
    }
    return out;
}

/* How much of the text fits in `max` bytes, without half a character at its end. */
static inline size_t sl_whole_characters(const char *text, size_t len, size_t max)
{
    size_t back = 0;

    if (len <= max)
        return len;
    while (back < 3 && back < max && ((unsigned char)text[max - back] & 0xc0) == 0x80)
        back++;
    return max - back;
}

#endif
