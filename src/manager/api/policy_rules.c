#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"

/*
 * Rules on a policy or computer (rest-api.md 8.2): which are assigned, and which of their
 * properties are other ones there. Assigned are the module's ruleIDs of every level; overridden
 * properties lie in "rules", by collection and ID, and the nearest level's hold. Application types
 * are overridden in the same way.
 */

/* What a request of this family is about. */
struct target {
	const struct resource *owner; /* "policies" or "computers" */
	const struct policy_module *module;
	const struct resource *rules; /* what {id2} is one of */
	json_t *object;               /* owned: the policy or computer as stored */
	json_t *rule;                 /* owned: the rule as stored, NULL without {id2} */
	struct chain chain;
};

static void target_done(struct target *t)
{
	chain_done(&t->chain);
	json_decref(t->object);
	json_decref(t->rule);
}

static int missing(struct call *c, const char *what)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The %s does not exist.", what);
	return 404;
}

static bool is_types(const struct call *c)
{
	return strstr(c->rq->path, "/intrusionprevention/applicationtypes") != NULL;
}

/* 0, or an HTTP status. */
static int target_of(struct call *c, struct target *t)
{
	bool computer = strncmp(c->rq->path, "/api/computers/", 15) == 0;
	t->owner = resource_find(computer ? STR("computers") : STR("policies"));
	t->module = policy_module_find(is_types(c) ? "intrusionprevention" : c->name);
	if (!t->module || !t->module->rules)
		return missing(c, "path");
	t->rules = resource_find(is_types(c) ? STR("applicationtypes") : str_of(t->module->rules));
	t->object = object_get(c->app->store, t->owner->path, c->id);
	if (!t->object)
		return missing(c, t->owner->noun);
	chain_of(c->app, &t->chain, t->owner->path, c->id, t->object);
	if (c->id2 < 0)
		return 0;
	t->rule = t->rules ? object_get(c->app->store, t->rules->path, c->id2) : NULL;
	return t->rule ? 0 : missing(c, t->rules ? t->rules->noun : "rule");
}

static int keep(struct call *c, struct target *t, json_t *o)
{
	drop_empty(o);
	if (json_equal(t->object, o))
		return 0;
	if (object_set(c->app->store, t->owner, c->id, o) < 0) {
		err_set(&c->why, 0, "The database refused: %s.", store_error(c->app->store));
		return 500;
	}
	audit(c, t->owner->updated, t->owner->noun, c->id, json_text(o, t->owner->name_field, ""),
	      json_object_get(t->object, t->module->key), json_object_get(o, t->module->key));
	t->owner->changed(c, c->id, t->object, o);
	chain_done(&t->chain);
	chain_of(c->app, &t->chain, t->owner->path, c->id, o);
	json_decref(t->object);
	t->object = json_incref(o);
	return 0;
}

/* ---- assignments ---- */

static bool has_id(const json_t *ids, int64_t id)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)ids, i, v)
		if (json_integer_value(v) == id)
			return true;
	return false;
}

static void add_id(json_t *ids, int64_t id)
{
	if (!has_id(ids, id))
		json_array_append_new(ids, json_integer(id));
}

static json_t *assigned(const struct target *t, bool own)
{
	json_t *mine = chain_own(&t->chain, 0, t->module->key, "ruleIDs");
	if (own)
		return mine ? json_deep_copy(mine) : json_array();
	return chain_ids(&t->chain, t->module->key, "ruleIDs");
}

static int assignments_answer(struct call *c, struct target *t)
{
	json_t *ids = assigned(t, query_true(c->rq, "overrides"));
	bool types = strcmp(t->module->path, "intrusionprevention") == 0;
	c->out = json_object();
	json_set(c->out, "assignedRuleIDs", ids);
	if (types)
		json_set(c->out, "assignedApplicationTypeIDs", types_of_rules(c->app, ids));
	if (strcmp(t->module->path, "firewall") == 0)
		return 200;
	json_set_text(c->out, "recommendationScanStatus", "none");
	json_set(c->out, "recommendedToAssignRuleIDs", json_array());
	json_set(c->out, "recommendedToUnassignRuleIDs", json_array());
	return 200;
}

int assignments_get(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	return status ? status : assignments_answer(c, &t);
}

/* A rule comes with those that it depends on. */
static int assign(struct call *c, const struct target *t, int64_t id, json_t *into, int depth)
{
	AUTO(json_decrefp)
	json_t *rule = t->rules ? object_get(c->app->store, t->rules->path, id) : NULL;
	size_t i;
	json_t *v;
	if (!rule)
		return err_set(&c->why, -EINVAL, "ruleIDs %lld does not exist.", (long long)id);
	add_id(into, id);
	json_array_foreach (json_object_get(rule, "dependsOnRuleIDs"), i, v) {
		int64_t other = json_integer_value(v);
		int rc = depth == 0 || has_id(into, other) ? 0
		                                           : assign(c, t, other, into, depth - 1);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int assign_all(struct call *c, struct target *t, json_t *into)
{
	static const struct field fields[] = { { "ruleIDs", T_IDS, F_REQUIRED, .doc = "" }, { 0 } };
	AUTO(json_decrefp) json_t *taken = json_object();
	size_t i;
	json_t *v;
	bool none = json_is_array(json_object_get(c->body, "ruleIDs")) &&
	            json_array_size(json_object_get(c->body, "ruleIDs")) == 0;
	if (!none && fields_take(fields, c->body, taken, true, &c->why) < 0)
		return -EINVAL;
	json_array_foreach (json_object_get(taken, "ruleIDs"), i, v) {
		int rc = assign(c, t, json_integer_value(v), into, DEPTH_MAX);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int assignments_keep(struct call *c, struct target *t, json_t *ids)
{
	AUTO(json_decrefp) json_t *o = json_deep_copy(t->object);
	json_t *module = member_of(o, t->module->key);
	if (json_array_size(ids))
		json_set(module, "ruleIDs", json_incref(ids));
	else
		json_object_del(module, "ruleIDs");
	int status = keep(c, t, o);
	return status ? status : assignments_answer(c, t);
}

int assignments_add(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	if (status)
		return status;
	AUTO(json_decrefp) json_t *ids = assigned(&t, true);
	return assign_all(c, &t, ids) < 0 ? 400 : assignments_keep(c, &t, ids);
}

int assignments_set(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	if (status)
		return status;
	AUTO(json_decrefp) json_t *ids = json_array();
	return assign_all(c, &t, ids) < 0 ? 400 : assignments_keep(c, &t, ids);
}

int assignments_remove(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	if (status)
		return status;
	AUTO(json_decrefp) json_t *ids = assigned(&t, true);
	AUTO(json_decrefp) json_t *all = assigned(&t, false);
	if (!has_id(all, c->id2))
		return missing(c, "assignment");
	if (!has_id(ids, c->id2)) {
		err_set(&c->why, 0,
		        "The rule is assigned by a policy above; it can be taken away only there.");
		return 400;
	}
	AUTO(json_decrefp) json_t *rest = json_array();
	size_t i;
	json_t *v;
	json_array_foreach (ids, i, v)
		if (json_integer_value(v) != c->id2)
			json_array_append(rest, v);
	return assignments_keep(c, &t, rest);
}

/* ---- overridden properties ---- */

/* Borrowed; NULL: none. */
static json_t *own_properties(const struct target *t, size_t level, int64_t id)
{
	char key[24];
	snprintf(key, sizeof(key), "%lld", (long long)id);
	return json_object_get(
		json_object_get(json_object_get(t->chain.level[level], "rules"), t->rules->path),
		key);
}

/* The rule with what the levels from `from` on override: a new reference. */
static json_t *merged(const struct target *t, const json_t *rule, int64_t id, size_t from)
{
	json_t *o = json_deep_copy(rule);
	for (size_t i = t->chain.n; i-- > from;)
		if (own_properties(t, i, id))
			json_object_update(o, own_properties(t, i, id));
	return o;
}

static json_t *rule_shown(struct call *c, const struct target *t, const json_t *rule, int64_t id)
{
	if (query_true(c->rq, "overrides")) {
		json_t *own = own_properties(t, 0, id);
		return own ? fields_show(t->rules->fields, own, id) : json_object();
	}
	AUTO(json_decrefp) json_t *full = merged(t, rule, id, 0);
	json_t *o = fields_show(t->rules->fields, full, id);
	if (t->rules->show)
		t->rules->show(c, id, full, o);
	return o;
}

static json_t *listed_ids(struct call *c, const struct target *t)
{
	json_t *ids = assigned(t, false);
	if (!is_types(c))
		return ids;
	json_t *types = types_of_rules(c->app, ids);
	json_decref(ids);
	return types;
}

/* With overrides=true: those whose properties are changed here, assigned or not. */
static json_t *changed_ids(const struct target *t)
{
	json_t *out = json_array();
	const char *key;
	json_t *v;
	json_object_foreach (json_object_get(json_object_get(t->object, "rules"), t->rules->path),
	                     key, v) {
		int64_t id = 0;
		if (str_i64(str_of(key), 0, INT64_MAX, &id) == 0)
			json_array_append_new(out, json_integer(id));
	}
	return out;
}

int policy_rules_list(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	if (status)
		return status;
	if (!t.rules)
		return missing(c, "path");
	AUTO(json_decrefp)
	json_t *ids = query_true(c->rq, "overrides") ? changed_ids(&t) : listed_ids(c, &t);
	json_t *list = json_array();
	size_t i;
	json_t *v;
	json_array_foreach (ids, i, v) {
		int64_t id = json_integer_value(v);
		AUTO(json_decrefp) json_t *rule = object_get(c->app->store, t.rules->path, id);
		if (rule)
			json_array_append_new(list, rule_shown(c, &t, rule, id));
	}
	c->out = json_object();
	json_set(c->out, t.rules->list, list);
	return 200;
}

int policy_rule_get(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	if (status)
		return status;
	c->out = rule_shown(c, &t, t.rule, c->id2);
	return 200;
}

/* Of what was sent, what differs from the level above is an override; what does not is none. A rule
 * keeps its name. */
static void note_differences(const struct target *t, const json_t *above, const json_t *wanted,
                             json_t *own)
{
	static const char *const kept[] = { "name", "description", "identifier", NULL };
	for (const struct field *f = t->rules->fields; f->name; f++) {
		json_t *v = json_object_get(wanted, f->name);
		bool is_kept = (f->flags & F_READ_ONLY) != 0;
		for (const char *const *k = kept; *k; k++)
			is_kept |= strcmp(*k, f->name) == 0;
		if (is_kept || !v)
			continue;
		if (json_equal(v, json_object_get(above, f->name)))
			json_object_del(own, f->name);
		else
			json_set(own, f->name, json_incref(v));
	}
}

int policy_rule_set(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	if (status)
		return status;
	char key[24];
	snprintf(key, sizeof(key), "%lld", (long long)c->id2);
	AUTO(json_decrefp) json_t *above = merged(&t, t.rule, c->id2, 1);
	AUTO(json_decrefp) json_t *wanted = merged(&t, t.rule, c->id2, 0);
	if (!c->body) {
		err_set(&c->why, 0, "A JSON object is expected.");
		return 400;
	}
	if (fields_take(t.rules->fields, c->body, wanted, false, &c->why) < 0 ||
	    (t.rules->check && t.rules->check(c, c->id2, t.rule, wanted) < 0))
		return 400;
	AUTO(json_decrefp) json_t *o = json_deep_copy(t.object);
	note_differences(&t, above, wanted,
	                 member_of(member_of(member_of(o, "rules"), t.rules->path), key));
	status = keep(c, &t, o);
	if (status == 0)
		c->out = rule_shown(c, &t, t.rule, c->id2);
	return status ? status : 200;
}

int policy_rule_reset(struct call *c)
{
	AUTO(target_done) struct target t = { 0 };
	int status = target_of(c, &t);
	if (status)
		return status;
	char key[24];
	snprintf(key, sizeof(key), "%lld", (long long)c->id2);
	AUTO(json_decrefp) json_t *o = json_deep_copy(t.object);
	json_object_del(member_of(member_of(o, "rules"), t.rules->path), key);
	status = keep(c, &t, o);
	if (status == 0)
		c->out = rule_shown(c, &t, t.rule, c->id2);
	return status ? status : 200;
}
