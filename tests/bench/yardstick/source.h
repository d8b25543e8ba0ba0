/* source.h - a log file: its identity, and what never changes in its records; for bare.c alone. */
#ifndef SOURCE_H
#define SOURCE_H

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base.h"
#include "record.h"

#define NODE  "ip-10-12-33-171.eu-central-1.compute.internal"
#define INDEX "logs-kubernetes-default"
#define LABELS                                                                           \
    ",\"labels\":{\"name\":\"cart\",\"instance\":\"cart-eu\",\"version\":\"2026.11.1\"," \
    "\"component\":\"backend\",\"part-of\":\"shop\",\"managed-by\":\"argocd\",\"team\":" \
    "\"storefront\","                                                                    \
    "\"tier\":\"critical\"}"

struct open_part { /* the P lines of one stream */
    char *text;    /* NULL until there is one */
    size_t len;
    uint64_t offset;
    char time[TIME_LEN];
};

struct source {
    int fd;
    uint64_t pos;
    struct blocks blocks;
    struct block key; /* of its messages */
    struct open_part parts[2];
};

__attribute__((format(printf, 1, 2))) static struct block block(const char *format, ...)
{
    struct block b;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&b.bytes, format, args);
    va_end(args);
    if (len < 0)
        die("memory", strerror(errno));
    b.len = (size_t)len;
    return b;
}

/* A generation's name for ever: FNV-1a, 128 bits, of its pod, container, attempt and first line. */
static void make_name(char name[23], const char *identity, int fd)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    __extension__ typedef unsigned __int128 wide;
    wide hash = (wide)0x6c62272e07bb0142 << 64 | 0x62b821756295c58d;
    static char first[65536];
    ssize_t n = pread(fd, first, sizeof first, 0);
    const char *stop = n > 0 ? memchr(first, '\n', (size_t)n) : NULL;
    size_t len = stop ? (size_t)(stop - first) : n > 0 ? (size_t)n : 0;

    for (; *identity; identity++)
        hash = (hash ^ (unsigned char)*identity) * (((wide)1 << 88) + 0x13b);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)first[i]) * (((wide)1 << 88) + 0x13b);
    for (size_t i = 0; i < 22; i++, hash <<= 6)
        name[i] = digit[(unsigned)(hash >> 122)];
    name[22] = '\0';
}

/* path   .../<namespace>_<pod>_<uid>/<container>/<attempt>.log; is taken apart
 * bulk   records of a bulk body, each with its action
 * labels the pod has eight */
static void open_source(struct source *src, char *path, bool bulk, bool labels)
{
    char *file = strrchr(path, '/'), *container, *ns, *pod, *uid, name[23];
    struct block id;

    src->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (src->fd < 0)
        die(path, strerror(errno));
    *file = '\0';
    container = strrchr(path, '/');
    *container++ = '\0';
    ns = strrchr(path, '/') + 1;
    pod = strchr(ns, '_');
    uid = pod ? strchr(pod + 1, '_') : NULL;
    if (!uid)
        die(ns, "is not <namespace>_<pod>_<uid>");
    *pod++ = *uid++ = '\0';
    id = block("%s/%s/%s/%d\n", ns, uid, container, atoi(file + 1));
    make_name(name, id.bytes, src->fd);
    src->key = block("%s/%s", uid, container);
    src->blocks.bulk = bulk;
    src->blocks.head = bulk ? block("{\"create\":{\"_index\":\"" INDEX "\",\"_id\":\"%s-", name)
                            : block("{\"@timestamp\":\"");
    for (int err = 0; err < 2; err++)
        src->blocks.tail[err] = block(
            "\",\"stream\":\"%s\",\"kubernetes\":{\"namespace\":\"%s\",\"node\":{\"name\":\"" NODE
            "\"},\"pod\":{\"name\":\"%s\",\"uid\":\"%s\"},\"container\":{\"name\":\"%s\"}%s},"
            "\"host\":{\"name\":\"" NODE "\"},\"agent\":{\"name\":\"" NODE "\",\"type\":\"sluice\","
            "\"version\":\"1.0.0\"},\"ecs\":{\"version\":\"8.11.0\"},%s\"sluice\":{\"restart\":%d},"
            "\"log\":{\"generation\":\"%s\",\"offset\":",
            err ? "stderr" : "stdout", ns, pod, uid, container, labels ? LABELS : "",
            bulk ? "\"data_stream\":{\"type\":\"logs\",\"dataset\":\"kubernetes\","
                   "\"namespace\":\"default\"},"
                 : "",
            atoi(file + 1), name);
    free(id.bytes);
}

#endif
