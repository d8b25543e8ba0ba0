/* rows.c - see rows.h. One more option is one more row here, one use, and one row in a test. */
#include "control/rows.h"
#include "control/units.h"

#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND UINT64_C(1000)
#define HOUR   (3600 * SECOND)

#define AT(member) offsetof(sl_config, member)

const sl_option sl_root_rows[] = {
    {"version", SL_UNBUILT, 0, "1", "of this format", NULL, 0, 0},
    {"cluster", SL_TEXT, AT(cluster), "${env:CLUSTER_NAME:-}", "name of the cluster", NULL, 0, 0},
    {"node", SL_TEXT, AT(node), "${env:NODE_NAME:-}", "name of this node; empty: the host's", NULL,
     0, 0},
    {"fields", SL_MAP, AT(fields), "", "constant fields for every record", NULL, 0, 0},
    {"state_dir", SL_TEXT, AT(state_dir), "/var/lib/sluice", "checkpoint and lock", NULL, 0, 0},
    {"memory_limit", SL_SIZE, AT(memory_limit), "64MiB", "all buffers of the data path", NULL, MIB,
     0},
    {"checkpoint_interval", SL_TIME, AT(checkpoint_interval_ms), "1s",
     "how often positions are saved, if they moved", NULL, 100, HOUR},
    {"shutdown_timeout", SL_TIME, AT(shutdown_timeout_ms), "20s",
     "how long a stop waits for what is on its way", NULL, 0, HOUR},
    {"own_logs", SL_FLAG, AT(own_logs), "false", "read our own pod too", NULL, 0, 0},
    {"log.level", SL_CHOICE, AT(log_level), "info", "own diagnostics, on stderr",
     "error|warn|info|debug", 0, 0},
    {"log.format", SL_CHOICE, AT(log_format), "text", "of own diagnostics", "text|json|logfmt", 0,
     0},
    {"reload", SL_UNBUILT, 0, NULL, "a changed file is taken over while running", NULL, 0, 0},
    {"admin.listen", SL_TEXT, AT(admin_listen), "127.0.0.1:9600",
     "metrics and health over HTTP: host:port, [v6]:port or :port; \"\": none", NULL, 0, 0},
    {"metadata", SL_UNBUILT, 0, NULL, "what the cluster knows about a pod", NULL, 0, 0},
    {"filters", SL_UNBUILT, 0, "", "keep, drop or change records", NULL, 0, 0},
    {"limit.per_container", SL_UNBUILT, 0, "0", "bytes a second", NULL, 0, 0},
    {"limit.per_namespace", SL_UNBUILT, 0, "0", "bytes a second", NULL, 0, 0},
    {"plugins", SL_LIST, AT(plugins), "", "files with outputs of your own: [/path/x.so]", NULL, 0,
     0},
    {0},
};

const sl_option sl_list_rows[] = {
    {"inputs", SL_LIST, 0, NULL, "what to read: inputs.0, and so on", NULL, 0, 0},
    {"outputs", SL_LIST, 0, NULL, "where to write: outputs.0, and so on", NULL, 0, 0},
    {0},
};

#undef AT
#define AT(member) offsetof(sl_input_config, member)

#define OVERSIZE "truncate|split|drop"   /* as sl_on_oversize counts them */
#define INPUTS   "kubernetes|file"       /* as sl_input_type counts them */
#define FORMATS  "auto|cri|docker|plain" /* as sl_line_format counts them */

const sl_option sl_input_type_rows[] = {
    {"type", SL_CHOICE, AT(type), "kubernetes", "what is read: pods of a node, or files", INPUTS, 0,
     0},
    {0},
};

const sl_option sl_pods_rows[] = {
    {"path", SL_TEXT, AT(path), "/var/log/pods", "a tree of pod folders", NULL, 0, 0},
    {"select.namespaces", SL_LIST, AT(select.namespaces), "*", "globs; ! takes away", NULL, 0, 0},
    {"select.pods", SL_LIST, AT(select.pods), "*", "globs; ! takes away", NULL, 0, 0},
    {"select.containers", SL_LIST, AT(select.containers), "*", "globs; ! takes away", NULL, 0, 0},
    {"select.labels", SL_UNBUILT, 0, "", "a selector of labels", NULL, 0, 0},
    {"exclude.namespaces", SL_LIST, AT(exclude.namespaces), "", "globs; ! takes away", NULL, 0, 0},
    {"exclude.pods", SL_LIST, AT(exclude.pods), "", "globs; ! takes away", NULL, 0, 0},
    {"exclude.containers", SL_LIST, AT(exclude.containers), "", "globs; ! takes away", NULL, 0, 0},
    {"exclude.labels", SL_UNBUILT, 0, "", "a selector of labels", NULL, 0, 0},
    {"allowed_roots", SL_LIST, AT(allowed_roots), "/var/log/pods,/var/lib/docker/containers",
     "where symbolic links may lead, beside path", NULL, 0, 0},
    {0},
};

const sl_option sl_files_rows[] = {
    {"paths", SL_LIST, AT(paths), NULL, "globs of files; ! takes away", NULL, 0, 0},
    {"format", SL_CHOICE, AT(format), "plain", "of their lines; auto: each line's own", FORMATS, 0,
     0},
    {"fields", SL_MAP, AT(fields), "", "constant fields for every record", NULL, 0, 0},
    {"allowed_roots", SL_LIST, AT(allowed_roots), "",
     "where symbolic links may lead, beside the folders of paths", NULL, 0, 0},
    {0},
};

const sl_option sl_input_rows[] = {
    {"start_at", SL_TEXT, AT(start_at), "beginning",
     "at the very first start: beginning, end, what is younger than 24h, or than a time", NULL, 0,
     0},
    {"follow", SL_CHOICE, AT(follow), "auto", "auto: inotify, and polling where it fails",
     "auto|poll", 0, 0},
    {"max_record", SL_SIZE, AT(max_record), "512KiB", "of a record, after joining", NULL, 1,
     64 * MIB},
    {"partial_timeout", SL_TIME, AT(partial_timeout_ms), "5m",
     "an unfinished part ships after this long, flagged", NULL, 1, 24 * HOUR},
    {"on_oversize", SL_CHOICE, AT(on_oversize), "truncate", "what becomes of a longer record",
     OVERSIZE, 0, 0},
    {"skip_empty", SL_FLAG, AT(skip_empty), "false", "messages without text are no records", NULL,
     0, 0},
    {"ignore_older", SL_TIME, AT(ignore_older_ms), "0s",
     "a new file that was silent for so long is read from its end; 0s: none is", NULL, 0, 0},
    {"multiline", SL_UNBUILT, 0, "none", "a stack trace as one record",
     "none|java|python|go|ruby|dotnet|node|auto", 0, 0},
    {"pin.max_bytes", SL_SIZE, AT(pin_max_bytes), "1GiB",
     "of deleted files that are held open, being unread", NULL, 0, 0},
    {"pin.min_free", SL_TEXT, AT(pin_min_free), "15%",
     "of the disk, or a size: below it they are given up", NULL, 0, 0},
    {0},
};

#undef AT
#define AT(member) offsetof(sl_output_config, member)

#define ENCODINGS "json|text|msgpack|raw" /* as sl_encoding counts them */

/* What the plugin decides stands here as "": see sl_output_rows_for(). */
const sl_option sl_output_rows[] = {
    {"name", SL_TEXT, AT(name), "", "unique; default: its type", NULL, 0, 0},
    {"select.namespaces", SL_LIST, AT(select.namespaces), "*", "globs; ! takes away", NULL, 0, 0},
    {"select.pods", SL_LIST, AT(select.pods), "*", "globs; ! takes away", NULL, 0, 0},
    {"select.containers", SL_LIST, AT(select.containers), "*", "globs; ! takes away", NULL, 0, 0},
    {"select.labels", SL_UNBUILT, 0, "", "a selector of labels", NULL, 0, 0},
    {"exclude.namespaces", SL_LIST, AT(exclude.namespaces), "", "globs; ! takes away", NULL, 0, 0},
    {"exclude.pods", SL_LIST, AT(exclude.pods), "", "globs; ! takes away", NULL, 0, 0},
    {"exclude.containers", SL_LIST, AT(exclude.containers), "", "globs; ! takes away", NULL, 0, 0},
    {"exclude.labels", SL_UNBUILT, 0, "", "a selector of labels", NULL, 0, 0},
    {"fields", SL_MAP, AT(fields), "", "constant fields for every record", NULL, 0, 0},
    {"encoding", SL_CHOICE, AT(encoding), "", "of a record; of stdout text, if it is a terminal",
     ENCODINGS, 0, 0},
    {"schema", SL_CHOICE, AT(schema), "ecs", "names of the fields", "ecs|fluentbit|flat", 0, 0},
    {"fluentbit.annotations", SL_UNBUILT, 0, NULL, "of the pod, in schema fluentbit", NULL, 0, 0},
    {"fluentbit.labels", SL_UNBUILT, 0, NULL, "of the pod, in schema fluentbit", NULL, 0, 0},
    {"fluentbit.merge", SL_UNBUILT, 0, NULL, "an object in the message as fields", NULL, 0, 0},
    {"fluentbit.replace_dots", SL_UNBUILT, 0, "false", "_ for dots in names", NULL, 0, 0},
    {"batch.max_bytes", SL_SIZE, AT(max_bytes), "", "encoded, before compression", NULL, KIB, GIB},
    {"batch.max_records", SL_COUNT, AT(max_records), "65536", "in a batch", NULL, 1, 1 << 24},
    {"batch.max_age", SL_TIME, AT(max_age_ms), "",
     "less up to a fifth, by chance; 0s: sealed at the end of each read turn", NULL, 0, HOUR},
    {"max_in_flight", SL_COUNT, AT(max_in_flight), "", "batches out at once", NULL, 1, 0},
    {"retry.initial", SL_TIME, AT(retry_initial_ms), "500ms", "the first back-off; it doubles",
     NULL, 1, HOUR},
    {"retry.max", SL_TIME, AT(retry_max_ms), "30s", "the longest back-off", NULL, 1, HOUR},
    {"retry.limit", SL_COUNT, AT(retry_limit), "0",
     "tries of a record, before it is a dead letter; 0: for ever", NULL, 0, 0},
    {"start_at", SL_CHOICE, AT(start_at), "now", "of an output that joins positions of others",
     "now|beginning", 0, 0},
    {"filters", SL_UNBUILT, 0, "", "after those of all outputs", NULL, 0, 0},
    {"dead_letter.max_bytes", SL_SIZE, AT(dead_max_bytes), "100MiB",
     "of refused records, on disk below state_dir", NULL, 0, 0},
    {"dead_letter.when_full", SL_CHOICE, AT(dead_when_full), "wait",
     "their containers wait, or they are dropped and counted", "wait|drop", 0, 0},
    {"reject_storm", SL_CHOICE, AT(reject_storm), "wait",
     "when most of the last 1,000 records were refused for one reason", "wait|continue", 0, 0},
    {0},
};

#undef AT

const sl_option *sl_output_type_rows(sl_store *store, const sl_plugin_set *set)
{
    sl_option *rows = sl_store_alloc(store, 2 * sizeof *rows);
    const char *choices = "";

    for (size_t i = 0; i < set->count; i++)
        choices = sl_store_format(store, "%s%s%s", choices, i ? "|" : "", set->known[i].name);
    rows[0] = (sl_option){
        "type", SL_CHOICE, offsetof(sl_output_type, plugin), NULL, "what takes the records", NULL,
        0,      0};
    rows[0].choices = choices;
    return rows;
}

const sl_option *sl_output_rows_for(sl_store *store, const sl_plugin *p, const char *encoding)
{
    sl_option *rows =
        memcpy(sl_store_alloc(store, sizeof sl_output_rows), sl_output_rows, sizeof sl_output_rows);
    sl_buf text = {0};

    for (sl_option *row = rows; row->name; row++) {
        text.len = 0;
        if (!strcmp(row->name, "name")) {
            row->fallback = p->name;
        } else if (!strcmp(row->name, "encoding")) {
            row->fallback = encoding;
            row->choices = p->output.encodings;
        } else if (!strcmp(row->name, "max_in_flight")) {
            row->max = p->output.max_in_flight;
            row->fallback = sl_store_format(
                store, "%u", p->output.in_flight ? p->output.in_flight : p->output.max_in_flight);
        } else if (!strcmp(row->name, "batch.max_bytes")) {
            sl_number_format(SL_SIZE, p->output.max_bytes, &text);
            row->fallback = sl_store_text(store, sl_buf_slice(&text));
        } else if (!strcmp(row->name, "batch.max_age")) {
            sl_number_format(SL_TIME, p->output.max_age_ms, &text);
            row->fallback = sl_store_text(store, sl_buf_slice(&text));
        }
    }
    sl_buf_fini(&text);
    return rows;
}
