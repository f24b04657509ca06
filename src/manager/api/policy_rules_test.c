#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/policy.h"
#include "manager/tasks/try.h"

/* The four modules that have rules, each walked through by the same tests. */
struct kind {
	const char *key, *path, *rules, *list;
	const char *body;            /* of a rule, without its name */
	const char *override, *back; /* a property that is another one, and as it was */
	const char *member, *value;  /* ... its name and its overridden value */
};

/* clang-format off */
static const struct kind kinds[] = {
	{ "firewall", "firewall", "firewallrules", "firewallRules", "'action':'deny','priority':'0','direction':'incoming'",
	  "{'priority':3}", "{'priority':'0'}", "priority", "3" },
	{ "integrityMonitoring", "integritymonitoring", "integritymonitoringrules", "integrityMonitoringRules",
	  "'template':'file','fileBaseDirectory':'/etc/','severity':'low'", "{'severity':'critical'}", "{'severity':'low'}", "severity", "critical" },
	{ "intrusionPrevention", "intrusionprevention", "intrusionpreventionrules", "intrusionPreventionRules",
	  "'template':'signature','signature':'evil','applicationTypeID':%T,'priority':'low'", "{'priority':'highest'}", "{'priority':'low'}", "priority", "highest" },
	{ "logInspection", "loginspection", "loginspectionrules", "logInspectionRules",
	  "'template':'basic-rule','ruleID':100001,'pattern':'evil','patternType':'string','ruleDescription':'x',"
	  "'logFiles':{'logFiles':[{'location':'/var/log/syslog','format':'syslog'}]},'recommendationsMode':'disabled'",
	  "{'recommendationsMode':'ignored'}", "{'recommendationsMode':'disabled'}", "recommendationsMode", "ignored" },
};
/* clang-format on */

static struct try *trying(void **state)
{
	return *state;
}

static int64_t add(struct try *t, const char *path, const char *body)
{
	return json_int(try_must(t, 200, "POST", path, body), "ID", 0);
}

static int64_t type_id;

static int64_t add_rule(struct try *t, const struct kind *k, const char *name, const char *more)
{
	char path[80], body[900], rest[700];
	const char *mark = strstr(k->body, "%T");
	if (!type_id)
		type_id = add(
			t, "/api/applicationtypes",
			"{'name':'type of tests','direction':'incoming','protocol':'tcp','portType':'any'}");
	if (mark)
		snprintf(rest, sizeof(rest), "%.*s%lld%s", (int)(mark - k->body), k->body,
		         (long long)type_id, mark + 2);
	else
		snprintf(rest, sizeof(rest), "%s", k->body);
	snprintf(path, sizeof(path), "/api/%s", k->rules);
	snprintf(body, sizeof(body), "{'name':'%s %s',%s%s}", k->key, name, rest, more);
	return add(t, path, body);
}

/* A site below a role, a computer below the site. */
struct place {
	int64_t role, site, computer;
	char at_role[80], at_site[80], at_computer[80]; /* with the module's path */
	char owner_role[60], owner_computer[60];
};

static struct place place(struct try *t, const struct kind *k, const char *name)
{
	struct place p = { 0 };
	char body[160];
	snprintf(body, sizeof(body), "{'name':'%s %s role','parentID':2}", k->key, name);
	p.role = add(t, "/api/policies", body);
	snprintf(body, sizeof(body), "{'name':'%s %s site','parentID':%lld}", k->key, name,
	         (long long)p.role);
	p.site = add(t, "/api/policies", body);
	snprintf(body, sizeof(body), "{'hostName':'%s-%s','policyID':%lld}", k->path, name,
	         (long long)p.site);
	p.computer = add(t, "/api/computers", body);
	snprintf(p.owner_role, sizeof(p.owner_role), "/api/policies/%lld", (long long)p.role);
	snprintf(p.owner_computer, sizeof(p.owner_computer), "/api/computers/%lld",
	         (long long)p.computer);
	snprintf(p.at_role, sizeof(p.at_role), "%s/%s", p.owner_role, k->path);
	snprintf(p.at_site, sizeof(p.at_site), "/api/policies/%lld/%s", (long long)p.site, k->path);
	snprintf(p.at_computer, sizeof(p.at_computer), "%s/%s", p.owner_computer, k->path);
	return p;
}

/* "3,5" */
static const char *ids_text(const json_t *list)
{
	static char text[200];
	size_t n = 0, i;
	json_t *v;
	text[0] = '\0';
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		int64_t id = json_is_object(v) ? json_int(v, "ID", 0) : json_integer_value(v);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%lld", i ? "," : "",
		                      (long long)id);
	}
	return text;
}

static const char *assigned(struct try *t, const char *at, const char *query)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/assignments%s", at, query);
	return ids_text(json_array_at(try_must(t, 200, "GET", path, NULL), "assignedRuleIDs"));
}

static void assign(struct try *t, int status, const char *method, const char *at, const char *ids)
{
	char path[160], body[160];
	snprintf(path, sizeof(path), "%s/assignments", at);
	snprintf(body, sizeof(body), "{'ruleIDs':[%s]}", ids);
	try_must(t, status, method, path, body);
}

static const char *listed(int64_t a, int64_t b)
{
	static char text[60];
	if (b)
		snprintf(text, sizeof(text), "%lld,%lld", (long long)a, (long long)b);
	else
		snprintf(text, sizeof(text), "%lld", (long long)a);
	return text;
}

static void assignments_are_inherited_and_add_up(void **state)
{
	struct try *t = trying(state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct place p = place(t, k, "assigned");
		int64_t a = add_rule(t, k, "one", ""), b = add_rule(t, k, "two", "");
		char path[240];
		assert_string_equal(assigned(t, p.at_computer, ""), "");
		assign(t, 200, "POST", p.at_role, listed(a, 0));
		assert_string_equal(ids_text(json_array_at(t->out, "assignedRuleIDs")),
		                    listed(a, 0));
		assert_string_equal(assigned(t, p.at_computer, ""), listed(a, 0));
		assert_string_equal(assigned(t, p.at_computer, "?overrides=true"), "");
		assign(t, 200, "POST", p.at_computer, listed(b, 0));
		assert_string_equal(assigned(t, p.at_computer, ""), listed(b, a));
		assert_string_equal(assigned(t, p.at_computer, "?overrides=True"), listed(b, 0));
		assert_string_equal(assigned(t, p.at_site, ""), listed(a, 0));
		/* What is assigned above cannot be taken away below. */
		snprintf(path, sizeof(path), "%s/assignments/%lld", p.at_computer, (long long)a);
		try_must(t, 400, "DELETE", path, NULL);
		assert_string_equal(
			json_text(t->out, "message", ""),
			"The rule is assigned by a policy above; it can be taken away only there.");
		snprintf(path, sizeof(path), "%s/assignments/%lld", p.at_computer, (long long)b);
		try_must(t, 200, "DELETE", path, NULL);
		assert_string_equal(ids_text(json_array_at(t->out, "assignedRuleIDs")),
		                    listed(a, 0));
		try_must(t, 404, "DELETE", path, NULL);
		/* PUT sets these and no others. */
		assign(t, 200, "PUT", p.at_role, listed(b, 0));
		assert_string_equal(assigned(t, p.at_computer, ""), listed(b, 0));
		assign(t, 200, "PUT", p.at_role, "");
		assert_string_equal(assigned(t, p.at_computer, ""), "");
		assign(t, 400, "POST", p.at_role, "987654");
		assert_string_equal(json_text(t->out, "message", ""),
		                    "ruleIDs 987654 does not exist.");
	}
}

static void an_assignments_object_has_what_its_module_has(void **state)
{
	struct try *t = trying(state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char path[120];
		snprintf(path, sizeof(path), "/api/policies/1/%s/assignments", kinds[i].path);
		try_must(t, 200, "GET", path, NULL);
		bool firewall = strcmp(kinds[i].path, "firewall") == 0;
		bool types = strcmp(kinds[i].path, "intrusionprevention") == 0;
		assert_non_null(json_array_at(t->out, "assignedRuleIDs"));
		assert_int_equal(json_array_at(t->out, "assignedApplicationTypeIDs") != NULL,
		                 types);
		assert_string_equal(json_text(t->out, "recommendationScanStatus", "absent"),
		                    firewall ? "absent" : "none");
		assert_int_equal(json_array_at(t->out, "recommendedToAssignRuleIDs") != NULL,
		                 !firewall);
	}
	try_must(t, 404, "GET", "/api/policies/1/antimalware/assignments", NULL);
	try_must(t, 404, "GET", "/api/policies/1/nothing/assignments", NULL);
	try_must(t, 404, "GET", "/api/policies/999/firewall/assignments", NULL);
}

static void a_module_object_shows_and_takes_rule_ids(void **state)
{
	struct try *t = trying(state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct place p = place(t, k, "object");
		int64_t a = add_rule(t, k, "three", "");
		char body[120], words[60];
		snprintf(body, sizeof(body), "{'%s':{'ruleIDs':['%lld']}}", k->key, (long long)a);
		try_must(t, 200, "POST", p.owner_role, body);
		const json_t *o = json_object_at(t->out, k->key);
		snprintf(words, sizeof(words), "Off, 1 rule");
		assert_string_equal(
			json_text(json_object_at(o, "moduleStatus"), "statusMessage", ""), words);
		o = json_object_at(try_must(t, 200, "GET", p.owner_computer, NULL), k->key);
		assert_string_equal(ids_text(json_array_at(o, "ruleIDs")), listed(a, 0));
		snprintf(body, sizeof(body), "{'%s':{'ruleIDs':[999999]}}", k->key);
		try_must(t, 400, "POST", p.owner_role, body);
		snprintf(body, sizeof(body), "{'%s':{'ruleIDs':[]}}", k->key);
		try_must(t, 200, "POST", p.owner_role, body);
		assert_null(json_object_get(json_object_at(t->out, k->key), "ruleIDs"));
	}
}

static const char *property(struct try *t, const struct kind *k, const char *at, int64_t rule,
                            const char *query)
{
	char path[240];
	snprintf(path, sizeof(path), "%s/rules/%lld%s", at, (long long)rule, query);
	return json_text(try_must(t, 200, "GET", path, NULL), k->member, "absent");
}

static void override(struct try *t, const char *at, int64_t rule, const char *body)
{
	char path[240];
	snprintf(path, sizeof(path), "%s/rules/%lld", at, (long long)rule);
	try_must(t, 200, body ? "POST" : "DELETE", path, body);
}

static void a_rules_property_is_overridden_inherited_and_reset(void **state)
{
	struct try *t = trying(state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct place p = place(t, k, "overridden");
		int64_t a = add_rule(t, k, "four", "");
		char path[240], other[80], was[40];
		assign(t, 200, "POST", p.at_role, listed(a, 0));
		snprintf(was, sizeof(was), "%s", property(t, k, p.at_computer, a, ""));
		assert_string_not_equal(was, k->value);
		override(t, p.at_role, a, k->override);
		assert_string_equal(json_text(t->out, k->member, ""), k->value);
		assert_string_equal(property(t, k, p.at_computer, a, ""), k->value);
		assert_string_equal(property(t, k, p.at_computer, a, "?overrides=true"), "absent");
		assert_string_equal(t->text, "{}");
		assert_string_equal(property(t, k, p.at_role, a, "?overrides=true"), k->value);
		assert_int_equal(json_object_size(t->out), 2); /* and the ID */
		/* The rule itself and other policies keep what they have. */
		snprintf(path, sizeof(path), "/api/%s/%lld", k->rules, (long long)a);
		assert_string_equal(json_text(try_must(t, 200, "GET", path, NULL), k->member, ""),
		                    was);
		snprintf(other, sizeof(other), "/api/policies/2/%s", k->path);
		assert_string_equal(property(t, k, other, a, ""), was);
		/* The computer may go back to what it was, against its policy. */
		override(t, p.at_computer, a, k->back);
		assert_string_equal(property(t, k, p.at_computer, a, ""), was);
		override(t, p.at_computer, a, NULL);
		assert_string_equal(json_text(t->out, k->member, ""), k->value);
		override(t, p.at_role, a, NULL);
		assert_string_equal(property(t, k, p.at_computer, a, ""), was);
	}
}

static void lists_of_rules_are_merged_or_only_overrides(void **state)
{
	struct try *t = trying(state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct place p = place(t, k, "listed");
		int64_t a = add_rule(t, k, "five", ""), b = add_rule(t, k, "six", "");
		char path[240];
		assign(t, 200, "POST", p.at_role, listed(a, b));
		override(t, p.at_computer, b, k->override);
		snprintf(path, sizeof(path), "%s/rules", p.at_computer);
		const json_t *list = json_array_at(try_must(t, 200, "GET", path, NULL), k->list);
		assert_string_equal(ids_text(list), listed(a, b));
		assert_string_equal(json_text(json_array_get(list, 1), k->member, ""), k->value);
		assert_string_not_equal(json_text(json_array_get(list, 0), k->member, ""),
		                        k->value);
		/* A mere assignment is no override. */
		snprintf(path, sizeof(path), "%s/rules?overrides=true", p.at_computer);
		list = json_array_at(try_must(t, 200, "GET", path, NULL), k->list);
		assert_string_equal(ids_text(list), listed(b, 0));
		snprintf(path, sizeof(path), "%s/rules?overrides=true", p.at_role);
		list = json_array_at(try_must(t, 200, "GET", path, NULL), k->list);
		assert_string_equal(ids_text(list), "");
	}
}

static void a_whole_rule_sent_back_overrides_only_what_differs(void **state)
{
	struct try *t = trying(state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct place p = place(t, k, "whole");
		int64_t a = add_rule(t, k, "seven", "");
		char path[240];
		snprintf(path, sizeof(path), "%s/rules/%lld", p.at_role, (long long)a);
		try_must(t, 200, "GET", path, NULL);
		AUTO(json_decrefp) json_t *whole = json_incref(t->out);
		json_set_text(whole, k->member, k->value);
		json_set_text(whole, "name", "another name");
		AUTO(buf_done) struct buf b = { 0 };
		json_write(&b, whole);
		try_must(t, 200, "POST", path, b.p);
		assert_string_not_equal(json_text(t->out, "name", ""), "another name");
		assert_string_equal(property(t, k, p.at_role, a, "?overrides=true"), k->value);
		assert_int_equal(json_object_size(t->out), 2);
		override(t, p.at_role, a, k->back);
		try_must(t, 200, "GET", p.owner_role, NULL);
		property(t, k, p.at_role, a, "?overrides=true");
		assert_string_equal(t->text, "{}");
	}
}

static void bad_rules_are_refused(void **state)
{
	struct try *t = trying(state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		struct place p = place(t, k, "bad");
		int64_t a = add_rule(t, k, "eight", "");
		char path[200], body[100];
		snprintf(path, sizeof(path), "%s/rules/%lld", p.at_role, (long long)a);
		snprintf(body, sizeof(body), "{'%s':'no such word'}", k->member);
		try_must(t, 400, "POST", path, body);
		assert_non_null(strstr(t->text, "Invalid value for"));
		snprintf(path, sizeof(path), "%s/rules/424242", p.at_role);
		try_must(t, 404, "GET", path, NULL);
		try_must(t, 404, "POST", path, k->override);
		try_must(t, 404, "DELETE", path, NULL);
	}
}

static void rules_come_with_those_that_they_depend_on(void **state)
{
	struct try *t = trying(state);
	const struct kind *k = &kinds[2];
	struct place p = place(t, k, "depends");
	char sql[240];
	int64_t a = add_rule(t, k, "nine", ""), b = add_rule(t, k, "ten", "");
	snprintf(sql, sizeof(sql),
	         "update object set body = json_set(body, '$.dependsOnRuleIDs', json('[%lld]'))"
	         " where kind = 'intrusionpreventionrules' and id = %lld",
	         (long long)b, (long long)a);
	try_sql(t, sql);
	/* ... and around again. */
	snprintf(sql, sizeof(sql),
	         "update object set body = json_set(body, '$.dependsOnRuleIDs', json('[%lld]'))"
	         " where kind = 'intrusionpreventionrules' and id = %lld",
	         (long long)a, (long long)b);
	try_sql(t, sql);
	assign(t, 200, "POST", p.at_role, listed(a, 0));
	assert_string_equal(ids_text(json_array_at(t->out, "assignedRuleIDs")), listed(a, b));
}

static void application_types_follow_the_rules_and_are_overridden(void **state)
{
	struct try *t = trying(state);
	const struct kind *k = &kinds[2];
	struct place p = place(t, k, "types");
	int64_t a = add_rule(t, k, "eleven", "");
	char path[240], one[280];
	assign(t, 200, "POST", p.at_role, listed(a, 0));
	assert_string_equal(ids_text(json_array_at(t->out, "assignedApplicationTypeIDs")),
	                    listed(type_id, 0));
	const json_t *o = json_object_at(try_must(t, 200, "GET", p.owner_computer, NULL), k->key);
	assert_string_equal(ids_text(json_array_at(o, "applicationTypeIDs")), listed(type_id, 0));
	snprintf(path, sizeof(path), "%s/applicationtypes", p.at_computer);
	o = try_must(t, 200, "GET", path, NULL);
	assert_string_equal(ids_text(json_array_at(o, "applicationTypes")), listed(type_id, 0));
	snprintf(one, sizeof(one), "%s/%lld", path, (long long)type_id);
	try_must(t, 200, "POST", one, "{'direction':'outgoing'}");
	assert_string_equal(json_text(t->out, "direction", ""), "outgoing");
	snprintf(path, sizeof(path), "%s/applicationtypes?overrides=true", p.at_computer);
	o = json_array_get(json_array_at(try_must(t, 200, "GET", path, NULL), "applicationTypes"),
	                   0);
	assert_string_equal(json_text(o, "direction", ""), "outgoing");
	assert_int_equal(json_object_size(o), 2);
	try_must(t, 200, "DELETE", one, NULL);
	assert_string_equal(json_text(t->out, "direction", ""), "incoming");
}

static void stateful_configurations_are_inherited(void **state)
{
	struct try *t = trying(state);
	struct place p = place(t, &kinds[0], "stateful");
	char body[200];
	int64_t s = add(t, "/api/statefulconfigurations", "{'name':'stateful of tests'}");
	snprintf(
		body, sizeof(body),
		"{'firewall':{'globalStatefulConfigurationID':%lld,'statefulConfigurationAssignments':"
		"{'statefulConfigurationAssignments':[{'interfaceTypeID':1,'statefulConfigurationID':%lld}]}}}",
		(long long)s, (long long)s);
	try_must(t, 200, "POST", p.owner_role, body);
	const json_t *o =
		json_object_at(try_must(t, 200, "GET", p.owner_computer, NULL), "firewall");
	assert_int_equal(json_int(o, "globalStatefulConfigurationID", 0), s);
	const json_t *list = json_array_at(json_object_at(o, "statefulConfigurationAssignments"),
	                                   "statefulConfigurationAssignments");
	assert_int_equal(json_int(json_array_get(list, 0), "statefulConfigurationID", 0), s);
	try_must(t, 400, "POST", p.owner_role,
	         "{'firewall':{'globalStatefulConfigurationID':31337}}");
	assert_string_equal(json_text(t->out, "message", ""),
	                    "globalStatefulConfigurationID 31337 does not exist.");
	/* 0: what the levels above say holds again. */
	int64_t above = json_int(
		json_object_at(try_must(t, 200, "GET", "/api/policies/2", NULL), "firewall"),
		"globalStatefulConfigurationID", 0);
	assert_int_not_equal(above, s);
	try_must(t, 200, "POST", p.owner_role, "{'firewall':{'globalStatefulConfigurationID':0}}");
	assert_int_equal(
		json_int(json_object_at(t->out, "firewall"), "globalStatefulConfigurationID", 0),
		above);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assignments_are_inherited_and_add_up),
		cmocka_unit_test(an_assignments_object_has_what_its_module_has),
		cmocka_unit_test(a_module_object_shows_and_takes_rule_ids),
		cmocka_unit_test(a_rules_property_is_overridden_inherited_and_reset),
		cmocka_unit_test(lists_of_rules_are_merged_or_only_overrides),
		cmocka_unit_test(a_whole_rule_sent_back_overrides_only_what_differs),
		cmocka_unit_test(bad_rules_are_refused),
		cmocka_unit_test(rules_come_with_those_that_they_depend_on),
		cmocka_unit_test(application_types_follow_the_rules_and_are_overridden),
		cmocka_unit_test(stateful_configurations_are_inherited),
	};
	return cmocka_run_group_tests(tests, try_setup, try_teardown);
}
