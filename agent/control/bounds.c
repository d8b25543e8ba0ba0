/* bounds.c - see bounds.h. */
#include "control/bounds.h"

#include "control/units.h"
#include "read/decode_cri.h"

#include <stdio.h>

/* A CRI line begins with such a time, and who reads those knows all its forms. */
static bool read_time(const char *text, int64_t *time_ns)
{
    char line[96], minute[16] = {0};
    sl_record rec = {0};

    if (strlen(text) > 64 || strchr(text, ' '))
        return false;
    snprintf(line, sizeof line, "%s stdout F ", text);
    if (sl_decode_cri(sl_str(line), minute, &rec))
        return false;
    *time_ns = sl_cri_time_ns(rec.time);
    return true;
}

bool sl_start_read(const char *text, sl_start *out)
{
    *out = (sl_start){.kind = SL_START_BEGINNING};
    if (!strcmp(text, "beginning"))
        return true;
    if (!strcmp(text, "end"))
        out->kind = SL_START_END;
    else if (!sl_number_read(SL_TIME, text, &out->age_ms))
        out->kind = SL_START_AGE;
    else if (read_time(text, &out->time_ns))
        out->kind = SL_START_TIME;
    return out->kind != SL_START_BEGINNING;
}

bool sl_free_read(const char *text, sl_pin_free *out)
{
    size_t len = strlen(text);
    char digits[8] = "";

    out->percent = len > 1 && len < sizeof digits && text[len - 1] == '%';
    if (!out->percent)
        return sl_number_read(SL_SIZE, text, &out->value) == 0;
    memcpy(digits, text, len - 1);
    return sl_number_read(SL_COUNT, digits, &out->value) == 0 && out->value <= 100;
}
