/* status.c - see status.h. */
#include "control/status.h"

#include <inttypes.h>
#include <stdio.h>

/* One output, as all three forms show it. */
typedef struct line {
    const char *name;
    sl_tally sum;
    sl_lane_numbers numbers;
    double oldest_s;
} line;

static line line_of(const sl_subject *s, const sl_survey *v, size_t lane)
{
    line l = {.name = sl_lane_name(s->lanes[lane]), .sum = sl_survey_sum(v, lane)};

    sl_lane_look_at_output(s->lanes[lane], &l.numbers);
    l.oldest_s = sl_tally_oldest_s(v, &l.sum);
    return l;
}

static void each_output(const sl_subject *s, void (*show)(void *arg, const line *l), void *arg)
{
    sl_survey v;

    sl_survey_init(&v, s);
    for (size_t i = 0; i < s->lane_count; i++) {
        line l = line_of(s, &v, i);

        show(arg, &l);
    }
    sl_survey_fini(&v);
}

static void write_state(const line *l, char *out, size_t size)
{
    if (l->numbers.output.up)
        snprintf(out, size, "up");
    else
        snprintf(out, size, "down for %" PRIu64 " s", l->numbers.output.down_ms / 1000);
}

/* --- the log --- */

static void log_line(void *arg, const line *l)
{
    const sl_books *b = &l->sum.books;
    const uint64_t values[] = {
        b->read,       b->delivered,   sl_books_lost(b),  b->in_flight,
        l->sum.unread, l->sum.sources, l->numbers.memory, l->numbers.output.retries};
    char texts[8][24], oldest[32], state[48];

    for (int i = 0; i < 8; i++)
        snprintf(texts[i], sizeof texts[i], "%" PRIu64, values[i]);
    snprintf(oldest, sizeof oldest, "%.3f", l->oldest_s);
    write_state(l, state, sizeof state);
    sl_log_fields(arg, SL_LOG_INFO, "status", "output", l->name, "state", state, "read_bytes",
                  texts[0], "delivered_bytes", texts[1], "lost_bytes", texts[2], "in_flight_bytes",
                  texts[3], "unread_bytes", texts[4], "oldest_unread_seconds", oldest, "sources",
                  texts[5], "memory_bytes", texts[6], "retries", texts[7], NULL);
}

void sl_status_log(const sl_subject *s, sl_log *log)
{
    if (s->standby)
        sl_log_fields(log, SL_LOG_INFO, "status", "state", "standby", NULL);
    each_output(s, log_line, log);
}

/* --- for people --- */

static void add_bytes(sl_buf *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    char text[32];
    size_t unit = 0;

    for (; value >= 1024 && unit < sizeof units / sizeof *units - 1; unit++)
        value /= 1024;
    snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    sl_buf_add_format(out, " %11s", text);
}

static void add_row(void *arg, const line *l)
{
    const sl_books *b = &l->sum.books;
    sl_buf *out = arg;
    char state[48], oldest[32];

    write_state(l, state, sizeof state);
    sl_buf_add_format(out, "%-16s %-14s", l->name, state);
    add_bytes(out, b->read);
    add_bytes(out, b->delivered);
    add_bytes(out, l->sum.unread);
    add_bytes(out, b->in_flight);
    add_bytes(out, sl_books_lost(b));
    snprintf(oldest, sizeof oldest, "%.1f s", l->oldest_s);
    sl_buf_add_format(out, " %10s %8" PRIu32, l->sum.unread ? oldest : "-", l->sum.sources);
    add_bytes(out, l->numbers.memory);
    sl_buf_add_text(out, "\n");
}

void sl_status_write_text(const sl_subject *s, sl_buf *out)
{
    if (s->standby) {
        sl_buf_add_text(out, "standby: another agent holds the state directory\n");
        return;
    }
    sl_buf_add_format(out, "%-16s %-14s %11s %11s %11s %11s %11s %10s %8s %11s\n", "OUTPUT",
                      "STATE", "READ", "DELIVERED", "UNREAD", "IN FLIGHT", "LOST", "OLDEST",
                      "SOURCES", "MEMORY");
    each_output(s, add_row, out);
}

/* --- for programs --- */

static void add_object(void *arg, const line *l)
{
    const sl_books *b = &l->sum.books;
    sl_buf *out = arg;

    sl_buf_add_text(out, "{\"output\":\"");
    sl_buf_add_json(out, sl_str(l->name));
    sl_buf_add_format(out, "\",\"up\":%s,\"state\":\"%s\",\"down_seconds\":%.3f",
                      l->numbers.output.up ? "true" : "false", l->numbers.output.state,
                      (double)l->numbers.output.down_ms / 1e3);
    sl_buf_add_format(out,
                      ",\"read_bytes\":%" PRIu64 ",\"delivered_bytes\":%" PRIu64
                      ",\"filtered_bytes\":%" PRIu64 ",\"dead_lettered_bytes\":%" PRIu64
                      ",\"dropped_bytes\":%" PRIu64 ",\"in_flight_bytes\":%" PRIu64
                      ",\"lost_bytes\":%" PRIu64,
                      b->read, b->delivered, b->filtered, sl_books_dead_lettered(b),
                      sl_books_dropped(b), b->in_flight, sl_books_lost(b));
    sl_buf_add_format(out,
                      ",\"delivered_records\":%" PRIu64 ",\"unread_bytes\":%" PRIu64
                      ",\"oldest_unread_seconds\":%.3f,\"sources\":%" PRIu32
                      ",\"memory_bytes\":%" PRIu64 ",\"retries\":%" PRIu64 "}\n",
                      b->delivered_records, l->sum.unread, l->oldest_s, l->sum.sources,
                      l->numbers.memory, l->numbers.output.retries);
}

void sl_status_write_json(const sl_subject *s, sl_buf *out)
{
    each_output(s, add_object, out);
}
