/* bare.c - the bare work of a log agent and nothing else: what its speed is measured against.
 *
 *   bare WORK DIR [--meta path|labels] [--body KiB] [--repeat N] [--out FILE]
 *                 [--brokers HOST:PORT]
 *   bare broker PARTITIONS
 *
 *   read                   pread every byte
 *   json                   read, cut, decode, join, encode; one write() a body
 *   es-igzip, es-zlib      the same as bulk bodies, each compressed whole, level 1
 *   kafka-none, kafka-lz4, producing the same records, one message each; what comes before, reading
 *   kafka-zstd, kafka-gzip and encoding, stays out of the figures
 *   broker                 librdkafka's mock cluster: prints its address, and serves until killed
 *
 * A record says of its pod what the path does; with `labels`, the same eight labels besides.
 *
 * One thread goes round the files, 256 KiB each in turn, as often as --repeat says. Bodies go to
 * /dev/null or FILE. Prints one line of JSON. Its figures are CPU time, which other jobs disturb
 * little, of the median round, so that a cold page cache in the first does not show. */
#include <glob.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base.h"
#include "kafka.h"
#include "pack.h"
#include "record.h"
#include "source.h"

#define PAGE       ((size_t)4096)
#define READ_SIZE  ((size_t)256 << 10)
#define MAX_RECORD ((size_t)512 << 10) /* after joining; what is longer is cut */
#define RING       32                  /* bodies that librdkafka may hold at once */

struct work {
    const char *name;
    bool encodes; /* else it only reads */
    bool bulk;
    pack_fn *pack;     /* NULL: bodies are shipped as they are; or, if bulk, it is not built in */
    const char *codec; /* of messages; then only shipping counts */
};

static const struct work works[] = {
    {.name = "read"},
    {.name = "json", .encodes = true},
    {.name = "es-igzip", .encodes = true, .bulk = true, .pack = pack_igzip},
    {.name = "es-zlib", .encodes = true, .bulk = true, .pack = pack_zlib},
    {.name = "kafka-none", .encodes = true, .codec = "none"},
    {.name = "kafka-lz4", .encodes = true, .codec = "lz4"},
    {.name = "kafka-zstd", .encodes = true, .codec = "zstd"},
    {.name = "kafka-gzip", .encodes = true, .codec = "gzip"},
};

struct run {
    const struct work *work;
    struct source *sources;
    size_t source_count, body_size, ring_size;
    bool labels;
    char *buffer; /* page-aligned, and filled at the file's offset modulo PAGE: see take() */
    struct body ring[RING], *open;
    char *packed;
    size_t packed_size;
    int out;
    uint64_t shipping_ns, raw, lines, records, odd, body_bytes, out_bytes;
};

/* The next body is awaited: librdkafka may still have it. */
static void produce(struct run *r)
{
    uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    struct body *b = r->open;

    kafka_send(b);
    r->open = &r->ring[(size_t)(b - r->ring + 1) % r->ring_size];
    kafka_wait(r->open);
    r->shipping_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

static void ship(struct run *r)
{
    const struct body *b = r->open;
    const char *bytes = b->bytes;
    size_t size = b->used;

    if (r->work->pack) {
        size = r->work->pack(bytes, size, r->packed, r->packed_size);
        bytes = r->packed;
    }
    r->records += b->records;
    r->body_bytes += b->used;
    r->out_bytes += size;
    if (r->work->codec)
        produce(r);
    else if (write(r->out, bytes, size) != (ssize_t)size)
        die("write", strerror(errno));
    r->open->used = r->open->records = 0;
}

static void on_record(struct run *r, struct source *src, const struct record *rec)
{
    struct body *b = r->open;
    size_t start = b->used;

    b->used = (size_t)(encode(b->bytes + start, &src->blocks, rec) - b->bytes);
    if (b->messages)
        b->messages[b->records] = (struct message){src, start, b->used - 1}; /* without newline */
    b->records++;
    if (b->used >= r->body_size)
        ship(r);
}

/* Keeps a part; the last one completes the record, whose place is the first one's. */
static void join(struct run *r, struct source *src, struct record *rec)
{
    struct open_part *part = &src->parts[rec->err];
    size_t room = MAX_RECORD - part->len;

    if (!part->text)
        part->text = must(malloc(MAX_RECORD + OVERREAD));
    if (part->len == 0) {
        part->offset = rec->offset;
        memcpy(part->time, rec->time, TIME_LEN);
    }
    memcpy(part->text + part->len, rec->text, rec->len < room ? rec->len : room);
    part->len += rec->len < room ? rec->len : room;
    if (rec->partial)
        return;
    rec->time = part->time;
    rec->offset = part->offset;
    rec->text = part->text;
    rec->len = part->len;
    part->len = 0;
    on_record(r, src, rec);
}

static void cut_lines(struct run *r, struct source *src, const char *p, const char *end)
{
    struct record rec;
    const char *stop;

    for (; p < end; src->pos += (uint64_t)(stop + 1 - p), p = stop + 1) {
        stop = memchr(p, '\n', (size_t)(end - p));
        r->lines++;
        rec.offset = src->pos;
        if (!decode(p, stop, &rec))
            r->odd++;
        else if (rec.partial || src->parts[rec.err].len > 0)
            join(r, src, &rec);
        else
            on_record(r, src, &rec);
    }
}

/* Takes the next READ_SIZE of a file; false at its end. Data lies at its file offset modulo PAGE:
 * on some CPUs read() is up to 5x slower otherwise. */
static bool take(struct run *r, struct source *src)
{
    size_t shift = src->pos % PAGE;
    char *data = r->buffer + shift, *last;
    ssize_t n = pread(src->fd, data, READ_SIZE - shift, (off_t)src->pos);

    if (n < 0)
        die("read", strerror(errno));
    if (!r->work->encodes) {
        src->pos += (uint64_t)n;
        r->raw += (uint64_t)n;
        return n > 0;
    }
    last = n ? memrchr(data, '\n', (size_t)n) : NULL;
    if (!last && (size_t)n == READ_SIZE - shift)
        die("read", "a line is longer than the buffer");
    if (!last)
        return false; /* the end, or a line whose newline has not been written */
    r->raw += (uint64_t)(last + 1 - data);
    cut_lines(r, src, data, last + 1);
    return true;
}

static void go_round(struct run *r)
{
    bool more = true;
    uint64_t start;

    r->shipping_ns = r->raw = r->lines = r->records = r->odd = r->body_bytes = r->out_bytes = 0;
    for (size_t i = 0; i < r->source_count; i++)
        r->sources[i].pos = r->sources[i].parts[0].len = r->sources[i].parts[1].len = 0;
    while (more) {
        more = false;
        for (size_t i = 0; i < r->source_count; i++)
            more |= take(r, &r->sources[i]);
    }
    if (r->open->used > 0)
        ship(r);
    start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < r->ring_size; i++)
        kafka_wait(&r->ring[i]);
    r->shipping_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

/* `read` does not look at the bytes, yet its figures are wanted per line. */
static uint64_t count_lines(struct run *r)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < r->source_count; i++) {
        ssize_t n;

        for (off_t pos = 0; (n = pread(r->sources[i].fd, r->buffer, READ_SIZE, pos)) > 0; pos += n)
            for (ssize_t k = 0; k < n; k++)
                lines += r->buffer[k] == '\n';
    }
    return lines;
}

static void open_sources(struct run *r, const char *dir)
{
    struct block pattern = block("%s/*/*/*.log", dir);
    struct rlimit files;
    glob_t found;

    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (glob(pattern.bytes, 0, NULL, &found))
        die(pattern.bytes, "no such files");
    r->source_count = found.gl_pathc;
    r->sources = must(calloc(r->source_count, sizeof *r->sources));
    for (size_t i = 0; i < r->source_count; i++)
        open_source(&r->sources[i], found.gl_pathv[i], r->work->bulk, r->labels);
    globfree(&found);
    free(pattern.bytes);
}

static void open_buffers(struct run *r)
{
    size_t room = r->body_size + MAX_GROWTH * MAX_RECORD + 16384; /* the last record goes beyond */

    r->buffer =
        mmap(NULL, READ_SIZE + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->buffer == MAP_FAILED)
        die("memory", strerror(errno));
    r->packed_size = room + room / 4;
    r->packed = must(malloc(r->packed_size));
    r->ring_size = r->work->codec ? RING : 1;
    r->open = r->ring;
    for (struct body *b = r->ring; b < r->ring + r->ring_size; b++) {
        b->bytes = must(malloc(room));
        if (r->work->codec) /* the constant parts alone make a record longer than 256 bytes */
            b->messages = must(calloc(r->body_size / 256 + 2, sizeof *b->messages));
    }
}

struct cost {
    uint64_t cpu, wall;
};

static struct cost measure(struct run *r)
{
    uint64_t process = now_ns(CLOCK_PROCESS_CPUTIME_ID), thread = now_ns(CLOCK_THREAD_CPUTIME_ID);
    struct cost c = {.wall = now_ns(CLOCK_MONOTONIC)};

    go_round(r);
    c.cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
    thread = now_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
    c.wall = now_ns(CLOCK_MONOTONIC) - c.wall;
    if (r->work->codec)
        c.cpu -= thread - r->shipping_ns;
    return c;
}

static int by_cpu(const void *a, const void *b)
{
    const struct cost *x = a, *y = b;

    return (x->cpu > y->cpu) - (x->cpu < y->cpu);
}

static void report(const struct run *r, struct cost *costs, size_t rounds)
{
    const struct cost *median = &costs[rounds / 2];
    struct rusage usage;
    double cpu;

    qsort(costs, rounds, sizeof *costs, by_cpu);
    cpu = (double)median->cpu;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"work\":\"%s\",\"body_kib\":%zu,\"rounds\":%zu,\"files\":%zu,", r->work->name,
           r->body_size >> 10, rounds, r->source_count);
    printf("\"lines\":%" PRIu64 ",\"records\":%" PRIu64 ",\"odd\":%" PRIu64 ","
           "\"raw_bytes\":%" PRIu64 ",\"body_bytes\":%" PRIu64 ",\"out_bytes\":%" PRIu64 ",",
           r->lines, r->records, r->odd, r->raw, r->body_bytes, r->out_bytes);
    printf("\"cpu_s\":%.4f,\"wall_s\":%.4f,\"cpu_ns_per_line\":%.1f,\"raw_MBps_per_core\":%.1f,"
           "\"raw_MBps_best\":%.1f,\"rss_kib\":%ld}\n",
           cpu / 1e9, (double)median->wall / 1e9, cpu / (double)r->lines,
           (double)r->raw * 1e3 / cpu, (double)r->raw * 1e3 / (double)costs[0].cpu,
           usage.ru_maxrss);
}

static const struct work *find_work(const char *name)
{
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        if (strcmp(works[i].name, name) != 0)
            continue;
        if (works[i].bulk && !works[i].pack)
            die(name, "its library is not built in");
        return &works[i];
    }
    die(name, "is no work");
}

int main(int argc, char **argv)
{
    static struct run r = {.body_size = (size_t)1024 << 10};
    const char *out = "/dev/null", *brokers = NULL;
    size_t rounds = 5;
    struct cost *costs;

    if (argc == 3 && !strcmp(argv[1], "broker"))
        kafka_serve(number_after(argv + 1));
    if (argc < 3 || argc % 2 == 0)
        usage("bare read|json|es-igzip|es-zlib|kafka-CODEC DIR [--meta path|labels] [--body KiB] "
              "[--repeat N] [--out FILE] [--brokers HOST:PORT], or bare broker PARTITIONS");
    for (char **arg = argv + 3; *arg; arg += 2) {
        if (!strcmp(*arg, "--body"))
            r.body_size = number_after(arg) << 10;
        else if (!strcmp(*arg, "--repeat"))
            rounds = number_after(arg);
        else if (!strcmp(*arg, "--meta"))
            r.labels = !strcmp(arg[1], "labels");
        else if (!strcmp(*arg, "--out"))
            out = arg[1];
        else if (!strcmp(*arg, "--brokers"))
            brokers = arg[1];
        else
            die(*arg, "is no option");
    }
    r.work = find_work(argv[1]);
    if (r.work->codec)
        kafka_open(brokers, r.work->codec);
    r.out = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (r.out < 0)
        die(out, strerror(errno));
    open_buffers(&r);
    open_sources(&r, argv[2]);
    costs = must(calloc(rounds, sizeof *costs));
    for (size_t i = 0; i < rounds; i++) {
        (void)!ftruncate(r.out, 0); /* FILE holds the last round; /dev/null refuses, and need not */
        lseek(r.out, 0, SEEK_SET);
        costs[i] = measure(&r);
    }
    if (!r.work->encodes)
        r.lines = count_lines(&r);
    report(&r, costs, rounds);
    free(costs);
    return 0;
}
