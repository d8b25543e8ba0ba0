/* server_name.c - see server_name.h. librdkafka compares a certificate with the broker's address or with
 * nothing, so we look ourselves, after OpenSSL has found its chain to be good.
 *
 * Thread   librdkafka's; nothing is shared but the name */
#include "server_name.h"

#include <openssl/x509v3.h>
#include <stdio.h>

static int is_for(X509 *cert, const char *name)
{
    return X509_check_host(cert, name, 0, 0, NULL) == 1 || X509_check_ip_asc(cert, name, 0) == 1;
}

static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *x509_error,
                          int depth, const char *bytes, size_t size, char *words, size_t room,
                          void *name)
{
    const unsigned char *at = (const unsigned char *)bytes;
    X509 *cert;
    int is_right;

    (void)rk, (void)broker, (void)id;
    if (*x509_error) {
        snprintf(words, room, "%s", X509_verify_cert_error_string(*x509_error));
        return 0;
    }
    if (depth > 0)
        return 1;
    cert = d2i_X509(NULL, &at, (long)size);
    is_right = cert && is_for(cert, name);
    X509_free(cert);
    if (!is_right) {
        *x509_error = X509_V_ERR_HOSTNAME_MISMATCH;
        snprintf(words, room, "it is not for tls.server_name");
    }
    return is_right;
}

void server_name_check(rd_kafka_conf_t *conf, const char *name)
{
    rd_kafka_conf_set_opaque(conf, (void *)name);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate);
}
