#include "module/intrusionprevention/set.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"

/* Rules to a set: the order of evaluation, groups by buffer, JIT. */

const struct ips_limits ips_limits_default = {
	.window = 16384,
	.depth = 1 << 20,
	.steps = 10000,
	.pcre_match = 10000,
	.pcre_depth = 2000,
	.candidates = 256,
	.table = 16384,
};

/* ---- order ---- */

/* Who sets a bit comes before who asks for it. */
static int bit_rank(const struct rule *r)
{
	bool sets = false, asks = false;
	for (unsigned i = 0; i < r->nbits; i++) {
		bool ask = r->bits[i].deed == BIT_ISSET || r->bits[i].deed == BIT_ISNOTSET;
		asks |= ask;
		sets |= !ask;
	}
	return sets && !asks ? 0 : sets ? 1 : asks ? 3 : 2;
}

static int action_rank(enum ips_action a)
{
	static const int ranks[] = {
		[IPS_PASS] = 0, [IPS_DROP] = 1, [IPS_REJECT] = 2, [IPS_ALERT] = 3
	};
	return ranks[a];
}

static int rule_order(const void *a, const void *b)
{
	const struct rule *x = *(struct rule *const *)a, *y = *(struct rule *const *)b;
	bool px = x->words.action == IPS_PASS, py = y->words.action == IPS_PASS;
	if (px != py)
		return px ? -1 : 1;
	if (bit_rank(x) != bit_rank(y))
		return bit_rank(x) - bit_rank(y);
	if (x->words.action != y->words.action)
		return action_rank(x->words.action) - action_rank(y->words.action);
	if (x->words.priority != y->words.priority)
		return x->words.priority < y->words.priority ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* ---- groups ---- */

/* The list that brings a rule to life in transactions: its fast pattern's, or its first. */
static const struct list *first_list(const struct rule *r, bool raw)
{
	if (r->fast_list >= 0 && (r->lists[r->fast_list].buffer == IPS_RAW) == raw)
		return &r->lists[r->fast_list];
	const struct list *best = NULL;
	for (unsigned i = 0; i < r->nlists; i++)
		if ((r->lists[i].buffer == IPS_RAW) == raw && !best)
			best = &r->lists[i];
	return best;
}

static bool fast_is_here(const struct rule *r, const struct group *g)
{
	if (r->fast_list < 0)
		return false;
	const struct list *l = &r->lists[r->fast_list];
	return l->buffer == g->buffer && (g->buffer == IPS_RAW || transforms_same(l, g->like));
}

static bool in_packets(const struct rule *r, enum raw_kind kind)
{
	static const unsigned protos[] = { RULE_TCP, RULE_UDP, RULE_ICMP, 0 };
	if (!r->at_packet || (kind == RAW_PACKET_TCP && r->at_stream))
		return false;
	return r->protos & (protos[kind] | RULE_IP);
}

static bool on_side(const struct list *l, enum app_side side)
{
	return side == APP_CLIENT ? l->client : l->server;
}

static bool in_stream(const struct rule *r, enum app_side side)
{
	const struct list *l = first_list(r, true);
	/* Rules over transactions may have a part over the stream. */
	return l && (r->at_stream || r->at_tx) && on_side(l, side);
}

static bool in_tx(const struct rule *r, const struct group *g)
{
	const struct list *l = r->at_tx ? first_list(r, false) : NULL;
	return l && l->buffer == g->buffer && on_side(l, g->side) && transforms_same(l, g->like);
}

struct building {
	struct ips_set *set;
	const struct ips_cache *cache;
	uint32_t *members; /* owned: room for all rules */
	struct err *why;
};

static int build_packets(struct building *b)
{
	struct ips_rules *rules = b->set->rules;
	for (unsigned k = 0; k < RAW_PACKETS; k++) {
		struct group *g = &b->set->packets[k];
		size_t n = 0;
		g->buffer = IPS_RAW;
		for (size_t i = 0; i < rules->n; i++)
			if (in_packets(rules->rules[i], (enum raw_kind)k))
				b->members[n++] = (uint32_t)i;
		int rc = group_compile(g, rules->rules, b->members, n, fast_is_here, b->set,
		                       b->cache, b->why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int build_streams(struct building *b)
{
	struct ips_rules *rules = b->set->rules;
	for (unsigned side = 0; side < APP_SIDES; side++) {
		struct group *g = &b->set->streams[side];
		size_t n = 0;
		g->buffer = IPS_RAW;
		g->side = (enum app_side)side;
		for (size_t i = 0; i < rules->n; i++)
			if (in_stream(rules->rules[i], g->side))
				b->members[n++] = (uint32_t)i;
		int rc = group_compile(g, rules->rules, b->members, n, fast_is_here, b->set,
		                       b->cache, b->why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static struct group *group_of(struct ips_set *s, const struct list *l, enum app_side side)
{
	for (unsigned i = 0; i < s->ntxs; i++) {
		struct group *g = &s->txs[i];
		if (g->buffer == l->buffer && g->side == side && transforms_same(g->like, l))
			return g;
	}
	struct group *grown = reallocarray(s->txs, s->ntxs + 1, sizeof(*grown));
	if (!grown)
		abort();
	s->txs = grown;
	grown[s->ntxs] = (struct group){
		.buffer = l->buffer, .app = app_buffers[l->buffer].protocol, .side = side, .like = l
	};
	return &grown[s->ntxs++];
}

static int build_txs(struct building *b)
{
	struct ips_rules *rules = b->set->rules;
	for (size_t i = 0; i < rules->n; i++) {
		const struct list *l =
			rules->rules[i]->at_tx ? first_list(rules->rules[i], false) : NULL;
		for (unsigned side = 0; l && side < APP_SIDES; side++)
			if (on_side(l, (enum app_side)side))
				group_of(b->set, l, (enum app_side)side);
	}
	for (unsigned k = 0; k < b->set->ntxs; k++) {
		struct group *g = &b->set->txs[k];
		size_t n = 0;
		for (size_t i = 0; i < rules->n; i++)
			if (in_tx(rules->rules[i], g))
				b->members[n++] = (uint32_t)i;
		int rc = group_compile(g, rules->rules, b->members, n, fast_is_here, b->set,
		                       b->cache, b->why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Rules over transactions that look into no buffer of theirs. */
static int build_events(struct building *b)
{
	struct ips_set *s = b->set;
	for (unsigned e = 0; e <= APP_EVENTS; e++) {
		size_t n = 0;
		for (size_t i = 0; i < s->rules->n; i++) {
			const struct rule *r = s->rules->rules[i];
			int event = r->event < 0 ? APP_EVENTS : r->event;
			if (r->at_tx && event == (int)e && (r->event >= 0 || !first_list(r, false)))
				b->members[n++] = (uint32_t)i;
		}
		s->nevents[e] = (uint32_t)n;
		s->events[e] = calloc(n + 1, sizeof(uint32_t));
		if (!s->events[e])
			return -ENOMEM;
		memcpy(s->events[e], b->members, n * sizeof(uint32_t));
	}
	return 0;
}

static void mark_wanted(struct ips_set *s)
{
	for (size_t i = 0; i < s->rules->n; i++) {
		const struct rule *r = s->rules->rules[i];
		if (!r->at_tx)
			continue;
		for (unsigned p = 0; p < APP_PROTOCOLS; p++)
			s->app_wanted[p] |= r->app == APP_UNKNOWN ||
			                    r->app == (enum app_protocol)p ||
			                    (p == APP_HTTP2 && r->app == APP_HTTP);
	}
}

static int build(struct building *b)
{
	int rc = build_packets(b);
	if (rc == 0)
		rc = build_streams(b);
	if (rc == 0)
		rc = build_txs(b);
	if (rc == 0)
		rc = build_events(b);
	mark_wanted(b->set);
	return rc;
}

static void set_free(struct ips_set *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < RAW_PACKETS; i++)
		group_done(&s->packets[i]);
	for (unsigned i = 0; i < APP_SIDES; i++)
		group_done(&s->streams[i]);
	for (unsigned i = 0; i < s->ntxs; i++)
		group_done(&s->txs[i]);
	for (unsigned i = 0; i <= APP_EVENTS; i++)
		free(s->events[i]);
	free(s->txs);
	ips_rules_free(s->rules);
	free(s);
}

static void set_freep(struct ips_set **s)
{
	set_free(*s);
}

int ips_set_new(struct ips_rules *rules, const struct ips_limits *limits,
                const struct ips_cache *cache, struct ips_set **out, struct err *why)
{
	AUTO(set_freep) struct ips_set *s = xcalloc(1, sizeof(*s));
	AUTO(freep) uint32_t *members = calloc(rules->n + 1, sizeof(*members));
	s->rules = rules;
	s->limits = *limits;
	atomic_init(&s->references, 1);
	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < rules->n; i++)
		rules->rules[i]->index = (uint32_t)i;
	if (rules->n)
		qsort(rules->rules, rules->n, sizeof(struct rule *), rule_order);
	for (size_t i = 0; i < rules->n; i++)
		rules->rules[i]->index = (uint32_t)i;
	/* Where there is no JIT, the interpreter does. */
	for (size_t i = 0; i < rules->ncodes; i++)
		(void)pcre2_jit_compile(rules->codes[i], PCRE2_JIT_COMPLETE);
	struct building b = { .set = s, .cache = cache, .members = members, .why = why };
	int rc = build(&b);
	if (rc < 0)
		return rc;
	ips_rules_ports(rules, &s->ports);
	*out = TAKE(s);
	return 0;
}

int ips_compile(const struct ips_source *in, const struct ips_limits *limits,
                const struct ips_cache *cache, struct ips_set **out, struct ips_report *report,
                struct err *why)
{
	struct ips_rules *rules = NULL;
	int rc = ips_parse(in, &rules, report, why);
	return rc < 0 ? rc : ips_set_new(rules, limits, cache, out, why);
}

struct ips_set *ips_set_ref(struct ips_set *s)
{
	atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
	return s;
}

void ips_set_unref(struct ips_set *s)
{
	if (s && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
		set_free(s);
}

const struct ips_rules *ips_set_rules(const struct ips_set *s)
{
	return s->rules;
}

size_t ips_set_memory(const struct ips_set *s)
{
	return s->memory;
}
