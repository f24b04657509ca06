#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/made.h"
#include "module/firewall/firewall.h"

static const uint64_t key[2] = { 1, 2 };
enum { START = 1000000, LATE = START + 600000 };

/* A host that keeps what it is told. */
struct fake {
	struct host host;
	json_t *events; /* owned: {"kind", fields...} */
};

static void emit(struct host *h, const struct event *ev)
{
	struct fake *f = CONTAINER_OF(h, struct fake, host);
	json_t *o = json_deep_copy(ev->fields);
	json_set_text(o, "kind", ev->kind->name);
	json_array_append_new(f->events, o);
}

static uint64_t now_ms(struct host *h)
{
	(void)h;
	return START;
}

struct test {
	struct fake fake;
	struct firewall *f;
	struct rules *rules;
	uint64_t now;
	const char *peer, *us;
};

static void begin(struct test *t, const char *policy)
{
	AUTO(json_decrefp) json_t *j = json_parse(str_of(policy), NULL);
	struct err why = { { 0 } };
	*t = (struct test){ .now = LATE, .peer = "192.0.2.1", .us = "192.0.2.2" };
	t->fake.host = (struct host){ .emit = emit, .now_ms = now_ms };
	t->fake.events = json_array();
	if (!j || firewall_section.parse(j, &t->rules, &why) < 0)
		fail_msg("%s: %s", policy, why.text);
	t->f = firewall_new(&t->fake.host, 64, key, START);
	assert_int_equal(firewall_apply(t->f, t->rules, START), 0);
}

static void end(struct test *t)
{
	firewall_free(t->f);
	firewall_section.free(t->rules);
	json_decref(t->fake.events);
}

static struct fw_outcome judge(struct test *t, struct made *m, bool in)
{
	struct packet p = { .direction = in ? PACKET_IN : PACKET_OUT,
		            .ifname = "eth0",
		            .when_ms = t->now };
	made_end(m);
	enum reason why = packet_decode(&p, PACKET_IP, m->b, m->n, &t->rules->checks);
	return firewall_judge(t->f, &p, why);
}

static struct fw_outcome tcp(struct test *t, bool in, uint16_t sport, uint16_t dport, uint8_t flags)
{
	struct made m = { 0 };
	made_ip(&m, in ? t->peer : t->us, in ? t->us : t->peer, PROTO_TCP);
	made_tcp(&m, sport, dport, flags, 100, 0);
	return judge(t, &m, in);
}

static struct fw_outcome udp(struct test *t, bool in, uint16_t sport, uint16_t dport)
{
	struct made m = { 0 };
	made_ip(&m, in ? t->peer : t->us, in ? t->us : t->peer, PROTO_UDP);
	made_udp(&m, sport, dport);
	made_fill(&m, 4);
	return judge(t, &m, in);
}

static const json_t *event(const struct test *t, size_t i, const char *kind)
{
	const json_t *o = json_array_get(t->fake.events, i);
	if (!o || strcmp(json_text(o, "kind", ""), kind) != 0)
		fail_msg("event %zu of %zu is no %s", i, json_array_size(t->fake.events), kind);
	return o;
}

static size_t events(const struct test *t)
{
	return json_array_size(t->fake.events);
}

#define DENY_22                                                                      \
	"{\"ID\":5,\"name\":\"no ssh\",\"action\":\"deny\",\"protocol\":\"tcp\","    \
	"\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"22\"]," \
	"\"includePacketData\":true,\"alertEnabled\":true}"

static void a_denied_packet_is_told_once_with_a_count(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\",\"rules\":[" DENY_22 "]}");
	for (int i = 0; i < 3; i++)
		assert_true(tcp(&t, true, 4000, 22, TCP_SYN).drop);
	assert_false(tcp(&t, true, 4000, 23, TCP_SYN).drop);
	assert_int_equal(events(&t), 0);
	firewall_tick(t.f, t.now);
	assert_int_equal(events(&t), 1);
	const json_t *e = event(&t, 0, "firewall-rule");
	assert_string_equal(json_text(e, "Reason", ""), "Firewall Rule: no ssh");
	assert_int_equal(json_int(e, "RuleID", 0), 5);
	assert_int_equal(json_int(e, "RepeatCount", 0), 3);
	assert_int_equal(json_int(e, "Action", 0), 1);
	assert_string_equal(json_text(e, "ActionString", ""), "Deny");
	assert_string_equal(json_text(e, "SourceIP", ""), "192.0.2.1");
	assert_int_equal(json_int(e, "DestinationPort", 0), 22);
	assert_string_equal(json_text(e, "Flags", ""), "SYN");
	assert_string_equal(json_text(e, "Protocol", ""), "TCP");
	assert_int_equal(json_int(e, "DataFlags", 0), 1);
	assert_true(strlen(json_text(e, "PacketData", "")) == 56);
	assert_true(json_bool(e, "AlertEnabled", false));
	assert_int_equal(firewall_hits(t.f, 5), 3);
	/* more of the same waits until it has ended */
	tcp(&t, true, 4000, 22, TCP_SYN);
	firewall_tick(t.f, t.now + 1000);
	assert_int_equal(events(&t), 1);
	firewall_tick(t.f, t.now + 900000);
	assert_int_equal(json_int(event(&t, 1, "firewall-rule"), "RepeatCount", 0), 1);
	end(&t);
}

static void tap_mode_tells_the_same_and_drops_nothing(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\",\"rules\":[" DENY_22
	          "],\"settings\":{\"firewallSettingNetworkEngineMode\":\"Tap\"}}");
	struct fw_outcome o = tcp(&t, true, 4000, 22, TCP_SYN);
	assert_false(o.drop);
	assert_true(o.would);
	firewall_flush(t.f);
	assert_string_equal(json_text(event(&t, 0, "firewall-rule"), "ActionString", ""),
	                    "Detect Only: Deny");
	assert_int_equal(json_int(event(&t, 0, "firewall-rule"), "Action", 0), 129);
	end(&t);
}

static void log_only_speaks_of_what_passes_only(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\",\"rules\":[" DENY_22
	          ",{\"ID\":6,\"name\":\"note\",\"action\":\"log-only\",\"protocol\":\"tcp\"}]}");
	assert_false(tcp(&t, true, 4000, 23, TCP_SYN).drop);
	assert_true(tcp(&t, true, 4000, 22, TCP_SYN).drop);
	firewall_flush(t.f);
	assert_int_equal(events(&t), 2);
	assert_int_equal(json_int(event(&t, 0, "firewall-rule"), "RuleID", 0), 6);
	assert_string_equal(json_text(event(&t, 0, "firewall-rule"), "ActionString", ""),
	                    "Log Only");
	assert_int_equal(json_int(event(&t, 1, "firewall-rule"), "RuleID", 0), 5);
	end(&t);
}

static void events_over_the_limit_are_counted(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\",\"rules\":[" DENY_22
	          "],\"settings\":{\"firewallSettingEngineOptionLogEventsPerSecondMax\":\"10\","
	          "\"firewallSettingReconnaissanceEnabled\":\"false\"}}");
	for (uint16_t i = 0; i < 25; i++)
		tcp(&t, true, (uint16_t)(4000 + i), 22, TCP_SYN);
	firewall_tick(t.f, t.now);
	assert_int_equal(events(&t), 11);
	assert_int_equal(json_int(event(&t, 10, "events-lost"), "Lost", 0), 15);
	end(&t);
}

static void malformed_packets_are_dropped_unless_the_policy_or_a_bypass_says_else(void **state)
{
	(void)state;
	static const struct {
		const char *policy;
		bool drop;
	} cases[] = {
		{ "{\"state\":\"on\"}", true },
		{ "{\"state\":\"off\"}", false },
		{ "{\"state\":\"on\",\"settings\":{\"firewallSettingFailureResponsePacketSanityCheck\":"
		  "\"Fail open\"}}",
		  false },
		{ "{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"bypass\",\"sourceIPType\":"
		  "\"single\",\"sourceIPValue\":\"192.0.2.1\"}]}",
		  false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct test t;
		struct made m = { 0 };
		begin(&t, cases[i].policy);
		made_ip(&m, t.peer, t.us, PROTO_TCP);
		made_fill(&m, 19);
		if (judge(&t, &m, true).drop != cases[i].drop)
			fail_msg("%s", cases[i].policy);
		firewall_flush(t.f);
		if (cases[i].drop)
			assert_int_equal(json_int(event(&t, 0, "firewall-reason"), "ReasonID", 0),
			                 REASON_TRANSPORT_LENGTH);
		end(&t);
	}
}

#define STATEFUL                                                                        \
	"\"statefulConfigurations\":[{\"ID\":1,\"icmpstatefulInspectionEnabled\":true," \
	"\"udpstatefulLoggingEnabled\":true}],\"globalStatefulConfigurationID\":1"

static void unsolicited_udp_is_dropped_and_force_allow_lets_it_in(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\"," STATEFUL
	          ",\"rules\":[{\"ID\":1,\"action\":\"force-allow\",\"protocol\":\"udp\","
	          "\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"514\"]}]}");
	assert_true(udp(&t, true, 4000, 123).drop);
	assert_false(udp(&t, true, 4000, 514).drop);
	assert_false(udp(&t, false, 123, 4000).drop);
	assert_false(udp(&t, true, 4000, 123).drop);
	firewall_flush(t.f);
	assert_int_equal(json_int(event(&t, 0, "firewall-reason"), "ReasonID", 0),
	                 REASON_UNSOLICITED_UDP);
	assert_int_equal(events(&t), 1);
	end(&t);
}

static void fragments_are_judged_as_a_whole(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\",\"protocol\":\"udp\","
	          "\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"53\"]}]}");
	struct made m = { 0 };
	made_ip(&m, t.peer, t.us, PROTO_UDP);
	made_udp(&m, 4000, 53);
	made_fill(&m, 120);
	m.udp = 0;
	m.b[24] = 0;
	m.b[25] = 136;
	m.b[6] = 0x20;
	assert_false(judge(&t, &m, true).drop);
	m = (struct made){ 0 };
	made_ip(&m, t.peer, t.us, PROTO_UDP);
	made_fill(&m, 8);
	m.b[6] = 0;
	m.b[7] = 16;
	assert_true(judge(&t, &m, true).drop);
	assert_int_equal(firewall_hits(t.f, 1), 1);
	end(&t);
}

/* ---- reconnaissance ---- */

static size_t told(struct test *t, const char *kind)
{
	size_t n = 0;
	firewall_flush(t->f);
	for (size_t i = 0; i < events(t); i++)
		n += strcmp(json_text(json_array_get(t->fake.events, i), "kind", ""), kind) == 0;
	return n;
}

static void each_kind_of_reconnaissance_is_told_once_a_source(void **state)
{
	(void)state;
	static const struct {
		const char *kind;
		uint8_t flags;
	} cases[] = {
		{ "tcp-null-scan", 0 },
		{ "tcp-syn-fin-scan", TCP_SYN | TCP_FIN },
		{ "tcp-xmas-scan", TCP_FIN | TCP_URG | TCP_PSH },
		{ "tcp-xmas-scan", 0xff },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct test t;
		begin(&t, "{\"state\":\"on\"}");
		for (uint16_t port = 1; port < 6; port++)
			tcp(&t, true, 4000, port, cases[i].flags);
		assert_int_equal(told(&t, cases[i].kind), 1);
		t.peer = "2001:db8::1";
		t.us = "2001:db8::2";
		tcp(&t, true, 4000, 1, cases[i].flags);
		assert_int_equal(told(&t, cases[i].kind), 2);
		assert_int_equal(told(&t, "network-or-port-scan"), 0);
		end(&t);
	}
}

static void scans_of_ports_are_told_fast_or_slow(void **state)
{
	(void)state;
	static const struct {
		uint8_t flags; /* 0: UDP */
		uint64_t pause_ms;
	} cases[] = {
		{ TCP_SYN, 0 }, { TCP_SYN, 15000 }, { TCP_ACK, 10 }, { TCP_FIN, 10 }, { 0, 1000 }
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct test t;
		begin(&t, "{\"state\":\"on\"}");
		for (uint16_t port = 1; port <= 100; port++, t.now += cases[i].pause_ms) {
			if (cases[i].flags)
				tcp(&t, true, 4000, port, cases[i].flags);
			else
				udp(&t, true, 4000, port);
			if (cases[i].flags)
				tcp(&t, false, port, 4000, TCP_RST | TCP_ACK);
		}
		if (told(&t, "network-or-port-scan") != 1)
			fail_msg("case %zu: %zu", i, told(&t, "network-or-port-scan"));
		end(&t);
	}
}

static void every_decoy_is_named(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\"}");
	for (uint16_t port = 1; port <= 100; port++) {
		for (int d = 1; d <= 5; d++) {
			char peer[16];
			snprintf(peer, sizeof(peer), "198.51.100.%d", d);
			t.peer = peer;
			tcp(&t, true, 4000, port, TCP_SYN);
		}
	}
	assert_int_equal(told(&t, "network-or-port-scan"), 5);
	end(&t);
}

/* As `nmap -f` sends them: eight bytes of a TCP header, the rest later. */
static void a_scan_in_small_fragments_is_a_scan_and_nothing_else(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\"}");
	for (uint16_t port = 1; port <= 50; port++) {
		struct made m = { 0 };
		made_ip(&m, t.peer, t.us, PROTO_TCP);
		made_32(&m, 4000u << 16 | port);
		made_32(&m, 1);
		m.b[4] = (uint8_t)port;
		m.b[6] = 0x20;
		assert_true(judge(&t, &m, true).drop);
	}
	assert_int_equal(told(&t, "network-or-port-scan"), 1);
	assert_int_equal(told(&t, "tcp-null-scan"), 0);
	end(&t);
}

static void ordinary_use_is_no_reconnaissance(void **state)
{
	(void)state;
	struct test t;
	begin(&t, "{\"state\":\"on\"}");
	/* many clients of one service, and one client of many passive ports that answer */
	for (uint16_t i = 0; i < 1000; i++)
		tcp(&t, true, (uint16_t)(20000 + i), 80, TCP_SYN);
	for (uint16_t i = 0; i < 300; i++) {
		tcp(&t, true, (uint16_t)(20000 + i), (uint16_t)(40000 + i), TCP_SYN);
		tcp(&t, false, (uint16_t)(40000 + i), (uint16_t)(20000 + i), TCP_SYN | TCP_ACK);
	}
	/* answers of name servers, one of them late and refused */
	for (uint16_t i = 0; i < 500; i++) {
		udp(&t, false, (uint16_t)(30000 + i), 53);
		udp(&t, true, 53, (uint16_t)(30000 + i));
	}
	for (size_t i = 0; i < 3; i++)
		tcp(&t, true, 4000, (uint16_t)(1 + i), TCP_SYN);
	assert_int_equal(told(&t, "network-or-port-scan"), 0);
	assert_int_equal(told(&t, "fingerprint-probe"), 0);
	end(&t);
}

static void the_probes_of_a_fingerprint_are_told(void **state)
{
	(void)state;
	struct test t;
	struct made m = { 0 };
	begin(&t, "{\"state\":\"on\"}");
	made_ip(&m, t.peer, t.us, PROTO_ICMP);
	made_icmp(&m, 8, 9, 7);
	judge(&t, &m, true);
	assert_int_equal(told(&t, "fingerprint-probe"), 0);
	tcp(&t, true, 4000, 80, TCP_SYN | TCP_FIN | TCP_URG | TCP_PSH);
	assert_int_equal(told(&t, "fingerprint-probe"), 1);
	end(&t);
}

static void a_source_is_blocked_as_the_policy_says_and_listed_ones_are_left_out(void **state)
{
	(void)state;
	struct test t;
	struct ip source;
	uint32_t seconds = 0;
	begin(&t, "{\"state\":\"on\",\"ipLists\":[{\"ID\":3,\"items\":[\"198.51.100.0/24\"]}],"
	          "\"settings\":{\"firewallSettingReconnaissanceExcludeIpListId\":\"3\","
	          "\"firewallSettingReconnaissanceBlockTcpNullScanDuration\":\"5 Minutes\"}}");
	tcp(&t, true, 4000, 80, 0);
	assert_true(tcp(&t, true, 4001, 80, TCP_SYN).drop);
	assert_true(firewall_next_block(t.f, &source, &seconds));
	assert_int_equal(seconds, 300);
	assert_int_equal(source.b[3], 1);
	assert_false(firewall_next_block(t.f, &source, &seconds));
	t.now += 300001;
	assert_false(tcp(&t, true, 4002, 80, TCP_SYN).drop);
	t.peer = "198.51.100.7";
	tcp(&t, true, 4000, 80, 0);
	assert_int_equal(told(&t, "tcp-null-scan"), 1);
	end(&t);
}

static void what_the_kernel_tells_becomes_an_event(void **state)
{
	(void)state;
	struct test t;
	struct made m = { 0 };
	struct packet p = { .ifname = "eth0", .when_ms = LATE };
	begin(&t, "{\"state\":\"on\",\"rules\":[" DENY_22 "]}");
	made_ip(&m, t.peer, t.us, PROTO_TCP);
	made_tcp(&m, 4000, 22, TCP_SYN, 1, 0);
	assert_int_equal(made_decode(&m, &p), REASON_NONE);
	firewall_told(t.f, &p, 5, REASON_NONE, true);
	firewall_told(t.f, &p, 0, REASON_OUT_OF_ALLOWED, true);
	firewall_told(t.f, &p, 0, REASON_NONE, false);
	firewall_flush(t.f);
	assert_int_equal(events(&t), 2);
	assert_int_equal(json_int(event(&t, 0, "firewall-rule"), "RuleID", 0), 5);
	assert_string_equal(json_text(event(&t, 1, "firewall-reason"), "Reason", ""),
	                    "Out Of Allowed Policy");
	end(&t);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_denied_packet_is_told_once_with_a_count),
		cmocka_unit_test(tap_mode_tells_the_same_and_drops_nothing),
		cmocka_unit_test(log_only_speaks_of_what_passes_only),
		cmocka_unit_test(events_over_the_limit_are_counted),
		cmocka_unit_test(
			malformed_packets_are_dropped_unless_the_policy_or_a_bypass_says_else),
		cmocka_unit_test(unsolicited_udp_is_dropped_and_force_allow_lets_it_in),
		cmocka_unit_test(fragments_are_judged_as_a_whole),
		cmocka_unit_test(each_kind_of_reconnaissance_is_told_once_a_source),
		cmocka_unit_test(scans_of_ports_are_told_fast_or_slow),
		cmocka_unit_test(every_decoy_is_named),
		cmocka_unit_test(a_scan_in_small_fragments_is_a_scan_and_nothing_else),
		cmocka_unit_test(ordinary_use_is_no_reconnaissance),
		cmocka_unit_test(the_probes_of_a_fingerprint_are_told),
		cmocka_unit_test(
			a_source_is_blocked_as_the_policy_says_and_listed_ones_are_left_out),
		cmocka_unit_test(what_the_kernel_tells_becomes_an_event),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
