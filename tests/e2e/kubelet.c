/* kubelet.c - plays container runtime and kubelet on a scratch tree, and writes down the truth.
 *
 * One thread takes turns: each container writes what is due, then the kubelet does a little of its
 * round (remove the oldest, compress, rename), so that writing goes on while a file is compressed.
 * Files, names and their order are those of containerd 1.6 and the kubelet: one write(2) for each
 * record, RFC3339Nano with trailing zeros cut, parts of 16384 bytes, a line that is being written
 * at a rotation cut into P in the old file and F in the new one.
 *
 * A message says who wrote it and how long it is, so a checker needs no copy of it:
 *     c=<container> s=<o|e> n=<number, from 0> l=<bytes> f=<filler, 0 or 1> <filler> end
 *
 * The truth is a text file, a row for each thing that happened (times: wall clock, nanoseconds):
 *     c <container> <namespace> <pod> <uid> <name>
 *     g <generation> <container> <attempt> <file> <time>   a file was made
 *     x <generation> <index position> <records> <time>     so many records more stand in it
 *     r <generation> <file> <time>                         it has this name now
 *     z <generation> <file> <time>                         it is compressed, whole, under this name
 *     d <generation> <time>                                no copy of it is left
 *     n <container> <stdout messages> <stderr messages>    no more will come
 *     end
 * and beside it, at TRUTH.idx, a 32-bit number for each record in the order of the x rows: its
 * bytes in the file, | 1 << 24 for stderr, | 1 << 25 for a part that is not the last.
 *
 * Fails    any error of the system ends the program with status 1; SIGTERM ends the run early, and
 *          the truth is whole */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define PART        16384 /* containerd's longest record content */
#define HEADER      64    /* room for time, stream, tag */
#define HEAD        48    /* of a message: it is never cut, so each first part says whose it is */
#define MIN_MESSAGE 80
#define MAX_MESSAGE (1 << 20)
#define PERIOD      61 /* of the plain filler; no divisor of PART: swapped parts do not fit */
#define PENDING     1024
#define BURST       64 /* messages in one turn */
#define SECOND      UINT64_C(1000000000)
#define MS          UINT64_C(1000000)

/* Every kind of byte that JSON escapes, and characters of two, three and four bytes. */
static const char odd_filler[] =
    "say \"hi\" \\ tab\t caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 </b> ";

typedef struct generation {
    struct generation *next; /* newer, of the same container */
    uint64_t size;
    uint32_t id;
    unsigned attempt;
    bool squeezed;
    char file[48]; /* in the container's folder; "": no copy is left */
} generation;

typedef struct stream {
    uint64_t next;    /* number of the next message */
    char *text;       /* a message of which parts were written; NULL: none */
    size_t len, done; /* of text */
    bool stuck;       /* it will never go on */
} stream;

typedef struct container {
    uint32_t id, pod;
    bool hot;
    unsigned attempt;
    int fd;
    generation *oldest, *current; /* current: the one that fd writes to */
    stream streams[2];
    double owed;                 /* messages, or bytes of a hot one */
    uint64_t seen;               /* when owed was counted */
    uint64_t reopen_at;          /* renamed, and still written to until then; 0: not */
    bool rename_back;            /* instead of reopening */
    uint64_t delete_at, gone_at; /* files removed; writer ended, folders removed. 0: not planned */
    unsigned pending_count;
    uint32_t pending[PENDING]; /* rows of the index that are not written yet */
    char pod_folder[96], folder[128];
} container;

typedef struct range {
    size_t min, max;
} range;

static struct {
    const char *root, *truth;
    unsigned containers, hot, per_pod, churn, max_files, max_dead;
    double seconds, rotate, restart, delete, rate, hot_rate, life, linger;
    uint64_t lines, max_size, seed;
    range line, long_line;
    double stderr_share, long_share, odd_share, rename_back;
    bool open_stderr, early_gz;
} opt = {.containers = 10,
         .per_pod = 1,
         .max_files = 5,
         .max_dead = 1,
         .seconds = 10,
         .rate = 100,
         .life = 0.5,
         .linger = 0.1,
         .max_size = 1 << 20,
         .seed = 1,
         .line = {185, 185},
         .long_line = {20000, 60000}};

static FILE *truth, *index_file;
static uint64_t index_rows, messages, file_bytes;
static container **all;
static size_t all_count, all_cap;
static uint32_t next_container, next_generation, next_pod;
static char filler[MAX_MESSAGE + PERIOD];
static volatile sig_atomic_t stopped;

/* The kubelet's round: one container after the other, one file after the other. */
static struct {
    bool active;
    size_t next; /* of `all` */
    container *c;
    generation *g; /* being compressed */
    int in;
    gzFile out;
    bool in_place; /* .gz has its name, but not yet its end */
} turn = {.in = -1};

/* --- small tools --- */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    int err = errno;
    va_list args;

    va_start(args, format);
    fputs("kubelet: ", stderr);
    vfprintf(stderr, format, args);
    fprintf(stderr, ": %s\n", strerror(err));
    va_end(args);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t dice(void)
{
    static uint64_t x;

    if (x == 0)
        x = opt.seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static bool chance(double share)
{
    return share > 0 && (double)(dice() >> 11) < share * 0x1p53;
}

static size_t pick(range r)
{
    return r.min + (size_t)(dice() % (r.max - r.min + 1));
}

static char *put(char *p, const char *text, size_t len)
{
    memcpy(p, text, len);
    return p + len;
}

static char *put_number(char *p, uint64_t n)
{
    char digits[20], *d = digits + sizeof digits;

    do
        *--d = (char)('0' + n % 10);
    while (n /= 10);
    return put(p, d, (size_t)(digits + sizeof digits - d));
}

/* A path below the root; a few are in use at once. */
__attribute__((format(printf, 1, 2))) static char *path_of(const char *format, ...)
{
    static char paths[4][512];
    static unsigned turns;
    char *path = paths[turns++ % 4];
    int n = snprintf(path, sizeof paths[0], "%s/", opt.root);
    va_list args;

    va_start(args, format);
    vsnprintf(path + n, sizeof paths[0] - (size_t)n, format, args);
    va_end(args);
    return path;
}

/* --- the truth --- */

static void flush_index(container *c)
{
    if (c->pending_count == 0)
        return;
    if (fwrite(c->pending, sizeof *c->pending, c->pending_count, index_file) != c->pending_count)
        die("%s.idx", opt.truth);
    fprintf(truth, "x %u %" PRIu64 " %u %" PRIu64 "\n", c->current->id, index_rows,
            c->pending_count, now_ns());
    index_rows += c->pending_count;
    c->pending_count = 0;
}

static void flush_truth(void)
{
    for (size_t i = 0; i < all_count; i++)
        flush_index(all[i]);
    if (fflush(index_file) || fflush(truth))
        die("%s", opt.truth);
}

static void tell(char kind, const generation *g)
{
    if (kind == 'd')
        fprintf(truth, "d %u %" PRIu64 "\n", g->id, now_ns());
    else
        fprintf(truth, "%c %u %s %" PRIu64 "\n", kind, g->id, g->file, now_ns());
}

/* --- the runtime: records --- */

static char *put_time(char *p)
{
    static time_t second;
    static char text[20];
    struct timespec t;
    char digits[9];
    int n = 9;

    clock_gettime(CLOCK_REALTIME, &t);
    if (t.tv_sec != second) {
        struct tm tm;

        second = t.tv_sec;
        gmtime_r(&second, &tm);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    for (int i = 8, rest = (int)t.tv_nsec; i >= 0; i--, rest /= 10)
        digits[i] = (char)('0' + rest % 10);
    while (n > 0 && digits[n - 1] == '0')
        n--;
    p = put(p, text, 19);
    if (n > 0) {
        *p++ = '.';
        p = put(p, digits, (size_t)n);
    }
    *p++ = 'Z';
    return p;
}

static char *put_header(char *p, int s, bool whole)
{
    p = put_time(p);
    return put(p,
               s       ? whole ? " stderr F " : " stderr P "
               : whole ? " stdout F "
                       : " stdout P ",
               10);
}

/* Writes a message of len bytes; pure, but for the choice of filler. */
static char *put_message(char *p, const container *c, int s, uint64_t n, size_t len)
{
    char *end = p + len - 4;
    bool odd = chance(opt.odd_share);

    p = put(p, "c=", 2);
    p = put_number(p, c->id);
    p = put(p, s ? " s=e n=" : " s=o n=", 7);
    p = put_number(p, n);
    p = put(p, " l=", 3);
    p = put_number(p, len);
    p = put(p, odd ? " f=1 " : " f=0 ", 5);
    if (odd) {
        for (; (size_t)(end - p) >= sizeof odd_filler - 1; p += sizeof odd_filler - 1)
            memcpy(p, odd_filler, sizeof odd_filler - 1);
        memset(p, '.', (size_t)(end - p));
    } else {
        memcpy(p, filler + n % PERIOD, (size_t)(end - p));
    }
    return put(end, " end", 4);
}

static void write_record(container *c, int s, bool whole, const char *line, size_t len)
{
    if (write(c->fd, line, len) != (ssize_t)len)
        die("%s/%s", c->folder, c->current->file);
    c->current->size += len;
    file_bytes += len;
    c->pending[c->pending_count++] = (uint32_t)len | (uint32_t)s << 24 | (uint32_t)!whole << 25;
    if (c->pending_count == PENDING)
        flush_index(c);
}

static void begin_long(container *c, int s, size_t len)
{
    stream *st = &c->streams[s];

    st->text = malloc(len);
    if (!st->text)
        die("a message of %zu bytes", len);
    st->len = len;
    st->done = 0;
    put_message(st->text, c, s, st->next++, len);
    messages++;
}

/* The next record of an open message, of at most max bytes. */
static void write_part(container *c, int s, size_t max)
{
    static char line[HEADER + PART + 1];
    stream *st = &c->streams[s];
    size_t rest = st->len - st->done, n = rest < max ? rest : max;
    char *p = put_header(line, s, n == rest);

    p = put(p, st->text + st->done, n);
    *p++ = '\n';
    write_record(c, s, n == rest, line, (size_t)(p - line));
    st->done += n;
    if (n == rest) {
        free(st->text);
        st->text = NULL;
    }
}

static void write_short(container *c, int s, size_t len)
{
    static char line[HEADER + PART + 1];
    char *p = put_header(line, s, true);

    p = put_message(p, c, s, c->streams[s].next++, len);
    *p++ = '\n';
    write_record(c, s, true, line, (size_t)(p - line));
    messages++;
}

static int pick_stream(const container *c)
{
    return !c->streams[1].stuck && chance(opt.stderr_share);
}

/* One record: of a new message, or the next part of an open one. */
static void write_next(container *c)
{
    int s = pick_stream(c);
    size_t len;

    if (c->streams[s].text) {
        write_part(c, s, PART);
        return;
    }
    len = pick(chance(opt.long_share) ? opt.long_line : opt.line);
    if (len > PART) {
        begin_long(c, s, len);
        write_part(c, s, PART);
    } else {
        write_short(c, s, len);
    }
}

static void finish_lines(container *c)
{
    for (int s = 0; s < 2; s++)
        while (c->streams[s].text && !c->streams[s].stuck)
            write_part(c, s, PART);
}

/* What is open stays half a message for ever. */
static void drop_lines(container *c)
{
    for (int s = 0; s < 2; s++) {
        free(c->streams[s].text);
        c->streams[s].text = NULL;
    }
}

static bool is_done(const container *c)
{
    return opt.lines > 0 && c->streams[0].next + c->streams[1].next >= opt.lines;
}

/* A stream that holds an unfinished line writes it as a part. */
static void cut_lines(container *c)
{
    for (int s = 0; s < 2; s++) {
        bool used = s ? opt.stderr_share > 0 : opt.stderr_share < 1;

        if (!used || c->streams[s].text || is_done(c) || chance(0.5))
            continue;
        begin_long(c, s, pick(opt.line));
        write_part(c, s, pick((range){HEAD, MIN_MESSAGE - 1}));
    }
}

/* A container ends, and mostly in the middle of a line. */
static void break_off(container *c)
{
    if (chance(0.25))
        finish_lines(c);
    else
        cut_lines(c);
    drop_lines(c);
}

/* returns  true: something was written */
static bool write_due(container *c, uint64_t now)
{
    double rate = c->hot ? opt.hot_rate : opt.rate;
    uint64_t before = file_bytes;

    c->owed += (double)(now - c->seen) / (double)SECOND * rate;
    c->seen = now;
    if (c->owed > rate)
        c->owed = rate; /* a stall is not made up for beyond a second */
    for (unsigned i = 0; i < BURST && !is_done(c); i++) {
        uint64_t start = file_bytes;

        if (rate > 0 && c->owed < 1)
            break;
        write_next(c);
        c->owed -= c->hot ? (double)(file_bytes - start) : 1;
    }
    if (is_done(c) && !c->reopen_at)
        finish_lines(c);
    return file_bytes != before;
}

/* --- files that come and go --- */

static void open_log(container *c)
{
    generation *g = calloc(1, sizeof *g);

    if (!g)
        die("a generation");
    *g = (generation){.id = next_generation++, .attempt = c->attempt};
    snprintf(g->file, sizeof g->file, "%u.log", c->attempt);
    c->fd =
        open(path_of("%s/%s", c->folder, g->file), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (c->fd < 0)
        die("%s/%s", c->folder, g->file);
    if (c->current)
        c->current->next = g;
    else
        c->oldest = g;
    c->current = g;
    fprintf(truth, "g %u %u %u %s %" PRIu64 "\n", g->id, c->id, g->attempt, g->file, now_ns());
}

static void close_log(container *c)
{
    flush_index(c);
    close(c->fd);
    c->fd = -1;
}

static void remove_file(container *c, generation *g)
{
    if (g->file[0] && unlink(path_of("%s/%s", c->folder, g->file)) < 0)
        die("remove %s/%s", c->folder, g->file);
    if (g->file[0])
        tell('d', g);
    g->file[0] = '\0';
}

/* Forgets generations of which no copy is left. */
static void drop_removed(container *c)
{
    for (generation **at = &c->oldest; *at && *at != c->current;) {
        generation *g = *at;

        if (g->file[0]) {
            at = &g->next;
        } else {
            *at = g->next;
            free(g);
        }
    }
}

static void stop_squeezing(void)
{
    if (turn.in >= 0)
        close(turn.in);
    if (turn.out)
        gzclose(turn.out);
    turn.in = -1;
    turn.out = NULL;
    turn.g = NULL;
    turn.in_place = false;
}

static void leave_round(const container *c)
{
    if (turn.c != c)
        return;
    if (turn.g) {
        generation *g = turn.g;

        stop_squeezing();
        (void)unlink(path_of("%s/%s.tmp", c->folder, g->file));
    }
    turn.c = NULL;
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        die("%s", path);
}

static void add_container(uint32_t pod, unsigned place)
{
    container *c = calloc(1, sizeof *c);
    char uid[40];

    if (all_count == all_cap) {
        all_cap = all_cap ? all_cap * 2 : 64;
        all = realloc(all, all_cap * sizeof(container *));
    }
    if (!c || !all)
        die("a container");
    *c = (container){.id = next_container++, .pod = pod, .fd = -1, .seen = now_ns()};
    c->hot = c->id < opt.hot;
    snprintf(uid, sizeof uid, "%08x-0000-4000-8000-%012x", (unsigned)opt.seed, pod);
    snprintf(c->pod_folder, sizeof c->pod_folder, "space-%u_app-%u.x_%s", pod % 3, pod, uid);
    snprintf(c->folder, sizeof c->folder, "%s/main-%u", c->pod_folder, place);
    make_folder(path_of("%s", c->pod_folder));
    make_folder(path_of("%s", c->folder));
    fprintf(truth, "c %u space-%u app-%u.x %s main-%u\n", c->id, pod % 3, pod, uid, place);
    open_log(c);
    all[all_count++] = c;
}

static void add_pod(void)
{
    uint32_t pod = next_pod++;

    for (unsigned i = 0; i < opt.per_pod; i++)
        add_container(pod, i);
}

static void end_container(container *c)
{
    leave_round(c);
    drop_lines(c);
    close_log(c);
    fprintf(truth, "n %u %" PRIu64 " %" PRIu64 "\n", c->id, c->streams[0].next, c->streams[1].next);
    for (generation *g = c->oldest, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    free(c);
}

/* The kubelet's way: the files first, while the writer still goes on; the folders later. */
static void delete_files(container *c, uint64_t now)
{
    leave_round(c);
    for (generation *g = c->oldest; g; g = g->next)
        remove_file(c, g);
    drop_removed(c);
    c->delete_at = 0;
    c->reopen_at = 0;
    c->gone_at = now + (uint64_t)(opt.linger * (double)SECOND);
}

static void remove_container(size_t i)
{
    container *c = all[i];

    if (rmdir(path_of("%s", c->folder)) < 0)
        die("%s", c->folder);
    (void)rmdir(path_of("%s", c->pod_folder)); /* succeeds with the last of its containers */
    all[i] = all[--all_count];
    break_off(c);
    end_container(c);
}

/* A new attempt; of the dead ones only the last keep their files. */
static void restart(container *c)
{
    leave_round(c);
    break_off(c);
    close_log(c);
    c->attempt++;
    for (generation *g = c->oldest; g; g = g->next)
        if (g->attempt + opt.max_dead < c->attempt)
            remove_file(c, g);
    drop_removed(c);
    c->reopen_at = 0;
    open_log(c);
}

/* --- rotation --- */

static void rename_log(container *c, uint64_t now)
{
    generation *g = c->current;
    char name[sizeof g->file];
    time_t second = (time_t)(now / SECOND);

    for (;; second++) { /* two rotations within one second still get two names */
        struct tm tm;
        int n = snprintf(name, sizeof name, "%u.log.", c->attempt);

        localtime_r(&second, &tm);
        strftime(name + n, sizeof name - (size_t)n, "%Y%m%d-%H%M%S", &tm);
        if (access(path_of("%s/%s", c->folder, name), F_OK) < 0 &&
            access(path_of("%s/%s.gz", c->folder, name), F_OK) < 0)
            break;
    }
    if (rename(path_of("%s/%s", c->folder, g->file), path_of("%s/%s", c->folder, name)) < 0)
        die("rename %s/%s", c->folder, g->file);
    memcpy(g->file, name, sizeof name);
    tell('r', g);
    c->reopen_at = now + (1 + dice() % 8) * MS; /* so long the old descriptor is written to */
    c->rename_back = chance(opt.rename_back);
}

/* The renamed file was not reopened: it gets its old name back. */
static void rename_back(container *c)
{
    generation *g = c->current;
    const char *renamed = path_of("%s/%s", c->folder, g->file);

    snprintf(g->file, sizeof g->file, "%u.log", c->attempt);
    if (rename(renamed, path_of("%s/%s", c->folder, g->file)) < 0)
        die("rename back %s/%s", c->folder, g->file);
    tell('r', g);
}

static void reopen(container *c)
{
    c->reopen_at = 0;
    if (c->rename_back) {
        rename_back(c);
        return;
    }
    cut_lines(c); /* the rest comes into the next file */
    close_log(c);
    open_log(c);
}

static bool is_rotated(const container *c, const generation *g)
{
    return g != c->current && g->attempt == c->attempt && g->file[0];
}

static void prune(container *c)
{
    unsigned count = 0;

    for (generation *g = c->oldest; g; g = g->next)
        count += is_rotated(c, g);
    for (generation *g = c->oldest; g && count + 2 > opt.max_files; g = g->next) {
        if (is_rotated(c, g)) {
            remove_file(c, g);
            count--;
        }
    }
    drop_removed(c);
}

static void start_squeezing(container *c, generation *g)
{
    int out = open(path_of("%s/%s.tmp", c->folder, g->file),
                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    turn.g = g;
    turn.in = open(path_of("%s/%s", c->folder, g->file), O_RDONLY | O_CLOEXEC);
    turn.out = out < 0 ? NULL : gzdopen(out, "wb1");
    if (turn.in < 0 || !turn.out)
        die("compress %s/%s", c->folder, g->file);
}

static void place_gz(container *c, const generation *g)
{
    if (rename(path_of("%s/%s.tmp", c->folder, g->file), path_of("%s/%s.gz", c->folder, g->file)) <
            0 ||
        unlink(path_of("%s/%s", c->folder, g->file)) < 0)
        die("compress %s/%s", c->folder, g->file);
    turn.in_place = true;
}

static void end_squeezing(container *c, generation *g)
{
    if (opt.early_gz && !turn.in_place) { /* as old kubelets do: its end comes in the next turn */
        place_gz(c, g);
        return;
    }
    if (gzclose(turn.out) != Z_OK)
        die("compress %s/%s", c->folder, g->file);
    turn.out = NULL;
    if (!turn.in_place)
        place_gz(c, g);
    snprintf(g->file + strlen(g->file), 4, ".gz");
    g->squeezed = true;
    tell('z', g);
    stop_squeezing();
}

static void squeeze_some(container *c, generation *g)
{
    static char bytes[256 << 10];
    ssize_t n = read(turn.in, bytes, sizeof bytes);

    if (n < 0 || (n > 0 && gzwrite(turn.out, bytes, (unsigned)n) != n))
        die("compress %s/%s", c->folder, g->file);
    if (n == 0)
        end_squeezing(c, g);
}

static void rotate_step(container *c, uint64_t now)
{
    if (turn.g) {
        squeeze_some(c, turn.g);
        return;
    }
    for (generation *g = c->oldest; g; g = g->next) {
        if (is_rotated(c, g) && !g->squeezed) {
            start_squeezing(c, g);
            return;
        }
    }
    rename_log(c, now);
    turn.c = NULL;
    flush_truth();
}

/* Every so many seconds. returns  true: now */
static bool is_due(double seconds, uint64_t *due, uint64_t now)
{
    uint64_t step = (uint64_t)(seconds * (double)SECOND);

    if (step == 0)
        return false;
    if (*due == 0)
        *due = now + step;
    if (now < *due)
        return false;
    *due += step;
    return true;
}

/* A little of the kubelet's round. returns  false: it has nothing to do */
static bool rotate_some(uint64_t now)
{
    static uint64_t due;

    if (!turn.active && is_due(opt.rotate, &due, now)) {
        turn.active = true;
        turn.next = 0;
    }
    while (turn.active && !turn.c && turn.next < all_count) {
        container *c = all[turn.next++];

        if (c->current->size >= opt.max_size && !c->reopen_at && !c->gone_at) {
            turn.c = c;
            prune(c);
        }
    }
    if (turn.c)
        rotate_step(turn.c, now);
    else
        turn.active = false;
    return turn.active;
}

/* --- the run --- */

static void delete_pod(uint32_t pod, uint64_t now)
{
    for (size_t i = 0; i < all_count; i++)
        if (all[i]->pod == pod && !all[i]->gone_at)
            all[i]->delete_at = now;
}

static void come_and_go(uint64_t now)
{
    static uint64_t restart_due, delete_due, churn_due;

    if (is_due(opt.restart, &restart_due, now) && all_count) {
        container *c = all[dice() % all_count];

        if (!c->gone_at && !c->streams[1].stuck)
            restart(c);
    }
    if (is_due(opt.delete, &delete_due, now) && all_count) {
        delete_pod(all[dice() % all_count]->pod, now);
        add_pod();
    }
    if (next_pod < opt.churn && is_due(opt.seconds / (opt.churn + 1), &churn_due, now)) {
        size_t first = all_count;

        add_pod();
        while (first < all_count)
            all[first++]->delete_at = now + (uint64_t)(opt.life * (double)SECOND);
    }
}

static void move_on(uint64_t now)
{
    come_and_go(now);
    for (size_t i = 0; i < all_count; i++) {
        container *c = all[i];

        if (c->reopen_at && now >= c->reopen_at)
            reopen(c);
        if (c->delete_at && now >= c->delete_at)
            delete_files(c, now);
        if (c->gone_at && now >= c->gone_at)
            remove_container(i--);
    }
}

static bool is_over(uint64_t now, uint64_t end)
{
    if (stopped || (now >= end && opt.churn == 0))
        return true;
    if (opt.churn > 0)
        return next_pod == opt.churn && all_count == 0;
    if (opt.lines == 0 || turn.active)
        return false;
    for (size_t i = 0; i < all_count; i++)
        if (!is_done(all[i]) || all[i]->delete_at || all[i]->gone_at || all[i]->reopen_at)
            return false;
    return true;
}

static void run(void)
{
    uint64_t now = now_ns(), end = now + (uint64_t)(opt.seconds * (double)SECOND), flushed = now;

    while (!is_over(now, end)) {
        bool busy = false;

        for (size_t i = 0; i < all_count; i++)
            busy |= write_due(all[i], now);
        busy |= rotate_some(now);
        move_on(now);
        if (now - flushed > 50 * MS) {
            flush_truth();
            flushed = now;
        }
        if (!busy)
            nanosleep(&(struct timespec){.tv_nsec = 2 * MS}, NULL);
        now = now_ns();
    }
}

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void start(void)
{
    static const char letters[PERIOD + 1] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345678";
    char index_path[512];

    for (size_t i = 0; i < sizeof filler; i++)
        filler[i] = letters[i % PERIOD];
    snprintf(index_path, sizeof index_path, "%s.idx", opt.truth);
    truth = fopen(opt.truth, "we");
    index_file = fopen(index_path, "we");
    if (!truth || !index_file)
        die("%s", opt.truth);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    make_folder(opt.root);
    while (next_container < opt.containers && opt.churn == 0)
        add_pod();
    if (opt.open_stderr) {
        begin_long(all[0], 1, 1000);
        write_part(all[0], 1, 500);
        all[0]->streams[1].stuck = true;
    }
    flush_truth();
}

static void finish(void)
{
    for (; all_count > 0; all_count--) {
        container *c = all[all_count - 1];

        if (c->reopen_at)
            reopen(c);
        finish_lines(c);
        end_container(c);
    }
    fputs("end\n", truth);
    if (fclose(index_file) || fclose(truth))
        die("%s", opt.truth);
    printf("{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"containers\":%u,\"files\":%u}\n",
           messages, file_bytes, next_container, next_generation);
    free(all);
}

/* --- options --- */

typedef enum { TEXT, UNSIGNED, LONG, REAL, RANGE, FLAG } option_kind;

static const struct {
    const char *name;
    option_kind kind;
    void *value;
    const char *help;
} options[] = {
    {"root", TEXT, &opt.root, "folder of the pods' folders"},
    {"truth", TEXT, &opt.truth, "file to write the truth to (its index: .idx)"},
    {"containers", UNSIGNED, &opt.containers, "how many [10]"},
    {"per-pod", UNSIGNED, &opt.per_pod, "containers in each pod [1]"},
    {"hot", UNSIGNED, &opt.hot, "so many of them write at full speed"},
    {"hot-rate", REAL, &opt.hot_rate, "bytes a second of each of these [0: no limit]"},
    {"rate", REAL, &opt.rate, "messages a second of each other [100]"},
    {"line", RANGE, &opt.line, "bytes of a message, N or MIN-MAX [185]"},
    {"long", REAL, &opt.long_share, "share of long messages, 0 to 1 [0]"},
    {"long-line", RANGE, &opt.long_line, "bytes of a long message [20000-60000]"},
    {"odd", REAL, &opt.odd_share, "share of messages with quotes, tabs, UTF-8 [0]"},
    {"stderr", REAL, &opt.stderr_share, "share of messages on stderr [0]"},
    {"open-stderr", FLAG, &opt.open_stderr, "the first container's stderr: one part, never ended"},
    {"seconds", REAL, &opt.seconds, "how long [10]"},
    {"lines", LONG, &opt.lines, "messages of each container, and then it is silent [0: no limit]"},
    {"rotate", REAL, &opt.rotate, "seconds between the kubelet's rounds [0: none]"},
    {"max-size", LONG, &opt.max_size, "bytes from which a file is rotated [1048576]"},
    {"max-files", UNSIGNED, &opt.max_files, "of one container, the live one too [5]"},
    {"early-gz", FLAG, &opt.early_gz, "a .gz gets its name before its last bytes, as kubelet 1.20"},
    {"rename-back", REAL, &opt.rename_back, "share of rotations that fail and are undone [0]"},
    {"restart", REAL, &opt.restart, "seconds between restarts of some container [0: none]"},
    {"max-dead", UNSIGNED, &opt.max_dead, "attempts of a container whose files stay [1]"},
    {"delete", REAL, &opt.delete, "seconds between deletions of some pod; a new one comes [0]"},
    {"linger", REAL, &opt.linger, "seconds that a deleted pod's writer goes on [0.1]"},
    {"churn", UNSIGNED, &opt.churn, "instead: so many pods come and go, spread over --seconds"},
    {"life", REAL, &opt.life, "seconds that each of them lives [0.5]"},
    {"seed", LONG, &opt.seed, "of the dice [1]"},
};

static void usage(FILE *out)
{
    fputs("kubelet --root DIR --truth FILE [--option value]\n", out);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        fprintf(out, "  --%-12s %s\n", options[i].name, options[i].help);
}

static bool parse(option_kind kind, void *value, const char *text)
{
    char *end = NULL;

    if (kind == TEXT) {
        *(const char **)value = text;
        return true;
    }
    if (kind == UNSIGNED)
        *(unsigned *)value = (unsigned)strtoul(text, &end, 10);
    else if (kind == LONG)
        *(uint64_t *)value = strtoull(text, &end, 10);
    else if (kind == REAL)
        *(double *)value = strtod(text, &end);
    else {
        range *r = value;

        r->min = r->max = strtoul(text, &end, 10);
        if (*end == '-')
            r->max = strtoul(end + 1, &end, 10);
        return *end == '\0' && r->min >= MIN_MESSAGE && r->min <= r->max && r->max <= MAX_MESSAGE;
    }
    return *end == '\0' && end != text;
}

static bool parse_all(char **arg)
{
    for (; *arg; arg++) {
        size_t i = 0, count = sizeof options / sizeof *options;

        while (i < count && (strncmp(*arg, "--", 2) != 0 || strcmp(*arg + 2, options[i].name) != 0))
            i++;
        if (i == count)
            return false;
        if (options[i].kind == FLAG)
            *(bool *)options[i].value = true;
        else if (!*++arg || !parse(options[i].kind, options[i].value, *arg))
            return false;
    }
    return opt.root && opt.truth && opt.per_pod > 0 && opt.max_files >= 2;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!parse_all(argv + 1)) {
        usage(stderr);
        return 2;
    }
    start();
    run();
    finish();
    return 0;
}
