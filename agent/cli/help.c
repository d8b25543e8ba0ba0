/* help.c - which command is meant, its arguments, and `--help` for each: all from one table. */
#include "cli/cli.h"
#include "control/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TAKES_FILE = 1,
    TAKES_JSON = 2,
    TAKES_WAIT = 4,
    TAKES_VERBOSE = 8,
    TAKES_WORD = 16,
    TAKES_WORDS = 32,
    TAKES_TO = 64,
    TAKES_REASON = 128
};

#define FILE_HELP                                                                                  \
    "  -c FILE           the configuration; else /etc/sluice/sluice.yaml if it exists, else the\n" \
    "                    built-in default: pods from /var/log/pods to stdout, as text\n"           \
    "  --set KEY=VALUE   one option instead of the file's; may be given often\n"

typedef struct command {
    const char *name, *usage;
    const char *summary; /* one line, for `sluice --help` */
    unsigned takes;
    int (*call)(const sl_cli_args *); /* NULL: not built yet, or `run` */
    const char *help;                 /* options and an example */
} command;

static const command commands[] = {
    {"run", "sluice [run] [-c FILE] [--set KEY=VALUE]... [--no-wait]",
     "follow the container log files of this node and ship them", TAKES_FILE | TAKES_WAIT, NULL,
     FILE_HELP
     "  --no-wait         exit with 1 if another agent holds the state directory; else wait for "
     "it\n"
     "\n"
     "Ends on SIGTERM or SIGINT, when what was read is delivered; a second one ends it at once.\n"
     "\n"
     "  sluice run -c /etc/sluice/sluice.yaml\n"
     "  sluice --set inputs.0.path=/tmp/pods --set outputs.0.encoding=json --set "
     "state_dir=/tmp/state\n"},
    {"check", "sluice check [-c FILE] [--set KEY=VALUE]... [-v]",
     "say whether a configuration is right, and all that is wrong in it",
     TAKES_FILE | TAKES_VERBOSE, sl_cli_check,
     FILE_HELP
     "  -v                print the whole configuration too, with its defaults\n"
     "\n"
     "Nothing is created, opened for writing or changed; an agent may be running beside it.\n"
     "\n"
     "  sluice check -c sluice.yaml && echo good\n"},
    {"options", "sluice options [TYPE] [-c FILE] [--json]",
     "list all options, or those of a type of output", TAKES_FILE | TAKES_JSON | TAKES_WORD,
     sl_cli_options,
     "  TYPE              of an output, such as stdout or file\n"
     "  -c FILE           a configuration: the types of the plugins that it names are listed too\n"
     "  --set KEY=VALUE   one option instead of the file's; may be given often\n"
     "  --json            one object a line\n"
     "\n"
     "  sluice options file\n"},
    {"state",
     "sluice state ls | show NS/POD[/CONTAINER] | rename OLD NEW |\n"
     "             rewind OUTPUT [NS/POD[/CONTAINER]] [--to WHERE]  [-c FILE] [--json]",
     "how far each container is delivered to each output; change that",
     TAKES_FILE | TAKES_JSON | TAKES_WORDS | TAKES_TO, sl_cli_state,
     "  ls                one line for each container and output: position, bytes unread\n"
     "  show              the files of a container, and the position of each stream\n"
     "  rename            the positions of output OLD are those of NEW: before the first start\n"
     "                    with the new name\n"
     "  rewind            the output gets again what it has had since WHERE; nothing is skipped\n"
     "  --to WHERE        beginning: of what is still there (the default); 10m or an RFC 3339 "
     "time:\n"
     "                    the beginning of the file that was written then; GENERATION:OFFSET: "
     "that\n"
     "                    record, as log.generation and log.offset name it\n"
     "  --json            of ls and show: one object a line\n" FILE_HELP "\n"
     "ls and show read the last checkpoint; rename and rewind ask the running agent, or change "
     "the\n"
     "checkpoint while none runs.\n"
     "\n"
     "  sluice state ls -c /etc/sluice/sluice.yaml\n"
     "  sluice state rewind search shop/cart --to 2h\n"},
    {"dead-letter",
     "sluice dead-letter ls [OUTPUT] | show OUTPUT | redrive OUTPUT  [--reason R] [-c FILE] "
     "[--json]",
     "records that outputs refused: list them, send them again",
     TAKES_FILE | TAKES_JSON | TAKES_WORDS | TAKES_REASON, sl_cli_dead_letter,
     "  ls                one line for each output and reason: records, bytes, first, last\n"
     "  show              each record, with the far end's words\n"
     "  redrive           sends them once more; what is taken is deleted, the rest stays\n"
     "  --reason R        only those: rejected, too_large, retry_limit\n"
     "  --json            one object a line\n" FILE_HELP "\n"
     "A running agent redrives by itself, beside its other records; without one it is done here.\n"
     "A record that stands there twice, as after a crash, is sent once.\n"
     "\n"
     "  sluice dead-letter ls -c /etc/sluice/sluice.yaml\n"
     "  sluice dead-letter redrive search --reason rejected\n"},
    {"version", "sluice version [--json]", "this version, and those of its libraries", TAKES_JSON,
     sl_cli_version,
     "  --json            one object\n"
     "\n"
     "  sluice version\n"},
    {"status", "sluice status [-c FILE] [--set KEY=VALUE]... [--json]",
     "say how the running agent stands: a line for each output", TAKES_FILE | TAKES_JSON,
     sl_cli_status,
     FILE_HELP "  --json            one object a line\n"
               "\n"
               "Asks through admin.sock in the state directory of that configuration. A running "
               "agent logs the\n"
               "same on SIGUSR1.\n"
               "\n"
               "  sluice status -c /etc/sluice/sluice.yaml\n"},
    {.name = "explain"},
    {.name = "top"},
    {.name = "tap"},
    {.name = "logs"},
};

static const size_t command_count = sizeof commands / sizeof *commands;

enum flag_id {
    FLAG_FILE,
    FLAG_SET,
    FLAG_JSON,
    FLAG_NO_WAIT,
    FLAG_VERBOSE,
    FLAG_TO,
    FLAG_REASON,
    FLAG_HELP
};

static const struct flag {
    const char *name;
    enum flag_id id;
    unsigned takes;    /* what a command must take for it */
    const char *wants; /* in the next argument; NULL: nothing */
} flags[] = {
    {"-c", FLAG_FILE, TAKES_FILE, "a file"},
    {"--set", FLAG_SET, TAKES_FILE, "KEY=VALUE"},
    {"--json", FLAG_JSON, TAKES_JSON, NULL},
    {"--no-wait", FLAG_NO_WAIT, TAKES_WAIT, NULL},
    {"--to", FLAG_TO, TAKES_TO, "a place"},
    {"--reason", FLAG_REASON, TAKES_REASON, "a reason"},
    {"-v", FLAG_VERBOSE, TAKES_VERBOSE, NULL},
    {"--help", FLAG_HELP, 0, NULL},
    {"-h", FLAG_HELP, 0, NULL},
};

int sl_cli_print(const sl_buf *text)
{
    if (text->len == 0 ||
        (fwrite(text->ptr, 1, text->len, stdout) == text->len && fflush(stdout) == 0))
        return SL_EXIT_DONE;
    fprintf(stderr, "sluice: cannot write to stdout: %s\n", strerror(errno));
    return SL_EXIT_FAILED;
}

static int print_help(const command *cmd)
{
    sl_buf out = {0};
    int code;

    if (cmd) {
        sl_buf_add_format(&out, "%s\n\n%s\n\n%s", cmd->usage, cmd->summary, cmd->help);
    } else {
        sl_buf_add_text(&out, "sluice ships the container logs of a Kubernetes node.\n\n");
        for (size_t i = 0; i < command_count; i++) {
            if (commands[i].usage)
                sl_buf_add_format(&out, "  sluice %-11s %s\n", commands[i].name,
                                  commands[i].summary);
        }
        sl_buf_add_text(&out, "\n`sluice COMMAND --help` says more. Exit codes: 0 done, 1 failed, "
                              "2 wrong usage or configuration.\n\n"
                              "  sluice check -c sluice.yaml\n"
                              "  sluice run -c sluice.yaml\n");
    }
    code = sl_cli_print(&out);
    sl_buf_fini(&out);
    return code;
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

static void say_no_command(const char *word)
{
    sl_nearest near;
    char hint[128];

    sl_nearest_init(&near, word);
    for (size_t i = 0; i < command_count; i++)
        sl_nearest_try(&near, sl_str(commands[i].name));
    fprintf(stderr, "sluice: no command \"%s\"%s\nsluice --help lists them\n", word,
            sl_nearest_text(&near, hint));
}

static void say_no_flag(const command *cmd, const char *word)
{
    sl_nearest near;
    char hint[128];

    sl_nearest_init(&near, word);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if ((cmd->takes & flags[i].takes) == flags[i].takes)
            sl_nearest_try(&near, sl_str(flags[i].name));
    }
    fprintf(stderr, "sluice %s: no option \"%s\"%s\nsluice %s --help lists them\n", cmd->name, word,
            sl_nearest_text(&near, hint), cmd->name);
}

/* The flag that `word` is for this command, or NULL. */
static const struct flag *find_flag(const command *cmd, const char *word)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!strcmp(flags[i].name, word) && (cmd->takes & flags[i].takes) == flags[i].takes)
            return &flags[i];
    }
    return NULL;
}

static bool keep_word(const command *cmd, const char *word, sl_cli_args *args)
{
    size_t most = cmd->takes & TAKES_WORDS ? 3 : cmd->takes & TAKES_WORD ? 1 : 0;

    if (args->word_count < most) {
        args->words[args->word_count++] = word;
        return true;
    }
    fprintf(stderr, "sluice %s: does not take \"%s\"\nsluice %s --help says what it does\n",
            cmd->name, word, cmd->name);
    return false;
}

/* words    what stands behind the command, ended by NULL
 * returns  false: it is wrong, and that was said */
static bool read_args(const command *cmd, char **words, sl_cli_args *args, bool *help)
{
    for (; *words; words++) {
        const struct flag *f = find_flag(cmd, *words);

        if (!f && **words == '-') {
            say_no_flag(cmd, *words);
            return false;
        }
        if (!f && !keep_word(cmd, *words, args))
            return false;
        if (!f)
            continue;
        if (f->wants && !*++words) {
            fprintf(stderr, "sluice %s: %s wants %s behind it\n", cmd->name, f->name, f->wants);
            return false;
        }
        switch (f->id) {
        case FLAG_FILE:
            args->file = *words;
            break;
        case FLAG_SET:
            args->sets[args->set_count++] = *words;
            break;
        case FLAG_JSON:
            args->json = true;
            break;
        case FLAG_NO_WAIT:
            args->no_wait = true;
            break;
        case FLAG_VERBOSE:
            args->verbose = true;
            break;
        case FLAG_TO:
            args->to = *words;
            break;
        case FLAG_REASON:
            args->reason = *words;
            break;
        case FLAG_HELP:
            *help = true;
            break;
        }
    }
    return true;
}

static int call(const command *cmd, int argc, char **words, int (*run)(const sl_cli_args *))
{
    sl_cli_args args = {.sets = sl_alloc((size_t)argc * sizeof *args.sets)};
    int code = SL_EXIT_USAGE;
    bool help = false;

    if (!cmd->usage)
        fprintf(stderr, "sluice %s: not built yet in this version of sluice\n", cmd->name);
    else if (read_args(cmd, words, &args, &help))
        code = help ? print_help(cmd) : (cmd->call ? cmd->call : run)(&args);
    free(args.sets);
    return code;
}

int sl_cli_main(int argc, char **argv, int (*run)(const sl_cli_args *))
{
    char *help[] = {"--help", NULL}, **words = argv + (argc > 0);
    const char *name = "run"; /* `sluice -c FILE` */
    const command *cmd;

    if (*words && (!strcmp(*words, "--help") || !strcmp(*words, "-h")))
        return print_help(NULL);
    if (*words && !strcmp(*words, "--version")) {
        name = "version";
        words++;
    } else if (*words && !strcmp(*words, "help")) {
        if (!words[1])
            return print_help(NULL);
        name = words[1]; /* `sluice help check` */
        words = help;
    } else if (*words && **words != '-') {
        name = *words++;
    }
    cmd = find_command(name);
    if (cmd)
        return call(cmd, argc, words, run);
    say_no_command(name);
    return SL_EXIT_USAGE;
}
