#pragma once
#include "manager/api/app.h"

/* Which system events are recorded, and which of those are forwarded. All are, until told
 * otherwise. */
bool event_recorded(struct app *a, uint32_t number);
bool event_forwarded(struct app *a, uint32_t number);
