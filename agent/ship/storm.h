/* storm.h - are most records refused, and all for one reason? Then it is not they that are wrong.
 *
 * Remembers what became of the last thousand records that were answered: taken, or refused and for
 * what kind of reason. A kind is the reason's words up to their first ':', since behind it stands what
 * differs from record to record.
 *
 * Thread   the loop's */
#ifndef SL_SHIP_STORM_H
#define SL_SHIP_STORM_H

#include "ship/trip.h"

#define SL_STORM_RECORDS 1000

typedef struct sl_storm {
    uint32_t kinds[SL_STORM_RECORDS]; /* a ring; 0: taken */
    uint32_t at, count, refused;
} sl_storm;

/* What a trip that has ended brought. */
void sl_storm_note(sl_storm *s, const sl_trip *t);
/* More than half of a thousand were refused for one kind of reason. */
bool sl_storm_rages(const sl_storm *s);
/* It has not shown that most are taken: nothing was answered, or most was refused. */
bool sl_storm_goes_on(const sl_trip *t);

#endif
