#include <stdlib.h>
#include <string.h>

#include "module/intrusionprevention/engine.h"

/* Rules over transactions: buffers as they come, rules as soon as all of theirs have. */

/* How far patterns were looked for in one group's buffer. */
struct progress {
	uint64_t scanned;
	uint32_t index; /* of buffers that are lists */
	bool begun, done;
};

struct tx_state {
	struct ips_set *set;   /* referenced */
	struct tx_state *next; /* of spare ones */
	struct candidates all;
	bool begun[APP_SIDES];
	unsigned ngroups, cap;
	struct progress *groups; /* owned */
};

enum { SPARE_MAX = 256, INDEX_MAX = 1024 };

static struct tx_state *state_new(struct ips *i, const struct ips_flow *f)
{
	struct tx_state *t = i->spare;
	if (t) {
		i->spare = t->next;
		i->nspare--;
	} else {
		t = calloc(1, sizeof(*t));
	}
	if (!t)
		return NULL;
	unsigned n = f->set->ntxs;
	if (n > t->cap) {
		struct progress *grown = reallocarray(t->groups, n, sizeof(*grown));
		if (!grown) {
			free(t->groups);
			free(t->all.list);
			free(t);
			return NULL;
		}
		t->groups = grown;
		t->cap = n;
	}
	if (n)
		memset(t->groups, 0, n * sizeof(*t->groups));
	t->ngroups = n;
	t->all.n = 0;
	memset(t->begun, 0, sizeof(t->begun));
	t->set = ips_set_ref(f->set);
	return t;
}

static void state_free(struct tx_state *t)
{
	free(t->groups);
	free(t->all.list);
	free(t);
}

static void state_drop(struct ips *i, struct tx_state *t)
{
	ips_set_unref(t->set);
	t->set = NULL;
	if (i->nspare >= SPARE_MAX) {
		state_free(t);
		return;
	}
	t->next = i->spare;
	i->spare = t;
	i->nspare++;
}

void ips_free(struct ips *i)
{
	if (!i)
		return;
	while (i->spare) {
		struct tx_state *t = i->spare;
		i->spare = t->next;
		state_free(t);
	}
	scratch_done(&i->scratch);
	hs_free_scratch(i->hs);
	free(i->awake);
	free(i->found);
	table_done(&i->thresholds);
	table_done(&i->bits);
	ips_set_unref(i->set);
	free(i);
}

/* ---- who is awake ---- */

static void add_rule(const struct look *l, struct tx_state *t, uint32_t rule)
{
	const struct rule *r = t->set->rules->rules[rule];
	bool is_new = false;
	if (!header_holds(r, l))
		return;
	struct candidate *c = candidate_add(l->ips, &t->all, rule, &is_new);
	if (c && is_new) {
		c->side = (uint8_t)l->side;
		c->buffer = -1;
	}
}

static void add_awake(const struct look *l, struct tx_state *t)
{
	struct ips *i = l->ips;
	for (size_t k = 0; k < i->nfound; k++)
		add_rule(l, t, i->found[k]);
	awake_clear(i);
}

/* What is new of one buffer; true: it has ended, and another may follow. */
static bool scan_buffer(const struct look *l, struct tx_state *t, const struct group *g,
                        struct progress *at, const struct app_bytes *b)
{
	struct view v = { .p = b->data, .n = b->len, .base = b->offset, .whole = b->whole };
	if (g->like->ntransforms) {
		if (!b->whole)
			return false;
		transform(&l->ips->scratch, g->like, &v);
	}
	uint64_t end = v.base + v.n;
	uint64_t from = at->scanned > g->overlap ? at->scanned - g->overlap : 0;
	if (from < v.base)
		from = v.base;
	if (end > at->scanned || !at->begun) {
		scan(l->ips, g, v.p + (from - v.base), (size_t)(end - from), !at->begun);
		add_awake(l, t);
		at->begun = true;
		at->scanned = end;
	}
	return v.whole;
}

static void scan_group(const struct look *l, struct tx_state *t, const struct group *g,
                       struct progress *at)
{
	struct app_bytes b;
	while (!at->done && at->index < INDEX_MAX &&
	       l->face->buffer(l->tx, (enum app_buffer)g->buffer, g->side, at->index, &b)) {
		if (!scan_buffer(l, t, g, at, &b))
			return;
		at->scanned = 0;
		at->index++;
		at->done = !app_buffers[g->buffer].many;
	}
}

static bool speaks(const struct group *g, const struct ips_flow *f)
{
	return g->app == APP_UNKNOWN || g->app == f->app ||
	       (g->app == APP_HTTP && f->app == APP_HTTP2);
}

static void scan_groups(const struct look *l, struct tx_state *t)
{
	for (unsigned k = 0; k < t->ngroups; k++) {
		const struct group *g = &t->set->txs[k];
		if (g->side == l->side && !t->groups[k].done && speaks(g, l->flow))
			scan_group(l, t, g, &t->groups[k]);
	}
	if (t->begun[l->side])
		return;
	t->begun[l->side] = true;
	for (uint32_t k = 0; k < t->set->nevents[APP_EVENTS]; k++)
		add_rule(l, t, t->set->events[APP_EVENTS][k]);
}

/* ---- one rule's buffers ---- */

static enum found try_buffer(const struct look *l, const struct list *list, enum app_side side,
                             unsigned index, struct hit *hit, bool *there)
{
	struct app_bytes b;
	*there = l->face->buffer(l->tx, (enum app_buffer)list->buffer, side, index, &b);
	if (!*there)
		return l->face->stage(l->tx, side) == STAGE_DONE ? FOUND_NO : FOUND_WAIT;
	struct view v = { .p = b.data, .n = b.len, .base = b.offset, .whole = b.whole };
	if (!v.p)
		v.p = (const uint8_t *)"";
	/* Nothing more comes of a side that is done, whatever was left out. */
	v.whole |= l->face->stage(l->tx, side) == STAGE_DONE;
	return inspect(&l->ips->scratch, list, &v, hit);
}

static enum found try_side(const struct look *l, const struct list *list, enum app_side side,
                           struct hit *hit)
{
	bool many = app_buffers[list->buffer].many, there = true;
	enum found best = FOUND_NO;
	for (unsigned index = 0; there && index < (many ? (unsigned)INDEX_MAX : 1); index++) {
		enum found is = try_buffer(l, list, side, index, hit, &there);
		if (is == FOUND_YES)
			return is;
		if (is > best)
			best = is;
	}
	return best;
}

static enum found try_raw(const struct look *l, uint32_t rule)
{
	for (unsigned side = 0; side < APP_SIDES; side++) {
		const struct candidate *c = candidate_find(&l->flow->waiting[side], rule);
		if (c && c->complete)
			return FOUND_YES;
	}
	return FOUND_WAIT;
}

static enum found try_list(const struct look *l, const struct candidate *c, const struct list *list,
                           struct hit *hit)
{
	if (list->buffer == IPS_RAW)
		return l->stale ? FOUND_WAIT : try_raw(l, c->rule);
	if (list->client && list->server)
		return try_side(l, list, (enum app_side)c->side, hit);
	return try_side(l, list, list->client ? APP_CLIENT : APP_SERVER, hit);
}

/* FOUND_YES: all of them; then the rule may fire. */
static enum found try_lists(const struct look *l, const struct rule *r, struct candidate *c)
{
	enum found all = FOUND_YES;
	for (unsigned k = 0; k < r->nlists; k++) {
		struct hit hit = { .position = -1 };
		if (c->matched >> k & 1)
			continue;
		enum found is = try_list(l, c, &r->lists[k], &hit);
		if (is == FOUND_NO)
			return FOUND_NO;
		if (is == FOUND_WAIT) {
			all = FOUND_WAIT;
			continue;
		}
		c->matched |= UINT32_C(1) << k;
		if ((int)k == r->fast_list || c->buffer < 0) {
			c->position = hit.position;
			c->buffer = (int16_t)r->lists[k].buffer;
		}
	}
	return all;
}

static enum ips_verdict try_rules(struct look *l, struct tx_state *t)
{
	enum ips_verdict verdict = IPS_NONE;
	for (unsigned k = 0; k < t->all.n && !l->flow->passed; k++) {
		struct candidate *c = &t->all.list[k];
		const struct rule *r = t->set->rules->rules[c->rule];
		if (c->dead)
			continue;
		if (!c->complete) {
			enum found is = try_lists(l, r, c);
			c->dead = is == FOUND_NO;
			c->complete = is == FOUND_YES;
		}
		if (!c->complete)
			continue;
		enum app_side side = l->side;
		l->side = (enum app_side)c->side;
		l->scored = &c->scored;
		l->scratch = &l->ips->scratch;
		c->dead = fire(l, r, c, &verdict) != FIRED_NOT;
		l->side = side;
	}
	return verdict;
}

static struct look look_at(struct ips *i, struct ips_flow *f, const struct app_tx *tx,
                           enum app_side side, const struct packet *p, uint64_t now_ms)
{
	i->scratch.client = &f->tuple.client;
	return (struct look){ .ips = i,
		              .face = i->face,
		              .flow = f,
		              .packet = p,
		              .tx = tx,
		              .side = side,
		              .now_ms = now_ms,
		              .event = -1,
		              .where = IPS_AT_TX };
}

enum ips_verdict ips_tx_progress(struct ips *i, struct ips_flow *f, struct app_tx *tx,
                                 enum app_side side, const struct packet *p, uint64_t now_ms)
{
	flow_follow(i, f);
	void **word = i->face->state(tx);
	if (!*word && (f->passed || !f->set->app_wanted[f->app]))
		return IPS_NONE;
	if (!*word) {
		*word = state_new(i, f);
		i->counts.transactions++;
	}
	struct tx_state *t = *word;
	if (!t)
		return IPS_NONE;
	struct look l = look_at(i, f, tx, side, p, now_ms);
	/* Transactions stay with the set that they began with. */
	l.stale = t->set != f->set;
	i->scratch.request_is = NULL;
	scan_groups(&l, t);
	return try_rules(&l, t);
}

enum ips_verdict ips_app_event(struct ips *i, struct ips_flow *f, struct app_tx *tx,
                               enum app_side side, unsigned event, const struct packet *p,
                               uint64_t now_ms)
{
	enum ips_verdict verdict = IPS_NONE;
	flow_follow(i, f);
	if (event >= APP_EVENTS || f->passed)
		return verdict;
	struct look l = look_at(i, f, tx, side, p, now_ms);
	l.event = (int)event;
	for (uint32_t k = 0; k < f->set->nevents[event]; k++) {
		const struct rule *r = f->set->rules->rules[f->set->events[event][k]];
		struct candidate c = { .rule = r->index,
			               .position = -1,
			               .stream_position = -1,
			               .side = (uint8_t)side,
			               .buffer = -1 };
		if (!header_holds(r, &l) || (r->nlists && !tx))
			continue;
		if (try_lists(&l, r, &c) == FOUND_YES)
			(void)fire(&l, r, &c, &verdict);
	}
	return verdict;
}

enum ips_verdict ips_app_protocol(struct ips *i, struct ips_flow *f, enum app_protocol p,
                                  const struct packet *at, uint64_t now_ms)
{
	enum ips_verdict verdict = IPS_NONE;
	flow_follow(i, f);
	f->app = p;
	/* What was found in the stream before the protocol was known. */
	for (unsigned side = 0; side < APP_SIDES; side++) {
		struct look l = look_at(i, f, NULL, (enum app_side)side, at, now_ms);
		l.where = IPS_AT_STREAM;
		for (unsigned k = 0; k < f->waiting[side].n && !f->passed; k++) {
			struct candidate *c = &f->waiting[side].list[k];
			const struct rule *r = f->set->rules->rules[c->rule];
			if (c->complete && !r->at_tx && fire(&l, r, c, &verdict) != FIRED_NOT)
				c->complete = false;
		}
	}
	return verdict;
}

void ips_tx_ended(struct ips *i, struct app_tx *tx)
{
	void **word = i->face->state(tx);
	if (!*word)
		return;
	state_drop(i, *word);
	*word = NULL;
}
