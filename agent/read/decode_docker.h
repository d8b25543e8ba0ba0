/* decode_docker.h - the lines of Docker's json-file logs:
 *
 *   {"log":"text\n","stream":"stdout","attrs":{...},"time":"2026-11-23T05:19:20.957765568Z"}
 *
 * Keys come in any order; unknown ones are skipped, up to 64 levels deep; of the same one twice the
 * last counts. A missing `log` is an empty one, for Docker leaves it out then.
 *
 * Whole is what ends in a newline, which is cut off; a CR before it stays. Anything else is a part.
 *
 * One level of escapes is taken off: surrogate pairs become one character, lone ones U+FFFD, and
 * `\u0000` a NUL. Bytes that are not escaped stay as they are, valid UTF-8 or not.
 *
 * Time as with CRI: see decode_cri.h.
 *
 * Not such a line: no object, or one that does not end or with something behind it; no stream or
 * another one than stdout and stderr; no time or none that is one; a `log` that is no string; an
 * escape that JSON does not have.
 *
 * Source: moby daemon/logger/jsonfilelog; Docker 20.10 for what it really writes.
 *
 * Thread   any */
#ifndef SL_READ_DECODE_DOCKER_H
#define SL_READ_DECODE_DOCKER_H

#include "flow/record.h"

/* Fills in rec->text, time, written, stream and whole.
 * scratch  as many bytes as the line has: the text is there if it had escapes
 * minute   as for sl_decode_cri()
 * returns  0, or SL_E_FORMAT: not such a line, rec is as it was but for its time */
sl_err sl_decode_docker(sl_slice line, char *scratch, char minute[16], sl_record *rec);

/* The time of such a line in ns since 1970, UTC; 0: it is none. */
int64_t sl_docker_time_ns(sl_slice line);

#endif
