/* files.h - what lies in one folder of a glob: which file is whose. A part of the discovery, see scan.h. */
#ifndef SL_READ_FILES_H
#define SL_READ_FILES_H

#include "read/scan.h"

/* The source whose live file has that name (of `len` bytes), or NULL. */
sl_source *sl_files_find(sl_dir *dir, const char *file, size_t len);
void sl_files_list(sl_dir *dir);

/* A copy in it is not what it was. */
bool sl_files_has_grown_alias(const sl_dir *dir);
void sl_files_forget_aliases(sl_dir *dir);

#endif
