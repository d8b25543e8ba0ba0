/* namespaces.h - the namespaces that have numbers of their own in the metrics: the first 100, and
 * one for all that come later, so that no cluster's churn can grow the books without end. */
#ifndef SL_FLOW_NAMESPACES_H
#define SL_FLOW_NAMESPACES_H

#include "base/base.h"

#define SL_NAMESPACES      100
#define SL_NAMESPACE_OTHER SL_NAMESPACES /* the number of all others */

/* Zeroed is ready. */
typedef struct sl_namespaces {
    char *names[SL_NAMESPACES];
    uint32_t count;
} sl_namespaces;

void sl_namespaces_fini(sl_namespaces *n);
/* The number of that one: a new one, if it is not known yet and there is one left. */
uint32_t sl_namespaces_number(sl_namespaces *n, sl_slice name);
/* Of a number that was given; "_other", which no namespace can be called. */
const char *sl_namespaces_name(const sl_namespaces *n, uint32_t number);

#endif
