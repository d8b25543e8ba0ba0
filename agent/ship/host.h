/* host.h - what a plugin's instance gets to see of its output: struct sl_host, filled in.
 *
 * Owns     what the plugin said
 * Thread   the loop's; wake() alone comes from any, through base/post.h */
#ifndef SL_SHIP_HOST_H
#define SL_SHIP_HOST_H

#include "base/clock.h"
#include "base/log.h"
#include "base/post.h"
#include "ship/trip.h"

typedef struct sl_hosting {
    sl_host host;
    const sl_plugin *plugin;
    void *self; /* the instance */
    const char *name;
    const sl_clock *clock;
    sl_log *log;
    sl_post *post;
    void *arg;
    void (*answered)(void *arg,
                     sl_trip *t); /* all that was out of it is; called from within the plugin */
    void (*gave_up)(void *arg);   /* from within it, too */
    uint64_t wire_bytes;
    bool up;          /* the far end can be reached, as far as is known */
    uint64_t down_ms; /* since when it cannot; 0: it can */
    char *up_reason;  /* NULL: nothing was said */
    char *last_words; /* of give_up() */
} sl_hosting;

/* plugin, self, name, clock, log, arg and the calls are filled in. */
void sl_hosting_init(sl_hosting *h, uv_loop_t *loop, const char *encoding, uint64_t facts);
/* The instance is closed. Once its handles are, sl_hosting_fini(). */
void sl_hosting_close(sl_hosting *h);
void sl_hosting_fini(sl_hosting *h);

/* The far end can be reached, or not and why, as the plugin says or as its answers show. */
void sl_hosting_up(sl_hosting *h, bool up, const char *reason);

#endif
