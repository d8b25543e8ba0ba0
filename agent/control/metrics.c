/* metrics.c - see metrics.h. The tables say what there is; one more number is one more row.
 *
 * Every reason is there from the beginning, with 0: who asks for the increase of a counter would
 * else never see its first one. */
#include "control/metrics.h"

#include "base/utf8.h"
#include "control/own_metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the format --- */

void sl_metrics_add_label(sl_buf *out, sl_slice text)
{
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i];
        int step = sl_utf8_step((const unsigned char *)text.ptr + i, text.len - i);

        if (step < 0)
            sl_buf_add_text(out, "\xef\xbf\xbd"); /* U+FFFD */
        else if (c == '\n')
            sl_buf_add_text(out, "\\n");
        else if (c == '"' || c == '\\')
            sl_buf_add(out, (const char[]){'\\', c}, 2);
        else
            sl_buf_add(out, text.ptr + i, (size_t)step);
        i += (size_t)(step < 0 ? -step : step);
    }
}

static void add_head(sl_buf *out, const char *name, const char *type, const char *help)
{
    sl_buf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_count(sl_buf *out, const char *name, const char *labels, uint64_t value)
{
    sl_buf_add_format(out, "%s{%s} %" PRIu64 "\n", name, labels, value);
}

static void add_one(sl_buf *out, const char *name, const char *type, const char *help, double value)
{
    add_head(out, name, type, help);
    sl_buf_add_format(out, "%s %.15g\n", name, value);
}

void sl_metrics_add_histogram(sl_buf *out, const char *name, const char *labels,
                              const sl_histogram *h)
{
    uint64_t sum = 0;

    for (int i = 0; i < SL_BUCKETS; i++) {
        sum += h->counts[i];
        sl_buf_add_format(out, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, labels,
                          sl_bucket_ms[i] / 1e3, sum);
    }
    sum += h->counts[SL_BUCKETS];
    sl_buf_add_format(out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, sum);
    sl_buf_add_format(out, "%s_sum{%s} %.15g\n", name, labels, (double)h->sum_ms / 1e3);
    sl_buf_add_format(out, "%s_count{%s} %" PRIu64 "\n", name, labels, sum);
}

/* --- by output and namespace --- */

typedef struct writing {
    const sl_subject *subject;
    sl_survey survey;
    sl_buf labels; /* those of each tally that is there, one behind the other, each with its zero */
    sl_buf *out;
} writing;

static void add_labels(writing *w, size_t lane, uint32_t namespace)
{
    sl_buf_add_text(&w->labels, "output=\"");
    sl_metrics_add_label(&w->labels, sl_str(sl_lane_name(w->subject->lanes[lane])));
    if (namespace < SL_TALLIES) {
        sl_buf_add_text(&w->labels, "\",namespace=\"");
        sl_metrics_add_label(&w->labels,
                             sl_str(sl_namespaces_name(&w->subject->namespaces, namespace)));
    }
    sl_buf_add(&w->labels, "\"", 2); /* with its zero */
}

/* Calls `add` for each tally that is there. */
static void each_tally(writing *w, const void *row,
                       void (*add)(writing *, const void *row, const char *labels,
                                   const sl_tally *t))
{
    const char *labels = w->labels.ptr;

    for (size_t i = 0; i < w->survey.lane_count; i++) {
        for (uint32_t n = 0; n < SL_TALLIES; n++) {
            const sl_tally *t = sl_survey_at(&w->survey, i, n);

            if (!t)
                continue;
            add(w, row, labels, t);
            labels += strlen(labels) + 1;
        }
    }
}

static const struct number {
    const char *name, *type, *help;
    size_t at; /* in sl_tally */
} numbers[] = {
    {"sluice_read_bytes_total", "counter",
     "Bytes of log files that were read. Always = delivered + filtered + dead-lettered + dropped + "
     "in flight.",
     offsetof(sl_tally, books.read)},
    {"sluice_delivered_bytes_total", "counter",
     "Bytes of log files whose records the destination has acknowledged.",
     offsetof(sl_tally, books.delivered)},
    {"sluice_delivered_records_total", "counter", "Records that the destination has acknowledged.",
     offsetof(sl_tally, books.delivered_records)},
    {"sluice_filtered_bytes_total", "counter", "Bytes of records that a filter took out.",
     offsetof(sl_tally, books.filtered)},
    {"sluice_in_flight_bytes", "gauge", "Bytes of log files that were read and not answered for.",
     offsetof(sl_tally, books.in_flight)},
    {"sluice_unread_bytes", "gauge",
     "Bytes that lie in log files and were not read yet; of deleted ones too, while they are held "
     "open.",
     offsetof(sl_tally, unread)},
};

static void add_number(writing *w, const void *row, const char *labels, const sl_tally *t)
{
    const struct number *n = row;
    uint64_t value;

    memcpy(&value, (const char *)t + n->at, sizeof value);
    add_count(w->out, n->name, labels, value);
}

static void add_oldest(writing *w, const void *row, const char *labels, const sl_tally *t)
{
    (void)row;
    sl_buf_add_format(w->out, "sluice_oldest_unread_seconds{%s} %.3f\n", labels,
                      sl_tally_oldest_s(&w->survey, t));
}

static const struct reasons {
    const char *name, *help;
    const char *const *reasons;
    size_t count, at; /* in sl_books */
} reason_tables[] = {
    {"sluice_dropped_bytes_total", "Bytes of records that were left out.", sl_drop_names,
     SL_DROP_REASONS, offsetof(sl_tally, books.dropped)},
    {"sluice_dead_lettered_bytes_total", "Bytes of records that went to the dead letter.",
     sl_dead_names, SL_DEAD_REASONS, offsetof(sl_tally, books.dead_lettered)},
    {"sluice_dead_lettered_records_total", "Records that went to the dead letter.", sl_dead_names,
     SL_DEAD_REASONS, offsetof(sl_tally, books.dead_lettered_records)},
    {"sluice_lost_bytes_total",
     "Bytes that vanished unread; the log names container, file and range.", sl_lost_names,
     SL_LOST_REASONS, offsetof(sl_tally, books.lost)},
};

static void add_reasons(writing *w, const void *row, const char *labels, const sl_tally *t)
{
    const struct reasons *r = row;
    uint64_t value;

    for (size_t i = 0; i < r->count; i++) {
        memcpy(&value, (const char *)t + r->at + i * sizeof value, sizeof value);
        sl_buf_add_format(w->out, "%s{%s,reason=\"%s\"} %" PRIu64 "\n", r->name, labels,
                          r->reasons[i], value);
    }
}

static void add_tallies(writing *w)
{
    for (size_t i = 0; i < w->survey.lane_count; i++) {
        for (uint32_t n = 0; n < SL_TALLIES; n++) {
            if (sl_survey_at(&w->survey, i, n))
                add_labels(w, i, n);
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        add_head(w->out, numbers[i].name, numbers[i].type, numbers[i].help);
        each_tally(w, &numbers[i], add_number);
    }
    add_head(w->out, "sluice_oldest_unread_seconds", "gauge",
             "Age of the oldest line that was not read yet; 0: all were. Where its time cannot be "
             "told at once, the age of the file's last change.");
    each_tally(w, NULL, add_oldest);
    for (size_t i = 0; i < sizeof reason_tables / sizeof *reason_tables; i++) {
        add_head(w->out, reason_tables[i].name, "counter", reason_tables[i].help);
        each_tally(w, &reason_tables[i], add_reasons);
    }
}

/* --- by output --- */

static void add_up(sl_buf *out, const char *labels, const sl_lane_numbers *n)
{
    add_count(out, "sluice_output_up", labels, n->output.up);
}

static void add_retries(sl_buf *out, const char *labels, const sl_lane_numbers *n)
{
    add_count(out, "sluice_retries_total", labels, n->output.retries);
}

static void add_conflicts(sl_buf *out, const char *labels, const sl_lane_numbers *n)
{
    add_count(out, "sluice_unexpected_conflicts_total", labels, n->output.conflicts);
}

/* Of those who tell: for a local file there is no wire, and 0 would be a lie for a silent plugin. */
static void add_wire(sl_buf *out, const char *labels, const sl_lane_numbers *n)
{
    if (n->output.wire_bytes > 0)
        add_count(out, "sluice_wire_bytes_total", labels, n->output.wire_bytes);
}

static void add_memory(sl_buf *out, const char *labels, const sl_lane_numbers *n)
{
    add_count(out, "sluice_memory_bytes", labels, n->memory);
}

static void add_sent(sl_buf *out, const char *labels, const sl_lane_numbers *n)
{
    sl_metrics_add_histogram(out, "sluice_send_duration_seconds", labels, &n->output.sent);
}

static void add_delays(sl_buf *out, const char *labels, const sl_lane_numbers *n)
{
    sl_metrics_add_histogram(out, "sluice_delivery_delay_seconds", labels, &n->delays);
}

static const struct output_row {
    const char *name, *type, *help;
    void (*add)(sl_buf *out, const char *labels, const sl_lane_numbers *n);
} output_rows[] = {
    {"sluice_output_up", "gauge",
     "0: it was given up, the last answer was a failure, or none came for 30 s.", add_up},
    {"sluice_retries_total", "counter", "Batches of which something had to be sent again.",
     add_retries},
    {"sluice_unexpected_conflicts_total", "counter",
     "Records that were there already, though nobody can have sent them: each may be a lost line.",
     add_conflicts},
    {"sluice_wire_bytes_total", "counter",
     "Bytes that the output put on the wire, after compression; of those that tell.", add_wire},
    {"sluice_memory_bytes", "gauge",
     "Memory held of the output's share of memory_limit: batches and unfinished records.",
     add_memory},
    {"sluice_send_duration_seconds", "histogram",
     "From handing a batch to the output until all of it was answered, well or not.", add_sent},
    {"sluice_delivery_delay_seconds", "histogram",
     "From a record's time to its acknowledgement. A batch's records of one container and stream "
     "count with the time of their first one.",
     add_delays},
};

static void add_outputs(writing *w)
{
    size_t lanes = w->subject->lane_count;
    sl_lane_numbers *of = sl_alloc(lanes * sizeof *of);
    const char *labels;

    w->labels.len = 0;
    for (size_t i = 0; i < lanes; i++) {
        sl_lane_look_at_output(w->subject->lanes[i], &of[i]);
        add_labels(w, i, SL_TALLIES);
    }
    for (size_t k = 0; k < sizeof output_rows / sizeof *output_rows; k++) {
        add_head(w->out, output_rows[k].name, output_rows[k].type, output_rows[k].help);
        labels = w->labels.ptr;
        for (size_t i = 0; i < lanes; i++, labels += strlen(labels) + 1)
            output_rows[k].add(w->out, labels, &of[i]);
    }
    free(of);
}

/* --- the agent and its process --- */

static void add_zeros(sl_buf *out, const char *name, const char *label, const char *const *values)
{
    for (; *values; values++)
        sl_buf_add_format(out, "%s{%s=\"%s\"} 0\n", name, label, *values);
}

static double pinned_bytes(const sl_subject *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->discover_count; i++)
        sum += sl_pin_bytes(s->pins[i]);
    return (double)sum;
}

static void add_agent(const writing *w)
{
    static const char *const results[] = {"success", "failure", NULL};
    sl_buf *out = w->out;

    add_one(out, "sluice_sources", "gauge", "Containers that are followed.",
            w->survey.source_count);
    add_one(
        out, "sluice_pinned_bytes", "gauge",
        "Disk that deleted log files take because they are held open; what pin.max_bytes bounds.",
        pinned_bytes(w->subject));
    add_head(out, "sluice_waiting_sources", "gauge", "Containers that wait, by what for.");
    for (int i = 0; i < SL_WAITS; i++)
        sl_buf_add_format(out, "sluice_waiting_sources{reason=\"%s\"} %u\n", sl_wait_names[i],
                          w->survey.waiting[i]);
    add_one(out, "sluice_inotify_overflows_total", "counter",
            "How often the kernel's queue of events was full, and everything was looked at anew.",
            (double)w->subject->overflows);
    add_head(out, "sluice_config_reloads_total", "counter", "Reloads of the configuration.");
    add_zeros(out, "sluice_config_reloads_total", "result", results); /* there are none yet */
}

static double resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (!f)
        return 0;
    if (fscanf(f, "%*s %lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Linux 6.2 says how many there are; before that they are counted. */
static double open_files(void)
{
    struct stat st;
    DIR *dir;
    double count = 0;

    if (!stat("/proc/self/fd", &st) && st.st_size > 0)
        return (double)st.st_size;
    dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3; /* ".", "..", and the one that we look with */
}

static double cpu_seconds(void)
{
    struct rusage used = {0};

    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void add_process(const writing *w)
{
    sl_buf *out = w->out;

    add_one(out, "sluice_standby", "gauge",
            "1: another agent holds the state directory, and this one waits for it to end.",
            w->subject->standby);
    add_head(out, "sluice_build_info", "gauge", "Always 1; its label is what matters.");
    sl_buf_add_text(out, "sluice_build_info{version=\"" SL_VERSION "\"} 1\n");
    add_one(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
            resident_bytes());
    add_one(out, "process_cpu_seconds_total", "counter",
            "Total user and system CPU time spent in seconds.", cpu_seconds());
    add_one(out, "process_open_fds", "gauge", "Number of open file descriptors.", open_files());
    add_one(out, "process_start_time_seconds", "gauge",
            "Start time of the process since unix epoch in seconds.",
            (double)w->subject->started_ns / 1e9);
}

void sl_metrics_write(const sl_subject *s, sl_buf *out)
{
    writing w = {.subject = s, .out = out};

    sl_survey_init(&w.survey, s);
    if (!s->standby) {
        add_tallies(&w);
        add_outputs(&w);
        sl_own_metrics_write(s->lanes, s->lane_count, out);
        add_agent(&w);
    }
    add_process(&w);
    sl_buf_fini(&w.labels);
    sl_survey_fini(&w.survey);
}
