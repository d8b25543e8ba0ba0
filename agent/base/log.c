/* log.c - see log.h.
 *
 * A line is never longer than PIPE_BUF: so it arrives in one piece beside those of other processes,
 * and poll() knows whether stderr takes it now. If it does not, the line is lost: the agent has
 * something better to do than to wait for its diagnostics. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_FIELDS 16

struct line {
    char time[sizeof "2026-11-23T04:29:00.123Z"];
    const char *level, *message;
    const char *names[MAX_FIELDS], *values[MAX_FIELDS];
    size_t count;
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* At most `limit` bytes of it, and "..." for the rest. */
static sl_slice cut(const char *text, size_t limit, const char **dots)
{
    sl_slice s = sl_str(text);

    *dots = s.len > limit ? "..." : "";
    s.len = s.len > limit ? limit : s.len;
    return s;
}

static void add_quoted(sl_buf *out, const char *text, size_t limit)
{
    const char *dots;
    sl_slice s = cut(text, limit, &dots);

    sl_buf_add_text(out, "\"");
    sl_buf_add_json(out, s);
    sl_buf_add_text(out, dots);
    sl_buf_add_text(out, "\"");
}

/* For people: quotes and backslashes stay as they are, what could forge a line does not. */
static void add_sentence(sl_buf *out, const char *text, size_t limit)
{
    const char *dots;
    sl_slice s = cut(text, limit, &dots);
    size_t from = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '"' && s.ptr[i] != '\\')
            continue;
        sl_buf_add_json(out, (sl_slice){s.ptr + from, i - from});
        sl_buf_add(out, s.ptr + i, 1);
        from = i + 1;
    }
    sl_buf_add_json(out, sl_slice_from(s, from));
    sl_buf_add_text(out, dots);
}

static bool needs_quotes(const char *value)
{
    const char *p = value;

    while (*p > ' ' && *p < 0x7f && *p != '"' && *p != '=' && *p != '\\')
        p++;
    return *p || p == value;
}

static void add_pair(sl_buf *out, const char *name, const char *value, size_t limit)
{
    const char *dots;
    sl_slice s = cut(value, limit, &dots);

    sl_buf_add_format(out, "%s=", name);
    if (needs_quotes(value)) {
        add_quoted(out, value, limit);
        return;
    }
    sl_buf_add(out, s.ptr, s.len);
    sl_buf_add_text(out, dots);
}

static void add_as_text(sl_buf *out, const struct line *l, size_t limit)
{
    sl_buf_add_format(out, "%s %-5s ", l->time, l->level);
    add_sentence(out, l->message, limit);
    for (size_t i = 0; i < l->count; i++) {
        sl_buf_add_text(out, " ");
        add_pair(out, l->names[i], l->values[i], limit);
    }
}

static void add_as_json(sl_buf *out, const struct line *l, size_t limit)
{
    sl_buf_add_format(out, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", l->time, l->level);
    add_quoted(out, l->message, limit);
    for (size_t i = 0; i < l->count; i++) {
        sl_buf_add_format(out, ",\"%s\":", l->names[i]);
        add_quoted(out, l->values[i], limit);
    }
    sl_buf_add_text(out, "}");
}

static void add_as_logfmt(sl_buf *out, const struct line *l, size_t limit)
{
    sl_buf_add_format(out, "time=%s level=%s ", l->time, l->level);
    add_pair(out, "message", l->message, limit);
    for (size_t i = 0; i < l->count; i++) {
        sl_buf_add_text(out, " ");
        add_pair(out, l->names[i], l->values[i], limit);
    }
}

static void (*const add_as[])(sl_buf *, const struct line *, size_t) = {
    [SL_LOG_TEXT] = add_as_text,
    [SL_LOG_JSON] = add_as_json,
    [SL_LOG_LOGFMT] = add_as_logfmt,
};

/* false: stderr is full, broken or gone. */
static bool write_line(int fd, const sl_buf *out)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) &&
           write(fd, out->ptr, out->len) == (ssize_t)out->len;
}

static void put_line(sl_log *log, struct line *l, sl_level level)
{
    char now[SL_TIME_LEN];
    sl_buf out = {0};

    sl_time_format(now, sl_wall_ns(&sl_clock_real));
    snprintf(l->time, sizeof l->time, "%.23sZ", now); /* milliseconds are enough */
    l->level = level_names[level];
    for (size_t limit = PIPE_BUF / 2; out.len == 0 || out.len > PIPE_BUF; limit /= 2) {
        out.len = 0;
        add_as[log->format](&out, l, limit);
        sl_buf_add_text(&out, "\n");
        SL_ASSERT(limit > 0 || out.len <= PIPE_BUF);
    }
    if (log->fd < 0 || write_line(log->fd, &out))
        log->written++;
    sl_buf_fini(&out);
}

void sl_log_fields(sl_log *log, sl_level level, const char *message, ...)
{
    struct line l = {.message = message};
    const char *name;
    va_list args;

    if (level > log->level)
        return;
    va_start(args, message);
    while ((name = va_arg(args, const char *))) {
        SL_ASSERT(l.count < MAX_FIELDS);
        l.names[l.count] = name;
        l.values[l.count++] = va_arg(args, const char *);
    }
    va_end(args);
    put_line(log, &l, level);
}

void sl_logf(sl_log *log, sl_level level, const char *format, ...)
{
    struct line l = {0};
    va_list args;
    char *text;
    int len;

    if (level > log->level)
        return;
    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    SL_ASSERT(len >= 0);
    l.message = text;
    put_line(log, &l, level);
    free(text);
}
