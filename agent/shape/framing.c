/* framing.c - see framing.h.
 *
 * A framing is one piece of memory: the templates' parts, and the text that they cut up. */
#include "shape/framing.h"

#include "flow/batch.h"
#include "shape/fill.h"
#include "shape/put.h"

#include <search.h>
#include <stdlib.h>

enum { TARGET, KEY, BEFORE, AFTER, TEMPLATES };

/* What is left to do for a record, once fields are filled in. */
struct sl_framing {
    sl_framings *all;
    uint32_t users;
    uint32_t bytes; /* of parts and text */
    size_t room;
    sl_frame *frames[SL_STREAMS]; /* NULL: not rendered yet */
    sl_filled filled[TEMPLATES];
    const char *text; /* of all parts, behind them */
    sl_filled_part parts[];
};

/* Those of one output, each there once. */
struct sl_framings {
    const sl_frame_templates *templates;
    size_t time_bytes;
    void *tree; /* of tsearch() */
};

bool sl_frame_is_allowed(const sl_template *half)
{
    size_t ids = 0;

    for (size_t i = 0; i < half->count; i++)
        ids += half->parts[i].kind == SL_PART_ID;
    return ids <= SL_MAX_IDS;
}

/* --- rendering --- */

static void add_part(const sl_framing *f, const sl_filled_part *part, const sl_record *rec,
                     sl_buf *out)
{
    if (part->kind == SL_PART_TEXT)
        sl_buf_add(out, f->text + part->at, part->len);
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

/* On the stack, since few targets are a tenth as long as they may be. */
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

/* Behind what is there already. */
static void render(const sl_framing *f, const sl_filled *filled, const sl_record *rec, sl_buf *out)
{
    size_t from = out->len;

    for (uint32_t i = 0; i < filled->count; i++)
        add_part(f, &f->parts[filled->first + i], rec, out);
    out->len = from + sl_whole_characters(out->ptr + from, out->len - from, SL_TEXT_MAX);
}

/* Target and key. */
static void render_beside(const sl_framing *f, const sl_record *rec, sl_frame *frame)
{
    static uint64_t numbers; /* all that were ever rendered differ */
    const sl_frame_templates *t = f->all->templates;
    const sl_filled *target = &f->filled[TARGET], *key = &f->filled[KEY];
    sl_buf *out = &frame->names;
    size_t len;

    out->len = 0;
    sl_buf_reserve(out, 1); /* so that an empty one has a place too */
    if (target->there) {
        render(f, target, rec, out);
        if (t->flags & SL_TARGET_IS_PATH)
            make_path(out, target->folder);
        make_target(t, out);
    }
    len = out->len;
    if (key->there)
        render(f, key, rec, out);
    frame->beside.number = ++numbers;
    frame->beside.target = (sl_slice){target->there ? out->ptr : NULL, len};
    frame->beside.key = (sl_slice){key->there ? out->ptr + len : NULL, out->len - len};
}

static void render_half(const sl_framing *f, const sl_filled *filled, const sl_record *rec,
                        sl_frame *frame, sl_frame_half *half)
{
    bool is_json = f->all->templates->flags & SL_FRAME_IS_JSON;
    sl_buf *out = &frame->text;

    half->begin = (uint32_t)out->len;
    half->id_count = 0;
    for (uint32_t i = 0; i < filled->count; i++) {
        const sl_filled_part *part = &f->parts[filled->first + i];

        if (part->kind == SL_PART_ID)
            half->ids[half->id_count++] = (uint32_t)out->len;
        else if (part->kind == SL_PART_TARGET)
            sl_fill_value(out, is_json ? SL_FILL_JSON : SL_FILL_TEXT, frame->beside.target);
        else
            add_part(f, part, rec, out);
    }
    half->end = (uint32_t)out->len;
}

static void render_frame(sl_framing *f, const sl_record *rec)
{
    sl_frame *frame = f->frames[rec->stream];

    if (!frame)
        frame = f->frames[rec->stream] = sl_alloc(sizeof *frame);
    memcpy(frame->time, rec->time, f->all->time_bytes);
    render_beside(f, rec, frame);
    frame->text.len = 0;
    sl_buf_reserve(&frame->text, 1);
    render_half(f, &f->filled[BEFORE], rec, frame, &frame->before);
    render_half(f, &f->filled[AFTER], rec, frame, &frame->after);
}

const sl_frame *sl_framing_of(sl_framing *f, const sl_record *rec)
{
    const sl_frame *frame = f->frames[rec->stream];

    if (SL_UNLIKELY(!frame) ||
        (f->all->time_bytes > 0 && memcmp(frame->time, rec->time, f->all->time_bytes) != 0))
        render_frame(f, rec);
    return f->frames[rec->stream];
}

/* --- their life --- */

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

sl_framings *sl_framings_new(const sl_frame_templates *t)
{
    sl_framings *all = sl_alloc(sizeof *all);

    all->templates = t;
    all->time_bytes = time_bytes(t);
    return all;
}

void sl_framings_free(sl_framings *all)
{
    SL_ASSERT(!all || !all->tree);
    free(all);
}

/* They render the same. */
static int by_content(const void *left, const void *right)
{
    const sl_framing *a = left, *b = right;
    int order = memcmp(a->filled, b->filled, sizeof a->filled);

    if (order == 0)
        order = (a->bytes > b->bytes) - (a->bytes < b->bytes);
    return order ? order : memcmp(a->parts, b->parts, a->bytes);
}

static void destroy(sl_framing *f)
{
    for (int s = 0; s < SL_STREAMS; s++) {
        if (f->frames[s]) {
            sl_buf_fini(&f->frames[s]->names);
            sl_buf_fini(&f->frames[s]->text);
        }
        free(f->frames[s]);
    }
    free(f);
}

/* All dates are as long as this one, and no stream has a longer name. */
static size_t measure(sl_framing *f)
{
    sl_record rec = {.time = "2026-11-23T04:29:00.123456789Z", .stream = SL_STDOUT};
    const sl_frame *frame = sl_framing_of(f, &rec);

    return frame->text.len + ((size_t)frame->before.id_count + frame->after.id_count) * SL_ID_MAX +
           frame->names.len + 2 * SL_TEXT_BYTES;
}

/* Of what was filled in, which goes. */
static sl_framing *make(sl_framings *all, const sl_filled filled[TEMPLATES], sl_filler *from)
{
    size_t bytes = from->parts.len + from->text.len;
    sl_framing *f = sl_alloc(sizeof *f + bytes);

    SL_ASSERT(bytes <= UINT32_MAX);
    f->all = all;
    f->bytes = (uint32_t)bytes;
    f->text = (char *)f->parts + from->parts.len;
    memcpy(f->filled, filled, sizeof f->filled);
    if (from->parts.len)
        memcpy(f->parts, from->parts.ptr, from->parts.len);
    if (from->text.len)
        memcpy((char *)f->parts + from->parts.len, from->text.ptr, from->text.len);
    sl_buf_fini(&from->parts);
    sl_buf_fini(&from->text);
    return f;
}

/* That one, or the one that is there already and renders the same. */
static sl_framing *share(sl_framing *f)
{
    sl_framing **found = tsearch(f, &f->all->tree, by_content);

    SL_ASSERT(found);
    if (*found != f)
        destroy(f);
    f = *found;
    if (f->users++ == 0)
        f->room = measure(f);
    return f;
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

sl_framing *sl_framing_get(sl_framings *all, const sl_facts *facts)
{
    const sl_frame_templates *t = all->templates;
    const sl_template *target = t->target;
    sl_filling name = t->flags & SL_TARGET_IS_PATH ? SL_FILL_PATH : SL_FILL_TEXT;
    sl_filling frame = t->flags & SL_FRAME_IS_JSON ? SL_FILL_JSON : SL_FILL_TEXT;
    sl_filler f = {.facts = facts};
    sl_filled filled[TEMPLATES];

    if (target && t->fallback && t->fallback->count > 0 && is_missing_any(target, facts))
        target = t->fallback;
    filled[TARGET] = sl_fill(&f, target, name); /* first: a path begins where the text does */
    filled[KEY] = sl_fill(&f, t->key, SL_FILL_TEXT);
    filled[BEFORE] = sl_fill(&f, t->before, frame);
    filled[AFTER] = sl_fill(&f, t->after, frame);
    return share(make(all, filled, &f));
}

void sl_framing_put(sl_framing *f)
{
    if (!f || --f->users > 0)
        return;
    tdelete(f, &f->all->tree, by_content);
    destroy(f);
}

size_t sl_framing_room(const sl_framing *f)
{
    return f->room;
}

sl_slice sl_framing_target(const sl_framing *f)
{
    const sl_filled *target = &f->filled[TARGET];

    for (uint32_t i = 0; i < target->count; i++) {
        if (f->parts[target->first + i].kind != SL_PART_TEXT)
            return (sl_slice){"", 0};
    }
    return f->frames[SL_STDOUT]->beside.target; /* measure() has rendered that one */
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

static char *put_half(char *out, const sl_frame *frame, const sl_frame_half *half,
                      const char generation[SL_NAME_LEN], const sl_record *rec)
{
    uint32_t done = half->begin;

    for (uint32_t i = 0; i < half->id_count; i++) {
        out = sl_put(out, frame->text.ptr + done, half->ids[i] - done);
        out = sl_put_id(out, generation, rec);
        done = half->ids[i];
    }
    return sl_put(out, frame->text.ptr + done, half->end - done);
}

char *sl_put_before(char *out, const sl_frame *frame, const char generation[SL_NAME_LEN],
                    const sl_record *rec)
{
    return put_half(out, frame, &frame->before, generation, rec);
}

char *sl_put_after(char *out, const sl_frame *frame, const char generation[SL_NAME_LEN],
                   const sl_record *rec)
{
    return put_half(out, frame, &frame->after, generation, rec);
}

/* --- without a container --- */

bool sl_frame_is_plain(const sl_template *half)
{
    for (size_t i = 0; half && i < half->count; i++) {
        if (half->parts[i].kind == SL_PART_FIELD)
            return false;
    }
    return true;
}

static void add_id(sl_buf *out, const char generation[SL_NAME_LEN], const sl_record *rec)
{
    sl_buf_reserve(out, SL_ID_MAX);
    out->len = (size_t)(sl_put_id(out->ptr + out->len, generation, rec) - out->ptr);
}

void sl_frame_add(const sl_template *half, unsigned flags, sl_slice target,
                  const char generation[SL_NAME_LEN], const sl_record *rec, sl_buf *out)
{
    for (size_t i = 0; half && i < half->count; i++) {
        const sl_template_part *part = &half->parts[i];

        if (part->kind == SL_PART_TEXT)
            sl_buf_add(out, part->text.ptr, part->text.len);
        else if (part->kind == SL_PART_TIME)
            sl_buf_add(out, rec->time + part->from, part->len);
        else if (part->kind == SL_PART_STREAM)
            sl_buf_add_text(out, sl_stream_names[rec->stream]);
        else if (part->kind == SL_PART_ID)
            add_id(out, generation, rec);
        else if (part->kind == SL_PART_TARGET)
            sl_fill_value(out, flags & SL_FRAME_IS_JSON ? SL_FILL_JSON : SL_FILL_TEXT, target);
    }
}
