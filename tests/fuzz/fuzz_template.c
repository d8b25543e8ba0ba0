/* fuzz_template.c - any bytes as a template, and as the names that are filled into it: a mistake at a
 * place within it, or a text that keeps its bounds; and no path that leads out of its folder. */
#include "shape/framing.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(sl_slice path)
{
    while (path.len > 0) {
        const char *slash = memchr(path.ptr, '/', path.len);
        sl_slice name = {path.ptr, slash ? (size_t)(slash - path.ptr) : path.len};

        SL_ASSERT(name.len <= 255);
        SL_ASSERT(!sl_slice_eq(name, SL_SLICE(".")) && !sl_slice_eq(name, SL_SLICE("..")));
        path = sl_slice_from(path, name.len + (slash != NULL));
    }
}

static void render(const sl_template *t, const sl_template *frame, sl_slice name, unsigned flags)
{
    const char *generation = "AAECAwQFBgcICQoLDA0ODw";
    sl_origin origin = {.namespace = name, .pod = name, .generation = generation};
    sl_frame_templates templates = {.target = t, .key = t, .fallback = t, .flags = flags};
    sl_record rec = {.time = "2026-11-23T04:29:00.123456789Z", .at = {1, UINT64_MAX}, .piece = 1};
    sl_framings *framings;
    sl_facts facts;
    sl_framing *f;
    const sl_frame *got;
    char id[SL_ID_MAX], *out, *end;

    templates.before = templates.after = frame && sl_frame_is_allowed(frame) ? frame : NULL;
    framings = sl_framings_new(&templates);
    sl_facts_init(&facts, &(sl_constants){.node = "n"}, &origin);
    f = sl_framing_get(framings, &facts);
    for (int stream = 0; stream < SL_STREAMS; stream++) {
        rec.stream = (sl_stream)stream;
        got = sl_framing_of(f, &rec);
        SL_ASSERT(got->beside.target.len <= SL_TEXT_MAX && got->beside.key.len <= SL_TEXT_MAX);
        SL_ASSERT(got->beside.target.len + got->beside.key.len <= sl_framing_room(f));
        if (flags & SL_TARGET_IS_PATH)
            check_path(got->beside.target);
        out = sl_alloc_raw(sl_framing_room(f) + 1);
        end = sl_put_before(out, got, generation, &rec);
        SL_ASSERT((size_t)(end - out) <= sl_framing_room(f));
        free(out);
    }
    SL_ASSERT((size_t)(sl_put_id(id, generation, &rec) - id) <= SL_ID_MAX);
    sl_framing_put(f);
    sl_framings_free(framings);
}

/* TEXT \0 NAME */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sl_strndup((const char *)data, size);
    size_t len = strlen(text), at;
    sl_slice name = {(const char *)data + len + (len < size), size - len - (len < size)};
    sl_buf why = {0};
    sl_template *t = sl_template_new(text, false, &at, &why);
    sl_template *frame = sl_template_new(text, true, &at, &why);

    SL_ASSERT(at <= len && (t == NULL) == (frame == NULL) && (t == NULL) == (why.len > 0));
    for (unsigned flags = 0; t && flags < 4; flags++)
        render(t, frame, name, flags);
    sl_template_free(t);
    sl_template_free(frame);
    sl_buf_fini(&why);
    free(text);
    return 0;
}
