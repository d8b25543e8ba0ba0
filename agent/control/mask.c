/* mask.c - see mask.h. */
#include "control/mask.h"

#include <strings.h>

#define SHOWN_INSTEAD "***"

static bool has_word(sl_slice name, const char *word)
{
    size_t len = strlen(word);

    for (; name.len >= len; name = sl_slice_from(name, 1)) {
        if (!strncasecmp(name.ptr, word, len))
            return true;
    }
    return false;
}

bool sl_mask_is_secret(sl_slice name)
{
    static const char *const words[] = {"pasw",    "pass",    "secret",  "token",         "bearer",
                                        "api_key", "api-key", "api.key", "authorization", ".pem"};

    if (name.len >= 4 && !strncasecmp(name.ptr + name.len - 4, "file", 4))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (has_word(name, words[i]))
            return true;
    }
    return false;
}

static bool is_one_of(char c, const char *all)
{
    return c && strchr(all, c);
}

/* The name that ends at `end`, without its quotes and what follows it. */
static sl_slice name_before(sl_slice line, size_t end)
{
    size_t from;

    while (end > 0 && is_one_of(line.ptr[end - 1], " \t\"'"))
        end--;
    for (from = end; from > 0 && !is_one_of(line.ptr[from - 1], " \t\"'{[,"); from--)
        ;
    return (sl_slice){line.ptr + from, end - from};
}

/* Bytes of the value at its beginning; in a flow it ends before , and }. */
static size_t value_len(sl_slice text, bool in_flow)
{
    char quote = text.len > 0 && is_one_of(*text.ptr, "\"'") ? *text.ptr : '\0';
    size_t i = quote != '\0';

    for (; i < text.len; i++) {
        if (quote && text.ptr[i] == quote)
            return i + 1;
        i += quote == '"' && text.ptr[i] == '\\';
        if (!quote && in_flow && is_one_of(text.ptr[i], ",}]"))
            return i;
    }
    return text.len;
}

/* A value that names what it stands for is none itself. */
static bool is_shown(sl_slice value)
{
    if (value.len > 0 && is_one_of(*value.ptr, "\"'"))
        value = sl_slice_from(value, 1);
    return value.len == 0 || is_one_of(*value.ptr, "\"'") || sl_slice_starts(value, SL_SLICE("${"));
}

/* Bytes of "user:password" at the beginning of what follows "://", or 0. A password may have a slash
 * or an @ in it, so rather too much than too little. */
static size_t login_len(sl_slice text)
{
    size_t at = 0;

    for (size_t i = 0; i < text.len && !is_one_of(text.ptr[i], " \t\"'"); i++)
        at = text.ptr[i] == '@' ? i : at;
    return at;
}

/* Where the name of a value at `i` ends: before a colon, or before what stands where one was forgotten.
 * 0: there is no name. */
static size_t name_end(sl_slice line, size_t i)
{
    size_t end = i;

    while (end > 0 && is_one_of(line.ptr[end - 1], " \t"))
        end--;
    if (end > 0 && is_one_of(line.ptr[end - 1], ":="))
        return end - 1;
    return end < i ? end : 0;
}

/* Bytes of the secret at `i`, or 0. */
static size_t secret_at(sl_slice line, size_t i, bool in_flow)
{
    sl_slice rest = sl_slice_from(line, i);

    if (i >= 3 && !memcmp(line.ptr + i - 3, "://", 3))
        return login_len(rest);
    if (is_one_of(*rest.ptr, " \t:=") || !sl_mask_is_secret(name_before(line, name_end(line, i))))
        return 0;
    rest.len = value_len(rest, in_flow);
    return is_shown(rest) ? 0 : rest.len;
}

size_t sl_mask_line(sl_slice line, size_t place, sl_buf *out)
{
    size_t start = out->len, shown = 0, len;
    bool in_flow = false;

    for (size_t i = 0; i < line.len; i += len) {
        size_t hidden = secret_at(line, i, in_flow);

        len = hidden ? hidden : 1;
        if (place >= i && place < i + len)
            shown = out->len - start;
        in_flow = in_flow || is_one_of(line.ptr[i], "{[");
        sl_buf_add(out, hidden ? SHOWN_INSTEAD : &line.ptr[i], hidden ? strlen(SHOWN_INSTEAD) : 1);
    }
    return place < line.len ? shown : out->len - start;
}
