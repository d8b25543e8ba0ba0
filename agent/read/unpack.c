/* unpack.c - see unpack.h. */
#include "read/unpack.h"

#include "read/inflate.h"

#include <stdlib.h>

/* zlib takes some 4 ms for a MiB of log lines. */
#define FAR (UINT64_C(4) << 20)

struct sl_unpack {
    sl_key key; /* whose state it is: a name, or a generation, may get another .gz */
    sl_inflate *inflate;
};

static void begin(sl_unpack **u, const sl_generation *g)
{
    if (*u && sl_key_eq(&(*u)->key, &g->key))
        return;
    sl_unpack_free(*u);
    *u = sl_alloc(sizeof **u);
    **u = (sl_unpack){g->key, sl_inflate_new(g->fd)};
}

ssize_t sl_unpack_read(sl_unpack **u, const sl_generation *g, char *out, size_t len,
                       uint64_t offset, bool at_once)
{
    begin(u, g);
    if (!at_once && sl_inflate_distance((*u)->inflate, offset) > FAR)
        return UV_EAGAIN;
    sl_inflate_use((*u)->inflate, g->fd);
    return sl_inflate_read((*u)->inflate, out, len, offset);
}

void sl_unpack_skip(sl_unpack *u, int fd, uint64_t offset, const atomic_bool *cancel)
{
    sl_inflate_use(u->inflate, fd);
    (void)!sl_inflate_skip(u->inflate, offset, cancel);
}

void sl_unpack_free(sl_unpack *u)
{
    if (!u)
        return;
    sl_inflate_free(u->inflate);
    free(u);
}
