#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "engine/made.h"
#include "module/firewall/firewall.h"

/* The sanitizers' build does a quarter of the work. */
enum {
	SETS = YAGURA_SANITIZED ? 500 : 1000,
	PACKETS = YAGURA_SANITIZED ? 500 : 1000,
};

/* xorshift64*: the same rule sets in every run. */
static unsigned pick(uint64_t *seed, unsigned n)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (unsigned)((*seed * 0x2545F4914F6CDD1Dull) >> 33) % n;
}

static const char *one_of(uint64_t *seed, const char *const *words, unsigned n)
{
	return words[pick(seed, n)];
}

#define ONE_OF(seed, ...)                                  \
	one_of(seed, (const char *const[]){ __VA_ARGS__ }, \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* ---- random rules ---- */

static void random_ips(struct buf *b, uint64_t *seed, const char *side)
{
	unsigned kind = pick(seed, 5);
	if (kind > 2)
		return;
	const char *value = kind == 0   ? ONE_OF(seed, "192.0.2.1", "192.0.2.2", "2001:db8::1")
	                    : kind == 1 ? ONE_OF(seed, "192.0.2.0/31", "192.0.2.2-198.51.100.1",
	                                         "2001:db8::/126", "192.0.2.1\",\"2001:db8::2")
	                                : ONE_OF(seed, "1", "2", "3");
	if (kind == 0)
		buf_fmt(b, "\"%sIPType\":\"single\",\"%sIPValue\":\"%s\",", side, side, value);
	else if (kind == 1)
		buf_fmt(b, "\"%sIPType\":\"multiple\",\"%sIPMultiple\":[\"%s\"],", side, side,
		        value);
	else
		buf_fmt(b, "\"%sIPType\":\"ip-list\",\"%sIPListID\":%s,", side, side, value);
	if (pick(seed, 4) == 0)
		buf_fmt(b, "\"%sIPNot\":true,", side);
}

static void random_ports(struct buf *b, uint64_t *seed, const char *side)
{
	if (pick(seed, 2))
		return;
	if (pick(seed, 3) == 0)
		buf_fmt(b, "\"%sPortType\":\"port-list\",\"%sPortListID\":%u,", side, side,
		        1 + pick(seed, 2));
	else
		buf_fmt(b, "\"%sPortType\":\"multiple\",\"%sPortMultiple\":[\"%s\"],", side, side,
		        ONE_OF(seed, "22", "22,53", "23-80", "4000-5000"));
	if (pick(seed, 4) == 0)
		buf_fmt(b, "\"%sPortNot\":true,", side);
}

static void random_proto(struct buf *b, uint64_t *seed, bool ports)
{
	static const char *const with_ports[] = { "tcp", "udp", "tcp-udp" };
	if (ports) {
		const char *proto = one_of(seed, with_ports, 3);
		buf_fmt(b, "\"protocol\":\"%s\",", proto);
		random_ports(b, seed, "source");
		random_ports(b, seed, "destination");
		if (strcmp(proto, "tcp") == 0 && pick(seed, 3) == 0)
			buf_fmt(b, "\"anyFlags\":false,\"tcpflags\":[%s],\"TCPNot\":%s,",
			        ONE_OF(seed, "\"syn\"", "\"syn\",\"ack\"", "", "\"ack\""),
			        ONE_OF(seed, "true", "false"));
		return;
	}
	const char *proto = ONE_OF(seed, "any", "icmp", "icmpv6", "igmp", "tcp", "tcp-udp");
	buf_fmt(b, "\"protocol\":\"%s\",", proto);
	bool icmp = strncmp(proto, "icmp", 4) == 0;
	if (icmp && pick(seed, 2))
		buf_fmt(b, "\"ICMPType\":%s,%s\"ICMPNot\":%s,",
		        ONE_OF(seed, "8", "3", "128", "135"), ONE_OF(seed, "", "\"ICMPCode\":0,"),
		        ONE_OF(seed, "true", "false"));
	else if (strcmp(proto, "any") != 0 && pick(seed, 3) == 0)
		buf_z(b, "\"protocolNot\":true,");
}

static void random_rule(struct buf *b, uint64_t *seed, unsigned id)
{
	const char *action =
		ONE_OF(seed, "bypass", "log-only", "force-allow", "deny", "deny", "allow", "allow");
	bool fixed = strcmp(action, "allow") == 0 || strcmp(action, "log-only") == 0;
	buf_fmt(b, "%s{\"ID\":%u,\"action\":\"%s\",\"direction\":\"%s\",", id > 1 ? "," : "", id,
	        action, ONE_OF(seed, "incoming", "incoming", "outgoing"));
	buf_fmt(b, "\"priority\":\"%u\",", fixed ? (*action == 'l' ? 4 : 0) : pick(seed, 5));
	const char *frame = ONE_OF(seed, "ip", "ip", "ip", "any", "ipv4", "ipv6", "arp");
	if (strcmp(frame, "arp") == 0 || pick(seed, 12) == 0) {
		buf_fmt(b, "\"frameType\":\"%s\",\"frameNot\":%s,",
		        strcmp(frame, "any") == 0 ? "ip" : frame, ONE_OF(seed, "true", "false"));
	} else {
		buf_fmt(b, "\"frameType\":\"%s\",", frame);
		random_proto(b, seed, pick(seed, 3) > 0);
		random_ips(b, seed, "source");
		random_ips(b, seed, "destination");
	}
	if (pick(seed, 10) == 0)
		buf_fmt(b,
		        "\"sourceMACType\":\"mac-list\",\"sourceMACListID\":%u,\"sourceMACNot\":%s,",
		        1u, ONE_OF(seed, "true", "false"));
	if (pick(seed, 8) == 0)
		buf_fmt(b, "\"interfaceTypeIDs\":[%s],", ONE_OF(seed, "1", "2", "1,2", "3"));
	if (pick(seed, 8) == 0)
		buf_fmt(b, "\"scheduleID\":%u,", 1 + pick(seed, 2));
	if (pick(seed, 8) == 0)
		buf_fmt(b, "\"contextID\":%u,", 1 + pick(seed, 2));
	buf_fmt(b, "\"logDisabled\":%s}", ONE_OF(seed, "true", "false", "false"));
}

static void random_policy(struct buf *b, uint64_t *seed)
{
	unsigned n = pick(seed, 13);
	buf_z(b, "{\"state\":\"on\",\"ipLists\":[{\"ID\":1,\"items\":[\"192.0.2.0/30\","
	         "\"2001:db8::1\"]},{\"ID\":2,\"items\":[]},{\"ID\":3,\"items\":[\"0.0.0.0/0\"]}],"
	         "\"portLists\":[{\"ID\":1,\"items\":[\"53\",\"80\"]},{\"ID\":2,\"items\":[]}],"
	         "\"macLists\":[{\"ID\":1,\"items\":[\"02:00:00:00:00:01\"]}],"
	         "\"interfaceTypes\":[{\"ID\":1,\"patterns\":[\"eth*\"]},"
	         "{\"ID\":2,\"patterns\":[\"wlan?\"]},{\"ID\":3,\"patterns\":[\"none\"]}],"
	         "\"contexts\":[{\"ID\":1,\"localConnectionsEnabled\":true},"
	         "{\"ID\":2,\"remoteConnectionsEnabled\":true}],\"schedules\":[");
	for (int s = 0; s < 2; s++) {
		buf_fmt(b, "%s{\"ID\":%d,\"hoursOfWeek\":[", s ? "," : "", s + 1);
		for (int h = 0; h < SCHEDULE_HOURS; h++)
			buf_fmt(b, "%s%s", h ? "," : "", (h == 5) == (s == 0) ? "true" : "false");
		buf_z(b, "]}");
	}
	buf_z(b, "],\"rules\":[");
	for (unsigned i = 1; i <= n; i++)
		random_rule(b, seed, i);
	buf_fmt(b, "],\"agentPort\":%s}", ONE_OF(seed, "4118", "0"));
}

/* A rule that cannot be meant is drawn now and then; then the set is drawn again. */
static struct rules *draw(uint64_t *seed, struct buf *text)
{
	for (;;) {
		struct rules *r = NULL;
		buf_clear(text);
		random_policy(text, seed);
		AUTO(json_decrefp) json_t *j = json_parse(buf_view(text), NULL);
		assert_non_null(j);
		if (firewall_section.parse(j, &r, NULL) == 0)
			return r;
	}
}

/* ---- random packets ---- */

static void random_packet(struct made *m, struct packet *p, uint64_t *seed)
{
	static const char *const v4[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1" };
	static const char *const v6[] = { "2001:db8::1", "2001:db8::2", "2001:db8::9" };
	static const uint16_t ports[] = { 22, 53, 67, 68, 80, 4000, 4118 };
	static const uint8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, 0, TCP_RST };
	static const uint8_t types[] = { 0, 3, 8, 128, 135 };
	bool six = pick(seed, 2);
	unsigned a = pick(seed, six ? 3 : 4), c = (a + 1 + pick(seed, six ? 2 : 3)) % (six ? 3 : 4);
	unsigned kind = pick(seed, 8);
	*m = (struct made){ 0 };
	*p = (struct packet){ .direction = pick(seed, 3) ? PACKET_IN : PACKET_OUT,
		              .ifname = ONE_OF(seed, "eth0", "wlan0", "tun0") };
	uint8_t proto = kind < 4    ? PROTO_TCP
	                : kind < 6  ? PROTO_UDP
	                : kind == 6 ? PROTO_IGMP
	                : six       ? PROTO_ICMPV6
	                            : PROTO_ICMP;
	made_ip(m, six ? v6[a] : v4[a], six ? v6[c] : v4[c], proto);
	if (proto == PROTO_TCP)
		made_tcp(m, ports[pick(seed, 7)], ports[pick(seed, 7)], flags[pick(seed, 5)], 1, 1);
	else if (proto == PROTO_UDP)
		made_udp(m, ports[pick(seed, 7)], ports[pick(seed, 7)]);
	else
		made_icmp(m, types[pick(seed, 5)], (uint8_t)(pick(seed, 2) * 4), 7);
	assert_int_equal(made_decode(m, p), REASON_NONE);
	p->has_mac = p->direction == PACKET_IN && pick(seed, 2);
	if (p->has_mac) {
		p->src_mac[0] = 2;
		p->src_mac[5] = (uint8_t)(1 + pick(seed, 2));
	}
}

/* ---- both decide alike ---- */

static void expect(const struct fw_decision *d, char *out, size_t n)
{
	*out = '\0';
	if (d->verdict == FW_DROP && d->rule && !d->rule->quiet)
		snprintf(out, n, "R %llu D ", (unsigned long long)d->rule->id);
	else if (d->verdict == FW_DROP && !d->rule)
		snprintf(out, n, "N %d D ", (int)d->reason);
	else if (d->log && !d->log->quiet)
		snprintf(out, n, "R %llu L ", (unsigned long long)d->log->id);
}

/* Without what is only shown for reconnaissance. */
static void forget_shown(struct model_answer *a)
{
	unsigned n = 0;
	for (unsigned i = 0; i < a->nlogs; i++)
		if (a->logs[i].prefix[0] != 'S')
			a->logs[n++] = a->logs[i];
	a->nlogs = n;
}

static void alike(const struct rules *r, const struct fw_model *m, const struct packet *p,
                  const struct fw_now *now, const char *text)
{
	struct fw_decision d = fw_evaluate(r, p, now);
	struct model_packet in = { p, "established", false, 0 };
	struct model_answer a;
	char log[32], from[46], to[46];
	expect(&d, log, sizeof(log));
	assert_int_equal(fw_model_run(m, &in, &a), 0);
	forget_shown(&a);
	bool same = (d.verdict == FW_DROP) == (a.verdict == MODEL_DROP) && a.verdict != MODEL_ASK &&
	            a.nlogs == (*log ? 1 : 0) && (!*log || strcmp(a.logs[0].prefix, log) == 0);
	/* What the mark then lets by must be the same again. */
	if (same && a.ct_mark) {
		in.ct_mark = a.ct_mark;
		assert_int_equal(fw_model_run(m, &in, &a), 0);
		forget_shown(&a);
		same = a.verdict == MODEL_ACCEPT && a.nlogs == 0;
	}
	if (same)
		return;
	fprintf(stderr, "%s\n", strstr(text, "\"rules\":"));
	fail_msg(
		"%s > %s proto %d %d > %d flags %d type %d %s %s: oracle %d \"%s\", model %d \"%s\"",
		ip_text(&p->src, from), ip_text(&p->dst, to), p->proto, p->sport, p->dport,
		p->tcp_flags, p->icmp_type, p->direction == PACKET_IN ? "in" : "out", p->ifname,
		(int)d.verdict, log, (int)a.verdict, a.nlogs ? a.logs[0].prefix : "");
}

static void the_ruleset_decides_as_the_rules_do(void **state)
{
	(void)state;
	static const char *const names[] = { "eth0", "wlan0", "tun0", NULL };
	uint64_t seed = 20261125;
	AUTO(buf_done) struct buf text = { 0 };
	size_t drops = 0;
	for (int i = 0; i < SETS; i++) {
		AUTO(buf_done) struct buf json = { 0 };
		struct rules *r = draw(&seed, &text);
		struct fw_target t = { .now = { 5, PLACE_LOCAL },
			               .interfaces = names,
			               .log_group = 5,
			               .mark_shift = 8,
			               .generation = 1 + (unsigned)i % 7 };
		struct fw_model *m = NULL;
		struct err why = { { 0 } };
		assert_int_equal(firewall_compile(r, &t, &json, &why), 0);
		if (fw_model_new(&m, buf_view(&json), &why) < 0)
			fail_msg("%s", why.text);
		for (int k = 0; k < PACKETS; k++) {
			struct made made;
			struct packet p;
			random_packet(&made, &p, &seed);
			alike(r, m, &p, &t.now, text.p);
			drops += fw_evaluate(r, &p, &t.now).verdict == FW_DROP;
		}
		fw_model_free(m);
		firewall_section.free(r);
	}
	/* The draw is worth something: a good part of the packets is dropped. */
	assert_in_range(drops, (size_t)SETS * PACKETS / 10, (size_t)SETS * PACKETS * 9 / 10);
}

static enum model_verdict run(const char *policy, const char *ct, bool reply,
                              enum packet_direction d, uint8_t proto, uint8_t flags, size_t data)
{
	AUTO(json_decrefp) json_t *j = json_parse(str_of(policy), NULL);
	AUTO(buf_done) struct buf json = { 0 };
	struct fw_target t = { .log_group = 5 };
	struct rules *r = NULL;
	struct fw_model *m = NULL;
	struct err why = { { 0 } };
	struct model_answer a;
	struct packet p = { .direction = d, .ifname = "eth0" };
	struct made made = { 0 };
	made_ip(&made, "192.0.2.1", "192.0.2.2", proto);
	if (proto == PROTO_TCP)
		made_tcp(&made, 4000, 22, flags, 1, 1);
	else if (proto == PROTO_UDP)
		made_udp(&made, 4000, 514);
	else
		made_icmp(&made, flags, 0, 1);
	made_fill(&made, data);
	assert_int_equal(made_decode(&made, &p), REASON_NONE);
	if (!j || firewall_section.parse(j, &r, &why) < 0 ||
	    firewall_compile(r, &t, &json, &why) < 0 || fw_model_new(&m, buf_view(&json), &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(fw_model_run(m, &(struct model_packet){ &p, ct, reply, 0 }, &a), 0);
	fw_model_free(m);
	firewall_section.free(r);
	return a.verdict;
}

#define INSPECT                                                                           \
	"\"statefulConfigurations\":[{\"ID\":1,\"icmpstatefulInspectionEnabled\":true}]," \
	"\"globalStatefulConfigurationID\":1"

static void the_kernel_asks_of_state_what_it_cannot_decide(void **state)
{
	(void)state;
	const char *plain = "{\"state\":\"on\"," INSPECT "}";
	const char *forced = "{\"state\":\"on\"," INSPECT ",\"rules\":[{\"ID\":1,\"action\":"
			     "\"force-allow\",\"protocol\":\"udp\"}]}";
	const char *limits = "{\"state\":\"on\",\"statefulConfigurations\":[{\"ID\":1,"
			     "\"maxHalfOpenConnections\":9}],\"globalStatefulConfigurationID\":1}";
	const struct {
		const char *why, *policy, *ct;
		bool reply;
		enum packet_direction direction;
		uint8_t proto, flags;
		size_t data;
		enum model_verdict verdict;
	} cases[] = {
		{ "SYN", plain, "new", false, PACKET_IN, PROTO_TCP, TCP_SYN, 0, MODEL_ACCEPT },
		{ "data", plain, "established", false, PACKET_IN, PROTO_TCP, TCP_ACK, 9,
		  MODEL_ACCEPT },
		{ "SYN with data", plain, "new", false, PACKET_IN, PROTO_TCP, TCP_SYN, 99,
		  MODEL_ASK },
		{ "null", plain, "invalid", false, PACKET_IN, PROTO_TCP, 0, 0, MODEL_DROP },
		{ "SYN FIN", plain, "new", false, PACKET_IN, PROTO_TCP, 3, 0, MODEL_DROP },
		{ "ACK of nothing", plain, "new", false, PACKET_IN, PROTO_TCP, TCP_ACK, 0,
		  MODEL_ASK },
		{ "invalid", plain, "invalid", false, PACKET_IN, PROTO_TCP, TCP_ACK, 0, MODEL_ASK },
		{ "split", plain, "established", true, PACKET_IN, PROTO_TCP, TCP_SYN, 0,
		  MODEL_ASK },
		{ "limits", limits, "new", false, PACKET_IN, PROTO_TCP, TCP_SYN, 0, MODEL_ASK },
		{ "UDP", plain, "new", false, PACKET_IN, PROTO_UDP, 0, 9, MODEL_DROP },
		{ "UDP answer", plain, "established", true, PACKET_IN, PROTO_UDP, 0, 9,
		  MODEL_ACCEPT },
		{ "UDP out", plain, "new", false, PACKET_OUT, PROTO_UDP, 0, 9, MODEL_ACCEPT },
		{ "UDP forced", forced, "new", false, PACKET_IN, PROTO_UDP, 0, 9, MODEL_ACCEPT },
		{ "ping", plain, "new", false, PACKET_IN, PROTO_ICMP, 8, 0, MODEL_DROP },
		{ "ping answer", plain, "established", true, PACKET_IN, PROTO_ICMP, 0, 0,
		  MODEL_ACCEPT },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (run(cases[i].policy, cases[i].ct, cases[i].reply, cases[i].direction,
		        cases[i].proto, cases[i].flags, cases[i].data) != cases[i].verdict)
			fail_msg("%s", cases[i].why);
}

static void a_ruleset_with_unknown_words_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{}",
		"{\"nftables\":[{\"add\":{\"rule\":{\"family\":\"inet\",\"chain\":\"x\",\"expr\":[]}}}]}",
		("{\"nftables\":[{\"add\":{\"chain\":{\"family\":\"inet\",\"name\":\"x\"}}},{\"add\":{"
		 "\"rule\":{\"family\":\"inet\",\"chain\":\"x\",\"expr\":[{\"masquerade\":null}]}}}]}"),
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fw_model *m = NULL;
		struct err why = { { 0 } };
		assert_int_equal(fw_model_new(&m, str_of(bad[i]), &why), -EINVAL);
		assert_null(m);
	}
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(the_ruleset_decides_as_the_rules_do),
		cmocka_unit_test(the_kernel_asks_of_state_what_it_cannot_decide),
		cmocka_unit_test(a_ruleset_with_unknown_words_is_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
