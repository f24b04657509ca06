#include <fnmatch.h>
#include <string.h>

#include "module/firewall/rule.h"

/*
 * The reference: every rule is asked in turn, by the words of behaviour 3.1. Nothing here is fast;
 * what the kernel is given (compile.c) is tested against it.
 */

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_RARP = 0x8035, TYPE_IPV6 = 0x86dd };

bool fw_frame_matches(const struct fw_rule *r, uint16_t frame)
{
	bool yes = true;
	switch (r->frame) {
	case FRAME_ANY:
		return true;
	case FRAME_IP:
		yes = frame == TYPE_IPV4 || frame == TYPE_IPV6;
		break;
	case FRAME_ARP:
		yes = frame == TYPE_ARP;
		break;
	case FRAME_REVARP:
		yes = frame == TYPE_RARP;
		break;
	case FRAME_IPV4:
		yes = frame == TYPE_IPV4;
		break;
	case FRAME_IPV6:
		yes = frame == TYPE_IPV6;
		break;
	case FRAME_OTHER:
		yes = frame == r->frame_number;
		break;
	}
	return yes != r->frame_not;
}

static bool proto_matches(const struct fw_rule *r, const struct packet *p)
{
	bool yes = p->proto == r->proto;
	if (r->proto == FW_PROTO_ANY)
		return true;
	if (!packet_is_ip(p))
		return false;
	if (r->proto == FW_PROTO_TCP_UDP)
		yes = p->proto == PROTO_TCP || p->proto == PROTO_UDP;
	return yes != r->proto_not;
}

static bool ip_matches(const struct ip_match *m, const struct ip *ip)
{
	return m->any || (ip->version && ip_list_has(&m->list, ip) != m->not );
}

static bool mac_matches(const struct mac_match *m, const struct packet *p, const uint8_t mac[6])
{
	return m->any || (p->has_mac && mac_list_has(&m->list, mac) != m->not );
}

/* A later fragment has no ports. */
static bool port_matches(const struct port_match *m, const struct packet *p, uint16_t port)
{
	return m->any || (p->transport && port_list_has(&m->list, port) != m->not );
}

static bool flags_match(const struct fw_rule *r, const struct packet *p)
{
	return r->any_flags ||
	       (p->transport && ((p->tcp_flags & 0x3f) == r->flags) != r->flags_not);
}

static bool icmp_matches(const struct fw_rule *r, const struct packet *p)
{
	if (r->icmp_type == FW_ICMP_ANY)
		return true;
	bool yes = p->icmp_type == r->icmp_type &&
	           (r->icmp_code == FW_ICMP_ANY || p->icmp_code == r->icmp_code);
	return p->transport && yes != r->icmp_not;
}

static bool type_has(const struct fw_interface_type *t, const char *name)
{
	for (size_t i = 0; i < t->npatterns; i++)
		if (fnmatch(t->patterns[i], name, 0) == 0)
			return true;
	return false;
}

static bool named_type_has(const struct rules *r, uint64_t id, const char *name)
{
	for (size_t i = 0; i < r->ntypes; i++)
		if (r->types[i].id == id)
			return type_has(&r->types[i], name);
	return false;
}

static bool interface_matches(const struct rules *r, const struct fw_rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->ninterface_types; i++)
		if (name && named_type_has(r, rule->interface_types[i], name))
			return true;
	return rule->ninterface_types == 0;
}

bool fw_rule_applies(const struct fw_rule *rule, const struct fw_now *now)
{
	if (rule->when && !rule->when->hours[now->hour % SCHEDULE_HOURS])
		return false;
	return !rule->where || (rule->where->places & now->places);
}

bool fw_rule_opens_restricted(const struct fw_rule *rule, const struct fw_now *now)
{
	const struct fw_context *c = rule->where;
	if (!c || !c->restricted || (c->places && !(c->places & now->places)))
		return false;
	if (rule->action == FW_DENY || rule->action == FW_LOG_ONLY)
		return false;
	return !rule->when || rule->when->hours[now->hour % SCHEDULE_HOURS];
}

static bool is_restricted(const struct rules *r, const char *name)
{
	for (size_t i = 0; name && i < r->npatterns; i++)
		if (fnmatch(r->interface_patterns[i], name, 0) == 0)
			return false;
	return name && r->isolation;
}

static bool applies_to(const struct rules *r, const struct fw_rule *rule, const struct packet *p,
                       const struct fw_now *now)
{
	return fw_rule_applies(rule, now) ||
	       (fw_rule_opens_restricted(rule, now) && is_restricted(r, p->ifname));
}

bool fw_rule_matches(const struct rules *r, const struct fw_rule *rule, const struct packet *p,
                     const struct fw_now *now)
{
	return rule->direction == p->direction && applies_to(r, rule, p, now) &&
	       interface_matches(r, rule, p->ifname) && fw_frame_matches(rule, p->frame) &&
	       proto_matches(rule, p) && ip_matches(&rule->src, &p->src) &&
	       ip_matches(&rule->dst, &p->dst) && mac_matches(&rule->src_mac, p, p->src_mac) &&
	       mac_matches(&rule->dst_mac, p, p->dst_mac) &&
	       port_matches(&rule->sport, p, p->sport) && port_matches(&rule->dport, p, p->dport) &&
	       flags_match(rule, p) && icmp_matches(rule, p);
}

/* Does this Allow rule close its direction for such frames? Also while its schedule rests. */
static bool closes(const struct rules *r, const struct fw_rule *rule, const struct packet *p)
{
	if (rule->action != FW_ALLOW || rule->direction != p->direction ||
	    !interface_matches(r, rule, p->ifname))
		return false;
	/* IPv4 and IPv6 are one kind of frame here. */
	if (packet_is_ip(p))
		return fw_frame_matches(rule, TYPE_IPV4) || fw_frame_matches(rule, TYPE_IPV6);
	return fw_frame_matches(rule, p->frame);
}

static struct fw_decision decided(const struct fw_rule *rule, const struct fw_rule *log)
{
	/* Answers of name servers must have been asked for; DHCP's come to everybody. */
	static const enum fw_verdict verdicts[FW_ACTIONS] = {
		[FW_BYPASS] = FW_PASS_BYPASS,
		[FW_LOG_ONLY] = FW_PASS,
		[FW_FORCE_ALLOW] = FW_PASS_FORCED,
		[FW_DENY] = FW_DROP,
		[FW_ALLOW] = FW_PASS,
	};
	struct fw_decision d = { verdicts[rule->action], rule, log, REASON_NONE };
	if (rule->hidden == HIDDEN_DNS)
		d.verdict = FW_PASS;
	if (d.verdict == FW_DROP)
		d.log = NULL;
	return d;
}

struct fw_decision fw_evaluate(const struct rules *r, const struct packet *p,
                               const struct fw_now *now)
{
	const struct fw_rule *log = NULL;
	bool closed = false;
	if (p->frame != TYPE_IPV4 && p->frame != TYPE_IPV6 && p->frame != TYPE_ARP)
		return (struct fw_decision){ FW_PASS, NULL, NULL, REASON_NONE };
	for (size_t i = 0; i < r->nrules; i++) {
		const struct fw_rule *rule = &r->rules[i];
		closed |= closes(r, rule, p);
		if (!fw_rule_matches(r, rule, p, now))
			continue;
		if (rule->action != FW_LOG_ONLY)
			return decided(rule, log);
		if (!log)
			log = rule;
	}
	if (p->proto == PROTO_ICMPV6 && p->src.version == 6)
		return (struct fw_decision){ FW_PASS_FORCED, NULL, log, REASON_NONE };
	if (closed)
		return (struct fw_decision){ FW_DROP, NULL, NULL, REASON_OUT_OF_ALLOWED };
	return (struct fw_decision){ FW_PASS, NULL, log, REASON_NONE };
}

unsigned fw_hour(uint64_t when_ms, int64_t utc_offset_s)
{
	/* 1 January 1970 was a Thursday: four days, 96 hours, after Sunday. */
	int64_t hours = ((int64_t)(when_ms / 1000) + utc_offset_s) / 3600 + 96;
	return (unsigned)((hours % SCHEDULE_HOURS + SCHEDULE_HOURS) % SCHEDULE_HOURS);
}

const struct flow_rules *fw_stateful_of(const struct rules *r, const char *ifname)
{
	static const struct flow_rules none = { 0 };
	uint64_t id = r->global_stateful;
	for (size_t i = 0; i < r->nassignments; i++)
		if (ifname && named_type_has(r, r->assignments[i].interface_type, ifname))
			id = r->assignments[i].stateful;
	for (size_t i = 0; i < r->nstateful; i++)
		if (id && r->stateful[i].id == id)
			return &r->stateful[i].rules;
	return &none;
}
