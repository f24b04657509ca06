#include "engine/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "engine/flow_table.h"

static const char *const names[FLOW_STATES] = {
	[FLOW_FREE] = "NONE",           [FLOW_SYN_SENT] = "SYN_SENT",
	[FLOW_SYN_RCVD] = "SYN_RCVD",   [FLOW_ESTABLISHED] = "ESTABLISHED",
	[FLOW_FIN_WAIT1] = "FIN_WAIT1", [FLOW_CLOSE_WAIT] = "CLOSE_WAIT",
	[FLOW_CLOSING] = "CLOSING",     [FLOW_LAST_ACK] = "LAST_ACK",
	[FLOW_CLOSED] = "CLOSED",       [FLOW_DISCONNECT] = "DISCONNECT",
	[FLOW_ERROR] = "ERROR",         [FLOW_UDP] = "UDP",
	[FLOW_ICMP] = "ICMP",
};

const char *flow_state_name(enum flow_state s)
{
	return names[s];
}

/* ---- keys: both directions of a flow have the same ---- */

/* ICMP: the identifier stands for both ports. */
static void ports_of(const struct packet *p, uint16_t port[2])
{
	bool icmp = p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6;
	port[0] = icmp ? p->icmp_id : p->sport;
	port[1] = icmp ? p->icmp_id : p->dport;
}

static int end_cmp(const struct ip *a, uint16_t ap, const struct ip *b, uint16_t bp)
{
	int c = memcmp(a, b, sizeof(*a));
	return c ? c : ap - bp;
}

static uint32_t hash_of(const struct flows *f, const struct ip ip[2], const uint16_t port[2],
                        uint8_t proto)
{
	uint8_t b[2 * sizeof(struct ip) + 5];
	int first = end_cmp(&ip[0], port[0], &ip[1], port[1]) <= 0 ? 0 : 1;
	memcpy(b, &ip[first], sizeof(struct ip));
	memcpy(b + sizeof(struct ip), &ip[!first], sizeof(struct ip));
	memcpy(b + 2 * sizeof(struct ip), &port[first], 2);
	memcpy(b + 2 * sizeof(struct ip) + 2, &port[!first], 2);
	b[sizeof(b) - 1] = proto;
	return (uint32_t)siphash(f->key, b, sizeof(b)) & f->mask;
}

static bool is_flow(const struct flow *w, const struct ip ip[2], const uint16_t port[2],
                    uint8_t proto, bool *reverse)
{
	if (w->proto != proto)
		return false;
	for (int i = 0; i < 2; i++) {
		if (end_cmp(&w->ip[0], w->port[0], &ip[i], port[i]) == 0 &&
		    end_cmp(&w->ip[1], w->port[1], &ip[!i], port[!i]) == 0) {
			*reverse = i;
			return true;
		}
	}
	return false;
}

/* ---- the table ---- */

static void links_init(struct flows *f)
{
	memset(f->buckets, 0xff, ((size_t)f->mask + 1) * sizeof(*f->buckets));
	memset(f->peer_buckets, 0xff, ((size_t)f->mask + 1) * sizeof(*f->peer_buckets));
	/* The free lists grow as entries are first used, so that pages stay untouched. */
	f->free_flow = f->free_peer = NOBODY;
}

struct flows *flows_new(uint32_t flows, const struct flow_limits *limits,
                        const uint64_t key[static 2], uint64_t now_ms)
{
	struct flows *f = calloc(1, sizeof(*f));
	uint32_t buckets = 16;
	if (!f)
		return NULL;
	while (buckets < flows && buckets < 1u << 24)
		buckets <<= 1;
	f->size = flows ? flows : 1;
	f->mask = buckets - 1;
	f->buckets = calloc(buckets, sizeof(*f->buckets));
	f->peer_buckets = calloc(buckets, sizeof(*f->peer_buckets));
	f->flows = calloc(f->size, sizeof(*f->flows));
	f->peers = calloc(f->size, sizeof(*f->peers));
	if (!f->buckets || !f->peer_buckets || !f->flows || !f->peers) {
		flows_free(f);
		return NULL;
	}
	f->limits = limits ? *limits : flow_limits_default;
	memcpy(f->key, key, sizeof(f->key));
	f->start_ms = now_ms;
	links_init(f);
	return f;
}

void flows_free(struct flows *f)
{
	if (!f)
		return;
	free(f->buckets);
	free(f->peer_buckets);
	free(f->flows);
	free(f->peers);
	free(f);
}

void flows_set_limits(struct flows *f, const struct flow_limits *limits)
{
	f->limits = *limits;
}

void flows_set_offload(struct flows *f, bool offload)
{
	f->offload = offload;
}

uint32_t flows_count(const struct flows *f, enum flow_state s)
{
	return f->count[s];
}

static uint64_t due(const struct flows *f, enum flow_state state, uint64_t now_ms)
{
	return now_ms + (uint64_t)f->limits.timeout_s[state] * 1000;
}

void flow_set(struct flows *f, struct flow *w, enum flow_state state, uint64_t now_ms)
{
	f->count[w->state]--;
	f->count[state]++;
	w->state = state;
	w->due_ms = due(f, state, now_ms);
	if (state != FLOW_SYN_SENT && state != FLOW_SYN_RCVD)
		flow_opened(f, w);
}

static uint32_t index_of(const struct flows *f, const struct flow *w)
{
	return (uint32_t)(w - f->flows);
}

/* ---- peers ---- */

static uint32_t peer_hash(const struct flows *f, const struct ip *ip)
{
	return (uint32_t)siphash(f->key, ip, sizeof(*ip)) & f->mask;
}

const struct flow_peer *flow_peer_find(const struct flows *f, const struct ip *ip)
{
	for (uint32_t i = f->peer_buckets[peer_hash(f, ip)]; i != NOBODY; i = f->peers[i].next)
		if (memcmp(&f->peers[i].ip, ip, sizeof(*ip)) == 0)
			return &f->peers[i];
	return NULL;
}

/* There are as many peers as flows, so there is always one. */
static uint32_t peer_take(struct flows *f, const struct ip *ip)
{
	const struct flow_peer *known = flow_peer_find(f, ip);
	uint32_t bucket = peer_hash(f, ip), i = f->free_peer;
	if (known)
		return (uint32_t)(known - f->peers);
	if (i != NOBODY)
		f->free_peer = f->peers[i].next;
	else if (f->used_peers < f->size)
		i = f->used_peers++;
	else
		return NOBODY;
	f->peers[i] = (struct flow_peer){ .ip = *ip, .next = f->peer_buckets[bucket] };
	f->peer_buckets[bucket] = i;
	return i;
}

static void peer_release(struct flows *f, uint32_t i)
{
	struct flow_peer *p = &f->peers[i];
	uint32_t *link = &f->peer_buckets[peer_hash(f, &p->ip)];
	if (p->in || p->out)
		return;
	while (*link != i)
		link = &f->peers[*link].next;
	*link = p->next;
	p->next = f->free_peer;
	f->free_peer = i;
}

void flow_count_peer(struct flows *f, struct flow *w)
{
	w->peer = peer_take(f, &w->ip[w->incoming ? 0 : 1]);
	if (w->peer == NOBODY)
		return;
	w->half_open = true;
	f->peers[w->peer].half_open++;
	if (w->incoming)
		f->peers[w->peer].in++;
	else
		f->peers[w->peer].out++;
}

void flow_opened(struct flows *f, struct flow *w)
{
	if (w->half_open)
		f->peers[w->peer].half_open--;
	w->half_open = false;
}

static void peer_forget(struct flows *f, struct flow *w)
{
	if (w->peer == NOBODY)
		return;
	flow_opened(f, w);
	if (w->incoming)
		f->peers[w->peer].in--;
	else
		f->peers[w->peer].out--;
	peer_release(f, w->peer);
	w->peer = NOBODY;
}

/* ---- flows ---- */

void flow_drop(struct flows *f, struct flow *w)
{
	uint32_t i = index_of(f, w), *link = &f->buckets[hash_of(f, w->ip, w->port, w->proto)];
	while (*link != i)
		link = &f->flows[*link].next;
	*link = w->next;
	peer_forget(f, w);
	f->count[w->state]--;
	w->state = FLOW_FREE;
	w->next = f->free_flow;
	f->free_flow = i;
}

struct flow *flow_find(struct flows *f, const struct packet *p, uint64_t now_ms, bool *reverse)
{
	struct ip ip[2] = { p->src, p->dst };
	uint16_t port[2];
	ports_of(p, port);
	uint32_t i = f->buckets[hash_of(f, ip, port, p->proto)];
	for (; i != NOBODY; i = f->flows[i].next) {
		struct flow *w = &f->flows[i];
		if (!is_flow(w, ip, port, p->proto, reverse))
			continue;
		if (w->due_ms > now_ms)
			return w;
		flow_drop(f, w);
		return NULL;
	}
	return NULL;
}

static struct flow *take_free(struct flows *f)
{
	uint32_t i = f->free_flow;
	if (i != NOBODY)
		f->free_flow = f->flows[i].next;
	else if (f->used_flows < f->size)
		i = f->used_flows++;
	else
		return NULL;
	return &f->flows[i];
}

struct flow *flow_add(struct flows *f, const struct packet *p, enum flow_state state,
                      uint64_t now_ms)
{
	struct flow *w = take_free(f);
	if (!w) {
		flows_clean(f, now_ms);
		w = take_free(f);
	}
	if (!w)
		return NULL;
	*w = (struct flow){ .ip = { p->src, p->dst },
		            .proto = p->proto,
		            .incoming = p->direction == PACKET_IN,
		            .state = state,
		            .peer = NOBODY,
		            .due_ms = due(f, state, now_ms) };
	ports_of(p, w->port);
	uint32_t bucket = hash_of(f, w->ip, w->port, w->proto);
	w->next = f->buckets[bucket];
	f->buckets[bucket] = index_of(f, w);
	f->count[state]++;
	return w;
}

uint32_t flows_clean(struct flows *f, uint64_t now_ms)
{
	uint32_t ended = 0;
	assert(f->flows);
	for (uint32_t n = 0; n < f->used_flows && ended < f->limits.cleanup_max; n++) {
		struct flow *w = &f->flows[f->clean_at];
		f->clean_at = (f->clean_at + 1) % f->used_flows;
		if (w->state == FLOW_FREE || w->due_ms > now_ms)
			continue;
		flow_drop(f, w);
		ended++;
	}
	return ended;
}

/* ---- UDP and ICMP: who asked is answered ---- */

static struct flow_answer fine(enum flow_state state, bool incoming)
{
	return (struct flow_answer){ .state = state, .incoming = incoming };
}

static struct flow_answer refused(enum reason reason, bool incoming)
{
	return (struct flow_answer){ .reason = reason,
		                     .posture = POSTURE_DENY,
		                     .incoming = incoming };
}

static struct flow_answer exchange(struct flows *f, const struct packet *p, enum flow_state state,
                                   bool may_begin, enum reason unsolicited, uint64_t now_ms)
{
	bool reverse = false, in = p->direction == PACKET_IN;
	uint32_t max = state == FLOW_UDP ? f->limits.max_udp : f->limits.max_icmp;
	struct flow *w = flow_find(f, p, now_ms, &reverse);
	if (w) {
		w->due_ms = due(f, state, now_ms);
		return fine(state, w->incoming);
	}
	if (!may_begin)
		return refused(unsolicited, in);
	if (f->count[state] >= max || !flow_add(f, p, state, now_ms))
		return refused(state == FLOW_UDP ? REASON_MAX_UDP : REASON_MEMORY, in);
	struct flow_answer a = fine(state, in);
	a.is = FLOW_NEW;
	return a;
}

/* An error is welcome when the packet it quotes is of a connection of ours. */
static bool inner_known(struct flows *f, const struct packet *p, uint64_t now_ms)
{
	struct packet q = { .src = p->inner_src,
		            .dst = p->inner_dst,
		            .proto = p->inner_proto,
		            .sport = p->inner_sport,
		            .dport = p->inner_dport,
		            .icmp_id = p->inner_sport };
	bool reverse = false;
	return f->offload || !p->has_inner || flow_find(f, &q, now_ms, &reverse);
}

static struct flow_answer see_icmp(struct flows *f, const struct packet *p, bool solicited_only,
                                   uint64_t now_ms)
{
	bool in = p->direction == PACKET_IN, v6 = p->proto == PROTO_ICMPV6;
	uint8_t request = v6 ? 128 : 8, reply = v6 ? 129 : 0;
	bool asks = p->icmp_type == request || (!v6 && (p->icmp_type == 13 || p->icmp_type == 17));
	bool answers = p->icmp_type == reply || (!v6 && (p->icmp_type == 14 || p->icmp_type == 18));
	if (p->has_inner && in && solicited_only && !inner_known(f, p, now_ms))
		return refused(REASON_UNSOLICITED_ICMP, in);
	if (!asks && !answers)
		return fine(FLOW_FREE, in);
	return exchange(f, p, FLOW_ICMP, !in || !solicited_only, REASON_UNSOLICITED_ICMP, now_ms);
}

struct flow_answer flow_see(struct flows *f, const struct packet *p, const struct flow_rules *r,
                            bool solicited_only, uint64_t now_ms)
{
	bool in = p->direction == PACKET_IN;
	if (!packet_is_ip(p) || !p->transport)
		return fine(FLOW_FREE, in);
	if (p->proto == PROTO_TCP && r->tcp)
		return flow_tcp(f, p, r, now_ms);
	if (p->proto == PROTO_UDP && r->udp)
		return exchange(f, p, FLOW_UDP, !in || !solicited_only, REASON_UNSOLICITED_UDP,
		                now_ms);
	if ((p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) && r->icmp)
		return see_icmp(f, p, solicited_only, now_ms);
	return fine(FLOW_FREE, in);
}
