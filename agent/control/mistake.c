/* mistake.c - see mistake.h. A long line is shown cut around the place. */
#include "control/mistake.h"
#include "control/mask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_MISTAKES  50
#define MAX_MESSAGE   1000
#define SHOWN_COLUMNS 100

/* Without what would move a cursor or change a colour. */
static void add_visible(sl_buf *out, sl_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            sl_buf_add(out, "?", 1);
        else if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0) {
            sl_buf_add(out, "?", 1); /* U+0080 to U+009F */
            i++;
        } else
            sl_buf_add(out, &text.ptr[i], 1);
    }
}

/* Bytes of the line break at text, by YAML 1.1: CR LF, CR, LF, NEL, LS and PS; 0: there is none. */
static size_t line_break(sl_slice text)
{
    if (sl_slice_starts(text, SL_SLICE("\r\n")) || sl_slice_starts(text, SL_SLICE("\xc2\x85")))
        return 2;
    if (sl_slice_starts(text, SL_SLICE("\xe2\x80\xa8")) ||
        sl_slice_starts(text, SL_SLICE("\xe2\x80\xa9")))
        return 3;
    return text.len > 0 && (*text.ptr == '\n' || *text.ptr == '\r');
}

static sl_slice line_at(sl_slice text, uint32_t line)
{
    sl_slice found;

    while (line > 1 && text.len > 0) {
        size_t end = line_break(text);

        line -= end > 0;
        text = sl_slice_from(text, end ? end : 1);
    }
    found = (sl_slice){text.ptr, 0};
    while (found.len < text.len && line_break(sl_slice_from(text, found.len)) == 0)
        found.len++;
    return found;
}

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t count_characters(sl_slice s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++)
        count += !is_inside_character(s.ptr[i]);
    return count;
}

/* Bytes of the first `n` characters of s. */
static size_t characters(sl_slice s, size_t n)
{
    size_t len = 0;

    for (; len < s.len; len++) {
        if (is_inside_character(s.ptr[len]))
            continue;
        if (n-- == 0)
            break;
    }
    return len;
}

/* The line without its secrets, cut to what is shown; *before is set to the place's bytes in it. */
static sl_slice excerpt(sl_slice line, size_t column, sl_buf *masked, size_t *before)
{
    size_t place = sl_mask_line(line, characters(line, column), masked), from = 0;
    sl_slice shown = sl_buf_slice(masked);

    column = count_characters((sl_slice){shown.ptr, place});
    if (column > SHOWN_COLUMNS)
        from = characters(shown, column - SHOWN_COLUMNS / 2);
    shown = sl_slice_from(shown, from);
    *before = place - from;
    shown.len = characters(shown, SHOWN_COLUMNS);
    return shown;
}

static void add_line(sl_buf *out, const sl_spot *at)
{
    sl_buf masked = {0};
    size_t before;
    sl_slice shown = excerpt(line_at(at->in->bytes, at->line), at->column - 1, &masked, &before);

    sl_buf_add_text(out, "  ");
    add_visible(out, shown);
    sl_buf_add_text(out, "\n  ");
    for (size_t i = 0; i < before && i < shown.len; i++) {
        if (!is_inside_character(shown.ptr[i]))
            sl_buf_add(out, shown.ptr[i] == '\t' ? "\t" : " ", 1);
    }
    sl_buf_add_text(out, "^\n");
    sl_buf_fini(&masked);
}

struct sl_shown {
    sl_spot at;
    size_t order;
    char *message;
};

void sl_mistake(sl_mistakes *m, const sl_spot *at, const char *format, ...)
{
    struct sl_shown *row;
    va_list args;
    int len;

    if (m->count++ >= MAX_MISTAKES)
        return;
    m->shown = sl_realloc(m->shown, m->count * sizeof *m->shown);
    row = &m->shown[m->count - 1];
    *row = (struct sl_shown){.at = *at, .order = m->count};
    va_start(args, format);
    len = vasprintf(&row->message, format, args);
    va_end(args);
    SL_ASSERT(len >= 0);
}

/* By place; what was said first of one place stays first. The file comes before what is shown as a
 * whole, such as --set. */
static int by_place(const void *left, const void *right)
{
    const struct sl_shown *a = left, *b = right;

    if (a->at.in->whole != b->at.in->whole)
        return a->at.in->whole ? 1 : -1;
    if (!a->at.in->whole && a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    if (!a->at.in->whole && a->at.column != b->at.column)
        return a->at.column < b->at.column ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static void write_one(const struct sl_shown *row, sl_buf *out)
{
    bool shows_place = row->at.line > 0 && !row->at.in->whole;
    sl_slice message = sl_str(row->message);

    if (message.len > MAX_MESSAGE)
        message.len = MAX_MESSAGE;
    add_visible(out, sl_str(row->at.in->name));
    if (shows_place)
        sl_buf_add_format(out, ":%u:%u", row->at.line, row->at.column);
    sl_buf_add_text(out, ": ");
    add_visible(out, message);
    sl_buf_add_text(out, "\n");
    if (shows_place)
        add_line(out, &row->at);
}

void sl_mistakes_write(sl_mistakes *m, sl_buf *out)
{
    size_t count = m->count < MAX_MISTAKES ? m->count : MAX_MISTAKES;

    if (count > 0)
        qsort(m->shown, count, sizeof *m->shown, by_place);
    for (size_t i = 0; i < count; i++) {
        write_one(&m->shown[i], out);
        free(m->shown[i].message);
    }
    if (m->count > count)
        sl_buf_add_format(out, "and %zu more\n", m->count - count);
    free(m->shown);
    *m = (sl_mistakes){0};
}

sl_spot sl_spot_at(const sl_source_text *in, size_t offset)
{
    sl_spot at = {.in = in, .line = 1, .column = 1};
    size_t i = 0;

    while (i < offset && i < in->bytes.len) {
        size_t end = line_break(sl_slice_from(in->bytes, i));

        at.line += end > 0;
        at.column = end ? 1 : at.column + !is_inside_character(in->bytes.ptr[i]);
        i += end ? end : 1;
    }
    return at;
}

sl_slice sl_spot_rest(const sl_spot *at)
{
    sl_slice line = line_at(at->in->bytes, at->line);

    return sl_slice_from(line, characters(line, at->column - 1));
}
