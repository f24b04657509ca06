#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/alert/alert.h"
#include "manager/tasks/try.h"
#include "module/module.h"

static void every_type_has_its_own_number_name_and_known_events(void **state)
{
	(void)state;
	for (const struct alert_type *t = alert_types; t->name; t++) {
		for (const struct alert_type *u = t + 1; u->name; u++)
			if (u->id == t->id || strcmp(u->name, t->name) == 0)
				fail_msg("%s and %s are the same", t->name, u->name);
		const char *kinds[] = { t->raises, t->clears };
		for (size_t i = 0; i < 2; i++) {
			bool found = !*kinds[i];
			for (const struct event_class *const *c = event_classes; *c; c++)
				found |= strcmp((*c)->name, t->class) == 0 &&
				         event_kind_find(*c, kinds[i]);
			if (!found)
				fail_msg("%s: no event %s", t->name, kinds[i]);
		}
		assert_true(*t->en && *t->ja);
	}
}

static void offline(struct try *t, int64_t id, const char *kind)
{
	struct event ev;
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "TargetType", "computer");
	event_int(&ev, "TargetID", id);
	event_text(&ev, "TargetName", "one");
	system_event(t->app, &ev);
}

static size_t alerts(struct try *t, const char *state)
{
	char path[64];
	snprintf(path, sizeof(path), "/api/alerts?state=%s", state);
	try_must(t, 200, "GET", path, NULL);
	return json_array_size(json_array_at(t->out, "alerts"));
}

static void an_alert_begins_and_ends_with_its_events(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "one", 1);
	offline(t, id, "agent-offline");
	offline(t, id, "agent-offline");
	assert_int_equal(alerts(t, "active"), 1);
	const json_t *a = json_array_get(json_array_at(t->out, "alerts"), 0);
	assert_int_equal(json_int(a, "count", 0), 2);
	assert_int_equal(json_int(a, "computerID", 0), id);
	assert_string_equal(json_text(a, "severity", ""), "critical");
	assert_string_equal(json_text(a, "type", ""), "communications-problem");
	assert_int_equal(try_events(t, "alert-started"), 1);
	offline(t, id, "agent-online");
	assert_int_equal(alerts(t, "active"), 0);
	assert_int_equal(alerts(t, "ended"), 1);
	assert_int_equal(try_events(t, "alert-ended"), 1);
	offline(t, id, "agent-offline");
	assert_int_equal(alerts(t, "all"), 2); /* the next one is another one */
}

static void a_dismissed_alert_keeps_who_and_why(void **state)
{
	struct try *t = *state;
	offline(t, try_agent(t, "one", 1), "agent-offline");
	try_must(t, 200, "POST", "/api/alerts/1/dismiss", "{'reason':'it is being moved'}");
	assert_string_equal(json_text(t->out, "state", ""), "dismissed");
	assert_string_equal(json_text(t->out, "endedBy", ""), "admin");
	assert_string_equal(json_text(t->out, "reason", ""), "it is being moved");
	try_must(t, 400, "POST", "/api/alerts/1/dismiss", "{'reason':'again'}");
	try_must(t, 404, "POST", "/api/alerts/99/dismiss", "{}");
	AUTO(json_decrefp) json_t *ev = try_event(t, "alert-dismissed");
	assert_non_null(strstr(json_text(ev, "Description", ""), "it is being moved"));
}

static void a_threshold_counts_within_its_window(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "one", 1);
	const char *found =
		"{'first':%d,'events':[{'class':'antimalware','kind':'malware-found','time':%lld000,'unique':'00000000000000a%d',"
		"'fields':{'MalwareName':'Eicar','InfectedFilePath':'/tmp/x'}}]}";
	try_must(t, 200, "POST", "/api/alerttypes/3",
	         "{'threshold':3,'window':5,'severity':'critical'}");
	assert_int_equal(json_int(t->out, "threshold", 0), 3);
	for (int i = 1; i <= 3; i++) {
		char body[400];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* it is the text above */
		snprintf(body, sizeof(body), found, i, (long long)time(NULL), i);
#pragma GCC diagnostic pop
		try_agent_ask(t, id, "POST", "/agent/events", body);
		assert_int_equal(t->status, 200);
		assert_int_equal(alerts(t, "active"), i == 3 ? 1 : 0);
	}
	const json_t *a = json_array_get(json_array_at(t->out, "alerts"), 0);
	assert_string_equal(json_text(a, "severity", ""), "critical");
	assert_non_null(strstr(json_text(a, "message", ""), "Eicar"));
}

static void a_type_that_is_off_raises_nothing(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "one", 1);
	try_must(t, 200, "POST", "/api/alerttypes/9", "{'enabled':false}");
	assert_int_equal(try_events(t, "alert-type-updated"), 1);
	offline(t, id, "agent-offline");
	assert_int_equal(alerts(t, "all"), 0);
	try_must(t, 400, "POST", "/api/alerttypes/9", "{'threshold':0}");
	try_must(t, 404, "POST", "/api/alerttypes/9999", "{}");
	try_must(t, 400, "GET", "/api/alerts?state=tired", NULL);
}

static void an_event_that_is_not_recorded_leaves_no_trace(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "one", 1);
	try_must(t, 200, "POST", "/api/systemevents/730", "{'record':false}");
	offline(t, id, "agent-offline");
	assert_int_equal(try_events(t, "agent-offline"), 0);
	assert_int_equal(alerts(t, "active"), 1); /* what it means is seen all the same */
	try_must(t, 200, "GET", "/api/systemevents", NULL);
	assert_true(json_array_size(json_array_at(t->out, "systemEvents")) > 200);
	try_must(t, 404, "POST", "/api/systemevents/3", "{'record':false}");
	try_must(t, 200, "POST", "/api/systemevents/730", "{'record':true}");
	offline(t, id, "agent-offline");
	assert_int_equal(try_events(t, "agent-offline"), 1);
}

static void an_agent_that_nobody_knows_is_told_once(void **state)
{
	struct try *t = *state;
	for (int i = 0; i < 3; i++) {
		try_agent_ask(t, 99, "POST", "/agent/heartbeat", "{}");
		assert_int_equal(t->status, 410);
	}
	assert_int_equal(try_events(t, "unknown-agent"), 1);
	assert_int_equal(alerts(t, "active"), 1);
}

static void a_policy_that_has_arrived_is_told_once(void **state)
{
	struct try *t = *state;
	char body[80];
	int64_t id = try_agent(t, "one", 1);
	try_must(t, 200, "POST", "/api/policies/1", "{'antiMalware':{'state':'on'}}");
	app_tick(t->app);
	try_agent_ask(t, id, "POST", "/agent/heartbeat", "{'policyVersion':0}");
	int64_t version = json_int(t->out, "policyVersion", 0);
	assert_true(version > 0);
	assert_int_equal(try_events(t, "policy-sent"), 0);
	snprintf(body, sizeof(body), "{'policyVersion':%lld}", (long long)version);
	try_agent_ask(t, id, "POST", "/agent/heartbeat", body);
	try_agent_ask(t, id, "POST", "/agent/heartbeat", body);
	assert_int_equal(try_events(t, "policy-sent"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_its_own_number_name_and_known_events),
		TEST(an_alert_begins_and_ends_with_its_events),
		TEST(a_dismissed_alert_keeps_who_and_why),
		TEST(a_threshold_counts_within_its_window),
		TEST(a_type_that_is_off_raises_nothing),
		TEST(an_agent_that_nobody_knows_is_told_once),
		TEST(a_policy_that_has_arrived_is_told_once),
		TEST(an_event_that_is_not_recorded_leaves_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
