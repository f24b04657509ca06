#pragma once
#include "manager/api/app.h"

struct alert_type;

/*
 * Mail and web hooks. What is to be sent waits in the table outbox until it is sent: it survives
 * everything but a day without success.
 */
void notify_alert(struct app *a, const struct alert_type *t, const char *severity,
                  const char *target, const char *message, int64_t when_ms);
