/* test_bulk_verdict.c - what the host is told of each record, by what servers say of it. */
#include "bulk_verdict.h"

#include "unit.h"

static const struct {
    int status;
    const char *type, *reason;
    bool in_failure_store;
    bool is_index; /* the operation; else create */
    sl_outcome outcome;
    sl_answer_code code;
    const char *words;
} rows[] = {
    {201, "", "", false, false, SL_DELIVERED, SL_PLAIN, ""},
    {200, "", "", false, true, SL_DELIVERED, SL_PLAIN, ""},
    {201, "", "", true, false, SL_REJECTED, SL_FAILURE_STORE, "status 201"},
    /* there already */
    {409, "version_conflict_engine_exception", "[a-1]: document already exists", false, false,
     SL_DELIVERED, SL_KNOWN, "version_conflict_engine_exception: [a-1]: document already exists"},
    {409, "version_conflict_engine_exception", "changed", false, true, SL_RETRY, SL_PLAIN,
     "version_conflict_engine_exception: changed"},
    /* later */
    {429, "es_rejected_execution_exception", "queue", false, false, SL_RETRY, SL_PLAIN,
     "es_rejected_execution_exception: queue"},
    {429, "rejected_execution_exception", "queue", false, false, SL_RETRY, SL_PLAIN,
     "rejected_execution_exception: queue"},
    {503, "unavailable_shards_exception", "primary", false, false, SL_RETRY, SL_PLAIN,
     "unavailable_shards_exception: primary"},
    {500, "", "", false, false, SL_RETRY, SL_PLAIN, "status 500"},
    {302, "", "", false, false, SL_RETRY, SL_PLAIN, "status 302"},
    /* its index takes nothing */
    {429, "cluster_block_exception", "flood", false, false, SL_RETRY, SL_HOLD,
     "cluster_block_exception: flood"},
    {403, "cluster_block_exception", "write", false, false, SL_RETRY, SL_HOLD,
     "cluster_block_exception: write"},
    {403, "security_exception", "no right", false, false, SL_RETRY, SL_HOLD,
     "security_exception: no right"},
    {401, "", "", false, false, SL_RETRY, SL_HOLD, "status 401"},
    {404, "index_not_found_exception", "no such index", false, false, SL_RETRY, SL_HOLD,
     "index_not_found_exception: no such index"},
    {400, "index_closed_exception", "closed", false, false, SL_RETRY, SL_HOLD,
     "index_closed_exception: closed"},
    {400, "validation_exception",
     "Validation Failed: 1: this action would add [2] shards, but this cluster currently has",
     false, false, SL_RETRY, SL_HOLD,
     "validation_exception: Validation Failed: 1: this action would add [2] shards, but this "
     "cluster currently has"},
    {400, "illegal_argument_exception", "no write index is defined for alias [a]. The", false,
     false, SL_RETRY, SL_HOLD,
     "illegal_argument_exception: no write index is defined for alias [a]. The"},
    {400, "illegal_argument_exception", "pipeline with id [none] does not exist", false, false,
     SL_RETRY, SL_HOLD, "illegal_argument_exception: pipeline with id [none] does not exist"},
    {400, "illegal_argument_exception",
     "only write ops with an op_type of create are allowed in data streams", false, true, SL_RETRY,
     SL_HOLD,
     "illegal_argument_exception: only write ops with an op_type of create are allowed in data "
     "streams"},
    /* never */
    {400, "mapper_parsing_exception", "failed to parse field [n]", false, false, SL_REJECTED,
     SL_PLAIN, "mapper_parsing_exception: failed to parse field [n]"},
    {400, "document_parsing_exception", "", false, false, SL_REJECTED, SL_PLAIN,
     "document_parsing_exception: "},
    {400, "illegal_argument_exception", "Limit of total fields [1] has been exceeded", false, false,
     SL_REJECTED, SL_PLAIN,
     "illegal_argument_exception: Limit of total fields [1] has been "
     "exceeded"},
    {400, "validation_exception", "Validation Failed: 1: something else", false, false, SL_REJECTED,
     SL_PLAIN, "validation_exception: Validation Failed: 1: something else"},
    /* as a field's text would have it */
    {400, "document_parsing_exception",
     "[1:9] failed to parse field [n] of type [long]. Preview of field's value: 'failed to parse: "
     "_id must be unset or set to ['",
     false, false, SL_REJECTED, SL_PLAIN,
     "document_parsing_exception: [1:9] failed to parse field [n] of type [long]. Preview of "
     "field's value: 'failed to parse: _id must be unset or set to ['"},
    {400, "", "only words", false, false, SL_REJECTED, SL_PLAIN, "only words"},
    {400, "", "", false, false, SL_REJECTED, SL_PLAIN, "status 400"},
    {413, "too_long", "", false, false, SL_REJECTED, SL_TOO_LARGE, "too_long: "},
    /* ids */
    {400, "illegal_argument_exception",
     "Document ID is not supported in create/index operation request", false, false, SL_RETRY,
     SL_NOW,
     "illegal_argument_exception: Document ID is not supported in create/index operation request"},
    {400, "document_parsing_exception",
     "[1:69] failed to parse: _id must be unset or set to [o0XM] but was [a-1] because [t] is in "
     "time_series mode",
     false, false, SL_RETRY, SL_NOW,
     "document_parsing_exception: [1:69] failed to parse: _id must be unset or set to [o0XM] but "
     "was [a-1] because [t] is in time_series mode"},
};

static void note(bulk_verdicts *v, uint32_t index, int row)
{
    bulk_verdicts_note(v, &(bulk_item){.index = index,
                                       .status = rows[row].status,
                                       .type = sl_str(rows[row].type),
                                       .reason = sl_str(rows[row].reason),
                                       .in_failure_store = rows[row].in_failure_store});
}

static void assert_row(const bulk_verdicts *v, uint32_t i, int row)
{
    char text[BULK_TEXT];
    sl_answer answer;

    bulk_verdicts_judge(v, i, !rows[row].is_index, text, &answer);
    ck_assert_int_eq(answer.outcome, rows[row].outcome);
    ck_assert_uint_eq(answer.code, rows[row].code);
    ck_assert_slice_eq(answer.reason, rows[row].words);
}

START_TEST(judges_each_item)
{
    bulk_verdicts v = {.count = 3};
    char text[BULK_TEXT];
    sl_answer answer;

    note(&v, 1, _i);
    assert_row(&v, 1, _i);
    ck_assert_int_eq(v.is_busy, rows[_i].status == 429 && rows[_i].code != SL_HOLD);
    ck_assert_int_eq(bulk_verdicts_is_held(&v, 1, !rows[_i].is_index), rows[_i].code == SL_HOLD);
    ck_assert_int_eq(bulk_verdicts_refuses_ids(&v), rows[_i].code == SL_NOW);
    ck_assert_int_eq(v.has_away, !strcmp(rows[_i].type, "unavailable_shards_exception"));
    ck_assert_int_eq(bulk_verdicts_is_away(&v, 1), v.has_away);
    for (uint32_t i = 0; i < 3; i += 2) { /* its neighbours */
        bulk_verdicts_judge(&v, i, true, text, &answer);
        ck_assert_int_eq(answer.outcome, SL_DELIVERED);
    }
    bulk_verdicts_fini(&v);
}
END_TEST

START_TEST(keeps_them_apart)
{
    bulk_verdicts v = {.count = SL_COUNT_OF(rows)};

    for (int row = 0; row < (int)SL_COUNT_OF(rows); row++)
        note(&v, (uint32_t)row, row);
    for (int row = 0; row < (int)SL_COUNT_OF(rows); row++)
        assert_row(&v, (uint32_t)row, row);
    bulk_verdicts_reset(&v, 1);
    ck_assert_ptr_null(v.rows);
    bulk_verdicts_fini(&v);
}
END_TEST

/* More items than were sent, and more words than are kept. */
START_TEST(t_es_12_memory_is_bounded)
{
    bulk_verdicts v = {.count = 5000};
    char words[BULK_REASON], text[BULK_TEXT];
    bulk_item item = {.status = 400, .type = sl_str("t"), .reason = {words, sizeof words}};
    sl_answer answer;

    memset(words, 'x', sizeof words);
    for (item.index = 0; item.index < 10000; item.index++)
        bulk_verdicts_note(&v, &item);
    bulk_verdicts_judge(&v, 0, true, text, &answer);
    ck_assert_uint_eq(answer.reason.len, strlen("t: ") + BULK_REASON);
    bulk_verdicts_judge(&v, 4999, true, text, &answer);
    ck_assert_int_eq(answer.outcome, SL_REJECTED);
    ck_assert_slice_eq(answer.reason, "status 400");
    bulk_verdicts_fini(&v);
}
END_TEST

/* What was meant is known even of those whose words are not kept. */
START_TEST(meaning_outlives_the_words)
{
    static const char why[] = "pipeline with id [none] does not exist";
    bulk_verdicts v = {.count = 10000};
    bulk_item item = {
        .status = 400, .type = sl_str("illegal_argument_exception"), .reason = sl_str(why)};
    char text[BULK_TEXT];
    sl_answer answer;

    for (item.index = 0; item.index < v.count; item.index++)
        bulk_verdicts_note(&v, &item);
    for (uint32_t i = 0; i < v.count; i++)
        ck_assert(bulk_verdicts_is_held(&v, i, true));
    bulk_verdicts_judge(&v, v.count - 1, true, text, &answer);
    ck_assert_int_eq(answer.outcome, SL_RETRY);
    ck_assert_slice_eq(answer.reason, "status 400");
    bulk_verdicts_fini(&v);
}
END_TEST

SL_UNIT(SL_ROWS(judges_each_item, rows), SL_ONE(keeps_them_apart),
        SL_ONE(t_es_12_memory_is_bounded), SL_ONE(meaning_outlives_the_words))
