/* bad.c - a plugin with everything that can be wrong in it, one thing at a time: a test builds it
 * with -D, and what was not defined is right. */
#include <sluice/plugin.h>

struct bad {
    const char *text;
    uint64_t number;
};

static sl_err bad_open(void *self, const sl_host *host)
{
    (void)self, (void)host;
    return 0;
}

static void bad_send(void *self, sl_batch *batch)
{
    (void)self, (void)batch;
}

#ifndef ABI
#define ABI SL_PLUGIN_ABI
#endif
#ifndef SIZE
#define SIZE sizeof(sl_plugin)
#endif
#ifndef OPTION_SIZE
#define OPTION_SIZE sizeof(sl_option)
#endif
#ifndef KIND
#define KIND SL_OUTPUT
#endif
#ifndef NAME
#define NAME "bad"
#endif
#ifndef SELF_SIZE
#define SELF_SIZE sizeof(struct bad)
#endif
#ifndef OPS
#define OPS .max_in_flight = 1
#endif
#ifndef OPEN
#define OPEN bad_open
#endif
#ifndef SEND
#define SEND bad_send
#endif
#ifndef ROW
#define ROW .name = "text", .fallback = ""
#endif

#ifdef CALLS_NOBODY
void nobody_has_this(void);

void bad_call(void)
{
    nobody_has_this();
}
#endif

#if defined NO_SYMBOL
const int something_else = 1;
#elif defined FUNCTION
void sl_exported(void) __asm__("sl_plugin");

void sl_exported(void)
{
}
#elif defined NUMBER
extern const int sl_exported __asm__("sl_plugin");
const int sl_exported = SL_PLUGIN_ABI;
#else
static const sl_option options[] = {{ROW}, {0}};

SL_PLUGIN(bad) = {
    .abi = ABI,
    .size = SIZE,
    .option_size = OPTION_SIZE,
    .kind = KIND,
    .name = NAME,
    .self_size = SELF_SIZE,
    .options = options,
    .output = {OPS, .open = OPEN, .send = SEND},
};
#endif
