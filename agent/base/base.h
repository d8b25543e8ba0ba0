/* base.h - assertions, memory that never fails, and names for errors: what every file may use. */
#ifndef SL_BASE_BASE_H
#define SL_BASE_BASE_H

#include "base/slice.h"

/* Kept out of its caller, which is hot and seldom comes here. */
#define SL_COLD __attribute__((cold, noinline))

#define SL_LIKELY(x)   __builtin_expect(!!(x), 1)
#define SL_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define SL_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* We erred. In release builds too: positions move only after acknowledgements, so an abort repeats
 * lines and loses none. */
#define SL_ASSERT(what)                                  \
    do {                                                 \
        if (SL_UNLIKELY(!(what)))                        \
            sl_assert_failed(#what, __FILE__, __LINE__); \
    } while (0)

_Noreturn void sl_assert_failed(const char *what, const char *file, int line);

/* Zeroed memory; never NULL: running out aborts. A size that the input chooses asks the gate first. */
void *sl_alloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Not zeroed. */
void *sl_alloc_raw(size_t size) __attribute__((malloc, returns_nonnull));
void *sl_realloc(void *old, size_t size) __attribute__((returns_nonnull));
char *sl_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *sl_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
char *sl_format(const char *format, ...) SL_PRINTF(1, 2) __attribute__((malloc, returns_nonnull));

/* All of it, to a descriptor that waits. */
SL_MUST_USE sl_err sl_write_all(int fd, sl_slice bytes);

/* By chance; for spreading, not for secrets. */
uint64_t sl_random(void);

/* In words; static memory. Knows errnos, libuv's and ours. */
const char *sl_strerror(sl_err err);

#endif
