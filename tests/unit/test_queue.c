/* test_queue.c - batches leave in the order in which they were opened. */
#include "ship/queue.h"
#include "unit.h"

/* A digit puts the batch that was opened as that one, `<` and a digit puts it back, `-` takes one. */
static const struct {
    const char *steps, *taken;
} rows[] = {
    {"-", "."},
    {"123---", "123"},
    {"12-3--", "123"},
    {"12--<1<2--", "1212"},
    {"12--<2<1--", "1212"},
    {"123--<1-<2--", "12123"},
    {"1234---<2<1<3----", "1231234"},
    {"1-<1--", "11."},
};

START_TEST(order_is_kept)
{
    sl_batch batches[10] = {0};
    char taken[32] = {0}, *end = taken;
    sl_queue q;
    uint32_t count = 0;

    sl_queue_init(&q);
    for (const char *step = rows[_i].steps; *step; step++) {
        bool back = *step == '<';
        int digit = back ? *++step - '0' : *step - '0';
        sl_batch *b;

        if (*step == '-') {
            b = sl_queue_take(&q);
            *end++ = b ? (char)('0' + b->epoch) : '.';
            count -= b != NULL;
        } else {
            batches[digit].epoch = (uint64_t)digit;
            (back ? sl_queue_put_back : sl_queue_put)(&q, &batches[digit]);
            count++;
        }
        ck_assert_uint_eq(q.count, count);
    }
    ck_assert_str_eq(taken, rows[_i].taken);
}
END_TEST

SL_UNIT(SL_ROWS(order_is_kept, rows))
