#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "manager/alert/alert.h"
#include "manager/api/app.h"
#include "manager/api/integrity.h"
#include "manager/tasks/clocks.h"
#include "manager/tasks/eventbased.h"
#include "model/event_scan.h"
#include "model/setting.h"
#include "module/module.h"
#include "net/identity.h"

/* What agents call (docs/protocol.md section 1). A certificate names its computer; nothing else
 * does. */

enum {
	NONCE_MS = 10 * 60 * 1000,
	WAIT_MAX = 60,
	EVENTS_MAX = 1000,
	FILES_MAX = 10000,
	SILENT_MS = 60000 /* the shortest interval: who called since is not missed yet */
};

/* An agent that waits for commands or a newer policy. */
struct polling {
	LIST_ENTRY(polling) next;
	uint64_t request, until_ms;
	int64_t computer, after, policy;
};

static int refuse(struct call *c, int status, const char *code, const char *text)
{
	c->code = code;
	err_set(&c->why, 0, "%s", text);
	return status;
}

const char *computer_shown(const json_t *computer)
{
	const char *shown = json_text(computer, "displayName", "");
	return *shown ? shown : json_text(computer, "hostName", "");
}

char *computer_name(struct store *s, int64_t id)
{
	AUTO(json_decrefp) json_t *o = object_get(s, "computers", id);
	return xstrdup(computer_shown(o));
}

static void say(struct app *a, const char *kind, int64_t computer, const char *name,
                const char *more)
{
	system_event_about(
		a, kind,
		&(struct subject){
			.type = "computer", .id = computer, .name = name, .text = more });
}

static void computer_news(struct app *a, int64_t id)
{
	stream_say(a, "computers", "computer",
	           json_pack("{s:s,s:{s:I}}", "op", "update", "object", "ID", (json_int_t)id));
}

/* ---- activation ---- */

int agent_ca(struct call *c)
{
	c->out = json_pack("{s:s}", "ca", c->app->config.ca);
	return 200;
}

static int activation_refused(struct call *c, const char *why)
{
	say(c->app, "activation-refused", 0, json_text(c->body, "hostName", c->rq->address), why);
	c->code = "activation-refused";
	err_set(&c->why, 0, "%s", why);
	return 400;
}

/* The vendor's sentence for a manager that does not want this agent (behaviour.md 9.2). */
static const char not_allowed[] =
	"Error: activation was not successful. The manager may not be configured to allow agent-initiated activation, or the "
	"manager may not be configured to allow re-activation of existing hosts.";

static bool same_secret(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char d = n != strlen(b);
	for (size_t i = 0; i < n && b[i]; i++)
		d |= (unsigned char)(a[i] ^ b[i]);
	return d == 0;
}

static int check_request(struct call *c)
{
	struct app *a = c->app;
	AUTO(freep) char *token = activation_token(a);
	const char *nonce = json_text(c->body, "nonce", "");
	int64_t now = (int64_t)clock_ms(), time = json_int(c->body, "time", 0);
	if (!json_text(c->body, "csr", NULL) || !*json_text(c->body, "hostName", "") ||
	    strlen(nonce) < 32 || strlen(nonce) > 128)
		return activation_refused(c, "The activation request is incomplete.");
	const char *tenant = json_text(c->body, "tenantID", NULL),
		   *said = json_text(c->body, "token", "");
	if (!token[0] || !same_secret(said, token) || (tenant && !same_secret(tenant, a->tenant)))
		return activation_refused(c, not_allowed);
	if (time < now - NONCE_MS || time > now + NONCE_MS)
		return activation_refused(
			c, "The clocks of agent and manager differ by more than 10 minutes.");
	store_exec(a->store, STMT_NONCE_EXPIRE, ARGS(VAL_INT(now - 3LL * NONCE_MS)));
	if (store_exec(a->store, STMT_NONCE_ADD, ARGS(VAL_TEXT(nonce), VAL_INT(now))) < 0)
		return activation_refused(c, "This activation request was used before.");
	return 0;
}

static int64_t id_or_name(struct call *c, const char *id_key, const char *name_key,
                          const char *kind)
{
	int64_t id = json_int(c->body, id_key, 0);
	const char *text = json_text(c->body, id_key, NULL),
		   *name = json_text(c->body, name_key, NULL);
	if (text)
		str_i64(str_of(text), 0, INT64_MAX, &id);
	if (!id && name)
		id = object_named(c->app->store, kind, name);
	AUTO(json_decrefp) json_t *there = id ? object_get(c->app->store, kind, id) : NULL;
	return there ? id : 0;
}

/* The computer that is meant: the one with this identity, else with this name, else a new one. */
static int64_t computer_for(struct call *c, json_t **out, json_t **old)
{
	static const struct field given[] = { { "displayName", T_TEXT, .max = 254, .doc = "" },
		                              { "description", T_TEXT, .max = 2000, .doc = "" },
		                              { 0 } };
	const char *guid = json_text(c->body, "hostGUID", ""),
		   *host = json_text(c->body, "hostName", "");
	int64_t id =
		*guid ? store_int(c->app->store, STMT_AGENT_BY_GUID, ARGS(VAL_TEXT(guid)), 0) : 0;
	if (!id)
		id = object_named(c->app->store, "computers", host);
	*old = id ? object_get(c->app->store, "computers", id) : NULL;
	json_t *o = *old ? json_deep_copy(*old) : json_object();
	AUTO(json_decrefp) json_t *nothing = json_object();
	if (!*old)
		fields_take(computer_fields, nothing, o, true, NULL);
	json_set_bytes(o, "hostName", str_of(host));
	json_set_bytes(o, "platform", str_of(json_text(c->body, "platform", "Linux")));
	json_set_bytes(o, "agentVersion", str_of(json_text(c->body, "agentVersion", "0.0.0.0")));
	json_set_text(o, "lastIPUsed", c->rq->address ? c->rq->address : "");
	fields_take(given, c->body, o, false, NULL);
	int64_t policy = id_or_name(c, "policyid", "policy", "policies"),
		group = id_or_name(c, "groupid", "group", "computergroups");
	if (policy)
		json_set_int(o, "policyID", policy);
	else if (!json_int(o, "policyID", 0))
		json_set_int(o, "policyID", 1); /* protected from the first minute */
	if (group)
		json_set_int(o, "groupID", group);
	*out = o;
	return *old ? id : 0;
}

static void certified(struct app *a, struct signing *s, int rc, struct str certificate)
{
	struct cert_facts facts = { .ca = false };
	struct err why = { { 0 } };
	if (rc == 0)
		rc = cert_facts(certificate, &facts, &why);
	if (rc < 0) {
		answer_error(a, s->request, 503,
		             "The authority could not issue a certificate; try again.");
		return;
	}
	int64_t now = (int64_t)clock_ms();
	store_begin(a->store);
	rc = store_exec(a->store, STMT_AGENT_SET,
	                ARGS(VAL_INT(s->computer), VAL_TEXT(s->text), VAL_TEXT(facts.fingerprint),
	                     VAL_INT(now), VAL_INT(now)));
	if (rc == 0)
		rc = store_exec(a->store, STMT_RECEIVED_DEL, ARGS(VAL_INT(s->computer)));
	AUTO(freep) char *name = computer_name(a->store, s->computer);
	if (rc == 0) {
		say(a, "activated", s->computer, name, NULL);
		event_tasks_run(a, "agent-initiated-activation", s->computer);
		policy_compile(a, s->computer);
	}
	store_end(a->store, rc == 0);
	if (rc < 0) {
		answer_error(a, s->request, 500, "The activation could not be stored.");
		return;
	}
	computer_news(a, s->computer);
	AUTO(json_decrefp)
	json_t *out = json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:s}", "ca", a->config.ca, "policyKey",
	                        a->config.policy_key, "hostGUID", s->text, "computerID",
	                        (json_int_t)s->computer, "tenantID", a->tenant, "managerGUID",
	                        a->manager_guid, "certificate", "");
	json_set_bytes(out, "certificate", (struct str){ 0 });
	json_set(out, "certificate", json_stringn(certificate.p, certificate.n));
	answer_json(a, s->request, 200, out, NULL);
}

/* Somebody takes over the name of an agent that is there, at another address. */
static void find_duplicate(struct call *c, int64_t id, const json_t *old)
{
	struct err text;
	const char *was = json_text(old, "lastIPUsed", ""),
		   *is = c->rq->address ? c->rq->address : "";
	if (!agent_connected(c->app, id) || strcmp(was, is) == 0)
		return;
	err_set(&text, 0, "the one at %s, the new one at %s", was, is);
	say(c->app, "duplicate-computer", id, json_text(old, "hostName", ""), text.text);
}

int agent_activate(struct call *c)
{
	AUTO(json_decrefp) json_t *o = NULL;
	AUTO(json_decrefp) json_t *old = NULL;
	const struct resource *r = resource_find(STR("computers"));
	char guid[37];
	int status = c->body ? check_request(c)
	                     : activation_refused(c, "The activation request is incomplete.");
	if (status)
		return status;
	int64_t id = computer_for(c, &o, &old);
	say(c->app, "activation-requested", id, json_text(o, "hostName", ""), NULL);
	if (old)
		find_duplicate(c, id, old);
	/* A new identity each time: whoever holds the old certificate is not this agent any more.
	 */
	rand_guid(guid);
	json_set_text(o, "hostGUID", guid);
	int rc = id ? object_set(c->app->store, r, id, o) : object_add(c->app->store, r, 0, o, &id);
	if (rc < 0)
		return refuse(c, 500, "database", "The computer could not be stored.");
	snprintf(c->who.name, sizeof(c->who.name), "System");
	if (!old) {
		audit(c, "computer-created", "computer", id, json_text(o, "hostName", ""), NULL,
		      NULL);
		stream_say(
			c->app, "computers", "computer",
			json_pack("{s:s,s:{s:I}}", "op", "create", "object", "ID", (json_int_t)id));
		event_tasks_run(c->app, "computer-created-by-system", id);
	}
	struct signing *s = sign_later(c->app, certified);
	s->computer = id;
	s->text = xstrdup(guid);
	s->request = c->rq->id;
	c->later = true;
	c->app->hooks->sign_certificate(c->app, s->ticket, str_of(json_text(c->body, "csr", "")),
	                                guid);
	return 200;
}

/* It calls again and again; once in a while is enough. */
static void tell_unknown(struct call *c)
{
	enum { PAUSE_MS = 600000 };
	uint64_t now = clock_mono_ms();
	if (now < c->app->unknown_next_ms)
		return;
	c->app->unknown_next_ms = now + PAUSE_MS;
	say(c->app, "unknown-agent", 0, c->rq->address ? c->rq->address : "", c->rq->common);
}

int agent_known(struct call *c)
{
	struct rows r;
	if (!c->rq->fingerprint || !c->rq->common)
		return refuse(c, 403, "untrusted", "untrusted peer");
	int rc = store_query(c->app->store, STMT_AGENT_BY_PRINT, ARGS(VAL_TEXT(c->rq->fingerprint)),
	                     &r);
	if (rc == 0 && rows_next(&r) == 1) {
		c->who.computer = r.col[0].i;
		snprintf(c->who.guid, sizeof(c->who.guid), "%.*s", STR_ARG(col_str(&r, 1)));
	}
	rows_done(&r);
	if (!c->who.computer || strcmp(c->who.guid, c->rq->common) != 0) {
		tell_unknown(c);
		return refuse(c, 410, "not-activated", "computer is not activated");
	}
	snprintf(c->who.name, sizeof(c->who.name), "agent %lld", (long long)c->who.computer);
	return 0;
}

void agent_forget(struct app *a, int64_t computer)
{
	store_exec(a->store, STMT_AGENT_DEL, ARGS(VAL_INT(computer)));
	store_exec(a->store, STMT_RECEIVED_DEL, ARGS(VAL_INT(computer)));
	store_exec(a->store, STMT_JOB_FAIL_ALL, ARGS(VAL_INT(computer), VAL_INT(clock_ms())));
	store_exec(a->store, STMT_FILE_GONE, ARGS(VAL_INT(computer)));
	agents_wake(a, computer);
}

/* ---- heartbeat, policy ---- */

void agent_seen(struct app *a, int64_t computer)
{
	struct rows r;
	bool was_online = true;
	int rc = store_query(a->store, STMT_AGENT_GET, ARGS(VAL_INT(computer)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		was_online = r.col[3].i;
	rows_done(&r);
	store_exec(a->store, STMT_AGENT_SEEN, ARGS(VAL_INT(computer), VAL_INT(clock_ms())));
	if (was_online)
		return;
	AUTO(freep) char *name = computer_name(a->store, computer);
	say(a, "agent-online", computer, name, NULL);
	computer_news(a, computer);
}

static void update_computer(struct call *c)
{
	const struct resource *r = resource_find(STR("computers"));
	AUTO(json_decrefp) json_t *old = object_get(c->app->store, "computers", c->who.computer);
	if (!old)
		return;
	AUTO(json_decrefp) json_t *o = json_deep_copy(old);
	static const char *const keys[] = { "agentVersion", "platform" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (*json_text(c->body, keys[i], ""))
			json_set_bytes(o, keys[i], str_of(json_text(c->body, keys[i], "")));
	json_set_text(o, "lastIPUsed", c->rq->address ? c->rq->address : "");
	if (json_equal(old, o))
		return;
	object_set(c->app->store, r, c->who.computer, o);
	if (strcmp(json_text(old, "lastIPUsed", ""), json_text(o, "lastIPUsed", "")) != 0)
		event_tasks_run(c->app, "agent-ip-changed", c->who.computer);
}

int agent_heartbeat(struct call *c)
{
	AUTO(buf_done) struct buf b = { .max = 256ull * 1024 };
	int64_t version = policy_version(c->app, c->who.computer),
		have = json_int(c->body, "policyVersion", 0);
	if (!c->body)
		return refuse(c, 400, "body", "A JSON object is expected.");
	json_write(&b, c->body);
	if (buf_end(&b) < 0)
		return refuse(c, 413, "too-large", "The status is too large.");
	struct rows r;
	int64_t sent = 0;
	bool same = false;
	int rc = store_query(c->app->store, STMT_AGENT_GET, ARGS(VAL_INT(c->who.computer)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		sent = r.col[6].i;
		same = str_eq(col_str(&r, 4), buf_view(&b));
	}
	rows_done(&r);
	if (version && have == version && sent < version) {
		AUTO(freep) char *name = computer_name(c->app->store, c->who.computer);
		sent = (int64_t)clock_ms();
		say(c->app, "policy-sent", c->who.computer, name, NULL);
	}
	store_exec(c->app->store, STMT_AGENT_STATUS,
	           ARGS(VAL_INT(c->who.computer), VAL_STR(buf_view(&b)), VAL_INT(sent)));
	agent_clock(c->app, c->who.computer, c->body);
	update_computer(c);
	if (!same)
		computer_news(c->app, c->who.computer);
	c->out = json_pack("{s:I,s:I,s:b}", "time", (json_int_t)clock_ms(), "policyVersion",
	                   (json_int_t)version, "commands", 0);
	return 200;
}

/* ---- commands ---- */

static json_t *open_commands(struct app *a, int64_t computer, int64_t after)
{
	struct rows r;
	json_t *list = json_array();
	int rc = store_query(a->store, STMT_JOB_OPEN, ARGS(VAL_INT(computer), VAL_INT(after)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *o = json_parse(col_str(&r, 2), NULL);
		json_t *command = json_object();
		json_set_int(command, "ID", r.col[0].i);
		json_set_text(command, "kind", json_text(o, "command", ""));
		json_t *args = json_object_get(o, "args");
		json_set(command, "args", args ? json_incref(args) : json_object());
		json_array_append_new(list, command);
		json_decref(o);
	}
	rows_done(&r);
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		store_exec(a->store, STMT_JOB_SENT,
		           ARGS(VAL_INT(json_int(v, "ID", 0)), VAL_INT(clock_ms())));
	return list;
}

static json_t *commands_answer(struct app *a, int64_t computer, int64_t after)
{
	json_t *o = json_object();
	json_set(o, "commands", open_commands(a, computer, after));
	json_set_int(o, "policyVersion", policy_version(a, computer));
	return o;
}

static bool is_due(struct app *a, const struct polling *p)
{
	struct rows r;
	int rc = store_query(a->store, STMT_JOB_OPEN, ARGS(VAL_INT(p->computer), VAL_INT(p->after)),
	                     &r);
	bool due = rc == 0 && rows_next(&r) == 1;
	rows_done(&r);
	return due || policy_version(a, p->computer) > p->policy;
}

static void polling_end(struct app *a, struct polling *p)
{
	AUTO(json_decrefp) json_t *o = commands_answer(a, p->computer, p->after);
	LIST_REMOVE(p, next);
	answer_json(a, p->request, 200, o, NULL);
	free(p);
}

int agent_commands(struct call *c)
{
	int64_t after = 0, wait = 0;
	str_i64(str_of(query_text(c->rq, "after", "0")), 0, INT64_MAX, &after);
	str_i64(str_of(query_text(c->rq, "wait", "0")), 0, WAIT_MAX, &wait);
	struct polling *p = xcalloc(1, sizeof(*p));
	*p = (struct polling){ .request = c->rq->id,
		               .computer = c->who.computer,
		               .after = after,
		               .until_ms = clock_mono_ms() + (uint64_t)wait * 1000 };
	int64_t have = 0;
	bool told = str_i64(str_of(query_text(c->rq, "policy", "")), 0, INT64_MAX, &have) == 0;
	p->policy = told ? have : policy_version(c->app, c->who.computer);
	if (wait > 0 && !is_due(c->app, p)) {
		LIST_INSERT_HEAD(&c->app->pollers, p, next);
		c->later = true;
		return 200;
	}
	free(p);
	c->out = commands_answer(c->app, c->who.computer, after);
	return 200;
}

void agents_wake(struct app *a, int64_t computer)
{
	struct polling *p, *after;
	for (p = LIST_FIRST(&a->pollers); p; p = after) {
		after = LIST_NEXT(p, next);
		if (computer == 0 || p->computer == computer)
			polling_end(a, p);
	}
}

void agents_wake_due(struct app *a)
{
	struct polling *p, *after;
	for (p = LIST_FIRST(&a->pollers); p; p = after) {
		after = LIST_NEXT(p, next);
		if (is_due(a, p))
			polling_end(a, p);
	}
}

bool agent_connected(struct app *a, int64_t computer)
{
	const struct polling *p;
	LIST_FOREACH (p, &a->pollers, next)
		if (p->computer == computer)
			return true;
	return false;
}

bool agents_gone(struct app *a, uint64_t id)
{
	struct polling *p;
	LIST_FOREACH (p, &a->pollers, next) {
		if (p->request == id) {
			LIST_REMOVE(p, next);
			free(p);
			return true;
		}
	}
	return false;
}

static int64_t missed_ms(struct app *a, int64_t computer)
{
	AUTO(buf_done) struct buf interval = { 0 }, missed = { 0 };
	uint64_t n = 0;
	setting_value(a, "computers", computer, "platformSettingHeartbeatInterval", &interval);
	setting_value(a, "computers", computer, "platformSettingHeartbeatMissedAlertThreshold",
	              &missed);
	if (str_u64(buf_view(&missed), 0, 1000, &n) < 0)
		return INT64_MAX / 2; /* Unlimited */
	return (int64_t)((n + 1) * setting_seconds(buf_view(&interval)) * 1000);
}

static void find_offline(struct app *a)
{
	struct rows r;
	AUTO(buf_done) struct buf ids = { 0 };
	int64_t now = (int64_t)clock_ms();
	int rc = store_query(a->store, STMT_AGENT_SILENT_LIST, ARGS(VAL_INT(now - SILENT_MS)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		int64_t pair[2] = { r.col[0].i, r.col[1].i };
		buf_add(&ids, pair, sizeof(pair));
	}
	rows_done(&r);
	for (size_t i = 0; i + 16 <= ids.n; i += 16) {
		int64_t pair[2];
		memcpy(pair, ids.p + i, sizeof(pair));
		if (agent_connected(a, pair[0]) || now - pair[1] < missed_ms(a, pair[0]))
			continue;
		store_exec(a->store, STMT_AGENT_OFFLINE, ARGS(VAL_INT(pair[0])));
		AUTO(freep) char *name = computer_name(a->store, pair[0]);
		say(a, "agent-offline", pair[0], name, NULL);
		computer_news(a, pair[0]);
	}
}

void agents_tick(struct app *a)
{
	struct polling *p, *after;
	uint64_t now = clock_mono_ms();
	for (p = LIST_FIRST(&a->pollers); p; p = after) {
		after = LIST_NEXT(p, next);
		if (now >= p->until_ms)
			polling_end(a, p);
	}
	find_offline(a);
}

int agent_results(struct call *c)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(c->body, "results"), i, v)
		job_said(c->app, c->who.computer, v);
	c->out = json_object();
	return 200;
}

/* ---- events ---- */

static void refused_events(struct call *c, int64_t n, const char *host, const char *why)
{
	struct event ev;
	event_init(&ev, &event_class_system, "event-refused");
	event_text(&ev, "TargetType", "computer");
	event_int(&ev, "TargetID", c->who.computer);
	event_text(&ev, "TargetName", host);
	event_int(&ev, "Count", n);
	event_text(&ev, "Description", why);
	system_event(c->app, &ev);
}

/* Events on their way into the store. */
struct intake {
	struct call *call;
	char *host; /* owned */
	int64_t last, bad;
	struct err why; /* of the last bad one */
};

/* One that had to be parsed, or was refused (rc < 0). */
static int take_event(struct intake *in, int rc, struct event *ev)
{
	int64_t id = 0;
	if (rc < 0) {
		in->bad++;
		return 0;
	}
	rc = event_store(in->call->app, in->call->who.computer, in->host, ev, &id);
	if (rc == 1)
		integrity_told(in->call->app, in->call->who.computer, in->host, ev, id);
	event_done(ev);
	return rc < 0 ? rc : 0;
}

/* The event that `text` begins with, read in place when it can be; *n is its length. */
static int take_text(struct intake *in, struct str text, bool known, size_t *n)
{
	struct event ev = { 0 };
	struct event_value values[EVENT_VALUES_MAX];
	int64_t id = 0;
	*n = known ? 0 : event_scan(text, event_classes, &ev, values);
	if (*n) {
		int rc = event_store_scanned(in->call->app, in->call->who.computer, in->host, &ev,
		                             values, &id);
		if (rc == 1 && integrity_hears(&ev) && event_load(&ev) == 0)
			integrity_told(in->call->app, in->call->who.computer, in->host, &ev, id);
		event_done(&ev);
		return rc < 0 ? rc : 0;
	}
	*n = event_extent(text);
	if (*n == 0)
		return -EBADMSG;
	struct str one = { text.p, *n };
	return known ? 0 : take_event(in, event_parse(one, event_classes, &ev, &in->why), &ev);
}

/* 0, -EBADMSG: it is no batch, or -errno of the store. */
static int take_batch(struct intake *in, struct event_batch *b, int64_t first)
{
	int rc = 1;
	int64_t seq = first;
	for (; (rc = event_batch_next(b)) == 1 && seq - first < EVENTS_MAX; seq++) {
		size_t n = 0;
		rc = take_text(in, b->rest, seq <= in->last, &n);
		if (rc < 0)
			return rc;
		b->rest = str_skip(b->rest, n);
		if (seq > in->last)
			in->last = seq;
	}
	return rc == 1 ? -EBADMSG : rc;
}

static int take_list(struct intake *in, const json_t *list, int64_t first)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		struct event ev = { 0 };
		int64_t seq = first + (int64_t)i;
		if (seq <= in->last)
			continue;
		rc = take_event(
			in, event_from_json(json_array_get(list, i), event_classes, &ev, &in->why),
			&ev);
		in->last = seq;
	}
	return rc;
}

/* A body as our agents write it is read in place, another one as any JSON. */
static int take_events(struct intake *in, struct str body)
{
	int64_t first = 0;
	struct event_batch b;
	struct call *c = in->call;
	if (str_utf8(body) && event_batch_open(&b, body, &first) && first >= 1)
		return take_batch(in, &b, first);
	int status = call_read_body(c);
	const json_t *list = json_array_at(c->body, "events");
	first = json_int(c->body, "first", 0);
	if (status || !list || first < 1 || json_array_size(list) > EVENTS_MAX)
		return -EBADMSG;
	return take_list(in, list, first);
}

/* Exactly once: numbers up to `last` are here; what has a `unique` that is known is dropped by the
 * store. */
int agent_events(struct call *c)
{
	struct app *a = c->app;
	struct intake in = { .call = c };
	AUTO(freep) char *host = computer_name(a->store, c->who.computer);
	in.host = host;
	in.last = store_int(a->store, STMT_RECEIVED_GET, ARGS(VAL_INT(c->who.computer)), 0);
	c->undo = true;
	alerts_hold(a);
	int rc = take_events(&in, c->rq->body);
	alerts_settle(a);
	if (rc == -EBADMSG && c->code) /* it was no JSON */
		return 400;
	if (rc == -EBADMSG)
		return refuse(c, 400, "events", "first and at most 1000 events are expected.");
	if (rc == 0 && in.bad)
		refused_events(c, in.bad, host, in.why.text);
	if (rc == 0)
		rc = store_exec(a->store, STMT_RECEIVED_SET,
		                ARGS(VAL_INT(c->who.computer), VAL_INT(in.last)));
	if (rc < 0)
		return refuse(c, 503, "database", "The events could not be stored.");
	c->out = json_pack("{s:I}", "acked", (json_int_t)in.last);
	return 200;
}

/* ---- identified files ---- */

/* The list is all that the agent has: what is not in it went without our hearing of it. */
static void forget_others(struct call *c, json_t *list)
{
	struct rows r;
	struct map listed = { 0 };
	AUTO(json_decrefp) json_t *gone = json_array();
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		map_set(&listed, str_of(json_text(v, "recordID", "")), v);
	int rc = store_query(c->app->store, STMT_FILE_HELD, ARGS(VAL_INT(c->who.computer)), &r);
	while (rc == 0 && rows_next(&r) == 1)
		if (!map_get(&listed, col_str(&r, 0)))
			json_array_append_new(gone, json_stringn(r.col[0].p, r.col[0].n));
	rows_done(&r);
	map_done(&listed);
	json_array_foreach (gone, i, v)
		store_exec(c->app->store, STMT_FILE_LOST,
		           ARGS(VAL_INT(c->who.computer), VAL_TEXT(json_string_value(v))));
}

int agent_identified(struct call *c)
{
	size_t i;
	json_t *v;
	const json_t *list = json_array_at(c->body, "files");
	if (!list || json_array_size(list) > FILES_MAX)
		return refuse(c, 400, "files", "A list of files is expected.");
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		AUTO(buf_done) struct buf b = { .max = 65536 };
		const char *record = json_text(v, "recordID", ""),
			   *state = json_text(v, "state", "");
		json_write(&b, v);
		if (!*record || strlen(record) > 64 ||
		    !choice_has("quarantined|restored|deleted", state) || buf_end(&b) < 0)
			return refuse(c, 400, "files", "A file needs recordID and state.");
		store_exec(c->app->store, STMT_FILE_SET,
		           ARGS(VAL_INT(c->who.computer), VAL_TEXT(record),
		                VAL_INT(json_int(v, "time", 0)), VAL_TEXT(state),
		                VAL_STR(buf_view(&b))));
	}
	bool complete = json_bool(c->body, "complete", false);
	if (complete)
		forget_others(c, (json_t *)(uintptr_t)list);
	if (json_array_size(list) || complete)
		stream_say(c->app, "identifiedfiles", "identifiedfile",
		           json_pack("{s:s,s:{s:I}}", "op", "update", "object", "computerID",
		                     (json_int_t)c->who.computer));
	c->out = json_object();
	return 200;
}

void agents_drop(struct app *a)
{
	while (!LIST_EMPTY(&a->pollers)) {
		struct polling *p = LIST_FIRST(&a->pollers);
		LIST_REMOVE(p, next);
		free(p);
	}
}
