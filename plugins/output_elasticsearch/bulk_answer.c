/* bulk_answer.c - see bulk_answer.h.
 *
 * One byte after the other goes through a small machine that knows JSON's grammar, so where an answer
 * is cut does not matter. What a value is good for is its role: it follows from the role of what
 * surrounds it and from its key, and is written down when the value begins. */
#include "bulk_answer.h"

#include <stdio.h>

#define PLAIN_STATUS 201
#define PLAIN_RUN    32
#define LIST         0x80 /* of that role */

typedef enum {
    VALUE,       /* comes */
    FIRST_VALUE, /* of a list, or its end */
    FIRST_KEY,   /* of an object, or its end */
    KEY,         /* comes, behind a comma */
    COLON,       /* comes */
    BEHIND,      /* a value: a comma, or an end */
    STRING,      /* in one */
    ESCAPE,      /* behind its backslash */
    HEX,         /* behind \u */
    NUMBER,      /* in one */
    LITERAL,     /* in one */
    DONE         /* the whole answer was there */
} state;

typedef enum {
    OTHER,
    ROOT,
    ITEMS,
    ITEM,
    OPERATION,
    STATUS,
    ERROR,      /* of an item */
    ROOT_ERROR, /* of the request */
    TYPE,
    REASON,
    STORE
} role;

/* By key: what a value is, in an object of that role. */
static const struct {
    role in;
    const char *key;
    role is;
} names[] = {
    {ROOT, "items", ITEMS},
    {ROOT, "error", ROOT_ERROR},
    {OPERATION, "status", STATUS},
    {OPERATION, "error", ERROR},
    {OPERATION, "failure_store", STORE},
    {ERROR, "type", TYPE},
    {ERROR, "reason", REASON},
    {ROOT_ERROR, "type", TYPE},
    {ROOT_ERROR, "reason", REASON},
};

static bool fail(bulk_answer *a)
{
    a->failed = true;
    return false;
}

/* --- words --- */

static void begin_words(bulk_words *w, char *at, size_t room)
{
    *w = (bulk_words){.at = at, .room = room};
}

static void add_byte(bulk_answer *a, char c)
{
    if (a->words && a->words->len < a->words->room)
        a->words->at[a->words->len++] = c;
}

/* Half a pair of surrogates is not put together: these are words for an operator. */
static void add_code(bulk_answer *a, uint32_t code)
{
    if (code < 0x80) {
        add_byte(a, code < 0x20 ? ' ' : (char)code);
    } else if (code < 0x800) {
        add_byte(a, (char)(0xc0 | code >> 6));
        add_byte(a, (char)(0x80 | (code & 0x3f)));
    } else if (code >> 11 == 0x1b) {
        add_byte(a, '?');
    } else {
        add_byte(a, (char)(0xe0 | code >> 12));
        add_byte(a, (char)(0x80 | (code >> 6 & 0x3f)));
        add_byte(a, (char)(0x80 | (code & 0x3f)));
    }
}

static bool is_word(const bulk_words *w, const char *text)
{
    return w->len == strlen(text) && !memcmp(w->at, text, w->len);
}

/* --- what a value is --- */

static role around(const bulk_answer *a)
{
    return a->level ? (role)a->roles[a->level - 1] : OTHER;
}

/* Each item has one member, which is called as our operation is. */
static bool name_operation(bulk_answer *a)
{
    if (a->has_op || !is_word(&a->key, a->op))
        return fail(a);
    a->has_op = true;
    a->status = 0;
    a->type.len = a->reason.len = a->store.len = 0;
    a->next_role = OPERATION;
    return true;
}

static bool on_key(bulk_answer *a)
{
    role in = around(a);

    a->next_role = OTHER;
    if (in == ITEM)
        return name_operation(a);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].in == in && is_word(&a->key, names[i].key))
            a->next_role = (uint8_t)names[i].is;
    }
    return true;
}

/* A list or an object where there must be one, and nothing else where there must be none. */
static bool fits(role is, char first)
{
    if (is == ROOT || is == ITEM || is == OPERATION)
        return first == '{';
    if (is == ITEMS)
        return first == '[';
    if (is == STATUS)
        return first >= '1' && first <= '9';
    return true;
}

static bool on_item_end(bulk_answer *a)
{
    bulk_item item = {.index = a->items,
                      .status = a->status,
                      .type = {a->type.at, a->type.len},
                      .reason = {a->reason.at, a->reason.len},
                      .in_failure_store = is_word(&a->store, "used")};

    if (!a->has_op || a->items == UINT32_MAX)
        return fail(a);
    a->items++;
    a->has_op = false;
    a->type.len = a->reason.len = 0;
    if (!bulk_item_is_plain(&item))
        a->on_item(a->arg, &item);
    return true;
}

/* --- values --- */

static void behind_value(bulk_answer *a)
{
    a->state = a->level ? BEHIND : DONE;
}

static bool open_level(bulk_answer *a, bool is_list)
{
    role is = (role)a->role;

    if (a->level == BULK_LEVELS)
        return fail(a);
    if (is == ITEMS && a->has_items)
        return fail(a); /* twice */
    a->has_items = a->has_items || is == ITEMS;
    if (is_list && is != ITEMS)
        is = OTHER; /* a list called "error" is none */
    a->roles[a->level++] = (uint8_t)(is_list ? is | LIST : is);
    a->next_role = is == ITEMS ? ITEM : OTHER;
    a->state = is_list ? FIRST_VALUE : FIRST_KEY;
    return true;
}

static bool close_level(bulk_answer *a, bool is_list)
{
    uint8_t was = a->roles[a->level - 1];
    role is = was & ~LIST;

    if ((was & LIST ? true : false) != is_list)
        return fail(a);
    a->level--;
    if (is == OPERATION && a->status == 0)
        return fail(a);
    behind_value(a);
    return is == ITEM ? on_item_end(a) : true;
}

static bool begin_string(bulk_answer *a, bool is_key)
{
    a->is_key = is_key;
    a->words = is_key                                                           ? &a->key
               : a->role == TYPE                                                ? &a->type
               : a->role == REASON || a->role == ROOT_ERROR || a->role == ERROR ? &a->reason
               : a->role == STORE                                               ? &a->store
                                                                                : NULL;
    if (a->words)
        a->words->len = 0;
    a->state = STRING;
    return true;
}

static bool begin_literal(bulk_answer *a, const char *rest)
{
    a->literal = rest;
    a->state = LITERAL;
    return true;
}

static bool begin_number(bulk_answer *a, char first)
{
    if (first != '-' && (first < '0' || first > '9'))
        return fail(a);
    a->digits_only = first != '-';
    a->number = first - '0';
    a->state = NUMBER;
    return true;
}

static bool begin_value(bulk_answer *a, char c)
{
    a->role = a->level ? a->next_role : ROOT;
    if (!fits((role)a->role, c))
        return fail(a);
    switch (c) {
    case '{':
    case '[':
        return open_level(a, c == '[');
    case '"':
        return begin_string(a, false);
    case 't':
        return begin_literal(a, "rue");
    case 'f':
        return begin_literal(a, "alse");
    case 'n':
        return begin_literal(a, "ull");
    default:
        return begin_number(a, c);
    }
}

static bool end_string(bulk_answer *a)
{
    a->words = NULL;
    if (a->is_key) {
        a->state = COLON;
        return on_key(a);
    }
    behind_value(a);
    return true;
}

static bool end_number(bulk_answer *a)
{
    behind_value(a);
    if (a->role != STATUS)
        return true;
    if (!a->digits_only || a->number < 100 || a->number > 599 || a->status)
        return fail(a);
    a->status = a->number;
    return true;
}

/* --- bytes --- */

static bool in_string(bulk_answer *a, char c)
{
    if (c == '"')
        return end_string(a);
    if (c == '\\')
        a->state = ESCAPE;
    else if ((unsigned char)c < 0x20)
        return fail(a);
    else
        add_byte(a, c);
    return true;
}

static bool in_escape(bulk_answer *a, char c)
{
    a->state = STRING;
    if (c == 'u') {
        a->state = HEX;
        a->hex_left = 4;
        a->hex = 0;
    } else if (c == '"' || c == '\\' || c == '/') {
        add_byte(a, c);
    } else if (c && strchr("bfnrt", c)) {
        add_byte(a, ' ');
    } else {
        return fail(a);
    }
    return true;
}

static bool in_hex(bulk_answer *a, char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *digit = c ? strchr(digits, c) : NULL;
    uint32_t value;

    if (!digit)
        return fail(a);
    value = (uint32_t)(digit - digits);
    a->hex = a->hex << 4 | (value < 16 ? value : value - 6);
    if (--a->hex_left == 0) {
        add_code(a, a->hex);
        a->state = STRING;
    }
    return true;
}

static bool in_literal(bulk_answer *a, char c)
{
    if (c != *a->literal)
        return fail(a);
    if (!*++a->literal)
        behind_value(a);
    return true;
}

static bool behind(bulk_answer *a, char c)
{
    bool is_list = a->roles[a->level - 1] & LIST;

    if (c == '}' || c == ']')
        return close_level(a, c == ']');
    if (c != ',')
        return fail(a);
    a->state = is_list ? VALUE : KEY;
    a->next_role = (a->roles[a->level - 1] & ~LIST) == ITEMS ? ITEM : OTHER;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_number(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

static bool in_number(bulk_answer *a, char c)
{
    a->digits_only = a->digits_only && c >= '0' && c <= '9';
    if (a->digits_only && a->number < 1000)
        a->number = a->number * 10 + (c - '0');
    return true;
}

/* Between tokens. */
static bool take_token(bulk_answer *a, char c)
{
    switch ((state)a->state) {
    case VALUE:
        return begin_value(a, c);
    case FIRST_VALUE:
        return c == ']' ? close_level(a, true) : begin_value(a, c);
    case FIRST_KEY:
        if (c == '}')
            return close_level(a, false);
        return c == '"' ? begin_string(a, true) : fail(a);
    case KEY:
        return c == '"' ? begin_string(a, true) : fail(a);
    case COLON:
        a->state = VALUE;
        return c == ':' ? true : fail(a);
    case BEHIND:
        return behind(a, c);
    default:
        return fail(a); /* DONE: nothing comes any more */
    }
}

static bool take(bulk_answer *a, char c)
{
    if (a->state == NUMBER) {
        if (is_number(c))
            return in_number(a, c);
        if (!end_number(a))
            return false;
    }
    switch ((state)a->state) {
    case STRING:
        return in_string(a, c);
    case ESCAPE:
        return in_escape(a, c);
    case HEX:
        return in_hex(a, c);
    case LITERAL:
        return in_literal(a, c);
    default:
        return is_space(c) ? true : take_token(a, c);
    }
}

/* --- the whole --- */

void bulk_answer_init(bulk_answer *a, const char *op, bulk_item_fn *on_item, void *arg)
{
    *a = (bulk_answer){.op = op, .on_item = on_item, .arg = arg, .state = VALUE};
    a->plain_len =
        (size_t)snprintf(a->plain, sizeof a->plain, ",{\"%s\":{\"status\":%d}}", op, PLAIN_STATUS);
    begin_words(&a->key, a->key_text, sizeof a->key_text);
    begin_words(&a->type, a->type_text, sizeof a->type_text);
    begin_words(&a->reason, a->reason_text, sizeof a->reason_text);
    begin_words(&a->store, a->store_text, sizeof a->store_text);
}

/* How many bytes are items that say: created. Each is as the one before it, so many are compared at once. */
static size_t plain_run(const bulk_answer *a, const char *bytes, size_t len)
{
    size_t one = a->plain_len, many = PLAIN_RUN * one, n = one;

    if (len < one || memcmp(bytes, a->plain, one) != 0)
        return 0;
    while (len - n >= many && memcmp(bytes + n, bytes + n - one, many) == 0)
        n += many;
    while (len - n >= one && memcmp(bytes + n, a->plain, one) == 0)
        n += one;
    return n;
}

/* Behind an item: how many bytes say, in the words of every server, that the next records are there, and
 * no more than that; so nearly all of an answer is compared instead of read. 0: the machine reads on. */
static size_t take_plain(bulk_answer *a, const char *bytes, size_t len)
{
    size_t run, items;

    if (a->roles[a->level - 1] != (ITEMS | LIST))
        return 0;
    run = plain_run(a, bytes, len);
    items = run / a->plain_len;
    if (items > UINT32_MAX - a->items)
        return 0;
    a->items += (uint32_t)items;
    return run;
}

bool bulk_answer_feed(bulk_answer *a, const char *bytes, size_t len)
{
    for (size_t i = 0, n; i < len && !a->failed; i += n) {
        n = a->state == BEHIND ? take_plain(a, bytes + i, len - i) : 0;
        if (n > 0)
            continue;
        (void)take(a, bytes[i]);
        n = 1;
    }
    return !a->failed;
}

bool bulk_answer_end(const bulk_answer *a)
{
    return !a->failed && a->state == DONE;
}

sl_slice bulk_answer_type(const bulk_answer *a)
{
    return (sl_slice){a->type_text, a->type.len};
}

sl_slice bulk_answer_reason(const bulk_answer *a)
{
    return (sl_slice){a->reason_text, a->reason.len};
}
