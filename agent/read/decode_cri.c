/* decode_cri.c - see decode_cri.h.
 *
 * Nearly every line is in UTC, has nine digits and lies in the minute of the one before it: one
 * compare with that minute, one look at the shape of the rest, and the time stays where it is. Any
 * other is read digit by digit into time_store; calendar code runs once for each new minute, and
 * for offsets that are not zero. */
#include "read/decode_cri.h"

#define MINUTE_LEN 16                  /* 2026-11-23T04:29 */
#define SECOND_LEN 19                  /* 2026-11-23T04:29:00 */
#define FRACTION   20                  /* where its digits start */
#define HEADER_LEN (SL_TIME_LEN + 10)  /* the shortest with nine digits: " stdout F " */
#define END_S      INT64_C(9214646400) /* 2262-01-01: the last year that ns can hold whole */

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `len` digits as a number, or -1. */
static int number(const char *p, size_t len)
{
    int n = 0;

    for (size_t i = 0; i < len; i++) {
        if (!is_digit(p[i]))
            return -1;
        n = n * 10 + (p[i] - '0');
    }
    return n;
}

static inline bool is_known_minute(const char *p, const char minute[MINUTE_LEN])
{
    return memcmp(p, minute, MINUTE_LEN) == 0 && p[0] != '\0'; /* no minute is known at first */
}

/* ":00.123456789Z s", what follows the minute: all sixteen bytes at once become a vector compare;
 * fourteen are the time alone. */
static inline bool is_plain_rest(const char *p, size_t len)
{
    static const char least[] = ":00.000000000Z s";
    static const unsigned char above[] = {0, 5, 9, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0};
    unsigned char bad = 0;

    for (size_t i = 0; i < len; i++)
        bad |= (unsigned char)(p[i] - least[i]) > above[i];
    return !bad;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Is there such a minute? Then it is the known one from now on. */
static bool is_minute(const char *p, char minute[MINUTE_LEN])
{
    int year = number(p, 4), month = number(p + 5, 2), day = number(p + 8, 2);
    int hours = number(p + 11, 2), minutes = number(p + 14, 2);

    if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':')
        return false;
    if (year < 1970 || year > 2261 || month < 1 || month > 12)
        return false;
    if (day < 1 || day > days_in_month(year, month))
        return false;
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    memcpy(minute, p, MINUTE_LEN);
    return true;
}

static bool is_second(const char *p)
{
    int seconds = number(p + 1, 2);

    return p[0] == ':' && seconds >= 0 && seconds < 60;
}

/* "+hh:mm" or "-hh:mm" at p: takes it off the time in `out`. Returns what follows it, or NULL. */
static const char *apply_offset(const char *p, const char *end, char out[SL_TIME_LEN])
{
    int hours, minutes;
    int64_t ns, offset_s;

    if (end - p < 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':')
        return NULL;
    hours = number(p + 1, 2);
    minutes = number(p + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return NULL;
    if (hours == 0 && minutes == 0)
        return p + 6; /* as conmon writes UTC */
    offset_s = hours * 3600 + minutes * 60;
    ns = sl_time_read(out) - (p[0] == '-' ? -offset_s : offset_s) * 1000000000;
    if (ns < 0 || ns >= END_S * 1000000000)
        return NULL;
    sl_time_format(out, ns);
    return p + 6;
}

/* Any time that decode_cri.h names, into `out`. Returns what follows it, or NULL. */
static const char *read_time(const char *p, const char *end, char minute[MINUTE_LEN],
                             char out[SL_TIME_LEN])
{
    char *digit = out + FRACTION;

    if (end - p <= SECOND_LEN || !is_second(p + MINUTE_LEN))
        return NULL;
    if (!is_known_minute(p, minute) && !is_minute(p, minute))
        return NULL;
    memcpy(out, p, SECOND_LEN);
    memcpy(out + SECOND_LEN, ".000000000Z", SL_TIME_LEN - SECOND_LEN);
    p += SECOND_LEN;
    if (*p == '.') {
        if (++p == end || !is_digit(*p))
            return NULL;
        for (; p < end && is_digit(*p); p++) {
            if (digit < out + SL_TIME_LEN - 1) /* what is finer than a nanosecond is cut off */
                *digit++ = *p;
        }
    }
    return p < end && *p == 'Z' ? p + 1 : apply_offset(p, end, out);
}

/* The same for a record. */
static const char *read_odd_time(const char *p, const char *end, char minute[MINUTE_LEN],
                                 sl_record *rec)
{
    const char *behind = read_time(p, end, minute, rec->time_store);

    if (!behind)
        return NULL;
    rec->time = rec->time_store;
    rec->written = (sl_slice){p, (size_t)(behind - p)};
    if (rec->written.len > SL_WRITTEN_MAX)
        rec->written = (sl_slice){rec->time_store, SL_TIME_LEN};
    return behind;
}

/* Skips the tags and the space behind them. Returns where the text starts. */
static const char *read_tags(const char *p, const char *end, bool *whole)
{
    const char *space;

    *whole = true;
    if (p == end || *p < 'A' || *p > 'Z')
        return p;
    if (end - p > 1 && p[1] != ' ' && p[1] != ':')
        return p;
    *whole = *p != 'P';
    space = memchr(p, ' ', (size_t)(end - p));
    return space ? space + 1 : end;
}

sl_err sl_decode_cri(sl_slice line, char minute[MINUTE_LEN], sl_record *rec)
{
    const char *p = line.ptr, *end = p + line.len;
    bool is_out, is_err, whole = true;

    if (SL_LIKELY(line.len >= HEADER_LEN && is_known_minute(p, minute) &&
                  is_plain_rest(p + MINUTE_LEN, 16))) {
        rec->time = p;
        rec->written = (sl_slice){p, SL_TIME_LEN};
        p += SL_TIME_LEN;
    } else {
        p = read_odd_time(p, end, minute, rec);
        if (!p)
            return SL_E_FORMAT;
    }
    if (end - p < 8)
        return SL_E_FORMAT;
    is_out = memcmp(p, " stdout ", 8) == 0;
    is_err = memcmp(p, " stderr ", 8) == 0;
    if (!(is_out | is_err))
        return SL_E_FORMAT;
    p += 8;
    if (SL_LIKELY(end - p >= 2 && p[0] == 'F' && p[1] == ' '))
        p += 2;
    else
        p = read_tags(p, end, &whole);
    rec->text = (sl_slice){p, (size_t)(end - p)};
    rec->stream = is_err ? SL_STDERR : SL_STDOUT;
    rec->whole = whole;
    return 0;
}

const char *sl_cri_read_time(const char *p, const char *end, char minute[MINUTE_LEN],
                             sl_record *rec)
{
    if (end - p < SL_TIME_LEN || !is_known_minute(p, minute) || !is_plain_rest(p + MINUTE_LEN, 14))
        return read_odd_time(p, end, minute, rec);
    rec->time = p;
    rec->written = (sl_slice){p, SL_TIME_LEN};
    return p + SL_TIME_LEN;
}

int64_t sl_cri_time_ns(const char time[SL_TIME_LEN])
{
    char minute[MINUTE_LEN] = {0}, out[SL_TIME_LEN];
    const char *end = time + SL_TIME_LEN;

    return read_time(time, end, minute, out) == end ? sl_time_read(out) : 0;
}
