#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rand.h"
#include "manager/api/app.h"
#include "manager/api/integrity.h"
#include "manager/api/portscan.h"

/* Jobs: what a person asked an agent for. queued, sent, running, then done, failed, cancelled or
 * timed-out. */

enum { LATE_MS = 24 * 3600 * 1000, LIST_MAX = 500, CONTENT_MAX = 256 << 20 };

static json_t *json_or_null(const struct rows *r, int i)
{
	return r->col[i].type == V_TEXT ? json_parse(col_str(r, i), NULL) : NULL;
}

/* What opens a download is shown to the first who asks for that very job; then it is forgotten. */
static void hide_password(json_t *result)
{
	if (result)
		json_object_del(result, "password");
}

static json_t *show_row(const struct rows *r, bool all)
{
	json_t *o = json_object();
	static const struct {
		int column;
		const char *key;
	} members[] = {
		{ 1, "kind" },    { 2, "state" },    { 3, "computerID" }, { 4, "created" },
		{ 5, "started" }, { 6, "finished" }, { 7, "createdBy" },  { 9, "message" }
	};
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct val *v = &r->col[members[i].column];
		if (v->type == V_INT)
			json_set_int(o, members[i].key, v->i);
		else if (v->type == V_TEXT)
			json_set_bytes(o, members[i].key, col_str(r, members[i].column));
	}
	json_t *progress = json_or_null(r, 8), *result = json_or_null(r, 10);
	if (!all)
		hide_password(result);
	if (progress)
		json_set(o, "progress", progress);
	if (result)
		json_set(o, "result", result);
	json_set_int(o, "ID", r->col[0].i);
	return o;
}

static void complete(struct app *a, json_t *o)
{
	int64_t computer = json_int(o, "computerID", 0);
	AUTO(freep) char *name = computer_name(a->store, computer);
	json_set_bytes(o, "hostName", str_of(name));
	json_set_bool(o, "waiting",
	              strcmp(json_text(o, "state", ""), "queued") == 0 &&
	                      strcmp(json_text(o, "kind", ""), PORT_SCAN) != 0 &&
	                      !agent_connected(a, computer));
}

static json_t *load(struct app *a, int64_t id, bool all)
{
	struct rows r;
	json_t *o = NULL;
	int rc = store_query(a->store, STMT_JOB_GET, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		o = show_row(&r, all);
	rows_done(&r);
	if (o)
		complete(a, o);
	return o;
}

static json_t *job_show(struct app *a, int64_t id)
{
	return load(a, id, false);
}

static void news(struct app *a, int64_t id, const char *op)
{
	json_t *o = job_show(a, id);
	if (o)
		stream_say(a, "jobs", "job", json_pack("{s:s,s:o}", "op", op, "object", o));
}

static int no_agent(struct call *c)
{
	c->code = "not-activated";
	err_set(&c->why, 0, "The computer is not activated.");
	return 400;
}

bool agent_there(struct app *a, int64_t computer)
{
	struct rows r;
	int rc = store_query(a->store, STMT_AGENT_GET, ARGS(VAL_INT(computer)), &r);
	bool there = rc == 0 && rows_next(&r) == 1;
	rows_done(&r);
	return there;
}

static int store_job(struct call *c, const char *kind, int64_t computer, json_t *command,
                     json_t **shown)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct rows r;
	int64_t id = 0;
	json_write(&b, command);
	json_decref(command);
	int rc = store_query(c->app->store, STMT_JOB_ADD,
	                     ARGS(VAL_TEXT(kind), VAL_INT(computer), VAL_INT(clock_ms()),
	                          VAL_TEXT(c->who.name), VAL_STR(buf_view(&b))),
	                     &r);
	if (rc == 0 && rows_next(&r) == 1)
		id = r.col[0].i;
	if (id && rows_next(&r) < 0)
		id = 0;
	rows_done(&r);
	if (!id) {
		err_set(&c->why, 0, "The job could not be stored.");
		return 500;
	}
	*shown = job_show(c->app, id);
	news(c->app, id, "create");
	return 200;
}

static int job_add(struct call *c, const char *kind, int64_t computer, json_t *command,
                   json_t **shown)
{
	if (!agent_there(c->app, computer)) {
		json_decref(command);
		return no_agent(c);
	}
	int status = store_job(c, kind, computer, command, shown);
	if (status == 200)
		agents_wake(c->app, computer);
	return status;
}

int job_add_own(struct call *c, const char *kind, int64_t computer, json_t *command)
{
	return store_job(c, kind, computer, command, &c->out);
}

int64_t job_queue(struct app *a, const struct job_order *o)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, o->command);
	int64_t id = store_int(a->store, STMT_JOB_ADD_TO,
	                       ARGS(VAL_TEXT(o->kind), VAL_INT(o->computer), VAL_INT(clock_ms()),
	                            VAL_TEXT(o->by), VAL_STR(buf_view(&b)), VAL_INT(o->batch),
	                            o->deadline_ms ? VAL_INT(o->deadline_ms) : VAL_NULL),
	                       -EIO);
	if (id > 0)
		news(a, id, "create");
	a->wake = true;
	return id;
}

json_t *jobs_of_batch(struct app *a, int64_t batch, int64_t max)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(a->store, STMT_JOB_SHOW_BATCH, ARGS(VAL_INT(batch), VAL_INT(max)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		json_array_append_new(list, show_row(&r, false));
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		complete(a, v);
	return list;
}

int jobs_list(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(c->app->store, STMT_JOB_LIST, ARGS(VAL_INT(LIST_MAX)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		if (access_computer(c, r.col[3].i, false))
			json_array_append_new(list, show_row(&r, false));
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		complete(c->app, v);
	c->out = json_object();
	json_set(c->out, "jobs", list);
	return 200;
}

static int missing(struct call *c, const char *what)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The %s does not exist.", what);
	return 404;
}

static void forget_password(struct call *c)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_t *result = json_object_get(c->out, "result");
	if (!json_text(result, "password", NULL))
		return;
	AUTO(json_decrefp) json_t *rest = json_deep_copy(result);
	hide_password(rest);
	json_write(&b, rest);
	store_exec(c->app->store, STMT_JOB_RESULT, ARGS(VAL_INT(c->id), VAL_STR(buf_view(&b))));
}

int job_get(struct call *c)
{
	c->out = load(c->app, c->id, true);
	if (c->out)
		forget_password(c);
	return c->out ? 200 : missing(c, "job");
}

/* What an agent can stop in the middle. */
static bool is_scan(const char *kind)
{
	return choice_has("malware-scan|integrity-scan|integrity-baseline", kind);
}

static bool is_open(const char *state)
{
	return choice_has("queued|sent|running|cancelling", state);
}

void job_set_state(struct app *a, int64_t id, const char *state, const json_t *said)
{
	AUTO(buf_done) struct buf p = { 0 }, r = { 0 };
	const json_t *progress = json_object_at(said, "progress"),
		     *result = json_object_at(said, "result");
	const char *message = json_text(said, "message", NULL);
	if (progress)
		json_write(&p, progress);
	if (result)
		json_write(&r, result);
	store_exec(a->store, STMT_JOB_STATE,
	           ARGS(VAL_INT(id), VAL_TEXT(state),
	                is_open(state) ? VAL_NULL : VAL_INT(clock_ms()),
	                progress ? VAL_STR(buf_view(&p)) : VAL_NULL,
	                message ? VAL_TEXT(message) : VAL_NULL,
	                result ? VAL_STR(buf_view(&r)) : VAL_NULL));
	news(a, id, "update");
}

void job_stop(struct app *a, const char *by, int64_t id, const char *state, const char *message)
{
	AUTO(json_decrefp) json_t *job = job_show(a, id);
	AUTO(json_decrefp) json_t *said = json_pack("{s:s}", "message", message);
	const char *was = json_text(job, "state", "");
	if (!is_open(was))
		return;
	job_set_state(a, id, state, said);
	if (strcmp(was, "queued") == 0 || !is_scan(json_text(job, "kind", "")))
		return;
	AUTO(json_decrefp)
	json_t *command = json_pack("{s:s,s:{s:I}}", "command", "cancel-scan", "args", "command",
	                            (json_int_t)id);
	job_queue(a, &(struct job_order){ .by = by,
	                                  .kind = "cancel",
	                                  .computer = json_int(job, "computerID", 0),
	                                  .command = command });
}

int job_cancel(struct call *c)
{
	AUTO(json_decrefp) json_t *job = job_show(c->app, c->id);
	AUTO(json_decrefp) json_t *ignored = NULL;
	if (!job)
		return missing(c, "job");
	const char *state = json_text(job, "state", "");
	if (strcmp(state, "queued") == 0) {
		job_set_state(c->app, c->id, "cancelled", NULL);
	} else if (is_open(state) && is_scan(json_text(job, "kind", ""))) {
		job_set_state(c->app, c->id, "cancelling", NULL);
		int status = job_add(c, "cancel", json_int(job, "computerID", 0),
		                     json_pack("{s:s,s:{s:I}}", "command", "cancel-scan", "args",
		                               "command", (json_int_t)c->id),
		                     &ignored);
		if (status != 200)
			return status;
	} else {
		err_set(&c->why, 0, "The job cannot be cancelled any more.");
		return 400;
	}
	c->out = job_show(c->app, c->id);
	return 200;
}

/* What the agent was told: {"command","args"}, a new reference. */
static json_t *command_of(struct app *a, int64_t id)
{
	struct rows r;
	json_t *command = NULL;
	int rc = store_query(a->store, STMT_JOB_GET, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		command = json_parse(col_str(&r, 11), NULL);
	rows_done(&r);
	return command;
}

/* The same work again, as a job of its own. */
int job_retry(struct call *c)
{
	AUTO(json_decrefp) json_t *job = job_show(c->app, c->id);
	if (!job)
		return missing(c, "job");
	if (!choice_has("failed|cancelled|timed-out", json_text(job, "state", ""))) {
		err_set(&c->why, 0, "Only a job that failed or was cancelled can be tried again.");
		return 400;
	}
	json_t *command = command_of(c->app, c->id);
	if (!command)
		return missing(c, "job");
	int status = job_add(c, json_text(job, "kind", ""), json_int(job, "computerID", 0), command,
	                     &c->out);
	if (status == 200)
		audit(c, "job-retried", "job", c->id, json_text(job, "hostName", ""), NULL, NULL);
	return status;
}

int job_scan(struct call *c)
{
	json_t *paths = json_object_get(c->body, "paths");
	json_t *args = json_pack("{s:s}", "type", "manual");
	if (paths && !json_is_array(paths)) {
		json_decref(args);
		err_set(&c->why, 0, "paths is a list of directories.");
		return 400;
	}
	if (paths)
		json_set(args, "paths", json_incref(paths));
	return job_add(c, "malware-scan", c->id,
	               json_pack("{s:s,s:o}", "command", "scan", "args", args), &c->out);
}

int job_integrity_scan(struct call *c)
{
	return job_add(c, "integrity-scan", c->id,
	               json_pack("{s:s,s:{s:b}}", "command", "integrity-scan", "args", "reread",
	                         json_bool(c->body, "reread", false)),
	               &c->out);
}

int job_integrity_baseline(struct call *c)
{
	return job_add(c, "integrity-baseline", c->id,
	               json_pack("{s:s,s:{}}", "command", "integrity-baseline", "args"), &c->out);
}

int job_integrity_prove(struct call *c)
{
	return job_add(c, "integrity-prove", c->id,
	               json_pack("{s:s,s:{}}", "command", "integrity-prove", "args"), &c->out);
}

/* The agent checks what it does not know. */
int job_integrity_view(struct call *c)
{
	static const char *const keys[] = { "text",     "class",    "after",
		                            "maxItems", "baseline", "comparedWith" };
	json_t *args = json_object();
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		json_t *v = json_object_get(c->body, keys[i]);
		if (json_is_string(v) || json_is_integer(v))
			json_set(args, keys[i], json_incref(v));
	}
	return job_add(c, "integrity-view", c->id,
	               json_pack("{s:s,s:o}", "command", "integrity-view", "args", args), &c->out);
}

static int simple(struct call *c, const char *kind, const char *command, const char *event)
{
	AUTO(freep) char *name = computer_name(c->app->store, c->id);
	int status = job_add(c, kind, c->id, json_pack("{s:s,s:{}}", "command", command, "args"),
	                     &c->out);
	if (status == 200 && event)
		audit(c, event, "computer", c->id, name, NULL, NULL);
	return status;
}

int job_deactivate(struct call *c)
{
	return simple(c, "deactivate", "deactivate", "deactivation-requested");
}

int job_send_policy(struct call *c)
{
	policy_compile(c->app, c->id);
	return simple(c, "send-policy", "update-configuration", "policy-requested");
}

int job_check_status(struct call *c)
{
	return simple(c, "check-status", "status", NULL);
}

/* The identified file that a job is about, or 0. */
static int64_t file_of(struct app *a, int64_t job, int64_t computer)
{
	struct rows r;
	int64_t id = 0;
	AUTO(json_decrefp) json_t *command = NULL;
	int rc = store_query(a->store, STMT_JOB_GET, ARGS(VAL_INT(job)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		command = json_or_null(&r, 11);
	rows_done(&r);
	const char *record = json_text(json_object_at(command, "args"), "recordID", "");
	rc = store_query(a->store, STMT_FILE_FIND, ARGS(VAL_INT(computer), VAL_TEXT(record)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		id = r.col[0].i;
	rows_done(&r);
	return id;
}

/* A file has arrived: where it is. New reference. */
static json_t *with_url(struct app *a, const json_t *job, const char *state, const json_t *said)
{
	json_t *o = json_deep_copy(said), *result = json_object_get(o, "result");
	int64_t id = json_int(job, "ID", 0);
	if (strcmp(json_text(job, "kind", ""), "download-file") != 0 ||
	    strcmp(state, "done") != 0 || !json_is_object(result))
		return o;
	AUTO(buf_done) struct buf url = { 0 };
	buf_fmt(&url, "/api/identifiedfiles/%lld/content?job=%lld",
	        (long long)file_of(a, id, json_int(job, "computerID", 0)), (long long)id);
	json_set_text(result, "url", url.p);
	return o;
}

/* What an agent says of a command; only of its own ones. */
void job_said(struct app *a, int64_t computer, const json_t *said)
{
	int64_t id = json_int(said, "ID", 0);
	const char *state = json_text(said, "state", "");
	AUTO(json_decrefp) json_t *job = job_show(a, id);
	if (!job || json_int(job, "computerID", 0) != computer ||
	    !is_open(json_text(job, "state", "")) ||
	    !choice_has("running|done|failed|cancelled", state))
		return;
	if (strcmp(state, "running") == 0 && strcmp(json_text(job, "state", ""), "cancelling") == 0)
		state = "cancelling";
	AUTO(json_decrefp) json_t *shown = with_url(a, job, state, said);
	job_set_state(a, id, state, shown);
	if (strcmp(json_text(job, "kind", ""), "integrity-prove") == 0 &&
	    strcmp(state, "done") == 0)
		integrity_proved(a, computer, json_object_at(said, "result"));
	if (strcmp(json_text(job, "kind", ""), "deactivate") != 0 || strcmp(state, "done") != 0)
		return;
	AUTO(freep) char *name = computer_name(a->store, computer);
	system_event_about(a, "deactivated",
	                   &(struct subject){ .by = json_text(job, "createdBy", NULL),
	                                      .type = "computer",
	                                      .id = computer,
	                                      .name = name });
	agent_forget(a, computer);
	stream_say(
		a, "computers", "computer",
		json_pack("{s:s,s:{s:I}}", "op", "update", "object", "ID", (json_int_t)computer));
}

static void stop_all(struct app *a, enum stmt which, int64_t before, const char *message)
{
	AUTO(freep) int64_t *ids = NULL;
	size_t n = store_ids(a->store, which, ARGS(VAL_INT(before)), &ids);
	for (size_t i = 0; i < n; i++)
		job_stop(a, "System", ids[i], "timed-out", message);
}

static void content_path(struct app *a, int64_t job, char *out, size_t size)
{
	const char *db = a->config.database;
	struct str dir = str_of(strchr(db, ':') ? strchr(db, ':') + 1 : db);
	while (dir.n && dir.p[dir.n - 1] != '/')
		dir.n--;
	snprintf(out, size, "%.*sfetched-%lld", STR_ARG(dir), (long long)job);
}

/* What was fetched is kept for a day. */
static void drop_fetched(struct app *a, int64_t before)
{
	AUTO(freep) int64_t *ids = NULL;
	size_t n = store_ids(a->store, STMT_JOB_FETCHED, ARGS(VAL_INT(before)), &ids);
	for (size_t i = 0; i < n; i++) {
		char path[4096];
		content_path(a, ids[i], path, sizeof(path));
		if (unlink(path) == 0 || errno == ENOENT)
			store_exec(a->store, STMT_JOB_RESULT,
			           ARGS(VAL_INT(ids[i]), VAL_TEXT("{}")));
	}
}

void jobs_tick(struct app *a)
{
	int64_t now = (int64_t)clock_ms();
	stop_all(a, STMT_JOB_LATE, now - LATE_MS, "the agent did not say how it ended");
	stop_all(a, STMT_JOB_OVERDUE, now, "the time-out of the task has passed");
	drop_fetched(a, now - LATE_MS);
	portscan_tick(a);
}

/* ---- identified files ---- */

static json_t *show_file(struct app *a, const struct rows *r)
{
	static const char *const words[] = { "real-time", "manual", "scheduled", "quick" };
	json_t *in = json_parse(col_str(r, 4), NULL);
	json_t *o = json_object();
	int64_t scan = json_int(in, "scanType", 0);
	json_set_int(o, "computerID", r->col[1].i);
	json_set_bytes(o, "recordID", col_str(r, 2));
	json_set_text(o, "path", json_text(in, "path", ""));
	json_set_text(o, "malware", json_text(in, "malware", ""));
	json_set_int(o, "size", json_int(in, "size", 0));
	json_set_int(o, "detected", json_int(in, "time", 0));
	json_set_text(o, "scanType", words[scan >= 0 && scan < 4 ? scan : 0]);
	json_set_text(o, "action", json_text(in, "action", "Quarantined"));
	json_set_text(o, "user", json_text(in, "user", ""));
	json_set_text(o, "sha256", json_text(in, "sha256", ""));
	json_set_bytes(o, "state", col_str(r, 3));
	json_set_int(o, "ID", r->col[0].i);
	json_decref(in);
	(void)a;
	return o;
}

static void name_host(struct app *a, json_t *o)
{
	AUTO(freep) char *name = computer_name(a->store, json_int(o, "computerID", 0));
	json_set_bytes(o, "hostName", str_of(name));
}

static json_t *file_show(struct app *a, int64_t id)
{
	struct rows r;
	json_t *o = NULL;
	int rc = store_query(a->store, STMT_FILE_GET, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		o = show_file(a, &r);
	rows_done(&r);
	if (o)
		name_host(a, o);
	return o;
}

int files_list(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	if (c->id > 0) {
		json_decref(list);
		c->out = file_show(c->app, c->id);
		return c->out ? 200 : missing(c, "identified file");
	}
	int rc = store_query(c->app->store, STMT_FILE_LIST, ARGS(VAL_INT(5000)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		if (access_computer(c, r.col[1].i, false))
			json_array_append_new(list, show_file(c->app, &r));
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		name_host(c->app, v);
	c->out = json_object();
	json_set(c->out, "identifiedFiles", list);
	return 200;
}

static int file_deed(struct call *c, const char *kind, const char *command, const char *event,
                     json_t *args)
{
	AUTO(json_decrefp) json_t *f = file_show(c->app, c->id);
	AUTO(json_decrefp) json_t *given = args;
	if (!f)
		return missing(c, "identified file");
	if (strcmp(json_text(f, "state", ""), "quarantined") != 0) {
		err_set(&c->why, 0, "The file is not in quarantine any more.");
		return 400;
	}
	json_set_text(given, "recordID", json_text(f, "recordID", ""));
	int status = job_add(c, kind, json_int(f, "computerID", 0),
	                     json_pack("{s:s,s:O}", "command", command, "args", given), &c->out);
	if (status == 200)
		audit(c, event, "identified file", c->id, json_text(f, "path", ""), NULL, NULL);
	return status;
}

int file_restore(struct call *c)
{
	const json_t *path = json_object_get(c->body, "path");
	static const char *const switches[] = { "overwrite", "exempt" };
	AUTO(json_decrefp) json_t *args = json_object();
	if (path && (!json_is_string(path) || *json_string_value(path) != '/')) {
		err_set(&c->why, 0, "path is the absolute path of a file.");
		return 400;
	}
	if (path)
		json_set_text(args, "path", json_string_value(path));
	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		json_t *v = json_object_get(c->body, switches[i]);
		if (v && !json_is_boolean(v)) {
			err_set(&c->why, 0, "%s is true or false.", switches[i]);
			return 400;
		}
		if (v)
			json_set(args, switches[i], json_incref(v));
	}
	return file_deed(c, "restore", "restore", "file-restored", TAKE(args));
}

int file_delete(struct call *c)
{
	return file_deed(c, "delete-file", "delete-file", "file-deleted", json_object());
}

int file_download(struct call *c)
{
	return file_deed(c, "download-file", "send-file", "file-fetched", json_object());
}

/* PUT /agent/files/{command}: the encrypted bytes of a quarantined file. */
int agent_files(struct call *c)
{
	AUTO(json_decrefp) json_t *job = job_show(c->app, c->id);
	char path[4096];
	if (!job || json_int(job, "computerID", 0) != c->who.computer ||
	    strcmp(json_text(job, "kind", ""), "download-file") != 0)
		return missing(c, "job");
	content_path(c->app, c->id, path, sizeof(path));
	int rc = file_replace(AT_FDCWD, path, c->rq->body.p, c->rq->body.n, 0600);
	if (rc < 0) {
		err_set(&c->why, 0, "The file could not be stored: %s.", strerror(-rc));
		return 500;
	}
	c->out = json_object();
	return 200;
}

int file_content(struct call *c)
{
	char path[4096];
	int64_t job = 0;
	str_i64(str_of(query_text(c->rq, "job", "0")), 0, INT64_MAX, &job);
	content_path(c->app, job, path, sizeof(path));
	if (file_read(AT_FDCWD, path, CONTENT_MAX, &c->raw) < 0)
		return missing(c, "content");
	c->raw_type = "application/octet-stream";
	return 200;
}
