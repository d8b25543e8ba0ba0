/* test_stamp.c - a record's time in each form, under each name, as JSON and as msgpack. */
#include "shape/stamp.h"
#include "unit.h"

#include <msgpack.h>

#define LONG_NAME "t_3456789_123456789_123456789_123456789_123456789_123456789_1234"

static const struct {
    sl_stamp stamp;
    const char *time, *json;
    double number; /* in msgpack; 0: a text, as in JSON */
} rows[] = {
    {{"ts", SL_STAMP_RFC3339},
     "2026-11-23T04:29:00.123456789Z",
     "\"ts\":\"2026-11-23T04:29:00.123456789Z\"",
     0},
    {{LONG_NAME, SL_STAMP_RFC3339},
     "0001-01-01T00:00:00.000000000Z",
     "\"" LONG_NAME "\":\"0001-01-01T00:00:00.000000000Z\"",
     0},
    {{"@timestamp", SL_STAMP_MICROS},
     "2026-11-23T04:29:00.123456789Z",
     "\"@timestamp\":\"2026-11-23T04:29:00.123456Z\"",
     0},
    {{"@timestamp", SL_STAMP_DOUBLE},
     "2026-11-23T04:29:00.123456789Z",
     "\"@timestamp\":1795408140.123456789",
     1795408140.123456789},
    {{"t", SL_STAMP_DOUBLE},
     "2026-11-23T04:29:00.000000007Z",
     "\"t\":1795408140.000000007",
     1795408140},
    {{"t", SL_STAMP_DOUBLE}, "1969-12-31T23:59:58.500000000Z", "\"t\":-1.500000000", -1.5},
    {{"t", SL_STAMP_DOUBLE},
     "2001-09-09T01:46:40.100000000Z",
     "\"t\":1000000000.100000000",
     1000000000.1},
    {{"t", SL_STAMP_MILLIS},
     "2026-11-23T04:29:00.123999999Z",
     "\"t\":1795408140123",
     1795408140123.0},
    {{"t", SL_STAMP_MILLIS}, "1969-12-31T23:59:59.999999999Z", "\"t\":-1", -1},
    {{LONG_NAME, SL_STAMP_MILLIS},
     "9999-12-31T23:59:59.999999999Z", /* farther than 64 bits of nanoseconds */
     "\"" LONG_NAME "\":9223372036854",
     9223372036854.0},
};

/* In memory of exactly the room that is promised; the sanitizer watches its end. */
static char *room(void)
{
    return sl_alloc(SL_STAMP_NAME_MAX + SL_STAMP_MAX + 3 + 1);
}

START_TEST(writes_each_form)
{
    char *out = room();
    size_t at = sl_stamp_time_at(&rows[_i].stamp, false);

    *sl_stamp_put_json(out, &rows[_i].stamp, rows[_i].time) = '\0';
    ck_assert_str_eq(out, rows[_i].json);
    ck_assert_int_eq(at > 0, rows[_i].stamp.form == SL_STAMP_RFC3339);
    ck_assert(!at || !memcmp(out + at, rows[_i].time, SL_TIME_LEN));
    free(out);
}
END_TEST

static void assert_is(const msgpack_object *value, const char *json, double number)
{
    const char *text = strchr(json, ':') + 1;

    if (number == 0) {
        ck_assert_int_eq(value->type, MSGPACK_OBJECT_STR);
        ck_assert_uint_eq(value->via.str.size + 2, strlen(text));
        ck_assert_int_eq(memcmp(value->via.str.ptr, text + 1, value->via.str.size), 0);
    } else if (value->type == MSGPACK_OBJECT_FLOAT64) {
        ck_assert_double_eq(value->via.f64, number);
    } else if (number < 0) {
        ck_assert_int_eq(value->type, MSGPACK_OBJECT_NEGATIVE_INTEGER);
        ck_assert_int_eq(value->via.i64, (int64_t)number);
    } else {
        ck_assert_int_eq(value->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
        ck_assert_uint_eq(value->via.u64, (uint64_t)number);
    }
}

START_TEST(packs_each_form)
{
    char *out = room();
    size_t place = sl_stamp_time_at(&rows[_i].stamp, true), at = 0;
    size_t len = (size_t)(sl_stamp_put_msgpack(out, &rows[_i].stamp, rows[_i].time) - out);
    msgpack_unpacked name, value;

    msgpack_unpacked_init(&name);
    msgpack_unpacked_init(&value);
    ck_assert_int_eq(msgpack_unpack_next(&name, out, len, &at), MSGPACK_UNPACK_SUCCESS);
    ck_assert_int_eq(name.data.type, MSGPACK_OBJECT_STR);
    ck_assert_uint_eq(name.data.via.str.size, strlen(rows[_i].stamp.name));
    ck_assert_int_eq(msgpack_unpack_next(&value, out, len, &at), MSGPACK_UNPACK_SUCCESS);
    ck_assert_uint_eq(at, len);
    assert_is(&value.data, rows[_i].json, rows[_i].number);
    ck_assert(!place || !memcmp(out + place, rows[_i].time, SL_TIME_LEN));
    msgpack_unpacked_destroy(&name);
    msgpack_unpacked_destroy(&value);
    free(out);
}
END_TEST

static const struct {
    const char *name;
    bool ok;
} names[] = {
    {"@timestamp", true},   {"ts", true},         {"a-b_C9", true}, {LONG_NAME, true},
    {LONG_NAME "x", false}, {"", false},          {"a.b", false},   {"a\"b", false},
    {"a b", false},         {"z\xc3\xa4", false}, {"a\\b", false},
};

START_TEST(knows_each_name)
{
    ck_assert_int_eq(sl_stamp_is_name(names[_i].name), names[_i].ok);
}
END_TEST

SL_UNIT(SL_ROWS(writes_each_form, rows), SL_ROWS(packs_each_form, rows),
        SL_ROWS(knows_each_name, names))
