/* dirs.h - the folders of an input's globs: those that are there, and those that come. A part of the discovery, see scan.h. */
#ifndef SL_READ_DIRS_H
#define SL_READ_DIRS_H

#include "read/scan.h"

void sl_dirs_init(sl_discover *d);
void sl_dirs_scan(sl_discover *d);
/* The folder of s is listed again, soon. */
void sl_dirs_look(sl_discover *d, sl_source *s);
void sl_dirs_list_dirty(sl_discover *d);
void sl_dirs_forget(sl_source *s); /* it is freed next */
void sl_dirs_free(sl_discover *d); /* no sources are left */
/* That folder is listed again, soon. */
void sl_dir_look(sl_dir *dir);

#endif
