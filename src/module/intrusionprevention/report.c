#include "module/intrusionprevention/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/rand.h"

enum { REPORTS_MAX = 512, DATA_MAX = 1500, FIRSTS = 1024, HEADER_MAX = 8192 };

/* Numbers of behaviour 4.1; 0x80 more: detect only. */
enum { DID_DROP = 1, DID_RESET = 2, DID_LOG = 6, DID_WOULD = 0x80 };

struct report_key {
	uint64_t rule;
	uint32_t sid;
	uint32_t reason;
	uint8_t action, direction, proto, reverse;
	uint16_t port; /* the server's */
	struct ip src, dst;
};

struct report {
	struct report_key key;
	bool used, told, alert, has_mac, cut;
	enum prevention_severity severity;
	enum app_protocol spoken;
	uint64_t count, first_ms, last_ms, since_ms;
	uint16_t sport, dport;
	uint8_t flags, src_mac[6], dst_mac[6];
	uint32_t size;
	int64_t position, stream_position;
	char note[160];
	char ifname[16], name[128], type[64], cve[128], forwarded[128];
	uint16_t data_len;
	uint8_t data[DATA_MAX];
};

/* When a rule's packet was kept last. */
struct first {
	uint64_t rule, when_ms;
};

struct reports {
	struct report list[REPORTS_MAX];
	struct first firsts[FIRSTS];
	size_t n; /* used below this */
	uint64_t second, lost;
	uint32_t in_second;
};

struct reports *reports_new(void)
{
	return calloc(1, sizeof(struct reports));
}

void reports_free(struct reports *n)
{
	free(n);
}

static struct report *take(struct reports *n, const struct rules *r, const struct report_key *k,
                           uint64_t now_ms, bool *is_new)
{
	struct report *free_one = NULL;
	*is_new = false;
	for (size_t i = 0; i < n->n; i++) {
		struct report *t = &n->list[i];
		if (t->used && memcmp(&t->key, k, sizeof(*k)) == 0)
			return t;
		if (!t->used || (t->told && t->count == 0))
			free_one = t;
	}
	if (n->second != now_ms / 1000) {
		n->second = now_ms / 1000;
		n->in_second = 0;
	}
	if (!free_one && n->n < REPORTS_MAX)
		free_one = &n->list[n->n++];
	if (!free_one || n->in_second++ >= r->events_per_second) {
		n->lost++;
		return NULL;
	}
	*is_new = true;
	memset(free_one, 0, sizeof(*free_one));
	free_one->key = *k;
	free_one->used = true;
	free_one->since_ms = now_ms;
	free_one->position = free_one->stream_position = -1;
	return free_one;
}

static void copy_text(char *to, size_t size, const char *from)
{
	struct str s = str_utf8_cut(str_of(from ? from : ""), size - 1);
	snprintf(to, size, "%.*s", STR_ARG(s));
}

static void describe(struct report *t, const struct packet *p, bool data)
{
	if (!p)
		return;
	t->has_mac = p->has_mac;
	memcpy(t->src_mac, p->src_mac, 6);
	memcpy(t->dst_mac, p->dst_mac, 6);
	t->flags = p->tcp_flags;
	t->size = p->ip_len ? p->ip_len : (uint32_t)p->len;
	copy_text(t->ifname, sizeof(t->ifname), p->ifname);
	if (!data)
		return;
	t->cut = p->len > DATA_MAX;
	t->data_len = (uint16_t)(t->cut ? DATA_MAX : p->len);
	memcpy(t->data, p->data, t->data_len);
}

static void count(struct report *t, uint64_t when_ms)
{
	if (t->count++ == 0)
		t->first_ms = when_ms;
	t->last_ms = when_ms;
}

static uint8_t action_of(const struct ips_alert *a)
{
	uint8_t is = a->wanted == IPS_DROP     ? DID_DROP
	             : a->wanted == IPS_REJECT ? DID_RESET
	                                       : DID_LOG;
	return a->would ? is | DID_WOULD : is;
}

struct ports {
	uint16_t sport, dport;
};

/* Who sent what matched, by the connection; by the packet where there is none. */
static void key_ends(struct report_key *k, struct ports *t, const struct ips_alert *a)
{
	const struct packet *p = a->packet;
	if (a->flow) {
		const struct ips_tuple *f = ips_flow_tuple(a->flow);
		bool client = a->side == APP_CLIENT;
		k->src = client ? f->client : f->server;
		k->dst = client ? f->server : f->client;
		k->port = f->server_port;
		k->proto = f->proto;
		k->reverse = !client;
		t->sport = client ? f->client_port : f->server_port;
		t->dport = client ? f->server_port : f->client_port;
	} else if (p) {
		k->src = p->src;
		k->dst = p->dst;
		k->port = p->dport;
		k->proto = p->proto;
		t->sport = p->sport;
		t->dport = p->dport;
	}
	k->direction = p ? (uint8_t)p->direction : PACKET_IN;
}

/* Is it the first hit of the rule in a period? Rules that share a place take turns. */
static bool first_in_period(struct reports *n, const struct rules *r, uint64_t rule,
                            uint64_t now_ms)
{
	struct first *f = &n->firsts[rule % FIRSTS];
	if (f->rule == rule && now_ms - f->when_ms < UINT64_C(1000) * r->first_period_s)
		return false;
	*f = (struct first){ rule, now_ms };
	return true;
}

/* The value of X-Forwarded-For among lines, as it came. */
static void forwarded_in(struct report *t, struct str lines)
{
	while (lines.p) {
		struct str value = str_trim(str_cut(&lines, '\n')), name = str_cut(&value, ':');
		if (!str_eq_nocase(name, STR("X-Forwarded-For")))
			continue;
		AUTO(buf_done) struct buf safe = { 0 };
		buf_safe(&safe, str_trim(value));
		copy_text(t->forwarded, sizeof(t->forwarded), safe.p);
		return;
	}
}

/*
 * Whom a proxy says that the request is from. A rule over the first line fires before the headers
 * are read: then they are looked for in the packet.
 */
static void forwarded_for(struct report *t, const struct ips_alert *a, enum app_protocol spoken)
{
	struct app_bytes b;
	const struct packet *p = a->packet;
	if (!a->tx || (spoken != APP_HTTP && spoken != APP_HTTP2))
		return;
	if (app_tx_buffer(a->tx, BUFFER_HTTP_HEADER, APP_CLIENT, 0, &b) && b.data) {
		size_t n = b.len < HEADER_MAX ? b.len : HEADER_MAX;
		forwarded_in(t, (struct str){ (const char *)b.data, n });
	} else if (p && p->payload_len && a->side == APP_CLIENT) {
		size_t n = p->payload_len < HEADER_MAX ? p->payload_len : HEADER_MAX;
		forwarded_in(t, (struct str){ (const char *)p->data + p->payload, n });
	}
}

void reports_add(struct reports *n, const struct rules *r, const struct prevention_rule *rule,
                 const struct ips_alert *a, enum app_protocol spoken, uint64_t now_ms)
{
	struct report_key k;
	struct ports ends = { 0 };
	bool is_new = false;
	memset(&k, 0, sizeof(k));
	k.rule = rule->id;
	k.sid = a->rule->sid;
	k.action = action_of(a);
	key_ends(&k, &ends, a);
	if (rule->quiet)
		return;
	struct report *t = take(n, r, &k, now_ms, &is_new);
	if (!t)
		return;
	if (is_new) {
		t->sport = ends.sport;
		t->dport = ends.dport;
		t->severity = rule->severity;
		t->alert = rule->alert;
		t->spoken = spoken;
		t->position = a->position;
		t->stream_position = a->stream_position;
		copy_text(t->note, sizeof(t->note),
		          *a->note                  ? a->note
		          : a->buffer < APP_BUFFERS ? app_buffers[a->buffer].name
		                                    : NULL);
		copy_text(t->name, sizeof(t->name), rule->name);
		copy_text(t->type, sizeof(t->type), rule->type ? rule->type->name : "");
		copy_text(t->cve, sizeof(t->cve), rule->cve);
		forwarded_for(t, a, spoken);
		bool first = r->first_data && a->packet && first_in_period(n, r, rule->id, now_ms);
		describe(t, a->packet, rule->packet_data || first);
	}
	count(t, a->packet && a->packet->when_ms ? a->packet->when_ms : now_ms);
}

void reports_oddity(struct reports *n, const struct rules *r, enum reason reason, const char *note,
                    bool drop, const struct packet *p, uint64_t now_ms)
{
	struct report_key k;
	bool is_new = false;
	memset(&k, 0, sizeof(k));
	k.reason = reason;
	k.action = drop ? DID_DROP : DID_LOG;
	k.src = p->src;
	k.dst = p->dst;
	k.port = p->dport;
	k.proto = p->proto;
	k.direction = (uint8_t)p->direction;
	struct report *t = take(n, r, &k, now_ms, &is_new);
	if (!t)
		return;
	if (is_new) {
		t->sport = p->sport;
		t->dport = p->dport;
		copy_text(t->note, sizeof(t->note), note);
		t->severity = IPS_LOW;
		describe(t, p, false);
	}
	count(t, p->when_ms ? p->when_ms : now_ms);
}

/* ---- telling ---- */

static void mac_text(struct event *ev, const char *field, const uint8_t m[6])
{
	char text[18];
	snprintf(text, sizeof(text), "%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3], m[4],
	         m[5]);
	event_text(ev, field, text);
}

static void tell_reason(struct event *ev, const struct report *t)
{
	char text[160];
	if (!t->key.rule) {
		const struct reason_words *words = reason_find(t->key.reason);
		event_text(ev, "Reason", words ? words->en : "Undefined");
		event_int(ev, "ReasonID", t->key.reason);
		return;
	}
	snprintf(text, sizeof(text), "%llu - %s", (unsigned long long)t->key.rule, t->name);
	event_text(ev, "Reason", text);
	event_int(ev, "ReasonID", (int64_t)t->key.rule);
	event_int(ev, "RuleID", (int64_t)t->key.rule);
	event_int(ev, "SignatureID", t->key.sid);
	event_text(ev, "ApplicationType", t->type);
	event_text(ev, "CVE", t->cve);
	event_bool(ev, "AlertEnabled", t->alert);
	if (*t->forwarded)
		event_text(ev, "XForwardedFor", t->forwarded);
}

static void tell_action(struct event *ev, const struct report *t)
{
	static const unsigned ranks[] = { 1, 25, 50, 100 };
	uint8_t did = t->key.action & 0x7f;
	const char *word = did == DID_DROP ? "Drop" : did == DID_RESET ? "Reset" : "Log Only";
	char text[40];
	snprintf(text, sizeof(text), "%s%s", t->key.action & DID_WOULD ? "Detect Only: " : "",
	         word);
	event_int(ev, "Action", t->key.action);
	event_text(ev, "ActionString", text);
	event_int(ev, "Severity", t->severity + 1);
	event_int(ev, "Rank", ranks[t->severity]);
}

static void tell_packet(struct event *ev, const struct report *t)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	char text[64] = "";
	size_t n = 0;
	for (unsigned i = 0; i < 8; i++)
		if (t->flags & (1u << i))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
			                      names[i]);
	if (t->key.proto == PROTO_TCP)
		event_text(ev, "Flags", text);
	event_text(ev, "Interface", t->ifname);
	event_int(ev, "PacketSize", t->size);
	if (t->has_mac) {
		mac_text(ev, "SourceMAC", t->src_mac);
		mac_text(ev, "DestinationMAC", t->dst_mac);
	}
	struct buf b = { 0 };
	event_int(ev, "DataFlags", (t->data_len ? 1 : 0) | (t->cut ? 2 : 0));
	if (t->data_len) {
		base64_encode(&b, (struct str){ (const char *)t->data, t->data_len });
		event_text(ev, "PacketData", b.p);
	}
	buf_done(&b);
}

static void tell_ends(struct event *ev, const struct report *t)
{
	static const struct {
		uint8_t proto;
		const char *word;
	} words[] = { { PROTO_TCP, "TCP" },
		      { PROTO_UDP, "UDP" },
		      { PROTO_ICMP, "ICMP" },
		      { PROTO_ICMPV6, "ICMPv6" } };
	char text[46];
	snprintf(text, sizeof(text), "%u", t->key.proto);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].proto == t->key.proto)
			snprintf(text, sizeof(text), "%s", words[i].word);
	event_text(ev, "Protocol", text);
	event_text(ev, "SourceIP", ip_text(&t->key.src, text));
	event_text(ev, "DestinationIP", ip_text(&t->key.dst, text));
	if (t->key.proto == PROTO_TCP || t->key.proto == PROTO_UDP) {
		event_int(ev, "SourcePort", t->sport);
		event_int(ev, "DestinationPort", t->dport);
	}
	event_int(ev, "Direction", t->key.direction);
	event_text(ev, "DirectionString", t->key.direction == PACKET_IN ? "Incoming" : "Outgoing");
	event_text(ev, "Flow", t->key.reverse ? "Reverse Flow" : "Connection Flow");
}

static void tell(struct report *t, struct host *h)
{
	AUTO(event_done) struct event ev;
	event_init(&ev, &event_class_intrusionprevention,
	           t->key.rule ? "intrusion-rule" : "intrusion-reason");
	ev.time_ms = t->first_ms;
	tell_reason(&ev, t);
	tell_action(&ev, t);
	tell_ends(&ev, t);
	tell_packet(&ev, t);
	if (t->spoken != APP_UNKNOWN)
		event_text(&ev, "ApplicationProtocol", app_protocol_name(t->spoken));
	if (*t->note)
		event_text(&ev, "Note", t->note);
	if (t->position >= 0)
		event_int(&ev, "PosInBuffer", t->position);
	if (t->stream_position >= 0)
		event_int(&ev, "PosInStream", t->stream_position);
	event_int(&ev, "RepeatCount", (int64_t)t->count);
	event_int(&ev, "StartTime", (int64_t)t->first_ms);
	event_int(&ev, "EndTime", (int64_t)t->last_ms);
	rand_guid(ev.unique);
	h->emit(h, &ev);
	t->told = true;
	t->count = 0;
	t->data_len = 0;
}

void reports_tell(struct reports *n, const struct rules *r, struct host *h, uint64_t now_ms,
                  bool all)
{
	uint64_t life = r ? (uint64_t)r->fold_life_s * 1000 : 0;
	for (size_t i = 0; i < n->n; i++) {
		struct report *t = &n->list[i];
		if (!t->used)
			continue;
		bool old = now_ms - t->since_ms >= life;
		if (t->count && (all || !t->told || old))
			tell(t, h);
		if (all || (t->told && old))
			t->used = false;
	}
	if (!n->lost)
		return;
	AUTO(event_done) struct event ev;
	event_init(&ev, &event_class_intrusionprevention, "intrusion-events-lost");
	ev.time_ms = now_ms;
	event_int(&ev, "Lost", (int64_t)n->lost);
	rand_guid(ev.unique);
	h->emit(h, &ev);
	n->lost = 0;
}
