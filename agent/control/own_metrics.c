/* own_metrics.c - see own_metrics.h. */
#include "control/own_metrics.h"

#include "control/metrics.h"

#include <math.h>

#define MAX_VALUES \
    256 /* of one number of one output: whatever a plugin finds, the page stays short */

typedef struct writing {
    const sl_plugin *plugin;
    const sl_metric *metric;
    const char *output;
    size_t values;
    bool begun; /* its head is there: a number without values has none */
    sl_buf *out;
} writing;

/* A metric has no dash in its name. */
static void add_name(const writing *w)
{
    sl_buf_add_text(w->out, "sluice_");
    for (const char *c = w->plugin->name; *c; c++)
        sl_buf_add(w->out, *c == '-' ? "_" : c, 1);
    sl_buf_add_format(w->out, "_%s", w->metric->name);
}

static void add_head(writing *w)
{
    sl_buf_add_text(w->out, "# HELP ");
    add_name(w);
    sl_buf_add_format(w->out, " %s\n# TYPE ", w->metric->help);
    add_name(w);
    sl_buf_add_text(w->out, w->metric->type == SL_COUNTER ? " counter\n" : " gauge\n");
    w->begun = true;
}

static void add_value(void *arg, sl_slice of, double value)
{
    writing *w = arg;

    if (!isfinite(value) || ++w->values > MAX_VALUES)
        return;
    if (!w->begun)
        add_head(w);
    add_name(w);
    sl_buf_add_text(w->out, "{output=\"");
    sl_metrics_add_label(w->out, sl_str(w->output));
    if (w->metric->label) {
        sl_buf_add_format(w->out, "\",%s=\"", w->metric->label);
        sl_metrics_add_label(w->out, of);
    }
    sl_buf_add_format(w->out, "\"} %.15g\n", value);
}

static const sl_plugin *plugin_of(const sl_lane *l)
{
    return sl_output_plugin(sl_lane_output(l));
}

/* All numbers of the first lane's plugin, of all lanes that have it. */
static void add_plugin(sl_lane *const *lanes, size_t count, sl_buf *out)
{
    const sl_plugin *p = plugin_of(lanes[0]);

    for (size_t k = 0; p->output.metrics && p->output.metrics[k].name; k++) {
        writing w = {.plugin = p, .metric = &p->output.metrics[k], .out = out};

        for (size_t i = 0; i < count; i++) {
            if (plugin_of(lanes[i]) != p)
                continue;
            w.output = sl_lane_name(lanes[i]);
            w.values = 0;
            sl_output_measure(sl_lane_output(lanes[i]), k, add_value, &w);
        }
    }
}

void sl_own_metrics_write(sl_lane *const *lanes, size_t count, sl_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;

        while (plugin_of(lanes[first]) != plugin_of(lanes[i]))
            first++;
        if (first == i)
            add_plugin(lanes + i, count - i, out);
    }
}
