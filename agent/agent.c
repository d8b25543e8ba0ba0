/* agent.c - see agent.h. The order: the lock, the state, the files, the lanes; and at the end the
 * files, the lanes, the state, the lock. Nothing here wakes an idle agent.
 *
 * Owns     all that it starts
 * Thread   the loop's */
#include "agent.h"

#include "control/admin.h"
#include "control/routes.h"
#include "control/signal.h"
#include "control/state.h"
#include "control/status.h"
#include "control/survey.h"
#include "lane.h"
#include "ship/lock.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define STANDBY_MS     250 /* how often a standby looks whether the lock is free */
#define STANDBY_SAY_MS UINT64_C(60000)

typedef enum { AGENT_STANDBY, AGENT_RUNNING, AGENT_FINISHING, AGENT_DRAINING, AGENT_CLOSING } phase;

typedef struct agent agent;

/* One input at work. */
typedef struct input {
    agent *agent;
    const sl_input_config *config;
    sl_rules rules;
    bool scanned; /* all of it was looked at, once */
} input;

struct agent {
    const sl_config *config;
    bool no_wait;
    phase phase;
    int exit_code;
    sl_log log;
    const sl_clock *clock;
    uv_loop_t loop;
    sl_signals *signals;
    sl_admin *admin;
    sl_subject subject; /* of those who ask */
    sl_lock lock;
    uv_timer_t standby;  /* looks whether the lock is free */
    uv_timer_t drain;    /* looks whether the lanes are drained */
    uv_timer_t deadline; /* of draining */
    uint64_t standby_said_ms;
    sl_state *state;
    sl_watch *watch;
    sl_plan plan;
    input *inputs;           /* as many as configured */
    sl_discover **discovers; /* of them */
    sl_pin **pins;           /* of them */
    size_t discover_count;
    sl_follow follow;
    sl_lane **lanes;
    size_t lane_count;
    size_t lanes_open, lanes_dead;
    bool started; /* all that was configured could be opened */
};

/* --- sources --- */

/* With stdout as output it would feed itself. */
static bool is_ours(const agent *a, sl_slice pod, sl_slice uid)
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
static const sl_input_config *input_of(const agent *a, const char *path)
{
    for (size_t i = 0; i < a->config->input_count; i++) {
        const sl_input_config *in = &a->config->inputs[i];

        if (in->type == SL_INPUT_FILES && sl_globs_take(&in->paths, path))
            return in;
    }
    return NULL;
}

static bool some_input_wants(const agent *a, sl_slice namespace, sl_slice pod, sl_slice container)
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
static bool some_output_wants(const agent *a, sl_slice namespace, sl_slice pod, sl_slice container)
{
    bool wanted = false;

    for (size_t i = 0; i < a->config->output_count && !wanted; i++) {
        const sl_output_config *o = &a->config->outputs[i];

        wanted = sl_select_wants(&(sl_select){&o->select, &o->exclude}, namespace, pod, container);
    }
    return wanted;
}

static bool wants(void *arg, const sl_saved_source *saved)
{
    const agent *a = arg;
    sl_slice namespace = sl_str(saved->namespace), pod = sl_str(saved->pod),
             uid = sl_str(saved->uid), container = sl_str(saved->container);

    if (saved->path)
        return input_of(a, saved->path) && some_output_wants(a, namespace, pod, container);
    return !is_ours(a, pod, uid) && some_input_wants(a, namespace, pod, container) &&
           some_output_wants(a, namespace, pod, container);
}

static bool on_wants(void *arg, const sl_pod *pod, const char *container, const char *path)
{
    const input *in = arg;
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
    const input *in = arg;

    return sl_state_find(in->agent->state, s);
}

static void on_saved_in(void *arg, const char *folder, void (*each)(void *of, const char *path),
                        void *of)
{
    sl_state_each_in(((const input *)arg)->agent->state, folder, each, of);
}

static void on_found(void *arg, sl_source *s)
{
    const agent *a = ((const input *)arg)->agent;

    for (size_t i = 0; i < a->lane_count; i++) {
        sl_saved_cursor at = {0};
        bool known = sl_state_find_cursor(a->state, s, a->lanes[i], &at);

        sl_lane_add(a->lanes[i], s, known ? &at : NULL);
    }
}

static void on_unlinked(void *arg)
{
    const input *in = arg;
    sl_pin *pin = in->agent->pins[in - in->agent->inputs];

    if (pin)
        sl_pin_wake(pin);
}

static uint64_t on_lose(void *arg, sl_generation *g, uint64_t last)
{
    const agent *a = ((const input *)arg)->agent;
    uint64_t furthest = g->begin;

    for (size_t i = 0; i < a->lane_count; i++) {
        uint64_t at = sl_lane_lose(a->lanes[i], g, last);

        furthest = at > furthest ? at : furthest;
    }
    return furthest;
}

/* Nothing else has a descriptor to give back. */
static bool on_last_resort(void *arg)
{
    const agent *a = arg;

    for (size_t i = 0; i < a->discover_count; i++) {
        if (sl_pin_give_up_one(a->pins[i]))
            return true;
    }
    return false;
}

/* What is not found by then has vanished: so the state waits for all of them. */
static void on_scanned(void *arg)
{
    input *in = arg;
    const agent *a = in->agent;

    in->scanned = true;
    for (size_t i = 0; i < a->discover_count; i++) {
        if (!a->inputs[i].scanned)
            return;
    }
    sl_state_scanned(a->state);
}

static void on_changed(void *arg)
{
    agent *a = arg;

    sl_state_changed(a->state);
}

static void read_source(void *arg, sl_source *s)
{
    agent *a = arg;

    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_ready(a->lanes[i], s);
}

static void on_ready(void *arg, sl_source *s)
{
    agent *a = ((const input *)arg)->agent;

    if (a->phase != AGENT_RUNNING && a->phase != AGENT_FINISHING)
        return;
    sl_follow_wake(&a->follow, s);
    read_source(a, s);
    sl_state_changed(a->state);
}

static void on_slept(void *arg, sl_source *s)
{
    agent *a = arg;

    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_slept(a->lanes[i], s);
    if (sl_list_is_empty(&a->follow.hot))
        malloc_trim(0); /* what was only needed while many files were read at once */
}

static void on_overflowed(void *arg)
{
    agent *a = arg;

    a->subject.overflows++;
    sl_logf(&a->log, SL_LOG_WARN,
            "the kernel's inotify queue overflowed: everything is looked at anew, and nothing is "
            "missed; raise fs.inotify.max_queued_events if this comes often");
    for (size_t i = 0; i < a->discover_count; i++)
        sl_discover_rescan(a->discovers[i]);
}

/* --- the end --- */

static void close_timers(agent *a)
{
    uv_close((uv_handle_t *)&a->standby, NULL);
    uv_close((uv_handle_t *)&a->drain, NULL);
    uv_close((uv_handle_t *)&a->deadline, NULL);
    sl_signals_free(a->signals);
    sl_admin_close(a->admin);
}

static void on_lane_closed(void *arg)
{
    agent *a = arg;

    if (--a->lanes_open > 0)
        return;
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_stop(a->lanes[i]);
    close_timers(a); /* with the last handle the loop ends */
}

static void close_lanes(agent *a)
{
    if (a->phase == AGENT_CLOSING)
        return;
    a->phase = AGENT_CLOSING;
    uv_timer_stop(&a->deadline);
    uv_timer_stop(&a->drain);
    if (a->lane_count == 0)
        close_timers(a);
    a->lanes_open = a->lane_count;
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_close(a->lanes[i]);
}

static void drain(agent *a);

static void on_deadline(uv_timer_t *timer)
{
    agent *a = SL_CONTAINER_OF(timer, agent, deadline);

    sl_logf(&a->log, SL_LOG_WARN,
            "shutdown_timeout is over with records unacknowledged: they stay in the files, and are "
            "sent at the next start");
    if (a->phase == AGENT_FINISHING)
        drain(a);
    close_lanes(a);
}

/* Every few milliseconds while we drain. */
static void on_drain_turn(uv_timer_t *timer)
{
    agent *a = SL_CONTAINER_OF(timer, agent, drain);

    for (size_t i = 0; i < a->lane_count; i++) {
        if (!sl_lane_is_drained(a->lanes[i]))
            return;
    }
    uv_timer_stop(timer);
    close_lanes(a);
}

static void stop_files(agent *a)
{
    sl_follow_stop(&a->follow);
    for (size_t i = 0; i < a->discover_count; i++) {
        sl_pin_stop(a->pins[i]);
        sl_discover_stop(a->discovers[i]);
    }
}

static void drain(agent *a)
{
    a->phase = AGENT_DRAINING;
    stop_files(a);
    sl_state_stop(a->state); /* it is saved once more, when all is answered */
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_drain(a->lanes[i]);
    uv_timer_start(&a->drain, on_drain_turn, 0, 10);
}

/* Every few milliseconds, until what lies in files of our own pod was read. */
static void on_finish_turn(uv_timer_t *timer)
{
    agent *a = SL_CONTAINER_OF(timer, agent, drain);

    for (size_t i = 0; i < a->lane_count; i++) {
        if (!sl_lane_has_finished(a->lanes[i]))
            return;
    }
    drain(a);
}

static bool reads_files(const agent *a)
{
    for (size_t i = 0; i < a->config->input_count; i++) {
        if (a->config->inputs[i].type == SL_INPUT_FILES)
            return true;
    }
    return false;
}

/* A sidecar's files go with its pod: all of them are looked at once more, and read to their ends. */
static void finish_files(agent *a)
{
    a->phase = AGENT_FINISHING;
    for (size_t i = 0; i < a->discover_count; i++) {
        if (!sl_discover_root(a->discovers[i]))
            sl_discover_scan(a->discovers[i]);
    }
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_finish(a->lanes[i]);
    uv_timer_start(&a->drain, on_finish_turn, 0, 10);
}

static void stop(agent *a)
{
    a->subject.stopping = true;
    if (a->phase == AGENT_STANDBY) {
        a->phase = AGENT_CLOSING;
        close_timers(a);
        return;
    }
    if (a->phase != AGENT_RUNNING)
        return;
    uv_timer_start(&a->deadline, on_deadline, a->config->shutdown_timeout_ms, 0);
    if (reads_files(a))
        finish_files(a);
    else
        drain(a);
}

static void on_stop(void *arg, unsigned count)
{
    agent *a = arg;

    if (count > 1) {
        sl_logf(&a->log, SL_LOG_WARN,
                "a second signal: ending at once; what was not acknowledged "
                "since the last checkpoint is sent again at the next start");
        _exit(1);
    }
    sl_logf(&a->log, SL_LOG_INFO, "stopping: what was read is being delivered");
    stop(a);
}

static void on_reload(void *arg)
{
    agent *a = arg;

    sl_logf(&a->log, SL_LOG_WARN,
            "SIGHUP: reload is not built yet in this version of sluice; restart it instead");
}

static void on_status(void *arg)
{
    agent *a = arg;

    sl_status_log(&a->subject, &a->log);
}

/* The others go on; with the last one there is nothing left to do. */
static void on_gave_up(void *arg, sl_lane *l, const char *reason)
{
    agent *a = arg;

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
    stop(a);
    if (a->phase == AGENT_FINISHING)
        drain(a);
    close_lanes(a);
}

static void log_books(agent *a)
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

/* --- the beginning --- */

static void raise_descriptors(agent *a)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files))
        sl_logf(&a->log, SL_LOG_WARN, "the limit of open files stays as it is: %s",
                strerror(errno));
}

static sl_err open_lane(agent *a, const sl_output_config *o, sl_lane **out)
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
                    .constants = {.node = a->config->node,
                                  .cluster = a->config->cluster,
                                  .fields = {&a->config->fields, &o->fields}},
                    .frame = o->frame},
        .output = {.name = o->name,
                   .plugin = o->plugin,
                   .self = o->self,
                   .encoding = sl_encoding_names[o->encoding],
                   .retry_initial_ms = o->retry_initial_ms,
                   .retry_max_ms = o->retry_max_ms,
                   .max_in_flight = (uint32_t)o->max_in_flight,
                   .loop = &a->loop,
                   .clock = a->clock,
                   .log = &a->log},
        .arg = a,
        .changed = on_changed,
        .gave_up = on_gave_up,
        .closed = on_lane_closed,
    };

    return sl_lane_new(&options, out);
}

static sl_err open_lanes(agent *a)
{
    const sl_config *config = a->config;
    sl_err err = 0;

    a->lanes = sl_alloc(config->output_count * sizeof(sl_lane *));
    while (!err && a->lane_count < config->output_count) {
        err = open_lane(a, &config->outputs[a->lane_count], &a->lanes[a->lane_count]);
        a->lane_count += !err;
    }
    return err;
}

/* Of an input of files: what its records say of their container is what it is taken for. */
static const char *field_of(const sl_input_config *in, const char *name)
{
    for (size_t i = 0; i < in->fields.count; i++) {
        if (!strcmp(in->fields.names[i], name))
            return in->fields.values[i];
    }
    return "";
}

static sl_discover *open_input(agent *a, input *in, const sl_input_config *config, bool fresh)
{
    bool files = config->type == SL_INPUT_FILES;

    *in = (input){.agent = a,
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

static sl_pin *open_pin(agent *a, input *in, sl_discover *d)
{
    return sl_pin_new(&(sl_pin_options){.loop = &a->loop,
                                        .discover = d,
                                        .max_bytes = in->config->pin_max_bytes,
                                        .min_free = in->config->pin_free,
                                        .arg = in,
                                        .lose = on_lose});
}

static void open_files(agent *a, bool fresh)
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

static void say_hello(agent *a)
{
    const sl_config *config = a->config;
    sl_buf text = {0};

    for (size_t i = 0; i < config->input_count; i++)
        sl_buf_add_format(&text, "%s %s", i ? "," : "follows",
                          config->inputs[i].type == SL_INPUT_FILES
                              ? config->inputs[i].paths.items[0]
                              : config->inputs[i].path);
    for (size_t i = 0; i < config->output_count; i++)
        sl_buf_add_format(&text, "%s %s", i ? "," : " to", config->outputs[i].name);
    sl_logf(&a->log, SL_LOG_INFO, "sluice %s %.*s, state in %s", SL_VERSION, (int)text.len,
            text.ptr, config->state_dir);
    for (size_t i = 0; i < config->known.count; i++) {
        const sl_known_plugin *k = &config->known.known[i];

        if (k->file && k->plugin)
            sl_logf(&a->log, SL_LOG_INFO, "output type %s is loaded from %s", k->name, k->file);
    }
    sl_buf_fini(&text);
}

/* From now on there is something to ask about. */
static void show_subject(agent *a)
{
    a->subject.standby = false;
    a->subject.state = a->state;
    a->subject.discovers = a->discovers;
    a->subject.pins = a->pins;
    a->subject.discover_count = a->discover_count;
    a->subject.lanes = a->lanes;
    a->subject.lane_count = a->lane_count;
}

static void open_admin(agent *a)
{
    a->subject.clock = a->clock;
    a->subject.started_ns = sl_wall_ns(a->clock);
    a->subject.standby = true; /* until we hold the lock */
    a->admin = sl_admin_new(&(sl_admin_options){.loop = &a->loop,
                                                .clock = a->clock,
                                                .log = &a->log,
                                                .listen = a->config->admin_listen,
                                                .routes = sl_routes,
                                                .arg = &a->subject});
}

/* We hold the lock. */
static sl_err start(agent *a)
{
    bool fresh;
    sl_err err;

    a->phase = AGENT_RUNNING;
    raise_descriptors(a);
    a->state = sl_state_new(&(sl_state_options){.loop = &a->loop,
                                                .clock = a->clock,
                                                .log = &a->log,
                                                .dir = a->config->state_dir,
                                                .interval_ms = a->config->checkpoint_interval_ms,
                                                .arg = a,
                                                .wants = wants});
    err = sl_state_load(a->state, &fresh);
    if (err)
        return err;
    open_files(a, fresh);
    err = open_lanes(a);
    if (err)
        return err;
    sl_state_follow(a->state, a->discovers, a->discover_count, a->lanes, a->lane_count);
    show_subject(a);
    sl_admin_open_socket(a->admin, a->config->state_dir);
    a->started = true;
    say_hello(a);
    for (size_t i = 0; i < a->discover_count; i++)
        sl_discover_start(a->discovers[i]);
    return 0;
}

static void fail(agent *a)
{
    a->exit_code = 1;
    if (a->discover_count > 0)
        stop_files(a);
    sl_state_stop(a->state);
    close_lanes(a); /* those that could be opened */
}

/* 0: we hold it, and have started or failed to; SL_E_BUSY: somebody else does. */
static sl_err take_lock(agent *a)
{
    char holder[128] = "";
    sl_err err = sl_lock_take(&a->lock, a->config->state_dir, holder, sizeof holder);
    uint64_t now = sl_now_ms(a->clock);

    if (!err) {
        if (start(a))
            fail(a);
        return 0;
    }
    if (err != SL_E_BUSY || a->no_wait) {
        sl_logf(&a->log, SL_LOG_ERROR,
                err == SL_E_BUSY ? "state_dir %s is in use by %s; give this agent one of its own"
                                 : "state_dir %s cannot be used: %s%s; set `state_dir` to a folder "
                                   "that this user may write",
                a->config->state_dir, err == SL_E_BUSY ? holder : sl_strerror(err), "");
        fail(a);
        return 0;
    }
    if (!a->standby_said_ms || now - a->standby_said_ms >= STANDBY_SAY_MS) {
        a->standby_said_ms = now;
        sl_logf(&a->log, SL_LOG_WARN,
                "standby: %s holds %s/lock; this agent takes over when it is free", holder,
                a->config->state_dir);
    }
    return err;
}

static void on_standby(uv_timer_t *timer)
{
    agent *a = SL_CONTAINER_OF(timer, agent, standby);

    if (take_lock(a) == 0 && !uv_is_closing((uv_handle_t *)timer))
        uv_timer_stop(timer);
}

static void free_all(agent *a)
{
    for (size_t i = 0; i < a->lane_count; i++)
        sl_lane_free(a->lanes[i]);
    free(a->lanes);
    for (size_t i = 0; i < a->discover_count; i++) {
        sl_pin_release(a->pins[i]);
        sl_discover_free(a->discovers[i]);
    }
    free(a->discovers);
    free(a->pins);
    free(a->inputs);
    if (a->watch)
        sl_watch_close(a->watch);
    uv_run(&a->loop, UV_RUN_DEFAULT); /* the watch's handle */
    sl_state_free(a->state);
    sl_namespaces_fini(&a->subject.namespaces);
    sl_lock_release(&a->lock);
}

int sl_agent_run(const sl_config *config, bool no_wait)
{
    agent a = {.config = config, .no_wait = no_wait, .clock = &sl_clock_real, .lock = {.fd = -1}};

    mallopt(M_ARENA_MAX, 1); /* pool threads allocate little; arenas of their own would cost more */
    a.log = (sl_log){.level = (sl_level)config->log_level,
                     .format = (sl_log_format)config->log_format,
                     .fd = STDERR_FILENO};
    SL_ASSERT(uv_loop_init(&a.loop) == 0);
    uv_timer_init(&a.loop, &a.standby);
    uv_timer_init(&a.loop, &a.drain);
    uv_timer_init(&a.loop, &a.deadline);
    a.signals = sl_signals_new(&a.loop, &(sl_signal_calls){.on_stop = on_stop,
                                                           .on_reload = on_reload,
                                                           .on_status = on_status,
                                                           .arg = &a});
    open_admin(&a);
    if (take_lock(&a) == SL_E_BUSY)
        uv_timer_start(&a.standby, on_standby, STANDBY_MS, STANDBY_MS);
    uv_run(&a.loop, UV_RUN_DEFAULT);
    if (a.started) {
        if (sl_state_save_now(a.state))
            a.exit_code = 1;
        log_books(&a);
    }
    free_all(&a);
    SL_ASSERT(uv_loop_close(&a.loop) == 0);
    return a.exit_code;
}
