/* status.c - `sluice status`: how the running agent stands. */
#include "cli/cli.h"
#include "cli/client.h"
#include "control/config.h"

#include <stdio.h>

int sl_cli_status(const sl_cli_args *args)
{
    sl_buf errors = {0}, out = {0};
    sl_config *c =
        sl_config_load(SL_FILES_UNSEEN, args->file, args->sets, args->set_count, &errors);
    const char *target = args->json ? "/api/v1/status" : "/api/v1/status?format=text";
    int code = SL_EXIT_USAGE;

    if (!c) {
        fwrite(errors.ptr, 1, errors.len, stderr);
    } else if (sl_client_ask("sluice status", c->state_dir, "GET", target, &out) == 200) {
        code = sl_cli_print(&out);
    } else {
        fprintf(stderr, "%.*s", (int)out.len, out.len ? out.ptr : ""); /* what it said instead */
        code = SL_EXIT_FAILED;
    }
    sl_config_free(c);
    sl_buf_fini(&errors);
    sl_buf_fini(&out);
    return code;
}
