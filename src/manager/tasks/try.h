#pragma once
#include <jansson.h>

#include "manager/api/app.h"

/* For tests: a core on a database of its own, asked as the console and as agents ask it. */
struct
try {
	struct app *app;
	char dir[64], database[128];
	char cookie[128], rid[64]; /* of the administrator's session */
	char set_cookie[300];      /* as it came last */
	char location[2000];       /* of the last answer */
	char prefer[20];           /* the header Prefer, unless empty */
	char key[200];             /* an API key that asks instead, unless empty */
	int status;                /* of the last answer */
	json_t *out;               /* owned: its body, or NULL */
	char *text;                /* owned: the same as it came */
	uint64_t next;             /* request */
	uint64_t trials[8];        /* that the bench has not answered yet */
	size_t ntrials;
	json_t *orders;   /* owned: what the courier was given, {"ticket","instance","order"} */
	bool raw;         /* answers are not parsed: out stays NULL */
	int send_rc;      /* what sending answers */
	int pieces, ends; /* of streams */
};

int try_setup(void **state); /* for cmocka: makes a struct try and signs in */
int try_teardown(void **state);
void try_again(struct try *t); /* as after kill -9: the core is gone, and opened anew */

/* Asks as the administrator; body is JSON with ' for ", or NULL. What is answered is t->out, too.
 */
json_t *try_ask(struct try *t, const char *method, const char *path, const char *body);
/* ... and it must be answered with this status. */
json_t *try_must(struct try *t, int status, const char *method, const char *path, const char *body);
json_t *try_ask_exactly(struct try *t, const char *method, const char *path,
                        const char *body); /* body as it is */
/* A computer with an activated agent; its ID. */
int64_t try_agent(struct try *t, const char *name, int64_t policy);
json_t *try_agent_ask(struct try *t, int64_t computer, const char *method, const char *path,
                      const char *body);
/* The newest system event of a kind, a new reference, or NULL. */
json_t *try_event(struct try *t, const char *kind);
int try_events(struct try *t, const char *kind); /* how many there are */
/* SQL besides, to move clocks. */
void try_sql(struct try *t, const char *sql);
