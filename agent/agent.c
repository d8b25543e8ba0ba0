/* agent.c - see agent.h. The order: the lock, the state, the files, the lanes; and at the end the
 * files, the lanes, the state, the lock. Nothing here wakes an idle agent.
 *
 * Owns     all that it starts
 * Thread   the loop's */
#include "agent.h"

#include "control/routes.h"
#include "control/state.h"
#include "control/status.h"
#include "inputs.h"
#include "lanes.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define STANDBY_MS     250 /* how often a standby looks whether the lock is free */
#define STANDBY_SAY_MS UINT64_C(60000)
#define FINISH_PARTS   4 /* one of them is for sending, when files could not be read to their ends */

/* --- the end --- */

void sl_agent_end(sl_agent *a)
{
    uv_close((uv_handle_t *)&a->standby, NULL);
    uv_close((uv_handle_t *)&a->drain, NULL);
    uv_close((uv_handle_t *)&a->deadline, NULL);
    sl_signals_unref(a->signals);
    sl_admin_close(a->admin);
}

static void drain(sl_agent *a);

static void on_deadline(uv_timer_t *timer)
{
    sl_agent *a = SL_CONTAINER_OF(timer, sl_agent, deadline);

    if (a->phase == AGENT_FINISHING) {
        drain(a);
        return;
    }
    sl_logf(&a->log, SL_LOG_WARN,
            "shutdown_timeout is over with records unacknowledged: they stay in the files, and are "
            "sent at the next start");
    sl_lanes_close(a);
}

/* Every few milliseconds while we drain. */
static void on_drain_turn(uv_timer_t *timer)
{
    sl_agent *a = SL_CONTAINER_OF(timer, sl_agent, drain);

    if (!sl_lanes_are_drained(a))
        return;
    uv_timer_stop(timer);
    sl_lanes_close(a);
}

static void drain(sl_agent *a)
{
    uint64_t left = uv_timer_get_due_in(&a->deadline);

    if (a->phase == AGENT_FINISHING)
        uv_timer_start(&a->deadline, on_deadline,
                       left + a->config->shutdown_timeout_ms / FINISH_PARTS, 0);
    a->phase = AGENT_DRAINING;
    sl_inputs_stop(a);
    sl_state_stop(a->state); /* it is saved once more, when all is answered */
    sl_lanes_drain(a);
    uv_timer_start(&a->drain, on_drain_turn, 0, 10);
}

/* Every few milliseconds, until what lies in files of our own pod was read. A lane that is done sends
 * what it has: another one may stand still. */
static void on_finish_turn(uv_timer_t *timer)
{
    sl_agent *a = SL_CONTAINER_OF(timer, sl_agent, drain);

    bool finished = true;

    for (size_t i = 0; i < a->lane_count; i++) {
        if (sl_lane_has_finished(a->lanes[i]))
            sl_lane_drain(a->lanes[i]);
        else
            finished = false;
    }
    if (finished)
        drain(a);
}

static bool reads_files(const sl_agent *a)
{
    for (size_t i = 0; i < a->config->input_count; i++) {
        if (a->config->inputs[i].type == SL_INPUT_FILES)
            return true;
    }
    return false;
}

/* A sidecar's files go with its pod: all of them are looked at once more, and read to their ends. */
static void finish_files(sl_agent *a)
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

static void stop(sl_agent *a)
{
    uint64_t timeout = a->config->shutdown_timeout_ms;

    a->subject.stopping = true;
    if (a->phase == AGENT_STANDBY) {
        a->phase = AGENT_CLOSING;
        sl_agent_end(a);
        return;
    }
    if (a->phase != AGENT_RUNNING)
        return;
    if (reads_files(a)) {
        timeout -= timeout / FINISH_PARTS;
        finish_files(a);
    } else {
        drain(a);
    }
    uv_timer_start(&a->deadline, on_deadline, timeout, 0);
}

void sl_agent_give_up(sl_agent *a)
{
    stop(a);
    if (a->phase == AGENT_FINISHING)
        drain(a);
    sl_lanes_close(a);
}

static void on_stop(void *arg, unsigned count)
{
    sl_agent *a = arg;

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
    sl_agent *a = arg;

    sl_logf(&a->log, SL_LOG_WARN,
            "SIGHUP: reload is not built yet in this version of sluice; restart it instead");
}

static void on_status(void *arg)
{
    sl_agent *a = arg;

    sl_status_log(&a->subject, &a->log);
}

/* --- the beginning --- */

static void raise_descriptors(sl_agent *a)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files))
        sl_logf(&a->log, SL_LOG_WARN, "the limit of open files stays as it is: %s",
                strerror(errno));
}

static void say_hello(sl_agent *a)
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
static void show_subject(sl_agent *a)
{
    a->subject.standby = false;
    a->subject.state = a->state;
    a->subject.discovers = a->discovers;
    a->subject.pins = a->pins;
    a->subject.discover_count = a->discover_count;
    a->subject.lanes = a->lanes;
    a->subject.lane_count = a->lane_count;
}

static void open_admin(sl_agent *a)
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
static sl_err start(sl_agent *a)
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
                                                .wants = sl_inputs_want,
                                                .written = sl_lanes_rested});
    err = sl_state_load(a->state, &fresh);
    if (err)
        return err;
    sl_inputs_open(a, fresh);
    err = sl_lanes_open(a);
    if (err)
        return err;
    sl_state_follow(a->state, a->discovers, a->discover_count, a->lanes, a->lane_count);
    show_subject(a);
    sl_admin_open_socket(a->admin, a->config->state_dir);
    a->started = true;
    say_hello(a);
    sl_inputs_start(a);
    return 0;
}

static void fail(sl_agent *a)
{
    a->exit_code = 1;
    if (a->discover_count > 0)
        sl_inputs_stop(a);
    sl_state_stop(a->state);
    sl_lanes_close(a); /* those that could be opened */
}

/* 0: we hold it, and have started or failed to; SL_E_BUSY: somebody else does. */
static sl_err take_lock(sl_agent *a)
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
    sl_agent *a = SL_CONTAINER_OF(timer, sl_agent, standby);

    if (take_lock(a) == 0 && !uv_is_closing((uv_handle_t *)timer))
        uv_timer_stop(timer);
}

static void free_all(sl_agent *a)
{
    sl_lanes_free(a);
    sl_inputs_free(a);
    sl_signals_free(a->signals);
    uv_run(&a->loop, UV_RUN_DEFAULT); /* the watch's handle, and theirs */
    sl_state_free(a->state);
    sl_namespaces_fini(&a->subject.namespaces);
    sl_lock_release(&a->lock);
}

/* Large batches have pages of their own, so that nothing that stays lies behind them: left alone, glibc
 * puts them among the others once the first one was freed. What is taken and freed for each body stays
 * within reach. Pool threads allocate little: arenas of their own would cost more. */
static void set_up_malloc(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
}

int sl_agent_run(const sl_config *config, bool no_wait)
{
    sl_agent a = {
        .config = config, .no_wait = no_wait, .clock = &sl_clock_real, .lock = {.fd = -1}};

    set_up_malloc();
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
        sl_lanes_log_books(&a);
    }
    free_all(&a);
    SL_ASSERT(uv_loop_close(&a.loop) == 0);
    return a.exit_code;
}
