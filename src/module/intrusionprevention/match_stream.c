#include <stdlib.h>
#include <string.h>

#include "module/intrusionprevention/engine.h"

/*
 * Rules over a TCP stream's bytes. The newest bytes are held (limits.window). Patterns are looked
 * for in each byte once, going back only by the longest pattern, so that the cuts of segments do
 * not matter; rules whose pattern was found are tried on what is held, again with each piece for as
 * long as their pattern is held. What is longer than the window is looked at where it lies.
 */

enum { HELD_START = 512, MATCHES_MAX = 64 };

/* ---- what is held ---- */

static bool held_room(struct ips_side *s, size_t n)
{
	if (n <= s->cap)
		return true;
	size_t cap = s->cap ? s->cap : HELD_START;
	while (cap < n)
		cap *= 2;
	uint8_t *grown = realloc(s->held, cap);
	if (!grown)
		return false;
	s->held = grown;
	s->cap = (uint32_t)cap;
	return true;
}

/* Appends; the oldest go, down to the window. false: no memory, nothing is held any more. */
static bool held_add(struct ips_side *s, const uint8_t *p, size_t n, size_t window)
{
	if (n > window) {
		p += n - window;
		n = window;
	}
	size_t keep = s->nheld + n > window ? window - n : s->nheld;
	if (!held_room(s, keep + n)) {
		s->nheld = 0;
		return false;
	}
	memmove(s->held, s->held + s->nheld - keep, keep);
	memcpy(s->held + keep, p, n);
	s->nheld = (uint32_t)(keep + n);
	return true;
}

/* ---- one rule ---- */

/* Tries a rule's raw list on the bytes from c->from on. Matches and goes on behind each. */
struct trial {
	struct look *look;
	const struct rule *rule;
	const struct list *list;
	struct ips_side *side;
	struct view view;
	bool piece;     /* the view is a piece, whose start counts as a start */
	uint64_t start; /* of the view, in the stream */
};

static const struct list *raw_list(const struct rule *r)
{
	for (unsigned i = 0; i < r->nlists; i++)
		if (r->lists[i].buffer == IPS_RAW)
			return &r->lists[i];
	return NULL;
}

/* Returns whether it matched; *end: behind it, in the stream. */
static enum found try_once(struct trial *t, struct candidate *c, uint64_t *end)
{
	struct hit hit = { .position = -1 };
	struct view v = t->view;
	if (c->from > t->start) {
		size_t skip = (size_t)(c->from - t->start);
		if (skip >= v.n || t->piece)
			return FOUND_NO;
		v.p += skip;
		v.n -= skip;
		v.base += skip;
	}
	enum found is = inspect(&t->look->ips->scratch, t->list, &v, &hit);
	if (is != FOUND_YES)
		return is;
	uint64_t shift = t->piece ? t->start : 0;
	c->position = hit.position;
	c->stream_position = hit.position < 0 ? -1 : hit.position + (int64_t)shift;
	*end = hit.end + shift;
	return FOUND_YES;
}

/* false: a pass rule, nothing more is to be looked at */
static bool try_rule(struct trial *t, struct candidate *c, enum ips_verdict *verdict)
{
	for (unsigned n = 0; n < MATCHES_MAX; n++) {
		uint64_t end = 0;
		enum found is = try_once(t, c, &end);
		if (is != FOUND_YES)
			return true;
		/* At least a byte further, for lists that find no bytes. */
		c->from = end > c->from ? end : c->from + 1;
		if (end <= t->side->floor)
			continue;
		c->buffer = IPS_RAW;
		if (t->rule->at_tx) {
			c->complete = true;
			return true;
		}
		enum fired fired = fire(t->look, t->rule, c, verdict);
		if (fired == FIRED_ALERT && t->rule->words.action == IPS_PASS)
			return false;
		/* It may hold later: what was found stays found. */
		if (fired == FIRED_NOT)
			c->complete = true;
		if (t->piece)
			return true;
	}
	return true;
}

/* ---- pieces ---- */

static void awake_candidates(struct look *l, const struct ips_set *set, uint64_t until)
{
	struct ips *i = l->ips;
	struct candidates *all = &l->flow->waiting[l->side];
	for (size_t k = 0; k < i->nfound; k++) {
		const struct rule *r = set->rules->rules[i->found[k]];
		if (!header_holds(r, l))
			continue;
		bool is_new = false;
		struct candidate *c = candidate_add(i, all, r->index, &is_new);
		if (c)
			c->until = until;
	}
	awake_clear(i);
}

static bool is_always(const struct group *g, uint32_t rule)
{
	for (uint32_t k = 0; k < g->nalways; k++)
		if (g->always[k] == rule)
			return true;
	return false;
}

/* All that wait, on the bytes from `start` on, and on the newest piece where rules ask for it. */
static enum ips_verdict try_waiting(struct look *l, const struct view *v, const struct view *piece,
                                    uint64_t piece_start)
{
	const struct ips_set *set = l->ips->set;
	const struct group *g = &set->streams[l->side];
	struct ips_flow *f = l->flow;
	struct candidates *all = &f->waiting[l->side];
	enum ips_verdict verdict = IPS_NONE;
	for (unsigned k = 0; k < all->n && !f->passed; k++) {
		struct candidate *c = &all->list[k];
		const struct rule *r = set->rules->rules[c->rule];
		struct trial t = { .look = l,
			           .rule = r,
			           .list = raw_list(r),
			           .side = &f->sides[l->side],
			           .view = *v,
			           .start = v->base };
		if (c->complete && !r->at_tx && fire(l, r, c, &verdict) != FIRED_NOT)
			c->complete = false;
		if (!try_rule(&t, c, &verdict))
			break;
		if (r->at_piece && !c->complete) {
			t.view = *piece;
			t.start = piece_start;
			t.piece = true;
			if (!try_rule(&t, c, &verdict))
				break;
		}
		c->dead = !c->complete && c->until <= v->base && !is_always(g, c->rule);
	}
	candidates_sweep(all);
	return verdict;
}

/* Patterns in [from, end) of the view and a little before. */
static void look_for_patterns(struct look *l, const struct view *v, uint64_t scanned)
{
	const struct ips_set *set = l->ips->set;
	const struct group *g = &set->streams[l->side];
	uint64_t end = v->base + v->n, from = scanned > g->overlap ? scanned - g->overlap : 0;
	if (from < v->base)
		from = v->base;
	if (from >= end)
		return;
	scan(l->ips, g, v->p + (from - v->base), (size_t)(end - from),
	     l->flow->waiting[l->side].n == 0 || scanned == 0);
	awake_candidates(l, set, end);
}

static enum ips_verdict see(struct look *l, const struct view *v, const struct view *piece,
                            uint64_t piece_start)
{
	struct ips_side *s = &l->flow->sides[l->side];
	look_for_patterns(l, v, s->scanned);
	s->scanned = v->base + v->n;
	if (l->flow->waiting[l->side].n == 0)
		return IPS_NONE;
	return try_waiting(l, v, piece, piece_start);
}

static enum ips_verdict see_held(struct look *l, const uint8_t *data, size_t len, uint64_t start)
{
	struct ips_side *s = &l->flow->sides[l->side];
	struct view v = { .p = s->held, .n = s->nheld, .base = s->end - s->nheld, .stream = true };
	struct view piece = { .p = data, .n = len, .stream = true };
	return see(l, &v, &piece, start);
}

/* More than the window at once: where it meets what was before, then as it lies. */
static enum ips_verdict see_long(struct look *l, const uint8_t *data, size_t len, size_t window)
{
	struct ips_side *s = &l->flow->sides[l->side];
	uint64_t start = s->end;
	enum ips_verdict verdict = IPS_NONE;
	size_t half = window / 2;
	if (s->nheld > 0) {
		/* A match over the cut that is at most half the window long lies in here. */
		if (s->nheld > window - half) {
			memmove(s->held, s->held + s->nheld - (window - half), window - half);
			s->nheld = (uint32_t)(window - half);
		}
		if (held_add(s, data, half, window)) {
			s->end = start + half;
			verdict = see_held(l, data, half, start);
		}
	}
	struct view v = { .p = data, .n = len, .base = start, .stream = true };
	struct view piece = { .p = data, .n = len, .stream = true };
	s->end = start + len;
	stronger(&verdict, see(l, &v, &piece, start));
	s->nheld = 0;
	held_add(s, data, len, window);
	return verdict;
}

enum ips_verdict ips_stream(struct ips *i, struct ips_flow *f, enum app_side side,
                            const uint8_t *data, size_t len, const struct packet *p,
                            uint64_t now_ms)
{
	struct ips_side *s = &f->sides[side];
	flow_follow(i, f);
	f->established = true;
	const struct ips_limits *limits = &f->set->limits;
	const struct group *g = &f->set->streams[side];
	if (f->passed || len == 0)
		return IPS_NONE;
	size_t seen = len;
	if (limits->depth && s->end + len > limits->depth)
		seen = s->end < limits->depth ? (size_t)(limits->depth - s->end) : 0;
	if ((!g->patterns && g->nalways == 0) || seen == 0) {
		i->counts.not_inspected += seen == 0 ? len : 0;
		s->end += len;
		s->nheld = 0;
		s->scanned = s->end;
		return IPS_NONE;
	}
	i->counts.stream_bytes += seen;
	i->counts.not_inspected += len - seen;
	struct look l = { .ips = i,
		          .face = i->face,
		          .flow = f,
		          .packet = p,
		          .side = side,
		          .now_ms = now_ms,
		          .event = -1,
		          .where = IPS_AT_STREAM };
	i->scratch.client = &f->tuple.client;
	enum ips_verdict verdict = IPS_NONE;
	if (seen > limits->window) {
		verdict = see_long(&l, data, seen, limits->window);
	} else if (held_add(s, data, seen, limits->window)) {
		uint64_t start = s->end;
		s->end += seen;
		verdict = see_held(&l, data, seen, start);
	} else {
		s->end += seen;
		i->counts.not_inspected += seen;
	}
	s->end += len - seen;
	return verdict;
}

void ips_stream_gap(struct ips *i, struct ips_flow *f, enum app_side side, uint64_t len)
{
	struct ips_side *s = &f->sides[side];
	i->counts.not_inspected += len;
	s->end += len;
	s->nheld = 0;
	s->scanned = s->end;
	f->waiting[side].n = 0;
}
