/* list.h - a ring of links inside the things it joins. An empty list points at itself. */
#ifndef SL_BASE_LIST_H
#define SL_BASE_LIST_H

#include "base/base.h"

typedef struct sl_link {
    struct sl_link *next, *prev;
} sl_link;

static inline void sl_list_init(sl_link *list)
{
    list->next = list->prev = list;
}

static inline bool sl_list_is_empty(const sl_link *list)
{
    return list->next == list;
}

/* Zeroed links are not in a list either. */
static inline bool sl_link_is_in(const sl_link *link)
{
    return link->next && link->next != link;
}

static inline void sl_list_insert_before(sl_link *next, sl_link *link)
{
    link->next = next;
    link->prev = next->prev;
    next->prev->next = link;
    next->prev = link;
}

static inline void sl_list_append(sl_link *list, sl_link *link)
{
    sl_list_insert_before(list, link);
}

static inline void sl_list_prepend(sl_link *list, sl_link *link)
{
    sl_list_insert_before(list->next, link);
}

/* Removing what is in no list does nothing. */
static inline void sl_list_remove(sl_link *link)
{
    if (!link->next)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    sl_list_init(link);
}

#define SL_LIST_EACH(list, link) \
    for (sl_link *link = (list)->next; link != (list); link = link->next)

/* The body may remove `link`. */
#define SL_LIST_EACH_SAFE(list, link)                                             \
    for (sl_link *link = (list)->next, *link##_next = link->next; link != (list); \
         link = link##_next, link##_next = link->next)

#endif
