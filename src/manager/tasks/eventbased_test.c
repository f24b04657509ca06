#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/clocks.h"
#include "manager/tasks/eventbased.h"
#include "manager/tasks/match.h"
#include "manager/tasks/try.h"

static void an_expression_has_to_fit_the_whole_value(void **state)
{
	(void)state;
	assert_int_equal(match_whole("web-[0-9]+", STR("web-12")), 1);
	assert_int_equal(match_whole("web", STR("web-12")), 0);
	assert_int_equal(match_whole(".*\\.prod\\..*", STR("db.prod.example")), 1);
	assert_int_equal(match_whole("(?i)WEB.*", STR("web")), 1);
	assert_int_equal(match_whole("a|ab", STR("ab")), 1);
}

static void an_expression_that_explodes_is_stopped(void **state)
{
	(void)state;
	assert_int_equal(
		match_whole("(a+)+[bc]", STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
		-E2BIG);
}

static void a_bad_expression_is_refused_with_its_place(void **state)
{
	struct try *t = *state;
	try_must(
		t, 400, "POST", "/api/eventbasedtasks",
		"{'name':'x','type':'agent-ip-changed','conditions':[{'field':'hostname','value':'a(b'}]}");
	assert_non_null(strstr(json_text(t->out, "message", ""), "character"));
	try_must(
		t, 400, "POST", "/api/eventbasedtasks",
		"{'name':'x','type':'agent-ip-changed','conditions':[{'field':'colour','value':'a'}]}");
	try_must(
		t, 400, "POST", "/api/eventbasedtasks",
		"{'name':'x','type':'agent-ip-changed','actions':[{'type':'assign-policy','parameterValue':99}]}");
}

static int64_t member(struct try *t, int64_t computer, const char *key)
{
	char path[64];
	snprintf(path, sizeof(path), "/api/computers/%lld", (long long)computer);
	return json_int(try_must(t, 200, "GET", path, NULL), key, 0);
}

static void a_changed_address_gives_another_policy_and_group(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/computergroups", "{'name':'web'}");
	char body[500];
	int64_t group = json_int(t->out, "ID", 0), web = try_agent(t, "web-1", 1),
		db = try_agent(t, "db-1", 1);
	snprintf(
		body, sizeof(body),
		"{'name':'Web servers','type':'agent-ip-changed','conditions':["
		"{'field':'hostname','value':'web-[0-9]+'},{'field':'lastUsedIP','value':'192\\\\.0\\\\.2\\\\..*'}],"
		"'actions':[{'type':'assign-policy','parameterValue':2},{'type':'assign-group','parameterValue':%lld}]}",
		(long long)group);
	try_must(t, 200, "POST", "/api/eventbasedtasks", body);
	try_agent_ask(t, web, "POST", "/agent/heartbeat", "{'hostName':'web-1'}");
	try_agent_ask(t, db, "POST", "/agent/heartbeat", "{'hostName':'db-1'}");
	assert_int_equal(member(t, web, "policyID"), 2);
	assert_int_equal(member(t, web, "groupID"), group);
	assert_int_equal(member(t, db, "policyID"), 1);
	assert_int_equal(try_events(t, "event-task-triggered"), 1);
	AUTO(json_decrefp) json_t *ev = try_event(t, "event-task-triggered");
	assert_non_null(
		strstr(json_text(ev, "Description", ""), "web-1: assign-policy 2, assign-group"));
	try_must(t, 200, "GET", "/api/eventbasedtasks/1", NULL);
	assert_true(json_int(t->out, "lastRunTime", 0) > 0);
	/* The address is the same now: nothing happens. */
	try_agent_ask(t, web, "POST", "/agent/heartbeat", "{'hostName':'web-1'}");
	assert_int_equal(try_events(t, "event-task-triggered"), 1);
}

static void a_condition_on_a_cloud_never_holds_here(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "web-1", 1);
	try_must(
		t, 200, "POST", "/api/eventbasedtasks",
		"{'name':'x','type':'agent-ip-changed','conditions':[{'field':'imageId','value':'.*'}],"
		"'actions':[{'type':'assign-policy','parameterValue':2}]}");
	try_agent_ask(t, id, "POST", "/agent/heartbeat", "{'hostName':'web-1'}");
	assert_int_equal(member(t, id, "policyID"), 1);
}

static void a_disabled_task_does_nothing(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "web-1", 1);
	try_must(
		t, 200, "POST", "/api/eventbasedtasks",
		"{'name':'x','type':'agent-ip-changed','enabled':'false','actions':[{'type':'deactivate'}]}");
	try_agent_ask(t, id, "POST", "/agent/heartbeat", "{'hostName':'web-1'}");
	assert_int_equal(
		json_array_size(json_array_at(try_must(t, 200, "GET", "/api/jobs", NULL), "jobs")),
		0);
	try_must(t, 200, "POST", "/api/eventbasedtasks/1", "{'enabled':true}");
	event_tasks_run(t->app, "agent-ip-changed", id);
	try_must(t, 200, "GET", "/api/jobs", NULL);
	const json_t *job = json_array_get(json_array_at(t->out, "jobs"), 0);
	assert_string_equal(json_text(job, "kind", ""), "deactivate");
}

/* A heartbeat whose clock is off by shift_s, of a process that started start_s ago. */
static void beat(struct try *t, int64_t id, int64_t shift_s, int64_t start_s, const char *host)
{
	AUTO(json_decrefp)
	json_t *o = json_pack("{s:I,s:I,s:s}", "time", (json_int_t)clock_ms() + shift_s * 1000,
	                      "uptime", (json_int_t)start_s * 1000, "hostName", host);
	agent_clock(t->app, id, o);
}

static void a_changed_clock_is_told_beyond_the_threshold(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "one", 1);
	beat(t, id, 0, 1000, "one");
	beat(t, id, 900, 1000, "one");
	assert_int_equal(try_events(t, "clock-changed"), 0); /* Unlimited */
	try_must(t, 200, "POST",
	         "/api/policies/1/settings/platformSettingHeartbeatLocalTimeShiftAlertThreshold",
	         "{'value':'10 Minutes'}");
	beat(t, id, 950, 1000, "one");
	assert_int_equal(try_events(t, "clock-changed"), 0);
	beat(t, id, 0, 1000, "one");
	AUTO(json_decrefp) json_t *ev = try_event(t, "clock-changed");
	assert_int_equal(json_int(ev, "Count", 0), -950);
}

static void a_restart_is_no_clone_but_two_hosts_are(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "one", 1);
	beat(t, id, 0, 5000, "one");
	beat(t, id, 0, 100, "one");
	beat(t, id, 0, 10, "one");
	assert_int_equal(try_events(t, "cloned-agent"), 0);
	beat(t, id, 0, 100, "one");
	assert_int_equal(try_events(t, "cloned-agent"), 1);
	try_must(t, 200, "GET", "/api/alerts", NULL);
	assert_string_equal(
		json_text(json_array_get(json_array_at(t->out, "alerts"), 0), "type", ""),
		"duplicate-identifiers");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expression_has_to_fit_the_whole_value),
		cmocka_unit_test(an_expression_that_explodes_is_stopped),
		TEST(a_bad_expression_is_refused_with_its_place),
		TEST(a_changed_address_gives_another_policy_and_group),
		TEST(a_condition_on_a_cloud_never_holds_here),
		TEST(a_disabled_task_does_nothing),
		TEST(a_changed_clock_is_told_beyond_the_threshold),
		TEST(a_restart_is_no_clone_but_two_hosts_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
