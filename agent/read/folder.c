/* folder.c - see folder.h. */
#include "read/folder.h"

#include "read/claim.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* A folder's time is exact to a clock tick: changed within it, it may have changed again. */
#define TICK_NS INT64_C(20000000)
/* A link that leads nowhere is looked at again soon while it is so young. */
#define YOUNG_NS INT64_C(60000000000)

/* --- any folder --- */

static int64_t written_ns(const struct stat *st)
{
    return sl_timespec_ns(st->st_mtim);
}

int64_t sl_folder_listed_ns(const sl_clock *clock, const struct stat *st)
{
    return sl_wall_ns(clock) - written_ns(st) > TICK_NS ? written_ns(st) : 0;
}

bool sl_folder_is_unchanged(const struct stat *st, int64_t listed_ns)
{
    return listed_ns && listed_ns == written_ns(st);
}

sl_err sl_folder_open(sl_folders *f, const char *path, int *fd, struct stat *st)
{
    *st = (struct stat){0};
    *fd = sl_links_open(&f->links, path, O_RDONLY | O_DIRECTORY);
    if (*fd < 0)
        return *fd == UV_ENOTDIR || *fd == UV_ELOOP || *fd == UV_EXDEV ? UV_ENOENT : *fd;
    SL_ASSERT(fstat(*fd, st) == 0);
    return 0;
}

bool sl_folder_is_in(sl_folders *f, const struct dirent *entry, const char *path)
{
    char name[PATH_MAX], real[PATH_MAX];
    struct stat st;

    if (entry->d_name[0] == '.')
        return false;
    if (entry->d_type == DT_DIR)
        return true;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return false;
    if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= PATH_MAX)
        return false;
    return !sl_links_resolve(&f->links, name, real, &st) && S_ISDIR(st.st_mode);
}

/* --- what is said --- */

bool sl_folders_is_exhausted(sl_folders *f, sl_err err)
{
    if (err != UV_EMFILE && err != UV_ENFILE)
        return false;
    if (!f->descriptors_complained)
        sl_logf(
            f->log, SL_LOG_ERROR,
            "no descriptor is left for more log files: those that are open are read, the others "
            "wait in their folders; raise the hard limit of open files (LimitNOFILE, ulimit -Hn)");
    f->descriptors_complained = true;
    return true;
}

void sl_folder_complain(sl_folders *f, sl_source *s, const char *file, sl_err err)
{
    char path[PATH_MAX];
    struct stat st = {0};

    if (err == UV_ENOENT)
        return; /* it went while we looked */
    s->unsettled = true;
    if (sl_folders_is_exhausted(f, err) || s->complained)
        return;
    s->complained = true;
    sl_source_path(s, file, path);
    (void)lstat(path, &st);
    sl_logf(f->log, SL_LOG_WARN,
            "cannot read %s: %s; it has mode %04o and owner %u:%u, we are %u:%u; run as uid 0, or "
            "as group %u where the group may read, and check SELinux's container_logreader_t; it "
            "is read as soon as it can be",
            path, sl_strerror(err), (unsigned)st.st_mode & 07777, (unsigned)st.st_uid,
            (unsigned)st.st_gid, (unsigned)geteuid(), (unsigned)getegid(), (unsigned)st.st_gid);
}

void sl_folder_refuse(sl_folders *f, const char *path, sl_err err, bool *refused)
{
    if (*refused)
        return;
    *refused = true;
    sl_logf(f->log, SL_LOG_WARN,
            err == UV_EXDEV
                ? "%s is a symbolic link that leads out of where links may lead: it is "
                  "not followed; if it should be, add the folder of its target to the "
                  "input's `allowed_roots`"
                : "%s is a symbolic link that leads in a circle, or to no regular file: "
                  "it is not followed",
            path);
}

/* --- branches --- */

/* It may be made in a moment, or be between two steps of a rotation: so even an old one is looked at
 * once more. */
static void on_dangling(const sl_folders *f, sl_source *s, const char *path)
{
    struct stat st;

    s->dangles = true;
    if (!s->dangled || (!lstat(path, &st) && sl_wall_ns(f->clock) - written_ns(&st) < YOUNG_NS))
        s->unsettled = true;
}

sl_branch *sl_folder_follow(sl_folders *f, sl_source *s, const char *path, uint32_t attempt)
{
    char real[PATH_MAX], *name;
    struct stat st;
    sl_err err = sl_links_resolve(&f->links, path, real, &st);
    sl_branch *b;

    if (err == UV_ENOENT)
        on_dangling(f, s, path);
    else if (err == UV_EXDEV || err == UV_ELOOP || (!err && !S_ISREG(st.st_mode)))
        sl_folder_refuse(f, path, err, &s->refused);
    else if (err)
        sl_folder_complain(f, s, strrchr(path, '/') + 1, err);
    if (err || !S_ISREG(st.st_mode))
        return NULL;
    name = strrchr(real, '/');
    *name++ = '\0';
    b = sl_source_branch(s, real, name, attempt);
    b->linked = true;
    return b;
}

/* "ID-json.log" is live, "ID-json.log.2" rotated, and with ".gz" packed. */
static sl_file_kind parse_rotated(const char *file, const char *live)
{
    size_t len = strlen(live), stamp;

    if (strncmp(file, live, len) != 0)
        return SL_FILE_OTHER;
    if (!file[len])
        return SL_FILE_LIVE;
    if (file[len] != '.')
        return SL_FILE_OTHER;
    file += len + 1;
    stamp = strspn(file, "0123456789-");
    if (stamp == 0)
        return SL_FILE_OTHER;
    return !file[stamp]                       ? SL_FILE_ROTATED
           : strcmp(file + stamp, ".gz") == 0 ? SL_FILE_PACKED
                                              : SL_FILE_OTHER;
}

static bool takes_of_branch(void *arg, const char *file)
{
    return parse_rotated(file, ((const sl_branch *)arg)->live) != SL_FILE_OTHER;
}

static void saw_in_branch(sl_look *l, sl_branch *b, const sl_entry *e, bool all)
{
    sl_sighting at = {.folder = dirfd(b->dir),
                      .file = e->file,
                      .branch = b,
                      .kind = parse_rotated(e->file, b->live),
                      .attempt = b->attempt,
                      .seen = e->seen};

    if (S_ISREG(at.seen.mode) &&
        (all || at.kind == SL_FILE_LIVE || sl_source_find(l->source, &at.seen.key)))
        sl_look_saw(l, &at);
}

static void list_branch(sl_look *l, sl_branch *b, bool all)
{
    sl_entries entries = {0};
    struct stat st;
    int fd;
    sl_err err;

    l->folders->branched(l->folders->arg, b);
    err = sl_folder_open(l->folders, b->folder, &fd, &st);
    if (err && err != UV_ENOENT) {
        l->missed = true;
        sl_folder_complain(l->folders, l->source, NULL, err);
    }
    if (err)
        return;
    b->listed_ns = sl_folder_listed_ns(l->folders->clock, &st);
    b->dir = fdopendir(fd);
    SL_ASSERT(b->dir);
    sl_entries_read(&entries, b->dir, b->listed_ns != 0, takes_of_branch, b);
    l->missed = l->missed || entries.missed;
    for (size_t i = 0; i < entries.count; i++)
        saw_in_branch(l, b, &entries.items[i], all);
    sl_entries_fini(&entries);
}

static sl_branch *branch_of(sl_link *link)
{
    return SL_CONTAINER_OF(link, sl_branch, link);
}

void sl_folder_list_branches(sl_look *l, bool all)
{
    SL_LIST_EACH(&l->source->branches, link)
    list_branch(l, branch_of(link), all);
}

void sl_folder_close_branches(sl_source *s)
{
    SL_LIST_EACH(&s->branches, link)
    {
        if (branch_of(link)->dir)
            closedir(branch_of(link)->dir);
        branch_of(link)->dir = NULL;
    }
}

/* --- the folder --- */

static bool takes(void *arg, const char *file)
{
    uint32_t attempt;

    (void)arg;
    return sl_file_parse(file, &attempt) != SL_FILE_OTHER;
}

static void saw_entry(sl_look *l, int folder, const sl_entry *e)
{
    sl_sighting at = {.folder = folder, .file = e->file, .seen = e->seen};
    char path[PATH_MAX];

    at.kind = sl_file_parse(e->file, &at.attempt);
    if (S_ISREG(at.seen.mode)) {
        sl_look_saw(l, &at);
    } else if (S_ISLNK(at.seen.mode) && at.kind == SL_FILE_LIVE) {
        sl_source_path(l->source, e->file, path);
        (void)sl_folder_follow(l->folders, l->source, path, at.attempt);
    }
}

void sl_folder_gone(sl_source *s)
{
    s->gone = true;
    s->unsettled = false;
    SL_LIST_EACH(&s->generations, link)
    sl_generation_of(link)->linked = false;
    SL_LIST_EACH(&s->branches, link)
    branch_of(link)->linked = false;
    sl_source_give_up(s);
}

static void list(sl_folders *f, sl_source *s, DIR *dir)
{
    sl_entries entries = {0};
    sl_look l;

    s->gone = s->unsettled = false;
    sl_look_begin(&l, f, s);
    sl_entries_read(&entries, dir, s->listed_ns != 0, takes, NULL);
    l.missed = entries.missed;
    for (size_t i = 0; i < entries.count; i++)
        saw_entry(&l, dirfd(dir), &entries.items[i]);
    sl_entries_fini(&entries);
    sl_folder_list_branches(&l, true);
    sl_look_end(&l);
    sl_folder_close_branches(s);
    closedir(dir);
}

void sl_folder_list(sl_folders *f, sl_source *s)
{
    char path[PATH_MAX];
    struct stat st;
    sl_err err;
    int fd;
    DIR *dir;

    sl_source_path(s, NULL, path);
    err = sl_folder_open(f, path, &fd, &st);
    if (err == UV_ENOENT)
        sl_folder_gone(s);
    else if (err)
        sl_folder_complain(f, s, NULL, err);
    if (err)
        return;
    dir = fdopendir(fd);
    SL_ASSERT(dir);
    s->ino = st.st_ino;
    s->listed_ns = sl_folder_listed_ns(f->clock, &st);
    list(f, s, dir);
}

void sl_folders_stop(sl_folders *f)
{
    f->stopping = true;
}
