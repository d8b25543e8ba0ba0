/* fuzz_dead_entry.c - any bytes as a dead letter: it is none, or comes out again as it is. */
#include "ship/dead_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_slice line = {(const char *)data, size};
    sl_buf store = {0}, out = {0}, again = {0};
    sl_dead_entry e, back;
    bool json;

    if (sl_dead_entry_read(line, &store, &e)) {
        json = e.value.len > 0 && *e.value.ptr == '{';
        sl_dead_entry_write(&e, json, &out);
        /* texts that are not UTF-8 are mended on their way, so only what they are the second time counts */
        SL_ASSERT(out.ptr[out.len - 1] == '\n');
        if (sl_dead_entry_read((sl_slice){out.ptr, out.len - 1}, &again, &back))
            SL_ASSERT(back.offset == e.offset && back.piece == e.piece);
    }
    sl_buf_fini(&store);
    sl_buf_fini(&out);
    sl_buf_fini(&again);
    return 0;
}
