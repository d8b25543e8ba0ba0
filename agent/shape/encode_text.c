/* encode_text.c - records for people: see encode.h. */
#include "shape/encode.h"

#include "shape/encode_to.h"
#include "shape/put.h"

/* What a terminal would obey is shown as \xNN, what it cannot show as U+FFFD. */
static char *make_visible(char *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *)text, *end = p + len;

    while (p < end) {
        int step = sl_utf8_step(p, (size_t)(end - p));
        bool control = (*p < 0x20 && *p != '\t') || *p == 0x7f;
        bool control_8bit = step == 2 && p[0] == 0xc2 && p[1] < 0xa0; /* U+0080 to U+009F */

        if (step < 0) {
            out = SL_PUT(out, SL_REPLACEMENT);
            p += -step;
            continue;
        }
        for (; step > 0; step--, p++) {
            if (control || control_8bit) {
                out = SL_PUT(out, "\\x");
                *out++ = hex[*p >> 4];
                *out++ = hex[*p & 15];
            } else {
                *out++ = (char)*p;
            }
        }
    }
    return out;
}

static void add_visible(sl_buf *out, sl_slice text)
{
    if (text.len == 0)
        return;
    sl_buf_reserve(out, 4 * text.len);
    out->len = (size_t)(make_visible(out->ptr + out->len, text.ptr, text.len) - out->ptr);
}

/* One of the colours that are easy to read on black and on white; red is for what went wrong. */
static unsigned colour_of(sl_slice label)
{
    static const uint8_t colours[] = {32, 33, 34, 35, 36, 92, 94, 95, 96};
    uint32_t hash = 2166136261; /* FNV-1a */

    for (size_t i = 0; i < label.len; i++)
        hash = (hash ^ (unsigned char)label.ptr[i]) * 16777619;
    return colours[hash % sizeof colours];
}

void sl_text_label(const sl_encoder_options *o, const sl_origin *origin, sl_buf *out)
{
    sl_buf label = {0};

    add_visible(&label, origin->namespace);
    if (origin->namespace.len > 0 && origin->pod.len > 0)
        sl_buf_add_text(&label, "/");
    add_visible(&label, origin->pod);
    if (label.len > 0 && origin->container.len > 0)
        sl_buf_add_text(&label, " ");
    add_visible(&label, origin->container);
    if (label.len > 0 && o->colour)
        sl_buf_add_format(out, "\033[%um%.*s\033[0m ", colour_of(sl_buf_slice(&label)),
                          (int)label.len, label.ptr);
    else if (label.len > 0)
        sl_buf_add_format(out, "%.*s ", (int)label.len, label.ptr);
    sl_buf_fini(&label);
}

char *sl_put_text(char *out, bool terminal, const sl_block *block, const sl_record *rec)
{
    const char *stream = sl_stream_names[rec->stream];

    out = sl_put(out, rec->time + strlen("2026-11-23T"), strlen("04:29:00.123"));
    out = SL_PUT(out, " ");
    out = sl_put(out, block->bytes, block->len);
    out = sl_put(out, stream, strlen(stream));
    out = SL_PUT(out, "| ");
    return terminal ? make_visible(out, rec->text.ptr, rec->text.len)
                    : sl_put(out, rec->text.ptr, rec->text.len);
}
