#pragma once
#include "manager/api/app.h"

struct batch_state;
struct outside;

/* Scheduled tasks. */

#define TIMEOUTS \
	"never|one-hour|two-hours|four-hours|eight-hours|twelve-hours|one-day|one-and-a-half-days|two-days"
int64_t timeout_ms(const char *word); /* 0: never */

extern const struct field scheduled_fields[];
int scheduled_check(struct call *c, int64_t id, const json_t *old, json_t *o);
void scheduled_show(struct call *c, int64_t id, const json_t *full, json_t *o);
void scheduled_changed(struct call *c, int64_t id, const json_t *old, const json_t *o);
int scheduled_runs(struct call *c);
void scheduled_tick(struct app *a);
/* What others do for a task of this type; NULL: nothing. */
const struct outside *scheduled_outside(const json_t *task);
/* A run that others worked for has ended. */
void scheduled_run_ended(struct app *a, int64_t row, bool good, const char *text);
/* All jobs of a run's batch have ended. */
void scheduled_batch_ended(struct app *a, int64_t batch, const struct batch_state *s);
