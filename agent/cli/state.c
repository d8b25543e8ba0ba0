/* state.c - `sluice state ls|show|rename|rewind`: the positions in the state directory.
 *
 * Looking reads the checkpoint as it is, beside an agent that runs, too. Changing takes the agent's
 * lock, and writes a checkpoint as the agent does: aside, fsynced, with the one before kept. An agent
 * that holds the lock is asked to do it instead, and to save it.
 *
 * Fails    a damaged checkpoint is said, and left for the next start to set aside */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/positions.h"
#include "control/config.h"
#include "control/goal.h"
#include "control/nearest.h"
#include "ship/checkpoint.h"
#include "ship/lock.h"
#include "ship/saved.h"
#include "ship/snapshot.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHO           "sluice state"
#define SAVED_MS      10000
#define SAVED_STEP_MS 20

/* One call of the command. */
typedef struct work {
    const sl_cli_args *args;
    const char *dir; /* the state directory */
    sl_goal goal;    /* of rewind */
    sl_snapshot *snapshot;
    int64_t when_ns; /* it was written */
    sl_buf out;
} work;

static int refuse(const char *format, ...) SL_PRINTF(1, 2);

static int refuse(const char *format, ...)
{
    va_list args;

    fputs(WHO ": ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return SL_EXIT_FAILED;
}

static bool is_meant(const sl_saved_source *s, const char *which)
{
    return sl_goal_means(which, sl_str(s->namespace), sl_str(s->pod), sl_str(s->container));
}

/* --- ls and show --- */

static sl_positions positions_of(work *w)
{
    double age = (double)(sl_wall_ns(&sl_clock_real) - w->when_ns) / 1e9;

    return (sl_positions){w->snapshot, age > 0 ? age : 0, w->args->json, &w->out};
}

static int list_all(work *w)
{
    sl_positions p = positions_of(w);

    sl_positions_head(&p);
    for (size_t i = 0; i < w->snapshot->source_count; i++)
        sl_positions_list(&p, &w->snapshot->sources[i]);
    return SL_EXIT_DONE;
}

static int show_meant(work *w)
{
    const char *which = w->args->words[1];
    sl_positions p = positions_of(w);
    size_t found = 0;

    sl_positions_head(&p);
    for (size_t i = 0; i < w->snapshot->source_count; i++) {
        if (!is_meant(&w->snapshot->sources[i], which))
            continue;
        found++;
        sl_positions_show(&p, &w->snapshot->sources[i]);
    }
    return found ? SL_EXIT_DONE
                 : refuse("nothing is known of %s; `sluice state ls` lists what is", which);
}

/* --- rename and rewind --- */

static int say_no_output(const work *w, const char *name)
{
    sl_nearest near;
    char hint[128];

    sl_nearest_init(&near, name);
    for (size_t i = 0; i < w->snapshot->lane_count; i++)
        sl_nearest_try(&near, sl_str(w->snapshot->lanes[i]));
    return refuse("no output \"%s\" has positions in %s%s", name, w->dir,
                  sl_nearest_text(&near, hint));
}

static int rename_lane(work *w)
{
    const char *from = w->args->words[1], *to = w->args->words[2];
    sl_err err = sl_saved_rename(w->snapshot, from, to);

    if (err == UV_ENOENT)
        return say_no_output(w, from);
    if (err)
        return refuse("output \"%s\" has positions of its own; they would be lost", to);
    sl_buf_add_format(&w->out, "the positions of output \"%s\" are those of \"%s\" now\n", from,
                      to);
    return SL_EXIT_DONE;
}

static sl_place place_in(const sl_saved_source *s, const sl_goal *goal)
{
    if (goal->kind == SL_GOAL_TIME)
        return sl_saved_at_time(s, goal->time_ns);
    if (goal->kind == SL_GOAL_PLACE)
        return sl_saved_at_name(s, goal->name, goal->offset);
    return sl_saved_beginning(s);
}

static bool rewind_source(sl_saved_source *s, uint32_t lane, const sl_goal *goal)
{
    sl_place at = place_in(s, goal);
    bool moved = false;

    for (size_t i = 0; at.seq && i < s->cursor_count; i++) {
        if (s->cursors[i].lane == lane)
            moved = sl_saved_rewind(&s->cursors[i], at);
    }
    return moved;
}

static int rewind_lane(work *w)
{
    const char *name = w->args->words[1], *which = w->args->words[2];
    size_t lane = sl_saved_lane(w->snapshot, name), meant = 0, moved = 0;

    if (lane == w->snapshot->lane_count)
        return say_no_output(w, name);
    for (size_t i = 0; i < w->snapshot->source_count; i++) {
        if (!is_meant(&w->snapshot->sources[i], which))
            continue;
        meant++;
        moved += rewind_source(&w->snapshot->sources[i], (uint32_t)lane, &w->goal);
    }
    if (meant == 0)
        return refuse("nothing is known of %s; `sluice state ls` lists what is",
                      which ? which : "any container");
    sl_buf_add_format(&w->out, "output \"%s\" goes back in %zu of %zu containers\n", name, moved,
                      meant);
    return SL_EXIT_DONE;
}

/* --- through the agent that runs --- */

/* The agent has done it: until it is on disk, too, a crash would undo it. */
static int wait_until_saved(const work *w)
{
    sl_buf answer = {0};
    unsigned status = 202;

    for (int i = 0; status == 202 && i < SAVED_MS / SAVED_STEP_MS; i++) {
        uv_sleep(i ? SAVED_STEP_MS : 0);
        answer.len = 0;
        status = sl_client_ask(WHO, w->dir, "GET", "/api/v1/state/saved", &answer);
    }
    sl_buf_fini(&answer);
    return status == 200 ? SL_EXIT_DONE
                         : refuse("the agent has done it, and could not save it yet: its log says "
                                  "why; a crash before would undo it");
}

static int ask(work *w, sl_buf *target)
{
    unsigned status;

    sl_buf_add(target, "", 1);
    status = sl_client_ask(WHO, w->dir, "POST", target->ptr, &w->out);
    sl_buf_fini(target);
    if (status == 200)
        return wait_until_saved(w);
    if (status)
        fprintf(stderr, WHO ": %.*s", (int)w->out.len, w->out.len ? w->out.ptr : "");
    return SL_EXIT_FAILED;
}

static int ask_rename(work *w)
{
    sl_buf target = {0};

    sl_buf_add_text(&target, "/api/v1/state/rename");
    sl_client_add_argument(&target, "old", w->args->words[1]);
    sl_client_add_argument(&target, "new", w->args->words[2]);
    return ask(w, &target);
}

static int ask_rewind(work *w)
{
    sl_buf target = {0};

    sl_buf_add_text(&target, "/api/v1/state/rewind");
    sl_client_add_argument(&target, "output", w->args->words[1]);
    if (w->goal.which)
        sl_client_add_argument(&target, "source", w->goal.which);
    if (w->args->to)
        sl_client_add_argument(&target, "to", w->args->to);
    return ask(w, &target);
}

/* --- the command --- */

static const struct verb {
    const char *name;
    size_t least, most; /* words behind it */
    int (*call)(work *);
    int (*ask)(work *); /* of those that change: the agent that holds the lock does it */
} verbs[] = {
    {"ls", 0, 0, list_all, NULL},
    {"show", 1, 1, show_meant, NULL},
    {"rename", 2, 2, rename_lane, ask_rename},
    {"rewind", 1, 2, rewind_lane, ask_rewind},
};

static int load(work *w)
{
    const char *why;
    sl_err err = sl_checkpoint_read(w->dir, &w->snapshot, &w->when_ns, &why);

    if (err == UV_ENOENT)
        return refuse("there is no checkpoint in %s: no agent has run on it yet", w->dir);
    if (err == SL_E_FORMAT)
        return refuse("%s/checkpoint is damaged: %s; the next start sets it aside and uses the one "
                      "before",
                      w->dir, why);
    if (err)
        return refuse("%s/checkpoint cannot be read: %s", w->dir, sl_strerror(err));
    return SL_EXIT_DONE;
}

/* Who calls this may not be who the agent runs as: the file stays its owner's. */
static void keep_owner(const char *dir, uid_t uid, gid_t gid)
{
    char *path = sl_format("%s/checkpoint", dir);

    if (lchown(path, uid, gid))
        refuse("%s cannot be given back to user %u: %s", path, (unsigned)uid, strerror(errno));
    free(path);
}

static int save(work *w)
{
    sl_log log = {.level = SL_LOG_ERROR, .fd = STDERR_FILENO};
    sl_checkpoint *c = sl_checkpoint_new(w->dir, NULL, &sl_clock_real, &log);
    struct stat owner;
    sl_buf bytes = {0};
    sl_err err;

    if (stat(w->dir, &owner))
        return refuse("%s: %s", w->dir, strerror(errno));
    sl_snapshot_pack(w->snapshot, &bytes);
    err = sl_checkpoint_write_now(c, sl_buf_slice(&bytes));
    if (!err)
        keep_owner(w->dir, owner.st_uid, owner.st_gid);
    sl_buf_fini(&bytes);
    sl_checkpoint_free(c);
    return err ? SL_EXIT_FAILED : SL_EXIT_DONE;
}

static int change(work *w, const struct verb *verb)
{
    char holder[128] = "";
    sl_lock lock = {.fd = -1};
    sl_err err;
    int code;

    if (access(w->dir, F_OK)) /* the lock would make it */
        return load(w);
    err = sl_lock_take(&lock, w->dir, holder, sizeof holder);
    if (err == SL_E_BUSY)
        return verb->ask(w);
    if (err)
        return refuse("%s: %s", holder, sl_strerror(err));
    code = load(w);
    if (!code)
        code = verb->call(w);
    if (!code)
        code = save(w);
    sl_lock_release(&lock);
    return code;
}

static int look(work *w, const struct verb *verb)
{
    int code = load(w);

    return code ? code : verb->call(w);
}

static const struct verb *find_verb(const sl_cli_args *args)
{
    const char *name = args->word_count ? args->words[0] : "";

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *v = &verbs[i];

        if (!strcmp(v->name, name) && args->word_count > v->least &&
            args->word_count <= v->most + 1)
            return v;
    }
    return NULL;
}

/* false: a word is not what the verb takes, and that was said. */
static bool understands(work *w, const struct verb *verb)
{
    const char *to = w->args->to, *word = w->args->words[2];

    if (verb->ask == ask_rename && !sl_config_is_name(word))
        refuse("\"%s\" is no name of an output: it " SL_NAME_FORM, word);
    else if (!sl_goal_read(word, to, &sl_clock_real, &w->goal))
        refuse("--to %s: " SL_GOAL_FORMS, to);
    else
        return true;
    return false;
}

int sl_cli_state(const sl_cli_args *args)
{
    const struct verb *verb = find_verb(args);
    work w = {.args = args};
    sl_buf errors = {0};
    sl_config *config;
    int code = SL_EXIT_USAGE;

    if (!verb || (args->to && strcmp(verb->name, "rewind") != 0)) {
        fputs("sluice state: takes ls, show NS/POD[/CONTAINER], rename OLD NEW, or rewind OUTPUT\n"
              "sluice state --help says more\n",
              stderr);
        return code;
    }
    if (!understands(&w, verb))
        return code;
    config = sl_config_load(SL_FILES_UNSEEN, args->file, args->sets, args->set_count, &errors);
    if (config) {
        w.dir = config->state_dir;
        code = verb->ask ? change(&w, verb) : look(&w, verb);
        if (!code)
            code = sl_cli_print(&w.out);
    } else {
        fwrite(errors.ptr, 1, errors.len, stderr);
    }
    sl_snapshot_free(w.snapshot);
    sl_config_free(config);
    sl_buf_fini(&errors);
    sl_buf_fini(&w.out);
    return code;
}
