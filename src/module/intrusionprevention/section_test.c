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
	int64_t repeat;
};

static void fake_emit(struct host *h, const struct event *ev)
{
	struct fake *f = (struct fake *)(void *)h;
	const json_t *o = ev->fields;
	f->told++;
	snprintf(f->reason, sizeof(f->reason), "%s", json_text(o, "Reason", ""));
	snprintf(f->action, sizeof(f->action), "%s", json_text(o, "ActionString", ""));
	f->repeat = json_int(o, "RepeatCount", 0);
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
		cmocka_unit_test(what_has_to_be_seen_is_told_by_ports),
		cmocka_unit_test(answers_are_asked_for_only_where_they_matter),
		cmocka_unit_test(bad_policies_are_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
