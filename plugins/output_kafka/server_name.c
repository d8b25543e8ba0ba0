/* server_name.c - see server_name.h. librdkafka compares a certificate with the broker's address or with
 * nothing, so we look ourselves, after OpenSSL has found its chain to be good.
 *
 * Thread   librdkafka's; nothing is shared but the name */
#include "server_name.h"

#include <openssl/x509v3.h>
#include <stdio.h>

/* OpenSSL would find an address in names as well, as *.0.0.1. */
static bool is_for(X509 *cert, const char *name)
{
    int as_address = X509_check_ip_asc(cert, name, 0);

    return as_address == -2 ? X509_check_host(cert, name, 0, 0, NULL) == 1 : as_address == 1;
}

bool server_name_is_in(const char *bytes, size_t size, const char *name)
{
    const unsigned char *at = (const unsigned char *)bytes;
    X509 *cert = d2i_X509(NULL, &at, (long)size);
    bool is_right = cert && is_for(cert, name);

    X509_free(cert);
    return is_right;
}

static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *x509_error,
                          int depth, const char *bytes, size_t size, char *words, size_t room,
                          void *name)
{
    (void)rk, (void)broker, (void)id;
    if (*x509_error) {
        snprintf(words, room, "%s", X509_verify_cert_error_string(*x509_error));
        return 0;
    }
    if (depth > 0 || server_name_is_in(bytes, size, name))
        return 1;
    *x509_error = X509_V_ERR_HOSTNAME_MISMATCH;
    snprintf(words, room, "it is not for tls.server_name");
    return 0;
}

void server_name_check(rd_kafka_conf_t *conf, const char *name)
{
    rd_kafka_conf_set_opaque(conf, (void *)name);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate);
}
