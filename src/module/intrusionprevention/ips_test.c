#include "base/test.h"
#include "module/intrusionprevention/tested.h"

/* The engine as a whole; keywords one by one are in keyword_test.c. */

static void a_content_is_found_in_a_stream_however_it_is_cut(void **state)
{
	static const char text[] = "GET /abc HTTP/1.0\r\nX: needle in the hay\r\n\r\n";
	(void)state;
	struct tested t;
	tested_init(&t, "drop tcp any any -> any any (msg:\"n\"; flow:established,to_server; "
	                "content:\"needle\"; content:\"hay\"; distance:1; within:20; sid:1;)");
	assert_int_equal(t.report.disabled, 0);
	for (size_t cut = 1; cut < sizeof(text); cut++) {
		enum ips_verdict v = IPS_NONE;
		tested_flow(&t, PROTO_TCP, 80);
		for (size_t i = 0; i < sizeof(text) - 1; i += cut) {
			size_t n = sizeof(text) - 1 - i < cut ? sizeof(text) - 1 - i : cut;
			enum ips_verdict now = tested_stream(&t, APP_CLIENT, text + i, n);
			v = now > v ? now : v;
		}
		assert_int_equal(t.nsids, 1);
		assert_int_equal(v, IPS_VERDICT_DROP);
		assert_int_equal(t.last.stream_position, 22);
	}
	tested_flow(&t, PROTO_TCP, 80);
	tested_stream(&t, APP_SERVER, text, sizeof(text) - 1);
	assert_int_equal(t.nsids, 0);
	tested_done(&t);
}

static void each_occurrence_in_a_stream_is_told_once(void **state)
{
	(void)state;
	struct tested t;
	tested_init(&t, "alert tcp any any -> any any (content:\"530 \"; sid:1;)");
	for (int i = 0; i < 5; i++)
		tested_stream(&t, APP_SERVER, "530 no\r\n", 8);
	tested_stream(&t, APP_SERVER, "530 no\r\n530 no\r\n", 16);
	assert_int_equal(t.nsids, 7);
	tested_done(&t);
}

static void a_place_from_the_start_holds_for_each_piece_of_a_stream(void **state)
{
	(void)state;
	struct tested t;
	tested_init(&t, "alert tcp any any -> any any (content:\"530 \"; depth:4; sid:1;)\n"
	                "alert tcp-stream any any -> any any (content:\"530 \"; depth:4; sid:2;)");
	tested_stream(&t, APP_SERVER, "220 hello\r\n", 11);
	tested_stream(&t, APP_SERVER, "530 no\r\n", 8);
	assert_true(tested_told(&t, 1));
	assert_false(tested_told(&t, 2));
	assert_int_equal(t.nsids, 1);
	tested_done(&t);
}

static void a_long_piece_is_looked_at_and_joined_to_what_was_before(void **state)
{
	(void)state;
	struct tested t;
	static char big[100000];
	tested_init(&t, "alert tcp any any -> any any (content:\"first\"; content:\"second\"; "
	                "distance:0; within:10; sid:1;)");
	memset(big, 'x', sizeof(big));
	tested_stream(&t, APP_CLIENT, "..first", 7);
	for (size_t i = 0; i < 6; i++)
		big[i] = "second"[i];
	tested_stream(&t, APP_CLIENT, big, sizeof(big));
	assert_int_equal(t.nsids, 1);
	for (size_t i = 0; i < 11; i++)
		big[70000 + i] = "firstsecond"[i];
	tested_stream(&t, APP_CLIENT, big, sizeof(big));
	assert_int_equal(t.nsids, 2);
	assert_int_equal(t.last.stream_position, 7 + 100000 + 70000);
	tested_done(&t);
}

static void a_rule_over_a_request_is_told_at_the_stage_that_completes_it(void **state)
{
	(void)state;
	struct tested t;
	tested_init(
		&t,
		"reject http any any -> $HOME_NET $HTTP_PORTS (msg:\"x\"; flow:established,to_server; "
		"http.method; content:\"POST\"; http.uri; content:\"/cgi\"; http.header; "
		"content:\"|28 29 20 7b|\"; http.request_body; content:\"id=\"; content:\"evil\"; "
		"distance:0; sid:7;)");
	ips_app_protocol(t.ips, t.flow, APP_HTTP, NULL, 0);
	struct app_tx tx = { .buffers = { { BUFFER_HTTP_METHOD, APP_CLIENT, "POST", 4, true, 0 },
		                          { BUFFER_HTTP_URI, APP_CLIENT, "/cgi-bin/x", 10, true,
		                            0 } },
		             .n = 2,
		             .stages = { STAGE_LINE } };
	assert_int_equal(ips_tx_progress(t.ips, t.flow, &tx, APP_CLIENT, NULL, 0), IPS_NONE);
	tx.buffers[tx.n++] =
		(struct fake_buffer){ BUFFER_HTTP_HEADER, APP_CLIENT, "A: () {", 7, true, 0 };
	tx.stages[0] = STAGE_HEADERS;
	assert_int_equal(ips_tx_progress(t.ips, t.flow, &tx, APP_CLIENT, NULL, 0), IPS_NONE);
	static const char body[] = "x=1&id=22&y=evil&z";
	tx.buffers[tx.n++] =
		(struct fake_buffer){ BUFFER_HTTP_REQUEST_BODY, APP_CLIENT, body, 0, false, 0 };
	for (size_t n = 1; n < sizeof(body); n++) {
		tx.buffers[3].len = n;
		tx.stages[0] = STAGE_BODY;
		enum ips_verdict v = ips_tx_progress(t.ips, t.flow, &tx, APP_CLIENT, NULL, 0);
		assert_int_equal(v, n == 16 ? IPS_VERDICT_RESET : IPS_NONE);
	}
	assert_int_equal(t.nsids, 1);
	assert_int_equal(t.last.where, IPS_AT_TX);
	ips_tx_ended(t.ips, &tx);
	tested_done(&t);
}

static void the_verdict_is_by_mode_rule_and_tap(void **state)
{
	static const struct {
		const char *why, *action;
		bool prevent, tap;
		enum ips_verdict verdict;
		bool would;
	} cases[] = {
		{ "alert stays alert", "alert", true, false, IPS_ALERTED, false },
		{ "drop", "drop", true, false, IPS_VERDICT_DROP, false },
		{ "reject", "reject", true, false, IPS_VERDICT_RESET, false },
		{ "detect", "drop", false, false, IPS_ALERTED, true },
		{ "tap", "reject", true, true, IPS_ALERTED, true },
		{ "pass", "pass", true, false, IPS_NONE, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tested t;
		char rule[200];
		snprintf(rule, sizeof(rule), "%s tcp any any -> any any (content:\"abc\"; sid:1;)",
		         cases[i].action);
		tested_init(&t, rule);
		t.mode.prevent = cases[i].prevent;
		t.mode.tap = cases[i].tap;
		assert_int_equal(ips_apply(t.ips, t.set, &t.mode), 0);
		assert_int_equal(tested_stream(&t, APP_CLIENT, "abc", 3), cases[i].verdict);
		assert_int_equal(t.nsids, cases[i].verdict != IPS_NONE);
		if (t.nsids)
			assert_int_equal(t.last.would, cases[i].would);
		tested_done(&t);
	}
}

static void a_pass_rule_silences_the_connection(void **state)
{
	(void)state;
	struct tested t;
	tested_init(&t, "alert tcp any any -> any any (content:\"abc\"; sid:1;)\n"
	                "pass tcp 192.0.2.1 any -> any any (content:\"abc\"; sid:2;)");
	tested_stream(&t, APP_CLIENT, "abc", 3);
	tested_stream(&t, APP_CLIENT, "abc", 3);
	assert_int_equal(t.nsids, 0);
	assert_false(ips_flow_wants(t.flow, APP_CLIENT));
	tested_done(&t);
}

static void a_wrong_rule_disables_itself_alone(void **state)
{
	static const struct {
		const char *why, *rule;
		unsigned line, column;
	} cases[] = {
		{ "unknown keyword", "alert tcp any any -> any any (contant:\"a\"; sid:1;)", 1,
		  31 },
		{ "no semicolon", "alert tcp any any -> any any (content:\"a\"; sid:1)", 1, 44 },
		{ "action", "alarm tcp any any -> any any (sid:1;)", 1, 1 },
		{ "protocol", "alert tpc any any -> any any (sid:1;)", 1, 7 },
		{ "address", "alert tcp 300.1.1.1 any -> any any (sid:1;)", 1, 11 },
		{ "variable", "alert tcp $NO_NET any -> any any (sid:1;)", 1, 11 },
		{ "port", "alert tcp any 70000 -> any any (sid:1;)", 1, 15 },
		{ "arrow", "alert tcp any any <- any any (sid:1;)", 1, 19 },
		{ "hex", "alert tcp any any -> any any (content:\"|4x|\"; sid:1;)", 1, 42 },
		{ "half", "alert tcp any any -> any any (content:\"|4|\"; sid:1;)", 1, 42 },
		{ "pcre", "alert tcp any any -> any any (pcre:\"/a(/\"; sid:1;)", 1, 40 },
		{ "pcre flag", "alert tcp any any -> any any (pcre:\"/a/q\"; sid:1;)", 1, 40 },
		{ "no sid", "alert tcp any any -> any any (content:\"a\";)", 1, 1 },
		{ "value", "alert tcp any any -> any any (content; sid:1;)", 1, 31 },
		{ "no content", "alert tcp any any -> any any (nocase; sid:1;)", 1, 37 },
		{ "continued", "alert tcp any any -> any any (\\\n  contant:\"a\"; sid:1;)", 2, 3 },
		{ "variable of bytes", "alert tcp any any -> any any (byte_test:1,>,x,0; sid:1;)",
		  1, 45 },
		{ "buffer of another protocol",
		  "alert tls any any -> any any (http.uri; content:\"a\"; sid:1;)", 1, 1 },
		{ "flow", "alert tcp any any -> any any (flow:to_sever; sid:1;)", 1, 36 },
		{ "never true", "alert tcp !any any -> any any (sid:1;)", 1, 11 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tested t;
		char rules[600];
		snprintf(rules, sizeof(rules),
		         "%s\nalert tcp any any -> any any (content:\"z\"; sid:9;)\n",
		         cases[i].rule);
		tested_init(&t, rules);
		if (t.report.loaded != 1 || t.report.disabled != 1 || t.report.nproblems != 1)
			fail_msg("%s: %zu loaded", cases[i].why, t.report.loaded);
		if (t.report.problems[0].line != cases[i].line ||
		    t.report.problems[0].column != cases[i].column)
			fail_msg("%s: %u:%u %s", cases[i].why, t.report.problems[0].line,
			         t.report.problems[0].column, t.report.problems[0].text);
		assert_string_equal(t.report.problems[0].file, "test.rules");
		tested_done(&t);
	}
}

static void flows_live_through_a_change_of_rules(void **state)
{
	(void)state;
	struct tested t;
	tested_init(
		&t,
		"alert tcp any any -> any any (content:\"login\"; flowbits:set,in; noalert; sid:1;)\n"
		"alert tcp any any -> any any (content:\"attack\"; sid:2;)");
	struct ips_set *next = NULL;
	assert_int_equal(
		tested_compile(
			"alert tcp any any -> any any (content:\"x\"; flowbits:set,other; noalert; sid:3;)\n"
			"alert tcp any any -> any any (content:\"go\"; flowbits:isset,in; sid:4;)\n"
			"alert tcp any any -> any any (content:\"attack\"; sid:2;)",
			&next, NULL),
		0);
	tested_stream(&t, APP_CLIENT, "login attack att", 16);
	assert_int_equal(t.nsids, 1);
	struct app_tx tx = { .n = 0, .stages = { STAGE_LINE } };
	assert_int_equal(ips_apply(t.ips, next, &t.mode), 0);
	ips_set_unref(t.set);
	t.set = next;
	/* An attack that spans the change is seen, one before it is not seen twice. */
	tested_stream(&t, APP_CLIENT, "ack go", 6);
	assert_int_equal(t.nsids, 3);
	assert_true(tested_told(&t, 4));
	(void)tx;
	tested_done(&t);
}

static void a_transaction_keeps_the_rules_it_began_with(void **state)
{
	(void)state;
	struct tested t;
	tested_init(&t,
	            "alert http any any -> any any (http.uri; content:\"/a\"; http.request_body; "
	            "content:\"evil\"; flowbits:set,b; sid:1;)");
	struct ips_set *next = NULL;
	assert_int_equal(
		tested_compile("alert tcp any any -> any any (content:\"q\"; sid:3;)", &next, NULL),
		0);
	ips_app_protocol(t.ips, t.flow, APP_HTTP, NULL, 0);
	struct app_tx tx = { .buffers = { { BUFFER_HTTP_URI, APP_CLIENT, "/a", 2, true, 0 } },
		             .n = 1,
		             .stages = { STAGE_LINE } };
	ips_tx_progress(t.ips, t.flow, &tx, APP_CLIENT, NULL, 0);
	assert_int_equal(ips_apply(t.ips, next, &t.mode), 0);
	ips_set_unref(t.set);
	t.set = next;
	tx.buffers[tx.n++] =
		(struct fake_buffer){ BUFFER_HTTP_REQUEST_BODY, APP_CLIENT, "evil", 4, true, 0 };
	tx.stages[0] = STAGE_DONE;
	ips_tx_progress(t.ips, t.flow, &tx, APP_CLIENT, NULL, 0);
	assert_true(tested_told(&t, 1));
	ips_tx_ended(t.ips, &tx);
	assert_null(tx.state);
	tested_done(&t);
}

static void ports_say_what_has_to_be_queued(void **state)
{
	(void)state;
	struct tested t;
	struct ips_ports ports;
	tested_init(
		&t,
		"alert http any any -> any [80,8000:8010] (flow:to_server,established; http.uri; content:\"a\"; sid:1;)\n"
		"alert udp any any -> any 53 (content:\"a\"; flow:to_server; sid:2;)");
	ips_rules_ports(ips_set_rules(t.set), &ports);
	assert_true(ports.tcp[80 / 64] >> 80 % 64 & 1);
	assert_true(ports.tcp[8005 / 64] >> 8005 % 64 & 1);
	assert_false(ports.tcp[81 / 64] >> 81 % 64 & 1);
	assert_true(ports.udp[0] >> 53 & 1);
	assert_false(ports.icmp || ports.other);
	assert_false(ports.tcp_answers[80 / 64] >> 80 % 64 & 1);
	tested_done(&t);
}

static void a_rule_hears_answers_when_it_could_not_do_without(void **state)
{
	static const struct {
		const char *rule;
		bool hears;
	} rows[] = {
		{ "alert http any any -> any 80 (flow:to_server; http.uri; content:\"a\"; sid:1;)",
		  false },
		{ "alert http any any -> any 80 (http.uri; content:\"a\"; sid:1;)", false },
		{ "alert tcp any any -> any 80 (flow:to_server; content:\"a\"; sid:1;)", false },
		{ "alert tcp-pkt any any -> any 80 (flow:to_server; flags:A; content:\"a\"; sid:1;)",
		  false },
		{ "alert tls any any -> any 80 (tls.sni; content:\"a\"; sid:1;)", false },
		{ "alert tcp any any -> any 80 (content:\"a\"; sid:1;)", true },
		{ "alert tcp any any <> any 80 (flow:to_server; content:\"a\"; sid:1;)", true },
		{ "alert http any any -> any 80 (flow:to_client; file.data; content:\"a\"; sid:1;)",
		  true },
		{ "alert http any any -> any 80 (http.uri; content:\"a\"; http.stat_code; content:\"2\"; sid:1;)",
		  true },
		{ "alert tcp any any -> any 80 (flow:to_server; content:\"a\"; stream_size:server,<,9; sid:1;)",
		  true },
		{ "alert smtp any any -> any 25 (flow:to_server; content:\"a\"; sid:1;)", true },
		{ "alert tcp any any -> any 21 (flow:to_server; app-layer-protocol:ftp; content:\"a\"; sid:1;)",
		  true },
		{ "alert http any any -> any 80 (app-layer-event:http.uri_illegal_character; sid:1;)",
		  true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tested t;
		tested_init(&t, rows[i].rule);
		if (ips_rule_hears_answers(ips_set_rules(t.set), 0) != rows[i].hears)
			fail_msg("%s", rows[i].rule);
		tested_done(&t);
	}
}

struct kept {
	char keys[64][33];
	struct buf bytes[64];
	unsigned n, loads;
};

static int kept_load(void *arg, const char *key, struct buf *out)
{
	struct kept *k = arg;
	for (unsigned i = 0; i < k->n; i++)
		if (strcmp(k->keys[i], key) == 0) {
			buf_add(out, k->bytes[i].p, k->bytes[i].n);
			k->loads++;
			return 0;
		}
	return -1;
}

static void kept_save(void *arg, const char *key, struct str bytes)
{
	struct kept *k = arg;
	snprintf(k->keys[k->n], sizeof(k->keys[0]), "%s", key);
	buf_add(&k->bytes[k->n++], bytes.p, bytes.n);
}

static void databases_come_out_of_the_cache(void **state)
{
	static struct kept kept;
	(void)state;
	struct ips_cache cache = { kept_load, kept_save, &kept };
	struct ips_file file = {
		.name = "t",
		.text = STR("alert tcp any any -> any any (content:\"needle\"; sid:1;)")
	};
	struct ips_source in = { .files = &file, .nfiles = 1 };
	for (int i = 0; i < 2; i++) {
		struct tested t = { .mode = { .alert = tested_alert, .arg = &t } };
		struct err why;
		assert_int_equal(ips_compile(&in, &ips_limits_default, &cache, &t.set, NULL, &why),
		                 0);
		/* Both sides of a stream have the same patterns: the second comes from the first.
		 */
		assert_int_equal(kept.n, 1);
		assert_int_equal(kept.loads, i ? 3 : 1);
		t.ips = ips_new(t.set, &t.mode, &fake_face);
		tested_flow(&t, PROTO_TCP, 1);
		tested_stream(&t, APP_CLIENT, "a needle", 8);
		assert_int_equal(t.nsids, 1);
		tested_done(&t);
	}
	for (unsigned i = 0; i < kept.n; i++)
		buf_done(&kept.bytes[i]);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_content_is_found_in_a_stream_however_it_is_cut),
		cmocka_unit_test(each_occurrence_in_a_stream_is_told_once),
		cmocka_unit_test(a_place_from_the_start_holds_for_each_piece_of_a_stream),
		cmocka_unit_test(a_long_piece_is_looked_at_and_joined_to_what_was_before),
		cmocka_unit_test(a_rule_over_a_request_is_told_at_the_stage_that_completes_it),
		cmocka_unit_test(the_verdict_is_by_mode_rule_and_tap),
		cmocka_unit_test(a_pass_rule_silences_the_connection),
		cmocka_unit_test(a_wrong_rule_disables_itself_alone),
		cmocka_unit_test(flows_live_through_a_change_of_rules),
		cmocka_unit_test(a_transaction_keeps_the_rules_it_began_with),
		cmocka_unit_test(ports_say_what_has_to_be_queued),
		cmocka_unit_test(a_rule_hears_answers_when_it_could_not_do_without),
		cmocka_unit_test(databases_come_out_of_the_cache),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
