/* emit: writes exactly known bytes to stdout/stderr, to see what a container
 * runtime makes of them.  One write(2) per "piece" so that pipe boundaries are
 * under our control.
 *
 *   emit case NAME          one deterministic byte case (list below), then exit 0
 *   emit flood N LEN US MIX N lines of LEN bytes, US microseconds apart
 *                           (0 = as fast as the pipe takes), MIX in o|e|b (both)
 *                           each line: "<seq 10 digits> <stream> xxxx..."
 *   emit pieces BYTES CHUNK US   one line of BYTES bytes in CHUNK-byte writes
 *   emit tick N US          N short lines "tick <n>" with a sleep between
 *   emit hold S             print "hold", sleep S seconds, print "bye"
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void put(int fd, const void *p, size_t n)
{
    const char *b = p;
    while (n) {
        ssize_t w = write(fd, b, n);
        if (w < 0) {
            if (errno == EINTR)
                continue;
            _exit(3);
        }
        b += w;
        n -= (size_t)w;
    }
}
static void puts_(int fd, const char *s)
{
    put(fd, s, strlen(s));
}
static void nap(long us)
{
    struct timespec t = {us / 1000000, (us % 1000000) * 1000};
    while (nanosleep(&t, &t) && errno == EINTR) {
    }
}
static void fill(int fd, char c, size_t n)
{
    char *m = malloc(n ? n : 1);
    memset(m, c, n);
    put(fd, m, n);
    free(m);
}
static void filled_line(int fd, char c, size_t n)
{
    char *m = malloc(n + 1);
    memset(m, c, n);
    m[n] = '\n';
    put(fd, m, n + 1);
    free(m);
}

static int do_case(const char *n)
{
    if (!strcmp(n, "basic")) {
        puts_(1, "hello stdout\n");
        nap(20000);
        puts_(2, "hello stderr\n");
        nap(20000);
        puts_(1, "  leading and trailing spaces  \n");
        nap(20000);
        puts_(1, "tab\there\n");
        nap(20000);
        puts_(1, "utf8 caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n");
    } else if (!strcmp(n, "empty")) {
        puts_(1, "\n");
        nap(20000);
        puts_(2, "\n");
        nap(20000);
        puts_(1, "\n\n\n");
        nap(20000);
        puts_(1, " \n");
        nap(20000);
        puts_(1, "after\n");
    } else if (!strcmp(n, "cr")) {
        puts_(1, "dos line\r\n");
        nap(20000);
        puts_(1, "double cr\r\r\n");
        nap(20000);
        puts_(1, "mid\rcr\n");
        nap(20000);
        puts_(1, "\r\n");
        nap(20000);
        puts_(1, "\r");
        nap(20000);
        puts_(1, "\n");
        nap(20000);
        puts_(1, "progress 1%\rprogress 50%\rprogress 100%\n");
    } else if (!strcmp(n, "nul")) {
        put(1, "a\0b\n", 4);
        nap(20000);
        put(1, "\0\n", 2);
        nap(20000);
        put(1, "\0\0\0\0tail\n", 9);
        nap(20000);
        put(1, "\x01\x1b[31mred\x1b[0m\x7f\n", 15);
    } else if (!strcmp(n, "badutf8")) {
        put(1, "bad \xff\xfe\xfd end\n", 12);
        nap(20000);
        put(1, "overlong \xc0\xaf end\n", 16);
        nap(20000);
        put(1, "surrogate \xed\xa0\x80 end\n", 18);
        nap(20000);
        put(1, "cut \xe2\x82\n", 7);
        nap(20000);
        put(1, "\x80\x81\n", 3);
        nap(20000);
        put(1, "latin1 caf\xe9\n", 12);
    } else if (!strcmp(n, "nonl")) {
        puts_(1, "complete\n");
        nap(20000);
        puts_(1, "no newline at exit");
    } else if (!strcmp(n, "nonl-both")) {
        puts_(1, "out without newline");
        nap(20000);
        puts_(2, "err without newline");
    } else if (!strcmp(n, "abort")) {
        puts_(1, "before abort\n");
        puts_(1, "half a li");
        nap(20000);
        signal(SIGABRT, SIG_DFL);
        abort();
    } else if (!strcmp(n, "limits")) {
        /* around the 16384-byte cut */
        static const size_t len[] = {4095,  4096,  4097,  8191,  8192,  8193,  16383,
                                     16384, 16385, 20480, 32767, 32768, 32769, 49153};
        for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
            filled_line(1, (char)('a' + i), len[i]);
            nap(30000);
        }
    } else if (!strcmp(n, "limit-nonl")) {
        fill(1, 'q', 16384);
    } else if (!strcmp(n, "cut-utf8")) {
        /* a 3-byte character lies over byte 16384 */
        char *m = malloc(16383 + 3 + 5 + 1);
        memset(m, 'u', 16383);
        memcpy(m + 16383, "\xe2\x82\xac", 3);
        memcpy(m + 16386, "after\n", 6);
        put(1, m, 16392);
        free(m);
    } else if (!strcmp(n, "cut-crlf")) {
        /* CR is the last byte of the 16384-byte cut, LF follows */
        char *m = malloc(16385);
        memset(m, 'c', 16383);
        m[16383] = '\r';
        m[16384] = '\n';
        put(1, m, 16385);
        nap(30000);
        /* CR is the last byte of the first 4096-byte read buffer, no LF after it */
        char *k = malloc(5001);
        memset(k, 'k', 5000);
        k[4095] = '\r';
        k[5000] = '\n';
        put(1, k, 5001);
        nap(30000);
        /* CR LF over the 4096 border */
        k[4095] = '\r';
        k[4096] = '\n';
        put(1, k, 4097);
        free(m);
        free(k);
    } else if (!strcmp(n, "interleave")) {
        /* a long stdout line in pieces while stderr writes whole lines between */
        for (int i = 0; i < 6; i++) {
            fill(1, (char)('A' + i), 8000);
            nap(40000);
            char b[64];
            int k = snprintf(b, sizeof b, "stderr line %d between the pieces\n", i);
            put(2, b, (size_t)k);
            nap(40000);
        }
        puts_(1, "<end of the long stdout line>\n");
    } else if (!strcmp(n, "looklike")) {
        puts_(1, "2026-01-02T03:04:05.678901234Z stderr F I am a message, not a header\n");
        nap(20000);
        puts_(1, "{\"log\":\"not "
                 "docker\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05Z\"}\n");
        nap(20000);
        puts_(1, "P F P F\n");
    } else if (!strcmp(n, "slowpieces")) {
        puts_(1, "piece1 ");
        nap(300000);
        puts_(1, "piece2 ");
        nap(300000);
        puts_(1, "piece3\n");
    } else {
        fprintf(stderr, "no such case %s\n", n);
        return 2;
    }
    nap(50000);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 3 && !strcmp(argv[1], "case"))
        return do_case(argv[2]);
    if (argc >= 6 && !strcmp(argv[1], "flood")) {
        long n = atol(argv[2]), us = atol(argv[4]);
        size_t len = (size_t)atol(argv[3]);
        char mix = argv[5][0];
        char *m = malloc(len + 64);
        for (long i = 0; i < n; i++) {
            int fd = mix == 'o' ? 1 : mix == 'e' ? 2 : (i & 1) ? 2 : 1;
            int k = snprintf(m, 64, "%010ld %s ", i, fd == 1 ? "o" : "e");
            if ((size_t)k < len)
                memset(m + k, 'x', len - (size_t)k);
            size_t t = (size_t)k < len ? len : (size_t)k;
            m[t] = '\n';
            put(fd, m, t + 1);
            if (us)
                nap(us);
        }
        return 0;
    }
    if (argc >= 5 && !strcmp(argv[1], "pieces")) {
        size_t left = (size_t)atol(argv[2]), chunk = (size_t)atol(argv[3]);
        long us = atol(argv[4]);
        while (left) {
            size_t c = left < chunk ? left : chunk;
            fill(1, 'p', c);
            left -= c;
            if (us)
                nap(us);
        }
        puts_(1, "\n");
        return 0;
    }
    if (argc >= 4 && !strcmp(argv[1], "tick")) {
        long n = atol(argv[2]), us = atol(argv[3]);
        for (long i = 0; i < n; i++) {
            char b[32];
            int k = snprintf(b, sizeof b, "tick %ld\n", i);
            put(1, b, (size_t)k);
            nap(us);
        }
        return 0;
    }
    if (argc >= 3 && !strcmp(argv[1], "hold")) {
        puts_(1, "hold\n");
        nap(atol(argv[2]) * 1000000L);
        puts_(1, "bye\n");
        return 0;
    }
    return 2;
}
