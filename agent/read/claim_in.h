/* claim_in.h - a look from within, for the files that it is made of: claim.c is its story, and knows by
 * its key what was known before; claim_candidate.c opens and names what is left; claim_plain.c and
 * claim_packed.c tell what that is.
 *
 * Thread   the loop's */
#ifndef SL_READ_CLAIM_IN_H
#define SL_READ_CLAIM_IN_H

#include "read/claim.h"

#include <limits.h>

/* A file that is no generation's yet. */
typedef struct sl_candidate {
    char file[NAME_MAX + 1];
    int folder; /* descriptor of where it was seen */
    int stem;   /* length of its name without ".gz" */
    sl_branch *branch;
    sl_file_kind kind;
    uint32_t attempt, cuts;
    sl_key key;
    uint64_t size;
    int64_t written_ns;
    int fd; /* -1: not opened */
    bool named;
    sl_name head;
    int64_t first_ns;
} sl_candidate;

/* --- claim_candidate.c --- */

void sl_candidate_close(sl_candidate *c);
/* Closes all but c (NULL: all). They are opened again when it is their turn. false: none was open. */
bool sl_candidate_close_others(sl_look *l, const sl_candidate *c);
/* Returns 0; UV_ENOENT: its name is another file's by now, and what was seen is to be looked for again;
 * another errno. */
SL_MUST_USE sl_err sl_candidate_open(sl_look *l, sl_candidate *c);
/* Why it could not be opened. It may be what is sought, and what is newer has to wait for it; but not for
 * one that may never be ours to read. */
void sl_candidate_failed(sl_look *l, const sl_candidate *c, sl_err err);
/* Reads the beginning of one that is open, and takes its name from it. */
void sl_candidate_identify(const sl_source *s, sl_candidate *c);
bool sl_candidate_begins_as(const sl_candidate *c, const sl_generation *g);
/* It has the name that g's file had last, or that with ".gz". */
bool sl_candidate_is_called_as(const sl_candidate *c, const sl_generation *g);
/* g's file, or its .gz, is c. */
void sl_candidate_link(const sl_candidate *c, sl_generation *g);
/* A new generation for it, without its body. */
sl_generation *sl_candidate_add(sl_source *s, const sl_candidate *c);
/* Its file is g's from now on. */
void sl_candidate_give_body(sl_look *l, sl_candidate *c, sl_generation *g);
/* A generation that begins like that: itself under another key, or what this file is a copy of. One
 * that is sought before one that is not, which only a runtime's line can prove. */
sl_generation *sl_candidate_find_headed(const sl_source *s, const sl_candidate *c);

/* New to us, and silent for so long that only what comes from now on is wanted (ignore_older). */
bool sl_candidate_is_ignored(const sl_look *l, const sl_candidate *c);

/* --- claim_plain.c --- */

/* A plain file that is no generation's by its key. */
void sl_claim_plain(sl_look *l, sl_candidate *c);

/* --- claim_packed.c --- */

/* Whose .gz has that key: it is a file of its own. NULL: nobody's. */
sl_generation *sl_claim_find_packed(const sl_source *s, const sl_key *key);
/* The .gz at fd is as long as g: of a plain file the first line is no proof. */
bool sl_claim_is_as_long(const sl_generation *g, int fd, uint64_t size);
/* false: it is nobody's, and a new generation. */
bool sl_claim_packed(sl_look *l, sl_candidate *c);
/* g goes on in that .gz, once it was verified. */
void sl_claim_give_packed(sl_look *l, sl_candidate *c, sl_generation *g);

#endif
