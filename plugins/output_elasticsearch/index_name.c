/* index_name.c - see index_name.h. Letters that are not ASCII would have to be small ones as well,
 * which takes Unicode's tables to know: so each such character becomes "_". */
#include "index_name.h"

static bool is_forbidden(unsigned char c)
{
    return c <= ' ' || c == 0x7f || c >= 0x80 || strchr("\\/*?\"<>|,#:", c);
}

/* A character of several bytes is one. */
static bool goes_on(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

static char valid(unsigned char c)
{
    if (is_forbidden(c))
        return '_';
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

size_t index_name_make(char *text, size_t len, size_t room)
{
    size_t kept = 0;

    for (size_t i = 0; i < len && kept < INDEX_NAME_MAX; i++) {
        char c = valid((unsigned char)text[i]);

        if (goes_on((unsigned char)text[i]) || (kept == 0 && strchr("-_+", c)))
            continue;
        text[kept++] = c;
    }
    if (kept > 2 || (kept > 0 && strncmp(text, "..", kept) != 0))
        return kept;
    kept = strlen(INDEX_NAME_NONE); /* empty, "." or ".." */
    kept = kept < room ? kept : room;
    memcpy(text, INDEX_NAME_NONE, kept);
    return kept;
}

static bool cut_at_dash(sl_slice *rest, sl_slice *part)
{
    const char *dash = memchr(rest->ptr, '-', rest->len);

    if (!dash || dash == rest->ptr)
        return false;
    *part = (sl_slice){rest->ptr, (size_t)(dash - rest->ptr)};
    *rest = sl_slice_from(*rest, part->len + 1);
    return true;
}

bool index_name_split(sl_slice name, sl_slice parts[3])
{
    static const char *const types[] = {"logs", "metrics", "traces", "synthetics", "profiling"};

    if (!name.len || !cut_at_dash(&name, &parts[0]) || !cut_at_dash(&name, &parts[1]) || !name.len)
        return false;
    parts[2] = name;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (parts[0].len == strlen(types[i]) && !memcmp(parts[0].ptr, types[i], parts[0].len))
            return true;
    }
    return false;
}
