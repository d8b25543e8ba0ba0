/* state.c - `sluice state ls|show|rename|rewind`: the positions in the state directory.
 *
 * Looking reads the checkpoint as it is, beside an agent that runs, too. Changing takes the agent's
 * lock, so it is done while none runs, and writes a checkpoint as the agent does: aside, fsynced,
 * with the one before kept.
 *
 * Fails    a damaged checkpoint is said, and left for the next start to set aside */
#include "cli/cli.h"
#include "cli/positions.h"
#include "control/config.h"
#include "control/nearest.h"
#include "control/units.h"
#include "read/decode_cri.h"
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

/* One call of the command. */
typedef struct work {
    const sl_cli_args *args;
    const char *dir; /* the state directory */
    sl_snapshot *snapshot;
    int64_t when_ns; /* it was written */
    sl_buf out;
} work;

static int refuse(const char *format, ...) SL_PRINTF(1, 2);

static int refuse(const char *format, ...)
{
    va_list args;

    fputs("sluice state: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return SL_EXIT_FAILED;
}

/* --- which containers --- */

/* The next part of "NS/POD/CONTAINER" is that name. */
static bool takes(const char **pattern, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(*pattern, name, len) != 0 || ((*pattern)[len] && (*pattern)[len] != '/'))
        return false;
    *pattern += len + ((*pattern)[len] == '/');
    return true;
}

/* which  "NS/POD", "NS/POD/CONTAINER"; NULL: all */
static bool is_meant(const sl_saved_source *s, const char *which)
{
    if (!which)
        return true;
    return takes(&which, s->namespace) && takes(&which, s->pod) &&
           (!*which || (takes(&which, s->container) && !*which));
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

/* Where to go back to. */
typedef struct target {
    enum { TO_BEGINNING, TO_TIME, TO_PLACE } kind;
    int64_t time_ns;
    char name[SL_NAME_LEN + 1];
    uint64_t offset;
} target;

static bool read_time(const char *text, int64_t *time_ns)
{
    char minute[16] = {0}, *line;
    sl_record rec = {0};
    uint64_t ago_ms;
    bool ok;

    if (!sl_number_read(SL_TIME, text, &ago_ms)) {
        *time_ns = sl_wall_ns(&sl_clock_real) -
                   (ago_ms < INT64_MAX / 4000000 ? (int64_t)ago_ms * 1000000 : INT64_MAX / 4);
        return true;
    }
    line = sl_format("%s stdout F -", text); /* the runtime's line holds such a time */
    ok = !sl_decode_cri(sl_str(line), minute, &rec);
    if (ok)
        *time_ns = sl_cri_time_ns(rec.time);
    free(line);
    return ok;
}

static bool read_place(const char *text, target *to)
{
    const char *colon = strchr(text, ':');
    char *end;

    if (!colon || colon - text != SL_NAME_LEN || colon[1] < '0' || colon[1] > '9')
        return false;
    memcpy(to->name, text, SL_NAME_LEN);
    to->name[SL_NAME_LEN] = '\0';
    to->offset = strtoull(colon + 1, &end, 10);
    return !*end;
}

static bool read_target(const char *text, target *to)
{
    *to = (target){.kind = TO_BEGINNING};
    if (!text || !strcmp(text, "beginning"))
        return true;
    to->kind = TO_PLACE;
    if (read_place(text, to))
        return true;
    to->kind = TO_TIME;
    return read_time(text, &to->time_ns);
}

static sl_place place_in(const sl_saved_source *s, const target *to)
{
    if (to->kind == TO_TIME)
        return sl_saved_at_time(s, to->time_ns);
    if (to->kind == TO_PLACE)
        return sl_saved_at_name(s, to->name, to->offset);
    return sl_saved_beginning(s);
}

static bool rewind_source(sl_saved_source *s, uint32_t lane, const target *to)
{
    sl_place at = place_in(s, to);
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
    target to;

    if (!read_target(w->args->to, &to)) {
        refuse("--to %s: give \"beginning\", a duration such as 10m, an RFC 3339 time, or "
               "GENERATION:OFFSET as records carry them",
               w->args->to);
        return SL_EXIT_USAGE;
    }
    if (lane == w->snapshot->lane_count)
        return say_no_output(w, name);
    for (size_t i = 0; i < w->snapshot->source_count; i++) {
        if (!is_meant(&w->snapshot->sources[i], which))
            continue;
        meant++;
        moved += rewind_source(&w->snapshot->sources[i], (uint32_t)lane, &to);
    }
    if (meant == 0)
        return refuse("nothing is known of %s; `sluice state ls` lists what is",
                      which ? which : "any container");
    sl_buf_add_format(&w->out, "output \"%s\" goes back in %zu of %zu containers\n", name, moved,
                      meant);
    return SL_EXIT_DONE;
}

/* --- the command --- */

static const struct verb {
    const char *name;
    size_t least, most; /* words behind it */
    bool changes;
    int (*call)(work *);
} verbs[] = {
    {"ls", 0, 0, false, list_all},
    {"show", 1, 1, false, show_meant},
    {"rename", 2, 2, true, rename_lane},
    {"rewind", 1, 2, true, rewind_lane},
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
        return refuse("an agent (%s) holds %s: stop it first", holder, w->dir);
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
    config = sl_config_load(args->file, args->sets, args->set_count, &errors);
    if (config) {
        w.dir = config->state_dir;
        code = verb->changes ? change(&w, verb) : look(&w, verb);
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
