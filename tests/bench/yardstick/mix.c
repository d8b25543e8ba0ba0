/* mix.c - writes a tree of container logs as the kubelet and containerd would: the input of every
 * yardstick run.
 *
 *   mix DIR [--containers 100] [--mib 1024] [--line-shape mix|json|nginx|short] [--seed 1]
 *       [--runtime cri|docker]
 *
 * Each container writes one shape of log, made of a few templates whose placeholders are drawn at
 * random, so the text is as repetitive as real logs are, and no more. A template may span several
 * lines (stack traces). The same arguments give the same bytes on every machine. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "shapes.h"
#include "template.h"

#define OUT_SIZE    ((size_t)1 << 20)
#define MESSAGE_MAX ((size_t)256 << 10)
#define PART_MAX    16384 /* containerd cuts longer lines into P parts and a last F; Docker too */
#define LONG_ONE_IN 20000 /* messages longer than that are rare, but they exist */
#define START_S     1795406400 /* 2026-11-23T04:00:00Z */

struct writer {
    int fd;
    char *bytes; /* OUT_SIZE, and room for the longest message with its headers */
    size_t used, written;
    struct op second; /* of the line's time: rendered once a second */
    bool docker;
};

static void flush(struct writer *w)
{
    for (size_t done = 0; done < w->used;) {
        ssize_t n = write(w->fd, w->bytes + done, w->used - done);

        if (n < 0)
            die("write", strerror(errno));
        done += (size_t)n;
    }
    w->written += w->used;
    w->used = 0;
}

/* As containerd and Docker do: RFC3339Nano, which means that zeros at the end of the fraction are cut. */
static char *put_now(struct writer *w, char *out, const struct now *now)
{
    out = put_time(out, &w->second, now->s);
    if (now->ns) {
        *out++ = '.';
        out = put_digits(out, now->ns, 9);
        while (out[-1] == '0')
            out--;
    }
    return put(out, "Z", 1);
}

static void put_cri(struct writer *w, const struct now *now, bool err, bool whole, const char *text,
                    size_t len)
{
    char *out = put_now(w, w->bytes + w->used, now);

    out = put(out, err ? " stderr " : " stdout ", 8);
    out = put(out, whole ? "F " : "P ", 2);
    out = put(out, text, len);
    *out++ = '\n';
    w->used = (size_t)(out - w->bytes);
}

/* As Go's encoding/json writes it, which is Docker's. */
static char *put_escaped(char *out, const char *text, size_t len)
{
    for (const char *end = text + len; text < end; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            *out++ = '\\', *out++ = (char)c;
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            out += sprintf(out, "\\u%04x", c);
        else
            *out++ = (char)c;
    }
    return out;
}

static void put_docker(struct writer *w, const struct now *now, bool err, bool whole,
                       const char *text, size_t len)
{
    char *out = put(w->bytes + w->used, "{\"log\":\"", 8);

    out = put_escaped(out, text, len);
    out = put(out, "\\n", whole ? 2 : 0);
    out = put(out, err ? "\",\"stream\":\"stderr\"" : "\",\"stream\":\"stdout\"", 19);
    out = put(out, ",\"time\":\"", 9);
    out = put_now(w, out, now);
    out = put(out, "\"}\n", 3);
    w->used = (size_t)(out - w->bytes);
}

static void put_line(struct writer *w, const struct now *now, bool err, bool whole,
                     const char *text, size_t len)
{
    (w->docker ? put_docker : put_cri)(w, now, err, whole, text, len);
    if (w->used >= OUT_SIZE)
        flush(w);
}

static void advance(struct now *now, uint64_t ns)
{
    ns += now->ns;
    now->s += (time_t)(ns / 1000000000);
    now->ns = (uint32_t)(ns % 1000000000);
}

static void put_message(struct writer *w, struct now *now, const char *text, const char *end)
{
    bool err = below(16) == 0;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((stop ? stop : end) - text);

        for (; len > PART_MAX; text += PART_MAX, len -= PART_MAX) {
            put_line(w, now, err, false, text, PART_MAX);
            advance(now, 500 + below(2000));
        }
        put_line(w, now, err, true, text, len);
        advance(now, 2000 + below(40000));
        text += len + 1;
    }
}

struct source { /* a shape, compiled */
    const char *name;
    struct template lines[LINES_MAX];
    unsigned weights[LINES_MAX], total;
};

static struct template compile_text(const char *text)
{
    return compile(&text, false);
}

static void compile_shape(struct source *source, const struct shape *shape)
{
    source->name = shape->name;
    for (size_t i = 0; i < LINES_MAX && shape->lines[i].text; i++) {
        source->lines[i] = compile_text(shape->lines[i].text);
        source->weights[i] = shape->lines[i].weight;
        source->total += shape->lines[i].weight;
    }
}

static const struct template *draw_line(const struct source *source)
{
    uint64_t at = below(source->total);
    size_t i = 0;

    for (; at >= source->weights[i]; i++)
        at -= source->weights[i];
    return &source->lines[i];
}

/* Creates DIR/<namespace>_<pod>_<uid>/<container>/0.log; name gets the pod's. */
static int create_log(const char *dir, size_t number, const struct source *source, char *name)
{
    static const char *const namespaces[] = {"shop", "payments", "kube-system", "data"};
    static struct template pod, uid;
    const struct now nowhere = {.pod = ""}; /* names hold neither time nor pod */
    char path[4096], uid_text[64];
    int fd, len;

    if (!pod.count) {
        pod = compile_text("-<x9>-<x5>");
        uid = compile_text("<uuid>");
    }
    *render(put(name, source->name, strlen(source->name)), &pod, &nowhere) = '\0';
    *render(uid_text, &uid, &nowhere) = '\0';
    len = snprintf(path, sizeof path, "%s/%s_%s_%s", dir, namespaces[number % 4], name, uid_text);
    if (len < 0 || (size_t)len + 64 > sizeof path || mkdir(path, 0755))
        die(path, strerror(errno));
    len += sprintf(path + len, "/%s", source->name);
    if (mkdir(path, 0755))
        die(path, strerror(errno));
    memcpy(path + len, "/0.log", sizeof "/0.log");
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        die(path, strerror(errno));
    return fd;
}

/* A container's bytes depend on the seed and its number alone. */
static void write_container(const char *dir, size_t number, const struct source *source,
                            uint64_t seed, size_t size, bool docker)
{
    static char bytes[OUT_SIZE + 6 * MESSAGE_MAX], message[MESSAGE_MAX];
    static struct template longest;
    struct writer w = {.bytes = bytes, .second = {.kind = TIME, .text = "%FT%T"}, .docker = docker};
    char name[64];
    struct now now = {.s = START_S, .pod = name};

    if (!longest.count)
        longest = compile_text(long_text);
    random_state = (seed * 1000003 + number + 1) * UINT64_C(0x9E3779B97F4A7C15);
    w.fd = create_log(dir, number, source, name);
    while (w.written + w.used < size) {
        const struct template *t = below(LONG_ONE_IN) ? draw_line(source) : &longest;

        advance(&now, 1000000 + below(38000000));
        put_message(&w, &now, message, render(message, t, &now));
    }
    flush(&w);
    close(w.fd);
}

int main(int argc, char **argv)
{
    size_t containers = 100, mib = 1024, corpus = 0;
    static struct source sources[sizeof mix_shapes / sizeof *mix_shapes];
    uint64_t seed = 1;
    bool docker = false;

    if (argc < 2 || argc % 2 || argv[1][0] == '-')
        usage("mix DIR [--containers 100] [--mib 1024] [--line-shape mix|json|nginx|short] "
              "[--seed 1] [--runtime cri|docker]");
    for (char **arg = argv + 2; *arg; arg += 2) {
        if (!strcmp(*arg, "--containers")) {
            containers = number_after(arg);
        } else if (!strcmp(*arg, "--mib")) {
            mib = number_after(arg);
        } else if (!strcmp(*arg, "--seed")) {
            seed = number_after(arg);
        } else if (!strcmp(*arg, "--runtime")) {
            docker = !strcmp(arg[1], "docker");
            if (!docker && strcmp(arg[1], "cri") != 0)
                die(arg[1], "is neither cri nor docker");
        } else if (!strcmp(*arg, "--line-shape")) {
            for (corpus = 0; strcmp(arg[1], corpora[corpus].name) != 0; corpus++) {
                if (corpus + 1 == sizeof corpora / sizeof *corpora)
                    die(arg[1], "is no shape of lines");
            }
        } else {
            die(*arg, "is no option");
        }
    }
    if (mkdir(argv[1], 0755)) /* never into a tree that is there: it would be read as well */
        die(argv[1], strerror(errno));
    for (size_t i = 0; i < corpora[corpus].count; i++)
        compile_shape(&sources[i], &corpora[corpus].shapes[i]);
    for (size_t i = 0; i < containers; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): no corpus is empty */
        write_container(argv[1], i, &sources[i % corpora[corpus].count], seed,
                        (mib << 20) / containers, docker);
    return 0;
}
