#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/firewall/firewall.h"

/*
 * nftables in small: reads a ruleset's JSON and walks a packet through it, knowing nothing of the
 * rules that it was made of. What it does not know refuses the ruleset.
 */

enum { STEPS_MAX = 100000, DEPTH_MAX = 16, CHAINS_MAX = 64 };

enum what {
	W_NFPROTO,
	W_L4PROTO,
	W_IIFNAME,
	W_OIFNAME,
	W_LENGTH,
	W_MARK,
	W_SADDR4,
	W_DADDR4,
	W_SADDR6,
	W_DADDR6,
	W_IP_LENGTH,
	W_FRAG_OFF,
	W_SPORT,
	W_DPORT,
	W_FLAGS,
	W_ETHER_SADDR,
	W_ETHER_DADDR,
	W_RAW_TRANSPORT,
	W_CT_STATE,
	W_CT_MARK,
	W_CT_DIRECTION,
	W_FRAG6,
	W_FRAG6_MORE,
};

/* A value as nft compares it: up to 16 bytes, or a name. Numbers stand big-endian at the end. */
struct value {
	uint8_t b[16];
	char name[16];
};

struct range {
	struct value from, to;
};

struct statement {
	enum { S_MATCH, S_VERDICT, S_JUMP, S_GOTO, S_LOG, S_SET_CT_MARK, S_NOTHING } kind;
	/* match */
	enum what what;
	unsigned proto; /* ports and flags need it; 0: any that has ports */
	unsigned offset, bits;
	bool masked;
	uint32_t mask;
	enum { OP_IN, OP_NOT, OP_LESS, OP_MORE } op;
	struct range *ranges; /* owned */
	size_t n;
	/* the rest */
	enum { V_ACCEPT, V_DROP, V_RETURN } verdict;
	int chain;
	char prefix[32];
	uint32_t value;
};

struct rule {
	struct statement *statements; /* owned */
	size_t n;
};

struct chain {
	char name[32];
	struct rule *rules; /* owned */
	size_t n;
};

struct fw_model {
	struct chain chains[CHAINS_MAX];
	int n;
};

void fw_model_free(struct fw_model *m)
{
	for (int c = 0; m && c < m->n; c++) {
		for (size_t r = 0; r < m->chains[c].n; r++) {
			struct rule *rule = &m->chains[c].rules[r];
			for (size_t s = 0; s < rule->n; s++)
				free(rule->statements[s].ranges);
			free(rule->statements);
		}
		free(m->chains[c].rules);
	}
	free(m);
}

static int chain_find(const struct fw_model *m, const char *name)
{
	for (int i = 0; i < m->n; i++)
		if (strcmp(m->chains[i].name, name) == 0)
			return i;
	return -1;
}

/* ---- reading ---- */

static int unknown(struct err *why, const json_t *j)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, j);
	return err_set(why, -EINVAL, "the model does not know %.200s", b.p ? b.p : "this");
}

static void put_number(struct value *v, uint64_t n)
{
	memset(v, 0, sizeof(*v));
	for (int i = 0; i < 8; i++)
		v->b[15 - i] = (uint8_t)(n >> 8 * i);
}

static void put_ip(struct value *v, const struct ip *ip)
{
	size_t n = ip->version == 4 ? 4 : 16;
	memset(v, 0, sizeof(*v));
	memcpy(v->b + 16 - n, ip->b, n);
}

static void put_name(struct value *v, const char *name)
{
	memset(v, 0, sizeof(*v));
	snprintf(v->name, sizeof(v->name), "%.15s", name);
}

static void put_mac(struct value *v, const uint8_t mac[6])
{
	memset(v, 0, sizeof(*v));
	memcpy(v->b + 10, mac, 6);
}

/* As the compiler writes it: "02:00:00:00:00:01". */
static bool read_mac(const char *text, uint8_t out[static 6])
{
	if (strlen(text) != 17 || strspn(text, "0123456789abcdef:") != 17 || text[2] != ':')
		return false;
	for (size_t i = 0; i < 6; i++)
		out[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
	return true;
}

static int read_value(const json_t *j, struct value *v, struct err *why)
{
	const char *text = json_string_value(j);
	struct ip ip = { 0 };
	uint8_t mac[6];
	if (json_is_integer(j) || json_is_boolean(j)) {
		put_number(v,
		           json_is_integer(j) ? (uint64_t)json_integer_value(j) : json_is_true(j));
		return 0;
	}
	if (!text)
		return unknown(why, j);
	if (ip_parse(text, &ip) == 0)
		put_ip(v, &ip);
	else if (read_mac(text, mac))
		put_mac(v, mac);
	else
		put_name(v, text);
	return 0;
}

static int read_range(const json_t *j, struct range *r, struct err *why)
{
	const json_t *ends = json_array_at(j, "range");
	if (!ends) {
		int rc = read_value(j, &r->from, why);
		r->to = r->from;
		return rc;
	}
	int rc = read_value(json_array_get(ends, 0), &r->from, why);
	return rc < 0 ? rc : read_value(json_array_get(ends, 1), &r->to, why);
}

static int read_right(struct statement *s, const json_t *right, struct err *why)
{
	const json_t *set = json_array_at(right, "set");
	if (!set && json_is_array(right))
		set = right;
	s->n = set ? json_array_size(set) : 1;
	s->ranges = xcalloc(s->n + 1, sizeof(*s->ranges));
	for (size_t i = 0; i < s->n; i++) {
		int rc = read_range(set ? json_array_get(set, i) : right, &s->ranges[i], why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static const struct {
	const char *kind, *first, *second;
	enum what what;
	unsigned proto;
} lefts[] = {
	{ "meta", "nfproto", NULL, W_NFPROTO, 0 },
	{ "meta", "l4proto", NULL, W_L4PROTO, 0 },
	{ "meta", "iifname", NULL, W_IIFNAME, 0 },
	{ "meta", "oifname", NULL, W_OIFNAME, 0 },
	{ "meta", "length", NULL, W_LENGTH, 0 },
	{ "meta", "mark", NULL, W_MARK, 0 },
	{ "ct", "state", NULL, W_CT_STATE, 0 },
	{ "ct", "mark", NULL, W_CT_MARK, 0 },
	{ "ct", "direction", NULL, W_CT_DIRECTION, 0 },
	{ "payload", "ip", "saddr", W_SADDR4, 0 },
	{ "payload", "ip", "daddr", W_DADDR4, 0 },
	{ "payload", "ip", "length", W_IP_LENGTH, 0 },
	{ "payload", "ip", "frag-off", W_FRAG_OFF, 0 },
	{ "payload", "ip6", "saddr", W_SADDR6, 0 },
	{ "payload", "ip6", "daddr", W_DADDR6, 0 },
	{ "payload", "ether", "saddr", W_ETHER_SADDR, 0 },
	{ "payload", "ether", "daddr", W_ETHER_DADDR, 0 },
	{ "payload", "tcp", "sport", W_SPORT, PROTO_TCP },
	{ "payload", "tcp", "dport", W_DPORT, PROTO_TCP },
	{ "payload", "tcp", "flags", W_FLAGS, PROTO_TCP },
	{ "payload", "udp", "sport", W_SPORT, PROTO_UDP },
	{ "payload", "udp", "dport", W_DPORT, PROTO_UDP },
	{ "payload", "th", "sport", W_SPORT, 0 },
	{ "payload", "th", "dport", W_DPORT, 0 },
};

static int read_exthdr(struct statement *s, const json_t *x, const json_t *j, struct err *why)
{
	const char *field = json_text(x, "field", "");
	if (strcmp(json_text(x, "name", ""), "frag") != 0 ||
	    (*field && strcmp(field, "more-fragments") != 0))
		return unknown(why, j);
	s->what = *field ? W_FRAG6_MORE : W_FRAG6;
	return 0;
}

static int read_left(struct statement *s, const json_t *j, struct err *why)
{
	const json_t *and = json_array_at(j, "&"), *x = json_object_at(j, "exthdr");
	if (and) {
		s->masked = true;
		s->mask = (uint32_t)json_integer_value(json_array_get(and, 1));
		j = json_array_get(and, 0);
	}
	if (x)
		return read_exthdr(s, x, j, why);
	const json_t *raw = json_object_at(j, "payload");
	if (raw && strcmp(json_text(raw, "base", ""), "th") == 0) {
		s->what = W_RAW_TRANSPORT;
		s->offset = (unsigned)json_int(raw, "offset", 0);
		s->bits = (unsigned)json_int(raw, "len", 0);
		return s->bits == 8 || s->bits == 16 ? 0 : unknown(why, j);
	}
	for (size_t i = 0; i < ARRAY_LEN(lefts); i++) {
		const json_t *o = json_object_at(j, lefts[i].kind);
		const char *first = json_text(o, lefts[i].second ? "protocol" : "key", "");
		if (!o || strcmp(first, lefts[i].first) != 0 ||
		    (lefts[i].second && strcmp(json_text(o, "field", ""), lefts[i].second) != 0))
			continue;
		s->what = lefts[i].what;
		s->proto = lefts[i].proto;
		return 0;
	}
	return unknown(why, j);
}

static int read_match(struct statement *s, const json_t *m, struct err *why)
{
	const char *op = json_text(m, "op", "");
	const json_t *right = json_object_get(m, "right");
	s->kind = S_MATCH;
	s->op = strcmp(op, "!=") == 0 ? OP_NOT
	        : *op == '<'          ? OP_LESS
	        : *op == '>'          ? OP_MORE
	                              : OP_IN;
	int rc = read_left(s, json_object_get(m, "left"), why);
	/* A set that the agent fills is empty here. */
	if (rc == 0 && json_is_string(right) && json_string_value(right)[0] == '@')
		return 0;
	return rc < 0 ? rc : read_right(s, right, why);
}

static int read_target(const struct fw_model *m, struct statement *s, const json_t *j,
                       const char *how, struct err *why)
{
	s->kind = strcmp(how, "jump") == 0 ? S_JUMP : S_GOTO;
	s->chain = chain_find(m, json_text(json_object_at(j, how), "target", ""));
	return s->chain < 0 ? unknown(why, j) : 0;
}

/* Only the one form is known: ct mark = ct mark & A | B; and marks of packets, which are none. */
static int read_mangle(struct statement *s, const json_t *j, struct err *why)
{
	const json_t *o = json_object_at(j, "mangle");
	const json_t * or = json_array_at(json_object_at(o, "value"), "|");
	if (strcmp(json_text(json_object_at(json_object_at(o, "key"), "meta"), "key", ""),
	           "mark") == 0) {
		s->kind = S_NOTHING;
		return 0;
	}
	const json_t *and = json_array_at(json_array_get(or, 0), "&");
	if (!and)
		return unknown(why, j);
	s->kind = S_SET_CT_MARK;
	s->mask = (uint32_t)json_integer_value(json_array_get(and, 1));
	s->value = (uint32_t)json_integer_value(json_array_get(or, 1));
	return 0;
}

static int read_statement(const struct fw_model *m, struct statement *s, const json_t *j,
                          struct err *why)
{
	static const char *const verdicts[] = { "accept", "drop", "return" };
	const json_t *log = json_object_at(j, "log");
	if (json_object_get(j, "match"))
		return read_match(s, json_object_get(j, "match"), why);
	if (json_object_get(j, "goto") || json_object_get(j, "jump"))
		return read_target(m, s, j, json_object_get(j, "goto") ? "goto" : "jump", why);
	if (json_object_get(j, "mangle"))
		return read_mangle(s, j, why);
	if (json_object_get(j, "reject")) {
		s->kind = S_VERDICT;
		s->verdict = V_DROP;
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_LEN(verdicts); i++) {
		if (!json_object_get(j, verdicts[i]))
			continue;
		s->kind = S_VERDICT;
		s->verdict = i == 0 ? V_ACCEPT : i == 1 ? V_DROP : V_RETURN;
		return 0;
	}
	s->kind = log ? S_LOG : S_NOTHING;
	snprintf(s->prefix, sizeof(s->prefix), "%.31s", json_text(log, "prefix", ""));
	return log || json_object_get(j, "counter") ? 0 : unknown(why, j);
}

static int read_rule(struct fw_model *m, const json_t *o, struct err *why)
{
	int at = chain_find(m, json_text(o, "chain", ""));
	const json_t *expr = json_array_at(o, "expr");
	if (at < 0 || !expr)
		return unknown(why, o);
	struct chain *c = &m->chains[at];
	struct rule *grown = realloc(c->rules, (c->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->rules = grown;
	struct rule *rule = &c->rules[c->n++];
	*rule = (struct rule){ xcalloc(json_array_size(expr) + 1, sizeof(*rule->statements)), 0 };
	for (size_t i = 0; i < json_array_size(expr); i++) {
		int rc = read_statement(m, &rule->statements[rule->n++], json_array_get(expr, i),
		                        why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_chain(struct fw_model *m, const json_t *o, struct err *why)
{
	const char *name = json_text(o, "name", "");
	if (chain_find(m, name) >= 0)
		return 0;
	if (m->n == CHAINS_MAX)
		return err_set(why, -E2BIG, "more than %d chains", CHAINS_MAX);
	snprintf(m->chains[m->n++].name, sizeof(m->chains[0].name), "%.31s", name);
	return 0;
}

static void model_freep(struct fw_model **m)
{
	fw_model_free(*m);
}

/* Of the table inet yagura; tables of other families are not modelled. */
int fw_model_new(struct fw_model **out, struct str json, struct err *why)
{
	AUTO(json_decrefp) json_t *j = json_parse(json, why);
	AUTO(model_freep) struct fw_model *m = xcalloc(1, sizeof(*m));
	const json_t *list = json_array_at(j, "nftables");
	int rc = list ? 0 : err_set(why, -EINVAL, "it is no ruleset");
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
			const json_t *add = json_object_at(json_array_get(list, i), "add");
			const json_t *o = json_object_at(add, pass ? "rule" : "chain");
			if (!o || strcmp(json_text(o, "family", ""), "inet") != 0)
				continue;
			rc = pass ? read_rule(m, o, why) : read_chain(m, o, why);
		}
	}
	if (rc == 0)
		*out = TAKE(m);
	return rc;
}

/* ---- walking ---- */

struct walk {
	const struct fw_model *m;
	const struct model_packet *in;
	const struct packet *p;
	struct model_answer *out;
	int steps;
};

/* Ports need a transport header, and nft's payload needs the right protocol. */
static bool has_transport(const struct statement *s, const struct packet *p)
{
	return p->transport && (!s->proto || p->proto == s->proto);
}

static bool load_meta(const struct walk *w, const struct statement *s, struct value *v)
{
	const struct packet *p = w->p;
	bool in = p->direction == PACKET_IN;
	switch ((int)s->what) {
	case W_NFPROTO:
		put_name(v, p->src.version == 4 ? "ipv4" : "ipv6");
		return true;
	case W_L4PROTO:
		put_number(v, p->proto);
		return true;
	case W_IIFNAME:
		put_name(v, in && p->ifname ? p->ifname : "");
		return true;
	case W_OIFNAME:
		put_name(v, !in && p->ifname ? p->ifname : "");
		return true;
	case W_LENGTH:
		put_number(v, p->ip_len);
		return true;
	case W_MARK:
		put_number(v, 0);
		return true;
	case W_CT_STATE:
		put_name(v, w->in->ct);
		return true;
	case W_CT_MARK:
		put_number(v, s->masked ? w->out->ct_mark & s->mask : w->out->ct_mark);
		return true;
	default:
		put_name(v, w->in->reply ? "reply" : "original");
		return true;
	}
}

static bool load_network(const struct walk *w, const struct statement *s, struct value *v)
{
	const struct packet *p = w->p;
	unsigned version = s->what == W_SADDR6 || s->what == W_DADDR6 ? 6 : 4;
	bool six = s->what == W_FRAG6 || s->what == W_FRAG6_MORE;
	if (p->src.version != (six ? 6 : version))
		return false;
	uint32_t off = (p->more ? 0x2000u : 0) | p->fragment_offset / 8;
	switch ((int)s->what) {
	case W_SADDR4:
	case W_SADDR6:
		put_ip(v, &p->src);
		return true;
	case W_DADDR4:
	case W_DADDR6:
		put_ip(v, &p->dst);
		return true;
	case W_IP_LENGTH:
		put_number(v, p->ip_len);
		return true;
	case W_FRAG_OFF:
		put_number(v, s->masked ? off & s->mask : off);
		return true;
	case W_FRAG6:
		put_number(v, p->fragment);
		return true;
	default:
		put_number(v, p->more);
		return p->fragment;
	}
}

static bool load_transport(const struct walk *w, const struct statement *s, struct value *v)
{
	const struct packet *p = w->p;
	if (!has_transport(s, p))
		return false;
	const uint8_t *at = p->data + p->transport;
	switch ((int)s->what) {
	case W_SPORT:
		put_number(v, p->sport);
		return true;
	case W_DPORT:
		put_number(v, p->dport);
		return true;
	case W_FLAGS:
		put_number(v, s->masked ? p->tcp_flags & s->mask : p->tcp_flags);
		return true;
	default:
		if (p->transport + s->offset + s->bits / 8 > p->len)
			return false;
		at += s->offset;
		put_number(v, s->bits == 8 ? at[0] : (unsigned)(at[0] << 8 | at[1]));
		return true;
	}
}

/* What a match looks at; false: the packet has none, so it does not match. */
static bool load(const struct walk *w, const struct statement *s, struct value *v)
{
	switch (s->what) {
	case W_NFPROTO:
	case W_L4PROTO:
	case W_IIFNAME:
	case W_OIFNAME:
	case W_LENGTH:
	case W_MARK:
	case W_CT_STATE:
	case W_CT_MARK:
	case W_CT_DIRECTION:
		return load_meta(w, s, v);
	case W_ETHER_SADDR:
	case W_ETHER_DADDR:
		put_mac(v, s->what == W_ETHER_SADDR ? w->p->src_mac : w->p->dst_mac);
		return w->p->has_mac;
	case W_SPORT:
	case W_DPORT:
	case W_FLAGS:
	case W_RAW_TRANSPORT:
		return load_transport(w, s, v);
	case W_SADDR4:
	case W_DADDR4:
	case W_SADDR6:
	case W_DADDR6:
	case W_IP_LENGTH:
	case W_FRAG_OFF:
	case W_FRAG6:
	case W_FRAG6_MORE:
		return load_network(w, s, v);
	}
	return false;
}

static bool matches(const struct walk *w, const struct statement *s)
{
	struct value v;
	if (!load(w, s, &v))
		return false;
	if (s->op == OP_LESS || s->op == OP_MORE) {
		int c = memcmp(v.b, s->ranges[0].from.b, sizeof(v.b));
		return s->op == OP_LESS ? c < 0 : c > 0;
	}
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(&v, &s->ranges[i].from, sizeof(v)) >= 0 &&
		    memcmp(&v, &s->ranges[i].to, sizeof(v)) <= 0)
			return s->op == OP_IN;
	return s->op == OP_NOT;
}

enum end { END_ACCEPT, END_DROP, END_ASK, END_RETURN, END_NEXT, END_LOST };

static enum end run_chain(struct walk *w, int at, int depth);

static enum end run_statement(struct walk *w, const struct statement *s, int depth)
{
	enum end e = END_NEXT;
	switch (s->kind) {
	case S_VERDICT:
		return s->verdict == V_ACCEPT ? END_ACCEPT : END_DROP;
	case S_JUMP:
	case S_GOTO:
		e = run_chain(w, s->chain, depth + 1);
		return e == END_RETURN && s->kind == S_JUMP ? END_NEXT : e;
	case S_LOG:
		if (w->out->nlogs < ARRAY_LEN(w->out->logs))
			memcpy(w->out->logs[w->out->nlogs++].prefix, s->prefix, sizeof(s->prefix));
		return END_NEXT;
	case S_SET_CT_MARK:
		w->out->ct_mark = (w->out->ct_mark & s->mask) | s->value;
		return END_NEXT;
	case S_MATCH: /* run_rule() looks at them */
	case S_NOTHING:
		return END_NEXT;
	}
	return END_NEXT;
}

/* END_NEXT: the rule did not end the packet's way. *leave: the chain is left by `return`. */
static enum end run_rule(struct walk *w, const struct rule *r, int depth, bool *leave)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct statement *s = &r->statements[i];
		if (s->kind == S_MATCH) {
			if (!matches(w, s))
				return END_NEXT;
			continue;
		}
		if (s->kind == S_VERDICT && s->verdict == V_RETURN) {
			*leave = true;
			return END_RETURN;
		}
		enum end e = run_statement(w, s, depth);
		if (e != END_NEXT) {
			*leave = true;
			return e;
		}
	}
	return END_NEXT;
}

static enum end run_chain(struct walk *w, int at, int depth)
{
	const struct chain *c = &w->m->chains[at];
	if (strcmp(c->name, "ask") == 0)
		return END_ASK;
	for (size_t i = 0; i < c->n; i++) {
		bool leave = false;
		if (w->steps++ > STEPS_MAX || depth > DEPTH_MAX)
			return END_LOST;
		enum end e = run_rule(w, &c->rules[i], depth, &leave);
		if (leave)
			return e;
	}
	return END_RETURN;
}

int fw_model_run(const struct fw_model *m, const struct model_packet *p, struct model_answer *out)
{
	bool in = p->packet->direction == PACKET_IN;
	const char *hooks[] = { in ? "early" : NULL, in ? "in" : "out" };
	struct walk w = { m, p, p->packet, out, 0 };
	*out = (struct model_answer){ .verdict = MODEL_ACCEPT, .ct_mark = p->ct_mark };
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		int at = hooks[i] ? chain_find(m, hooks[i]) : -1;
		if (at < 0)
			continue;
		enum end e = run_chain(&w, at, 0);
		if (e == END_LOST)
			return -EINVAL;
		if (e == END_DROP || e == END_ASK) {
			out->verdict = e == END_DROP ? MODEL_DROP : MODEL_ASK;
			return 0;
		}
	}
	return 0;
}
