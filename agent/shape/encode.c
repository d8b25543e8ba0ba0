/* encode.c - see encode.h: what surrounds a record, its block, and JSON. */
#include "shape/encode.h"

#include "base/buf.h"
#include "flow/batch.h"
#include "shape/encode_to.h"
#include "shape/escape.h"
#include "shape/fields.h"
#include "shape/put.h"

#include <stdlib.h>

#define SLACK 512  /* head, stream, place, flags; and what another generation's block is longer */
#define PATHS 4096 /* the same, where a file's path is in it */

const char *const sl_encoding_names[SL_ENCODINGS] = {"json", "text", "msgpack", "raw"};
const char *const sl_flag_names[SL_FLAG_COUNT] = {"truncated", "split", "partial", "raw",
                                                  "multiline"};

/* A constant, copied at its largest length. */
typedef struct head {
    char bytes[16];
    size_t len;
} head;

struct sl_encoder {
    sl_encoder_options options;
    sl_slice before, after; /* where there is no framing */
    sl_framings *framings;  /* NULL: the frame is the same for all, and there is nothing else */
    head time;              /* JSON: before the time; */
    head close;             /* and at the end */
    uint32_t time_at;       /* behind the frame; SL_NO_TIME: it is not written */
};

static sl_slice plain_text(const sl_template *t)
{
    return t && t->count > 0 ? t->parts[0].text : (sl_slice){"", 0};
}

static bool is_plain(const sl_template *t)
{
    return !t || t->count == 0 || (t->count == 1 && t->parts[0].kind == SL_PART_TEXT);
}

/* Behind the record's head. */
static uint32_t find_stamp(const sl_encoder_options *o)
{
    bool msgpack = o->encoding == SL_ENCODING_MSGPACK;
    size_t at = sl_stamp_time_at(&o->stamp, msgpack);

    return at ? (uint32_t)(at + (msgpack ? 3 : strlen("{"))) : SL_NO_TIME;
}

static uint32_t find_time(const sl_encoder_options *o)
{
    bool written = o->schema != SL_SCHEMA_FLUENTBIT || o->timestamp;

    if (!written || o->encoding == SL_ENCODING_TEXT || o->encoding == SL_ENCODING_RAW)
        return SL_NO_TIME;
    if (o->stamp.name)
        return find_stamp(o);
    return o->schema == SL_SCHEMA_FLAT ? 14 : 15; /* JSON: {"timestamp":"; msgpack has as many */
}

sl_encoder *sl_encoder_new(const sl_encoder_options *o)
{
    static const head times[SL_SCHEMAS] = {[SL_SCHEMA_ECS] = {"{\"@timestamp\":\"", 15},
                                           [SL_SCHEMA_FLUENTBIT] = {"{\"@timestamp\":\"", 15},
                                           [SL_SCHEMA_FLAT] = {"{\"timestamp\":\"", 14}};
    static const head closes[SL_SCHEMAS] = {
        [SL_SCHEMA_ECS] = {"}}", 2}, [SL_SCHEMA_FLUENTBIT] = {"}", 1}, [SL_SCHEMA_FLAT] = {"}", 1}};
    const sl_frame_templates *f = &o->frame;
    sl_encoder *e = sl_alloc(sizeof *e);

    e->options = *o;
    if (o->schema == SL_SCHEMA_FLUENTBIT && !o->timestamp)
        e->options.stamp.name = NULL; /* there is none */
    e->before = plain_text(f->before);
    e->after = plain_text(f->after);
    if (f->target || f->key || !is_plain(f->before) || !is_plain(f->after))
        e->framings = sl_framings_new(&e->options.frame);
    e->time = times[o->schema];
    e->close = closes[o->schema];
    e->time_at = find_time(&e->options);
    return e;
}

void sl_encoder_free(sl_encoder *e)
{
    if (e)
        sl_framings_free(e->framings);
    free(e);
}

/* --- what never changes for one generation --- */

static void add_constants(sl_field *fields, const sl_facts *facts)
{
    for (size_t k = 0; k < sizeof facts->fields / sizeof *facts->fields; k++) {
        const sl_pairs *pairs = facts->fields[k];

        for (size_t i = 0; pairs && i < pairs->count; i++)
            sl_fields_add_text(fields, sl_str(pairs->names[i]), sl_str(pairs->values[i]));
    }
}

/* A fact by the name that a schema has for it. */
typedef struct naming {
    int fact;
    const char *name;
} naming;

static const naming flat_names[] = {
    {SL_FACT_NAMESPACE, "namespace"},
    {SL_FACT_POD, "pod"},
    {SL_FACT_UID, "uid"},
    {SL_FACT_CONTAINER, "container"},
    {SL_FACT_NODE, "node"},
    {SL_FACT_RESTART, "restart"},
    {SL_FACT_PATH, "path"},
    {SL_FACT_GENERATION, "generation"},
};

static const naming fluentbit_names[] = {
    {SL_FACT_POD, "kubernetes.pod_name"},
    {SL_FACT_NAMESPACE, "kubernetes.namespace_name"},
    {SL_FACT_UID, "kubernetes.pod_id"},
    {SL_FACT_HOST, "kubernetes.host"},
    {SL_FACT_CONTAINER, "kubernetes.container_name"},
    {SL_FACT_CONTAINER_ID, "kubernetes.docker_id"},
};

static void add_fact(sl_field *fields, const sl_facts *facts, int fact, const char *name)
{
    if (fact == SL_FACT_RESTART)
        sl_fields_add_number(fields, sl_str(name), facts->values[fact]);
    else
        sl_fields_add_text(fields, sl_str(name), facts->values[fact]);
}

static void add_facts(sl_field *fields, const sl_facts *facts, sl_schema schema)
{
    const naming *names = schema == SL_SCHEMA_FLAT ? flat_names : fluentbit_names;
    size_t count = schema == SL_SCHEMA_FLAT ? sizeof flat_names / sizeof *names
                                            : sizeof fluentbit_names / sizeof *names;

    if (schema == SL_SCHEMA_ECS) {
        for (int i = 0; i < SL_FACTS; i++)
            add_fact(fields, facts, i, sl_fact_names[i]);
        return;
    }
    for (size_t i = 0; i < count; i++)
        add_fact(fields, facts, names[i].fact, names[i].name);
}

/* Names that each record writes by itself; the first one is that of its time. */
static const char *const own_names[SL_SCHEMAS][7] = {
    [SL_SCHEMA_ECS] = {"@timestamp", "message", "stream", "log.offset", "log.piece", "log.flags"},
    [SL_SCHEMA_FLUENTBIT] = {"@timestamp", "log", "stream", "time"},
    [SL_SCHEMA_FLAT] = {"timestamp", "message", "stream", "offset", "piece", "flags"}};

static void reserve(sl_field *fields, const sl_encoder_options *o)
{
    const char *const *name = own_names[o->schema];

    sl_fields_reserve(fields, sl_str(o->stamp.name ? o->stamp.name : *name));
    while (*++name)
        sl_fields_reserve(fields, sl_str(*name));
}

/* Is `name` that name, or the object in which it lies? */
static bool begins_with(const char *path, const char *name)
{
    size_t len = strlen(name);

    return !strncmp(path, name, len) && (!path[len] || path[len] == '.');
}

const char *sl_schema_time(sl_schema schema)
{
    return own_names[schema][0];
}

bool sl_schema_has(sl_schema schema, const char *name)
{
    const naming *names = schema == SL_SCHEMA_FLAT ? flat_names : fluentbit_names;
    size_t count = schema == SL_SCHEMA_FLAT ? sizeof flat_names / sizeof *names
                                            : sizeof fluentbit_names / sizeof *names;
    bool has = false;

    for (const char *const *own = own_names[schema] + 1; *own; own++)
        has = has || begins_with(*own, name);
    for (size_t i = 0; schema != SL_SCHEMA_ECS && i < count; i++)
        has = has || begins_with(names[i].name, name);
    for (int i = 0; schema == SL_SCHEMA_ECS && i < SL_FACTS; i++)
        has = has || begins_with(sl_fact_names[i], name);
    return has;
}

bool sl_encoding_has_place(sl_encoding encoding, sl_schema schema)
{
    return (encoding == SL_ENCODING_JSON || encoding == SL_ENCODING_MSGPACK) &&
           schema != SL_SCHEMA_FLUENTBIT;
}

/* Those that the output has for its target: a user's own come first. */
static void add_target_fields(sl_field *fields, const sl_frame_templates *t, sl_slice target)
{
    sl_slice name, value;

    if (!t->ops || !t->ops->target_field || !target.len)
        return;
    for (size_t i = 0; t->ops->target_field(t->self, target, i, &name, &value); i++)
        sl_fields_add_text(fields, name, value);
}

/* Everything between the stream and the offset. What the record says of itself comes first, so that
 * no constant field can take its place. */
static sl_field *collect_fields(const sl_encoder_options *o, const sl_facts *facts,
                                const sl_framing *framing)
{
    sl_schema schema = o->schema;
    sl_field *fields = sl_fields_new(schema == SL_SCHEMA_FLAT);

    if (schema != SL_SCHEMA_ECS) /* there, offset and flags have a place behind the generation */
        reserve(fields, o);
    add_facts(fields, facts, schema);
    if (schema == SL_SCHEMA_ECS)
        reserve(fields, o);
    add_constants(fields, facts);
    if (schema == SL_SCHEMA_ECS && framing)
        add_target_fields(fields, &o->frame, sl_framing_target(framing));
    return fields;
}

static void render_fields(const sl_encoder_options *o, const sl_facts *facts, sl_block *block,
                          sl_buf *out)
{
    sl_field *fields = collect_fields(o, facts, block->framing);
    sl_slice last = o->schema == SL_SCHEMA_ECS ? SL_SLICE("log") : (sl_slice){0};

    if (o->encoding == SL_ENCODING_JSON) {
        sl_fields_print(fields, last, out);
        if (o->schema != SL_SCHEMA_FLUENTBIT)
            sl_buf_add_text(out, ",\"offset\":");
    } else {
        block->count = sl_fields_pack(fields, last, out, &block->open);
        /* time, message, and for flat the offset; or log and time, and @timestamp if it is wanted */
        block->count = (uint16_t)(block->count + (o->schema == SL_SCHEMA_FLAT ? 3 : 2) +
                                  (o->schema == SL_SCHEMA_FLUENTBIT && o->timestamp));
        if (o->schema == SL_SCHEMA_ECS)
            block->inside = (uint16_t)(1 + (uint16_t)((unsigned char)out->ptr[block->open] << 8 |
                                                      (unsigned char)out->ptr[block->open + 1]));
    }
    sl_fields_free(fields);
}

static uint32_t growth(const sl_encoder_options *o)
{
    switch (o->encoding) {
    case SL_ENCODING_JSON:
        return SL_ESCAPE_GROWTH;
    case SL_ENCODING_TEXT:
        return o->terminal ? 4 : 1; /* \xNN */
    case SL_ENCODING_MSGPACK:
        return 3; /* U+FFFD for each byte */
    default:
        return 1;
    }
}

static uint32_t fixed_room(const sl_encoder *e, const sl_block *block, const sl_origin *origin)
{
    size_t frame = block->framing ? sl_framing_room(block->framing) : e->before.len + e->after.len;
    size_t fixed = block->len + frame + SLACK + (origin->path.len > 0 ? PATHS : 0);

    SL_ASSERT(fixed <= UINT32_MAX);
    return (uint32_t)fixed;
}

sl_block *sl_encoder_block(const sl_encoder *e, const sl_origin *origin)
{
    const sl_encoder_options *o = &e->options;
    sl_block start = {.growth = growth(o)}, *block;
    sl_buf bytes = {0};
    sl_facts facts;

    sl_buf_reserve(&bytes, 512); /* most fit */
    sl_facts_init(&facts, &o->constants, origin);
    if (e->framings)
        start.framing = sl_framing_get(e->framings, &facts);
    if (o->encoding == SL_ENCODING_TEXT)
        sl_text_label(o, origin, &bytes);
    else if (o->encoding != SL_ENCODING_RAW)
        render_fields(o, &facts, &start, &bytes);
    start.len = (uint32_t)bytes.len;
    start.fixed = fixed_room(e, &start, origin);
    if (origin->generation)
        memcpy(start.generation, origin->generation, SL_NAME_LEN);
    block = sl_alloc_raw(sizeof *block + bytes.len);
    *block = start;
    memcpy(block->bytes, bytes.ptr, bytes.len);
    sl_buf_fini(&bytes);
    return block;
}

void sl_block_free(sl_block *block)
{
    if (block)
        sl_framing_put(block->framing);
    free(block);
}

/* --- for each record --- */

/* As sl_escape(), with U+FFFD for what is not UTF-8. */
static char *escape_repaired(char *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;

    while (p < end) {
        int step = sl_utf8_step(p, (size_t)(end - p));

        if (step < 0) {
            out = SL_PUT(out, SL_REPLACEMENT);
            step = -step;
        } else if (*p < 0x20 || *p == '"' || *p == '\\') {
            out = sl_escape_byte(out, *p);
        } else {
            out = sl_put(out, (const char *)p, (size_t)step);
        }
        p += step;
    }
    return out;
}

static inline char *put_message(char *out, sl_slice text)
{
    bool high;
    char *end = sl_escape(out, text.ptr, text.len, &high);

    if (SL_UNLIKELY(high && !sl_is_utf8(text.ptr, text.len)))
        end = escape_repaired(out, text.ptr, text.len);
    return end;
}

static char *put_flags(char *out, unsigned flags)
{
    const char *comma = "\"";

    out = SL_PUT(out, ",\"flags\":[");
    for (size_t i = 0; i < SL_FLAG_COUNT; i++) {
        if (!(flags & 1U << i))
            continue;
        out = sl_put(out, comma, strlen(comma));
        out = sl_put(out, sl_flag_names[i], strlen(sl_flag_names[i]));
        out = SL_PUT(out, "\"");
        comma = ",\"";
    }
    return SL_PUT(out, "]");
}

/* Behind a message. */
static inline char *put_stream(char *out, sl_stream stream)
{
    static const struct {
        char bytes[24];
        size_t len;
    } streams[SL_STREAMS] = {
        [SL_STDOUT] = {"\",\"stream\":\"stdout\"", 19},
        [SL_STDERR] = {"\",\"stream\":\"stderr\"", 19},
        [SL_RAW] = {"\"", 1}, /* it has none */
    };

    sl_put(out, streams[stream].bytes, sizeof streams->bytes);
    return out + streams[stream].len;
}

static inline char *put_head(char *out, const head *h)
{
    sl_put(out, h->bytes, sizeof h->bytes);
    return out + h->len;
}

/* Schemas ecs and flat. */
static inline char *put_json(char *out, const sl_encoder *e, const sl_block *block,
                             const sl_record *rec)
{
    if (SL_UNLIKELY(e->options.stamp.name)) {
        out = sl_stamp_put_json(SL_PUT(out, "{"), &e->options.stamp, rec->time);
        out = SL_PUT(out, ",\"message\":\"");
    } else {
        out = sl_put(put_head(out, &e->time), rec->time, SL_TIME_LEN);
        out = SL_PUT(out, "\",\"message\":\"");
    }
    out = put_message(out, rec->text);
    out = put_stream(out, rec->stream);
    out = sl_put(out, block->bytes, block->len);
    out = sl_put_number(out, rec->at.offset);
    if (SL_UNLIKELY(rec->piece))
        out = sl_put_number(SL_PUT(out, ",\"piece\":"), rec->piece);
    if (SL_UNLIKELY(rec->flags))
        out = put_flags(out, rec->flags);
    return put_head(out, &e->close);
}

static char *put_fluentbit(char *out, const sl_encoder *e, const sl_block *block,
                           const sl_record *rec)
{
    sl_slice written = sl_time_written(rec);

    if (e->options.stamp.name) {
        out = sl_stamp_put_json(SL_PUT(out, "{"), &e->options.stamp, rec->time);
        out = SL_PUT(out, ",\"log\":\"");
    } else if (e->options.timestamp) {
        out = sl_put(put_head(out, &e->time), rec->time, SL_TIME_LEN);
        out = SL_PUT(out, "\",\"log\":\"");
    } else {
        out = SL_PUT(out, "{\"log\":\"");
    }
    out = put_message(out, rec->text);
    out = put_stream(out, rec->stream);
    out = SL_PUT(out, ",\"time\":\"");
    out = sl_put(out, written.ptr, written.len);
    out = SL_PUT(out, "\"");
    out = sl_put(out, block->bytes, block->len);
    return put_head(out, &e->close);
}

static inline char *put_value(char *out, const sl_encoder *e, const sl_block *block,
                              const sl_record *rec)
{
    const sl_encoder_options *o = &e->options;

    if (SL_LIKELY(o->encoding == SL_ENCODING_JSON))
        return o->schema == SL_SCHEMA_FLUENTBIT ? put_fluentbit(out, e, block, rec)
                                                : put_json(out, e, block, rec);
    if (o->encoding == SL_ENCODING_MSGPACK)
        return sl_put_msgpack(out, o, block, rec);
    if (o->encoding == SL_ENCODING_TEXT)
        return sl_put_text(out, o->terminal, block, rec);
    return sl_put(out, rec->text.ptr, rec->text.len);
}

static sl_encoded encode_framed(const sl_encoder *e, const sl_block *block, const sl_record *rec,
                                char *out)
{
    const sl_frame *frame = sl_framing_of(block->framing, rec);
    char *value, *end;
    sl_encoded encoded = {.beside = &frame->beside};

    value = sl_put_before(out, frame, block->generation, rec);
    end = put_value(value, e, block, rec);
    encoded.before = (uint32_t)(value - out);
    encoded.len = (size_t)(sl_put_after(end, frame, block->generation, rec) - out);
    encoded.after = (uint32_t)(encoded.len - (size_t)(end - out));
    encoded.time = e->time_at == SL_NO_TIME ? SL_NO_TIME : encoded.before + e->time_at;
    return encoded;
}

sl_encoded sl_encode(const sl_encoder *e, const sl_block *block, const sl_record *rec, char *out)
{
    char *end;

    if (SL_UNLIKELY(block->framing))
        return encode_framed(e, block, rec, out);
    end = sl_put(out, e->before.ptr, e->before.len);
    end = put_value(end, e, block, rec);
    end = sl_put(end, e->after.ptr, e->after.len);
    return (sl_encoded){.len = (size_t)(end - out),
                        .before = (uint32_t)e->before.len,
                        .after = (uint32_t)e->after.len,
                        .time = e->time_at == SL_NO_TIME ? SL_NO_TIME
                                                         : (uint32_t)e->before.len + e->time_at};
}
