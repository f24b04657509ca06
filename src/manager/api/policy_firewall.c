#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"
#include "module/module.h"

/* The Firewall in policies: what an agent gets of assigned rules and of everything that they, the
 * stateful configurations and the settings refer to (docs/protocol.md, section `firewall`). */

/* clang-format off */
/* Collections that rules refer to: under which key their objects go, and what names them. */
static const struct {
	const char *key, *kind, *names[3];
} referred[] = {
	{ "ipLists",   "iplists",   { "sourceIPListID", "destinationIPListID" } },
	{ "macLists",  "maclists",  { "sourceMACListID", "destinationMACListID" } },
	{ "portLists", "portlists", { "sourcePortListID", "destinationPortListID" } },
	{ "schedules", "schedules", { "scheduleID" } },
	{ "contexts",  "contexts",  { "contextID" } },
};
/* clang-format on */

enum { IP_LISTS = 0 };

static bool has(const json_t *list, int64_t id)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_int(v, "ID", 0) == id)
			return true;
	return false;
}

/* The object with its ID, once; what is not there is missed by the section's parser. */
static void add(struct app *a, json_t *list, const char *kind, int64_t id)
{
	if (id <= 0 || has(list, id))
		return;
	AUTO(json_decrefp) json_t *o = object_cached(a, kind, id);
	if (!o)
		return;
	json_t *copy = json_copy(o);
	json_set_int(copy, "ID", id);
	json_array_append_new(list, copy);
}

/* A rule with what the levels override of it. */
static json_t *rule_of(struct app *a, const struct chain *ch, int64_t id)
{
	AUTO(json_decrefp) json_t *o = object_cached(a, "firewallrules", id);
	json_t *rule = o ? json_copy(o) : NULL;
	char key[24];
	if (!rule)
		return NULL;
	snprintf(key, sizeof(key), "%lld", (long long)id);
	for (size_t i = ch->n; i-- > 0;) {
		json_t *rules = json_object_get(ch->level[i], "rules");
		json_t *own = json_object_get(json_object_get(rules, "firewallrules"), key);
		if (own)
			json_object_update(rule, own);
	}
	json_set_int(rule, "ID", id);
	return rule;
}

static void add_rules(struct app *a, const struct chain *ch, json_t *out)
{
	AUTO(json_decrefp) json_t *ids = chain_ids(ch, "firewall", "ruleIDs");
	json_t *rules = json_array();
	size_t i;
	json_t *v;
	json_array_foreach (ids, i, v) {
		json_t *rule = rule_of(a, ch, json_integer_value(v));
		if (rule)
			json_array_append_new(rules, rule);
	}
	json_set(out, "rules", rules);
}

static void add_referred(struct app *a, json_t *out)
{
	size_t i;
	json_t *rule;
	for (size_t k = 0; k < ARRAY_LEN(referred); k++) {
		json_t *list = json_array();
		json_array_foreach (json_object_get(out, "rules"), i, rule)
			for (const char *const *n = referred[k].names; *n; n++)
				add(a, list, referred[k].kind, json_int(rule, *n, 0));
		json_set(out, referred[k].key, list);
	}
}

/* The one that the policies name, else the system's. */
static int64_t global_stateful(struct app *a, const struct chain *ch)
{
	const json_t *own = chain_member(ch, "firewall", "globalStatefulConfigurationID");
	int64_t id = 0;
	if (own)
		return json_integer_value(own);
	AUTO(freep) char *text = system_setting(a, "firewallSettingGlobalStatefulConfigId");
	return str_i64(str_of(text), 0, INT64_MAX, &id) == 0 ? id : 0;
}

static void add_stateful(struct app *a, const struct chain *ch, json_t *out)
{
	const json_t *own = chain_member(ch, "firewall", "statefulConfigurationAssignments");
	const json_t *assigned = json_array_at(own, "statefulConfigurationAssignments");
	json_t *configurations = json_array(), *kept = json_array();
	int64_t id = global_stateful(a, ch);
	size_t i;
	json_t *v;
	add(a, configurations, "statefulconfigurations", id);
	if (has(configurations, id))
		json_set_int(out, "globalStatefulConfigurationID", id);
	json_array_foreach ((json_t *)(uintptr_t)assigned, i, v) {
		int64_t its = json_int(v, "statefulConfigurationID", 0);
		add(a, configurations, "statefulconfigurations", its);
		if (json_int(v, "interfaceTypeID", 0) && has(configurations, its))
			json_array_append(kept, v);
	}
	json_set(out, "statefulConfigurations", configurations);
	json_set(out, "statefulConfigurationAssignments", kept);
}

static bool in_chain(const struct chain *ch, int64_t policy)
{
	for (size_t i = strcmp(ch->kind, "computers") == 0 ? 1 : 0; i < ch->n; i++)
		if (ch->id[i] == policy)
			return true;
	return false;
}

/* Types of interfaces belong to a policy, and hold for those below it. */
static void add_types(struct app *a, const struct chain *ch, json_t *out)
{
	json_t *types = json_array();
	struct rows r;
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT("policies/interfacetypes")),
	                     &r);
	while (rc == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		json_t *matches = json_object_get(o, "matches");
		if (!matches || !in_chain(ch, json_int(o, RESOURCE_OWNER, 0)))
			continue;
		json_array_append_new(
			types, json_pack("{s:I,s:s,s:O}", "ID", (json_int_t)r.col[0].i, "name",
		                         json_text(o, "name", ""), "patterns", matches));
	}
	rows_done(&r);
	json_set(out, "interfaceTypes", types);
}

/* How agents find out where they are, for contexts. */
static void add_system_settings(struct app *a, json_t *set)
{
	for (const struct setting *s = all_settings; s->name; s++) {
		if (s->scope != SCOPE_SYSTEM || !strstr(s->name, "ConnectivityTest"))
			continue;
		AUTO(freep) char *value = system_setting(a, s->name);
		json_set_text(set, s->name, value);
	}
}

static void add_settings(struct app *a, const struct chain *ch, json_t *out)
{
	json_t *set = json_object(), *lists = json_object_get(out, referred[IP_LISTS].key);
	for (const struct setting *s = all_settings; s->name; s++) {
		int64_t id = 0;
		if (s->scope != SCOPE_POLICY || strncmp(s->name, "firewall", 8) != 0)
			continue;
		AUTO(freep) char *value = chain_setting(ch, s);
		bool names = strstr(s->name, "IpListId") &&
		             str_i64(str_of(value), 1, INT64_MAX, &id) == 0;
		if (names)
			add(a, lists, referred[IP_LISTS].kind, id);
		/* The defaults name lists that nobody has to have. */
		json_set_text(set, s->name, names && !has(lists, id) ? "" : value);
	}
	add_system_settings(a, set);
	json_set(out, "settings", set);
}

json_t *firewall_part(struct app *a, const struct chain *ch)
{
	json_t *o = json_object();
	char state[16];
	module_state(ch, policy_module_find("firewall"), state);
	json_set_text(o, "state", state);
	add_rules(a, ch, o);
	add_referred(a, o);
	add_stateful(a, ch, o);
	add_types(a, ch, o);
	add_settings(a, ch, o);
	return o;
}

int firewall_right(struct call *c, const char *kind, int64_t id, const json_t *object)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	const struct section *s = section_find("firewall");
	struct rules *r = NULL;
	struct err why = { { 0 } };
	chain_of(c->app, &ch, kind, id, object);
	AUTO(json_decrefp) json_t *part = firewall_part(c->app, &ch);
	int rc = s->parse(part, &r, &why);
	s->free(r);
	return rc < 0 ? err_set(&c->why, -EINVAL, "Invalid firewall: %s.", why.text) : 0;
}
