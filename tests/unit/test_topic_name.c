/* test_topic_name.c - what becomes of a name that a broker would not take. */
#include "topic_name.h"

#include "unit.h"

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A249 A50 A50 A50 A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *name, *made;
} rows[] = {
    {"logs", "logs"},
    {"Logs.shop-1_A", "Logs.shop-1_A"},
    {"a/b c:d,e", "a_b_c_d_e"},
    {"a\tb\x7f"
     "c",
     "a_b_c"},
    {"caf\xc3\xa9-\xe2\x82\xac", "caf_-_"},
    {"\xa9\xa9", "unknown"},
    {"", "unknown"},
    {".", "unknown"},
    {"..", "unknown"},
    {"...", "..."},
    {".a", ".a"},
    {"\xc3\xa9", "_"},
    {A249, A249},
    {A249 "bcd", A249},
};

START_TEST(t_kaf_08_makes_each_name_valid)
{
    char text[1024] = "";
    size_t len = strlen(rows[_i].name);

    memcpy(text, rows[_i].name, len);
    len = topic_name_make(text, len, sizeof text);
    text[len] = '\0';
    ck_assert_str_eq(text, rows[_i].made);
    ck_assert(topic_name_is_valid(text));
    ck_assert_int_eq(topic_name_is_valid(rows[_i].name), !strcmp(rows[_i].name, rows[_i].made));
}
END_TEST

SL_UNIT(SL_ROWS(t_kaf_08_makes_each_name_valid, rows))
