#pragma once
#include "manager/api/app.h"

/* Alerts: what somebody has to look at. Raised and cleared by events (types.def), or by hand. */

extern const struct route alert_routes[], record_routes[]; /* {0} last */

struct alert_type {
	int64_t id;
	const char *name;
	bool critical;
	const char *class, *raises, *clears;
	const char *en, *ja;
};
extern const struct alert_type alert_types[]; /* {0} last */

/* An event was stored: raises and clears what follows from it. */
void alert_event(struct app *a, int64_t computer, const char *host, const struct event *ev,
                 int64_t id);
/*
 * Between these two, events that raise an alert again are counted and told in one go at the end:
 * agents hand in a thousand at a time.
 */
void alerts_hold(struct app *a);
void alerts_settle(struct app *a);
int64_t alerts_active(struct app *a, bool critical); /* how many */
