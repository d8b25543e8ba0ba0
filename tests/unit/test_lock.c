/* test_lock.c - one agent for one state directory, and who it is. (T-CKPT-22) */
#include "ship/lock.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Folders under the scratch folder; "file" is a file there, "link" points at it. */
static const struct {
    const char *dir;
    sl_err err;
    const char *refused;
} folders[] = {
    {"", 0, NULL},
    {"/new", 0, NULL},
    {"/a/b//c/", 0, NULL},
    {"/file", -ENOTDIR, "/file/lock"},
    {"/file/below", -ENOTDIR, "/file/below"},
    {"/linked", -ELOOP, "/linked/lock"}, /* its lock is a link: to what, nobody knows */
};

START_TEST(makes_folders)
{
    char scratch[64], dir[128], path[160], holder[256], refused[128];
    sl_lock l;
    struct stat st;

    sl_scratch(scratch);
    snprintf(path, sizeof path, "%s/file", scratch);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    snprintf(path, sizeof path, "%s/linked", scratch);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/linked/lock", scratch);
    ck_assert_int_eq(symlink("../file", path), 0);

    snprintf(dir, sizeof dir, "%s%s", scratch, folders[_i].dir);
    ck_assert_int_eq(sl_lock_take(&l, dir, holder, sizeof holder), folders[_i].err);
    if (folders[_i].err) {
        snprintf(refused, sizeof refused, "%s%s", scratch, folders[_i].refused);
        ck_assert_str_eq(holder, refused);
        ck_assert_int_eq(l.fd, -1);
    } else {
        ck_assert_int_eq(stat(dir, &st), 0);
        ck_assert_int_eq(st.st_mode & 07777, 0700);
    }
    sl_lock_release(&l);
    sl_scratch_gone(scratch);
}
END_TEST

START_TEST(an_empty_path_is_refused)
{
    char holder[64];
    sl_lock l;

    ck_assert_int_eq(sl_lock_take(&l, "", holder, sizeof holder), -ENOENT);
}
END_TEST

START_TEST(the_second_one_hears_who_holds_it)
{
    char scratch[64], host[64] = "", want[128], holder[128] = "untouched";
    sl_lock first, second;

    sl_scratch(scratch);
    ck_assert_int_eq(sl_lock_take(&first, scratch, holder, sizeof holder), 0);
    ck_assert_str_eq(holder, "untouched");
    ck_assert_int_eq(sl_lock_take(&second, scratch, holder, sizeof holder), SL_E_BUSY);
    gethostname(host, sizeof host - 1);
    snprintf(want, sizeof want, "pid %d on %s", (int)getpid(), host);
    ck_assert_str_eq(holder, want);
    sl_lock_release(&second); /* it holds nothing: the first one keeps it */
    ck_assert_int_eq(sl_lock_take(&second, scratch, holder, sizeof holder), SL_E_BUSY);
    sl_lock_release(&first);
    ck_assert_int_eq(sl_lock_take(&second, scratch, holder, sizeof holder), 0);
    sl_lock_release(&second);
    sl_scratch_gone(scratch);
}
END_TEST

/* What may stand in a lock file that somebody else holds. */
static const struct {
    const char *text, *holder;
} texts[] = {
    {"pid 12 on node-1\n", "pid 12 on node-1"},
    {"pid 12 on node-1", "pid 12 on node-1"},
    {"", "an unknown process"},
    {"\n", "an unknown process"},
    {"pid 1\x1b[2J on x", "pid 1"},
    {"pid 7 on a-name-that-is-longer-than-there-is-room-for", "pid 7 on a-name-that-is-longer-"},
};

START_TEST(shows_what_can_be_shown)
{
    char scratch[64], path[80], holder[32];
    sl_lock l;
    int fd;

    sl_scratch(scratch);
    snprintf(path, sizeof path, "%s/lock", scratch);
    fd = open(path, O_CREAT | O_RDWR, 0600);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_assert_int_eq(dprintf(fd, "%s", texts[_i].text), (int)strlen(texts[_i].text));
    ck_assert_int_eq(sl_lock_take(&l, scratch, holder, sizeof holder), SL_E_BUSY);
    ck_assert_str_eq(holder, texts[_i].holder);
    close(fd);
    sl_scratch_gone(scratch);
}
END_TEST

START_TEST(a_killed_holder_holds_nothing)
{
    char scratch[64], path[80], text[128] = "", holder[128];
    int ready[2], fd;
    sl_lock l;
    pid_t pid;

    sl_scratch(scratch);
    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        sl_err err = sl_lock_take(&l, scratch, holder, sizeof holder);

        (void)!write(ready[1], &err, sizeof err);
        pause();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], text, sizeof text), sizeof(sl_err));
    ck_assert_int_eq(sl_lock_take(&l, scratch, holder, sizeof holder), SL_E_BUSY);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert_int_eq(sl_lock_take(&l, scratch, holder, sizeof holder), 0);

    snprintf(path, sizeof path, "%s/lock", scratch); /* and the text is the new one's */
    fd = open(path, O_RDONLY);
    memset(text, 0, sizeof text);
    ck_assert_int_gt(read(fd, text, sizeof text - 1), 0);
    ck_assert_int_eq(strtol(text + strlen("pid "), NULL, 10), getpid());
    close(fd);
    sl_lock_release(&l);
    sl_scratch_gone(scratch);
}
END_TEST

SL_UNIT(SL_ROWS(makes_folders, folders), SL_ONE(an_empty_path_is_refused),
        SL_ONE(the_second_one_hears_who_holds_it), SL_ROWS(shows_what_can_be_shown, texts),
        SL_ONE(a_killed_holder_holds_nothing))
