/* template.c - see template.h.
 *
 * A record's time is a text of fixed columns already, "2026-11-23T04:29:00.123456789Z": so a date is
 * cut out of it, and the calendar is needed nowhere. */
#include "shape/template.h"

#include <stdlib.h>

#define MAX_TEXT 8192
#define MAX_NAME 256

typedef struct parser {
    sl_template *t;
    size_t cap;
    const char *at; /* what is looked at */
    bool frame;
    sl_buf *why;
} parser;

static sl_template_part *add(parser *p, sl_part_kind kind, const char *from, size_t len)
{
    sl_template *t = p->t;

    if (t->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 8;
        t->parts = sl_realloc(t->parts, p->cap * sizeof *t->parts);
    }
    t->parts[t->count] =
        (sl_template_part){.kind = kind, .text = {from, len}, .at = (size_t)(from - t->text)};
    return &t->parts[t->count++];
}

static const struct {
    const char *name;
    uint8_t from, len;
} tokens[] = {
    {"yyyy", 0, 4}, {"yy", 2, 2},  {"MM", 5, 2},  {"dd", 8, 2},
    {"HH", 11, 2},  {"mm", 14, 2}, {"ss", 17, 2},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One run of the same letter. false: it is no token. */
static bool add_token(parser *p, const char *from, size_t len)
{
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        if (sl_slice_eq(sl_str(tokens[i].name), (sl_slice){from, len})) {
            sl_template_part *part = add(p, SL_PART_TIME, from, len);

            part->from = tokens[i].from;
            part->len = tokens[i].len;
            return true;
        }
    }
    sl_buf_add_format(p->why,
                      "\"%.*s\" is no part of a date: there are yyyy yy MM dd HH mm ss; a text "
                      "stands outside of %%{...}",
                      len > 20 ? 20 : (int)len, from);
    p->at = from;
    return false;
}

/* Behind "%{+", up to `end`. */
static bool add_date(parser *p, const char *from, const char *end)
{
    if (from == end) {
        sl_buf_add_text(p->why, "a date is empty: write for example %{+yyyy.MM.dd}");
        return false;
    }
    while (from < end) {
        const char *stop = from + 1;

        while (stop < end && (is_letter(*from) ? *stop == *from : !is_letter(*stop)))
            stop++;
        if (!is_letter(*from))
            add(p, SL_PART_TEXT, from, (size_t)(stop - from));
        else if (!add_token(p, from, (size_t)(stop - from)))
            return false;
        from = stop;
    }
    return true;
}

static bool is_name(const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)from[i] <= ' ' || strchr("%{}\"\\", from[i]) || from[i] == 0x7f)
            return false;
    }
    return len > 0 && len <= MAX_NAME;
}

/* Behind "%{", up to `end`: "name" or "name:-default". */
static bool add_field(parser *p, const char *from, const char *end)
{
    const char *colon = memmem(from, (size_t)(end - from), ":-", 2);
    size_t len = (size_t)((colon ? colon : end) - from);
    sl_slice name = {from, len};
    sl_template_part *part;

    if (!is_name(from, len)) {
        sl_buf_add_text(p->why, len ? "that is no field's name: write for example "
                                      "%{kubernetes.namespace}"
                                    : "a field has no name: write for example "
                                      "%{kubernetes.namespace}");
        return false;
    }
    part = add(p, SL_PART_FIELD, from, len);
    if (colon)
        part->otherwise = (sl_slice){colon + 2, (size_t)(end - colon - 2)};
    if (sl_slice_eq(name, SL_SLICE("stream")))
        part->kind = SL_PART_STREAM;
    else if (p->frame && sl_slice_eq(name, SL_SLICE("id")))
        part->kind = SL_PART_ID;
    else if (p->frame && sl_slice_eq(name, SL_SLICE("target")))
        part->kind = SL_PART_TARGET;
    return true;
}

/* From "%{" on. */
static bool add_braces(parser *p)
{
    const char *end = strchr(p->at, '}');
    bool done;

    if (!end) {
        sl_buf_add_text(p->why, "%{ has no }; a plain %{ is written %%{");
        return false;
    }
    done = p->at[2] == '+' ? add_date(p, p->at + 3, end) : add_field(p, p->at + 2, end);
    if (done)
        p->at = end + 1;
    return done;
}

static bool parse(parser *p)
{
    while (*p->at) {
        const char *open = strstr(p->at, "%{");
        size_t before = open ? (size_t)(open - p->at) : strlen(p->at);
        bool literal = before > 0 && open && open[-1] == '%'; /* %%{ */

        if (before > literal)
            add(p, SL_PART_TEXT, p->at, before - literal);
        p->at += before;
        if (literal) {
            add(p, SL_PART_TEXT, p->at, 2);
            p->at += 2;
        } else if (open && !add_braces(p)) {
            return false;
        }
    }
    return true;
}

sl_template *sl_template_new(const char *text, bool frame, size_t *at, sl_buf *why)
{
    sl_template *t = sl_alloc(sizeof *t);
    parser p = {.t = t, .frame = frame, .why = why};
    bool done = false;

    t->text = sl_strdup(text);
    p.at = t->text;
    if (strlen(text) > MAX_TEXT)
        sl_buf_add_text(why, "is longer than 8 KiB");
    else
        done = parse(&p);
    *at = (size_t)(p.at - t->text);
    if (done)
        return t;
    sl_template_free(t);
    return NULL;
}

void sl_template_free(sl_template *t)
{
    if (!t)
        return;
    free(t->text);
    free(t->parts);
    free(t);
}

size_t sl_template_time_bytes(const sl_template *t)
{
    size_t bytes = 0;

    for (size_t i = 0; t && i < t->count; i++) {
        const sl_template_part *part = &t->parts[i];

        if (part->kind == SL_PART_TIME && (size_t)part->from + part->len > bytes)
            bytes = (size_t)part->from + part->len;
    }
    return bytes;
}
