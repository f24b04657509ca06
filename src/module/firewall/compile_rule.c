#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/firewall/rule.h"

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd };

/* ---- words of nft's JSON: libnftables-json(5) ---- */

void nft_rule(struct compiler *c, const char *family, const char *chain, json_t *expr,
              const char *note)
{
	json_t *rule = json_pack("{s:s,s:s,s:s,s:o}", "family", family, "table", "yagura", "chain",
	                         chain, "expr", expr);
	if (note)
		json_set_text(rule, "comment", note);
	json_array_append_new(c->list, json_pack("{s:{s:o}}", "add", "rule", rule));
}

json_t *nft_match(const char *op, json_t *left, json_t *right)
{
	return json_pack("{s:{s:s,s:o,s:o}}", "match", "op", op, "left", left, "right", right);
}

json_t *nft_payload(const char *protocol, const char *field)
{
	return json_pack("{s:{s:s,s:s}}", "payload", "protocol", protocol, "field", field);
}

json_t *nft_raw(const char *base, unsigned offset, unsigned bits)
{
	return json_pack("{s:{s:s,s:i,s:i}}", "payload", "base", base, "offset", (int)offset, "len",
	                 (int)bits);
}

json_t *nft_meta(const char *key)
{
	return json_pack("{s:{s:s}}", "meta", "key", key);
}

json_t *nft_ct(const char *key)
{
	return json_pack("{s:{s:s}}", "ct", "key", key);
}

json_t *nft_and(json_t *left, uint32_t mask)
{
	return json_pack("{s:[o,I]}", "&", left, (json_int_t)mask);
}

json_t *nft_verdict(const char *word)
{
	return json_pack("{s:n}", word);
}

json_t *nft_to(const char *how, const char *chain)
{
	return json_pack("{s:{s:s}}", how, "target", chain);
}

json_t *nft_log(const struct compiler *c, const char *prefix)
{
	if (!c->t->log_group)
		return NULL;
	return json_pack("{s:{s:s,s:i,s:i}}", "log", "prefix", prefix, "group",
	                 (int)c->t->log_group, "snaplen", 2048);
}

void nft_refuse(const struct compiler *c, json_t *expr, const char *what, unsigned long long id,
                bool log)
{
	char prefix[48];
	snprintf(prefix, sizeof(prefix), "%s %llu %c ", what, id, c->r->tap ? 'T' : 'D');
	json_t *note = log ? nft_log(c, prefix) : NULL;
	if (log && !note) { /* who is to tell it must be asked */
		json_array_append_new(expr, nft_to("goto", "ask"));
		return;
	}
	if (note)
		json_array_append_new(expr, note);
	json_array_append_new(expr, nft_verdict(c->r->tap ? "accept" : "drop"));
}

static bool type_has(const struct rules *r, uint64_t id, const char *name)
{
	for (size_t i = 0; i < r->ntypes; i++)
		for (size_t k = 0; r->types[i].id == id && k < r->types[i].npatterns; k++)
			if (fnmatch(r->types[i].patterns[k], name, 0) == 0)
				return true;
	return false;
}

json_t *nft_interfaces(const struct compiler *c, enum packet_direction d, const uint64_t *types,
                       size_t n)
{
	AUTO(json_decrefp) json_t *names = json_array();
	for (size_t i = 0; c->t->interfaces && c->t->interfaces[i]; i++) {
		bool in = false;
		for (size_t k = 0; k < n && !in; k++)
			in = type_has(c->r, types[k], c->t->interfaces[i]);
		if (in)
			json_array_append_new(names, json_string(c->t->interfaces[i]));
	}
	if (json_array_size(names) == 0)
		return NULL;
	return nft_match("==", nft_meta(d == PACKET_IN ? "iifname" : "oifname"),
	                 json_pack("{s:O}", "set", names));
}

/* ---- sets ---- */

static json_t *ip_set(const struct ip_list *l, unsigned version)
{
	json_t *set = json_array();
	for (size_t i = 0; i < l->n; i++) {
		char from[46], to[46];
		if (l->ranges[i].from.version != version)
			continue;
		ip_text(&l->ranges[i].from, from);
		ip_text(&l->ranges[i].to, to);
		json_array_append_new(set, strcmp(from, to) == 0
		                                   ? json_string(from)
		                                   : json_pack("{s:[s,s]}", "range", from, to));
	}
	return set;
}

static json_t *port_set(const struct port_list *l)
{
	json_t *set = json_array();
	for (size_t i = 0; i < l->n; i++) {
		int from = l->ranges[i].from, to = l->ranges[i].to;
		json_array_append_new(set, from == to ? json_integer(from)
		                                      : json_pack("{s:[i,i]}", "range", from, to));
	}
	return set;
}

static json_t *mac_set(const struct mac_list *l)
{
	json_t *set = json_array();
	for (size_t i = 0; i < l->n; i++) {
		const uint8_t *m = l->macs[i];
		char text[18];
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
		         m[3], m[4], m[5]);
		json_array_append_new(set, json_string(text));
	}
	return set;
}

/*
 * left is one of set (not: is none). Takes both. false: it never holds. An empty set is nothing for
 * nft: then the answer is known.
 */
static bool add_set(json_t *expr, bool not, json_t *left, json_t *set)
{
	AUTO(json_decrefp) json_t *l = left, *s = set;
	if (json_array_size(s) == 0)
		return not ;
	json_array_append_new(
		expr, nft_match(not ? "!=" : "==", json_incref(l), json_pack("{s:O}", "set", s)));
	return true;
}

/* ---- a rule's conditions ---- */

static bool add_ips(json_t *expr, const struct fw_rule *r, unsigned version)
{
	const char *protocol = version == 4 ? "ip" : "ip6";
	if (!r->src.any && !add_set(expr, r->src.not, nft_payload(protocol, "saddr"),
	                            ip_set(&r->src.list, version)))
		return false;
	return r->dst.any || add_set(expr, r->dst.not, nft_payload(protocol, "daddr"),
	                             ip_set(&r->dst.list, version));
}

/* Outgoing packets have no link header here yet, so nothing is known of their MACs. */
static bool add_macs(json_t *expr, const struct fw_rule *r)
{
	if (r->src_mac.any && r->dst_mac.any)
		return true;
	if (r->direction == PACKET_OUT)
		return false;
	if (!r->src_mac.any && !add_set(expr, r->src_mac.not, nft_payload("ether", "saddr"),
	                                mac_set(&r->src_mac.list)))
		return false;
	return r->dst_mac.any || add_set(expr, r->dst_mac.not, nft_payload("ether", "daddr"),
	                                 mac_set(&r->dst_mac.list));
}

static void add_proto(json_t *expr, const struct fw_rule *r)
{
	const char *op = r->proto_not ? "!=" : "==";
	if (r->proto == FW_PROTO_TCP_UDP)
		json_array_append_new(
			expr, nft_match(op, nft_meta("l4proto"),
		                        json_pack("{s:[i,i]}", "set", PROTO_TCP, PROTO_UDP)));
	else if (r->proto != FW_PROTO_ANY)
		json_array_append_new(
			expr, nft_match(op, nft_meta("l4proto"), json_integer((int)r->proto)));
}

static bool add_ports(json_t *expr, const struct fw_rule *r)
{
	const char *protocol = r->proto == PROTO_TCP ? "tcp" : r->proto == PROTO_UDP ? "udp" : "th";
	if (!r->sport.any &&
	    !add_set(expr, r->sport.not, nft_payload(protocol, "sport"), port_set(&r->sport.list)))
		return false;
	return r->dport.any || add_set(expr, r->dport.not, nft_payload(protocol, "dport"),
	                               port_set(&r->dport.list));
}

static void add_flags(json_t *expr, const struct fw_rule *r)
{
	if (r->any_flags)
		return;
	json_array_append_new(expr, nft_match(r->flags_not ? "!=" : "==",
	                                      nft_and(nft_payload("tcp", "flags"), 0x3f),
	                                      json_integer(r->flags)));
}

static void add_icmp(json_t *expr, const struct fw_rule *r)
{
	bool code = r->icmp_code != FW_ICMP_ANY;
	if (r->icmp_type == FW_ICMP_ANY)
		return;
	int value = (int)(code ? r->icmp_type << 8 | r->icmp_code : r->icmp_type);
	json_array_append_new(expr,
	                      nft_match(r->icmp_not ? "!=" : "==", nft_raw("th", 0, code ? 16 : 8),
	                                json_integer(value)));
}

static bool add_interfaces(const struct compiler *c, json_t *expr, const struct fw_rule *r)
{
	if (!r->ninterface_types)
		return true;
	json_t *match = nft_interfaces(c, r->direction, r->interface_types, r->ninterface_types);
	if (match)
		json_array_append_new(expr, match);
	return match;
}

bool compile_by_version(const struct fw_rule *r)
{
	return !r->src.any || !r->dst.any ||
	       fw_frame_matches(r, TYPE_IPV4) != fw_frame_matches(r, TYPE_IPV6);
}

json_t *compile_matches(const struct compiler *c, const struct fw_rule *r, unsigned version)
{
	AUTO(json_decrefp) json_t *expr = json_array();
	if (!fw_frame_matches(r, version == 6 ? TYPE_IPV6 : TYPE_IPV4))
		return NULL;
	if (version)
		json_array_append_new(expr, nft_match("==", nft_meta("nfproto"),
		                                      json_string(version == 4 ? "ipv4" : "ipv6")));
	bool can = add_interfaces(c, expr, r) && add_macs(expr, r) && add_ips(expr, r, version);
	add_proto(expr, r);
	can = can && add_ports(expr, r);
	add_flags(expr, r);
	add_icmp(expr, r);
	return can ? TAKE(expr) : NULL;
}
