/* base.c - see base.h. */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

_Noreturn void sl_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "sluice: %s:%d: this must hold and does not: %s\n", file, line, what);
    abort();
}

static void *must(void *memory)
{
    static const char text[] = "sluice: out of memory\n";

    if (SL_LIKELY(memory))
        return memory;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}

void *sl_alloc(size_t size)
{
    return must(calloc(1, size ? size : 1));
}

void *sl_alloc_raw(size_t size)
{
    return must(malloc(size ? size : 1));
}

void *sl_realloc(void *old, size_t size)
{
    return must(realloc(old, size ? size : 1));
}

char *sl_strndup(const char *text, size_t len)
{
    char *copy = sl_alloc_raw(len + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *sl_strdup(const char *text)
{
    return sl_strndup(text, strlen(text));
}

char *sl_format(const char *format, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    return must(len < 0 ? NULL : text);
}

uint64_t sl_random(void)
{
    uint64_t random = 0;

    (void)uv_random(NULL, NULL, &random, sizeof random, 0, NULL); /* else 0, which will do */
    return random;
}

const char *sl_strerror(sl_err err)
{
    switch (err) {
    case 0:
        return "no error";
    case SL_E_FORMAT:
        return "not in the expected format";
    case SL_E_REPLACED:
        return "the path names another file now";
    case SL_E_CONFIG:
        return "the configuration is wrong";
    case SL_E_BUSY:
        return "held by somebody else";
    case SL_E_NEWER:
        return "written by a newer version of sluice";
    case SL_E_FULL:
        return "it has as much as it may have";
#define TEXT_OF(name, text) \
    case UV_##name:         \
        return text;
        UV_ERRNO_MAP(TEXT_OF)
#undef TEXT_OF
    default: /* uv_strerror() allocates for each errno that it does not know, as EDQUOT or ESTALE */
        return strerror(-err);
    }
}

sl_err sl_write_all(int fd, sl_slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : UV_EIO;
        bytes = sl_slice_from(bytes, (size_t)n);
    }
    return 0;
}
