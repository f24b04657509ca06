#pragma once
#include "manager/api/app.h"

/* GET /api/eventsummary: what the dashboard shows of the events. */
extern const struct route summary_routes[];
