#include <string.h>

#include "module/intrusionprevention/match.h"

/* Which server ports a set of rules looks at, and where it looks at answers. */

enum { PORTS = 65536 };

static void set_range(uint64_t *bits, unsigned from, unsigned to)
{
	for (unsigned p = from; p <= to; p++)
		bits[p / 64] |= UINT64_C(1) << p % 64;
}

static unsigned port_of(const struct ip *p)
{
	return (unsigned)p->b[0] << 8 | p->b[1];
}

/* A group without exceptions is its members; the others are asked about each port. */
static void add_ports(uint64_t *bits, const struct expr *e)
{
	bool plain = !e->negated;
	for (size_t i = 0; i < e->nmembers; i++)
		plain = plain && !e->members[i]->negated;
	if (plain && e->kind == EXPR_ANY)
		memset(bits, 0xff, PORTS / 8);
	else if (plain && e->kind == EXPR_RANGE)
		set_range(bits, port_of(&e->from), port_of(&e->to));
	else if (plain && e->nmembers)
		for (size_t i = 0; i < e->nmembers; i++)
			add_ports(bits, e->members[i]);
	else
		for (unsigned p = 0; p < PORTS; p++) {
			struct ip v = expr_port((uint16_t)p);
			if (expr_has(e, &v))
				set_range(bits, p, p);
		}
}

/* Protocols whose clients' bytes alone say what is spoken, and mean the same without answers. */
static bool speaks_alone(enum app_protocol p)
{
	return p == APP_UNKNOWN || p == APP_HTTP || p == APP_HTTP2 || p == APP_TLS || p == APP_SSH;
}

/* Which sides a rule needs: those whose buffers and packets it looks at. */
struct sides {
	bool client, server;
};

static struct sides sides_of(const struct rule *r)
{
	struct sides s = { 0 };
	for (unsigned i = 0; i < r->nlists; i++) {
		s.client |= r->lists[i].client;
		s.server |= r->lists[i].server;
	}
	if (r->flow & FLOW_TO_SERVER || (s.client && !s.server))
		return (struct sides){ true, s.server };
	if (r->flow & FLOW_TO_CLIENT || (s.server && !s.client))
		return (struct sides){ s.client, true };
	return (struct sides){ true, true };
}

static bool hears_answers(const struct rule *r)
{
	bool stated = r->flow & FLOW_TO_SERVER;
	if (r->both_ways || sides_of(r).server || !speaks_alone(r->app))
		return true;
	if (r->event >= 0 && !(stated && speaks_alone(app_events[r->event].protocol)))
		return true;
	for (unsigned i = 0; i < r->nconditions; i++)
		if (condition_hears_answers(&r->conditions[i]))
			return true;
	return false;
}

/* The side that the rule takes for the server; without a word, both may be. */
static void add_rule(const struct rule *r, uint64_t *bits)
{
	bool client = false, server = false;
	for (unsigned i = 0; i < r->nlists; i++) {
		client |= r->lists[i].client;
		server |= r->lists[i].server;
	}
	bool to_server = r->flow & FLOW_TO_SERVER || (client && !server);
	bool to_client = r->flow & FLOW_TO_CLIENT || (server && !client);
	if (!to_client || r->both_ways)
		add_ports(bits, r->dport);
	if (!to_server || r->both_ways)
		add_ports(bits, r->sport);
}

bool ips_rule_hears_answers(const struct ips_rules *rules, size_t i)
{
	return hears_answers(rules->rules[i]);
}

void ips_rule_ports(const struct ips_rules *rules, size_t i, struct ips_ports *out)
{
	const struct rule *r = rules->rules[i];
	if (r->protos & (RULE_TCP | RULE_IP)) {
		add_rule(r, out->tcp);
		if (hears_answers(r))
			add_rule(r, out->tcp_answers);
	}
	if (r->protos & (RULE_UDP | RULE_IP))
		add_rule(r, out->udp);
	out->icmp |= (r->protos & (RULE_ICMP | RULE_IP)) != 0;
	out->other |= (r->protos & RULE_IP) != 0;
}

void ips_rules_ports(const struct ips_rules *rules, struct ips_ports *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < rules->n; i++)
		ips_rule_ports(rules, i, out);
}
