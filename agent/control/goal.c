/* goal.c - see goal.h. */
#include "control/goal.h"

#include "control/bounds.h"

#include <stdlib.h>

static bool read_place(const char *text, sl_goal *out)
{
    const char *colon = strchr(text, ':');
    char *end;

    if (!colon || colon - text != SL_NAME_LEN || colon[1] < '0' || colon[1] > '9')
        return false;
    memcpy(out->name, text, SL_NAME_LEN);
    out->name[SL_NAME_LEN] = '\0';
    out->offset = strtoull(colon + 1, &end, 10);
    return !*end;
}

static bool read_time(const char *text, const sl_clock *clock, sl_goal *out)
{
    sl_start start;

    if (!sl_start_read(text, &start))
        return false;
    start = sl_start_now(&start, sl_wall_ns(clock));
    out->time_ns = start.time_ns;
    return start.kind == SL_START_TIME;
}

bool sl_goal_read(const char *which, const char *to, const sl_clock *clock, sl_goal *out)
{
    *out = (sl_goal){.which = which, .kind = SL_GOAL_BEGINNING};
    if (!to || !strcmp(to, "beginning"))
        return true;
    out->kind = SL_GOAL_PLACE;
    if (read_place(to, out))
        return true;
    out->kind = SL_GOAL_TIME;
    return read_time(to, clock, out);
}

/* The next part of "NS/POD/CONTAINER" is that name. */
static bool takes(const char **which, sl_slice name)
{
    const char *end = *which + name.len;

    if (strncmp(*which, name.ptr, name.len) != 0 || (*end && *end != '/'))
        return false;
    *which = end + (*end == '/');
    return true;
}

bool sl_goal_means(const char *which, sl_slice namespace, sl_slice pod, sl_slice container)
{
    if (!which)
        return true;
    return takes(&which, namespace) && takes(&which, pod) &&
           (!*which || (takes(&which, container) && !*which));
}
