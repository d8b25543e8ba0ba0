/* test_bulk_answer.c - answers as real servers give them, cut at every byte, and what is none. */
#include "bulk_answer.h"

#include "base/buf.h"
#include "unit.h"

typedef struct hearing {
    sl_buf text;
    uint32_t items;
} hearing;

/* Those that nothing is said of. */
static void add_plain(hearing *h, uint32_t until)
{
    for (; h->items < until; h->items++)
        sl_buf_add_text(&h->text, "+");
}

/* What was heard: "status type reason;" for each item, or "+" if it is plain. */
static void note(void *arg, const bulk_item *item)
{
    hearing *h = arg;

    ck_assert_uint_ge(item->index, h->items);
    add_plain(h, item->index);
    h->items++;
    sl_buf_add_format(&h->text, "%d%s%.*s%s%.*s%s;", item->status, item->type.len ? " " : "",
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
     "++", "", ""},
    {"{\"items\":[{\"create\":{\"status\":409,\"error\":{\"type\":\"t\",\"reason\":\"r\"}}},{"
     "\"create\":{"
     "\"status\":201}},{\"create\":{\"status\":2011}}]}",
     NULL, NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":201,\"failure_store\":\"used\"}},{\"create\":{\"status\":"
     "201}}"
     ",{\"create\":{\"status\":429,\"error\":{\"type\":\"t\",\"reason\":\"r\"}}},{\"create\":{"
     "\"status\":201}}"
     ",{\"create\":{\"status\":200}} ,{\"create\":{\"status\":201}}]}",
     "201 stored;+429 t r;+++", "", ""},
    {"{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"error\":{\"type\":"
     "\"mapper_parsing_exception\",\"reason\":\"failed to parse field [n] of type [long] in "
     "document with id 'a-1'. Preview of field's value: 'x'\"},\"status\":400}}]}",
     "+400 mapper_parsing_exception failed to parse field [n] of type [long] in document with "
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
     "+", NULL, NULL},
    {" {\r\n\t\"items\" : [ { \"create\" : { \"status\" : 200 } } ] } \n", "+", NULL, NULL},
    {"{\"items\":[{\"create\":{\"status\":400,\"error\":{\"type\":\"t\",\"reason\":\"r\","
     "\"caused_by\":{\"type\":\"u\",\"reason\":\"s\",\"items\":[1,[2,{}],[]]}}}}]}",
     "400 t r;", NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":\"an old server's words\",\"status\":500}}]}",
     "500 an old server's words;", NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":null,\"status\":201}}]}", "+", NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":[],\"status\":201}}]}", "+", NULL, NULL},
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
    {"{\"items\":[{\"create\":{\"status\":201}}],\"a\":[{},{\"create\":{\"status\":201}}]}", "+",
     NULL, NULL},
    {"{\"items\":[{\"create\":{\"error\":[{},{\"create\":{\"status\":201}}],\"status\":201}}]}",
     "+", NULL, NULL},
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

static void feed(bulk_answer *a, const char *text, size_t cut, hearing *h)
{
    h->text.len = h->items = 0;
    bulk_answer_init(a, "create", note, h);
    (void)bulk_answer_feed(a, text, cut);
    (void)bulk_answer_feed(a, text + cut, strlen(text) - cut);
    add_plain(h, a->items);
}

/* Wherever it is cut in two. */
START_TEST(hears_each_answer)
{
    hearing h = {0};
    bulk_answer a;

    for (size_t cut = 0; cut <= strlen(rows[_i].answer); cut++) {
        feed(&a, rows[_i].answer, cut, &h);
        ck_assert_int_eq(bulk_answer_end(&a), rows[_i].heard != NULL);
        if (rows[_i].heard)
            ck_assert_slice_eq(sl_buf_slice(&h.text), rows[_i].heard);
        if (rows[_i].type) {
            ck_assert_slice_eq(bulk_answer_type(&a), rows[_i].type);
            ck_assert_slice_eq(bulk_answer_reason(&a), rows[_i].reason);
        }
    }
    sl_buf_fini(&h.text);
}
END_TEST

/* Half an answer is none, wherever it ends. */
START_TEST(t_es_12_wants_all_of_it)
{
    size_t len = strlen(rows[_i].answer);
    hearing h = {0};
    bulk_answer a;

    while (rows[_i].heard && rows[_i].answer[len - 1] != '}')
        len--;
    for (size_t cut = 0; rows[_i].heard && cut < len; cut++) {
        h.items = 0;
        bulk_answer_init(&a, "create", note, &h);
        (void)bulk_answer_feed(&a, rows[_i].answer, cut);
        ck_assert(!bulk_answer_end(&a));
    }
    sl_buf_fini(&h.text);
}
END_TEST

enum { MANY = 100 };

static const struct {
    const char *item, *heard;
} others[] = {{"{\"create\":{\"status\":429}}", "429;"}, {"{\"create\":{\"status\":200}}", ""}};

/* Items that are as they should be are compared many at once: one that is not is heard, wherever it is. */
START_TEST(hears_one_among_many)
{
    sl_buf text = {0};
    hearing h = {0};
    bulk_answer a;

    for (uint32_t odd = 0; odd < MANY; odd++) {
        text.len = h.text.len = h.items = 0;
        sl_buf_add_text(&text, "{\"items\":[");
        for (uint32_t i = 0; i < MANY; i++)
            sl_buf_add_format(&text, "%s%s", i ? "," : "",
                              i == odd ? others[_i].item : "{\"create\":{\"status\":201}}");
        sl_buf_add_text(&text, "]}");
        bulk_answer_init(&a, "create", note, &h);
        ck_assert(bulk_answer_feed(&a, text.ptr, text.len) && bulk_answer_end(&a));
        ck_assert_uint_eq(a.items, MANY);
        ck_assert_uint_eq(h.items, *others[_i].heard ? odd + 1 : 0);
        ck_assert_uint_eq(h.text.len, *others[_i].heard ? odd + 4 : 0);
    }
    sl_buf_fini(&text);
    sl_buf_fini(&h.text);
}
END_TEST

START_TEST(cuts_long_words)
{
    sl_buf text = {0};
    hearing h = {0};
    bulk_answer a;

    sl_buf_add_text(&text, "{\"items\":[{\"create\":{\"status\":400,\"error\":{\"reason\":\"");
    for (int i = 0; i < 100000; i++)
        sl_buf_add_text(&text, "x");
    sl_buf_add_text(&text, "\",\"type\":\"t\"}}}]}");
    bulk_answer_init(&a, "create", note, &h);
    ck_assert(bulk_answer_feed(&a, text.ptr, text.len) && bulk_answer_end(&a));
    ck_assert_uint_eq(h.text.len, strlen("400 t ;") + BULK_REASON);
    sl_buf_fini(&text);
    sl_buf_fini(&h.text);
}
END_TEST

START_TEST(goes_down_so_far)
{
    hearing h = {0};
    bulk_answer a;

    for (int levels = BULK_LEVELS - 1; levels <= BULK_LEVELS; levels++) {
        bulk_answer_init(&a, "create", note, &h);
        (void)bulk_answer_feed(&a, "{\"a\":", 5);
        for (int i = 0; i < levels; i++)
            (void)bulk_answer_feed(&a, "[", 1);
        for (int i = 0; i < levels; i++)
            (void)bulk_answer_feed(&a, "]", 1);
        (void)bulk_answer_feed(&a, "}", 1);
        ck_assert_int_eq(bulk_answer_end(&a), levels < BULK_LEVELS);
    }
    sl_buf_fini(&h.text);
}
END_TEST

SL_UNIT(SL_ROWS(hears_each_answer, rows), SL_ROWS(t_es_12_wants_all_of_it, rows),
        SL_ROWS(hears_one_among_many, others), SL_ONE(cuts_long_words), SL_ONE(goes_down_so_far))
