/* replay.c - runs a fuzz target on every file of the folders (or files) given, without libFuzzer: so
 * that the ordinary tests, with any compiler, know what the fuzzers found. */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

/* NULL: it cannot be read. */
static uint8_t *read_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size + !size); /* exactly: a byte read behind it is seen */
    FILE *f = fopen(path, "rbe");

    if (!f || !data || fread(data, 1, size, f) != size) {
        free(data);
        data = NULL;
    }
    if (f)
        fclose(f);
    return data;
}

static int replay(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    uint8_t *data;

    (void)at;
    if (kind == FTW_D)
        return 0;
    data = kind == FTW_F ? read_file(path, (size_t)st->st_size) : NULL;
    if (!data)
        return 1;
    fprintf(stderr, "%s\n", path); /* the last one is what failed */
    LLVMFuzzerTestOneInput(data, (size_t)st->st_size);
    free(data);
    replayed++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (nftw(argv[i], replay, 16, FTW_PHYS)) {
            fprintf(stderr, "cannot read %s\n", argv[i]);
            return 1;
        }
    printf("%u inputs\n", replayed);
    return replayed == 0; /* a corpus that is gone proves nothing */
}
