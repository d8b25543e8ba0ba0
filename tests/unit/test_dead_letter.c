/* test_dead_letter.c - dead letters on disk: files, their bounds, and disks that fail; and what is
 * found there again. */
#include "ship/dead_files.h"
#include "ship/dead_letter.h"
#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

struct box {
    char dir[64];
    uv_loop_t loop;
    sl_dead_letter *letters;
    sl_dead_job job;
    int done;
};

static void on_done(sl_dead_job *job)
{
    SL_CONTAINER_OF(job, struct box, job)->done++;
}

static void set_up(struct box *b, uint64_t max_bytes)
{
    *b = (struct box){0};
    sl_scratch(b->dir);
    ck_assert_int_eq(uv_loop_init(&b->loop), 0);
    b->letters = sl_dead_letter_new(&b->loop, b->dir, "out", max_bytes);
}

static void tear_down(struct box *b)
{
    sl_dead_letter_free(b->letters);
    ck_assert_int_eq(uv_loop_close(&b->loop), 0);
    sl_buf_fini(&b->job.text);
    sl_scratch_gone(b->dir);
}

static sl_err put(struct box *b, const char *text)
{
    b->job.text.len = 0;
    sl_buf_add_text(&b->job.text, text);
    b->job.done = on_done;
    sl_dead_letter_write(b->letters, &b->job);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    return b->job.err;
}

static void begin_again(struct box *b, uint64_t max_bytes)
{
    sl_dead_letter_free(b->letters);
    b->letters = sl_dead_letter_new(&b->loop, b->dir, "out", max_bytes);
}

static void ck_files(const struct box *b, const char *const *want)
{
    char **paths;
    size_t count = sl_dead_files_find(b->dir, "out", &paths);

    for (size_t i = 0; i < count; i++) {
        sl_dead_file f;

        ck_assert_int_eq(sl_dead_file_read(paths[i], &f), 0);
        ck_assert_ptr_nonnull(want[i]);
        ck_assert_slice_eq(sl_buf_slice(&f.text), want[i]);
        sl_dead_file_fini(&f);
    }
    ck_assert_ptr_null(want[count]);
    sl_dead_files_free(paths, count);
}

static char *path_of(const struct box *b, const char *name)
{
    return sl_format("%s/dead-letter/out/%s", b->dir, name);
}

static void spoil(const struct box *b, const char *name, const char *text)
{
    char *path = path_of(b, name);
    FILE *f = fopen(path, "a");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    free(path);
}

START_TEST(one_file_goes_on)
{
    struct box b;
    struct stat st;
    char *path;

    set_up(&b, 1 << 20);
    path = path_of(&b, "");
    ck_assert_int_ne(stat(path, &st), 0); /* nothing before the first one */
    ck_assert_int_eq(put(&b, "a\n"), 0);
    ck_assert_int_eq(put(&b, "b\nc\n"), 0);
    begin_again(&b, 1 << 20);
    ck_assert_int_eq(put(&b, "d\n"), 0);
    ck_files(&b, (const char *[]){"a\nb\nc\nd\n", NULL});
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    ck_assert_int_eq(b.done, 3);
    free(path);
    tear_down(&b);
}
END_TEST

static const struct {
    const char *torn, *want;
} torn_rows[] = {{"{\"half", "a\nb\n"}, {"x\ny", "a\nx\nb\n"}, {"\n", "a\n\nb\n"}};

START_TEST(what_a_crash_tore_is_cut_off)
{
    struct box b;

    set_up(&b, 1 << 20);
    ck_assert_int_eq(put(&b, "a\n"), 0);
    spoil(&b, "00000001.ndjson", torn_rows[_i].torn);
    begin_again(&b, 1 << 20);
    ck_assert_int_eq(put(&b, "b\n"), 0);
    ck_files(&b, (const char *[]){torn_rows[_i].want, NULL});
    tear_down(&b);
}
END_TEST

START_TEST(a_large_file_is_followed_by_another)
{
    char *large = sl_alloc((15 << 20) + 1);
    struct box b;
    struct stat st;
    char *path;

    memset(large, 'x', 15 << 20);
    large[(15 << 20) - 1] = '\n';
    set_up(&b, 100 << 20);
    ck_assert_int_eq(put(&b, large), 0);
    ck_assert_int_eq(put(&b, large), 0);
    ck_assert_int_eq(put(&b, "last\n"), 0);
    path = path_of(&b, "00000002.ndjson");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, (15 << 20) + 5);
    free(path);
    free(large);
    tear_down(&b);
}
END_TEST

START_TEST(full_is_said_and_room_is_found)
{
    struct box b;
    char *path;

    set_up(&b, 10);
    ck_assert_int_eq(put(&b, "12345\n"), 0);
    ck_assert_int_eq(put(&b, "6789\n"), SL_E_FULL);
    ck_assert_int_eq(put(&b, "678\n"), 0); /* to the last byte */
    ck_assert_int_eq(put(&b, "\n"), SL_E_FULL);
    begin_again(&b, 10); /* what is there counts */
    ck_assert_int_eq(put(&b, "\n"), SL_E_FULL);
    path = path_of(&b, "00000001.ndjson");
    ck_assert_int_eq(unlink(path), 0);
    free(path);
    ck_assert_int_eq(put(&b, "new\n"), 0);
    ck_files(&b, (const char *[]){"new\n", NULL});
    tear_down(&b);
}
END_TEST

/* Somebody takes the file away while it is open: nothing is written into what is gone. */
START_TEST(a_file_that_was_taken_away_is_made_anew)
{
    struct box b;
    char *path;

    set_up(&b, 1 << 20);
    ck_assert_int_eq(put(&b, "a\n"), 0);
    path = path_of(&b, "00000001.ndjson");
    ck_assert_int_eq(unlink(path), 0);
    free(path);
    ck_assert_int_eq(put(&b, "b\n"), 0);
    ck_files(&b, (const char *[]){"b\n", NULL});
    tear_down(&b);
}
END_TEST

START_TEST(a_failing_disk_is_tried_again)
{
    struct box b;
    char *path;

    set_up(&b, 1 << 20);
    path = sl_format("%s/dead-letter", b.dir);
    ck_assert_int_eq(symlink("/nowhere/at/all", path), 0);
    ck_assert_int_lt(put(&b, "a\n"), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(put(&b, "a\n"), 0);
    ck_files(&b, (const char *[]){"a\n", NULL});
    free(path);
    tear_down(&b);
}
END_TEST

/* --- taking away --- */

static bool keeps(void *arg, size_t line)
{
    return ((const char *)arg)[line] == '1';
}

static const struct {
    const char *kept;
    const char *want; /* NULL: the file is gone */
} sweep_rows[] = {{"111", "a\nb\nc\n"}, {"010", "b\n"}, {"001", "c\n"}, {"000", NULL}};

START_TEST(what_is_not_kept_goes)
{
    struct box b;
    sl_dead_file f;
    char *path;

    set_up(&b, 1 << 20);
    ck_assert_int_eq(put(&b, "a\nb\nc\n"), 0);
    spoil(&b, "00000001.ndjson", "torn");
    path = path_of(&b, "00000001.ndjson");
    ck_assert_int_eq(sl_dead_file_read(path, &f), 0);
    ck_assert_uint_eq(f.count, 3);
    ck_assert_int_eq(sl_dead_file_sweep(&f, keeps, (void *)(uintptr_t)sweep_rows[_i].kept), 0);
    sl_dead_file_fini(&f);
    ck_files(&b, (const char *[]){sweep_rows[_i].want, NULL});
    free(path);
    tear_down(&b);
}
END_TEST

static void ask(struct box *b, sl_dead_kind kind)
{
    b->job.kind = kind;
    b->job.done = on_done;
    sl_dead_letter_write(b->letters, &b->job);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(b->job.err, 0);
    b->job.kind = SL_DEAD_WRITE;
}

static void take_away(const struct box *b, const char *name)
{
    char *path = path_of(b, name);

    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

START_TEST(turned_files_are_not_continued)
{
    struct box b;

    set_up(&b, 6);
    ask(&b, SL_DEAD_TURN); /* there is none, and none is made */
    ck_assert_uint_eq(sl_dead_letter_turned(b.letters), 0);
    ck_files(&b, (const char *[]){NULL});
    ck_assert_int_eq(put(&b, "a\n"), 0);
    ask(&b, SL_DEAD_TURN);
    ck_assert_uint_eq(sl_dead_letter_turned(b.letters), 1);
    ck_assert_int_eq(put(&b, "b\n"), 0);
    ck_assert_int_eq(put(&b, "c\n"), 0);
    ck_files(&b, (const char *[]){"a\n", "b\nc\n", NULL});
    take_away(&b, "00000001.ndjson");
    ask(&b, SL_DEAD_COUNT); /* what went makes room, and the last one goes on */
    ck_assert_int_eq(put(&b, "d\n"), 0);
    ck_files(&b, (const char *[]){"b\nc\nd\n", NULL});
    ask(&b, SL_DEAD_TURN);
    take_away(&b, "00000002.ndjson");
    ask(&b, SL_DEAD_COUNT);
    ck_assert_int_eq(put(&b, "e\n"), 0);
    take_away(&b, "00000003.ndjson"); /* no number comes again */
    tear_down(&b);
}
END_TEST

SL_UNIT(SL_ONE(turned_files_are_not_continued), SL_ONE(one_file_goes_on),
        SL_ROWS(what_a_crash_tore_is_cut_off, torn_rows),
        SL_ONE(a_large_file_is_followed_by_another), SL_ONE(full_is_said_and_room_is_found),
        SL_ONE(a_file_that_was_taken_away_is_made_anew), SL_ONE(a_failing_disk_is_tried_again),
        SL_ROWS(what_is_not_kept_goes, sweep_rows))
