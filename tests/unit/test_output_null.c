/* test_output_null.c - everything is delivered, at once. */
#include "hand_host.h"

extern const sl_plugin sl_plugin_null;

START_TEST(takes_everything)
{
    sl_batch *b = sl_hand_batch(3, 5);
    char self[64] = {0};
    sl_hand_host h;

    ck_assert_uint_le(sl_plugin_null.self_size, sizeof self);
    ck_assert_int_eq(sl_hand_open(&h, &sl_plugin_null, self), 0);
    sl_hand_send(&h, b);
    ck_assert_str_eq(b->answers, "DDD");
    sl_hand_close(&h, true);
    sl_hand_batch_free(b);
}
END_TEST

SL_UNIT(SL_ONE(takes_everything))
