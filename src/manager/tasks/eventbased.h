#pragma once
#include "manager/api/app.h"

/* Event-based tasks: something happened to a computer, conditions on it hold, actions are taken. */

extern const struct field eventbased_fields[];
int eventbased_check(struct call *c, int64_t id, const json_t *old, json_t *o);
/* type: "agent-ip-changed", ... In the caller's transaction. */
void event_tasks_run(struct app *a, const char *type, int64_t computer);
