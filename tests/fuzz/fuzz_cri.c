/* fuzz_cri.c - any bytes as a CRI log: decoded line by line, whole and in pieces, and encoded.
 *
 * What must hold: lines in pieces say the same as whole ones; every record is valid JSON in valid
 * UTF-8; a message that is UTF-8 comes back byte for byte.
 *
 * The first byte of an input says how long the pieces are. */
#include "read/decode.h"
#include "shape/encode.h"

#include <stdlib.h>

#define OVERREAD 16
#define NOW      INT64_C(1795408140000000007)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- a reader of JSON, small and slow, that shares nothing with the writer --- */

/* Bytes of the UTF-8 character at p, or 0; code: its code point. */
static int measure_character(const char *p, const char *end, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)*p;
    int len = first < 0x80         ? 1
              : first >> 5 == 0x06 ? 2
              : first >> 4 == 0x0e ? 3
              : first >> 3 == 0x1e ? 4
                                   : 0;

    if (len == 0 || end - p < len)
        return 0;
    *code = len == 1 ? first : first & (0xffU >> (len + 1));
    for (int i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    return *code >= least[len] && *code <= 0x10ffff && *code >> 11 != 0x1b ? len : 0;
}

static bool is_utf8(sl_slice text)
{
    uint32_t code;

    for (int len; text.len > 0; text = sl_slice_from(text, (size_t)len)) {
        len = measure_character(text.ptr, text.ptr + text.len, &code);
        if (len == 0)
            return false;
    }
    return true;
}

static uint32_t read_character(const char **p, const char *end)
{
    uint32_t code;
    int len = measure_character(*p, end, &code);

    SL_ASSERT(len > 0);
    *p += len;
    return code;
}

/* The string behind its opening quote; its bytes go to out, which may be NULL. */
static size_t read_string(const char **p, const char *end, char *out)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    size_t len = 0;

    for (;;) {
        const char *start = *p, *escape;

        SL_ASSERT(*p < end);
        if (**p == '"') {
            (*p)++;
            return len;
        }
        SL_ASSERT(read_character(p, end) >= 0x20);
        if (*start != '\\') {
            for (; start < *p; start++, len++) {
                if (out)
                    out[len] = *start;
            }
            continue;
        }
        SL_ASSERT(*p < end);
        if (**p == 'u') { /* only control bytes are written so */
            char digits[3] = {0};

            SL_ASSERT(end - *p >= 5 && memcmp(*p, "u00", 3) == 0);
            memcpy(digits, *p + 3, 2);
            SL_ASSERT(strspn(digits, "0123456789abcdef") == 2);
            *p += 5;
            if (out)
                out[len] = (char)strtol(digits, NULL, 16);
        } else {
            for (escape = escapes; *escape && *escape != **p; escape += 2)
                ;
            SL_ASSERT(*escape);
            (*p)++;
            if (out)
                out[len] = escape[1];
        }
        len++;
    }
}

static void read_literal(const char **p, const char *end, const char *literal)
{
    size_t len = strlen(literal);

    SL_ASSERT((size_t)(end - *p) >= len && memcmp(*p, literal, len) == 0);
    *p += len;
}

/* Objects, arrays, strings and whole numbers are all that a record has. */
static void read_value(const char **p, const char *end)
{
    char open = *p < end ? *(*p)++ : '\0', close = open == '{' ? '}' : ']';

    if (open == '"') {
        read_string(p, end, NULL);
    } else if (open == '{' || open == '[') {
        do {
            if (open == '{') {
                read_literal(p, end, "\"");
                read_string(p, end, NULL);
                read_literal(p, end, ":");
            }
            read_value(p, end);
            SL_ASSERT(*p < end && (**p == ',' || **p == close));
        } while (*(*p)++ == ',');
    } else {
        SL_ASSERT(open >= '0' && open <= '9');
        while (*p < end && **p >= '0' && **p <= '9')
            (*p)++;
    }
}

/* --- the targets --- */

static void check_json(const sl_encoder *e, const sl_block *block, const sl_record *rec)
{
    char *out = sl_alloc_raw(sl_encode_room(block, rec->text.len));
    char *message = sl_alloc_raw(3 * rec->text.len); /* what U+FFFD can make of it */
    size_t len = sl_encode(e, block, rec, out).len, message_len;
    const char *p = out, *end = out + len;

    read_value(&p, end);
    SL_ASSERT(p == end);
    p = out;
    read_literal(&p, end, "{\"@timestamp\":\"");
    SL_ASSERT(memcmp(p, rec->time, SL_TIME_LEN) == 0);
    p += SL_TIME_LEN;
    read_literal(&p, end, "\",\"message\":\"");
    message_len = read_string(&p, end, message);
    SL_ASSERT(message);
    if (is_utf8(rec->text))
        SL_ASSERT(sl_slice_eq(rec->text, (sl_slice){message, message_len}));
    else
        SL_ASSERT(is_utf8((sl_slice){message, message_len}));
    free(message);
    free(out);
}

/* A terminal must not be told what to do. */
static void check_text(const sl_encoder *e, const sl_block *block, const sl_record *rec)
{
    char *out = sl_alloc_raw(sl_encode_room(block, rec->text.len));
    const char *p = out, *end = out + sl_encode(e, block, rec, out).len;

    while (p < end) {
        uint32_t code = read_character(&p, end);

        SL_ASSERT(code == '\t' || (code >= 0x20 && code < 0x7f) || code >= 0xa0);
    }
    free(out);
}

/* Pieces of a line whose header lies in the first one are together what it is as a whole. */
static void check_pieces(sl_slice line, size_t piece, const sl_record *whole)
{
    const char *text = whole->text.ptr;
    sl_decoder d = {0};
    sl_record rec = {0};
    bool first = true;

    do {
        sl_slice bytes = {line.ptr, line.len < piece ? line.len : piece};

        line = sl_slice_from(line, bytes.len);
        sl_decode(&d, &(sl_line){.bytes = bytes, .first = first, .last = line.len == 0},
                  first ? NOW : 0, &rec);
        first = false;
        SL_ASSERT(rec.stream == whole->stream && rec.flags == whole->flags);
        SL_ASSERT(memcmp(rec.time, whole->time, SL_TIME_LEN) == 0);
        SL_ASSERT(rec.text.ptr == text);
        text += rec.text.len;
        SL_ASSERT(rec.whole == (line.len == 0 && whole->whole));
    } while (line.len > 0);
    SL_ASSERT(text == whole->text.ptr + whole->text.len);
}

/* A header that is cut in two may be taken for something else; no byte of the rest may be lost. */
static void cut_anywhere(sl_slice line, size_t piece)
{
    sl_decoder d = {0};

    for (bool first = true; first || line.len > 0; first = false) {
        sl_slice bytes = {line.ptr, line.len < piece ? line.len : piece};
        sl_record rec = {0};

        line = sl_slice_from(line, bytes.len);
        sl_decode(&d, &(sl_line){.bytes = bytes, .first = first, .last = line.len == 0}, NOW, &rec);
        SL_ASSERT(rec.text.ptr + rec.text.len == bytes.ptr + bytes.len);
        SL_ASSERT(first || rec.text.len == bytes.len);
        SL_ASSERT(!rec.whole || line.len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const sl_origin origin = {.generation = "AAECAwQFBgcICQoLDA0ODw"};
    sl_encoder *json = sl_encoder_new(&(sl_encoder_options){0});
    sl_encoder *text =
        sl_encoder_new(&(sl_encoder_options){.encoding = SL_ENCODING_TEXT, .terminal = true});
    sl_block *json_block = sl_encoder_block(json, &origin);
    sl_block *text_block = sl_encoder_block(text, &origin);
    char *bytes = sl_alloc(size + OVERREAD), *p = bytes, *end, *stop;
    size_t piece = size > 0 ? data[0] : 0;
    sl_decoder d = {0};

    if (size > 0)
        memcpy(bytes, data + 1, size - 1);
    end = bytes + (size > 0 ? size - 1 : 0);
    for (; p < end; p = stop + 1) {
        sl_record rec = {0};
        sl_slice line;
        size_t header;

        stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop)
            stop = end;
        line = (sl_slice){p, (size_t)(stop - p)};
        sl_decode(&d, &(sl_line){.bytes = line, .first = true, .last = true}, NOW, &rec);
        check_json(json, json_block, &rec);
        check_text(text, text_block, &rec);
        header = (size_t)(rec.text.ptr - p) + 2; /* and what shows whether there is a tag */
        check_pieces(line, header + piece, &rec);
        cut_anywhere(line, piece + 1);
    }
    free(bytes);
    sl_block_free(json_block);
    sl_block_free(text_block);
    sl_encoder_free(json);
    sl_encoder_free(text);
    return 0;
}
