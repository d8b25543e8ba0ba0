/* options.c - `sluice options [TYPE]`: every option, from the rows that read it. */
#include "cli/cli.h"
#include "control/config.h"
#include "control/nearest.h"
#include "control/plugin.h"

#include <stdio.h>

static void say_no_type(const char *word)
{
    sl_nearest near;
    char hint[128];

    sl_nearest_init(&near, word);
    for (const sl_plugin *const *p = sl_plugins; *p; p++)
        sl_nearest_try(&near, sl_str((*p)->name));
    fprintf(stderr, "sluice options: no output is of type \"%s\"%s\n", word,
            sl_nearest_text(&near, hint));
}

int sl_cli_options(const sl_cli_args *args)
{
    sl_buf out = {0};
    int code = SL_EXIT_USAGE;

    if (sl_config_describe(args->word, args->json, &out))
        code = sl_cli_print(&out);
    else
        say_no_type(args->word);
    sl_buf_fini(&out);
    return code;
}
