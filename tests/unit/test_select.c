/* test_select.c - which containers the globs want. */
#include "shape/select.h"
#include "unit.h"

#define MAX_GLOBS 4

typedef const char *globs[MAX_GLOBS + 1]; /* ended by NULL */

static const struct {
    globs select[3], exclude[3]; /* namespaces, pods, containers */
    const char *name[3];
    bool wanted;
} rows[] = {
    {{{"*"}, {"*"}, {"*"}}, {{0}}, {"shop", "cart-0", "app"}, true},
    {{{0}, {"*"}, {"*"}}, {{0}}, {"shop", "cart-0", "app"}, false},
    {{{"shop"}, {"*"}, {"*"}}, {{0}}, {"shop", "cart-0", "app"}, true},
    {{{"shop"}, {"*"}, {"*"}}, {{0}}, {"shop2", "cart-0", "app"}, false},
    {{{"sho"}, {"*"}, {"*"}}, {{0}}, {"shop", "cart-0", "app"}, false},
    /* all three must match */
    {{{"shop"}, {"web-*"}, {"*"}}, {{0}}, {"shop", "cart-0", "app"}, false},
    {{{"shop"}, {"cart-?"}, {"side"}}, {{0}}, {"shop", "cart-0", "app"}, false},
    {{{"shop"}, {"cart-[0-9]"}, {"a*"}}, {{0}}, {"shop", "cart-0", "app"}, true},
    /* the last glob that matches decides */
    {{{"*", "!kube-*"}, {"*"}, {"*"}}, {{0}}, {"kube-system", "dns", "dns"}, false},
    {{{"*", "!kube-*"}, {"*"}, {"*"}}, {{0}}, {"shop", "dns", "dns"}, true},
    {{{"!kube-*", "*"}, {"*"}, {"*"}}, {{0}}, {"kube-system", "dns", "dns"}, true},
    {{{"*", "!kube-*", "kube-public"}, {"*"}, {"*"}}, {{0}}, {"kube-public", "x", "x"}, true},
    /* one match is enough to be excluded */
    {{{"*"}, {"*"}, {"*"}}, {{"shop"}}, {"shop", "cart-0", "app"}, false},
    {{{"*"}, {"*"}, {"*"}}, {{0}, {"cart-*"}}, {"shop", "cart-0", "app"}, false},
    {{{"*"}, {"*"}, {"*"}}, {{0}, {0}, {"istio-*"}}, {"shop", "cart-0", "istio-proxy"}, false},
    {{{"*"}, {"*"}, {"*"}}, {{0}, {0}, {"istio-*"}}, {"shop", "cart-0", "app"}, true},
    {{{"*"}, {"*"}, {"*"}}, {{"*", "!shop"}}, {"shop", "cart-0", "app"}, true},
    /* globs, not substrings; and no star crosses a slash */
    {{{"*"}, {"cart"}, {"*"}}, {{0}}, {"shop", "cart-0", "app"}, false},
    {{{"*"}, {"*"}, {"*"}}, {{0}}, {"a/b", "cart-0", "app"}, false},
    {{{"*"}, {"*"}, {"*"}}, {{0}}, {"", "cart-0", "app"}, true},
};

static sl_texts texts_of(const globs list)
{
    sl_texts texts = {(const char **)(uintptr_t)list, 0};

    while (list[texts.count])
        texts.count++;
    return texts;
}

static sl_choice_lists lists_of(const globs lists[3])
{
    return (sl_choice_lists){texts_of(lists[0]), texts_of(lists[1]), texts_of(lists[2])};
}

START_TEST(wants_each_row)
{
    sl_choice_lists select = lists_of(rows[_i].select), exclude = lists_of(rows[_i].exclude);
    sl_select s = {&select, &exclude};

    ck_assert_int_eq(sl_select_wants(&s, sl_str(rows[_i].name[0]), sl_str(rows[_i].name[1]),
                                     sl_str(rows[_i].name[2])),
                     rows[_i].wanted);
}
END_TEST

/* Names are slices of a path: what stands behind them does not count. One too long is none. */
START_TEST(looks_at_the_slice_alone)
{
    static const globs some[3] = {{"shop"}, {"*"}, {"*"}}, none[3] = {{0}};
    sl_choice_lists select = lists_of(some), exclude = lists_of(none);
    sl_select s = {&select, &exclude};
    char name[256];

    memset(name, 'a', sizeof name);
    ck_assert(sl_select_wants(&s, (sl_slice){"shop_cart", 4}, sl_str("p"), sl_str("c")));
    ck_assert(!sl_select_wants(&s, (sl_slice){"shop_cart", 5}, sl_str("p"), sl_str("c")));
    ck_assert(sl_select_wants(&s, sl_str("shop"), (sl_slice){name, 255}, sl_str("c")));
    ck_assert(!sl_select_wants(&s, sl_str("shop"), (sl_slice){name, 256}, sl_str("c")));
}
END_TEST

SL_UNIT(SL_ROWS(wants_each_row, rows), SL_ONE(looks_at_the_slice_alone))
