/* output_null.c - takes everything and keeps nothing: for measuring what comes before it. */
#include <sluice/plugin.h>

struct null {
    const sl_host *host;
};

static sl_err null_open(void *self, const sl_host *host)
{
    ((struct null *)self)->host = host;
    return 0;
}

static void null_send(void *self, sl_batch *batch)
{
    const sl_host *host = ((struct null *)self)->host;

    host->answer(batch, 0, host->count(batch), &(sl_answer){.outcome = SL_DELIVERED});
}

static const sl_option options[] = {{0}};

SL_PLUGIN(null) = {
    SL_PLUGIN_HEAD,
    .kind = SL_OUTPUT,
    .name = "null",
    .help = "takes everything and keeps nothing, for measuring",
    .self_size = sizeof(struct null),
    .options = options,
    .output =
        {
            .max_in_flight = 1,
            .after = "\n",
            .max_bytes = 512 << 10,
            .encodings = "json|msgpack|raw",
            .open = null_open,
            .send = null_send,
        },
};
