#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/outside.h"
#include "manager/tasks/try.h"

static const json_t *last_run(struct try *t)
{
	try_must(t, 200, "GET", "/api/scheduledtasks/1/runs", NULL);
	return json_array_get(json_array_at(t->out, "runs"), 0);
}

static void state_is(struct try *t, const char *state)
{
	assert_string_equal(json_text(last_run(t), "state", ""), state);
}

static const json_t *order(struct try *t, size_t i)
{
	return json_object_get(json_array_get(t->orders, i), "order");
}

static void answer(struct try *t, size_t i, int rc, const char *text)
{
	app_sent(t->app, (uint64_t)json_int(json_array_get(t->orders, i), "ticket", 0), rc, text);
}

static const char a_script[] =
	"{'name':'S','type':'run-script','runNow':true,'scheduleDetails':{'recurrenceType':'none'},"
	"'runScriptTaskParameters':{'filename':'rotate.sh'}}";

static void a_script_is_ordered_and_what_it_says_is_told(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/scheduledtasks", a_script);
	state_is(t, "queued");
	app_tick(t->app);
	state_is(t, "running");
	assert_int_equal(json_array_size(t->orders), 1);
	assert_int_equal(json_int(json_array_get(t->orders, 0), "instance", -1), POST_SCRIPT);
	assert_string_equal(json_text(order(t, 0), "script", ""), "rotate.sh");
	try_must(t, 200, "POST", "/api/scheduledtasks/1", "{'runNow':true}");
	app_tick(t->app);
	state_is(t, "queued"); /* one at a time */
	assert_int_equal(json_array_size(t->orders), 1);
	answer(t, 0, 0, "rotated 3 files");
	AUTO(json_decrefp) json_t *ended = try_event(t, "scheduled-task-ended");
	assert_string_equal(json_text(ended, "Description", ""), "rotate.sh: rotated 3 files");
	app_tick(t->app);
	answer(t, 1, -EPROTO, "It ended with status 3. no such file");
	state_is(t, "failed");
	assert_string_equal(json_text(last_run(t), "message", ""),
	                    "It ended with status 3. no such file");
	assert_int_equal(try_events(t, "scheduled-task-failed"), 1);
}

static void a_run_that_was_cut_off_has_failed_and_one_that_waits_goes_on(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/scheduledtasks", a_script);
	app_tick(t->app);
	try_must(t, 200, "POST", "/api/scheduledtasks/1", "{'runNow':true}");
	try_again(t);
	try_must(t, 200, "GET", "/api/scheduledtasks/1/runs", NULL);
	const json_t *runs = json_array_at(t->out, "runs");
	assert_string_equal(json_text(json_array_get(runs, 0), "state", ""), "queued");
	assert_string_equal(json_text(json_array_get(runs, 1), "state", ""), "failed");
	app_tick(t->app);
	state_is(t, "running");
	app_runner_down(t->app);
	state_is(t, "failed");
	try_must(t, 200, "POST", "/api/scheduledtasks/1", "{'runNow':true}");
	try_must(t, 204, "DELETE", "/api/scheduledtasks/1", NULL);
	app_tick(t->app);
	assert_int_equal(store_int(t->app->store, STMT_RUN_QUEUED, ARGS(VAL_INT(1)), 0), 0);
}

static const char a_network[] =
	"{'name':'N','type':'discover-computers','runNow':true,'scheduleDetails':{'recurrenceType':'none'},"
	"'discoverComputersTaskParameters':{'discoveryType':'masked-ip','ip':'10.1.2.77','ipmask':'255.255.255.0',"
	"'resolveIPs':true}}";

static void computers_that_were_found_are_added_once(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/computers", "{'hostName':'web.example'}");
	try_must(t, 200, "POST", "/api/scheduledtasks", a_network);
	for (size_t i = 0; i < 2; i++) {
		app_tick(t->app);
		assert_int_equal(json_int(order(t, i), "low", 0), 0x0a010200);
		assert_int_equal(json_int(order(t, i), "high", 0), 0x0a0102ff);
		answer(t, i, 0,
		       "[{\"ip\":\"10.1.2.3\"},{\"ip\":\"10.1.2.4\",\"name\":\"web.example\"},"
		       "{\"ip\":\"10.1.2.5\",\"name\":\"db.example\"}]");
		assert_string_equal(json_text(last_run(t), "message", ""),
		                    i ? "3 computers answered, 0 of them are new."
		                      : "3 computers answered, 2 of them are new.");
		try_must(t, 200, "POST", "/api/scheduledtasks/1", "{'runNow':true}");
	}
	try_must(t, 200, "GET", "/api/computers?expand=none", NULL);
	const json_t *list = json_array_at(t->out, "computers");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(json_text(json_array_get(list, 1), "hostName", ""), "10.1.2.3");
	assert_string_equal(json_text(json_array_get(list, 2), "hostName", ""), "db.example");
	assert_string_equal(json_text(json_array_get(list, 2), "lastIPUsed", ""), "10.1.2.5");
	assert_int_equal(try_events(t, "computers-discovered"), 2);
}

static void bad_networks_are_refused(void **state)
{
	static const char *const bad[] = {
		"'discoveryType':'range','iprangeLow':'10.0.0.9','iprangeHigh':'10.0.0.1'",
		"'discoveryType':'range','iprangeLow':'10.0.0.1'",
		"'discoveryType':'range','iprangeLow':'10.0.0.0','iprangeHigh':'10.9.0.0'",
		"'discoveryType':'masked-ip','ip':'10.0.0.1','ipmask':'255.0.255.0'",
		"'discoveryType':'masked-ip','ip':'10.0.0.1','ipmask':'8'",
		"'discoveryType':'masked-ip','ip':'::1','ipmask':'24'",
	};
	struct try *t = *state;
	char body[400];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(
			body, sizeof(body),
			"{'name':'N','type':'discover-computers','discoverComputersTaskParameters':{%s}}",
			bad[i]);
		try_must(t, 400, "POST", "/api/scheduledtasks", body);
	}
	try_must(t, 400, "POST", "/api/scheduledtasks",
	         "{'name':'S','type':'run-script','runScriptTaskParameters':{'filename':''}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)
		T(a_script_is_ordered_and_what_it_says_is_told),
		T(a_run_that_was_cut_off_has_failed_and_one_that_waits_goes_on),
		T(computers_that_were_found_are_added_once),
		T(bad_networks_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
