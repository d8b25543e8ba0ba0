/* test_walk.c - members of JSON objects, whole and damaged. */
#include "walk.h"

#include "base/buf.h"
#include "unit.h"

static const struct {
    const char *json, *members; /* name=value; and ! behind the last one, if there is more */
} rows[] = {
    {"{}", ""},
    {"", ""},
    {"x", ""},
    {"[1]", ""},
    {"{\"a\":1}", "a=1;"},
    {" { \"a\" : -1.5e3 , \"b\":true } ", "a=-1.5e3;b=true;"},
    {"{\"a\":\"x\",\"b\":\"\"}", "a=x;b=;"},
    {"{\"a\":\"}\\\",\\\\\",\"b\":2}", "a=}\\\",\\\\;b=2;"},
    {"{\"a\":{\"b\":[1,{\"c\":\"]}\"}]},\"d\":[]}", "a={\"b\":[1,{\"c\":\"]}\"}]};d=[];"},
    {"{\"a\\\"b\":1}", "a\\\"b=1;"},
    {"{\"a\":1", "a=1;"},
    {"{\"a\":", ""},
    {"{\"a\"", ""},
    {"{\"a", ""},
    {"{\"a\\", ""},
    {"{\"a\":\"x", ""},
    {"{\"a\":\"x\\", ""},
    {"{\"a\":{\"b\":1}", "a={\"b\":1};"},
    {"{\"a\":{\"b\":1", ""},
    {"{\"a\":{\"b", ""},
    {"{\"a\":1,,\"b\":2}", "a=1;"},
    {"{a:1}", ""},
    {"{\"a\" 1}", ""},
    {"{\"a\"::1}", ""},
};

/* In memory of just its size; the sanitizer watches its end. */
START_TEST(walks_through_each)
{
    size_t len = strlen(rows[_i].json);
    char *json = memcpy(sl_alloc_raw(len + !len), rows[_i].json, len);
    sl_slice rest = walk_into((sl_slice){json, len}), name, value;
    sl_buf got = {0};

    while (walk_next(&rest, &name, &value))
        sl_buf_add_format(&got, "%.*s=%.*s;", (int)name.len, name.ptr, (int)value.len, value.ptr);
    ck_assert_slice_eq(sl_buf_slice(&got), rows[_i].members);
    sl_buf_fini(&got);
    free(json);
}
END_TEST

START_TEST(finds_a_member)
{
    sl_slice object =
        sl_str("{\"a\":{\"b\":7},\"b\":8,\"c\":null,\"d\":1e99999999999999999999999999999999}");

    ck_assert_double_eq(walk_number(walk_find(object, "b")), 8);
    ck_assert_double_eq(walk_number(walk_find(walk_find(object, "a"), "b")), 7);
    ck_assert_double_eq(walk_number(walk_find(object, "c")), 0);
    ck_assert_double_eq(walk_number(walk_find(object, "d")), 0);
    ck_assert_double_eq(walk_number(walk_find(object, "none")), 0);
}
END_TEST

SL_UNIT(SL_ROWS(walks_through_each, rows), SL_ONE(finds_a_member))
