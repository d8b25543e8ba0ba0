/* namespaces.c - see namespaces.h. Asked once for each source, so a walk is quick enough. */
#include "flow/namespaces.h"

#include <stdlib.h>

void sl_namespaces_fini(sl_namespaces *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        free(n->names[i]);
    n->count = 0;
}

uint32_t sl_namespaces_number(sl_namespaces *n, sl_slice name)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (sl_slice_eq(sl_str(n->names[i]), name))
            return i;
    }
    if (n->count == SL_NAMESPACES)
        return SL_NAMESPACE_OTHER;
    n->names[n->count] = sl_strndup(name.ptr, name.len);
    return n->count++;
}

const char *sl_namespaces_name(const sl_namespaces *n, uint32_t number)
{
    return number == SL_NAMESPACE_OTHER ? "_other" : n->names[number];
}
