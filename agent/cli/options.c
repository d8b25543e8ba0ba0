/* options.c - `sluice options [TYPE]`: every option, from the rows that read it. */
#include "cli/cli.h"
#include "control/config.h"

#include <stdio.h>

/* Which types there are depends on the plugins that a configuration names. Nobody has to have one, or
 * a right one, to look an option up; unless he names it. */
static sl_config *load(const sl_cli_args *args)
{
    sl_buf errors = {0};
    sl_config *c =
        sl_config_load(SL_FILES_UNSEEN, args->file, args->sets, args->set_count, &errors);

    if (!c && args->file)
        fwrite(errors.ptr, 1, errors.len, stderr);
    else if (!c)
        c = sl_config_parse("", sl_str("inputs: [{}]\noutputs: [{type: stdout}]\n"), NULL, 0,
                            &errors);
    sl_buf_fini(&errors);
    return c;
}

int sl_cli_options(const sl_cli_args *args)
{
    sl_config *c = load(args);
    int code = SL_EXIT_USAGE;
    sl_buf out = {0};
    const char *why;

    if (!c)
        return code;
    why = sl_config_describe(c, args->words[0], args->json, &out);
    if (why)
        fprintf(stderr, "sluice options: %s\n", why);
    else
        code = sl_cli_print(&out);
    sl_buf_fini(&out);
    sl_config_free(c);
    return code;
}
