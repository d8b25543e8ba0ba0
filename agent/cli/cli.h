/* cli.h - the commands of `sluice`, one file each, and the arguments that they share.
 *
 * Data goes to stdout, diagnostics to stderr. */
#ifndef SL_CLI_CLI_H
#define SL_CLI_CLI_H

#include "base/buf.h"

/* Exit codes: done; failed at work; wrong usage or configuration. */
typedef enum { SL_EXIT_DONE, SL_EXIT_FAILED, SL_EXIT_USAGE } sl_exit;

/* What a command was given; texts are argv's. */
typedef struct sl_cli_args {
    const char *file;  /* -c FILE, or NULL */
    const char **sets; /* --set, "key=value" each, as sl_config_load() takes them */
    size_t set_count;
    const char *words[3]; /* arguments that are no options; NULL behind them */
    size_t word_count;
    const char *to;     /* --to WHERE, or NULL */
    const char *reason; /* --reason R, or NULL */
    bool json, no_wait, verbose;
} sl_cli_args;

/* Picks the command and runs it. `run` is main.c's: the agent itself, for `sluice` and `sluice run`.
 * returns  the exit code */
int sl_cli_main(int argc, char **argv, int (*run)(const sl_cli_args *));

/* Writes it to stdout, and says so if it cannot.
 * returns  the exit code */
int sl_cli_print(const sl_buf *text);

int sl_cli_dead_letter(const sl_cli_args *args);
int sl_cli_check(const sl_cli_args *args);
int sl_cli_options(const sl_cli_args *args);
int sl_cli_state(const sl_cli_args *args);
int sl_cli_status(const sl_cli_args *args);
int sl_cli_version(const sl_cli_args *args);

#endif
