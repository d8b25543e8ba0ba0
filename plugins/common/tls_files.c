/* tls_files.c - see tls_files.h. */
#include "tls_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* NULL: *out is open. */
static const char *open_file(const char *path, BIO **out)
{
    *out = BIO_new_file(path, "r");
    return *out ? NULL : strerror(errno);
}

/* Without one, OpenSSL would ask whoever sits at the terminal. */
static int give_password(char *out, int room, int writes, void *password)
{
    size_t len = strlen(password);

    (void)writes;
    if (room < 0 || len > (size_t)room)
        return -1;
    memcpy(out, password, len);
    return (int)len;
}

static const char *check_ca(SSL_CTX *ctx, const char *path)
{
    BIO *file;
    const char *why = open_file(path, &file);

    if (why)
        return why;
    BIO_free(file);
    return SSL_CTX_load_verify_locations(ctx, path, NULL) == 1 ? NULL
                                                               : "holds no certificate in PEM";
}

static const char *check_certificate(SSL_CTX *ctx, const char *path)
{
    BIO *file;
    const char *why = open_file(path, &file);

    if (why)
        return why;
    BIO_free(file);
    return SSL_CTX_use_certificate_chain_file(ctx, path) == 1 ? NULL
                                                              : "holds no certificate in PEM";
}

/* The certificate was taken, if it could be. */
static const char *check_key(const SSL_CTX *ctx, const char *path, const char *password)
{
    X509 *certificate = SSL_CTX_get0_certificate(ctx);
    BIO *file;
    EVP_PKEY *key;
    const char *why = open_file(path, &file);

    if (why)
        return why;
    key = PEM_read_bio_PrivateKey(file, NULL, give_password, (void *)password);
    BIO_free(file);
    if (!key)
        why = *password ? "holds no key in PEM that tls.key_password opens"
                        : "holds no key in PEM that needs no tls.key_password";
    else if (certificate && X509_check_private_key(certificate, key) != 1)
        why = "holds another key than that of the certificate in tls.cert_file";
    EVP_PKEY_free(key);
    return why;
}

static void say(sl_mistake_fn *mistake, void *arg, const char *option, const char *why)
{
    if (why)
        mistake(arg, option, why);
}

void tls_files_check(const tls_files *f, sl_mistake_fn *mistake, void *arg)
{
    SSL_CTX *ctx = *f->ca_file || *f->cert_file ? SSL_CTX_new(TLS_client_method()) : NULL;
    const char *why = NULL;

    if (!ctx)
        return;
    if (*f->ca_file)
        say(mistake, arg, "tls.ca_file", check_ca(ctx, f->ca_file));
    if (*f->cert_file)
        why = check_certificate(ctx, f->cert_file);
    say(mistake, arg, "tls.cert_file", why);
    if (*f->key_file)
        say(mistake, arg, "tls.key_file", check_key(ctx, f->key_file, f->key_password));
    else if (*f->cert_file && !why && check_key(ctx, f->cert_file, f->key_password))
        mistake(arg, "tls.cert_file",
                "its key is not in it: name the file that holds it as tls.key_file");
    SSL_CTX_free(ctx);
    ERR_clear_error();
}
