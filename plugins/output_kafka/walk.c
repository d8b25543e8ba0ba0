/* walk.c - see walk.h. */
#include "walk.h"

#include <stdlib.h>

static sl_slice skip_blanks(sl_slice s)
{
    while (s.len > 0 && memchr(" \t\r\n", *s.ptr, 4))
        s = sl_slice_from(s, 1);
    return s;
}

/* Its length, with both quotes; 0: it does not end. */
static size_t text_len(sl_slice s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\')
            i++;
    }
    return 0;
}

/* Of an object or an array. Which bracket closes which is not asked. */
static size_t nested_len(sl_slice s)
{
    size_t depth = 0, len;

    for (size_t i = 0; i < s.len; i += len) {
        char c = s.ptr[i];

        len = c == '"' ? text_len(sl_slice_from(s, i)) : 1;
        if (len == 0)
            return 0;
        depth += c == '{' || c == '[';
        if ((c == '}' || c == ']') && --depth == 0)
            return i + 1;
    }
    return 0;
}

static size_t plain_len(sl_slice s)
{
    size_t len = 0;

    while (len < s.len && !memchr(",:{}[]\" \t\r\n", s.ptr[len], 11))
        len++;
    return len;
}

/* Takes a value from the front of s. */
static bool take(sl_slice *s, sl_slice *value)
{
    bool is_text;
    size_t len;

    *s = skip_blanks(*s);
    if (s->len == 0)
        return false;
    is_text = *s->ptr == '"';
    len = is_text                            ? text_len(*s)
          : *s->ptr == '{' || *s->ptr == '[' ? nested_len(*s)
                                             : plain_len(*s);
    if (len == 0)
        return false;
    *value = is_text ? (sl_slice){s->ptr + 1, len - 2} : (sl_slice){s->ptr, len};
    *s = skip_blanks(sl_slice_from(*s, len));
    return true;
}

static bool take_char(sl_slice *s, char c)
{
    if (s->len == 0 || *s->ptr != c)
        return false;
    *s = sl_slice_from(*s, 1);
    return true;
}

sl_slice walk_into(sl_slice object)
{
    sl_slice inside = skip_blanks(object);

    return take_char(&inside, '{') ? inside : (sl_slice){"", 0};
}

bool walk_next(sl_slice *rest, sl_slice *name, sl_slice *value)
{
    *rest = skip_blanks(*rest);
    if (rest->len == 0 || *rest->ptr != '"' || !take(rest, name) || !take_char(rest, ':') ||
        !take(rest, value))
        return false;
    (void)take_char(rest, ',');
    return true;
}

sl_slice walk_find(sl_slice object, const char *name)
{
    sl_slice rest = walk_into(object), found, value;
    size_t len = strlen(name);

    while (walk_next(&rest, &found, &value)) {
        if (found.len == len && !memcmp(found.ptr, name, len))
            return value;
    }
    return (sl_slice){"", 0};
}

double walk_number(sl_slice value)
{
    char text[32] = "";

    if (value.len >= sizeof text)
        return 0;
    memcpy(text, value.ptr, value.len);
    return strtod(text, NULL);
}
