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

size_t sl_join_longest(const sl_joined *of)
{
    size_t longest = 0;

    for (int s = 0; s < SL_STREAMS; s++) {
        if (SL_UNLIKELY(of->parts[s] && of->parts[s]->len > longest))
            longest = of->parts[s]->len;
    }
    return longest;
}

bool sl_join_is_alone(const sl_join *j, const sl_joined *of)
{
    bool alone = false;

    for (int s = 0; s < SL_STREAMS; s++)
        alone = alone || (of->parts[s] && of->parts[s]->cap == j->gate.held);
    return alone;
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

static void append(sl_join *j, const sl_joined *of, sl_part *part, sl_slice text)
{
    size_t len = part->len + text.len, cap = cap_for(of, len);

    SL_ASSERT(len <= of->max_record);
    if (cap > part->cap) {
        sl_gate_force(&j->gate, cap - part->cap); /* the caller asked sl_join_fits() */
        part->text = sl_realloc(part->text, cap + SL_TEXT_SLACK);
        part->cap = cap;
    }
    memcpy(part->text + part->len, text.ptr, text.len);
    part->len = len;
}

/* What fits; the rest is not kept. */
static void append_line(sl_join *j, const sl_joined *of, sl_part *part, const sl_record *rec)
{
    size_t room = of->max_record - part->len;
    sl_slice text = rec->text;

    if (text.len > room) {
        text.len = room;
        part->flags |= SL_TRUNCATED;
    }
    append(j, of, part, text);
    part->bytes += rec->bytes;
    part->flags |= rec->flags;
}

static void give_memory_back(sl_join *j, sl_part *part)
{
    sl_gate_give(&j->gate, part->cap);
    free(part->text);
    part->text = NULL;
    part->len = part->cap = 0;
}

/* A line without earlier parts. */
static void finish_line(sl_joined *of, sl_record *rec)
{
    if (rec->text.len > of->max_record) {
        rec->text.len = whole_characters(rec->text.ptr, of->max_record);
        rec->flags |= SL_TRUNCATED;
    }
    if (SL_UNLIKELY(of->rest[rec->stream])) {
        of->rest[rec->stream] = SL_REST_NONE;
        rec->flags |= SL_PARTIAL;
    }
}

/* The part with that text as a record. */
static void make_record(const sl_part *part, sl_slice text, sl_record *rec)
{
    rec->flags = part->flags;
    rec->text = text;
    rec->time = part->time;
    rec->written = (sl_slice){part->written, part->written_len};
    rec->at = part->at;
    rec->bytes = part->bytes;
    rec->stream = part->stream;
    rec->piece = part->piece;
    rec->whole = true;
}

static void finish_part(const sl_part *part, sl_record *rec)
{
    sl_slice text = {part->text, part->len};

    if (part->rest_len > 0) /* all that there is of this piece */
        text = (sl_slice){part->rest, part->rest_len};
    else if (part->flags & SL_TRUNCATED)
        text.len = whole_characters(part->text, part->len);
    make_record(part, text, rec);
}

/* The stream's open part; a new one begins with this line. */
static sl_part *part_of(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms,
                        const sl_record *rec)
{
    sl_part *part = of->parts[rec->stream];

    if (part)
        return part;
    part = of->parts[rec->stream] = sl_alloc(sizeof *part);
    part->owner = owner;
    part->at = rec->at;
    part->since_ms = now_ms;
    part->stream = rec->stream;
    part->flags = of->rest[rec->stream] == SL_REST_FLAGGED ? SL_PARTIAL : 0;
    part->dropped = of->rest[rec->stream] == SL_REST_DROPPED;
    of->rest[rec->stream] = SL_REST_NONE;
    memcpy(part->time, rec->time, SL_TIME_LEN);
    part->written_len = (uint8_t)rec->written.len;
    if (rec->written.len > 0)
        memcpy(part->written, rec->written.ptr, rec->written.len);
    sl_list_append(&j->parts, &part->link);
    return part;
}

bool sl_join_add(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms, sl_record *rec)
{
    sl_part *part;

    if (SL_LIKELY(!of->parts[rec->stream] && rec->whole)) {
        finish_line(of, rec);
        return true;
    }
    part = part_of(j, of, owner, now_ms, rec);
    append_line(j, of, part, rec);
    if (!rec->whole)
        return false;
    finish_part(part, rec);
    return true;
}

/* --- records that are too long --- */

/* How much of text is a piece: whole characters, but for bytes that are none. */
static size_t piece_of(const sl_joined *of, const char *text)
{
    size_t len = whole_characters(text, of->max_record);

    return len > 0 ? len : of->max_record; /* smaller than a character */
}

/* A full piece, of what was kept and what the line has; or of the line alone, where it stands. */
static sl_slice cut_piece(sl_join *j, sl_joined *of, sl_part *part, sl_slice text)
{
    size_t room = of->max_record - part->len, len;

    if (part->len == 0) {
        len = piece_of(of, text.ptr);
        of->taken += len;
        return (sl_slice){text.ptr, len};
    }
    append(j, of, part, (sl_slice){text.ptr, room});
    of->taken += room;
    part->left = piece_of(of, part->text);
    return (sl_slice){part->text, part->left};
}

/* The end of a record, in its last piece. */
static sl_slice cut_last(sl_join *j, const sl_joined *of, sl_part *part, sl_slice text)
{
    if (part->len == 0)
        return text;
    append(j, of, part, text);
    return (sl_slice){part->text, part->len};
}

size_t sl_join_next_piece(const sl_joined *of, const sl_record *line)
{
    const sl_part *part = of->parts[line->stream];
    size_t len = line->text.len - of->taken + (part ? part->rest_len + part->len : 0);

    if (len > of->max_record)
        return of->max_record;
    return line->whole ? len : 0;
}

sl_split sl_join_split(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms,
                       const sl_record *line, sl_record *piece)
{
    sl_part *part = part_of(j, of, owner, now_ms, line);
    sl_slice text = sl_slice_from(line->text, of->taken), cut;
    bool full = part->rest_len + part->len + text.len > of->max_record;
    size_t taken = of->taken;

    part->flags |= line->flags | (full ? SL_SPLIT : 0);
    if (part->rest_len > 0)
        append(j, of, part, (sl_slice){part->rest, part->rest_len});
    part->rest_len = 0;
    if (!full && !line->whole)
        append(j, of, part, text);
    cut = full ? cut_piece(j, of, part, text) : line->whole ? cut_last(j, of, part, text) : text;
    part->bytes += full ? of->taken - taken : line->bytes - taken;
    if (full || line->whole)
        make_record(part, cut, piece);
    of->halfway = full ? part : NULL;
    of->halfway_at = line->at;
    if (full)
        return SL_SPLIT_PIECE;
    of->taken = 0;
    return line->whole ? SL_SPLIT_LAST : SL_SPLIT_KEPT;
}

void sl_join_left(sl_join *j, sl_joined *of, sl_stream stream)
{
    sl_part *part = of->parts[stream];

    part->rest_len = (uint8_t)(part->len - part->left);
    if (part->rest_len > 0)
        memcpy(part->rest, part->text + part->left, part->rest_len);
    part->left = 0;
    part->bytes = 0;
    part->piece++;
    give_memory_back(j, part);
}

bool sl_join_drops(const sl_joined *of, sl_stream stream)
{
    const sl_part *part = of->parts[stream];

    return of->on_oversize == SL_OVERSIZE_DROP || of->rest[stream] == SL_REST_DROPPED ||
           (part && (part->dropped || part->piece == SL_PIECE_MAX));
}

uint64_t sl_join_drop_line(sl_join *j, sl_joined *of, void *owner, uint64_t now_ms,
                           const sl_record *line)
{
    sl_part *part = part_of(j, of, owner, now_ms, line);
    uint64_t bytes = part->bytes;

    give_memory_back(j, part);
    part->dropped = true;
    part->bytes = 0;
    part->rest_len = 0;
    of->halfway = NULL;
    of->taken = 0;
    if (line->whole)
        sl_join_release(j, of, line->stream);
    return bytes;
}

/* --- parts that end early --- */

sl_part *sl_join_oldest(const sl_join *j)
{
    SL_LIST_EACH(&j->parts, link)
    {
        sl_part *part = SL_CONTAINER_OF(link, sl_part, link);

        if (part->cap > 0)
            return part;
    }
    return NULL;
}

bool sl_join_give_up(sl_joined *of, sl_part *part, bool rest_follows, sl_record *rec)
{
    of->rest[part->stream] = !rest_follows   ? SL_REST_NONE
                             : part->dropped ? SL_REST_DROPPED
                                             : SL_REST_FLAGGED;
    if (part->bytes == 0 && part->rest_len == 0)
        return false;
    finish_part(part, rec);
    rec->flags |= SL_PARTIAL;
    return true;
}

void sl_join_release(sl_join *j, sl_joined *of, sl_stream stream)
{
    sl_part *part = of->parts[stream];

    if (!part)
        return;
    of->parts[stream] = NULL;
    if (of->halfway == part) {
        of->halfway = NULL;
        of->taken = 0;
    }
    sl_list_remove(&part->link);
    give_memory_back(j, part);
    free(part);
}

void sl_join_drop(sl_join *j, sl_joined *of)
{
    for (int s = 0; s < SL_STREAMS; s++)
        sl_join_release(j, of, (sl_stream)s);
}
