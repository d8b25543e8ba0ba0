/* test_signal.c - signals arrive as calls, counted. */
#include "base/buf.h"
#include "control/signal.h"
#include "unit.h"

#include <signal.h>

static void on_stop(void *arg, unsigned count)
{
    sl_buf_add_format(arg, "stop %u ", count);
}

static void on_reload(void *arg)
{
    sl_buf_add_text(arg, "reload ");
}

static void on_status(void *arg)
{
    sl_buf_add_text(arg, "status ");
}

static const struct {
    int numbers[4];
    const char *calls;
} rows[] = {
    {{SIGTERM}, "stop 1 "},
    {{SIGINT}, "stop 1 "},
    {{SIGHUP}, "reload "},
    {{SIGUSR1, SIGUSR1, SIGTERM}, "status status stop 1 "},
    {{SIGTERM, SIGTERM}, "stop 1 stop 2 "},
    {{SIGINT, SIGTERM, SIGINT}, "stop 1 stop 2 stop 3 "},
    {{SIGHUP, SIGINT, SIGHUP, SIGTERM}, "reload stop 1 reload stop 2 "},
};

START_TEST(signals_become_calls)
{
    sl_buf calls = {0};
    uv_loop_t loop;
    sl_signals *s;

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    s = sl_signals_new(&loop, &(sl_signal_calls){on_stop, on_reload, on_status, &calls});
    raise(SIGPIPE); /* would kill us */
    for (const int *number = rows[_i].numbers; number < rows[_i].numbers + 4 && *number; number++) {
        size_t before = calls.len;

        raise(*number);
        while (calls.len == before)
            uv_run(&loop, UV_RUN_ONCE);
    }
    ck_assert_slice_eq(sl_buf_slice(&calls), rows[_i].calls);
    sl_signals_free(s);
    sl_signals_free(NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    sl_buf_fini(&calls);
}
END_TEST

SL_UNIT(SL_ROWS(signals_become_calls, rows))
