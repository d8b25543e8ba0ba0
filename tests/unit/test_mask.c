/* test_mask.c - what an excerpt shows of a line that holds a secret. */
#include "control/mask.h"
#include "unit.h"

/* line     | stands before the place
 * shown    with it */
static const struct {
    const char *line, *shown;
} lines[] = {
    {"|", "|"},
    {"a: |b", "a: |b"},
    {"password: |hunter2", "password: |***"},
    {"  api_key: hunter2, and more| # so", "  api_key: |***"},
    {"auth: {user: u, password: hunter2}, |bogus: 1", "auth: {user: u, password: ***}, |bogus: 1"},
    {"auth: {password: hun|ter2, user: u}", "auth: {password: |***, user: u}"},
    {"{\"password\":\"hunter2\\\"hunter2\",|\"a\":1}", "{\"password\":***,|\"a\":1}"},
    {"'api-key' : 'hunter2' |", "'api-key' : *** |"},
    {"bearer: [hunter2|", "bearer: ***|"},
    {"|pasword: hunter2", "|pasword: ***"},
    {"headers: {Authorization: ApiKey hunter2}|", "headers: {Authorization: ***}|"},
    {"sasl.oauthbearer.config: |x=hunter2", "sasl.oauthbearer.config: |***"},
    /* a URL */
    {"hosts: [\"http://me:hunter2@h:1\", |b]", "hosts: [\"http://***@h:1\", |b]"},
    {"- http://hun@ter2@h/a|", "- http://***@h/a|"},
    {"- http://h:1/a|", "- http://h:1/a|"},
    {"\xc3\xbc: http://u:hunter2@h|", "\xc3\xbc: http://***@h|"},
    {"- http://u:hun/ter2@h|", "- http://***@h|"},
    /* no colon, or one that is not the last word */
    {"password = hunter2|", "password = ***|"},
    {"password hunter2|", "password ***|"},
    {"- token='hunter2' |", "- token=*** |"},
    {"sasl.jaas.config: 'a user=\"u\" password=\"hunter2\";'|",
     "sasl.jaas.config: 'a user=\"u\" password=***;'|"},
    {"ssl.key.pem: -----BEGIN|", "ssl.key.pem: ***|"},
    /* what is none */
    {"password_file: |/etc/x", "password_file: |/etc/x"},
    {"password: \"${env:PW}\"|", "password: \"${env:PW}\"|"},
    {"password: |${file:/x}", "password: |${file:/x}"},
    {"password:|", "password:|"},
    {"password: \"\"|", "password: \"\"|"},
    {"password|", "password|"},
    {"key: |%{kubernetes.pod.uid}", "key: |%{kubernetes.pod.uid}"},
};

START_TEST(hides_what_is_secret)
{
    const char *mark = strchr(lines[_i].line, '|'), *want = strchr(lines[_i].shown, '|');
    char *line = sl_format("%.*s%s", (int)(mark - lines[_i].line), lines[_i].line, mark + 1);
    char *shown = sl_format("%.*s%s", (int)(want - lines[_i].shown), lines[_i].shown, want + 1);
    sl_buf out = {0};
    size_t place;

    sl_buf_add_text(&out, "before ");
    place = sl_mask_line(sl_str(line), (size_t)(mark - lines[_i].line), &out);
    sl_buf_add(&out, "", 1);
    ck_assert_str_eq(out.ptr + 7, shown);
    ck_assert_uint_eq(place, (size_t)(want - lines[_i].shown));
    sl_buf_fini(&out);
    free(line);
    free(shown);
}
END_TEST

SL_UNIT(SL_ROWS(hides_what_is_secret, lines))
