/* test_options.c - one option at a time: what a value means, what is refused, what is shown. */
#include "control/dump.h"
#include "control/nearest.h"
#include "control/options.h"
#include "unit.h"

struct target {
    const char *text, *secret, *path, *key, *key_file;
    uint64_t size, time, count;
    bool flag;
    int choice;
    sl_texts list;
    sl_pairs map;
};

#define AT(member) offsetof(struct target, member)

static const sl_option rows[] = {
    {"text", SL_TEXT, AT(text), "", "any", NULL, 0, 0},
    {"auth.secret", SL_SECRET, AT(secret), "", "hidden", NULL, 0, 0},
    {"auth.ca_file", SL_TEXT, AT(path), "", "a file", NULL, 0, 0},
    {"auth.key", SL_SECRET, AT(key), "", "hidden", NULL, 0, 0},
    {"auth.key_file", SL_TEXT, AT(key_file), "", "holds it", NULL, 0, 0},
    {"size", SL_SIZE, AT(size), "0", "bytes", NULL, 0, 0},
    {"time", SL_TIME, AT(time), "0s", "a while", NULL, 0, 0},
    {"count", SL_COUNT, AT(count), "1", "a number", NULL, 1, 1000},
    {"flag", SL_FLAG, AT(flag), "false", "yes or no", NULL, 0, 0},
    {"choice", SL_CHOICE, AT(choice), "one", "one of", "one|two|null|!three|![0-9]*", 0, 0},
    {"list", SL_LIST, AT(list), "a,b", "some", NULL, 0, 0},
    {"map", SL_MAP, AT(map), "", "names", NULL, 0, 0},
    {"later", SL_UNBUILT, 0, NULL, "promised", NULL, 0, 0},
    {"filters", SL_UNBUILT, 0, "", "promised", NULL, 0, 0},
    {"mode", SL_UNBUILT, 0, "plain", "promised", "plain|fancy", 0, 0},
    {0},
};

/* Fills a target in and dumps it; or says what is wrong. */
static char *take(const char *yaml)
{
    static const sl_option *const tables[] = {rows, NULL};
    sl_source_text in = {.name = "x.yaml", .bytes = sl_str(yaml), .whole = true};
    struct target target = {0};
    sl_store store = {0};
    sl_mistakes m = {0};
    sl_options o = {&store, &m, ""};
    sl_yaml *root = sl_yaml_parse(&in, &m);
    sl_buf out = {0};
    char *text;

    ck_assert_ptr_nonnull(root);
    sl_options_check(&o, tables, root);
    sl_options_fill(&o, rows, &target, root);
    if (m.count > 0)
        sl_mistakes_write(&m, &out);
    else
        sl_options_dump(&store, rows, &target, 0, &out);
    text = sl_strndup(out.ptr, out.len);
    sl_buf_fini(&out);
    sl_yaml_free(root);
    sl_store_fini(&store);
    return text;
}

#define SIZE_REMEDY " is not a size: write a whole number with KiB, MiB, GiB, KB, MB, GB or no unit"
#define TIME_REMEDY " is not a duration: write a whole number with ms, s, m or h"
#define NOT_BUILT   " is not built yet in this version of sluice"

/* yaml     one option
 * shown    its line in the dump, or in what is said */
static const struct {
    const char *yaml, *shown;
} values[] = {
    /* T-CFG-06: sizes */
    {"size: 0", "size: 0"},
    {"size: 1000", "size: 1000"},
    {"size: 1024", "size: 1KiB"},
    {"size: 64KiB", "size: 64KiB"},
    {"size: \"64MiB\"", "size: 64MiB"},
    {"size: 2GiB", "size: 2GiB"},
    {"size: 1KB", "size: 1000"},
    {"size: 1MB", "size: 1000000"},
    {"size: 3GB", "size: 3000000000"},
    {"size: 1536KiB", "size: 1536KiB"},
    {"size: 007", "size: 7"},
    {"size: 18446744073709551615", "size: 18446744073709551615"},
    {"size: 18446744073709551616", "size: \"18446744073709551616\" is too large"},
    {"size: 17179869183GiB", "size: 17179869183GiB"},
    {"size: 17179869184GiB", "size: \"17179869184GiB\" is too large: at most 18446744073709551615"},
    {"size: 99999999999999999999GiB", "size: \"99999999999999999999GiB\" is too large"},
    {"size: 2K", "size: \"2K\"" SIZE_REMEDY},
    {"size: 5.7263KB", "size: \"5.7263KB\"" SIZE_REMEDY},
    {"size: 1.1MiB", "size: \"1.1MiB\"" SIZE_REMEDY},
    {"size: 492.364GiB", "size: \"492.364GiB\"" SIZE_REMEDY},
    {"size: 64mib", "size: \"64mib\"" SIZE_REMEDY},
    {"size: 64 MiB", "size: \"64 MiB\"" SIZE_REMEDY},
    {"size: \" 64\"", "size: \" 64\"" SIZE_REMEDY},
    {"size: \"\"", "size: \"\"" SIZE_REMEDY},
    {"size: MiB", "size: \"MiB\"" SIZE_REMEDY},
    {"size: -1", "size: \"-1\"" SIZE_REMEDY},
    {"size: +1", "size: \"+1\"" SIZE_REMEDY},
    {"size: 0x10", "size: \"0x10\"" SIZE_REMEDY},
    {"size: 1e6", "size: \"1e6\"" SIZE_REMEDY},
    {"size: 1TiB", "size: \"1TiB\"" SIZE_REMEDY},
    {"size: 10m", "size: \"10m\"" SIZE_REMEDY},
    {"size:", "size: has no value: write one, or leave it out for its default"},
    {"size: null", "size: has no value: write one, or leave it out for its default"},
    {"size: ~", "size: has no value: write one, or leave it out for its default"},
    {"size: [1]", "size: takes a single value, not a list"},
    {"size: {a: 1}", "size: takes a single value, not a mapping"},
    /* durations */
    {"time: 0s", "time: 0s"},
    {"time: 500ms", "time: 500ms"},
    {"time: 1500ms", "time: 1500ms"},
    {"time: 1000ms", "time: 1s"},
    {"time: 90s", "time: 90s"},
    {"time: 10m", "time: 10m"},
    {"time: 60m", "time: 1h"},
    {"time: 36h", "time: 36h"},
    {"time: 10", "time: \"10\"" TIME_REMEDY},
    {"time: 1.5s", "time: \"1.5s\"" TIME_REMEDY},
    {"time: 1h30m", "time: \"1h30m\"" TIME_REMEDY},
    {"time: 1d", "time: \"1d\"" TIME_REMEDY},
    {"time: -1s", "time: \"-1s\"" TIME_REMEDY},
    {"time: 10M", "time: \"10M\"" TIME_REMEDY},
    {"time: 10KiB", "time: \"10KiB\"" TIME_REMEDY},
    {"time: 5124095576030h", "time: 5124095576030h"},
    {"time: 5124095576031h", "time: \"5124095576031h\" is too large"},
    /* T-CFG-14: numbers and their bounds */
    {"count: 1", "count: 1"},
    {"count: 1000", "count: 1000"},
    {"count: 0", "count: \"0\" is too small: at least 1"},
    {"count: 1001", "count: \"1001\" is too large: at most 1000"},
    {"count: 18446744073709551617", "count: \"18446744073709551617\" is too large: at most 1000"},
    {"count: -1", "count: \"-1\" is not a number: write digits alone"},
    {"count: 1.0", "count: \"1.0\" is not a number: write digits alone"},
    {"count: 1s", "count: \"1s\" is not a number: write digits alone"},
    /* booleans */
    {"flag: true", "flag: true"},
    {"flag: \"false\"", "flag: false"},
    {"flag: yes", "flag: \"yes\" is neither true nor false"},
    {"flag: True", "flag: \"True\" is neither true nor false"},
    {"flag: 1", "flag: \"1\" is neither true nor false"},
    {"flag: truest", "flag: \"truest\" is neither true nor false"},
    /* choices */
    {"choice: two", "choice: two"},
    {"choice: null", "choice: null"},
    {"choice: tow", "choice: \"tow\" is none of one, two, null, did you mean \"two\"?"},
    {"choice: \"\"", "choice: \"\" is none of one, two, null"},
    {"choice: \"one|two\"", "choice: \"one|two\" is none of one, two, null"},
    {"choice: three", "choice: \"three\"" NOT_BUILT "; there is one, two, null"},
    {"choice: 10m", "choice: \"10m\"" NOT_BUILT "; there is one, two, null"},
    {"choice: \"!three\"", "choice: \"!three\" is none of one, two, null"},
    /* texts, paths */
    {"text: no", "text: \"no\""},
    {"text: \"a\\\"b\\\\c\\td\"", "text: \"a\\\"b\\\\c\\td\""},
    {"text: \"\\x7f\\x85\\uFEFF\\uFFFE\\u20ac\"",
     "text: \"\\u007f\\u0085\\ufeff\\ufffe\xe2\x82\xac\""},
    {"auth: {ca_file: /etc/ca.pem}", "ca_file: \"/etc/ca.pem\""},
    {"auth: {ca_file: ca.pem}",
     "auth.ca_file: \"ca.pem\" is not an absolute path: write it from the root on, \"/...\""},
    {"auth: {ca_file: \"/x/%{stream}\"}", "auth.ca_file: a template (%{...}) in a path" NOT_BUILT},
    /* lists and mappings */
    {"{}", "list: [\"a\", \"b\"]"},
    {"list: []", "list: []"},
    {"list: [no, \"1\", 'x y']", "list: [\"no\", \"1\", \"x y\"]"},
    {"list: a", "list: takes a list: write [a, b], or [] for none"},
    {"list: {a: b}", "list: takes a list: write [a, b], or [] for none"},
    {"list: [a, [b]]", "list: takes a single value, not a list"},
    {"list: [a, ]", "list: [\"a\"]"},
    {"list: [a, null]", "list: has no value"},
    {"map: {}", "map: {}"},
    {"map: {a: 1, b.c: x}", "map: {\"a\": \"1\", \"b.c\": \"x\"}"},
    {"map: {a: {b: {c: 1}, d: 2}}", "map: {\"a.b.c\": \"1\", \"a.d\": \"2\"}"},
    {"map: {a: [1]}", "map: takes a single value, not a list"},
    {"map: {\"\": 1}", "map: a name has 1 to 256 bytes"},
    {"map: [a]", "map: takes names and values: write {name: value}, or {} for none"},
    /* what is promised */
    {"later: 1", "`later`" NOT_BUILT},
    {"later: {a: b}", "`later`" NOT_BUILT},
    {"later:", "`later`" NOT_BUILT},
    {"filters: []", "filters"},
    {"filters: [a]", "`filters`" NOT_BUILT},
    {"mode: plain", "mode"},
    {"mode: fancy", "mode: \"fancy\"" NOT_BUILT "; only \"plain\" is"},
    {"mode: fancyy", "mode: \"fancyy\" is none of plain, fancy, did you mean \"fancy\"?"},
    {"mode: {a: b}", "`mode`" NOT_BUILT},
    /* what is no option */
    {"txt: 1", "no option \"txt\", did you mean \"text\"?"},
    {"secret: 1", "no option \"secret\", did you mean \"auth.secret\"?"},
    {"auht: {secret: 1}", "no option \"auht\", did you mean \"auth\"?"},
    {"auth: {secrte: 1}", "no option \"auth.secrte\", did you mean \"auth.secret\"?"},
    {"auth.secret: 1",
     "no option \"auth.secret\": a dot stands for a section, \"section: {option: ...}\""},
    {"auth: 1", "auth: holds options: write auth: {secret: ...}"},
    {"auth:", "auth: holds options: write auth: {secret: ...}"},
    {"zzzzzz: 1", "no option \"zzzzzz\"\n"},
    {"\"e\\x1b[31m\": 1", "no option \"e?[31m\"\n"},
};

/* Is `want` in it, up to where a word ends? */
static bool says(const char *got, const char *want)
{
    const char *found = strstr(got, want);

    return found && strchr("\n ,:;", found[strlen(want)]);
}

/* What asks for nothing has no line in a dump: then `shown` is a name without one. */
START_TEST(takes_each_value)
{
    char *got = take(values[_i].yaml);
    const char *shown = values[_i].shown;
    bool silent = !strpbrk(shown, ": ");

    if (silent)
        ck_assert_msg(sl_slice_starts(sl_str(got), SL_SLICE("text: \"\"\n")), "got %s", got);
    else
        ck_assert_msg(says(got, shown), "got %s", got);
    free(got);
}
END_TEST

/* --- ${env:} and ${file:}: T-CFG-04 --- */

/* yaml     @ is the scratch folder
 * file     what its file f holds
 * shown    as above */
static const struct {
    const char *yaml, *file, *shown;
} expansions[] = {
    {"text: ${env:SL_SET}", NULL, "text: \"value\""},
    {"text: a${env:SL_SET}b${env:SL_SET}c", NULL, "text: \"avaluebvaluec\""},
    {"text: ${env:SL_SET:-other}", NULL, "text: \"value\""},
    {"text: ${env:SL_NOT_SET:-other}", NULL, "text: \"other\""},
    {"text: \"${env:SL_NOT_SET:-}\"", NULL, "text: \"\""},
    {"text: \"${env:SL_NOT_SET:-a:-b c}\"", NULL, "text: \"a:-b c\""},
    {"text: ${env:SL_EMPTY}", NULL, "text: \"\""},
    {"text: ${env:SL_EMPTY:-other}", NULL, "text: \"other\""},
    {"text: ${env:SL_NOT_SET}", NULL,
     "text: the environment has no SL_NOT_SET: set it, or write ${env:SL_NOT_SET:-default}"},
    {"size: ${env:SL_SIZE}", NULL, "size: 3MiB"},
    {"size: ${env:SL_SET}", NULL, "size: \"value\" is not a size"},
    {"count: ${env:SL_NOT_SET:-}", NULL, "count: \"\" is not a number"},
    {"flag: ${env:SL_TRUE}", NULL, "flag: true"},
    {"choice: ${env:SL_CHOICE}", NULL, "choice: two"},
    {"list: [\"${env:SL_SET}\", x]", NULL, "list: [\"value\", \"x\"]"},
    {"map: {a: \"${env:SL_SET}\"}", NULL, "map: {\"a\": \"value\"}"},
    /* data, never YAML, and never replaced again */
    {"text: ${env:SL_YAML}", NULL, "text: \"x\\\"\\nflag: true # '\""},
    {"list: [\"${env:SL_LIST}\"]", NULL, "list: [\"a, b]\"]"},
    {"map: {a: \"${env:SL_YAML}\"}", NULL, "map: {\"a\": \"x\\\"\\nflag: true # '\"}"},
    {"text: ${env:SL_AGAIN}", NULL, "text: \"$${env:SL_SET}$${file:/etc/passwd}\""},
    {"text: $${env:SL_SET}", NULL, "text: \"$${env:SL_SET}\""},
    {"text: \"$\"", NULL, "text: \"$\""},
    {"text: \"$x {a}\"", NULL, "text: \"$x {a}\""},
    {"map: {\"${env:SL_SET}\": x}", NULL, "map: {\"$${env:SL_SET}\": \"x\"}"}, /* keys stay */
    /* what cannot be replaced */
    {"text: \"${env:SL_SET\"", NULL, "text: \"${\" has no \"}\""},
    {"text: \"${}\"", NULL, "text: no \"${}\": write ${env:NAME} or ${file:/path}"},
    {"text: ${SL_SET}", NULL, "text: no \"${SL_SET}\": write ${env:NAME} or ${file:/path}"},
    {"text: \"${env:}\"", NULL, "text: \"\" cannot be a variable's name"},
    {"text: \"${env:1A}\"", NULL, "text: \"1A\" cannot be a variable's name"},
    {"text: \"${env:A B}\"", NULL, "text: \"A B\" cannot be a variable's name"},
    {"text: \"${env:${env:SL_SET}}\"", NULL, "text: \"${env:SL_SET\" cannot be a variable's name"},
    /* what comes from a file is hidden; mistakes do not quote it either */
    {"text: ${file:@/f}", "hunter2", "text: \"***\""},
    {"text: a${file:@/f}b", "hunter2", "text: \"***\""},
    {"auth: {secret: hunter2}", NULL, "  secret: \"***\""},
    {"auth: {secret: \"${env:SL_SET}\"}", NULL, "  secret: \"***\""},
    {"map: {Authorization: hunter2}", NULL, "map: {\"Authorization\": \"***\"}"},
    /* a secret that is a file's is left to whoever reads that file again */
    {"auth: {key: \"${file:@/f}\"}", "hunter2", "  key_file: \"@/f\""},
    {"auth: {key: \"${file:@/f}x\"}", "hunter2", "  key_file: \"\""},
    {"auth: {key: \"${file:@/f}${file:@/f}\"}", "hunter2", "  key_file: \"\""},
    {"auth: {key: \"${file:@/f}\", key_file: /x}", "hunter2", "  key_file: \"/x\""},
    {"auth: {key: \"${file:@/none}\"}", NULL,
     "auth.key: cannot take ${file:@/none}: No such file or directory"},
    {"size: ${file:@/f}", "1MiB\n", "size: \"***\""},
    {"flag: ${file:@/f}", "true\n", "flag: \"***\""},
    {"choice: ${file:@/f}", "two\n", "choice: \"***\""},
    {"list: [a, \"${file:@/f}\", b]", "hunter2", "list: [\"a\", \"***\", \"b\"]"},
    {"map: {a: b, c: \"${file:@/f}\"}", "hunter2", "map: {\"a\": \"b\", \"c\": \"***\"}"},
    {"size: ${file:@/f}", "hunter2", "size: \"***\" is not a size"},
    {"flag: ${file:@/f}", "hunter2", "flag: \"***\" is neither true nor false"},
    {"choice: ${file:@/f}", "hunter2", "choice: \"***\" is none of one, two, null\n"},
    {"mode: ${file:@/f}", "fancy", "mode: \"***\"" NOT_BUILT},
    {"auth: {ca_file: \"${file:@/f}\"}", "hunter2",
     "auth.ca_file: \"***\" is not an absolute path"},
    {"text: ${file:@/none}", NULL, "text: cannot take ${file:@/none}: No such file or directory"},
    {"text: ${file:@}", NULL, "text: cannot take ${file:@}: not a regular file"},
    {"text: ${file:/dev/zero}", NULL, "text: cannot take ${file:/dev/zero}: not a regular file"},
    {"text: ${file:f}", NULL, "text: cannot take ${file:f}: not an absolute path"},
    {"text: \"${file:}\"", NULL, "text: cannot take ${file:}: not an absolute path"},
};

/* `text` with each @ as `folder`. */
static char *placed(const char *text, const char *folder)
{
    sl_buf out = {0};

    for (; *text; text++)
        sl_buf_add(&out, *text == '@' ? folder : text, *text == '@' ? strlen(folder) : 1);
    sl_buf_add(&out, "", 1);
    return out.ptr;
}

static void put_file(const char *folder, const char *bytes, size_t len)
{
    char *path = sl_format("%s/f", folder);
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
    fclose(f);
    free(path);
}

START_TEST(t_cfg_04_expands_each_value)
{
    char folder[64], *yaml, *shown, *got;

    setenv("SL_SET", "value", 1);
    setenv("SL_EMPTY", "", 1);
    setenv("SL_SIZE", "3MiB", 1);
    setenv("SL_TRUE", "true", 1);
    setenv("SL_CHOICE", "two", 1);
    setenv("SL_YAML", "x\"\nflag: true # '", 1);
    setenv("SL_LIST", "a, b]", 1);
    setenv("SL_AGAIN", "${env:SL_SET}${file:/etc/passwd}", 1);
    unsetenv("SL_NOT_SET");
    sl_scratch(folder);
    if (expansions[_i].file)
        put_file(folder, expansions[_i].file, strlen(expansions[_i].file));
    yaml = placed(expansions[_i].yaml, folder);
    shown = placed(expansions[_i].shown, folder);
    got = take(yaml);
    ck_assert_msg(says(got, shown), "got %s", got);
    ck_assert_msg(!strstr(got, "hunter2"), "it shows: %s", got);
    free(got);
    free(shown);
    free(yaml);
    sl_scratch_gone(folder);
}
END_TEST

/* What a file's bytes become, as bytes. */
static const struct {
    const char *bytes;
    size_t len, kept; /* of the start; SIZE_MAX: refused */
} files[] = {
    {"", 0, 0},         {"x", 1, 1},          {"x\n", 2, 1},   {"x\n\n", 3, 2},
    {"\n", 1, 0},       {"x\r\n", 3, 2},      {" x y ", 5, 5}, {"a\0b", 3, SIZE_MAX},
    {"\xff\xfe", 2, 2}, {"a: [\"#'\n", 8, 7},
};

START_TEST(cuts_one_newline_off_a_file)
{
    char folder[64], *text;
    const char *out = NULL, *why;
    sl_store store = {0};
    bool from_file;

    sl_scratch(folder);
    put_file(folder, files[_i].bytes, files[_i].len);
    text = sl_format("<${file:%s/f}>", folder);
    why = sl_expand(&store, text, &out, &from_file);
    ck_assert(from_file);
    if (files[_i].kept == SIZE_MAX) {
        ck_assert_ptr_nonnull(strstr(why, "zero byte"));
    } else {
        ck_assert_ptr_null(why);
        ck_assert_uint_eq(strlen(out), files[_i].kept + 2);
        ck_assert_mem_eq(out + 1, files[_i].bytes, files[_i].kept);
    }
    sl_store_fini(&store);
    free(text);
    sl_scratch_gone(folder);
}
END_TEST

#define FILE_MAX ((size_t)64 << 10)

/* A file may have 64 KiB; and many of them do not fill the memory. */
START_TEST(bounds_what_files_bring)
{
    char folder[64], *text, *bytes = sl_alloc(FILE_MAX + 1);
    sl_store store = {0};
    const char *out, *why = NULL;
    bool from_file;
    int taken = 0;

    memset(bytes, 'x', FILE_MAX + 1);
    sl_scratch(folder);
    text = sl_format("${file:%s/f}", folder);
    put_file(folder, bytes, FILE_MAX + 1);
    why = sl_expand(&store, text, &out, &from_file);
    ck_assert_ptr_nonnull(strstr(why, "larger than 64 KiB"));
    put_file(folder, bytes, FILE_MAX);
    while (taken < 1000 && !(why = sl_expand(&store, text, &out, &from_file)))
        taken++;
    ck_assert_str_eq(why, "all values together are larger than 4 MiB");
    ck_assert_int_eq(taken, 63); /* the 64th would leave no room for its end */
    sl_store_fini(&store);
    sl_scratch_gone(folder);
    free(text);
    free(bytes);
}
END_TEST

/* A dump is a configuration: read again, it dumps the same. */
START_TEST(dumps_what_it_reads)
{
    char *first = take("text: \"\\x7f \\u2028 \\t$${x} \\\" # 'é\"\nsize: 5KiB\ntime: 90s\n"
                       "flag: true\nchoice: two\nlist: ['', \"a, b\"]\nmap: {\"x: y\": \"{}\"}\n");
    char *second = take(first);

    ck_assert_str_eq(first, second);
    ck_assert_ptr_nonnull(strstr(first, "flag: true\n"));
    free(first);
    free(second);
}
END_TEST

static const struct {
    const char *word, *choices, *hint;
} words[] = {
    {"pth", "path|sync", ", did you mean \"path\"?"},
    {"ptah", "path|sync", ", did you mean \"path\"?"},
    {"sync", "path|sync", ", did you mean \"sync\"?"},
    {"warning", "error|warn|info", ", did you mean \"warn\"?"},
    {"x", "a|b", ""},
    {"ab", "ba|cd", ", did you mean \"ba\"?"},
    {"", "a|b", ""},
    {"a", "", ""},
    {"kubernetis", "docker|kubernetes", ", did you mean \"kubernetes\"?"},
    {"completely_else", "path|sync", ""},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""},
};

START_TEST(finds_the_nearest_word)
{
    sl_nearest near;
    char text[128];

    sl_nearest_init(&near, words[_i].word);
    sl_nearest_try_all(&near, sl_str(words[_i].choices));
    ck_assert_str_eq(sl_nearest_text(&near, text), words[_i].hint);
}
END_TEST

SL_UNIT(SL_ROWS(takes_each_value, values), SL_ROWS(t_cfg_04_expands_each_value, expansions),
        SL_ROWS(cuts_one_newline_off_a_file, files), SL_ONE(bounds_what_files_bring),
        SL_ONE(dumps_what_it_reads), SL_ROWS(finds_the_nearest_word, words))
