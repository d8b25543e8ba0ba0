/* origin.c - see origin.h. */
#include "shape/origin.h"

#include <stdio.h>

const char *const sl_fact_names[SL_FACTS] = {
    [SL_FACT_NAMESPACE] = "kubernetes.namespace",
    [SL_FACT_NODE] = "kubernetes.node.name",
    [SL_FACT_POD] = "kubernetes.pod.name",
    [SL_FACT_UID] = "kubernetes.pod.uid",
    [SL_FACT_CONTAINER] = "kubernetes.container.name",
    [SL_FACT_CONTAINER_ID] = "container.id",
    [SL_FACT_RUNTIME] = "container.runtime",
    [SL_FACT_CLUSTER] = "orchestrator.cluster.name",
    [SL_FACT_HOST] = "host.name",
    [SL_FACT_AGENT_NAME] = "agent.name",
    [SL_FACT_AGENT_TYPE] = "agent.type",
    [SL_FACT_AGENT_VERSION] = "agent.version",
    [SL_FACT_ECS_VERSION] = "ecs.version",
    [SL_FACT_RESTART] = "sluice.restart",
    [SL_FACT_GENERATION] = "log.generation",
    [SL_FACT_PATH] = "log.file.path",
};

void sl_facts_init(sl_facts *f, const sl_constants *constants, const sl_origin *origin)
{
    sl_slice node = sl_str(constants->node);

    *f = (sl_facts){.fields = {constants->fields[1], origin->fields, constants->fields[0]}};
    snprintf(f->restart, sizeof f->restart, "%u", origin->restart);
    f->values[SL_FACT_NAMESPACE] = origin->namespace;
    f->values[SL_FACT_NODE] = f->values[SL_FACT_HOST] = f->values[SL_FACT_AGENT_NAME] = node;
    f->values[SL_FACT_POD] = origin->pod;
    f->values[SL_FACT_UID] = origin->uid;
    f->values[SL_FACT_CONTAINER] = origin->container;
    f->values[SL_FACT_CONTAINER_ID] = origin->container_id;
    f->values[SL_FACT_RUNTIME] = origin->container_runtime;
    f->values[SL_FACT_CLUSTER] = sl_str(constants->cluster);
    f->values[SL_FACT_AGENT_TYPE] = SL_SLICE("sluice");
    f->values[SL_FACT_AGENT_VERSION] = SL_SLICE(SL_VERSION);
    f->values[SL_FACT_ECS_VERSION] = SL_SLICE("8.11.0");
    f->values[SL_FACT_RESTART] = sl_str(f->restart);
    f->values[SL_FACT_GENERATION] = (sl_slice){origin->generation, SL_NAME_LEN};
    f->values[SL_FACT_PATH] = origin->path;
}

static sl_slice find_pair(const sl_pairs *pairs, sl_slice name)
{
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        if (sl_slice_eq(sl_str(pairs->names[i]), name))
            return sl_str(pairs->values[i]);
    }
    return (sl_slice){0};
}

sl_slice sl_facts_find(const sl_facts *f, sl_slice name)
{
    sl_slice found = {0};

    for (size_t i = 0; i < SL_FACTS && !found.len; i++) {
        if (sl_slice_eq(sl_str(sl_fact_names[i]), name))
            found = f->values[i];
    }
    for (size_t i = 0; i < sizeof f->fields / sizeof *f->fields && !found.len; i++)
        found = find_pair(f->fields[i], name);
    return found;
}
