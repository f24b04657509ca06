#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/rand.h"
#include "module/firewall/engine.h"

/*
 * Equal events are one with a count. The first is told at the next tick, so that it is seen at
 * once; repetitions follow as one more event when none came for a while, or after the longest time.
 */

enum { NOTES_MAX = 1024, DATA_MAX = 1500, FOUND_MAX = 64 };

/* What makes two events equal. */
struct note_key {
	uint64_t rule;
	uint32_t reason;
	uint8_t action, direction, proto, flags;
	uint16_t sport, dport, frame;
	struct ip src, dst;
};

struct note {
	struct note_key key;
	bool used, told, alert;
	uint64_t count, first_ms, last_ms, since_ms, data_ms;
	uint8_t src_mac[6], dst_mac[6];
	bool has_mac;
	uint8_t icmp_type, icmp_code;
	uint32_t size;
	char ifname[16];
	char name[128]; /* of the rule */
	const char *note;
	uint16_t data_len;
	bool cut;
	uint8_t data[DATA_MAX];
};

struct notes {
	struct note notes[NOTES_MAX];
	size_t n;        /* used below this */
	uint64_t second; /* the one that is counted */
	uint32_t in_second;
	uint64_t lost;
	struct recon_found found[FOUND_MAX];
	size_t nfound;
};

struct notes *notes_new(void)
{
	return calloc(1, sizeof(struct notes));
}

void notes_free(struct notes *n)
{
	free(n);
}

static bool ignored(const struct rules *r, const struct packet *p, enum reason reason)
{
	for (size_t i = 0; i < 3; i++)
		if (reason && r->ignore_reasons[i] == reason)
			return true;
	return packet_is_ip(p) && ip_list_has(&r->ignore_sources, &p->src);
}

static bool over_rate(struct notes *n, const struct rules *r, uint64_t now_ms)
{
	if (n->second != now_ms / 1000) {
		n->second = now_ms / 1000;
		n->in_second = 0;
	}
	if (n->in_second++ < r->events_per_second)
		return false;
	n->lost++;
	return true;
}

static struct note *find(struct notes *n, const struct note_key *k)
{
	for (size_t i = 0; i < n->n; i++)
		if (n->notes[i].used && memcmp(&n->notes[i].key, k, sizeof(*k)) == 0)
			return &n->notes[i];
	return NULL;
}

/* A place for a new one; told ones without repetition make room first. NULL: all are due. */
static struct note *take(struct notes *n, const struct rules *r)
{
	size_t max = r->fold_entries < NOTES_MAX ? r->fold_entries : NOTES_MAX;
	struct note *oldest = NULL;
	for (size_t i = 0; i < n->n; i++) {
		struct note *t = &n->notes[i];
		if (!t->used)
			return t;
		if (t->told && t->count == 0 && (!oldest || t->last_ms < oldest->last_ms))
			oldest = t;
	}
	if (n->n < max)
		return &n->notes[n->n++];
	if (oldest)
		return oldest;
	return n->n < NOTES_MAX ? &n->notes[n->n++] : NULL;
}

static void keep_data(struct note *t, const struct rules *r, const struct packet *p, bool wanted,
                      uint64_t now_ms)
{
	size_t max = r->packet_data_max < DATA_MAX ? r->packet_data_max : DATA_MAX;
	bool again = t->data_ms && r->log_one_per_period &&
	             now_ms - t->data_ms < (uint64_t)r->log_period_s * 1000;
	if (!wanted || again || t->data_len)
		return;
	t->cut = p->len > max;
	t->data_len = (uint16_t)(t->cut ? max : p->len);
	memcpy(t->data, p->data, t->data_len);
	t->data_ms = now_ms;
}

static void describe(struct note *t, const struct packet *p, const struct fw_rule *rule)
{
	t->has_mac = p->has_mac;
	memcpy(t->src_mac, p->src_mac, 6);
	memcpy(t->dst_mac, p->dst_mac, 6);
	t->icmp_type = p->icmp_type;
	t->icmp_code = p->icmp_code;
	t->size = p->ip_len ? p->ip_len : (uint32_t)p->len;
	t->alert = rule && rule->alert;
	snprintf(t->ifname, sizeof(t->ifname), "%s", p->ifname ? p->ifname : "");
	struct str name = str_utf8_cut(str_of(rule ? rule->name : ""), sizeof(t->name) - 1);
	snprintf(t->name, sizeof(t->name), "%.*s", STR_ARG(name));
}

static void key_of(struct note_key *k, const struct packet *p, const struct fw_rule *rule,
                   enum reason reason, enum note_action action)
{
	memset(k, 0, sizeof(*k));
	k->rule = rule ? rule->id : 0;
	k->reason = reason;
	k->action = (uint8_t)action;
	k->direction = (uint8_t)p->direction;
	k->proto = p->proto;
	k->flags = p->tcp_flags;
	k->sport = p->sport;
	k->dport = p->dport;
	k->frame = p->frame;
	k->src = p->src;
	k->dst = p->dst;
}

void notes_add(struct notes *n, const struct rules *r, const struct packet *p,
               const struct fw_rule *rule, enum reason reason, enum note_action action,
               const char *note, uint64_t now_ms)
{
	struct note_key k;
	key_of(&k, p, rule, reason, action);
	if ((rule && rule->quiet) || ignored(r, p, reason))
		return;
	struct note *t = find(n, &k);
	if (!t) {
		if (over_rate(n, r, now_ms))
			return;
		t = take(n, r);
		if (!t) {
			n->lost++;
			return;
		}
		*t = (struct note){ .key = k, .used = true, .since_ms = now_ms, .note = note };
		describe(t, p, rule);
	}
	if (t->count++ == 0)
		t->first_ms = p->when_ms;
	t->last_ms = p->when_ms;
	keep_data(t, r, p, r->log_all_data || (rule && rule->packet_data), now_ms);
}

void notes_recon(struct notes *n, const struct recon_found *found)
{
	if (n->nfound < FOUND_MAX)
		n->found[n->nfound++] = *found;
}

/* ---- telling ---- */

static void mac_text(struct event *ev, const char *field, const uint8_t m[6])
{
	char text[18];
	snprintf(text, sizeof(text), "%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3], m[4],
	         m[5]);
	event_text(ev, field, text);
}

static void number_or(struct event *ev, const char *field, unsigned number, const char *word)
{
	char text[16];
	snprintf(text, sizeof(text), "%u", number);
	event_text(ev, field, word ? word : text);
}

static const char *proto_word(uint8_t proto)
{
	static const struct {
		uint8_t proto;
		const char *word;
	} words[] = { { PROTO_TCP, "TCP" },
		      { PROTO_UDP, "UDP" },
		      { PROTO_ICMP, "ICMP" },
		      { PROTO_IGMP, "IGMP" },
		      { PROTO_ICMPV6, "ICMPv6" } };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].proto == proto)
			return words[i].word;
	return NULL;
}

static const char *frame_word(uint16_t frame)
{
	if (frame == 0x0800)
		return "IPv4";
	if (frame == 0x86dd)
		return "IPv6";
	return frame == 0x0806 ? "ARP" : NULL;
}

static void tell_flags(struct event *ev, const struct note *t)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	char text[64] = "";
	size_t n = 0;
	if (t->key.proto == PROTO_ICMP || t->key.proto == PROTO_ICMPV6) {
		snprintf(text, sizeof(text), "Type %u Code %u", t->icmp_type, t->icmp_code);
		event_text(ev, "Flags", text);
		return;
	}
	if (t->key.proto != PROTO_TCP)
		return;
	for (unsigned i = 0; i < 8; i++)
		if (t->key.flags & (1u << i))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
			                      names[i]);
	event_text(ev, "Flags", text);
}

static void tell_reason(struct event *ev, const struct note *t)
{
	char text[160];
	const struct reason_words *words = reason_find(t->key.reason);
	if (!t->key.rule) {
		event_text(ev, "Reason", words ? words->en : "Undefined");
		event_int(ev, "ReasonID", t->key.reason);
		return;
	}
	snprintf(text, sizeof(text), "Firewall Rule: %s", t->name);
	event_text(ev, "Reason", text);
	event_int(ev, "ReasonID", (int64_t)t->key.rule);
	event_int(ev, "RuleID", (int64_t)t->key.rule);
	event_bool(ev, "AlertEnabled", t->alert);
}

static void tell_addresses(struct event *ev, const struct note *t)
{
	char text[46];
	bool ports = t->key.proto == PROTO_TCP || t->key.proto == PROTO_UDP;
	event_text(ev, "SourceIP", ip_text(&t->key.src, text));
	event_text(ev, "DestinationIP", ip_text(&t->key.dst, text));
	if (ports) {
		event_int(ev, "SourcePort", t->key.sport);
		event_int(ev, "DestinationPort", t->key.dport);
	}
	if (t->has_mac) {
		mac_text(ev, "SourceMAC", t->src_mac);
		mac_text(ev, "DestinationMAC", t->dst_mac);
	}
}

static void tell_data(struct event *ev, const struct note *t)
{
	struct buf b = { 0 };
	event_int(ev, "DataFlags", (t->data_len ? 1 : 0) | (t->cut ? 2 : 0));
	if (t->data_len) {
		base64_encode(&b, (struct str){ (const char *)t->data, t->data_len });
		event_text(ev, "PacketData", b.p);
	}
	buf_done(&b);
}

static void tell_action(struct event *ev, const struct note *t)
{
	static const struct {
		enum note_action action;
		const char *word;
		int rank;
	} words[] = { { NOTE_DENY, "Deny", 100 },
		      { NOTE_LOG, "Log Only", 1 },
		      { NOTE_DETECT, "Detect Only: Deny", 50 } };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].action != (enum note_action)t->key.action)
			continue;
		event_int(ev, "Action", words[i].action);
		event_text(ev, "ActionString", words[i].word);
		event_int(ev, "Rank", words[i].rank);
	}
}

static void emit(struct host *h, struct event *ev)
{
	rand_guid(ev->unique);
	h->emit(h, ev);
}

static void tell(struct note *t, struct host *h)
{
	AUTO(event_done) struct event ev;
	const char *kind = t->key.rule ? "firewall-rule" : "firewall-reason";
	event_init(&ev, &event_class_firewall,
	           t->key.action == NOTE_CONNECTION ? "new-connection" : kind);
	ev.time_ms = t->first_ms;
	tell_reason(&ev, t);
	tell_action(&ev, t);
	if (t->note)
		event_text(&ev, "Note", t->note);
	event_int(&ev, "Direction", t->key.direction);
	event_text(&ev, "DirectionString", t->key.direction == PACKET_IN ? "Incoming" : "Outgoing");
	event_text(&ev, "Interface", t->ifname);
	number_or(&ev, "FrameType", t->key.frame, frame_word(t->key.frame));
	number_or(&ev, "Protocol", t->key.proto, proto_word(t->key.proto));
	tell_flags(&ev, t);
	tell_addresses(&ev, t);
	event_int(&ev, "PacketSize", t->size);
	event_int(&ev, "RepeatCount", (int64_t)t->count);
	event_int(&ev, "StartTime", (int64_t)t->first_ms);
	event_int(&ev, "EndTime", (int64_t)t->last_ms);
	tell_data(&ev, t);
	emit(h, &ev);
	t->told = true;
	t->count = 0;
	t->data_len = 0;
}

static void tell_recon(const struct recon_found *found, struct host *h)
{
	static const char *const kinds[RECON_KINDS] = { "fingerprint-probe", "network-or-port-scan",
		                                        "tcp-null-scan", "tcp-syn-fin-scan",
		                                        "tcp-xmas-scan" };
	AUTO(event_done) struct event ev;
	char source[46], target[46], text[128];
	event_init(&ev, &event_class_system, kinds[found->kind]);
	ev.time_ms = found->when_ms;
	event_text(&ev, "TargetName", ip_text(&found->source, source));
	snprintf(text, sizeof(text), "%s port %u on %s", ip_text(&found->target, target),
	         found->port, found->ifname[0] ? found->ifname : "an interface");
	event_text(&ev, "Description", text);
	emit(h, &ev);
}

static void tell_lost(struct notes *n, struct host *h, uint64_t now_ms)
{
	AUTO(event_done) struct event ev;
	event_init(&ev, &event_class_firewall, "events-lost");
	ev.time_ms = now_ms;
	event_int(&ev, "Lost", (int64_t)n->lost);
	emit(h, &ev);
	n->lost = 0;
}

void notes_tell(struct notes *n, const struct rules *r, struct host *h, uint64_t now_ms, bool all)
{
	uint64_t stale = r ? (uint64_t)r->fold_stale_s * 1000 : 0;
	uint64_t life = r ? (uint64_t)r->fold_life_s * 1000 : 0;
	for (size_t i = 0; i < n->nfound; i++)
		tell_recon(&n->found[i], h);
	n->nfound = 0;
	for (size_t i = 0; i < n->n; i++) {
		struct note *t = &n->notes[i];
		if (!t->used)
			continue;
		bool old = now_ms - t->since_ms >= life || now_ms - t->last_ms >= stale;
		if (t->count && (all || !t->told || old))
			tell(t, h);
		if (all || (t->told && old))
			t->used = false;
	}
	if (n->lost)
		tell_lost(n, h, now_ms);
}
