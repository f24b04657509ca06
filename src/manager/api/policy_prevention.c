#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"

/* Intrusion Prevention in policies: what an agent gets of assigned rules, with what levels override
 * of them, and of what they refer to (docs/protocol.md, section `intrusionprevention`). */

static bool has(const json_t *list, int64_t id)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_int(v, "ID", 0) == id)
			return true;
	return false;
}

/* The object with its ID and what the levels override of it, nearest first; NULL: it is not there.
 */
static json_t *overridden(struct app *a, const struct chain *ch, const char *kind, int64_t id)
{
	AUTO(json_decrefp) json_t *o = object_cached(a, kind, id);
	json_t *copy = o ? json_copy(o) : NULL;
	char key[24];
	if (!copy)
		return NULL;
	snprintf(key, sizeof(key), "%lld", (long long)id);
	for (size_t i = ch->n; i-- > 0;) {
		json_t *rules = json_object_get(ch->level[i], "rules");
		json_t *own = json_object_get(json_object_get(rules, kind), key);
		if (own)
			json_object_update(copy, own);
	}
	json_set_int(copy, "ID", id);
	return copy;
}

static void add(struct app *a, const struct chain *ch, json_t *list, const char *kind, int64_t id)
{
	json_t *o = id > 0 && !has(list, id) ? overridden(a, ch, kind, id) : NULL;
	if (o)
		json_array_append_new(list, o);
}

/* Assigned rules, and those that they depend on. */
static json_t *rules_of(struct app *a, const struct chain *ch)
{
	AUTO(json_decrefp) json_t *ids = chain_ids(ch, "intrusionPrevention", "ruleIDs");
	json_t *rules = json_array(), *v;
	size_t i;
	json_array_foreach (ids, i, v)
		add(a, ch, rules, "intrusionpreventionrules", json_integer_value(v));
	/* The list grows while it is walked: dependencies of dependencies are met. */
	for (i = 0; i < json_array_size(rules); i++) {
		const json_t *on = json_array_at(json_array_get(rules, i), "dependsOnRuleIDs");
		for (size_t k = 0; k < json_array_size(on); k++)
			add(a, ch, rules, "intrusionpreventionrules",
			    json_integer_value(json_array_get(on, k)));
	}
	return rules;
}

static json_t *named(struct app *a, const struct chain *ch, const json_t *by, const char *field,
                     const char *kind)
{
	json_t *list = json_array(), *v;
	size_t i;
	json_array_foreach ((json_t *)(uintptr_t)by, i, v)
		add(a, ch, list, kind, json_int(v, field, 0));
	return list;
}

static json_t *settings_of(const struct chain *ch)
{
	json_t *set = json_object();
	for (const struct setting *s = all_settings; s->name; s++) {
		bool mine = strncmp(s->name, "intrusionPrevention", 19) == 0 ||
		            strcmp(s->name, "firewallSettingNetworkEngineMode") == 0 ||
		            strcmp(s->name, "firewallSettingEngineOptionLogOnePacketPeriod") == 0;
		if (s->scope != SCOPE_POLICY || !mine)
			continue;
		AUTO(freep) char *value = chain_setting(ch, s);
		json_set_text(set, s->name, value);
	}
	return set;
}

json_t *prevention_part(struct app *a, const struct chain *ch)
{
	json_t *o = json_object(), *rules = rules_of(a, ch);
	json_t *types = named(a, ch, rules, "applicationTypeID", "applicationtypes");
	char state[16];
	module_state(ch, policy_module_find("intrusionprevention"), state);
	json_set_text(o, "state", state);
	json_set(o, "schedules", named(a, ch, rules, "scheduleID", "schedules"));
	json_set(o, "contexts", named(a, ch, rules, "contextID", "contexts"));
	json_set(o, "portLists", named(a, ch, types, "portListID", "portlists"));
	json_set(o, "applicationTypes", types);
	json_set(o, "rules", rules);
	json_set(o, "settings", settings_of(ch));
	return o;
}
