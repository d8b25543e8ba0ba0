/* units.c - see units.h. */
#include "control/units.h"

#include <errno.h>

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

/* Ascending, each a multiple of the one before; the decimal ones are read and never written. */
static const unit sizes[] = {
    {"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {0},
};
static const unit decimal_sizes[] = {{"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {0}};
static const unit times[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {0}};
static const unit counts[] = {{"", 1}, {0}};

static const unit *units_of(sl_option_type type)
{
    return type == SL_SIZE ? sizes : type == SL_TIME ? times : counts;
}

/* 0: there is none of that name. */
static uint64_t factor_of(const unit *units, const char *name)
{
    while (units->name && strcmp(units->name, name) != 0)
        units++;
    return units->factor;
}

sl_err sl_number_read(sl_option_type type, const char *text, uint64_t *out)
{
    const char *p = text;
    uint64_t n = 0, factor;
    bool large = false;

    for (; *p >= '0' && *p <= '9'; p++)
        large |= __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n);
    factor = factor_of(units_of(type), p);
    if (factor == 0 && type == SL_SIZE)
        factor = factor_of(decimal_sizes, p);
    if (p == text || factor == 0)
        return SL_E_FORMAT;
    large |= __builtin_mul_overflow(n, factor, out);
    return large ? -ERANGE : 0;
}

void sl_number_format(sl_option_type type, uint64_t n, sl_buf *out)
{
    const unit *u = units_of(type) + (type == SL_TIME && n == 0); /* "0s", not "0ms" */

    while (u[1].name && n > 0 && n % u[1].factor == 0)
        u++;
    sl_buf_add_format(out, "%llu%s", (unsigned long long)(n / u->factor), u->name);
}
