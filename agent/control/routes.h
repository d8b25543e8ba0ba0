/* routes.h - what the admin server answers, and whom. One more thing to ask is one more row. */
#ifndef SL_CONTROL_ROUTES_H
#define SL_CONTROL_ROUTES_H

#include "control/admin.h"
#include "control/survey.h"

/* Handlers' arg is a sl_subject. */
extern const sl_route sl_routes[];

#endif
