/* ending.h - where a file's last whole record ends: what is behind it is the half of one that a crash
 * left, or nothing that we wrote.
 *
 * Thread   any; reading a file of msgpack takes a second for each GB or so */
#ifndef SL_OUTPUT_FILE_ENDING_H
#define SL_OUTPUT_FILE_ENDING_H

#include <sluice/plugin.h>

#include <stdbool.h>
#include <sys/types.h>

#define FILE_MAX_LINE (16 << 20) /* a line's end is looked for in the last 16 MiB */

/* Of a file of that size that holds lines.
 * json     lines of JSON, in one of our schemas: then half a line shows that it is one of ours
 * returns  0; UV_EFBIG: it ends with something else than that; or a negative errno */
sl_err file_find_last_line(int fd, off_t size, bool json, off_t *end);

/* Of one that holds records in msgpack, one behind the other.
 * returns  0; UV_EFBIG: it holds something else, too; or a negative errno */
sl_err file_find_last_record(int fd, off_t size, off_t *end);

#endif
