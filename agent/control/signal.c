/* signal.c - see signal.h. */
#include "control/signal.h"

#include <signal.h>
#include <stdlib.h>

static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

#define HANDLES (sizeof numbers / sizeof *numbers)

struct sl_signals {
    sl_signal_calls calls;
    unsigned stops, closed;
    uv_signal_t handles[HANDLES];
};

static void on_signal(uv_signal_t *handle, int number)
{
    sl_signals *s = handle->data;

    if (number == SIGHUP)
        s->calls.on_reload(s->calls.arg);
    else if (number == SIGUSR1)
        s->calls.on_status(s->calls.arg);
    else
        s->calls.on_stop(s->calls.arg, ++s->stops);
}

sl_signals *sl_signals_new(uv_loop_t *loop, const sl_signal_calls *calls)
{
    sl_signals *s = sl_alloc(sizeof *s);

    s->calls = *calls;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < HANDLES; i++) {
        int err = uv_signal_init(loop, &s->handles[i]);

        SL_ASSERT(err == 0); /* no descriptors left, at start */
        s->handles[i].data = s;
        err = uv_signal_start(&s->handles[i], on_signal, numbers[i]);
        SL_ASSERT(err == 0);
    }
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    sl_signals *s = handle->data;

    if (++s->closed == HANDLES)
        free(s);
}

void sl_signals_unref(sl_signals *s)
{
    for (size_t i = 0; i < HANDLES; i++)
        uv_unref((uv_handle_t *)&s->handles[i]);
}

void sl_signals_free(sl_signals *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < HANDLES; i++)
        uv_close((uv_handle_t *)&s->handles[i], on_closed);
    signal(SIGHUP, SIG_IGN); /* it comes too late, and shall not end us with an error */
    signal(SIGUSR1, SIG_IGN);
}
