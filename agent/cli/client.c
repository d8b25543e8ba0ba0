/* client.c - see client.h. HTTP/1.0: the answer comes as it is, and ends with the connection. */
#include "cli/client.h"

#include "control/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENCE_S  10
#define MAX_ANSWER ((size_t)64 << 20)
#define PIECE      ((size_t)64 << 10)
#define STATUS_LEN (sizeof "HTTP/1.1 200 " - 1)

static sl_err send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static sl_err read_all(int fd, sl_buf *out)
{
    for (;;) {
        ssize_t n;

        sl_buf_reserve(out, PIECE);
        n = recv(fd, out->ptr + out->len, PIECE, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? UV_ETIMEDOUT : -errno;
        if (n == 0)
            return 0;
        out->len += (size_t)n;
        if (out->len > MAX_ANSWER)
            return UV_E2BIG;
    }
}

static sl_err talk(int fd, const char *method, const char *target, sl_buf *out)
{
    struct timeval silence = {.tv_sec = SILENCE_S};
    char *request =
        sl_format("%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", method, target);
    sl_err err;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
    err = send_all(fd, request, strlen(request));
    free(request);
    return err ? err : read_all(fd, out);
}

/* Cuts off the head. Returns the status; 0: this is no HTTP. */
static unsigned take_head(sl_buf *out)
{
    const char *end = out->len ? memmem(out->ptr, out->len, "\r\n\r\n", 4) : NULL;
    char line[STATUS_LEN + 1] = "";
    unsigned status = 0;
    size_t head;

    if (!end || out->len < STATUS_LEN)
        return 0;
    memcpy(line, out->ptr, STATUS_LEN);
    if (sscanf(line, "HTTP/1.%*1[01] %3u", &status) != 1)
        return 0;
    head = (size_t)(end - out->ptr) + 4;
    memmove(out->ptr, out->ptr + head, out->len - head);
    out->len -= head;
    return status;
}

void sl_client_add_argument(sl_buf *target, const char *name, const char *value)
{
    bool first = !memchr(target->ptr, '?', target->len);

    sl_buf_add_format(target, "%c%s=", first ? '?' : '&', name);
    for (const char *p = value; *p; p++) {
        if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
            strchr("-._~/:", *p))
            sl_buf_add(target, p, 1);
        else
            sl_buf_add_format(target, "%%%02X", (unsigned char)*p);
    }
}

unsigned sl_client_ask(const char *who, const char *state_dir, const char *method,
                       const char *target, sl_buf *answer)
{
    unsigned status = 0;
    int fd;
    sl_err err = sl_listen_connect_local(state_dir, &fd);

    if (err == UV_ENOENT || err == UV_ECONNREFUSED) {
        fprintf(stderr,
                "%s: no agent is running with the state directory %s; name its configuration with "
                "-c\n",
                who, state_dir);
        return 0;
    }
    if (!err) {
        err = talk(fd, method, target, answer);
        close(fd);
    }
    if (!err)
        status = take_head(answer);
    if (!status)
        fprintf(stderr, "%s: %s/%s: %s\n", who, state_dir, SL_SOCKET_NAME,
                err ? sl_strerror(err) : "what came is no answer");
    return status;
}
