#include <string.h>

#include "module/loginspection/event.h"

/* Phase 2: the first decoder that fits, then its children. */

struct str event_value(const struct li_event *ev, unsigned field)
{
	if (field == FIELD_USER)
		return ev->f[FIELD_DSTUSER].p ? ev->f[FIELD_DSTUSER] : ev->f[FIELD_SRCUSER];
	if (field < FIELD_STATIC)
		return ev->f[field];
	for (size_t i = ev->ndynamic; i > 0; i--)
		if (ev->dynamic[i - 1].field == field)
			return ev->dynamic[i - 1].value;
	return (struct str){ 0 };
}

static void set_dynamic(struct li_event *ev, uint16_t field, struct str name, struct str value)
{
	if (ev->ndynamic == LI_FIELDS_MAX) {
		ev->engine->cut |= LI_CUT_FIELDS;
		return;
	}
	ev->dynamic[ev->ndynamic++] = (struct dynamic_field){ field, name, value };
}

void event_set(struct li_event *ev, unsigned field, struct str value)
{
	if (field < FIELD_DECODED)
		ev->f[field] = value;
	else if (field >= FIELD_STATIC)
		set_dynamic(ev, (uint16_t)field, ev->engine->set->names[field - FIELD_STATIC],
		            value);
}

void event_set_named(struct li_event *ev, struct str name, struct str value)
{
	const struct li_set *s = ev->engine->set;
	int known = log_field_find(name);
	if (known >= 0) {
		ev->f[known] = value;
		return;
	}
	for (size_t i = 0; i < s->nnames; i++)
		if (str_eq(s->names[i], name)) {
			set_dynamic(ev, (uint16_t)(FIELD_STATIC + i), s->names[i], value);
			return;
		}
	set_dynamic(ev, FIELD_UNKNOWN, name, value);
}

/* Where the next expression begins. */
struct ends {
	struct str parent, prematch, regex;
	bool has_regex;
};

static struct str from(const struct li_event *ev, enum offset o, const struct ends *e)
{
	switch (o) {
	case OFFSET_NONE:
		return ev->f[FIELD_LOG];
	case OFFSET_PARENT:
		return e->parent;
	case OFFSET_PREMATCH:
		return e->prematch;
	case OFFSET_REGEX:
		return e->has_regex ? e->regex : e->prematch;
	}
	return ev->f[FIELD_LOG];
}

static void obey(struct li_event *ev, const struct decoder *d)
{
	ev->decoder = d;
	ev->category = d->type;
}

static bool prematch(struct li_event *ev, const struct decoder *d, size_t place, struct str text,
                     struct str *rest)
{
	struct found found;
	if (!d->prematch) {
		return true;
	}
	if (!place_open(ev->engine, place) ||
	    !pattern_find(d->prematch, ev->engine->matcher, text, &found))
		return false;
	*rest = found.rest;
	return true;
}

static bool extract(struct li_event *ev, const struct decoder *d, struct ends *ends)
{
	struct found found;
	if (!pattern_find(d->regex, ev->engine->matcher, from(ev, d->regex_offset, ends), &found))
		return false;
	for (size_t i = 0; i < found.n && i < d->order_n; i++)
		event_set(ev, d->order[i], found.capture[i]);
	ends->regex = found.rest;
	ends->has_regex = true;
	if (!d->dialect.wazuh)
		obey(ev, d);
	return true;
}

/* The expressions of d and of those that it leads on to. list[i] is d. */
static void run(struct li_event *ev, struct decoder *const *list, size_t n, size_t i,
                struct ends *ends)
{
	for (; i < n; i++) {
		const struct decoder *d = list[i];
		if (d->plugin) {
			d->plugin(ev, from(ev, d->regex_offset, ends));
			return;
		}
		if (!d->regex)
			return;
		extract(ev, d, ends);
		if (!d->get_next)
			return;
	}
}

static void run_children(struct li_event *ev, const struct decoder *top, struct ends *ends)
{
	for (size_t i = 0; i < top->nchildren; i++) {
		const struct decoder *d = top->children[i];
		struct str text =
			d->prematch_offset == OFFSET_PARENT ? ends->parent : ev->f[FIELD_LOG];
		ends->prematch = ends->parent;
		if (prematch(ev, d, top->child_places.first + i, text, &ends->prematch)) {
			if (d->prematch)
				obey(ev, d);
			run(ev, top->children, top->nchildren, i, ends);
			return;
		}
		/* A chain whose head does not fit is left as a whole. */
		while (i < top->nchildren && top->children[i]->get_next)
			i++;
	}
}

static bool try_top(struct li_event *ev, struct decoder *d, size_t place)
{
	struct ends ends = { .parent = ev->f[FIELD_LOG] };
	if (!prematch(ev, d, place, ev->f[FIELD_LOG], &ends.parent))
		return false;
	obey(ev, d);
	ends.prematch = ends.parent;
	if (d->nchildren)
		run_children(ev, d, &ends);
	else
		run(ev, &d, 1, 0, &ends);
	return true;
}

static bool fits_program(const struct li_event *ev, const struct decoder *d)
{
	return pattern_test(d->program, ev->engine->matcher, ev->f[FIELD_PROGRAM]);
}

/* Whoever guesses the key only makes names share a slot. */
static size_t slot_of(const struct li_engine *e, struct str s)
{
	uint64_t h = e->key[0] ^ s.n;
	for (size_t i = 0; i < s.n; i += 8) {
		uint64_t v = 0;
		memcpy(&v, s.p + i, s.n - i < 8 ? s.n - i : 8);
		h = (h ^ v) * (e->key[1] | 1);
		h ^= h >> 32;
	}
	return h % PROGRAMS;
}

/* Which of the decoders with a program name a program has, in order; NULL: its name is too long. */
static const struct program_memo *memo(struct li_event *ev)
{
	struct li_engine *e = ev->engine;
	struct str name = ev->f[FIELD_PROGRAM];
	if (!name.n || name.n > PROGRAM_NAME)
		return NULL;
	struct program_memo *m = &e->programs[slot_of(e, name)];
	if (m->length == name.n && memcmp(m->name, name.p, name.n) == 0)
		return m;
	*m = (struct program_memo){ .length = (uint16_t)name.n };
	memcpy(m->name, name.p, name.n);
	for (size_t i = 0; i < e->set->nnamed && m->n != UINT16_MAX; i++) {
		if (!fits_program(ev, e->set->named[i]))
			continue;
		if (m->n < PROGRAM_CANDIDATES)
			m->candidate[m->n++] = (uint16_t)i;
		else
			m->n = UINT16_MAX;
	}
	return m;
}

static void decode_named(struct li_event *ev)
{
	const struct li_set *s = ev->engine->set;
	const struct program_memo *m = memo(ev);
	if (!m || m->n == UINT16_MAX) {
		for (size_t i = 0; i < s->nnamed; i++)
			if (fits_program(ev, s->named[i]) &&
			    try_top(ev, s->named[i], s->named_places.first + i))
				return;
		return;
	}
	for (size_t i = 0; i < m->n; i++) {
		size_t at = m->candidate[i];
		if (try_top(ev, s->named[at], s->named_places.first + at))
			return;
	}
}

static void decode_unnamed(struct li_event *ev)
{
	const struct li_set *s = ev->engine->set;
	for (size_t i = 0; i < s->nunnamed; i++) {
		size_t place = s->unnamed_places.first + i;
		if (place_open(ev->engine, place) && try_top(ev, s->unnamed[i], place))
			return;
	}
}

void event_decode(struct li_event *ev)
{
	ev->category = CATEGORY_SYSLOG;
	if (ev->f[FIELD_PROGRAM].p)
		decode_named(ev);
	else
		decode_unnamed(ev);
	if (ev->decoder && ev->decoder->accumulate)
		event_accumulate(ev);
	if (ev->decoder && (ev->decoder->fts_n || ev->decoder->fts_name))
		event_first_seen(ev);
}
