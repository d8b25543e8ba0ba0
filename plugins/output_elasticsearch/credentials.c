/* credentials.c - see credentials.h. */
#include "credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_SECRET (64 << 10)

static bool is_set(const char *text)
{
    return text && *text;
}

/* A line break would begin another header. */
static bool is_clean(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    }
    return true;
}

/* --- the file --- */

static bool has_changed(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size ||
           a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* NULL: errno says why not. */
static char *read_secret(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = malloc(MAX_SECRET + 1);
    ssize_t len = -1;

    if (!text)
        abort(); /* as the agent does */
    if (fd >= 0 && fstat(fd, st) == 0)
        len = read(fd, text, MAX_SECRET);
    if (fd >= 0)
        close(fd);
    if (len < 0) {
        free(text);
        return NULL;
    }
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    text[len] = '\0';
    return text;
}

static void make_header(credentials *c)
{
    const char *scheme = NULL, *secret = NULL;

    if (is_set(c->api_key) || is_set(c->api_key_file)) {
        scheme = "ApiKey";
        secret = is_set(c->api_key) ? c->api_key : c->secret;
    } else if (is_set(c->bearer) || is_set(c->bearer_file)) {
        scheme = "Bearer";
        secret = is_set(c->bearer) ? c->bearer : c->secret;
    }
    free(c->header);
    c->header = NULL;
    if (scheme && asprintf(&c->header, "Authorization: %s %s", scheme, secret) < 0)
        abort(); /* as the agent does */
}

/* Why what read_secret() has returned cannot be used, or NULL. */
static const char *why_not(const char *secret)
{
    if (!secret)
        return strerror(errno);
    if (!*secret)
        return "it is empty";
    return is_clean(secret) ? NULL : "it holds more than one line";
}

/* false: what was there before stays in use. */
static bool read_file(credentials *c, const sl_host *host)
{
    struct stat st;
    char *secret = read_secret(c->file, &st);
    const char *why = why_not(secret);

    if (why) {
        if (!c->complained)
            host->log(host, SL_LOG_ERROR, "cannot use %s for auth: %s", c->file, why);
        c->complained = true;
        free(secret);
        return false;
    }
    c->complained = false;
    c->seen = st;
    free(c->secret);
    c->secret = secret;
    make_header(c);
    return true;
}

void credentials_refresh(credentials *c, const sl_host *host)
{
    struct stat st;

    if (c->file && (stat(c->file, &st) != 0 || has_changed(&st, &c->seen)))
        (void)read_file(c, host);
}

/* --- its life --- */

/* One way and one place for each. */
void credentials_check(const credentials *c, sl_mistake_fn *mistake, void *arg)
{
    bool user = is_set(c->user), password = is_set(c->password) || is_set(c->password_file);
    bool key = is_set(c->api_key) || is_set(c->api_key_file);
    bool bearer = is_set(c->bearer) || is_set(c->bearer_file);

    if (user != password)
        mistake(arg, "auth", "user and password belong together");
    if (user + key + bearer > 1)
        mistake(arg, "auth", "give one of user and password, api_key, bearer");
    if ((is_set(c->password) && is_set(c->password_file)) ||
        (is_set(c->api_key) && is_set(c->api_key_file)) ||
        (is_set(c->bearer) && is_set(c->bearer_file)))
        mistake(arg, "auth", "give a secret or its file, not both");
    if (user && strchr(c->user, ':'))
        mistake(arg, "auth.user", "HTTP knows no user with a colon");
    if (!is_clean(c->user) || !is_clean(c->password) || !is_clean(c->api_key) ||
        !is_clean(c->bearer))
        mistake(arg, "auth", "a secret holds more than one line");
}

void credentials_check_file(const credentials *c, sl_mistake_fn *mistake, void *arg)
{
    const char *const files[][2] = {{"auth.password_file", c->password_file},
                                    {"auth.api_key_file", c->api_key_file},
                                    {"auth.bearer_file", c->bearer_file}};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat st;
        char *secret = is_set(files[i][1]) ? read_secret(files[i][1], &st) : NULL;
        const char *why = is_set(files[i][1]) ? why_not(secret) : NULL;

        if (why)
            mistake(arg, files[i][0], why);
        free(secret);
    }
}

bool credentials_open(credentials *c, const sl_host *host)
{
    c->file = is_set(c->password_file)  ? c->password_file
              : is_set(c->api_key_file) ? c->api_key_file
              : is_set(c->bearer_file)  ? c->bearer_file
                                        : NULL;
    if (c->file && !read_file(c, host))
        return false;
    make_header(c);
    return true;
}

void credentials_close(credentials *c)
{
    free(c->secret);
    free(c->header);
}

const char *credentials_password(const credentials *c)
{
    if (!is_set(c->user))
        return NULL;
    return is_set(c->password) ? c->password : c->secret;
}
