#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/alert/notify.h"
#include "manager/tasks/try.h"

static void set(struct try *t, const char *name, const char *value)
{
	char path[200], body[200];
	snprintf(path, sizeof(path), "/api/systemsettings/%s", name);
	snprintf(body, sizeof(body), "{'value':'%s'}", value);
	try_must(t, 200, "POST", path, body);
}

static void with_mail(struct try *t)
{
	set(t, "platformSettingSmtpServerAddress", "mail.test:587");
	set(t, "platformSettingSmtpFromEmailAddress", "yagura@example.org");
	set(t, "platformSettingSmtpStartTlsEnabled", "true");
	set(t, "platformSettingSmtpRequiresAuthenticationEnabled", "true");
	set(t, "platformSettingSmtpUsername", "yagura");
	set(t, "platformSettingSmtpPassword", "a secret of mail");
	set(t, "platformSettingAlertDefaultEmailAddress", "soc@example.org");
}

static void offline(struct try *t)
{
	struct event ev;
	event_init(&ev, &event_class_system, "agent-offline");
	event_text(&ev, "TargetType", "computer");
	event_int(&ev, "TargetID", 1);
	event_text(&ev, "TargetName", "web-\xe6\xab\x93");
	system_event(t->app, &ev);
}

static const json_t *newest(struct try *t)
{
	return json_array_get(t->orders, json_array_size(t->orders) - 1);
}

static void answer(struct try *t, int rc)
{
	app_sent(t->app, (uint64_t)json_int(newest(t), "ticket", 0), rc,
	         rc < 0 ? "the server said 421" : "");
}

static void an_alert_is_mailed_once_with_the_servers_settings(void **state)
{
	struct try *t = *state;
	with_mail(t);
	offline(t);
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), 1);
	assert_int_equal(json_int(newest(t), "instance", 0), 1);
	const json_t *order = json_object_at(newest(t), "order");
	const char *text = json_text(order, "text", "");
	assert_string_equal(json_text(order, "server", ""), "mail.test:587");
	assert_string_equal(json_text(order, "password", ""), "a secret of mail");
	assert_true(json_bool(order, "startTls", false));
	assert_string_equal(json_string_value(json_array_get(json_array_at(order, "to"), 0)),
	                    "soc@example.org");
	assert_non_null(strstr(text, "Subject: =?UTF-8?Q?=5BCritical=5D=20Communications=20"));
	assert_non_null(strstr(text, "\r\n\r\nCommunications Problem Detected\r\n"));
	for (const char *p = text; *p; p++)
		if (*p == '\n' && p[-1] != '\r')
			fail_msg("a line ends in LF alone");
	answer(t, 0);
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), 1);
	assert_int_equal(try_events(t, "alert-mail-sent"), 1);
}

static void mail_that_cannot_be_sent_waits_and_survives(void **state)
{
	struct try *t = *state;
	with_mail(t);
	offline(t);
	app_tick(t->app);
	answer(t, -EIO);
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), 1); /* it waits a minute */
	assert_int_equal(try_events(t, "alert-mail-failed"), 1);
	try_again(t);
	try_sql(t, "update outbox set next = 0");
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), 2);
	answer(t, 0);
	assert_int_equal(store_int(t->app->store, STMT_OUTBOX_COUNT, NULL, 0, -1), 0);
}

static void what_waits_holds_no_password(void **state)
{
	struct try *t = *state;
	struct rows r;
	with_mail(t);
	offline(t);
	assert_int_equal(store_query_sql(t->app->store, "select body from outbox", NULL, 0, &r), 0);
	assert_int_equal(rows_next(&r), 1);
	AUTO(freep) char *body = str_dup(col_str(&r, 0));
	rows_done(&r);
	assert_null(strstr(body, "a secret of mail"));
}

static void a_web_hook_gets_the_alert_with_its_secret(void **state)
{
	struct try *t = *state;
	try_must(t, 400, "POST", "/api/webhooks", "{'name':'x','url':'http://hook.test/'}");
	try_must(
		t, 200, "POST", "/api/webhooks",
		"{'name':'chat','url':'https://hook.test/a','authorization':'Bearer much secret'}");
	assert_null(strstr(t->text, "much secret"));
	offline(t);
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), 1);
	const json_t *order = json_object_at(newest(t), "order");
	assert_string_equal(json_text(order, "url", ""), "https://hook.test/a");
	assert_string_equal(json_string_value(json_array_get(json_array_at(order, "headers"), 0)),
	                    "Authorization: Bearer much secret");
	AUTO(json_decrefp) json_t *body = json_parse(str_of(json_text(order, "body", "")), NULL);
	assert_string_equal(json_text(body, "alert", ""), "communications-problem");
	assert_string_equal(json_text(body, "severity", ""), "critical");
}

static void a_type_without_mail_sends_nothing(void **state)
{
	struct try *t = *state;
	with_mail(t);
	try_must(t, 200, "POST", "/api/alerttypes/9", "{'emailEnabled':false}");
	offline(t);
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), 0);
}

static void metrics_are_for_this_machine_or_a_key(void **state)
{
	struct try *t = *state;
	offline(t);
	struct request rq = {
		.id = 1, .method = "GET", .path = "/metrics", .address = "127.0.0.1"
	};
	app_request(t->app, &rq);
	assert_int_equal(t->status, 200);
	assert_non_null(strstr(t->text, "\nyagura_alerts_active{severity=\"critical\"} 1\n"));
	assert_non_null(strstr(t->text, "# TYPE yagura_events_total counter\n"));
	rq.address = "192.0.2.1";
	app_request(t->app, &rq);
	assert_int_equal(t->status, 401);
	try_must(t, 200, "GET", "/metrics", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_alert_is_mailed_once_with_the_servers_settings),
		TEST(mail_that_cannot_be_sent_waits_and_survives),
		TEST(what_waits_holds_no_password),
		TEST(a_web_hook_gets_the_alert_with_its_secret),
		TEST(a_type_without_mail_sends_nothing),
		TEST(metrics_are_for_this_machine_or_a_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
