/* test_output_file.c - appends whole batches or nothing, and starts behind the last whole line. */
#include "hand_host.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

extern const sl_plugin sl_plugin_file;

/* As the host fills it in. */
static sl_err open_encoded(sl_hand_host *h, const char *path, bool sync, const char *encoding)
{
    char self[8192] = {0};

    ck_assert_uint_le(sl_plugin_file.self_size, sizeof self);
    for (const sl_option *o = sl_plugin_file.options; o->name; o++) {
        if (o->type == SL_TEMPLATE)
            memcpy(self + o->offset, &path, sizeof path);
        else
            memcpy(self + o->offset, &sync, sizeof sync);
    }
    return sl_hand_open_encoded(h, &sl_plugin_file, self, encoding);
}

static sl_err open_plugin(sl_hand_host *h, const char *path, bool sync)
{
    return open_encoded(h, path, sync, "json");
}

static bool has_said(sl_hand_host *h, const char *text)
{
    sl_buf_reserve(&h->said, 1);
    h->said.ptr[h->said.len] = '\0';
    return strstr(h->said.ptr, text);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void append_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_APPEND);

    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void assert_file(const char *path, sl_slice want)
{
    char *got = sl_alloc(want.len + 1);
    int fd = open(path, O_RDONLY);

    ck_assert_int_eq(read(fd, got, want.len + 1), (ssize_t)want.len);
    ck_assert(sl_slice_eq((sl_slice){got, want.len}, want));
    close(fd);
    free(got);
}

/* --- half a line at the end --- */

static const struct {
    size_t whole, half; /* bytes, of which the last one of `whole` is a newline */
} torn_rows[] = {
    {0, 0},     {0, 1},     {1, 0},           {1, 1},         {10, 5},
    {65536, 0}, {65535, 1}, {65536, 1},       {65537, 65535}, {65537, 65536},
    {1, 65536}, {1, 65535}, {100000, 200000}, {0, 300000},    {200000, 100000},
};

START_TEST(half_a_line_is_cut_off)
{
    size_t whole = torn_rows[_i].whole, size = whole + torn_rows[_i].half;
    static const char head[] = "{\"@timestamp\":\"";
    char folder[64], path[80], *bytes = sl_alloc(size + 1);
    sl_hand_host h;

    snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
    memset(bytes, 'x', size);
    memcpy(bytes + whole, head, strlen(head) < size - whole ? strlen(head) : size - whole);
    if (whole > 0)
        bytes[whole - 1] = '\n';
    write_file(path, bytes, size);
    ck_assert_int_eq(open_plugin(&h, path, false), 0);
    assert_file(path, (sl_slice){bytes, whole});
    ck_assert_int_eq(has_said(&h, "cut off half a line"), size > whole);
    sl_hand_close(&h, true);
    free(bytes);
    sl_scratch_gone(folder);
}
END_TEST

START_TEST(a_file_of_no_lines_is_left_alone)
{
    char folder[64], path[80];
    struct stat st;
    sl_hand_host h;

    snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
    write_file(path, "line\n", 5);
    ck_assert_int_eq(truncate(path, 20 << 20), 0);
    ck_assert_int_eq(open_plugin(&h, path, false), UV_EFBIG);
    ck_assert(has_said(&h, path));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, 20 << 20);
    sl_hand_close(&h, false);
    sl_scratch_gone(folder);
}
END_TEST

#define ONE            \
    "\xde\x00\x02\xa1" \
    "a\xd9\x03xyz\xa1" \
    "b\x91\xce\x00\x01\x02\x03"
#define SIZE(text)  (sizeof(text) - 1)
#define BYTES(text) (text), SIZE(text)

/* What is cut off, if anything, is ours. */
static const struct {
    const char *encoding, *bytes;
    size_t len;
    sl_err err;
    size_t left;
} foreign_rows[] = {
    {"json", BYTES("key: value\nlast: one"), UV_EFBIG, 20},
    {"json", BYTES("{\"a\":1}"), UV_EFBIG, 7},
    {"json", BYTES("x"), UV_EFBIG, 1},
    {"json", BYTES(ONE "\n" ONE), UV_EFBIG, 2 * SIZE(ONE) + 1},
    {"raw", BYTES(ONE "\n" ONE), UV_EFBIG, 2 * SIZE(ONE) + 1},
    {"json", BYTES("key: value\n"), 0, 11},
    {"json", BYTES("a\n{\"log\":\"x"), 0, 2},
    {"json", BYTES("a\n{\"timest"), 0, 2},
    {"json", BYTES("a\n{"), 0, 2},
    {"raw", BYTES("a\nhalf"), 0, 2},
    {"raw", BYTES("\xde\x82\n"), 0, 3}, /* a letter */
};

START_TEST(what_others_wrote_is_left_alone)
{
    char folder[64], path[80];
    sl_hand_host h;

    snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
    write_file(path, foreign_rows[_i].bytes, foreign_rows[_i].len);
    ck_assert_int_eq(open_encoded(&h, path, false, foreign_rows[_i].encoding),
                     foreign_rows[_i].err);
    if (foreign_rows[_i].err)
        ck_assert(has_said(&h, "no half record of ours: move it away"));
    assert_file(path, (sl_slice){foreign_rows[_i].bytes, foreign_rows[_i].left});
    sl_hand_close(&h, !foreign_rows[_i].err);
    sl_scratch_gone(folder);
}
END_TEST

/* --- what cannot be opened --- */

static void make_fifo(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void make_folder(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static const struct {
    void (*make)(const char *path);
    const char *name;
    sl_err err;
    const char *said;
} refused_rows[] = {
    {NULL, "no/such/folder/out", UV_ENOENT, "its folder has to be there"},
    {make_folder, "out", UV_EISDIR, "/out: illegal operation on a directory"},
    {make_fifo, "out", UV_EINVAL, "for a pipe or a terminal use an output of type stdout"},
    {NULL, "no/%{kubernetes.namespace}.log", UV_ENOENT, "its folder has to be there"},
};

START_TEST(is_refused)
{
    char folder[64], path[128];
    sl_hand_host h;

    snprintf(path, sizeof path, "%s/%s", sl_scratch(folder), refused_rows[_i].name);
    if (refused_rows[_i].make)
        refused_rows[_i].make(path);
    ck_assert_int_eq(open_plugin(&h, path, false), refused_rows[_i].err);
    ck_assert_msg(has_said(&h, refused_rows[_i].said), "said %s", h.said.ptr);
    ck_assert(has_said(&h, path));
    sl_hand_close(&h, false);
    sl_scratch_gone(folder);
}
END_TEST

/* --- appending --- */

static const struct {
    bool sync;
} sync_rows[] = {{false}, {true}};

START_TEST(appends)
{
    sl_batch *first = sl_hand_batch(3, 5), *second = sl_hand_batch(1, 300000);
    char folder[64], path[80];
    sl_buf want = {0};
    struct stat st;
    sl_hand_host h;

    umask(0);
    snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
    ck_assert_int_eq(open_plugin(&h, path, sync_rows[_i].sync), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFREG | 0640);
    sl_hand_send(&h, first);
    ck_assert_uint_eq(first->unanswered, 3); /* the pool does it */
    sl_hand_wait(&h, first);
    sl_hand_send(&h, second);
    sl_hand_wait(&h, second);
    ck_assert_str_eq(first->answers, "DDD");
    ck_assert_str_eq(second->answers, "D");
    sl_buf_add(&want, first->payload.ptr, first->payload.len);
    sl_buf_add(&want, second->payload.ptr, second->payload.len);
    assert_file(path, sl_buf_slice(&want));
    sl_buf_fini(&want);
    sl_hand_close(&h, true);
    sl_hand_batch_free(first);
    sl_hand_batch_free(second);
    sl_scratch_gone(folder);
}
END_TEST

static const struct {
    size_t limit;   /* bytes that the file may have */
    bool cut_short; /* somebody empties it before the batch that fails */
} full_rows[] = {
    {15, false}, /* not a byte more */
    {22, false}, /* half a record fits */
    {8, true},   /* its end is before ours now */
};

START_TEST(a_write_that_fails_leaves_nothing)
{
    sl_batch *first = sl_hand_batch(3, 5), *second = sl_hand_batch(2, 10);
    sl_batch *again = sl_hand_batch(2, 10);
    char folder[64], path[80];
    struct rlimit before;
    sl_buf want = {0};
    sl_hand_host h;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
    ck_assert_int_eq(open_plugin(&h, path, false), 0);
    sl_hand_send(&h, first);
    sl_hand_wait(&h, first);
    if (full_rows[_i].cut_short)
        ck_assert_int_eq(truncate(path, 0), 0);
    else
        sl_buf_add(&want, first->payload.ptr, first->payload.len);

    setrlimit(RLIMIT_FSIZE, &(struct rlimit){full_rows[_i].limit, before.rlim_max});
    sl_hand_send(&h, second);
    sl_hand_wait(&h, second);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_str_eq(second->answers, "RR");
    ck_assert_ptr_nonnull(strstr(second->reason, path));
    ck_assert_ptr_nonnull(strstr(second->reason, uv_strerror(UV_EFBIG)));
    assert_file(path, sl_buf_slice(&want));

    sl_hand_send(&h, again);
    sl_hand_wait(&h, again);
    ck_assert_str_eq(again->answers, "DD");
    sl_buf_add(&want, again->payload.ptr, again->payload.len);
    assert_file(path, sl_buf_slice(&want));
    sl_buf_fini(&want);
    sl_hand_close(&h, true);
    sl_hand_batch_free(first);
    sl_hand_batch_free(second);
    sl_hand_batch_free(again);
    sl_scratch_gone(folder);
}
END_TEST

/* On a disk of 64 KiB, where we may mount one. */
START_TEST(a_full_disk_leaves_nothing)
{
    sl_batch *large = sl_hand_batch(100, 1000), *small = sl_hand_batch(10, 1000);
    char folder[64], path[80];
    sl_hand_host h;

    sl_scratch(folder);
    if (unshare(CLONE_NEWNS) || mount("none", "/", "", MS_REC | MS_PRIVATE, "") ||
        mount("none", folder, "tmpfs", 0, "size=64k")) {
        fprintf(stderr, "not root: skipped, rlimit rows do the same\n");
    } else {
        snprintf(path, sizeof path, "%s/out", folder);
        ck_assert_int_eq(open_plugin(&h, path, false), 0);
        sl_hand_send(&h, large);
        sl_hand_wait(&h, large);
        ck_assert_uint_eq(strspn(large->answers, "R"), 100);
        ck_assert_ptr_nonnull(strstr(large->reason, uv_strerror(UV_ENOSPC)));
        assert_file(path, (sl_slice){"", 0});
        sl_hand_send(&h, small);
        sl_hand_wait(&h, small);
        ck_assert_uint_eq(strspn(small->answers, "D"), 10);
        assert_file(path, sl_buf_slice(&small->payload));
        sl_hand_close(&h, true);
        ck_assert_int_eq(umount(folder), 0);
    }
    sl_hand_batch_free(large);
    sl_hand_batch_free(small);
    sl_scratch_gone(folder);
}
END_TEST

/* --- a file that goes away --- */

static void rename_it(const char *path)
{
    char other[96];

    snprintf(other, sizeof other, "%s.1", path);
    ck_assert_int_eq(rename(path, other), 0);
}

static void remove_it(const char *path)
{
    ck_assert_int_eq(unlink(path), 0);
}

static void replace_it(const char *path)
{
    remove_it(path);
    write_file(path, "theirs\n", 7);
}

static const struct {
    void (*lose)(const char *path);
    const char *before; /* what stands in the file then */
} lost_rows[] = {{rename_it, ""}, {remove_it, ""}, {replace_it, "theirs\n"}};

START_TEST(a_file_that_lost_its_path_is_let_go_of)
{
    sl_batch *first = sl_hand_batch(3, 5), *second = sl_hand_batch(2, 5);
    char folder[64], path[80];
    sl_buf want = {0};
    sl_hand_host h;

    snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
    ck_assert_int_eq(open_plugin(&h, path, false), 0);
    sl_hand_send(&h, first);
    sl_hand_wait(&h, first);
    lost_rows[_i].lose(path);
    sl_hand_send(&h, second);
    sl_hand_wait(&h, second);
    ck_assert_str_eq(second->answers, "DD");
    sl_buf_add_text(&want, lost_rows[_i].before);
    sl_buf_add(&want, second->payload.ptr, second->payload.len);
    assert_file(path, sl_buf_slice(&want));
    sl_buf_fini(&want);
    sl_hand_close(&h, true);
    sl_hand_batch_free(first);
    sl_hand_batch_free(second);
    sl_scratch_gone(folder);
}
END_TEST

/* --- a file for each target --- */

/* Somebody who may write in the folder wants it to lead elsewhere. */
START_TEST(a_link_in_the_place_of_one_of_many_is_not_followed)
{
    char folder[64], path[128], link[96], victim[96];
    const char *targets[] = {link};
    sl_batch *b = sl_hand_batch(1, 4);
    sl_hand_host h;

    sl_scratch(folder);
    snprintf(path, sizeof path, "%s/%%{kubernetes.pod.name}", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(victim, sizeof victim, "%s/victim", folder);
    write_file(victim, "theirs\n", 7);
    ck_assert_int_eq(symlink(victim, link), 0);
    b->targets = targets;
    ck_assert_int_eq(open_plugin(&h, path, false), 0);
    sl_hand_send(&h, b);
    sl_hand_wait(&h, b);
    ck_assert_str_eq(b->answers, "R");
    ck_assert_ptr_nonnull(strstr(b->reason, link));
    assert_file(victim, sl_str("theirs\n"));
    sl_hand_close(&h, true);
    sl_hand_batch_free(b);
    sl_scratch_gone(folder);
}
END_TEST

/* "ab" goes to the files a and b; x is a folder, so what goes to x/ comes back. */
static const struct {
    const char *targets, *answers;
    const char *a, *b;
} run_rows[] = {
    {"aaaa", "DDDD", "0123", ""}, {"abab", "DDDD", "02", "13"}, {"axbx", "DRDR", "0", "2"},
    {"xxxx", "RRRR", "", ""},     {"aabx", "DDDR", "01", "2"},
};

START_TEST(each_run_goes_to_its_file)
{
    char folder[64], path[128], files[3][128];
    const char *targets[4], *row = run_rows[_i].targets;
    sl_batch *b = sl_hand_batch(4, 2);
    sl_buf wants[2] = {{0}};
    sl_hand_host h;

    sl_scratch(folder);
    snprintf(path, sizeof path, "%s/%%{kubernetes.pod.name}", folder);
    snprintf(files[0], sizeof files[0], "%s/new/folder/a", folder);
    snprintf(files[1], sizeof files[1], "%s/b", folder);
    snprintf(files[2], sizeof files[2], "%s/x", folder);
    ck_assert_int_eq(mkdir(files[2], 0700), 0);
    for (int i = 0; i < 4; i++)
        targets[i] = files[row[i] == 'a' ? 0 : row[i] == 'b' ? 1 : 2];
    b->targets = targets;
    ck_assert_int_eq(open_plugin(&h, path, true), 0);
    sl_hand_send(&h, b);
    sl_hand_wait(&h, b);
    ck_assert_str_eq(b->answers, run_rows[_i].answers);
    for (int k = 0; k < 2; k++) {
        for (const char *c = k ? run_rows[_i].b : run_rows[_i].a; *c; c++)
            sl_buf_add_format(&wants[k], "%c\n", *c);
        if (wants[k].len > 0)
            assert_file(files[k], sl_buf_slice(&wants[k]));
        sl_buf_fini(&wants[k]);
    }
    sl_hand_close(&h, true);
    sl_hand_batch_free(b);
    sl_scratch_gone(folder);
}
END_TEST

static void overwrite_end(const char *path)
{
    int fd = open(path, O_WRONLY);

    ck_assert_int_eq(lseek(fd, -1, SEEK_END), 3);
    ck_assert_int_eq(write(fd, "x", 1), 1);
    close(fd);
}

/* Each is opened, given up for another, and opened again: one with half a line that came after us, one
 * whose end would not be believed if anybody looked for it again. */
START_TEST(more_files_than_stay_open)
{
    enum { FILES = 200, ROUNDS = 2 };
    char folder[64], path[128], names[FILES][96];
    const char *targets[FILES];
    sl_hand_host h;

    sl_scratch(folder);
    snprintf(path, sizeof path, "%s/%%{kubernetes.pod.name}", folder);
    for (int i = 0; i < FILES; i++)
        snprintf(names[i], sizeof names[i], "%s/%d", folder, i);
    for (int i = 0; i < FILES; i++)
        targets[i] = names[i];
    ck_assert_int_eq(open_plugin(&h, path, false), 0);
    for (int round = 0; round < ROUNDS; round++) {
        sl_batch *b = sl_hand_batch(FILES, 4);

        b->targets = targets;
        sl_hand_send(&h, b);
        sl_hand_wait(&h, b);
        ck_assert_uint_eq(strspn(b->answers, "D"), FILES);
        sl_hand_batch_free(b);
        if (round == 0)
            append_to(names[7], "{\"log\":\"half");
        if (round == 0)
            overwrite_end(names[9]);
    }
    assert_file(names[7], sl_str("7..\n7..\n"));
    assert_file(names[9], sl_str("9..x9..\n"));
    assert_file(names[199], sl_str("199\n199\n"));
    ck_assert(has_said(&h, "cut off half a line"));
    sl_hand_close(&h, true);
    sl_scratch_gone(folder);
}
END_TEST

/* --- msgpack: where the last whole record ends --- */

#define OTHER          \
    "\xde\x00\x01\xa1" \
    "c\x81\xa1"        \
    "d\xcf\x01\x02\x03\x04\x05\x06\x07\x08"

START_TEST(half_a_record_of_msgpack_is_cut_off)
{
    static const char whole[] = ONE OTHER;

    for (size_t len = 0; len <= SIZE(whole); len++) {
        size_t want = len < SIZE(ONE) ? 0 : len < SIZE(whole) ? SIZE(ONE) : len;
        char folder[64], path[80];
        sl_hand_host h;

        snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
        write_file(path, whole, len);
        ck_assert_int_eq(open_encoded(&h, path, false, "msgpack"), 0);
        assert_file(path, (sl_slice){whole, want});
        ck_assert_int_eq(has_said(&h, "cut off half a record"), want < len);
        sl_hand_close(&h, true);
        sl_scratch_gone(folder);
    }
}
END_TEST

START_TEST(what_is_not_msgpack_is_left_alone)
{
    static const char *const texts[] = {"{}\n", ONE "{\"a\":1}\n", "\n"};

    for (size_t i = 0; i < SL_COUNT_OF(texts); i++) {
        size_t len = i == 1 ? SIZE(ONE "{\"a\":1}\n") : strlen(texts[i]);
        char folder[64], path[80];
        sl_hand_host h;

        snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
        write_file(path, texts[i], len);
        ck_assert_int_eq(open_encoded(&h, path, false, "msgpack"), UV_EFBIG);
        ck_assert(has_said(&h, "does not hold records in msgpack alone"));
        assert_file(path, (sl_slice){texts[i], len});
        sl_hand_close(&h, false);
        sl_scratch_gone(folder);
    }
}
END_TEST

/* More than the loop may wait for: its end is looked for by the first write. */
static const struct {
    const char *end, *answer;
    size_t end_len, cut;
} long_rows[] = {
    {ONE, "D", SIZE(ONE), 0},
    {ONE, "D", SIZE(ONE) - 1, SIZE(ONE) - 1},
    {"{\"a\":1}\n", "R", 8, 0},
};

START_TEST(a_long_file_of_msgpack_is_followed_by_the_first_write)
{
    enum { RECORDS = 1000000 };
    size_t size = RECORDS * SIZE(ONE) + long_rows[_i].end_len;
    char folder[64], path[80], *bytes = sl_alloc(size);
    sl_batch *b = sl_hand_batch(1, 5);
    sl_buf want = {0};
    sl_hand_host h;

    for (size_t i = 0; i < RECORDS; i++)
        memcpy(bytes + i * SIZE(ONE), ONE, SIZE(ONE));
    memcpy(bytes + RECORDS * SIZE(ONE), long_rows[_i].end, long_rows[_i].end_len);
    snprintf(path, sizeof path, "%s/out", sl_scratch(folder));
    write_file(path, bytes, size);
    ck_assert_int_eq(open_encoded(&h, path, false, "msgpack"), 0);
    assert_file(path, (sl_slice){bytes, size});
    sl_hand_send(&h, b);
    sl_hand_wait(&h, b);
    ck_assert_str_eq(b->answers, long_rows[_i].answer);
    ck_assert_int_eq(has_said(&h, "cut off half a record"), long_rows[_i].cut > 0);
    sl_buf_add(&want, bytes, size - long_rows[_i].cut);
    if (*b->answers == 'D')
        sl_buf_add(&want, b->payload.ptr, b->payload.len);
    else
        ck_assert_ptr_nonnull(strstr(b->reason, "does not hold records in msgpack alone"));
    assert_file(path, sl_buf_slice(&want));
    sl_buf_fini(&want);
    free(bytes);
    sl_hand_close(&h, true);
    sl_hand_batch_free(b);
    sl_scratch_gone(folder);
}
END_TEST

SL_UNIT(SL_ROWS(what_others_wrote_is_left_alone, foreign_rows),
        SL_ROWS(a_file_that_lost_its_path_is_let_go_of, lost_rows),
        SL_ONE(a_link_in_the_place_of_one_of_many_is_not_followed),
        SL_ROWS(a_long_file_of_msgpack_is_followed_by_the_first_write, long_rows),
        SL_ROWS(half_a_line_is_cut_off, torn_rows), SL_ONE(a_file_of_no_lines_is_left_alone),
        SL_ROWS(is_refused, refused_rows), SL_ROWS(appends, sync_rows),
        SL_ROWS(a_write_that_fails_leaves_nothing, full_rows), SL_ONE(a_full_disk_leaves_nothing),
        SL_ROWS(each_run_goes_to_its_file, run_rows), SL_ONE(more_files_than_stay_open),
        SL_ONE(half_a_record_of_msgpack_is_cut_off), SL_ONE(what_is_not_msgpack_is_left_alone))
