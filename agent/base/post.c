/* post.c - see post.h. */
#include "base/post.h"

#include "base/base.h"

#include <stdlib.h>

struct sl_post {
    uv_async_t async;
    sl_post_fn *on_post;
    void *arg;
};

static void on_async(uv_async_t *async)
{
    sl_post *p = SL_CONTAINER_OF(async, sl_post, async);

    p->on_post(p->arg);
}

sl_post *sl_post_new(uv_loop_t *loop, sl_post_fn *on_post, void *arg)
{
    sl_post *p = sl_alloc(sizeof *p);
    int err = uv_async_init(loop, &p->async, on_async);

    SL_ASSERT(err == 0);
    p->on_post = on_post;
    p->arg = arg;
    return p;
}

void sl_post_send(sl_post *p)
{
    uv_async_send(&p->async);
}

static void on_closed(uv_handle_t *handle)
{
    free(SL_CONTAINER_OF(handle, sl_post, async));
}

void sl_post_free(sl_post *p)
{
    if (p)
        uv_close((uv_handle_t *)&p->async, on_closed);
}
