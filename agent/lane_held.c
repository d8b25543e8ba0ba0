/* lane_held.c - see lane_held.h.
 *
 * A container that waits stands at its oldest record that was not delivered, as if nothing behind it had
 * been read. On trial it is read until a record of it is in the open batch. */
#include "lane_held.h"

#include "lane_sources.h"

#include <stdlib.h>

static void say(const sl_cursor *c, sl_level level, const char *what, const char *reason,
                const char *words)
{
    const sl_lane *l = c->lane;
    const sl_pod *p = c->source->pod;
    char *namespace = sl_strndup(p->namespace.ptr, p->namespace.len);
    char *pod = sl_strndup(p->pod.ptr, p->pod.len);

    sl_log_fields(l->options.log, level, what, "output", l->options.name, "namespace", namespace,
                  "pod", pod, "container", c->source->container, reason ? "reason" : NULL, reason,
                  "error", words, NULL);
    free(namespace);
    free(pod);
}

void sl_lane_waits(void *arg, sl_account *a, const char *words)
{
    sl_cursor *c = SL_CONTAINER_OF(a, sl_cursor, account);

    (void)arg;
    if (words)
        say(c, SL_LOG_WARN, "container waits: its records are not taken; tries again slowly",
            a->waiting, words);
    sl_lane_go_back(c);
}

static sl_cursor *cursor_of(const sl_batch *b, uint32_t row)
{
    return SL_CONTAINER_OF(b->marks[b->rows[row].mark]->account, sl_cursor, account);
}

void sl_lane_given_back(void *arg, sl_batch *b, uint32_t first, uint32_t n)
{
    sl_lane *l = arg;

    for (uint32_t i = first; i < first + n; i++) {
        const sl_mark *m = b->marks[b->rows[i].mark];

        sl_lane_lower(cursor_of(b, i), m->stream, (sl_place){m->first.seq, b->rows[i].offset});
    }
    sl_ledger_give_back(b, first, n);
    for (uint32_t i = first; i < first + n; i++)
        sl_lane_begin_anew(cursor_of(b, i));
    l->options.changed(l->options.arg);
}

bool sl_lane_tries(void *arg, sl_account *a)
{
    const sl_lane *l = arg;
    sl_cursor *c = SL_CONTAINER_OF(a, sl_cursor, account);

    if (l->draining || l->finishing || sl_link_is_in(&c->rewinding))
        return false;
    c->resuming = true;
    sl_lane_make_ready(c);
    return true;
}

void sl_lane_flows(void *arg, sl_account *a)
{
    sl_cursor *c = SL_CONTAINER_OF(a, sl_cursor, account);

    (void)arg;
    say(c, SL_LOG_INFO, "container flows again", NULL, NULL);
    sl_lane_make_ready(c);
}

bool sl_lane_was_tried(const sl_cursor *c)
{
    return c->account.tried && sl_account_is_out(&c->account);
}

bool sl_lane_end_trial(sl_cursor *c, sl_tail_state state)
{
    if (state != SL_TAIL_DONE && !sl_account_is_out(&c->account))
        return false;
    sl_output_tried(c->lane->output, &c->account);
    return true;
}
