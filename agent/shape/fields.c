/* fields.c - see fields.h. */
#include "shape/fields.h"

#include <stdlib.h>

typedef enum { OBJECT, TEXT, NUMBER, RESERVED } field_kind;

struct sl_field {
    field_kind kind;
    sl_slice name;          /* without the objects' it lies in */
    sl_slice value;         /* TEXT, NUMBER */
    sl_field *first, *last; /* OBJECT: what lies in it */
    sl_field *next;
};

sl_field *sl_fields_new(void)
{
    return sl_alloc(sizeof(sl_field)); /* an object without a name */
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

    while ((dot = memchr(name.ptr, '.', name.len))) {
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

void sl_fields_print(const sl_field *root, sl_slice last, sl_buf *out)
{
    const sl_field *open = find(root, last);

    for (const sl_field *in = root->first; in; in = in->next) {
        if (in->kind == RESERVED || in == open)
            continue;
        sl_buf_add_text(out, ",");
        print(in, out);
    }
    sl_buf_add_text(out, ",");
    print_name(open, out);
    sl_buf_add_text(out, "{");
    print_inside(open, out);
}
