/* test_yaml.c - strict YAML: what is a tree, what is a mistake, and where. */
#include "control/yaml.h"
#include "unit.h"

/* The tree as one line: {key: value} [item] 'quoted' plain. */
static void print(const sl_yaml *node, sl_buf *out)
{
    const char *ends = node->kind == SL_YAML_MAPPING ? "{}" : "[]";

    if (node->kind == SL_YAML_SCALAR) {
        sl_buf_add_format(out, node->plain ? "%s" : "'%s'", node->text);
        return;
    }
    sl_buf_add(out, &ends[0], 1);
    for (const sl_yaml *item = node->first; item; item = item->next) {
        if (item->key)
            sl_buf_add_format(out, "%s: ", item->key);
        print(item, out);
        sl_buf_add_text(out, item->next ? ", " : "");
    }
    sl_buf_add(out, &ends[1], 1);
}

/* What is wrong with the text, or what it means if nothing is. */
static char *read_text(const char *yaml, const char *path, const char *value)
{
    sl_source_text in = {.name = "x.yaml", .bytes = sl_str(yaml)};
    sl_source_text set = {.name = "--set", .bytes = sl_str(value), .whole = true};
    sl_mistakes m = {0};
    sl_yaml *root = sl_yaml_parse(&in, &m);
    sl_buf out = {0};
    char *text;

    if (root && path)
        sl_yaml_set(root, path, sl_yaml_new(&set, value), &set, &m);
    if (!root || m.count > 0)
        sl_mistakes_write(&m, &out);
    else
        print(root, &out);
    text = sl_strndup(out.ptr ? out.ptr : "", out.len);
    sl_buf_fini(&out);
    sl_yaml_free(root);
    return text;
}

static const struct {
    const char *yaml, *tree;
} good[] = {
    {"", ""},
    {"# only a comment\n", ""},
    {"---\n...\n", ""},
    {"a: 1", "{a: 1}"},
    {"{a: [1, 'x', \"y\"], b: {c: }}", "{a: [1, 'x', 'y'], b: {c: }}"},
    {"- a\n- b: c\n", "[a, {b: c}]"},
    {"a: |\n  two\n  lines\n", "{a: 'two\nlines\n'}"},
    {"%YAML 1.1\n---\na: b\n", "{a: b}"},
    {"\"a b\": \"\\u00e9\\n\"", "{a b: '\xc3\xa9\n'}"},
};

START_TEST(reads_each_tree)
{
    char *got = read_text(good[_i].yaml, NULL, NULL);

    ck_assert_str_eq(got, good[_i].tree);
    free(got);
}
END_TEST

static const struct {
    const char *yaml, *mistakes;
} bad[] = {
    /* what YAML has and we do not take */
    {"a: &x 1", "x.yaml:1:4: anchors are not taken: write \"&x\" in quotes, or leave it out\n"
                "  a: &x 1\n"
                "     ^\n"},
    {"a: *x", "x.yaml:1:4: aliases are not taken: write \"*x\" in quotes, or the value itself\n"
              "  a: *x\n"
              "     ^\n"},
    {"a: !!str 1", "x.yaml:1:4: tags are not taken: write the value without it\n"
                   "  a: !!str 1\n"
                   "     ^\n"},
    {"a: !vault 1\nb: &y [*z]\n",
     "x.yaml:1:4: tags are not taken: write the value without it\n"
     "  a: !vault 1\n"
     "     ^\n"
     "x.yaml:2:4: anchors are not taken: write \"&y\" in quotes, or leave it out\n"
     "  b: &y [*z]\n"
     "     ^\n"
     "x.yaml:2:8: aliases are not taken: write \"*z\" in quotes, or the value itself\n"
     "  b: &y [*z]\n"
     "         ^\n"},
    {"&k a: 1", "x.yaml:1:1: anchors are not taken: write \"&k\" in quotes, or leave it out\n"
                "  &k a: 1\n"
                "  ^\n"},
    {"a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document: one file holds one\n"
                          "  ---\n"
                          "  ^\n"},
    {"? [a]\n: 1\n", "x.yaml:1:3: a key must be a plain text\n"
                     "  ? [a]\n"
                     "    ^\n"},
    {"a: 1\nb: 2\na: 3\n", "x.yaml:3:1: \"a\" is given twice\n"
                           "  a: 3\n"
                           "  ^\n"},
    {"a: {b: 1, b: 2}", "x.yaml:1:11: \"b\" is given twice\n"
                        "  a: {b: 1, b: 2}\n"
                        "            ^\n"},
    {"a: \"\\0b\"", "x.yaml:1:4: a text must not hold a zero byte\n"
                    "  a: \"\\0b\"\n"
                    "     ^\n"},
    {"<<: {a: 1}\n<<: {b: 1}\n", "x.yaml:2:1: \"<<\" is given twice\n"
                                 "  <<: {b: 1}\n"
                                 "  ^\n"},
    /* what is no YAML */
    {"a:\n\tb: 1\n", "x.yaml:2:1: not valid YAML: a tab cannot indent, write spaces\n"
                     "  \tb: 1\n"
                     "  ^\n"},
    {"a: [1, 2\nb: 3\n", "x.yaml:2:2: not valid YAML: did not find expected ',' or ']', while "
                         "parsing a flow sequence that begins in line 1\n"
                         "  b: 3\n"
                         "   ^\n"},
    {"a: 'x\n", "x.yaml:2:1: not valid YAML: found unexpected end of stream, while scanning a "
                "quoted scalar that begins in line 1\n"
                "  \n"
                "  ^\n"},
    {"a: b: c\n", "x.yaml:1:5: not valid YAML: mapping values are not allowed in this context\n"
                  "  a: b: c\n"
                  "      ^\n"},
    {"a: *\n", "x.yaml:1:5: not valid YAML: did not find expected alphabetic or numeric character, "
               "while scanning an alias that begins in line 1\n"
               "  a: *\n"
               "      ^\n"},
    {"a: &", "x.yaml:1:5: not valid YAML: did not find expected alphabetic or numeric character, "
             "while scanning an anchor that begins in line 1\n"
             "  a: &\n"
             "      ^\n"},
    {"  a: 1\n b: 2\n", "x.yaml:2:2: not valid YAML: did not find expected <document start>\n"
                        "   b: 2\n"
                        "   ^\n"},
    {"a: \xff\n", "x.yaml:1:4: not valid YAML: invalid leading UTF-8 octet\n"
                  "  a: \xff\n"
                  "     ^\n"},
    {"x: 1\na: \x1b[31m\n", "x.yaml:2:4: not valid YAML: control characters are not allowed\n"
                            "  a: ?[31m\n"
                            "     ^\n"},
    {"{", "x.yaml:2:1: not valid YAML: did not find expected node content, while parsing a flow "
          "node that begins in line 2\n"
          "  \n"
          "  ^\n"},
    /* places: a column is a character; other line ends; long lines are cut */
    {"\xc3\xa9\xc3\xa9: &x 1",
     "x.yaml:1:5: anchors are not taken: write \"&x\" in quotes, or leave it out\n"
     "  \xc3\xa9\xc3\xa9: &x 1\n"
     "      ^\n"},
    {"a: 1\r\nb: &x 1\r\n",
     "x.yaml:2:4: anchors are not taken: write \"&x\" in quotes, or leave it out\n"
     "  b: &x 1\n"
     "     ^\n"},
    {"a: 1\rb: &x 1\r",
     "x.yaml:2:4: anchors are not taken: write \"&x\" in quotes, or leave it out\n"
     "  b: &x 1\n"
     "     ^\n"},
    {"a: 1\xe2\x80\xa8"
     "b: &x 1",
     "x.yaml:2:4: anchors are not taken: write \"&x\" in quotes, or leave it out\n"
     "  b: &x 1\n"
     "     ^\n"},
    {"a:\t&x 1", "x.yaml:1:4: anchors are not taken: write \"&x\" in quotes, or leave it out\n"
                 "  a:\t&x 1\n"
                 "    \t^\n"},
};

START_TEST(shows_each_mistake)
{
    char *got = read_text(bad[_i].yaml, NULL, NULL);

    ck_assert_str_eq(got, bad[_i].mistakes);
    free(got);
}
END_TEST

static const struct {
    const char *yaml, *path, *value, *tree;
} sets[] = {
    {"a: 1", "a", "2", "{a: '2'}"},
    {"a: 1", "b", "2", "{a: 1, b: '2'}"},
    {"", "a.b.c", "2", "{a: {b: {c: '2'}}}"},
    {"a: ", "a.b", "2", "{a: {b: '2'}}"},
    {"a: {b: 1, c: 2}", "a", "x", "{a: 'x'}"},
    {"a: {b: 1, c: 2}\nd: 1", "a.c", "x", "{a: {b: 1, c: 'x'}, d: 1}"},
    {"l: [{t: 1}, {t: 2}]", "l.1.t", "x", "{l: [{t: 1}, {t: 'x'}]}"},
    {"l: [{t: 1}]", "l.1.t", "x", "{l: [{t: 1}, {t: 'x'}]}"},
    {"", "l.0.t", "x", "{l: [{t: 'x'}]}"},
    {"l: [{name: a, t: 1}, {name: b, t: 2}]", "l.b.t", "x",
     "{l: [{name: a, t: 1}, {name: b, t: 'x'}]}"},
    {"l: [{name: \"1\"}, {t: 2}]", "l.1.t", "x", "{l: [{name: '1', t: 'x'}, {t: 2}]}"},
    {"l: [a]", "l.0", "x", "{l: ['x']}"},
    {"a: 1", "a.b", "x", "--set: there is no \"b\" to set\n"},
    {"l: [a]", "l.2", "x", "--set: there is no \"2\" to set\n"},
    {"l: [a]", "l.nobody", "x", "--set: there is no \"nobody\" to set\n"},
    {"l: [a]", "l.99999999999999999999", "x",
     "--set: there is no \"99999999999999999999\" to set\n"},
    {"a: 1", "", "x", "--set: write a name such as memory_limit or inputs.0.path\n"},
    {"a: 1", "a..b", "x", "--set: write a name such as memory_limit or inputs.0.path\n"},
    {"", "a.", "x", "--set: write a name such as memory_limit or inputs.0.path\n"},
    {"", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r", "x",
     "--set: write a name such as memory_limit or inputs.0.path\n"},
};

START_TEST(sets_each_value)
{
    char *got = read_text(sets[_i].yaml, sets[_i].path, sets[_i].value);

    ck_assert_str_eq(got, sets[_i].tree);
    free(got);
}
END_TEST

/* `head`, then `unit` n times, then `tail`. */
static char *repeated(const char *head, const char *unit, size_t n, const char *tail)
{
    sl_buf text = {0};

    sl_buf_add_text(&text, head);
    for (size_t i = 0; i < n; i++)
        sl_buf_add_text(&text, unit);
    sl_buf_add(&text, tail, strlen(tail) + 1);
    return text.ptr;
}

static const struct {
    const char *head, *unit;
    size_t n;
    const char *tail, *mistake; /* the beginning of what is said; NULL: nothing is wrong */
} bounds[] = {
    {"", "[", 100000, "", "x.yaml:1:17: nested deeper than 16 levels\n"},
    {"", "[", 15, "]]]]]]]]]]]]]]]", NULL},
    {"", "{a: ", 1000, "", "x.yaml:1:65: nested deeper than 16 levels\n"},
    {"[", "1,", 9999, "]", NULL},
    {"[", "1,", 10000, "]", "x.yaml:1:20000: more than 10,000 values\n"},
    {"a: ", "x", 1024 * 1024 - 3, "", NULL},
    {"a: ", "x", 1024 * 1024 - 2, "", "x.yaml: larger than 1 MiB\n"},
    {"", "- &a\n", 60, "",
     "x.yaml:1:3: anchors are not taken: write \"&a\" in quotes, or leave it out\n  - &a\n    ^\n"},
};

/* T-CFG-09 */
START_TEST(t_cfg_09_is_bounded)
{
    char *text = repeated(bounds[_i].head, bounds[_i].unit, bounds[_i].n, bounds[_i].tail);
    sl_source_text in = {.name = "x.yaml", .bytes = sl_str(text)};
    sl_mistakes m = {0};
    sl_yaml *root = sl_yaml_parse(&in, &m);
    const char *want = bounds[_i].mistake;
    sl_buf out = {0};

    ck_assert_uint_eq(m.count > 0, want != NULL);
    sl_mistakes_write(&m, &out);
    if (want)
        ck_assert_msg(sl_slice_starts(sl_buf_slice(&out), sl_str(want)), "got %.*s", (int)out.len,
                      out.ptr);
    ck_assert_uint_lt(out.len, 20000); /* 50 mistakes, lines cut */
    sl_yaml_free(root);
    sl_buf_fini(&out);
    free(text);
}
END_TEST

START_TEST(counts_what_it_does_not_show)
{
    char *text = repeated("", "- &a 1\n", 60, "");
    char *got = read_text(text, NULL, NULL);

    ck_assert_ptr_nonnull(strstr(got, "x.yaml:50:3: anchors"));
    ck_assert_ptr_null(strstr(got, "x.yaml:51:"));
    ck_assert_ptr_nonnull(strstr(got, "^\nand 10 more\n"));
    free(got);
    free(text);
}
END_TEST

SL_UNIT(SL_ROWS(reads_each_tree, good), SL_ROWS(shows_each_mistake, bad),
        SL_ROWS(sets_each_value, sets), SL_ROWS(t_cfg_09_is_bounded, bounds),
        SL_ONE(counts_what_it_does_not_show))
