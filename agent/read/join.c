/* join.c - see join.h. */
#include "read/join.h"

#include <stdlib.h>

void sl_join_init(sl_join *j, uint64_t budget)
{
    *j = (sl_join){0};
    sl_gate_init(&j->gate, budget);
    sl_list_init(&j->parts);
}

/* How large a part's buffer is to be for `len` bytes of text. */
static size_t cap_for(const sl_joined *of, size_t len)
{
    size_t cap = SL_PART_MIN;

    while (cap < len)
        cap *= 2;
    return cap < of->max_record ? cap : of->max_record;
}

static size_t kept_of(const sl_joined *of, size_t len, size_t more)
{
    size_t room = of->max_record - len;

    return len + (more < room ? more : room);
}

size_t sl_join_longest(const sl_joined *of)
{
    size_t longest = 0;

    for (int s = 0; s < SL_STREAMS; s++) {
        if (SL_UNLIKELY(of->parts[s] && of->parts[s]->len > longest))
            longest = of->parts[s]->len;
    }
    return longest;
}

/* len, or a little less where the last character is not whole. */
static size_t whole_characters(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = (unsigned char)text[len - back];

        if (c < 0x80)
            return len;
        if (c >= 0xc0)
            return back < (c < 0xe0 ? 2U : c < 0xf0 ? 3U : 4U) ? len - back : len;
    }
    return len;
}

static void append(sl_join *j, const sl_joined *of, sl_part *part, const sl_record *rec)
{
    size_t len = kept_of(of, part->len, rec->text.len), cap = cap_for(of, len);

    if (cap > part->cap) {
        bool fits = sl_gate_take(&j->gate, cap - part->cap);

        SL_ASSERT(fits); /* the caller asked sl_join_fits() */
        part->text = sl_realloc(part->text, cap + SL_TEXT_SLACK);
        part->cap = cap;
    }
    if (len - part->len < rec->text.len)
        part->flags |= SL_TRUNCATED;
    memcpy(part->text + part->len, rec->text.ptr, len - part->len);
    part->len = len;
    part->bytes += rec->bytes;
    part->flags |= rec->flags;
}

/* A line without earlier parts. */
static void finish_line(sl_joined *of, sl_record *rec)
{
    if (rec->text.len > of->max_record) {
        rec->text.len = whole_characters(rec->text.ptr, of->max_record);
        rec->flags |= SL_TRUNCATED;
    }
    if (SL_UNLIKELY(of->cut[rec->stream])) {
        of->cut[rec->stream] = false;
        rec->flags |= SL_PARTIAL;
    }
}

static void finish_part(const sl_part *part, sl_record *rec)
{
    rec->flags = part->flags;
    rec->text = (sl_slice){part->text, part->len};
    if (part->flags & SL_TRUNCATED)
        rec->text.len = whole_characters(part->text, part->len);
    rec->time = part->time;
    rec->at = part->at;
    rec->bytes = part->bytes;
    rec->stream = part->stream;
    rec->whole = true;
}

bool sl_join_add(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms, sl_record *rec)
{
    sl_part *part = of->parts[rec->stream];

    if (SL_LIKELY(!part && rec->whole)) {
        finish_line(of, rec);
        return true;
    }
    if (!part) {
        part = of->parts[rec->stream] = sl_alloc(sizeof *part);
        part->owner = owner;
        part->at = rec->at;
        part->since_ms = now_ms;
        part->stream = rec->stream;
        if (of->cut[rec->stream])
            part->flags = SL_PARTIAL;
        of->cut[rec->stream] = false;
        memcpy(part->time, rec->time, SL_TIME_LEN);
        sl_list_append(&j->parts, &part->link);
    }
    append(j, of, part, rec);
    if (!rec->whole)
        return false;
    finish_part(part, rec);
    return true;
}

sl_part *sl_join_oldest(const sl_join *j)
{
    return sl_list_is_empty(&j->parts) ? NULL : SL_CONTAINER_OF(j->parts.next, sl_part, link);
}

void sl_join_give_up(sl_joined *of, sl_part *part, bool rest_follows, sl_record *rec)
{
    finish_part(part, rec);
    rec->flags |= SL_PARTIAL;
    of->cut[part->stream] = rest_follows;
}

void sl_join_release(sl_join *j, sl_joined *of, sl_stream stream)
{
    sl_part *part = of->parts[stream];

    if (!part)
        return;
    of->parts[stream] = NULL;
    sl_list_remove(&part->link);
    sl_gate_give(&j->gate, part->cap);
    free(part->text);
    free(part);
}

void sl_join_drop(sl_join *j, sl_joined *of)
{
    for (int s = 0; s < SL_STREAMS; s++)
        sl_join_release(j, of, (sl_stream)s);
}
