#include "module/intrusionprevention/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/rand.h"

/* Threads and flows; scanning for fast patterns. */

/* ---- scanning ---- */

static void wake(struct ips *i, uint32_t rule)
{
	uint64_t bit = UINT64_C(1) << rule % 64;
	if (i->awake[rule / 64] & bit)
		return;
	i->awake[rule / 64] |= bit;
	i->found[i->nfound++] = rule;
}

struct scanning {
	struct ips *ips;
	const struct group *group;
};

static int on_pattern(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                      void *arg)
{
	struct scanning *s = arg;
	(void)from, (void)to, (void)flags;
	for (uint32_t k = s->group->first[id]; k < s->group->first[id + 1]; k++)
		wake(s->ips, s->group->awake[k]);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

void scan(struct ips *i, const struct group *g, const uint8_t *p, size_t n, bool of_always)
{
	struct scanning s = { .ips = i, .group = g };
	if (g->patterns && n > 0)
		(void)hs_scan(g->patterns, (const char *)p,
		              (unsigned)(n > INT32_MAX ? INT32_MAX : n), 0, i->hs, on_pattern, &s);
	for (uint32_t k = 0; of_always && k < g->nalways; k++)
		wake(i, g->always[k]);
	if (i->nfound > 1)
		qsort(i->found, i->nfound, sizeof(*i->found), by_number);
}

void awake_clear(struct ips *i)
{
	for (size_t k = 0; k < i->nfound; k++)
		i->awake[i->found[k] / 64] = 0;
	i->nfound = 0;
}

/* ---- candidates ---- */

static unsigned candidate_place(const struct candidates *all, uint32_t rule)
{
	unsigned low = 0, high = all->n;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		if (all->list[mid].rule < rule)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct candidate *candidate_find(const struct candidates *all, uint32_t rule)
{
	unsigned at = candidate_place(all, rule);
	return at < all->n && all->list[at].rule == rule ? &all->list[at] : NULL;
}

struct candidate *candidate_add(struct ips *i, struct candidates *all, uint32_t rule, bool *is_new)
{
	unsigned at = candidate_place(all, rule);
	*is_new = at == all->n || all->list[at].rule != rule;
	if (!*is_new)
		return &all->list[at];
	if (all->n == i->set->limits.candidates) {
		i->counts.crowded++;
		return NULL;
	}
	if (all->n == all->cap) {
		unsigned cap = all->cap ? all->cap * 2 : 4;
		struct candidate *grown = reallocarray(all->list, cap, sizeof(*grown));
		if (!grown) {
			i->counts.crowded++;
			return NULL;
		}
		all->list = grown;
		all->cap = cap;
	}
	memmove(&all->list[at + 1], &all->list[at], (all->n - at) * sizeof(*all->list));
	all->n++;
	i->counts.candidates++;
	all->list[at] = (struct candidate){ .rule = rule, .position = -1, .stream_position = -1 };
	return &all->list[at];
}

void candidates_sweep(struct candidates *all)
{
	unsigned kept = 0;
	for (unsigned k = 0; k < all->n; k++)
		if (!all->list[k].dead)
			all->list[kept++] = all->list[k];
	all->n = kept;
}

/* ---- threads ---- */

static int scratch_for(struct ips *i, const struct group *g)
{
	return g->patterns && hs_alloc_scratch(g->patterns, &i->hs) != HS_SUCCESS ? -ENOMEM : 0;
}

/* Room for what a set needs; what an older one needs stays. */
static int make_room(struct ips *i, const struct ips_set *s)
{
	int rc = 0;
	for (unsigned k = 0; k < RAW_PACKETS && rc == 0; k++)
		rc = scratch_for(i, &s->packets[k]);
	for (unsigned k = 0; k < APP_SIDES && rc == 0; k++)
		rc = scratch_for(i, &s->streams[k]);
	for (unsigned k = 0; k < s->ntxs && rc == 0; k++)
		rc = scratch_for(i, &s->txs[k]);
	if (rc < 0)
		return rc;
	size_t words = s->rules->n / 64 + 1;
	if (words <= i->nawake)
		return 0;
	uint64_t *awake = calloc(words, sizeof(*awake));
	uint32_t *found = calloc(words * 64, sizeof(*found));
	if (!awake || !found) {
		free(awake);
		free(found);
		return -ENOMEM;
	}
	free(i->awake);
	free(i->found);
	i->awake = awake;
	i->found = found;
	i->nawake = words;
	return 0;
}

static void ips_freep(struct ips **i)
{
	ips_free(*i);
}

struct ips *ips_new(struct ips_set *s, const struct ips_mode *mode, const struct ips_face *face)
{
	AUTO(ips_freep) struct ips *i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->face = face;
	i->mode = *mode;
	rand_bytes(i->key, sizeof(i->key));
	if (scratch_init(&i->scratch, &s->limits) < 0 || make_room(i, s) < 0 ||
	    table_init(&i->thresholds, s->limits.table) < 0 ||
	    table_init(&i->bits, s->limits.table) < 0)
		return NULL;
	i->set = ips_set_ref(s);
	return TAKE(i);
}

int ips_apply(struct ips *i, struct ips_set *s, const struct ips_mode *mode)
{
	int rc = make_room(i, s);
	if (rc < 0)
		return rc;
	struct ips_set *old = i->set;
	i->set = ips_set_ref(s);
	i->mode = *mode;
	i->scratch.steps = s->limits.steps;
	ips_set_unref(old);
	return 0;
}

const struct ips_counts *ips_counted(const struct ips *i)
{
	struct ips *own = (struct ips *)(uintptr_t)i;
	own->counts.steps = i->scratch.gave_up;
	own->counts.pcre_limit = i->scratch.pcre_limit;
	return &i->counts;
}

void ips_ports_of(const struct ips *i, struct ips_ports *out)
{
	*out = i->set->ports;
}

/* ---- flows ---- */

struct ips_flow *ips_flow_new(struct ips *i, const struct ips_tuple *t)
{
	struct ips_flow *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->set = ips_set_ref(i->set);
	f->tuple = *t;
	f->established = t->midstream;
	return f;
}

void ips_flow_free(struct ips *i, struct ips_flow *f)
{
	(void)i;
	if (!f)
		return;
	for (unsigned side = 0; side < APP_SIDES; side++) {
		free(f->sides[side].held);
		free(f->waiting[side].list);
	}
	free(f->bits);
	free(f->ints);
	ips_set_unref(f->set);
	free(f);
}

const struct ips_tuple *ips_flow_tuple(const struct ips_flow *f)
{
	return &f->tuple;
}

void ips_flow_established(struct ips_flow *f)
{
	f->established = true;
}

void ips_flow_over(struct ips_flow *f)
{
	f->over = true;
}

const struct ips_rule_words *ips_flow_stopped_by(const struct ips_flow *f)
{
	return f->stopped_by ? &f->set->rules->rules[f->stopped_by - 1]->words : NULL;
}

void **ips_flow_owner(struct ips_flow *f)
{
	return &f->owner;
}

static bool rule_wants(const struct rule *r, const struct ips_flow *f, enum app_side side)
{
	struct look l = { .flow = (struct ips_flow *)(uintptr_t)f, .side = side, .event = -1 };
	bool held = f->set->limits.depth == 0 || f->sides[side].end < f->set->limits.depth;
	if (r->at_packet && !r->header_only && header_holds(r, &l))
		return true;
	if (r->at_stream && held && header_holds(r, &l))
		return true;
	bool spoken = f->app == APP_UNKNOWN || r->app == APP_UNKNOWN || r->app == f->app ||
	              (r->app == APP_HTTP && f->app == APP_HTTP2);
	return r->at_tx && !f->over && spoken && header_holds(r, &l);
}

bool ips_flow_wants(const struct ips_flow *f, enum app_side side)
{
	const struct ips_rules *rules = f->set->rules;
	for (size_t k = 0; k < rules->n && !f->passed; k++)
		if (rule_wants(rules->rules[k], f, side))
			return true;
	return false;
}

/* Bits by their names; what of the stream is held is looked at again, by the new rules. */
void flow_follow(struct ips *i, struct ips_flow *f)
{
	if (f->set == i->set)
		return;
	const struct ips_rules *old = f->set->rules, *new = i->set->rules;
	uint64_t *bits = NULL;
	size_t at = 0;
	struct map_item item;
	if (f->bits)
		bits = calloc(new->nflowbits / 64 + 1, sizeof(*bits));
	while (bits && map_next(&old->flowbits, &at, &item)) {
		uintptr_t was = (uintptr_t)item.value - 1;
		uintptr_t is = map_number(&new->flowbits, item.key);
		if (is && f->bits[was / 64] >> was % 64 & 1)
			bits[(is - 1) / 64] |= UINT64_C(1) << (is - 1) % 64;
	}
	free(f->bits);
	free(f->ints);
	f->bits = bits;
	f->ints = NULL;
	for (unsigned side = 0; side < APP_SIDES; side++) {
		struct ips_side *s = &f->sides[side];
		s->floor = s->end;
		s->scanned = s->end - s->nheld;
		f->waiting[side].n = 0;
	}
	f->stopped_by = 0;
	ips_set_unref(f->set);
	f->set = ips_set_ref(i->set);
}
