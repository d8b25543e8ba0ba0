/* test_index_name.c - what becomes of a name that a server would not take. */
#include "index_name.h"

#include "unit.h"

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A255 A50 A50 A50 A50 A50 "aaaaa"

static const struct {
    const char *name, *made;
} rows[] = {
    {"logs-app-default", "logs-app-default"},
    {"Logs-Kubernetes", "logs-kubernetes"},
    {"-_+logs", "logs"},
    {"logs-_+", "logs-_+"},
    {"a\\b/c*d?e\"f<g>h|i,j#k:l m", "a_b_c_d_e_f_g_h_i_j_k_l_m"},
    {"a\tb\x7f"
     "c",
     "a_b_c"},
    {"caf\xc3\xa9-\xe2\x82\xac", "caf_-_"},
    {"\xc3\xa9logs", "logs"},
    {"\xa9\xa9", "unknown"},
    {"", "unknown"},
    {".", "unknown"},
    {"..", "unknown"},
    {"...", "..."},
    {".hidden", ".hidden"},
    {"-..", "unknown"},
    {"-_+", "unknown"},
    {A255, A255},
    {A255 "bcd", A255},
    {"---" A255, A255},
};

START_TEST(t_es_17_makes_each_name_valid)
{
    char text[1024] = "";
    size_t len = strlen(rows[_i].name);

    memcpy(text, rows[_i].name, len);
    len = index_name_make(text, len, sizeof text);
    ck_assert_slice_eq(((sl_slice){text, len}), rows[_i].made);
}
END_TEST

static const struct {
    const char *name, *parts; /* NULL: no data stream's */
} splits[] = {
    {"logs-kubernetes-default", "logs|kubernetes|default"},
    {"metrics-a-b", "metrics|a|b"},
    {"logs-app-team-a-prod", "logs|app|team-a-prod"},
    {"logs-app", NULL},
    {"logs", NULL},
    {"", NULL},
    {"logs--x", NULL},
    {"logs-x-", NULL},
    {"-x-y", NULL},
    {"log-x-y", NULL},
    {"mylogs-2026-11", NULL},
};

START_TEST(t_es_17_knows_a_data_stream)
{
    sl_slice parts[3];
    char text[256] = "";
    bool is_one = index_name_split(sl_str(splits[_i].name), parts);

    ck_assert_int_eq(is_one, splits[_i].parts != NULL);
    if (!is_one)
        return;
    snprintf(text, sizeof text, "%.*s|%.*s|%.*s", (int)parts[0].len, parts[0].ptr,
             (int)parts[1].len, parts[1].ptr, (int)parts[2].len, parts[2].ptr);
    ck_assert_str_eq(text, splits[_i].parts);
}
END_TEST

SL_UNIT(SL_ROWS(t_es_17_makes_each_name_valid, rows), SL_ROWS(t_es_17_knows_a_data_stream, splits))
