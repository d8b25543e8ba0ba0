/* credentials.h - who we say that we are: a user and a password, an API key or a bearer token, from
 * the configuration or from a file, which is read again when it changes. Nothing of it is ever logged.
 *
 * Limits   64 KiB in a file; its last newline is cut off */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <sluice/plugin.h>

#include <sys/stat.h>

/* Embedded; filled in from options up to `bearer_file`. Empty: not given. */
typedef struct credentials {
    const char *user, *password, *password_file;
    const char *api_key, *api_key_file;
    const char *bearer, *bearer_file;
    const char *file; /* the one that is in use, or NULL */
    struct stat seen; /* as it was when it was read */
    bool complained;
    char *secret; /* what the file held; NULL: nothing yet */
    char *header; /* "Authorization: ...", or NULL */
} credentials;

/* Says what is wrong with them, but for what stands in files. */
void credentials_check(const credentials *c, sl_mistake_fn *mistake, void *arg);
/* Says whether the file of a secret can be used. */
void credentials_check_file(const credentials *c, sl_mistake_fn *mistake, void *arg);
/* They have been checked. false: the file cannot be used, and host->log() was told. */
bool credentials_open(credentials *c, const sl_host *host);
void credentials_close(credentials *c);
/* Looks whether the file has changed. Called before each request. */
void credentials_refresh(credentials *c, const sl_host *host);
/* For a user alone, else NULL. */
const char *credentials_password(const credentials *c);

#endif
