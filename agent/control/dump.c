/* dump.c - see dump.h. */
#include "control/dump.h"
#include "base/utf8.h"
#include "control/mask.h"
#include "control/nearest.h"
#include "control/units.h"

#include <stdlib.h>

/* The character of `len` bytes at p, if YAML wants it escaped; else 0. JSON does not mind these. */
static unsigned escaped(const unsigned char *p, size_t len)
{
    unsigned c = *p;

    if (len == 2)
        c = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    else if (len == 3)
        c = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    return len < 4 && ((c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
                       c >= 0xfffe)
               ? c
               : 0;
}

/* As a YAML text in double quotes: JSON's escapes are YAML's too. Read again, "${" stays itself. */
static void dump_text(sl_buf *out, const char *text)
{
    sl_buf json = {0};
    size_t len;

    sl_buf_add_json(&json, sl_str(text));
    sl_buf_add_text(out, "\"");
    for (size_t i = 0; i < json.len; i += len) {
        const unsigned char *p = (const unsigned char *)json.ptr + i;
        unsigned c;

        len = (size_t)sl_utf8_step(p, json.len - i);
        c = escaped(p, len);
        if (c)
            sl_buf_add_format(out, "\\u%04x", c);
        else if (*p == '$' && i + 1 < json.len && p[1] == '{')
            sl_buf_add_text(out, "$$");
        else
            sl_buf_add(out, p, len);
    }
    sl_buf_add_text(out, "\"");
    sl_buf_fini(&json);
}

static void dump_masked(const sl_store *s, const void *place, const char *text, sl_buf *out)
{
    dump_text(out, sl_store_hides(s, place) ? "***" : text);
}

static void dump_list(const sl_store *s, const sl_texts *list, sl_buf *out)
{
    sl_buf_add_text(out, "[");
    for (size_t i = 0; i < list->count; i++) {
        sl_buf_add_text(out, i ? ", " : "");
        dump_masked(s, &list->items[i], list->items[i], out);
    }
    sl_buf_add_text(out, "]");
}

static void dump_map(const sl_store *s, const sl_pairs *map, sl_buf *out)
{
    sl_buf_add_text(out, "{");
    for (size_t i = 0; i < map->count; i++) {
        sl_buf_add_text(out, i ? ", " : "");
        dump_text(out, map->names[i]);
        sl_buf_add_text(out, ": ");
        dump_masked(s, &map->values[i],
                    sl_mask_is_secret(sl_str(map->names[i])) ? "***" : map->values[i], out);
    }
    sl_buf_add_text(out, "}");
}

static void dump_choice(const char *choices, int chosen, sl_buf *out)
{
    sl_slice rest = sl_str(choices), choice = {0};

    for (int i = 0; i <= chosen; i++)
        (void)sl_next_part(&rest, '|', &choice);
    sl_buf_add(out, choice.ptr, choice.len);
}

static void dump_value(const sl_store *s, const sl_option *row, const void *slot, sl_buf *out)
{
    if (row->type == SL_SECRET || sl_store_hides(s, slot)) {
        sl_buf_add_text(out, "\"***\"");
        return;
    }
    switch (row->type) {
    case SL_TEXT:
    case SL_TEMPLATE:
        dump_text(out, *(const char *const *)slot);
        break;
    case SL_FLAG:
        sl_buf_add_text(out, *(const bool *)slot ? "true" : "false");
        break;
    case SL_CHOICE:
        dump_choice(row->choices, *(const int *)slot, out);
        break;
    case SL_LIST:
        dump_list(s, slot, out);
        break;
    case SL_MAP:
        dump_map(s, slot, out);
        break;
    default: /* a number */
        sl_number_format(row->type, *(const uint64_t *)slot, out);
        break;
    }
}

/* Bytes up to and with the last dot that a and b have in common. */
static size_t shared_sections(const char *a, const char *b)
{
    size_t shared = 0;

    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '.')
            shared = i + 1;
    }
    return shared;
}

void sl_options_dump(const sl_store *s, const sl_option *rows, const void *from, unsigned indent,
                     sl_buf *out)
{
    const char *before = "";

    for (const sl_option *row = rows; row->name; row++) {
        size_t shared = shared_sections(before, row->name);
        sl_slice rest = sl_str(row->name), part;
        unsigned column = indent;

        if (row->type == SL_UNBUILT)
            continue;
        while (sl_next_part(&rest, '.', &part)) {
            if (part.ptr >= row->name + shared)
                sl_buf_add_format(out, "%*s%.*s:%s", (int)column, "", (int)part.len, part.ptr,
                                  rest.ptr ? "\n" : " ");
            column += 2;
        }
        dump_value(s, row, (const char *)from + row->offset, out);
        sl_buf_add_text(out, "\n");
        before = row->name;
    }
}

/* --- for people, and for programs --- */

/* Of the choices, those that are built: see sl_option. */
static sl_slice type_name(const sl_option *row)
{
    static const char *const names[] = {
        [SL_TEXT] = "text",         [SL_SECRET] = "secret", [SL_SIZE] = "size",
        [SL_TIME] = "duration",     [SL_COUNT] = "number",  [SL_FLAG] = "true|false",
        [SL_LIST] = "list",         [SL_MAP] = "mapping",   [SL_UNBUILT] = "not built",
        [SL_TEMPLATE] = "template",
    };
    const char *promised;

    if (row->type == SL_UNBUILT && row->fallback && *row->fallback)
        return sl_str(row->fallback); /* it takes this alone */
    if (row->type != SL_CHOICE)
        return sl_str(names[row->type]);
    promised = strstr(row->choices, "|!");
    return (sl_slice){row->choices,
                      promised ? (size_t)(promised - row->choices) : strlen(row->choices)};
}

static void add_member(const char *name, sl_slice text, sl_buf *out)
{
    sl_buf_add_format(out, "%s\"%s\":\"", out->len && out->ptr[out->len - 1] == '"' ? "," : "{",
                      name);
    sl_buf_add_json(out, text);
    sl_buf_add_text(out, "\"");
}

static void describe_json(const sl_option *row, const char *prefix, sl_buf *out)
{
    char *name = sl_format("%s%s", prefix, row->name);

    add_member("name", sl_str(name), out);
    add_member("type", type_name(row), out);
    if (row->fallback && *row->fallback)
        add_member("default", sl_str(row->fallback), out);
    add_member("help", sl_str(row->help), out);
    if (row->max)
        sl_buf_add_format(out, ",\"min\":%llu,\"max\":%llu", (unsigned long long)row->min,
                          (unsigned long long)row->max);
    sl_buf_add_text(out, "}\n");
    free(name);
}

static const char *default_shown(const sl_option *row)
{
    if (!row->fallback)
        return row->type == SL_UNBUILT ? "" : "(required)";
    if (*row->fallback)
        return row->fallback;
    if (row->type == SL_UNBUILT)
        return "";
    if (row->type != SL_TEXT && row->type != SL_TEMPLATE && row->type != SL_LIST &&
        row->type != SL_MAP)
        return "(by type)";
    return row->type == SL_LIST ? "[]" : row->type == SL_MAP ? "{}" : "\"\"";
}

void sl_options_describe(const sl_option *rows, const char *prefix, bool json, sl_buf *out)
{
    for (const sl_option *row = rows; row->name; row++) {
        if (json) {
            describe_json(row, prefix, out);
        } else {
            char *name = sl_format("%s%s", prefix, row->name);
            sl_slice type = type_name(row);

            sl_buf_add_format(out, "  %-28s %-21.*s %-22s %s\n", name, (int)type.len, type.ptr,
                              default_shown(row), row->help);
            free(name);
        }
    }
}
