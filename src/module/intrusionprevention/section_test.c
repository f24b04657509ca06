#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/made.h"
#include "module/intrusionprevention/prevention.h"

static json_t *quoted(const char *text)
{
	AUTO(freep) char *copy = xstrdup(text);
	struct err why;
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_t *o = json_parse(str_of(copy), &why);
	if (!o)
		fail_msg("%s: %s", text, why.text);
	return o;
}

static void rules_of_templates_become_texts_or_are_refused(void **state)
{
	static const struct {
		const char *rule, *why; /* NULL: fine */
	} cases[] = {
		{ "{'name':'a','template':'signature','signature':'x;y\\\\','ID':5}", NULL },
		{ "{'name':'a','template':'signature'}", NULL },
		{ "{'name':'a','template':'start-end-patterns','start':'<','patterns':['a(b','c'],'end':'>'}",
		  NULL },
		{ "{'name':'a','template':'start-end-patterns','patterns':['x'],'condition':'none'}",
		  NULL },
		{ "{'name':'a','template':'start-end-patterns','start':'x','patterns':[]}",
		  "patterns has 0 items" },
		{ "{'name':'a','template':'custom','customXML':'alert tcp any any -> any any (content:\\'a\\'; sid:1;)'}",
		  NULL },
		{ "{'name':'a','template':'custom','customXML':'# nothing'}",
		  "customXML holds no rule" },
		{ "{'name':'a','template':'custom','customXML':'alert tcp any any -> any any (conten:1; sid:1;)'}",
		  "customXML, line 1, column 31: unknown keyword" },
		{ "{'name':'a','template':'custom','customXML':'<rule/>'}",
		  "customXML, line 1, column 1" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_decrefp) json_t *rule = quoted(cases[i].rule);
		struct err why = { "" };
		int rc = prevention_check_rule(rule, &why);
		if ((rc < 0) != (cases[i].why != NULL) ||
		    (rc < 0 && !strstr(why.text, cases[i].why)))
			fail_msg("%s: %d %s", cases[i].rule, rc, why.text);
	}
}

/* ---- the module on packets ---- */

struct fake {
	struct host host;
	unsigned told;
	char reason[128], action[64];
	char forwarded[64], note[160];
	int64_t repeat;
	unsigned with_data;
};

static void fake_emit(struct host *h, const struct event *ev)
{
	struct fake *f = (struct fake *)(void *)h;
	const json_t *o = ev->fields;
	f->told++;
	snprintf(f->reason, sizeof(f->reason), "%s", json_text(o, "Reason", ""));
	snprintf(f->action, sizeof(f->action), "%s", json_text(o, "ActionString", ""));
	snprintf(f->forwarded, sizeof(f->forwarded), "%s", json_text(o, "XForwardedFor", ""));
	snprintf(f->note, sizeof(f->note), "%s", json_text(o, "Note", ""));
	f->repeat = json_int(o, "RepeatCount", 0);
	f->with_data += json_object_get(o, "PacketData") != NULL;
}

static uint64_t fake_now(struct host *h)
{
	(void)h;
	return 1000;
}

static struct packet_answer send_tcp(struct instance *i, uint8_t flags, uint32_t seq, uint16_t port,
                                     const char *text)
{
	struct made m = { 0 };
	struct packet p = { .direction = PACKET_IN, .when_ms = 5000, .partial = true };
	made_ip(&m, "192.0.2.1", "10.0.0.5", PROTO_TCP);
	made_tcp(&m, 40000, port, flags, seq, 1);
	made_bytes(&m, text, strlen(text));
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	return prevention_packets.judge(i, &p, REASON_NONE);
}

static struct rules *parsed(const char *text)
{
	AUTO(json_decrefp) json_t *part = quoted(text);
	struct rules *r = NULL;
	struct err why = { "" };
	if (intrusionprevention_section.parse(part, &r, &why) < 0)
		fail_msg("%s", why.text);
	return r;
}

#define TYPES                                                                               \
	"'applicationTypes':[{'ID':3,'name':'Web','direction':'incoming','protocol':'tcp'," \
	"'portType':'multiple','portMultiple':['80','8000-8010']}],"

static void packets_are_judged_as_the_policy_says(void **state)
{
	static const struct {
		const char *why, *policy;
		uint16_t port;
		bool drop;
		const char *action; /* NULL: no event */
	} cases[] = {
		{ "prevent",
		  "{'state':'prevent'," TYPES
		  "'rules':[{'ID':7,'name':'n','applicationTypeID':3,'signature':'evil'}]}",
		  80, true, "Reset" },
		{ "detect",
		  "{'state':'detect'," TYPES
		  "'rules':[{'ID':7,'name':'n','applicationTypeID':3,'signature':'evil'}]}",
		  8005, false, "Detect Only: Reset" },
		{ "rule only detects",
		  "{'state':'prevent'," TYPES
		  "'rules':[{'ID':7,'name':'n','detectOnly':true,'applicationTypeID':3,'signature':'evil'}]}",
		  80, false, "Detect Only: Reset" },
		{ "log only",
		  "{'state':'prevent','rules':[{'ID':7,'name':'n','action':'log-only','signature':'evil'}]}",
		  80, false, "Log Only" },
		{ "another port",
		  "{'state':'prevent'," TYPES
		  "'rules':[{'ID':7,'name':'n','applicationTypeID':3,'signature':'evil'}]}",
		  81, false, NULL },
		{ "tap",
		  "{'state':'prevent','settings':{'firewallSettingNetworkEngineMode':'Tap'},'rules':[{'ID':7,'name':'n','signature':'evil'}]}",
		  80, false, "Detect Only: Reset" },
		{ "no events",
		  "{'state':'prevent','rules':[{'ID':7,'name':'n','eventLoggingDisabled':true,'signature':'evil'}]}",
		  80, true, NULL },
		{ "patterns",
		  "{'state':'prevent','rules':[{'ID':7,'name':'n','template':'start-end-patterns','start':'GET','patterns':['evil','/'],'end':'.'}]}",
		  80, true, "Reset" },
		{ "no such pattern",
		  "{'state':'prevent','rules':[{'ID':7,'name':'n','template':'start-end-patterns','start':'GET','patterns':['evil','nice'],'end':'.'}]}",
		  80, false, NULL },
		{ "none of them",
		  "{'state':'prevent','rules':[{'ID':7,'name':'n','template':'start-end-patterns','start':'GET','patterns':['nice'],'end':'.','condition':'none'}]}",
		  80, true, "Reset" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f = { .host = { .emit = fake_emit, .now_ms = fake_now } };
		struct instance *m = prevention_packets.module->start(&f.host);
		struct rules *r = parsed(cases[i].policy);
		assert_int_equal(prevention_packets.module->apply(m, r), 0);
		assert_true(prevention_packets.on(r));
		send_tcp(m, TCP_SYN, 100, cases[i].port, "");
		struct packet_answer a = send_tcp(m, TCP_ACK, 101, cases[i].port, "GET /ev");
		assert_false(a.drop);
		a = send_tcp(m, TCP_ACK, 108, cases[i].port, "il.x\r\n");
		if (a.drop != cases[i].drop || a.reset != cases[i].drop)
			fail_msg("%s: drop %d reset %d", cases[i].why, a.drop, a.reset);
		prevention_packets.tick(m, 2000);
		if (f.told != (cases[i].action != NULL) ||
		    (cases[i].action && strcmp(f.action, cases[i].action) != 0))
			fail_msg("%s: %u events, %s", cases[i].why, f.told, f.action);
		if (f.told)
			assert_string_equal(f.reason, "7 - n");
		prevention_packets.module->stop(m);
		intrusionprevention_section.free(r);
	}
}

/* One request on a connection of its own; what became of its last packet. */
static struct packet_answer ask(struct instance *m, uint16_t port, const char *request)
{
	send_tcp(m, TCP_SYN, 100, port, "");
	return send_tcp(m, TCP_ACK, 101, port, request);
}

static struct instance *module_with(struct fake *f, struct rules *r)
{
	*f = (struct fake){ .host = { .emit = fake_emit, .now_ms = fake_now } };
	struct instance *m = prevention_packets.module->start(&f->host);
	assert_int_equal(prevention_packets.module->apply(m, r), 0);
	return m;
}

static void events_say_whom_a_proxy_names(void **state)
{
	struct fake f;
	struct rules *r = parsed(
		"{'state':'detect','rules':[{'ID':7,'name':'n','template':'custom','customXML':"
		"'alert http any any -> any any (http.uri; content:\\'evil\\'; sid:1;)'}]}");
	struct instance *m = module_with(&f, r);
	(void)state;
	ask(m, 80,
	    "GET /evil HTTP/1.1\r\nHost: x\r\nx-forwarded-for: 198.51.100.7, 10.0.0.1\r\n\r\n");
	prevention_packets.tick(m, 2000);
	assert_int_equal(f.told, 1);
	assert_string_equal(f.forwarded, "198.51.100.7, 10.0.0.1");
	assert_string_equal(f.note, "http.uri");
	prevention_packets.module->stop(m);
	intrusionprevention_section.free(r);
}

static void a_rules_first_hit_in_a_period_is_kept_with_its_packet(void **state)
{
	static const struct {
		const char *policy;
		unsigned with_data;
	} cases[] = {
		{ "{'state':'detect','rules':[{'ID':7,'name':'n','signature':'evil'}]}", 1 },
		{ "{'state':'detect','settings':{'intrusionPreventionSettingLogDataRuleFirstMatchEnabled':"
		  "'false'},'rules':[{'ID':7,'name':'n','signature':'evil'}]}",
		  0 },
		{ "{'state':'detect','settings':{'intrusionPreventionSettingLogDataRuleFirstMatchEnabled':"
		  "'false'},'rules':[{'ID':7,'name':'n','alwaysIncludePacketData':true,'signature':"
		  "'evil'}]}",
		  2 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;
		struct rules *r = parsed(cases[i].policy);
		struct instance *m = module_with(&f, r);
		ask(m, 80, "evil");
		ask(m, 81, "evil");
		prevention_packets.tick(m, 2000);
		assert_int_equal(f.told, 2);
		assert_int_equal(f.with_data, cases[i].with_data);
		prevention_packets.module->stop(m);
		intrusionprevention_section.free(r);
	}
}

static void a_rule_holds_where_its_context_says(void **state)
{
	struct fake f;
	struct rules *r =
		parsed("{'state':'prevent','contexts':[{'ID':4,'remoteConnectionsEnabled':"
	               "true}],'rules':[{'ID':7,'name':'n','contextID':4,'signature':"
	               "'evil'}]}");
	struct instance *m = module_with(&f, r);
	(void)state;
	prevention_packets.place(m, 0, PLACE_LOCAL);
	assert_false(ask(m, 80, "evil").drop);
	prevention_packets.place(m, 0, PLACE_REMOTE);
	assert_true(ask(m, 81, "evil").drop);
	prevention_packets.module->stop(m);
	intrusionprevention_section.free(r);
}

static void each_packet_of_a_stopped_connection_is_told_when_asked(void **state)
{
	static const struct {
		const char *policy;
		int64_t events;
	} cases[] = {
		{ "{'state':'prevent','rules':[{'ID':7,'name':'n','signature':'evil'}]}", 1 },
		{ "{'state':'prevent','rules':[{'ID':7,'name':'n','generateEventOnPacketDrop':true,"
		  "'signature':'evil'}]}",
		  2 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f;
		struct rules *r = parsed(cases[i].policy);
		struct instance *m = module_with(&f, r);
		assert_true(ask(m, 80, "evil").drop);
		assert_true(send_tcp(m, TCP_ACK, 105, 80, "more").drop);
		prevention_packets.tick(m, 2000);
		assert_int_equal(f.told, cases[i].events);
		prevention_packets.module->stop(m);
		intrusionprevention_section.free(r);
	}
}

static void rules_of_a_higher_priority_are_asked_first(void **state)
{
	struct rules *r =
		parsed("{'rules':[{'ID':1,'name':'a','priority':'low'},{'ID':2,'name':'b'},"
	               "{'ID':3,'name':'c','priority':'highest'}]}");
	(void)state;
	assert_string_equal(r->files[0].name, "c");
	assert_string_equal(r->files[1].name, "b");
	assert_string_equal(r->files[2].name, "a");
	intrusionprevention_section.free(r);
}

static void the_home_network_is_a_setting(void **state)
{
	static const struct {
		const char *setting, *home;
		bool drop;
	} cases[] = {
		{ "any", "any", true },
		{ "", "any", true },
		{ "10.0.0.0/8, 192.168.0.0/16", "[10.0.0.0/8,192.168.0.0/16]", true },
		{ "172.16.0.0/12", "[172.16.0.0/12]", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		struct fake f;
		buf_fmt(&b,
		        "{'state':'prevent','settings':{'intrusionPreventionSettingHomeNet':'%s'},"
		        "'rules':[{'ID':7,'name':'n','template':'custom','customXML':'drop tcp any any "
		        "-> $HOME_NET any (content:\\'evil\\'; sid:1;)'}]}",
		        cases[i].setting);
		struct rules *r = parsed(b.p);
		assert_string_equal(r->home_net, cases[i].home);
		struct instance *m = module_with(&f, r);
		assert_int_equal(ask(m, 80, "evil").drop, cases[i].drop);
		prevention_packets.module->stop(m);
		intrusionprevention_section.free(r);
	}
}

static void fragments_wait_as_the_engines_options_say(void **state)
{
	struct rules *r =
		parsed("{'settings':{'intrusionPreventionSettingEngineOptionsEnabled':'true',"
	               "'intrusionPreventionSettingEngineOptionFragmentedIpKeepMax':'50',"
	               "'intrusionPreventionSettingEngineOptionFragmentedIpTimeout':'5 Seconds'}}");
	(void)state;
	assert_true(r->fragments_said);
	assert_int_equal(r->fragments_max, 50);
	assert_int_equal(r->fragments_timeout_s, 5);
	intrusionprevention_section.free(r);
}

static void what_has_to_be_seen_is_told_by_ports(void **state)
{
	struct fake f = { .host = { .emit = fake_emit, .now_ms = fake_now } };
	struct packet_want out[PACKET_WANTS_MAX];
	struct instance *m = prevention_packets.module->start(&f.host);
	struct rules *r =
		parsed("{'state':'prevent'," TYPES
	               "'rules':[{'ID':7,'name':'n','applicationTypeID':3,'signature':'evil'}]}");
	(void)state;
	assert_int_equal(prevention_packets.wants(m, out, PACKET_WANTS_MAX), 0);
	assert_int_equal(prevention_packets.module->apply(m, r), 0);
	assert_int_equal(prevention_packets.wants(m, out, PACKET_WANTS_MAX), 4);
	assert_int_equal(out[0].from, 80);
	assert_int_equal(out[0].to, 80);
	assert_int_equal(out[2].from, 8000);
	assert_int_equal(out[2].to, 8010);
	assert_false(out[0].remote);
	assert_int_equal(prevention_packets.module->apply(m, NULL), 0);
	assert_int_equal(prevention_packets.wants(m, out, PACKET_WANTS_MAX), 0);
	prevention_packets.module->stop(m);
	intrusionprevention_section.free(r);
}

static void answers_are_asked_for_only_where_they_matter(void **state)
{
	static const struct {
		const char *mode, *text;
		size_t wants; /* of two ranges of ports */
	} rows[] = {
		{ "prevent", "flow:to_server; http.uri; content:\\\"a\\\";", 2 },
		{ "prevent", "flow:to_client; http.stat_code; content:\\\"5\\\";", 4 },
		/* What is only watched must not be dropped for being odd. */
		{ "detect", "flow:to_server; http.uri; content:\\\"a\\\";", 4 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake f = { .host = { .emit = fake_emit, .now_ms = fake_now } };
		struct packet_want out[PACKET_WANTS_MAX];
		struct instance *m = prevention_packets.module->start(&f.host);
		AUTO(buf_done) struct buf b = { 0 };
		buf_fmt(&b,
		        "{'state':'%s'," TYPES
		        "'rules':[{'ID':7,'name':'n','applicationTypeID':3,'template':'custom',"
		        "'customXML':'alert http any any -> any any (%s sid:1;)'}]}",
		        rows[i].mode, rows[i].text);
		struct rules *r = parsed(b.p);
		assert_int_equal(prevention_packets.module->apply(m, r), 0);
		if (prevention_packets.wants(m, out, PACKET_WANTS_MAX) != rows[i].wants)
			fail_msg("%s %s", rows[i].mode, rows[i].text);
		assert_int_equal(out[0].direction, PACKET_IN);
		assert_int_equal(out[0].alone, rows[i].wants == 2);
		prevention_packets.module->stop(m);
		intrusionprevention_section.free(r);
	}
}

static void bad_policies_are_refused(void **state)
{
	static const char *const cases[] = {
		"[]",
		"{'state':'on'}",
		"{'rules':7}",
		"{'rules':[7]}",
		"{'applicationTypes':[{'portType':'multiple','portMultiple':['80-70']}]}",
		"{'applicationTypes':[{'protocol':'sctp'}]}",
		"{'schedules':[{'hoursOfWeek':[true]}]}",
		"{'rules':[{'name':'x','template':'start-end-patterns','start':'x'}]}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_decrefp) json_t *part = quoted(cases[i]);
		struct rules *r = NULL;
		struct err why = { "" };
		if (intrusionprevention_section.parse(part, &r, &why) == 0 || !why.text[0])
			fail_msg("%s: taken", cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(rules_of_templates_become_texts_or_are_refused),
		cmocka_unit_test(packets_are_judged_as_the_policy_says),
		cmocka_unit_test(events_say_whom_a_proxy_names),
		cmocka_unit_test(a_rules_first_hit_in_a_period_is_kept_with_its_packet),
		cmocka_unit_test(a_rule_holds_where_its_context_says),
		cmocka_unit_test(each_packet_of_a_stopped_connection_is_told_when_asked),
		cmocka_unit_test(rules_of_a_higher_priority_are_asked_first),
		cmocka_unit_test(the_home_network_is_a_setting),
		cmocka_unit_test(fragments_wait_as_the_engines_options_say),
		cmocka_unit_test(what_has_to_be_seen_is_told_by_ports),
		cmocka_unit_test(answers_are_asked_for_only_where_they_matter),
		cmocka_unit_test(bad_policies_are_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
