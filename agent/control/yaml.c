/* yaml.c - libyaml's events -> a tree of nodes with their places.
 *
 * Events, not libyaml's own documents: those resolve anchors, and so a few bytes could become a tree
 * of any size. Here a text makes at most as many nodes as it has items, and all bounds are checked
 * while it is read.
 *
 * Owns     keys and texts of its nodes
 * Limits   see yaml.h */
#include "control/yaml.h"
#include "control/nearest.h"

#include <stdlib.h>
#include <yaml.h>

sl_yaml *sl_yaml_new(const sl_source_text *in, const char *text)
{
    sl_yaml *node = sl_alloc(sizeof *node);

    node->at = node->key_at = (sl_spot){.in = in};
    node->text = sl_strdup(text);
    return node;
}

static sl_yaml *new_null(const sl_source_text *in)
{
    sl_yaml *node = sl_yaml_new(in, "");

    node->plain = true;
    return node;
}

/* --- reading --- */

typedef struct reader {
    yaml_parser_t parser;
    const sl_source_text *in;
    sl_mistakes *mistakes;
    unsigned nodes;
    bool failed; /* the rest cannot be read; that was said */
} reader;

static sl_spot spot(const reader *r, yaml_mark_t mark)
{
    return (sl_spot){r->in, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static void give_up(reader *r, yaml_mark_t mark, const char *why)
{
    sl_spot at = spot(r, mark);

    sl_mistake(r->mistakes, &at, "%s", why);
    r->failed = true;
}

static void on_syntax(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    sl_spot at;

    SL_ASSERT(p->error != YAML_MEMORY_ERROR);
    r->failed = true;
    if (p->error == YAML_READER_ERROR) /* bytes that are no text: it knows an offset only */
        at = sl_spot_at(r->in, p->problem_offset);
    else
        at = spot(r, p->problem_mark);

    if (sl_slice_starts(sl_spot_rest(&at), SL_SLICE("\t")))
        sl_mistake(r->mistakes, &at, "not valid YAML: a tab cannot indent, write spaces");
    else if (p->context)
        sl_mistake(r->mistakes, &at, "not valid YAML: %s, %s that begins in line %zu", p->problem,
                   p->context, p->context_mark.line + 1);
    else
        sl_mistake(r->mistakes, &at, "not valid YAML: %s", p->problem);
}

/* false: there is none, and r->failed says so. `ev` is deleted by whoever got it. */
static bool next_event(reader *r, yaml_event_t *ev)
{
    if (r->failed)
        return false;
    if (yaml_parser_parse(&r->parser, ev))
        return true;
    on_syntax(r);
    return false;
}

static void refuse_decorations(reader *r, const yaml_event_t *ev, const yaml_char_t *anchor,
                               const yaml_char_t *tag)
{
    sl_spot at = spot(r, ev->start_mark);

    if (anchor)
        sl_mistake(r->mistakes, &at,
                   "anchors are not taken: write \"&%s\" in quotes, or leave it out",
                   (const char *)anchor);
    if (tag)
        sl_mistake(r->mistakes, &at, "tags are not taken: write the value without it");
}

static char *scalar_text(reader *r, const yaml_event_t *ev)
{
    const char *text = (const char *)ev->data.scalar.value;
    size_t len = ev->data.scalar.length;

    if (memchr(text, '\0', len)) {
        sl_spot at = spot(r, ev->start_mark);

        sl_mistake(r->mistakes, &at, "a text must not hold a zero byte");
    }
    return sl_strdup(text); /* up to the zero, if there is one */
}

static sl_yaml *read_node(reader *r, yaml_event_t *ev, unsigned level);

/* The items of a mapping or sequence, up to its end. */
static void read_items(reader *r, sl_yaml *parent, unsigned level)
{
    sl_yaml **end = &parent->first;
    bool mapping = parent->kind == SL_YAML_MAPPING;
    yaml_event_t ev;

    while (next_event(r, &ev)) {
        char *key = NULL;
        sl_spot key_at = spot(r, ev.start_mark);

        if (ev.type == YAML_MAPPING_END_EVENT || ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return;
        }
        if (mapping) {
            if (ev.type != YAML_SCALAR_EVENT) {
                give_up(r, ev.start_mark, "a key must be a plain text");
                yaml_event_delete(&ev);
                return;
            }
            refuse_decorations(r, &ev, ev.data.scalar.anchor, ev.data.scalar.tag);
            key = scalar_text(r, &ev);
            yaml_event_delete(&ev);
            if (sl_yaml_get(parent, sl_str(key)))
                sl_mistake(r->mistakes, &key_at, "\"%.60s\" is given twice", key);
            if (!next_event(r, &ev)) {
                free(key);
                return;
            }
        }
        *end = read_node(r, &ev, level + 1);
        (*end)->key = key;
        (*end)->key_at = key_at;
        end = &(*end)->next;
    }
}

/* Always gives a node, and deletes `ev`. */
static sl_yaml *read_node(reader *r, yaml_event_t *ev, unsigned level)
{
    sl_yaml *node = sl_alloc(sizeof *node);
    yaml_mark_t mark = ev->start_mark;

    node->at = spot(r, mark);
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        refuse_decorations(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
        node->text = scalar_text(r, ev);
        node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_decorations(r, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
        node->kind = SL_YAML_SEQUENCE;
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_decorations(r, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
        node->kind = SL_YAML_MAPPING;
        break;
    default: /* an alias; nothing else can stand here */
        sl_mistake(r->mistakes, &node->at,
                   "aliases are not taken: write \"*%s\" in quotes, or the "
                   "value itself",
                   (const char *)ev->data.alias.anchor);
        node->text = sl_strdup("");
        break;
    }
    yaml_event_delete(ev);

    if (++r->nodes > SL_YAML_MAX_NODES)
        give_up(r, mark, "more than 10,000 values");
    else if (level >= SL_YAML_MAX_LEVELS)
        give_up(r, mark, "nested deeper than 16 levels");
    else if (node->kind != SL_YAML_SCALAR)
        read_items(r, node, level);
    return node;
}

/* The stream's only document. An empty stream counts as one that holds no value. */
static sl_yaml *read_document(reader *r)
{
    sl_yaml *root = NULL;
    yaml_event_t ev;

    while (next_event(r, &ev)) {
        switch (ev.type) {
        case YAML_STREAM_END_EVENT:
            yaml_event_delete(&ev);
            return root ? root : new_null(r->in);
        case YAML_DOCUMENT_START_EVENT:
            if (root)
                give_up(r, ev.start_mark, "a second document: one file holds one");
            yaml_event_delete(&ev);
            break;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            yaml_event_delete(&ev);
            break;
        default:
            root = read_node(r, &ev, 0);
            break;
        }
    }
    sl_yaml_free(root);
    return NULL;
}

sl_yaml *sl_yaml_parse(const sl_source_text *in, sl_mistakes *m)
{
    reader r = {.in = in, .mistakes = m};
    sl_spot whole = {.in = in};
    sl_slice text = in->bytes;
    sl_yaml *root;

    if (text.len > SL_YAML_MAX_BYTES) {
        sl_mistake(m, &whole, "larger than 1 MiB");
        return NULL;
    }
    if (!text.ptr)
        text = SL_SLICE("");
    SL_ASSERT(yaml_parser_initialize(&r.parser));
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.ptr, text.len);
    root = read_document(&r);
    yaml_parser_delete(&r.parser);
    return root;
}

/* --- the tree --- */

void sl_yaml_free(sl_yaml *node)
{
    while (node) {
        sl_yaml *next = node->next;

        sl_yaml_free(node->first);
        free(node->key);
        free(node->text);
        free(node);
        node = next;
    }
}

bool sl_yaml_is_null(const sl_yaml *node)
{
    return node->kind == SL_YAML_SCALAR && node->plain &&
           (!*node->text || !strcmp(node->text, "null") || !strcmp(node->text, "~"));
}

sl_yaml *sl_yaml_get(const sl_yaml *mapping, sl_slice key)
{
    if (mapping->kind != SL_YAML_MAPPING)
        return NULL;
    for (sl_yaml *item = mapping->first; item; item = item->next) {
        if (sl_slice_eq(sl_str(item->key), key))
            return item;
    }
    return NULL;
}

const sl_yaml *sl_yaml_find(const sl_yaml *mapping, const char *path)
{
    sl_slice rest = sl_str(path), part;

    while (mapping && sl_next_part(&rest, '.', &part))
        mapping = sl_yaml_get(mapping, part);
    return mapping;
}

/* --- setting one value --- */

/* `name`'s number, or SIZE_MAX. */
static size_t item_number(sl_slice name)
{
    size_t n = 0;

    if (name.len == 0 || name.len > 5)
        return SIZE_MAX;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < '0' || name.ptr[i] > '9')
            return SIZE_MAX;
        n = 10 * n + (size_t)(name.ptr[i] - '0');
    }
    return n;
}

/* Where the item stands, or would be added: then the link is NULL. NULL: there can be none. */
static sl_yaml **item_link(sl_yaml *parent, sl_slice name)
{
    sl_yaml **link = &parent->first;
    size_t number = item_number(name);

    if (parent->kind == SL_YAML_SCALAR)
        return NULL;
    for (size_t i = 0; *link; link = &(*link)->next, i++) {
        const sl_yaml *named = sl_yaml_get(*link, SL_SLICE("name"));

        if (parent->kind == SL_YAML_MAPPING ? sl_slice_eq(sl_str((*link)->key), name) : i == number)
            return link;
        if (parent->kind == SL_YAML_SEQUENCE && named && named->kind == SL_YAML_SCALAR &&
            sl_slice_eq(sl_str(named->text), name))
            return link;
        if (parent->kind == SL_YAML_SEQUENCE && !(*link)->next && number == i + 1)
            return &(*link)->next;
    }
    return parent->kind == SL_YAML_MAPPING || number == 0 ? link : NULL;
}

/* A node without value becomes what can hold `name`. */
static void become_parent(sl_yaml *node, sl_slice name)
{
    free(node->text);
    node->text = NULL;
    node->kind = item_number(name) == SIZE_MAX ? SL_YAML_MAPPING : SL_YAML_SEQUENCE;
}

/* The item to put the value in, made if it is not there; or NULL, and that was said. */
static sl_yaml *walk(sl_yaml *node, const char *path, const sl_source_text *in, sl_mistakes *m)
{
    sl_spot at = {.in = in};

    for (unsigned level = 1; path; level++) {
        sl_slice name = {path, strcspn(path, ".")};
        sl_yaml **link;

        if (name.len == 0 || level >= SL_YAML_MAX_LEVELS) {
            sl_mistake(m, &at, "write a name such as memory_limit or inputs.0.path");
            return NULL;
        }
        if (sl_yaml_is_null(node))
            become_parent(node, name);
        link = item_link(node, name);
        if (!link) {
            sl_mistake(m, &at, "there is no \"%.*s\" to set", (int)name.len, name.ptr);
            return NULL;
        }
        if (!*link) {
            *link = new_null(in);
            if (node->kind == SL_YAML_MAPPING)
                (*link)->key = sl_strndup(name.ptr, name.len);
        }
        node = *link;
        path = path[name.len] ? path + name.len + 1 : NULL;
    }
    return node;
}

void sl_yaml_set(sl_yaml *root, const char *path, sl_yaml *value, const sl_source_text *in,
                 sl_mistakes *m)
{
    sl_yaml *node = walk(root, path, in, m), old;

    if (node) {
        old = *node;
        *node = *value;
        node->key = old.key;
        node->key_at = (sl_spot){.in = in};
        node->next = old.next;
        *value = (sl_yaml){.first = old.first, .text = old.text};
    }
    sl_yaml_free(value);
}
