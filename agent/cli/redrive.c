/* redrive.c - see redrive.h. */
#include "cli/redrive.h"

#include "shape/compress.h"

#include <stdlib.h>

typedef struct driver {
    uv_loop_t loop;
    sl_log log;
    sl_packers packers;
    sl_batch_pool pool;
    sl_output *output;
    sl_redriven *out;
} driver;

/* All that was sent is of the redrive itself: for a lane there is nothing to do. */
static void on_settled(void *arg, sl_batch *b, uint32_t first, uint32_t n,
                       const sl_verdict *verdict)
{
    (void)arg, (void)b, (void)first, (void)n, (void)verdict;
}

static void on_emptied(void *arg, sl_batch *b)
{
    sl_batch_free(&((driver *)arg)->pool, b);
}

static void on_gave_up(void *arg, const char *reason)
{
    driver *d = arg;

    sl_logf(&d->log, SL_LOG_ERROR, "%s", reason);
    sl_output_close(d->output);
}

static void on_closed(void *arg)
{
    sl_output_free(((driver *)arg)->output);
}

static void on_over(void *arg)
{
    driver *d = arg;
    const sl_redriven *said = sl_redrive_look(d->output);

    *d->out = *said;
    d->out->words = said->words ? sl_strdup(said->words) : NULL;
    d->out->file = said->file ? sl_strdup(said->file) : NULL;
    sl_output_close(d->output);
}

static sl_err open_output(driver *d, const sl_output_config *o)
{
    int level = sl_output_gzip_level(o->plugin, o->self);

    sl_packers_init(&d->packers);
    sl_batch_pool_init(&d->pool, UINT64_MAX, o->max_bytes, (uint32_t)o->max_records);
    d->pool.packed_bound = level > 0 ? sl_gzip_bound : NULL;
    return sl_output_new(&(sl_output_options){.name = o->name,
                                              .plugin = o->plugin,
                                              .self = o->self,
                                              .encoding = sl_encoding_names[o->encoding],
                                              .retry_initial_ms = o->retry_initial_ms,
                                              .retry_max_ms = o->retry_max_ms,
                                              .max_in_flight = (uint32_t)o->max_in_flight,
                                              .packers = &d->packers,
                                              .gzip = sl_gzip,
                                              .pool = &d->pool,
                                              .loop = &d->loop,
                                              .clock = &sl_clock_real,
                                              .log = &d->log,
                                              .arg = d,
                                              .settled = on_settled,
                                              .emptied = on_emptied,
                                              .gave_up = on_gave_up,
                                              .closed = on_closed},
                         &d->output);
}

sl_err sl_cli_redrive(const sl_config *c, const sl_output_config *o, const char *reason,
                      sl_redriven *out)
{
    driver d = {.out = out, .log = {.level = SL_LOG_WARN, .fd = 2}};
    sl_err err;

    *out = (sl_redriven){0};
    SL_ASSERT(uv_loop_init(&d.loop) == 0);
    err = open_output(&d, o);
    if (!err)
        SL_ASSERT(sl_redrive_start(d.output, c->state_dir, reason, on_over, &d));
    uv_run(&d.loop, UV_RUN_DEFAULT); /* until it is closed */
    SL_ASSERT(uv_loop_close(&d.loop) == 0);
    sl_batch_pool_fini(&d.pool);
    return err;
}
