#pragma once
#include "manager/api/app.h"

/* The same work on many computers: a batch has a job for each of them that is activated. */

struct batch_order {
	const char *by;      /* who wants it */
	const char *kind;    /* of a job: "malware-scan", ... */
	const char *command; /* for the agent: "scan", ... */
	const json_t *args;  /* of the command; NULL: none */
	const int64_t *computers;
	size_t n;
	int64_t timeout_ms; /* 0: never */
};

/* How its jobs stand. */
struct batch_state {
	int64_t total, open, done;
	json_t *states; /* {"done":3,...}, owned by the caller */
};

int64_t batch_add(struct app *a, const struct batch_order *o,
                  int64_t *jobs); /* its ID, or -errno */
void batch_state(struct app *a, int64_t id, struct batch_state *out);
void batches_tick(struct app *a);

int batch_create(struct call *c);
int batches_list(struct call *c);
int batch_get(struct call *c);
int batch_cancel(struct call *c);
int batch_retry(struct call *c);
