#pragma once
#include "manager/api/app.h"

struct alert_type;

/*
 * Mail and web hooks. What is to be sent waits in the table outbox until it is sent, for a day at
 * most; passwords are not in it.
 */
extern const struct resource notify_resources[]; /* {0} last */

void notify_alert(struct app *a, const struct alert_type *t, const char *severity,
                  const char *target, const char *message, int64_t when_ms);
/* The active alerts to these Recipients: how many there are, or -errno with a sentence. */
int notify_summary(struct app *a, const json_t *recipients, struct err *why);
void notify_tick(struct app *a);
