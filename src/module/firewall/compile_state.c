#include <stdio.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/firewall/rule.h"

/*
 * What the kernel can say of state by itself: conntrack knows which packets are new, answer or are
 * invalid. Oddities whose reason only the engine finds go to `ask`.
 */

enum { FLAGS_MAIN = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK, FLAGS_ALL = 0x3f };

/* One stateful configuration, for the interfaces of one assignment or for all. */
struct state {
	struct compiler *c;
	const char *chain;
	enum packet_direction d;
	const struct flow_rules *rules;
	const json_t *interfaces; /* borrowed condition, or NULL */
};

static json_t *begin(const struct state *s)
{
	json_t *expr = json_array();
	if (s->interfaces)
		json_array_append_new(expr, json_deep_copy(s->interfaces));
	return expr;
}

static void add(json_t *expr, json_t *statement)
{
	json_array_append_new(expr, statement);
}

static void end(const struct state *s, json_t *expr)
{
	nft_rule(s->c, "inet", s->chain, expr, NULL);
}

static json_t *proto_is(int proto)
{
	return nft_match("==", nft_meta("l4proto"), json_integer(proto));
}

static json_t *flags_are(uint32_t mask, int value, const char *op)
{
	return nft_match(op, nft_and(nft_payload("tcp", "flags"), mask), json_integer(value));
}

static json_t *ct_is(const char *state)
{
	return nft_match("in", nft_ct("state"), json_string(state));
}

static void refuse(const struct state *s, json_t *expr, enum reason reason, bool log)
{
	nft_refuse(s->c, expr, "N", reason, log);
	end(s, expr);
}

static void ask(const struct state *s, json_t *expr)
{
	add(expr, nft_to("goto", "ask"));
	end(s, expr);
}

/* An anomaly by its posture: logged and let on, or refused. */
static void by_posture(const struct state *s, enum evasion what, json_t *expr, enum reason reason)
{
	enum posture posture = s->c->r->limits.evasion[what];
	char prefix[32];
	if (posture == POSTURE_ALLOW || posture == POSTURE_IGNORE) {
		json_decref(expr);
		return;
	}
	if (posture != POSTURE_LOG) {
		refuse(s, expr, reason, posture == POSTURE_DENY);
		return;
	}
	snprintf(prefix, sizeof(prefix), "N %d L ", (int)reason);
	json_t *log = nft_log(s->c, prefix);
	add(expr, log ? log : nft_to("goto", "ask"));
	end(s, expr);
}

static void tcp_flags(const struct state *s)
{
	static const struct {
		enum evasion what;
		uint32_t mask;
		int value;
		const char *op;
		enum reason reason;
	} rows[] = {
		{ EVASION_ZERO_FLAGS, FLAGS_ALL, 0, "==", REASON_INVALID_FLAGS },
		{ EVASION_SYN_FIN, TCP_SYN | TCP_FIN, TCP_SYN | TCP_FIN,
		  "==", REASON_INVALID_FLAGS },
		{ EVASION_SYN_RST, TCP_SYN | TCP_RST, TCP_SYN | TCP_RST,
		  "==", REASON_INVALID_FLAGS },
		{ EVASION_RST_FIN, TCP_RST | TCP_FIN, TCP_RST | TCP_FIN,
		  "==", REASON_INVALID_FLAGS },
		{ EVASION_URGENT, TCP_URG, 0, "!=", REASON_INVALID_FLAGS },
		{ EVASION_CONGESTION, TCP_ECE | TCP_CWR, 0, "!=", REASON_CE_FLAGS },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *expr = begin(s);
		add(expr, proto_is(PROTO_TCP));
		add(expr, flags_are(rows[i].mask, rows[i].value, rows[i].op));
		by_posture(s, rows[i].what, expr, rows[i].reason);
	}
	if (!s->rules->deny_ce)
		return;
	json_t *expr = begin(s);
	add(expr, proto_is(PROTO_TCP));
	add(expr, flags_are(TCP_ECE | TCP_CWR, 0, "!="));
	refuse(s, expr, REASON_CE_FLAGS, s->rules->log_tcp);
}

/* A SYN that is longer than its headers can be, or that comes against its connection. */
static void odd_syn(const struct state *s)
{
	const enum posture *e = s->c->r->limits.evasion;
	if (e[EVASION_SYN_DATA] != POSTURE_ALLOW) {
		json_t *expr = begin(s);
		add(expr, proto_is(PROTO_TCP));
		add(expr, flags_are(TCP_SYN | TCP_ACK, TCP_SYN, "=="));
		add(expr, nft_match(">", nft_meta("length"), json_integer(60)));
		ask(s, expr);
	}
	if (e[EVASION_SPLIT] != POSTURE_ALLOW) {
		json_t *expr = begin(s);
		add(expr, proto_is(PROTO_TCP));
		add(expr, flags_are(TCP_SYN | TCP_ACK, TCP_SYN, "=="));
		add(expr, nft_match("==", nft_ct("direction"), json_string("reply")));
		ask(s, expr);
	}
}

static bool has_limits(const struct flow_rules *r)
{
	return r->max_incoming || r->max_outgoing || r->max_half_open;
}

static void tcp_state(const struct state *s)
{
	json_t *expr = begin(s);
	add(expr, proto_is(PROTO_TCP));
	if (!has_limits(s->rules) && !flow_limits_need_all(&s->c->r->limits)) {
		add(expr, ct_is("invalid"));
		ask(s, expr);
		expr = begin(s);
		add(expr, proto_is(PROTO_TCP));
		add(expr, ct_is("new"));
		add(expr, flags_are(FLAGS_MAIN, TCP_SYN, "!="));
	}
	ask(s, expr);
}

/* Nobody else is to see its handshakes: a port that another module wants to see is not proxied. */
static void add_unwanted(const struct state *s, json_t *expr)
{
	for (size_t i = 0; i < s->c->t->nwants; i++) {
		const struct packet_want *w = &s->c->t->wants[i];
		if (w->direction == PACKET_IN && w->proto == PROTO_TCP && !w->remote)
			add(expr, nft_match("!=", nft_payload("tcp", "dport"),
			                    json_pack("{s:[i,i]}", "range", w->from, w->to)));
	}
}

/* The handshake is the kernel's; the server hears of who answered a cookie. */
static void proxy(const struct state *s, json_t *expr, bool six)
{
	add(expr, json_pack("{s:{s:i,s:i,s:[s,s]}}", "synproxy", "mss", six ? 1440 : 1460, "wscale",
	                    7, "flags", "timestamp", "sack-perm"));
	end(s, expr);
}

static json_t *begin_version(const struct state *s, bool six)
{
	json_t *expr = begin(s);
	add(expr, nft_match("==", nft_meta("nfproto"), json_string(six ? "ipv6" : "ipv4")));
	add(expr, proto_is(PROTO_TCP));
	return expr;
}

/*
 * Against a flood of SYNs from invented addresses: those above the threshold cost no memory, here,
 * in conntrack and in the server. An ACK without connection to such a port shows whether its sender
 * got the cookie.
 */
static void syn_flood(const struct state *s)
{
	uint32_t n = s->c->r->syn_flood;
	for (int six = 0; n && six < 2; six++) {
		json_t *expr = begin_version(s, six);
		add(expr, flags_are(FLAGS_MAIN, TCP_SYN, "=="));
		add(expr, ct_is("new"));
		add_unwanted(s, expr);
		add(expr, json_pack("{s:{s:I,s:s,s:I,s:b}}", "limit", "rate", (json_int_t)n, "per",
		                    "second", "burst", (json_int_t)n, "inv", 1));
		add(expr, json_pack("{s:{s:s,s:o,s:s}}", "set", "op", "update", "elem",
		                    nft_payload("tcp", "dport"), "set", "@proxied"));
		proxy(s, expr, six);
		expr = begin_version(s, six);
		add(expr, flags_are(FLAGS_MAIN, TCP_ACK, "=="));
		add(expr, nft_match("in", nft_ct("state"), json_pack("[s,s]", "new", "invalid")));
		add(expr, nft_match("==", nft_payload("tcp", "dport"), json_string("@proxied")));
		proxy(s, expr, six);
	}
}

/* Whoever follows every segment has to see the handshake too. */
static bool may_proxy(const struct state *s)
{
	return s->d == PACKET_IN && !s->c->r->tap && !has_limits(s->rules) &&
	       !flow_limits_need_all(&s->c->r->limits);
}

static void unsolicited(const struct state *s, int proto, int type, enum reason reason, bool log)
{
	json_t *expr = begin(s);
	add(expr, proto_is(proto));
	if (type >= 0)
		add(expr, nft_match("==", nft_raw("th", 0, 8), json_integer(type)));
	add(expr, ct_is("new"));
	refuse(s, expr, reason, log);
}

static void connectionless(const struct state *s)
{
	if (s->rules->udp)
		unsolicited(s, PROTO_UDP, -1, REASON_UNSOLICITED_UDP, s->rules->log_udp);
	if (s->rules->icmp) {
		unsolicited(s, PROTO_ICMP, 8, REASON_UNSOLICITED_ICMP, s->rules->log_icmp);
		unsolicited(s, PROTO_ICMPV6, 128, REASON_UNSOLICITED_ICMP, s->rules->log_icmp);
	}
}

static json_t *of_want(const struct state *s, const struct packet_want *w)
{
	bool ours_first = (w->direction == PACKET_OUT) != w->remote;
	json_t *expr = begin(s);
	add(expr, proto_is(w->proto));
	if (w->from || w->to < UINT16_MAX)
		add(expr, nft_match("==", nft_payload("th", ours_first ? "sport" : "dport"),
		                    json_pack("{s:[i,i]}", "range", w->from, w->to)));
	/* Where ports do not tell who began, conntrack does: answers of others are left out. */
	if (w->alone && (w->remote || (!w->from && w->to == UINT16_MAX)))
		add(expr, nft_match("==", nft_ct("direction"), json_string("original")));
	return expr;
}

/* What other modules want to see of what passes: the kernel settles nothing of it by itself. */
static void ask_wanted(const struct state *s)
{
	for (size_t i = 0; i < s->c->t->nwants; i++) {
		const struct packet_want *w = &s->c->t->wants[i];
		if (w->direction != s->d)
			continue;
		ask(s, of_want(s, w));
	}
}

/* Who sees one side alone cannot know what the other one takes; conntrack, which sees both, does.
 */
static void refuse_unknown(const struct state *s)
{
	char prefix[32];
	snprintf(prefix, sizeof(prefix), "N %d D ", (int)REASON_INVALID_SEQUENCE);
	for (size_t i = 0; i < s->c->t->nwants && !s->c->r->tap; i++) {
		const struct packet_want *w = &s->c->t->wants[i];
		if (!w->alone || w->proto != PROTO_TCP || w->direction != s->d)
			continue;
		json_t *expr = of_want(s, w);
		json_t *log = s->rules->tcp && s->rules->log_tcp ? nft_log(s->c, prefix) : NULL;
		add(expr, ct_is("invalid"));
		if (log)
			add(expr, log);
		add(expr, nft_verdict("drop"));
		end(s, expr);
	}
}

static void settle(const struct state *s)
{
	const struct fw_target *t = s->c->t;
	unsigned shift = t->mark_shift + (s->d == PACKET_OUT ? 3 : 0);
	uint32_t value = t->generation << shift;
	if (!compile_may_settle(s->c, s->d))
		return;
	json_t *expr = begin(s);
	add(expr, ct_is("established"));
	json_t *mark = nft_and(nft_ct("mark"), ~(7u << shift));
	add(expr, json_pack("{s:{s:o,s:{s:[o,I]}}}", "mangle", "key", nft_ct("mark"), "value", "|",
	                    mark, (json_int_t)value));
	end(s, expr);
}

static void one_configuration(const struct state *s, bool forced)
{
	refuse_unknown(s);
	if (s->rules->tcp) {
		tcp_flags(s);
		odd_syn(s);
		if (may_proxy(s))
			syn_flood(s);
		tcp_state(s);
	}
	if (s->d == PACKET_IN && !forced)
		connectionless(s);
	ask_wanted(s);
	settle(s);
	json_t *expr = begin(s);
	add(expr, nft_verdict("accept"));
	end(s, expr);
}

static const struct flow_rules *find(const struct rules *r, uint64_t id)
{
	static const struct flow_rules none = { 0 };
	for (size_t i = 0; i < r->nstateful; i++)
		if (id && r->stateful[i].id == id)
			return &r->stateful[i].rules;
	return &none;
}

void compile_state(struct compiler *c, enum packet_direction d, bool forced)
{
	static const char *const chains[2][2] = { { "state_in", "force_in" },
		                                  { "state_out", "force_out" } };
	struct state s = { c, chains[d][forced], d, NULL, NULL };
	/* The last assignment that names an interface counts, as in fw_stateful_of(). */
	for (size_t i = c->r->nassignments; i-- > 0;) {
		const struct fw_assignment *a = &c->r->assignments[i];
		AUTO(json_decrefp) json_t *on = nft_interfaces(c, d, &a->interface_type, 1);
		if (!on)
			continue;
		s.rules = find(c->r, a->stateful);
		s.interfaces = on;
		one_configuration(&s, forced);
	}
	s.rules = find(c->r, c->r->global_stateful);
	s.interfaces = NULL;
	one_configuration(&s, forced);
}

bool compile_may_settle(const struct compiler *c, enum packet_direction d)
{
	if (!c->t->generation || flow_limits_need_all(&c->r->limits))
		return false;
	for (size_t i = 0; i < c->r->nrules; i++) {
		const struct fw_rule *r = &c->r->rules[i];
		bool notes = r->action == FW_LOG_ONLY && !r->quiet;
		if (r->direction == d && (!r->any_flags || notes))
			return false;
	}
	for (size_t i = 0; i < c->r->nstateful; i++)
		if (has_limits(&c->r->stateful[i].rules))
			return false;
	return true;
}

/* ---- fragments, before the kernel puts them together ---- */

static json_t *frag4(uint32_t mask)
{
	return nft_and(nft_payload("ip", "frag-off"), mask);
}

static void deny_fragments(struct compiler *c, bool log)
{
	json_t *expr = json_array();
	add(expr, nft_match("!=", frag4(0x3fff), json_integer(0)));
	nft_refuse(c, expr, "N", REASON_FRAGMENTED, log);
	nft_rule(c, "inet", "early", expr, NULL);
	expr = json_array();
	add(expr, nft_match("==", json_pack("{s:{s:s}}", "exthdr", "name", "frag"), json_true()));
	nft_refuse(c, expr, "N", REASON_FRAGMENTED, log);
	nft_rule(c, "inet", "early", expr, NULL);
}

static void small_fragments(struct compiler *c)
{
	const struct reassembly_limits *l = &c->r->fragments;
	if (l->size_min) {
		json_t *expr = json_array();
		add(expr, nft_match("==", frag4(0x3fff), json_integer(0x2000)));
		add(expr, nft_match("<", nft_payload("ip", "length"), json_integer(l->size_min)));
		nft_refuse(c, expr, "N", REASON_FIRST_FRAGMENT_SMALL, true);
		nft_rule(c, "inet", "early", expr, NULL);
	}
	if (l->offset_min > 8) {
		json_t *expr = json_array();
		add(expr, nft_match(">", frag4(0x1fff), json_integer(0)));
		add(expr, nft_match("<", frag4(0x1fff), json_integer((l->offset_min + 7) / 8)));
		nft_refuse(c, expr, "N", REASON_FRAGMENT_OFFSET_SMALL, true);
		nft_rule(c, "inet", "early", expr, NULL);
	}
	if (l->ipv6_min_mtu) {
		json_t *expr = json_array();
		json_t *more = json_pack("{s:{s:s,s:s}}", "exthdr", "name", "frag", "field",
		                         "more-fragments");
		add(expr, nft_match("==", more, json_integer(1)));
		add(expr, nft_match("<", nft_meta("length"), json_integer(1280)));
		nft_refuse(c, expr, "N", REASON_IPV6_FRAGMENT_SMALL, true);
		nft_rule(c, "inet", "early", expr, NULL);
	}
}

void compile_early(struct compiler *c)
{
	const struct flow_rules *global = find(c->r, c->r->global_stateful);
	enum posture posture = c->r->limits.evasion[EVASION_FRAGMENTS];
	json_t *expr = json_array();
	add(expr, nft_match("==", nft_meta("iifname"), json_string("lo")));
	add(expr, nft_verdict("accept"));
	nft_rule(c, "inet", "early", expr, NULL);
	if (global->deny_fragments || posture == POSTURE_DENY || posture == POSTURE_DENY_SILENT)
		deny_fragments(c, posture != POSTURE_DENY_SILENT);
	small_fragments(c);
}
