#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/api/policy.h"
#include "manager/api/secrets.h"
#include "manager/forward/forward.h"

/*
 * The effective policies of agents. A change marks those whom it may concern, in one statement. A
 * tick takes a slice of the marked ones, and a small one is taken right after a change was
 * answered: computers that override nothing share what was compiled
 * for their policy, and equal results are stored once, under their hash. Only who gets another
 * result gets a new version. What is signed, with the computer's identity in it, is made when the
 * agent asks for it.
 */

enum { POLICY_MAX = 32 << 20 };

static const char kind[] = "compiled"; /* where their secrets stand */

/* Agents looked at, and results compiled, at a time. */
static const struct slice {
	unsigned agents, compilations;
} in_tick = { 2000, 100 }, after_change = { 32, 4 };

/* A marked agent. */
struct due {
	int64_t computer, policy, own, compiled, version;
};

void policy_results_drop(struct app *a)
{
	json_decref(a->results);
	a->results = NULL;
}

static json_t *content(struct app *a, const struct chain *ch)
{
	json_t *set = json_object(), *p = json_object();
	for (const struct setting *s = all_settings; s->name; s++) {
		if (s->scope != SCOPE_POLICY || strncmp(s->name, "platform", 8) != 0)
			continue;
		AUTO(freep) char *value = chain_setting(ch, s);
		json_set_text(set, s->name, value);
	}
	json_t *forwarding = forward_part(a, ch);
	if (forwarding)
		json_set(p, "forwarding", forwarding);
	json_set_text(p, "name", ch->n > 1 ? json_text(ch->level[1], "name", "") : "");
	json_set(p, "settings", set);
	json_set(p, "sections",
	         json_pack("{s:o,s:o,s:o,s:o,s:o}", "antimalware", malware_section(a, ch),
	                   "firewall", firewall_part(a, ch), "integritymonitoring",
	                   integrity_part(a, ch), "intrusionprevention", prevention_part(a, ch),
	                   "loginspection", inspection_part(a, ch)));
	return p;
}

/* The stored result's ID, or -errno. */
static int64_t compile(struct app *a, int64_t computer, const json_t *o)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	AUTO(buf_done) struct buf b = { .max = POLICY_MAX };
	char hash[65];
	chain_of(a, &ch, "computers", computer, o);
	AUTO(json_decrefp) json_t *p = content(a, &ch);
	int rc = 0;
	/* The same secret is sealed into the same bytes: equal policies stay equal. */
	AUTO(json_decrefp) json_t *sealed = secrets_sealed(a->store, NULL, kind, 0, p, &rc);
	a->compilations++;
	json_write(&b, sealed ? sealed : p);
	if (rc < 0 || buf_end(&b) < 0)
		return -1;
	text_digest(buf_view(&b), hash);
	a->sweep = true;
	return store_int(a->store, STMT_COMPILED_ADD, ARGS(VAL_TEXT(hash), VAL_STR(buf_view(&b))),
	                 -1);
}

/* Computers that override nothing: one result for each policy. */
static int64_t shared(struct app *a, int64_t policy)
{
	char key[24];
	snprintf(key, sizeof(key), "%lld", (long long)policy);
	int64_t id = json_int(a->results, key, 0);
	if (id)
		return id;
	AUTO(json_decrefp) json_t *o = json_object();
	if (policy)
		json_set_int(o, "policyID", policy);
	id = compile(a, 0, o);
	if (id > 0 && !a->results)
		a->results = json_object();
	if (id > 0)
		json_set_int(a->results, key, id);
	return id;
}

static int64_t result(struct app *a, const struct due *d)
{
	if (!d->own)
		return shared(a, d->policy);
	AUTO(json_decrefp) json_t *o = object_get(a->store, "computers", d->computer);
	return o ? compile(a, d->computer, o) : shared(a, 0);
}

static void settle(struct app *a, const struct due *d)
{
	int64_t id = result(a, d), version = (int64_t)clock_ms();
	int rc = 0;
	if (id <= 0) {
		log_error("compile the policy of computer %lld: %s", (long long)d->computer,
		          store_error(a->store));
		return;
	}
	/* Versions are times, so that they rise whatever happens to the database. */
	if (version <= d->version)
		version = d->version + 1;
	if (id == d->compiled)
		rc = store_exec(a->store, STMT_POLICY_SAME, ARGS(VAL_INT(d->computer)));
	else
		rc = store_exec(a->store, STMT_POLICY_NEW,
		                ARGS(VAL_INT(d->computer), VAL_INT(id), VAL_INT(version)));
	if (rc < 0)
		log_error("store the policy of computer %lld: %s", (long long)d->computer,
		          store_error(a->store));
	a->wake |= id != d->compiled;
}

static void due_of(const struct rows *r, struct due *d)
{
	*d = (struct due){ .computer = r->col[0].i,
		           .policy = r->col[1].i,
		           .own = r->col[2].i,
		           .compiled = r->col[3].i,
		           .version = r->col[4].i };
}

void policy_compile(struct app *a, int64_t computer)
{
	struct rows r;
	struct due d = { 0 };
	int rc = store_query(a->store, STMT_POLICY_DUE_GET, ARGS(VAL_INT(computer)), &r);
	bool there = rc == 0 && rows_next(&r) == 1;
	if (there)
		due_of(&r, &d);
	rows_done(&r);
	if (there)
		settle(a, &d);
}

/* How many there were to look at. */
static size_t take(struct app *a, struct slice slice)
{
	struct rows r;
	AUTO(buf_done) struct buf list = { 0 };
	uint64_t before = a->compilations;
	int rc = store_query(a->store, STMT_POLICY_DUE_LIST, ARGS(VAL_INT(slice.agents)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		struct due d;
		due_of(&r, &d);
		buf_add(&list, &d, sizeof(d));
	}
	rows_done(&r);
	size_t n = list.n / sizeof(struct due), i = 0;
	for (; i < n && a->compilations - before < slice.compilations; i++) {
		struct due d;
		memcpy(&d, list.p + i * sizeof(d), sizeof(d));
		settle(a, &d);
	}
	return n;
}

void policies_tick(struct app *a)
{
	a->marked = false;
	if (take(a, in_tick) > 0 || !a->sweep)
		return;
	a->sweep = false;
	store_exec(a->store, STMT_COMPILED_SWEEP, NULL, 0);
	policy_results_drop(a);
}

void policies_settle(struct app *a)
{
	if (!a->marked || store_begin(a->store) < 0)
		return;
	a->marked = false;
	take(a, after_change);
	app_cache_drop(a);
	if (store_end(a->store, true) < 0)
		policy_results_drop(a);
}

void policies_due(struct app *a, int64_t computer)
{
	int rc;
	policy_results_drop(a);
	a->marked = true;
	if (computer)
		rc = store_exec(a->store, STMT_POLICY_DUE_ONE, ARGS(VAL_INT(computer)));
	else
		rc = store_exec(a->store, STMT_POLICY_DUE_ALL, NULL, 0);
	if (rc < 0)
		log_error("mark policies: %s", store_error(a->store));
}

void policy_afresh(struct app *a, int64_t computer)
{
	a->marked = true;
	if (store_exec(a->store, STMT_POLICY_AFRESH, ARGS(VAL_INT(computer))) < 0)
		log_error("mark a policy: %s", store_error(a->store));
}

void policy_due_below(struct app *a, int64_t policy)
{
	policy_results_drop(a);
	a->marked = true;
	if (store_exec(a->store, STMT_POLICY_DUE_BELOW, ARGS(VAL_INT(policy))) < 0)
		log_error("mark policies: %s", store_error(a->store));
}

/* ---- what the agent fetches ---- */

int64_t policy_version(struct app *a, int64_t computer)
{
	return store_int(a->store, STMT_POLICY_VERSION, ARGS(VAL_INT(computer)), 0);
}

static void signed_policy(struct app *a, struct signing *s, int rc, struct str result)
{
	if (rc < 0) {
		log_error("sign the policy of computer %lld: %s", (long long)s->computer,
		          strerror(-rc));
		answer_error(a, s->request, 503,
		             "The authority could not sign the policy; try again.");
		return;
	}
	AUTO(buf_done) struct buf p = { 0 }, signature = { 0 };
	base64_encode(&p, str_of(s->text));
	base64_encode(&signature, result);
	AUTO(json_decrefp)
	json_t *o =
		json_pack("{s:s,s:s}", "policy", p.p, "signature", signature.p ? signature.p : "");
	answer_json(a, s->request, 200, o, NULL);
}

/* The stored result, and whose it is. */
static json_t *identified(struct call *c, int64_t have)
{
	struct rows r;
	json_t *p = NULL;
	int64_t version = 0;
	int rc = store_query(c->app->store, STMT_POLICY_GET, ARGS(VAL_INT(c->who.computer)), &r);
	if (rc == 0 && rows_next(&r) == 1 && r.col[0].i > have) {
		version = r.col[0].i;
		p = secrets_parse(c->app->store, kind, 0, col_str(&r, 1));
	}
	rows_done(&r);
	if (!p)
		return NULL;
	json_t *o = json_object();
	json_set_int(o, "computerID", c->who.computer);
	json_set_text(o, "hostGUID", c->who.guid);
	AUTO(freep) char *name = computer_name(c->app->store, c->who.computer);
	json_set_bytes(o, "hostName", str_of(name));
	json_object_update(o, p);
	json_set_int(o, "version", version);
	json_set_int(o, "issued", (int64_t)clock_ms());
	json_decref(p);
	return o;
}

int agent_policy(struct call *c)
{
	int64_t have = 0;
	str_i64(str_of(query_text(c->rq, "have", "0")), 0, INT64_MAX, &have);
	if (store_int(c->app->store, STMT_POLICY_IS_DUE, ARGS(VAL_INT(c->who.computer)), 0))
		policy_compile(c->app, c->who.computer);
	AUTO(json_decrefp) json_t *p = identified(c, have);
	if (!p)
		return 204;
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, p);
	struct signing *s = sign_later(c->app, signed_policy);
	s->computer = c->who.computer;
	s->request = c->rq->id;
	s->text = str_dup(buf_view(&b));
	c->later = true;
	c->app->hooks->sign_policy(c->app, s->ticket, buf_view(&b));
	return 200;
}
