/* framing.c - see framing.h. */
#include "shape/framing.h"

#include "flow/batch.h"
#include "shape/put.h"

#include <stdlib.h>

typedef enum { AS_TEXT, AS_PATH, AS_JSON } filling;

/* A template with its fields filled in: what is left to do for a record. */
typedef struct bound {
    sl_buf text; /* of all parts */
    struct bound_part {
        sl_part_kind kind; /* no field any more */
        uint32_t at, len;  /* SL_PART_TEXT: in text; SL_PART_TIME: in the time */
    } * parts;
    size_t count;
    size_t
        folder; /* bytes before its first field's or date's component: as the operator wrote them */
    bool there; /* there is such a template */
} bound;

struct sl_framing {
    bound target, key, before, after;
    const sl_frame_templates *templates;
    unsigned flags;
    size_t time_bytes;
    size_t room;
    sl_frame frames[SL_STREAMS];
};

bool sl_frame_is_allowed(const sl_template *half)
{
    size_t ids = 0;

    for (size_t i = 0; i < half->count; i++)
        ids += half->parts[i].kind == SL_PART_ID;
    return ids <= SL_MAX_IDS;
}

/* --- filling in --- */

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

static void add_value(sl_buf *out, filling as, sl_slice value)
{
    value.len = sl_whole_characters(value.ptr, value.len, SL_TEXT_MAX);
    if (as == AS_JSON)
        sl_buf_add_json(out, value);
    else if (as == AS_PATH)
        add_path(out, value);
    else
        sl_buf_add(out, value.ptr, value.len);
}

static bool is_missing_any(const sl_template *t, const sl_facts *facts)
{
    for (size_t i = 0; i < t->count; i++) {
        const sl_template_part *part = &t->parts[i];

        if (part->kind == SL_PART_FIELD && !part->otherwise.ptr &&
            sl_facts_find(facts, part->text).len == 0)
            return true;
    }
    return false;
}

/* A part's constant text, behind what is there already. */
static void fill_part(bound *b, const sl_template_part *part, const sl_facts *facts, filling as)
{
    sl_slice value;

    if (part->kind == SL_PART_TEXT) {
        sl_buf_add(&b->text, part->text.ptr, part->text.len);
        return;
    }
    value = sl_facts_find(facts, part->text);
    if (value.len > 0)
        add_value(&b->text, as, value);
    else if (part->otherwise.ptr)
        sl_buf_add(&b->text, part->otherwise.ptr, part->otherwise.len);
    else
        sl_buf_add_text(&b->text, "unknown");
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

static void bind(bound *b, const sl_template *t, const sl_facts *facts, filling as)
{
    struct bound_part *last = NULL;

    if (!t)
        return;
    b->there = true;
    b->folder = folder_of(t);
    b->parts = sl_alloc((t->count + 1) * sizeof *b->parts);
    for (size_t i = 0; i < t->count; i++) {
        const sl_template_part *part = &t->parts[i];
        bool constant = part->kind == SL_PART_TEXT || part->kind == SL_PART_FIELD;
        uint32_t at = (uint32_t)b->text.len;

        if (!constant || !last || last->kind != SL_PART_TEXT) {
            last = &b->parts[b->count++];
            *last = constant ? (struct bound_part){SL_PART_TEXT, at, 0}
                             : (struct bound_part){part->kind, part->from, part->len};
        }
        if (!constant)
            continue;
        fill_part(b, part, facts, as);
        last->len += (uint32_t)b->text.len - at;
    }
}

static void unbind(bound *b)
{
    sl_buf_fini(&b->text);
    free(b->parts);
}

/* --- rendering --- */

static void add_part(const bound *b, const struct bound_part *part, const sl_record *rec,
                     sl_buf *out)
{
    if (part->kind == SL_PART_TEXT)
        sl_buf_add(out, b->text.ptr + part->at, part->len);
    else if (part->kind == SL_PART_TIME)
        sl_buf_add(out, rec->time + part->at, part->len);
    else if (part->kind == SL_PART_STREAM)
        sl_buf_add_text(out, sl_stream_names[rec->stream]);
}

/* "." and ".." lead elsewhere, and a name of more than 255 bytes is none; behind `from`. */
static void make_path(sl_buf *path, size_t from)
{
    size_t kept = from;

    while (from < path->len) {
        const char *name = path->ptr + from;
        const char *slash = memchr(name, '/', path->len - from);
        size_t len = slash ? (size_t)(slash - name) : path->len - from;
        size_t fits = sl_whole_characters(name, len, 255);

        memmove(path->ptr + kept, name, fits);
        if (len > 0 && len <= 2 && name[0] == '.' && name[len - 1] == '.')
            memset(path->ptr + kept, '_', len);
        kept += fits;
        from += len + (slash != NULL);
        if (slash)
            path->ptr[kept++] = '/';
    }
    path->len = kept;
}

static void render(const bound *b, const sl_record *rec, sl_buf *out)
{
    out->len = 0;
    sl_buf_reserve(out, 1); /* so that an empty one has a place too */
    for (size_t i = 0; i < b->count; i++)
        add_part(b, &b->parts[i], rec, out);
    out->len = sl_whole_characters(out->ptr, out->len, SL_TEXT_MAX);
}

/* On the stack, since each file has frames, and few targets are a tenth as long as they may be. */
static void make_target(const sl_frame_templates *t, sl_buf *target)
{
    char text[SL_TEXT_MAX];
    size_t len;

    if (!t->ops || !t->ops->make_target)
        return;
    memcpy(text, target->ptr, target->len);
    len = t->ops->make_target(t->self, text, target->len, sizeof text);
    SL_ASSERT(len <= sizeof text);
    target->len = 0;
    sl_buf_add(target, text, len);
}

static void render_half(const sl_framing *f, const bound *b, const sl_record *rec,
                        const sl_buf *target, sl_frame_half *half)
{
    half->text.len = 0;
    half->id_count = 0;
    sl_buf_reserve(&half->text, 1);
    for (size_t i = 0; i < b->count; i++) {
        if (b->parts[i].kind == SL_PART_ID)
            half->ids[half->id_count++] = (uint32_t)half->text.len;
        else if (b->parts[i].kind == SL_PART_TARGET)
            add_value(&half->text, f->flags & SL_FRAME_IS_JSON ? AS_JSON : AS_TEXT,
                      sl_buf_slice(target));
        else
            add_part(b, &b->parts[i], rec, &half->text);
    }
}

static void render_frame(sl_framing *f, const sl_record *rec, sl_frame *frame)
{
    static uint64_t numbers; /* all that were ever rendered differ */

    memcpy(frame->time, rec->time, f->time_bytes);
    if (f->target.there)
        render(&f->target, rec, &frame->target);
    if (f->target.there && f->flags & SL_TARGET_IS_PATH)
        make_path(&frame->target, f->target.folder);
    if (f->target.there)
        make_target(f->templates, &frame->target);
    if (f->key.there)
        render(&f->key, rec, &frame->key);
    render_half(f, &f->before, rec, &frame->target, &frame->before);
    render_half(f, &f->after, rec, &frame->target, &frame->after);
    frame->beside = (sl_beside){++numbers, sl_buf_slice(&frame->target), sl_buf_slice(&frame->key)};
}

const sl_frame *sl_framing_of(sl_framing *f, const sl_record *rec)
{
    sl_frame *frame = &f->frames[rec->stream];

    if (SL_UNLIKELY(!frame->beside.number || memcmp(frame->time, rec->time, f->time_bytes) != 0))
        render_frame(f, rec, frame);
    return frame;
}

/* --- its life --- */

/* All dates are as long as this one, and no stream has a longer name. */
static size_t measure(sl_framing *f)
{
    sl_record rec = {.time = "2026-11-23T04:29:00.123456789Z", .stream = SL_STDOUT};
    const sl_frame *frame = sl_framing_of(f, &rec);

    return frame->before.text.len + frame->after.text.len +
           (frame->before.id_count + frame->after.id_count) * SL_ID_MAX + frame->target.len +
           frame->key.len + 2 * SL_TEXT_BYTES;
}

static size_t time_bytes(const sl_frame_templates *t)
{
    const sl_template *const all[] = {t->target, t->key, t->fallback, t->before, t->after};
    size_t most = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t bytes = sl_template_time_bytes(all[i]);

        most = bytes > most ? bytes : most;
    }
    return most;
}

sl_framing *sl_framing_new(const sl_frame_templates *t, const sl_constants *constants,
                           const sl_origin *origin)
{
    sl_framing *f = sl_alloc(sizeof *f);
    const sl_template *target = t->target;
    filling frame = t->flags & SL_FRAME_IS_JSON ? AS_JSON : AS_TEXT;
    sl_facts facts;

    sl_facts_init(&facts, constants, origin);
    if (target && t->fallback && t->fallback->count > 0 && is_missing_any(target, &facts))
        target = t->fallback;
    f->templates = t;
    f->flags = t->flags;
    f->time_bytes = time_bytes(t);
    bind(&f->target, target, &facts, t->flags & SL_TARGET_IS_PATH ? AS_PATH : AS_TEXT);
    bind(&f->key, t->key, &facts, AS_TEXT);
    bind(&f->before, t->before, &facts, frame);
    bind(&f->after, t->after, &facts, frame);
    f->room = measure(f);
    return f;
}

static void free_frame(sl_frame *frame)
{
    sl_buf_fini(&frame->target);
    sl_buf_fini(&frame->key);
    sl_buf_fini(&frame->before.text);
    sl_buf_fini(&frame->after.text);
}

void sl_framing_free(sl_framing *f)
{
    if (!f)
        return;
    unbind(&f->target);
    unbind(&f->key);
    unbind(&f->before);
    unbind(&f->after);
    for (int s = 0; s < SL_STREAMS; s++)
        free_frame(&f->frames[s]);
    free(f);
}

size_t sl_framing_room(const sl_framing *f)
{
    return f->room;
}

sl_slice sl_framing_target(const sl_framing *f)
{
    for (size_t i = 0; i < f->target.count; i++) {
        if (f->target.parts[i].kind != SL_PART_TEXT)
            return (sl_slice){"", 0};
    }
    return sl_buf_slice(&f->frames[SL_STDOUT].target); /* measure() has rendered that one */
}

/* --- for each record --- */

char *sl_put_id(char *out, const char generation[SL_NAME_LEN], const sl_record *rec)
{
    out = sl_put(out, generation, SL_NAME_LEN);
    out = SL_PUT(out, "-");
    out = sl_put_number(out, rec->at.offset);
    if (SL_UNLIKELY(rec->piece)) {
        out = SL_PUT(out, ".");
        out = sl_put_number(out, rec->piece);
    }
    return out;
}

char *sl_put_half(char *out, const sl_frame_half *half, const char generation[SL_NAME_LEN],
                  const sl_record *rec)
{
    size_t done = 0;

    for (size_t i = 0; i < half->id_count; i++) {
        out = sl_put(out, half->text.ptr + done, half->ids[i] - done);
        out = sl_put_id(out, generation, rec);
        done = half->ids[i];
    }
    return sl_put(out, half->text.ptr + done, half->text.len - done);
}
