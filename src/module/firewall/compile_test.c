#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/made.h"
#include "module/firewall/firewall.h"

static void compiled(const char *policy, unsigned group, bool wanted, struct buf *out)
{
	static const char *const names[] = { "eth0", "wlan0", NULL };
	static const struct packet_want wants[] = {
		{ PACKET_IN, PROTO_TCP, false, false, 80, 81 },
		{ PACKET_OUT, PROTO_TCP, false, false, 80, 80 },
		{ PACKET_IN, PROTO_TCP, false, true, 90, 90 },
		{ PACKET_IN, PROTO_ICMP, false, false, 0, UINT16_MAX },
	};
	struct fw_target t = { .interfaces = names,
		               .log_group = group,
		               .mark_shift = 8,
		               .generation = 3,
		               .settle_mark = 1u << 20,
		               .reset_mark = 1u << 21,
		               .wants = wants,
		               .nwants = wanted ? ARRAY_LEN(wants) : 0 };
	AUTO(json_decrefp) json_t *j = json_parse(str_of(policy), NULL);
	struct rules *r = NULL;
	struct err why = { { 0 } };
	if (!j || firewall_section.parse(j, &r, &why) < 0)
		fail_msg("%s: %s", policy, why.text);
	assert_int_equal(firewall_compile(r, &t, out, &why), 0);
	firewall_section.free(r);
}

/* Every kind of condition and every kind of end. */
static const char *const everything =
	"{\"state\":\"on\",\"agentPort\":4118,"
	"\"interfaceTypes\":[{\"ID\":7,\"patterns\":[\"wlan*\"]}],"
	"\"statefulConfigurations\":[{\"ID\":1,\"icmpstatefulInspectionEnabled\":true,"
	"\"denyFragmentedPacketsEnabled\":true,\"denyPacketsContainingCwrOrEceEnabled\":true,"
	"\"udpstatefulLoggingEnabled\":true},{\"ID\":2,\"maxIncomingConnections\":9}],"
	"\"globalStatefulConfigurationID\":1,"
	"\"statefulConfigurationAssignments\":[{\"interfaceTypeID\":7,\"statefulConfigurationID\":2}],"
	"\"settings\":{\"firewallSettingInterfaceIsolationEnabled\":\"true\","
	"\"firewallSettingInterfacePatterns\":\"eth*\","
	"\"firewallSettingVirtualAndContainerNetworkScanEnabled\":\"true\"},"
	"\"contexts\":[{\"ID\":3,\"restrictedInterfacesEnabled\":true}],"
	"\"rules\":["
	"{\"ID\":11,\"action\":\"force-allow\",\"contextID\":3,\"sourceIPType\":\"single\",\"sourceIPValue\":\"192.0.2.7\"},"
	"{\"ID\":12,\"action\":\"allow\",\"contextID\":3,\"direction\":\"outgoing\"},"
	"{\"ID\":1,\"action\":\"deny\",\"protocol\":\"tcp\",\"anyFlags\":false,\"tcpflags\":[\"syn\",\"fin\"],\"TCPNot\":true},"
	"{\"ID\":2,\"action\":\"deny\",\"protocol\":\"icmp\",\"ICMPType\":8,\"ICMPCode\":0,\"ICMPNot\":true},"
	"{\"ID\":3,\"action\":\"deny\",\"protocol\":\"icmpv6\",\"ICMPType\":128},"
	"{\"ID\":4,\"action\":\"log-only\",\"protocol\":\"tcp-udp\",\"protocolNot\":true},"
	"{\"ID\":5,\"action\":\"bypass\",\"priority\":\"2\",\"sourceMACType\":\"single\",\"sourceMACValue\":\"02:00:00:00:00:01\"},"
	"{\"ID\":6,\"action\":\"force-allow\",\"sourceIPType\":\"multiple\",\"sourceIPMultiple\":[\"192.0.2.0/24\",\"198.51.100.1-198.51.100.9\",\"2001:db8::/32\",\"2001:db9::1\"],\"sourceIPNot\":true},"
	"{\"ID\":7,\"action\":\"allow\",\"direction\":\"outgoing\",\"protocol\":\"tcp-udp\",\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"53\",\"8000-8080\"],\"destinationPortNot\":true,\"interfaceTypeIDs\":[7]},"
	"{\"ID\":8,\"action\":\"allow\",\"frameType\":\"ipv6\"},"
	"{\"ID\":9,\"action\":\"deny\",\"frameType\":\"arp\"},"
	"{\"ID\":10,\"action\":\"deny\",\"frameType\":\"ipv4\",\"frameNot\":true,\"direction\":\"outgoing\"}]}";

/* Runs a line of shell with these bytes as its input: its exit status. */
static int shell(const char *line, struct str input)
{
	int fd = file_memfd("input", input.p, input.n), status = 0;
	assert_true(fd >= 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fd, STDIN_FILENO);
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void nft_takes_what_is_compiled_twice(void **state)
{
	(void)state;
	if (shell("unshare -n nft list ruleset >/dev/null 2>&1", STR("")) != 0)
		skip(); /* no root, no namespaces or no nft here */
	for (unsigned group = 0; group < 6; group += 5) {
		AUTO(buf_done) struct buf b = { 0 };
		compiled(everything, group, true, &b);
		const char *twice = "unshare -n sh -c 'nft -j -f /dev/stdin && "
				    "nft -j -f /proc/self/fd/0'";
		assert_int_equal(shell(twice, buf_view(&b)), 0);
	}
}

static void nft_takes_a_guard_against_floods(void **state)
{
	(void)state;
	const char *policy = "{\"state\":\"on\",\"statefulConfigurations\":[{\"ID\":1}],"
			     "\"globalStatefulConfigurationID\":1,\"settings\":{"
			     "\"firewallSettingSynFloodProtectionThreshold\":\"200\"}}";
	if (shell("unshare -n nft list ruleset >/dev/null 2>&1", STR("")) != 0)
		skip();
	AUTO(buf_done) struct buf b = { 0 };
	compiled(policy, 5, true, &b);
	assert_int_equal(shell("unshare -n nft -j -f /dev/stdin", buf_view(&b)), 0);
}

static bool says(const char *policy, unsigned group, const char *text)
{
	AUTO(buf_done) struct buf b = { 0 };
	compiled(policy, group, false, &b);
	return strstr(b.p, text);
}

static void what_the_kernel_decides_never_asks(void **state)
{
	(void)state;
	const char *deny = "{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\"}]}";
	const char *quiet =
		"{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\",\"logDisabled\":true}],"
		"\"settings\":{\"firewallSettingEngineOptionFragmentSizeMin\":\"0\","
		"\"firewallSettingEngineOptionFragmentOffsetMin\":\"0\","
		"\"firewallSettingEngineOptionDropIpv6FragmentsLowerThanMinMtuEnabled\":\"false\"}}";
	assert_false(says(deny, 5, "\"target\":\"ask\""));
	assert_true(says(deny, 5, "\"R 1 D \""));
	assert_true(says(deny, 0, "\"target\":\"ask\""));
	assert_false(says(quiet, 0, "\"target\":\"ask\""));
}

static void a_flood_of_syns_is_answered_with_cookies(void **state)
{
	(void)state;
#define FLOOD(more, settings)                                            \
	"{\"state\":\"on\",\"statefulConfigurations\":[{\"ID\":1" more   \
	"}],\"globalStatefulConfigurationID\":1,\"settings\":{" settings \
	"\"firewallSettingSynFloodProtectionThreshold\":\"50\"}}"
	const char *inspected = FLOOD("", "");
	const char *not_inspected = FLOOD(",\"tcpstatefulInspectionEnabled\":false", "");
	const char *limited = FLOOD(",\"maxIncomingConnections\":9", "");
	const char *tap = FLOOD("", "\"firewallSettingNetworkEngineMode\":\"Tap\",");
	assert_true(says(inspected, 5, "\"synproxy\""));
	assert_true(says(inspected, 5, "\"rate\":50"));
	assert_false(says(not_inspected, 5, "\"synproxy\""));
	assert_false(
		says(limited, 5, "\"synproxy\"")); /* each connection is counted from its SYN on */
	assert_false(says(tap, 5, "\"synproxy\""));
	assert_false(says("{\"state\":\"on\"}", 5, "proxied"));
}

static void rules_of_a_restricted_context_open_isolated_interfaces(void **state)
{
	(void)state;
#define ISOLATED(places, action)                                               \
	"{\"state\":\"on\",\"contexts\":[{\"ID\":1," places                    \
	"\"restrictedInterfacesEnabled\":true}],"                              \
	"\"settings\":{\"firewallSettingInterfaceIsolationEnabled\":\"true\"," \
	"\"firewallSettingInterfacePatterns\":\"eth*\"},"                      \
	"\"rules\":[{\"ID\":7,\"action\":\"" action "\",\"contextID\":1}]}"
	static const struct {
		const char *why, *policy;
		bool first;
	} rows[] = {
		{ "only there", ISOLATED("", "force-allow"), true },
		{ "without being there, not",
		  ISOLATED("\"localConnectionsEnabled\":true,", "allow"), false },
		{ "a refusal opens nothing", ISOLATED("", "deny"), false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		print_message("%s\n", rows[i].why);
		compiled(rows[i].policy, 5, false, &b);
		const char *chain = "\"chain\":\"in\"",
			   *comment = strstr(b.p, "\"comment\":\"R 7\"");
		assert_non_null(strstr(b.p, chain));
		assert_int_equal(comment != NULL && strstr(b.p, "wlan0"), rows[i].first);
	}
}

static void tap_mode_drops_nothing(void **state)
{
	(void)state;
	const char *tap =
		"{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\"},"
		"{\"ID\":2,\"action\":\"allow\"},{\"ID\":3,\"action\":\"deny\",\"frameType\":\"arp\"}],"
		"\"settings\":{\"firewallSettingNetworkEngineMode\":\"Tap\"}}";
	assert_false(says(tap, 5, "\"drop\""));
	assert_true(says(tap, 5, "\"R 1 T \""));
}

static void a_rule_for_tcp_flags_keeps_connections_from_being_settled(void **state)
{
	(void)state;
	const char *plain = "{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\"}]}";
	const char *flags =
		"{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\",\"protocol\":\"tcp\","
		"\"anyFlags\":false,\"tcpflags\":[\"psh\",\"ack\"]}]}";
	const char *settles = "\"state_in\",\"expr\":[{\"match\":{\"op\":\"in\",\"left\":{\"ct\":"
			      "{\"key\":\"state\"}},\"right\":\"established\"}}";
	assert_true(says(plain, 5, settles));
	assert_false(says(flags, 5, settles));
}

/* What becomes of a TCP packet of a connection that stands. */
static enum model_verdict of_standing(const char *policy, const char *ct_state,
                                      enum packet_direction d, uint16_t sport, uint16_t dport,
                                      uint32_t ct_mark)
{
	struct made m = { .n = 0 };
	struct packet p = { .direction = d, .ifname = "eth0" };
	struct fw_model *model = NULL;
	struct model_answer a;
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf b = { 0 };
	compiled(policy, 5, true, &b);
	made_ip(&m, "192.0.2.1", "192.0.2.2", PROTO_TCP);
	made_tcp(&m, sport, dport, TCP_ACK | TCP_PSH, 1, 1);
	made_end(&m);
	assert_int_equal(packet_decode(&p, PACKET_IP, m.b, m.n, NULL), REASON_NONE);
	if (fw_model_new(&model, buf_view(&b), &why) < 0)
		fail_msg("%s", why.text);
	const struct model_packet in = { &p, ct_state, d == PACKET_OUT, ct_mark };
	assert_int_equal(fw_model_run(model, &in, &a), 0);
	fw_model_free(model);
	return a.verdict;
}

static void what_a_module_wants_to_see_is_asked_until_it_settles_it(void **state)
{
	(void)state;
	const char *policy = "{\"state\":\"on\",\"rules\":[{\"ID\":1,\"action\":\"deny\","
			     "\"protocol\":\"tcp\",\"destinationPortType\":\"multiple\","
			     "\"destinationPortMultiple\":[\"81\"]}]}";
	const struct {
		enum packet_direction d;
		uint16_t sport, dport;
		uint32_t mark;
		enum model_verdict verdict;
	} rows[] = {
		{ PACKET_IN, 4000, 80, 0, MODEL_ASK },
		{ PACKET_IN, 4000, 81, 0, MODEL_DROP }, /* a rule drops it before */
		{ PACKET_IN, 4000, 82, 0, MODEL_ACCEPT },
		{ PACKET_IN, 80, 4000, 0, MODEL_ACCEPT },
		{ PACKET_OUT, 80, 4000, 0, MODEL_ASK },
		{ PACKET_OUT, 81, 4000, 0, MODEL_ACCEPT },
		{ PACKET_IN, 4000, 80, 3u << 8, MODEL_ACCEPT }, /* settled in this generation */
		{ PACKET_IN, 4000, 80, 2u << 8, MODEL_ASK },
		{ PACKET_IN, 4000, 90, 0, MODEL_ASK },
		{ PACKET_OUT, 90, 4000, 0, MODEL_ACCEPT },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (of_standing(policy, "established", rows[i].d, rows[i].sport, rows[i].dport,
		                rows[i].mark) != rows[i].verdict)
			fail_msg("row %zu", i);
	/* Where one side alone is seen, what the other would not take never comes. */
	assert_int_equal(of_standing(policy, "invalid", PACKET_IN, 4000, 90, 0), MODEL_DROP);
	assert_int_equal(of_standing(policy, "invalid", PACKET_IN, 4000, 80, 0), MODEL_ASK);
}

static void the_bare_engine_has_no_rule_of_the_firewall(void **state)
{
	(void)state;
	AUTO(json_decrefp)
	json_t *j =
		json_parse(str_of("{\"state\":\"off\",\"rules\":[{\"ID\":1,\"action\":\"deny\"}],"
	                          "\"settings\":{\"firewallSettingNetworkEngineMode\":\"Tap\"}}"),
	                   NULL);
	struct rules *r = NULL;
	struct err why = { { 0 } };
	assert_int_equal(firewall_engine_only(j, &r, &why), 0);
	assert_true(r->on && r->tap && r->nrules == 0 && !r->recon.on);
	firewall_section.free(r);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(nft_takes_what_is_compiled_twice),
		cmocka_unit_test(what_the_kernel_decides_never_asks),
		cmocka_unit_test(nft_takes_a_guard_against_floods),
		cmocka_unit_test(a_flood_of_syns_is_answered_with_cookies),
		cmocka_unit_test(rules_of_a_restricted_context_open_isolated_interfaces),
		cmocka_unit_test(tap_mode_drops_nothing),
		cmocka_unit_test(a_rule_for_tcp_flags_keeps_connections_from_being_settled),
		cmocka_unit_test(what_a_module_wants_to_see_is_asked_until_it_settles_it),
		cmocka_unit_test(the_bare_engine_has_no_rule_of_the_firewall),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
