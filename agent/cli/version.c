/* version.c - `sluice version`: ours, and the libraries' that run with it. */
#include "cli/cli.h"

#include "shape/compress.h"

#include <msgpack.h>
#include <uv.h>
#include <yaml.h>
#include <zlib.h>

int sl_cli_version(const sl_cli_args *args)
{
    const struct {
        const char *name, *version;
    } parts[] = {
        {"sluice", SL_VERSION},           {"libuv", uv_version_string()},
        {"zlib", zlibVersion()},          {"libyaml", yaml_get_version_string()},
        {"msgpack-c", msgpack_version()}, {"gzip", sl_gzip_library()},
    };
    sl_buf out = {0};
    int code;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (args->json)
            sl_buf_add_format(&out, "%c\"%s\":\"%s\"", i ? ',' : '{', parts[i].name,
                              parts[i].version);
        else
            sl_buf_add_format(&out, "%s %s\n", parts[i].name, parts[i].version);
    }
    sl_buf_add_text(&out, args->json ? "}\n" : "");
    code = sl_cli_print(&out);
    sl_buf_fini(&out);
    return code;
}
