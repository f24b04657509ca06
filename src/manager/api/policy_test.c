#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/policy.h"
#include "manager/tasks/try.h"

/* ---- every row through the API ---- */

static struct try *trying(void **state)
{
	return *state;
}

static int64_t add(struct try *t, const char *path, const char *body)
{
	return json_int(try_must(t, 200, "POST", path, body), "ID", 0);
}

/* Another value than the default, in the canonical form; false: there is none. */
static bool other_value(const struct setting *s, char out[static 64])
{
	struct str rest = str_of(s->choices);
	struct str first = str_cut(&rest, '|'), second = str_cut(&rest, '|');
	switch (s->type) {
	case ST_TEXT:
		snprintf(out, 64, "%s", s->flags & SF_COMMAS ? "A=b" : "another text");
		return true;
	case ST_SECRET:
		snprintf(out, 64, "s3cret");
		return true;
	case ST_BOOL:
	case ST_CHOICE:
	case ST_INT:
		first = str_is(first, s->otherwise) ? second : first;
		snprintf(out, 64, "%.*s", STR_ARG(first));
		return true;
	case ST_SPAN:
		snprintf(out, 64, "%.*s Seconds", STR_ARG(second));
		return true;
	case ST_ID:
		snprintf(out, 64, "77");
		return true;
	case ST_PORTS:
		snprintf(out, 64, "8443,9000-9010");
		return true;
	}
	return false;
}

static void bad_value(const struct setting *s, char out[static 64])
{
	snprintf(out, 64, "%s",
	         s->type == ST_TEXT || s->type == ST_SECRET ? "" : "nothing that fits");
}

static const char *value_at(struct try *t, const char *path)
{
	return json_text(try_must(t, 200, "GET", path, NULL), "value", NULL);
}

static void set(struct try *t, int status, const char *path, const char *value)
{
	char body[200];
	snprintf(body, sizeof(body), "{'value':'%s'}", value);
	try_must(t, status, "POST", path, body);
}

/* Get, set, delete and a bad value of each row at one place. */
static void walk(struct try *t, enum setting_scope scope, const char *base, bool overrides)
{
	unsigned n = 0;
	for (const struct setting *s = all_settings; s->name; s++) {
		char path[200], own[220], value[64], bad[64];
		struct err rule;
		if (!setting_in(s, scope))
			continue;
		n++;
		snprintf(path, sizeof(path), "%s/%s", base, s->name);
		snprintf(own, sizeof(own), "%s?overrides=True", path);
		assert_true(other_value(s, value));
		assert_string_equal(value_at(t, path), s->otherwise);
		if (overrides)
			assert_null(value_at(t, own));
		set(t, 200, path, value);
		assert_string_equal(json_text(t->out, "value", ""),
		                    s->type == ST_SECRET ? SETTING_MASK : value);
		assert_string_equal(value_at(t, path), setting_seen(s, value));
		if (overrides)
			assert_string_equal(value_at(t, own), setting_seen(s, value));
		bad_value(s, bad);
		if (*bad) {
			char told[700];
			setting_rule(s, &rule);
			snprintf(told, sizeof(told), "Invalid value for %s. It must be %s.",
			         s->name, rule.text);
			told[sizeof(rule.text) - 1] = '\0';
			set(t, 400, path, bad);
			assert_string_equal(json_text(t->out, "message", ""), told);
			assert_int_equal(json_object_size(t->out), 1);
			assert_string_equal(value_at(t, path), setting_seen(s, value));
		}
		try_must(t, 200, "DELETE", path, NULL);
		assert_string_equal(json_text(t->out, "value", ""), s->otherwise);
		assert_string_equal(value_at(t, path), s->otherwise);
		if (overrides)
			assert_null(value_at(t, own));
	}
	print_message("%u settings at %s\n", n, base);
}

static void every_setting_of_a_policy_is_read_set_and_reset(void **state)
{
	struct try *t = trying(state);
	walk(t, SCOPE_POLICY, "/api/policies/2/settings", true);
}

static void every_setting_of_a_computer_is_read_set_and_reset(void **state)
{
	struct try *t = trying(state);
	char base[80];
	int64_t id = add(t, "/api/computers", "{'hostName':'walked','policyID':2}");
	snprintf(base, sizeof(base), "/api/computers/%lld/settings", (long long)id);
	walk(t, SCOPE_POLICY, base, true);
}

static void every_default_setting_is_read_set_and_reset(void **state)
{
	walk(trying(state), SCOPE_DEFAULT, "/api/policies/default/settings", false);
}

static void every_system_setting_is_read_set_and_reset(void **state)
{
	walk(trying(state), SCOPE_SYSTEM, "/api/systemsettings", false);
}

/* ---- maps ---- */

static void maps_hold_every_setting(void **state)
{
	struct try *t = trying(state);
	static const struct {
		enum setting_scope scope;
		const char *path, *key;
	} maps[] = { { SCOPE_DEFAULT, "/api/policies/default", NULL },
		     { SCOPE_SYSTEM, "/api/systemsettings", NULL },
		     { SCOPE_POLICY, "/api/policies/1", "policySettings" } };
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		const json_t *o = try_must(t, 200, "GET", maps[i].path, NULL);
		o = maps[i].key ? json_object_at(o, maps[i].key) : o;
		size_t n = 0;
		for (const struct setting *s = all_settings; s->name; s++) {
			if (!setting_in(s, maps[i].scope))
				continue;
			n++;
			assert_string_equal(json_text(json_object_at(o, s->name), "value", "-"),
			                    s->otherwise);
		}
		assert_int_equal(json_object_size(o), n);
	}
}

static void a_map_changes_what_it_names_and_ignores_what_nobody_knows(void **state)
{
	struct try *t = trying(state);
	try_must(
		t, 200, "POST", "/api/systemsettings",
		"{'platformSettingActiveSessionsMax':{'value':12},'platformSettingDemoModeEnabled':{'value':true},"
		"'platformSettingOfTomorrow':{'value':'x'},'platformSettingSyslogConfigId':{'value':null}}");
	assert_string_equal(value_at(t, "/api/systemsettings/platformSettingActiveSessionsMax"),
	                    "12");
	assert_string_equal(value_at(t, "/api/systemsettings/platformSettingDemoModeEnabled"),
	                    "true");
	AUTO(freep) char *max = system_setting(t->app, "platformSettingActiveSessionsMax");
	assert_string_equal(max, "12");
	try_must(
		t, 400, "POST", "/api/systemsettings",
		"{'platformSettingDemoModeEnabled':{'value':'false'},'platformSettingActiveSessionsMax':{'value':0}}");
	assert_string_equal(
		json_text(t->out, "message", ""),
		"Invalid value for platformSettingActiveSessionsMax. It must be a number from 1 to 1000.");
	assert_string_equal(value_at(t, "/api/systemsettings/platformSettingDemoModeEnabled"),
	                    "true");
	try_must(t, 200, "DELETE", "/api/systemsettings/platformSettingDemoModeEnabled", NULL);
	assert_string_equal(json_text(t->out, "value", ""), "false");
}

static void settings_that_are_not_there_are_not_found(void **state)
{
	struct try *t = trying(state);
	static const struct {
		const char *method, *path, *told;
	} rows[] = {
		{ "GET", "/api/systemsettings/platformSettingHeartbeatInterval",
		  "The setting does not exist." },
		{ "POST", "/api/policies/1/settings/nothing", "The setting does not exist." },
		{ "GET", "/api/policies/1/settings/antiMalwareSettingState",
		  "The setting does not exist." },
		{ "DELETE", "/api/policies/999/settings/platformSettingHeartbeatInterval",
		  "The policy does not exist." },
		{ "GET", "/api/computers/999/settings/platformSettingHeartbeatInterval",
		  "The computer does not exist." },
		{ "GET", "/api/policies/default/settings/nothing", "The setting does not exist." },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		try_must(t, 404, rows[i].method, rows[i].path, "{'value':'x'}");
		assert_string_equal(json_text(t->out, "message", ""), rows[i].told);
	}
	try_must(t, 400, "POST", "/api/policies/1/settings/platformSettingHeartbeatInterval", "{}");
	assert_string_equal(json_text(t->out, "message", ""),
	                    "Setting platformSettingHeartbeatInterval needs a value.");
}

static void a_secret_is_never_shown_and_its_mask_keeps_it(void **state)
{
	struct try *t = trying(state);
	static const char path[] = "/api/systemsettings/platformSettingSmtpPassword";
	set(t, 200, path, "hunter2");
	set(t, 200, path, SETTING_MASK);
	AUTO(freep) char *kept = system_setting(t->app, "platformSettingSmtpPassword");
	assert_string_equal(kept, "hunter2");
	try_must(t, 200, "GET", "/api/systemsettings", NULL);
	assert_null(strstr(t->text, "hunter2"));
	try_must(t, 200, "POST", "/api/events/system/search", "{}");
	assert_null(strstr(t->text, "hunter2"));
	assert_non_null(strstr(t->text, "settings-saved"));
	try_must(t, 200, "DELETE", path, NULL);
	assert_string_equal(json_text(t->out, "value", "-"), "");
}

/* ---- inheritance ---- */

struct family {
	int64_t role, site, computer; /* below 1 and 2 */
	char paths[5][80];            /* from the Base Policy to the computer */
};

static struct family family(struct try *t, const char *name)
{
	struct family f = { 0 };
	char body[160];
	snprintf(body, sizeof(body), "{'name':'%s role','parentID':2}", name);
	f.role = add(t, "/api/policies", body);
	snprintf(body, sizeof(body), "{'name':'%s site','parentID':%lld}", name, (long long)f.role);
	f.site = add(t, "/api/policies", body);
	snprintf(body, sizeof(body), "{'hostName':'%s','policyID':%lld}", name, (long long)f.site);
	f.computer = add(t, "/api/computers", body);
	snprintf(f.paths[0], 80, "/api/policies/1");
	snprintf(f.paths[1], 80, "/api/policies/2");
	snprintf(f.paths[2], 80, "/api/policies/%lld", (long long)f.role);
	snprintf(f.paths[3], 80, "/api/policies/%lld", (long long)f.site);
	snprintf(f.paths[4], 80, "/api/computers/%lld", (long long)f.computer);
	return f;
}

static const char *setting_at(struct try *t, const char *owner, const char *name)
{
	static char path[200];
	snprintf(path, sizeof(path), "%s/settings/%s", owner, name);
	return value_at(t, path);
}

static void a_setting_is_inherited_over_four_levels_until_one_overrides_it(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "levels");
	static const char name[] = "platformSettingHeartbeatInterval";
	static const char *const values[] = { "1 Hour", "2 Hours", "4 Hours", "8 Hours",
		                              "12 Hours" };
	char path[200];
	/* Each level's value holds from there down. */
	for (size_t i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/settings/%s", f.paths[i], name);
		set(t, 200, path, values[i]);
		for (size_t k = 0; k < 5; k++)
			assert_string_equal(setting_at(t, f.paths[k], name), values[k < i ? k : i]);
	}
	/* And taken away from below, the next one above holds again. */
	for (size_t i = 5; i-- > 0;) {
		snprintf(path, sizeof(path), "%s/settings/%s", f.paths[i], name);
		try_must(t, 200, "DELETE", path, NULL);
		assert_string_equal(json_text(t->out, "value", ""),
		                    i ? values[i - 1] : "10 Minutes");
		assert_string_equal(setting_at(t, f.paths[4], name),
		                    i ? values[i - 1] : "10 Minutes");
	}
}

static void the_defaults_hold_where_no_policy_says(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "defaults");
	static const char name[] = "webReputationSettingSecurityLevel";
	set(t, 200, "/api/policies/default/settings/webReputationSettingSecurityLevel", "low");
	assert_string_equal(setting_at(t, f.paths[4], name), "Low");
	set(t, 200, "/api/policies/1/settings/webReputationSettingSecurityLevel", "High");
	assert_string_equal(setting_at(t, f.paths[4], name), "High");
	try_must(t, 200, "DELETE", "/api/policies/1/settings/webReputationSettingSecurityLevel",
	         NULL);
	assert_string_equal(json_text(t->out, "value", ""), "Low");
	set(t, 200, "/api/policies/default/settings/webReputationSettingState", "On");
	try_must(t, 200, "GET", f.paths[4], NULL);
	assert_string_equal(json_text(json_object_at(t->out, "webReputation"), "state", ""), "on");
	try_must(t, 200, "DELETE", "/api/policies/default/settings/webReputationSettingState",
	         NULL);
	try_must(t, 200, "DELETE",
	         "/api/policies/default/settings/webReputationSettingSecurityLevel", NULL);
	assert_string_equal(setting_at(t, f.paths[4], name), "Medium");
}

static void lists_add_up_from_the_nearest_level_on(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "lists");
	char path[200];
	static const char name[] = "webReputationSettingBlockedUrls";
	snprintf(path, sizeof(path), "%s/settings/%s", f.paths[0], name);
	set(t, 200, path, "a.example\\nb.example");
	snprintf(path, sizeof(path), "%s/settings/%s", f.paths[3], name);
	set(t, 200, path, "c.example\\nb.example");
	snprintf(path, sizeof(path), "%s/settings/%s", f.paths[4], name);
	set(t, 200, path, "d.example");
	assert_string_equal(value_at(t, path), "d.example\nc.example\nb.example\na.example");
	assert_string_equal(setting_at(t, f.paths[2], name), "a.example\nb.example");
	snprintf(path, sizeof(path), "%s/settings/%s?overrides=true", f.paths[4], name);
	assert_string_equal(value_at(t, path), "d.example");
	try_must(t, 200, "DELETE", "/api/policies/1/settings/webReputationSettingBlockedUrls",
	         NULL);
}

static void the_chain_tells_where_a_value_comes_from(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "chain");
	char path[200];
	snprintf(path, sizeof(path), "%s/settings/platformSettingHeartbeatInterval", f.paths[2]);
	set(t, 200, path, "20 Minutes");
	snprintf(path, sizeof(path),
	         "%s/settings/platformSettingHeartbeatInterval?chain=true&overrides=false",
	         f.paths[4]);
	const json_t *o = try_must(t, 200, "GET", path, NULL);
	const json_t *chain = json_array_at(o, "chain");
	assert_string_equal(json_text(o, "value", ""), "20 Minutes");
	static const char *const types[] = { "computer", "policy",  "policy", "policy",
		                             "policy",   "default", "factory" };
	assert_int_equal(json_array_size(chain), ARRAY_LEN(types));
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const json_t *level = json_array_get(chain, i);
		assert_string_equal(json_text(level, "type", ""), types[i]);
		assert_int_equal(json_object_get(level, "value") != NULL, i == 2 || i == 6);
	}
	assert_int_equal(json_int(json_array_get(chain, 2), "ID", 0), f.role);
	assert_string_equal(json_text(json_array_get(chain, 4), "name", ""), "Base Policy");
	snprintf(path, sizeof(path), "%s/antimalware/chain", f.paths[4]);
	chain = json_array_at(try_must(t, 200, "GET", path, NULL), "chain");
	assert_int_equal(json_array_size(chain), 5);
	assert_string_equal(
		json_text(json_object_at(json_array_get(chain, 4), "values"), "state", ""), "off");
	assert_null(json_object_get(json_array_get(chain, 0), "values"));
}

/* ---- module states ---- */

static const char *state_at(struct try *t, const char *owner, const char *module)
{
	return json_text(json_object_at(try_must(t, 200, "GET", owner, NULL), module), "state", "");
}

static void every_state_of_every_module_is_inherited_and_overridden(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "states");
	for (const struct policy_module *m = policy_modules; m->key; m++) {
		char body[100], told[200];
		for (struct str rest = str_of(m->states); rest.p;) {
			AUTO(freep) char *word = str_dup(str_cut(&rest, '|'));
			snprintf(body, sizeof(body), "{'%s':{'state':'%s'}}", m->key, word);
			try_must(t, 200, "POST", f.paths[2], body);
			assert_string_equal(state_at(t, f.paths[4], m->key), word);
			assert_string_equal(state_at(t, f.paths[3], m->key), word);
		}
		snprintf(body, sizeof(body), "{'%s':{'state':'off'}}", m->key);
		try_must(t, 200, "POST", f.paths[4], body);
		assert_string_equal(state_at(t, f.paths[4], m->key), "off");
		snprintf(body, sizeof(body), "{'%s':{'state':'inherited'}}", m->key);
		try_must(t, 200, "POST", f.paths[4], body);
		assert_string_equal(state_at(t, f.paths[4], m->key), "off");
		try_must(t, 200, "POST", f.paths[2], body);
		try_must(t, 200, "GET", f.paths[2], NULL);
		assert_string_equal(json_text(json_object_at(t->out, m->key), "state", "off"),
		                    "off");
		snprintf(body, sizeof(body), "{'%s':{'state':'perhaps'}}", m->key);
		snprintf(told, sizeof(told),
		         "Invalid value for %s state. It must be one of %s|inherited.", m->key,
		         m->states);
		try_must(t, 400, "POST", f.paths[2], body);
		assert_string_equal(json_text(t->out, "message", ""), told);
	}
}

static void an_object_without_overrides_answers_with_nothing(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "empty");
	char path[120];
	for (size_t i = 2; i < 5; i++) {
		snprintf(path, sizeof(path), "%s?overrides=True", f.paths[i]);
		try_must(t, 200, "GET", path, NULL);
		assert_string_equal(t->text, "{}");
	}
	try_must(t, 200, "POST", f.paths[4], "{'firewall':{'state':'on'}}");
	try_must(t, 200, "GET", path, NULL);
	assert_int_equal(json_int(t->out, "ID", 0), f.computer);
	assert_string_equal(json_text(json_object_at(t->out, "firewall"), "state", ""), "on");
	assert_int_equal(json_object_size(json_object_get(t->out, "firewall")), 1);
	assert_int_equal(json_object_size(json_object_get(t->out, "antiMalware")), 0);
	assert_int_equal(json_object_size(json_object_get(t->out, "computerSettings")), 0);
	assert_null(json_object_get(t->out, "computerStatus"));
	try_must(t, 200, "POST", f.paths[4], "{'firewall':{'state':'inherited'}}");
	try_must(t, 200, "GET", path, NULL);
	assert_string_equal(t->text, "{}");
}

static void settings_may_come_with_the_object(void **state)
{
	struct try *t = trying(state);
	try_must(
		t, 200, "POST", "/api/policies",
		"{'name':'with settings','policySettings':{'firewallSettingEngineOptionUdpTimeout':{'value':'30 seconds'},"
		"'firewallSettingNetworkEngineMode':{'value':'TAP'}},'firewall':{'state':'on'}}");
	assert_int_equal(json_int(t->out, "parentID", 0), 1);
	const json_t *set = json_object_at(t->out, "policySettings");
	assert_string_equal(json_text(json_object_at(set, "firewallSettingEngineOptionUdpTimeout"),
	                              "value", ""),
	                    "30 Seconds");
	assert_string_equal(
		json_text(json_object_at(set, "firewallSettingNetworkEngineMode"), "value", ""),
		"Tap");
	try_must(
		t, 400, "POST", "/api/computers",
		"{'hostName':'bad','computerSettings':{'firewallSettingNetworkEngineMode':{'value':'x'}}}");
	assert_string_equal(
		json_text(t->out, "message", ""),
		"Invalid value for firewallSettingNetworkEngineMode. It must be one of Inline|Tap.");
}

static void what_is_sent_in_other_types_is_understood(void **state)
{
	struct try *t = trying(state);
	int64_t id = add(t, "/api/policies", "{'name':'lenient','parentID':'2'}");
	char path[120];
	snprintf(path, sizeof(path), "/api/policies/%lld", (long long)id);
	try_must(
		t, 200, "POST", path,
		"{'policySettings':{'antiMalwareSettingFileHashSizeMaxMbytes':{'value':256},"
		"'antiMalwareSettingFileHashEnabled':{'value':true},'intrusionPreventionSettingAutoApplyRecommendationsEnabled':"
		"{'value':'no'}},'antiMalware':{'manualScanConfigurationID':'2'},'unknown':1}");
	assert_string_equal(setting_at(t, path, "antiMalwareSettingFileHashSizeMaxMbytes"), "256");
	assert_string_equal(setting_at(t, path, "antiMalwareSettingFileHashEnabled"), "true");
	assert_string_equal(
		setting_at(t, path, "intrusionPreventionSettingAutoApplyRecommendationsEnabled"),
		"No");
}

static void the_tree_stays_a_tree(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "tree");
	char body[80];
	snprintf(body, sizeof(body), "{'parentID':%lld}", (long long)f.site);
	try_must(t, 400, "POST", f.paths[2], body);
	assert_string_equal(json_text(t->out, "message", ""),
	                    "A policy cannot inherit from itself.");
	try_must(t, 400, "POST", f.paths[2], "{'parentID':99999}");
	assert_string_equal(json_text(t->out, "message", ""), "parentID 99999 does not exist.");
	try_must(t, 400, "DELETE", f.paths[2], NULL);
	try_must(t, 400, "DELETE", f.paths[3], NULL);
	assert_string_equal(json_text(t->out, "message", ""),
	                    "The policy is in use and cannot be deleted.");
	try_must(t, 400, "DELETE", "/api/policies/1", NULL);
	try_must(t, 204, "DELETE", f.paths[4], NULL);
	try_must(t, 204, "DELETE", f.paths[3], NULL);
	try_must(t, 204, "DELETE", f.paths[2], NULL);
	try_must(t, 200, "GET", "/api/policies/1", NULL);
	assert_null(json_object_get(t->out, "parentID"));
	try_must(t, 400, "POST", "/api/policies", "{'name':'Base Policy'}");
	assert_non_null(strstr(t->text, "already exists"));
	assert_non_null(strstr(t->text, "ust be unique"));
}

static void a_policy_carries_its_interface_types(void **state)
{
	struct try *t = trying(state);
	struct family f = family(t, "interfaces");
	char path[120];
	snprintf(path, sizeof(path), "%s/interfacetypes", f.paths[2]);
	int64_t id = add(t, path, "{'name':'inner','matches':['eth*']}");
	const json_t *list = json_array_at(
		json_object_at(try_must(t, 200, "GET", f.paths[2], NULL), "interfaceTypes"),
		"interfaceTypes");
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(json_int(json_array_get(list, 0), "ID", 0), id);
	assert_string_equal(json_text(json_array_get(list, 0), "name", ""), "inner");
	list = json_array_at(
		json_object_at(try_must(t, 200, "GET", f.paths[3], NULL), "interfaceTypes"),
		"interfaceTypes");
	assert_int_equal(json_array_size(list), 0);
}

static void a_computer_says_what_signatures_its_agent_has(void **state)
{
	struct try *t = trying(state);
	int64_t id = try_agent(t, "updated", 2);
	char path[120];
	snprintf(path, sizeof(path), "/api/computers/%lld?expand=securityUpdates", (long long)id);
	const json_t *o = json_object_at(try_must(t, 200, "GET", path, NULL), "securityUpdates");
	assert_string_equal(json_text(json_object_at(o, "updateStatus"), "status", ""), "inactive");
	try_agent_ask(
		t, id, "POST", "/agent/heartbeat",
		"{'modules':{'antimalware':{'state':'on','signatures':{'epoch':'20261125','signatures':9}}}}");
	assert_int_equal(t->status, 200);
	o = json_object_at(try_must(t, 200, "GET", path, NULL), "securityUpdates");
	assert_string_equal(
		json_text(json_array_get(json_array_at(o, "antiMalware"), 0), "version", ""),
		"20261125");
}

static void expand_says_what_comes_along(void **state)
{
	struct try *t = trying(state);
	int64_t id = add(t, "/api/computers?expand=none", "{'hostName':'expanded'}");
	char path[120];
	assert_null(json_object_get(t->out, "antiMalware"));
	snprintf(path, sizeof(path), "/api/computers/%lld?expand=firewall,computerStatus",
	         (long long)id);
	try_must(t, 200, "GET", path, NULL);
	assert_non_null(json_object_get(t->out, "firewall"));
	assert_non_null(json_object_get(t->out, "computerStatus"));
	assert_null(json_object_get(t->out, "computerSettings"));
	snprintf(path, sizeof(path), "/api/computers/%lld?expand=allSecurityModules",
	         (long long)id);
	try_must(t, 200, "GET", path, NULL);
	for (const struct policy_module *m = policy_modules; m->state_setting; m++)
		assert_string_equal(
			json_text(json_object_at(json_object_at(t->out, m->key), "moduleStatus"),
		                  "agentStatusMessage", ""),
			"Not Activated");
	snprintf(path, sizeof(path), "/api/computers/%lld?expand=everything", (long long)id);
	try_must(t, 400, "GET", path, NULL);
	assert_string_equal(json_text(t->out, "message", ""),
	                    "Unknown value for expand: everything.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_hold_every_setting),
		cmocka_unit_test(every_setting_of_a_policy_is_read_set_and_reset),
		cmocka_unit_test(every_setting_of_a_computer_is_read_set_and_reset),
		cmocka_unit_test(every_default_setting_is_read_set_and_reset),
		cmocka_unit_test(every_system_setting_is_read_set_and_reset),
		cmocka_unit_test(a_map_changes_what_it_names_and_ignores_what_nobody_knows),
		cmocka_unit_test(settings_that_are_not_there_are_not_found),
		cmocka_unit_test(a_secret_is_never_shown_and_its_mask_keeps_it),
		cmocka_unit_test(a_setting_is_inherited_over_four_levels_until_one_overrides_it),
		cmocka_unit_test(the_defaults_hold_where_no_policy_says),
		cmocka_unit_test(lists_add_up_from_the_nearest_level_on),
		cmocka_unit_test(the_chain_tells_where_a_value_comes_from),
		cmocka_unit_test(every_state_of_every_module_is_inherited_and_overridden),
		cmocka_unit_test(an_object_without_overrides_answers_with_nothing),
		cmocka_unit_test(settings_may_come_with_the_object),
		cmocka_unit_test(what_is_sent_in_other_types_is_understood),
		cmocka_unit_test(the_tree_stays_a_tree),
		cmocka_unit_test(a_policy_carries_its_interface_types),
		cmocka_unit_test(a_computer_says_what_signatures_its_agent_has),
		cmocka_unit_test(expand_says_what_comes_along),
	};
	return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
