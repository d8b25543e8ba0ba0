/* test_source.c - names of folders and files; keys and names of generations. */
#include "read/source.h"
#include "unit.h"

/* --- folders --- */

static const struct {
    const char *folder, *namespace, *pod, *uid; /* NULL: refused */
} folders[] = {
    {"shop_cart-7d9f_0b2e-4c", "shop", "cart-7d9f", "0b2e-4c"},
    {"kube-system_kube-proxy.node.example_e360e1dc54a5421b4916c5fc65c0d3e1", "kube-system",
     "kube-proxy.node.example", "e360e1dc54a5421b4916c5fc65c0d3e1"},
    {"0b2e4c1a-1111-2222-3333-444444444444", "", "", "0b2e4c1a-1111-2222-3333-444444444444"},
    {"a_b", NULL, NULL, NULL},
    {"a_b_c_d", NULL, NULL, NULL},
    {"_b_c", NULL, NULL, NULL},
    {"a__c", NULL, NULL, NULL},
    {"a_b_", NULL, NULL, NULL},
    {"__", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
};

START_TEST(parses_pod_folders)
{
    sl_slice namespace, pod, uid;
    bool ok = sl_pod_parse(folders[_i].folder, &namespace, &pod, &uid);

    ck_assert_int_eq(ok, folders[_i].uid != NULL);
    if (!ok)
        return;
    ck_assert_slice_eq(namespace, folders[_i].namespace);
    ck_assert_slice_eq(pod, folders[_i].pod);
    ck_assert_slice_eq(uid, folders[_i].uid);
}
END_TEST

/* --- files: T-DISC-15 --- */

static const struct {
    const char *file;
    sl_file_kind kind;
    uint32_t attempt;
} files[] = {
    {"0.log", SL_FILE_LIVE, 0},
    {"10.log", SL_FILE_LIVE, 10},
    {"0.log.20261123-055921", SL_FILE_ROTATED, 0},
    {"12.log.20261123-055921", SL_FILE_ROTATED, 12},
    {"0.log.1", SL_FILE_ROTATED, 0},
    {"0.log.20261123-055921.gz", SL_FILE_PACKED, 0},
    {"0.log.1.gz", SL_FILE_PACKED, 0},
    {"0.log.20261123-055921.tmp", SL_FILE_OTHER, 0},
    {"0.log.20261123-055921.gz.tmp", SL_FILE_OTHER, 0},
    {"0.log.tmp", SL_FILE_OTHER, 0},
    {"0.log.bak", SL_FILE_OTHER, 0},
    {"0.log.gz", SL_FILE_OTHER, 0},
    {"0.log.", SL_FILE_OTHER, 0},
    {"0.logs", SL_FILE_OTHER, 0},
    {"1a.log", SL_FILE_OTHER, 0},
    {"-1.log", SL_FILE_OTHER, 0},
    {"01.log", SL_FILE_OTHER, 0},
    {"9999999999.log", SL_FILE_OTHER, 0},
    {".log", SL_FILE_OTHER, 0},
    {"", SL_FILE_OTHER, 0},
};

START_TEST(parses_file_names)
{
    uint32_t attempt = 0;

    ck_assert_int_eq(sl_file_parse(files[_i].file, &attempt), files[_i].kind);
    if (files[_i].kind != SL_FILE_OTHER)
        ck_assert_uint_eq(attempt, files[_i].attempt);
}
END_TEST

/* --- names of generations --- */

#define CRI "2026-01-02T03:04:05.000000006Z stdout F "

#define DOCKER \
    "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.000000006Z\"}"

static const sl_rules rules = {.max_record = 1 << 20, .partial_timeout_ms = 1000};

static sl_source *new_source(sl_pod **pod, const char *folder, const char *container)
{
    size_t len = strlen(folder);

    *pod = sl_alloc(sizeof **pod + len + 1);
    memcpy((*pod)->folder, folder, len + 1);
    ck_assert(sl_pod_parse((*pod)->folder, &(*pod)->namespace, &(*pod)->pod, &(*pod)->uid));
    sl_list_init(&(*pod)->sources);
    return sl_source_new(*pod, container, NULL, &rules);
}

static const struct {
    const char *folder, *container;
    uint32_t attempt;
    uint64_t inode;
    const char *first;
    bool same; /* as that of the first row */
} names[] = {
    {"a_b_u", "c", 0, 7, CRI "x\nmore", true},
    {"a_b_u", "c", 0, 7, CRI "x\nother", true},   /* the first line alone */
    {"a_b_u", "c", 0, 8, CRI "x\nmore", true},    /* survives gzip and copies */
    {"a_otherpod_u", "c", 0, 7, CRI "x\n", true}, /* the uid says which pod */
    {"b_b_u", "c", 0, 7, CRI "x\n", false},
    {"a_b_v", "c", 0, 7, CRI "x\n", false},
    {"a_b_u", "d", 0, 7, CRI "x\n", false}, /* T-CKPT-10 */
    {"a_b_u", "c", 1, 7, CRI "x\n", false},
    {"a_b_u", "c", 0, 7, CRI "y\n", false},
};

/* The name of a file with that key and that beginning; zeros: it has none yet. */
static sl_name name_in(sl_source *s, uint32_t attempt, uint64_t inode, uint32_t cuts,
                       const char *first, size_t len, bool whole)
{
    sl_generation *g = sl_source_add(s, "x", attempt);

    g->key = (sl_key){.ino = inode};
    g->cuts = cuts;
    (void)sl_generation_name(g, (sl_slice){first, len}, whole);
    return g->name;
}

static bool name_of(size_t row, sl_name *name, int64_t *first_ns)
{
    sl_pod *pod;
    sl_source *s = new_source(&pod, names[row].folder, names[row].container);

    *name = name_in(s, names[row].attempt, names[row].inode, 0, names[row].first,
                    strlen(names[row].first), false);
    *first_ns = sl_source_next(s, NULL)->first_ns;
    sl_source_free(NULL, s);
    free(pod);
    return sl_name_is_set(name);
}

START_TEST(names_say_which_file)
{
    sl_name first, this;
    int64_t ns;

    ck_assert(name_of(0, &first, &ns));
    ck_assert_int_eq(ns, INT64_C(1767323045000000006));
    ck_assert(name_of((size_t)_i, &this, &ns));
    ck_assert_int_eq(sl_name_eq(&first, &this), names[_i].same);
}
END_TEST

START_TEST(name_waits_for_the_first_line)
{
    static char endless[SL_FIRST_LINE_MAX];
    sl_pod *pod;
    sl_source *s = new_source(&pod, "a_b_u", "c");
    sl_name a, b;

    a = name_in(s, 0, 1, 0, "", 0, false);
    ck_assert(!sl_name_is_set(&a));
    a = name_in(s, 0, 1, 0, "", 0, true);
    ck_assert(!sl_name_is_set(&a));
    a = name_in(s, 0, 1, 0, CRI "half", strlen(CRI "half"), false);
    ck_assert(!sl_name_is_set(&a));
    a = name_in(s, 0, 1, 0, CRI "half", strlen(CRI "half"), true);
    ck_assert(sl_name_is_set(&a));
    memset(endless, 'x', sizeof endless);
    a = name_in(s, 0, 1, 0, endless, sizeof endless, false);
    ck_assert(sl_name_is_set(&a));
    /* what is not the runtime's may begin many files alike */
    a = name_in(s, 0, 1, 0, "banner\n", 7, false);
    b = name_in(s, 0, 2, 0, "banner\n", 7, false);
    ck_assert(!sl_name_eq(&a, &b));
    /* Docker's lines are as good as CRI's */
    a = name_in(s, 0, 1, 0, DOCKER "\n", strlen(DOCKER "\n"), false);
    b = name_in(s, 0, 2, 0, DOCKER "\n", strlen(DOCKER "\n"), false);
    ck_assert(sl_name_eq(&a, &b));
    sl_source_free(NULL, s);
    free(pod);
}
END_TEST

/* A file that was cut back is another one, whatever it begins with. */
START_TEST(cuts_make_another_name)
{
    static const char *const firsts[] = {CRI "x\n", "banner\n"};
    sl_name name[2][2];

    for (int i = 0; i < 2; i++) {
        sl_pod *pod;
        sl_source *s = new_source(&pod, "a_b_u", "c");

        for (uint32_t cuts = 0; cuts < 2; cuts++)
            name[i][cuts] = name_in(s, 0, 7, cuts, firsts[i], strlen(firsts[i]), false);
        ck_assert(!sl_name_eq(&name[i][0], &name[i][1]));
        sl_source_free(NULL, s);
        free(pod);
    }
}
END_TEST

/* Two folders, and two names in one. */
START_TEST(files_are_named_by_their_folder)
{
    static const char *const paths[] = {"/logs/a.log", "/logs/b.log", "/other/a.log"};
    sl_name name[3];

    for (int i = 0; i < 3; i++) {
        sl_pod pod = {0};
        sl_source *s;

        sl_list_init(&pod.sources);
        s = sl_source_new(&pod, "", paths[i], &rules);
        name[i] = name_in(s, 0, 7, 0, CRI "x\n", strlen(CRI "x\n"), false);
        sl_source_free(NULL, s);
    }
    ck_assert(sl_name_eq(&name[0], &name[1])); /* a copy, or renamed */
    ck_assert(!sl_name_eq(&name[0], &name[2]));
}
END_TEST

SL_UNIT(SL_ROWS(parses_pod_folders, folders), SL_ROWS(parses_file_names, files),
        SL_ROWS(names_say_which_file, names), SL_ONE(name_waits_for_the_first_line),
        SL_ONE(cuts_make_another_name), SL_ONE(files_are_named_by_their_folder))
