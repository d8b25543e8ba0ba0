/* tail.h - one lane's cursor on one source: new bytes -> lines, in reading order, from generation to
 * generation.
 *
 * A generation is left for the next one when its end was reached and its writer has let go; what
 * stands behind its last newline then travels as a torn line. A line longer than the buffer travels
 * in pieces. Each read begins a few bytes before the position and finds them as they were: a file
 * that was cut or overwritten in place, whatever its size is by now, is noticed before anything of
 * it is taken for a continuation.
 *
 * Borrows  the source, the reader's buffer during a call
 * Thread   the loop's; a read that would wait for the disk is warmed up in the pool */
#ifndef SL_READ_TAIL_H
#define SL_READ_TAIL_H

#include "read/decode.h"
#include "read/discover.h"
#include "read/unpack.h"

typedef struct sl_tail sl_tail;

/* What a lane's tails share. */
typedef struct sl_reader {
    char *buffer;         /* page-aligned; filled at file offset mod 4096, see tail.c */
    atomic_bool stopping; /* what is on its way in the pool gives up soon */
    char *text; /* of a line that has escapes: the decoder's scratch; touched by Docker alone */
    uv_loop_t *loop;
    const sl_clock *clock;
    sl_log *log;
    bool
        finishing; /* files are read to their ends: a last line whose writer is still is all of it */
    void *arg;     /* of these: */
    /* One line, or a piece of one, at t->at; the slice dies when it returns.
     * returns  false: no room now; the same line comes again at the next sl_tail_read() */
    bool (*line)(void *arg, sl_tail *t, const sl_line *line, uint64_t bytes);
    /* The attempt is over: what was open in it will get no rest. false: no room, asked again. */
    bool (*attempt_ended)(void *arg, sl_tail *t);
    /* Bytes from .. to of g vanished unread. */
    void (*lost)(void *arg, sl_tail *t, const sl_generation *g, uint64_t from, uint64_t to);
    /* t can be read again: what it waited for is in the page cache. */
    void (*warmed)(void *arg, sl_tail *t);
} sl_reader;

struct sl_tail {
    sl_source *source;
    sl_generation *generation; /* NULL: none entered yet */
    sl_place at;               /* the next byte to read */
    sl_place told; /* lost, and said: from here to the begin of that generation; seq 0: nothing */
    sl_unpack *unpack; /* in a .gz; NULL: not yet, or out in the pool */
    sl_decoder decoder;
    bool inside; /* of a line in pieces */
    bool warm;   /* its next bytes were just fetched: read them, wait or not */
    bool warming;
    bool complained; /* an error that lasts was reported */
    uint8_t before_len;
    char before[SL_CHECK_BYTES]; /* the before_len bytes in front of `at`: read again each time */
};

typedef enum {
    SL_TAIL_MORE, /* there may be more at once */
    SL_TAIL_DONE, /* caught up */
    SL_TAIL_FULL, /* a line was refused */
    SL_TAIL_COLD  /* sl_tail_warm() first */
} sl_tail_state;

void sl_reader_init(sl_reader *r);
void sl_reader_fini(sl_reader *r);
/* Its buffers hold nothing between two calls: their memory goes back to the system. */
void sl_reader_trim(sl_reader *r);

/* at   where to begin; seq 0: at the source's first generation */
void sl_tail_init(sl_tail *t, sl_source *s, sl_place at);
void sl_tail_fini(sl_tail *t); /* zeros are accepted */

/* Reads at most one buffer.
 * bytes  how many were consumed */
sl_tail_state sl_tail_read(sl_reader *r, sl_tail *t, uint64_t *bytes);

/* Everything of the source was read, and there will be no more. */
bool sl_tail_is_over(const sl_reader *r, const sl_tail *t);

/* Some of its file was read and not handed on, for want of a newline. */
bool sl_tail_has_rest(const sl_tail *t);

/* g ends at `last`, and its file will not be read any more: what t has not read of it is lost.
 * held     becomes true if t has come to it
 * returns  how far t has read it */
uint64_t sl_tail_lose(sl_reader *r, sl_tail *t, const sl_generation *g, uint64_t last, bool *held);

/* Fetches the next bytes into the page cache, or goes through a .gz to them, in the pool; then
 * r->warmed(). */
void sl_tail_warm(sl_reader *r, sl_tail *t);

#endif
