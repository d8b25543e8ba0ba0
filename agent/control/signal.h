/* signal.h - signals as calls on the loop: SIGTERM and SIGINT ask to stop, SIGHUP to reload,
 * SIGUSR1 for the status; SIGPIPE is ignored, for a reader that goes away is an error of write()
 * here, not an end.
 *
 * The handlers are what makes the agent stop as PID 1 too, where the kernel ignores a signal that
 * nobody handles: so create this before anything that takes time.
 *
 * Thread   the loop's */
#ifndef SL_CONTROL_SIGNAL_H
#define SL_CONTROL_SIGNAL_H

#include "base/base.h"

#include <uv.h>

typedef struct sl_signals sl_signals;

typedef struct sl_signal_calls {
    /* count  1: drain and end; 2 and more: end at once */
    void (*on_stop)(void *arg, unsigned count);
    void (*on_reload)(void *arg);
    void (*on_status)(void *arg);
    void *arg;
} sl_signal_calls;

sl_signals *sl_signals_new(uv_loop_t *loop, const sl_signal_calls *calls);
/* They do not keep the loop turning any more. Signals have no effect while it does not turn, so that
 * none can end us before everything is saved. */
void sl_signals_unref(sl_signals *s);
/* No calls after this: SIGTERM and SIGINT have their default effect again, the others none. The loop
 * has to turn once more before it can be closed. Accepts NULL. */
void sl_signals_free(sl_signals *s);

#endif
