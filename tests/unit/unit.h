/* unit.h - what every unit test shares: a main() made of tables, a clock turned by hand, a scratch
 * folder, slices compared. Nothing here sleeps. */
#ifndef SL_UNIT_H
#define SL_UNIT_H

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SL_COUNT_OF(rows) (sizeof(rows) / sizeof *(rows))

/* int main() of a test program: SL_UNIT(SL_ONE(does_a), SL_ROWS(does_b, b_rows)) */
#define SL_ONE(test)        tcase_add_test(sl_tests, test)
#define SL_ROWS(test, rows) tcase_add_loop_test(sl_tests, test, 0, (int)SL_COUNT_OF(rows))
#define SL_UNIT(...)                             \
    int main(void)                               \
    {                                            \
        Suite *suite = suite_create(__FILE__);   \
        TCase *sl_tests = tcase_create("rows");  \
        SRunner *runner = srunner_create(suite); \
        int failed;                              \
                                                 \
        tcase_set_timeout(sl_tests, 120);        \
        (void)(__VA_ARGS__);                     \
        suite_add_tcase(suite, sl_tests);        \
        srunner_run_all(runner, CK_NORMAL);      \
        failed = srunner_ntests_failed(runner);  \
        srunner_free(runner);                    \
        return failed != 0;                      \
    }

#define ck_assert_slice_eq(slice, text)                                            \
    do {                                                                           \
        sl_slice sl_got = (slice), sl_want = sl_str(text);                         \
        ck_assert_msg(sl_slice_eq(sl_got, sl_want), "got \"%.*s\", want \"%.*s\"", \
                      (int)sl_got.len, sl_got.ptr, (int)sl_want.len, sl_want.ptr); \
    } while (0)

/* A clock that stands still until somebody sets it. */
typedef struct sl_hand_clock {
    sl_clock clock;
    uint64_t ms;
    int64_t ns;
} sl_hand_clock;

static inline uint64_t sl_hand_ms(const sl_clock *c)
{
    return SL_CONTAINER_OF(c, sl_hand_clock, clock)->ms;
}

static inline int64_t sl_hand_ns(const sl_clock *c)
{
    return SL_CONTAINER_OF(c, sl_hand_clock, clock)->ns;
}

#define SL_HAND_CLOCK                                                      \
    {                                                                      \
        .clock = {.now_ms = sl_hand_ms, .wall_ns = sl_hand_ns}, .ms = 1000 \
    }

/* A log that nobody reads; `written` still counts. */
#define SL_QUIET_LOG                    \
    {                                   \
        .level = SL_LOG_DEBUG, .fd = -1 \
    }

static inline int sl_scratch_remove(const char *path, const struct stat *st, int kind,
                                    struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

/* An empty folder for this test; sl_scratch_gone() removes it. */
static inline char *sl_scratch(char path[64])
{
    snprintf(path, 64, "/tmp/sluice-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    return path;
}

static inline void sl_scratch_gone(const char *path)
{
    nftw(path, sl_scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
