#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/trial.h"

/* Deeds about the Firewall of a computer or policy: would a packet pass, and how often each rule
 * was met. */

static int missing(struct call *c, const char *what)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The %s does not exist.", what);
	return 404;
}

static bool is_computer(const struct call *c)
{
	return str_starts(str_of(c->rq->path), STR("/api/computers/"));
}

int firewall_simulate(struct call *c)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	const char *kind = is_computer(c) ? "computers" : "policies";
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, kind, c->id);
	if (!o)
		return missing(c, is_computer(c) ? "computer" : "policy");
	chain_of(c->app, &ch, kind, c->id, o);
	json_t *input = json_object();
	json_set(input, "section", firewall_part(c->app, &ch));
	if (json_object_get(c->body, "capture")) {
		json_object_update_missing(input, c->body);
		return trial(c, "firewall-capture", input);
	}
	json_set(input, "packet", c->body ? json_incref(c->body) : json_object());
	json_set_int(input, "when", json_int(c->body, "time", (int64_t)clock_ms()));
	json_set_int(input, "utcOffset", json_int(c->body, "utcOffset", 0)); /* seconds */
	return trial(c, "firewall", input);
}

/* ---- hits ---- */

static json_t *status_of(struct app *a, int64_t computer, int64_t *seen)
{
	struct rows r;
	json_t *status = NULL;
	int rc = store_query(a->store, STMT_AGENT_GET, ARGS(VAL_INT(computer)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		status = json_parse(col_str(&r, 4), NULL);
		*seen = r.col[2].i;
	}
	rows_done(&r);
	return status;
}

static int64_t hits_of(const json_t *hits, int64_t rule)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)hits, i, v)
		if (json_int(v, "ruleID", 0) == rule)
			return json_int(v, "hits", 0);
	return 0;
}

static json_t *row(const json_t *rule, const json_t *hits)
{
	static const char *const shown[] = { "name", "action", "priority", "direction" };
	int64_t id = json_int(rule, "ID", 0);
	json_t *o = json_object();
	json_set_int(o, "ruleID", id);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		json_set_text(o, shown[i], json_text(rule, shown[i], ""));
	json_set_int(o, "hits", hits_of(hits, id));
	return o;
}

int firewall_hits_get(struct call *c)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "computers", c->id);
	int64_t seen = 0;
	size_t i;
	json_t *rule, *list = NULL;
	if (!o)
		return missing(c, "computer");
	AUTO(json_decrefp) json_t *status = status_of(c->app, c->id, &seen);
	const json_t *told = json_object_at(json_object_at(status, "modules"), "firewall");
	chain_of(c->app, &ch, "computers", c->id, o);
	AUTO(json_decrefp) json_t *part = firewall_part(c->app, &ch);
	c->out = json_object();
	list = json_array();
	json_array_foreach (json_object_get(part, "rules"), i, rule)
		json_array_append_new(list, row(rule, json_array_at(told, "hits")));
	json_set(c->out, "firewallRuleHits", list);
	if (seen)
		json_set_int(c->out, "told", seen);
	return 200;
}
