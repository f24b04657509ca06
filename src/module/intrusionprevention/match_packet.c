#include "module/intrusionprevention/engine.h"

/* Rules over packets. */

static enum raw_kind kind_of(const struct packet *p)
{
	return p->proto == PROTO_TCP                                ? RAW_PACKET_TCP
	       : p->proto == PROTO_UDP                              ? RAW_PACKET_UDP
	       : p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6 ? RAW_PACKET_ICMP
	                                                            : RAW_PACKET_OTHER;
}

static bool lists_hold(struct ips *i, const struct rule *r, const struct view *v,
                       struct candidate *c)
{
	for (unsigned k = 0; k < r->nlists; k++) {
		struct hit hit = { .position = -1 };
		if (inspect(&i->scratch, &r->lists[k], v, &hit) != FOUND_YES)
			return false;
		if (c->position < 0)
			c->position = hit.position;
	}
	return true;
}

static enum ips_verdict try_all(const struct look *l, const struct ips_set *set,
                                const struct view *v)
{
	struct ips *i = l->ips;
	enum ips_verdict verdict = IPS_NONE;
	for (size_t k = 0; k < i->nfound; k++) {
		const struct rule *r = set->rules->rules[i->found[k]];
		struct candidate c = { .position = -1, .stream_position = -1, .buffer = IPS_RAW };
		if (r->header_only && l->flow && l->flow->packets[l->side] > 1)
			continue;
		if (!header_holds(r, l))
			continue;
		i->counts.candidates++;
		if (!lists_hold(i, r, v, &c))
			continue;
		if (fire(l, r, &c, &verdict) == FIRED_ALERT && r->words.action == IPS_PASS)
			break;
	}
	return verdict;
}

enum ips_verdict ips_packet(struct ips *i, struct ips_flow *f, const struct packet *p,
                            enum app_side side, uint64_t now_ms)
{
	if (!packet_is_ip(p))
		return IPS_NONE;
	i->counts.packets++;
	if (f) {
		flow_follow(i, f);
		if (f->packets[side] < 2)
			f->packets[side]++;
		if (f->passed)
			return IPS_NONE;
	}
	const struct ips_set *set = i->set;
	const struct group *g = &set->packets[kind_of(p)];
	if (!g->patterns && g->nalways == 0)
		return IPS_NONE;
	struct view v = { .p = p->data + p->payload, .n = p->payload_len, .whole = true };
	struct look l = { .ips = i,
		          .face = i->face,
		          .flow = f,
		          .packet = p,
		          .side = side,
		          .now_ms = now_ms,
		          .event = -1,
		          .where = IPS_AT_PACKET };
	i->scratch.client = f ? &f->tuple.client : &p->src;
	scan(i, g, v.p, v.n, true);
	enum ips_verdict verdict = try_all(&l, set, &v);
	awake_clear(i);
	return verdict;
}
