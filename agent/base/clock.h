/* clock.h - the time, as an argument, so that a test can turn it by hand. */
#ifndef SL_BASE_CLOCK_H
#define SL_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef struct sl_clock {
    /* Monotonic, for waits. */
    uint64_t (*now_ms)(const struct sl_clock *);
    /* Since 1970, UTC. */
    int64_t (*wall_ns)(const struct sl_clock *);
} sl_clock;

extern const sl_clock sl_clock_real;

/* As one number of nanoseconds. */
static inline int64_t sl_timespec_ns(struct timespec t)
{
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline uint64_t sl_now_ms(const sl_clock *c)
{
    return c->now_ms(c);
}

static inline int64_t sl_wall_ns(const sl_clock *c)
{
    return c->wall_ns(c);
}

/* ms, less up to a fifth of it, as `random` says: so that what all nodes began at once, they do not go
 * on doing at once. */
uint64_t sl_jitter_ms(uint64_t ms, uint64_t random);

/* Bytes of "2026-11-23T04:29:00.123456789Z", all that sl_time_format() writes. */
#define SL_TIME_LEN 30

/* Writes SL_TIME_LEN bytes, no zero. */
void sl_time_format(char out[SL_TIME_LEN], int64_t time_ns);
/* The way back, for what looks like it; the nearest that an int64_t can say. */
int64_t sl_time_read(const char time[SL_TIME_LEN]);

#endif
