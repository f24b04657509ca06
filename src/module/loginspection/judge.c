#include <string.h>
#include <time.h>

#include "module/loginspection/event.h"

/* Phase 3: the tree of rules, depth first; the first sibling that matches is entered. */

enum { DEPTH_MAX = 64, BUDGET = 20000 };

static struct ip parsed_ip(struct str s)
{
	char text[64];
	struct ip ip = { 0 };
	if (s.n >= sizeof(text))
		return ip;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (ip_parse(text, &ip) < 0)
		ip.version = 0;
	return ip;
}

static bool in_range(const struct ip *ip, const struct ip *range, unsigned bits)
{
	if (ip->version != range->version || memcmp(ip->b, range->b, bits / 8) != 0)
		return false;
	unsigned left = bits % 8;
	return left == 0 || ((ip->b[bits / 8] ^ range->b[bits / 8]) >> (8 - left)) == 0;
}

static bool ip_matches(const struct li_event *ev, const struct condition *c)
{
	struct str value = ev->f[c->field];
	if (!value.p)
		return false;
	struct ip ip = parsed_ip(value);
	bool in = false;
	for (size_t i = 0; ip.version && !in && i < c->ips->n; i++)
		in = in_range(&ip, &c->ips->address[i], c->ips->bits[i]);
	return in != c->negate;
}

static void take_local_time(struct li_engine *e, int64_t now)
{
	time_t t = (time_t)now;
	struct tm tm = { 0 };
	if (e->local_minute == now / 60)
		return;
	localtime_r(&t, &tm);
	e->local_minute = now / 60;
	e->minutes = (unsigned)(tm.tm_hour * 60 + tm.tm_min);
	e->weekday = (unsigned)tm.tm_wday;
}

static bool time_matches(struct li_event *ev, const struct condition *c)
{
	take_local_time(ev->engine, ev->now);
	unsigned m = ev->engine->minutes;
	if (c->from > c->to)
		return m >= c->from || m <= c->to;
	return (m >= c->from && m <= c->to) != c->negate;
}

static bool weekday_matches(struct li_event *ev, const struct condition *c)
{
	take_local_time(ev->engine, ev->now);
	return (c->from >> ev->engine->weekday) & 1;
}

/* ---- lists ---- */

/* Keys like "10.1." stand for networks; the whole address comes first. */
static const struct str *address_entry(const struct list *l, struct str s)
{
	const struct str *value = map_get(&l->keys, s);
	while (!value && s.n) {
		s.n--;
		while (s.n && s.p[s.n - 1] != '.' && s.p[s.n - 1] != ':')
			s.n--;
		if (s.n)
			value = map_get(&l->keys, s);
	}
	return value;
}

static bool list_matches(struct li_event *ev, const struct condition *c)
{
	struct str s = event_value(ev, c->field);
	if (c->field == FIELD_USER && ev->f[FIELD_SRCUSER].p)
		s = ev->f[FIELD_SRCUSER];
	if (!c->list || !s.p)
		return false;
	const struct str *value =
		c->lookup & LOOKUP_ADDRESS ? address_entry(c->list, s) : map_get(&c->list->keys, s);
	if (c->lookup & LOOKUP_NOT)
		return !value;
	if (!value || !(c->lookup & LOOKUP_VALUE))
		return value != NULL;
	return pattern_test(c->pattern, ev->engine->matcher, *value);
}

/* ---- conditions ---- */

static bool pattern_matches(struct li_event *ev, const struct condition *c)
{
	struct str s = event_value(ev, c->field);
	if (!s.p)
		return false;
	return c->implied || pattern_test(c->pattern, ev->engine->matcher, s) != c->negate;
}

/* Did the text change since the rule saw it last? Its first sight is no change. */
static bool diff_matches(struct li_event *ev, const struct rule *r)
{
	struct li_engine *e = ev->engine;
	struct str where = ev->f[FIELD_LOCATION].p ? ev->f[FIELD_LOCATION] : ev->f[FIELD_HOSTNAME];
	uint64_t key = event_hash(e, 'd', where) ^ (r->id * 0x9e3779b97f4a7c15ull);
	uint64_t now = event_hash(e, 'D', ev->f[FIELD_LOG]), before = memory_get(&e->memory, key);
	if (before != now && !memory_set(&e->memory, key, now))
		e->cut |= LI_CUT_KEYS;
	return before && before != now;
}

static bool holds(struct li_event *ev, const struct rule *r, const struct condition *c)
{
	switch (c->kind) {
	case CONDITION_PATTERN:
		return pattern_matches(ev, c);
	case CONDITION_EQUAL:
		return ev->f[c->field].p && str_eq(ev->f[c->field], c->text);
	case CONDITION_DECODED:
		return ev->decoder && ev->decoder->id == c->decoder;
	case CONDITION_IP:
		return ip_matches(ev, c);
	case CONDITION_COMPILED:
		return c->compiled(ev);
	case CONDITION_SIZE:
		return ev->size >= c->size;
	case CONDITION_TIME:
		return time_matches(ev, c);
	case CONDITION_WEEKDAY:
		return weekday_matches(ev, c);
	case CONDITION_DIFF:
		return diff_matches(ev, r);
	case CONDITION_FTS:
		return ev->first_seen;
	case CONDITION_LIST:
		return list_matches(ev, c);
	}
	return false;
}

static bool rule_matches(struct li_event *ev, const struct rule *r)
{
	for (size_t i = 0; i < r->nconditions; i++)
		if (!holds(ev, r, &r->conditions[i]))
			return false;
	return !r->windowed || window_fires(ev, r);
}

/* ---- the tree ---- */

static const struct rule *walk(struct li_event *ev, const struct rule *parent,
                               const uint64_t *class, int depth);

static void tell(const struct li_event *ev, const struct rule *r, int depth, bool matched)
{
	const struct li_tried t = { .id = r->id,
		                    .level = r->level,
		                    .depth = (unsigned)depth,
		                    .description = r->description,
		                    .file = r->file,
		                    .matched = matched };
	ev->engine->trace(ev->engine->trace_arg, &t);
}

static const struct rule *try_rule(struct li_event *ev, const struct rule *r, const uint64_t *class,
                                   int depth)
{
	if (!ev->budget || depth > DEPTH_MAX) {
		ev->engine->cut |= LI_CUT_TREE;
		return NULL;
	}
	ev->budget--;
	bool matched = rule_matches(ev, r);
	if (ev->engine->trace)
		tell(ev, r, depth, matched);
	if (!matched)
		return NULL;
	const struct rule *below = r->nchildren ? walk(ev, r, class, depth + 1) : NULL;
	return below ? below : r->noalert ? NULL : r;
}

/* Only the children whose bit is open are looked at. */
static const struct rule *walk(struct li_event *ev, const struct rule *parent,
                               const uint64_t *class, int depth)
{
	const struct li_engine *e = ev->engine;
	size_t first = parent->child_places.first, end = first + parent->child_places.n;
	for (size_t word = first / 64; word * 64 < end; word++) {
		uint64_t open = class[word] & (e->set->ungated[word] | e->hits[word]);
		if (word == first / 64)
			open &= ~0ull << first % 64;
		if (end - word * 64 < 64)
			open &= (1ull << (end - word * 64)) - 1;
		for (; open; open &= open - 1) {
			size_t at = word * 64 + (size_t)__builtin_ctzll(open) - first;
			const struct rule *r = try_rule(ev, parent->children[at], class, depth);
			if (r)
				return r;
		}
	}
	return NULL;
}

const struct rule *event_judge(struct li_event *ev)
{
	const struct li_set *s = ev->engine->set;
	const struct rule *root = s->roots[ev->category];
	uint32_t class = ev->decoder ? s->class_of[ev->decoder->id] : 0;
	ev->budget = BUDGET;
	return walk(ev, root, s->by_class + class * s->nwords, 0);
}
