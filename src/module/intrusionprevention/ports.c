#include <string.h>

#include "module/intrusionprevention/rule.h"

/* Which server ports a set of rules looks at. */

static void add_ports(uint64_t *bits, const struct expr *e)
{
	if (e->kind == EXPR_ANY && !e->negated) {
		memset(bits, 0xff, 1024 * sizeof(*bits));
		return;
	}
	for (unsigned p = 0; p < 65536; p++) {
		struct ip v = expr_port((uint16_t)p);
		if (expr_has(e, &v))
			bits[p / 64] |= UINT64_C(1) << p % 64;
	}
}

/* The side that the rule takes for the server; without a word, both may be. */
static void add_rule(struct ips_ports *out, uint64_t *bits, const struct rule *r)
{
	bool to_server = r->flow & FLOW_TO_SERVER, to_client = r->flow & FLOW_TO_CLIENT;
	bool client = false, server = false;
	for (unsigned i = 0; i < r->nlists; i++) {
		client |= r->lists[i].client;
		server |= r->lists[i].server;
	}
	if (client && !server)
		to_server = true;
	if (server && !client)
		to_client = true;
	if (!to_client || r->both_ways)
		add_ports(bits, r->dport);
	if (!to_server || r->both_ways)
		add_ports(bits, r->sport);
	out->to_client |= !to_server || r->both_ways;
}

void ips_rules_ports(const struct ips_rules *rules, struct ips_ports *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *r = rules->rules[i];
		if (r->protos & (RULE_TCP | RULE_IP))
			add_rule(out, out->tcp, r);
		if (r->protos & (RULE_UDP | RULE_IP))
			add_rule(out, out->udp, r);
		out->icmp |= (r->protos & (RULE_ICMP | RULE_IP)) != 0;
		out->other |= (r->protos & RULE_IP) != 0;
	}
}
