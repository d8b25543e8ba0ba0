/* secret.c - see kafka.h. */
#include "kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_SECRET (64 << 10)

char *secret_new(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
    char *text = calloc(1, MAX_SECRET + 1);
    ssize_t len;

    if (!text)
        abort(); /* as the agent does */
    len = fd < 0 ? -1 : read(fd, text, MAX_SECRET);
    err = len < 0 ? errno : ENODATA;
    if (fd >= 0)
        close(fd);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    if (len > 0)
        return text;
    free(text);
    errno = err;
    return NULL;
}
