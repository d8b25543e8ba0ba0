/* pods.h - a tree of pod folders: pods, their containers, and (folder.h) the files of these. A part of the discovery, see scan.h. */
#ifndef SL_READ_PODS_H
#define SL_READ_PODS_H

#include "read/scan.h"

bool sl_pods_scan(sl_discover *d); /* false: there is no root, or it cannot be listed */
void sl_pod_free_if_over(sl_discover *d, sl_pod *pod);

#endif
