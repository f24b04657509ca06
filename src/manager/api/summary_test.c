#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/try.h"

static const json_t *class_named(struct try *t, const char *name)
{
	const json_t *all = json_array_at(t->out, "classes");
	for (size_t i = 0; i < json_array_size(all); i++)
		if (strcmp(json_text(json_array_get(all, i), "name", ""), name) == 0)
			return json_array_get(all, i);
	fail_msg("no class %s", name);
	return NULL;
}

static int64_t in_bucket(const json_t *class, size_t i)
{
	return json_integer_value(json_array_get(json_array_at(class, "buckets"), i));
}

/* `n` firewall events of a computer, which arrived `ago` ms before now. */
static void firewall(struct try *t, int64_t computer, const char *reason, int action, int64_t ago,
                     int n)
{
	static int unique;
	char sql[400];
	for (int i = 0; i < n; i++) {
		snprintf(
			sql, sizeof(sql),
			"insert into event_firewall (computer, host, kind, time, received, uniq, "
			"\"Reason\", \"Action\") values (%lld, 'host%lld', 'x', 0, %lld, 'u%d', '%s', %d)",
			(long long)computer, (long long)computer, (long long)clock_ms() - ago,
			unique++, reason, action);
		try_sql(t, sql);
	}
}

static void what_happened_is_counted_by_time_computer_and_reason(void **state)
{
	struct try *t = *state;
	const int64_t hour = 3600000;
	int64_t one = try_agent(t, "one", 1), two = try_agent(t, "two", 1);
	firewall(t, one, "too old", 1, 25 * hour, 5);
	firewall(t, one, "a", 1, 23 * hour + hour / 2, 3);
	firewall(t, two, "b", 6, 12 * hour + hour / 2, 2);
	firewall(t, two, "a", 1, hour / 2, 4);
	try_must(t, 200, "GET", "/api/eventsummary?hours=24", NULL);
	const json_t *fw = class_named(t, "firewall");
	assert_int_equal(json_int(fw, "total", 0), 9);
	assert_int_equal(json_int(fw, "stopped", 0), 7);
	assert_int_equal(in_bucket(fw, 0), 3);
	assert_int_equal(in_bucket(fw, 11), 2);
	assert_int_equal(in_bucket(fw, 23), 4);
	assert_false(json_bool(t->out, "partial", true));
	const json_t *first = json_array_get(json_array_at(t->out, "computers"), 0);
	assert_int_equal(json_int(first, "computerID", 0), two);
	assert_int_equal(json_int(first, "count", 0), 6);
	first = json_array_get(json_array_at(t->out, "whats"), 0);
	assert_string_equal(json_text(first, "what", ""), "a");
	assert_int_equal(json_int(first, "count", 0), 7);
	try_must(t, 200, "GET", "/api/eventsummary?hours=720", NULL);
	assert_int_equal(json_int(class_named(t, "firewall"), "total", 0), 14);
}

static void a_role_counts_what_it_reaches(void **state)
{
	struct try *t = *state;
	int64_t one = try_agent(t, "one", 1), two = try_agent(t, "two", 1);
	char body[300];
	firewall(t, one, "seen", 1, 1000, 2);
	firewall(t, two, "unseen", 1, 1000, 3);
	snprintf(body, sizeof(body), "{'name':'half','allowWebService':true,'computerIDs':[%lld]}",
	         (long long)one);
	int64_t role = json_int(try_must(t, 200, "POST", "/api/roles", body), "ID", 0);
	snprintf(body, sizeof(body), "{'keyName':'k','roleID':%lld}", (long long)role);
	try_must(t, 200, "POST", "/api/apikeys", body);
	snprintf(t->key, sizeof(t->key), "%s", json_text(t->out, "secretKey", ""));
	try_must(t, 200, "GET", "/api/eventsummary", NULL);
	assert_int_equal(json_int(class_named(t, "firewall"), "total", 0), 2);
	assert_int_equal(json_array_size(json_array_at(t->out, "computers")), 1);
	assert_int_equal(json_array_size(json_array_at(t->out, "whats")), 1);
}

static void hours_that_are_none_are_refused(void **state)
{
	struct try *t = *state;
	try_must(t, 400, "GET", "/api/eventsummary?hours=0", NULL);
	try_must(t, 400, "GET", "/api/eventsummary?hours=721", NULL);
	try_must(t, 400, "GET", "/api/eventsummary?hours=x", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_happened_is_counted_by_time_computer_and_reason, try_setup,
			try_teardown),
		cmocka_unit_test_setup_teardown(a_role_counts_what_it_reaches, try_setup,
		                                try_teardown),
		cmocka_unit_test_setup_teardown(hours_that_are_none_are_refused, try_setup,
		                                try_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
