#include "manager/tasks/batch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/tasks/filter.h"
#include "manager/tasks/scheduled.h"

enum { LIST_MAX = 200, JOBS_SHOWN = 500 };

/* What can be asked of many computers at once. */
static const struct work {
	const char *kind, *command, *args; /* JSON */
} works[] = {
	{ "malware-scan", "scan", "{\"type\":\"manual\"}" },
	{ "integrity-scan", "integrity-scan", "{}" },
	{ "integrity-baseline", "integrity-baseline", "{}" },
	{ "send-policy", "update-configuration", "{}" },
	{ "check-status", "status", "{}" },
	{ "port-scan", "port-scan", "{}" },
};

static const struct field order_fields[] = {
	{ "kind", T_CHOICE, F_REQUIRED,
	  "malware-scan|integrity-scan|integrity-baseline|send-policy|check-status|port-scan",
	  .doc = "" },
	{ "computerFilter", T_OBJECT, F_REQUIRED, .members = computer_filter, .doc = "" },
	{ "timeout", T_CHOICE, 0, TIMEOUTS, "\"never\"", .doc = "" },
	{ 0 },
};

/* ---- making ---- */

static int64_t row_add(struct app *a, const char *kind, const char *by, const json_t *args)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, args);
	return store_int(
		a->store, STMT_BATCH_ADD,
		ARGS(VAL_TEXT(kind), VAL_INT(clock_ms()), VAL_TEXT(by), VAL_STR(buf_view(&b))),
		-EIO);
}

int64_t batch_add(struct app *a, const struct batch_order *o, int64_t *jobs)
{
	AUTO(json_decrefp) json_t *command = json_object();
	json_set_text(command, "command", o->command);
	json_set(command, "args", o->args ? json_deep_copy(o->args) : json_object());
	int64_t id = row_add(a, o->kind, o->by, command), made = 0;
	int64_t deadline = o->timeout_ms ? (int64_t)clock_ms() + o->timeout_ms : 0;
	if (id < 0)
		return id;
	for (size_t i = 0; i < o->n; i++) {
		if (!agent_there(a, o->computers[i]))
			continue;
		int64_t job = job_queue(a, &(struct job_order){ .by = o->by,
		                                                .kind = o->kind,
		                                                .computer = o->computers[i],
		                                                .command = command,
		                                                .batch = id,
		                                                .deadline_ms = deadline });
		if (job < 0)
			return job;
		made++;
	}
	*jobs = made;
	return id;
}

/* ---- how it stands ---- */

void batch_state(struct app *a, int64_t id, struct batch_state *out)
{
	struct rows r;
	*out = (struct batch_state){ .states = json_object() };
	int rc = store_query(a->store, STMT_JOB_STATES, ARGS(VAL_INT(id)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		AUTO(freep) char *state = str_dup(col_str(&r, 0));
		json_set_int(out->states, state, r.col[1].i);
		out->total += r.col[1].i;
		if (choice_has("queued|sent|running|cancelling", state))
			out->open += r.col[1].i;
		if (strcmp(state, "done") == 0)
			out->done += r.col[1].i;
	}
	rows_done(&r);
}

static void ended(struct app *a, int64_t id)
{
	struct batch_state s;
	batch_state(a, id, &s);
	if (s.open == 0) {
		store_exec(a->store, STMT_BATCH_END, ARGS(VAL_INT(id), VAL_INT(clock_ms())));
		scheduled_batch_ended(a, id, &s);
	}
	json_decref(s.states);
}

void batches_tick(struct app *a)
{
	AUTO(freep) int64_t *ids = NULL;
	size_t n = store_ids(a->store, STMT_BATCH_OPEN, NULL, 0, &ids);
	for (size_t i = 0; i < n; i++)
		ended(a, ids[i]);
}

/* ---- the API ---- */

static json_t *row(const struct rows *r)
{
	json_t *o = json_object();
	json_set_bytes(o, "kind", col_str(r, 1));
	json_set_int(o, "created", r->col[2].i);
	if (r->col[3].type == V_INT)
		json_set_int(o, "finished", r->col[3].i);
	json_set_bytes(o, "createdBy", col_str(r, 4));
	json_set_int(o, "ID", r->col[0].i);
	return o;
}

static void add_state(struct app *a, json_t *o)
{
	struct batch_state s;
	batch_state(a, json_int(o, "ID", 0), &s);
	json_set_int(o, "total", s.total);
	json_set_int(o, "open", s.open);
	json_set_int(o, "progress", s.total ? (s.total - s.open) * 100 / s.total : 100);
	json_set(o, "states", s.states);
}

static json_t *get(struct app *a, int64_t id)
{
	struct rows r;
	json_t *o = NULL;
	int rc = store_query(a->store, STMT_BATCH_GET, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		o = row(&r);
	rows_done(&r);
	if (o)
		add_state(a, o);
	return o;
}

static int missing(struct call *c)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The job batch does not exist.");
	return 404;
}

int batch_get(struct call *c)
{
	AUTO(json_decrefp) json_t *all = jobs_of_batch(c->app, c->id, JOBS_SHOWN);
	json_t *seen = json_array();
	size_t i;
	json_t *v;
	json_array_foreach (all, i, v)
		if (access_computer(c, json_int(v, "computerID", 0), false))
			json_array_append(seen, v);
	c->out = get(c->app, c->id);
	if (!c->out) {
		json_decref(seen);
		return missing(c);
	}
	json_set(c->out, "jobs", seen);
	return 200;
}

/* Somebody who may not change one of its computers may not stop or repeat it. */
static int reached(struct call *c, const struct buf *pairs)
{
	for (size_t i = 0; i + 16 <= pairs->n; i += 16) {
		int64_t pair[2];
		memcpy(pair, pairs->p + i, sizeof(pair));
		if (!access_computer(c, pair[1], true))
			return err_set(&c->why, -EPERM,
			               "The batch holds computers that you may not change.");
	}
	return 0;
}

int batches_list(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(c->app->store, STMT_BATCH_LIST, ARGS(VAL_INT(LIST_MAX)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		json_array_append_new(list, row(&r));
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		add_state(c->app, v);
	c->out = json_object();
	json_set(c->out, "jobBatches", list);
	return 200;
}

static int start(struct call *c, const struct batch_order *o)
{
	int64_t jobs = 0, id = batch_add(c->app, o, &jobs);
	if (id < 0) {
		err_set(&c->why, 0, "The jobs could not be stored.");
		return 500;
	}
	if (jobs == 0) {
		c->code = "not-activated";
		err_set(&c->why, 0, "No computer that is meant is activated.");
		return 400;
	}
	audit(c, "batch-started", "job batch", id, o->kind, NULL, NULL);
	c->out = get(c->app, id);
	return 200;
}

int batch_create(struct call *c)
{
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(json_decrefp) json_t *args = NULL;
	AUTO(buf_done) struct buf ids = { 0 };
	const json_t *filter = NULL;
	if (!c->body || fields_take(order_fields, c->body, o, true, &c->why) < 0)
		return 400;
	filter = json_object_at(o, "computerFilter");
	if (filter_check(c->app, filter, &c->why) < 0 || filter_reached(c, filter) < 0)
		return 400;
	filter_computers(c->app, filter, &ids);
	const struct work *w = works;
	while (strcmp(w->kind, json_text(o, "kind", "")) != 0)
		w++;
	args = json_loads(w->args, 0, NULL);
	const struct batch_order order = { .by = c->who.name,
		                           .kind = w->kind,
		                           .command = w->command,
		                           .args = args,
		                           .computers = (const int64_t *)(void *)ids.p,
		                           .n = ids.n / sizeof(int64_t),
		                           .timeout_ms =
		                                   timeout_ms(json_text(o, "timeout", "never")) };
	return start(c, &order);
}

/* Every job of a batch that is in one of these states: id and computer, in out. */
static void pick(struct app *a, int64_t batch, const char *states, struct buf *out)
{
	struct rows r;
	int64_t after = 0;
	for (bool more = true; more;) {
		more = false;
		int rc = store_query(a->store, STMT_JOB_OF_BATCH,
		                     ARGS(VAL_INT(batch), VAL_INT(after)), &r);
		while (rc == 0 && rows_next(&r) == 1) {
			AUTO(freep) char *state = str_dup(col_str(&r, 2));
			int64_t pair[2] = { r.col[0].i, r.col[1].i };
			if (choice_has(states, state))
				buf_add(out, pair, sizeof(pair));
			after = r.col[0].i;
			more = true;
		}
		rows_done(&r);
	}
}

int batch_cancel(struct call *c)
{
	AUTO(buf_done) struct buf ids = { 0 };
	AUTO(json_decrefp) json_t *there = get(c->app, c->id);
	if (!there)
		return missing(c);
	pick(c->app, c->id, "queued|sent|running", &ids);
	if (reached(c, &ids) < 0)
		return 403;
	for (size_t i = 0; i + 16 <= ids.n; i += 16) {
		int64_t pair[2];
		memcpy(pair, ids.p + i, sizeof(pair));
		job_stop(c->app, c->who.name, pair[0], "cancelled", "the batch was cancelled");
	}
	audit(c, "batch-cancelled", "job batch", c->id, json_text(there, "kind", ""), NULL, NULL);
	c->out = get(c->app, c->id);
	return 200;
}

/* What the batch told the agents to do; a new reference, or NULL. */
static json_t *command_of(struct app *a, int64_t id)
{
	struct rows r;
	json_t *o = NULL;
	int rc = store_query(a->store, STMT_BATCH_GET, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		o = json_parse(col_str(&r, 5), NULL);
	rows_done(&r);
	return o;
}

/* The same on those computers where it did not succeed, as a batch of its own. */
int batch_retry(struct call *c)
{
	AUTO(buf_done) struct buf ids = { 0 }, computers = { 0 };
	AUTO(json_decrefp) json_t *there = get(c->app, c->id);
	AUTO(json_decrefp) json_t *command = command_of(c->app, c->id);
	if (!there || !command)
		return missing(c);
	pick(c->app, c->id, "failed|cancelled|timed-out", &ids);
	if (reached(c, &ids) < 0)
		return 403;
	for (size_t i = 0; i + 16 <= ids.n; i += 16)
		buf_add(&computers, ids.p + i + 8, 8);
	if (computers.n == 0) {
		err_set(&c->why, 0, "No job of the batch failed or was cancelled.");
		return 400;
	}
	const struct batch_order order = { .by = c->who.name,
		                           .kind = json_text(there, "kind", ""),
		                           .command = json_text(command, "command", ""),
		                           .args = json_object_at(command, "args"),
		                           .computers = (const int64_t *)(void *)computers.p,
		                           .n = computers.n / sizeof(int64_t) };
	return start(c, &order);
}
