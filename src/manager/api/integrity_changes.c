#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/integrity.h"
#include "module/integritymonitoring/section.h"

/*
 * Changes that wait for somebody's word. What has one cause is one of them: a package transaction
 * that the agent proved, a maintenance window, a process that is trusted; what has none goes by the
 * rule that saw it.
 */

enum { LIST_MAX = 1000, MEMBERS_MAX = 2000, MINUTES_MAX = 7 * 24 * 60 };

struct cause {
	const char *kind;
	struct buf id, words;
};

static void cause_done(struct cause *c)
{
	buf_done(&c->id);
	buf_done(&c->words);
}

static const char *field(const struct event *ev, const char *name)
{
	const char *v = json_string_value(json_object_get(ev->fields, name));
	return v ? v : "";
}

/* The window that was open then. */
static bool in_window(struct app *a, int64_t computer, const struct event *ev, struct cause *out)
{
	struct rows r;
	int rc = store_query(a->store, STMT_WINDOW_AT,
	                     ARGS(VAL_INT(computer), VAL_INT(ev->time_ms)), &r);
	bool is = rc == 0 && rows_next(&r) == 1;
	if (is) {
		out->kind = "maintenance";
		buf_fmt(&out->id, "maintenance-%lld", (long long)r.col[0].i);
		buf_str(&out->words, col_str(&r, 1));
	}
	rows_done(&r);
	return is;
}

/* integrityMonitoringSettingTrustedProcesses: paths, one a line. */
static bool is_trusted(struct app *a, int64_t computer, const struct event *ev, struct cause *out)
{
	AUTO(buf_done) struct buf list = { 0 };
	const char *process = field(ev, "Process");
	if (!*process)
		return false;
	setting_value(a, "computers", computer, "integrityMonitoringSettingTrustedProcesses",
	              &list);
	for (struct str rest = buf_view(&list); rest.p;) {
		if (!str_is(str_trim(str_cut(&rest, '\n')), process))
			continue;
		out->kind = "process";
		buf_fmt(&out->id, "process-%s", process);
		buf_z(&out->words, process);
		return true;
	}
	return false;
}

static void find_cause(struct app *a, int64_t computer, const struct event *ev, struct cause *out)
{
	const char *told = field(ev, "Cause");
	if (*told) {
		out->kind = "package";
		buf_z(&out->id, field(ev, "CauseID"));
		buf_z(&out->words, field(ev, "CauseText"));
	} else if (!in_window(a, computer, ev, out) && !is_trusted(a, computer, ev, out)) {
		out->kind = "none";
		buf_fmt(&out->id, "rule-%s", field(ev, "Reason"));
		buf_z(&out->words, field(ev, "Reason"));
	}
}

void integrity_change_told(struct app *a, int64_t computer, const struct event *ev, int64_t id)
{
	AUTO(cause_done) struct cause cause = { 0 };
	if (ev->class != &event_class_integritymonitoring)
		return;
	find_cause(a, computer, ev, &cause);
	int64_t change =
		store_int(a->store, STMT_CHANGE_ADD,
	                  ARGS(VAL_INT(computer), VAL_TEXT(cause.kind),
	                       VAL_STR(buf_view(&cause.id)), VAL_STR(buf_view(&cause.words)),
	                       VAL_INT(ev->time_ms), VAL_INT(json_int(ev->fields, "Count", 1)),
	                       VAL_INT(json_int(ev->fields, "Rank", 0))),
	                  0);
	if (change > 0)
		store_exec(a->store, STMT_MEMBER_ADD, ARGS(VAL_INT(change), VAL_INT(id)));
}

/* ---- the API ---- */

static json_t *show(struct app *a, const struct rows *r)
{
	static const struct {
		int column;
		const char *key;
	} members[] = { { 2, "cause" },    { 3, "causeID" }, { 4, "text" }, { 5, "first" },
		        { 6, "last" },     { 7, "changes" }, { 8, "rank" }, { 9, "state" },
		        { 10, "decided" }, { 11, "by" },     { 12, "note" } };
	json_t *o = json_object();
	AUTO(freep) char *host = computer_name(a->store, r->col[1].i);
	json_set_int(o, "ID", r->col[0].i);
	json_set_int(o, "computerID", r->col[1].i);
	json_set_bytes(o, "hostName", str_of(host));
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct val *v = &r->col[members[i].column];
		if (v->type == V_INT)
			json_set_int(o, members[i].key, v->i);
		else if (v->type == V_TEXT)
			json_set_bytes(o, members[i].key, col_str(r, members[i].column));
	}
	return o;
}

static json_t *find(struct app *a, int64_t id)
{
	struct rows r;
	json_t *o = NULL;
	int rc = store_query(a->store, STMT_CHANGE_GET, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		o = show(a, &r);
	rows_done(&r);
	return o;
}

static int missing(struct call *c)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The integrity change does not exist.");
	return 404;
}

int integrity_changes_list(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	const char *state = query_text(c->rq, "state", "pending");
	int rc = store_query(c->app->store, STMT_CHANGE_LIST,
	                     ARGS(VAL_TEXT(state), VAL_INT(LIST_MAX)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		if (access_computer(c, r.col[1].i, false))
			json_array_append_new(list, show(c->app, &r));
	rows_done(&r);
	c->out = json_object();
	json_set(c->out, "integrityChanges", list);
	return rc < 0 ? 500 : 200;
}

int integrity_change_get(struct call *c)
{
	struct rows r;
	json_t *events = json_array();
	c->out = find(c->app, c->id);
	int rc = store_query(c->app->store, STMT_MEMBER_LIST,
	                     ARGS(VAL_INT(c->id), VAL_INT(MEMBERS_MAX)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		json_array_append_new(events, json_integer(r.col[0].i));
	rows_done(&r);
	if (!c->out) {
		json_decref(events);
		return missing(c);
	}
	json_set(c->out, "eventIDs", events);
	return 200;
}

static int decide(struct call *c, const char *state, const char *event)
{
	AUTO(json_decrefp) json_t *o = find(c->app, c->id);
	const char *note = json_text(c->body, "note", "");
	if (!o)
		return missing(c);
	if (strcmp(json_text(o, "state", ""), "pending") != 0) {
		err_set(&c->why, 0, "Somebody decided on it before.");
		return 400;
	}
	store_exec(c->app->store, STMT_CHANGE_DECIDE,
	           ARGS(VAL_INT(c->id), VAL_TEXT(state), VAL_INT(clock_ms()), VAL_TEXT(c->who.name),
	                VAL_TEXT(note)));
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "%lld changes: %s%s%s", (long long)json_int(o, "changes", 0),
	        json_text(o, "text", ""), *note ? "; " : "", note);
	system_event_about(c->app, event,
	                   &(struct subject){ .by = c->who.name,
	                                      .type = "computer",
	                                      .id = json_int(o, "computerID", 0),
	                                      .name = json_text(o, "hostName", ""),
	                                      .text = b.p });
	c->out = find(c->app, c->id);
	stream_say(c->app, "integritychanges", "integritychange",
	           json_pack("{s:s,s:O}", "op", "update", "object", c->out));
	return 200;
}

int integrity_change_approve(struct call *c)
{
	return decide(c, "approved", "integrity-changes-approved");
}

int integrity_change_incident(struct call *c)
{
	return decide(c, "incident", "integrity-incident");
}

/* ---- maintenance ---- */

int integrity_windows(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(c->app->store, STMT_WINDOW_LIST,
	                     ARGS(VAL_INT(c->id), VAL_INT(LIST_MAX)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *o = json_object();
		json_set_int(o, "ID", r.col[0].i);
		json_set_int(o, "began", r.col[1].i);
		json_set_int(o, "ends", r.col[2].i);
		json_set_bytes(o, "reason", col_str(&r, 3));
		json_set_bytes(o, "by", col_str(&r, 4));
		json_array_append_new(list, o);
	}
	rows_done(&r);
	c->out = json_object();
	json_set(c->out, "maintenanceWindows", list);
	return rc < 0 ? 500 : 200;
}

int integrity_window_open(struct call *c)
{
	int64_t minutes = json_int(c->body, "minutes", 60), now = (int64_t)clock_ms();
	const char *reason = json_text(c->body, "reason", "");
	if (minutes < 1 || minutes > MINUTES_MAX || !*reason) {
		err_set(&c->why, 0, "A reason and minutes from 1 to %d are expected.", MINUTES_MAX);
		return 400;
	}
	AUTO(freep) char *name = computer_name(c->app->store, c->id);
	store_exec(c->app->store, STMT_WINDOW_ADD,
	           ARGS(VAL_INT(c->id), VAL_INT(now), VAL_INT(now + minutes * 60000),
	                VAL_TEXT(reason), VAL_TEXT(c->who.name)));
	system_event_about(c->app, "integrity-maintenance",
	                   &(struct subject){ .by = c->who.name,
	                                      .type = "computer",
	                                      .id = c->id,
	                                      .name = name,
	                                      .text = reason });
	return integrity_windows(c);
}

int integrity_window_close(struct call *c)
{
	store_exec(c->app->store, STMT_WINDOW_CLOSE, ARGS(VAL_INT(c->id), VAL_INT(clock_ms())));
	return integrity_windows(c);
}
