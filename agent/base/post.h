/* post.h, the second door: a call from any thread that runs on the loop. Many calls may become one.
 *
 * Thread   sl_post() from any; all else on the loop's */
#ifndef SL_BASE_POST_H
#define SL_BASE_POST_H

#include <uv.h>

typedef struct sl_post sl_post;

typedef void sl_post_fn(void *arg);

sl_post *sl_post_new(uv_loop_t *loop, sl_post_fn *on_post, void *arg);
void sl_post_send(sl_post *p);
/* No on_post() after this. Accepts NULL. */
void sl_post_free(sl_post *p);

#endif
