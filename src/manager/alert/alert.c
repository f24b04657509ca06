#include "manager/alert/alert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/alert/notify.h"

enum { LIST_MAX = 1000, MINUTE_MS = 60000 };

static const char kind[] = "alerttypes";

/* What an administrator may set of a type. */
/* clang-format off */
static const struct field type_fields[] = {
	{ "enabled",      T_BOOL,   0, .doc = "off: never raised" },
	{ "emailEnabled", T_BOOL,   0, .doc = "its start is mailed and sent to web hooks" },
	{ "severity",     T_CHOICE, 0, "warning|critical", .doc = "" },
	{ "threshold",    T_INT,    0, .min = 1, .max = 10000, .doc = "so many events within the window raise it" },
	{ "window",       T_INT,    0, .min = 1, .max = 10080, .doc = "minutes" },
	{ 0 },
};
/* clang-format on */

/* ---- types ---- */

static const struct alert_type *type_of(int64_t id)
{
	for (const struct alert_type *t = alert_types; t->name; t++)
		if (t->id == id)
			return t;
	return NULL;
}

static const struct alert_type *type_named(struct str name)
{
	for (const struct alert_type *t = alert_types; t->name; t++)
		if (str_is(name, t->name))
			return t;
	return NULL;
}

/* As it is set, with the defaults; new reference. */
static json_t *settings_of(struct app *a, const struct alert_type *t)
{
	AUTO(json_decrefp) json_t *own = object_get(a->store, kind, t->id);
	json_t *o = json_pack("{s:b,s:b,s:s,s:i,s:i}", "enabled", 1, "emailEnabled", 1, "severity",
	                      t->critical ? "critical" : "warning", "threshold", 1, "window", 10);
	json_object_update_existing(o, own);
	return o;
}

static json_t *show_type(struct app *a, const struct alert_type *t)
{
	json_t *o = settings_of(a, t);
	json_set_text(o, "name", t->name);
	json_set(o, "title", json_pack("{s:s,s:s}", "en", t->en, "ja", t->ja));
	json_set_bool(o, "raisedByEvents", *t->raises);
	json_set_bool(o, "endsByItself", *t->clears);
	json_set_int(o, "ID", t->id);
	return o;
}

/* ---- raising and clearing ---- */

/* What an event is about. */
struct about {
	int64_t computer;
	const char *target; /* borrowed */
};

static struct about about(int64_t computer, const char *host, const struct event *ev)
{
	struct about b = { computer, host };
	if (computer || ev->class != &event_class_system)
		return b;
	b.target = json_text(ev->fields, "TargetName", "");
	if (strcmp(json_text(ev->fields, "TargetType", ""), "computer") == 0)
		b.computer = json_int(ev->fields, "TargetID", 0);
	if (!*b.target)
		b.target = json_text(ev->fields, "Process", "");
	return b;
}

static bool often_enough(struct app *a, const struct alert_type *t, const json_t *set,
                         int64_t computer)
{
	char sql[200];
	struct rows r;
	int64_t need = json_int(set, "threshold", 1), n = need;
	if (need <= 1)
		return true;
	snprintf(sql, sizeof(sql),
	         "select count(*) from event_%s where computer = $1 and kind = $2 and time >= $3",
	         t->class);
	int64_t since = (int64_t)clock_ms() - json_int(set, "window", 10) * MINUTE_MS;
	int rc = store_query_sql(a->store, sql,
	                         ARGS(VAL_INT(computer), VAL_TEXT(t->raises), VAL_INT(since)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		n = r.col[0].i;
	rows_done(&r);
	return n >= need;
}

static void say(struct app *a, const char *event, const char *by, const struct alert_type *t,
                int64_t id, const char *target, const char *description)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_z(&b, target);
	if (description && *description)
		buf_fmt(&b, "%s%s", b.n ? ": " : "", description);
	system_event_about(
		a, event,
		&(struct subject){
			.by = by, .type = "alert", .id = id, .name = t->en, .text = b.p });
}

static json_t *get(struct app *a, int64_t id);

static void news(struct app *a, int64_t id, const char *op)
{
	json_t *o = stream_heard(a) ? get(a, id) : NULL;
	if (!stream_heard(a))
		stream_unheard(a);
	if (o)
		stream_say(a, "alerts", "alert", json_pack("{s:s,s:o}", "op", op, "object", o));
}

/* So many events at once, of which ev is the last. */
static void raise_now(struct app *a, const struct alert_type *t, const struct about *b,
                      const struct event *ev, int64_t times, const json_t *set)
{
	AUTO(buf_done) struct buf sentence = { 0 };
	struct rows r;
	int64_t id = 0, count = 0, now = (int64_t)clock_ms();
	struct event whole = *ev; /* its fields may still be text */
	if (event_load(&whole) == 0)
		event_sentence(&sentence, &whole, "en");
	if (!ev->fields)
		event_done(&whole);
	int rc = store_query(a->store, STMT_ALERT_RAISE,
	                     ARGS(VAL_TEXT(t->name), VAL_INT(b->computer), VAL_TEXT(b->target),
	                          VAL_INT(now), VAL_STR(buf_view(&sentence)), VAL_INT(times)),
	                     &r);
	if (rc == 0 && rows_next(&r) == 1) {
		id = r.col[0].i;
		count = r.col[1].i;
	}
	if (rc == 0 && rows_next(&r) < 0)
		id = 0;
	rows_done(&r);
	if (!id) {
		log_error("raise alert %s: %s", t->name, store_error(a->store));
		return;
	}
	news(a, id, count == times ? "create" : "update");
	if (count > times)
		return;
	AUTO(freep) char *text = buf_take(&sentence);
	say(a, "alert-started", "System", t, id, b->target, text);
	if (json_bool(set, "emailEnabled", true))
		notify_alert(a, t, json_text(set, "severity", ""), b->target, text, now);
}

/* ---- holding ---- */

/* What one alert, the last one that was raised, is still to be told. What was handed in is there
 * until then, so that an event's text may be borrowed. */
struct alert_held {
	const struct alert_type *type; /* NULL: nothing is held */
	int64_t computer, times;
	char *target;      /* owned */
	json_t *set;       /* owned: the type's settings */
	struct event last; /* owns its fields */
};

static void tell_held(struct app *a)
{
	struct alert_held *h = a->held;
	if (!h || !h->type)
		return;
	struct alert_held told = *h;
	*h = (struct alert_held){ 0 };
	const struct about b = { told.computer, told.target };
	raise_now(a, told.type, &b, &told.last, told.times, told.set);
	event_done(&told.last);
	json_decref(told.set);
	free(told.target);
}

void alerts_hold(struct app *a)
{
	if (!a->held)
		a->held = xcalloc(1, sizeof(*a->held));
}

void alerts_settle(struct app *a)
{
	tell_held(a);
	free(a->held);
	a->held = NULL;
}

static void hold_event(struct alert_held *h, const struct event *ev)
{
	json_decref(h->last.fields);
	h->last = *ev;
	json_incref(h->last.fields);
	h->times++;
}

static void raise_it(struct app *a, const struct alert_type *t, const struct about *b,
                     const struct event *ev)
{
	struct alert_held *h = a->held;
	if (h && h->type == t && h->computer == b->computer && strcmp(h->target, b->target) == 0) {
		hold_event(h, ev);
		return;
	}
	tell_held(a);
	AUTO(json_decrefp) json_t *set = settings_of(a, t);
	if (!json_bool(set, "enabled", true) || !often_enough(a, t, set, b->computer))
		return;
	/* Whether there are enough is asked at each event. */
	if (!h || json_int(set, "threshold", 1) > 1) {
		raise_now(a, t, b, ev, 1, set);
		return;
	}
	*h = (struct alert_held){ .type = t,
		                  .computer = b->computer,
		                  .target = xstrdup(b->target),
		                  .set = json_incref(set) };
	hold_event(h, ev);
}

static void end(struct app *a, const struct alert_type *t, const struct about *b)
{
	struct rows r;
	int64_t id = 0;
	tell_held(a);
	int rc =
		store_query(a->store, STMT_ALERT_FIND,
	                    ARGS(VAL_TEXT(t->name), VAL_INT(b->computer), VAL_TEXT(b->target)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		id = r.col[0].i;
	rows_done(&r);
	if (!id)
		return;
	store_exec(a->store, STMT_ALERT_END,
	           ARGS(VAL_INT(id), VAL_TEXT("ended"), VAL_INT(clock_ms()), VAL_TEXT("System"),
	                VAL_TEXT("")));
	say(a, "alert-ended", "System", t, id, b->target, NULL);
	news(a, id, "update");
}

void alert_event(struct app *a, int64_t computer, const char *host, const struct event *ev,
                 int64_t id)
{
	(void)id;
	for (const struct alert_type *t = alert_types; t->name && *t->class; t++) {
		if (strcmp(t->class, ev->class->name) != 0)
			continue;
		struct about b = about(computer, host, ev);
		if (strcmp(t->raises, ev->kind->name) == 0)
			raise_it(a, t, &b, ev);
		else if (strcmp(t->clears, ev->kind->name) == 0)
			end(a, t, &b);
	}
}

int64_t alerts_active(struct app *a, bool critical)
{
	struct rows r;
	int64_t n = 0;
	int rc = store_query(a->store, STMT_ALERT_LIST, ARGS(VAL_TEXT("active"), VAL_INT(LIST_MAX)),
	                     &r);
	while (rc == 0 && rows_next(&r) == 1) {
		const struct alert_type *t = type_named(col_str(&r, 1));
		n += t && t->critical == critical;
	}
	rows_done(&r);
	return n;
}

/* ---- the API ---- */

static json_t *row(const struct rows *r)
{
	static const struct {
		int column;
		const char *key;
	} members[] = { { 1, "type" },  { 2, "computerID" }, { 3, "targetName" }, { 4, "raised" },
		        { 5, "last" },  { 6, "count" },      { 7, "message" },    { 8, "state" },
		        { 9, "ended" }, { 10, "endedBy" },   { 11, "reason" } };
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct val *v = &r->col[members[i].column];
		if (v->type == V_INT)
			json_set_int(o, members[i].key, v->i);
		else if (v->type == V_TEXT && v->n)
			json_set_bytes(o, members[i].key, col_str(r, members[i].column));
	}
	const struct alert_type *t = type_named(col_str(r, 1));
	if (t) {
		json_set(o, "title", json_pack("{s:s,s:s}", "en", t->en, "ja", t->ja));
		json_set_int(o, "typeID", t->id);
	}
	json_set_int(o, "ID", r->col[0].i);
	return o;
}

static void complete(struct app *a, json_t *o)
{
	const struct alert_type *t = type_of(json_int(o, "typeID", 0));
	AUTO(json_decrefp) json_t *set = t ? settings_of(a, t) : NULL;
	json_set_text(o, "severity", json_text(set, "severity", "warning"));
}

static json_t *get(struct app *a, int64_t id)
{
	struct rows r;
	json_t *o = NULL;
	int rc = store_query(a->store, STMT_ALERT_GET, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		o = row(&r);
	rows_done(&r);
	if (o)
		complete(a, o);
	return o;
}

static int missing(struct call *c, const char *what)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The %s does not exist.", what);
	return 404;
}

static int alerts_list(struct call *c)
{
	struct rows r;
	json_t *list = json_array();
	const char *state = query_text(c->rq, "state", "active");
	if (!choice_has("active|ended|dismissed|all", state)) {
		json_decref(list);
		err_set(&c->why, 0, "state is one of active|ended|dismissed|all.");
		return 400;
	}
	int rc = store_query(c->app->store, STMT_ALERT_LIST,
	                     ARGS(VAL_TEXT(state), VAL_INT(LIST_MAX)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		if (access_computer(c, r.col[2].i, false))
			json_array_append_new(list, row(&r));
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		complete(c->app, v);
	c->out = json_object();
	json_set(c->out, "alerts", list);
	return 200;
}

static int alert_one(struct call *c)
{
	c->out = get(c->app, c->id);
	return c->out && access_computer(c, json_int(c->out, "computerID", 0), false)
	               ? 200
	               : missing(c, "alert");
}

static int alert_dismiss(struct call *c)
{
	AUTO(json_decrefp) json_t *o = get(c->app, c->id);
	const char *reason = json_text(c->body, "reason", "");
	const struct alert_type *t = type_of(json_int(o, "typeID", 0));
	if (!o || !t || !access_computer(c, json_int(o, "computerID", 0), true))
		return missing(c, "alert");
	if (strcmp(json_text(o, "state", ""), "active") != 0 || strlen(reason) > 1000) {
		err_set(&c->why, 0,
		        strlen(reason) > 1000 ? "The reason is too long."
		                              : "The alert has ended already.");
		return 400;
	}
	store_exec(c->app->store, STMT_ALERT_END,
	           ARGS(VAL_INT(c->id), VAL_TEXT("dismissed"), VAL_INT(clock_ms()),
	                VAL_TEXT(c->who.name), VAL_TEXT(reason)));
	say(c->app, "alert-dismissed", c->who.name, t, c->id, json_text(o, "targetName", ""),
	    reason);
	news(c->app, c->id, "update");
	c->out = get(c->app, c->id);
	return 200;
}

static int types_list(struct call *c)
{
	json_t *list = json_array();
	for (const struct alert_type *t = alert_types; t->name; t++)
		json_array_append_new(list, show_type(c->app, t));
	c->out = json_object();
	json_set(c->out, "alertTypes", list);
	return 200;
}

static int type_get(struct call *c)
{
	const struct alert_type *t = type_of(c->id);
	c->out = t ? show_type(c->app, t) : NULL;
	return t ? 200 : missing(c, "alert type");
}

static int type_set(struct call *c)
{
	const struct alert_type *t = type_of(c->id);
	AUTO(json_decrefp) json_t *before = t ? settings_of(c->app, t) : NULL;
	AUTO(json_decrefp) json_t *own = t ? object_get(c->app->store, kind, t->id) : NULL;
	bool known = own != NULL;
	if (!t)
		return missing(c, "alert type");
	if (!own)
		own = json_object();
	if (!c->body || fields_take(type_fields, c->body, own, false, &c->why) < 0)
		return 400;
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, own);
	int rc = store_exec(c->app->store, known ? STMT_OBJECT_SET : STMT_OBJECT_ADD,
	                    ARGS(VAL_TEXT(kind), VAL_INT(t->id), VAL_TEXT(t->name), VAL_INT(0),
	                         VAL_STR(buf_view(&b))));
	if (rc < 0) {
		err_set(&c->why, 0, "The alert type could not be stored.");
		return 500;
	}
	c->out = show_type(c->app, t);
	AUTO(json_decrefp) json_t *after = settings_of(c->app, t);
	audit(c, "alert-type-updated", "alert type", t->id, t->en, before, after);
	return 200;
}

/* clang-format off */
const struct route alert_routes[] = {
	{ "GET",  "/api/alerts",              alerts_list,   false, "newest first; ?state=" },
	{ "GET",  "/api/alerts/{id}",         alert_one,     false, "one" },
	{ "POST", "/api/alerts/{id}/dismiss", alert_dismiss, true,  "it has been looked at" },
	{ "GET",  "/api/alerttypes",          types_list,    false, "what there are alerts of" },
	{ "GET",  "/api/alerttypes/{id}",     type_get,      false, "one" },
	{ "POST", "/api/alerttypes/{id}",     type_set,      true,  "on or off, severity, threshold, mail" },
	{ 0 },
};
/* clang-format on */
