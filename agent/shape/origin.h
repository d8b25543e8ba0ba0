/* origin.h - what is known of a record before it is read: of its container, its file and its agent,
 * by the names of schema ecs. Schemas pick from it, templates ask it by name.
 *
 * Borrows  all that it points at */
#ifndef SL_SHAPE_ORIGIN_H
#define SL_SHAPE_ORIGIN_H

#include "flow/span.h"

/* Empty slices are unknown, and left out. */
typedef struct sl_origin {
    sl_slice namespace, pod, uid, container;
    uint32_t restart;
    const char *generation; /* SL_NAME_LEN bytes */
    sl_slice path;          /* of its file, where the path is what names it */
    sl_slice container_id, container_runtime;
    const sl_pairs *fields; /* constant ones of its input; NULL allowed */
} sl_origin;

/* The same for all records of one output. */
typedef struct sl_constants {
    const char *node, *cluster; /* NULL or "": left out */
    /* Constant fields of the agent and of the output, NULL allowed; the second overrides the first
     * and the input's, and none what the record says of itself. Dots in a name make objects; an
     * empty value is left out. */
    const sl_pairs *fields[2];
} sl_constants;

enum {
    SL_FACT_NAMESPACE,
    SL_FACT_NODE,
    SL_FACT_POD,
    SL_FACT_UID,
    SL_FACT_CONTAINER,
    SL_FACT_CONTAINER_ID,
    SL_FACT_RUNTIME,
    SL_FACT_CLUSTER,
    SL_FACT_HOST,
    SL_FACT_AGENT_NAME,
    SL_FACT_AGENT_TYPE,
    SL_FACT_AGENT_VERSION,
    SL_FACT_ECS_VERSION,
    SL_FACT_RESTART, /* a number */
    SL_FACT_GENERATION,
    SL_FACT_PATH,
    SL_FACTS
};

extern const char *const sl_fact_names[SL_FACTS]; /* "kubernetes.namespace" */

typedef struct sl_facts {
    sl_slice values[SL_FACTS];
    const sl_pairs *fields[3]; /* constant ones; each overrides those behind it */
    char restart[16];
} sl_facts;

void sl_facts_init(sl_facts *f, const sl_constants *constants, const sl_origin *origin);
/* What a template's field is; empty: unknown. */
sl_slice sl_facts_find(const sl_facts *f, sl_slice name);

#endif
