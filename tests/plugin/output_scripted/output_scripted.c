/* output_scripted.c - an output whose far end does what each record asks for, so that a test can say
 * what is to happen to it. A record holds one of these words:
 *
 *   do=reject     it is refused, until the file `fixed` is there
 *   do=elsewhere  refused, and kept by the far end
 *   do=hold       its target takes nothing, until the file `gate` is there
 *   do=retry      it fails the first two times, with all that is sent with it
 *   do=never      it fails each time, alone
 *   do=known      it is said to be there already
 *   do=now        it is wanted again at once, the first time
 *
 * Others are delivered: appended to `path`, a line each. With `most`, a batch of more records is too
 * much at once, and so is a record with do=huge. With `gzip`, delivered batches are appended to
 * `path`.gz as they came.
 *
 * Owns     struct scripted
 * Thread   the loop's; it answers from within send() */
#include <sluice/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MEMORY 65536

struct scripted {
    const char *path;  /* option */
    const char *gate;  /* option */
    const char *fixed; /* option */
    uint64_t most;     /* option */
    uint64_t gzip;     /* option */
    const sl_host *host;
    int fd, packed;
    uint8_t seen[MEMORY]; /* how often a record came, by its place */
};

static bool asks(sl_slice value, const char *what)
{
    return memmem(value.ptr, value.len, what, strlen(what)) != NULL;
}

static uint8_t *seen(struct scripted *s, const sl_item *item)
{
    uint64_t hash = item->offset;

    for (size_t i = 0; i < item->generation.len; i++)
        hash = (hash ^ (unsigned char)item->generation.ptr[i]) * UINT64_C(1099511628211);
    return &s->seen[(hash ^ hash >> 32) % MEMORY];
}

static sl_answer deliver(struct scripted *s, sl_slice value)
{
    char line[1 << 16];
    int len = snprintf(line, sizeof line, "%.*s\n", (int)value.len, value.ptr);

    if (write(s->fd, line, (size_t)len) != len)
        return (sl_answer){.outcome = SL_RETRY, .reason = sl_str(strerror(errno))};
    return (sl_answer){.outcome = SL_DELIVERED};
}

static sl_answer decide(struct scripted *s, const sl_item *item)
{
    uint8_t times = ++*seen(s, item);
    sl_answer answer;

    if (asks(item->value, "do=reject") && access(s->fixed, F_OK))
        return (sl_answer){.outcome = SL_REJECTED, .reason = sl_str("mapping: no \"such\" field")};
    if (asks(item->value, "do=elsewhere"))
        return (sl_answer){.outcome = SL_REJECTED, .code = SL_FAILURE_STORE};
    if (asks(item->value, "do=hold") && access(s->gate, F_OK))
        return (sl_answer){.outcome = SL_RETRY, .code = SL_HOLD, .reason = sl_str("no such index")};
    if (asks(item->value, "do=never") || (asks(item->value, "do=retry") && times <= 2))
        return (sl_answer){.outcome = SL_RETRY, .reason = sl_str("not now")};
    if (asks(item->value, "do=now") && times == 1)
        return (sl_answer){.outcome = SL_RETRY, .code = SL_NOW};
    if (asks(item->value, "do=huge"))
        return (sl_answer){.outcome = SL_TOO_MUCH, .reason = sl_str("413: too long")};
    answer = deliver(s, item->value);
    answer.code = asks(item->value, "do=known") ? SL_KNOWN : SL_PLAIN;
    return answer;
}

static void keep_packed(const struct scripted *s, sl_slice payload)
{
    if (s->gzip && write(s->packed, payload.ptr, payload.len) != (ssize_t)payload.len)
        s->host->give_up(s->host, strerror(errno));
}

static void scripted_send(void *self, sl_batch *batch)
{
    struct scripted *s = self;
    uint32_t count = s->host->count(batch);
    sl_answer answer = {.outcome = SL_TOO_MUCH, .reason = sl_str("413: too many")};
    sl_item item;

    if (s->most && count > s->most) {
        s->host->answer(batch, 0, count, &answer);
        return;
    }
    keep_packed(s, s->host->payload(batch));
    for (uint32_t i = 0; i < count; i++) {
        s->host->record(batch, i, &item);
        answer = decide(s, &item);
        s->host->answer(batch, i, 1, &answer);
    }
}

static sl_err scripted_open(void *self, const sl_host *host)
{
    struct scripted *s = self;
    char packed[4096];

    s->host = host;
    snprintf(packed, sizeof packed, "%s.gz", s->path);
    s->fd = open(s->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    s->packed = s->gzip ? open(packed, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (s->fd < 0 || (s->gzip && s->packed < 0)) {
        host->log(host, SL_LOG_ERROR, "path: %s", strerror(errno));
        return -errno;
    }
    return 0;
}

static void scripted_close(void *self)
{
    struct scripted *s = self;

    close(s->fd);
    if (s->packed >= 0)
        close(s->packed);
}

static int scripted_gzip(const void *self)
{
    return (int)((const struct scripted *)self)->gzip;
}

static const sl_option options[] = {
    {.name = "path", .type = SL_TEXT, .offset = offsetof(struct scripted, path), .help = "takes"},
    {.name = "gate",
     .type = SL_TEXT,
     .offset = offsetof(struct scripted, gate),
     .fallback = "",
     .help = "a file: it holds no more"},
    {.name = "fixed",
     .type = SL_TEXT,
     .offset = offsetof(struct scripted, fixed),
     .fallback = "",
     .help = "a file: it refuses no more"},
    {.name = "most",
     .type = SL_COUNT,
     .offset = offsetof(struct scripted, most),
     .fallback = "0",
     .help = "records at once"},
    {.name = "gzip",
     .type = SL_COUNT,
     .offset = offsetof(struct scripted, gzip),
     .fallback = "0",
     .help = "level",
     .max = 9},
    {0},
};

SL_PLUGIN(scripted) = {
    SL_PLUGIN_HEAD,
    .kind = SL_OUTPUT,
    .name = "scripted",
    .help = "does what records ask for",
    .self_size = sizeof(struct scripted),
    .options = options,
    .output =
        {
            .max_in_flight = 2,
            .after = "\n",
            .max_age_ms = 50,
            .open = scripted_open,
            .send = scripted_send,
            .close = scripted_close,
            .gzip = scripted_gzip,
        },
};
