/* gate.h - a lane's share of memory: what holds bytes of the data path asks here first.
 *
 * The budget may be exceeded by one holder alone, when nothing else is held: so a record larger
 * than the share travels by itself, and the gate never stays closed for ever. */
#ifndef SL_FLOW_GATE_H
#define SL_FLOW_GATE_H

#include "base/base.h"

typedef struct sl_gate {
    uint64_t budget, held, peak;
} sl_gate;

static inline void sl_gate_init(sl_gate *g, uint64_t budget)
{
    *g = (sl_gate){.budget = budget};
}

/* false: there is no room now; what is held has to come back first. */
static inline SL_MUST_USE bool sl_gate_take(sl_gate *g, uint64_t bytes)
{
    if (g->held > 0 && (bytes > g->budget || g->held > g->budget - bytes))
        return false;
    g->held += bytes;
    if (g->held > g->peak)
        g->peak = g->held;
    return true;
}

/* For what is held already, and is about to move from one holder to another. */
static inline void sl_gate_force(sl_gate *g, uint64_t bytes)
{
    g->held += bytes;
    if (g->held > g->peak)
        g->peak = g->held;
}

static inline void sl_gate_give(sl_gate *g, uint64_t bytes)
{
    SL_ASSERT(bytes <= g->held);
    g->held -= bytes;
}

#endif
