#pragma once
#include "manager/api/app.h"

/* What the manager does by itself: scheduled tasks, event-based tasks, work over many computers. */

extern const struct resource task_resources[]; /* {0} last */
extern const struct route task_routes[];       /* {0} last */

void tasks_tick(struct app *a);
