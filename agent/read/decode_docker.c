/* decode_docker.c - see decode_docker.h.
 *
 * Docker always writes the same keys in the same order, so nearly every line is taken apart from
 * both ends at once, without a look at what lies between. That guess may be wrong where the text
 * holds a quote of its own; copying it finds out, and then the line is read key by key. */
#include "read/decode_docker.h"

#include "read/decode_cri.h"

#include <endian.h>

#define DEPTH_MAX 64
#define TIME_MIN  20 /* 2026-11-23T04:29:00Z */

#define HEAD "{\"log\":\""
#define TAIL "\",\"stream\":\"stdout\",\"time\":\""

/* What stands between the quotes; empty where there was no such key. */
typedef struct members {
    sl_slice log, stream, time;
} members;

/* --- the usual order --- */

static bool starts(const char *p, const char *literal)
{
    return memcmp(p, literal, strlen(literal)) == 0;
}

/* As Docker writes it; whether `log` is really one string is not known yet. */
static bool read_usual(sl_slice line, members *m)
{
    const char *text = line.ptr + strlen(HEAD), *end = line.ptr + line.len - 2;

    if (line.len < strlen(HEAD) + strlen(TAIL) + SL_TIME_LEN + 2 || !starts(line.ptr, HEAD) ||
        !starts(end, "\"}"))
        return false;
    for (size_t len = SL_TIME_LEN; len >= TIME_MIN; len--) {
        const char *time = end - len, *tail = time - strlen(TAIL);

        if (time[-1] != '"')
            continue;
        if (!starts(tail, "\",\"stream\":\"") || !starts(time - 10, "\",\"time\":\""))
            return false;
        m->log = (sl_slice){text, (size_t)(tail - text)};
        m->stream = (sl_slice){tail + 12, 6};
        m->time = (sl_slice){time, len};
        return true;
    }
    return false;
}

/* --- any order --- */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* The closing quote of the string that begins at p, or NULL. */
static const char *find_quote(const char *p, const char *end)
{
    for (const char *quote; (quote = memchr(p, '"', (size_t)(end - p))); p = quote + 1) {
        const char *back = quote;

        while (back > p && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote;
    }
    return NULL;
}

static const char *skip_word(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || *p == '-' ||
                       *p == '+' || *p == '.' || *p == 'E'))
        p++;
    return p > start ? p : NULL;
}

/* What follows the value at p, or NULL. Inside of one only strings and brackets are looked at. */
static const char *skip_value(const char *p, const char *end)
{
    uint64_t braces = 0; /* a bit for each open bracket: is it a brace? */
    int depth = 0;

    do {
        char c = p < end ? *p : '\0';

        if (c == '"') {
            p = find_quote(p + 1, end);
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX)
                return NULL;
            braces = braces << 1 | (c == '{');
        } else if (depth == 0) {
            return skip_word(p, end);
        } else if (c == '}' || c == ']') {
            if ((braces & 1) != (c == '}'))
                return NULL;
            depth--;
            braces >>= 1;
        }
        if (!p || p == end)
            return NULL;
        p++;
    } while (depth > 0);
    return p;
}

static sl_slice *wanted(members *m, sl_slice key)
{
    return sl_slice_eq(key, SL_SLICE("log"))      ? &m->log
           : sl_slice_eq(key, SL_SLICE("stream")) ? &m->stream
           : sl_slice_eq(key, SL_SLICE("time"))   ? &m->time
                                                  : NULL;
}

/* One key with its value. Returns what follows it, or NULL. */
static const char *read_member(const char *p, const char *end, members *m)
{
    const char *quote = p < end && *p == '"' ? find_quote(p + 1, end) : NULL, *value;
    sl_slice *into;

    if (!quote)
        return NULL;
    into = wanted(m, (sl_slice){p + 1, (size_t)(quote - p - 1)});
    p = skip_space(quote + 1, end);
    if (p == end || *p != ':')
        return NULL;
    value = skip_space(p + 1, end);
    p = skip_value(value, end);
    if (!p || (into && *value != '"'))
        return NULL;
    if (into)
        *into = (sl_slice){value + 1, (size_t)(p - value - 2)};
    return skip_space(p, end);
}

static bool read_any(sl_slice line, members *m)
{
    const char *p = line.ptr, *end = p + line.len;

    *m = (members){{p, 0}, {p, 0}, {p, 0}};
    if (p == end || *p != '{')
        return false;
    do {
        p = read_member(skip_space(p + 1, end), end, m);
    } while (p && p < end && *p == ',');
    return p && p < end && *p == '}' && skip_space(p + 1, end) == end;
}

/* --- the text --- */

/* Four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t code = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i] >= 'A' && p[i] <= 'F' ? (char)(p[i] | 0x20) : p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

static char *put_character(char *out, int32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (char)(0xe0 | code >> 12);
        } else {
            *out++ = (char)(0xf0 | code >> 18);
            *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (code & 0x3f));
    return out;
}

/* The digits behind `\u`, and those of the second half of a pair. Returns what follows, or NULL. */
static const char *take_code(const char *p, const char *end, char **out)
{
    int32_t code = hex4(p, end), low;

    if (code < 0)
        return NULL;
    p += 4;
    if (code >> 10 == 0xd800 >> 10 && end - p >= 6 && starts(p, "\\u")) {
        low = hex4(p + 2, end);
        if (low >> 10 == 0xdc00 >> 10) {
            code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
            p += 6;
        }
    }
    *out = put_character(*out, code >> 11 == 0xd800 >> 11 ? 0xfffd : code);
    return p;
}

/* What follows a backslash. Returns what follows that, or NULL. */
static const char *take_escape(const char *p, const char *end, char **out)
{
    static const char meaning[128] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                      ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    unsigned char c = p < end ? (unsigned char)*p : 0;

    if (c == 'u')
        return take_code(p + 1, end, out);
    if (c >= sizeof meaning || !meaning[c])
        return NULL;
    *(*out)++ = meaning[c];
    return p + 1;
}

/* The high bit of each byte that is `byte`; and perhaps of some behind the first such one. */
static inline uint64_t find_byte(uint64_t word, uint64_t byte)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t zero_there = word ^ byte * ones;

    return (zero_there - ones) & ~zero_there & ones << 7;
}

/* Copies up to a backslash or a quote, eight bytes at a time: those behind it are copied too, and
 * written over. Out is never further than p, so there is room. Returns where it ended. */
static const char *copy_plain(const char *p, const char *end, char **out)
{
    for (; end - p >= 8; p += 8, *out += 8) {
        uint64_t word, found;

        memcpy(&word, p, 8);
        memcpy(*out, &word, 8);
        word = le64toh(word);
        found = find_byte(word, '\\') | find_byte(word, '"');
        if (found) {
            int plain = __builtin_ctzll(found) / 8;

            *out += plain;
            return p + plain;
        }
    }
    while (p < end && *p != '\\' && *p != '"')
        *(*out)++ = *p++;
    return p;
}

/* false: it is not one string. */
static bool unescape(sl_slice log, char *scratch, sl_slice *text)
{
    const char *p = log.ptr, *end = p + log.len;
    char *out = scratch;

    while ((p = copy_plain(p, end, &out)) < end) {
        p = *p == '\\' ? take_escape(p + 1, end, &out) : NULL;
        if (!p)
            return false;
    }
    *text = (sl_slice){scratch, (size_t)(out - scratch)};
    return true;
}

/* Most lines have no escape but the newline at their end: then the text is where it is. */
static bool read_text(sl_slice log, char *scratch, sl_slice *text, bool *whole)
{
    const char *escape = log.len > 0 ? memchr(log.ptr, '\\', log.len) : NULL;
    size_t plain = escape ? (size_t)(escape - log.ptr) : log.len;

    *whole = escape && log.len - plain == 2 && escape[1] == 'n';
    if (*whole || !escape) {
        *text = (sl_slice){log.ptr, plain};
        return plain == 0 || !memchr(log.ptr, '"', plain);
    }
    if (!unescape(log, scratch, text))
        return false;
    *whole = text->len > 0 && text->ptr[text->len - 1] == '\n';
    text->len -= *whole;
    return true;
}

/* --- a line --- */

static sl_err fill_in(const members *m, sl_slice text, bool whole, char minute[16], sl_record *rec)
{
    bool is_err = sl_slice_eq(m->stream, SL_SLICE("stderr"));
    const char *end = m->time.ptr + m->time.len;

    if (!is_err && !sl_slice_eq(m->stream, SL_SLICE("stdout")))
        return SL_E_FORMAT;
    if (sl_cri_read_time(m->time.ptr, end, minute, rec) != end)
        return SL_E_FORMAT;
    rec->text = text;
    rec->stream = is_err ? SL_STDERR : SL_STDOUT;
    rec->whole = whole;
    return 0;
}

sl_err sl_decode_docker(sl_slice line, char *scratch, char minute[16], sl_record *rec)
{
    members m;
    sl_slice text;
    bool whole;

    if (SL_LIKELY(read_usual(line, &m) && read_text(m.log, scratch, &text, &whole)))
        return fill_in(&m, text, whole, minute, rec);
    if (!read_any(line, &m) || !read_text(m.log, scratch, &text, &whole))
        return SL_E_FORMAT;
    return fill_in(&m, text, whole, minute, rec);
}

int64_t sl_docker_time_ns(sl_slice line)
{
    char minute[16] = {0};
    sl_record rec;
    members m;

    if (!read_any(line, &m) || fill_in(&m, m.log, true, minute, &rec))
        return 0;
    return sl_cri_time_ns(rec.time);
}
