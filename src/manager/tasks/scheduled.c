#include "manager/tasks/scheduled.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/alert/notify.h"
#include "manager/api/resources.h"
#include "manager/tasks/batch.h"
#include "manager/tasks/filter.h"
#include "manager/tasks/outside.h"
#include "manager/tasks/schedule.h"

enum { NEXT_SHOWN = 5, RUNS_SHOWN = 100 };

static const char kind[] = "scheduledtasks";

/* ---- fields ---- */

/* clang-format off */
#define FILTER { "computerFilter", T_OBJECT, F_NOT_SEARCHED, .members = computer_filter, .doc = "which computers" }
static const struct field filter_only[] = { FILTER, { 0 } };

static const struct field scan_fields[] = {
	FILTER,
	{ "timeout", T_CHOICE, F_NOT_SEARCHED, TIMEOUTS, "\"never\"", .doc = "scans that run longer are cancelled" },
	{ 0 },
};

static const struct field update_fields[] = {
	FILTER,
	{ "timeout", T_CHOICE, F_NOT_SEARCHED, "never|one-hour|two-hours|four-hours|eight-hours", "\"never\"", .doc = "" },
	{ 0 },
};

static const struct field integrity_fields[] = {
	FILTER,
	{ "trustedComputers", T_CHOICE, F_NOT_SEARCHED, "all-computers|trusted-computers-only|exclude-trusted-computers", .doc = "" },
	{ 0 },
};

static const struct field recipient_fields[] = {
	{ "allAdministratorsAndContacts", T_BOOL, F_NOT_SEARCHED, .doc = "" },
	{ "administratorIDs",             T_IDS,  F_NOT_SEARCHED, .doc = "" },
	{ "contactIDs",                   T_IDS,  F_NOT_SEARCHED, .doc = "" },
	{ 0 },
};

static const struct field summary_fields[] = {
	{ "recipients", T_OBJECT, F_NOT_SEARCHED, .members = recipient_fields, .doc = "who gets the mail" },
	{ 0 },
};

static const struct field time_range[] = {
	{ "type",         T_TEXT, F_NOT_SEARCHED, .max = 100, .doc = "" },
	{ "lastN",        T_INT,  F_NOT_SEARCHED, .doc = "" },
	{ "lastNUnit",    T_TEXT, F_NOT_SEARCHED, .max = 100, .doc = "" },
	{ "from",         T_TIME, F_NOT_SEARCHED, .doc = "" },
	{ "to",           T_TIME, F_NOT_SEARCHED, .doc = "" },
	{ 0 },
};

static const struct field tag_filter[] = {
	{ "type", T_TEXT,  F_NOT_SEARCHED, .max = 100, .doc = "" },
	{ "tags", T_TEXTS, F_NOT_SEARCHED, .doc = "" },
	{ 0 },
};

static const struct field report_fields[] = {
	{ "reportTemplateID", T_INT,    F_NOT_SEARCHED, .doc = "" },
	{ "format",           T_CHOICE, F_NOT_SEARCHED, "pdf|csv|html|plaintext|rtf|xls|xml", .doc = "" },
	{ "classification",   T_CHOICE, F_NOT_SEARCHED, "blank|topsecret|secret|confidential|official|les|limited|unclassified|internal", .doc = "" },
	{ "recipients",       T_OBJECT, F_NOT_SEARCHED, .members = recipient_fields, .doc = "" },
	{ "timeRange",        T_OBJECT, F_NOT_SEARCHED, .members = time_range, .doc = "" },
	{ "tagFilter",        T_OBJECT, F_NOT_SEARCHED, .members = tag_filter, .doc = "" },
	FILTER,
	{ 0 },
};

static const struct field discover_fields[] = {
	{ "discoveryType",           T_CHOICE, F_NOT_SEARCHED, "range|masked-ip", .doc = "" },
	{ "ip",                      T_TEXT,   F_NOT_SEARCHED, .max = 100, .doc = "" },
	{ "scanDiscoveredComputers", T_BOOL,   F_NOT_SEARCHED, .doc = "" },
	{ "resolveIPs",              T_BOOL,   F_NOT_SEARCHED, .doc = "" },
	{ "computerGroupID",         T_INT,    F_NOT_SEARCHED, .doc = "" },
	{ "ipmask",                  T_TEXT,   F_NOT_SEARCHED, .max = 100, .doc = "" },
	{ "iprangeLow",              T_TEXT,   F_NOT_SEARCHED, .max = 100, .doc = "" },
	{ "iprangeHigh",             T_TEXT,   F_NOT_SEARCHED, .max = 100, .doc = "" },
	{ 0 },
};

static const struct field script_fields[] = {
	{ "filename", T_TEXT, F_NOT_SEARCHED, .max = 255, .doc = "" },
	{ 0 },
};

static const struct field group_only[] = {
	{ "computerGroupID", T_INT, F_NOT_SEARCHED, .doc = "" },
	{ 0 },
};

#define TYPES "scan-for-open-ports|send-alert-summary|discover-computers|run-script|send-policy|generate-report|synchronize-directory|synchronize-users|scan-for-recommendations|synchronize-vcenter|scan-for-integrity-changes|scan-for-malware|check-for-security-updates|synchronize-cloud-account|check-for-software-updates|update-suspicious-objects-list"
#define PARAMETERS(name, fields) { name, T_OBJECT, F_NOT_SEARCHED, .members = (fields), .doc = "" }
const struct field scheduled_fields[] = {
	NAME_FIELD,
	{ "type",            T_CHOICE, F_REQUIRED, TYPES, .doc = "what is done" },
	{ "scheduleDetails", T_OBJECT, F_NOT_SEARCHED, .otherwise = "{}", .members = schedule_details, .doc = "when" },
	{ "enabled",         T_BOOL,   0, .otherwise = "true", .doc = "off: only runNow runs it" },
	{ "lastRunTime",     T_TIME,   F_READ_ONLY, .doc = "ms since the epoch; absent: never" },
	{ "nextRunTime",     T_TIME,   F_READ_ONLY, .doc = "absent: it does not run by itself any more" },
	PARAMETERS("scanForOpenPortsTaskParameters", filter_only),
	PARAMETERS("sendAlertSummaryTaskParameters", summary_fields),
	PARAMETERS("discoverComputersTaskParameters", discover_fields),
	PARAMETERS("runScriptTaskParameters", script_fields),
	PARAMETERS("sendPolicyTaskParameters", filter_only),
	PARAMETERS("generateReportTaskParameters", report_fields),
	PARAMETERS("synchronizeDirectoryTaskParameters", group_only),
	PARAMETERS("scanForRecommendationsTaskParameters", filter_only),
	PARAMETERS("synchronizeVCenterTaskParameters", group_only),
	PARAMETERS("scanForIntegrityChangesTaskParameters", integrity_fields),
	PARAMETERS("scanForMalwareTaskParameters", scan_fields),
	PARAMETERS("checkForSecurityUpdatesTaskParameters", update_fields),
	PARAMETERS("synchronizeCloudAccountTaskParameters", group_only),
	PARAMETERS("updateSuspiciousObjectsListTaskParameters", filter_only),
	PARAMETERS("scheduledAgentUpgradeTaskParameters", filter_only),
	PARAMETERS("installV1AgentParameters", filter_only),
	ID_FIELD,
	{ 0 },
};
/* clang-format on */

int64_t timeout_ms(const char *word)
{
	static const struct {
		const char *word;
		int64_t minutes;
	} table[] = { { "one-hour", 60 },     { "two-hours", 120 },           { "four-hours", 240 },
		      { "eight-hours", 480 }, { "twelve-hours", 720 },        { "one-day", 1440 },
		      { "two-days", 2880 },   { "one-and-a-half-days", 2160 } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].word, word) == 0)
			return table[i].minutes * 60000;
	return 0;
}

/* ---- what a run does ---- */

/* A run in the making. */
struct run {
	struct app *app;
	const char *by;
	int64_t id; /* the task's */
	const json_t *task, *parameters;
	int64_t batch; /* that works for it, or 0: it has ended at once ... */
	bool outside;  /* ... unless others work for it */
	const char *state;
	struct err message;
};

static void over_computers(struct run *r, const char *job, const char *command, const char *args)
{
	AUTO(buf_done) struct buf ids = { 0 };
	AUTO(json_decrefp) json_t *a = json_loads(args, 0, NULL);
	int64_t jobs = 0;
	filter_computers(r->app, json_object_at(r->parameters, "computerFilter"), &ids);
	const struct batch_order order = { .by = r->by,
		                           .kind = job,
		                           .command = command,
		                           .args = a,
		                           .computers = (const int64_t *)(void *)ids.p,
		                           .n = ids.n / sizeof(int64_t),
		                           .timeout_ms = timeout_ms(
						   json_text(r->parameters, "timeout", "never")) };
	int64_t id = batch_add(r->app, &order, &jobs);
	r->state = "failed";
	if (id < 0) {
		err_set(&r->message, 0, "The jobs could not be stored.");
	} else if (jobs == 0) {
		err_set(&r->message, 0, "No computer that is meant is activated.");
	} else {
		r->state = "running";
		r->batch = id;
		err_set(&r->message, 0, "%lld computers.", (long long)jobs);
	}
}

static void scan(struct run *r)
{
	over_computers(r, "malware-scan", "scan", "{\"type\":\"scheduled\"}");
}

static void scan_integrity(struct run *r)
{
	over_computers(r, "integrity-scan", "integrity-scan", "{}");
}

static void scan_ports(struct run *r)
{
	over_computers(r, "port-scan", "port-scan", "{}");
}

static void send_policy(struct run *r)
{
	over_computers(r, "send-policy", "update-configuration", "{}");
}

static void summary(struct run *r)
{
	int n = notify_summary(r->app, json_object_at(r->parameters, "recipients"), &r->message);
	r->state = n < 0 ? "failed" : "done";
	if (n >= 0)
		err_set(&r->message, 0, "Mail to %d receivers waits to be sent.", n);
}

/* The work of these types is not there (yet); they are stored, and a run says so. */
static void not_available(struct run *r)
{
	r->state = "not-available";
	err_set(&r->message, 0, "This manager cannot do %s yet.", json_text(r->task, "type", ""));
}

/* Others do it, when they have time. */
static void queue(struct run *r)
{
	r->state = "queued";
	r->outside = true;
}

static const struct type {
	const char *name, *parameters;
	bool computers; /* its parameters must say which */
	void (*run)(struct run *r);
	const struct outside *outside;
} types[] = {
	{ "scan-for-malware", "scanForMalwareTaskParameters", true, scan },
	{ "send-policy", "sendPolicyTaskParameters", true, send_policy },
	{ "check-for-security-updates", "checkForSecurityUpdatesTaskParameters", true,
	  not_available },
	{ "scan-for-open-ports", "scanForOpenPortsTaskParameters", true, scan_ports },
	{ "scan-for-recommendations", "scanForRecommendationsTaskParameters", true, not_available },
	{ "scan-for-integrity-changes", "scanForIntegrityChangesTaskParameters", true,
	  scan_integrity },
	{ "send-alert-summary", "sendAlertSummaryTaskParameters", false, summary },
	{ "discover-computers", "discoverComputersTaskParameters", false, queue,
	  &outside_discover },
	{ "run-script", "runScriptTaskParameters", false, queue, &outside_script },
	{ "generate-report", "generateReportTaskParameters", false, not_available },
	{ "synchronize-directory", "synchronizeDirectoryTaskParameters", false, not_available },
	{ "synchronize-users", NULL, false, not_available },
	{ "synchronize-vcenter", "synchronizeVCenterTaskParameters", false, not_available },
	{ "synchronize-cloud-account", "synchronizeCloudAccountTaskParameters", false,
	  not_available },
	{ "check-for-software-updates", NULL, false, not_available },
	{ "update-suspicious-objects-list", "updateSuspiciousObjectsListTaskParameters", true,
	  not_available },
};

static const struct type *type_of(const json_t *task)
{
	const char *name = json_text(task, "type", "");
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

const struct outside *scheduled_outside(const json_t *task)
{
	const struct type *t = type_of(task);
	return t ? t->outside : NULL;
}

/* ---- runs ---- */

static void say(struct app *a, const char *event, const char *by, int64_t id, const json_t *task,
                const char *description)
{
	system_event_about(a, event,
	                   &(struct subject){ .by = by,
	                                      .type = "scheduled task",
	                                      .id = id,
	                                      .name = json_text(task, "name", ""),
	                                      .text = description });
}

static bool has_failed(const char *state)
{
	return !choice_has("done|queued|running", state);
}

/* Runs a task and moves it on; all in the caller's transaction. */
static void run(struct app *a, const char *by, int64_t id, json_t *task, int64_t due)
{
	const struct type *t = type_of(task);
	int64_t now = (int64_t)clock_ms();
	struct run r = { .app = a, .by = by, .id = id, .task = task, .state = "failed" };
	r.parameters = t && t->parameters ? json_object_at(task, t->parameters) : NULL;
	say(a, strcmp(by, "System") == 0 ? "scheduled-task-started" : "scheduled-task-manual", by,
	    id, task, NULL);
	if (t)
		t->run(&r);
	json_set_int(task, "lastRunTime", now);
	int64_t row = store_int(a->store, STMT_RUN_ADD,
	                        ARGS(VAL_INT(id), VAL_INT(due), VAL_INT(now), VAL_TEXT(r.state),
	                             VAL_TEXT(r.message.text), VAL_INT(r.batch)),
	                        0);
	if (r.batch || r.outside)
		return;
	store_exec(a->store, STMT_RUN_END,
	           ARGS(VAL_INT(row), VAL_INT(now), VAL_TEXT(r.state), VAL_TEXT(r.message.text)));
	say(a, has_failed(r.state) ? "scheduled-task-failed" : "scheduled-task-ended", by, id, task,
	    r.message.text);
}

static void set_next(json_t *task, int64_t after)
{
	int64_t next = 0;
	bool on = json_bool(task, "enabled", true);
	if (on && schedule_next(json_object_at(task, "scheduleDetails"), after, 1, &next) == 1)
		json_set_int(task, "nextRunTime", next);
	else
		json_object_del(task, "nextRunTime");
}

static void save(struct app *a, int64_t id, const json_t *task)
{
	int rc = object_set(a->store, resource_find(STR("scheduledtasks")), id, task);
	if (rc < 0)
		log_error("store scheduled task %lld: %s", (long long)id, store_error(a->store));
}

/* How many runs lay between the one that is due and now, while nobody was there. */
static int64_t skipped(const json_t *task, int64_t due, int64_t now)
{
	enum { COUNT_MAX = 1000 };
	int64_t n = 0, at = due;
	const json_t *details = json_object_at(task, "scheduleDetails");
	while (n < COUNT_MAX && schedule_next(details, at, 1, &at) == 1 && at <= now)
		n++;
	return n;
}

static void tell_skipped(struct app *a, int64_t id, const json_t *task, long long n)
{
	struct err text;
	err_set(&text, 0, "%lld runs were due while the manager did not run; it runs once for all",
	        n);
	say(a, "scheduled-task-missed", "System", id, task, text.text);
}

static void run_due(struct app *a, int64_t id, json_t *task, int64_t now)
{
	int64_t due = json_int(task, "nextRunTime", 0), n = skipped(task, due, now);
	if (n > 0)
		tell_skipped(a, id, task, n + 1);
	run(a, "System", id, task, due);
	set_next(task, now);
	save(a, id, task);
}

void scheduled_tick(struct app *a)
{
	struct rows r;
	AUTO(json_decrefp) json_t *due = json_array();
	int64_t now = (int64_t)clock_ms();
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *task = json_parse(col_str(&r, 1), NULL);
		int64_t next = json_int(task, "nextRunTime", 0);
		if (task && next > 0 && next <= now)
			json_array_append_new(due,
			                      json_pack("[I,O]", (json_int_t)r.col[0].i, task));
		json_decref(task);
	}
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (due, i, v)
		run_due(a, json_integer_value(json_array_get(v, 0)), json_array_get(v, 1), now);
}

void scheduled_batch_ended(struct app *a, int64_t batch, const struct batch_state *s)
{
	struct rows r;
	struct err text;
	int64_t row = 0, id = 0;
	int rc = store_query(a->store, STMT_RUN_OF_BATCH, ARGS(VAL_INT(batch)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		row = r.col[0].i;
		id = r.col[1].i;
	}
	rows_done(&r);
	if (!row)
		return;
	AUTO(json_decrefp) json_t *task = object_get(a->store, kind, id);
	bool good = s->done == s->total;
	err_set(&text, 0, "%lld of %lld computers are done, %lld timed out", (long long)s->done,
	        (long long)s->total, (long long)json_int(s->states, "timed-out", 0));
	store_exec(a->store, STMT_RUN_END,
	           ARGS(VAL_INT(row), VAL_INT(clock_ms()), VAL_TEXT(good ? "done" : "failed"),
	                VAL_TEXT(text.text)));
	say(a, good ? "scheduled-task-ended" : "scheduled-task-failed", "System", id, task,
	    text.text);
}

void scheduled_run_ended(struct app *a, int64_t row, bool good, const char *text)
{
	int64_t id = store_int(a->store, STMT_RUN_TASK, ARGS(VAL_INT(row)), 0);
	AUTO(json_decrefp) json_t *task = object_get(a->store, kind, id);
	store_exec(a->store, STMT_RUN_END,
	           ARGS(VAL_INT(row), VAL_INT(clock_ms()), VAL_TEXT(good ? "done" : "failed"),
	                VAL_TEXT(text)));
	say(a, good ? "scheduled-task-ended" : "scheduled-task-failed", "System", id, task, text);
}

/* ---- the collection ---- */

int scheduled_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	const struct type *t = type_of(o);
	const json_t *p = t && t->parameters ? json_object_at(o, t->parameters) : NULL;
	const json_t *filter = json_object_at(p, "computerFilter");
	if (t && t->computers && !filter)
		return err_set(&c->why, -EINVAL, "%s with a computerFilter is required.",
		               t->parameters);
	if (filter && (filter_check(c->app, filter, &c->why) < 0 || filter_reached(c, filter) < 0))
		return -EINVAL;
	if (schedule_check(json_object_at(o, "scheduleDetails"), &c->why) < 0)
		return -EINVAL;
	if (p && outside_check(c->app, o, &c->why) < 0)
		return -EINVAL;
	bool moved = !old || json_bool(old, "enabled", true) != json_bool(o, "enabled", true) ||
	             !json_equal(json_object_get(old, "scheduleDetails"),
	                         json_object_get(o, "scheduleDetails"));
	if (moved)
		set_next(o, (int64_t)clock_ms());
	/* It runs when it is stored (scheduled_changed()), which this makes sure of. */
	if (json_bool(c->body, "runNow", false))
		json_set_int(o, "lastRunTime", (int64_t)clock_ms());
	(void)id;
	return 0;
}

void scheduled_changed(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	AUTO(json_decrefp) json_t *task = NULL;
	(void)old;
	if (!o || !json_bool(c->body, "runNow", false))
		return;
	task = json_deep_copy(o);
	run(c->app, c->who.name, id, task, (int64_t)clock_ms());
	save(c->app, id, task);
}

static json_t *show_run(const struct rows *r)
{
	json_t *o = json_object();
	json_set_int(o, "due", r->col[1].i);
	json_set_int(o, "started", r->col[2].i);
	if (r->col[3].type == V_INT)
		json_set_int(o, "finished", r->col[3].i);
	json_set_bytes(o, "state", col_str(r, 4));
	AUTO(freep) char *message = str_dup(col_str(r, 5)); /* with the lines of a script */
	json_set_text(o, "message", message);
	if (r->col[6].i)
		json_set_int(o, "jobBatchID", r->col[6].i);
	json_set_int(o, "ID", r->col[0].i);
	return o;
}

static json_t *runs(struct app *a, int64_t id, int64_t max)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(a->store, STMT_RUN_LIST, ARGS(VAL_INT(id), VAL_INT(max)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		json_array_append_new(list, show_run(&r));
	rows_done(&r);
	return list;
}

void scheduled_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	int64_t next[NEXT_SHOWN];
	json_t *times = json_array();
	int n = json_bool(full, "enabled", true)
	                ? schedule_next(json_object_at(full, "scheduleDetails"),
	                                (int64_t)clock_ms(), NEXT_SHOWN, next)
	                : 0;
	for (int i = 0; i < n; i++)
		json_array_append_new(times, json_integer(next[i]));
	json_set(o, "nextRunTimes", times);
	AUTO(json_decrefp) json_t *last = runs(c->app, id, 1);
	if (json_array_size(last))
		json_set(o, "lastRun", json_incref(json_array_get(last, 0)));
}

int scheduled_runs(struct call *c)
{
	AUTO(json_decrefp) json_t *task = object_get(c->app->store, kind, c->id);
	if (!task) {
		c->code = "not-found";
		err_set(&c->why, 0, "The scheduled task does not exist.");
		return 404;
	}
	c->out = json_object();
	json_set(c->out, "runs", runs(c->app, c->id, RUNS_SHOWN));
	return 200;
}
