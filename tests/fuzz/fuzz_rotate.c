/* fuzz_rotate.c - a byte string is a program: lines written, files renamed, copied and truncated,
 * compressed, deleted, and looked at in between. Nothing of it takes away what was not seen, so each
 * line has to come exactly once.
 *
 * The first byte says whether the glob matches rotated files as well. A file has to have been looked
 * at for as long as it takes to leave the one before it, before it goes by another name or is cut. */
#include "read/tail.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define STEPS   32
#define LINES   256
#define SOURCES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t now_ms;

static uint64_t hand_ms(const sl_clock *c)
{
    (void)c;
    return now_ms;
}

static int64_t hand_ns(const sl_clock *c)
{
    (void)c;
    return (int64_t)now_ms * 1000000;
}

static const sl_clock hand = {.now_ms = hand_ms, .wall_ns = hand_ns};
static const sl_rules rules = {.format = SL_FORMAT_PLAIN, .max_record = 4096};

static char folder[64];
static uv_loop_t loop;
static sl_log quiet = {.level = SL_LOG_ERROR, .fd = -1};
static sl_plan plan;
static sl_watch *watch;
static sl_discover *discover;
static sl_reader reader;
static sl_source *sources[SOURCES];
static sl_tail tails[SOURCES];
static size_t source_count;
static unsigned seen[LINES], written, rotated, packed;
static bool matches_rotated, known; /* the first line of the live file, by us */

/* --- the agent's side --- */

static bool on_line(void *arg, sl_tail *t, const sl_line *line, uint64_t bytes)
{
    unsigned n = 0;

    (void)arg, (void)t, (void)bytes;
    SL_ASSERT(line->first && line->last && !line->torn);
    SL_ASSERT(sscanf(line->bytes.ptr, "line %u ", &n) == 1 && n < written);
    seen[n]++;
    return true;
}

static bool on_ended(void *arg, sl_tail *t)
{
    (void)arg, (void)t;
    return true;
}

static void on_lost(void *arg, sl_tail *t, const sl_generation *g, uint64_t from, uint64_t to)
{
    (void)arg, (void)t, (void)g, (void)from, (void)to;
    SL_ASSERT(false); /* nothing was taken away */
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

static void on_saved_in(void *arg, const char *path, void (*each)(void *of, const char *path),
                        void *of)
{
    (void)arg, (void)path, (void)each, (void)of;
}

static void on_found(void *arg, sl_source *s)
{
    (void)arg;
    SL_ASSERT(source_count < SOURCES);
    sources[source_count] = s;
    sl_tail_init(&tails[source_count++], s, (sl_place){0});
}

static void on_ready(void *arg, sl_source *s)
{
    (void)arg, (void)s;
}

static void on_scanned(void *arg)
{
    (void)arg;
}

static void start(void)
{
    static char live[96], all[96];
    static const char *items[1];
    static const sl_texts globs = {.items = items, .count = 1};

    snprintf(live, sizeof live, "%s/app.log", folder);
    snprintf(all, sizeof all, "%s/app.log*", folder);
    items[0] = matches_rotated ? all : live;
    uv_loop_init(&loop);
    plan = (sl_plan){.log = &quiet};
    sl_plan_init(&plan);
    watch =
        sl_watch_new(&(sl_watch_options){.loop = &loop, .log = &quiet, .on_overflow = on_scanned});
    discover = sl_discover_new(&(sl_discover_options){.loop = &loop,
                                                      .log = &quiet,
                                                      .clock = &hand,
                                                      .watch = watch,
                                                      .rules = &rules,
                                                      .globs = &globs,
                                                      .container = "",
                                                      .plan = &plan,
                                                      .wants = on_wants,
                                                      .saved = on_saved,
                                                      .saved_in = on_saved_in,
                                                      .found = on_found,
                                                      .ready = on_ready,
                                                      .scanned = on_scanned});
    reader = (sl_reader){.loop = &loop,
                         .clock = &hand,
                         .log = &quiet,
                         .line = on_line,
                         .attempt_ended = on_ended,
                         .lost = on_lost,
                         .warmed = on_warmed};
    sl_reader_init(&reader);
    sl_discover_start(discover);
}

static void stop(void)
{
    sl_discover_stop(discover);
    uv_run(&loop, UV_RUN_DEFAULT);
    sl_discover_free(discover);
    sl_watch_close(watch);
    uv_run(&loop, UV_RUN_DEFAULT);
    SL_ASSERT(uv_loop_close(&loop) == 0);
    for (size_t i = 0; i < source_count; i++)
        sl_tail_fini(&tails[i]);
    sl_reader_fini(&reader);
}

static void read_source(size_t i)
{
    sl_tail_state state = SL_TAIL_MORE;
    uint64_t bytes;

    while (sl_source_is_checked(sources[i]))
        uv_run(&loop, UV_RUN_ONCE);
    for (int k = 0; k < 100 && (state == SL_TAIL_MORE || state == SL_TAIL_COLD); k++) {
        if (state == SL_TAIL_COLD)
            tails[i].warm = true;
        state = sl_tail_read(&reader, &tails[i], &bytes);
    }
    (void)sl_source_settled(watch, sources[i], tails[i].at);
}

static const char *path_of(const char *end, unsigned n)
{
    static char paths[4][96];
    static int which;
    char *path = paths[which++ % 4];

    if (n)
        snprintf(path, sizeof paths[0], "%s/app.log.%u%s", folder, n, end);
    else
        snprintf(path, sizeof paths[0], "%s/app.log", folder);
    return path;
}

static bool is_there(void)
{
    struct stat st;

    return !stat(path_of("", 0), &st) && st.st_size > 0;
}

static void look(unsigned seconds)
{
    now_ms += UINT64_C(1000) * seconds;
    for (int k = 0; k < 3; k++) {
        sl_discover_scan(discover);
        for (int i = 0; i < 5; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        for (size_t i = 0; i < source_count; i++)
            read_source(i);
    }
    known = is_there() && (known || seconds >= 3);
}

/* --- the other side --- */

static void put(unsigned count)
{
    FILE *f = fopen(path_of("", 0), "ae");

    SL_ASSERT(f);
    for (; count > 0 && written < LINES; count--, written++)
        fprintf(f, "line %u of some length, so that something is in front of the next, %u\n",
                written, written);
    fclose(f);
}

static size_t take(const char *path, char *bytes, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, bytes, max);

    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

static void copy_and_truncate(void)
{
    static char bytes[LINES * 128];
    size_t len = take(path_of("", 0), bytes, sizeof bytes);
    int fd = open(path_of("", ++rotated), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    SL_ASSERT(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    close(fd);
    SL_ASSERT(truncate(path_of("", 0), 0) == 0);
    known = false;
}

static void pack(void)
{
    static char bytes[LINES * 128];
    size_t len;
    gzFile out;

    if (packed == rotated)
        return;
    packed++;
    len = take(path_of("", packed), bytes, sizeof bytes);
    out = gzopen(path_of(".gz", packed), "wb1");
    SL_ASSERT(out && gzwrite(out, bytes, (unsigned)len) == (int)len && gzclose(out) == Z_OK);
    SL_ASSERT(unlink(path_of("", packed)) == 0);
}

static void act(uint8_t step)
{
    unsigned more = (step >> 3) % 4;

    if (step % 8 < 2) {
        put(1 + more);
        return;
    }
    if (step % 8 == 4) {
        look(3); /* what is compressed before it was seen in its place is a file of its own */
        pack();
        return;
    }
    if (step % 8 > 4) {
        look(step % 8 == 7 ? 15 : more);
        return;
    }
    if (!is_there())
        return;
    if (!known)
        look(3);
    if (step % 8 == 2) {
        SL_ASSERT(rename(path_of("", 0), path_of("", rotated + 1)) == 0);
        rotated++;
        known = false;
    } else {
        copy_and_truncate();
    }
    put(more);
}

static int unlink_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct timespec wall;

    if (size == 0)
        return 0;
    snprintf(folder, sizeof folder, "/tmp/fuzz-rotate-XXXXXX");
    SL_ASSERT(mkdtemp(folder));
    clock_gettime(CLOCK_REALTIME, &wall);
    now_ms = (uint64_t)wall.tv_sec * 1000 + 1000;
    memset(seen, 0, sizeof seen);
    source_count = written = rotated = packed = 0;
    matches_rotated = data[0] & 1;
    known = false;
    start();
    for (size_t i = 1; i < size && i < STEPS; i++)
        act(data[i]);
    for (int i = 0; i < 4; i++)
        look(60);
    for (unsigned i = 0; i < written; i++) {
        if (seen[i] != 1)
            fprintf(stderr, "line %u of %u came %u times\n", i, written, seen[i]);
        SL_ASSERT(seen[i] == 1);
    }
    stop();
    nftw(folder, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
