#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/policy.h"
#include "manager/tasks/try.h"

/* 10,000 computers on 20 policies, 50 of them with an override of their own. */
enum { COMPUTERS = 10000, POLICIES = 20, OWN = 50, FIRST = 1000 };
/* What is done right after a change was answered. */
enum { AT_ONCE = 32, COMPILED_AT_ONCE = 4 };

struct fleet {
	struct try *t;
	int64_t policy[POLICIES];
};

static int64_t number(struct try *t, const char *sql)
{
	struct rows r;
	int64_t n = -1;
	if (store_query_sql(t->app->store, sql, NULL, 0, &r) == 0 && rows_next(&r) == 1)
		n = r.col[0].i;
	rows_done(&r);
	return n;
}

static unsigned long long tick_all(struct try *t)
{
	uint64_t before = t->app->compilations;
	for (int i = 0; i < 1000 && number(t, "select count(*) from agent where due = 1") > 0; i++)
		app_tick(t->app);
	assert_int_equal(number(t, "select count(*) from agent where due = 1"), 0);
	return t->app->compilations - before;
}

static int fleet_setup(void **state)
{
	struct fleet *f = xcalloc(1, sizeof(*f));
	char body[120], sql[700];
	try_setup((void **)&f->t);
	for (int i = 0; i < POLICIES; i++) {
		snprintf(body, sizeof(body), "{'name':'role %d','parentID':2}", i);
		f->policy[i] =
			json_int(try_must(f->t, 200, "POST", "/api/policies", body), "ID", 0);
	}
	snprintf(
		sql, sizeof(sql),
		"insert into object (kind, id, name, parent, body) with recursive n (i) as"
		" (select 0 union all select i + 1 from n where i < %d) select 'computers', %d + i,"
		" 'c' || i, 0, case when i < %d then json_object('hostName', 'c' || i, 'policyID',"
		" %lld + i %% %d, 'settings', json_object('antiMalwareSettingScanDeadline', '' || (3 + i)))"
		" else json_object('hostName', 'c' || i, 'policyID', %lld + i %% %d) end from n",
		COMPUTERS - 1, FIRST, OWN, (long long)f->policy[0], POLICIES,
		(long long)f->policy[0], POLICIES);
	try_sql(f->t, sql);
	try_sql(f->t, "insert into agent (computer, guid, fingerprint, activated, seen, online)"
	              " select id, 'guid-' || id, 'print-' || id, 1, 1, 0 from object where kind ="
	              " 'computers'");
	*state = f;
	return 0;
}

static int fleet_teardown(void **state)
{
	struct fleet *f = *state;
	try_teardown((void **)&f->t);
	free(f);
	return 0;
}

static void each_distinct_result_is_compiled_once(void **state)
{
	struct fleet *f = *state;
	assert_int_equal(number(f->t, "select count(*) from agent where due = 1"), COMPUTERS);
	assert_int_equal(tick_all(f->t), POLICIES + OWN);
	assert_int_equal(number(f->t, "select count(distinct compiled) from agent"),
	                 POLICIES + OWN);
	assert_int_equal(number(f->t, "select count(*) from agent where policy_version = 0"), 0);
}

static void a_tick_takes_a_slice(void **state)
{
	struct fleet *f = *state;
	policies_due(f->t->app, 0);
	app_tick(f->t->app);
	int64_t left = number(f->t, "select count(*) from agent where due = 1");
	assert_int_equal(left, COMPUTERS - 2000);
	tick_all(f->t);
}

static void a_request_marks_all_and_compiles_a_few_at_most(void **state)
{
	struct fleet *f = *state;
	uint64_t before = f->t->app->compilations;
	int64_t version = number(f->t, "select max(policy_version) from agent");
	try_must(f->t, 200, "POST", "/api/policies/1/settings/antiMalwareSettingFileHashEnabled",
	         "{'value':'true'}");
	assert_in_range(f->t->app->compilations - before, 1, COMPILED_AT_ONCE);
	assert_in_range(number(f->t, "select count(*) from agent where due = 1"),
	                COMPUTERS - AT_ONCE, COMPUTERS - 1);
	tick_all(f->t);
	assert_int_equal(f->t->app->compilations - before, POLICIES + OWN);
	assert_true(number(f->t, "select min(policy_version) from agent") > version);
	/* What nobody has any more is forgotten. */
	app_tick(f->t->app);
	assert_int_equal(number(f->t, "select count(*) from compiled"), POLICIES + OWN);
}

static void only_those_below_a_policy_are_marked(void **state)
{
	struct fleet *f = *state;
	char path[160], sql[160];
	uint64_t before = f->t->app->compilations;
	snprintf(path, sizeof(path), "/api/policies/%lld/settings/antiMalwareSettingScanDeadline",
	         (long long)f->policy[7]);
	int64_t changed = number(f->t, "select count(distinct policy_version) from agent");
	try_must(f->t, 200, "POST", path, "{'value':'9'}");
	assert_in_range(number(f->t, "select count(*) from agent where due = 1"),
	                COMPUTERS / POLICIES - AT_ONCE, COMPUTERS / POLICIES - 1);
	snprintf(sql, sizeof(sql),
	         "select count(*) from agent a join computer_policy p on p.computer = a.computer"
	         " where a.due = 1 and p.policy <> %lld",
	         (long long)f->policy[7]);
	assert_int_equal(number(f->t, sql), 0);
	tick_all(f->t);
	/* One for all without overrides, and one for each of the others with that policy. */
	assert_in_range(f->t->app->compilations - before, 1 + OWN / POLICIES, 2 + OWN / POLICIES);
	assert_true(number(f->t, "select count(distinct policy_version) from agent") >= changed);
	/* Those that say themselves what was changed get nothing new. */
	snprintf(sql, sizeof(sql),
	         "select count(distinct compiled) from agent a join computer_policy p on p.computer"
	         " = a.computer where p.policy = %lld and p.own = 0",
	         (long long)f->policy[7]);
	assert_int_equal(number(f->t, sql), 1);
}

static void a_change_without_effect_gives_nobody_a_new_version(void **state)
{
	struct fleet *f = *state;
	uint64_t before = f->t->app->compilations;
	int64_t sum = number(f->t, "select sum(policy_version % 1000003) from agent");
	try_must(
		f->t, 200, "POST",
		"/api/policies/2/settings/integrityMonitoringSettingVirtualApplianceOptimizationScanCacheEntriesMax",
		"{'value':'1000'}");
	try_must(f->t, 200, "POST", "/api/policies/2", "{'description':'another'}");
	tick_all(f->t);
	assert_in_range(f->t->app->compilations - before, POLICIES + OWN,
	                POLICIES + OWN + 2 * COMPILED_AT_ONCE);
	assert_int_equal(number(f->t, "select sum(policy_version % 1000003) from agent"), sum);
}

static void an_override_is_one_result_and_its_end_shares_again(void **state)
{
	struct fleet *f = *state;
	char path[160], sql[160];
	int64_t id = FIRST + OWN + 9;
	snprintf(path, sizeof(path), "/api/computers/%lld/settings/antiMalwareSettingScanDeadline",
	         (long long)id);
	snprintf(sql, sizeof(sql), "select compiled from agent where computer = %lld",
	         (long long)id);
	int64_t shared = number(f->t, sql);
	uint64_t before = f->t->app->compilations;
	try_must(f->t, 200, "POST", path, "{'value':'599'}");
	assert_int_equal(number(f->t, "select count(*) from agent where due = 1"), 0);
	assert_int_equal(f->t->app->compilations - before, 1);
	assert_int_not_equal(number(f->t, sql), shared);
	try_must(f->t, 200, "DELETE", path, NULL);
	assert_int_equal(f->t->app->compilations - before, 2);
	assert_int_equal(number(f->t, sql), shared);
	/* The same override at two computers of one policy is stored once. */
	try_must(f->t, 200, "POST", path, "{'value':'599'}");
	snprintf(path, sizeof(path), "/api/computers/%lld/settings/antiMalwareSettingScanDeadline",
	         (long long)id + POLICIES);
	try_must(f->t, 200, "POST", path, "{'value':'599'}");
	tick_all(f->t);
	int64_t own = number(f->t, sql);
	snprintf(sql, sizeof(sql), "select count(*) from agent where compiled = %lld",
	         (long long)own);
	assert_int_equal(number(f->t, sql), 2);
}

static void another_policy_is_another_result(void **state)
{
	struct fleet *f = *state;
	char path[80], body[60], sql[120];
	int64_t id = FIRST + OWN + 1;
	snprintf(path, sizeof(path), "/api/computers/%lld", (long long)id);
	snprintf(body, sizeof(body), "{'policyID':%lld}", (long long)f->policy[3]);
	try_must(f->t, 200, "POST", path, body);
	tick_all(f->t);
	snprintf(sql, sizeof(sql),
	         "select count(distinct compiled) from agent where computer in (%lld, %d)",
	         (long long)id, FIRST + 3 + 3 * POLICIES);
	assert_int_equal(number(f->t, sql), 1);
}

static bool plan_has(struct try *t, const char *sql, const char *what)
{
	AUTO(buf_done) struct buf all = { 0 };
	char explain[800];
	struct rows r;
	snprintf(explain, sizeof(explain), "explain query plan %s", sql);
	int rc = store_query_sql(t->app->store, explain, ARGS(VAL_INT(1)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		buf_str(&all, col_str(&r, 3));
		buf_char(&all, '\n');
	}
	rows_done(&r);
	bool found = all.p && strstr(all.p, what) && !strstr(all.p, "SCAN object");
	if (!found)
		print_error("%s\n%s", sql, all.p ? all.p : "");
	return found;
}

static void marking_and_looking_use_an_index(void **state)
{
	struct fleet *f = *state;
	static const struct {
		const char *sql, *index;
	} rows[] = {
#define STMT(name, nargs, ncols, sql) { sql, #name },
#include "manager/store/statements.def"
#undef STMT
	};
	static const struct {
		const char *statement, *index;
	} wanted[] = { { "POLICY_DUE_LIST", "agent_due" },
		       { "POLICY_DUE_BELOW", "computer_policy_policy" },
		       { "POLICY_USED", "computer_policy_policy" },
		       { "POLICY_DUE_ONE", "PRIMARY KEY" },
		       { "COMPILED_SWEEP", "agent_compiled" } };
	for (size_t w = 0; w < ARRAY_LEN(wanted); w++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (strcmp(rows[i].index, wanted[w].statement) == 0)
				assert_true(plan_has(f->t, rows[i].sql, wanted[w].index));
}

/* ---- agents ---- */

static json_t *fetched(struct try *t, int64_t computer, int64_t have)
{
	char path[80];
	AUTO(buf_done) struct buf b = { 0 };
	snprintf(path, sizeof(path), "/agent/policy?have=%lld", (long long)have);
	try_agent_ask(t, computer, "GET", path, NULL);
	if (t->status != 200)
		return NULL;
	assert_non_null(json_text(t->out, "signature", NULL));
	assert_int_equal(base64_decode(&b, str_of(json_text(t->out, "policy", ""))), 0);
	return json_parse(buf_view(&b), NULL);
}

static void an_agent_gets_its_own_copy_of_a_shared_result(void **state)
{
	struct fleet *f = *state;
	AUTO(json_decrefp) json_t *a = fetched(f->t, FIRST + 500, 0);
	AUTO(json_decrefp) json_t *b = fetched(f->t, FIRST + 520, 0);
	assert_int_equal(json_int(a, "computerID", 0), FIRST + 500);
	assert_string_equal(json_text(b, "hostGUID", ""), "guid-1520");
	assert_true(json_equal(json_object_get(a, "sections"), json_object_get(b, "sections")));
	assert_true(json_equal(json_object_get(a, "settings"), json_object_get(b, "settings")));
	assert_string_equal(
		json_text(json_object_at(a, "settings"), "platformSettingHeartbeatInterval", ""),
		"10 Minutes");
	assert_null(fetched(f->t, FIRST + 500, json_int(a, "version", 0)));
	assert_int_equal(f->t->status, 204);
}

static void who_asks_before_its_turn_gets_the_new_policy(void **state)
{
	struct fleet *f = *state;
	AUTO(json_decrefp) json_t *before = fetched(f->t, FIRST + 600, 0);
	try_must(f->t, 200, "POST", "/api/policies/1", "{'antiMalware':{'state':'on'}}");
	AUTO(json_decrefp)
	json_t *after = fetched(f->t, FIRST + 600, json_int(before, "version", 0));
	assert_string_equal(
		json_text(json_object_at(json_object_at(after, "sections"), "antimalware"), "state",
	                  ""),
		"on");
	tick_all(f->t);
}

static void who_waits_is_told_when_its_policy_is_another_one(void **state)
{
	struct fleet *f = *state;
	char path[120];
	AUTO(json_decrefp) json_t *now = fetched(f->t, FIRST + 700, 0);
	snprintf(path, sizeof(path), "/agent/commands?wait=60&policy=%lld",
	         (long long)json_int(now, "version", 0));
	try_agent_ask(f->t, FIRST + 700, "GET", path, NULL);
	assert_int_equal(f->t->status, 0);
	try_must(f->t, 200, "POST", "/api/policies/1/settings/antiMalwareSettingScanDeadline",
	         "{'value':'77'}");
	uint64_t before = f->t->app->compilations;
	f->t->status = 0;
	for (int i = 0; i < 10 && f->t->status == 0; i++)
		app_tick(f->t->app);
	assert_int_equal(f->t->status, 200);
	assert_true(json_int(f->t->out, "policyVersion", 0) > json_int(now, "version", 0));
	tick_all(f->t);
	assert_true(f->t->app->compilations - before <= POLICIES + OWN + 4);
}

static void a_value_for_each_computer_is_the_one_that_holds_there(void **state)
{
	struct fleet *f = *state;
	static const char name[] = "antiMalwareSettingScanDeadline";
	char path[160];
	snprintf(path, sizeof(path), "/api/policies/%lld/settings/%s", (long long)f->policy[2],
	         name);
	try_must(f->t, 200, "POST", path, "{'value':'11'}");
	static const struct {
		int at;
		const char *value;
	} rows[] = { { 2, "5" }, { 102, "11" }, { 122, "11" }, { 103, "77" } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		setting_value(f->t->app, "computers", FIRST + rows[i].at, name, &b);
		assert_string_equal(b.p, rows[i].value);
	}
	try_must(f->t, 200, "DELETE", path, NULL);
	AUTO(buf_done) struct buf b = { 0 };
	setting_value(f->t->app, "computers", FIRST + 102, name, &b);
	assert_string_equal(b.p, "77");
	tick_all(f->t);
}

static void a_restart_loses_no_mark(void **state)
{
	struct fleet *f = *state;
	try_must(f->t, 200, "POST", "/api/policies/1/settings/antiMalwareSettingScanDeadline",
	         "{'value':'78'}");
	app_tick(f->t->app);
	int64_t left = number(f->t, "select count(*) from agent where due = 1");
	assert_true(left > 0);
	try_again(f->t);
	assert_int_equal(number(f->t, "select count(*) from agent where due = 1"), left);
	assert_true(tick_all(f->t) <= POLICIES + OWN + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_distinct_result_is_compiled_once),
		cmocka_unit_test(a_tick_takes_a_slice),
		cmocka_unit_test(a_request_marks_all_and_compiles_a_few_at_most),
		cmocka_unit_test(only_those_below_a_policy_are_marked),
		cmocka_unit_test(a_change_without_effect_gives_nobody_a_new_version),
		cmocka_unit_test(an_override_is_one_result_and_its_end_shares_again),
		cmocka_unit_test(another_policy_is_another_result),
		cmocka_unit_test(marking_and_looking_use_an_index),
		cmocka_unit_test(an_agent_gets_its_own_copy_of_a_shared_result),
		cmocka_unit_test(who_asks_before_its_turn_gets_the_new_policy),
		cmocka_unit_test(who_waits_is_told_when_its_policy_is_another_one),
		cmocka_unit_test(a_value_for_each_computer_is_the_one_that_holds_there),
		cmocka_unit_test(a_restart_loses_no_mark),
	};
	return cmocka_run_group_tests(tests, fleet_setup, fleet_teardown);
}
