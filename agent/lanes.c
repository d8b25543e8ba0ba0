/* lanes.c - see lanes.h.
 *
 * Owns     the lanes
 * Thread   the loop's */
#include "lanes.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the end --- */

static void on_lane_closed(void *arg)
{
    sl_agent *a = arg;

    if (--a->lanes_open > 0)
        return;
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_stop(a->lanes[i]);
    sl_agent_end(a); /* with the last handle the loop ends */
}

void sl_lanes_close(sl_agent *a)
{
    if (a->phase == AGENT_CLOSING)
        return;
    a->phase = AGENT_CLOSING;
    uv_timer_stop(&a->deadline);
    uv_timer_stop(&a->drain);
    if (a->lane_count == 0)
        sl_agent_end(a);
    a->lanes_open = a->lane_count;
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_close(a->lanes[i]);
}

void sl_lanes_drain(sl_agent *a)
{
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_drain(a->lanes[i]);
}

bool sl_lanes_are_drained(const sl_agent *a)
{
    for (size_t i = 0; i < a->lane_count; i++) {
        if (!sl_lane_is_drained(a->lanes[i]))
            return false;
    }
    return true;
}

/* The others go on; with the last one there is nothing left to do. */
static void on_gave_up(void *arg, sl_lane *l, const char *reason)
{
    sl_agent *a = arg;

    a->exit_code = 1;
    if (++a->lanes_dead < a->lane_count) {
        sl_logf(&a->log, SL_LOG_ERROR,
                "output \"%s\": %s: nothing can be delivered to it until the agent is started "
                "again; the other outputs go on, and its records stay in their files",
                sl_lane_name(l), reason);
        return;
    }
    sl_logf(&a->log, SL_LOG_ERROR, "%s: nothing can be delivered any more, so the agent stops",
            reason);
    sl_agent_give_up(a);
}

void sl_lanes_log_books(sl_agent *a)
{
    for (size_t i = 0; i < a->lane_count; i++) {
        sl_books b = sl_lane_books(a->lanes[i]);
        const uint64_t values[] = {b.read,
                                   b.delivered,
                                   b.filtered,
                                   sl_books_dead_lettered(&b),
                                   sl_books_dropped(&b),
                                   b.in_flight,
                                   sl_books_lost(&b),
                                   b.delivered_records};
        char texts[8][24];

        for (int k = 0; k < 8; k++)
            snprintf(texts[k], sizeof texts[k], "%" PRIu64, values[k]);
        sl_log_fields(&a->log, sl_books_balance(&b) ? SL_LOG_INFO : SL_LOG_ERROR, "books", "output",
                      sl_lane_name(a->lanes[i]), "read_bytes", texts[0], "delivered_bytes",
                      texts[1], "filtered_bytes", texts[2], "dead_lettered_bytes", texts[3],
                      "dropped_bytes", texts[4], "in_flight_bytes", texts[5], "lost_bytes",
                      texts[6], "delivered_records", texts[7], "balanced",
                      sl_books_balance(&b) ? "true" : "false", NULL);
    }
}

void sl_lanes_free(sl_agent *a)
{
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_free(a->lanes[i]);
    free(a->lanes);
}

void sl_lanes_rested(void *agent)
{
    sl_agent *a = agent;

    if (!sl_list_is_empty(&a->follow.hot))
        return;
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_trim(a->lanes[i]);
    malloc_trim(0);
}

/* --- the beginning --- */

static void on_changed(void *arg)
{
    sl_agent *a = arg;

    sl_state_changed(a->state);
}

static sl_err open_lane(sl_agent *a, const sl_output_config *o, sl_lane **out)
{
    const char *no_colour = getenv("NO_COLOR"); /* https://no-color.org: set, and not empty */
    bool terminal = isatty(STDOUT_FILENO);
    sl_lane_options options = {
        .name = o->name,
        .loop = &a->loop,
        .clock = a->clock,
        .log = &a->log,
        .follow = &a->follow,
        .select = {&o->select, &o->exclude},
        .from_beginning = o->start_at == SL_JOIN_BEGINNING,
        .namespaces = &a->subject.namespaces,
        .memory = a->config->memory_limit / a->config->output_count,
        .max_bytes = o->max_bytes,
        .max_records = o->max_records,
        .max_age_ms = o->max_age_ms,
        .encoder = {.encoding = (sl_encoding)o->encoding,
                    .schema = (sl_schema)o->schema,
                    .terminal = terminal,
                    .colour = terminal && !(no_colour && *no_colour),
                    .timestamp = o->plugin->output.flags & SL_WANTS_TIMESTAMP,
                    .stamp = o->stamp,
                    .constants = {.node = a->config->node,
                                  .cluster = a->config->cluster,
                                  .fields = {&a->config->fields, &o->fields}},
                    .frame = o->frame},
        .output = {.name = o->name,
                   .plugin = o->plugin,
                   .self = o->self,
                   .encoding = sl_encoding_names[o->encoding],
                   .facts = sl_encoding_has_place((sl_encoding)o->encoding, (sl_schema)o->schema)
                                ? SL_VALUE_HAS_PLACE
                                : 0,
                   .retry_initial_ms = o->retry_initial_ms,
                   .retry_max_ms = o->retry_max_ms,
                   .retry_limit = o->retry_limit,
                   .dead_dir = a->config->state_dir,
                   .dead_max_bytes = o->dead_max_bytes,
                   .dead_drop = o->dead_when_full == SL_DEAD_DROP,
                   .storm_goes_on = o->reject_storm == SL_STORM_CONTINUE,
                   .packers = &a->packers,
                   .max_in_flight = (uint32_t)o->max_in_flight,
                   .loop = &a->loop,
                   .clock = a->clock,
                   .log = &a->log},
        .arg = a,
        .changed = on_changed,
        .gave_up = on_gave_up,
        .closed = on_lane_closed,
        .rested = sl_lanes_rested,
    };

    return sl_lane_new(&options, out);
}

sl_err sl_lanes_open(sl_agent *a)
{
    const sl_config *config = a->config;
    sl_err err = 0;

    sl_packers_init(&a->packers);
    a->lanes = sl_alloc(config->output_count * sizeof(sl_lane *));
    while (!err && a->lane_count < config->output_count) {
        err = open_lane(a, &config->outputs[a->lane_count], &a->lanes[a->lane_count]);
        a->lane_count += !err;
    }
    return err;
}
