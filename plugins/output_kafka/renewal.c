/* renewal.c - files that are replaced while we run: certificates, their key, a password, a token.
 *
 * A password and a token are given to the producer that works; connections to come use them. Of a
 * certificate it would never hear, so another producer takes its place: see kafka.h.
 *
 * Fails    what cannot be used changes nothing; it is looked at again and again */
#include "kafka.h"

#include <stdlib.h>

#define STRICT_MS 10000 /* until a strict producer is tried again */

enum { CA, CERT, KEY, PASSWORD, TOKEN };

_Static_assert(TOKEN + 1 == KAFKA_FILES, "each file has its place");

static const char *path_of(const kafka *k, int i)
{
    const char *const paths[KAFKA_FILES] = {k->ca_file, k->cert_file, k->key_file, k->password_file,
                                            k->token_file};

    return paths[i];
}

/* false: there is no such option, or no file for now. */
static bool look_at(const kafka *k, int i, file_seen *out)
{
    struct stat st;

    if (!*path_of(k, i) || stat(path_of(k, i), &st) != 0)
        return false;
    *out = (file_seen){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
    return true;
}

static bool is_same(const file_seen *a, const file_seen *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

void renewal_note(kafka *k)
{
    for (int i = 0; i < KAFKA_FILES; i++)
        (void)look_at(k, i, &k->seen[i]);
}

/* Was it replaced? From now on that one is known. */
static bool take_change(kafka *k, int i)
{
    file_seen now;

    if (!look_at(k, i, &now) || is_same(&now, &k->seen[i]))
        return false;
    k->seen[i] = now;
    return true;
}

static void renew_password(const kafka *k)
{
    char *password = secret_new(k->password_file);
    rd_kafka_error_t *error =
        password ? rd_kafka_sasl_set_credentials(k->rk, k->user, password) : NULL;

    if (error)
        rd_kafka_error_destroy(error);
    free(password);
}

static bool has_new_certificates(const kafka *k)
{
    file_seen now;

    for (int i = CA; i <= KEY; i++) {
        if (look_at(k, i, &now) && !is_same(&now, &k->seen[i]))
            return true;
    }
    return false;
}

/* A certificate without its key yet is no use: what was seen before stays so. */
static void renew(kafka *k, const char *why)
{
    file_seen before[KAFKA_FILES];
    bool was_lenient = k->is_lenient;

    memcpy(before, k->seen, sizeof before);
    k->next = producer_new(k);
    k->why_next = why;
    if (k->next)
        return;
    memcpy(k->seen, before, sizeof before);
    k->is_lenient = was_lenient;
}

void renewal_look(kafka *k)
{
    if (k->is_stopping)
        return;
    if (k->next) { /* since the last look, and reports are still missing: nobody answers any more */
        request_turn_back(k, k->why_next);
        return;
    }
    if (take_change(k, PASSWORD))
        renew_password(k);
    if (take_change(k, TOKEN))
        token_renew(k, k->rk);
    if (has_new_certificates(k))
        renew(k, "files of tls were replaced");
}

void renewal_make_strict(kafka *k)
{
    renew(k, "what was refused is dealt with");
    if (!k->next)
        k->lenient_ms = k->host->now_ms(k->host) + STRICT_MS;
}
