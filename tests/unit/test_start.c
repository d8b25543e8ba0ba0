/* test_start.c - where the very first start begins: every way to ask for it, on files of many sizes. */
#include "read/start.h"
#include "unit.h"

#include "control/bounds.h"

#include <fcntl.h>
#include <zlib.h>

#define SECOND INT64_C(1000000000)
#define NOON   (INT64_C(1767355200) * SECOND) /* 2026-01-02T12:00:00Z */

static const struct {
    const char *text;
    int kind; /* -1: none */
    uint64_t age_ms;
    int64_t time_ns;
} texts[] = {
    {"beginning", SL_START_BEGINNING, 0, 0},
    {"end", SL_START_END, 0, 0},
    {"0s", SL_START_AGE, 0, 0},
    {"24h", SL_START_AGE, 86400000, 0},
    {"2026-01-02T12:00:00Z", SL_START_TIME, 0, NOON},
    {"2026-01-02T13:00:00.5+01:00", SL_START_TIME, 0, NOON + SECOND / 2},
    {"", -1, 0, 0},
    {"now", -1, 0, 0},
    {"1d", -1, 0, 0},
    {"2026-01-02", -1, 0, 0},
    {"2026-13-02T12:00:00Z", -1, 0, 0},
    {"2026-01-02T12:00:00Z stdout F x", -1, 0, 0},
};

START_TEST(reads_each_text)
{
    sl_start start;
    bool ok = sl_start_read(texts[_i].text, &start);

    ck_assert_int_eq(ok ? (int)start.kind : -1, texts[_i].kind);
    if (!ok)
        return;
    ck_assert_uint_eq(start.age_ms, texts[_i].age_ms);
    ck_assert_int_eq(start.time_ns, texts[_i].time_ns);
}
END_TEST

static const struct {
    const char *text;
    bool ok, percent;
    uint64_t value;
} frees[] = {
    {"15%", true, true, 15},        {"0%", true, true, 0},     {"100%", true, true, 100},
    {"101%", false, false, 0},      {"%", false, false, 0},    {"1GiB", true, false, 1 << 30},
    {"1000", true, false, 1000},    {"1.5%", false, false, 0}, {"", false, false, 0},
    {"99999999%", false, false, 0},
};

START_TEST(reads_each_part_of_a_disk)
{
    sl_pin_free got;

    ck_assert_int_eq(sl_free_read(frees[_i].text, &got), frees[_i].ok);
    if (!frees[_i].ok)
        return;
    ck_assert_int_eq(got.percent, frees[_i].percent);
    ck_assert_uint_eq(got.value, frees[_i].value);
}
END_TEST

typedef enum { CRI, DOCKER, PLAIN } kind;

static size_t add_line(char *out, kind k, int second, size_t fill)
{
    char time[40], text[400];

    memset(text, 'x', sizeof text);
    snprintf(time, sizeof time, "2026-01-02T%02d:%02d:%02dZ", 12 + second / 3600, second / 60 % 60,
             second % 60);
    if (k == CRI)
        return (size_t)sprintf(out, "%s stdout F %.*s\n", time, (int)fill, text);
    if (k == DOCKER)
        return (size_t)sprintf(out, "{\"log\":\"%.*s\",\"stream\":\"stdout\",\"time\":\"%s\"}\n",
                               (int)fill, text, time);
    return (size_t)sprintf(out, "%.*s\n", (int)fill, text);
}

/* One line a second from noon on, so many; the second of the first line that is wanted. */
static const struct {
    const char *name;
    kind kind;
    int lines, wanted;
    int swapped;     /* this line and the next but one have each other's time; 0: none */
    int64_t written; /* seconds after noon */
    int first;       /* the line where reading begins; `lines`: the end */
} files[] = {
    {"small", CRI, 10, 4, 0, 9, 4},
    {"docker", DOCKER, 10, 4, 0, 9, 4},
    {"large", CRI, 9000, 4321, 0, 8999, 4321},
    {"large docker", DOCKER, 9000, 8998, 0, 8999, 8998},
    {"the second line of a large one", CRI, 9000, 1, 0, 8999, 1},
    {"all of it", CRI, 9000, 0, 0, 8999, 0},
    {"before all of it", CRI, 9000, -5, 0, 8999, 0},
    {"behind its lines, but written to since", CRI, 9000, 9000, 0, 9001, 9000},
    {"not written to since", CRI, 9000, 9000, 0, 8999, 9000},
    {"a clock that steps back: from the first one that is young enough", CRI, 10, 5, 4, 9, 4},
    {"lines without a time, written to since", PLAIN, 100, 50, 0, 60, 0},
    {"lines without a time, and old", PLAIN, 100, 50, 0, 40, 100},
    {"nothing", CRI, 0, 50, 0, 60, 0},
};

/* Writes that file; returns the offset of the line that is wanted. */
static size_t write_lines(int row, char **bytes, size_t *len)
{
    size_t first = 0;

    *bytes = sl_alloc(((size_t)files[row].lines + 1) * 512);
    *len = 0;
    for (int i = 0; i < files[row].lines; i++) {
        int at = files[row].swapped, second = i;

        if (at && (i == at || i == at + 2))
            second = i == at ? at + 2 : at;
        if (i == files[row].first)
            first = *len;
        *len += add_line(*bytes + *len, files[row].kind, second, 100 + (size_t)i % 300);
    }
    return files[row].first == files[row].lines ? *len : first;
}

START_TEST(begins_where_it_should)
{
    sl_start start = {.kind = SL_START_TIME, .time_ns = NOON + files[_i].wanted * SECOND};
    size_t len, first;
    char *bytes;
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

    ck_assert_int_ge(fd, 0);
    first = write_lines(_i, &bytes, &len);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    ck_assert_msg(sl_start_in_file(&start, fd, len, NOON + files[_i].written * SECOND) == first,
                  "%s", files[_i].name);
    start.kind = SL_START_END;
    ck_assert_uint_eq(sl_start_in_file(&start, fd, len, 0), len);
    if (len > 5)
        ck_assert_uint_lt(sl_start_in_file(&start, fd, len - 1, 0),
                          len - 5); /* an open line is read */
    start.kind = SL_START_BEGINNING;
    ck_assert_uint_eq(sl_start_in_file(&start, fd, len, 0), 0);
    free(bytes);
    close(fd);
}
END_TEST

START_TEST(begins_there_in_a_gz)
{
    sl_start start = {.kind = SL_START_TIME, .time_ns = NOON + files[_i].wanted * SECOND};
    size_t len, first;
    char *bytes;
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    gzFile gz = gzdopen(dup(fd), "wb");

    first = write_lines(_i, &bytes, &len);
    if (len > 0)
        ck_assert_int_eq(gzwrite(gz, bytes, (unsigned)len), (int)len);
    gzclose(gz);
    if (files[_i].kind == PLAIN)
        first = 0; /* its age was looked at before */
    ck_assert_msg(sl_start_in_packed(&start, fd, len) == first, "%s", files[_i].name);
    free(bytes);
    close(fd);
}
END_TEST

START_TEST(an_age_becomes_a_time)
{
    sl_start age = {.kind = SL_START_AGE, .age_ms = 5000}, now = sl_start_now(&age, NOON);

    ck_assert_int_eq(now.kind, SL_START_TIME);
    ck_assert_int_eq(now.time_ns, NOON - 5 * SECOND);
    age.age_ms = UINT64_MAX;
    ck_assert_int_eq(sl_start_now(&age, NOON).time_ns, 0);
    ck_assert(sl_start_is_over(&now, NOON - 6 * SECOND));
    ck_assert(!sl_start_is_over(&now, NOON - 5 * SECOND));
}
END_TEST

SL_UNIT(SL_ROWS(reads_each_text, texts), SL_ROWS(reads_each_part_of_a_disk, frees),
        SL_ROWS(begins_where_it_should, files), SL_ROWS(begins_there_in_a_gz, files),
        SL_ONE(an_age_becomes_a_time))
