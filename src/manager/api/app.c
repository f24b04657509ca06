#include "manager/api/app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/alert/notify.h"
#include "manager/api/secrets.h"
#include "manager/forward/forward.h"
#include "manager/forward/metrics.h"
#include "manager/store/shipped.h"
#include "manager/tasks/outside.h"
#include "manager/tasks/own.h"
#include "manager/tasks/tasks.h"
#include "module/module.h"

/* The way of a request: path, who asks, the handler inside one transaction, the answer. */

enum { SWEEP_MS = 60000 };

const char *query_text(const struct request *rq, const char *name, const char *otherwise)
{
	const json_t *v = json_array_get(json_object_get(rq->query, name), 0);
	return json_is_string(v) ? json_string_value(v) : otherwise;
}

bool query_true(const struct request *rq, const char *name)
{
	return str_eq_nocase(str_of(query_text(rq, name, "")), STR("true"));
}

/* ---- answers ---- */

void answer_json(struct app *a, uint64_t id, int status, const json_t *body, const json_t *headers)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (body)
		json_write(&b, body);
	AUTO(json_decrefp)
	json_t *h = headers ? json_copy((json_t *)(uintptr_t)headers) : json_object();
	if (body)
		json_set_text(h, "Content-Type", "application/json;charset=utf-8");
	json_set_text(h, "Cache-Control", "no-store");
	a->hooks->reply(a, id, status, h, buf_view(&b), false);
}

void answer_error(struct app *a, uint64_t id, int status, const char *message)
{
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_bytes(o, "message", str_of(message));
	answer_json(a, id, status, o, NULL);
}

static void answer(struct call *c, int status)
{
	if (c->later)
		return;
	if (status >= 400) {
		AUTO(json_decrefp) json_t *o = json_object();
		json_set_bytes(o, "message",
		               str_of(c->why.text[0] ? c->why.text : "The request is not right."));
		if (strncmp(c->rq->path, "/rest/", 6) == 0) {
			o = json_pack("{s:o}", "error", o);
		} else if (strstr(json_text(c->rq->headers, "prefer", ""), "codes")) {
			json_set_text(o, "code", c->code ? c->code : "error");
			json_set(o, "params", json_object());
		}
		answer_json(c->app, c->rq->id, status, o, c->headers);
	} else if (c->raw_type) {
		AUTO(json_decrefp)
		json_t *h = c->headers ? json_copy(c->headers) : json_object();
		json_set_text(h, "Content-Type", c->raw_type);
		json_set_text(h, "Cache-Control", "no-store");
		c->app->hooks->reply(c->app, c->rq->id, status, h, buf_view(&c->raw), false);
	} else {
		answer_json(c->app, c->rq->id, status, c->out, c->headers);
	}
}

/* ---- routes ---- */

static bool part_fits(struct call *c, struct str pattern, struct str part)
{
	int64_t n = 0;
	if (str_is(pattern, "{name}"))
		return part.n > 0;
	bool first = str_is(pattern, "{id}");
	if (!first && !str_is(pattern, "{id2}"))
		return str_eq(pattern, part);
	if (str_i64(part, 0, INT64_MAX, &n) < 0)
		return false;
	*(first ? &c->id : &c->id2) = n;
	return true;
}

/* Most patterns differ before their first variable part. */
static bool begins_alike(const char *pattern, const char *path)
{
	while (*pattern && *pattern == *path) {
		pattern++;
		path++;
	}
	return *pattern == '{' || (!*pattern && (!*path || strcmp(path, "/") == 0));
}

static bool path_fits(struct call *c, const char *pattern, struct str *name)
{
	if (!begins_alike(pattern, c->rq->path))
		return false;
	struct str p = str_of(pattern), q = str_of(c->rq->path);
	/* Paths of scripts that are older than v1 end in a slash. */
	if (str_starts(q, STR("/software/")) && str_ends(q, STR("/")))
		q.n--;
	c->id = c->id2 = -1;
	*name = (struct str){ 0 };
	while (p.p && q.p) {
		struct str a = str_cut(&p, '/'), b = str_cut(&q, '/');
		if (!part_fits(c, a, b))
			return false;
		if (str_is(a, "{name}"))
			*name = b;
	}
	return !p.p && !q.p;
}

static const struct route *route_find(struct call *c, const struct route *routes, struct str *name,
                                      bool *known)
{
	for (const struct route *r = routes; r->path; r++) {
		if (!path_fits(c, r->path, name))
			continue;
		*known = true;
		if (strcmp(r->method, c->rq->method) == 0)
			return r;
	}
	return NULL;
}

static const struct route *console_route(struct call *c, struct str *name, bool *known)
{
	for (const struct route *const *f = console_routes; *f; f++) {
		const struct route *r = route_find(c, *f, name, known);
		if (r)
			return r;
	}
	return NULL;
}

/* Collections of the API that this manager does not have: the answer says so. */
static bool is_foreign(struct str collection)
{
	static const char names[] =
		"awsconnectors|azureconnectors|gcpconnectors|vcenterconnectors|"
		"datacentergateways|tenants|registryscanners|movedcomputers|"
		"policyimporttasks|commonobjectimporttasks|policymigrationtasks|"
		"workloadsecuritylinks|computermovetasks|accountdetails";
	AUTO(freep) char *word = str_dup(collection);
	return collection.n && choice_has(names, word);
}

static int no_path(struct call *c)
{
	c->code = "no-path";
	err_set(&c->why, 0, "The path does not exist.");
	return 404;
}

/* The last part of a collection's path: a number, or a word. */
static void last_part(struct call *c, struct str rest, char **name)
{
	c->id = -1;
	if (rest.p && str_i64(rest, 0, INT64_MAX, &c->id) < 0)
		c->name = *name = str_dup(rest);
}

/* "collection", "collection/7", "collection/search", "collection/7/inner[/...]". */
static int collection(struct call *c, char **name)
{
	struct str rest = str_skip(str_of(c->rq->path), strlen("/api/"));
	struct str first = str_cut(&rest, '/');
	const struct resource *r = resource_find(first);
	if (is_foreign(first))
		return not_here(c);
	if (r && rest.p && memchr(rest.p, '/', rest.n)) {
		struct str number = str_cut(&rest, '/'), inner = str_cut(&rest, '/');
		AUTO(buf_done) struct buf path = { 0 };
		buf_fmt(&path, "%.*s/%.*s", STR_ARG(first), STR_ARG(inner));
		const struct resource *within = resource_find(buf_view(&path));
		if (!within || str_i64(number, 1, INT64_MAX, &c->owner) < 0)
			return no_path(c);
		AUTO(json_decrefp) json_t *owner = object_get(c->app->store, r->path, c->owner);
		if (!owner) {
			err_set(&c->why, 0, "The %s does not exist.", r->noun);
			return 404;
		}
		r = within;
	}
	if (!r || !str_starts(str_of(c->rq->path), STR("/api/")) ||
	    (rest.p && memchr(rest.p, '/', rest.n)))
		return no_path(c);
	last_part(c, rest, name);
	int status = access_collection(c, r);
	return status ? status : resource_call(c, r);
}

/* DELETE /api/computers {"ids":[...]}: many at once. */
static int delete_many(struct call *c)
{
	const json_t *ids = json_array_at(c->body, "ids");
	size_t i;
	json_t *v;
	if (!ids || json_array_size(ids) > 1000) {
		err_set(&c->why, 0, "At most 1000 ids are expected.");
		return 400;
	}
	c->undo = true;
	json_array_foreach ((json_t *)(uintptr_t)ids, i, v) {
		c->id = json_integer_value(v);
		if (!access_computer(c, c->id, true)) {
			err_set(&c->why, 0, "Not authorized to delete computer.");
			return 403;
		}
		int status = resource_call(c, resource_find(STR("computers")));
		if (status != 204)
			return status;
	}
	return 204;
}

static int not_allowed(struct call *c)
{
	c->code = "method";
	err_set(&c->why, 0, "The method is not allowed here.");
	return 405;
}

static int handle_console(struct call *c, char **name)
{
	bool known = false;
	struct str word;
	const struct route *r = console_route(c, &word, &known);
	bool open = r && r->open;
	int status = open ? 0 : authenticate(c);
	if (status == 0 && !open)
		status = access_begin(c);
	bool many =
		strcmp(c->rq->method, "DELETE") == 0 && strcmp(c->rq->path, "/api/computers") == 0;
	if (status == 0 && !open && (r || many))
		status = access_deed(c);
	if (status)
		return status;
	if (many)
		return delete_many(c);
	if (!r) {
		/* A deed may stand where a collection does: of other methods. */
		status = collection(c, name);
		bool none = c->code && strcmp(c->code, "no-path") == 0;
		return known && none ? not_allowed(c) : status;
	}
	if (word.p)
		c->name = *name = str_dup(word);
	return r->handle(c);
}

static int handle_agent(struct call *c)
{
	bool known = false;
	struct str word;
	const struct route *r = route_find(c, agent_routes, &word, &known);
	if (!r) {
		err_set(&c->why, 0, "The path does not exist.");
		return known ? 405 : 404;
	}
	if (r->handle != agent_ca && r->handle != agent_activate) {
		int status = agent_known(c);
		if (status)
			return status;
		agent_seen(c->app, c->who.computer);
	}
	return r->handle(c);
}

int call_read_body(struct call *c)
{
	struct err why = { { 0 } };
	c->body = json_parse(c->rq->body, &why);
	if (json_is_object(c->body))
		return 0;
	json_decref(c->body);
	c->body = NULL;
	if (strcmp(c->rq->method, "DELETE") == 0)
		return 0;
	c->code = "bad-json";
	err_set(&c->why, 0, "The body is no JSON object: %s.",
	        why.text[0] ? why.text : "another kind of value");
	return 400;
}

static int take_body(struct call *c)
{
	const char *m = c->rq->method;
	if (c->rq->body.n == 0 || strcmp(m, "GET") == 0)
		return 0;
	/* Those read their bodies themselves. */
	if (strncmp(c->rq->path, "/agent/files/", 13) == 0 ||
	    strcmp(c->rq->path, "/agent/events") == 0)
		return 0;
	return call_read_body(c);
}

/* Agents are told of jobs that are there for good. */
static void wake(struct app *a)
{
	if (!a->wake || store_begin(a->store) < 0)
		return;
	a->wake = false;
	agents_wake_due(a);
	store_end(a->store, true);
}

static bool only_reads(const struct request *rq)
{
	return rq->listener != LISTENER_AGENT &&
	       (strcmp(rq->method, "GET") == 0 || str_ends(str_of(rq->path), STR("/search")));
}

void app_request(struct app *a, const struct request *rq)
{
	struct call c = { .app = a, .rq = rq, .id = -1, .id2 = -1 };
	AUTO(freep) char *name = NULL;
	uint64_t began = clock_mono_ms();
	int rc = only_reads(rq) ? store_begin_reading(a->store) : store_begin(a->store);
	if (rc < 0) {
		answer_error(a, rq->id, 503, "The database is busy.");
		return;
	}
	app_cache_drop(a);
	int status = take_body(&c);
	if (status == 0)
		status = rq->listener == LISTENER_AGENT ? handle_agent(&c)
		                                        : handle_console(&c, &name);
	/* What was refused leaves no trace but its audit event: failed sign-ins and activations
	 * count. */
	bool keep = status < (c.undo ? 400 : 500);
	rc = store_end(a->store, keep);
	if (rc < 0 && keep) {
		err_set(&c.why, 0, "The database refused: %s.", store_error(a->store));
		status = 500;
	}
	app_cache_drop(a);
	if (status >= 500)
		policy_results_drop(a);
	answer(&c, status);
	usage_add(&c, status, began);
	policies_settle(a);
	wake(a);
	json_decref(c.role);
	if (c.secret)
		explicit_bzero(c.secret, strlen(c.secret));
	free(c.secret);
	json_decref(c.body);
	json_decref(c.out);
	json_decref(c.headers);
	buf_done(&c.raw);
}

void app_gone(struct app *a, uint64_t id)
{
	if (!stream_gone(a, id) && !oidc_gone(a, id))
		agents_gone(a, id);
}

/* ---- the authority ---- */

struct signing *sign_later(struct app *a,
                           void (*done)(struct app *, struct signing *, int, struct str))
{
	struct signing *s = xcalloc(1, sizeof(*s));
	s->ticket = ++a->ticket;
	s->done = done;
	LIST_INSERT_HEAD(&a->signings, s, next);
	return s;
}

static void signing_free(struct signing *s)
{
	LIST_REMOVE(s, next);
	free(s->text);
	json_decref(s->more);
	free(s);
}

void app_signed(struct app *a, uint64_t ticket, int rc, struct str result)
{
	struct signing *s;
	LIST_FOREACH (s, &a->signings, next)
		if (s->ticket == ticket)
			break;
	if (!s)
		return;
	s->done(a, s, rc, result);
	signing_free(s);
}

/* ---- life ---- */

static void meta(struct store *s, const char *key, char *out, size_t size)
{
	struct rows r;
	int rc = store_query(s, STMT_META_GET, ARGS(VAL_TEXT(key)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		snprintf(out, size, "%.*s", STR_ARG(col_str(&r, 0)));
	rows_done(&r);
}

int app_open(struct app **out, const struct app_config *c, const struct app_hooks *hooks,
             void *owner, struct err *why)
{
	const char *colon = strchr(c->database, ':');
	if (!colon || strncmp(c->database, "sqlite:", 7) != 0)
		return err_set(why, -EINVAL, "%s is no database that this program knows",
		               c->database);
	struct app *a = xcalloc(1, sizeof(*a));
	a->config = *c;
	a->config.key = (struct str){ 0 };
	a->hooks = hooks;
	a->owner = owner;
	a->started_ms = clock_ms();
	/* Stream positions go on rising over a restart, so that a client's old one is seen to be
	 * old. */
	a->news = a->started_ms;
	a->recent = json_array();
	LIST_INIT(&a->listeners);
	LIST_INIT(&a->pollers);
	LIST_INIT(&a->signings);
	LIST_INIT(&a->forwards);
	LIST_INIT(&a->oidc);
	int rc = store_open(&a->store, colon + 1, why);
	if (rc == 0)
		rc = store_migrate(a->store, event_classes, why);
	if (rc == 0)
		rc = store_take_key(a->store, c->key);
	if (rc == 0)
		rc = secrets_begin(a, why);
	if (rc == 0 && c->shipped)
		rc = shipped_renew(a->store, why);
	if (rc < 0) {
		app_free(a);
		return rc;
	}
	meta(a->store, "tenant", a->tenant, sizeof(a->tenant));
	meta(a->store, "manager", a->manager_guid, sizeof(a->manager_guid));
	if (store_begin(a->store) == 0) {
		own_started(a);
		outside_started(a);
		store_end(a->store, true);
	}
	a->open = true;
	*out = a;
	return 0;
}

void app_free(struct app *a)
{
	if (!a)
		return;
	while (!LIST_EMPTY(&a->signings))
		/* The analyzer does not follow LIST_REMOVE().
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		signing_free(LIST_FIRST(&a->signings));
	if (a->open && store_begin(a->store) == 0) {
		own_stopped(a);
		store_end(a->store, true);
	}
	json_decref(a->died);
	forward_free(a);
	oidc_free(a);
	agents_drop(a);
	stream_over(a);
	json_decref(a->usage);
	for (size_t i = 0; i < CLASSES_MAX; i++)
		free(a->inserts[i]);
	rates_reset(a);
	objects_forget(a);
	app_cache_drop(a);
	policy_results_drop(a);
	store_free(a->store);
	free(a);
}

void *app_owner(struct app *a)
{
	return a->owner;
}

void app_tick(struct app *a)
{
	uint64_t now = clock_mono_ms();
	if (store_begin(a->store) < 0)
		return;
	app_cache_drop(a);
	agents_tick(a);
	jobs_tick(a);
	tasks_tick(a);
	forward_tick(a);
	notify_tick(a);
	oidc_tick(a);
	own_tick(a);
	if (now - a->swept_ms >= SWEEP_MS) {
		a->swept_ms = now;
		sessions_sweep(a);
		rates_reset(a);
	}
	policies_tick(a);
	app_cache_drop(a);
	if (store_end(a->store, true) < 0)
		policy_results_drop(a);
	wake(a);
	stream_tick(a);
}
