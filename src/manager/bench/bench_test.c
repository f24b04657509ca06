#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/made.h"
#include "manager/bench/bench.h"

/* A policy that refuses SSH, allows the web, and inspects. ' stands for ". */
static const char policy[] =
	"{'state':'on','rules':["
	"{'ID':1,'name':'No SSH','action':'deny','priority':'3','direction':'incoming','protocol':'tcp',"
	"'destinationPortType':'multiple','destinationPortMultiple':['22']},"
	"{'ID':2,'name':'Web','action':'allow','priority':'0','direction':'incoming','protocol':'tcp',"
	"'destinationPortType':'multiple','destinationPortMultiple':['80']},"
	"{'ID':3,'name':'Note web','action':'log-only','priority':'4','direction':'incoming','protocol':'tcp',"
	"'destinationPortType':'multiple','destinationPortMultiple':['80']},"
	"{'ID':4,'name':'UDP','action':'allow','priority':'0','direction':'incoming','protocol':'udp'}],"
	"'statefulConfigurations':[{'ID':1,'tcpstatefulInspectionEnabled':true,'udpstatefulInspectionEnabled':true}],"
	"'globalStatefulConfigurationID':1%s}";

static int ask(const char *settings, const char *packet, json_t **out, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 }, text = { 0 };
	buf_z(&b, "{'engine':'firewall','input':{'when':1700000000000,'section':");
	const char *place = strstr(policy, "%s");
	buf_str(&b, (struct str){ policy, (size_t)(place - policy) });
	buf_z(&b, settings);
	buf_z(&b, place + 2);
	buf_fmt(&b, ",'packet':%s}}", packet);
	for (size_t i = 0; i < b.n; i++)
		buf_z(&text, b.p[i] == '\'' ? "\"" : (const char[2]){ b.p[i], '\0' });
	return bench_run(buf_view(&text), out, why);
}

static void a_packet_gets_the_answer_of_the_rule_that_decides(void **state)
{
	(void)state;
	static const char tap[] = ",'settings':{'firewallSettingNetworkEngineMode':'Tap'}";
#define FROM "'sourceIP':'192.0.2.1','destinationIP':'192.0.2.9'"
	static const struct {
		const char *why, *settings, *packet, *verdict, *by;
		int64_t rule, reason;
	} rows[] = {
		{ "denied", "", "{" FROM ",'destinationPort':22}", "drop", "rule", 1, 0 },
		{ "allowed", "", "{" FROM ",'destinationPort':80}", "pass", "rule", 2, 0 },
		{ "left over", "", "{" FROM ",'destinationPort':81}", "drop", "default", 0, 123 },
		{ "outgoing", "", "{" FROM ",'direction':'outgoing'}", "pass", "default", 0, 0 },
		{ "no SYN", "", "{" FROM ",'TCPFlags':['ack']}", "drop", "state", 2, 100 },
		{ "of a connection", "", "{" FROM ",'TCPFlags':['ack'],'connection':'established'}",
		  "pass", "rule", 2, 0 },
		{ "unsolicited", "", "{" FROM ",'protocol':'udp','destinationPort':9}", "drop",
		  "state", 4, 121 },
		{ "IPv6", "",
		  "{'sourceIP':'2001:db8::1','destinationIP':'2001:db8::2','destinationPort':22}",
		  "drop", "rule", 1, 0 },
		{ "tap", tap, "{" FROM ",'destinationPort':22}", "pass", "rule", 1, 0 },
		{ "to itself", "", "{'sourceIP':'192.0.2.1','destinationIP':'192.0.2.1'}", "drop",
		  "packet", 0, 130 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decrefp) json_t *out = NULL;
		struct err why = { { 0 } };
		if (ask(rows[i].settings, rows[i].packet, &out, &why) < 0)
			fail_msg("%s: %s", rows[i].why, why.text);
		const json_t *rule = json_object_get(out, "rule");
		if (strcmp(json_text(out, "verdict", ""), rows[i].verdict) != 0 ||
		    strcmp(json_text(out, "decidedBy", ""), rows[i].by) != 0 ||
		    json_int(rule, "ID", 0) != rows[i].rule ||
		    json_int(out, "reasonID", 0) != rows[i].reason)
			fail_msg("%s: %s", rows[i].why, json_dumps(out, 0));
		assert_int_equal(json_is_true(json_object_get(out, "wouldDrop")),
		                 rows[i].settings == tap);
	}
}

static void the_rules_that_fit_are_told_in_their_order(void **state)
{
	(void)state;
	AUTO(json_decrefp) json_t *out = NULL;
	struct err why = { { 0 } };
	assert_int_equal(ask("", "{" FROM ",'destinationPort':80}", &out, &why), 0);
	const json_t *list = json_array_at(out, "rulesThatFit");
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_int(json_array_get(list, 0), "ID", 0), 3);
	assert_int_equal(json_int(json_array_get(list, 1), "ID", 0), 2);
	assert_int_equal(json_int(json_object_get(out, "noted"), "ID", 0), 3);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *packet, *says;
	} rows[] = {
		{ "{}", "sourceIP" },
		{ "{'sourceIP':'192.0.2.1','destinationIP':'::1'}", "destinationIP" },
		{ "{" FROM ",'destinationPort':70000}", "destinationPort" },
		{ "{" FROM ",'protocol':'tpc'}", "protocol" },
		{ "{" FROM ",'TCPFlags':['sin']}", "TCPFlags" },
		{ "{" FROM ",'direction':'up'}", "direction" },
		{ "{" FROM ",'sourceMAC':'02:00'}", "sourceMAC" },
		{ "3", "packet" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decrefp) json_t *out = NULL;
		struct err why = { { 0 } };
		assert_true(ask("", rows[i].packet, &out, &why) < 0);
		if (!strstr(why.text, rows[i].says))
			fail_msg("%s: %s", rows[i].packet, why.text);
	}
}

static int ask_inspection(const char *order, json_t **out, struct err *why)
{
	AUTO(buf_done) struct buf text = { 0 };
	for (const char *p = order; *p; p++)
		buf_add(&text, *p == '\'' ? "\"" : p, 1);
	return bench_run(buf_view(&text), out, why);
}

static void a_line_is_taken_apart_and_its_path_of_rules_is_told(void **state)
{
	(void)state;
	static const char section[] =
		"'section':{'state':'on','rules':[{'name':'D','template':'custom','ruleXML':'<decoder name=\\'gate\\'>"
		"<program_name>^gate$</program_name></decoder>'},"
		"{'name':'R','ruleID':100100,'level':7,'pattern':'opened'},"
		"{'name':'S','ruleID':100101,'level':9,'pattern':'night','dependency':'rule','dependencyRuleID':100100},"
		"{'name':'bad','template':'custom','ruleXML':'<group name=\\'x\\'>\\n<rule/></group>'}]}";
	AUTO(buf_done) struct buf order = { 0 };
	AUTO(json_decrefp) json_t *out = NULL;
	AUTO(json_decrefp) json_t *set = NULL;
	struct err why = { { 0 } };
	AUTO(freep) char *s = xstrdup(section);
	for (char *p = s; *p; p++) /* a quote of XML in a text of JSON */
		if (p[0] == '\\' && p[1] == '\'')
			p[1] = '"';
	buf_fmt(&order,
	        "{'engine':'loginspection','input':{%s,'lines':['Nov 29 10:00:00 h gate[1]: opened at night']}}",
	        s);
	if (ask_inspection(order.p, &out, &why) < 0)
		fail_msg("%s", why.text);
	const json_t *line = json_array_get(json_array_at(out, "lines"), 0);
	assert_string_equal(json_text(line, "decoder", ""), "gate");
	assert_string_equal(json_text(line, "rule", ""), "S");
	assert_int_equal(json_int(line, "ruleID", 0), 100101);
	const json_t *tried = json_array_at(line, "tried");
	assert_int_equal(json_array_size(tried), 2);
	assert_int_equal(json_int(json_array_get(tried, 0), "ruleID", 0), 100100);
	assert_int_equal(json_int(json_array_get(tried, 1), "depth", 0), 1);
	const json_t *problem = json_array_get(json_array_at(out, "problems"), 0);
	assert_string_equal(json_text(problem, "rule", ""), "bad");
	assert_int_equal(json_int(problem, "line", 0), 2);
	buf_clear(&order);
	buf_fmt(&order, "{'engine':'loginspection-set','input':{%s}}", s);
	if (ask_inspection(order.p, &set, &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(json_array_size(json_array_at(set, "decoders")), 1);
	assert_int_equal(json_array_size(json_array_at(set, "rules")), 2);
}

static void a_rule_that_would_not_load_is_refused(void **state)
{
	(void)state;
	AUTO(json_decrefp) json_t *out = NULL;
	struct err why = { { 0 } };
	assert_true(
		ask_inspection(
			"{'engine':'loginspection-rule','input':{'rule':{'name':'x','template':'custom',"
			"'ruleXML':'<group'}}}",
			&out, &why) < 0);
	assert_non_null(strstr(why.text, "Invalid log inspection rule: x:1: "));
	assert_int_equal(
		ask_inspection(
			"{'engine':'loginspection-rule','input':{'rule':{'name':'x','pattern':'y'}}}",
			&out, &why),
		0);
}

/* ---- rules on a capture ---- */

static void put_le32(struct buf *b, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		buf_char(b, (char)(v >> 8 * i));
}

static void put_packet(struct buf *b, bool from_client, uint8_t flags, uint32_t seq, uint32_t ack,
                       const char *data)
{
	struct made m = { 0 };
	const char *client = "192.0.2.1", *server = "192.0.2.9";
	made_ip(&m, from_client ? client : server, from_client ? server : client, PROTO_TCP);
	made_tcp(&m, from_client ? 40000 : 80, from_client ? 80 : 40000, flags, seq, ack);
	made_bytes(&m, data, strlen(data));
	made_end(&m);
	put_le32(b, 1700000000);
	put_le32(b, 0);
	put_le32(b, (uint32_t)m.n);
	put_le32(b, (uint32_t)m.n);
	buf_add(b, m.b, m.n);
}

/* A pcap file with one request, as base64. */
static void capture_of(const char *request, struct buf *out)
{
	AUTO(buf_done) struct buf b = { 0 };
	put_le32(&b, 0xa1b2c3d4);
	put_le32(&b, 4u << 16 | 2);
	put_le32(&b, 0);
	put_le32(&b, 0);
	put_le32(&b, 65535);
	put_le32(&b, 101); /* LINKTYPE_RAW */
	put_packet(&b, true, TCP_SYN, 100, 0, "");
	put_packet(&b, false, TCP_SYN | TCP_ACK, 500, 101, "");
	put_packet(&b, true, TCP_ACK, 101, 501, "");
	put_packet(&b, true, TCP_ACK | TCP_PSH, 101, 501, request);
	base64_encode(out, buf_view(&b));
}

static int try_capture(const char *state, const char *text, const char *capture, json_t **out,
                       struct err *why)
{
	AUTO(buf_done) struct buf order = { 0 };
	AUTO(json_decrefp)
	json_t *o = json_pack(
		"{s:s, s:{s:s, s:{s:s, s:[{s:i, s:s, s:s, s:s, s:i}], s:[{s:i, s:s, s:s, s:s, s:[s]}]}}}",
		"engine", "intrusionprevention", "input", "capture", capture, "section", "state",
		state, "rules", "ID", 7, "name", "A word", "template", "custom", "customXML", text,
		"applicationTypeID", 3, "applicationTypes", "ID", 3, "name", "Web", "protocol",
		"tcp", "portType", "multiple", "portMultiple", "80-81");
	json_write(&order, o);
	return bench_run(buf_view(&order), out, why);
}

static void rules_are_tried_on_a_capture(void **state)
{
	static const char rule[] = "alert http any any -> any any (msg:\"m\"; http.uri; "
				   "content:\"secret\"; sid:5;)\n"
				   "alert http any any -> any any (nonsense:1; sid:6;)";
	AUTO(buf_done) struct buf hit = { 0 }, miss = { 0 };
	struct err why = { { 0 } };
	(void)state;
	capture_of("GET /a/secret HTTP/1.1\r\nHost: x\r\n\r\n", &hit);
	capture_of("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", &miss);
	static const char *const actions[][2] = { { "detect", "log-only" },
		                                  { "prevent", "reset" } };
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		AUTO(json_decrefp) json_t *out = NULL;
		if (try_capture(actions[i][0], rule, hit.p, &out, &why) < 0)
			fail_msg("%s", why.text);
		const json_t *list = json_array_at(out, "alerts"), *a = json_array_get(list, 0);
		assert_int_equal(json_array_size(list), 1);
		assert_int_equal(json_int(a, "ruleID", 0), 7);
		assert_int_equal(json_int(a, "packet", 0), 4);
		assert_string_equal(json_text(a, "action", ""), actions[i][1]);
		assert_string_equal(json_text(a, "ruleAction", ""), "reset");
		assert_string_equal(json_text(a, "buffer", ""), "http.uri");
		assert_string_equal(json_text(a, "sourceIP", ""), "192.0.2.1");
		assert_int_equal(json_int(a, "destinationPort", 0), 80);
		assert_int_equal(json_int(out, "packets", 0), 4);
		assert_int_equal(json_int(out, "rules", 0), 1);
		assert_int_equal(json_array_size(json_array_at(out, "problems")), 1);
		assert_int_equal(json_int(out, "dropped", -1), (int64_t)i);
	}
	AUTO(json_decrefp) json_t *none = NULL;
	assert_int_equal(try_capture("detect", rule, miss.p, &none, &why), 0);
	assert_int_equal(json_array_size(json_array_at(none, "alerts")), 0);
}

static void what_is_no_capture_is_refused(void **state)
{
	AUTO(json_decrefp) json_t *out = NULL;
	struct err why = { { 0 } };
	(void)state;
	assert_true(try_capture("detect", "", "?", &out, &why) < 0);
	assert_non_null(strstr(why.text, "base64"));
	assert_true(try_capture("detect", "", "AAAAAAAAAAAAAAAA", &out, &why) < 0);
	assert_non_null(strstr(why.text, "capture"));
	assert_null(out);
}

/* A record of a pcap file (little-endian, LINKTYPE_RAW) with a TCP segment. */
static void record(struct buf *file, uint32_t second, const char *src, const char *dst,
                   unsigned dport, uint8_t flags)
{
	struct made m = { .n = 0 };
	made_ip(&m, src, dst, PROTO_TCP);
	made_tcp(&m, 50000, (uint16_t)dport, flags, 1, 0);
	made_end(&m);
	const uint32_t head[4] = { second, 0, (uint32_t)m.n, (uint32_t)m.n };
	buf_add(file, head, sizeof(head));
	buf_add(file, m.b, m.n);
}

static int replay(struct str file, const char *more, json_t **out, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 }, text = { 0 };
	buf_z(&b, "{'engine':'firewall-capture','input':{'section':");
	const char *place = strstr(policy, "%s");
	buf_str(&b, (struct str){ policy, (size_t)(place - policy) });
	buf_z(&b, place + 2);
	buf_fmt(&b, "%s,'capture':'", more);
	base64_encode(&b, file);
	buf_z(&b, "'}}");
	for (size_t i = 0; i < b.n; i++)
		buf_z(&text, b.p[i] == '\'' ? "\"" : (const char[2]){ b.p[i], '\0' });
	return bench_run(buf_view(&text), out, why);
}

static void each_packet_of_a_capture_is_judged(void **state)
{
	(void)state;
	static const struct {
		const char *direction, *verdict;
		int64_t rule, reason;
	} rows[] = { { "incoming", "pass", 2, 0 },
		     { "incoming", "drop", 1, 0 },
		     { "outgoing", "pass", 0, 0 },
		     { "incoming", "drop", 0, 123 } };
	AUTO(buf_done) struct buf file = { 0 };
	AUTO(json_decrefp) json_t *out = NULL;
	struct err why = { { 0 } };
	const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4u << 16, 0, 0, 65535, 101 };
	buf_add(&file, head, sizeof(head));
	record(&file, 1700000000, "192.0.2.1", "192.0.2.9", 80, TCP_SYN);
	record(&file, 1700000001, "192.0.2.1", "192.0.2.9", 22, TCP_SYN);
	record(&file, 1700000002, "192.0.2.9", "192.0.2.1", 443, TCP_SYN);
	record(&file, 1700000003, "192.0.2.1", "192.0.2.9", 81, TCP_SYN);
	if (replay(buf_view(&file), "", &out, &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(json_int(out, "packets", 0), 4);
	assert_int_equal(json_int(out, "dropped", 0), 2);
	assert_true(json_is_true(json_object_get(out, "complete")));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const json_t *v = json_array_get(json_array_at(out, "verdicts"), i);
		assert_string_equal(json_text(v, "direction", ""), rows[i].direction);
		assert_string_equal(json_text(v, "verdict", ""), rows[i].verdict);
		assert_int_equal(json_int(v, "ruleID", 0), rows[i].rule);
		assert_int_equal(json_int(v, "reasonID", 0), rows[i].reason);
	}
}

static void a_capture_that_is_none_is_refused(void **state)
{
	(void)state;
	static const struct {
		struct str file;
		const char *more, *says;
	} rows[] = {
		{ { "no capture at all, but long enough", 34 }, "", "capture" },
		{ { NULL, 0 }, "", "capture" },
		{ { "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0", 24 },
		  "",
		  "no packet" },
		{ { "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0", 24 },
		  ",'local':['here']",
		  "local" },
		{ { "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0", 24 },
		  ",'context':'up'",
		  "context" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decrefp) json_t *out = NULL;
		struct err why = { { 0 } };
		assert_true(replay(rows[i].file, rows[i].more, &out, &why) < 0);
		if (!strstr(why.text, rows[i].says))
			fail_msg("%zu: %s", i, why.text);
	}
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_packet_gets_the_answer_of_the_rule_that_decides),
		cmocka_unit_test(the_rules_that_fit_are_told_in_their_order),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_line_is_taken_apart_and_its_path_of_rules_is_told),
		cmocka_unit_test(a_rule_that_would_not_load_is_refused),
		cmocka_unit_test(rules_are_tried_on_a_capture),
		cmocka_unit_test(what_is_no_capture_is_refused),
		cmocka_unit_test(each_packet_of_a_capture_is_judged),
		cmocka_unit_test(a_capture_that_is_none_is_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
