#include "module/firewall/firewall.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/rand.h"
#include "manager/bench/bench.h"

/*
 * Would this packet pass? The packet is written as it would be on the wire, read by the agent's
 * decoder and judged by its rules and, as the first of a connection, by its stateful inspection.
 * input: {"section": of a policy, "packet": {...}, "when": ms, "utcOffset": seconds}.
 */

enum { ROOM = 128, FLOWS = 16, HEADER4 = 20, HEADER6 = 40 };

struct wanted {
	struct ip src, dst;
	enum packet_direction direction;
	unsigned proto;
	uint64_t sport, dport, type, code;
	uint8_t flags;
	bool has_mac, established;
	uint8_t src_mac[6], dst_mac[6];
	const char *interface; /* borrowed */
	unsigned places;
};

/* ---- what was asked ---- */

static int take_address(const json_t *in, const char *field, struct ip *out, struct err *why)
{
	const char *text = json_text(in, field, "");
	return ip_parse(text, out) < 0
	               ? err_set(why, -EINVAL, "%s: \"%.60s\" is no IP address", field, text)
	               : 0;
}

static int take_limited(const json_t *in, const char *field, uint64_t max, uint64_t *out,
                        struct err *why)
{
	const json_t *v = json_object_get(in, field);
	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return err_set(why, -EINVAL, "%s: a number from 0 to %llu is expected", field,
		               (unsigned long long)max);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

static int take_proto(const json_t *in, unsigned *out, struct err *why)
{
	static const struct {
		const char *word;
		unsigned number;
	} words[] = { { "tcp", PROTO_TCP },
		      { "udp", PROTO_UDP },
		      { "icmp", PROTO_ICMP },
		      { "icmpv6", PROTO_ICMPV6 },
		      { "igmp", PROTO_IGMP } };
	const char *text = json_text(in, "protocol", "tcp");
	uint64_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].word, text) == 0) {
			*out = words[i].number;
			return 0;
		}
	}
	if (str_u64(str_of(text), 0, 255, &n) < 0)
		return err_set(why, -EINVAL,
		               "protocol: tcp, udp, icmp, icmpv6, igmp or a number to 255");
	*out = (unsigned)n;
	return 0;
}

static int take_flags(const json_t *in, uint8_t *out, struct err *why)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	const json_t *list = json_array_at(in, "TCPFlags");
	*out = list ? 0 : TCP_SYN;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		size_t k = 0;
		while (k < ARRAY_LEN(names) && (!word || strcmp(names[k], word) != 0))
			k++;
		if (k == ARRAY_LEN(names))
			return err_set(why, -EINVAL, "TCPFlags: item %zu is no flag", i + 1);
		*out |= (uint8_t)(1u << k);
	}
	return 0;
}

static int take_mac(const json_t *in, const char *field, uint8_t out[6], bool *has, struct err *why)
{
	const char *text = json_text(in, field, NULL);
	if (!text)
		return 0;
	*has = mac_parse(str_of(text), out) == 0;
	return *has ? 0 : err_set(why, -EINVAL, "%s: \"%.40s\" is no MAC address", field, text);
}

static int take_word(const json_t *in, const char *field, const char *const *words, size_t n,
                     unsigned *out, struct err *why)
{
	const char *text = json_text(in, field, words[0]);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], text) == 0) {
			*out = (unsigned)i;
			return 0;
		}
	}
	return err_set(why, -EINVAL, "%s: \"%.40s\" is not known", field, text);
}

static int take_kinds(const json_t *in, struct wanted *w, struct err *why)
{
	static const char *const directions[] = { "incoming", "outgoing" };
	static const char *const connections[] = { "new", "established" };
	static const char *const contexts[] = { "local", "remote", "none", "no-internet" };
	unsigned direction = 0, connection = 0, place = 0;
	int rc = take_word(in, "direction", directions, 2, &direction, why);
	if (rc == 0)
		rc = take_word(in, "connection", connections, 2, &connection, why);
	if (rc == 0)
		rc = take_word(in, "context", contexts, 4, &place, why);
	w->direction = direction ? PACKET_OUT : PACKET_IN;
	w->established = connection;
	w->places = 1u << place;
	w->interface = json_text(in, "interface", "eth0");
	return rc;
}

static int take(const json_t *in, struct wanted *w, struct err *why)
{
	*w = (struct wanted){ .sport = 49152, .dport = 80, .type = 8 };
	if (!in)
		return err_set(why, -EINVAL, "packet: an object is expected");
	int rc = take_address(in, "sourceIP", &w->src, why);
	if (rc == 0)
		rc = take_address(in, "destinationIP", &w->dst, why);
	if (rc == 0 && w->src.version != w->dst.version)
		rc = err_set(why, -EINVAL,
		             "destinationIP: it is of another IP version than sourceIP");
	if (rc == 0)
		rc = take_kinds(in, w, why);
	if (rc == 0)
		rc = take_proto(in, &w->proto, why);
	if (rc == 0)
		rc = take_flags(in, &w->flags, why);
	w->type = w->proto == PROTO_ICMPV6 ? 128 : 8;
	if (rc == 0)
		rc = take_limited(in, "sourcePort", UINT16_MAX, &w->sport, why);
	if (rc == 0)
		rc = take_limited(in, "destinationPort", UINT16_MAX, &w->dport, why);
	if (rc == 0)
		rc = take_limited(in, "ICMPType", UINT8_MAX, &w->type, why);
	if (rc == 0)
		rc = take_limited(in, "ICMPCode", UINT8_MAX, &w->code, why);
	if (rc == 0)
		rc = take_mac(in, "sourceMAC", w->src_mac, &w->has_mac, why);
	return rc < 0 ? rc : take_mac(in, "destinationMAC", w->dst_mac, &w->has_mac, why);
}

/* ---- the packet on the wire ---- */

static void put16(uint8_t *at, uint64_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static size_t put_transport(uint8_t *at, const struct wanted *w)
{
	switch (w->proto) {
	case PROTO_TCP:
		put16(at, w->sport);
		put16(at + 2, w->dport);
		at[7] = 1; /* sequence */
		at[11] = w->flags & TCP_ACK ? 1 : 0;
		at[12] = 5 << 4;
		at[13] = w->flags;
		put16(at + 14, UINT16_MAX);
		return 20;
	case PROTO_UDP:
		put16(at, w->sport);
		put16(at + 2, w->dport);
		put16(at + 4, 12);
		return 12;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		at[0] = (uint8_t)w->type;
		at[1] = (uint8_t)w->code;
		return 12;
	default:
		return 8;
	}
}

static size_t put_packet(uint8_t b[static ROOM], const struct wanted *w)
{
	size_t head = w->src.version == 4 ? HEADER4 : HEADER6, n = put_transport(b + head, w);
	if (w->src.version == 4) {
		b[0] = 0x45;
		put16(b + 2, head + n);
		b[8] = 64;
		b[9] = (uint8_t)w->proto;
		memcpy(b + 12, w->src.b, 4);
		memcpy(b + 16, w->dst.b, 4);
	} else {
		b[0] = 0x60;
		put16(b + 4, n);
		b[6] = (uint8_t)w->proto;
		b[7] = 64;
		memcpy(b + 8, w->src.b, 16);
		memcpy(b + 24, w->dst.b, 16);
	}
	return head + n;
}

/* ---- the answer ---- */

static const char *verdict_word(bool drop, const struct rules *r)
{
	return !drop ? "pass" : r->tap ? "pass" : "drop";
}

static json_t *rule_shown(const struct fw_rule *rule)
{
	json_t *o = json_object();
	if (rule->id)
		json_set_int(o, "ID", (int64_t)rule->id);
	json_set_text(o, "name", rule->name);
	json_set_text(o, "action", fw_action_word(rule->action));
	json_set_int(o, "priority", rule->priority);
	json_set_bool(o, "hidden", rule->hidden != HIDDEN_NO);
	return o;
}

/* Every rule that fits, in the order in which they are asked, up to the one that decides. */
static json_t *fitting(const struct rules *r, const struct packet *p, const struct fw_now *now,
                       const struct fw_rule *last)
{
	json_t *list = json_array();
	for (size_t i = 0; i < r->nrules; i++) {
		if (fw_rule_applies(&r->rules[i], now) && fw_rule_matches(r, &r->rules[i], p, now))
			json_array_append_new(list, rule_shown(&r->rules[i]));
		if (&r->rules[i] == last)
			break;
	}
	return list;
}

static void say_reason(json_t *out, enum reason reason)
{
	const struct reason_words *words = reason_find(reason);
	json_set_int(out, "reasonID", reason);
	json_set_text(out, "reason", words ? words->en : "Undefined");
}

static void say(json_t *out, const char *by, bool drop, const struct rules *r)
{
	json_set_text(out, "decidedBy", by);
	json_set_text(out, "verdict", verdict_word(drop, r));
	json_set_bool(out, "wouldDrop", drop && r->tap);
}

static void nobody(struct host *h, const struct event *ev)
{
	(void)h;
	(void)ev;
}

static uint64_t no_time(struct host *h)
{
	(void)h;
	return 0;
}

/* As the first packet of a connection that the rules let pass. */
static void by_state(json_t *out, const struct rules *r, const struct packet *p,
                     const struct fw_now *now, int64_t utc_offset)
{
	struct host host = { .emit = nobody, .now_ms = no_time };
	const uint64_t key[2] = { 1, 2 };
	/* Long after the start: what is under way is not taken in. */
	uint64_t long_ago = p->when_ms > 86400000 ? p->when_ms - 86400000 : 0;
	struct firewall *f = firewall_new(&host, FLOWS, key, long_ago);
	struct fw_outcome o = { 0 };
	if (!f || firewall_apply(f, r, long_ago) < 0) {
		firewall_free(f);
		return;
	}
	firewall_place(f, utc_offset, now->places);
	o = firewall_judge(f, p, REASON_NONE);
	firewall_free(f);
	if (!o.would)
		return;
	say(out, "state", true, r);
	say_reason(out, o.reason);
	if (o.note)
		json_set_text(out, "note", o.note);
}

static void by_rules(json_t *out, const struct rules *r, const struct packet *p,
                     const struct fw_now *now, int64_t utc_offset, bool established)
{
	struct fw_decision d = fw_evaluate(r, p, now);
	json_set(out, "rulesThatFit", fitting(r, p, now, d.rule));
	say(out, d.rule ? "rule" : "default", d.verdict == FW_DROP, r);
	if (d.rule)
		json_set(out, "rule", rule_shown(d.rule));
	if (d.log && d.verdict != FW_DROP)
		json_set(out, "noted", rule_shown(d.log));
	if (d.reason)
		say_reason(out, d.reason);
	if (!established && (d.verdict == FW_PASS || d.verdict == FW_PASS_FORCED))
		by_state(out, r, p, now, utc_offset);
}

static int judge(const struct rules *r, const struct wanted *w, const json_t *input, json_t *out)
{
	uint8_t b[ROOM] = { 0 };
	int64_t offset = json_int(input, "utcOffset", 0);
	struct packet p = { .direction = w->direction,
		            .ifname = w->interface,
		            .partial = true,
		            .when_ms = (uint64_t)json_int(input, "when", 0) };
	const struct fw_now now = { fw_hour(p.when_ms, offset), w->places };
	json_set_text(out, "mode", r->tap ? "Tap" : "Inline");
	if (!r->on) {
		say(out, "off", false, r);
		return 0;
	}
	enum reason why = packet_decode(&p, PACKET_IP, b, put_packet(b, w), &r->checks);
	p.has_mac = w->has_mac;
	memcpy(p.src_mac, w->src_mac, 6);
	memcpy(p.dst_mac, w->dst_mac, 6);
	if (why != REASON_NONE && !r->fail_open_sanity) {
		say(out, "packet", true, r);
		say_reason(out, why);
		return 0;
	}
	by_rules(out, r, &p, &now, offset, w->established);
	return 0;
}

int bench_firewall(const json_t *input, json_t **out, struct err *why)
{
	struct wanted w;
	struct rules *r = NULL;
	int rc = take(json_object_at(input, "packet"), &w, why);
	if (rc == 0)
		rc = firewall_section.parse(json_object_at(input, "section"), &r, why);
	if (rc < 0)
		return rc;
	assert(r);
	*out = json_object();
	rc = judge(r, &w, input, *out);
	firewall_section.free(r);
	return rc;
}
