/* token.c - see token.h. */
#include "token.h"

#include "walk.h"

#include <stdlib.h>

/* -1: none of base64url's. */
static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = memchr(digits, c, sizeof digits - 1);

    return at ? (int)(at - digits) : -1;
}

/* To be freed. What stands behind a byte that is no digit is left out. */
static char *decode_new(sl_slice text, size_t *len)
{
    char *out = malloc(text.len + 1);
    unsigned bits = 0;
    int digit;

    if (!out)
        abort(); /* as the agent does */
    *len = 0;
    for (size_t i = 0; i < text.len && (digit = digit_of(text.ptr[i])) >= 0; i++) {
        bits = bits << 6 | (unsigned)digit;
        if (i % 4 > 0) /* three bytes from four digits: the first one completes none */
            out[(*len)++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    return out;
}

int64_t token_expiry_ms(const char *token)
{
    const char *dot = strchr(token, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
    char *claims;
    double seconds;
    size_t len;

    if (!end)
        return 0;
    claims = decode_new((sl_slice){dot + 1, (size_t)(end - dot - 1)}, &len);
    seconds = walk_number(walk_find((sl_slice){claims, len}, "exp"));
    free(claims);
    return seconds > 0 && seconds < 1e13 ? (int64_t)(seconds * 1000) : 0;
}

bool token_is_clean(const char *token)
{
    for (; *token; token++) {
        if ((unsigned char)*token <= ' ' || (unsigned char)*token >= 0x7f || *token == '"')
            return false;
    }
    return true;
}
