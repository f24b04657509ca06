#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "module/intrusionprevention/match.h"

/*
 * Is all of a rule's list in a buffer? Suricata's meaning: items in order, each relative one
 * counted from where the one before ended; when one fails, the ones before are tried at their next
 * place. Answers that bytes still to come could change are FOUND_WAIT.
 */

enum { STACK_START = 32 * 1024, STACK_MAX = 512 * 1024 };

int scratch_init(struct scratch *s, const struct ips_limits *limits)
{
	*s = (struct scratch){ .steps = limits->steps };
	s->match = pcre2_match_data_create(32, NULL);
	s->context = pcre2_match_context_create(NULL);
	s->stack = pcre2_jit_stack_create(STACK_START, STACK_MAX, NULL);
	if (!s->match || !s->context || !s->stack)
		return -ENOMEM;
	pcre2_set_match_limit(s->context, limits->pcre_match);
	pcre2_set_depth_limit(s->context, limits->pcre_depth);
	pcre2_jit_stack_assign(s->context, NULL, s->stack);
	s->transformed[0].max = s->transformed[1].max = 1 << 20;
	return 0;
}

void scratch_done(struct scratch *s)
{
	pcre2_match_data_free(s->match);
	pcre2_match_context_free(s->context);
	pcre2_jit_stack_free(s->stack);
	buf_done(&s->transformed[0]);
	buf_done(&s->transformed[1]);
	if (s->request)
		web_request_done(s->request);
	free(s->request);
}

int64_t number_of(const struct walk *w, const struct number *n)
{
	if (n->var < 0)
		return n->value;
	uint64_t v = w->vars[n->var];
	return v > INT32_MAX ? INT32_MAX : (int64_t)v;
}

/* ---- content ---- */

static bool same_nocase(const uint8_t *p, const uint8_t *lower, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tolower(p[i]) != lower[i])
			return false;
	return true;
}

static const uint8_t *find_nocase(const struct content *c, const uint8_t *p, size_t n)
{
	uint8_t low = c->bytes[0], up = (uint8_t)toupper(low);
	const uint8_t *end = p + n - c->n + 1;
	for (; p < end; p++)
		if ((*p == low || *p == up) && same_nocase(p + 1, c->bytes + 1, c->n - 1))
			return p;
	return NULL;
}

const uint8_t *content_find(const struct content *c, const uint8_t *p, size_t n)
{
	if (n < c->n)
		return NULL;
	return c->nocase ? find_nocase(c, p, n) : memmem(p, n, c->bytes, c->n);
}

/* Where a content may be: begins at `from` or later, ends at `to` or before. */
struct range {
	int64_t from, to;
	bool bounded; /* `to` is the rule's, not the buffer's end */
};

static struct range range_of(const struct walk *w, const struct item *i, size_t pos)
{
	const struct content *c = &i->content;
	struct range r = { .to = INT64_MAX };
	if (i->relative) {
		int64_t distance = c->has_distance ? number_of(w, &c->distance) : 0;
		r.from = (int64_t)pos + distance;
		r.bounded = c->has_within;
		if (r.bounded)
			r.to = r.from + number_of(w, &c->within);
	} else {
		/* From the start of all, of which the first `base` bytes are gone. */
		int64_t base =
			w->view->base > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)w->view->base;
		int64_t offset = c->has_offset ? number_of(w, &c->offset) : 0;
		r.from = offset - base;
		r.bounded = c->has_depth || c->startswith;
		if (r.bounded)
			r.to = r.from + (c->startswith ? c->n : number_of(w, &c->depth));
	}
	if (r.from < 0)
		r.from = 0;
	return r;
}

static enum found step(struct walk *w, const struct list *l, unsigned i, size_t pos);

/* The next place of the content in [from, to): its offset, or -1. */
static int64_t next_place(const struct walk *w, const struct content *c, int64_t from, int64_t to)
{
	int64_t n = (int64_t)w->view->n;
	if (to > n)
		to = n;
	if (from > to || to - from < c->n)
		return -1;
	if (c->endswith) {
		int64_t at = n - c->n;
		if (to < n || at < from ||
		    content_find(c, w->view->p + at, c->n) != w->view->p + at)
			return -1;
		return at;
	}
	const uint8_t *at = content_find(c, w->view->p + from, (size_t)(to - from));
	return at ? at - w->view->p : -1;
}

static enum found step_negated(struct walk *w, const struct list *l, unsigned i, size_t pos,
                               const struct range *r)
{
	const struct view *v = w->view;
	if (next_place(w, &l->items[i].content, r->from, r->to) >= 0)
		return FOUND_NO;
	/* A stream has no end to wait for; a bound of the rule is waited for. */
	if (!v->whole && r->to > (int64_t)v->n && (r->bounded || !v->stream))
		return FOUND_WAIT;
	return step(w, l, i + 1, pos);
}

static enum found step_content(struct walk *w, const struct list *l, unsigned i, size_t pos)
{
	const struct item *item = &l->items[i];
	const struct content *c = &item->content;
	const struct view *v = w->view;
	struct range r = range_of(w, item, pos);
	if (item->negated)
		return step_negated(w, l, i, pos, &r);
	enum found best = !v->whole && r.to > (int64_t)v->n ? FOUND_WAIT : FOUND_NO;
	for (int64_t from = r.from;;) {
		int64_t at = next_place(w, c, from, r.to);
		if (at < 0)
			return best;
		size_t end = (size_t)at + c->n;
		enum found rest = step(w, l, i + 1, end);
		if (rest == FOUND_YES) {
			w->first = at;
			if (end > w->end)
				w->end = end;
			return FOUND_YES;
		}
		if (rest > best)
			best = rest;
		/* What follows does not depend on this place. */
		if (!item->next_relative)
			return rest == FOUND_NO && best == FOUND_WAIT ? FOUND_NO : rest;
		if (w->steps == 0)
			return best;
		from = at + 1;
	}
}

/* ---- the others ---- */

static enum found step_pcre(struct walk *w, const struct list *l, unsigned i, size_t pos)
{
	const struct item *item = &l->items[i];
	const struct view *v = w->view;
	size_t from = item->relative ? pos : 0;
	enum found best = v->whole ? FOUND_NO : FOUND_WAIT;
	for (PCRE2_SIZE at = 0;;) {
		int rc = pcre2_match(item->pcre.code, v->p + from, v->n - from, at, 0, w->s->match,
		                     w->s->context);
		if (rc < 0 && rc != PCRE2_ERROR_NOMATCH && rc != PCRE2_ERROR_PARTIAL)
			w->s->pcre_limit++;
		if (item->negated)
			return rc >= 0 ? FOUND_NO : step(w, l, i + 1, pos);
		if (rc < 0)
			return best;
		/* The next match uses the same vector. */
		PCRE2_SIZE *vector = pcre2_get_ovector_pointer(w->s->match);
		size_t start = from + vector[0], end = from + vector[1];
		enum found rest = step(w, l, i + 1, end);
		if (rest == FOUND_YES) {
			if (w->first < 0)
				w->first = (int64_t)start;
			if (end > w->end)
				w->end = end;
			return FOUND_YES;
		}
		if (rest > best)
			best = rest;
		if (!item->next_relative)
			return rest;
		at = start - from + 1;
		if (w->steps == 0 || at > v->n - from)
			return best;
	}
}

static enum found step_dataat(struct walk *w, const struct list *l, unsigned i, size_t pos)
{
	const struct item *item = &l->items[i];
	const struct view *v = w->view;
	int64_t n = number_of(w, &item->dataat);
	bool there =
		item->relative ? (int64_t)pos + n <= (int64_t)v->n : n < (int64_t)(v->base + v->n);
	if (there)
		return item->negated ? FOUND_NO : step(w, l, i + 1, pos);
	if (!v->whole && !(item->negated && v->stream))
		return FOUND_WAIT;
	return item->negated ? step(w, l, i + 1, pos) : FOUND_NO;
}

static enum found step(struct walk *w, const struct list *l, unsigned i, size_t pos)
{
	if (i == l->nitems)
		return FOUND_YES;
	if (w->steps == 0)
		return FOUND_NO;
	w->steps--;
	const struct item *item = &l->items[i];
	size_t next = pos;
	enum found is = FOUND_NO;
	switch (item->kind) {
	case ITEM_CONTENT:
		return step_content(w, l, i, pos);
	case ITEM_PCRE:
		return step_pcre(w, l, i, pos);
	case ITEM_DATAAT:
		return step_dataat(w, l, i, pos);
	case ITEM_BYTE_TEST:
	case ITEM_BYTE_JUMP:
	case ITEM_BYTE_EXTRACT:
	case ITEM_BYTE_MATH:
		is = inspect_bytes(w, item, pos, &next);
		break;
	case ITEM_SIZE:
		is = compare_holds(item->size.op, w->view->base + w->view->n, item->size.a,
		                   item->size.b)
		             ? FOUND_YES
		             : FOUND_NO;
		break;
	case ITEM_BASE64:
		is = inspect_base64(w, item, pos);
		break;
	case ITEM_DATASET:
		is = inspect_dataset(w, item);
		break;
	case ITEM_FTPBOUNCE:
		is = inspect_ftpbounce(w, pos);
		break;
	case ITEM_ENTROPY:
		is = entropy_holds(&item->entropy, w->view->p, w->view->n) ? FOUND_YES : FOUND_NO;
		break;
	case ITEM_KINDS:
		break;
	}
	return is == FOUND_YES ? step(w, l, i + 1, next) : is;
}

enum found inspect(struct scratch *s, const struct list *l, const struct view *v, struct hit *hit)
{
	if (l->needs_whole && !v->whole && !v->stream)
		return FOUND_WAIT;
	struct view seen = *v;
	if (l->ntransforms)
		transform(s, l, &seen);
	struct walk w = { .s = s, .view = &seen, .steps = s->steps, .first = -1 };
	enum found is = step(&w, l, 0, 0);
	if (w.steps == 0 && is != FOUND_YES)
		s->gave_up++;
	if (is == FOUND_YES && hit) {
		hit->position = w.first < 0 ? -1 : w.first + (int64_t)seen.base;
		hit->end = w.end + seen.base;
	}
	return is;
}
