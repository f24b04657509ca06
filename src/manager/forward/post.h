#pragma once
#include "manager/api/app.h"

/* What others do for the core, one thing at a time each: instances of the courier in this order,
 * and the runner. */
enum post_way { POST_SYSLOG, POST_MAIL, POST_SCAN, POST_DISCOVER, POST_SCRIPT, POST_WAYS };

/* order is borrowed. done() runs in a transaction, exactly once, with rc 0 and what the
 * order says of its text (mostly nothing), or -errno and a sentence. */
void post(struct app *a, enum post_way way, const json_t *order,
          void (*done)(struct app *a, int64_t about, int rc, const char *text), int64_t about);
bool post_busy(const struct app *a, enum post_way way);
