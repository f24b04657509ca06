#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "module/firewall/engine.h"

/*
 * Who looks around. After TAPS (connectionless port scan detection by the ratio of addresses and
 * ports that a source tries), bettered by what is known at the end host: a place that answers is
 * no sign. The table is of a fixed size; a set of four holds the sources seen last.
 */

enum {
	SETS = 1024,
	WAYS = 4,
	PLACES = 512, /* bits for places tried; a collision counts too little, never too much */
	ASKED = 4096,
	SCAN_MIN = 15,            /* places that did not answer */
	SCAN_WINDOW_MS = 1800000, /* half an hour: slow sweeps try one place in 15 s */
	FORGET_MS = 3600000,      /* a source is told again after an hour of silence */
	PROBE_WINDOW_MS = 120000,
	ASKED_MS = 180000,
};

enum probe {
	PROBE_ECHO_CODE = 1, /* an echo request whose code is not 0 */
	PROBE_MIXED = 2,     /* SYN, FIN, URG and PSH together */
	PROBE_NULL = 4,      /* no flags but options */
	PROBE_XMAS = 8,      /* FIN, PSH, URG with options */
	PROBE_URGENT = 16,   /* SYN with an urgent pointer but no URG */
	PROBE_CLOSED = 32,   /* 300 equal bytes by UDP */
};

struct source {
	struct ip ip;
	uint64_t since_ms, last_ms, probes_ms, blocked_ms;
	uint8_t places[PLACES / 8];
	uint16_t tried, ips, ports;
	uint64_t ip_bits, port_bits[4];
	uint8_t told, probes;
};

/* What we asked lately, so that answers are known: one slot a hash. */
struct asked {
	uint32_t hash;
	uint64_t when_ms;
};

struct recons {
	uint64_t key[2];
	struct source sources[SETS][WAYS];
	struct asked asked[ASKED];
};

struct recons *recons_new(const uint64_t key[static 2])
{
	struct recons *r = calloc(1, sizeof(*r));
	if (r)
		memcpy(r->key, key, sizeof(r->key));
	return r;
}

void recons_free(struct recons *r)
{
	free(r);
}

static struct source *source_find(struct recons *r, const struct ip *ip)
{
	struct source *set = r->sources[siphash(r->key, ip, sizeof(*ip)) % SETS];
	for (int i = 0; i < WAYS; i++)
		if (memcmp(&set[i].ip, ip, sizeof(*ip)) == 0)
			return &set[i];
	return NULL;
}

static struct source *source_take(struct recons *r, const struct ip *ip, uint64_t now_ms)
{
	struct source *s = source_find(r, ip);
	if (s && now_ms - s->last_ms < FORGET_MS)
		return s;
	struct source *set = r->sources[siphash(r->key, ip, sizeof(*ip)) % SETS];
	for (int i = 0; i < WAYS && !s; i++)
		if (!set[i].ip.version)
			s = &set[i];
	for (int i = 0; i < WAYS && (!s || s->ip.version); i++)
		if (!s || (memcmp(&s->ip, ip, sizeof(*ip)) != 0 && set[i].last_ms < s->last_ms))
			s = &set[i];
	*s = (struct source){ .ip = *ip, .since_ms = now_ms, .last_ms = now_ms };
	return s;
}

bool recons_blocked(struct recons *r, const struct ip *source, uint64_t now_ms)
{
	const struct source *s = source_find(r, source);
	return s && s->blocked_ms > now_ms;
}

void recons_block(struct recons *r, const struct ip *source, uint64_t until_ms)
{
	struct source *s = source_find(r, source);
	if (s)
		s->blocked_ms = until_ms;
}

/* ---- what is an answer ---- */

static uint32_t talk_hash(const struct recons *r, const struct packet *p, bool turned)
{
	struct {
		struct ip us, them;
		uint16_t our_port, their_port;
		uint8_t proto;
	} k;
	memset(&k, 0, sizeof(k));
	k.us = turned ? p->dst : p->src;
	k.them = turned ? p->src : p->dst;
	k.our_port = turned ? p->dport : p->sport;
	k.their_port = turned ? p->sport : p->dport;
	k.proto = p->proto;
	if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6)
		k.our_port = k.their_port = p->icmp_id;
	return (uint32_t)siphash(r->key, &k, sizeof(k));
}

static bool is_answer(const struct recons *r, const struct packet *p, uint64_t now_ms)
{
	uint32_t h = talk_hash(r, p, true);
	const struct asked *a = &r->asked[h % ASKED];
	return a->hash == h && a->when_ms && now_ms - a->when_ms < ASKED_MS;
}

/* ---- places ---- */

static unsigned place_of(const struct recons *r, const struct ip *ip, uint32_t port, uint8_t proto)
{
	struct {
		struct ip ip;
		uint32_t port;
		uint8_t proto;
	} k;
	memset(&k, 0, sizeof(k));
	k.ip = *ip;
	k.port = port;
	k.proto = proto;
	return (unsigned)siphash(r->key, &k, sizeof(k)) % PLACES;
}

static void count(const struct recons *r, struct source *s, const struct ip *ip, uint32_t port,
                  uint8_t proto, uint64_t now_ms)
{
	unsigned bit = place_of(r, ip, port, proto);
	unsigned ip_bit = (unsigned)siphash(r->key, ip, sizeof(*ip)) % 64;
	unsigned port_bit = (unsigned)siphash(r->key, &port, sizeof(port)) % 256;
	if (now_ms - s->since_ms > SCAN_WINDOW_MS) {
		memset(s->places, 0, sizeof(s->places));
		memset(s->port_bits, 0, sizeof(s->port_bits));
		s->ip_bits = 0;
		s->tried = s->ips = s->ports = 0;
		s->since_ms = now_ms;
	}
	if (s->places[bit / 8] & (1u << bit % 8))
		return;
	s->places[bit / 8] |= (uint8_t)(1u << bit % 8);
	s->tried++;
	if (!(s->ip_bits & (1ull << ip_bit)))
		s->ips++;
	if (!(s->port_bits[port_bit / 64] & (1ull << port_bit % 64)))
		s->ports++;
	s->ip_bits |= 1ull << ip_bit;
	s->port_bits[port_bit / 64] |= 1ull << port_bit % 64;
}

/* A place that lets somebody in is there to be used. */
static void answered(struct recons *r, const struct packet *p)
{
	struct source *s = source_find(r, &p->dst);
	bool opens = p->proto == PROTO_UDP ||
	             (p->proto == PROTO_TCP &&
	              (p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK));
	if (!s || !opens)
		return;
	unsigned bit = place_of(r, &p->src, p->sport, p->proto);
	if ((s->places[bit / 8] & (1u << bit % 8)) && s->tried)
		s->tried--;
}

/* Many ports of few addresses, or many addresses by few ports. */
static bool scans(const struct source *s)
{
	unsigned few = s->ips < s->ports ? s->ips : s->ports;
	unsigned many = s->ips < s->ports ? s->ports : s->ips;
	return s->tried >= SCAN_MIN && many >= 4 * (few ? few : 1);
}

/* ---- kinds ---- */

static bool equal_bytes(const struct packet *p)
{
	const uint8_t *at = p->data + p->payload;
	for (uint32_t i = 1; i < p->payload_len; i++)
		if (at[i] != at[0])
			return false;
	return true;
}

static bool has_options(const struct packet *p)
{
	return p->tcp.has_timestamp || p->tcp.has_wscale || p->tcp.mss || p->tcp.sack;
}

static uint8_t probe_of(const struct packet *p)
{
	uint8_t flags = p->tcp_flags & 0x3f;
	if (p->proto == PROTO_ICMP)
		return p->icmp_type == 8 && p->icmp_code ? PROBE_ECHO_CODE : 0;
	if (p->proto == PROTO_ICMPV6)
		return p->icmp_type == 128 && p->icmp_code ? PROBE_ECHO_CODE : 0;
	if (p->proto == PROTO_UDP)
		return p->payload_len == 300 && equal_bytes(p) ? PROBE_CLOSED : 0;
	if (p->proto != PROTO_TCP)
		return 0;
	if (flags == (TCP_SYN | TCP_FIN | TCP_URG | TCP_PSH))
		return PROBE_MIXED;
	if (flags == 0 && has_options(p))
		return PROBE_NULL;
	if (flags == (TCP_FIN | TCP_URG | TCP_PSH) && has_options(p))
		return PROBE_XMAS;
	return flags == TCP_SYN && p->urgent ? PROBE_URGENT : 0;
}

static unsigned flag_kinds(const struct packet *p)
{
	uint8_t flags = p->tcp_flags & 0x3f;
	if (p->proto != PROTO_TCP)
		return 0;
	if (flags == 0)
		return 1u << RECON_NULL;
	if (flags == (TCP_SYN | TCP_FIN))
		return 1u << RECON_SYN_FIN;
	bool xmas = flags == (TCP_FIN | TCP_URG | TCP_PSH) || flags == 0x3f;
	return xmas ? 1u << RECON_XMAS : 0;
}

static unsigned fingerprint(struct source *s, const struct packet *p, uint64_t now_ms)
{
	uint8_t probe = probe_of(p);
	if (!probe)
		return 0;
	if (now_ms - s->probes_ms > PROBE_WINDOW_MS)
		s->probes = 0;
	s->probes_ms = now_ms;
	s->probes |= probe;
	return s->probes & (s->probes - 1) ? 1u << RECON_FINGERPRINT : 0;
}

static bool begins(const struct packet *p)
{
	bool v6 = p->proto == PROTO_ICMPV6;
	if (p->proto == PROTO_TCP)
		return !(p->tcp_flags & TCP_RST) &&
		       (p->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK);
	if (p->proto == PROTO_ICMP || v6)
		return p->icmp_type == (v6 ? 128 : 8);
	return p->proto == PROTO_UDP;
}

static bool to_one(const struct packet *p)
{
	return p->dst.version == 4 ? p->dst.b[0] < 224 : p->dst.b[0] != 0xff;
}

static void see_place(struct recons *r, struct source *s, const struct packet *p,
                      enum reason refused, uint64_t now_ms)
{
	bool icmp = p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6;
	/* A header that was cut on purpose hides the port; each such packet is a try. */
	if (p->fragment && refused)
		count(r, s, &p->dst, 0x10000u | p->fragment_id, 0, now_ms);
	else if (p->transport && begins(p) && to_one(p) &&
	         ((p->tcp_flags & TCP_SYN) || !is_answer(r, p, now_ms)))
		count(r, s, &p->dst, icmp ? 0 : p->dport, p->proto, now_ms);
}

static void remember(struct recons *r, const struct packet *p, uint64_t now_ms)
{
	uint32_t h = talk_hash(r, p, false);
	r->asked[h % ASKED] = (struct asked){ h, now_ms };
	answered(r, p);
}

unsigned recons_see(struct recons *r, const struct recon_rules *rules, const struct packet *p,
                    enum reason refused, uint64_t now_ms)
{
	if (!rules->on || !packet_is_ip(p))
		return 0;
	if (p->direction == PACKET_OUT) {
		remember(r, p, now_ms);
		return 0;
	}
	if (ip_list_has(&rules->exclude, &p->src) ||
	    (rules->include.n && !ip_list_has(&rules->include, &p->dst)))
		return 0;
	struct source *s = source_take(r, &p->src, now_ms);
	s->last_ms = now_ms;
	see_place(r, s, p, refused, now_ms);
	unsigned found = scans(s) ? 1u << RECON_SCAN : 0;
	bool whole = refused != REASON_TRANSPORT_LENGTH && refused != REASON_FIRST_FRAGMENT_SMALL;
	if (p->transport && whole)
		found |= flag_kinds(p) | fingerprint(s, p, now_ms);
	for (unsigned k = 0; k < RECON_KINDS; k++)
		if (!rules->detect[k])
			found &= ~(1u << k);
	found &= ~(unsigned)s->told;
	s->told |= (uint8_t)found;
	return found;
}
