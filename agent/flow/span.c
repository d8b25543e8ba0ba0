/* span.c - see span.h. */
#include "flow/span.h"

const char *const sl_stream_names[SL_STREAMS] = {"stdout", "stderr", "raw"};
const char *const sl_lost_names[SL_LOST_REASONS] = {"pin_limit", "deleted_while_down", "truncated",
                                                    "vanished"};
const char *const sl_drop_names[SL_DROP_REASONS] = {"oversize", "dead_letter_full"};
const char *const sl_dead_names[SL_DEAD_REASONS] = {"rejected", "too_large", "retry_limit",
                                                    "failure_store"};

void sl_name_format(char out[SL_NAME_LEN + 1], const sl_name *name)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, count = 0; /* not written yet; 128 is no multiple of 6 */
    char *end = out;

    for (size_t i = 0; i < sizeof name->bytes; i++) {
        bits = bits << 8 | name->bytes[i];
        for (count += 8; count >= 6; count -= 6)
            *end++ = digits[bits >> (count - 6) & 63];
    }
    *end++ = digits[bits << (6 - count) & 63];
    *end = '\0';
}
