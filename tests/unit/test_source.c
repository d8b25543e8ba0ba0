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
    return sl_source_new(*pod, container, &rules);
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

static bool name_of(size_t row, sl_name *name, int64_t *first_ns)
{
    sl_key key = {.ino = names[row].inode};
    sl_pod *pod;
    sl_source *s = new_source(&pod, names[row].folder, names[row].container);
    bool named =
        sl_name_of(s, names[row].attempt, &key, sl_str(names[row].first), false, name, first_ns);

    sl_source_free(NULL, s);
    free(pod);
    return named;
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
    sl_key one = {.ino = 1}, two = {.ino = 2};
    sl_name a, b;
    int64_t ns;

    ck_assert(!sl_name_of(s, 0, &one, sl_str(""), false, &a, &ns));
    ck_assert(!sl_name_of(s, 0, &one, sl_str(""), true, &a, &ns));
    ck_assert(!sl_name_of(s, 0, &one, sl_str(CRI "half"), false, &a, &ns));
    ck_assert(sl_name_of(s, 0, &one, sl_str(CRI "half"), true, &a, &ns));
    memset(endless, 'x', sizeof endless);
    ck_assert(sl_name_of(s, 0, &one, (sl_slice){endless, sizeof endless}, false, &a, &ns));
    /* what is not the runtime's may begin many files alike */
    ck_assert(sl_name_of(s, 0, &one, sl_str("banner\n"), false, &a, &ns));
    ck_assert(sl_name_of(s, 0, &two, sl_str("banner\n"), false, &b, &ns));
    ck_assert(!sl_name_eq(&a, &b));
    ck_assert_int_eq(ns, 0);
    /* Docker's lines are as good as CRI's */
    ck_assert(sl_name_of(s, 0, &one, sl_str(DOCKER "\n"), false, &a, &ns));
    ck_assert(sl_name_of(s, 0, &two, sl_str(DOCKER "\n"), false, &b, &ns));
    ck_assert(sl_name_eq(&a, &b));
    ck_assert_int_eq(ns, INT64_C(1767323045000000006));
    sl_source_free(NULL, s);
    free(pod);
}
END_TEST

SL_UNIT(SL_ROWS(parses_pod_folders, folders), SL_ROWS(parses_file_names, files),
        SL_ROWS(names_say_which_file, names), SL_ONE(name_waits_for_the_first_line))
