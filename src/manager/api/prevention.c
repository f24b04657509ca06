#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/trial.h"
#include "manager/store/store.h"

/* Deeds about Intrusion Prevention: rules are tried against a capture. */

static const char rules_kind[] = "intrusionpreventionrules";

static int refuse(struct call *c, const char *sentence)
{
	err_set(&c->why, -EINVAL, "%s", sentence);
	return 400;
}

static void add_object(struct app *a, json_t *list, const char *kind, int64_t id)
{
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		if (json_int(v, "ID", 0) == id)
			return;
	AUTO(json_decrefp) json_t *o = id > 0 ? object_cached(a, kind, id) : NULL;
	json_t *copy = o ? json_copy(o) : NULL;
	if (!copy)
		return;
	json_set_int(copy, "ID", id);
	json_array_append_new(list, copy);
}

static void add_named(struct app *a, json_t *list, const json_t *by, const char *field,
                      const char *kind)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)by, i, v)
		add_object(a, list, kind, json_int(v, field, 0));
}

static int every_rule(struct call *c, json_t *rules)
{
	struct rows r;
	int rc = store_query(c->app->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(rules_kind)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *o = json_parse(col_str(&r, 1), NULL);
		if (!o)
			continue;
		json_set_int(o, "ID", r.col[0].i);
		json_array_append_new(rules, o);
	}
	rows_done(&r);
	return rc < 0 ? 500 : 0;
}

static int rules_by_id(struct call *c, const json_t *ids, json_t *rules)
{
	for (size_t i = 0; i < json_array_size(ids); i++) {
		int64_t id = json_integer_value(json_array_get(ids, i));
		size_t before = json_array_size(rules);
		add_object(c->app, rules, rules_kind, id);
		if (json_array_size(rules) == before) {
			err_set(&c->why, -EINVAL, "ruleIDs: there is no rule %lld.", (long long)id);
			return 400;
		}
	}
	return 0;
}

/* Rules that are not stored: as they would be sent to make them. */
static int drafts(struct call *c, const json_t *list, json_t *rules)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_copy(json_array_get(list, i));
		if (!json_is_object(o)) {
			json_decref(o);
			return refuse(c, "rules: objects are expected.");
		}
		/* Apart from every stored one. */
		json_set_int(o, "ID", INT32_MAX - (int64_t)i);
		json_array_append_new(rules, o);
	}
	return 0;
}

static json_t *section_of_rules(struct call *c, int *status)
{
	const json_t *ids = json_array_at(c->body, "ruleIDs"),
		     *own = json_array_at(c->body, "rules");
	json_t *rules = json_array(), *types = json_array(), *ports = json_array();
	*status = ids ? rules_by_id(c, ids, rules) : own ? 0 : every_rule(c, rules);
	if (*status == 0)
		*status = drafts(c, own, rules);
	add_named(c->app, types, rules, "applicationTypeID", "applicationtypes");
	add_named(c->app, ports, types, "portListID", "portlists");
	json_t *section = json_object();
	json_set(section, "rules", rules);
	json_set(section, "applicationTypes", types);
	json_set(section, "portLists", ports);
	return section;
}

/* What a policy or computer has, with what it overrides. */
static json_t *section_of_chain(struct call *c, const char *kind, int64_t id)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, kind, id);
	if (!o || !access_sees(c, resource_find(str_of(kind)), id, o))
		return NULL;
	chain_of(c->app, &ch, kind, id, o);
	return prevention_part(c->app, &ch);
}

static json_t *section_of(struct call *c, int *status)
{
	int64_t policy = json_int(c->body, "policyID", 0),
		computer = json_int(c->body, "computerID", 0);
	json_t *section = policy     ? section_of_chain(c, "policies", policy)
	                  : computer ? section_of_chain(c, "computers", computer)
	                             : section_of_rules(c, status);
	if (!section)
		*status = refuse(c, "The policy or computer does not exist.");
	return section;
}

/*
 * {"capture": base64, "ruleIDs": [..] and/or "rules": [objects], or "policyID", or "computerID";
 * none of them: every rule; "prevent", "homeNet", "checksums", "midstream"}
 */
int prevention_capture(struct call *c)
{
	int status = 0;
	if (!c->body || !*json_text(c->body, "capture", ""))
		return refuse(c, "capture is required.");
	AUTO(json_decrefp) json_t *section = section_of(c, &status);
	if (status)
		return status;
	json_set_text(section, "state",
	              json_bool(c->body, "prevent", false) ? "prevent" : "detect");
	if (json_object_get(c->body, "homeNet"))
		json_set_text(section, "homeNet", json_text(c->body, "homeNet", "any"));
	json_t *input = json_object();
	json_set(input, "section", TAKE(section));
	json_set_text(input, "capture", json_text(c->body, "capture", ""));
	json_set_bool(input, "checksums", json_bool(c->body, "checksums", false));
	json_set_bool(input, "midstream", json_bool(c->body, "midstream", true));
	return trial(c, "intrusionprevention", input);
}
