/* template.h - a tiny language for text with random parts; included by mix.c alone.
 *
 *   <a|b|c>      one of them; parts may hold placeholders, and be empty
 *   <*3-9 text>  the text three to nine times
 *   <10-99>      a number; <~5000> one below 5000, mostly small; <x8> up to 16 hex digits
 *   <%H:%M:%S>   the time, as strftime writes it; <ms> <us> its fraction
 *   <pod>        the pod's name; <word> a template of the table `words` in shapes.h
 *
 * A template is compiled once and lives as long as the program. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base.h"
#include "shapes.h"

struct template
{
    struct op *ops;
    size_t count;
};

struct op {
    enum { TEXT, CHOICE, REPEAT, NUMBER, SMALL, HEX, TIME, FRACTION, POD } kind;
    const char *text; /* TEXT: itself; TIME: its format */
    uint64_t low, high;
    struct template *parts;
    size_t part_count;
    time_t rendered_s; /* TIME: strftime is slow, so what it made for this second is kept */
    size_t len;        /* of text or rendered */
    char rendered[64];
};

struct now {
    time_t s;
    uint32_t ns;
    const char *pod;
};

static uint64_t random_state;

static uint64_t draw(void) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static uint64_t below(uint64_t n)
{
    return (draw() >> 32) * n >> 32;
}

static void *grow(void *array, size_t count, size_t item)
{
    return must(realloc(array, count * item));
}

static struct template compile(const char **at, bool nested);

static void compile_word(struct op *op, const char *word, size_t len)
{
    char *dash;

    if (*word == '%') {
        op->kind = TIME;
        op->text = strndup(word, len);
    } else if (*word == '~') {
        op->kind = SMALL;
        op->high = strtoull(word + 1, NULL, 10);
    } else if (*word == 'x') {
        op->kind = HEX;
        op->high = strtoull(word + 1, NULL, 10);
    } else if (*word >= '0' && *word <= '9') {
        op->kind = NUMBER;
        op->low = strtoull(word, &dash, 10);
        op->high = strtoull(dash + 1, NULL, 10);
    } else if (len == 2 && word[1] == 's') { /* ms, us */
        op->kind = FRACTION;
        op->high = *word == 'm' ? 3 : 6;
    } else if (len == 3 && !strncmp(word, "pod", 3)) {
        op->kind = POD;
    } else {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (strlen(words[i][0]) == len && !strncmp(words[i][0], word, len)) {
                const char *text = words[i][1];

                free(op->parts->ops); /* the word itself */
                *op->parts = compile(&text, false);
                return; /* a CHOICE of one */
            }
        }
        die(word, "is neither a placeholder nor one of words[]");
    }
}

static const char *compile_placeholder(struct op *op, const char *p)
{
    const char *start = p;

    op->kind = CHOICE;
    if (*p == '*') {
        op->kind = REPEAT;
        op->low = strtoull(p + 1, (char **)(uintptr_t)&p, 10);
        op->high = strtoull(p + 1, (char **)(uintptr_t)&p, 10);
        p++;
    }
    do {
        op->parts = grow(op->parts, op->part_count + 1, sizeof *op->parts);
        op->parts[op->part_count++] = compile(&p, true);
    } while (*p++ == '|');
    if (op->kind == CHOICE && op->part_count == 1 && *start != '<')
        compile_word(op, start, (size_t)(p - 1 - start));
    return p;
}

/* Compiles up to the end, or, within brackets, up to their next `|` or `>`. */
static struct template compile(const char **at, bool nested)
{
    struct template t = {0};
    const char *p = *at;

    while (*p && !(nested && (*p == '|' || *p == '>'))) {
        struct op *op;

        t.ops = grow(t.ops, t.count + 1, sizeof *t.ops);
        op = memset(&t.ops[t.count++], 0, sizeof *op);
        if (*p == '<') {
            p = compile_placeholder(op, p + 1);
        } else {
            op->text = p;
            op->len = strcspn(p, nested ? "<|>" : "<");
            p += op->len;
        }
    }
    *at = p;
    return t;
}

static char *put(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

static char *put_digits(char *out, uint64_t value, size_t width)
{
    for (size_t i = width; i > 0; i--, value /= 10)
        out[i - 1] = (char)('0' + value % 10);
    return out + width;
}

static char *put_number(char *out, uint64_t value)
{
    size_t width = 1;

    for (uint64_t rest = value; rest >= 10; rest /= 10)
        width++;
    return put_digits(out, value, width);
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats are in shapes.h */
static char *put_time(char *out, struct op *op, time_t s)
{
    if (s != op->rendered_s) {
        struct tm tm;

        gmtime_r(&s, &tm);
        op->rendered_s = s;
        op->len = strftime(op->rendered, sizeof op->rendered, op->text, &tm);
    }
    return put(out, op->rendered, op->len);
}

static char *render(char *out, const struct template *t, const struct now *now)
{
    for (struct op *op = t->ops; op < t->ops + t->count; op++) {
        uint64_t n = op->high;

        switch (op->kind) {
        case TEXT:
            out = put(out, op->text, op->len);
            break;
        case CHOICE:
            out = render(out, &op->parts[op->part_count > 1 ? below(op->part_count) : 0], now);
            break;
        case REPEAT:
            for (n = op->low + below(op->high - op->low + 1); n > 0; n--)
                out = render(out, op->parts, now);
            break;
        case NUMBER:
            out = put_number(out, op->low + below(op->high - op->low + 1));
            break;
        case SMALL:
            n = below(n); /* two statements: compilers differ in which call they make first */
            out = put_number(out, n >> below(8));
            break;
        case HEX:
            for (uint64_t bits = draw(); n > 0; n--, bits >>= 4)
                *out++ = "0123456789abcdef"[bits & 15];
            break;
        case TIME:
            out = put_time(out, op, now->s);
            break;
        case FRACTION:
            out = put_digits(out, n == 3 ? now->ns / 1000000 : now->ns / 1000, n);
            break;
        case POD:
            out = put(out, now->pod, strlen(now->pod));
            break;
        }
    }
    return out;
}

#endif
