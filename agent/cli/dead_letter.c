/* dead_letter.c - `sluice dead-letter ls|show|redrive`: what outputs refused, and once more to them.
 *
 * Looking reads the files as they are, beside an agent that runs, too. An agent that runs redrives by
 * itself, when it is asked to; without one it is done here, under the agent's lock. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/redrive.h"
#include "ship/dead_files.h"
#include "ship/lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define WHO    "sluice dead-letter"
#define ASK_MS 100

/* One call of the command. */
typedef struct work {
    const sl_cli_args *args;
    const sl_config *config;
    const char *output; /* NULL: all */
    size_t damaged, found;
    sl_buf out;
} work;

static int refuse(const char *what, const char *name)
{
    fprintf(stderr, "sluice dead-letter: %s%s\n", what, name);
    return SL_EXIT_FAILED;
}

static const sl_output_config *find_output(const sl_config *c, const char *name)
{
    for (size_t i = 0; i < c->output_count; i++) {
        if (!strcmp(c->outputs[i].name, name))
            return &c->outputs[i];
    }
    return NULL;
}

/* One that is not configured any more may have left something. */
static bool knows_output(const sl_config *c, const char *name)
{
    char **names;
    size_t count = sl_dead_files_outputs(c->state_dir, &names);
    bool known = find_output(c, name);

    for (size_t i = 0; i < count && !known; i++)
        known = !strcmp(names[i], name);
    sl_dead_files_free(names, count);
    return known;
}

/* --- looking --- */

/* Entries of one output, refused for one reason. */
typedef struct group {
    const char *output;
    char *reason, *first, *last, *example;
    uint64_t records, bytes;
} group;

typedef struct groups {
    group *items;
    size_t count;
} groups;

static bool is_meant(const work *w, const sl_dead_entry *e)
{
    return !w->args->reason || sl_slice_eq(e->reason, sl_str(w->args->reason));
}

/* Calls `each` for every entry of an output that is meant. */
static sl_err look_at(work *w, const char *output,
                      void (*each)(work *w, void *arg, const char *output, const sl_dead_entry *e,
                                   sl_slice line),
                      void *arg)
{
    char **paths;
    size_t count = sl_dead_files_find(w->config->state_dir, output, &paths);
    sl_buf store = {0};
    sl_dead_entry e;
    sl_err err = 0;

    for (size_t i = 0; i < count && !err; i++) {
        sl_dead_file f;

        err = sl_dead_file_read(paths[i], &f);
        for (size_t k = 0; !err && k < f.count; k++) {
            if (!sl_dead_entry_read(f.lines[k], &store, &e))
                w->damaged++;
            else if (is_meant(w, &e))
                each(w, arg, output, &e, f.lines[k]);
        }
        if (err)
            refuse(paths[i], ": cannot be read");
        else
            sl_dead_file_fini(&f);
    }
    sl_buf_fini(&store);
    sl_dead_files_free(paths, count);
    return err;
}

static void replace(char **text, sl_slice with)
{
    free(*text);
    *text = sl_strndup(with.ptr ? with.ptr : "", with.len);
}

static group *group_of(groups *g, const char *output, const sl_dead_entry *e)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->items[i].output == output && sl_slice_eq(sl_str(g->items[i].reason), e->reason))
            return &g->items[i];
    }
    g->items = sl_realloc(g->items, (g->count + 1) * sizeof *g->items);
    g->items[g->count] = (group){.output = output};
    replace(&g->items[g->count].reason, e->reason);
    replace(&g->items[g->count].first, e->time);
    return &g->items[g->count++];
}

static void count_entry(work *w, void *arg, const char *output, const sl_dead_entry *e,
                        sl_slice line)
{
    group *g = group_of(arg, output, e);

    (void)w, (void)line;
    g->records++;
    g->bytes += e->value.len;
    replace(&g->last, e->time);
    replace(&g->example, e->error);
}

/* Bytes that do not show, from wherever they came, would reach the terminal. */
static void add_shown(sl_buf *out, sl_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            sl_buf_add_format(out, "\\x%02x", (unsigned char)text.ptr[i]);
        else
            sl_buf_add(out, &text.ptr[i], 1);
    }
}

static void print_group(work *w, const group *g)
{
    if (!w->args->json) {
        sl_buf_add_format(&w->out, "%-16s %-12s %10" PRIu64 " %12" PRIu64 "  %.19sZ  %.19sZ  ",
                          g->output, g->reason, g->records, g->bytes, g->first, g->last);
        add_shown(&w->out, sl_str(g->example));
        sl_buf_add_text(&w->out, "\n");
        return;
    }
    sl_buf_add_format(&w->out,
                      "{\"output\":\"%s\",\"reason\":\"%s\",\"records\":%" PRIu64
                      ",\"bytes\":%" PRIu64 ",\"first\":\"%s\",\"last\":\"%s\",\"example\":\"",
                      g->output, g->reason, g->records, g->bytes, g->first, g->last);
    sl_buf_add_json(&w->out, sl_str(g->example));
    sl_buf_add_text(&w->out, "\"}\n");
}

static void print_groups(work *w, groups *g)
{
    if (!w->args->json && g->count > 0)
        sl_buf_add_format(&w->out, "%-16s %-12s %10s %12s  %-20s  %-20s  %s\n", "OUTPUT", "REASON",
                          "RECORDS", "BYTES", "FIRST", "LAST", "EXAMPLE");
    for (size_t i = 0; i < g->count; i++) {
        print_group(w, &g->items[i]);
        free(g->items[i].reason);
        free(g->items[i].first);
        free(g->items[i].last);
        free(g->items[i].example);
    }
    free(g->items);
}

static int list(work *w)
{
    groups g = {0};
    char **names;
    size_t count = sl_dead_files_outputs(w->config->state_dir, &names);
    sl_err err = 0;

    for (size_t i = 0; i < count && !err; i++) {
        if (!w->output || !strcmp(w->output, names[i]))
            err = look_at(w, names[i], count_entry, &g);
    }
    print_groups(w, &g);
    sl_dead_files_free(names, count);
    return err ? SL_EXIT_FAILED : SL_EXIT_DONE;
}

static void show_entry(work *w, void *arg, const char *output, const sl_dead_entry *e,
                       sl_slice line)
{
    sl_buf *out = &w->out;

    (void)arg, (void)output;
    if (w->args->json) {
        sl_buf_add(out, line.ptr, line.len);
        sl_buf_add_text(out, "\n");
        return;
    }
    sl_buf_add_format(out, "%.*s %.*s ", (int)e->time.len, e->time.ptr, (int)e->reason.len,
                      e->reason.ptr);
    add_shown(out, e->namespace);
    sl_buf_add_text(out, "/");
    add_shown(out, e->pod);
    sl_buf_add_text(out, "/");
    add_shown(out, e->container);
    sl_buf_add_format(out, " %.*s:%" PRIu64, (int)e->generation.len, e->generation.ptr, e->offset);
    if (e->piece)
        sl_buf_add_format(out, ".%" PRIu64, e->piece);
    sl_buf_add_text(out, "\n  ");
    add_shown(out, e->error);
    sl_buf_add_text(out, "\n  ");
    add_shown(out, e->value);
    sl_buf_add_text(out, "\n");
}

static int show(work *w)
{
    return look_at(w, w->output, show_entry, NULL) ? SL_EXIT_FAILED : SL_EXIT_DONE;
}

/* --- once more --- */

/* Returns the exit code. */
static int print_redriven(work *w, const sl_redriven *r)
{
    if (w->args->json)
        sl_buf_add_format(&w->out,
                          "{\"output\":\"%s\",\"delivered\":%zu,\"left\":%zu,\"twice\":%zu,"
                          "\"damaged\":%zu}\n",
                          w->output, r->delivered, r->left, r->twice, r->damaged);
    else
        sl_buf_add_format(&w->out, "output \"%s\": %zu delivered, %zu left\n", w->output,
                          r->delivered, r->left);
    if (r->left > 0)
        fprintf(stderr, WHO ": not all were taken: %s\n", r->words ? r->words : "not said");
    if (r->file) /* the agent's answer says why, too */
        fprintf(stderr, WHO ": %s%s%s\n", r->file, r->err ? ": " : "",
                r->err ? sl_strerror(r->err) : "");
    w->damaged = r->damaged;
    return r->left > 0 || r->file ? SL_EXIT_FAILED : SL_EXIT_DONE;
}

/* --- through the agent that runs --- */

/* A text of the answer; NULL: it has none of that name. */
static char *read_text(const sl_buf *answer, const char *name)
{
    char *key = sl_format(",\"%s\":\"", name), *text = NULL, *out;
    const char *at = memmem(answer->ptr, answer->len, key, strlen(key));

    if (at) {
        at += strlen(key);
        text = out = sl_strndup(at, (size_t)(answer->ptr + answer->len - at));
        for (const char *in = text; *in && *in != '"'; in++) {
            in += *in == '\\' && (in[1] == '"' || in[1] == '\\');
            *out++ = *in;
        }
        *out = '\0';
    }
    free(key);
    return text;
}

static bool read_answer(sl_buf *answer, sl_redriven *r)
{
    const char *counts;

    sl_buf_add(answer, "", 1);
    counts = strstr(answer->ptr, "\"delivered\":");
    if (!counts || sscanf(counts, "\"delivered\":%zu,\"left\":%zu,\"twice\":%zu,\"damaged\":%zu",
                          &r->delivered, &r->left, &r->twice, &r->damaged) != 4)
        return false;
    r->words = read_text(answer, "words");
    r->file = read_text(answer, "failed");
    return true;
}

static unsigned ask_agent(const work *w, const char *method, sl_buf *answer)
{
    sl_buf target = {0};
    unsigned status;

    sl_buf_add_text(&target, "/api/v1/dead-letter/redrive");
    sl_client_add_argument(&target, "output", w->output);
    if (w->args->reason)
        sl_client_add_argument(&target, "reason", w->args->reason);
    sl_buf_add(&target, "", 1);
    answer->len = 0;
    status = sl_client_ask(WHO, w->config->state_dir, method, target.ptr, answer);
    sl_buf_fini(&target);
    return status;
}

/* The agent begins; then it is asked how far it is, until it is over. */
static int redrive_there(work *w)
{
    sl_redriven r = {0};
    sl_buf answer = {0};
    unsigned status = ask_agent(w, "POST", &answer);
    int code = SL_EXIT_FAILED;

    while (status == 202) {
        uv_sleep(ASK_MS);
        status = ask_agent(w, "GET", &answer);
    }
    if (status == 200 && read_answer(&answer, &r))
        code = print_redriven(w, &r);
    else if (status)
        fprintf(stderr, WHO ": %.*s", (int)answer.len, answer.len ? answer.ptr : "");
    free(r.words);
    free(r.file);
    sl_buf_fini(&answer);
    return code;
}

static int redrive_here(work *w, const sl_output_config *o)
{
    sl_redriven r;
    int code = SL_EXIT_FAILED;

    if (!sl_cli_redrive(w->config, o, w->args->reason, &r))
        code = print_redriven(w, &r);
    free(r.words);
    free(r.file);
    return code;
}

static int redrive(work *w)
{
    const sl_output_config *o = find_output(w->config, w->output);
    char holder[128] = "";
    sl_lock lock = {.fd = -1};
    sl_err err;
    int code;

    if (!o)
        return refuse("the configuration has no output ", w->output);
    err = sl_lock_take(&lock, w->config->state_dir, holder, sizeof holder);
    if (err == SL_E_BUSY)
        return redrive_there(w);
    if (err)
        return refuse("the state directory cannot be locked: ", sl_strerror(err));
    code = redrive_here(w, o);
    sl_lock_release(&lock);
    return code;
}

/* --- the command --- */

static const struct verb {
    const char *name;
    size_t least; /* words behind it; one at most */
    int (*call)(work *);
} verbs[] = {{"ls", 0, list}, {"show", 1, show}, {"redrive", 1, redrive}};

static const struct verb *find_verb(const sl_cli_args *args)
{
    const char *name = args->word_count ? args->words[0] : "";

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!strcmp(verbs[i].name, name) && args->word_count > verbs[i].least &&
            args->word_count <= 2)
            return &verbs[i];
    }
    return NULL;
}

static int call(work *w, const struct verb *verb)
{
    int code, printed;

    if (w->output && !knows_output(w->config, w->output))
        return refuse("the configuration has no output ", w->output);
    code = verb->call(w);
    printed = sl_cli_print(&w->out);
    if (w->damaged > 0)
        fprintf(stderr, "sluice dead-letter: %zu damaged entries were skipped\n", w->damaged);
    return code ? code : printed;
}

/* NULL: any will do. */
static bool is_reason(const char *name)
{
    bool known = !name;

    for (size_t i = 0; i < SL_DEAD_REASONS && !known; i++)
        known = !strcmp(sl_dead_names[i], name);
    return known;
}

int sl_cli_dead_letter(const sl_cli_args *args)
{
    const struct verb *verb = find_verb(args);
    work w = {.args = args, .output = args->words[1]};
    sl_buf errors = {0};
    sl_config *config;
    int code = SL_EXIT_USAGE;

    if (!verb || (w.output && (strchr(w.output, '/') || *w.output == '.'))) {
        fputs("sluice dead-letter: takes ls [OUTPUT], show OUTPUT, or redrive OUTPUT\n"
              "sluice dead-letter --help says more\n",
              stderr);
        return code;
    }
    if (!is_reason(args->reason)) {
        fprintf(stderr,
                "sluice dead-letter: no reason \"%s\": there are rejected, too_large and "
                "retry_limit\n",
                args->reason);
        return code;
    }
    config = sl_config_load(SL_FILES_UNSEEN, args->file, args->sets, args->set_count, &errors);
    if (config) {
        w.config = config;
        code = call(&w, verb);
    } else {
        fwrite(errors.ptr, 1, errors.len, stderr);
    }
    sl_config_free(config);
    sl_buf_fini(&errors);
    sl_buf_fini(&w.out);
    return code;
}
