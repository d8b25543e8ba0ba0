/* snapshot.c - see snapshot.h.
 *
 * One description of the structs (the `shape` tables) is walked by pack, unpack and free alike, so
 * that none of them can forget a field. A new field is a row, and needs a new minor; its absence in
 * older files has to be allowed then. */
#include "ship/snapshot.h"

#include "ship/msgpack_read.h"

#include <msgpack.h>
#include <stdlib.h>
#include <zlib.h>

#define MAGIC   SL_SLICE("SLUICECP")
#define MAJOR   1
#define MINOR   2
#define CRC_LEN 4

/* --- the shape of a snapshot --- */

typedef enum { U32, U64, I64, TEXT, NAME, MAP, LIST } kind;

typedef struct shape shape;

typedef struct field {
    const char *key; /* NULL: an item of a list has none */
    kind kind;
    bool optional;            /* left out where it is zero: of a newer minor, or seldom there */
    size_t at;                /* in the struct that it is a field of */
    const shape *of;          /* MAP: its fields */
    const struct field *item; /* LIST */
    size_t count_at;          /* LIST */
} field;

struct shape {
    size_t size; /* of the struct */
    const field *fields;
    size_t count;
};

#define SHAPE(type, rows)                                 \
    {                                                     \
        sizeof(type), rows, sizeof(rows) / sizeof *(rows) \
    }
#define NUMBER(k, type, member)                                   \
    {                                                             \
        .key = #member, .kind = (k), .at = offsetof(type, member) \
    }
#define LATER(k, type, member)                                                      \
    {                                                                               \
        .key = #member, .kind = (k), .optional = true, .at = offsetof(type, member) \
    }
#define WORDS(type, member)                                        \
    {                                                              \
        .key = #member, .kind = TEXT, .at = offsetof(type, member) \
    }
#define STREAM(name, stream)                                                             \
    {                                                                                    \
        .key = (name), .kind = MAP, .optional = true,                                    \
        .at = offsetof(sl_saved_cursor, streams) + (stream) * sizeof(sl_saved_position), \
        .of = &position_shape                                                            \
    }
#define ITEMS(name, type, member, count_member, the_item)                              \
    {                                                                                  \
        .key = (name), .kind = LIST, .at = offsetof(type, member), .item = (the_item), \
        .count_at = offsetof(type, count_member)                                       \
    }

static const field position_fields[] = {
    {.key = "seq", .kind = U64, .at = offsetof(sl_saved_position, at.seq)},
    {.key = "offset", .kind = U64, .at = offsetof(sl_saved_position, at.offset)},
    NUMBER(U64, sl_saved_position, hash),
};
static const shape position_shape = SHAPE(sl_saved_position, position_fields);

static const field cursor_fields[] = {
    NUMBER(U32, sl_saved_cursor, lane),
    STREAM("stdout", SL_STDOUT),
    STREAM("stderr", SL_STDERR),
    STREAM("raw", SL_RAW),
    {.key = "lost_seq", .kind = U64, .at = offsetof(sl_saved_cursor, lost.seq), .optional = true},
    {.key = "lost_from",
     .kind = U64,
     .at = offsetof(sl_saved_cursor, lost.offset),
     .optional = true},
};
static const shape cursor_shape = SHAPE(sl_saved_cursor, cursor_fields);
static const field cursor_item = {.kind = MAP, .of = &cursor_shape};

static const field generation_fields[] = {
    NUMBER(U64, sl_saved_generation, seq),
    NUMBER(U64, sl_saved_generation, dev),
    NUMBER(U64, sl_saved_generation, ino),
    {.key = "birth", .kind = I64, .at = offsetof(sl_saved_generation, birth_ns)},
    NUMBER(NAME, sl_saved_generation, name),
    NUMBER(U32, sl_saved_generation, attempt),
    {.key = "first", .kind = I64, .at = offsetof(sl_saved_generation, first_ns)},
    NUMBER(U64, sl_saved_generation, size),
    NUMBER(U64, sl_saved_generation, begin),
    NUMBER(U64, sl_saved_generation, end),
    WORDS(sl_saved_generation, file),
    LATER(NAME, sl_saved_generation, head),
    LATER(U32, sl_saved_generation, cuts),
};
static const shape generation_shape = SHAPE(sl_saved_generation, generation_fields);
static const field generation_item = {.kind = MAP, .of = &generation_shape};

static const field source_fields[] = {
    WORDS(sl_saved_source, namespace),
    WORDS(sl_saved_source, pod),
    WORDS(sl_saved_source, uid),
    WORDS(sl_saved_source, container),
    LATER(TEXT, sl_saved_source, path),
    NUMBER(U64, sl_saved_source, next_seq),
    ITEMS("generations", sl_saved_source, generations, generation_count, &generation_item),
    ITEMS("cursors", sl_saved_source, cursors, cursor_count, &cursor_item),
};
static const shape source_shape = SHAPE(sl_saved_source, source_fields);
static const field source_item = {.kind = MAP, .of = &source_shape};

static const field lane_item = {.kind = TEXT};

static const field snapshot_fields[] = {
    ITEMS("lanes", sl_snapshot, lanes, lane_count, &lane_item),
    ITEMS("sources", sl_snapshot, sources, source_count, &source_item),
};
static const shape snapshot_shape = SHAPE(sl_snapshot, snapshot_fields);
static const field snapshot_item = {.kind = MAP, .of = &snapshot_shape};

static size_t item_size(const field *item)
{
    return item->kind == TEXT ? sizeof(char *) : item->of->size;
}

static size_t value_size(const field *f)
{
    static const size_t sizes[] = {[U32] = sizeof(uint32_t),
                                   [U64] = sizeof(uint64_t),
                                   [I64] = sizeof(int64_t),
                                   [TEXT] = sizeof(char *),
                                   [NAME] = sizeof(sl_name)};

    return f->kind == MAP ? f->of->size : sizes[f->kind];
}

/* A position of a stream that was never seen, and so on; all else has to be there. */
static bool is_left_out(const field *f, const char *object)
{
    static const char zeros[sizeof(sl_saved_position)];

    return f->optional && memcmp(object + f->at, zeros, value_size(f)) == 0;
}

/* --- pack --- */

static int append(void *out, const char *bytes, size_t len)
{
    sl_buf_add(out, bytes, len);
    return 0;
}

static void pack_text(msgpack_packer *p, const char *text)
{
    msgpack_pack_str(p, strlen(text));
    msgpack_pack_str_body(p, text, strlen(text));
}

static void pack_value(msgpack_packer *p, const field *f, const char *object);

static void pack_map(msgpack_packer *p, const shape *s, const char *object)
{
    size_t count = 0;

    for (size_t i = 0; i < s->count; i++)
        count += !is_left_out(&s->fields[i], object);
    msgpack_pack_map(p, count);
    for (size_t i = 0; i < s->count; i++) {
        if (is_left_out(&s->fields[i], object))
            continue;
        pack_text(p, s->fields[i].key);
        pack_value(p, &s->fields[i], object);
    }
}

static void pack_list(msgpack_packer *p, const field *f, const char *object)
{
    const char *items = *(char *const *)(const void *)(object + f->at);
    size_t count = *(const size_t *)(const void *)(object + f->count_at);

    msgpack_pack_array(p, count);
    for (size_t i = 0; i < count; i++)
        pack_value(p, f->item, items + i * item_size(f->item));
}

static void pack_value(msgpack_packer *p, const field *f, const char *object)
{
    const void *value = object + f->at;

    switch (f->kind) {
    case U32:
        msgpack_pack_uint32(p, *(const uint32_t *)value);
        break;
    case U64:
        msgpack_pack_uint64(p, *(const uint64_t *)value);
        break;
    case I64:
        msgpack_pack_int64(p, *(const int64_t *)value);
        break;
    case TEXT:
        pack_text(p, *(char *const *)value);
        break;
    case NAME:
        msgpack_pack_bin(p, sizeof(sl_name));
        msgpack_pack_bin_body(p, value, sizeof(sl_name));
        break;
    case MAP:
        pack_map(p, f->of, value);
        break;
    case LIST:
        pack_list(p, f, object);
        break;
    }
}

static uint32_t crc_of(sl_slice bytes)
{
    return (uint32_t)crc32_z(0, (const Bytef *)bytes.ptr, bytes.len);
}

void sl_snapshot_pack(const sl_snapshot *s, sl_buf *out)
{
    size_t start = out->len;
    uint8_t crc[CRC_LEN];
    msgpack_packer p;
    uint32_t sum;

    msgpack_packer_init(&p, out, append);
    sl_buf_add(out, MAGIC.ptr, MAGIC.len);
    msgpack_pack_array(&p, 3);
    msgpack_pack_uint32(&p, MAJOR);
    msgpack_pack_uint32(&p, MINOR);
    pack_value(&p, &snapshot_item, (const char *)s);
    sum = crc_of(sl_slice_from(sl_buf_slice(out), start));
    for (unsigned i = 0; i < CRC_LEN; i++)
        crc[i] = (uint8_t)(sum >> (8 * i));
    sl_buf_add(out, crc, sizeof crc);
}

/* --- free --- */

static void drop(const field *f, char *object)
{
    void *value = object + f->at;

    if (f->kind == TEXT) {
        free(*(char **)value);
    } else if (f->kind == MAP) {
        for (size_t i = 0; i < f->of->count; i++)
            drop(&f->of->fields[i], value);
    } else if (f->kind == LIST) {
        char *items = *(char **)value;
        size_t count = *(size_t *)(void *)(object + f->count_at);

        for (size_t i = 0; i < count; i++)
            drop(f->item, items + i * item_size(f->item));
        free(items);
    }
}

void sl_snapshot_free(sl_snapshot *s)
{
    if (!s)
        return;
    drop(&snapshot_item, (char *)s);
    free(s);
}

/* --- unpack --- */

/* The fewest bytes that a value takes: what bounds the memory that a count can ask for. */
static size_t least_bytes(const field *f)
{
    size_t least = 1;

    for (size_t i = 0; f->kind == MAP && i < f->of->count; i++)
        if (!f->of->fields[i].optional)
            least += 1 + strlen(f->of->fields[i].key) + least_bytes(&f->of->fields[i]);
    return least;
}

static const field *find_field(const shape *s, sl_slice key)
{
    for (size_t i = 0; i < s->count; i++)
        if (sl_slice_eq(sl_str(s->fields[i].key), key))
            return &s->fields[i];
    return NULL;
}

static bool unpack_value(sl_mp_reader *r, const field *f, char *object);

static bool unpack_map(sl_mp_reader *r, const shape *s, char *object)
{
    uint32_t seen = 0;
    size_t pairs;

    if (!sl_mp_open(r, SL_MP_MAP, &pairs))
        return false;
    while (pairs-- > 0) {
        const field *f;
        sl_slice key;

        if (!sl_mp_bytes(r, SL_MP_TEXT, &key))
            return false;
        f = find_field(s, key);
        if (f) {
            uint32_t bit = UINT32_C(1) << (f - s->fields);

            if ((seen & bit) || !unpack_value(r, f, object))
                return false;
            seen |= bit;
        } else if (!sl_mp_skip(r)) { /* of a newer minor */
            return false;
        }
    }
    for (size_t i = 0; i < s->count; i++)
        if (!s->fields[i].optional && !(seen & UINT32_C(1) << i))
            return false;
    return true;
}

static bool unpack_list(sl_mp_reader *r, const field *f, char *object)
{
    size_t size = item_size(f->item), count;
    char *items;

    if (!sl_mp_open(r, SL_MP_LIST, &count) || count > r->rest.len / least_bytes(f->item))
        return false;
    if (count == 0)
        return true;
    items = sl_alloc(count * size);
    *(char **)(void *)(object + f->at) = items;
    *(size_t *)(void *)(object + f->count_at) = count;
    for (size_t i = 0; i < count; i++)
        if (!unpack_value(r, f->item, items + i * size))
            return false;
    return true;
}

static bool unpack_text(sl_mp_reader *r, char **out)
{
    sl_slice text;

    if (!sl_mp_bytes(r, SL_MP_TEXT, &text) || memchr(text.ptr, '\0', text.len))
        return false;
    *out = sl_strndup(text.ptr, text.len);
    return true;
}

static bool unpack_value(sl_mp_reader *r, const field *f, char *object)
{
    void *value = object + f->at;
    uint64_t number = 0;
    sl_slice bytes;

    switch (f->kind) {
    case U32:
        if (!sl_mp_uint(r, UINT32_MAX, &number))
            return false;
        *(uint32_t *)value = (uint32_t)number;
        return true;
    case U64:
        return sl_mp_uint(r, UINT64_MAX, value);
    case I64:
        return sl_mp_int(r, value);
    case TEXT:
        return unpack_text(r, value);
    case NAME:
        if (!sl_mp_bytes(r, SL_MP_BYTES, &bytes) || bytes.len != sizeof(sl_name))
            return false;
        memcpy(value, bytes.ptr, bytes.len);
        return true;
    case MAP:
        return unpack_map(r, f->of, value);
    case LIST:
        return unpack_list(r, f, object);
    }
    return false;
}

/* --- does it make sense? --- */

/* They become parts of paths. */
static bool is_file_name(const char *name)
{
    return !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool generations_make_sense(const sl_saved_source *s)
{
    uint64_t last = 0;

    for (size_t i = 0; i < s->generation_count; i++) {
        const sl_saved_generation *g = &s->generations[i];

        if (g->seq <= last || g->begin > g->size || (g->end != UINT64_MAX && g->end > g->size) ||
            !is_file_name(g->file))
            return false;
        last = g->seq;
    }
    return last < s->next_seq;
}

/* NULL: it is finished, and was forgotten. */
static const sl_saved_generation *find_generation(const sl_saved_source *s, uint64_t seq)
{
    size_t from = 0, to = s->generation_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (s->generations[middle].seq == seq)
            return &s->generations[middle];
        if (s->generations[middle].seq < seq)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static bool position_makes_sense(const sl_saved_source *s, const sl_place *at)
{
    const sl_saved_generation *g = find_generation(s, at->seq);

    return at->seq < s->next_seq && (!g || at->offset <= g->size);
}

static bool source_makes_sense(const sl_saved_source *s, size_t lane_count)
{
    bool named = s->path ? *s->path == '/'
                         : is_file_name(s->namespace) && is_file_name(s->pod) &&
                               is_file_name(s->uid) && is_file_name(s->container);

    if (!named || !generations_make_sense(s))
        return false;
    for (size_t i = 0; i < s->cursor_count; i++) {
        if (s->cursors[i].lane >= lane_count)
            return false;
        for (size_t stream = 0; stream < SL_STREAMS; stream++)
            if (!position_makes_sense(s, &s->cursors[i].streams[stream].at))
                return false;
    }
    return true;
}

static bool makes_sense(const sl_snapshot *s)
{
    for (size_t i = 0; i < s->source_count; i++)
        if (!source_makes_sense(&s->sources[i], s->lane_count))
            return false;
    return true;
}

sl_err sl_snapshot_unpack(sl_slice bytes, sl_snapshot **out, const char **why)
{
    sl_mp_reader r;
    uint64_t major, minor;
    uint32_t sum = 0;
    size_t parts;

    *out = NULL;
    *why = bytes.len == 0 ? "it is empty" : "it does not begin as a checkpoint does";
    if (!sl_slice_starts(bytes, MAGIC))
        return SL_E_FORMAT;
    *why = "its checksum is wrong: it was cut short or changed";
    if (bytes.len < MAGIC.len + CRC_LEN)
        return SL_E_FORMAT;
    bytes.len -= CRC_LEN;
    for (unsigned i = 0; i < CRC_LEN; i++)
        sum |= (uint32_t)(uint8_t)bytes.ptr[bytes.len + i] << (8 * i);
    if (sum != crc_of(bytes))
        return SL_E_FORMAT;
    r.rest = sl_slice_from(bytes, MAGIC.len);
    *why = "its contents are not what its format promises";
    if (!sl_mp_open(&r, SL_MP_LIST, &parts) || !sl_mp_uint(&r, UINT64_MAX, &major))
        return SL_E_FORMAT;
    if (major > MAJOR)
        return SL_E_NEWER;
    if (major < MAJOR || parts != 3 || !sl_mp_uint(&r, UINT64_MAX, &minor))
        return SL_E_FORMAT;
    *out = sl_alloc(sizeof **out);
    if (unpack_value(&r, &snapshot_item, (char *)*out) && r.rest.len == 0) {
        *why = "its numbers contradict each other";
        if (makes_sense(*out))
            return 0;
    }
    sl_snapshot_free(*out);
    *out = NULL;
    return SL_E_FORMAT;
}
