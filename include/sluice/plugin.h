/* plugin.h - all that a plugin sees of Sluice: the values, the host's offers, and the one constant
 * that a plugin is.
 *
 * A plugin includes this header and nothing else of ours. It links in, or loads from a `.so` that
 * exports its constant as `sl_plugin`: see SL_PLUGIN(). plugins/README.md tells how to write one.
 *
 * Growth   SL_PLUGIN_ABI changes when an old plugin could not work any more, and then it is refused.
 *          Else sl_plugin, sl_option, sl_item, sl_answer and sl_host grow at their ends (never into
 *          padding), and sizes say how far each side knows them. An older plugin loads: what it
 *          does not know is zero. A newer one loads if all that we do not know is zero in it, so
 *          that nothing it asks for is ignored. sl_slice, sl_texts, sl_pairs and sl_metric never change.
 * Thread   everything here is called on the loop's thread, except sl_host.wake() */
#ifndef SLUICE_PLUGIN_H
#define SLUICE_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SL_PLUGIN_ABI 1

#define SL_MUST_USE         __attribute__((warn_unused_result))
#define SL_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))

/* 0, a negative errno as in libuv, or one of SL_E_*. sl_strerror() names each one. */
typedef int sl_err;

enum {
    SL_E_FORMAT = -20001,   /* the bytes are not what their format promises */
    SL_E_REPLACED = -20002, /* the path names another file now */
    SL_E_CONFIG = -20003,   /* the user's configuration is wrong, and that was said */
    SL_E_BUSY = -20004,     /* somebody else holds it */
    SL_E_NEWER = -20005,    /* written by a newer version than this one understands */
    SL_E_FULL = -20006      /* it has as much as it may have */
};

/* Borrowed bytes, not terminated by a zero. */
typedef struct sl_slice {
    const char *ptr;
    size_t len;
} sl_slice;

static inline sl_slice sl_str(const char *text)
{
    return (sl_slice){text, text ? strlen(text) : 0};
}

/* What is left of s behind its first n bytes; n <= s.len. */
static inline sl_slice sl_slice_from(sl_slice s, size_t n)
{
    return (sl_slice){s.ptr + n, s.len - n};
}

/* --- options: one row feeds parsing, defaults, error texts, `sluice options` and the README --- */

typedef enum {
    SL_TEXT,    /* const char * */
    SL_SECRET,  /* const char *; shown as *** in every dump */
    SL_SIZE,    /* uint64_t, bytes: "64KiB" */
    SL_TIME,    /* uint64_t, milliseconds: "500ms" */
    SL_COUNT,   /* uint64_t: "1000" */
    SL_FLAG,    /* bool: true, false */
    SL_CHOICE,  /* int: which of `choices` */
    SL_LIST,    /* sl_texts: texts */
    SL_MAP,     /* sl_pairs: names and texts */
    SL_UNBUILT, /* a name that is promised and not built yet: refused, with that reason */
    SL_TEMPLATE /* const char *: a template's text, which was checked; see sl_output_ops.target */
} sl_option_type;

typedef struct sl_texts {
    const char **items;
    size_t count;
} sl_texts;

typedef struct sl_pairs {
    const char **names, **values;
    size_t count;
} sl_pairs;

/* name     as in the file; a dot stands for a section: "batch.max_bytes". A text whose name ends in
 *          path, dir or file must be an absolute path
 * offset   where the value goes in the struct that is being filled in
 * fallback the value's text when it is not given; NULL: it must be given. Lists: items separated by
 *          a comma, "" is empty. SL_UNBUILT: the value that asks for nothing, and so is allowed
 * help     one line, for `sluice options`
 * choices  SL_CHOICE alone: "one|two|three"; the value is the place in that list, from 0. At its end
 *          "|!four" is promised and not built yet (SL_UNBUILT: all that is promised)
 * min, max SL_SIZE, SL_TIME and SL_COUNT alone: bounds, both included; max 0: none */
typedef struct sl_option {
    const char *name;
    sl_option_type type;
    size_t offset;
    const char *fallback;
    const char *help;
    const char *choices;
    uint64_t min, max;
} sl_option;

/* --- what an output gets and says --- */

typedef struct sl_batch sl_batch; /* sealed records, bound for one output */
typedef struct sl_host sl_host;

/* TOO_MUCH: at once, that is. The host sends halves; a record that was alone and is answered so has
 * been rejected as too large. */
typedef enum { SL_DELIVERED, SL_RETRY, SL_REJECTED, SL_TOO_MUCH } sl_outcome;

/* What an outcome means more exactly. Another outcome's code, or an unknown one, is SL_PLAIN.
 * KNOWN          DELIVERED: the far end had it already, as its place tells
 * NOW            RETRY: again at once, and nobody has failed
 * ANEW           RETRY: again at once, in a frame that is made anew: as ops.frame() says it now, and for
 *                the target of the answer, if it has one. Of a batch, those for the same target as the
 *                first one's are made anew; the others come again as they were.
 *                For frames that hold nothing but text, %{id}, %{target}, %{stream} and times
 * HOLD           RETRY: its target takes nothing (no such index, no right). Its container alone
 *                waits, in its order, and is tried again slowly; all others flow
 * TOO_LARGE      REJECTED: it is longer than the far end takes
 * FAILURE_STORE  REJECTED: the far end has put it elsewhere, so it is not kept here */
typedef enum {
    SL_PLAIN,
    SL_KNOWN,
    SL_NOW,
    SL_HOLD,
    SL_TOO_LARGE,
    SL_FAILURE_STORE,
    SL_ANEW
} sl_answer_code;

typedef struct sl_answer {
    sl_outcome outcome;
    sl_slice reason;         /* the far end's words; copied. Up to their first ':' they say what
                              * kind of refusal it is */
    uint32_t retry_after_ms; /* 0: the host's own back-off */
    uint32_t code;           /* sl_answer_code */
    sl_slice target;         /* SL_ANEW: where to from now on; copied. ptr NULL: as before */
} sl_answer;

/* One record as the far end gets it; its slices live until it is answered. */
typedef struct sl_item {
    sl_slice value, key;    /* never compressed; value is without its frame. No key: a NULL ptr */
    sl_slice framed;        /* value with its frame, as it stands in the payload */
    sl_slice target;        /* the index, topic or path, rendered from its template */
    sl_slice generation;    /* with offset and piece: the record's place, its identity for ever */
    uint64_t offset, piece; /* piece: 1 is the second one of a split record; else 0 */
    int64_t time_ns;        /* the record's own, since 1970, UTC */
} sl_item;

typedef enum { SL_LOG_ERROR, SL_LOG_WARN, SL_LOG_INFO, SL_LOG_DEBUG } sl_level;

struct uv_loop_s;

/* What the host offers an output. Valid from open() to close(). */
struct sl_host {
    size_t size; /* of this struct, as the host knows it: see SL_HOST_HAS() */
    struct uv_loop_s *loop;

    /* The records still open, framed and one behind the other; as gzip if sl_output_ops.gzip said so. */
    sl_slice (*payload)(const sl_batch *);
    /* How many records are still open; they are numbered from 0. */
    uint32_t (*count)(const sl_batch *);
    void (*record)(const sl_batch *, uint32_t i, sl_item *out);
    /* Answers records first .. first + n - 1, each once; acted upon after you return. */
    void (*answer)(sl_batch *, uint32_t first, uint32_t n, const sl_answer *);
    /* From any thread: ready() runs on the loop soon. Many calls may become one. */
    void (*wake)(const sl_host *);
    /* This output can never deliver again (stdout's reader is gone): the agent stops. */
    void (*give_up)(const sl_host *, const char *reason);
    void (*log)(const sl_host *, sl_level, const char *format, ...) SL_PRINTF(3, 4);
    /* So many bytes went out on the wire, for the metric of that name. */
    void (*wire)(const sl_host *, uint64_t bytes);
    const char *encoding; /* of the records: one of sl_output_ops.encodings */
    /* The plugin's own pointer beside a batch that is out; NULL at first. */
    void (*set_data)(sl_batch *, void *data);
    void *(*data)(const sl_batch *);
    /* A clock that only goes forward. */
    uint64_t (*now_ms)(const sl_host *);
    /* Whether the far end can be reached, for status and metrics; copied. A batch that is delivered or
     * comes back says so by itself. */
    void (*up)(const sl_host *, bool up, const char *reason);
    uint64_t facts; /* SL_VALUE_HAS_PLACE and so on */
};

/* sl_host.facts */
enum {
    SL_VALUE_HAS_PLACE = 1, /* generation, offset and piece stand in a record's value */
};

/* sl_output_ops.flags */
enum {
    SL_TARGET_IS_PATH = 1,  /* no field can name another folder with what it holds */
    SL_FRAME_IS_JSON = 2,   /* what is filled into a frame is the inside of a JSON string */
    SL_WANTS_TIMESTAMP = 4, /* schema fluentbit begins with @timestamp */
    SL_KEEPS_ORDER = 8,     /* nothing newer is sent beside a part of a batch, or past one that
                             * waits for its dead letters to be written */
};

/* Does this host have that member? Only for those that are younger than SL_PLUGIN_ABI's first day. */
#define SL_HOST_HAS(host, member) \
    ((host)->size >= offsetof(sl_host, member) + sizeof((host)->member))

/* How the time in a value is written. In msgpack, numbers are numbers. */
typedef enum {
    SL_STAMP_RFC3339, /* "2026-11-23T04:29:00.123456789Z" */
    SL_STAMP_DOUBLE,  /* seconds since 1970: 1795408140.123456789 */
    SL_STAMP_MICROS,  /* "2026-11-23T04:29:00.123456Z" */
    SL_STAMP_MILLIS,  /* since 1970: 1795408140123 */
    SL_STAMPS
} sl_stamp_form;

/* A number of the output's own, as Prometheus has it: sluice_PLUGIN_NAME{output="...",LABEL="..."}.
 *
 * name   of a-z 0-9 _; ends in its unit (_seconds, _bytes), and a counter's in _total
 * help   one line
 * label  NULL: there is one value for the output */
typedef enum { SL_GAUGE, SL_COUNTER } sl_metric_type;

typedef struct sl_metric {
    const char *name;
    sl_metric_type type;
    const char *help, *label;
} sl_metric;

/* One value; `of` is the label's. */
typedef void sl_value_fn(void *arg, sl_slice of, double value);

/* See sl_output_ops.check. */
typedef void sl_mistake_fn(void *arg, const char *option, const char *text);

typedef struct sl_output_ops {
    uint32_t max_in_flight; /* batches out at once, at most */
    /* Frame around each record; NULL: none. They are templates, which may hold %{id} (the record's
     * place: GENERATION-OFFSET, and .PIECE if it was split) and %{target} as well. Records in msgpack
     * end by themselves and have no frame. */
    const char *before, *after;
    uint64_t max_bytes, max_age_ms; /* defaults of batch.max_bytes (0: 512 KiB), batch.max_age */
    /* Of json, text, msgpack, raw those it takes, its default first: "json|raw"; NULL: json. */
    const char *encodings;
    /* 0, or why it cannot work at all; then close() is not called. */
    sl_err (*open)(void *self, const sl_host *host);
    /* Takes a batch, to answer each of its records exactly once, later or from within. */
    void (*send)(void *self, sl_batch *batch);
    /* Comes when all is answered; NULL: nothing to do. Handles inside `self` are given to uv_close()
     * here, if there are any: its memory outlives them. */
    void (*close)(void *self);
    /* Something happened on its own threads: see wake(). May be NULL. */
    void (*ready)(void *self);
    /* Answer now for all that is out: what surely arrived is delivered, the rest RETRY. May be
     * NULL: then the answers are awaited. */
    void (*cancel)(void *self);
    /* Names of SL_TEMPLATE options. The first two, rendered, are sl_item.target and .key; an empty
     * text, or NULL here: there is none. Where a field of the target is missing and has no default,
     * the fallback is the target; without one, the field is "unknown", as in a key. */
    const char *target, *key, *fallback;
    /* The frame, where options decide it: changes *before and *after, which are those above. May be
     * NULL. `self` is filled in and not open, but where SL_ANEW was answered; the texts live as long
     * as it. */
    void (*frame)(const void *self, const char **before, const char **after);
    uint32_t flags; /* SL_TARGET_IS_PATH and so on */
    /* The level of gzip (1 to 9) in which it wants its payloads; 0, or NULL here: as they are. `self`
     * is filled in and not open. Single records are never compressed. */
    int (*gzip)(const void *self);
    uint32_t in_flight; /* default of the option max_in_flight; 0: max_in_flight above */
    /* Makes a rendered target one that the far end takes, in place, in `room` bytes, and returns its
     * length. Called when a target is new, not for each record. NULL: every target will do. */
    size_t (*make_target)(const void *self, char *text, size_t len, size_t room);
    /* Fields that a target brings with it, in schema ecs: number i, from 0. false: there is none.
     * Asked for targets without a part of a record's time or its stream. May be NULL. */
    bool (*target_field)(const void *self, sl_slice target, size_t i, sl_slice *name,
                         sl_slice *value);
    /* Says each mistake that no row can: `option` is where it stands ("tls.key_file", or a section),
     * `text` what is wrong and the remedy, without secrets. Called when all options are filled in,
     * each of them right by itself, by `sluice check` as well: so nothing of the far end is asked.
     * `self` is not open. May be NULL. */
    void (*check)(const void *self, sl_mistake_fn *mistake, void *arg);
    /* The form in which it wants the time in a value (a sl_stamp_form), and its name there, if
     * *name, an empty text, is changed: else it is the schema's. NULL: RFC 3339, under that. `self` is
     * filled in and not open; the name lives as long as it. */
    uint32_t (*stamp)(const void *self, const char **name);
    /* Its own numbers, ended by a row without a name; NULL: there are none. measure() tells the values
     * of number `metric`, 256 at most, when somebody asks; between open() and close(). */
    const sl_metric *metrics;
    void (*measure)(const void *self, size_t metric, sl_value_fn *value, void *arg);
    /* Says, as check() does, each file that an option names and that cannot be used. Asked before the
     * agent starts and by `sluice check`, where check() had nothing to say. May be NULL. */
    void (*check_files)(const void *self, sl_mistake_fn *mistake, void *arg);
} sl_output_ops;

typedef enum { SL_OUTPUT = 1, SL_FILTER = 2 } sl_plugin_kind;

/* `output` stays last: growth of sl_output_ops is growth of this. */
typedef struct sl_plugin {
    uint32_t abi;                  /* these five: SL_PLUGIN_HEAD */
    size_t size, option_size;      /* of sl_plugin, of sl_option, as the plugin knows them */
    size_t item_size, answer_size; /* of sl_item, of sl_answer */
    sl_plugin_kind kind;
    const char *name;         /* as `type` in the configuration: 1 to 32 of a-z 0-9 _ - */
    const char *help;         /* one line */
    size_t self_size;         /* the host allocates it, zeroed, and fills it in from `options` */
    const sl_option *options; /* ended by a row without a name; NULL: none */
    sl_output_ops output;
} sl_plugin;

/* The first line of every sl_plugin. A size of 0 is that of ABI 1's first day. */
#define SL_PLUGIN_HEAD                                                                 \
    .abi = SL_PLUGIN_ABI, .size = sizeof(sl_plugin), .option_size = sizeof(sl_option), \
    .item_size = sizeof(sl_item), .answer_size = sizeof(sl_answer)

/* `SL_PLUGIN(file) = {SL_PLUGIN_HEAD, ...};` is the one constant that a plugin is: the symbol
 * `sl_plugin` of a `.so`, and sl_plugin_file where the agent's own build links it in. */
#ifdef SL_LINKED_IN
#define SL_PLUGIN(name) const sl_plugin sl_plugin_##name
#else
#define SL_PLUGIN(name)                                          \
    extern const sl_plugin sl_plugin_##name __asm__("sl_plugin") \
        __attribute__((visibility("default")));                  \
    const sl_plugin sl_plugin_##name
#endif

#endif
