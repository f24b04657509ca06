#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/alert/alert.h"
#include "manager/alert/record.h"
#include "manager/api/app.h"
#include "model/event_scan.h"
#include "module/module.h"

enum { PAGE_DEFAULT = 50, PAGE_MAX = 5000, ARGS_MAX = 64, CRITERIA_MAX = 30 };

/* The class of a path's name; some have a shorter one besides. */
static const struct event_class *class_find(struct str name)
{
	if (str_is(name, "integrity"))
		name = STR("integritymonitoring");
	for (const struct event_class *const *c = event_classes; *c; c++)
		if (str_is(name, (*c)->name))
			return *c;
	return NULL;
}

/* "antiMalwareEvents": the list's key. */
static const char *list_key(const struct event_class *c)
{
	static char key[64];
	snprintf(key, sizeof(key), "%ss", c->type);
	key[0] = (char)(key[0] + 32);
	return key;
}

/* ---- storing ---- */

static struct val value_of(const json_t *v)
{
	if (json_is_string(v))
		return VAL_TEXT(json_string_value(v));
	if (json_is_boolean(v))
		return VAL_INT(json_is_true(v));
	return json_is_integer(v) ? VAL_INT(json_integer_value(v)) : VAL_NULL;
}

static json_t *fields_of(const struct event_class *class, const struct rows *r)
{
	json_t *o = json_object();
	int i = 6;
	for (const struct event_field *f = class->fields; f->name && i < r->ncols; f++, i++) {
		json_t *v = NULL;
		if (r->col[i].type == V_TEXT)
			v = json_stringn(r->col[i].p, r->col[i].n);
		else if (r->col[i].type == V_INT)
			v = f->type == EV_BOOL ? json_boolean(r->col[i].i)
			                       : json_integer(r->col[i].i);
		if (v)
			json_set(o, f->name, v);
	}
	return o;
}

static const char *const severities[] = { "info", "warning", "error" };

/* An event as a row has it, for the sentence. */
struct seen {
	const struct event_class *class;
	const struct rows *row;
};

static void column_value(void *arg, struct str name, struct buf *b)
{
	const struct seen *s = arg;
	int i = 6;
	for (const struct event_field *f = s->class->fields; f->name && i < s->row->ncols;
	     f++, i++) {
		const struct val *v = &s->row->col[i];
		if (!str_is(name, f->name))
			continue;
		if (v->type == V_TEXT)
			buf_add(b, v->p, v->n);
		else if (v->type == V_INT && f->type == EV_BOOL)
			buf_z(b, v->i ? "true" : "false");
		else if (v->type == V_INT)
			buf_fmt(b, "%lld", (long long)v->i);
	}
}

static void member(struct buf *b, const char *name)
{
	if (b->n && b->p[b->n - 1] != '{')
		buf_char(b, ',');
	buf_char(b, '"');
	buf_z(b, name);
	buf_z(b, "\":");
}

static void member_int(struct buf *b, const char *name, int64_t value)
{
	member(b, name);
	buf_fmt(b, "%lld", (long long)value);
}

static void member_text(struct buf *b, const char *name, struct str value)
{
	member(b, name);
	json_write_text(b, value);
}

static void write_kind(struct buf *b, const struct event_class *class, const struct rows *r)
{
	char name[64];
	snprintf(name, sizeof(name), "%.*s", STR_ARG(col_str(r, 3)));
	const struct event_kind *kind = event_kind_find(class, name);
	AUTO(buf_done) struct buf sentence = { 0 };
	struct seen seen = { class, r };
	member_text(b, "kind", col_str(r, 3));
	if (!kind)
		return;
	event_sentence_of(&sentence, kind, "en", column_value, &seen);
	member_int(b, "number", kind->number);
	member_text(b, "severity", str_of(severities[kind->severity]));
	member_text(b, "sentence", buf_view(&sentence));
}

/* An event of a row of add_columns(), as JSON text: pages of thousands are written so. */
static void write_row(struct buf *b, const struct event_class *class, const struct rows *r)
{
	buf_char(b, '{');
	member_int(b, "ID", r->col[0].i);
	member_int(b, "logDate", r->col[4].i);
	member_int(b, "received", r->col[5].i);
	member_int(b, "computerID", r->col[1].i);
	member_text(b, "hostName", col_str(r, 2));
	write_kind(b, class, r);
	int i = 6;
	for (const struct event_field *f = class->fields; f->name && i < r->ncols; f++, i++) {
		const struct val *v = &r->col[i];
		if (v->type == V_TEXT) {
			member_text(b, f->name, (struct str){ v->p, v->n });
		} else if (v->type == V_INT && f->type == EV_BOOL) {
			member(b, f->name);
			buf_z(b, v->i ? "true" : "false");
		} else if (v->type == V_INT) {
			member_int(b, f->name, v->i);
		}
	}
	buf_char(b, '}');
}

static json_t *shown(const struct event_class *class, const struct rows *r)
{
	AUTO(buf_done) struct buf b = { 0 };
	write_row(&b, class, r);
	return json_parse(buf_view(&b), NULL);
}

static void add_columns(struct buf *b, const struct event_class *class)
{
	buf_z(b, "id, computer, host, kind, time, received");
	for (const struct event_field *f = class->fields; f->name; f++)
		buf_fmt(b, ", \"%s\"", f->name);
}

static json_t *one(struct app *a, const struct event_class *class, int64_t id)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct rows r;
	json_t *o = NULL;
	buf_z(&b, "select ");
	add_columns(&b, class);
	buf_fmt(&b, " from event_%s where id = $1", class->name);
	int rc = store_query_sql(a->store, b.p, ARGS(VAL_INT(id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		o = shown(class, &r);
	rows_done(&r);
	return o;
}

/* All columns, so that a class has one statement: what an event does not say is NULL. */
static void insert_into(const struct event_class *class, struct buf *b)
{
	size_t n = 6;
	buf_fmt(b, "insert into event_%s (computer, host, kind, time, received, uniq", class->name);
	for (const struct event_field *f = class->fields; f->name; f++)
		buf_fmt(b, ", \"%s\"", f->name);
	buf_z(b, ") values ($1, $2, $3, $4, $5, $6");
	for (const struct event_field *f = class->fields; f->name; f++)
		buf_fmt(b, ", $%zu", ++n);
	buf_z(b, ") on conflict (uniq) do nothing");
}

static const char *insert_of(struct app *a, const struct event_class *class)
{
	size_t i = 0;
	while (event_classes[i] != class)
		i++;
	if (!a->inserts[i]) {
		AUTO(buf_done) struct buf b = { 0 };
		insert_into(class, &b);
		a->inserts[i] = buf_take(&b);
	}
	return a->inserts[i];
}

/* What follows from an event that is new. */
static void stored(struct app *a, int64_t computer, const char *host, const struct event *ev,
                   int64_t id)
{
	if (stream_heard(a))
		stream_say(a, "events", "event",
		           json_pack("{s:s,s:s,s:o}", "op", "create", "class", ev->class->name,
		                     "object", one(a, ev->class, id)));
	else
		stream_unheard(a);
	alert_event(a, computer, host, ev, id);
}

static int insert(struct app *a, int64_t computer, const char *host, const struct event *ev,
                  struct val args[static ARGS_MAX], size_t n, int64_t *id)
{
	args[0] = VAL_INT(computer);
	args[1] = VAL_TEXT(host);
	args[2] = VAL_TEXT(ev->kind->name);
	args[3] = VAL_INT(ev->time_ms);
	args[4] = VAL_INT(clock_ms());
	args[5] = VAL_TEXT(ev->unique);
	int rc = store_insert_sql(a->store, insert_of(a, ev->class), args, n, id);
	if (rc == 1)
		stored(a, computer, host, ev, *id);
	return rc;
}

int event_store(struct app *a, int64_t computer, const char *host, const struct event *ev,
                int64_t *id)
{
	struct val args[ARGS_MAX];
	size_t n = 6;
	for (const struct event_field *f = ev->class->fields; f->name && n < ARGS_MAX; f++) {
		const json_t *v = json_object_get(ev->fields, f->name);
		args[n++] = v ? value_of(v) : VAL_NULL;
	}
	return insert(a, computer, host, ev, args, n, id);
}

int event_store_scanned(struct app *a, int64_t computer, const char *host, const struct event *ev,
                        const struct event_value *values, int64_t *id)
{
	struct val args[ARGS_MAX];
	size_t n = 6;
	for (size_t i = 0; ev->class->fields[i].name && n < ARGS_MAX; i++) {
		const struct event_value *v = &values[i];
		args[n++] = v->type == EVENT_VALUE_TEXT  ? VAL_STR(v->s)
		            : v->type == EVENT_VALUE_INT ? VAL_INT(v->i)
		                                         : VAL_NULL;
	}
	return insert(a, computer, host, ev, args, n, id);
}

static bool give(const struct event_class *class, const struct rows *r,
                 bool (*each)(void *arg, const struct event_row *row), void *arg)
{
	AUTO(freep) char *host = str_dup(col_str(r, 2));
	AUTO(freep) char *kind = str_dup(col_str(r, 3));
	struct event_row row = { .id = r->col[0].i, .computer = r->col[1].i, .host = host };
	row.event.class = class;
	row.event.kind = event_kind_find(class, kind);
	row.event.time_ms = (uint64_t)r->col[4].i;
	if (!row.event.kind) /* of a newer version */
		return true;
	row.event.fields = fields_of(class, r);
	bool more = each(arg, &row);
	json_decref(row.event.fields);
	return more;
}

int event_each(struct app *a, const struct event_class *class, int64_t after,
               bool (*each)(void *arg, const struct event_row *row), void *arg)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct rows r;
	bool more = true;
	buf_z(&b, "select ");
	add_columns(&b, class);
	buf_fmt(&b, " from event_%s where id > $1 order by id limit %d", class->name, PAGE_MAX);
	int rc = store_query_sql(a->store, b.p, ARGS(VAL_INT(after)), &r);
	while (rc == 0 && more && rows_next(&r) == 1)
		more = give(class, &r, each, arg);
	rows_done(&r);
	return rc;
}

int64_t event_newest(struct app *a, const struct event_class *class)
{
	char sql[100];
	struct rows r;
	int64_t id = 0;
	snprintf(sql, sizeof(sql), "select max(id) from event_%s", class->name);
	int rc = store_query_sql(a->store, sql, NULL, 0, &r);
	if (rc == 0 && rows_next(&r) == 1 && r.col[0].type == V_INT)
		id = r.col[0].i;
	rows_done(&r);
	return id;
}

void system_event(struct app *a, struct event *ev)
{
	char host[256] = "";
	int64_t id = 0;
	gethostname(host, sizeof(host) - 1);
	event_text(ev, "ManagerNodeName", host);
	/* One that is not to be recorded still has its consequences. */
	bool recorded = event_recorded(a, ev->kind->number);
	int rc = recorded ? event_store(a, 0, "", ev, &id) : 0;
	if (!recorded)
		alert_event(a, 0, "", ev, 0);
	if (rc < 0)
		log_error("store system event %s: %s", ev->kind->name, store_error(a->store));
	event_done(ev);
}

void system_event_about(struct app *a, const char *kind, const struct subject *what)
{
	struct event ev;
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "ActionBy", what->by ? what->by : "System");
	event_text(&ev, "TargetType", what->type);
	if (what->id)
		event_int(&ev, "TargetID", what->id);
	event_text(&ev, "TargetName", what->name);
	event_text(&ev, "Description", what->text);
	system_event(a, &ev);
}

static void set_json(struct event *ev, const char *field, const json_t *v)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (!v)
		return;
	json_write(&b, v);
	json_set(ev->fields, field, json_stringn(b.p ? b.p : "", b.n));
}

/* Only what differs. */
static json_t *difference(const json_t *from, const json_t *against)
{
	json_t *o = json_object();
	const char *key;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)from, key, v)
		if (!json_equal(v, json_object_get(against, key)))
			json_set(o, key, json_incref(v));
	return o;
}

void audit(struct call *c, const char *kind, const char *type, int64_t id, const char *name,
           const json_t *before, const json_t *after)
{
	struct event ev;
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "ActionBy", c->who.name[0] ? c->who.name : "System");
	event_int(&ev, "AdministratorID", c->who.administrator);
	event_text(&ev, "TargetType", type);
	event_int(&ev, "TargetID", id);
	event_text(&ev, "TargetName", name);
	AUTO(json_decrefp) json_t *b = before ? difference(before, after) : NULL;
	AUTO(json_decrefp) json_t *d = after ? difference(after, before) : NULL;
	set_json(&ev, "Before", b);
	set_json(&ev, "After", d);
	system_event(c->app, &ev);
}

/* ---- reading ---- */

/* A "where" in the making: conditions joined by and, values as parameters. */
struct where {
	struct buf sql;
	struct val args[ARGS_MAX];
	size_t n;
	struct buf reach; /* JSON array of the computers in view */
};

static void where_done(struct where *w)
{
	buf_done(&w->sql);
	buf_done(&w->reach);
}

/* Only of computers that the role reaches (rest-api.md 9.5). */
static void within_reach(struct call *c, struct where *w)
{
	AUTO(json_decrefp) json_t *ids = access_computers(c);
	if (!ids)
		return;
	json_write(&w->reach, ids);
	w->args[w->n++] = VAL_STR(buf_view(&w->reach));
	buf_fmt(&w->sql, "%scomputer in (select value from json_each($%zu))",
	        w->n == 1 ? " where " : " and ", w->n);
}

static void condition(struct where *w, const char *column, const char *operator, struct val v)
{
	w->args[w->n++] = v;
	buf_fmt(&w->sql, "%s\"%s\" %s $%zu", w->n == 1 ? " where " : " and ", column, operator,
	        w->n);
}

static int run(struct call *c, const struct event_class *class, struct where *w, bool oldest_first,
               int64_t max)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct rows r;
	within_reach(c, w);
	buf_z(&b, "select ");
	add_columns(&b, class);
	buf_fmt(&b, " from event_%s%s order by id %s limit $%zu", class->name,
	        w->sql.p ? w->sql.p : "", oldest_first ? "asc" : "desc", w->n + 1);
	w->args[w->n++] = VAL_INT(max + 1);
	int rc = store_query_sql(c->app->store, b.p, w->args, w->n, &r);
	int64_t newest = 0, last = 0, n = 0;
	bool more = false;
	buf_fmt(&c->raw, "{\"%s\":[", list_key(class));
	while (rc == 0 && rows_next(&r) == 1) {
		more = n == max;
		if (more)
			break;
		if (n++)
			buf_char(&c->raw, ',');
		else
			newest = r.col[0].i;
		last = r.col[0].i;
		write_row(&c->raw, class, &r);
	}
	rows_done(&r);
	buf_char(&c->raw, ']');
	if (more)
		buf_fmt(&c->raw, ",\"next\":\"%lld\"", (long long)last);
	if (newest && !oldest_first)
		buf_fmt(&c->raw, ",\"newest\":\"%lld\"", (long long)newest);
	buf_char(&c->raw, '}');
	c->raw_type = "application/json;charset=utf-8";
	if (rc < 0)
		err_set(&c->why, 0, "The database refused: %s.", store_error(c->app->store));
	if (buf_end(&c->raw) < 0)
		rc = err_set(&c->why, -E2BIG, "The answer is too large.");
	return rc < 0 ? 500 : 200;
}

static const struct event_class *class_of(struct call *c)
{
	/* /api/events/NAME... */
	struct str rest = str_skip(str_of(c->rq->path), strlen("/api/events/"));
	const struct event_class *class = class_find(str_cut(&rest, '/'));
	if (!class)
		err_set(&c->why, 0, "There are no such events.");
	return class;
}

static int number(struct call *c, const char *name, int64_t min, int64_t max, int64_t *out)
{
	const char *text = query_text(c->rq, name, NULL);
	if (!text || !*text)
		return 0;
	if (str_i64(str_of(text), min, max, out) < 0)
		return err_set(&c->why, -EINVAL, "Invalid value for %s.", name);
	return 1;
}

/* Any text column that holds q. */
static void add_text(struct where *w, const struct event_class *class, const char *q,
                     struct buf *like)
{
	buf_char(like, '%');
	for (const char *p = q; *p; p++) {
		if (strchr("%_\\", *p))
			buf_char(like, '\\');
		buf_char(like, *p);
	}
	buf_char(like, '%');
	w->args[w->n++] = VAL_TEXT(like->p);
	buf_fmt(&w->sql, "%s(host like $%zu escape '\\'", w->n == 1 ? " where " : " and ", w->n);
	for (const struct event_field *f = class->fields; f->name; f++)
		if (f->type == EV_TEXT)
			buf_fmt(&w->sql, " or \"%s\" like $%zu escape '\\'", f->name, w->n);
	buf_char(&w->sql, ')');
}

int events_list(struct call *c)
{
	const struct event_class *class = class_of(c);
	AUTO(buf_done) struct buf like = { 0 };
	struct where w = { .n = 0 };
	int64_t max = PAGE_DEFAULT, v = 0;
	static const struct {
		const char *name, *column, *operator;
	} filters[] = { { "before", "id", "<" },
		        { "after", "id", ">" },
		        { "computerID", "computer", "=" },
		        { "from", "time", ">=" },
		        { "to", "time", "<=" } };
	if (!class)
		return 404;
	if (number(c, "maxItems", 1, PAGE_MAX, &max) < 0)
		return 400;
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		int rc = number(c, filters[i].name, 0, INT64_MAX, &v);
		if (rc < 0)
			return 400;
		if (rc > 0)
			condition(&w, filters[i].column, filters[i].operator, VAL_INT(v));
	}
	const char *q = query_text(c->rq, "q", "");
	if (*q && strlen(q) <= 200)
		add_text(&w, class, q, &like);
	/* What came after a cursor is read from the cursor on, so that nothing between is missed.
	 */
	int status = run(c, class, &w, query_text(c->rq, "after", NULL) != NULL, max);
	where_done(&w);
	return status;
}

static const char *operator_of(const json_t *criterion, const char *key)
{
	static const char *const words[][2] = {
		{ "equal", "=" },        { "not-equal", "<>" },
		{ "less-than", "<" },    { "less-than-or-equal", "<=" },
		{ "greater-than", ">" }, { "greater-than-or-equal", ">=" }
	};
	const char *word = json_text(criterion, key, "equal");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i][0]) == 0)
			return words[i][1];
	return NULL;
}

/* The column of a search field and its type; NULL: there is none. */
static const char *column_of(const struct event_class *class, const char *name,
                             enum event_type *type)
{
	static const struct {
		const char *name, *column;
		enum event_type type;
	} own[] = { { "logDate", "time", EV_TIME },
		    { "received", "received", EV_TIME },
		    { "computerID", "computer", EV_INT },
		    { "hostName", "host", EV_TEXT },
		    { "kind", "kind", EV_TEXT } };
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		if (strcmp(own[i].name, name) == 0) {
			*type = own[i].type;
			return own[i].column;
		}
	}
	const struct event_field *f = event_field_find(class, name);
	if (f)
		*type = f->type;
	return f ? f->name : NULL;
}

static int add_criterion(struct call *c, const struct event_class *class, struct where *w,
                         const json_t *in)
{
	const char *op = NULL;
	if (json_object_get(in, "idValue")) {
		op = operator_of(in, "idTest");
		if (!op || !json_is_integer(json_object_get(in, "idValue")))
			return err_set(&c->why, -EINVAL, "Invalid idTest or idValue.");
		condition(w, "id", op, VAL_INT(json_int(in, "idValue", 0)));
		return 0;
	}
	enum event_type type = EV_TEXT;
	const char *name = json_text(in, "fieldName", "");
	const char *column = column_of(class, name, &type);
	if (!column)
		return err_set(&c->why, -EINVAL, "Unknown search field %.60s.", name);
	const json_t *text = json_object_get(in, "stringValue"),
		     *num = json_object_get(in, "numericValue");
	if (json_is_string(text) && type == EV_TEXT) {
		op = operator_of(in, "stringTest");
		if (!op || strlen(op) != (op[0] == '=' ? 1 : 2))
			return err_set(&c->why, -EINVAL, "Invalid stringTest.");
		condition(w, column, op[0] == '=' ? "like" : "not like",
		          VAL_TEXT(json_string_value(text)));
		return 0;
	}
	if (json_is_integer(num) && type != EV_TEXT) {
		op = operator_of(in, "numericTest");
		if (!op)
			return err_set(&c->why, -EINVAL, "Invalid numericTest.");
		condition(w, column, op, VAL_INT(json_integer_value(num)));
		return 0;
	}
	const json_t *first = json_object_get(in, "firstDateValue"),
		     *last = json_object_get(in, "lastDateValue");
	if (type == EV_TIME && (json_is_integer(first) || json_is_integer(last))) {
		if (json_is_integer(first))
			condition(w, column, json_bool(in, "firstDateInclusive", true) ? ">=" : ">",
			          VAL_INT(json_integer_value(first)));
		if (json_is_integer(last))
			condition(w, column, json_bool(in, "lastDateInclusive", true) ? "<=" : "<",
			          VAL_INT(json_integer_value(last)));
		return 0;
	}
	return err_set(&c->why, -EINVAL, "Field %s cannot be searched like that.", name);
}

int events_search(struct call *c)
{
	const struct event_class *class = class_of(c);
	struct where w = { .n = 0 };
	const json_t *criteria = json_object_get(c->body, "searchCriteria");
	size_t n = json_is_array(criteria)    ? json_array_size(criteria)
	           : json_is_object(criteria) ? 1
	                                      : 0;
	int64_t max = json_int(c->body, "maxItems", PAGE_MAX);
	if (!class)
		return 404;
	if (n > CRITERIA_MAX || max < 0 || max > PAGE_MAX) {
		err_set(&c->why, 0, "Invalid searchCriteria or maxItems.");
		return 400;
	}
	bool oldest_first = json_bool(c->body, "sortByObjectID", false);
	for (size_t i = 0; i < n; i++) {
		const json_t *one_of =
			json_is_array(criteria) ? json_array_get(criteria, i) : criteria;
		oldest_first |= json_object_get(one_of, "idValue") != NULL;
		if (add_criterion(c, class, &w, one_of) < 0) {
			where_done(&w);
			return 400;
		}
	}
	int status = run(c, class, &w, oldest_first, max);
	where_done(&w);
	return status;
}

int events_get(struct call *c)
{
	const struct event_class *class = class_of(c);
	c->out = class ? one(c->app, class, c->id) : NULL;
	if (c->out && access_computer(c, json_int(c->out, "computerID", 0), false))
		return 200;
	err_set(&c->why, 0, "The event does not exist.");
	return 404;
}

int events_classes(struct call *c)
{
	static const char *const types[] = { "text", "integer", "boolean", "time" };
	json_t *list = json_array();
	for (const struct event_class *const *p = event_classes; *p; p++) {
		json_t *fields = json_array(), *kinds = json_array();
		for (const struct event_field *f = (*p)->fields; f->name; f++)
			json_array_append_new(fields, json_pack("{s:s,s:s,s:{s:s,s:s}}", "name",
			                                        f->name, "type", types[f->type],
			                                        "label", "en", f->en, "ja", f->ja));
		for (const struct event_kind *k = (*p)->kinds; k->name; k++)
			json_array_append_new(kinds,
			                      json_pack("{s:I,s:s,s:s,s:{s:s,s:s}}", "number",
			                                (json_int_t)k->number, "name", k->name,
			                                "severity", severities[k->severity],
			                                "sentence", "en", k->en, "ja", k->ja));
		json_array_append_new(list,
		                      json_pack("{s:s,s:s,s:{s:s,s:s},s:o,s:o}", "name", (*p)->name,
		                                "type", (*p)->type, "label", "en", (*p)->en, "ja",
		                                (*p)->ja, "fields", fields, "kinds", kinds));
	}
	c->out = json_object();
	json_set(c->out, "classes", list);
	return 200;
}
