/* bulk_body.c - see elasticsearch.h: a body that the host has not framed. It happens when an index is
 * missing and another one takes its records, and when a store refuses ids; so a copy does no harm. */
#include "elasticsearch.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_MAX 72 /* GENERATION-OFFSET.PIECE */

/* The action's line of one record. out NULL: its length alone. An index has passed
 * index_name_make(), so there is nothing to escape in it. */
static size_t put_action(char *out, size_t room, const sl_item *item, const char *op,
                         const char *index, bool ids)
{
    sl_slice target = index ? sl_str(index) : item->target;
    char id[ID_MAX + 16] = "", piece[24] = "";
    int len;

    if (ids && item->piece)
        snprintf(piece, sizeof piece, ".%llu", (unsigned long long)item->piece);
    if (ids)
        snprintf(id, sizeof id, ",\"_id\":\"%.*s-%llu%s\"", (int)item->generation.len,
                 item->generation.ptr, (unsigned long long)item->offset, piece);
    len = snprintf(out, room, "{\"%s\":{\"_index\":\"%.*s\"%s}}\n", op, (int)target.len, target.ptr,
                   id);
    return (size_t)len;
}

char *bulk_body_new(const sl_host *host, const sl_batch *batch, const uint32_t *rows, uint32_t n,
                    const char *op, const char *index, bool ids, size_t *len)
{
    size_t total = 1, at = 0;
    char *body;
    sl_item item;

    for (uint32_t i = 0; i < n; i++) {
        host->record(batch, rows ? rows[i] : i, &item);
        total += put_action(NULL, 0, &item, op, index, ids) + item.value.len + 1;
    }
    body = malloc(total);
    if (!body)
        abort(); /* as the agent does: what was not acknowledged is read again */
    for (uint32_t i = 0; i < n; i++) {
        host->record(batch, rows ? rows[i] : i, &item);
        at += put_action(body + at, total - at, &item, op, index, ids);
        memcpy(body + at, item.value.ptr, item.value.len);
        at += item.value.len;
        body[at++] = '\n';
    }
    *len = at;
    return body;
}
