/* output_elasticsearch.c - bulk requests to Elasticsearch 7 to 9 and OpenSearch 1 to 3.
 *
 * Each record is created under its own place as its id, so one that is sent again is not there twice.
 *
 * Owns     struct elasticsearch and what hangs on it
 * Borrows  a batch and its payload until it is answered
 * Thread   the loop's
 * Fails    see bulk.c: what a server said decides for each record; nothing is given up by itself */
#include "elasticsearch.h"
#include "index_name.h"
#include "tls_files.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* What we look at, and no more, so that answers are small. */
#define TARGET                                                                         \
    "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason" \
    ",items.*.failure_store,error.type,error.reason"

/* --- frames --- */

static void frame(const void *self, const char **before, const char **after)
{
    static const char *const frames[2][2] = {
        {"{\"create\":{\"_index\":\"%{target}\",\"_id\":\"%{id}\"}}\n",
         "{\"create\":{\"_index\":\"%{target}\"}}\n"},
        {"{\"index\":{\"_index\":\"%{target}\",\"_id\":\"%{id}\"}}\n",
         "{\"index\":{\"_index\":\"%{target}\"}}\n"},
    };
    const elasticsearch *es = self;

    *before = frames[es->op == OP_INDEX][es->dedupe == DEDUPE_FALSE || es->ids_off];
    *after = "\n";
}

static int gzip_level(const void *self)
{
    const elasticsearch *es = self;

    return es->compression == 0 ? (int)es->compression_level : 0;
}

static size_t make_target(const void *self, char *text, size_t len, size_t room)
{
    (void)self;
    return index_name_make(text, len, room);
}

/* A data stream takes records by `create` alone, and wants its name in them. */
static bool target_field(const void *self, sl_slice target, size_t i, sl_slice *name,
                         sl_slice *value)
{
    static const char *const names[] = {"data_stream.type", "data_stream.dataset",
                                        "data_stream.namespace"};
    const elasticsearch *es = self;
    sl_slice parts[3];

    if (i >= 3 || es->op != OP_CREATE || !index_name_split(target, parts))
        return false;
    *name = sl_str(names[i]);
    *value = parts[i];
    return true;
}

/* --- open and close --- */

/* Those that say what the body is, or who we are. */
static bool is_our_header(const char *name)
{
    static const char *const ours[] = {
        "content-type", "content-encoding", "content-length", "transfer-encoding",
        "host",         "expect",           "connection"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (!strcasecmp(name, ours[i]))
            return true;
    }
    return false;
}

static bool is_header(const char *name, const char *value)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

    if (!*name || name[strspn(name, letters)] || is_our_header(name))
        return false;
    for (; *value; value++) {
        if ((unsigned char)*value < 0x20 && *value != '\t')
            return false;
    }
    return true;
}

static void check_headers(const sl_pairs *headers, sl_mistake_fn *mistake, void *arg)
{
    if (headers->count > MAX_OPTION_HEADERS)
        mistake(arg, "headers", "there are more than 32");
    for (size_t i = 0; i < headers->count; i++) {
        if (is_header(headers->names[i], headers->values[i]))
            continue;
        mistake(arg, "headers",
                "one of them is no header that can be set: names have letters, digits and dashes, "
                "values one line, and the body's own headers are ours");
        return;
    }
}

/* One that is the same for all records can be looked at now. */
static void check_index(const char *option, const char *index, sl_mistake_fn *mistake, void *arg)
{
    char name[INDEX_NAME_MAX + 1];
    size_t len = strlen(index);

    if (strstr(index, "%{"))
        return;
    if (len > INDEX_NAME_MAX) {
        mistake(arg, option, "a name has 255 bytes at most");
        return;
    }
    memcpy(name, index, len);
    len = index_name_make(name, len, sizeof name);
    if (len == strlen(INDEX_NAME_NONE) && !memcmp(name, INDEX_NAME_NONE, len) &&
        strcmp(index, INDEX_NAME_NONE) != 0)
        mistake(arg, option, "it is no name: nothing is left of it without what may not be in one");
}

static void es_check(const void *self, sl_mistake_fn *mistake, void *arg)
{
    const elasticsearch *es = self;

    if (*es->key_file && !*es->cert_file)
        mistake(arg, "tls.key_file", "there is no tls.cert_file that it belongs to");
    if (strcmp(es->proxy, "none") != 0 && strcmp(es->proxy, "env") != 0 &&
        !strstr(es->proxy, "://"))
        mistake(arg, "proxy", "write none, env or a URL such as http://proxy:3128");
    check_index("index", es->index, mistake, arg);
    if (*es->fallback_index)
        check_index("fallback_index", es->fallback_index, mistake, arg);
    check_headers(&es->headers_option, mistake, arg);
    credentials_check(&es->credentials, mistake, arg);
    hosts_check(&es->hosts_option, mistake, arg);
}

static void es_check_files(const void *self, sl_mistake_fn *mistake, void *arg)
{
    const elasticsearch *es = self;
    const tls_files files = {es->ca_file, es->cert_file, es->key_file, es->key_password};

    tls_files_check(&files, mistake, arg);
    credentials_check_file(&es->credentials, mistake, arg);
}

static void make_headers(elasticsearch *es)
{
    const sl_pairs *pairs = &es->headers_option;

    for (size_t i = 0; i < pairs->count; i++) {
        /* without a value it is "name;", or libcurl takes the header away */
        const char *value = pairs->values[i], *colon = *value ? ": " : ";";

        if (asprintf(&es->headers[i], "%s%s%s", pairs->names[i], colon, value) < 0)
            abort(); /* as the agent does */
    }
}

static void open_hosts(elasticsearch *es)
{
    char *target = NULL, *pipeline = NULL;

    if (*es->pipeline)
        pipeline = curl_easy_escape(NULL, es->pipeline, 0);
    /* for shards that are away; before our own time is over, or nothing is known of any record */
    if (asprintf(&target, "%s&timeout=%llums%s%s", TARGET,
                 (unsigned long long)(es->timeout_ms + 1) / 2, pipeline ? "&pipeline=" : "",
                 pipeline ? pipeline : "") < 0)
        abort(); /* as the agent does */
    hosts_init(&es->hosts, &es->hosts_option, es->server_name, target);
    free(target);
    curl_free(pipeline);
}

/* One that depends on the record is of use only to the host. */
static void make_fallback(elasticsearch *es)
{
    size_t len = strlen(es->fallback_index), room = len + sizeof INDEX_NAME_NONE;

    if (len == 0 || strstr(es->fallback_index, "%{"))
        return;
    es->fallback = calloc(1, room);
    if (!es->fallback)
        abort(); /* as the agent does */
    memcpy(es->fallback, es->fallback_index, len);
    len = index_name_make(es->fallback, len, room);
    es->fallback[len] = '\0';
}

static void open_http(elasticsearch *es)
{
    const http_options options = {
        .loop = es->host->loop,
        .ca_file = es->ca_file,
        .cert_file = es->cert_file,
        .key_file = es->key_file,
        .key_password = es->key_password,
        .verify = es->verify,
        .tls_1_3 = es->min_version == 1,
        .proxy = es->proxy,
        .timeout_ms = es->timeout_ms,
        .max_age_ms = es->max_connection_age_ms,
        .connections = BULK_MAX_IN_FLIGHT,
    };

    es->http = http_new(&options);
}

static void free_all(elasticsearch *es)
{
    for (size_t i = 0; es->headers[i]; i++)
        free(es->headers[i]);
    free(es->fallback);
    credentials_close(&es->credentials);
    hosts_fini(&es->hosts);
}

static sl_err es_open(void *self, const sl_host *host)
{
    elasticsearch *es = self;

    es->host = host;
    es->window = BULK_MAX_IN_FLIGHT; /* the host keeps to max_in_flight */
    if (!credentials_open(&es->credentials, host))
        return SL_E_CONFIG;
    make_headers(es);
    open_hosts(es);
    make_fallback(es);
    open_http(es);
    if (es->http)
        return 0;
    host->log(host, SL_LOG_ERROR, "libcurl does not work here");
    free_all(es);
    return SL_E_CONFIG;
}

static void es_close(void *self)
{
    elasticsearch *es = self;

    http_close(es->http);
    free_all(es);
}

/* --- the constant --- */

#define AT(member) offsetof(elasticsearch, member)

static const sl_option options[] = {
    {"hosts", SL_LIST, AT(hosts_option), NULL, "URLs, used in turn: https://name:9200", NULL, 0, 0},
    {"index", SL_TEMPLATE, AT(index), "logs-kubernetes-default", "index or data stream", NULL, 0,
     0},
    {"fallback_index", SL_TEMPLATE, AT(fallback_index), "",
     "where a field of index is missing, or that index takes nothing", NULL, 0, 0},
    {"op", SL_CHOICE, AT(op), "create", "data streams take create alone", "create|index", 0, 0},
    {"pipeline", SL_TEXT, AT(pipeline), "", "ingest pipeline of the far end", NULL, 0, 0},
    {"dedupe", SL_CHOICE, AT(dedupe), "auto",
     "records have ids; auto: unless the store refuses them", "auto|true|false", 0, 0},
    {"compression", SL_CHOICE, AT(compression), "gzip", "of requests", "gzip|none", 0, 0},
    {"compression_level", SL_COUNT, AT(compression_level), "1", "1 is fast, 9 is small", NULL, 1,
     9},
    {"auth.user", SL_TEXT, AT(credentials.user), "", "with a password", NULL, 0, 0},
    {"auth.password", SL_SECRET, AT(credentials.password), "", "of that user", NULL, 0, 0},
    {"auth.password_file", SL_TEXT, AT(credentials.password_file), "",
     "holds it, and is read again when it changes", NULL, 0, 0},
    {"auth.api_key", SL_SECRET, AT(credentials.api_key), "", "as it is shown encoded", NULL, 0, 0},
    {"auth.api_key_file", SL_TEXT, AT(credentials.api_key_file), "",
     "holds it, and is read again when it changes", NULL, 0, 0},
    {"auth.bearer", SL_SECRET, AT(credentials.bearer), "", "a token", NULL, 0, 0},
    {"auth.bearer_file", SL_TEXT, AT(credentials.bearer_file), "",
     "holds it, and is read again when it changes", NULL, 0, 0},
    {"tls.ca_file", SL_TEXT, AT(ca_file), "", "authorities to trust; empty: the system's", NULL, 0,
     0},
    {"tls.cert_file", SL_TEXT, AT(cert_file), "", "the client's certificate, in PEM", NULL, 0, 0},
    {"tls.key_file", SL_TEXT, AT(key_file), "", "its key, unless it is in cert_file", NULL, 0, 0},
    {"tls.key_password", SL_SECRET, AT(key_password), "", "of that key", NULL, 0, 0},
    {"tls.server_name", SL_TEXT, AT(server_name), "",
     "in the server's certificate, instead of the URL's name", NULL, 0, 0},
    {"tls.min_version", SL_CHOICE, AT(min_version), "1.2", "of TLS", "1.2|1.3", 0, 0},
    {"tls.verify", SL_FLAG, AT(verify), "true", "false: anybody may answer in the server's place",
     NULL, 0, 0},
    {"proxy", SL_SECRET, AT(proxy), "none", "none, env (http_proxy and so on) or a URL", NULL, 0,
     0},
    {"timeout", SL_TIME, AT(timeout_ms), "30s", "of a request", NULL, 1, 3600000},
    {"max_connection_age", SL_TIME, AT(max_connection_age_ms), "10m",
     "then a new one, so that new servers are found; 0s: never", NULL, 0, 86400000},
    {"headers", SL_MAP, AT(headers_option), "", "further headers of HTTP", NULL, 0, 0},
    {0},
};

SL_PLUGIN(elasticsearch) = {
    SL_PLUGIN_HEAD,
    .kind = SL_OUTPUT,
    .name = "elasticsearch",
    .help = "bulk requests to Elasticsearch or OpenSearch",
    .self_size = sizeof(elasticsearch),
    .options = options,
    .output =
        {
            .max_in_flight = BULK_MAX_IN_FLIGHT,
            .in_flight = 2,
            .before = "",
            .after = "\n",
            .max_bytes = 1 << 20,
            .max_age_ms = 2000,
            .open = es_open,
            .send = bulk_send,
            .close = es_close,
            .cancel = bulk_cancel,
            .target = "index",
            .fallback = "fallback_index",
            .frame = frame,
            .flags = SL_FRAME_IS_JSON | SL_WANTS_TIMESTAMP,
            .gzip = gzip_level,
            .make_target = make_target,
            .target_field = target_field,
            .check = es_check,
            .check_files = es_check_files,
        },
};
