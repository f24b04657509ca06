#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/forward/forward.h"
#include "manager/tasks/try.h"
#include "net/identity.h"

static const char receiver[] =
	"{'name':'SIEM','server':'siem.test','port':6514,'protocol':'tcp','eventFormat':'json'}";

static void use_it(struct try *t, const char *text)
{
	try_must(t, 200, "POST", "/api/syslogconfigurations", text);
	try_must(t, 200, "POST", "/api/systemsettings/platformSettingSyslogConfigId",
	         "{'value':'1'}");
	try_must(t, 200, "POST", "/api/policies/1/settings/antiMalwareSettingSyslogConfigId",
	         "{'value':'1'}");
	app_tick(t->app);
}

static const json_t *order_at(struct try *t, size_t i)
{
	return json_object_at(json_array_get(t->orders, i), "order");
}

static void answer(struct try *t, size_t i, int rc)
{
	app_sent(t->app, (uint64_t)json_int(json_array_get(t->orders, i), "ticket", 0), rc,
	         rc < 0 ? "connect to siem.test port 6514: Connection refused" : "");
}

/* Answers until nothing more comes; how many messages there were, each seen once in `seen`. */
static int drain(struct try *t, size_t *from, const char *needle)
{
	int found = 0;
	for (; *from < json_array_size(t->orders); ++*from) {
		const json_t *messages = json_array_at(order_at(t, *from), "messages");
		for (size_t k = 0; k < json_array_size(messages); k++)
			found += strstr(json_string_value(json_array_get(messages, k)), needle) !=
			         NULL;
		answer(t, *from, 0);
	}
	return found;
}

static void events_of_now_on_are_sent_in_order_once(void **state)
{
	struct try *t = *state;
	size_t from = 0;
	use_it(t, receiver);
	drain(t, &from, "x");
	for (int i = 0; i < 450; i++) {
		struct event ev;
		event_init(&ev, &event_class_system, "agent-started");
		event_int(&ev, "Count", i);
		system_event(t->app, &ev);
	}
	app_tick(t->app);
	size_t first = from;
	assert_int_equal(json_array_size(t->orders), first + 1); /* one thing at a time */
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), first + 1);
	assert_int_equal(json_array_size(json_array_at(order_at(t, first), "messages")), 200);
	assert_string_equal(json_text(json_object_at(order_at(t, first), "target"), "server", ""),
	                    "siem.test");
	assert_int_equal(drain(t, &from, "\"agent-started\""), 450);
	app_tick(t->app);
	assert_int_equal(drain(t, &from, "\"agent-started\""), 0);
	int at = 0;
	for (size_t i = first; i < json_array_size(t->orders); i++) {
		const json_t *messages = json_array_at(order_at(t, i), "messages");
		for (size_t k = 0; k < json_array_size(messages); k++) {
			char want[40];
			const char *m = json_string_value(json_array_get(messages, k));
			snprintf(want, sizeof(want), "\"Count\":%d", at);
			if (!strstr(m, "\"agent-started\""))
				continue;
			if (!strstr(m, want))
				fail_msg("%s is not in %s", want, m);
			at++;
		}
	}
	assert_int_equal(at, 450);
	try_must(t, 200, "GET", "/api/syslogconfigurations/1", NULL);
	assert_int_equal(json_int(json_object_at(t->out, "status"), "behind", -1), 0);
}

static void what_a_death_interrupts_is_sent_again(void **state)
{
	struct try *t = *state;
	size_t from = 0;
	use_it(t, receiver);
	drain(t, &from, "x");
	struct event ev;
	event_init(&ev, &event_class_system, "agent-started");
	system_event(t->app, &ev);
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), from + 1);
	try_again(t); /* without an answer */
	from = json_array_size(t->orders);
	app_tick(t->app);
	assert_int_equal(drain(t, &from, "\"agent-started\""), 1);
	try_again(t);
	app_tick(t->app);
	assert_int_equal(drain(t, &from, "\"agent-started\""), 0);
}

static void a_receiver_that_is_away_loses_nothing(void **state)
{
	struct try *t = *state;
	size_t from = 0;
	use_it(t, receiver);
	drain(t, &from, "x");
	struct event ev;
	event_init(&ev, &event_class_system, "agent-started");
	system_event(t->app, &ev);
	app_tick(t->app);
	answer(t, from, -ECONNREFUSED);
	app_tick(t->app);
	assert_int_equal(json_array_size(t->orders), from + 1); /* it waits before it tries again */
	assert_int_equal(try_events(t, "forwarding-failed"), 1);
	try_must(t, 200, "GET", "/api/syslogconfigurations/1", NULL);
	assert_string_equal(json_text(json_object_at(t->out, "status"), "state", ""), "failing");
	assert_non_null(
		strstr(json_text(json_object_at(t->out, "status"), "message", ""), "refused"));
	try_must(t, 200, "POST", "/api/syslogconfigurations/1",
	         "{'port':6515}"); /* tried at once */
	from = json_array_size(t->orders);
	app_tick(t->app);
	assert_int_equal(json_int(json_object_at(order_at(t, from), "target"), "port", 0), 6515);
	assert_int_equal(drain(t, &from, "\"agent-started\""), 1);
	assert_int_equal(try_events(t, "forwarding-resumed"), 1);
	try_must(t, 200, "GET", "/api/alerts?state=ended", NULL);
	assert_string_equal(
		json_text(json_array_get(json_array_at(t->out, "alerts"), 0), "type", ""),
		"forwarding-failed");
}

static void a_modules_events_go_where_the_computers_policy_says(void **state)
{
	struct try *t = *state;
	size_t from = 0;
	use_it(t, receiver);
	int64_t here = try_agent(t, "here", 1), there = try_agent(t, "there", 2);
	try_must(t, 200, "POST", "/api/policies/2/settings/antiMalwareSettingSyslogConfigId",
	         "{'value':'0'}");
	for (int i = 0; i < 2; i++) {
		char body[300];
		snprintf(
			body, sizeof(body),
			"{'first':1,'events':[{'class':'antimalware','kind':'malware-found','time':1764075158822,"
			"'unique':'0123456789abcde%d','fields':{'MalwareName':'Eicar','InfectedFilePath':'/x%d'}}]}",
			i, i);
		try_agent_ask(t, i == 0 ? here : there, "POST", "/agent/events", body);
		assert_int_equal(t->status, 200);
	}
	app_tick(t->app);
	size_t again = from;
	assert_int_equal(drain(t, &from, "\"/x0\""), 1);
	assert_int_equal(drain(t, &again, "\"/x1\""), 0);
}

static void an_event_that_is_not_to_be_forwarded_stays(void **state)
{
	struct try *t = *state;
	size_t from = 0;
	use_it(t, receiver);
	drain(t, &from, "x");
	try_must(t, 200, "POST", "/api/systemevents/5000", "{'forward':false}");
	struct event ev;
	event_init(&ev, &event_class_system, "agent-started");
	system_event(t->app, &ev);
	app_tick(t->app);
	assert_int_equal(drain(t, &from, "\"agent-started\""), 0);
	assert_int_equal(try_events(t, "agent-started"), 1);
}

static void secrets_are_never_shown_and_bad_receivers_refused(void **state)
{
	struct try *t = *state;
	static const char *const bad[] = {
		"{'name':'x'}",
		"{'name':'x','server':'s','port':0}",
		"{'name':'x','server':'s','protocol':'pigeon'}",
		"{'name':'x','server':'s','timeZone':'Mars/Base'}",
		"{'name':'x','server':'s','privateKey':'alone'}",
		"{'name':'x','server':'s','caCertificate':'no PEM'}",
		"{'name':'x','server':'s','agentForwarding':'direct'}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		try_ask(t, "POST", "/api/syslogconfigurations", bad[i]);
		if (t->status != 400)
			fail_msg("%s: %d", bad[i], t->status);
	}
	try_must(t, 200, "POST", "/api/syslogconfigurations", receiver);
	try_must(t, 200, "GET", "/api/syslogconfigurations", NULL);
	assert_null(strstr(t->text, "privateKey"));
}

static void a_manager_process_that_died_is_told(void **state)
{
	struct try *t = *state;
	app_process_died(t->app, "front");
	app_tick(t->app);
	app_tick(t->app);
	assert_int_equal(try_events(t, "manager-process-died"), 1);
	AUTO(json_decrefp) json_t *ev = try_event(t, "manager-process-died");
	assert_string_equal(json_text(ev, "Process", ""), "front");
	try_again(t); /* it said good-bye */
	assert_int_equal(try_events(t, "manager-stopped"), 1);
	assert_int_equal(try_events(t, "manager-process-died"), 1);
	try_sql(t, "update meta set value = '1' where key = 'running'");
	t->app->open = false; /* and now it does not */
	try_again(t);
	assert_int_equal(try_events(t, "manager-process-died"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)

static void scripts_of_before_v1_see_the_same_receivers(void **state)
{
	struct try *t = *state;
	try_must(
		t, 200, "POST", "/rest/syslog-configurations",
		"{'CreateSyslogConfigurationRequest':{'syslogConfiguration':{'name':'old','server':'log.test',"
		"'port':1514,'transport':'TCP','eventFormat':'LEEF','facility':'LOCAL_3','direct':false}}}");
	const json_t *made = json_object_at(
		json_object_at(t->out, "CreateSyslogConfigurationResponse"), "syslogConfiguration");
	assert_string_equal(json_text(made, "facility", ""), "local3");
	char path[80];
	snprintf(path, sizeof(path), "/rest/syslog-configurations/%lld",
	         (long long)json_int(made, "ID", 0));
	try_must(t, 200, "GET", "/api/syslogconfigurations", NULL);
	const json_t *v1 = json_array_get(json_array_at(t->out, "syslogConfigurations"), 0);
	assert_string_equal(json_text(v1, "protocol", ""), "tcp");
	assert_string_equal(json_text(v1, "eventFormat", ""), "leef");
	try_must(t, 200, "GET", "/rest/syslog-configurations", NULL);
	const json_t *list = json_array_at(
		json_object_at(t->out, "ListSyslogConfigurationsResponse"), "syslogConfigurations");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_text(json_array_get(list, 0), "transport", ""), "tcp");
	assert_int_equal(json_int(json_array_get(list, 0), "port", 0), 1514);
	try_must(t, 204, "DELETE", path, NULL);
	try_must(t, 404, "DELETE", path, NULL);
	static const char *const bad[] = {
		"{}",
		"{'CreateSyslogConfigurationRequest':{'syslogConfiguration':{'name':'x','server':'y','transport':'PIGEON'}}}",
		"{'CreateSyslogConfigurationRequest':{'syslogConfiguration':{'name':'x'}}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		try_must(t, 400, "POST", "/rest/syslog-configurations", bad[i]);
	try_must(
		t, 200, "POST", "/rest/syslog-configurations",
		"{'CreateSyslogConfigurationRequest':{'syslogConfiguration':{'name':'x','server':'y','direct':true}}}");
	try_must(t, 200, "GET", "/api/syslogconfigurations", NULL);
	v1 = json_array_get(json_array_at(t->out, "syslogConfigurations"), 0);
	assert_string_equal(json_text(v1, "agentForwarding", ""), "directly");
}

/* What an agent is told of forwarding; NULL: nothing. New reference. */
static json_t *told(struct try *t, int64_t computer, int64_t *version)
{
	AUTO(buf_done) struct buf text = { 0 };
	const json_t *said = try_agent_ask(t, computer, "GET", "/agent/policy", NULL);
	assert_int_equal(t->status, 200);
	assert_int_equal(base64_decode(&text, str_of(json_text(said, "policy", ""))), 0);
	AUTO(json_decrefp) json_t *policy = json_parse(buf_view(&text), NULL);
	*version = json_int(policy, "version", 0);
	assert_int_equal(json_int(policy, "computerID", 0), computer);
	return json_incref(json_object_get(policy, "forwarding"));
}

static int64_t compiled_with(struct try *t, const char *text)
{
	struct rows r;
	int64_t n = -1;
	int rc = store_query_sql(t->app->store,
	                         "select count(*) from compiled where instr(body, $1) > 0",
	                         ARGS(VAL_TEXT(text)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		n = r.col[0].i;
	rows_done(&r);
	return n;
}

static void agents_that_forward_themselves_are_told_how_and_nothing_goes_twice(void **state)
{
	struct try *t = *state;
	size_t from = 0;
	int64_t version = 0, later = 0;
	AUTO(buf_done) struct buf key = { 0 }, certificate = { 0 };
	use_it(t, receiver);
	int64_t id = try_agent(t, "here", 1);
	AUTO(json_decrefp) json_t *nothing = told(t, id, &version);
	assert_null(nothing);
	assert_int_equal(key_new(KEY_TLS, &key, NULL), 0);
	assert_int_equal(cert_new_ca(buf_view(&key), "client", 2, &certificate, NULL), 0);
	AUTO(json_decrefp)
	json_t *pair = json_pack("{s:s,s:s,s:s}", "certificate", certificate.p, "privateKey",
	                         "SECRET-key", "agentForwarding", "directly");
	AUTO(buf_done) struct buf body = { 0 };
	json_write(&body, pair);
	try_ask_exactly(t, "POST", "/api/syslogconfigurations/1", body.p);
	assert_int_equal(t->status, 200);
	AUTO(json_decrefp) json_t *part = told(t, id, &later);
	assert_true(later > version);
	assert_int_equal(json_int(json_object_at(part, "classes"), "antimalware", 0), 1);
	assert_null(json_object_get(json_object_at(part, "classes"), "system"));
	assert_null(json_object_get(json_object_at(part, "classes"), "firewall"));
	const json_t *o = json_object_at(json_object_at(part, "receivers"), "1");
	assert_string_equal(json_text(o, "privateKey", ""), "SECRET-key");
	assert_int_equal(json_int(o, "port", 0), 6514);
	assert_int_equal(compiled_with(t, "SECRET"), 0);
	assert_true(compiled_with(t, "siem.test") > 0);
	/* What its agent sends itself does not go from here, and its own events do. */
	drain(t, &from, "x");
	try_agent_ask(
		t, id, "POST", "/agent/events",
		"{'first':1,'events':[{'class':'antimalware','kind':'malware-found','time':1764075158822,"
		"'unique':'0123456789abcde0','fields':{'MalwareName':'Eicar','InfectedFilePath':'/x0'}}]}");
	app_tick(t->app);
	assert_int_equal(drain(t, &from, "\"/x0\""), 0);
	/* A new name is part of the lines that its agent sends. */
	char path[64];
	snprintf(path, sizeof(path), "/api/computers/%lld", (long long)id);
	try_must(t, 200, "POST", path, "{'displayName':'renamed'}");
	AUTO(json_decrefp) json_t *same = told(t, id, &version);
	assert_true(version > later && json_equal(same, part));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_of_now_on_are_sent_in_order_once),
		TEST(what_a_death_interrupts_is_sent_again),
		TEST(a_receiver_that_is_away_loses_nothing),
		TEST(a_modules_events_go_where_the_computers_policy_says),
		TEST(an_event_that_is_not_to_be_forwarded_stays),
		TEST(secrets_are_never_shown_and_bad_receivers_refused),
		TEST(a_manager_process_that_died_is_told),
		TEST(agents_that_forward_themselves_are_told_how_and_nothing_goes_twice),
		TEST(scripts_of_before_v1_see_the_same_receivers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
