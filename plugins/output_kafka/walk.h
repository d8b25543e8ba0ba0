/* walk.h - goes through a JSON object, member by member, without building anything of it.
 *
 * Fails    what is no JSON ends the walk; nothing behind the text's end is looked at */
#ifndef WALK_H
#define WALK_H

#include <sluice/plugin.h>

/* What is inside an object, to be walked through; empty, if it is none. */
sl_slice walk_into(sl_slice object);
/* Takes the next member out of what is left of an object. The value is as it stands there; of a text,
 * and of the name, what is between the quotes, with its escapes.
 * returns  false: there is no more, or no JSON */
bool walk_next(sl_slice *rest, sl_slice *name, sl_slice *value);
/* The member of that name, of an object; empty: it has none. */
sl_slice walk_find(sl_slice object, const char *name);
/* 0: it is no number. */
double walk_number(sl_slice value);

#endif
