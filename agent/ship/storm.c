/* storm.c - see storm.h. */
#include "ship/storm.h"

/* FNV-1a, never 0. */
static uint32_t kind_of(const sl_refusal *r)
{
    uint32_t hash = 2166136261u ^ (uint32_t)r->reason;

    for (const char *c = r->words; *c && *c != ':'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return hash ? hash : 1;
}

static void note(sl_storm *s, uint32_t kind, uint32_t n)
{
    for (uint32_t i = 0; i < n && i < SL_STORM_RECORDS; i++) {
        s->refused -= s->kinds[s->at] != 0;
        s->refused += kind != 0;
        s->kinds[s->at] = kind;
        s->at = (s->at + 1) % SL_STORM_RECORDS;
        s->count += s->count < SL_STORM_RECORDS;
    }
}

static uint32_t count_refused(const sl_trip *t)
{
    uint32_t n = 0;

    for (size_t r = 0; r < t->refusal_count; r++) {
        if (t->refusals[r].reason != SL_DEAD_RETRY_LIMIT)
            n += t->refusals[r].n;
    }
    return n;
}

static uint32_t count_taken(const sl_trip *t)
{
    const sl_batch *b = t->batch;
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->shown; i++)
        n += b->rows[i].fate == SL_FATE_SETTLED;
    for (size_t r = 0; r < t->refusal_count; r++)
        n -= t->refusals[r].n;
    return n;
}

void sl_storm_note(sl_storm *s, const sl_trip *t)
{
    if (t->refusal_count == 0 && s->refused == 0 && s->count == SL_STORM_RECORDS)
        return; /* as always */
    note(s, 0, count_taken(t));
    for (size_t r = 0; r < t->refusal_count; r++) {
        if (t->refusals[r].reason != SL_DEAD_RETRY_LIMIT) /* that is an outage */
            note(s, kind_of(&t->refusals[r]), t->refusals[r].n);
    }
}

/* Only what is more than half can be left over when each one is set off against another one. */
bool sl_storm_rages(const sl_storm *s)
{
    uint32_t kind = 0, lead = 0, n = 0;

    if (s->count < SL_STORM_RECORDS || s->refused <= SL_STORM_RECORDS / 2)
        return false;
    for (uint32_t i = 0; i < SL_STORM_RECORDS; i++) {
        if (lead == 0)
            kind = s->kinds[i];
        lead = s->kinds[i] == kind ? lead + 1 : lead - 1;
    }
    for (uint32_t i = 0; i < SL_STORM_RECORDS; i++)
        n += s->kinds[i] == kind;
    return kind && n > SL_STORM_RECORDS / 2;
}

bool sl_storm_goes_on(const sl_trip *t)
{
    uint32_t taken = count_taken(t), refused = count_refused(t);

    return taken + refused == 0 || refused > taken;
}
