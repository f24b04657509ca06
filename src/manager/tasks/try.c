#include "manager/tasks/try.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/store/setup.h"

static void reply(struct app *a, uint64_t id, int status, const json_t *headers, struct str body,
                  bool stream)
{
	struct try *t = app_owner(a);
	(void)id, (void)stream;
	t->status = status;
	json_decref(t->out);
	free(t->text);
	t->text = str_dup(body);
	t->out = t->raw ? NULL : json_parse(body, NULL);
	snprintf(t->location, sizeof(t->location), "%s", json_text(headers, "Location", ""));
	const char *cookie = json_text(headers, "Set-Cookie", NULL);
	if (cookie)
		snprintf(t->set_cookie, sizeof(t->set_cookie), "%s", cookie);
	if (cookie && !t->cookie[0])
		snprintf(t->cookie, sizeof(t->cookie), "%.*s", (int)strcspn(cookie, ";"), cookie);
}

static void chunk(struct app *a, uint64_t id, struct str piece)
{
	struct try *t = app_owner(a);
	(void)id;
	if (piece.n)
		t->pieces++;
	else
		t->ends++;
}

static void sign_certificate(struct app *a, uint64_t ticket, struct str csr, const char *name)
{
	(void)a, (void)ticket, (void)csr, (void)name;
}

static void sign_policy(struct app *a, uint64_t ticket, struct str policy)
{
	(void)policy;
	app_signed(a, ticket, 0, STR("a signature that nobody checks here"));
}

static int send_it(struct app *a, unsigned instance, uint64_t ticket, struct str order)
{
	struct try *t = app_owner(a);
	json_array_append_new(t->orders,
	                      json_pack("{s:I,s:i,s:o}", "ticket", (json_int_t)ticket, "instance",
	                                (int)instance, "order", json_parse(order, NULL)));
	return t->send_rc;
}

static void try_out(struct app *a, uint64_t ticket, struct str order)
{
	struct try *t = app_owner(a);
	(void)order;
	assert_true(t->ntrials < ARRAY_LEN(t->trials));
	t->trials[t->ntrials++] = ticket;
}

static void open_app(struct try *t)
{
	static const struct app_hooks hooks = { .reply = reply,
		                                .chunk = chunk,
		                                .sign_certificate = sign_certificate,
		                                .sign_policy = sign_policy,
		                                .send = send_it,
		                                .try_out = try_out };
	struct err why = { { 0 } };
	const struct app_config config = { .database = t->database,
		                           .ca = "-",
		                           .policy_key = "-",
		                           .server_fingerprint = "-",
		                           .host = "manager.test",
		                           .console_port = 4119,
		                           .agent_port = 4120,
		                           .key = STR("a key that is only good in tests") };
	int rc = app_open(&t->app, &config, &hooks, t, &why);
	if (rc < 0)
		fail_msg("%s", why.text);
	/* Nobody pulls the plug here. */
	store_exec_sql(t->app->store, "pragma synchronous = off", NULL, 0);
}

/*
 * A fresh database in t->dir. Filling one takes long (every rule that we ship is put into it), so a
 * program's tests copy the one that its first test made.
 */
static void make_database(struct try *t)
{
	static struct buf filled;
	struct err why = { { 0 } };
	char path[100];
	const struct setup setup = { .lib = t->dir,
		                     .uid = getuid(),
		                     .gid = getgid(),
		                     .host = "manager.test",
		                     .password = "a Password 4 tests" };
	snprintf(path, sizeof(path), "%s/yagura.db", t->dir);
	if (filled.n) {
		assert_int_equal(file_replace(AT_FDCWD, path, filled.p, filled.n, 0600), 0);
		return;
	}
	if (setup_database(&setup, &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(file_read(AT_FDCWD, path, 256 << 20, &filled), 0);
}

int try_setup(void **state)
{
	struct try *t = xcalloc(1, sizeof(*t));
	snprintf(t->dir, sizeof(t->dir), "/tmp/yagura-try-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->database, sizeof(t->database), "sqlite:%s/yagura.db", t->dir);
	make_database(t);
	open_app(t);
	t->orders = json_array();
	*state = t;
	try_must(t, 200, "POST", "/api/sessions",
	         "{'userName':'admin','username':'admin','password':'a Password 4 tests'}");
	snprintf(t->rid, sizeof(t->rid), "%s", json_text(t->out, "RID", ""));
	return 0;
}

int try_teardown(void **state)
{
	struct try *t = *state;
	app_free(t->app);
	json_decref(t->out);
	json_decref(t->orders);
	free(t->text);
	file_remove_tree(AT_FDCWD, t->dir);
	free(t);
	return 0;
}

void try_again(struct try *t)
{
	app_free(t->app);
	t->app = NULL;
	open_app(t);
}

static json_t *ask(struct try *t, struct request *rq, const char *path, const char *body)
{
	AUTO(freep) char *way = xstrdup(path);
	AUTO(json_decrefp) json_t *query = json_object();
	char *mark = strchr(way, '?');
	if (mark) {
		*mark = '\0';
		for (char *word = strtok(mark + 1, "&"); word; word = strtok(NULL, "&")) {
			char *value = strchr(word, '=');
			if (value) {
				*value = '\0';
				json_set(query, word, json_pack("[s]", value + 1));
			}
		}
	}
	rq->id = ++t->next;
	rq->path = way;
	rq->query = query;
	rq->body = str_of(body);
	json_decref(t->out);
	t->out = NULL;
	t->status = 0;
	app_request(t->app, rq);
	/* As the bench answers: once the request was looked at. */
	while (t->ntrials)
		app_signed(t->app, t->trials[--t->ntrials], 0,
		           STR("{\"verdict\":\"nobody looks here\"}"));
	return t->out;
}

static char *double_quoted(const char *body)
{
	char *text = body ? xstrdup(body) : NULL;
	for (char *p = text; p && *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

json_t *try_ask_exactly(struct try *t, const char *method, const char *path, const char *body)
{
	AUTO(json_decrefp)
	json_t *headers =
		json_pack("{s:s,s:s}", "api-version", "v1", "content-type", "application/json");
	if (t->prefer[0])
		json_set_text(headers, "prefer", t->prefer);
	if (t->key[0]) {
		json_set_text(headers, "api-secret-key", t->key);
	} else {
		json_set_text(headers, "cookie", t->cookie);
		json_set_text(headers, "rid", t->rid);
	}
	struct request rq = { .listener = LISTENER_CONSOLE,
		              .method = method,
		              .headers = headers,
		              .address = "192.0.2.1" };
	return ask(t, &rq, path, body);
}

json_t *try_ask(struct try *t, const char *method, const char *path, const char *body)
{
	AUTO(freep) char *text = double_quoted(body);
	return try_ask_exactly(t, method, path, text);
}

json_t *try_must(struct try *t, int status, const char *method, const char *path, const char *body)
{
	try_ask(t, method, path, body);
	if (t->status != status)
		fail_msg("%s %s: %d instead of %d: %s", method, path, t->status, status,
		         t->text ? t->text : "");
	return t->out;
}

void try_sql(struct try *t, const char *sql)
{
	int rc = store_exec_sql(t->app->store, sql, NULL, 0);
	if (rc < 0)
		fail_msg("%s: %s", sql, store_error(t->app->store));
}

int64_t try_agent(struct try *t, const char *name, int64_t policy)
{
	char body[400], sql[400];
	snprintf(body, sizeof(body), "{'hostName':'%s','policyID':%lld}", name, (long long)policy);
	int64_t id = json_int(try_must(t, 200, "POST", "/api/computers", body), "ID", 0);
	snprintf(sql, sizeof(sql),
	         "insert into agent (computer, guid, fingerprint, activated, seen) values"
	         " (%lld, 'guid-%lld', 'print-%lld', 1, unixepoch() * 1000)",
	         (long long)id, (long long)id, (long long)id);
	try_sql(t, sql);
	return id;
}

json_t *try_agent_ask(struct try *t, int64_t computer, const char *method, const char *path,
                      const char *body)
{
	char print[40], common[40];
	snprintf(print, sizeof(print), "print-%lld", (long long)computer);
	snprintf(common, sizeof(common), "guid-%lld", (long long)computer);
	struct request rq = { .listener = LISTENER_AGENT,
		              .method = method,
		              .address = "192.0.2.9",
		              .fingerprint = print,
		              .common = common };
	AUTO(freep) char *text = double_quoted(body);
	return ask(t, &rq, path, text);
}

json_t *try_event(struct try *t, const char *kind)
{
	char body[200];
	snprintf(
		body, sizeof(body),
		"{'maxItems':1,'searchCriteria':[{'fieldName':'kind','stringTest':'equal','stringValue':'%s'}]}",
		kind);
	try_must(t, 200, "POST", "/api/events/system/search", body);
	json_t *o = json_array_get(json_array_at(t->out, "systemEvents"), 0);
	return o ? json_incref(o) : NULL;
}

int try_events(struct try *t, const char *kind)
{
	char body[200];
	snprintf(
		body, sizeof(body),
		"{'searchCriteria':[{'fieldName':'kind','stringTest':'equal','stringValue':'%s'}]}",
		kind);
	try_must(t, 200, "POST", "/api/events/system/search", body);
	return (int)json_array_size(json_array_at(t->out, "systemEvents"));
}
