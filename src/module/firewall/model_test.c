#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "module/firewall/drawn.h"

/* The sanitizers' build does a quarter of the work. */
enum {
	SETS = YAGURA_SANITIZED ? 500 : 1000,
	PACKETS = YAGURA_SANITIZED ? 500 : 1000,
};

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
