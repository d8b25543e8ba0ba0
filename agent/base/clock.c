/* clock.c - see clock.h. The calendar is our own: gmtime_r() takes a lock and looks at the time
 * zone, for what is five divisions. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

#define DAY_S INT64_C(86400)

static int64_t read_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return sl_timespec_ns(now);
}

static uint64_t real_now_ms(const sl_clock *c)
{
    (void)c;
    return (uint64_t)(read_ns(CLOCK_MONOTONIC) / 1000000);
}

static int64_t real_wall_ns(const sl_clock *c)
{
    (void)c;
    return read_ns(CLOCK_REALTIME);
}

const sl_clock sl_clock_real = {.now_ms = real_now_ms, .wall_ns = real_wall_ns};

/* Rounds down, also below zero. */
static int64_t divide(int64_t value, int64_t by, int64_t *rest)
{
    int64_t whole = value / by;

    *rest = value % by;
    if (*rest < 0) {
        *rest += by;
        whole--;
    }
    return whole;
}

static void put_digits(char *out, int64_t value, size_t count)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Counts in years that begin in March, so that a leap day is the last day of its year, and the
 * months' lengths (31 30 31 30 31, again, and again) are 153 days in five. */
static void put_date(char *out, int64_t days_since_1970)
{
    int64_t day, year, month;
    int64_t era = divide(days_since_1970 + 719468, 146097, &day); /* of 400 years, from year 0 */

    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    year += era * 400 + (month >= 10);
    month += month < 10 ? 3 : -9;

    put_digits(out, year, 4);
    put_digits(out + 5, month, 2);
    put_digits(out + 8, day + 1, 2);
}

void sl_time_format(char out[SL_TIME_LEN], int64_t time_ns)
{
    int64_t ns, second;
    int64_t day = divide(divide(time_ns, 1000000000, &ns), DAY_S, &second);

    out[4] = out[7] = '-';
    out[10] = 'T';
    out[13] = out[16] = ':';
    out[19] = '.';
    out[29] = 'Z';
    put_date(out, day);
    put_digits(out + 11, second / 3600, 2);
    put_digits(out + 14, second / 60 % 60, 2);
    put_digits(out + 17, second % 60, 2);
    put_digits(out + 20, ns, 9);
}

static int64_t digits(const char *text, size_t count)
{
    int64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* The way back of put_date(). */
static int64_t read_date(const char *text)
{
    int64_t year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2) - 1;
    int64_t era;

    year -= month < 3;
    month += month < 3 ? 9 : -3;
    era = divide(year, 400, &year);
    day += (153 * month + 2) / 5 + year * 365 + year / 4 - year / 100;
    return era * 146097 + day - 719468;
}

uint64_t sl_jitter_ms(uint64_t ms, uint64_t random)
{
    return ms - random % (ms / 5 + 1);
}

int64_t sl_time_read(const char time[SL_TIME_LEN])
{
    int64_t second = read_date(time) * DAY_S + digits(time + 11, 2) * 3600 +
                     digits(time + 14, 2) * 60 + digits(time + 17, 2);

    if (second < -INT64_MAX / 1000000000 || second >= INT64_MAX / 1000000000)
        return second < 0 ? INT64_MIN : INT64_MAX; /* the year 1677, or 2262 */
    return second * 1000000000 + digits(time + 20, 9);
}
