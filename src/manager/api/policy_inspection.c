#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"
#include "manager/api/trial.h"
#include "module/loginspection/section.h"

/* Log Inspection in policies: what an agent gets (docs/protocol.md, section `loginspection`), and
 * deeds about it: its rules are tried on lines that people paste, by the bench. */

static const char kind[] = "loginspectionrules";

enum { LINES_MAX = 1000 };

/* A rule with what the levels override of it; NULL: it is no more. */
static json_t *rule_of(struct app *a, const struct chain *ch, int64_t id)
{
	AUTO(json_decrefp) json_t *o = object_cached(a, kind, id);
	json_t *rule = o ? json_copy(o) : NULL;
	char key[24];
	if (!rule)
		return NULL;
	snprintf(key, sizeof(key), "%lld", (long long)id);
	for (size_t i = ch->n; i-- > 0;) {
		json_t *rules = json_object_get(ch->level[i], "rules");
		json_t *own = json_object_get(json_object_get(rules, kind), key);
		if (own)
			json_object_update(rule, own);
	}
	json_set_int(rule, "ID", id);
	return rule;
}

static bool has(const json_t *list, int64_t id)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_int(json_array_get(list, i), "ID", 0) == id)
			return true;
	return false;
}

static void add(struct app *a, const struct chain *ch, json_t *list, int64_t id)
{
	json_t *o = id > 0 && !has(list, id) ? rule_of(a, ch, id) : NULL;
	if (o)
		json_array_append_new(list, o);
}

/* The rule that has the decoders: 0, if this store has none. */
static int64_t decoders_rule(struct app *a)
{
	struct rows r;
	int64_t id = 0;
	if (store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r) == 0) {
		while (!id && rows_next(&r) == 1) {
			AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
			if (strcmp(json_text(o, "identifier", ""), LI_DEFAULT_IDENTIFIER) == 0)
				id = r.col[0].i;
		}
	}
	rows_done(&r);
	return id;
}

/* By sortOrder, then ID: an agent reads them in this order. */
static json_t *sorted(json_t *list)
{
	json_t *out = json_array();
	while (json_array_size(list)) {
		size_t least = 0;
		for (size_t i = 1; i < json_array_size(list); i++) {
			const json_t *a = json_array_get(list, i), *b = json_array_get(list, least);
			int64_t x = json_int(a, "sortOrder", 15000),
				y = json_int(b, "sortOrder", 15000);
			if (x < y || (x == y && json_int(a, "ID", 0) < json_int(b, "ID", 0)))
				least = i;
		}
		json_array_append(out, json_array_get(list, least));
		json_array_remove(list, least);
	}
	json_decref(list);
	return out;
}

/* Assigned rules, those that they depend on, and the decoders that all may use. */
static json_t *rules_of(struct app *a, const struct chain *ch, bool decoders)
{
	AUTO(json_decrefp) json_t *ids = chain_ids(ch, "logInspection", "ruleIDs");
	json_t *rules = json_array(), *v;
	size_t i;
	json_array_foreach (ids, i, v)
		add(a, ch, rules, json_integer_value(v));
	if (decoders || json_array_size(rules))
		add(a, ch, rules, decoders_rule(a));
	/* The list grows while it is walked: dependencies of dependencies are met. */
	for (i = 0; i < json_array_size(rules); i++) {
		const json_t *on = json_array_at(json_array_get(rules, i), "dependsOnRuleIDs");
		for (size_t k = 0; k < json_array_size(on); k++)
			add(a, ch, rules, json_integer_value(json_array_get(on, k)));
	}
	return sorted(rules);
}

static json_t *settings_of(const struct chain *ch)
{
	json_t *set = json_object();
	for (const struct setting *s = all_settings; s->name; s++) {
		if (s->scope != SCOPE_POLICY || strncmp(s->name, "logInspection", 13) != 0)
			continue;
		AUTO(freep) char *value = chain_setting(ch, s);
		json_set_text(set, s->name, value);
	}
	return set;
}

json_t *inspection_part(struct app *a, const struct chain *ch)
{
	json_t *o = json_object();
	char state[16];
	module_state(ch, policy_module_find("loginspection"), state);
	json_set_text(o, "state", state);
	json_set(o, "rules", rules_of(a, ch, false));
	json_set(o, "settings", settings_of(ch));
	return o;
}

/* ---- when a rule is written ---- */

static json_t *all_rules(struct app *a)
{
	json_t *list = json_array();
	struct rows r;
	if (store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r) == 0) {
		while (rows_next(&r) == 1) {
			json_t *o = json_parse(col_str(&r, 1), NULL);
			if (!o)
				continue;
			json_set_int(o, "ID", r.col[0].i);
			json_array_append_new(list, o);
		}
	}
	rows_done(&r);
	return list;
}

/* Its text is what somebody wrote: the bench reads it, and then the request is made again. */
int inspection_rule_right(struct call *c, int64_t id, const json_t *rule)
{
	json_t *o = json_deep_copy(rule), *input = json_object(), *others = all_rules(c->app);
	for (size_t i = json_array_size(others); i-- > 0;)
		if (id && json_int(json_array_get(others, i), "ID", 0) == id)
			json_array_remove(others, i);
	json_set_int(o, "ID", id);
	json_set(input, "rule", o);
	json_set(input, "others", others);
	return trial_first(c, "loginspection-rule", input);
}

/* ---- deeds ---- */

static bool is_computer(const struct call *c)
{
	return str_starts(str_of(c->rq->path), STR("/api/computers/"));
}

static int missing(struct call *c)
{
	c->code = "not-found";
	err_set(&c->why, 0, "The %s does not exist.", is_computer(c) ? "computer" : "policy");
	return 404;
}

/* The effective part of the computer or policy in the path, as if it were on; NULL: 404 was said.
 */
static json_t *part_of(struct call *c)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	const char *of = is_computer(c) ? "computers" : "policies";
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, of, c->id);
	if (!o)
		return NULL;
	chain_of(c->app, &ch, of, c->id, o);
	json_t *part = inspection_part(c->app, &ch);
	json_set_text(part, "state", "on");
	json_set(part, "rules", rules_of(c->app, &ch, true));
	return part;
}

static void take_draft(json_t *part, const json_t *draft)
{
	json_t *rules = json_object_get(part, "rules"), *copy = json_deep_copy(draft);
	for (size_t i = json_array_size(rules); i-- > 0;)
		if (strcmp(json_text(json_array_get(rules, i), "name", ""),
		           json_text(draft, "name", "")) == 0)
			json_array_remove(rules, i);
	json_array_append_new(rules, copy);
}

int inspection_test(struct call *c)
{
	const json_t *lines = json_array_at(c->body, "lines");
	const json_t *draft = json_object_at(c->body, "rule");
	if (!lines || json_array_size(lines) == 0 || json_array_size(lines) > LINES_MAX) {
		err_set(&c->why, 0, "lines: 1 to %d lines are expected.", LINES_MAX);
		return 400;
	}
	json_t *part = part_of(c);
	if (!part)
		return missing(c);
	if (draft)
		take_draft(part, draft);
	json_t *input = json_object();
	json_set(input, "section", part);
	json_set(input, "lines", json_deep_copy(lines));
	json_set_text(input, "location", json_text(c->body, "location", "test"));
	return trial(c, "loginspection", input);
}

int inspection_decoders(struct call *c)
{
	json_t *part = part_of(c);
	if (!part)
		return missing(c);
	json_t *input = json_object();
	json_set(input, "section", part);
	return trial(c, "loginspection-set", input);
}

int inspection_files(struct call *c)
{
	struct rows r;
	AUTO(json_decrefp) json_t *o = object_get(c->app->store, "computers", c->id);
	if (!o)
		return missing(c);
	c->out = json_object();
	int rc = store_query(c->app->store, STMT_AGENT_GET, ARGS(VAL_INT(c->id)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *status = json_parse(col_str(&r, 4), NULL);
		const json_t *told =
			json_object_at(json_object_at(status, "modules"), "loginspection");
		json_t *files = json_object_get(told, "files");
		json_set(c->out, "logFiles",
		         json_is_array(files) ? json_incref(files) : json_array());
		if (r.col[2].i)
			json_set_int(c->out, "told", r.col[2].i);
	}
	rows_done(&r);
	return 200;
}
