/* tls_files.h - looks whether the files that options of tls name can be used, before anybody connects.
 *
 * Shared by outputs whose libraries speak TLS. */
#ifndef TLS_FILES_H
#define TLS_FILES_H

#include <sluice/plugin.h>

/* What the options tls.ca_file and so on hold; empty: not given. */
typedef struct tls_files {
    const char *ca_file, *cert_file, *key_file, *key_password;
} tls_files;

/* Says each that is not there or no PEM, and a key that is not its certificate's. */
void tls_files_check(const tls_files *f, sl_mistake_fn *mistake, void *arg);

#endif
