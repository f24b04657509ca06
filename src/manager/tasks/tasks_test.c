#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/try.h"

static const char daily_scan[] =
	"{'name':'Nightly','type':'scan-for-malware','scheduleDetails':{'timeZone':'Asia/Tokyo',"
	"'recurrenceType':'daily','dailyScheduleParameters':{'startTime':1539604800000,'frequencyType':'everyday'}},"
	"'scanForMalwareTaskParameters':{'computerFilter':{'type':'all-computers'},'timeout':'one-hour'}}";

/* As if the task had been due since this many ms. */
static void make_due(struct try *t, int64_t ms)
{
	char sql[300];
	snprintf(
		sql, sizeof(sql),
		"update object set body = json_set(body, '$.nextRunTime', %lld) where kind = 'scheduledtasks'",
		(long long)clock_ms() - (long long)ms);
	try_sql(t, sql);
}

static json_t *last_run(struct try *t)
{
	try_must(t, 200, "GET", "/api/scheduledtasks/1/runs", NULL);
	return json_array_get(json_array_at(t->out, "runs"), 0);
}

static size_t runs(struct try *t)
{
	try_must(t, 200, "GET", "/api/scheduledtasks/1/runs", NULL);
	return json_array_size(json_array_at(t->out, "runs"));
}

static void a_task_tells_its_next_five_runs(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/scheduledtasks", daily_scan);
	const json_t *times = json_array_at(t->out, "nextRunTimes");
	assert_int_equal(json_array_size(times), 5);
	int64_t first = json_integer_value(json_array_get(times, 0));
	assert_int_equal(json_int(t->out, "nextRunTime", 0), first);
	assert_true(first > (int64_t)clock_ms());
	assert_int_equal(first % 86400000, 1539604800000 % 86400000); /* Tokyo has no summer time */
	assert_int_equal(json_integer_value(json_array_get(times, 4)), first + 4 * 86400000LL);
	try_must(t, 200, "POST", "/api/scheduledtasks/1", "{'enabled':false}");
	assert_null(json_object_get(t->out, "nextRunTime"));
	assert_int_equal(json_array_size(json_array_at(t->out, "nextRunTimes")), 0);
}

static void a_due_task_scans_every_computer_once(void **state)
{
	struct try *t = *state;
	int64_t a = try_agent(t, "one", 1), b = try_agent(t, "two", 1);
	try_must(t, 200, "POST", "/api/computers", "{'hostName':'without-agent'}");
	try_must(t, 200, "POST", "/api/scheduledtasks", daily_scan);
	make_due(t, 10);
	app_tick(t->app);
	app_tick(t->app);
	assert_int_equal(runs(t), 1);
	assert_string_equal(json_text(last_run(t), "state", ""), "running");
	int64_t batch = json_int(last_run(t), "jobBatchID", 0);
	try_agent_ask(t, a, "GET", "/agent/commands?after=0", NULL);
	const json_t *command = json_array_get(json_array_at(t->out, "commands"), 0);
	assert_string_equal(json_text(command, "kind", ""), "scan");
	assert_string_equal(json_text(json_object_at(command, "args"), "type", ""), "scheduled");
	int64_t id = json_int(command, "ID", 0);
	char body[200], path[64];
	snprintf(body, sizeof(body),
	         "{'results':[{'ID':%lld,'state':'done'},{'ID':%lld,'state':'done'}]}",
	         (long long)id, (long long)id + 1);
	try_agent_ask(t, a, "POST", "/agent/results", body); /* the second is not its own */
	app_tick(t->app);
	assert_string_equal(json_text(last_run(t), "state", ""), "running");
	snprintf(path, sizeof(path), "/api/jobbatches/%lld", (long long)batch);
	try_must(t, 200, "GET", path, NULL);
	assert_int_equal(json_int(t->out, "total", 0), 2);
	assert_int_equal(json_int(t->out, "progress", 0), 50);
	assert_int_equal(json_array_size(json_array_at(t->out, "jobs")), 2);
	try_agent_ask(t, b, "POST", "/agent/results", body);
	app_tick(t->app);
	assert_string_equal(json_text(last_run(t), "state", ""), "done");
	assert_int_equal(try_events(t, "scheduled-task-started"), 1);
	assert_int_equal(try_events(t, "scheduled-task-ended"), 1);
	assert_int_equal(try_events(t, "scheduled-task-missed"), 0);
}

static void a_task_missed_many_times_runs_once(void **state)
{
	struct try *t = *state;
	try_agent(t, "one", 1);
	try_must(t, 200, "POST", "/api/scheduledtasks", daily_scan);
	make_due(t, 10 * 86400000LL);
	try_again(t);
	app_tick(t->app);
	app_tick(t->app);
	assert_int_equal(runs(t), 1);
	AUTO(json_decrefp) json_t *missed = try_event(t, "scheduled-task-missed");
	assert_non_null(missed);
	assert_non_null(strstr(json_text(missed, "Description", ""), "11 runs"));
	try_must(t, 200, "GET", "/api/scheduledtasks/1", NULL);
	assert_true(json_int(t->out, "nextRunTime", 0) > (int64_t)clock_ms());
}

static void a_core_that_dies_in_the_tick_runs_the_task_exactly_once(void **state)
{
	struct try *t = *state;
	try_agent(t, "one", 1);
	try_must(t, 200, "POST", "/api/scheduledtasks", daily_scan);
	make_due(t, 10);
	/* The whole tick is one transaction: what a death takes away is all of it. */
	assert_int_equal(store_begin(t->app->store), 0);
	app_tick(t->app);
	store_end(t->app->store, false);
	try_again(t);
	assert_int_equal(runs(t), 0);
	app_tick(t->app);
	try_again(t);
	app_tick(t->app);
	assert_int_equal(runs(t), 1);
	try_must(t, 200, "GET", "/api/jobs", NULL);
	assert_int_equal(json_array_size(json_array_at(t->out, "jobs")), 1);
}

static void run_now_runs_a_disabled_task_too(void **state)
{
	struct try *t = *state;
	try_agent(t, "one", 1);
	try_must(
		t, 200, "POST", "/api/scheduledtasks",
		"{'name':'Send','type':'send-policy','enabled':false,'runNow':true,"
		"'sendPolicyTaskParameters':{'computerFilter':{'type':'computer','computerID':1}}}");
	assert_true(json_int(t->out, "lastRunTime", 0) > 0);
	assert_int_equal(runs(t), 1);
	try_must(t, 200, "POST", "/api/scheduledtasks/1", "{'runNow':true}");
	assert_null(json_object_get(t->out, "runNow"));
	assert_int_equal(runs(t), 2);
	assert_string_equal(json_text(last_run(t), "state", ""), "running");
}

static void a_scan_that_takes_too_long_is_cancelled(void **state)
{
	struct try *t = *state;
	int64_t a = try_agent(t, "one", 1);
	try_must(t, 200, "POST", "/api/scheduledtasks", daily_scan);
	try_must(t, 200, "POST", "/api/scheduledtasks/1", "{'runNow':true}");
	try_agent_ask(t, a, "GET", "/agent/commands?after=0", NULL);
	try_sql(t, "update job set deadline = 1000");
	app_tick(t->app);
	try_must(t, 200, "GET", "/api/jobs", NULL);
	const json_t *jobs = json_array_at(t->out, "jobs");
	assert_string_equal(json_text(json_array_get(jobs, 1), "state", ""), "timed-out");
	assert_string_equal(json_text(json_array_get(jobs, 0), "kind", ""), "cancel");
	assert_string_equal(json_text(last_run(t), "state", ""), "failed");
	assert_non_null(strstr(json_text(last_run(t), "message", ""), "1 timed out"));
	assert_int_equal(try_events(t, "scheduled-task-failed"), 1);
}

static void a_type_without_its_work_says_so(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/scheduledtasks",
	         "{'name':'Look','type':'synchronize-users','runNow':true}");
	assert_string_equal(json_text(last_run(t), "state", ""), "not-available");
	assert_non_null(strstr(json_text(last_run(t), "message", ""), "synchronize-users"));
}

static void bad_tasks_are_refused(void **state)
{
	struct try *t = *state;
	static const struct {
		const char *why, *body, *says;
	} cases[] = {
		{ "no type", "{'name':'x'}", "type" },
		{ "an unknown type", "{'name':'x','type':'cook'}", "type" },
		{ "which computers?", "{'name':'x','type':'scan-for-malware'}", "computerFilter" },
		{ "no such computer",
		  "{'name':'x','type':'send-policy','sendPolicyTaskParameters':{'computerFilter':{'type':'computer','computerID':99}}}",
		  "99" },
		{ "no such zone",
		  "{'name':'x','type':'synchronize-users','scheduleDetails':{'timeZone':'Mars/Base'}}",
		  "timeZone" },
		{ "no day",
		  "{'name':'x','type':'synchronize-users','scheduleDetails':{'recurrenceType':'weekly'}}",
		  "days" },
		{ "never",
		  "{'name':'x','type':'synchronize-users','scheduleDetails':{'recurrenceType':'monthly','monthlyScheduleParameters':{'dayOfMonth':31,'months':['february']}}}",
		  "no day" },
		{ "minute 7",
		  "{'name':'x','type':'synchronize-users','scheduleDetails':{'recurrenceType':'hourly','hourlyScheduleParameters':{'minutesPastTheHour':'7'}}}",
		  "minutesPastTheHour" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		try_ask(t, "POST", "/api/scheduledtasks", cases[i].body);
		if (t->status != 400 || !strstr(json_text(t->out, "message", ""), cases[i].says))
			fail_msg("%s: %d %s", cases[i].why, t->status, t->text);
	}
}

static void both_spellings_of_february_are_taken(void **state)
{
	struct try *t = *state;
	static const char *const words[] = { "feburary", "february" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		char body[300];
		snprintf(
			body, sizeof(body),
			"{'name':'%s','type':'synchronize-users','scheduleDetails':{'recurrenceType':'monthly',"
			"'monthlyScheduleParameters':{'dayOfMonth':3,'months':'%s'}}}",
			words[i], words[i]);
		try_must(t, 200, "POST", "/api/scheduledtasks", body);
		assert_int_equal(json_array_size(json_array_at(t->out, "nextRunTimes")), 5);
	}
}

static void a_filter_finds_groups_below_and_policies_below(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/computergroups", "{'name':'upper'}");
	int64_t upper = json_int(t->out, "ID", 0);
	char body[400];
	snprintf(body, sizeof(body), "{'name':'lower','parentGroupID':%lld}", (long long)upper);
	int64_t lower = json_int(try_must(t, 200, "POST", "/api/computergroups", body), "ID", 0);
	int64_t a = try_agent(t, "one", 2), b = try_agent(t, "two", 1);
	char path[64];
	snprintf(path, sizeof(path), "/api/computers/%lld", (long long)a);
	snprintf(body, sizeof(body), "{'groupID':%lld}", (long long)lower);
	try_must(t, 200, "POST", path, body);
	static const struct {
		const char *filter;
		int total;
	} cases[] = {
		{ "'type':'computers-in-group','computerGroupID':%lld", 0 },
		{ "'type':'computers-in-group-or-subgroup','computerGroupID':%lld", 1 },
		{ "'type':'computers-using-policy','policyID':1,'smartFolderID':%lld", 1 },
		{ "'type':'computers-using-policy-or-subpolicy','policyID':1,'smartFolderID':%lld",
		  2 },
		{ "'type':'all-computers','smartFolderID':%lld", 2 }
	};
	(void)b;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char filter[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of the table above */
		snprintf(filter, sizeof(filter), cases[i].filter, (long long)upper);
#pragma GCC diagnostic pop
		snprintf(body, sizeof(body), "{'kind':'check-status','computerFilter':{%s}}",
		         filter);
		try_ask(t, "POST", "/api/jobbatches", body);
		if (json_int(t->out, "total", 0) != cases[i].total)
			fail_msg("%s: %s", filter, t->text);
	}
}

static void what_failed_in_a_batch_is_tried_again(void **state)
{
	struct try *t = *state;
	int64_t a = try_agent(t, "one", 1);
	try_agent(t, "two", 1);
	try_agent(t, "three", 1);
	try_must(t, 200, "POST", "/api/jobbatches",
	         "{'kind':'check-status','computerFilter':{'type':'all-computers'}}");
	assert_int_equal(json_int(t->out, "open", 0), 3);
	try_agent_ask(t, a, "POST", "/agent/results", "{'results':[{'ID':1,'state':'done'}]}");
	try_must(t, 400, "POST", "/api/jobbatches/1/retry", NULL);
	try_must(t, 200, "POST", "/api/jobbatches/1/cancel", NULL);
	assert_int_equal(json_int(json_object_at(t->out, "states"), "cancelled", 0), 2);
	app_tick(t->app);
	try_must(t, 200, "GET", "/api/jobbatches/1", NULL);
	assert_true(json_int(t->out, "finished", 0) > 0);
	try_must(t, 200, "POST", "/api/jobbatches/1/retry", NULL);
	assert_int_equal(json_int(t->out, "total", 0), 2);
	assert_int_equal(json_int(t->out, "ID", 0), 2);
	try_must(t, 404, "POST", "/api/jobbatches/77/retry", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)

/* ---- smart folders ---- */

static int64_t folder(struct try *t, const char *body)
{
	try_must(t, 200, "POST", "/api/smartfolders", body);
	return json_int(t->out, "ID", 0);
}

/* The computers of a batch over a folder, by the digits of their names; "-": the filter is refused.
 */
static void folder_is(struct try *t, int64_t id, const char *names)
{
	char body[200], got[20] = "";
	snprintf(
		body, sizeof(body),
		"{'kind':'check-status','computerFilter':{'type':'computers-in-smart-folder','smartFolderID':%lld}}",
		(long long)id);
	try_ask(t, "POST", "/api/jobbatches", body);
	if (t->status == 200) {
		snprintf(body, sizeof(body), "/api/jobbatches/%lld",
		         (long long)json_int(t->out, "ID", 0));
		try_must(t, 200, "GET", body, NULL);
		const json_t *jobs = json_array_at(t->out, "jobs");
		for (size_t i = 0; i < json_array_size(jobs); i++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%lld",
			         (long long)json_int(json_array_get(jobs, i), "computerID", 0));
	} else if (!strstr(t->text, "No computer that is meant")) {
		snprintf(got, sizeof(got), "-");
	}
	assert_string_equal(got, names);
}

static void a_smart_folder_holds_what_fits_its_rules(void **state)
{
	struct try *t = *state;
	static const char *const hosts[] = { "web-1", "web-2", "db-3" };
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		try_agent(t, hosts[i], i == 1 ? 2 : 1);
	int64_t web = folder(
		t,
		"{'name':'web','ruleGroups':[{'rules':[{'key':'general-hostname','value':'WEB'}]}]}");
	folder_is(t, web, "12");
	char body[300];
	snprintf(
		body, sizeof(body),
		"{'name':'inner','parentSmartFolderID':%lld,'ruleGroups':[{'rules':[{'key':'general-policy','value':'2'}]},"
		"{'rules':[{'key':'general-hostname','operator':'equal','value':'db-3'}]}]}",
		(long long)web);
	folder_is(t, folder(t, body), "2"); /* db-3 fits, but not the folder around it */
	folder_is(
		t,
		folder(t,
	               "{'name':'not','ruleGroups':[{'rules':[{'key':'general-hostname','operator':'not-contains',"
	               "'value':'web'},{'key':'general-policy','operator':'not-equal','value':'2'}]}]}"),
		"3");
	folder_is(t, folder(t, "{'name':'all'}"), "123");
	folder_is(
		t,
		folder(t,
	               "{'name':'none','ruleGroups':[{'rules':[{'key':'general-policy','value':'77'}]}]}"),
		"");
	folder_is(
		t,
		folder(t,
	               "{'name':'unknown','ruleGroups':[{'rules':[{'key':'aws-tag','value':'x'}]}]}"),
		"-");
	folder_is(
		t,
		folder(t,
	               "{'name':'odd','ruleGroups':[{'rules':[{'key':'general-policy','operator':'near','value':'1'}]}]}"),
		"-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_task_tells_its_next_five_runs),
		TEST(a_due_task_scans_every_computer_once),
		TEST(a_task_missed_many_times_runs_once),
		TEST(a_core_that_dies_in_the_tick_runs_the_task_exactly_once),
		TEST(run_now_runs_a_disabled_task_too),
		TEST(a_scan_that_takes_too_long_is_cancelled),
		TEST(a_type_without_its_work_says_so),
		TEST(bad_tasks_are_refused),
		TEST(both_spellings_of_february_are_taken),
		TEST(a_filter_finds_groups_below_and_policies_below),
		TEST(what_failed_in_a_batch_is_tried_again),
		TEST(a_smart_folder_holds_what_fits_its_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
