#include "manager/tasks/tasks.h"

#include "manager/tasks/batch.h"
#include "manager/tasks/eventbased.h"
#include "manager/tasks/outside.h"
#include "manager/tasks/scheduled.h"

/* clang-format off */
const struct resource task_resources[] = {
	{ "scheduledtasks", "scheduledTasks", "scheduled task", "name", NULL, scheduled_fields, V_EVERY,
	  "task-created", "task-updated", "task-deleted", scheduled_check, scheduled_show, scheduled_changed, NULL,
	  .view = "canViewScheduledTasks", .make = "canCreateNewScheduledTasks",
	  .edit = "canEditScheduledTaskProperties", .erase = "canDeleteScheduledTasks" },
	{ "eventbasedtasks", "eventBasedTasks", "event-based task", "name", NULL, eventbased_fields, V_EVERY,
	  "event-task-created", "event-task-updated", "event-task-deleted", .check = eventbased_check,
	  .view = "canViewScheduledTasks", .make = "canCreateNewScheduledTasks",
	  .edit = "canEditScheduledTaskProperties", .erase = "canDeleteScheduledTasks" },
	{ 0 },
};

const struct route task_routes[] = {
	{ "GET",  "/api/scheduledtasks/{id}/runs", scheduled_runs, false, "how it went, newest first" },
	{ "GET",  "/api/scripts",                  scripts_list,   false, "what run-script tasks may run" },
	{ "GET",  "/api/jobbatches",               batches_list,   false, "work over many computers, newest first" },
	{ "POST", "/api/jobbatches",               batch_create,   true,  "start some" },
	{ "GET",  "/api/jobbatches/{id}",          batch_get,      false, "one, with its jobs" },
	{ "POST", "/api/jobbatches/{id}/cancel",   batch_cancel,   true,  "stop what is open" },
	{ "POST", "/api/jobbatches/{id}/retry",    batch_retry,    true,  "again where it failed" },
	{ 0 },
};
/* clang-format on */

void tasks_tick(struct app *a)
{
	scheduled_tick(a);
	batches_tick(a);
	outside_tick(a);
}
