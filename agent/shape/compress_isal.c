/* compress_isal.c - see compress.h. */
#include "shape/compress.h"

#include <isa-l.h>
#include <stdlib.h>

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

const char *sl_gzip_library(void)
{
    return "isa-l " TEXT(ISAL_MAJOR_VERSION) "." TEXT(ISAL_MINOR_VERSION) "." TEXT(
        ISAL_PATCH_VERSION);
}

/* Its levels are 0 to 3, and 0 is a quarter larger than our 1 may be. */
static uint32_t level_of(int level)
{
    return level < 3 ? (uint32_t)level : 3;
}

size_t sl_gzip(char *out, sl_slice body, int level)
{
    static const uint32_t buffers[] = {0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT,
                                       ISAL_DEF_LVL3_DEFAULT};
    struct isal_zstream *z = sl_alloc_raw(sizeof *z); /* 100 KiB */
    size_t cap = sl_gzip_bound(body.len), len;

    SL_ASSERT(cap <= UINT32_MAX && level >= 1);
    isal_deflate_init(z);
    z->next_in = (uint8_t *)(uintptr_t)body.ptr;
    z->avail_in = (uint32_t)body.len;
    z->next_out = (uint8_t *)out;
    z->avail_out = (uint32_t)cap;
    z->end_of_stream = 1;
    z->flush = NO_FLUSH;
    z->gzip_flag = IGZIP_GZIP;
    z->level = level_of(level);
    z->level_buf_size = buffers[z->level];
    z->level_buf = sl_alloc_raw(z->level_buf_size);
    SL_ASSERT(isal_deflate(z) == COMP_OK && z->internal_state.state == ZSTATE_END);
    len = z->total_out;
    free(z->level_buf);
    free(z);
    return len;
}
