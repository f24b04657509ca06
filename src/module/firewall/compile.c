#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/firewall/rule.h"

enum { PRIORITY = 10, PRIORITY_EARLY = -450, PRIORITY_SETTLE = 20 };

/* ---- table, sets and chains ---- */

static void command(struct compiler *c, const char *verb, const char *what, json_t *object)
{
	json_array_append_new(c->list, json_pack("{s:{s:o}}", verb, what, object));
}

static void chain(struct compiler *c, const char *family, const char *name, const char *hook,
                  int priority)
{
	json_t *o = json_pack("{s:s,s:s,s:s}", "family", family, "table", "yagura", "name", name);
	if (hook) {
		json_set_text(o, "type", "filter");
		json_set_text(o, "hook", hook);
		json_set_int(o, "prio", priority);
		json_set_text(o, "policy", "accept");
	}
	command(c, "add", "chain", o);
}

static void flush(struct compiler *c, const char *name)
{
	command(c, "flush", "chain",
	        json_pack("{s:s,s:s,s:s}", "family", "inet", "table", "yagura", "name", name));
}

static void add_set(struct compiler *c, const char *name, const char *type)
{
	command(c, "add", "set",
	        json_pack("{s:s,s:s,s:s,s:s,s:[s]}", "family", "inet", "table", "yagura", "name",
	                  name, "type", type, "flags", "timeout"));
}

/* Ports whose handshakes the kernel proxies, a minute from the last flood on. */
static void add_proxied(struct compiler *c)
{
	if (c->r->syn_flood == 0)
		return;
	command(c, "add", "set",
	        json_pack("{s:s,s:s,s:s,s:s,s:[s],s:i}", "family", "inet", "table", "yagura",
	                  "name", "proxied", "type", "inet_service", "flags", "timeout", "timeout",
	                  60));
}

static void frame_work(struct compiler *c)
{
	static const struct {
		const char *name, *hook;
		int priority;
	} chains[] = {
		{ "early", "prerouting", PRIORITY_EARLY },
		{ "in", "input", PRIORITY },
		{ "out", "output", PRIORITY },
		{ "forward", "forward", PRIORITY },
		{ "settle_in", "input", PRIORITY_SETTLE },
		{ "settle_out", "output", PRIORITY_SETTLE },
		{ "rules_in", NULL, 0 },
		{ "rules_out", NULL, 0 },
		{ "noted_in", NULL, 0 },
		{ "noted_out", NULL, 0 },
		{ "pass_in", NULL, 0 },
		{ "pass_out", NULL, 0 },
		{ "forced_in", NULL, 0 },
		{ "forced_out", NULL, 0 },
		{ "bypass_in", NULL, 0 },
		{ "bypass_out", NULL, 0 },
		{ "state_in", NULL, 0 },
		{ "state_out", NULL, 0 },
		{ "force_in", NULL, 0 },
		{ "force_out", NULL, 0 },
	};
	command(c, "add", "table", json_pack("{s:s,s:s}", "family", "inet", "name", "yagura"));
	add_set(c, "blocked4", "ipv4_addr");
	add_set(c, "blocked6", "ipv6_addr");
	add_proxied(c);
	chain(c, "inet", "ask", NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		chain(c, "inet", chains[i].name, chains[i].hook, chains[i].priority);
		flush(c, chains[i].name);
	}
}

/* ---- before the rules ---- */

static const char *by_direction(enum packet_direction d, const char *in, const char *out)
{
	return d == PACKET_IN ? in : out;
}

static json_t *interface_of(enum packet_direction d)
{
	return nft_meta(by_direction(d, "iifname", "oifname"));
}

static void pass_loopback(struct compiler *c, enum packet_direction d, const char *name)
{
	json_t *expr = json_array();
	json_array_append_new(expr, nft_match("==", interface_of(d), json_string("lo")));
	json_array_append_new(expr, nft_verdict("accept"));
	nft_rule(c, "inet", name, expr, NULL);
}

static bool wanted(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->npatterns; i++)
		if (fnmatch(r->interface_patterns[i], name, 0) == 0)
			return true;
	return false;
}

/* The one interface that may be used: the first active one in the order of the patterns. */
static const char *only_one(const struct rules *r, const struct fw_target *t)
{
	const char *const *up = t->active ? t->active : t->interfaces;
	for (size_t k = 0; k < r->npatterns; k++)
		for (size_t i = 0; up && up[i]; i++)
			if (fnmatch(r->interface_patterns[k], up[i], 0) == 0)
				return up[i];
	return NULL;
}

static void act(struct compiler *c, const struct fw_rule *r, json_t *expr);

/* What rules of a context for restricted interfaces let through there. on: the interface's match.
 */
static void open_restricted(struct compiler *c, const struct fw_rule *r, const json_t *on,
                            const char *name)
{
	char note[32];
	snprintf(note, sizeof(note), "R %llu", (unsigned long long)r->id);
	for (unsigned version = compile_by_version(r) ? 4 : 0; version <= 6; version += 2) {
		json_t *expr = version == 2 ? NULL : compile_matches(c, r, version);
		if (expr) {
			json_array_append_new(expr, json_deep_copy(on));
			act(c, r, expr);
			nft_rule(c, "inet", name, expr, r->id ? note : NULL);
		}
		if (version == 0)
			return;
	}
}

/* Interfaces that no pattern names carry nothing but what such rules let through, in tap mode
 * neither; with the limit to one active interface all but that one. */
static void isolate(struct compiler *c, enum packet_direction d, const char *name)
{
	AUTO(json_decrefp) json_t *names = json_array();
	const char *one = c->r->one_interface ? only_one(c->r, c->t) : NULL;
	for (size_t i = 0; c->t->interfaces && c->t->interfaces[i]; i++) {
		const char *at = c->t->interfaces[i];
		if (!wanted(c->r, at) || (one && strcmp(at, one) != 0))
			json_array_append_new(names, json_string(at));
	}
	if (!c->r->isolation || json_array_size(names) == 0)
		return;
	json_t *on = nft_match("==", interface_of(d), json_pack("{s:O}", "set", names));
	for (size_t i = 0; i < c->r->nrules; i++)
		if (c->r->rules[i].direction == d &&
		    fw_rule_opens_restricted(&c->r->rules[i], &c->t->now))
			open_restricted(c, &c->r->rules[i], on, name);
	json_t *expr = json_array();
	json_array_append_new(expr, on);
	json_array_append_new(expr, nft_verdict("drop"));
	nft_rule(c, "inet", name, expr, NULL);
}

static void drop_blocked(struct compiler *c, const char *name)
{
	static const char *const sets[][2] = { { "ip", "@blocked4" }, { "ip6", "@blocked6" } };
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		json_t *expr = json_array();
		json_array_append_new(expr, nft_match("==", nft_payload(sets[i][0], "saddr"),
		                                      json_string(sets[i][1])));
		json_array_append_new(expr, nft_verdict(c->r->tap ? "accept" : "drop"));
		nft_rule(c, "inet", name, expr, NULL);
	}
}

/* Plain data of connections whose packets pass: SYN, FIN, RST and oddities go on. */
static void pass_settled(struct compiler *c, enum packet_direction d, const char *name)
{
	unsigned shift = c->t->mark_shift + (d == PACKET_OUT ? 3 : 0);
	if (!c->t->generation)
		return;
	for (int i = 0; i < 2; i++) {
		json_t *expr = json_array();
		json_array_append_new(expr, nft_match("==", nft_and(nft_ct("mark"), 7u << shift),
		                                      json_integer(c->t->generation << shift)));
		json_array_append_new(expr, nft_match("==", nft_meta("l4proto"),
		                                      json_integer(i ? PROTO_UDP : PROTO_TCP)));
		if (i == 0)
			json_array_append_new(
				expr, nft_match("==",
			                        nft_and(nft_payload("tcp", "flags"),
			                                TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK),
			                        json_integer(TCP_ACK)));
		json_array_append_new(expr, nft_verdict("accept"));
		nft_rule(c, "inet", name, expr, NULL);
	}
}

/* Reconnaissance is seen in what is new or wrong; a copy of it is enough. */
static void show_new(struct compiler *c, const char *name)
{
	json_t *log = c->r->recon.on ? nft_log(c, "S ") : NULL;
	if (!log)
		return;
	json_t *expr = json_array();
	json_array_append_new(expr, nft_match("in", nft_ct("state"),
	                                      json_pack("[s,s,s]", "new", "invalid", "untracked")));
	json_array_append_new(expr, log);
	nft_rule(c, "inet", name, expr, NULL);
}

/* Who lets a connection in is no place that was scanned; what this computer asks for itself is
 * answered, maybe late. */
static void show_accepted(struct compiler *c, const char *name)
{
	json_t *log = c->r->recon.on ? nft_log(c, "S ") : NULL;
	if (!log)
		return;
	json_t *expr = json_array();
	json_array_append_new(expr, nft_match("in", nft_ct("state"), json_string("new")));
	json_array_append_new(expr, json_incref(log));
	nft_rule(c, "inet", name, expr, NULL);
	expr = json_array();
	json_array_append_new(expr, nft_match("==", nft_meta("l4proto"), json_integer(PROTO_TCP)));
	json_array_append_new(
		expr, nft_match("==", nft_and(nft_payload("tcp", "flags"), TCP_SYN | TCP_ACK),
	                        json_integer(TCP_SYN | TCP_ACK)));
	json_array_append_new(expr, log);
	nft_rule(c, "inet", name, expr, NULL);
}

static void entrance(struct compiler *c, enum packet_direction d, const char *name)
{
	pass_loopback(c, d, name);
	isolate(c, d, name);
	if (d == PACKET_IN)
		drop_blocked(c, name);
	pass_settled(c, d, name);
	if (d == PACKET_IN)
		show_new(c, name);
	else
		show_accepted(c, name);
	json_t *expr = json_array();
	json_array_append_new(expr, nft_to("goto", by_direction(d, "rules_in", "rules_out")));
	nft_rule(c, "inet", name, expr, NULL);
}

/* ---- the rules ---- */

/* Ends a rule: what its action does. */
static void act(struct compiler *c, const struct fw_rule *r, json_t *expr)
{
	enum packet_direction d = r->direction;
	json_array_append_new(expr, json_pack("{s:n}", "counter"));
	switch (r->action) {
	case FW_BYPASS:
		json_array_append_new(
			expr, r->priority == 4
				      ? nft_verdict("accept")
				      : nft_to("goto", by_direction(d, "bypass_in", "bypass_out")));
		return;
	case FW_FORCE_ALLOW:
		json_array_append_new(
			expr, r->hidden == HIDDEN_DNS
				      ? nft_to("goto", by_direction(d, "pass_in", "pass_out"))
				      : nft_to("goto", by_direction(d, "forced_in", "forced_out")));
		return;
	case FW_DENY:
		nft_refuse(c, expr, "R", r->id, !r->quiet);
		return;
	case FW_ALLOW:
		json_array_append_new(expr, nft_to("goto", by_direction(d, "pass_in", "pass_out")));
		return;
	case FW_LOG_ONLY:
	case FW_ACTIONS:
		return;
	}
}

/* Of Log Only rules the first that matches speaks, once the packet is known to pass. */
static void act_note(struct compiler *c, const struct fw_rule *r, json_t *expr)
{
	char prefix[48];
	snprintf(prefix, sizeof(prefix), "R %llu L ", (unsigned long long)r->id);
	json_t *log = r->quiet ? NULL : nft_log(c, prefix);
	json_array_append_new(expr, json_pack("{s:n}", "counter"));
	if (log)
		json_array_append_new(expr, log);
	if (r->quiet || log)
		json_array_append_new(expr, nft_verdict("return"));
	else
		json_array_append_new(expr, nft_to("goto", "ask"));
}

static void one_version(struct compiler *c, const struct fw_rule *r, unsigned version)
{
	json_t *expr = compile_matches(c, r, version);
	char note[32] = "";
	if (!expr)
		return;
	snprintf(note, sizeof(note), "R %llu", (unsigned long long)r->id);
	if (r->action == FW_LOG_ONLY)
		act_note(c, r, expr);
	else
		act(c, r, expr);
	nft_rule(c, "inet",
	         r->action == FW_LOG_ONLY ? by_direction(r->direction, "noted_in", "noted_out")
	                                  : by_direction(r->direction, "rules_in", "rules_out"),
	         expr, r->id ? note : NULL);
}

static void one_rule(struct compiler *c, const struct fw_rule *r)
{
	if (!fw_rule_applies(r, &c->t->now))
		return;
	if (!compile_by_version(r)) {
		one_version(c, r, 0);
		return;
	}
	one_version(c, r, 4);
	one_version(c, r, 6);
}

static void pass_icmpv6(struct compiler *c, enum packet_direction d)
{
	json_t *expr = json_array();
	json_array_append_new(expr, nft_match("==", nft_meta("nfproto"), json_string("ipv6")));
	json_array_append_new(expr,
	                      nft_match("==", nft_meta("l4proto"), json_integer(PROTO_ICMPV6)));
	json_array_append_new(expr, nft_to("goto", by_direction(d, "forced_in", "forced_out")));
	nft_rule(c, "inet", by_direction(d, "rules_in", "rules_out"), expr, NULL);
}

/* What no Allow rule names, where there is one: on all interfaces, or on those of its types. */
static void close_direction(struct compiler *c, enum packet_direction d)
{
	for (size_t i = 0; i < c->r->nrules; i++) {
		const struct fw_rule *r = &c->r->rules[i];
		json_t *expr = json_array(), *on = NULL;
		if (r->action != FW_ALLOW || r->direction != d ||
		    !(fw_frame_matches(r, 0x0800) || fw_frame_matches(r, 0x86dd))) {
			json_decref(expr);
			continue;
		}
		if (r->ninterface_types)
			on = nft_interfaces(c, d, r->interface_types, r->ninterface_types);
		if (r->ninterface_types && !on) {
			json_decref(expr);
			continue;
		}
		if (on)
			json_array_append_new(expr, on);
		nft_refuse(c, expr, "N", REASON_OUT_OF_ALLOWED, c->r->out_of_allowed_events);
		nft_rule(c, "inet", by_direction(d, "rules_in", "rules_out"), expr, NULL);
		if (!on)
			return;
	}
}

static void go(struct compiler *c, const char *from, const char *how, const char *to)
{
	json_t *expr = json_array();
	json_array_append_new(expr, nft_to(how, to));
	nft_rule(c, "inet", from, expr, NULL);
}

static void exits(struct compiler *c, enum packet_direction d)
{
	const char *noted = by_direction(d, "noted_in", "noted_out");
	const char *pass = by_direction(d, "pass_in", "pass_out");
	const char *forced = by_direction(d, "forced_in", "forced_out");
	const char *bypass = by_direction(d, "bypass_in", "bypass_out");
	go(c, by_direction(d, "rules_in", "rules_out"), "goto", pass);
	go(c, pass, "jump", noted);
	go(c, pass, "goto", by_direction(d, "state_in", "state_out"));
	go(c, forced, "jump", noted);
	go(c, forced, "goto", by_direction(d, "force_in", "force_out"));
	go(c, bypass, "jump", noted);
	json_t *expr = json_array();
	json_array_append_new(expr, nft_verdict("accept"));
	nft_rule(c, "inet", bypass, expr, NULL);
}

static void direction(struct compiler *c, enum packet_direction d)
{
	entrance(c, d, by_direction(d, "in", "out"));
	for (size_t i = 0; i < c->r->nrules; i++)
		if (c->r->rules[i].direction == d)
			one_rule(c, &c->r->rules[i]);
	pass_icmpv6(c, d);
	close_direction(c, d);
	exits(c, d);
	compile_state(c, d, false);
	compile_state(c, d, true);
}

/* A verdict's mark becomes the connection's: nothing more of it is asked. */
static void settle_asked(struct compiler *c, enum packet_direction d)
{
	unsigned shift = c->t->mark_shift + (d == PACKET_OUT ? 3 : 0);
	uint32_t bit = c->t->settle_mark, value = c->t->generation << shift;
	if (!c->t->generation || !bit)
		return;
	json_t *expr = json_array();
	json_array_append_new(expr,
	                      nft_match("!=", nft_and(nft_meta("mark"), bit), json_integer(0)));
	json_t *mark = nft_and(nft_ct("mark"), ~(7u << shift));
	json_array_append_new(expr,
	                      json_pack("{s:{s:o,s:{s:[o,I]}}}", "mangle", "key", nft_ct("mark"),
	                                "value", "|", mark, (json_int_t)value));
	json_array_append_new(expr, json_pack("{s:{s:o,s:o}}", "mangle", "key", nft_meta("mark"),
	                                      "value", nft_and(nft_meta("mark"), ~bit)));
	nft_rule(c, "inet", by_direction(d, "settle_in", "settle_out"), expr, NULL);
}

/* Who asked for a connection that is refused afterwards is told so. */
static void reset_asked(struct compiler *c, enum packet_direction d)
{
	uint32_t bit = c->t->reset_mark;
	for (int i = 0; bit && !c->r->tap && i < 2; i++) {
		json_t *expr = json_array();
		json_array_append_new(
			expr, nft_match("!=", nft_and(nft_meta("mark"), bit), json_integer(0)));
		if (i == 0)
			json_array_append_new(expr, nft_match("==", nft_meta("l4proto"),
			                                      json_integer(PROTO_TCP)));
		json_array_append_new(expr,
		                      i == 0 ? json_pack("{s:{s:s}}", "reject", "type", "tcp reset")
		                             : nft_verdict("drop"));
		nft_rule(c, "inet", by_direction(d, "settle_in", "settle_out"), expr, NULL);
	}
}

/* ---- ARP: a table of its own ---- */

static void one_arp(struct compiler *c, const struct fw_rule *r)
{
	json_t *expr = json_array();
	char prefix[48], log_prefix[48];
	bool any_mac = r->src_mac.any && r->dst_mac.any;
	if (!fw_frame_matches(r, 0x0806) || !fw_rule_applies(r, &c->t->now) || !any_mac ||
	    r->proto != FW_PROTO_ANY || !r->src.any || !r->dst.any || r->ninterface_types) {
		json_decref(expr);
		return;
	}
	json_array_append_new(expr, json_pack("{s:n}", "counter"));
	snprintf(prefix, sizeof(prefix), "R %llu", (unsigned long long)r->id);
	if (r->action == FW_LOG_ONLY) {
		json_decref(expr);
		return;
	}
	snprintf(log_prefix, sizeof(log_prefix), "R %llu %c ", (unsigned long long)r->id,
	         c->r->tap ? 'T' : 'D');
	json_t *log = r->action == FW_DENY && !r->quiet ? nft_log(c, log_prefix) : NULL;
	if (log)
		json_array_append_new(expr, log);
	json_array_append_new(expr,
	                      nft_verdict(r->action == FW_DENY && !c->r->tap ? "drop" : "accept"));
	nft_rule(c, "arp", by_direction(r->direction, "in", "out"), expr, r->id ? prefix : NULL);
}

static bool speaks_of_arp(const struct rules *r)
{
	for (size_t i = 0; i < r->nrules; i++)
		if (r->rules[i].id && r->rules[i].frame != FRAME_IP &&
		    fw_frame_matches(&r->rules[i], 0x0806))
			return true;
	return false;
}

static void arp(struct compiler *c)
{
	static const char *const names[] = { "in", "out" };
	bool closed[2] = { false, false };
	if (!speaks_of_arp(c->r))
		return;
	json_t *table = json_pack("{s:s,s:s}", "family", "arp", "name", "yagura");
	command(c, "add", "table", json_incref(table));
	command(c, "delete", "table", json_incref(table));
	command(c, "add", "table", table);
	chain(c, "arp", "in", "input", PRIORITY);
	chain(c, "arp", "out", "output", PRIORITY);
	for (size_t i = 0; i < c->r->nrules; i++) {
		const struct fw_rule *r = &c->r->rules[i];
		one_arp(c, r);
		closed[r->direction] |= r->action == FW_ALLOW && fw_frame_matches(r, 0x0806);
	}
	for (size_t d = 0; d < 2; d++) {
		json_t *expr = json_array();
		bool drop = closed[d] && !c->r->tap;
		json_array_append_new(expr, nft_verdict(drop ? "drop" : "accept"));
		nft_rule(c, "arp", names[d], expr, NULL);
	}
}

int firewall_compile(const struct rules *r, const struct fw_target *t, struct buf *out,
                     struct err *why)
{
	struct compiler c = { r, t, json_array() };
	AUTO(json_decrefp) json_t *all = json_pack("{s:o}", "nftables", c.list);
	if (t->generation > 7 || t->mark_shift > 26)
		return err_set(why, -EINVAL, "there is no mark for generation %u at bit %u",
		               t->generation, t->mark_shift);
	frame_work(&c);
	compile_early(&c);
	direction(&c, PACKET_IN);
	direction(&c, PACKET_OUT);
	if (r->forward)
		entrance(&c, PACKET_IN, "forward");
	reset_asked(&c, PACKET_IN);
	reset_asked(&c, PACKET_OUT);
	settle_asked(&c, PACKET_IN);
	settle_asked(&c, PACKET_OUT);
	arp(&c);
	json_write(out, all);
	return buf_end(out);
}
