/* dead_entry.c - see dead_entry.h.
 *
 * Reading is for what we wrote, and stands up to anything else: one pass, no recursion, no tree. */
#include "ship/dead_entry.h"

#include "base/utf8.h"

/* --- out --- */

static void add_field(sl_buf *out, const char *name, sl_slice text)
{
    if (text.len == 0)
        return;
    sl_buf_add_format(out, ",\"%s\":\"", name);
    sl_buf_add_json(out, text);
    sl_buf_add_text(out, "\"");
}

static void add_number(sl_buf *out, const char *name, uint64_t number)
{
    sl_buf_add_format(out, ",\"%s\":%llu", name, (unsigned long long)number);
}

static bool is_text(sl_slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;
    int step = 1;

    while (p < end && (step = sl_utf8_step(p, (size_t)(end - p))) > 0)
        p += step;
    return step > 0;
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void add_base64(sl_buf *out, sl_slice bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;

    sl_buf_reserve(out, bytes.len / 3 * 4 + 4);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                         (left > 2 ? p[i + 2] : 0);
        char four[4] = {base64[three >> 18], base64[three >> 12 & 63],
                        left > 1 ? base64[three >> 6 & 63] : '=',
                        left > 2 ? base64[three & 63] : '='};

        sl_buf_add(out, four, 4);
    }
}

static void add_value(sl_buf *out, sl_slice value, bool json)
{
    if (json && value.len > 0 && *value.ptr == '{') {
        sl_buf_add_text(out, ",\"message\":");
        sl_buf_add(out, value.ptr, value.len);
    } else if (is_text(value)) {
        sl_buf_add_text(out, ",\"message\":\"");
        sl_buf_add_json(out, value);
        sl_buf_add_text(out, "\"");
    } else {
        sl_buf_add_text(out, ",\"base64\":\"");
        add_base64(out, value);
        sl_buf_add_text(out, "\"");
    }
}

void sl_dead_entry_write(const sl_dead_entry *e, bool json, sl_buf *out)
{
    sl_buf_add_format(out, "{\"time\":\"%.*s\"", (int)e->time.len, e->time.ptr);
    add_field(out, "output", e->output);
    add_field(out, "reason", e->reason);
    add_field(out, "error", e->error);
    add_field(out, "namespace", e->namespace);
    add_field(out, "pod", e->pod);
    add_field(out, "container", e->container);
    add_field(out, "generation", e->generation);
    add_number(out, "offset", e->offset);
    if (e->piece)
        add_number(out, "piece", e->piece);
    add_field(out, "target", e->target);
    add_field(out, "key", e->key);
    add_field(out, "timestamp", e->timestamp);
    add_field(out, "before", e->before);
    add_field(out, "after", e->after);
    add_value(out, e->value, json);
    sl_buf_add_text(out, "}\n");
}

/* --- back --- */

typedef struct reader {
    const char *at, *end;
} reader;

static bool take(reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static void add_character(sl_buf *out, uint32_t c)
{
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : 3; /* we write no surrogates */

    if (len == 1) {
        bytes[0] = (char)c;
    } else if (len == 2) {
        bytes[0] = (char)(0xc0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3f));
    } else {
        bytes[0] = (char)(0xe0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (c & 0x3f));
    }
    sl_buf_add(out, bytes, len);
}

static bool take_hex(reader *r, uint32_t *out)
{
    *out = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++, r->at++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, *r->at | 0x20, 16);

        if (!digit)
            return false;
        *out = *out << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

static bool take_escape(reader *r, sl_buf *store)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *which;
    uint32_t c;

    if (r->at == r->end)
        return false;
    if (take(r, 'u')) {
        if (!take_hex(r, &c))
            return false;
        add_character(store, c);
        return true;
    }
    which = memchr(from, *r->at++, sizeof from - 1);
    if (which)
        sl_buf_add(store, &to[which - from], 1);
    return which;
}

/* Behind its opening quote. */
static bool take_string(reader *r, sl_buf *store, sl_slice *out)
{
    size_t start = store->len;

    while (r->at < r->end && *r->at != '"') {
        const char *plain = r->at;

        while (r->at < r->end && *r->at != '"' && *r->at != '\\')
            r->at++;
        sl_buf_add(store, plain, (size_t)(r->at - plain));
        if (take(r, '\\') && !take_escape(r, store))
            return false;
    }
    *out = (sl_slice){store->ptr + start, store->len - start};
    return take(r, '"');
}

static bool take_number(reader *r, uint64_t *out)
{
    const char *start = r->at;

    for (*out = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        uint64_t digit = (uint64_t)(*r->at - '0');

        if (*out > (UINT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return r->at > start;
}

/* An object, as it stands there. */
static bool take_object(reader *r, sl_slice *out)
{
    const char *start = r->at;
    size_t depth = 0;
    bool in_text = false;

    for (; r->at < r->end; r->at++) {
        char c = *r->at;

        if (in_text && c == '\\' && r->at + 1 < r->end)
            r->at++;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '{' || c == '['))
            depth++;
        else if (!in_text && (c == '}' || c == ']') && --depth == 0)
            break;
    }
    *out = (sl_slice){start, (size_t)(r->at - start) + 1};
    return take(r, '}');
}

static bool decode_base64(sl_slice *value)
{
    char *out = (char *)(uintptr_t)value->ptr; /* in the store, which is ours to write in */
    uint32_t bits = 0, count = 0;
    size_t used = 0;

    for (size_t i = 0; i < value->len; i++) {
        const char *digit = memchr(base64, value->ptr[i], 64);

        if (value->ptr[i] == '=')
            break;
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - base64);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[used++] = (char)(bits >> count);
        }
    }
    value->len = used;
    return true;
}

static sl_slice *text_of(sl_dead_entry *e, sl_slice name)
{
    const struct {
        const char *name;
        sl_slice *text;
    } texts[] = {{"time", &e->time},           {"output", &e->output},
                 {"reason", &e->reason},       {"error", &e->error},
                 {"namespace", &e->namespace}, {"pod", &e->pod},
                 {"container", &e->container}, {"generation", &e->generation},
                 {"target", &e->target},       {"key", &e->key},
                 {"timestamp", &e->timestamp}, {"before", &e->before},
                 {"after", &e->after},         {"message", &e->value},
                 {"base64", &e->value}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (sl_slice_eq(name, sl_str(texts[i].name)))
            return texts[i].text;
    }
    return NULL;
}

static bool take_value(reader *r, sl_buf *store, sl_slice name, sl_dead_entry *e)
{
    sl_slice unknown, *text = text_of(e, name);
    uint64_t number;

    if (r->at < r->end && *r->at == '{')
        return take_object(r, text == &e->value ? text : &unknown);
    if (take(r, '"')) {
        if (!take_string(r, store, text ? text : &unknown))
            return false;
        return !sl_slice_eq(name, SL_SLICE("base64")) || decode_base64(text);
    }
    if (!take_number(r, &number))
        return false;
    if (sl_slice_eq(name, SL_SLICE("offset")))
        e->offset = number;
    else if (sl_slice_eq(name, SL_SLICE("piece")))
        e->piece = number;
    return true;
}

/* What cannot be missing, for it to be sent again. */
static bool is_whole(const sl_dead_entry *e)
{
    return e->generation.len == SL_NAME_LEN && e->reason.len > 0 && e->value.ptr &&
           e->timestamp.len == 30 && e->time.len == 30;
}

bool sl_dead_entry_read(sl_slice line, sl_buf *store, sl_dead_entry *e)
{
    reader r = {line.ptr, line.ptr + line.len};
    sl_slice name;

    *e = (sl_dead_entry){0};
    store->len = 0;
    sl_buf_reserve(store, line.len + 1); /* never moves: no character is longer than its escape */
    if (!take(&r, '{'))
        return false;
    do {
        if (!take(&r, '"') || !take_string(&r, store, &name) || !take(&r, ':') ||
            !take_value(&r, store, name, e))
            return false;
    } while (take(&r, ','));
    return take(&r, '}') && r.at == r.end && is_whole(e);
}
