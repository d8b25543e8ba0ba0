/* module.c - see module.h.
 *
 * What was trusted is what is loaded: dlopen() gets /proc/self/fd/N, not the path. That descriptor
 * stays open, since the loader knows a file by the name it was opened with: with another file behind
 * the same number it would hand out the first one again.
 *
 * A plugin may have been built with an older or a newer header than ours. Its constant and its rows
 * are copied into structs of ours; <sluice/plugin.h> tells how they may differ. */
#include "control/module.h"
#include "control/plugin.h"
#include "control/trust.h"

#include <dirent.h>
#include <dlfcn.h>
#include <link.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ROWS      256
#define MAX_SIZE      4096 /* of any struct that crosses the border */
#define DEFAULT_BYTES (512 << 10)
#define PREFIX        "sluice-output-"
#define SUFFIX        ".so"

/* How large structs were on ABI 1's first day. These never change. */
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))
#define FIRST_PLUGIN         END_OF(sl_plugin, output.target_field)
#define FIRST_OPTION         END_OF(sl_option, max)
#define FIRST_ITEM           END_OF(sl_item, time_ns)
#define FIRST_ANSWER         END_OF(sl_answer, code)

/* A file that was loaded, whether it was any good or not. */
typedef struct module {
    struct module *next;
    struct stat file;
    int fd;
    sl_plugin plugin; /* a copy, as this version knows it; its texts are the file's */
    char *why;        /* it cannot be used; else NULL */
} module;

static module *modules;

/* --- theirs into ours --- */

/* What they do not know is zero. false: they use what we do not know. */
static bool adopt(void *ours, size_t our_size, const void *theirs, size_t their_size)
{
    size_t both = our_size < their_size ? our_size : their_size;

    memset(ours, 0, our_size);
    memcpy(ours, theirs, both);
    for (size_t i = both; i < their_size; i++) {
        if (((const char *)theirs)[i])
            return false;
    }
    return true;
}

/* 0 stands for the first day's. false: no header ever said so. */
static bool settle_size(size_t *size, size_t first)
{
    if (*size == 0)
        *size = first;
    return *size >= first && *size <= MAX_SIZE;
}

static bool settle_sizes(sl_plugin *p)
{
    return settle_size(&p->size, FIRST_PLUGIN) && settle_size(&p->option_size, FIRST_OPTION) &&
           p->option_size % alignof(sl_option) == 0 && settle_size(&p->item_size, FIRST_ITEM) &&
           settle_size(&p->answer_size, FIRST_ANSWER);
}

#define TOO_NEW \
    "was built for a newer sluice, and asks for what this one does not have: update sluice"

static const char *adopt_rows(sl_store *s, sl_plugin *p)
{
    const char *theirs = (const char *)p->options;
    sl_option *rows = sl_alloc((MAX_ROWS + 1) * sizeof *rows); /* for ever, as the file */
    size_t count = 0;

    p->options = rows;
    for (; theirs && ((const sl_option *)(const void *)theirs)->name; theirs += p->option_size) {
        if (count == MAX_ROWS)
            return sl_store_format(s, "has more than %d options: end them with {0}", MAX_ROWS);
        if (!adopt(&rows[count], sizeof *rows, theirs, p->option_size))
            return TOO_NEW;
        rows[count].help = rows[count].help ? rows[count].help : "";
        count++;
    }
    return NULL;
}

/* theirs   abi is known to be ours
 * known    bytes of the constant, as the file's symbol says; 0: it does not */
static const char *adopt_plugin(sl_store *s, const sl_plugin *theirs, size_t known, sl_plugin *p)
{
    sl_plugin sizes;

    memcpy(p, theirs, offsetof(sl_plugin, kind)); /* the sizes, which are of every version */
    if (!settle_sizes(p) || (known && known < p->size))
        return "has impossible sizes: begin its constant with SL_PLUGIN_HEAD, and build it again";
    sizes = *p;
    if (!adopt(p, sizeof *p, theirs, sizes.size))
        return TOO_NEW;
    memcpy(p, &sizes, offsetof(sl_plugin, kind));
    p->help = p->help ? p->help : "";
    if (!p->output.encodings)
        p->output.encodings = "json";
    if (!p->output.max_bytes)
        p->output.max_bytes = DEFAULT_BYTES;
    return adopt_rows(s, p);
}

/* --- loading --- */

/* What is said of /proc/self/fd/N is said of the path before it. */
static const char *loader_says(sl_store *s, const char *opened)
{
    const char *text = dlerror();
    size_t len = strlen(opened);

    if (text && !strncmp(text, opened, len) && !strncmp(text + len, ": ", 2))
        text += len + 2;
    return sl_store_format(s, "cannot be loaded: %s", text ? text : "the loader does not say why");
}

/* Bytes of the constant at that place, as its symbol says; 0: it does not. */
static size_t constant_size(const void *at, bool *is_function)
{
    const ElfW(Sym) *symbol = NULL;
    Dl_info info;

    *is_function = false;
    if (!dladdr1(at, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol || info.dli_saddr != at)
        return 0;
    *is_function = ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
    return symbol->st_size;
}

static const char *take_constant(sl_store *s, void *library, sl_plugin *p)
{
    const sl_plugin *theirs = dlsym(library, "sl_plugin");
    bool is_function;
    size_t known = theirs ? constant_size(theirs, &is_function) : 0;
    const char *why;

    if (!theirs)
        return "holds no plugin: it exports no `sl_plugin`, as SL_PLUGIN(name) = {...} does";
    if (is_function || (known && known < FIRST_PLUGIN))
        return "holds no plugin: its `sl_plugin` is no constant of type sl_plugin";
    if (theirs->abi != SL_PLUGIN_ABI)
        return sl_store_format(
            s, "was built for plugin ABI %u, this sluice has %u: %s", theirs->abi, SL_PLUGIN_ABI,
            theirs->abi > SL_PLUGIN_ABI ? "update sluice" : "build it again with our plugin.h");
    why = adopt_plugin(s, theirs, known, p);
    return why ? why : sl_plugin_check(s, p);
}

static module *find_loaded(const struct stat *st)
{
    for (module *m = modules; m; m = m->next) {
        if (m->file.st_dev == st->st_dev && m->file.st_ino == st->st_ino)
            return m;
    }
    return NULL;
}

static bool was_changed(const module *m, const struct stat *st)
{
    return m->file.st_size != st->st_size || m->file.st_mtim.tv_sec != st->st_mtim.tv_sec ||
           m->file.st_mtim.tv_nsec != st->st_mtim.tv_nsec;
}

/* fd is taken, unless the file is no library at all. All functions are looked up now (RTLD_NOW): one
 * that is missing would end the process on its first call. */
static const char *load(sl_store *s, int fd, const struct stat *st, module **out)
{
    char opened[32];
    const char *why;
    void *library;
    module *m;

    snprintf(opened, sizeof opened, "/proc/self/fd/%d", fd);
    library = dlopen(opened, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        close(fd);
        return loader_says(s, opened);
    }
    m = sl_alloc(sizeof *m);
    *m = (module){.next = modules, .file = *st, .fd = fd};
    modules = m;
    why = take_constant(s, library, &m->plugin);
    m->why = why ? sl_strdup(why) : NULL;
    *out = m;
    return NULL;
}

const char *sl_module_load(sl_store *s, const char *path, const sl_plugin **out)
{
    struct stat st;
    module *m = NULL;
    int fd;
    const char *why = sl_trust_open(s, path, &fd);

    *out = NULL;
    if (why)
        return why;
    if (fstat(fd, &st) == 0)
        m = find_loaded(&st);
    if (!m) {
        why = load(s, fd, &st, &m);
    } else {
        close(fd);
        if (was_changed(m, &st))
            return "was changed after it had been loaded: restart sluice, and next time put a new "
                   "file into its place";
    }
    if (m)
        why = m->why ? sl_store_text(s, sl_str(m->why)) : NULL;
    if (!why)
        *out = &m->plugin;
    return why;
}

/* --- modules of our own --- */

static int is_module(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), least = strlen(PREFIX SUFFIX);

    return len > least && !strncmp(entry->d_name, PREFIX, strlen(PREFIX)) &&
           !strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX);
}

static void each_in(sl_store *s, const char *folder,
                    void (*found)(void *arg, const char *name, const char *file), void *arg)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_module, alphasort);

    for (int i = 0; i < count; i++) {
        sl_slice name = sl_slice_from(sl_str(entries[i]->d_name), strlen(PREFIX));

        name.len -= strlen(SUFFIX);
        found(arg, sl_store_text(s, name), sl_store_format(s, "%s/%s", folder, entries[i]->d_name));
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

void sl_module_each(sl_store *s, void (*found)(void *arg, const char *name, const char *file),
                    void *arg)
{
    char folder[4096];
    ssize_t len = readlink("/proc/self/exe", folder, sizeof folder - 1);
    char *slash;

    folder[len > 0 ? len : 0] = '\0';
    if ((slash = strrchr(folder, '/'))) {
        *slash = '\0';
        each_in(s, sl_store_format(s, "%s/modules", folder), found, arg);
    }
    if ((slash = strrchr(folder, '/'))) {
        *slash = '\0';
        each_in(s, sl_store_format(s, "%s/lib/sluice", folder), found, arg);
    }
    each_in(s, SL_MODULE_DIR, found, arg);
}
