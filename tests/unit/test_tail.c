/* test_tail.c - what a tail makes of files that grow, move, vanish and come back: each row is a
 * little story on a real folder, and the lines that have to come out of it. */
#include "read/pin.h"
#include "read/tail.h"
#include "unit.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#define T "2026-01-02T03:04:05.00000000"

static char root[64];
static char folder[128];
static uv_loop_t loop;
static sl_hand_clock hand = SL_HAND_CLOCK;
static sl_log quiet = SL_QUIET_LOG;
static sl_discover *discover;
static sl_watch *watch;
static const sl_rules rules = {.max_record = 1 << 20, .partial_timeout_ms = 1000};
static sl_reader reader;
static sl_tail tail, other; /* two lanes; the other one takes part from `two` on */
static bool two;
static sl_source *source;
static char got[4096];
static int held;
static bool full; /* refuse every line */
static sl_pin *pin;
static sl_plan plan;
static sl_space space; /* of the file system, as the pin is told */

static void note(const char *format, ...) SL_PRINTF(1, 2);

static void note(const char *format, ...)
{
    size_t n = strlen(got);
    va_list args;

    va_start(args, format);
    vsnprintf(got + n, sizeof got - n, format, args);
    va_end(args);
}

/* Lines appear by their text alone: "a ", a torn one as "a~ ", a piece as "a+ ". */
static bool on_line(void *arg, sl_tail *t, const sl_line *line, uint64_t bytes)
{
    const char *text = line->bytes.ptr;
    size_t len = line->bytes.len, skip = line->first && len > 40 ? 40 : 0;

    (void)arg;
    if (full)
        return false;
    if (t == &other)
        note("2:");
    ck_assert_uint_gt(t->at.seq, 0);
    ck_assert_uint_eq(bytes, len + (line->last && !line->torn));
    if (len - skip > 100)
        note("%zu bytes", len - skip);
    else
        note("%.*s", (int)(len - skip), text + skip);
    note("%s%s ", line->torn ? "~" : "", line->last ? "" : "+");
    return true;
}

static bool on_ended(void *arg, sl_tail *t)
{
    (void)arg, (void)t;
    return true;
}

static void on_lost(void *arg, sl_tail *t, const sl_generation *g, uint64_t from, uint64_t to)
{
    (void)arg;
    if (t == &other)
        note("2:");
    note("[lost %s %d-%d] ", sl_lost_names[g->gone_reason], (int)from, (int)to);
}

static void on_warmed(void *arg, sl_tail *t)
{
    (void)arg, (void)t;
}

static bool on_wants(void *arg, const sl_pod *pod, const char *container, const char *path)
{
    (void)arg, (void)pod, (void)container, (void)path;
    return true;
}

static const sl_saved_source *on_saved(void *arg, const sl_source *s)
{
    (void)arg, (void)s;
    return NULL;
}

static void on_found(void *arg, sl_source *s)
{
    (void)arg;
    source = s;
    sl_tail_init(&tail, s, (sl_place){0});
    sl_tail_init(&other, s, (sl_place){0});
}

static void on_ready(void *arg, sl_source *s)
{
    (void)arg, (void)s;
}

static void on_scanned(void *arg)
{
    (void)arg;
}

static uint64_t on_lose(void *arg, sl_generation *g, uint64_t last, bool *holds)
{
    (void)arg;
    return sl_tail_lose(&reader, &tail, g, last, holds);
}

static sl_err on_space(int fd, sl_space *out)
{
    (void)fd;
    *out = space;
    return 0;
}

static void setup(bool poll)
{
    uv_loop_init(&loop);
    plan = (sl_plan){.log = &quiet};
    sl_plan_init(&plan);
    watch =
        sl_watch_new(&(sl_watch_options){.loop = &loop, .log = &quiet, .on_overflow = on_scanned});
    discover = sl_discover_new(&(sl_discover_options){.loop = &loop,
                                                      .log = &quiet,
                                                      .clock = &hand.clock,
                                                      .watch = watch,
                                                      .rules = &rules,
                                                      .plan = &plan,
                                                      .root = root,
                                                      .poll = poll,
                                                      .wants = on_wants,
                                                      .saved = on_saved,
                                                      .found = on_found,
                                                      .ready = on_ready,
                                                      .scanned = on_scanned});
    reader = (sl_reader){.loop = &loop,
                         .clock = &hand.clock,
                         .log = &quiet,
                         .line = on_line,
                         .attempt_ended = on_ended,
                         .lost = on_lost,
                         .warmed = on_warmed};
    sl_reader_init(&reader);
    pin = sl_pin_new(&(sl_pin_options){.loop = &loop,
                                       .discover = discover,
                                       .max_bytes = UINT64_MAX,
                                       .min_free = {true, 10},
                                       .space = on_space,
                                       .lose = on_lose});
    space = (sl_space){UINT64_C(1000) << 20, UINT64_C(1000) << 20};
    sl_discover_start(discover);
}

static void teardown(void)
{
    sl_discover_stop(discover);
    sl_pin_stop(pin);
    uv_run(&loop, UV_RUN_DEFAULT); /* its handles are closed before it is freed */
    sl_pin_release(pin);
    sl_discover_free(discover);
    sl_watch_close(watch);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    sl_reader_fini(&reader);
    if (held >= 0)
        close(held);
    sl_scratch_gone(root);
}

static void read_all(sl_tail *t, bool poll)
{
    sl_tail_state state = SL_TAIL_MORE;
    uint64_t bytes;

    if (poll)
        sl_discover_rescan(discover);
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_NOWAIT); /* events, scans, and a look that a replaced file asked for */
    for (int i = 0; i < 100 && (state == SL_TAIL_MORE || state == SL_TAIL_COLD); i++) {
        if (state == SL_TAIL_COLD)
            t->warm = true;
        state = sl_tail_read(&reader, t, &bytes);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

/* What the lanes that take part have read is delivered. */
static void settle(void)
{
    sl_place frontier = tail.at;

    if (two && sl_place_cmp(other.at, frontier) < 0)
        frontier = other.at;
    sl_source_settled(sl_discover_watch(discover), source, frontier);
}

static const char *path_of(const char *file)
{
    static char paths[2][192];
    static int which;

    which = !which;
    snprintf(paths[which], sizeof paths[which], "%s/%s", folder, file);
    return paths[which];
}

static void append(int fd, const char *text)
{
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void copy(const char *from, const char *to)
{
    char bytes[4096];
    int in = open(path_of(from), O_RDONLY), out = open(path_of(to), O_WRONLY | O_CREAT, 0640);
    ssize_t n = read(in, bytes, sizeof bytes);

    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(write(out, bytes, (size_t)n), n);
    close(in);
    close(out);
}

/* Generations; those that rest. */
static int count(bool resting)
{
    int n = 0;

    SL_LIST_EACH(&source->generations, link)
    n += !resting || SL_CONTAINER_OF(link, sl_generation, link)->body == SL_BODY_RESTING;
    return n;
}

/* One step: a word, and what it needs. */
static void act(const char *step, bool poll)
{
    char word[16] = "", file[64] = "", rest[512] = "";
    int fd;

    sscanf(step, "%15s %63s %511[^\f]", word, file, rest);
    if (!strcmp(word, "write")) { /* open, append, close */
        fd = open(path_of(file), O_WRONLY | O_APPEND | O_CREAT, 0640);
        append(fd, rest);
        close(fd);
    } else if (!strcmp(word, "hold")) { /* open, and stay so */
        held = open(path_of(file), O_WRONLY | O_APPEND | O_CREAT, 0640);
        append(held, rest);
    } else if (!strcmp(word, "more")) { /* to what is held */
        append(held, strchr(step, ' ') + 1);
    } else if (!strcmp(word, "close")) {
        close(held);
        held = -1;
    } else if (!strcmp(word, "big")) { /* so many bytes of one line without its end */
        char *bytes = sl_alloc((size_t)atoi(file) + 1);

        memset(bytes, 'x', (size_t)atoi(file));
        append(held, bytes);
        free(bytes);
    } else if (!strcmp(word, "mv")) {
        ck_assert_int_eq(rename(path_of(file), path_of(rest)), 0);
    } else if (!strcmp(word, "rm")) {
        ck_assert_int_eq(unlink(path_of(file)), 0);
    } else if (!strcmp(word, "cp")) {
        copy(file, rest);
    } else if (!strcmp(word, "cut")) {
        ck_assert_int_eq(truncate(path_of(file), 0), 0);
    } else if (!strcmp(word, "rmdir")) {
        ck_assert_int_eq(rmdir(folder), 0);
    } else if (!strcmp(word, "wait")) {
        hand.ms += 3000;
        if (source->missing) /* a timer on real time looks else */
            sl_discover_look(discover, source);
    } else if (!strcmp(word, "full")) {
        full = !full;
    } else if (!strcmp(word, "settle")) { /* all that was read is delivered */
        settle();
    } else if (!strcmp(word, "two")) {
        two = true;
    } else if (!strcmp(word, "other")) { /* the second lane reads */
        read_all(&other, poll);
    } else if (!strcmp(word, "pinned")) {
        ck_assert_int_eq(sl_pin_bytes(pin) > 0, atoi(file));
    } else if (!strcmp(word, "free")) { /* so many MiB of a disk of 1000 */
        space.free = strtoul(file, NULL, 10) << 20;
        (void)sl_pin_check(pin);
    } else if (!strcmp(word, "give-up")) { /* for want of descriptors */
        ck_assert(sl_pin_give_up_one(pin));
    } else if (!strcmp(word, "rest")) { /* whoever can, gives his descriptor back */
        while (sl_plan_make_room(&plan))
            ;
    } else if (!strcmp(word, "generations")) {
        ck_assert_int_eq(count(false), atoi(file));
    } else if (!strcmp(word, "resting")) {
        ck_assert_int_eq(count(true), atoi(file));
    } else if (!strcmp(word, "expect")) {
        ck_assert_str_eq(got, strchr(step, ' ') + 1);
    } else {
        ck_assert_str_eq(word, "read");
        read_all(&tail, poll);
    }
}

static const struct {
    const char *name;
    const char *steps[24];
    const char *lines;
} rows[] = {
    {"T-TAIL-07: a line is whole when its newline is there",
     {"hold 0.log " T "1Z stdout F hel", "read", "read", "more lo\n", "read", "more " T "2Z half",
      "read"},
     "hello "},
    {"T-ROT-01: late writes to a renamed file, then the new one",
     {"hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1", "more " T "2Z stdout F b\n",
      "write 0.log " T "3Z stdout F c\n", "read", "more " T "4Z stdout F d\n", "read", "close",
      "read", "wait", "read"},
     "a b d c "},
    {"a renamed file whose writer never closes it is left when it is still",
     {"hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "3Z stdout F c\n", "read", "expect a ", "wait", "read"},
     "a c "},
    {"T-ROT-02: two rotations between two looks",
     {"write 0.log " T "1Z stdout F a\n", "mv 0.log 0.log.1", "write 0.log " T "2Z stdout F b\n",
      "mv 0.log 0.log.2", "write 0.log " T "3Z stdout F c\n", "read", "wait", "read", "wait",
      "read"},
     "a b c "},
    {"T-ROT-32: order is that of the first records, not of the names",
     {"write 0.log.1 " T "2Z stdout F b\n", "write 0.log.2 " T "1Z stdout F a\n",
      "write 0.log " T "3Z stdout F c\n", "read", "wait", "read", "wait", "read"},
     "a b c "},
    {"T-ROT-10: renamed, and renamed back: nothing twice",
     {"hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1", "read", "mv 0.log.1 0.log",
      "read", "more " T "2Z stdout F b\n", "read"},
     "a b "},
    {"T-ROT-15: cut to nothing, and written anew, shorter, longer, and as long as it was",
     {"hold 0.log " T "1Z stdout F aa\n", "read", "cut 0.log", "read", "read",
      "more " T "2Z stdout F b\n", "read", "cut 0.log", "more " T "3Z stdout F cccc\n", "read",
      "read", "cut 0.log", "more " T "4Z stdout F dddd\n", "read", "read", "cut 0.log",
      "more " T "5Z stdout F e\n" T "6Z stdout F f\n", "read", "read"},
     "aa b cccc dddd e f "},
    {"T-ROT-14: copied and cut: what was not read goes on in the copy",
     {"hold 0.log " T "1Z stdout F a\n", "read", "more " T "2Z stdout F b\n", "cp 0.log 0.log.1",
      "cut 0.log", "more " T "3Z stdout F c\n", "read", "read", "wait", "read"},
     "a b c "},
    {"T-ROT-14: a copy of what was read is not read again",
     {"hold 0.log " T "1Z stdout F a\n", "read", "cp 0.log 0.log.1", "read", "cut 0.log",
      "more " T "3Z stdout F c\n", "read", "read", "wait", "read"},
     "a c "},
    {"what was not read when it was cut, and is in no copy, is lost with its range",
     {"hold 0.log " T "1Z stdout F a\n", "read", "full", "more " T "2Z stdout F b\n", "read",
      "cut 0.log", "full", "more " T "3Z stdout F c\n", "read", "read", "expect a ", "wait",
      "read"},
     "a [lost truncated 42-84] c "},
    {"... and is not lost if only one look missed it",
     {"hold 0.log " T "1Z stdout F a\n", "read", "full", "more " T "2Z stdout F b\n", "read",
      "cp 0.log ../aside", "cut 0.log", "full", "more " T "3Z stdout F c\n", "read", "read",
      "expect a ", "mv ../aside 0.log.1", "wait", "read", "wait", "read"},
     "a b c "},
    {"T-ROT-23: deleted and made again",
     {"write 0.log " T "1Z stdout F a\n" T "2Z stdout F b\n", "read", "rm 0.log",
      "write 0.log " T "3Z stdout F c\n", "read", "wait", "read"},
     "a b c "},
    {"a deleted file is read to its end, and beyond while its writer writes",
     {"hold 0.log " T "1Z stdout F a\n", "read", "more " T "2Z stdout F b\n", "rm 0.log", "rmdir",
      "read", "more " T "3Z stdout F c\n", "read"},
     "a b c "},
    {"T-ROT-13: a torn last line travels before the next file",
     {"write 0.log " T "1Z stdout F a\n" T "2Z stdout F torn", "read", "mv 0.log 0.log.1",
      "write 0.log " T "3Z stdout F c\n", "read", "wait", "read"},
     "a torn~ c "},
    {"the first line never ended: it is the name's line all the same",
     {"write 0.log " T "2Z stdout F torn", "read", "mv 0.log 0.log.1",
      "write 0.log " T "3Z stdout F c\n", "read", "wait", "read"},
     "torn~ c "},
    {"a line longer than the buffer comes in pieces",
     {"hold 0.log " T "1Z stdout F ", "big 307200", "more end\n" T "2Z stdout F b\n", "read"},
     "262088 bytes+ 45115 bytes b "},
    {"T-LINE-04: a CR at the end of the buffer stays with its newline",
     {"hold 0.log " T "1Z stdout F ", "big 262087", "more \r", "read", "read",
      "more \n" T "2Z stdout F b\n", "read"},
     "262087 bytes+ \r b "},
    {"attempts in their order",
     {"write 0.log " T "1Z stdout F a\n", "write 1.log " T "2Z stdout F b\n", "read", "wait",
      "read", "write 10.log " T "4Z stdout F d\n", "write 2.log " T "3Z stdout F c\n", "read",
      "wait", "read", "wait", "read"},
     "a b c d "},
    {"T-DISC-15: what is not ours",
     {"write 0.log " T "1Z stdout F a\n", "write 0.log.tmp x\n", "write 0.log.1.gz x\n",
      "write app.txt x\n", "read", "wait", "read"},
     "a "},
    {"a refused line comes again",
     {"write 0.log " T "1Z stdout F a\n" T "2Z stdout F b\n", "full", "read", "full", "read"},
     "a b "},
    {"what was added after it had been left comes again, from there",
     {"write 0.log " T "1Z stdout F a\n", "write 1.log " T "2Z stdout F b\n", "read", "wait",
      "read", "settle", "write 0.log " T "3Z stdout F c\n", "read", "wait", "read"},
     "a b c "},
    {"what was left is cut and written anew, shorter: it is another file",
     {"write 0.log " T "1Z stdout F a\n" T "2Z stdout F b\n", "write 1.log " T "3Z stdout F c\n",
      "read", "wait", "read", "settle", "cut 0.log", "write 0.log " T "4Z stdout F d\n", "read",
      "wait", "read"},
     "a b c d "},
    {"... and the live file is the live one all the same",
     {"hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "settle",
      "more " T "3Z stdout F late\n", "close", "read", "wait", "read",
      "write 0.log " T "4Z stdout F c\n", "read", "wait", "read"},
     "a b late c "},
    {"... and what it got before the other one was delivered comes once",
     {"hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "settle",
      "more " T "3Z stdout F late\n", "close", "read", "wait", "read",
      "write 0.log " T "4Z stdout F c\n", "read", "settle", "wait", "read"},
     "a b late c "},
    {"... also when it is deleted before it is read",
     {"hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "settle",
      "more " T "3Z stdout F late\n", "close", "read", "wait", "read",
      "write 0.log " T "4Z stdout F c\n", "rm 0.log", "read", "wait", "read"},
     "a b late c "},
    {"a deleted file that is not read is held, until the disk is short: then the oldest goes",
     {"hold 0.log " T "1Z stdout F a\n",
      "read",
      "full",
      "more " T "2Z stdout F b\n",
      "mv 0.log 0.log.1",
      "close",
      "write 0.log " T "3Z stdout F c\n",
      "mv 0.log 0.log.2",
      "write 0.log " T "4Z stdout F d\n",
      "read",
      "pinned 0",
      "rm 0.log.1",
      "rm 0.log.2",
      "read",
      "free 100",
      "pinned 1",
      "generations 3",
      "free 99",
      "generations 2",
      "pinned 0",
      "full",
      "wait",
      "read"},
     "a [lost pin_limit 42-84] [lost pin_limit 0-42] d "},
    {"for want of descriptors the oldest one goes, and what is behind it is read",
     {"hold 0.log " T "1Z stdout F a\n",
      "read",
      "full",
      "more " T "2Z stdout F b\n",
      "mv 0.log 0.log.1",
      "close",
      "write 0.log " T "3Z stdout F c\n",
      "mv 0.log 0.log.2",
      "write 0.log " T "4Z stdout F d\n",
      "read",
      "rm 0.log.1",
      "rm 0.log.2",
      "read",
      "give-up",
      "expect a [lost pin_limit 42-84] ",
      "full",
      "wait",
      "read",
      "wait",
      "read"},
     "a [lost pin_limit 42-84] c d "},
    {"a file that rests is opened by its path when it grows",
     {"hold 0.log " T "1Z stdout F a\n", "read", "rest", "resting 1", "read", "resting 1",
      "more " T "2Z stdout F b\n", "read"},
     "a b "},
    {"... when it was rotated meanwhile, by its key",
     {"hold 0.log " T "1Z stdout F a\n", "read", "rest", "more " T "2Z stdout F b\n",
      "mv 0.log 0.log.1", "write 0.log " T "3Z stdout F c\n", "read", "close", "read", "wait",
      "read"},
     "a b c "},
    {"... and when it was copied and cut, in its copy",
     {"hold 0.log " T "1Z stdout F a\n", "read", "rest", "more " T "2Z stdout F b\n",
      "cp 0.log 0.log.1", "cut 0.log", "more " T "3Z stdout F c\n", "read", "read", "wait", "read"},
     "a b c "},
    {"what nobody read rests as well, and what is behind it",
     {"full", "hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "rest", "resting 2", "full", "close", "read",
      "wait", "read"},
     "a b "},
    {"what was seen and not read is lost if it is deleted while it rests",
     {"hold 0.log " T "1Z stdout F a\n", "read", "full", "more " T "2Z stdout F b\n", "read",
      "rest", "rm 0.log", "write 0.log " T "3Z stdout F c\n", "read", "full", "read", "expect a ",
      "wait", "read"},
     "a [lost vanished 42-84] c "},
    {"... but not if it was only away while its folder was listed",
     {"write 0.log " T "1Z stdout F a\n", "read", "rest", "write 0.log " T "2Z stdout F b\n",
      "mv 0.log ../aside", "read", "mv ../aside 0.log.1", "write 0.log " T "3Z stdout F c\n",
      "wait", "read", "wait", "read"},
     "a b c "},
    {"a deleted file cannot rest",
     {"hold 0.log " T "1Z stdout F a\n", "read", "full", "more " T "2Z stdout F b\n", "read",
      "rm 0.log", "rest", "resting 0", "full", "read"},
     "a b "},
    {"what was moved elsewhere is not pinned by us",
     {"hold 0.log " T "1Z stdout F a\n", "read", "full", "more " T "2Z stdout F b\n",
      "mv 0.log ../gone", "read", "pinned 0", "free 0", "full", "close", "rm ../gone", "wait",
      "read"},
     "a b "},
    {"what was added after it had been read, and before that was delivered",
     {"hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "more " T "3Z stdout F late\n",
      "close", "read", "expect a b ", "settle", "read", "wait", "read"},
     "a b late "},
    {"two lanes: what was left grows on, and the one behind passes it all the same",
     {"two", "hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "expect a b ",
      "more " T "3Z stdout F late\n", "other", "expect a b 2:a 2:b ", "settle", "read", "wait",
      "read", "other"},
     "a b 2:a 2:b late 2:late "},
    {"two lanes: what a left file got comes, though the other lane stands still before it",
     {"two", "hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "more " T "3Z stdout F late\n",
      "close", "settle", "settle", "read", "wait", "read", "expect a b late ", "other"},
     "a b late 2:a 2:b 2:late "},
    {"two lanes: the torn last line of a left file is torn for both",
     {"two", "write 0.log " T "1Z stdout F a\n" T "2Z stdout F torn", "read", "mv 0.log 0.log.1",
      "write 0.log " T "3Z stdout F c\n", "read", "wait", "read", "settle", "other"},
     "a torn~ c 2:a 2:torn~ 2:c "},
    {"two lanes: cut after one had left it, where the other stands: its rest is lost by name",
     {"two", "hold 0.log " T "1Z stdout F a\n", "read", "mv 0.log 0.log.1",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "cut 0.log.1", "other", "wait",
      "other", "read"},
     "a b 2:[lost truncated 0-42] 2:b "},
    {"two lanes: deleted before the one behind has read it",
     {"two", "write 0.log " T "1Z stdout F a\n", "read", "rm 0.log",
      "write 0.log " T "2Z stdout F b\n", "read", "wait", "read", "settle", "rm 0.log", "settle",
      "other", "settle"},
     "a b 2:a 2:b "},
};

static void tell(size_t row, bool poll)
{
    got[0] = '\0';
    held = -1;
    full = two = false;
    sl_scratch(root);
    snprintf(folder, sizeof folder, "%s/shop_cart_uid", root);
    mkdir(folder, 0755);
    snprintf(folder, sizeof folder, "%s/shop_cart_uid/app", root);
    mkdir(folder, 0755);
    setup(poll);
    for (int i = 0; i < 24 && rows[row].steps[i]; i++) {
        act(rows[row].steps[i], poll);
    }
    ck_assert_msg(!strcmp(got, rows[row].lines), "%s (%s):\n got \"%s\"\nwant \"%s\"",
                  rows[row].name, poll ? "polled" : "watched", got, rows[row].lines);
    teardown();
}

START_TEST(tells_each_story_watched)
{
    tell((size_t)_i, false);
}
END_TEST

START_TEST(tells_each_story_polled)
{
    tell((size_t)_i, true);
}
END_TEST

SL_UNIT(SL_ROWS(tells_each_story_watched, rows), SL_ROWS(tells_each_story_polled, rows))
