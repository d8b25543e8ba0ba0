/* test_server_name.c - whom a broker's certificate is for. */
#include "server_name.h"

#include "unit.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* The subject's common name, and the names beside it; NULL: there are none. */
static const struct {
    const char *common, *others, *name;
    bool is_in;
} rows[] = {
    {"x", "DNS:k.example", "k.example", true},
    {"x", "DNS:k.example", "K.Example", true},
    {"x", "DNS:k.example", "a.k.example", false},
    {"x", "DNS:k.example", "x", false},
    {"x", "DNS:*.k.example", "a.k.example", true},
    {"x", "DNS:*.k.example", "b.a.k.example", false},
    {"x", "DNS:*.k.example", "k.example", false},
    {"x", "DNS:a,DNS:b", "b", true},
    {"k.example", NULL, "k.example", true},
    {"x", "IP:10.0.0.1", "10.0.0.1", true},
    {"x", "IP:10.0.0.1", "10.0.0.2", false},
    {"x", "IP:::1", "::1", true},
    {"x", "IP:::1", "0:0:0:0:0:0:0:1", true},
    /* an address is no name */
    {"x", "DNS:10.0.0.1", "10.0.0.1", false},
    {"x", "DNS:*.0.0.1", "10.0.0.1", false},
    {"10.0.0.1", NULL, "10.0.0.1", false},
    {"10.0.0.1", "email:a@b", "10.0.0.1", false},
};

static void name_others(X509 *cert, const char *others)
{
    X509_EXTENSION *names =
        others ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, others) : NULL;

    ck_assert(!others || (names && X509_add_ext(cert, names, -1)));
    X509_EXTENSION_free(names);
}

/* In DER; freed with OPENSSL_free(). */
static unsigned char *certificate(const char *common, const char *others, int *size)
{
    X509 *cert = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *bytes = NULL;

    X509_set_version(cert, 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)common, -1, -1, 0);
    name_others(cert, others);
    ck_assert(X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()));
    *size = i2d_X509(cert, &bytes);
    ck_assert_int_gt(*size, 0);
    EVP_PKEY_free(key);
    X509_free(cert);
    return bytes;
}

START_TEST(tells_whom_it_is_for)
{
    int size;
    unsigned char *bytes = certificate(rows[_i].common, rows[_i].others, &size);

    ck_assert_int_eq(server_name_is_in((char *)bytes, (size_t)size, rows[_i].name), rows[_i].is_in);
    ck_assert(!server_name_is_in((char *)bytes, (size_t)size - 1, rows[_i].name));
    OPENSSL_free(bytes);
}
END_TEST

SL_UNIT(SL_ROWS(tells_whom_it_is_for, rows))
