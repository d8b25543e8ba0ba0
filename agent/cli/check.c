/* check.c - `sluice check`: is the configuration right? Touches nothing but the files it reads. */
#include "cli/cli.h"
#include "control/config.h"
#include "control/units.h"

#include <stdio.h>

static void summarise(const sl_config *c, const char *before, sl_buf *out)
{
    sl_buf_add_format(out, "%s%s: ok\n", before, c->file ? c->file : "the built-in default");
    for (size_t i = 0; i < c->input_count; i++) {
        const sl_input_config *in = &c->inputs[i];

        sl_buf_add_format(out, "%s%s %s", i ? "" : before, i ? "," : "reads",
                          in->type == SL_INPUT_FILES ? in->paths.items[0] : in->path);
    }
    for (size_t i = 0; i < c->output_count; i++)
        sl_buf_add_format(out, "%s %s to output \"%s\" (%s)", i ? "," : ", writes",
                          c->outputs[i].encoding == SL_ENCODING_JSON
                              ? "JSON"
                              : sl_encoding_names[c->outputs[i].encoding],
                          c->outputs[i].name, c->outputs[i].plugin->name);
    sl_buf_add_format(out, ", state in %s, memory ", c->state_dir);
    sl_number_format(SL_SIZE, c->memory_limit, out);
    sl_buf_add_text(out, "\n");
}

/* The outputs that came out of files. */
static void list_plugins(const sl_config *c, const char *before, sl_buf *out)
{
    for (size_t i = 0; i < c->known.count; i++) {
        const sl_known_plugin *k = &c->known.known[i];

        if (k->file && k->plugin)
            sl_buf_add_format(out, "%soutput type %s: %s (%s)\n", before, k->name, k->plugin->help,
                              k->file);
    }
}

int sl_cli_check(const sl_cli_args *args)
{
    sl_buf errors = {0}, out = {0};
    sl_config *c = sl_config_load(SL_FILES_AWAY, args->file, args->sets, args->set_count, &errors);
    int code = SL_EXIT_USAGE;

    if (c) {
        summarise(c, args->verbose ? "# " : "", &out);
        if (args->verbose) {
            list_plugins(c, "# ", &out);
            sl_config_dump(c, &out);
        }
        code = sl_cli_print(&out);
    }
    if (errors.len > 0)
        fwrite(errors.ptr, 1, errors.len, stderr);
    sl_config_free(c);
    sl_buf_fini(&errors);
    sl_buf_fini(&out);
    return code;
}
