#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/try.h"

static void told(struct try *t, int64_t computer, int64_t number, const char *class,
                 const char *kind, const char *fields)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b,
	        "{'first':%lld,'events':[{'class':'%s','kind':'%s','time':%lld,"
	        "'unique':'%064lld','fields':%s}]}",
	        (long long)number, class, kind, 1000 + (long long)number, (long long)number,
	        fields);
	try_agent_ask(t, computer, "POST", "/agent/events", b.p);
	assert_int_equal(t->status, 200);
	assert_int_equal(json_int(t->out, "acked", 0), number);
}

/* ---- roots ---- */

static void made(struct try *t, int64_t computer, int64_t number, const char *before,
                 const char *after, bool asked)
{
	char fields[400];
	snprintf(fields, sizeof(fields),
	         "{'Before':'{\\\"root\\\":\\\"%s\\\"}','After':'{\\\"root\\\":\\\"%s\\\","
	         "\\\"asked\\\":%s,\\\"entities\\\":7}'}",
	         before, after, asked ? "true" : "false");
	told(t, computer, number, "system",
	     *before ? "integrity-scan-ended" : "integrity-baseline-created", fields);
}

static void a_baseline_has_to_be_made_from_the_one_that_was_told_last(void **state)
{
	struct try *t = *state;
	char path[80];
	int64_t id = try_agent(t, "one", 1);
	made(t, id, 1, "", "aa", false);
	made(t, id, 2, "aa", "bb", false);
	assert_int_equal(try_events(t, "integrity-baseline-unproven"), 0);
	made(t, id, 3, "xx", "cc", false); /* somebody put another one there */
	assert_int_equal(try_events(t, "integrity-baseline-unproven"), 1);
	made(t, id, 4, "cc", "dd", false);
	made(t, id, 5, "", "ee", true); /* made anew, as was asked for */
	assert_int_equal(try_events(t, "integrity-baseline-unproven"), 1);
	made(t, id, 6, "", "ff", false); /* it went, and nobody asked */
	assert_int_equal(try_events(t, "integrity-baseline-unproven"), 2);
	AUTO(json_decrefp) json_t *ev = try_event(t, "integrity-baseline-unproven");
	assert_non_null(strstr(json_text(ev, "Description", ""), "kept root ee, told none"));
	snprintf(path, sizeof(path), "/api/computers/%lld/integritybaselines", (long long)id);
	const json_t *list =
		json_array_at(try_must(t, 200, "GET", path, NULL), "integrityBaselines");
	assert_int_equal(json_array_size(list), 6);
	const json_t *newest = json_array_get(list, 0);
	assert_string_equal(json_text(newest, "root", ""), "ff");
	assert_false(json_bool(newest, "proven", true));
	assert_true(json_bool(json_array_get(list, 1), "proven", false));
}

static void prove(struct try *t, int64_t computer, const char *root, const char *previous)
{
	char path[80], body[300];
	snprintf(path, sizeof(path), "/api/computers/%lld/integritybaseline/prove",
	         (long long)computer);
	int64_t job = json_int(try_must(t, 200, "POST", path, "{}"), "ID", 0);
	snprintf(body, sizeof(body),
	         "{'results':[{'ID':%lld,'state':'done','result':{'root':'%s','previous':'%s'}}]}",
	         (long long)job, root, previous);
	try_agent_ask(t, computer, "POST", "/agent/results", body);
}

static void a_computer_is_asked_to_prove_its_baseline(void **state)
{
	struct try *t = *state;
	int64_t id = try_agent(t, "one", 1);
	made(t, id, 1, "", "aa", false);
	prove(t, id, "aa", "");
	prove(t, id, "bb", "aa"); /* made since: its event is on the way */
	assert_int_equal(try_events(t, "integrity-baseline-unproven"), 0);
	prove(t, id, "cc", "");
	assert_int_equal(try_events(t, "integrity-baseline-unproven"), 1);
}

/* ---- changes ---- */

static size_t changes(struct try *t, const char *state)
{
	char path[64];
	snprintf(path, sizeof(path), "/api/integritychanges?state=%s", state);
	return json_array_size(json_array_at(try_must(t, 200, "GET", path, NULL), //
	                                     "integrityChanges"));
}

static const json_t *change(struct try *t, size_t i)
{
	changes(t, "pending");
	return json_array_get(json_array_at(t->out, "integrityChanges"), i);
}

static void changes_wait_by_their_cause(void **state)
{
	struct try *t = *state;
	char path[80];
	int64_t id = try_agent(t, "one", 1);
	told(t, id, 1, "integritymonitoring", "entity-updated",
	     "{'Reason':'ssh','Key':'/etc/ssh/sshd_config','Rank':50}");
	told(t, id, 2, "integritymonitoring", "entity-created",
	     "{'Reason':'ssh','Key':'/root/.ssh/authorized_keys','Rank':100}");
	told(t, id, 3, "integritymonitoring", "entities-grouped",
	     "{'Cause':'package','CauseID':'dpkg-1','CauseText':'dpkg: 200 packages','Count':1412}");
	assert_int_equal(changes(t, "pending"), 2);
	const json_t *ssh = change(t, 1);
	assert_string_equal(json_text(ssh, "causeID", ""), "rule-ssh");
	assert_int_equal(json_int(ssh, "changes", 0), 2);
	assert_int_equal(json_int(ssh, "rank", 0), 100);
	int64_t number = json_int(ssh, "ID", 0);
	snprintf(path, sizeof(path), "/api/integritychanges/%lld", (long long)number);
	try_must(t, 200, "GET", path, NULL);
	assert_int_equal(json_array_size(json_array_at(t->out, "eventIDs")), 2);
	snprintf(path, sizeof(path), "/api/integritychanges/%lld/incident", (long long)number);
	try_must(t, 200, "POST", path, "{'note':'a key that nobody knows'}");
	assert_string_equal(json_text(t->out, "state", ""), "incident");
	assert_int_equal(try_events(t, "integrity-incident"), 1);
	try_must(t, 400, "POST", path, "{}"); /* somebody decided */
	number = json_int(change(t, 0), "ID", 0);
	assert_int_equal(json_int(change(t, 0), "changes", 0), 1412);
	snprintf(path, sizeof(path), "/api/integritychanges/%lld/approve", (long long)number);
	try_must(t, 200, "POST", path, "{}");
	assert_int_equal(changes(t, "pending"), 0);
	assert_int_equal(changes(t, "approved"), 1);
	assert_int_equal(try_events(t, "integrity-changes-approved"), 1);
	/* What comes after that waits anew. */
	told(t, id, 4, "integritymonitoring", "entity-updated",
	     "{'Reason':'ssh','Key':'/etc/ssh/sshd_config','Rank':50}");
	assert_int_equal(changes(t, "pending"), 1);
	try_must(t, 404, "POST", "/api/integritychanges/999/approve", "{}");
}

static void maintenance_and_trusted_processes_are_causes(void **state)
{
	struct try *t = *state;
	char path[80];
	int64_t id = try_agent(t, "one", 1);
	snprintf(path, sizeof(path), "/api/computers/%lld/integritymaintenance", (long long)id);
	try_must(t, 400, "POST", path, "{'minutes':0,'reason':'x'}");
	try_must(t, 400, "POST", path, "{'minutes':5}");
	try_must(t, 200, "POST", path, "{'minutes':60,'reason':'kernel of November'}");
	try_sql(t, "update integrity_window set began = 0, ends = 1002");
	told(t, id, 1, "integritymonitoring", "entity-updated",
	     "{'Reason':'boot','Key':'/boot/x'}");
	told(t, id, 2, "integritymonitoring", "entity-updated",
	     "{'Reason':'boot','Key':'/boot/y'}");
	assert_int_equal(changes(t, "pending"), 2);
	assert_string_equal(json_text(change(t, 1), "cause", ""), "maintenance");
	assert_string_equal(json_text(change(t, 1), "text", ""), "kernel of November");
	assert_string_equal(json_text(change(t, 0), "cause", ""), "none");
	try_must(t, 200, "POST",
	         "/api/policies/default/settings/integrityMonitoringSettingTrustedProcesses",
	         "{'value':'/usr/sbin/puppet\\n/usr/bin/ansible'}");
	told(t, id, 3, "integritymonitoring", "entity-updated",
	     "{'Reason':'boot','Key':'/etc/x','Process':'/usr/bin/ansible'}");
	assert_string_equal(json_text(change(t, 0), "cause", ""), "process");
	assert_string_equal(json_text(change(t, 0), "text", ""), "/usr/bin/ansible");
}

static void a_scan_that_runs_can_be_cancelled(void **state)
{
	struct try *t = *state;
	char path[80], body[100];
	int64_t id = try_agent(t, "one", 1);
	snprintf(path, sizeof(path), "/api/computers/%lld/integrityscan", (long long)id);
	int64_t job = json_int(try_must(t, 200, "POST", path, "{}"), "ID", 0);
	snprintf(body, sizeof(body), "{'results':[{'ID':%lld,'state':'running'}]}", (long long)job);
	try_agent_ask(t, id, "POST", "/agent/results", body);
	snprintf(path, sizeof(path), "/api/jobs/%lld/cancel", (long long)job);
	try_must(t, 200, "POST", path, "{}");
	assert_string_equal(json_text(t->out, "state", ""), "cancelling");
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup_teardown(
			a_baseline_has_to_be_made_from_the_one_that_was_told_last, try_setup,
			try_teardown),
		cmocka_unit_test_setup_teardown(a_computer_is_asked_to_prove_its_baseline,
		                                try_setup, try_teardown),
		cmocka_unit_test_setup_teardown(changes_wait_by_their_cause, try_setup,
		                                try_teardown),
		cmocka_unit_test_setup_teardown(maintenance_and_trusted_processes_are_causes,
		                                try_setup, try_teardown),
		cmocka_unit_test_setup_teardown(a_scan_that_runs_can_be_cancelled, try_setup,
		                                try_teardown),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
