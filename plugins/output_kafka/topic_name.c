/* topic_name.c - see topic_name.h. */
#include "topic_name.h"

static bool is_allowed(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

/* A character of several bytes is one. */
static bool goes_on(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

static bool is_dots(const char *text, size_t len)
{
    return len <= 2 && !strncmp(text, "..", len); /* an empty one, too */
}

size_t topic_name_make(char *text, size_t len, size_t room)
{
    size_t kept = 0;

    for (size_t i = 0; i < len && kept < TOPIC_NAME_MAX; i++) {
        unsigned char c = (unsigned char)text[i];

        if (!goes_on(c))
            text[kept++] = is_allowed(c) ? (char)c : '_';
    }
    if (!is_dots(text, kept))
        return kept;
    kept = strlen(TOPIC_NAME_NONE) < room ? strlen(TOPIC_NAME_NONE) : room;
    memcpy(text, TOPIC_NAME_NONE, kept);
    return kept;
}

bool topic_name_is_valid(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (!is_allowed((unsigned char)text[i]))
            return false;
    }
    return len <= TOPIC_NAME_MAX && !is_dots(text, len);
}
