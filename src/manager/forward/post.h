#pragma once
#include "manager/api/app.h"

/* What the core has sent outside: one thing at a time to each of the courier's instances. */
enum post_way { POST_SYSLOG, POST_MAIL, POST_SCAN, POST_WAYS };

/* order is borrowed. done() runs in a transaction, exactly once, with rc 0 and what the
 * order says of its text (mostly nothing), or -errno and a sentence. */
void post(struct app *a, enum post_way way, const json_t *order,
          void (*done)(struct app *a, int64_t about, int rc, const char *text), int64_t about);
bool post_busy(const struct app *a, enum post_way way);
