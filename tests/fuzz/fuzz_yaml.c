/* fuzz_yaml.c - any bytes as sluice.yaml: a configuration, or mistakes; and a dump that is one. */
#include "control/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_buf errors = {0}, dump = {0};
    sl_slice text = {(const char *)data, size};
    sl_config *c = sl_config_parse("fuzz.yaml", text, NULL, 0, &errors), *again;

    SL_ASSERT((c == NULL) == (errors.len > 0));
    if (c) {
        sl_config_dump(c, &dump);
        again = sl_config_parse("dump.yaml", sl_buf_slice(&dump), NULL, 0, &errors);
        SL_ASSERT(again || memmem(dump.ptr, dump.len, "\"***\"", 5)); /* a hidden path is no path */
        sl_config_free(again);
    }
    sl_config_free(c);
    sl_buf_fini(&errors);
    sl_buf_fini(&dump);
    return 0;
}
