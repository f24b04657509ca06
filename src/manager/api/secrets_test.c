#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/secrets.h"
#include "manager/store/store.h"
#include "manager/tasks/try.h"

static struct try *trying(void **state)
{
	return *state;
}

/* Is this text in a file of the database? */
static bool lies_open(struct try *t, const char *text)
{
	static const char *const names[] = { "yagura.db", "yagura.db-wal" };
	AUTO(closep) int dir = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found = false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		if (file_read(dir, names[i], 64 << 20, &b) == 0 && b.n)
			found |= memmem(b.p, b.n, text, strlen(text)) != NULL;
	}
	return found;
}

static void setting_of(struct try *t, const char *path, const char *value)
{
	char body[200];
	snprintf(body, sizeof(body), "{'value':'%s'}", value);
	try_must(t, 200, "POST", path, body);
}

static void a_secret_is_nowhere_in_the_database(void **state)
{
	struct try *t = trying(state);
	int64_t id = try_agent(t, "guarded", 1);
	char path[120];
	setting_of(t, "/api/systemsettings/platformSettingSmtpPassword", "SECRET-mail");
	setting_of(t, "/api/policies/default/settings/platformSettingAgentSelfProtectionPassword",
	           "SECRET-default");
	setting_of(t, "/api/policies/1/settings/platformSettingAgentSelfProtectionPassword",
	           "SECRET-policy\\nof two lines");
	snprintf(path, sizeof(path),
	         "/api/computers/%lld/settings/platformSettingAgentSelfProtectionPassword",
	         (long long)id);
	setting_of(t, path, "SECRET-computer");
	try_must(t, 200, "POST", "/api/webhooks",
	         "{'name':'w','url':'https://hook.test/','authorization':'Bearer SECRET-hook'}");
	try_must(
		t, 200, "POST", "/api/webhooks",
		"{'name':'plain','url':'https://hook.test/','authorization':'{\\\"@sealed\\\":\\\"AAAA\\\"}'}");
	for (int i = 0; i < 3; i++)
		app_tick(t->app);
	assert_true(lies_open(t, "hook.test"));
	assert_false(lies_open(t, "SECRET"));
	/* What they are for still has them. */
	try_again(t);
	AUTO(freep) char *mail = system_setting(t->app, "platformSettingSmtpPassword");
	assert_string_equal(mail, "SECRET-mail");
	AUTO(buf_done) struct buf own = { 0 }, above = { 0 };
	setting_value(t->app, "computers", id, "platformSettingAgentSelfProtectionPassword", &own);
	setting_value(t->app, "policies", 1, "platformSettingAgentSelfProtectionPassword", &above);
	assert_string_equal(own.p, "SECRET-computer");
	assert_string_equal(above.p, "SECRET-policy\nof two lines");
	AUTO(json_decrefp) json_t *hook = object_get(t->app->store, "webhooks", 2);
	assert_string_equal(json_text(hook, "authorization", "-"), "{\"@sealed\":\"AAAA\"}");
}

static const json_t *first_order(struct try *t)
{
	for (int i = 0; i < 5 && json_array_size(t->orders) == 0; i++)
		app_tick(t->app);
	return json_object_get(json_array_get(t->orders, 0), "order");
}

static void who_needs_a_secret_gets_it(void **state)
{
	struct try *t = trying(state);
	try_must(t, 200, "POST", "/api/webhooks",
	         "{'name':'w','url':'https://hook.test/','authorization':'Bearer SECRET-hook'}");
	try_must(t, 200, "POST", "/api/webhooks/1", "{'description':'and it stays'}");
	try_sql(t, "insert into outbox (kind, created, next, body) values"
	           " ('hook', 1, 1, '{\"kind\":\"hook\",\"hook\":1,\"body\":\"{}\"}')");
	const json_t *order = first_order(t);
	assert_string_equal(json_string_value(json_array_get(json_object_get(order, "headers"), 0)),
	                    "Authorization: Bearer SECRET-hook");
}

static void agents_are_sent_the_secret_of_their_policy(void **state)
{
	struct try *t = trying(state);
	int64_t id = try_agent(t, "guarded", 1);
	setting_of(t, "/api/policies/1/settings/platformSettingAgentSelfProtectionPassword",
	           "SECRET-policy");
	const json_t *said = try_agent_ask(t, id, "GET", "/agent/policy", NULL);
	AUTO(buf_done) struct buf policy = { 0 };
	assert_int_equal(t->status, 200);
	assert_int_equal(base64_decode(&policy, str_of(json_text(said, "policy", ""))), 0);
	assert_non_null(memmem(policy.p, policy.n, "SECRET-policy", 13));
	assert_null(memmem(policy.p, policy.n, "@sealed", 7));
	assert_false(lies_open(t, "SECRET"));
}

static void a_secret_that_was_moved_is_no_longer_one(void **state)
{
	struct try *t = trying(state);
	for (int i = 0; i < 2; i++)
		try_must(t, 200, "POST", "/api/webhooks",
		         i ? "{'name':'b','url':'https://hook.test/','authorization':'B'}"
		           : "{'name':'a','url':'https://hook.test/','authorization':'A'}");
	try_sql(t,
	        "update object set body = (select body from object where kind = 'webhooks' and id = 1)"
	        " where kind = 'webhooks' and id = 2");
	AUTO(json_decrefp) json_t *one = object_get(t->app->store, "webhooks", 1);
	AUTO(json_decrefp) json_t *two = object_get(t->app->store, "webhooks", 2);
	assert_string_equal(json_text(one, "authorization", "-"), "A");
	assert_string_equal(json_text(two, "authorization", "-"), "-");
}

static void what_an_older_version_left_open_is_sealed_at_the_start(void **state)
{
	struct try *t = trying(state);
	try_sql(t, "delete from meta where key = 'sealed'");
	try_sql(t, "update meta set value = 'SECRET-token' where key = 'token'");
	try_sql(t,
	        "insert into object (kind, id, name, body) values ('webhooks', 7, 'old',"
	        " '{\"name\":\"old\",\"url\":\"https://old.test/\",\"authorization\":\"SECRET-old\"}')");
	try_sql(t,
	        "insert or replace into object (kind, id, name, body) values ('settings', 2, 's',"
	        " '{\"name\":\"s\",\"settings\":{\"platformSettingSmtpPassword\":\"SECRET-s\\nx\"}}')");
	try_sql(t, "insert into secret (kind, id, hash) values ('totp', 5, 'MZXW6SECRET 77')");
	assert_true(lies_open(t, "SECRET"));
	try_again(t);
	assert_false(lies_open(t, "SECRET"));
	AUTO(freep) char *token = activation_token(t->app);
	AUTO(freep) char *mail = system_setting(t->app, "platformSettingSmtpPassword");
	AUTO(json_decrefp) json_t *hook = object_get(t->app->store, "webhooks", 7);
	AUTO(buf_done) struct buf totp = { 0 };
	struct rows r;
	assert_string_equal(token, "SECRET-token");
	assert_string_equal(mail, "SECRET-s\nx");
	assert_string_equal(json_text(hook, "authorization", ""), "SECRET-old");
	assert_int_equal(
		store_query(t->app->store, STMT_SECRET_GET, ARGS(VAL_TEXT("totp"), VAL_INT(5)), &r),
		0);
	assert_int_equal(rows_next(&r), 1);
	assert_int_equal(secret_open(t->app->store, "totp", 5, col_str(&r, 0), &totp), 0);
	rows_done(&r);
	assert_string_equal(totp.p, "MZXW6SECRET 77");
}

static void another_key_opens_nothing(void **state)
{
	struct try *t = trying(state);
	struct app_config config = { .database = t->database,
		                     .ca = "-",
		                     .policy_key = "-",
		                     .server_fingerprint = "-",
		                     .host = "manager.test" };
	const struct app_hooks hooks = { 0 };
	struct app *a = NULL;
	struct err why = { { 0 } };
	config.key = STR("another key, which is of no use.");
	assert_int_equal(app_open(&a, &config, &hooks, NULL, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "secrets.key"));
	config.key = STR("short");
	assert_int_equal(app_open(&a, &config, &hooks, NULL, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)
		T(a_secret_is_nowhere_in_the_database),
		T(who_needs_a_secret_gets_it),
		T(agents_are_sent_the_secret_of_their_policy),
		T(a_secret_that_was_moved_is_no_longer_one),
		T(what_an_older_version_left_open_is_sealed_at_the_start),
		T(another_key_opens_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
