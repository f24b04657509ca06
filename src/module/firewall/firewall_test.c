#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/made.h"
#include "module/firewall/firewall.h"

/* ---- lists ---- */

static void an_ip_list_knows_every_form(void **state)
{
	(void)state;
	static const struct {
		const char *item, *ip;
		bool yes;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1 # the printer", "192.0.2.1", true },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.0/255.255.255.0", "192.0.2.9", true },
		{ "192.0.2.5-192.0.2.9", "192.0.2.9", true },
		{ "192.0.2.5-192.0.2.9", "192.0.2.10", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "2001:db8::1-2001:db8::f", "2001:db8::a", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "192.0.2.1", false },
		{ "", "192.0.2.1", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(ip_list_done) struct ip_list l = { 0 };
		AUTO(json_decrefp)
		json_t *a = json_pack("[s,s,s]", "203.0.113.7", cases[i].item, "203.0.113.0/28");
		struct err why = { { 0 } };
		struct ip ip = { 0 };
		assert_int_equal(ip_list_parse(&l, a, &why), 0);
		assert_int_equal(ip_parse(cases[i].ip, &ip), 0);
		if (ip_list_has(&l, &ip) != cases[i].yes)
			fail_msg("%s %s", cases[i].item, cases[i].ip);
	}
}

static void a_bad_item_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *kind, *item, *says;
	} cases[] = {
		{ "ip", "192.0.2.9-192.0.2.5", "ends before it starts" },
		{ "ip", "192.0.2.9-2001:db8::1", "is no address" },
		{ "ip", "192.0.2.0/33", "is no address" },
		{ "ip", "192.0.2.0/255.0.255.0", "is no address" },
		{ "ip", "example.com", "is no address" },
		{ "port", "90-80", "ends before it starts" },
		{ "port", "65536", "is no port" },
		{ "port", "http", "is no port" },
		{ "mac", "00:11:22:33:44", "is no MAC" },
		{ "mac", "00:11:22:33:44:5g", "is no MAC" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_decrefp) json_t *a = json_pack("[s]", cases[i].item);
		struct err why = { { 0 } };
		assert_true(firewall_check_list(cases[i].kind, a, &why) < 0);
		if (!strstr(why.text, cases[i].says))
			fail_msg("%s: %s", cases[i].item, why.text);
	}
}

/* ---- rules that cannot be meant ---- */

static void a_bad_rule_is_refused_by_its_field(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *field;
	} cases[] = {
		{ "{\"action\":\"reject\"}", "action" },
		{ "{\"priority\":\"5\"}", "priority" },
		{ "{\"action\":\"allow\",\"priority\":\"2\"}", "priority" },
		{ "{\"action\":\"log-only\",\"priority\":\"0\"}", "priority" },
		{ "{\"direction\":\"both\"}", "direction" },
		{ "{\"frameType\":\"other\"}", "frameNumber" },
		{ "{\"frameType\":\"any\",\"frameNot\":true}", "frameNot" },
		{ "{\"frameType\":\"arp\",\"protocol\":\"tcp\"}", "protocol" },
		{ "{\"frameType\":\"arp\",\"sourceIPType\":\"single\",\"sourceIPValue\":\"192.0.2.1\"}",
		  "sourceIPType" },
		{ "{\"frameType\":\"ipv4\",\"protocol\":\"icmpv6\"}", "protocol" },
		{ "{\"frameType\":\"ipv6\",\"destinationIPType\":\"single\",\"destinationIPValue\":\"192.0.2.1\"}",
		  "destinationIPType" },
		{ "{\"protocol\":\"other\"}", "protocolNumber" },
		{ "{\"protocol\":\"other\",\"protocolNumber\":256}", "protocolNumber" },
		{ "{\"protocolNot\":true}", "protocolNot" },
		{ "{\"protocol\":\"icmp\",\"sourcePortType\":\"multiple\",\"sourcePortMultiple\":[\"1\"]}",
		  "sourcePortType" },
		{ "{\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"1\"]}",
		  "destinationPortType" },
		{ "{\"protocol\":\"tcp\",\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"9-1\"]}",
		  "destinationPortMultiple" },
		{ "{\"sourceIPType\":\"range\",\"sourceIPRangeFrom\":\"192.0.2.9\",\"sourceIPRangeTo\":\"192.0.2.1\"}",
		  "sourceIPRangeTo" },
		{ "{\"sourceIPType\":\"range\",\"sourceIPRangeFrom\":\"192.0.2.9\"}",
		  "sourceIPRangeTo" },
		{ "{\"sourceIPType\":\"ip-list\"}", "sourceIPListID" },
		{ "{\"sourceIPType\":\"masked-ip\",\"sourceIPValue\":\"192.0.2.1\",\"sourceIPMask\":\"255.0.255.0\"}",
		  "sourceIPValue" },
		{ "{\"sourceIPNot\":true}", "sourceIPNot" },
		{ "{\"sourceMACType\":\"single\",\"sourceMACValue\":\"x\"}", "sourceMACValue" },
		{ "{\"protocol\":\"udp\",\"anyFlags\":false,\"tcpflags\":[\"syn\"]}", "tcpflags" },
		{ "{\"protocol\":\"tcp\",\"anyFlags\":true,\"tcpflags\":[\"syn\"]}", "tcpflags" },
		{ "{\"protocol\":\"tcp\",\"tcpflags\":[\"sny\"]}", "tcpflags" },
		{ "{\"protocol\":\"tcp\",\"ICMPType\":3}", "ICMPType" },
		{ "{\"protocol\":\"icmp\",\"ICMPCode\":3}", "ICMPCode" },
		{ "{\"logDisabled\":\"yes\"}", "logDisabled" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_decrefp) json_t *j = json_parse(str_of(cases[i].rule), NULL);
		struct err why = { { 0 } };
		assert_non_null(j);
		if (firewall_check_rule(j, &why) == 0 ||
		    strncmp(why.text, cases[i].field, strlen(cases[i].field)) != 0)
			fail_msg("%s: %s", cases[i].rule, why.text);
	}
}

/* ---- the order of rules ---- */

static struct rules *policy(const char *text)
{
	AUTO(json_decrefp) json_t *j = json_parse(str_of(text), NULL);
	struct rules *r = NULL;
	struct err why = { { 0 } };
	if (!j || firewall_section.parse(j, &r, &why) < 0)
		fail_msg("%s: %s", text, why.text);
	return r;
}

static void made_packet(struct made *m, struct packet *p, enum packet_direction d, uint8_t proto,
                        const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	*m = (struct made){ 0 };
	*p = (struct packet){ .direction = d, .ifname = "eth0" };
	made_ip(m, src, dst, proto);
	if (proto == PROTO_TCP)
		made_tcp(m, sport, dport, TCP_SYN, 1, 0);
	else if (proto == PROTO_UDP)
		made_udp(m, sport, dport);
	else
		made_icmp(m, (uint8_t)sport, (uint8_t)dport, 1);
	assert_int_equal(made_decode(m, p), REASON_NONE);
}

#define NO_HIDDEN "\"settings\":{\"firewallSettingEngineOptionForceAllowDhcpDns\":\"Do Not Allow\"}"

static enum fw_verdict verdict(const char *rules, enum packet_direction d, uint8_t proto,
                               const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	char text[4096];
	struct made m;
	struct packet p;
	struct fw_now now = { 0, PLACE_LOCAL };
	snprintf(text, sizeof(text), "{\"state\":\"on\",\"rules\":[%s]," NO_HIDDEN "}", rules);
	struct rules *r = policy(text);
	made_packet(&m, &p, d, proto, src, dst, sport, dport);
	enum fw_verdict v = fw_evaluate(r, &p, &now).verdict;
	firewall_section.free(r);
	return v;
}

#define TCP22 \
	"\"protocol\":\"tcp\",\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"22\"]"

static void rules_are_evaluated_in_the_order_of_the_documentation(void **state)
{
	(void)state;
	static const struct {
		const char *why, *rules;
		uint16_t dport;
		enum fw_verdict verdict;
	} cases[] = {
		{ "no rule", "", 22, FW_PASS },
		{ "deny", "{\"ID\":1,\"action\":\"deny\"," TCP22 "}", 22, FW_DROP },
		{ "another port", "{\"ID\":1,\"action\":\"deny\"," TCP22 "}", 23, FW_PASS },
		{ "allow closes", "{\"ID\":1,\"action\":\"allow\"," TCP22 "}", 23, FW_DROP },
		{ "allow opens", "{\"ID\":1,\"action\":\"allow\"," TCP22 "}", 22, FW_PASS },
		{ "allow out says nothing of in",
		  "{\"ID\":1,\"action\":\"allow\",\"direction\":\"outgoing\"," TCP22 "}", 23,
		  FW_PASS },
		{ "deny before allow",
		  "{\"ID\":1,\"action\":\"allow\"," TCP22 "},{\"ID\":2,\"action\":\"deny\"}", 22,
		  FW_DROP },
		{ "force allow before deny",
		  "{\"ID\":1,\"action\":\"deny\"},{\"ID\":2,\"action\":\"force-allow\"," TCP22 "}",
		  22, FW_PASS_FORCED },
		{ "higher deny before force allow",
		  "{\"ID\":1,\"action\":\"deny\",\"priority\":\"1\"},{\"ID\":2,\"action\":\"force-allow\"," TCP22
		  "}",
		  22, FW_DROP },
		{ "bypass before force allow",
		  "{\"ID\":1,\"action\":\"force-allow\"},{\"ID\":2,\"action\":\"bypass\"," TCP22
		  "}",
		  22, FW_PASS_BYPASS },
		{ "log only decides nothing",
		  "{\"ID\":1,\"action\":\"log-only\"},{\"ID\":2,\"action\":\"deny\"}", 22,
		  FW_DROP },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (verdict(cases[i].rules, PACKET_IN, PROTO_TCP, "192.0.2.1", "192.0.2.2", 4000,
		            cases[i].dport) != cases[i].verdict)
			fail_msg("%s", cases[i].why);
}

static void icmpv6_is_permitted_unless_denied(void **state)
{
	(void)state;
	const char *allow = "{\"ID\":1,\"action\":\"allow\"," TCP22 "}";
	const char *deny = "{\"ID\":1,\"action\":\"deny\",\"protocol\":\"icmpv6\"}";
	assert_int_equal(
		verdict(allow, PACKET_IN, PROTO_ICMPV6, "2001:db8::1", "2001:db8::2", 135, 0),
		FW_PASS_FORCED);
	assert_int_equal(verdict(allow, PACKET_IN, PROTO_ICMP, "192.0.2.1", "192.0.2.2", 8, 0),
	                 FW_DROP);
	assert_int_equal(
		verdict(deny, PACKET_IN, PROTO_ICMPV6, "2001:db8::1", "2001:db8::2", 135, 0),
		FW_DROP);
}

static void path_mtu_discovery_passes_although_all_is_denied(void **state)
{
	(void)state;
	const char *deny = "{\"ID\":1,\"action\":\"deny\"}";
	assert_int_equal(verdict(deny, PACKET_IN, PROTO_ICMP, "192.0.2.1", "192.0.2.2", 3, 4),
	                 FW_PASS_FORCED);
	assert_int_equal(verdict(deny, PACKET_IN, PROTO_ICMP, "192.0.2.1", "192.0.2.2", 3, 3),
	                 FW_DROP);
}

static enum fw_verdict hidden(const char *policy_text, enum packet_direction d, uint8_t proto,
                              uint16_t sport, uint16_t dport)
{
	struct made m;
	struct packet p;
	struct fw_now now = { 0 };
	struct rules *r = policy(policy_text);
	made_packet(&m, &p, d, proto, "192.0.2.1", "192.0.2.2", sport, dport);
	enum fw_verdict v = fw_evaluate(r, &p, &now).verdict;
	firewall_section.free(r);
	return v;
}

static void hidden_rules_let_the_manager_dns_and_dhcp_in(void **state)
{
	(void)state;
	const char *all =
		"{\"state\":\"on\",\"agentPort\":4118,\"rules\":[{\"ID\":1,\"action\":\"deny\"},"
		"{\"ID\":2,\"action\":\"deny\",\"direction\":\"outgoing\"}]}";
	const char *own =
		"{\"state\":\"on\",\"agentPort\":4118,\"rules\":[{\"ID\":1,\"action\":\"deny\"},"
		"{\"ID\":2,\"action\":\"force-allow\",\"priority\":\"4\",\"protocol\":\"tcp\","
		"\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"4000-4200\"],"
		"\"sourceIPType\":\"single\",\"sourceIPValue\":\"198.51.100.1\"}]}";
	const char *initiated = "{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\"}]}";
	assert_int_equal(hidden(all, PACKET_IN, PROTO_TCP, 4000, 4118), FW_PASS_BYPASS);
	assert_int_equal(hidden(all, PACKET_IN, PROTO_TCP, 4000, 4119), FW_DROP);
	assert_int_equal(hidden(own, PACKET_IN, PROTO_TCP, 4000, 4118), FW_DROP);
	assert_int_equal(hidden(initiated, PACKET_IN, PROTO_TCP, 4000, 4118), FW_DROP);
	assert_int_equal(hidden(all, PACKET_OUT, PROTO_UDP, 4000, 53), FW_PASS);
	assert_int_equal(hidden(all, PACKET_OUT, PROTO_TCP, 4000, 53), FW_PASS);
	assert_int_equal(hidden(all, PACKET_IN, PROTO_UDP, 53, 4000), FW_PASS);
	assert_int_equal(hidden(all, PACKET_OUT, PROTO_UDP, 68, 67), FW_PASS_FORCED);
	assert_int_equal(hidden(all, PACKET_IN, PROTO_UDP, 67, 68), FW_PASS_FORCED);
	assert_int_equal(hidden(all, PACKET_IN, PROTO_UDP, 67, 69), FW_DROP);
}

/* A rule with a schedule, a context and an interface type. */
static const char *const bound =
	"{\"state\":\"on\",\"schedules\":[{\"ID\":5,\"hoursOfWeek\":[%s]}],"
	"\"contexts\":[{\"ID\":6,\"remoteConnectionsEnabled\":true}],"
	"\"interfaceTypes\":[{\"ID\":7,\"patterns\":[\"wlan*\"]}],"
	"\"rules\":[{\"ID\":1,\"action\":\"deny\",\"%s\":%s}]}";

static void a_rule_applies_in_its_hours_places_and_interfaces(void **state)
{
	(void)state;
	static const struct {
		const char *field, *value, *ifname;
		unsigned hour, places;
		enum fw_verdict verdict;
	} cases[] = {
		{ "scheduleID", "5", "eth0", 0, 0, FW_DROP },
		{ "scheduleID", "5", "eth0", 1, 0, FW_PASS },
		{ "contextID", "6", "eth0", 0, PLACE_REMOTE, FW_DROP },
		{ "contextID", "6", "eth0", 0, PLACE_LOCAL, FW_PASS },
		{ "interfaceTypeIDs", "[7]", "wlan1", 0, 0, FW_DROP },
		{ "interfaceTypeIDs", "[7]", "eth0", 0, 0, FW_PASS },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char hours[SCHEDULE_HOURS * 6 + 8] = "true", text[4096];
		struct made m;
		struct packet p;
		for (size_t h = 1; h < SCHEDULE_HOURS; h++)
			memcpy(hours + 4 + 6 * (h - 1), ",false", 7);
		snprintf(text, sizeof(text), bound, hours, cases[i].field, cases[i].value);
		struct rules *r = policy(text);
		made_packet(&m, &p, PACKET_IN, PROTO_TCP, "192.0.2.1", "192.0.2.2", 1, 2);
		p.ifname = cases[i].ifname;
		struct fw_now now = { cases[i].hour, cases[i].places };
		if (fw_evaluate(r, &p, &now).verdict != cases[i].verdict)
			fail_msg("%s on %s", cases[i].field, cases[i].ifname);
		firewall_section.free(r);
	}
}

static void the_hour_of_the_week_is_the_computers_own(void **state)
{
	(void)state;
	/* 2026-11-25 22:30 UTC is a Wednesday. */
	const uint64_t when = 1795645800000;
	assert_int_equal(fw_hour(when, 0), 3 * 24 + 22);
	assert_int_equal(fw_hour(when, 32400), 4 * 24 + 7);
	assert_int_equal(fw_hour(0, -3600), 4 * 24 - 1);
}

static void unknown_references_refuse_the_policy(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{\"rules\":[{\"ID\":1,\"name\":\"web\",\"scheduleID\":5}]}",
		"{\"rules\":[{\"ID\":1,\"name\":\"web\",\"contextID\":5}]}",
		"{\"rules\":[{\"ID\":1,\"name\":\"web\",\"sourceIPType\":\"ip-list\",\"sourceIPListID\":5}]}",
		"{\"rules\":[{\"ID\":1,\"name\":\"web\",\"interfaceTypeIDs\":[5]}]}",
		"{\"globalStatefulConfigurationID\":5}",
		"{\"settings\":{\"firewallSettingReconnaissanceExcludeIpListId\":\"5\"}}",
		"{\"schedules\":[{\"ID\":5,\"hoursOfWeek\":[true]}]}",
		"{\"rules\":7}",
		"{\"rules\":[7]}",
		"[]",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(json_decrefp) json_t *j = json_parse(str_of(bad[i]), NULL);
		struct rules *r = NULL;
		struct err why = { { 0 } };
		assert_non_null(j);
		assert_true(firewall_section.parse(j, &r, &why) < 0);
		assert_null(r);
		assert_true(why.text[0]);
	}
}

static void settings_have_the_defaults_of_the_documentation(void **state)
{
	(void)state;
	struct rules *r = policy("{\"state\":\"on\"}");
	assert_memory_equal(&r->limits, &flow_limits_default, sizeof(r->limits));
	assert_memory_equal(&r->checks, &packet_checks_default, sizeof(r->checks));
	assert_memory_equal(&r->fragments, &reassembly_limits_default, sizeof(r->fragments));
	assert_true(r->recon.on && r->recon.detect[RECON_XMAS] && !r->recon.block_min[RECON_SCAN]);
	assert_int_equal(r->events_per_second, 100);
	assert_int_equal(r->packet_data_max, 1500);
	assert_int_equal(r->fold_stale_s, 900);
	assert_false(r->tap);
	firewall_section.free(r);
	r = policy("{\"state\":\"on\",\"settings\":{\"firewallSettingNetworkEngineMode\":\"Tap\","
	           "\"firewallSettingEngineOptionUdpTimeout\":\"2 Minutes\","
	           "\"firewallSettingAntiEvasionSecurityPosture\":\"Strict\","
	           "\"firewallSettingReconnaissanceBlockTcpXmasAttackDuration\":\"15 Minutes\"}}");
	assert_true(r->tap);
	assert_int_equal(r->limits.timeout_s[FLOW_UDP], 120);
	assert_int_equal(r->limits.evasion[EVASION_URGENT], POSTURE_DENY);
	assert_int_equal(r->recon.block_min[RECON_XMAS], 15);
	firewall_section.free(r);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(an_ip_list_knows_every_form),
		cmocka_unit_test(a_bad_item_is_refused),
		cmocka_unit_test(a_bad_rule_is_refused_by_its_field),
		cmocka_unit_test(rules_are_evaluated_in_the_order_of_the_documentation),
		cmocka_unit_test(icmpv6_is_permitted_unless_denied),
		cmocka_unit_test(path_mtu_discovery_passes_although_all_is_denied),
		cmocka_unit_test(hidden_rules_let_the_manager_dns_and_dhcp_in),
		cmocka_unit_test(a_rule_applies_in_its_hours_places_and_interfaces),
		cmocka_unit_test(the_hour_of_the_week_is_the_computers_own),
		cmocka_unit_test(unknown_references_refuse_the_policy),
		cmocka_unit_test(settings_have_the_defaults_of_the_documentation),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
