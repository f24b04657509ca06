#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/loginspection/set.h"

/*
 * Every decoder and every rule has a place (a bit) in each list that it is tried in. One scan of a
 * line for the literals of all patterns sets the bits of those that can match at all.
 */

struct literal_use {
	uint32_t literal, place;
};

struct building {
	struct li_set *s;
	struct arena scratch;
	struct map known; /* a literal's text to its number + 1 */
	struct str *texts;
	size_t ntexts;
	struct literal_use *uses;
	size_t nuses;
};

static void building_done(struct building *b)
{
	map_done(&b->known);
	arena_done(&b->scratch);
}

static struct places places_for(struct li_set *s, size_t n)
{
	struct places p = { (uint32_t)s->nplaces, (uint32_t)n };
	s->nplaces += n;
	return p;
}

static void give_places(struct li_set *s)
{
	s->named_places = places_for(s, s->nnamed);
	s->unnamed_places = places_for(s, s->nunnamed);
	for (size_t i = 0; i < s->ntop; i++)
		s->top[i]->child_places = places_for(s, s->top[i]->nchildren);
	for (size_t i = 1; i < CATEGORY_COUNT; i++)
		s->roots[i]->child_places = places_for(s, s->roots[i]->nchildren);
	for (size_t i = 0; i < s->nrules; i++)
		s->rules[i]->child_places = places_for(s, s->rules[i]->nchildren);
}

static void set_bit(uint64_t *bits, size_t i)
{
	bits[i / 64] |= 1ull << i % 64;
}

static uint32_t literal_number(struct building *b, struct str text)
{
	const void *known = map_get(&b->known, text);
	if (known)
		return (uint32_t)((uintptr_t)known - 1);
	b->texts = grown(&b->scratch, b->texts, b->ntexts, sizeof(*b->texts));
	b->texts[b->ntexts++] = text;
	map_set(&b->known, text,
	        (void *)(uintptr_t)b->ntexts); /* NOLINT(performance-no-int-to-ptr) */
	return (uint32_t)(b->ntexts - 1);
}

static void gate(struct building *b, size_t place, const struct pattern *p)
{
	const struct str *texts = NULL;
	bool exact = false;
	size_t n = p ? pattern_literals(p, &texts, &exact) : 0;
	if (!n)
		set_bit(b->s->ungated, place);
	for (size_t i = 0; i < n; i++) {
		b->uses = grown(&b->scratch, b->uses, b->nuses, sizeof(*b->uses));
		b->uses[b->nuses++] =
			(struct literal_use){ literal_number(b, texts[i]), (uint32_t)place };
	}
}

static size_t shortest(const struct pattern *p)
{
	const struct str *texts = NULL;
	bool exact = false;
	size_t n = pattern_literals(p, &texts, &exact), least = SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		least = texts[i].n < least ? texts[i].n : least;
	return n ? least : 0;
}

/* The condition on the text whose literals are the longest. */
static const struct pattern *rule_gate(const struct rule *r)
{
	struct condition *best = NULL;
	const struct str *texts = NULL;
	for (size_t i = 0; i < r->nconditions; i++) {
		struct condition *c = &r->conditions[i];
		if (c->kind != CONDITION_PATTERN || c->field != FIELD_LOG || c->negate ||
		    !shortest(c->pattern))
			continue;
		if (!best || shortest(c->pattern) > shortest(best->pattern))
			best = c;
	}
	if (best)
		pattern_literals(best->pattern, &texts, &best->implied);
	return best ? best->pattern : NULL;
}

static const struct pattern *decoder_gate(const struct decoder *d)
{
	return d->prematch ? d->prematch : NULL;
}

static void gate_rules(struct building *b, const struct rule *parent)
{
	for (size_t i = 0; i < parent->nchildren; i++)
		gate(b, parent->child_places.first + i, rule_gate(parent->children[i]));
}

static void gate_all(struct building *b)
{
	struct li_set *s = b->s;
	for (size_t i = 0; i < s->nnamed; i++)
		gate(b, s->named_places.first + i, decoder_gate(s->named[i]));
	for (size_t i = 0; i < s->nunnamed; i++)
		gate(b, s->unnamed_places.first + i, decoder_gate(s->unnamed[i]));
	for (size_t i = 0; i < s->ntop; i++)
		for (size_t k = 0; k < s->top[i]->nchildren; k++)
			gate(b, s->top[i]->child_places.first + k,
			     decoder_gate(s->top[i]->children[k]));
	for (size_t i = 1; i < CATEGORY_COUNT; i++)
		gate_rules(b, s->roots[i]);
	for (size_t i = 0; i < s->nrules; i++)
		gate_rules(b, s->rules[i]);
}

/* ---- decoded_as ---- */

static uint32_t decoded_as(const struct rule *r)
{
	for (size_t i = 0; i < r->nconditions; i++)
		if (r->conditions[i].kind == CONDITION_DECODED)
			return r->conditions[i].decoder;
	return 0;
}

static void class_bits(struct li_set *s, const struct rule *parent)
{
	for (size_t i = 0; i < parent->nchildren; i++) {
		uint32_t id = decoded_as(parent->children[i]);
		for (size_t c = 0; c < s->nclasses; c++)
			if (!id || s->class_of[id] == c)
				set_bit(s->by_class + c * s->nwords,
				        parent->child_places.first + i);
	}
}

/* Decoders that no rule asks for are one class, 0. */
static void classes(struct li_set *s)
{
	s->class_of = arena_array(&s->arena, s->ndecoder_names, sizeof(*s->class_of));
	s->nclasses = 1;
	for (size_t i = 0; i < s->nrules; i++) {
		uint32_t id = decoded_as(s->rules[i]);
		if (id && !s->class_of[id])
			s->class_of[id] = (uint32_t)s->nclasses++;
	}
	s->by_class = arena_array(&s->arena, s->nclasses * s->nwords, sizeof(*s->by_class));
	for (size_t i = 1; i < CATEGORY_COUNT; i++)
		class_bits(s, s->roots[i]);
	for (size_t i = 0; i < s->nrules; i++)
		class_bits(s, s->rules[i]);
}

/* ---- the database ---- */

static void index_uses(struct building *b)
{
	struct li_set *s = b->s;
	s->nliterals = b->ntexts;
	s->literal_first = arena_array(&s->arena, b->ntexts + 1, sizeof(uint32_t));
	s->literal_places = arena_array(&s->arena, b->nuses, sizeof(uint32_t));
	for (size_t i = 0; i < b->nuses; i++)
		s->literal_first[b->uses[i].literal + 1]++;
	for (size_t i = 0; i < b->ntexts; i++)
		s->literal_first[i + 1] += s->literal_first[i];
	uint32_t *next = arena_array(&b->scratch, b->ntexts + 1, sizeof(uint32_t));
	memcpy(next, s->literal_first, b->ntexts * sizeof(uint32_t));
	for (size_t i = 0; i < b->nuses; i++)
		s->literal_places[next[b->uses[i].literal]++] = b->uses[i].place;
}

static int compile(struct building *b, struct err *why)
{
	size_t n = b->ntexts;
	const char **texts = arena_array(&b->scratch, n, sizeof(char *));
	unsigned *flags = arena_array(&b->scratch, n, sizeof(unsigned));
	unsigned *ids = arena_array(&b->scratch, n, sizeof(unsigned));
	size_t *lengths = arena_array(&b->scratch, n, sizeof(size_t));
	hs_compile_error_t *error = NULL;
	for (size_t i = 0; i < n; i++) {
		texts[i] = b->texts[i].p;
		lengths[i] = b->texts[i].n;
		flags[i] = HS_FLAG_CASELESS | HS_FLAG_SINGLEMATCH;
		ids[i] = (unsigned)i;
	}
	if (hs_compile_lit_multi(texts, flags, ids, lengths, (unsigned)n, HS_MODE_BLOCK, NULL,
	                         &b->s->database, &error) == HS_SUCCESS)
		return 0;
	int rc = err_set(why, -ENOMEM, "the prefilter could not be compiled: %s",
	                 error ? error->message : "unknown");
	hs_free_compile_error(error);
	return rc;
}

int prefilter_build(struct li_set *s, struct err *why)
{
	AUTO(building_done) struct building b = { .s = s };
	give_places(s);
	s->nwords = s->nplaces / 64 + 1;
	s->ungated = arena_array(&s->arena, s->nwords, sizeof(uint64_t));
	gate_all(&b);
	classes(s);
	index_uses(&b);
	return b.ntexts ? compile(&b, why) : 0;
}
