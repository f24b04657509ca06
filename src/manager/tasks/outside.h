#pragma once
#include "manager/api/app.h"
#include "manager/forward/post.h"

/*
 * Runs of tasks whose work other processes do, one at a time: a run waits as `queued`, then it is
 * `running` until the answer is there. A type of task names one of these.
 */
struct outside {
	enum post_way way;
	/* What is to be done, for the process that does it; NULL with a sentence. Owned. */
	json_t *(*order)(struct app *a, const json_t *task, struct err *why);
	/* Takes what was found and says it; false: it was no success after all. */
	bool (*taken)(struct app *a, const json_t *task, const char *text, struct buf *told);
};

extern const struct outside outside_script, outside_discover;

/* Of a task as it is stored: 0, or -EINVAL with a sentence. */
int outside_check(struct app *a, const json_t *task, struct err *why);
void outside_tick(struct app *a);
/* The core is new: what ran when the old one ended is not known any more, and failed. */
void outside_started(struct app *a);

int scripts_list(struct call *c);
