/* login.c - see kafka.h. librdkafka asks for a token when four fifths of the last one's life are over. */
#include "kafka.h"
#include "token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define UNKNOWN_MS 300000 /* a token that does not say when it ends is read again before that */

/* NULL: librdkafka has it. */
static const char *give(rd_kafka_t *rk, const char *token, char *words, size_t room)
{
    int64_t expiry = token_expiry_ms(token);

    if (!token_is_clean(token))
        return "it holds more than a token";
    if (!expiry)
        expiry = (int64_t)time(NULL) * 1000 + UNKNOWN_MS;
    if (rd_kafka_oauthbearer_set_token(rk, token, expiry, "sluice", NULL, 0, words, room) != 0)
        return words;
    return NULL;
}

void token_renew(kafka *k, rd_kafka_t *rk)
{
    char *token = secret_new(k->token_file);
    char words[KAFKA_WORDS], said[2 * KAFKA_WORDS];
    const char *why = token ? give(rk, token, words, sizeof words) : strerror(errno);

    free(token);
    if (!why)
        return;
    snprintf(said, sizeof said, "sasl.token_file: %s", why);
    (void)rd_kafka_oauthbearer_set_token_failure(rk, said); /* comes as an error, and asks again */
}
