/* test_bulk_answer.c - answers as real servers give them, cut at every byte, and what is none. */
#include "bulk_answer.h"

#include "base/buf.h"
#include "unit.h"

/* What was heard: "status type reason;" for each item. */
static void note(void *arg, const bulk_item *item)
{
    static uint32_t next;

    if (item->index == 0)
        next = 0;
    ck_assert_uint_eq(item->index, next++);
    sl_buf_add_format(arg, "%d%s%.*s%s%.*s%s;", item->status, item->type.len ? " " : "",
                      (int)item->type.len, item->type.ptr, item->reason.len ? " " : "",
                      (int)item->reason.len, item->reason.ptr,
                      item->in_failure_store ? " stored" : "");
}

/* heard   NULL: it is no answer to our request */
static const struct {
    const char *answer, *heard;
    const char *type, *reason; /* of the whole request; NULL: not looked at */
} rows[] = {
    /* with our filter_path, as OpenSearch 2.19 and Elasticsearch 8.19 give them */
    {"{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}",
     "201;201;", "", ""},
    {"{\"items\":[{\"create\":{\"status\":409,\"error\":{\"type\":\"t\",\"reason\":\"r\"}}},{"
     "\"create\":{"
     "\"status\":201}},{\"create\":{\"status\":2011}}]}",
     NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201,\"failure_store\":\"used\"}},{\"create\":{\"status\":"
     "201}}"
     ",{\"create\":{\"status\":429,\"error\":{\"type\":\"t\",\"reason\":\"r\"}}},{\"create\":{"
     "\"status\":201}}"
     ",{\"create\":{\"status\":200}} ,{\"create\":{\"status\":201}}]}",
     "201 stored;201;429 t r;201;200;201;", "", ""},
    {"{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"error\":{\"type\":"
     "\"mapper_parsing_exception\",\"reason\":\"failed to parse field [n] of type [long] in "
     "document with id 'a-1'. Preview of field's value: 'x'\"},\"status\":400}}]}",
     "201;400 mapper_parsing_exception failed to parse field [n] of type [long] in document with "
     "id 'a-1'. Preview of field's value: 'x';",
     NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201,\"failure_store\":\"used\"}},{\"create\":{"
     "\"failure_store\":\"not_enabled\",\"status\":409,\"error\":{\"reason\":\"r\",\"type\":\"t\"}}"
     "}"
     ",{\"create\":{\"status\":429}}]}",
     "201 stored;409 t r;429;", NULL, NULL},
    /* without it: every other member is skipped */
    {"{\"took\":30,\"errors\":false,\"items\":[{\"create\":{\"_index\":\"logs\",\"_id\":\"a-0\","
     "\"_version\":1,\"result\":\"created\",\"_shards\":{\"total\":2,\"successful\":1,\"failed\":0}"
     ",\"_seq_no\":0,\"_primary_term\":1,\"status\":201}}],\"ingest_took\":-1.5e+3}",
     "201;", NULL, NULL},
    {" {\r\n\t\"items\" : [ { \"create\" : { \"status\" : 200 } } ] } \n", "200;", NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":400,\"error\":{\"type\":\"t\",\"reason\":\"r\","
     "\"caused_by\":{\"type\":\"u\",\"reason\":\"s\",\"items\":[1,[2,{}],[]]}}}}]}",
     "400 t r;", NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":\"an old server's words\",\"status\":500}}]}",
     "500 an old server's words;", NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":null,\"status\":201}}]}", "201;", NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":[],\"status\":201}}]}", "201;", NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":{\"reason\":\"\\u00e9\\\"\\n\\/\\u20AC\\ud83d\\t\"},"
     "\"status\":400}}]}",
     "400 \xc3\xa9\" /\xe2\x82\xac? ;", NULL, NULL},
    {"{\"items\":[]}", "", NULL, NULL},
    /* a request that was refused as a whole */
    {"{\"error\":{\"root_cause\":[{\"type\":\"a\",\"reason\":\"b\"}],\"type\":\"security_"
     "exception\""
     ",\"reason\":\"missing authentication\",\"header\":{\"WWW-Authenticate\":[\"Basic\"]}},"
     "\"status\":401}",
     "", "security_exception", "missing authentication"},
    {"{\"error\":\"Incorrect HTTP method for uri\",\"status\":405}", "", "",
     "Incorrect HTTP method for uri"},
    {"{}", "", "", ""},
    /* not for us */
    {"{\"items\":[{\"index\":{\"status\":201}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201},\"create\":{\"status\":201}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201}},{\"index\":{\"status\":201}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201}}],\"a\":[{},{\"create\":{\"status\":201}}]}", "201;",
     NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":[{},{\"create\":{\"status\":201}}],\"status\":201}}]}",
     "201;", NULL, NULL},
    {"{\"items\":[{}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":[]}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":\"201\"}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":2010}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":20}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201.5}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201,\"status\":201}}]}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201}}],\"items\":[]}", NULL, NULL, NULL},
    {"{\"items\":{}}", NULL, NULL, NULL},
    {"{\"items\":null}", NULL, NULL, NULL},
    {"{\"items\":[null]}", NULL, NULL, NULL},
    /* no JSON */
    {"<html>\r\n<head><title>502 Bad Gateway</title></head>", NULL, NULL, NULL},
    {"[]", NULL, NULL, NULL},
    {"true", NULL, NULL, NULL},
    {"{\"items\":[]}{", NULL, NULL, NULL},
    {"{\"items\":[}]", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201}}}", NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201}},]}", NULL, NULL, NULL},
    {"{\"a\":trve}", NULL, NULL, NULL},
    {"{\"a\":\"\\x\"}", NULL, NULL, NULL},
    {"{\"a\":\"\\u00g0\"}", NULL, NULL, NULL},
    {"{\"a\":\"\n\"}", NULL, NULL, NULL},
    {"{\"a\" 1}", NULL, NULL, NULL},
    {"{,}", NULL, NULL, NULL},
    {"{\"a\":}", NULL, NULL, NULL},
    {"{1:2}", NULL, NULL, NULL},
};

static void feed(bulk_answer *a, const char *text, size_t cut, sl_buf *heard)
{
    heard->len = 0;
    bulk_answer_init(a, "create", note, heard);
    (void)bulk_answer_feed(a, text, cut);
    (void)bulk_answer_feed(a, text + cut, strlen(text) - cut);
}

/* Wherever it is cut in two. */
START_TEST(hears_each_answer)
{
    sl_buf heard = {0};
    bulk_answer a;

    for (size_t cut = 0; cut <= strlen(rows[_i].answer); cut++) {
        feed(&a, rows[_i].answer, cut, &heard);
        ck_assert_int_eq(bulk_answer_end(&a), rows[_i].heard != NULL);
        if (rows[_i].heard)
            ck_assert_slice_eq(sl_buf_slice(&heard), rows[_i].heard);
        if (rows[_i].type) {
            ck_assert_slice_eq(bulk_answer_type(&a), rows[_i].type);
            ck_assert_slice_eq(bulk_answer_reason(&a), rows[_i].reason);
        }
    }
    sl_buf_fini(&heard);
}
END_TEST

/* Half an answer is none, wherever it ends. */
START_TEST(t_es_12_wants_all_of_it)
{
    size_t len = strlen(rows[_i].answer);
    sl_buf heard = {0};
    bulk_answer a;

    while (rows[_i].heard && rows[_i].answer[len - 1] != '}')
        len--;
    for (size_t cut = 0; rows[_i].heard && cut < len; cut++) {
        heard.len = 0;
        bulk_answer_init(&a, "create", note, &heard);
        (void)bulk_answer_feed(&a, rows[_i].answer, cut);
        ck_assert(!bulk_answer_end(&a));
    }
    sl_buf_fini(&heard);
}
END_TEST

START_TEST(cuts_long_words)
{
    sl_buf text = {0}, heard = {0};
    bulk_answer a;

    sl_buf_add_text(&text, "{\"items\":[{\"create\":{\"status\":400,\"error\":{\"reason\":\"");
    for (int i = 0; i < 100000; i++)
        sl_buf_add_text(&text, "x");
    sl_buf_add_text(&text, "\",\"type\":\"t\"}}}]}");
    bulk_answer_init(&a, "create", note, &heard);
    ck_assert(bulk_answer_feed(&a, text.ptr, text.len) && bulk_answer_end(&a));
    ck_assert_uint_eq(heard.len, strlen("400 t ;") + BULK_REASON);
    sl_buf_fini(&text);
    sl_buf_fini(&heard);
}
END_TEST

START_TEST(goes_down_so_far)
{
    sl_buf heard = {0};
    bulk_answer a;

    for (int levels = BULK_LEVELS - 1; levels <= BULK_LEVELS; levels++) {
        bulk_answer_init(&a, "create", note, &heard);
        (void)bulk_answer_feed(&a, "{\"a\":", 5);
        for (int i = 0; i < levels; i++)
            (void)bulk_answer_feed(&a, "[", 1);
        for (int i = 0; i < levels; i++)
            (void)bulk_answer_feed(&a, "]", 1);
        (void)bulk_answer_feed(&a, "}", 1);
        ck_assert_int_eq(bulk_answer_end(&a), levels < BULK_LEVELS);
    }
    sl_buf_fini(&heard);
}
END_TEST

SL_UNIT(SL_ROWS(hears_each_answer, rows), SL_ROWS(t_es_12_wants_all_of_it, rows),
        SL_ONE(cuts_long_words), SL_ONE(goes_down_so_far))
