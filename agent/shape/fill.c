/* fill.c - see fill.h. */
#include "shape/fill.h"

#include "shape/put.h"

/* Nothing that a container is called can end a component of a path, or begin a hidden one. */
static void add_path(sl_buf *out, sl_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool begins = out->len == 0 || out->ptr[out->len - 1] == '/';

        if (c == '/' || (unsigned char)c < 0x20 || c == 0x7f || (c == '.' && begins))
            c = '_';
        sl_buf_add(out, &c, 1);
    }
}

void sl_fill_value(sl_buf *out, sl_filling as, sl_slice value)
{
    value.len = sl_whole_characters(value.ptr, value.len, SL_TEXT_MAX);
    if (as == SL_FILL_JSON)
        sl_buf_add_json(out, value);
    else if (as == SL_FILL_PATH)
        add_path(out, value);
    else
        sl_buf_add(out, value.ptr, value.len);
}

static void add_constant(sl_buf *out, const sl_template_part *part, const sl_facts *facts,
                         sl_filling as)
{
    sl_slice value;

    if (part->kind == SL_PART_TEXT) {
        sl_buf_add(out, part->text.ptr, part->text.len);
        return;
    }
    value = sl_facts_find(facts, part->text);
    if (value.len > 0)
        sl_fill_value(out, as, value);
    else if (part->otherwise.ptr)
        sl_buf_add(out, part->otherwise.ptr, part->otherwise.len);
    else
        sl_buf_add_text(out, "unknown");
}

/* Constant text that follows constant text is the same part. */
static void add_part(sl_filler *f, sl_filled *filled, const sl_template_part *part, sl_filling as)
{
    bool constant = part->kind == SL_PART_TEXT || part->kind == SL_PART_FIELD;
    sl_filled_part next = {part->kind, part->from, part->len};
    sl_filled_part *last = NULL;

    if (constant) {
        next = (sl_filled_part){SL_PART_TEXT, (uint32_t)f->text.len, 0};
        add_constant(&f->text, part, f->facts, as);
        next.len = (uint32_t)f->text.len - next.at;
    }
    if (filled->count > 0)
        last = (sl_filled_part *)(void *)(f->parts.ptr + f->parts.len) - 1;
    if (constant && last && last->kind == SL_PART_TEXT) {
        last->len += next.len;
        return;
    }
    sl_buf_add(&f->parts, &next, sizeof next);
    filled->count++;
}

/* Up to the last / before what is filled in. */
static size_t folder_of(const sl_template *t)
{
    size_t len = 0, folder = 0;

    for (size_t i = 0; i < t->count && t->parts[i].kind == SL_PART_TEXT; i++) {
        sl_slice text = t->parts[i].text;
        const char *slash = memrchr(text.ptr, '/', text.len);

        if (slash)
            folder = len + (size_t)(slash - text.ptr) + 1;
        len += text.len;
    }
    return folder;
}

sl_filled sl_fill(sl_filler *f, const sl_template *t, sl_filling as)
{
    sl_filled filled = {.first = (uint32_t)(f->parts.len / sizeof(sl_filled_part))};

    if (!t)
        return filled;
    filled.there = true;
    filled.folder = (uint32_t)folder_of(t);
    for (size_t i = 0; i < t->count; i++)
        add_part(f, &filled, &t->parts[i], as);
    return filled;
}
