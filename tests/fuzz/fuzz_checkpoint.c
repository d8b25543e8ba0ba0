/* fuzz_checkpoint.c - any bytes as a checkpoint: refused, or a snapshot that packs to what unpacks
 * to the same again. The CRC is made right first, or nothing would get past it. */
#include "ship/snapshot.h"

#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sl_buf with_right_crc(const uint8_t *data, size_t size)
{
    sl_buf b = {0};
    uint32_t sum;

    sl_buf_add(&b, data, size);
    if (size < 4)
        return b;
    sum = (uint32_t)crc32_z(0, data, size - 4);
    for (unsigned i = 0; i < 4; i++)
        b.ptr[size - 4 + i] = (char)(sum >> (8 * i));
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_buf bytes = with_right_crc(data, size), once = {0}, twice = {0};
    sl_snapshot *s, *same;
    const char *why;

    if (sl_snapshot_unpack(sl_buf_slice(&bytes), &s, &why) == 0) {
        sl_snapshot_pack(s, &once);
        SL_ASSERT(sl_snapshot_unpack(sl_buf_slice(&once), &same, &why) == 0);
        sl_snapshot_pack(same, &twice);
        SL_ASSERT(sl_slice_eq(sl_buf_slice(&once), sl_buf_slice(&twice)));
        sl_snapshot_free(same);
        sl_snapshot_free(s);
    }
    sl_buf_fini(&twice);
    sl_buf_fini(&once);
    sl_buf_fini(&bytes);
    return 0;
}
