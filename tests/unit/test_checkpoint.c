/* test_checkpoint.c - what is saved comes back, or the one before it: from a disk that fills up, and
 * after SIGKILL. (T-CKPT-07, T-CKPT-08 and T-CKPT-15, as far as the file alone decides) */
#include "ship/checkpoint.h"
#include "ship/snapshot.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>

struct place {
    char dir[64];
    sl_hand_clock clock;
    sl_log log;
    uv_loop_t loop;
    sl_checkpoint *c;
};

static void set_up(struct place *p)
{
    *p = (struct place){.clock = SL_HAND_CLOCK, .log = SL_QUIET_LOG};
    sl_scratch(p->dir);
    ck_assert_int_eq(uv_loop_init(&p->loop), 0);
    p->c = sl_checkpoint_new(p->dir, &p->loop, &p->clock.clock, &p->log);
}

static void tear_down(struct place *p)
{
    sl_checkpoint_free(p->c);
    ck_assert_int_eq(uv_loop_close(&p->loop), 0);
    sl_scratch_gone(p->dir);
}

static char *path_of(const struct place *p, const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return path;
}

static bool exists(const struct place *p, const char *name)
{
    struct stat st;

    return lstat(path_of(p, name), &st) == 0;
}

/* A snapshot that is known by its number. */
static sl_buf numbered(uint64_t number)
{
    sl_saved_source src = {
        .namespace = "n", .pod = "p", .uid = "u", .container = "c", .next_seq = number};
    sl_snapshot s = {.sources = &src, .source_count = 1};
    sl_buf bytes = {0};

    sl_snapshot_pack(&s, &bytes);
    return bytes;
}

static sl_err save(struct place *p, uint64_t number)
{
    sl_buf bytes = numbered(number);
    sl_err err = sl_checkpoint_write_now(p->c, sl_buf_slice(&bytes));

    sl_buf_fini(&bytes);
    return err;
}

/* The number that is loaded; 0: afresh. */
static uint64_t load(struct place *p)
{
    sl_snapshot *s;
    uint64_t number = 0;
    bool fresh;

    ck_assert_int_eq(sl_checkpoint_load(p->c, &s, &fresh), 0);
    ck_assert_int_eq(fresh, s->source_count == 0);
    if (!fresh)
        number = s->sources[0].next_seq;
    sl_snapshot_free(s);
    return number;
}

static void fix_crc(sl_buf *b)
{
    uint32_t sum = (uint32_t)crc32(0, (const Bytef *)b->ptr, (uInt)b->len - 4);

    for (unsigned i = 0; i < 4; i++)
        b->ptr[b->len - 4 + i] = (char)(sum >> (8 * i));
}

typedef enum { NONE, GOOD, EMPTY, CUT, CHANGED, NEWER, HUGE_ONE, FOLDER, LOOP } state;

static void put(const struct place *p, const char *name, state what, uint64_t number)
{
    const char *path = path_of(p, name);
    sl_buf bytes = numbered(number);
    int fd;

    if (what == FOLDER)
        ck_assert_int_eq(mkdir(path, 0700), 0);
    if (what == LOOP)
        ck_assert_int_eq(symlink(name, path), 0);
    if (what == CUT)
        bytes.len -= 1;
    if (what == EMPTY || what == HUGE_ONE)
        bytes.len = 0;
    if (what == CHANGED)
        bytes.ptr[20] ^= 1;
    if (what == NEWER) {
        bytes.ptr[9] = 2; /* behind the magic and the list's head: major */
        fix_crc(&bytes);
    }
    if (what != NONE && what != FOLDER && what != LOOP) {
        fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
        ck_assert_int_eq(write(fd, bytes.ptr, bytes.len), (ssize_t)bytes.len);
        if (what == HUGE_ONE)
            ck_assert_int_eq(ftruncate(fd, INT64_C(1) << 40), 0);
        close(fd);
    }
    sl_buf_fini(&bytes);
}

static const struct {
    state checkpoint, prev;
    sl_err err;
    unsigned number; /* 2: checkpoint's, 1: prev's, 0: afresh */
    bool aside;
    unsigned said;
} starts[] = {
    {NONE, NONE, 0, 0, false, 0},         {GOOD, NONE, 0, 2, false, 0},
    {GOOD, GOOD, 0, 2, false, 0},         {GOOD, CHANGED, 0, 2, false, 0},
    {NONE, GOOD, 0, 1, false, 1}, /* it was set aside, and nothing was written since */
    {EMPTY, GOOD, 0, 1, true, 2},         {CUT, GOOD, 0, 1, true, 2},
    {CHANGED, GOOD, 0, 1, true, 2},       {HUGE_ONE, GOOD, 0, 1, true, 2},
    {CHANGED, NONE, 0, 0, true, 2},       {CHANGED, CHANGED, 0, 0, true, 3},
    {NONE, EMPTY, 0, 0, false, 2},        {NEWER, GOOD, SL_E_NEWER, 0, false, 1},
    {CUT, NEWER, SL_E_NEWER, 0, true, 2}, {FOLDER, GOOD, UV_EISDIR, 0, false, 1},
    {CUT, FOLDER, UV_EISDIR, 0, true, 2}, {LOOP, GOOD, UV_ELOOP, 0, false, 1},
};

START_TEST(starts_with_the_best_there_is)
{
    struct place p;
    sl_snapshot *s;
    bool fresh;

    set_up(&p);
    put(&p, "checkpoint", starts[_i].checkpoint, 2);
    put(&p, "checkpoint.prev", starts[_i].prev, 1);
    if (starts[_i].err) {
        ck_assert_int_eq(sl_checkpoint_load(p.c, &s, &fresh), starts[_i].err);
        ck_assert_ptr_null(s);
    } else {
        ck_assert_uint_eq(load(&p), starts[_i].number);
    }
    ck_assert_int_eq(exists(&p, "checkpoint.damaged"), starts[_i].aside);
    ck_assert_uint_eq(p.log.written, starts[_i].said);
    tear_down(&p);
}
END_TEST

START_TEST(the_one_before_is_kept)
{
    struct place p;
    struct stat st;

    set_up(&p);
    for (uint64_t n = 1; n <= 4; n++) {
        ck_assert_int_eq(save(&p, n), 0);
        ck_assert_uint_eq(load(&p), n);
        ck_assert(!exists(&p, "checkpoint.tmp") && !exists(&p, "checkpoint.prev.tmp"));
        ck_assert_int_eq(exists(&p, "checkpoint.prev"), n > 1);
    }
    ck_assert_int_eq(stat(path_of(&p, "checkpoint"), &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0600);
    ck_assert_uint_eq(p.log.written, 0);

    /* a damaged one never takes its place */
    ck_assert_int_eq(truncate(path_of(&p, "checkpoint"), 7), 0);
    ck_assert_uint_eq(load(&p), 3);
    ck_assert_int_eq(save(&p, 5), 0);
    ck_assert_uint_eq(load(&p), 5);
    ck_assert_int_eq(unlink(path_of(&p, "checkpoint")), 0);
    ck_assert_uint_eq(load(&p), 3);
    tear_down(&p);
}
END_TEST

/* What a crash may leave between any two steps of a write. */
START_TEST(leftovers_do_not_matter)
{
    struct place p;
    char prev[128];

    set_up(&p);
    ck_assert_int_eq(save(&p, 1), 0);
    snprintf(prev, sizeof prev, "%s/checkpoint.prev", p.dir);
    ck_assert_int_eq(link(path_of(&p, "checkpoint"), prev), 0); /* two names of one file */
    put(&p, "checkpoint.tmp", CUT, 9);
    put(&p, "checkpoint.prev.tmp", CUT, 9);
    ck_assert_uint_eq(load(&p), 1);
    ck_assert_int_eq(save(&p, 2), 0);
    ck_assert(!exists(&p, "checkpoint.tmp") && !exists(&p, "checkpoint.prev.tmp"));
    ck_assert_uint_eq(load(&p), 2);
    ck_assert_int_eq(unlink(path_of(&p, "checkpoint")), 0);
    ck_assert_uint_eq(load(&p), 1);
    tear_down(&p);
}
END_TEST

static void on_done(void *arg, sl_err err)
{
    *(sl_err *)arg = err;
}

START_TEST(writes_in_the_pool)
{
    struct place p;
    sl_buf bytes = numbered(7);
    sl_err err = 1;

    set_up(&p);
    sl_checkpoint_write(p.c, &bytes, on_done, &err);
    ck_assert(sl_checkpoint_is_writing(p.c));
    ck_assert_ptr_null(bytes.ptr);
    ck_assert_int_eq(err, 1); /* not before the loop turns */
    uv_run(&p.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(err, 0);
    ck_assert(!sl_checkpoint_is_writing(p.c));
    ck_assert_uint_eq(load(&p), 7);
    tear_down(&p);
}
END_TEST

/* --- a disk that fails --- */

typedef enum { LIMIT, FULL, READ_ONLY, NO_FOLDER, IN_THE_WAY } trouble;

static const struct {
    trouble what;
    sl_err err;
    bool needs_mount;
} troubles[] = {
    {LIMIT, UV_EFBIG, false},      {FULL, UV_ENOSPC, true},        {READ_ONLY, UV_EROFS, true},
    {NO_FOLDER, UV_ENOENT, false}, {IN_THE_WAY, UV_EISDIR, false},
};

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void make_trouble(struct place *p, trouble what)
{
    static const char much[1 << 20];
    char away[64];
    int fd;

    switch (what) {
    case LIMIT:
        signal(SIGXFSZ, SIG_IGN);
        set_file_limit(5);
        break;
    case FULL:
        fd = open(path_of(p, "filler"), O_CREAT | O_WRONLY, 0600);
        while (write(fd, much, sizeof much) > 0)
            ;
        close(fd);
        break;
    case READ_ONLY:
        ck_assert_int_eq(mount("none", p->dir, "none", MS_REMOUNT | MS_RDONLY, ""), 0);
        break;
    case NO_FOLDER:
        snprintf(away, sizeof away, "%.60s-2", p->dir);
        ck_assert_int_eq(rename(p->dir, away), 0);
        break;
    case IN_THE_WAY:
        ck_assert_int_eq(mkdir(path_of(p, "checkpoint.tmp"), 0700), 0);
        break;
    }
}

static void end_trouble(struct place *p, trouble what)
{
    char away[64];

    switch (what) {
    case LIMIT:
        set_file_limit(RLIM_INFINITY);
        break;
    case FULL:
        unlink(path_of(p, "filler"));
        break;
    case READ_ONLY:
        ck_assert_int_eq(mount("none", p->dir, "none", MS_REMOUNT, ""), 0);
        break;
    case NO_FOLDER:
        snprintf(away, sizeof away, "%.60s-2", p->dir);
        ck_assert_int_eq(rename(away, p->dir), 0);
        break;
    case IN_THE_WAY:
        ck_assert_int_eq(rmdir(path_of(p, "checkpoint.tmp")), 0);
        break;
    }
}

/* In a mount namespace of this test's own process, which takes the mount with it. */
static bool mount_small(const char *dir)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0 &&
           mount("none", dir, "tmpfs", 0, "size=64k") == 0;
}

START_TEST(a_failing_disk_costs_nothing_but_the_write)
{
    struct place p;
    trouble what = troubles[_i].what;

    set_up(&p);
    if (troubles[_i].needs_mount && !mount_small(p.dir)) {
        fprintf(stderr, "may not mount here: row %d is left out\n", _i);
        tear_down(&p);
        return;
    }
    ck_assert_int_eq(save(&p, 1), 0);
    make_trouble(&p, what);
    ck_assert_int_eq(save(&p, 2), troubles[_i].err);
    ck_assert_int_eq(save(&p, 3), troubles[_i].err);
    ck_assert_uint_eq(p.log.written, 1); /* said once */
    if (what != NO_FOLDER)
        ck_assert_uint_eq(load(&p), 1);
    if (what != IN_THE_WAY)
        ck_assert(!exists(&p, "checkpoint.tmp"));
    end_trouble(&p, what);
    ck_assert_uint_eq(load(&p), 1);
    ck_assert_int_eq(save(&p, 4), 0);
    ck_assert_uint_eq(p.log.written, 2); /* and that it is over */
    ck_assert_int_eq(save(&p, 5), 0);
    ck_assert_uint_eq(p.log.written, 2);
    ck_assert_uint_eq(load(&p), 5);
    if (troubles[_i].needs_mount)
        umount2(p.dir, MNT_DETACH);
    tear_down(&p);
}
END_TEST

/* --- kill -9 --- */

_Noreturn static void save_for_ever(struct place *p, uint64_t from)
{
    for (uint64_t n = from;; n++)
        if (save(p, n))
            _exit(1);
}

START_TEST(a_kill_at_any_moment_leaves_one_that_loads)
{
    struct place p;
    uint64_t last = 0;
    unsigned seed = 20261123, moved = 0;

    set_up(&p);
    ck_assert_int_eq(save(&p, 1), 0);
    for (int round = 0; round < 50; round++) {
        uint64_t now;
        pid_t pid = fork();
        int status;

        if (pid == 0)
            save_for_ever(&p, last + 1);
        usleep((useconds_t)(rand_r(&seed) % 10000)); /* the moment is what is tested */
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        now = load(&p);
        ck_assert_uint_ge(now, last);
        ck_assert_uint_eq(p.log.written, 0); /* nothing was damaged, and prev was not needed */
        moved += now > last;
        last = now;
    }
    ck_assert_uint_gt(moved, 0);
    tear_down(&p);
}
END_TEST

SL_UNIT(SL_ROWS(starts_with_the_best_there_is, starts), SL_ONE(the_one_before_is_kept),
        SL_ONE(leftovers_do_not_matter), SL_ONE(writes_in_the_pool),
        SL_ROWS(a_failing_disk_costs_nothing_but_the_write, troubles),
        SL_ONE(a_kill_at_any_moment_leaves_one_that_loads))
