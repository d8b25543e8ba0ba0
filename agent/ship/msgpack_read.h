/* msgpack_read.h - msgpack by pulling: one value after the other, straight from the bytes.
 *
 * msgpack-c, which we pack with, unpacks into a tree, and sizes its nodes by counts that it has not
 * seen the values of: five hostile bytes ask for 100 GB. Here nothing is allocated at all, and a
 * count or length that exceeds the bytes left is an error at once.
 * (https://github.com/msgpack/msgpack/blob/master/spec.md)
 *
 * Borrows  the bytes; slices point into them
 * Fails    each call returns false for what is cut short or not the type asked for; read no further */
#ifndef SL_SHIP_MSGPACK_READ_H
#define SL_SHIP_MSGPACK_READ_H

#include "base/base.h"

typedef struct sl_mp_reader {
    sl_slice rest;
} sl_mp_reader;

typedef enum {
    SL_MP_NONE,  /* the one byte that the format never uses */
    SL_MP_OTHER, /* nil, bool, float */
    SL_MP_UINT,  /* `number` is the value */
    SL_MP_INT,   /* `number` is the value, as two's complement of `width` bytes */
    SL_MP_TEXT,  /* `number` bytes follow: */
    SL_MP_BYTES,
    SL_MP_EXT,  /* and one more, its type */
    SL_MP_LIST, /* `number` values follow */
    SL_MP_MAP,  /* `number` pairs follow */
} sl_mp_type;

typedef struct sl_mp_head {
    sl_mp_type type;
    uint8_t width; /* bytes of `number` behind the first one */
    uint64_t number;
} sl_mp_head;

/* The first byte alone says the type; from 0xc0 to 0xdf by this table. */
static inline sl_mp_head sl_mp_form(uint8_t first)
{
    static const sl_mp_head forms[32] = {
        {SL_MP_OTHER, 0, 0}, {SL_MP_NONE, 0, 0},  {SL_MP_OTHER, 0, 0}, {SL_MP_OTHER, 0, 0},
        {SL_MP_BYTES, 1, 0}, {SL_MP_BYTES, 2, 0}, {SL_MP_BYTES, 4, 0}, {SL_MP_EXT, 1, 0},
        {SL_MP_EXT, 2, 0},   {SL_MP_EXT, 4, 0},   {SL_MP_OTHER, 4, 0}, {SL_MP_OTHER, 8, 0},
        {SL_MP_UINT, 1, 0},  {SL_MP_UINT, 2, 0},  {SL_MP_UINT, 4, 0},  {SL_MP_UINT, 8, 0},
        {SL_MP_INT, 1, 0},   {SL_MP_INT, 2, 0},   {SL_MP_INT, 4, 0},   {SL_MP_INT, 8, 0},
        {SL_MP_EXT, 0, 1},   {SL_MP_EXT, 0, 2},   {SL_MP_EXT, 0, 4},   {SL_MP_EXT, 0, 8},
        {SL_MP_EXT, 0, 16},  {SL_MP_TEXT, 1, 0},  {SL_MP_TEXT, 2, 0},  {SL_MP_TEXT, 4, 0},
        {SL_MP_LIST, 2, 0},  {SL_MP_LIST, 4, 0},  {SL_MP_MAP, 2, 0},   {SL_MP_MAP, 4, 0},
    };

    if (first < 0x80)
        return (sl_mp_head){SL_MP_UINT, 0, first};
    if (first < 0x90)
        return (sl_mp_head){SL_MP_MAP, 0, first & 0x0f};
    if (first < 0xa0)
        return (sl_mp_head){SL_MP_LIST, 0, first & 0x0f};
    if (first < 0xc0)
        return (sl_mp_head){SL_MP_TEXT, 0, first & 0x1f};
    if (first < 0xe0)
        return forms[first - 0xc0];
    return (sl_mp_head){SL_MP_INT, 1, first};
}

/* The fewest bytes that can follow a head. */
static inline uint64_t sl_mp_least(const sl_mp_head *head)
{
    switch (head->type) {
    case SL_MP_TEXT:
    case SL_MP_BYTES:
    case SL_MP_LIST:
        return head->number;
    case SL_MP_EXT:
        return head->number + 1;
    case SL_MP_MAP:
        return head->number * 2; /* number < 2^32 */
    default:
        return 0;
    }
}

static inline bool sl_mp_head_next(sl_mp_reader *r, sl_mp_head *head)
{
    uint8_t first;

    if (r->rest.len == 0)
        return false;
    first = (uint8_t)*r->rest.ptr;
    *head = sl_mp_form(first);
    r->rest = sl_slice_from(r->rest, 1);
    if (first >= 0xe0)
        return true; /* the first byte is the number */
    if (head->type == SL_MP_NONE || r->rest.len < head->width)
        return false;
    for (uint8_t i = 0; i < head->width; i++)
        head->number = head->number << 8 | (uint8_t)r->rest.ptr[i];
    r->rest = sl_slice_from(r->rest, head->width);
    return sl_mp_least(head) <= r->rest.len;
}

static inline bool sl_mp_uint(sl_mp_reader *r, uint64_t max, uint64_t *out)
{
    sl_mp_head head;

    if (!sl_mp_head_next(r, &head) || head.type != SL_MP_UINT || head.number > max)
        return false;
    *out = head.number;
    return true;
}

static inline bool sl_mp_int(sl_mp_reader *r, int64_t *out)
{
    sl_mp_head head;

    if (!sl_mp_head_next(r, &head))
        return false;
    if (head.type == SL_MP_INT && head.width < 8 && head.number >> (8 * head.width - 1))
        head.number |= UINT64_MAX << (8 * head.width); /* its sign */
    *out = (int64_t)head.number;
    return head.type == SL_MP_INT || (head.type == SL_MP_UINT && head.number <= INT64_MAX);
}

/* type   SL_MP_TEXT or SL_MP_BYTES */
static inline bool sl_mp_bytes(sl_mp_reader *r, sl_mp_type type, sl_slice *out)
{
    sl_mp_head head;

    if (!sl_mp_head_next(r, &head) || head.type != type)
        return false;
    *out = (sl_slice){r->rest.ptr, (size_t)head.number};
    r->rest = sl_slice_from(r->rest, out->len);
    return true;
}

/* type   SL_MP_LIST or SL_MP_MAP; its values or pairs come next */
static inline bool sl_mp_open(sl_mp_reader *r, sl_mp_type type, size_t *count)
{
    sl_mp_head head;

    if (!sl_mp_head_next(r, &head) || head.type != type)
        return false;
    *count = (size_t)head.number;
    return true;
}

/* Any value with all that is in it, however deep. */
static inline bool sl_mp_skip(sl_mp_reader *r)
{
    sl_mp_head head;

    for (uint64_t left = 1; left > 0; left--) {
        if (!sl_mp_head_next(r, &head))
            return false;
        if (head.type == SL_MP_LIST || head.type == SL_MP_MAP)
            left += sl_mp_least(&head); /* each is at least a byte; ends with them */
        else
            r->rest = sl_slice_from(r->rest, (size_t)sl_mp_least(&head));
    }
    return true;
}

#endif
