/* test_token.c - when a token ends, as it says itself, and what is none. */
#include "token.h"

#include "unit.h"

/* {"alg":"none"} */
#define HEAD "eyJhbGciOiJub25lIn0"

static const struct {
    const char *token;
    int64_t expiry_ms;
} rows[] = {
    {HEAD ".eyJzdWIiOiJhIiwiZXhwIjoxNzk1NDA4MTQwfQ.",
     1795408140000}, /* {"sub":"a","exp":1795408140} */
    {HEAD ".eyJleHAiOjE3OTU0MDgxNDAuNSwiYSI6MX0.x", 1795408140500}, /* {"exp":1795408140.5,"a":1} */
    {HEAD ".eyJleHAiOjE3OTU0MDgxNDAuNSwiYSI6MX0=.x",
     1795408140500},                     /* padded, as it should not be */
    {HEAD ".eyJhIjp7ImV4cCI6MX19.x", 0}, /* {"a":{"exp":1}} */
    {HEAD ".eyJleHAiOi0xfQ.x", 0},       /* {"exp":-1} */
    {HEAD ".eyJleHAiOjFlMzAwfQ.x", 0},   /* {"exp":1e300} */
    {HEAD ".eyJleHAiOiJzb29uIn0.x", 0},  /* {"exp":"soon"} */
    {HEAD ".eyJleHAi.x", 0},
    {HEAD "..", 0},
    {HEAD ".!.x", 0},
    {HEAD ".eyJleHAiOjF9", 0}, /* no third part */
    {"opaque", 0},
    {"", 0},
};

START_TEST(says_when_it_ends)
{
    ck_assert_int_eq(token_expiry_ms(rows[_i].token), rows[_i].expiry_ms);
}
END_TEST

static const struct {
    const char *token;
    bool clean;
} texts[] = {
    {HEAD ".a-_~+/=.b", true}, {"a b", false},   {"a\nb", false},     {"a\001b", false},
    {"a\"b", false},           {"a\x7f", false}, {"\xc3\xa4", false},
};

START_TEST(knows_what_is_none)
{
    ck_assert_int_eq(token_is_clean(texts[_i].token), texts[_i].clean);
}
END_TEST

SL_UNIT(SL_ROWS(says_when_it_ends, rows), SL_ROWS(knows_what_is_none, texts))
