/* select.c - see select.h. Asked once for each container that comes, so nothing is prepared. */
#include "shape/select.h"

#include <fnmatch.h>

/* A pod's or namespace's name ends at 253 bytes, a file's at 255. */
#define NAME_SIZE 256

static bool takes(const sl_texts *globs, const char *name)
{
    bool taken = false;

    for (size_t i = 0; i < globs->count; i++) {
        const char *glob = globs->items[i];
        bool away = *glob == '!';

        if (fnmatch(glob + away, name, FNM_PATHNAME) == 0)
            taken = !away;
    }
    return taken;
}

/* fnmatch() wants a zero at the end. A name that is too long is none that Kubernetes gave. */
static bool copy(char out[NAME_SIZE], sl_slice name)
{
    if (name.len >= NAME_SIZE)
        return false;
    memcpy(out, name.ptr, name.len);
    out[name.len] = '\0';
    return true;
}

bool sl_select_wants(const sl_select *s, sl_slice namespace, sl_slice pod, sl_slice container)
{
    char ns[NAME_SIZE], po[NAME_SIZE], co[NAME_SIZE];

    if (!copy(ns, namespace) || !copy(po, pod) || !copy(co, container))
        return false;
    return takes(&s->select->namespaces, ns) && takes(&s->select->pods, po) &&
           takes(&s->select->containers, co) && !takes(&s->exclude->namespaces, ns) &&
           !takes(&s->exclude->pods, po) && !takes(&s->exclude->containers, co);
}
