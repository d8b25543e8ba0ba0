/* fields.c - see fields.h. */
#include "shape/fields.h"

#include "shape/put.h"

#include <msgpack.h>
#include <stdlib.h>

typedef enum { OBJECT, TEXT, NUMBER, RESERVED } field_kind;

struct sl_field {
    field_kind kind;
    sl_slice name;          /* without the objects' it lies in */
    sl_slice value;         /* TEXT, NUMBER */
    sl_field *first, *last; /* OBJECT: what lies in it */
    bool flat;              /* the root: names are not split at their dots */
    sl_field *next;
};

sl_field *sl_fields_new(bool flat)
{
    sl_field *root = sl_alloc(sizeof *root); /* an object without a name */

    root->flat = flat;
    return root;
}

void sl_fields_free(sl_field *f)
{
    for (sl_field *in = f->first, *next; in; in = next) {
        next = in->next;
        sl_fields_free(in);
    }
    free(f);
}

static sl_field *find(const sl_field *object, sl_slice name)
{
    for (sl_field *in = object->first; in; in = in->next) {
        if (sl_slice_eq(in->name, name))
            return in;
    }
    return NULL;
}

static sl_field *append(sl_field *object, sl_slice name)
{
    sl_field *f = sl_alloc(sizeof *f);

    f->name = name;
    if (object->last)
        object->last->next = f;
    else
        object->first = f;
    object->last = f;
    return f;
}

static void add(sl_field *object, sl_slice name, field_kind kind, sl_slice value)
{
    const char *dot;

    while (!object->flat && (dot = memchr(name.ptr, '.', name.len))) {
        sl_slice part = {name.ptr, (size_t)(dot - name.ptr)};
        sl_field *inner = find(object, part);

        if (inner && inner->kind != OBJECT)
            return;
        object = inner ? inner : append(object, part);
        name = sl_slice_from(name, part.len + 1);
    }
    if (!find(object, name)) {
        object = append(object, name);
        object->kind = kind;
        object->value = value;
    }
}

void sl_fields_add_text(sl_field *root, sl_slice name, sl_slice value)
{
    if (value.len > 0)
        add(root, name, TEXT, value);
}

void sl_fields_add_number(sl_field *root, sl_slice name, sl_slice number)
{
    add(root, name, NUMBER, number);
}

void sl_fields_reserve(sl_field *root, sl_slice name)
{
    add(root, name, RESERVED, (sl_slice){0});
}

static void print_name(const sl_field *f, sl_buf *out)
{
    sl_buf_add_text(out, "\"");
    sl_buf_add_json(out, f->name);
    sl_buf_add_text(out, "\":");
}

static void print_inside(const sl_field *object, sl_buf *out);

static void print(const sl_field *f, sl_buf *out)
{
    print_name(f, out);
    switch (f->kind) {
    case OBJECT:
        sl_buf_add_text(out, "{");
        print_inside(f, out);
        sl_buf_add_text(out, "}");
        break;
    case TEXT:
        sl_buf_add_text(out, "\"");
        sl_buf_add_json(out, f->value);
        sl_buf_add_text(out, "\"");
        break;
    default:
        sl_buf_add(out, f->value.ptr, f->value.len);
    }
}

static void print_inside(const sl_field *object, sl_buf *out)
{
    const char *comma = "";

    for (const sl_field *in = object->first; in; in = in->next) {
        if (in->kind == RESERVED)
            continue;
        sl_buf_add_text(out, comma);
        print(in, out);
        comma = ",";
    }
}

static const sl_field *find_last(const sl_field *root, sl_slice last)
{
    return last.len > 0 ? find(root, last) : NULL;
}

void sl_fields_print(const sl_field *root, sl_slice last, sl_buf *out)
{
    const sl_field *open = find_last(root, last);

    for (const sl_field *in = root->first; in; in = in->next) {
        if (in->kind == RESERVED || in == open)
            continue;
        sl_buf_add_text(out, ",");
        print(in, out);
    }
    if (!open)
        return;
    sl_buf_add_text(out, ",");
    print_name(open, out);
    sl_buf_add_text(out, "{");
    print_inside(open, out);
}

/* --- msgpack --- */

static int add_packed(void *out, const char *bytes, size_t len)
{
    sl_buf_add(out, bytes, len);
    return 0;
}

static void pack_text(msgpack_packer *pk, sl_slice text)
{
    char *whole = sl_alloc_raw(3 * text.len + 1);
    size_t len = (size_t)(sl_put_repaired(whole, text.ptr, text.len) - whole);

    msgpack_pack_str_with_body(pk, whole, len);
    free(whole);
}

static uint16_t count_inside(const sl_field *object)
{
    uint16_t count = 0;

    for (const sl_field *in = object->first; in; in = in->next)
        count = (uint16_t)(count + (in->kind != RESERVED));
    return count;
}

static void pack(msgpack_packer *pk, const sl_field *f)
{
    pack_text(pk, f->name);
    if (f->kind == TEXT) {
        pack_text(pk, f->value);
    } else if (f->kind == NUMBER) {
        msgpack_pack_uint64(pk, strtoull(f->value.ptr, NULL, 10));
    } else {
        msgpack_pack_map(pk, count_inside(f));
        for (const sl_field *in = f->first; in; in = in->next) {
            if (in->kind != RESERVED)
                pack(pk, in);
        }
    }
}

uint16_t sl_fields_pack(const sl_field *root, sl_slice last, sl_buf *out, uint32_t *open)
{
    const sl_field *last_one = find_last(root, last);
    msgpack_packer pk;
    uint16_t inside;

    msgpack_packer_init(&pk, out, add_packed);
    for (const sl_field *in = root->first; in; in = in->next) {
        if (in->kind != RESERVED && in != last_one)
            pack(&pk, in);
    }
    if (!last_one)
        return count_inside(root);
    inside = count_inside(last_one);
    pack_text(&pk, last_one->name);
    sl_buf_add(out, "\xde", 1); /* a map with its number in two bytes, whatever it is */
    *open = (uint32_t)out->len;
    sl_buf_add(out, (const char[]){(char)(inside >> 8), (char)inside}, 2);
    for (const sl_field *in = last_one->first; in; in = in->next) {
        if (in->kind != RESERVED)
            pack(&pk, in);
    }
    return count_inside(root);
}
