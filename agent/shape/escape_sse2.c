/* escape_sse2.c - escape.h, sixteen bytes at once: they are copied as they are, and from each one
 * that needs an escape on, copied again behind it. */
#include "shape/escape.h"

#include <emmintrin.h>

static inline __m128i load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void store(char *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

/* A bit for each byte that needs an escape. */
static inline unsigned hits(__m128i v)
{
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}

/* The first n of sixteen bytes; `bits` are hits among them. */
static inline char *escape_block(char *out, const char *text, unsigned n, unsigned bits)
{
    unsigned done = 0;

    store(out, load(text));
    while (bits) {
        unsigned at = (unsigned)__builtin_ctz(bits);

        bits &= bits - 1;
        out = sl_escape_byte(out + (at - done), (unsigned char)text[at]);
        done = at + 1;
        store(out, load(text + done));
    }
    return out + (n - done);
}

char *sl_escape(char *out, const char *text, size_t len, bool *high)
{
    unsigned tail;
    __m128i all = _mm_setzero_si128();

    for (; len >= 16; len -= 16, text += 16) {
        __m128i v = load(text);

        all = _mm_or_si128(all, v);
        out = escape_block(out, text, 16, hits(v));
    }
    tail = (1U << len) - 1; /* the bits of bytes that are still text */
    *high = _mm_movemask_epi8(all) || ((unsigned)_mm_movemask_epi8(load(text)) & tail);
    return escape_block(out, text, (unsigned)len, hits(load(text)) & tail);
}
