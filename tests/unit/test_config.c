/* test_config.c - whole configurations: what they mean, and all that can be wrong with them. */
#include "cli/cli.h"
#include "control/config.h"
#include "control/plugin.h"
#include "control/rows.h"
#include "read/join.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The least that is right; a row adds what it is about. */
#define IN  "inputs: [{type: kubernetes}]\n"
#define OUT "outputs: [{type: \"null\"}]\n"

static sl_config *parse(const char *yaml, const char *set, sl_buf *errors)
{
    return sl_config_parse("x.yaml", sl_str(yaml), &set, set ? 1 : 0, errors);
}

/* All that is said of it; "" if it is right. */
static char *mistakes_of(const char *yaml, const char *set)
{
    sl_buf errors = {0};
    sl_config *c = parse(yaml, set, &errors);
    char *text = sl_strndup(errors.ptr ? errors.ptr : "", errors.len);

    ck_assert_int_eq(c != NULL, errors.len == 0);
    sl_config_free(c);
    sl_buf_fini(&errors);
    return text;
}

typedef struct bad {
    const char *yaml, *set, *mistakes;
} bad;

static void check_bad(const bad *row)
{
    char *got = mistakes_of(row->yaml, row->set);

    ck_assert_str_eq(got, row->mistakes);
    free(got);
}

/* T-CFG-01: unknown key, wrong type, unknown value, missing component. Every mistake at once. */
static const bad cfg_01[] = {
    {"inputs: [{start_at: today, ignore_older: 1d, pin: {min_free: 101%}}]\n" OUT, NULL,
     "x.yaml:1:21: inputs.0: start_at: \"today\" is none of beginning, end, a duration (24h), a "
     "time "
     "(2026-11-23T00:00:00Z)\n"
     "  inputs: [{start_at: today, ignore_older: 1d, pin: {min_free: 101%}}]\n"
     "                      ^\n"
     "x.yaml:1:42: inputs.0: ignore_older: \"1d\" is not a duration: write a whole number with ms, "
     "s, m or h\n"
     "  inputs: [{start_at: today, ignore_older: 1d, pin: {min_free: 101%}}]\n"
     "                                           ^\n"
     "x.yaml:1:62: inputs.0: pin.min_free: \"101%\" is neither a part of the disk (15%) nor a size "
     "(10GiB)\n"
     "  inputs: [{start_at: today, ignore_older: 1d, pin: {min_free: 101%}}]\n"
     "                                                               ^\n"},
    {IN OUT "memry_limit: 1MiB\n", NULL,
     "x.yaml:3:1: no option \"memry_limit\", did you mean \"memory_limit\"?\n"
     "  memry_limit: 1MiB\n"
     "  ^\n"},
    {IN "outputs:\n  - name: archive\n    type: file\n    pth: /x\n", NULL,
     "x.yaml:3:5: output \"archive\": path: is missing: file to append to; with %{...} one of "
     "many, "
     "in folders that are made\n"
     "    - name: archive\n"
     "      ^\n"
     "x.yaml:5:5: output \"archive\": no option \"pth\", did you mean \"path\"?\n"
     "      pth: /x\n"
     "      ^\n"},
    {IN "outputs: [{name: archive, type: fil, path: /x}]\n", NULL,
     "x.yaml:2:33: outputs.0: type: \"fil\" is none of stdout, file, null, did you mean \"file\"?\n"
     "  outputs: [{name: archive, type: fil, path: /x}]\n"
     "                                  ^\n"},
    {IN "outputs: [{name: archive}]\n", NULL,
     "x.yaml:2:11: outputs.0: type: is missing: what takes the records\n"
     "  outputs: [{name: archive}]\n"
     "            ^\n"},
    {IN "outputs: [{type: splunk, url: x}]\n", NULL,
     "x.yaml:2:18: outputs.0: type: \"splunk\" is none of stdout, file, null\n"
     "  outputs: [{type: splunk, url: x}]\n"
     "                   ^\n"},
    {IN "outputs:\n  - type: file\n    path: x/y\n    sync: maybe\n    batch: 1KiB\n", NULL,
     "x.yaml:4:11: output \"file\": path: \"x/y\" is not an absolute path: write it from the root "
     "on, \"/...\"\n"
     "      path: x/y\n"
     "            ^\n"
     "x.yaml:5:11: output \"file\": sync: \"maybe\" is neither true nor false\n"
     "      sync: maybe\n"
     "            ^\n"
     "x.yaml:6:12: output \"file\": batch: holds options: write batch: {max_bytes: ...}\n"
     "      batch: 1KiB\n"
     "             ^\n"},
    {IN OUT "log: {level: warning, fromat: json}\nlog_level: info\n", NULL,
     "x.yaml:3:14: log.level: \"warning\" is none of error, warn, info, debug, did you mean "
     "\"warn\"?\n"
     "  log: {level: warning, fromat: json}\n"
     "               ^\n"
     "x.yaml:3:23: no option \"log.fromat\", did you mean \"log.format\"?\n"
     "  log: {level: warning, fromat: json}\n"
     "                        ^\n"
     "x.yaml:4:1: no option \"log_level\", did you mean \"log.level\"?\n"
     "  log_level: info\n"
     "  ^\n"},
    {IN OUT "fields: [a]\nmemory_limit: {a: 1}\n", NULL,
     "x.yaml:3:9: fields: takes names and values: write {name: value}, or {} for none\n"
     "  fields: [a]\n"
     "          ^\n"
     "x.yaml:4:15: memory_limit: takes a single value, not a mapping\n"
     "  memory_limit: {a: 1}\n"
     "                ^\n"},
    {"inputs: [{path: /x, paths: [/y], follow: inotify}]\n" OUT, NULL,
     "x.yaml:1:21: inputs.0: no option \"paths\", did you mean \"path\"?\n"
     "  inputs: [{path: /x, paths: [/y], follow: inotify}]\n"
     "                      ^\n"
     "x.yaml:1:42: inputs.0: follow: \"inotify\" is none of auto, poll\n"
     "  inputs: [{path: /x, paths: [/y], follow: inotify}]\n"
     "                                           ^\n"},
    {"inputs: [{path: pods}]\n" OUT "state_dir: ./state\n", NULL,
     "x.yaml:1:17: inputs.0: path: \"pods\" is not an absolute path: write it from the root on, "
     "\"/...\"\n"
     "  inputs: [{path: pods}]\n"
     "                  ^\n"
     "x.yaml:3:12: state_dir: \"./state\" is not an absolute path: write it from the root on, "
     "\"/...\"\n"
     "  state_dir: ./state\n"
     "             ^\n"},
    {"inputs: [{path: \"\"}]\n" OUT "state_dir: \"\"\n", NULL,
     "x.yaml:1:17: inputs.0: path: is empty: write /var/log/pods\n"
     "  inputs: [{path: \"\"}]\n"
     "                  ^\n"
     "x.yaml:3:12: state_dir: is empty: write /var/lib/sluice\n"
     "  state_dir: \"\"\n"
     "             ^\n"},
    {"inputs: [{path: /var/log/containers}]\n" OUT, NULL,
     "x.yaml:1:17: inputs.0: path: /var/log/containers holds symlinks alone: write /var/log/pods, "
     "where the files are\n"
     "  inputs: [{path: /var/log/containers}]\n"
     "                  ^\n"},
    {"inputs: [{path: /var/log/containers/x}]\n" OUT, NULL,
     "x.yaml:1:17: inputs.0: path: /var/log/containers/x holds symlinks alone: write "
     "/var/log/pods, where the files are\n"
     "  inputs: [{path: /var/log/containers/x}]\n"
     "                  ^\n"},
    {"inputs: [{path: /data/pods}]\n" OUT "state_dir: /data/pods/sluice\n", NULL,
     "x.yaml:3:12: state_dir: lies below the input's path, where nothing may be written: take "
     "another folder\n"
     "  state_dir: /data/pods/sluice\n"
     "             ^\n"},
    {"inputs: [{select: {namespaces: [], pods: [\"!a\"], containers: [\"\", a/b, \"**\"]}}]\n" OUT,
     NULL,
     "x.yaml:1:32: inputs.0: select.namespaces: selects nothing: write [\"*\"], or leave it out\n"
     "  inputs: [{select: {namespaces: [], pods: [\"!a\"], containers: [\"\", a/b, \"**\"]}}]\n"
     "                                 ^\n"
     "x.yaml:1:42: inputs.0: select.pods: begins with \"!a\", which takes away from nothing: write "
     "[\"*\", \"!a\"]\n"
     "  inputs: [{select: {namespaces: [], pods: [\"!a\"], containers: [\"\", a/b, \"**\"]}}]\n"
     "                                           ^\n"
     "x.yaml:1:62: inputs.0: select.containers: \"\" matches no name: names are not empty and hold "
     "no /, and there is no **\n"
     "  inputs: [{select: {namespaces: [], pods: [\"!a\"], containers: [\"\", a/b, \"**\"]}}]\n"
     "                                                               ^\n"
     "x.yaml:1:62: inputs.0: select.containers: \"a/b\" matches no name: names are not empty and "
     "hold no /, and there is no **\n"
     "  inputs: [{select: {namespaces: [], pods: [\"!a\"], containers: [\"\", a/b, \"**\"]}}]\n"
     "                                                               ^\n"
     "x.yaml:1:62: inputs.0: select.containers: \"**\" matches no name: names are not empty and "
     "hold no /, and there is no **\n"
     "  inputs: [{select: {namespaces: [], pods: [\"!a\"], containers: [\"\", a/b, \"**\"]}}]\n"
     "                                                               ^\n"},
    {IN "outputs: [{type: \"null\", name: a/b}]\n", NULL,
     "x.yaml:2:32: output \"a/b\": name: takes 1 to 64 of the characters a-z A-Z 0-9 . _ -, and no "
     ". in front\n"
     "  outputs: [{type: \"null\", name: a/b}]\n"
     "                                 ^\n"},
    {IN "outputs: [{type: \"null\", name: .a}]\n", NULL,
     "x.yaml:2:32: output \".a\": name: takes 1 to 64 of the characters a-z A-Z 0-9 . _ -, and no "
     ". in front\n"
     "  outputs: [{type: \"null\", name: .a}]\n"
     "                                 ^\n"},
    {IN "outputs: [{type: \"null\", reject_storm: flee}]\n", NULL,
     "x.yaml:2:40: output \"null\": reject_storm: \"flee\" is none of wait, continue\n"
     "  outputs: [{type: \"null\", reject_storm: flee}]\n"
     "                                         ^\n"},
    {IN "outputs: [{type: \"null\", retry: {initial: 1m, max: 1s}}]\n", NULL,
     "x.yaml:2:33: output \"null\": retry: initial is longer than max\n"
     "  outputs: [{type: \"null\", retry: {initial: 1m, max: 1s}}]\n"
     "                                  ^\n"},
    {IN "outputs: [{type: \"null\", max_in_flight: 1000000}]\n", NULL,
     "x.yaml:2:41: output \"null\": max_in_flight: \"1000000\" is too large: at most 1\n"
     "  outputs: [{type: \"null\", max_in_flight: 1000000}]\n"
     "                                          ^\n"},
    {IN "outputs: [{type: \"null\", encoding: text}]\n", NULL,
     "x.yaml:2:36: output \"null\": encoding: \"text\" is none of json, msgpack, raw\n"
     "  outputs: [{type: \"null\", encoding: text}]\n"
     "                                     ^\n"},
    {IN "outputs: [{type: \"null\", start_at: end}]\n", NULL,
     "x.yaml:2:36: output \"null\": start_at: \"end\" is none of now, beginning\n"
     "  outputs: [{type: \"null\", start_at: end}]\n"
     "                                     ^\n"},
    /* templates: each mistake at its own place */
    {IN "outputs: [{type: file, path: \"/x/%{kubernetes.namespce}\"}]\n", NULL,
     "x.yaml:2:36: output \"file\": path: no record has a field \"kubernetes.namespce\", did you "
     "mean "
     "\"kubernetes.namespace\"?\n"
     "  outputs: [{type: file, path: \"/x/%{kubernetes.namespce}\"}]\n"
     "                                     ^\n"},
    {IN "outputs: [{type: file, path: \"/ü/%{+yyyy.mm.DD}\"}]\n", NULL,
     "x.yaml:2:45: output \"file\": path: \"DD\" is no part of a date: there are yyyy yy MM dd HH "
     "mm "
     "ss; a text stands outside of %{...}\n"
     "  outputs: [{type: file, path: \"/ü/%{+yyyy.mm.DD}\"}]\n"
     "                                              ^\n"},
    {IN "outputs:\n- type: file\n  path: /x/%{stream\n", NULL,
     "x.yaml:4:12: output \"file\": path: %{ has no }; a plain %{ is written %%{\n"
     "    path: /x/%{stream\n"
     "             ^\n"},
    {IN "outputs: [{type: file, path: \"/x/%{orchestrator.cluster.name}\"}]\n", NULL,
     "x.yaml:2:36: output \"file\": path: `cluster` is not set, so no record has that field: set "
     "it, "
     "or write a default, %{orchestrator.cluster.name:-none}\n"
     "  outputs: [{type: file, path: \"/x/%{orchestrator.cluster.name}\"}]\n"
     "                                     ^\n"},
    {IN "outputs: [{type: file, path: \"%{kubernetes.namespace}.log\"}]\n", NULL,
     "x.yaml:2:30: output \"file\": path: \"%{kubernetes.namespace}.log\" is not an absolute path: "
     "write it from the root on, \"/...\"\n"
     "  outputs: [{type: file, path: \"%{kubernetes.namespace}.log\"}]\n"
     "                               ^\n"},
    {IN "outputs: [{type: stdout, encoding: jsn}]\n", NULL,
     "x.yaml:2:36: output \"stdout\": encoding: \"jsn\" is none of json, text, msgpack, raw, did "
     "you mean "
     "\"json\"?\n"
     "  outputs: [{type: stdout, encoding: jsn}]\n"
     "                                     ^\n"},
    {IN OUT "admin: {listen: \"localhost\"}\n", NULL,
     "x.yaml:3:17: admin.listen: \"localhost\" is no address: write 127.0.0.1:9600, [::1]:9600, "
     ":9600 for all addresses of the machine, or \"\" for none\n"
     "  admin: {listen: \"localhost\"}\n"
     "                  ^\n"},
    {IN "outputs: [{type: stdout}]\nown_logs: true\n", NULL,
     "x.yaml:3:11: own_logs: with output \"stdout\" to stdout it would read what it writes, for "
     "ever: write false, or take another output\n"
     "  own_logs: true\n"
     "            ^\n"},
    {"inputs: [{on_oversize: cut}]\n" OUT, NULL,
     "x.yaml:1:24: inputs.0: on_oversize: \"cut\" is none of truncate, split, drop\n"
     "  inputs: [{on_oversize: cut}]\n"
     "                         ^\n"},
    {"inputs: [{skip_empty: maybe}]\n" OUT, NULL,
     "x.yaml:1:23: inputs.0: skip_empty: \"maybe\" is neither true nor false\n"
     "  inputs: [{skip_empty: maybe}]\n"
     "                        ^\n"},
    {"inputs: [{type: kubernetes, max_record: 16MiB}]\nmemory_limit: 16MiB\n" OUT, NULL,
     "x.yaml:1:41: max_record: 16MiB does not fit twice into memory_limit 16MiB: raise "
     "memory_limit "
     "to 32MiB, or lower max_record\n"
     "  inputs: [{type: kubernetes, max_record: 16MiB}]\n"
     "                                          ^\n"},
    {IN "outputs: [{type: \"null\"}]\nmemory_limit: 1MiB\n", NULL,
     "x.yaml:3:15: memory_limit: 1MiB is too small for output \"null\": three quarters of it must "
     "hold 3 batches of 512KiB; raise it to 2MiB, or lower batch.max_bytes to 256KiB\n"
     "  memory_limit: 1MiB\n"
     "                ^\n"},
    {IN "outputs: [{type: \"null\", batch: {max_bytes: 64MiB}}]\n", NULL,
     "x.yaml:2:45: memory_limit: 64MiB is too small for output \"null\": three quarters of it must "
     "hold 3 batches of 64MiB; raise it to 256MiB, or lower batch.max_bytes to 16MiB\n"
     "  outputs: [{type: \"null\", batch: {max_bytes: 64MiB}}]\n"
     "                                              ^\n"},
    {IN "outputs: [{type: \"null\", name: [a], select: {pods: []}}]\nmemory_limit: 1MiB\n", NULL,
     "x.yaml:2:32: output \"null\": name: takes a single value, not a list\n"
     "  outputs: [{type: \"null\", name: [a], select: {pods: []}}]\n"
     "                                 ^\n"
     "x.yaml:2:52: output \"null\": select.pods: selects nothing: write [\"*\"], or leave it out\n"
     "  outputs: [{type: \"null\", name: [a], select: {pods: []}}]\n"
     "                                                     ^\n"
     "x.yaml:3:15: memory_limit: 1MiB is too small for output \"null\": three quarters of it must "
     "hold 3 batches of 512KiB; raise it to 2MiB, or lower batch.max_bytes to 256KiB\n"
     "  memory_limit: 1MiB\n"
     "                ^\n"},
    {IN OUT, "memory_limit",
     "--set: \"memory_limit\" has no \"=\": write for example --set memory_limit=32MiB\n"},
    {IN OUT, "memory_limit=lots",
     "--set memory_limit: memory_limit: \"lots\" is not a size: write a whole number with KiB, "
     "MiB, GiB, KB, MB, GB or no unit\n"},
    {IN OUT, "memory_limit.x=1",
     "--set memory_limit.x: memory_limit: takes a single value, not a mapping\n"},
    {IN OUT, "inputs.0.pth=/x",
     "--set inputs.0.pth: inputs.0: no option \"pth\", did you mean \"path\"?\n"},
    {IN OUT, "inputs.5.path=/x", "--set inputs.5.path: there is no \"5\" to set\n"},
    {IN OUT, "outputs.nobody.type=file",
     "--set outputs.nobody.type: there is no \"nobody\" to set\n"},
    {IN OUT, "fields={a: b",
     "--set fields: not valid YAML: did not find expected ',' or '}', while parsing a flow mapping "
     "that begins in line 1\n"},
    {IN OUT, "fields=[&a b]",
     "--set fields: anchors are not taken: write \"&a\" in quotes, or leave it out\n"
     "--set fields: fields: takes names and values: write {name: value}, or {} for none\n"},
    {"a: 1\nb: 2\noutputs: 3\n", "c=4",
     "x.yaml: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "x.yaml:1:1: no option \"a\"\n"
     "  a: 1\n"
     "  ^\n"
     "x.yaml:2:1: no option \"b\"\n"
     "  b: 2\n"
     "  ^\n"
     "x.yaml:3:10: outputs: takes a list: write \"- type: ...\" below it\n"
     "  outputs: 3\n"
     "           ^\n"
     "--set c: no option \"c\"\n"},
};

START_TEST(t_cfg_01_shows_each_mistake)
{
    check_bad(&cfg_01[_i]);
}
END_TEST

/* What is promised and not built yet is refused by its name. */
static const bad unbuilt[] = {
    {IN OUT "version: 2\n", NULL,
     "x.yaml:3:10: version: \"2\" is not built yet in this version of sluice; only \"1\" is\n"
     "  version: 2\n"
     "           ^\n"},
    {IN OUT "reload: {on_change: true}\n", NULL,
     "x.yaml:3:1: `reload` is not built yet in this version of sluice\n"
     "  reload: {on_change: true}\n"
     "  ^\n"},
    {IN OUT "metadata:\n  source: api\n", NULL,
     "x.yaml:3:1: `metadata` is not built yet in this version of sluice\n"
     "  metadata:\n"
     "  ^\n"},
    {IN OUT "filters: [{type: json}]\n", NULL,
     "x.yaml:3:1: `filters` is not built yet in this version of sluice\n"
     "  filters: [{type: json}]\n"
     "  ^\n"},
    {IN OUT "limit: {per_container: 1MiB}\n", NULL,
     "x.yaml:3:24: limit.per_container: \"1MiB\" is not built yet in this version of sluice; only "
     "\"0\" is\n"
     "  limit: {per_container: 1MiB}\n"
     "                         ^\n"},
    {"inputs: [{multiline: java}]\n" OUT, NULL,
     "x.yaml:1:22: inputs.0: multiline: \"java\" is not built yet in this version of sluice; only "
     "\"none\" is\n"
     "  inputs: [{multiline: java}]\n"
     "                       ^\n"},
    {"inputs: [{multiline: {start: x}}]\n" OUT, NULL,
     "x.yaml:1:11: inputs.0: `multiline` is not built yet in this version of sluice\n"
     "  inputs: [{multiline: {start: x}}]\n"
     "            ^\n"},
    {"inputs: [{select: {labels: \"app=x\"}, exclude: {labels: x}}]\n" OUT, NULL,
     "x.yaml:1:20: inputs.0: `select.labels` is not built yet in this version of sluice\n"
     "  inputs: [{select: {labels: \"app=x\"}, exclude: {labels: x}}]\n"
     "                     ^\n"
     "x.yaml:1:48: inputs.0: `exclude.labels` is not built yet in this version of sluice\n"
     "  inputs: [{select: {labels: \"app=x\"}, exclude: {labels: x}}]\n"
     "                                                 ^\n"},
    {IN "outputs: [{type: \"null\", schema: fluentbit, fluentbit: {labels: true}}]\n", NULL,
     "x.yaml:2:57: output \"null\": `fluentbit.labels` is not built yet in this version of sluice\n"
     "  outputs: [{type: \"null\", schema: fluentbit, fluentbit: {labels: true}}]\n"
     "                                                          ^\n"},
    {IN "outputs: [{type: \"null\", fluentbit: {merge: {target: x}, annotations: true}}]\n", NULL,
     "x.yaml:2:38: output \"null\": `fluentbit.merge` is not built yet in this version of sluice\n"
     "  outputs: [{type: \"null\", fluentbit: {merge: {target: x}, annotations: true}}]\n"
     "                                       ^\n"
     "x.yaml:2:58: output \"null\": `fluentbit.annotations` is not built yet in this version of "
     "sluice\n"
     "  outputs: [{type: \"null\", fluentbit: {merge: {target: x}, annotations: true}}]\n"
     "                                                           ^\n"},
    {IN "outputs: [{type: \"null\", filters: [x], select: {labels: x}}]\n", NULL,
     "x.yaml:2:26: output \"null\": `filters` is not built yet in this version of sluice\n"
     "  outputs: [{type: \"null\", filters: [x], select: {labels: x}}]\n"
     "                           ^\n"
     "x.yaml:2:49: output \"null\": `select.labels` is not built yet in this version of sluice\n"
     "  outputs: [{type: \"null\", filters: [x], select: {labels: x}}]\n"
     "                                                  ^\n"},
    {"state_dir: \"/x/%{+yyyy}\"\n" IN "outputs: [{type: \"null\"}]\n", NULL,
     "x.yaml:1:12: state_dir: a template (%{...}) in a path is not built yet in this version of "
     "sluice\n"
     "  state_dir: \"/x/%{+yyyy}\"\n"
     "             ^\n"},
};

START_TEST(reads_several_inputs_and_outputs)
{
    sl_buf errors = {0};
    sl_config *c = parse("inputs: [{type: kubernetes}, {type: kubernetes, path: /other}]\n"
                         "outputs: [{type: \"null\"}, {type: stdout, select: {pods: [a]}}]\n",
                         NULL, &errors);

    ck_assert_msg(c, "%.*s", (int)errors.len, errors.ptr);
    ck_assert_uint_eq(c->input_count, 2);
    ck_assert_str_eq(c->inputs[0].path, "/var/log/pods");
    ck_assert_str_eq(c->inputs[1].path, "/other");
    ck_assert_uint_eq(c->output_count, 2);
    ck_assert_str_eq(c->outputs[0].name, "null");
    ck_assert_str_eq(c->outputs[1].name, "stdout");
    ck_assert_str_eq(c->outputs[1].select.pods.items[0], "a");
    sl_config_free(c);
}
END_TEST

START_TEST(refuses_what_is_not_built)
{
    check_bad(&unbuilt[_i]);
    ck_assert_ptr_nonnull(strstr(unbuilt[_i].mistakes, "not built yet in this version of sluice"));
}
END_TEST

/* T-CFG-02: malformed documents of other agents' suites, and their like. */
static const bad cfg_02[] = {
    {"service:\n  hot_reload: \"on\"\npipeline:\n  inputs:\n    - name: x\n      hi: * # quote "
     "it\n",
     NULL,
     "x.yaml:6:12: not valid YAML: did not find expected alphabetic or numeric character, while "
     "scanning an alias that begins in line 6\n"
     "        hi: * # quote it\n"
     "             ^\n"},
    {"custom_info:\n    nested:\n        key: value\n", NULL,
     "x.yaml: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "x.yaml: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"
     "x.yaml:1:1: no option \"custom_info\"\n"
     "  custom_info:\n"
     "  ^\n"},
    {"cUSTOMS: {processors: {{metrics: [O: [],O: [4: [/-1,O: [-: [444,O: [--O: [],O: _T,true]\n",
     NULL,
     "x.yaml:1:24: a key must be a plain text\n"
     "  cUSTOMS: {processors: {{metrics: [O: [],O: [4: [/-1,O: [-: [444,O: [--O: [],O: _T,true]\n"
     "                         ^\n"},
    {"inputs: [{type: kubernetes]\n", NULL,
     "x.yaml:1:27: not valid YAML: did not find expected ',' or '}', while parsing a flow mapping "
     "that begins in line 1\n"
     "  inputs: [{type: kubernetes]\n"
     "                            ^\n"},
    {"inputs:\n- type: kubernetes\n outputs:\n", NULL,
     "x.yaml:3:2: not valid YAML: did not find expected key, while parsing a block mapping that "
     "begins in line 1\n"
     "   outputs:\n"
     "   ^\n"},
    {"inputs: &i [{type: kubernetes}]\noutputs: *i\n", NULL,
     "x.yaml:1:9: anchors are not taken: write \"&i\" in quotes, or leave it out\n"
     "  inputs: &i [{type: kubernetes}]\n"
     "          ^\n"
     "x.yaml:2:10: aliases are not taken: write \"*i\" in quotes, or the value itself\n"
     "  outputs: *i\n"
     "           ^\n"
     "x.yaml:2:10: outputs: takes a list: write \"- type: ...\" below it\n"
     "  outputs: *i\n"
     "           ^\n"},
    {"- inputs\n", NULL,
     "x.yaml:1:1: takes options, such as \"inputs:\" and \"outputs:\"\n"
     "  - inputs\n"
     "  ^\n"},
    {"inputs\n", NULL,
     "x.yaml:1:1: takes options, such as \"inputs:\" and \"outputs:\"\n"
     "  inputs\n"
     "  ^\n"},
    {IN OUT "---\n" IN OUT, NULL,
     "x.yaml:3:1: a second document: one file holds one\n"
     "  ---\n"
     "  ^\n"},
    {IN IN OUT, NULL,
     "x.yaml:2:1: \"inputs\" is given twice\n"
     "  inputs: [{type: kubernetes}]\n"
     "  ^\n"},
    {"inputs: [kubernetes]\noutputs: [[a]]\n", NULL,
     "x.yaml:1:10: inputs.0: holds options: write \"- type: ...\"\n"
     "  inputs: [kubernetes]\n"
     "           ^\n"
     "x.yaml:2:11: outputs.0: holds options: write \"- type: ...\"\n"
     "  outputs: [[a]]\n"
     "            ^\n"},
    {"\xff\xfei\0n\0", NULL,
     "x.yaml:1:1: not valid YAML: invalid leading UTF-8 octet\n"
     "  \xff\xfei\n"
     "  ^\n"},
};

START_TEST(t_cfg_02_survives_each_document)
{
    check_bad(&cfg_02[_i]);
}
END_TEST

/* T-CFG-05: nothing to do is said, not done. */
static const bad cfg_05[] = {
    {"", NULL,
     "x.yaml: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "x.yaml: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"},
    {"# nothing\n\n# here\n", NULL,
     "x.yaml: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "x.yaml: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"},
    {"---\n", NULL,
     "x.yaml: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "x.yaml: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"},
    {"null\n", NULL,
     "x.yaml: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "x.yaml: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"},
    {"inputs:\n" OUT, NULL,
     "x.yaml:1:8: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "  inputs:\n"
     "         ^\n"},
    {"inputs: []\n" OUT, NULL,
     "x.yaml:1:9: no inputs: say what to read, for example \"inputs: [{type: kubernetes}]\"\n"
     "  inputs: []\n"
     "          ^\n"},
    {"inputs: {}\n" OUT, NULL,
     "x.yaml:1:9: inputs: takes a list: write \"- type: ...\" below it\n"
     "  inputs: {}\n"
     "          ^\n"},
    {IN, NULL,
     "x.yaml: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"},
    {IN "outputs:\n", NULL,
     "x.yaml:2:9: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"
     "  outputs:\n"
     "          ^\n"},
    {IN "outputs: []\n", NULL,
     "x.yaml:2:10: no outputs: say where to write, for example \"outputs: [{type: stdout}]\"\n"
     "  outputs: []\n"
     "           ^\n"},
    {IN "outputs: [{}]\n", NULL,
     "x.yaml:2:11: outputs.0: type: is missing: what takes the records\n"
     "  outputs: [{}]\n"
     "            ^\n"},
    {IN "outputs: [null]\n", NULL,
     "x.yaml:2:11: outputs.0: holds options: write \"- type: ...\"\n"
     "  outputs: [null]\n"
     "            ^\n"},
    {IN OUT "fields:\nlog:\n", NULL,
     "x.yaml:3:8: fields: takes names and values: write {name: value}, or {} for none\n"
     "  fields:\n"
     "         ^\n"
     "x.yaml:4:5: log: holds options: write log: {level: ...}\n"
     "  log:\n"
     "      ^\n"},
};

START_TEST(t_cfg_05_asks_for_something_to_do)
{
    check_bad(&cfg_05[_i]);
}
END_TEST

/* T-CFG-07: the same thing twice. */
static const bad cfg_07[] = {
    {"inputs: [{path: /a}, {path: /a}]\n" OUT, NULL,
     "x.yaml:1:29: inputs.1: path: another input reads it already\n"
     "  inputs: [{path: /a}, {path: /a}]\n"
     "                              ^\n"},
    {IN "outputs:\n  - {name: a, type: \"null\"}\n  - {name: a, type: stdout}\n", NULL,
     "x.yaml:4:12: output \"a\": another output has that name: give each its own\n"
     "    - {name: a, type: stdout}\n"
     "             ^\n"},
    {IN "outputs: [{type: \"null\"}, {type: \"null\"}]\n", NULL,
     "x.yaml:2:27: output \"null\": another output has that name: give each its own\n"
     "  outputs: [{type: \"null\"}, {type: \"null\"}]\n"
     "                            ^\n"},
};

START_TEST(t_cfg_07_refuses_the_same_twice)
{
    check_bad(&cfg_07[_i]);
}
END_TEST

/* T-CFG-09: clear limits for what is much too much. */
START_TEST(t_cfg_09_is_bounded)
{
    sl_buf yaml = {0};
    char *got;

    sl_buf_add_text(&yaml, OUT "inputs:\n");
    for (int i = 0; i < 10000; i++)
        sl_buf_add_text(&yaml, "- {type: kubernetes}\n");
    sl_buf_add(&yaml, "", 1);
    got = mistakes_of(yaml.ptr, NULL);
    ck_assert_ptr_nonnull(strstr(got, ": more than 10,000 values\n"));
    free(got);

    yaml.len = 0;
    sl_buf_add_text(&yaml, OUT "inputs:\n");
    for (int i = 0; i < 200; i++)
        sl_buf_add_text(&yaml, "- {pth: /x}\n");
    sl_buf_add(&yaml, "", 1);
    got = mistakes_of(yaml.ptr, NULL);
    ck_assert_ptr_nonnull(strstr(got, "x.yaml:3:4: inputs.0: no option \"pth\", did you mean"));
    ck_assert_ptr_nonnull(strstr(got, "\nand "));
    ck_assert_uint_lt(strlen(got), 10000);
    free(got);
    sl_buf_fini(&yaml);
}
END_TEST

/* T-CFG-14: every number of the agent at, below and above its bounds. */
static void check_numbers(const sl_option *rows, const char *prefix)
{
    static const char *const never[] = {"-1", "1.5", "", "18446744073709551616", "0x10", "1e3"};

    for (const sl_option *row = rows; row->name; row++) {
        if (row->type != SL_SIZE && row->type != SL_TIME && row->type != SL_COUNT)
            continue;
        for (size_t i = 0; i < SL_COUNT_OF(never) + 2; i++) {
            uint64_t beyond = i == SL_COUNT_OF(never) ? row->min - 1 : row->max + 1;
            const char *unit = row->type == SL_TIME ? "ms" : "";
            char *set, *got;

            if (i == SL_COUNT_OF(never) ? row->min == 0 : i > SL_COUNT_OF(never) && row->max == 0)
                continue;
            set = i < SL_COUNT_OF(never) ? sl_format("%s%s=%s", prefix, row->name, never[i])
                                         : sl_format("%s%s=%llu%s", prefix, row->name,
                                                     (unsigned long long)beyond, unit);
            got = mistakes_of(IN OUT, set);
            ck_assert_msg(*got, "%s is taken", set);
            ck_assert_msg(strstr(got, row->name), "%s: %s", set, got);
            free(got);
            free(set);
        }
    }
}

START_TEST(t_cfg_14_bounds_every_number)
{
    sl_store store = {0};

    check_numbers(sl_root_rows, "");
    check_numbers(sl_input_rows, "inputs.0.");
    check_numbers(sl_output_rows_for(&store, sl_plugin_find("null"), "json"), "outputs.0.");
    sl_store_fini(&store);
}
END_TEST

/* What is right: one line of its dump tells. */
static const struct {
    const char *yaml, *set, *line;
} good[] = {
    {IN OUT, NULL, "\nmemory_limit: 64MiB\n"},
    {IN OUT "version: 1\n", NULL, "\nstate_dir: \"/var/lib/sluice\"\n"},
    {IN OUT "memory_limit: 2MiB\n", NULL, "\nmemory_limit: 2MiB\n"}, /* exactly enough */
    {IN "outputs: [{type: null}]\n", NULL, "- type: null\n    name: \"null\"\n"},
    {IN "outputs: [{type: null, batch: {max_bytes: 64KiB}}]\nmemory_limit: 1MiB\n", NULL,
     "max_bytes: 64KiB"},
    {IN "outputs: [{type: file, path: /x/y}]\n", NULL, "\n    path: \"/x/y\"\n    sync: false\n"},
    {IN "outputs: [{type: file, path: /x/y}]\nown_logs: true\n", NULL, "\nown_logs: true\n"},
    {IN "outputs: [{type: stdout, encoding: text}]\n", NULL, "\n    encoding: text\n"},
    {IN "outputs: [{type: stdout, encoding: json}]\n", NULL, "\n    encoding: json\n"},
    {"inputs: [{select: {namespaces: [shop, \"!a*\"]}, exclude: {pods: [x]}}]\n" OUT, NULL,
     "\n      namespaces: [\"shop\", \"!a*\"]\n"},
    {"inputs: [{max_record: 128, start_at: end, follow: poll}]\n" OUT, NULL,
     "\n    start_at: \"end\"\n    follow: poll\n    max_record: 128\n"},
    {"inputs: [{start_at: 24h, ignore_older: 72h, pin: {max_bytes: 5MiB, min_free: 1GiB}}]\n" OUT,
     NULL, "\n    ignore_older: 72h\n    pin:\n      max_bytes: 5MiB\n      min_free: \"1GiB\"\n"},
    {"inputs: [{start_at: \"2026-11-23T01:00:00.5+01:00\"}]\n" OUT, NULL,
     "\n    start_at: \"2026-11-23T01:00:00.5+01:00\"\n"},
    {"inputs: [{start_at: 2026-11-23T00:00:00Z, pin: {max_bytes: 0}}]\n" OUT, NULL,
     "\n      max_bytes: 0\n      min_free: \"15%\"\n"},
    {"inputs: [{path: /var/log/containers2}]\n" OUT, NULL, "\"/var/log/containers2\"\n"},
    {"inputs: [{on_oversize: split, skip_empty: true}]\n" OUT, NULL,
     "\n    on_oversize: split\n    skip_empty: true\n"},
    {"inputs: [{path: /x}]\n" OUT, NULL, "\n    on_oversize: truncate\n    skip_empty: false\n"},
    /* the value that asks for nothing of what is not built */
    {"inputs: [{multiline: none, ignore_older: 0s,"
     " select: {labels: \"\"}}]\nfilters: []\nlimit: {per_container: 0, per_namespace: 0}\n" OUT,
     NULL, "\nmemory_limit: 64MiB\n"},
    {IN "outputs: [{type: null, schema: ecs, filters: [], retry: {limit: 0}}]\n", NULL,
     "\n      initial: 500ms\n"},
    /* a byte order mark, other line ends */
    {"\xef\xbb\xbf" IN OUT, NULL, "\nmemory_limit: 64MiB\n"},
    {"inputs: [{type: kubernetes}]\r\noutputs: [{type: null}]\r\n", NULL, "- type: null\n"},
    /* --set */
    {IN OUT, "memory_limit=32MiB", "\nmemory_limit: 32MiB\n"},
    {IN OUT "log: {level: warn}\n", "log.format=json", "\n  level: warn\n  format: json\n"},
    {IN OUT, "inputs.0.path=/x", "\n    path: \"/x\"\n"},
    {IN OUT, "inputs.0.select.namespaces=[a, \"!b\"]", "\n      namespaces: [\"a\", \"!b\"]\n"},
    {IN OUT, "outputs.0.type=stdout", "- type: stdout\n"},
    {IN "outputs: [{name: a, type: null}]\n", "outputs.a.max_in_flight=1", "max_in_flight: 1\n"},
    {IN OUT, "fields.team=a: b #c", "\nfields: {\"team\": \"a: b #c\"}\n"},
    {IN OUT, "fields.a.b=", "\nfields: {\"a.b\": \"\"}\n"},
    {IN OUT, "fields={\"x.y\": z}", "\nfields: {\"x.y\": \"z\"}\n"},
    {IN OUT, "cluster=\"\\u00e9\"", "cluster: \"\xc3\xa9\"\n"},
    {IN OUT, "cluster=null", "cluster: \"null\"\n"},
    {IN OUT, "cluster=${env:SL_SET}=", "cluster: \"value=\"\n"},
    {IN, "outputs.0.type=file", NULL}, /* its path is missing */
    {"", "inputs.0.path=/x", NULL},
};

START_TEST(takes_what_is_right)
{
    sl_buf errors = {0}, dump = {0};
    sl_config *c;

    setenv("SL_SET", "value", 1);
    c = parse(good[_i].yaml, good[_i].set, &errors);
    ck_assert_msg((c == NULL) == (good[_i].line == NULL), "%.*s", (int)errors.len, errors.ptr);
    if (c) {
        sl_config_dump(c, &dump);
        sl_buf_add(&dump, "", 1);
        ck_assert_msg(strstr(dump.ptr, good[_i].line), "got %s", dump.ptr);
    }
    sl_config_free(c);
    sl_buf_fini(&errors);
    sl_buf_fini(&dump);
}
END_TEST

/* A dump is the same configuration again. */
START_TEST(dumps_what_it_reads)
{
    static const char yaml[] =
        "cluster: \"a\\\"b ${env:SL_ODD}\"\nnode: n1\nfields: {x.y: '1', z: ''}\nlog: {level: "
        "debug}\n"
        "inputs: [{path: /x, select: {pods: [a, '!b']}, partial_timeout: 1500ms}]\n"
        "outputs: [{type: file, path: /y, sync: true, batch: {max_age: 0s, max_bytes: 1500}}]\n";
    sl_buf errors = {0}, dump[2] = {{0}};
    sl_slice text = SL_SLICE(yaml);

    setenv("SL_ODD", "$${x} ${y} \xff \x1b", 1);
    for (int i = 0; i < 2; i++) {
        sl_config *c = sl_config_parse("x.yaml", text, NULL, 0, &errors);

        ck_assert_msg(c, "%.*s", (int)errors.len, errors.ptr);
        sl_config_dump(c, &dump[i]);
        sl_config_free(c);
        text = sl_buf_slice(&dump[i]);
    }
    ck_assert_uint_eq(dump[0].len, dump[1].len);
    ck_assert_mem_eq(dump[0].ptr, dump[1].ptr, dump[0].len);
    sl_buf_fini(&dump[0]);
    sl_buf_fini(&dump[1]);
    sl_buf_fini(&errors);
}
END_TEST

/* Every value lands in the field that it is for. */
START_TEST(fills_in_every_field)
{
    sl_buf errors = {0};
    sl_config *c = parse(
        "cluster: c1\nnode: n1\nfields: {f: g}\nstate_dir: /s\nmemory_limit: 8MiB\n"
        "checkpoint_interval: 2s\nshutdown_timeout: 3s\nown_logs: true\n"
        "admin: {listen: \"[::1]:9\"}\n"
        "log: {level: error, format: logfmt}\n"
        "inputs: [{path: /p, start_at: end, follow: poll, max_record: 1KiB, partial_timeout: 4s,\n"
        "  on_oversize: drop, skip_empty: true,\n"
        "  ignore_older: 5s, pin: {max_bytes: 6, min_free: 7%},\n"
        "  select: {namespaces: [a], pods: [b], containers: [c]},\n"
        "  exclude: {namespaces: [d], pods: [e], containers: [f]}}]\n"
        "outputs: [{name: o, type: file, path: /o, encoding: json, fields: {h: i},\n"
        "  batch: {max_bytes: 2KiB, max_records: 5, max_age: 6s}, max_in_flight: 1,\n"
        "  retry: {initial: 7s, max: 8s, limit: 3}, select: {pods: [g]}, exclude: {pods: [h]},\n"
        "  start_at: beginning, dead_letter: {max_bytes: 9KiB, when_full: drop},\n"
        "  reject_storm: continue}]\n",
        NULL, &errors);

    ck_assert_msg(c, "%.*s", (int)errors.len, errors.ptr);
    ck_assert_str_eq(c->file, "x.yaml");
    ck_assert_str_eq(c->cluster, "c1");
    ck_assert_str_eq(c->node, "n1");
    ck_assert_str_eq(c->fields.names[0], "f");
    ck_assert_str_eq(c->fields.values[0], "g");
    ck_assert_uint_eq(c->fields.count, 1);
    ck_assert_str_eq(c->state_dir, "/s");
    ck_assert_uint_eq(c->memory_limit, 8 << 20);
    ck_assert_uint_eq(c->checkpoint_interval_ms, 2000);
    ck_assert_uint_eq(c->shutdown_timeout_ms, 3000);
    ck_assert(c->own_logs);
    ck_assert_str_eq(c->admin_listen, "[::1]:9");
    ck_assert_int_eq(c->log_level, SL_LOG_ERROR);
    ck_assert_int_eq(c->log_format, SL_LOG_LOGFMT);
    ck_assert_str_eq(c->inputs[0].path, "/p");
    ck_assert_int_eq(c->inputs[0].start.kind, SL_START_END);
    ck_assert_uint_eq(c->inputs[0].ignore_older_ms, 5000);
    ck_assert_uint_eq(c->inputs[0].pin_max_bytes, 6);
    ck_assert(c->inputs[0].pin_free.percent);
    ck_assert_uint_eq(c->inputs[0].pin_free.value, 7);
    ck_assert_int_eq(c->inputs[0].follow, SL_FOLLOW_POLL);
    ck_assert_uint_eq(c->inputs[0].max_record, 1024);
    ck_assert_uint_eq(c->inputs[0].partial_timeout_ms, 4000);
    ck_assert_int_eq(c->inputs[0].on_oversize, SL_OVERSIZE_DROP);
    ck_assert(c->inputs[0].skip_empty);
    ck_assert_str_eq(c->inputs[0].select.namespaces.items[0], "a");
    ck_assert_str_eq(c->inputs[0].select.pods.items[0], "b");
    ck_assert_str_eq(c->inputs[0].select.containers.items[0], "c");
    ck_assert_str_eq(c->inputs[0].exclude.namespaces.items[0], "d");
    ck_assert_str_eq(c->inputs[0].exclude.pods.items[0], "e");
    ck_assert_str_eq(c->inputs[0].exclude.containers.items[0], "f");
    ck_assert_str_eq(c->outputs[0].name, "o");
    ck_assert_str_eq(c->outputs[0].plugin->name, "file");
    ck_assert_ptr_nonnull(c->outputs[0].self);
    ck_assert_int_eq(c->outputs[0].start_at, SL_JOIN_BEGINNING);
    ck_assert_int_eq(c->outputs[0].encoding, SL_ENCODING_JSON);
    ck_assert_str_eq(c->outputs[0].fields.values[0], "i");
    ck_assert_uint_eq(c->outputs[0].max_bytes, 2048);
    ck_assert_uint_eq(c->outputs[0].max_records, 5);
    ck_assert_uint_eq(c->outputs[0].max_age_ms, 6000);
    ck_assert_uint_eq(c->outputs[0].max_in_flight, 1);
    ck_assert_uint_eq(c->outputs[0].retry_initial_ms, 7000);
    ck_assert_uint_eq(c->outputs[0].retry_max_ms, 8000);
    ck_assert_uint_eq(c->outputs[0].retry_limit, 3);
    ck_assert_uint_eq(c->outputs[0].dead_max_bytes, 9 << 10);
    ck_assert_int_eq(c->outputs[0].dead_when_full, SL_DEAD_DROP);
    ck_assert_int_eq(c->outputs[0].reject_storm, SL_STORM_CONTINUE);
    ck_assert_str_eq(c->outputs[0].select.pods.items[0], "g");
    ck_assert_str_eq(c->outputs[0].exclude.pods.items[0], "h");
    sl_config_free(c);
    sl_buf_fini(&errors);
}
END_TEST

/* Where no value is given, the environment and the host are asked. */
START_TEST(knows_its_node)
{
    char host[256] = "";
    sl_buf errors = {0};
    sl_config *c;

    ck_assert_int_eq(gethostname(host, sizeof host - 1), 0);
    unsetenv("NODE_NAME");
    c = parse(IN OUT, NULL, &errors);
    ck_assert_str_eq(c->node, host);
    sl_config_free(c);
    setenv("NODE_NAME", "worker-7", 1);
    c = parse(IN OUT, NULL, &errors);
    ck_assert_str_eq(c->node, "worker-7");
    sl_config_free(c);
}
END_TEST

/* stdout is for programs, unless people look: nobody does here. */
START_TEST(chooses_the_encoding)
{
    static const char *const sets[] = {"inputs.0.path=/x", "state_dir=/tmp/s",
                                       "outputs.0.encoding=json", "outputs.0.type=null"};
    sl_buf errors = {0};
    int null = open("/dev/null", O_WRONLY);
    sl_config *c;

    dup2(null, STDOUT_FILENO);
    c = parse(IN "outputs: [{type: stdout}]\n", NULL, &errors);
    ck_assert_int_eq(c->outputs[0].encoding, SL_ENCODING_JSON);
    sl_config_free(c);
    if (access("/etc/sluice/sluice.yaml", F_OK) == 0)
        return; /* then there is no built-in default to look at */
    c = sl_config_load(SL_FILES_UNSEEN, NULL, NULL, 0, &errors);
    ck_assert_ptr_null(c->file);
    ck_assert_str_eq(c->inputs[0].path, "/var/log/pods");
    ck_assert_str_eq(c->outputs[0].plugin->name, "stdout");
    ck_assert_int_eq(c->outputs[0].encoding, SL_ENCODING_TEXT);
    sl_config_free(c);
    c = sl_config_load(SL_FILES_UNSEEN, NULL, sets, 3, &errors);
    ck_assert_str_eq(c->inputs[0].path, "/x");
    ck_assert_str_eq(c->state_dir, "/tmp/s");
    ck_assert_int_eq(c->outputs[0].encoding, SL_ENCODING_JSON);
    sl_config_free(c);
    c = sl_config_load(SL_FILES_UNSEEN, NULL, &sets[3], 1, &errors);
    ck_assert_str_eq(c->outputs[0].plugin->name, "null");
    ck_assert_int_eq(c->outputs[0].encoding, SL_ENCODING_JSON);
    sl_config_free(c);
    close(null);
}
END_TEST

/* Secrets and what files hold never show: neither in a dump nor in a mistake. */
START_TEST(hides_what_files_hold)
{
    char folder[64], *path = NULL, *yaml = NULL;
    sl_buf errors = {0}, dump = {0};
    sl_config *c;
    FILE *f;

    path = sl_format("%s/secret", sl_scratch(folder));
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("/hunter2\n", f);
    fclose(f);
    yaml = sl_format("cluster: ${file:%s}\nfields: {a: \"x${file:%s}\"}\n"
                     "inputs: [{path: \"${file:%s}\"}]\n" OUT,
                     path, path, path);
    c = parse(yaml, NULL, &errors);
    ck_assert_msg(c, "%.*s", (int)errors.len, errors.ptr);
    ck_assert_str_eq(c->cluster, "/hunter2");
    sl_config_dump(c, &dump);
    sl_buf_add(&dump, "", 1);
    ck_assert_ptr_nonnull(strstr(dump.ptr, "cluster: \"***\"\n"));
    ck_assert_ptr_nonnull(strstr(dump.ptr, "fields: {\"a\": \"***\"}\n"));
    ck_assert_ptr_nonnull(strstr(dump.ptr, "    path: \"***\"\n"));
    ck_assert_ptr_null(strstr(dump.ptr, "hunter2"));
    sl_config_free(c);
    free(yaml);

    yaml = sl_format("inputs: [{select: {pods: [\"${file:%s}\"]}, follow: \"${file:%s}\"}]\n" OUT
                     "memory_limit: ${file:%s}\nmetadata: ${file:%s}\n",
                     path, path, path, path);
    c = parse(yaml, NULL, &errors);
    sl_buf_add(&errors, "", 1);
    ck_assert_ptr_null(c);
    ck_assert_ptr_nonnull(strstr(errors.ptr, "memory_limit: \"***\" is not a size"));
    ck_assert_ptr_nonnull(strstr(errors.ptr, "select.pods: \"***\" matches no name"));
    ck_assert_ptr_null(strstr(errors.ptr, "hunter2"));
    free(yaml);
    free(path);
    sl_buf_fini(&errors);
    sl_buf_fini(&dump);
    sl_scratch_gone(folder);
}
END_TEST

/* T-CFG-08: check looks, and touches nothing. */
START_TEST(t_cfg_08_check_touches_nothing)
{
    char folder[64], *path, *state;
    sl_cli_args args = {0};
    struct stat st;
    FILE *f;

    path = sl_format("%s/sluice.yaml", sl_scratch(folder));
    state = sl_format("%s/state", folder);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, IN "state_dir: %s\noutputs: [{type: file, path: %s/out}]\n", state, folder);
    fclose(f);
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
    args.file = path;
    ck_assert_int_eq(sl_cli_check(&args), SL_EXIT_DONE);
    args.verbose = true;
    ck_assert_int_eq(sl_cli_check(&args), SL_EXIT_DONE);
    ck_assert_int_lt(stat(state, &st), 0);
    free(state);
    state = sl_format("%s/out", folder);
    ck_assert_int_lt(stat(state, &st), 0);

    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    args.file = state; /* which is not there */
    ck_assert_int_eq(sl_cli_check(&args), SL_EXIT_USAGE);
    free(state);
    free(path);
    sl_scratch_gone(folder);
}
END_TEST

static const char *const shipped[] = {
    "conf/sluice.yaml",
    "conf/recipes/some-pods-to-a-file.yaml",
    "plugins/output_file/example.conf",
    "plugins/output_stdout/example.conf",
    "plugins/output_null/example.conf",
};

START_TEST(what_we_ship_is_right)
{
    char *path = sl_format(SL_TEST_DATA "/../../%s", shipped[_i]);
    sl_buf errors = {0};
    sl_config *c = sl_config_load(SL_FILES_UNSEEN, path, NULL, 0, &errors);

    ck_assert_msg(c, "%.*s", (int)errors.len, errors.ptr);
    sl_config_free(c);
    free(path);
}
END_TEST

/* --- the command line --- */

static int ran;

static int run(const sl_cli_args *args)
{
    ran = 1 + (int)args->set_count + (args->no_wait ? 10 : 0) +
          (args->file && !strcmp(args->file, "f") ? 100 : 0);
    return SL_EXIT_FAILED;
}

/* code     of the exit
 * ran      what run() makes of its arguments; 0: it was not called */
static const struct {
    const char *words[8];
    int code, ran;
} lines[] = {
    {{"sluice"}, SL_EXIT_FAILED, 1},
    {{"sluice", "run"}, SL_EXIT_FAILED, 1},
    {{"sluice", "run", "-c", "f", "--no-wait"}, SL_EXIT_FAILED, 111},
    {{"sluice", "-c", "f", "--set", "a=b", "--set", "c=d"}, SL_EXIT_FAILED, 103},
    {{"sluice", "run", "-c"}, SL_EXIT_USAGE, 0},
    {{"sluice", "run", "--set"}, SL_EXIT_USAGE, 0},
    {{"sluice", "run", "--json"}, SL_EXIT_USAGE, 0},
    {{"sluice", "run", "x"}, SL_EXIT_USAGE, 0},
    {{"sluice", "--nowait"}, SL_EXIT_USAGE, 0},
    {{"sluice", "run", "--help"}, SL_EXIT_DONE, 0},
    {{"sluice", "--help"}, SL_EXIT_DONE, 0},
    {{"sluice", "-h"}, SL_EXIT_DONE, 0},
    {{"sluice", "help"}, SL_EXIT_DONE, 0},
    {{"sluice", "help", "check"}, SL_EXIT_DONE, 0},
    {{"sluice", "help", "nothing"}, SL_EXIT_USAGE, 0},
    {{"sluice", "version"}, SL_EXIT_DONE, 0},
    {{"sluice", "--version"}, SL_EXIT_DONE, 0},
    {{"sluice", "version", "--json"}, SL_EXIT_DONE, 0},
    {{"sluice", "version", "-c", "f"}, SL_EXIT_USAGE, 0},
    {{"sluice", "options"}, SL_EXIT_DONE, 0},
    {{"sluice", "options", "file", "--json"}, SL_EXIT_DONE, 0},
    {{"sluice", "options", "fil"}, SL_EXIT_USAGE, 0},
    {{"sluice", "options", "file", "null"}, SL_EXIT_USAGE, 0},
    {{"sluice", "check", "-c", "/nowhere/at/all"}, SL_EXIT_USAGE, 0},
    {{"sluice", "check", "--live"}, SL_EXIT_USAGE, 0},
    {{"sluice", "chekc"}, SL_EXIT_USAGE, 0},
    {{"sluice", ""}, SL_EXIT_USAGE, 0},
    {{"sluice", "top"}, SL_EXIT_USAGE, 0},
    {{"sluice", "dead-letter", "lose"}, SL_EXIT_USAGE, 0},
};

START_TEST(obeys_each_command_line)
{
    char *argv[9] = {0};
    int argc = 0;

    for (; lines[_i].words[argc]; argc++)
        argv[argc] = sl_strdup(lines[_i].words[argc]);
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    ck_assert_int_eq(sl_cli_main(argc, argv, run), lines[_i].code);
    ck_assert_int_eq(ran, lines[_i].ran);
    while (argc > 0)
        free(argv[--argc]);
}
END_TEST

/* An input of files: globs that name something, and nothing that we write. */
static const bad files[] = {
    {"inputs: [{type: file}]\n" OUT, NULL,
     "x.yaml:1:10: inputs.0: paths: is missing: globs of files; ! takes away\n"
     "  inputs: [{type: file}]\n"
     "           ^\n"},
    {"inputs: [{type: file, paths: [x/*.log]}]\n" OUT, NULL,
     "x.yaml:1:30: inputs.0: paths: \"x/*.log\" is no absolute path: write /folder/*.log\n"
     "  inputs: [{type: file, paths: [x/*.log]}]\n"
     "                               ^\n"},
    {"inputs: [{type: file, paths: [/x/**/a.log]}]\n" OUT, NULL,
     "x.yaml:1:30: inputs.0: paths: \"/x/**/a.log\": there is no **: write one glob for each "
     "depth\n"
     "  inputs: [{type: file, paths: [/x/**/a.log]}]\n"
     "                               ^\n"},
    {"inputs: [{type: file, paths: [\"!/x/a.log\"]}]\n" OUT, NULL,
     "x.yaml:1:30: inputs.0: paths: begins with \"!\", which takes away from nothing\n"
     "  inputs: [{type: file, paths: [\"!/x/a.log\"]}]\n"
     "                               ^\n"},
    {"inputs: [{type: file, paths: [/*.log]}]\n" OUT, NULL,
     "x.yaml:1:30: inputs.0: paths: \"/*.log\" begins with no folder: write one, as in "
     "/folder/*.log\n"
     "  inputs: [{type: file, paths: [/*.log]}]\n"
     "                               ^\n"},
    {"inputs: [{type: file, paths: [/var/log/containers/*.log]}]\n" OUT, NULL,
     "x.yaml:1:30: inputs.0: paths: /var/log/containers/*.log holds symlinks alone: write "
     "/var/log/pods, where the files are\n"
     "  inputs: [{type: file, paths: [/var/log/containers/*.log]}]\n"
     "                               ^\n"},
    {"inputs: [{type: file, paths: [/x/*], path: /y}]\n" OUT, NULL,
     "x.yaml:1:38: inputs.0: no option \"path\", did you mean \"paths\"?\n"
     "  inputs: [{type: file, paths: [/x/*], path: /y}]\n"
     "                                       ^\n"},
    {"inputs: [{type: file, paths: [/x/*], format: gelf}]\n" OUT, NULL,
     "x.yaml:1:46: inputs.0: format: \"gelf\" is none of auto, cri, docker, plain\n"
     "  inputs: [{type: file, paths: [/x/*], format: gelf}]\n"
     "                                               ^\n"},
    {"inputs: [{allowed_roots: [/]}]\n" OUT, NULL,
     "x.yaml:1:26: inputs.0: allowed_roots: \"/\" is no folder of its own: write an absolute path, "
     "not / and without ..\n"
     "  inputs: [{allowed_roots: [/]}]\n"
     "                           ^\n"},
    {"inputs: [{type: file, paths: [/x/*]}]\noutputs: [{type: file, path: /x/out}]\n", NULL,
     "x.yaml: inputs.0: paths: /x/out matches, which is what output \"file\" writes: it would feed "
     "itself, for ever; take it away with \"!/x/out\"\n"},
    {"inputs: [{type: file, paths: [/x/*]}]\n" OUT "state_dir: /x\n", NULL,
     "x.yaml: inputs.0: paths: /x/checkpoint matches, which is our own state: it would feed "
     "itself, for ever; take it away with \"!/x/checkpoint\"\n"},
};

START_TEST(refuses_files_that_cannot_be)
{
    check_bad(&files[_i]);
}
END_TEST

SL_UNIT(SL_ROWS(refuses_files_that_cannot_be, files), SL_ROWS(t_cfg_01_shows_each_mistake, cfg_01),
        SL_ROWS(refuses_what_is_not_built, unbuilt),
        SL_ROWS(t_cfg_02_survives_each_document, cfg_02),
        SL_ROWS(t_cfg_05_asks_for_something_to_do, cfg_05),
        SL_ROWS(t_cfg_07_refuses_the_same_twice, cfg_07), SL_ONE(t_cfg_09_is_bounded),
        SL_ONE(t_cfg_14_bounds_every_number), SL_ROWS(takes_what_is_right, good),
        SL_ONE(dumps_what_it_reads), SL_ONE(fills_in_every_field),
        SL_ONE(reads_several_inputs_and_outputs), SL_ONE(knows_its_node),
        SL_ONE(chooses_the_encoding), SL_ONE(hides_what_files_hold),
        SL_ONE(t_cfg_08_check_touches_nothing), SL_ROWS(what_we_ship_is_right, shipped),
        SL_ROWS(obeys_each_command_line, lines))
