/* inputs.c - see inputs.h. Which sources are wanted, whom is told of them, and what is opened for it.
 *
 * Owns     discoveries, pins, the watch, the plan for descriptors
 * Thread   the loop's */
#include "inputs.h"

#include <stdlib.h>
#include <unistd.h>

/* --- which sources --- */

/* With stdout as output it would feed itself. */
static bool is_ours(const sl_agent *a, sl_slice pod, sl_slice uid)
{
    const char *own_uid = getenv("POD_UID"), *own_pod = getenv("POD_NAME");
    char host[256] = "";

    if (a->config->own_logs)
        return false;
    if (own_uid && *own_uid)
        return sl_slice_eq(uid, sl_str(own_uid));
    (void)gethostname(host, sizeof host - 1);
    return sl_slice_eq(pod, sl_str(own_pod && *own_pod ? own_pod : host));
}

/* A file that two inputs match is the first one's. */
static const sl_input_config *input_of(const sl_agent *a, const char *path)
{
    for (size_t i = 0; i < a->config->input_count; i++) {
        const sl_input_config *in = &a->config->inputs[i];

        if (in->type == SL_INPUT_FILES && sl_globs_take(&in->paths, path))
            return in;
    }
    return NULL;
}

static bool some_input_wants(const sl_agent *a, sl_slice namespace, sl_slice pod,
                             sl_slice container)
{
    bool wanted = false;

    for (size_t i = 0; i < a->config->input_count && !wanted; i++) {
        const sl_input_config *in = &a->config->inputs[i];

        wanted =
            in->type == SL_INPUT_PODS &&
            sl_select_wants(&(sl_select){&in->select, &in->exclude}, namespace, pod, container);
    }
    return wanted;
}

/* What no output wants is not even opened. */
static bool some_output_wants(const sl_agent *a, sl_slice namespace, sl_slice pod,
                              sl_slice container)
{
    bool wanted = false;

    for (size_t i = 0; i < a->config->output_count && !wanted; i++) {
        const sl_output_config *o = &a->config->outputs[i];

        wanted = sl_select_wants(&(sl_select){&o->select, &o->exclude}, namespace, pod, container);
    }
    return wanted;
}

bool sl_inputs_want(void *arg, const sl_saved_source *saved)
{
    const sl_agent *a = arg;
    sl_slice namespace = sl_str(saved->namespace), pod = sl_str(saved->pod),
             uid = sl_str(saved->uid), container = sl_str(saved->container);

    if (saved->path)
        return input_of(a, saved->path) && some_output_wants(a, namespace, pod, container);
    return !is_ours(a, pod, uid) && some_input_wants(a, namespace, pod, container) &&
           some_output_wants(a, namespace, pod, container);
}

/* --- what becomes of them --- */

static bool on_wants(void *arg, const sl_pod *pod, const char *container, const char *path)
{
    const sl_input *in = arg;
    sl_select select = {&in->config->select, &in->config->exclude};

    if (path) /* our own pod is not excluded: its files are others' */
        return input_of(in->agent, path) == in->config &&
               some_output_wants(in->agent, pod->namespace, pod->pod, sl_str(container));
    return !is_ours(in->agent, pod->pod, pod->uid) &&
           sl_select_wants(&select, pod->namespace, pod->pod, sl_str(container)) &&
           some_output_wants(in->agent, pod->namespace, pod->pod, sl_str(container));
}

static const sl_saved_source *on_saved(void *arg, const sl_source *s)
{
    const sl_input *in = arg;

    return sl_state_find(in->agent->state, s);
}

static void on_saved_in(void *arg, const char *folder, void (*each)(void *of, const char *path),
                        void *of)
{
    sl_state_each_in(((const sl_input *)arg)->agent->state, folder, each, of);
}

static void on_found(void *arg, sl_source *s)
{
    const sl_agent *a = ((const sl_input *)arg)->agent;

    for (size_t i = 0; i < a->lane_count; i++) {
        sl_saved_cursor at = {0};
        bool known = sl_state_find_cursor(a->state, s, a->lanes[i], &at);

        sl_lane_add(a->lanes[i], s, known ? &at : NULL);
    }
}

static void on_unlinked(void *arg)
{
    const sl_input *in = arg;
    sl_pin *pin = in->agent->pins[in - in->agent->inputs];

    if (pin)
        sl_pin_wake(pin);
}

static uint64_t on_lose(void *arg, sl_generation *g, uint64_t last, bool *held)
{
    const sl_agent *a = ((const sl_input *)arg)->agent;
    uint64_t furthest = g->begin;

    for (size_t i = 0; i < a->lane_count; i++) {
        uint64_t at = sl_lane_lose(a->lanes[i], g, last, held);

        furthest = at > furthest ? at : furthest;
    }
    return furthest;
}

/* Nothing else has a descriptor to give back. */
static bool on_last_resort(void *arg)
{
    const sl_agent *a = arg;

    for (size_t i = 0; i < a->discover_count; i++) {
        if (sl_pin_give_up_one(a->pins[i]))
            return true;
    }
    return false;
}

/* What is not found by then has vanished: so the state waits for all of them, but for those whose root
 * is missing, perhaps for ever. While nothing can be looked at, there is nothing to save either. */
static void on_scanned(void *arg)
{
    sl_input *in = arg;
    const sl_agent *a = in->agent;
    bool some = false;

    in->tried = true;
    for (size_t i = 0; i < a->discover_count; i++) {
        if (!a->inputs[i].tried)
            return;
        some = some || sl_discover_has_looked(a->discovers[i]);
    }
    if (some)
        sl_state_scanned(a->state);
}

static void read_source(void *arg, sl_source *s)
{
    sl_agent *a = arg;

    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_ready(a->lanes[i], s);
}

static void on_ready(void *arg, sl_source *s)
{
    sl_agent *a = ((const sl_input *)arg)->agent;

    if (a->phase != AGENT_RUNNING && a->phase != AGENT_FINISHING)
        return;
    sl_follow_wake(&a->follow, s);
    read_source(a, s);
    sl_state_changed(a->state);
}

static void on_slept(void *arg, sl_source *s)
{
    sl_agent *a = arg;

    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_slept(a->lanes[i], s);
}

static void on_overflowed(void *arg)
{
    sl_agent *a = arg;

    a->subject.overflows++;
    sl_logf(&a->log, SL_LOG_WARN,
            "the kernel's inotify queue overflowed: everything is looked at anew, and nothing is "
            "missed; raise fs.inotify.max_queued_events if this comes often");
    for (size_t i = 0; i < a->discover_count; i++)
        sl_discover_rescan(a->discovers[i]);
}

/* --- open and closed --- */

/* Of an input of files: what its records say of their container is what it is taken for. */
static const char *field_of(const sl_input_config *in, const char *name)
{
    for (size_t i = 0; i < in->fields.count; i++) {
        if (!strcmp(in->fields.names[i], name))
            return in->fields.values[i];
    }
    return "";
}

static sl_discover *open_input(sl_agent *a, sl_input *in, const sl_input_config *config, bool fresh)
{
    bool files = config->type == SL_INPUT_FILES;

    *in = (sl_input){.agent = a,
                     .config = config,
                     .rules = {.fields = files ? &config->fields : NULL,
                               .format = files ? (sl_line_format)config->format : SL_FORMAT_AUTO,
                               .raw_is_plain = files && config->format == SL_FORMAT_AUTO,
                               .skip_empty = config->skip_empty,
                               .max_record = config->max_record,
                               .on_oversize = (sl_on_oversize)config->on_oversize,
                               .partial_timeout_ms = config->partial_timeout_ms,
                               .ignore_older_ms = config->ignore_older_ms}};
    return sl_discover_new(&(sl_discover_options){
        .loop = &a->loop,
        .log = &a->log,
        .clock = a->clock,
        .watch = a->watch,
        .plan = &a->plan,
        .rules = &in->rules,
        .root = files ? NULL : config->path,
        .globs = &config->paths,
        .roots = &config->allowed_roots,
        .namespace = sl_str(field_of(config, "kubernetes.namespace")),
        .pod = sl_str(field_of(config, "kubernetes.pod.name")),
        .uid = sl_str(field_of(config, "kubernetes.pod.uid")),
        .container = field_of(config, "kubernetes.container.name"),
        .poll = config->follow == SL_FOLLOW_POLL,
        .start = fresh ? sl_start_now(&config->start, sl_wall_ns(a->clock)) : (sl_start){0},
        .arg = in,
        .wants = on_wants,
        .saved = on_saved,
        .saved_in = on_saved_in,
        .found = on_found,
        .ready = on_ready,
        .scanned = on_scanned,
        .unlinked = on_unlinked,
    });
}

static sl_pin *open_pin(sl_agent *a, sl_input *in, sl_discover *d)
{
    return sl_pin_new(&(sl_pin_options){.loop = &a->loop,
                                        .discover = d,
                                        .max_bytes = in->config->pin_max_bytes,
                                        .min_free = in->config->pin_free,
                                        .arg = in,
                                        .lose = on_lose});
}

void sl_inputs_open(sl_agent *a, bool fresh)
{
    const sl_config *config = a->config;

    a->watch = sl_watch_new(&(sl_watch_options){
        .loop = &a->loop, .log = &a->log, .arg = a, .on_overflow = on_overflowed});
    a->plan = (sl_plan){.log = &a->log, .arg = a, .last_resort = on_last_resort};
    sl_plan_init(&a->plan);
    a->inputs = sl_alloc(config->input_count * sizeof *a->inputs);
    a->discovers = sl_alloc(config->input_count * sizeof(sl_discover *));
    a->pins = sl_alloc(config->input_count * sizeof(sl_pin *));
    for (size_t i = 0; i < config->input_count; i++) {
        a->discovers[i] = open_input(a, &a->inputs[i], &config->inputs[i], fresh);
        a->pins[i] = open_pin(a, &a->inputs[i], a->discovers[i]);
    }
    a->discover_count = config->input_count;
    a->follow = (sl_follow){.clock = a->clock, .arg = a, .ready = read_source, .slept = on_slept};
    sl_follow_init(&a->follow, &a->loop);
}

void sl_inputs_start(sl_agent *a)
{
    for (size_t i = 0; i < a->discover_count; i++)
        sl_discover_start(a->discovers[i]);
}

void sl_inputs_stop(sl_agent *a)
{
    sl_follow_stop(&a->follow);
    for (size_t i = 0; i < a->discover_count; i++) {
        sl_pin_stop(a->pins[i]);
        sl_discover_stop(a->discovers[i]);
    }
}

void sl_inputs_free(sl_agent *a)
{
    for (size_t i = 0; i < a->discover_count; i++) {
        sl_pin_release(a->pins[i]);
        sl_discover_free(a->discovers[i]);
    }
    free(a->discovers);
    free(a->pins);
    free(a->inputs);
    if (a->watch)
        sl_watch_close(a->watch);
}
