/* fuzz_gz.c - any bytes as a compressed generation. If they count as whole, then reading them in
 * pieces, forward and after going back, gives what the check saw. */
#include "read/inflate.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST ((size_t)4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_whole(int fd, sl_slice first, uint64_t size)
{
    sl_inflate *i = sl_inflate_new(fd);
    char piece[1000], before[64];
    uint64_t at = 0;
    ssize_t n;

    while ((n = sl_inflate_read(i, piece, sizeof piece, at)) > 0) {
        for (size_t k = 0; k < (size_t)n && at + k < first.len; k++)
            SL_ASSERT(piece[k] == first.ptr[at + k]);
        at += (uint64_t)n;
    }
    SL_ASSERT(n == 0 && at == size);
    if (size > 0) {
        SL_ASSERT(sl_inflate_read(i, piece, 1, size / 2) == 1); /* back */
        SL_ASSERT(sl_inflate_before(fd, size / 2 + 1, before) ==
                  (ssize_t)(size < 126 ? size / 2 + 1 : 64));
        SL_ASSERT(before[size < 126 ? size / 2 : 63] == piece[0]);
    }
    sl_inflate_free(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("gz", MFD_CLOEXEC);
    char first[FIRST];
    size_t first_len;
    uint64_t whole;
    atomic_bool cancel = false;

    SL_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    if (sl_inflate_check(fd, first, sizeof first, &first_len, &whole, &cancel) == 0) {
        read_whole(fd, (sl_slice){first, first_len}, whole);
    } else { /* no crash and no end without an end, from anywhere */
        sl_inflate *i = sl_inflate_new(fd);

        for (uint64_t at = 0; at < 3 * FIRST; at += FIRST)
            (void)sl_inflate_read(i, first, FIRST, at);
        sl_inflate_free(i);
    }
    close(fd);
    return 0;
}
