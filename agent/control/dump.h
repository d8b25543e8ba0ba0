/* dump.h - options out again: their values as YAML, their rows as a table or as JSON. */
#ifndef SL_CONTROL_DUMP_H
#define SL_CONTROL_DUMP_H

#include "control/expand.h"

/* The inverse of sl_options_fill(): lines of YAML, indented; secrets, and what came from files, as
 * "***". */
void sl_options_dump(const sl_store *s, const sl_option *rows, const void *from, unsigned indent,
                     sl_buf *out);

/* A line for each row: a table for people, or JSON. `prefix` stands before each name. */
void sl_options_describe(const sl_option *rows, const char *prefix, bool json, sl_buf *out);

#endif
