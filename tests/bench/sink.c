/* sink.c - a far end for bulk requests that is never the bottleneck: it inflates, counts and says yes.
 *
 *   sink PORT_FILE     prints one line of JSON at SIGTERM; exit 1 if a body was no bulk body
 *
 * Listens on loopback, at a port that PORT_FILE then holds. A body's lines are counted, and must be as
 * many actions as documents; what is in them is the tests' affair, not the bench's. One thread, one
 * poll() and blocking writes do: an answer has 25 bytes or so for each record. Knows requests with a
 * Content-Length alone, and gzip. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unpack.h"
#include "yardstick/base.h"

#define MAX_CLIENTS 64
#define MAX_HEAD    16384
#define CHUNK       ((size_t)256 << 10)
#define ITEM        "{\"create\":{\"status\":201}},"

struct client {
    int fd;
    char head[MAX_HEAD + 1];
    size_t head_len;
    bool in_body, packed, ended; /* ended: the last line's newline was the last byte */
    uint64_t left, lines;        /* of the body */
    struct unpacker unpacker;
};

static struct {
    uint64_t requests, records, wire_bytes, body_bytes;
    int listener;
    struct client *clients[MAX_CLIENTS];
    size_t count;
    char *answer;
    size_t answer_room;
    bool odd; /* something was no bulk body */
} sink;

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

/* --- a body --- */

static void count_lines(struct client *c, const char *bytes, size_t len)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n';
    c->lines += lines;
    if (len > 0)
        c->ended = bytes[len - 1] == '\n';
    sink.body_bytes += len;
}

static void take_body(struct client *c, const char *bytes, size_t len)
{
    static char plain[CHUNK];
    size_t n;

    sink.wire_bytes += len;
    c->left -= len;
    if (!c->packed) {
        count_lines(c, bytes, len);
        return;
    }
    unpack_feed(&c->unpacker, bytes, len);
    while ((n = unpack(&c->unpacker, plain, sizeof plain)) > 0)
        count_lines(c, plain, n);
}

/* --- its answer --- */

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool answer(const struct client *c, uint64_t items)
{
    static const char start[] = "{\"errors\":false,\"items\":[", end[] = "]}";
    size_t item = sizeof ITEM - 1, body = sizeof start + sizeof end - 2 + items * item - 1;
    char *p;

    if (sink.answer_room < body + 256) {
        sink.answer_room = body * 2 + 256;
        sink.answer = must(realloc(sink.answer, sink.answer_room));
    }
    p = sink.answer;
    p += sprintf(p,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                 body);
    p = stpcpy(p, start);
    for (uint64_t i = 0; i < items; i++, p += item)
        memcpy(p, ITEM, item);
    p = stpcpy(p - 1, end); /* over the last comma */
    return send_all(c->fd, sink.answer, (size_t)(p - sink.answer));
}

/* false: close the connection. */
static bool end_body(struct client *c)
{
    bool whole = !c->packed || unpack_is_over(&c->unpacker);

    c->in_body = false;
    if (!whole || !c->ended || c->lines == 0 || c->lines % 2 != 0) {
        sink.odd = true;
        return false;
    }
    sink.requests++;
    sink.records += c->lines / 2;
    return answer(c, c->lines / 2);
}

/* --- a request --- */

static const char *header(const struct client *c, const char *name)
{
    const char *found = strcasestr(c->head, name);

    return found ? found + strlen(name) : "";
}

/* What is behind the head belongs to the body. false: it is no request that we know. */
static bool begin_body(struct client *c, const char *end)
{
    size_t over = c->head_len - (size_t)(end - c->head);
    const char *encoding = header(c, "\r\nContent-Encoding:");

    c->left = strtoull(header(c, "\r\nContent-Length:"), NULL, 10);
    c->packed = strncmp(encoding + strspn(encoding, " "), "gzip", 4) == 0;
    c->in_body = true;
    c->ended = false;
    c->lines = 0;
    c->head_len = 0;
    if (strncmp(c->head, "POST ", 5) != 0 || c->left == 0 || over > c->left)
        return false;
    if (c->packed)
        unpack_reset(&c->unpacker);
    take_body(c, end, over);
    return c->left > 0 || end_body(c);
}

static bool take_head(struct client *c, const char *bytes, size_t len)
{
    char *end;

    if (len > MAX_HEAD - c->head_len)
        return false;
    memcpy(c->head + c->head_len, bytes, len);
    c->head_len += len;
    c->head[c->head_len] = '\0';
    end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return true;
    end[2] = '\0';
    return begin_body(c, end + 4);
}

/* false: the connection is over. */
static bool serve(struct client *c)
{
    static char bytes[CHUNK];
    size_t room = !c->in_body ? MAX_HEAD - c->head_len : c->left < CHUNK ? (size_t)c->left : CHUNK;
    ssize_t n = recv(c->fd, bytes, room, 0);

    if (n <= 0)
        return false;
    if (!c->in_body) {
        if (take_head(c, bytes, (size_t)n))
            return true;
        sink.odd = true;
        return false;
    }
    take_body(c, bytes, (size_t)n);
    return c->left > 0 || end_body(c);
}

/* --- connections --- */

static void listen_at(const char *port_file)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof here;
    FILE *file;

    sink.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sink.listener < 0 || bind(sink.listener, (struct sockaddr *)&here, len) != 0 ||
        listen(sink.listener, MAX_CLIENTS) != 0 ||
        getsockname(sink.listener, (struct sockaddr *)&here, &len) != 0)
        die("127.0.0.1", strerror(errno));
    file = fopen(port_file, "w");
    if (!file || fprintf(file, "%d\n", ntohs(here.sin_port)) < 0 || fclose(file) != 0)
        die(port_file, strerror(errno));
}

static void let_in(void)
{
    int fd = accept4(sink.listener, NULL, NULL, SOCK_CLOEXEC);
    struct client *c;

    if (fd < 0)
        return;
    if (sink.count == MAX_CLIENTS)
        die("clients", "there are too many");
    c = must(calloc(1, sizeof *c));
    c->fd = fd;
    unpack_init(&c->unpacker);
    sink.clients[sink.count++] = c;
}

static void let_go(size_t i)
{
    close(sink.clients[i]->fd);
    unpack_fini(&sink.clients[i]->unpacker);
    free(sink.clients[i]);
    sink.clients[i] = sink.clients[--sink.count];
}

static void wait_and_serve(const sigset_t *mask)
{
    struct pollfd polled[MAX_CLIENTS + 1] = {{.fd = sink.listener, .events = POLLIN}};
    size_t count = sink.count;

    for (size_t i = 0; i < count; i++)
        polled[i + 1] = (struct pollfd){.fd = sink.clients[i]->fd, .events = POLLIN};
    if (ppoll(polled, count + 1, NULL, mask) < 0)
        return; /* a signal */
    for (size_t i = count;
         i-- > 0;) { /* backwards: the last one takes the place of one that goes */
        if (polled[i + 1].revents && !serve(sink.clients[i]))
            let_go(i);
    }
    if (polled[0].revents)
        let_in();
}

int main(int argc, char **argv)
{
    sigset_t stop, before;

    if (argc != 2)
        usage("sink PORT_FILE");
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, &before); /* it comes within ppoll() alone */
    signal(SIGTERM, on_stop);
    listen_at(argv[1]);
    while (!stopped)
        wait_and_serve(&before);
    while (sink.count > 0)
        let_go(0);
    printf("{\"bench\":\"sink\",\"requests\":%" PRIu64 ",\"records\":%" PRIu64
           ",\"wire_bytes\":%" PRIu64 ",\"body_bytes\":%" PRIu64 ",\"odd\":%s,\"cpu_s\":%.3f}\n",
           sink.requests, sink.records, sink.wire_bytes, sink.body_bytes,
           sink.odd ? "true" : "false", (double)now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9);
    free(sink.answer);
    return sink.odd;
}
