/* expand.c - see expand.h. */
#include "control/expand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)64 << 10)
#define MAX_TEXT_BYTES ((size_t)4 << 20)

/* --- memory --- */

struct sl_stored {
    struct sl_stored *next;
    max_align_t bytes[];
};

void *sl_store_alloc(sl_store *s, size_t size)
{
    struct sl_stored *piece = sl_alloc(sizeof *piece + size);

    piece->next = s->stored;
    s->stored = piece;
    s->bytes += size;
    return piece->bytes;
}

char *sl_store_text(sl_store *s, sl_slice text)
{
    char *copy = sl_store_alloc(s, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

char *sl_store_format(sl_store *s, const char *format, ...)
{
    va_list args;
    char *text, *kept;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    SL_ASSERT(len >= 0);
    kept = sl_store_text(s, (sl_slice){text, (size_t)len});
    free(text);
    return kept;
}

void sl_store_hide(sl_store *s, const void *place)
{
    s->secrets = sl_realloc(s->secrets, (s->secret_count + 1) * sizeof *s->secrets);
    s->secrets[s->secret_count++] = place;
}

bool sl_store_hides(const sl_store *s, const void *place)
{
    for (size_t i = 0; i < s->secret_count; i++) {
        if (s->secrets[i] == place)
            return true;
    }
    return false;
}

void sl_store_fini(sl_store *s)
{
    while (s->stored) {
        struct sl_stored *next = s->stored->next;

        free(s->stored);
        s->stored = next;
    }
    free(s->secrets);
    *s = (sl_store){0};
}

/* --- what stands for something else; each returns NULL, or why it failed --- */

static bool is_variable(sl_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c != '_' && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

/* inside   "NAME" or "NAME:-default" */
static const char *add_variable(sl_store *s, sl_slice inside, sl_buf *out)
{
    const char *mark = memmem(inside.ptr, inside.len, ":-", 2), *name, *got;
    sl_slice before = {inside.ptr, mark ? (size_t)(mark - inside.ptr) : inside.len};

    if (!is_variable(before))
        return sl_store_format(s, "\"%.*s\" cannot be a variable's name", (int)before.len,
                               before.ptr);
    name = sl_store_text(s, before);
    got = getenv(name);
    if (mark && (!got || !*got))
        sl_buf_add(out, mark + 2, inside.len - before.len - 2);
    else if (got)
        sl_buf_add_text(out, got);
    else
        return sl_store_format(s, "the environment has no %s: set it, or write ${env:%s:-default}",
                               name, name);
    return NULL;
}

/* Adds what a regular file holds, without its last newline. Anything else is not even opened: that
 * can hang, or do things. */
static const char *read_file(const char *path, sl_buf *out)
{
    struct stat st;
    size_t start = out->len;
    ssize_t n;
    int fd;

    if (*path != '/')
        return "not an absolute path";
    if (stat(path, &st) < 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return strerror(errno);
    sl_buf_reserve(out, MAX_FILE_BYTES + 1);
    while ((n = read(fd, out->ptr + out->len, MAX_FILE_BYTES + 1 - (out->len - start))) > 0)
        out->len += (size_t)n;
    close(fd);
    if (n < 0)
        return strerror(errno);
    if (out->len - start > MAX_FILE_BYTES)
        return "larger than 64 KiB";
    if (memchr(out->ptr + start, '\0', out->len - start))
        return "it holds a zero byte, so it is no text";
    if (out->len > start && out->ptr[out->len - 1] == '\n')
        out->len--;
    return NULL;
}

static const char *add_file(sl_store *s, sl_slice inside, sl_buf *out)
{
    const char *path = sl_store_text(s, inside), *why = read_file(path, out);

    return why ? sl_store_format(s, "cannot take ${file:%s}: %s", path, why) : NULL;
}

/* text     from "${" on; moved behind its end */
static const char *add_replaced(sl_store *s, const char **text, sl_buf *out, bool *from_file)
{
    const char *end = strchr(*text, '}');
    sl_slice inside = {*text + 2, end ? (size_t)(end - *text) - 2 : 0};

    if (!end)
        return "\"${\" has no \"}\"; for the characters themselves write \"$${\"";
    *text = end + 1;
    if (sl_slice_starts(inside, SL_SLICE("env:")))
        return add_variable(s, sl_slice_from(inside, 4), out);
    if (sl_slice_starts(inside, SL_SLICE("file:"))) {
        *from_file = true;
        return add_file(s, sl_slice_from(inside, 5), out);
    }
    return sl_store_format(s,
                           "no \"${%.*s}\": write ${env:NAME} or ${file:/path}, or \"$${\" for "
                           "the characters themselves",
                           (int)inside.len, inside.ptr);
}

const char *sl_expand(sl_store *s, const char *text, const char **out, bool *from_file)
{
    const char *dollar, *why = NULL;
    sl_buf all = {0};

    *from_file = false;
    while (!why && (dollar = strstr(text, "${"))) {
        bool literal = dollar > text && dollar[-1] == '$';

        sl_buf_add(&all, text, (size_t)(dollar - text));
        text = dollar;
        if (literal) { /* "$${": its first $ is in already */
            sl_buf_add_text(&all, "{");
            text += 2;
        } else {
            why = add_replaced(s, &text, &all, from_file);
        }
        if (!why && all.len + s->bytes > MAX_TEXT_BYTES)
            why = "all values together are larger than 4 MiB";
    }
    if (!why) {
        sl_buf_add_text(&all, text);
        *out = sl_store_text(s, sl_buf_slice(&all));
    }
    sl_buf_fini(&all);
    return why;
}
