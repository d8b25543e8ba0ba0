/* main.c - arguments and exit code. */
#include "agent.h"
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int run(const sl_cli_args *args)
{
    sl_buf errors = {0};
    sl_config *config =
        sl_config_load(SL_FILES_NEEDED, args->file, args->sets, args->set_count, &errors);
    int code = SL_EXIT_USAGE;

    if (config)
        code = sl_agent_run(config, args->no_wait);
    else
        fwrite(errors.ptr, 1, errors.len, stderr);
    sl_buf_fini(&errors);
    sl_config_free(config);
    return code;
}

/* A descriptor of 0, 1 and 2 that is closed would become one of our files, and what is meant for
 * stderr would land in it. */
static void fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    return sl_cli_main(argc, argv, run);
}
