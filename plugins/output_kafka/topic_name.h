/* topic_name.h - names that a broker takes for a topic. */
#ifndef TOPIC_NAME_H
#define TOPIC_NAME_H

#include <sluice/plugin.h>

#define TOPIC_NAME_MAX 249
/* A name of which nothing was left. */
#define TOPIC_NAME_NONE "unknown"

/* Makes a name valid, in place: "_" for each character that is no ASCII letter, digit, dot, dash or
 * underscore, 249 bytes, not empty, neither "." nor "..".
 *
 * room     bytes at `text`, sizeof TOPIC_NAME_NONE at least
 * returns  its length */
size_t topic_name_make(char *text, size_t len, size_t room);

/* Would a broker take it as it is? */
bool topic_name_is_valid(const char *text);

#endif
