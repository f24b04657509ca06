#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/condition.h"
#include "module/intrusionprevention/parse.h"
#include "module/intrusionprevention/scoring.h"

/*
 * web_attack: sql, log 4, drop 6, exempt /wp-admin/post.php content
 *
 * Requests are scored (engine/web). A rule whose score reaches `drop` does what it says; one that
 * reaches `log` alone tells.
 */

enum { LOG_DEFAULT = 4, SCORE_MAX = 1000, WORD_MAX = 200 };

/* ---- the keyword ---- */

struct reading {
	struct parser *p;
	struct scoring *s;
};

/* A word of an option: percent signs hide blanks, commas and semicolons. */
static struct str word(struct reading *r, struct str *rest)
{
	struct buf b = { 0 };
	*rest = str_trim(*rest);
	struct str raw = str_cut(rest, ' ');
	(void)web_decode(raw, false, &b);
	const char *kept = parse_keep(r->p, buf_view(&b));
	struct str out = { kept, b.n };
	buf_done(&b);
	return out;
}

static int number(struct reading *r, struct str *rest, unsigned *out)
{
	uint64_t v = 0;
	*rest = str_trim(*rest);
	struct str raw = str_cut(rest, ' ');
	int rc = parse_u64(r->p, raw, 0, SCORE_MAX, &v);
	*out = (unsigned)v;
	return rc;
}

static int option_log(struct reading *r, struct str rest)
{
	return number(r, &rest, &r->s->log);
}

static int option_drop(struct reading *r, struct str rest)
{
	return number(r, &rest, &r->s->drop);
}

static int option_distinct(struct reading *r, struct str rest)
{
	return number(r, &rest, &r->s->policy.distinct);
}

static int option_most(struct reading *r, struct str rest)
{
	return number(r, &rest, &r->s->policy.most);
}

static int option_weight(struct reading *r, struct str rest)
{
	struct str at = rest, name = word(r, &rest);
	int feature = web_feature_find(r->s->policy.attack, name);
	if (feature < 0)
		return parse_fail(r->p, at.p, "%s has no feature \"%.*s\"",
		                  web_attack_name(r->s->policy.attack), STR_ARG(name));
	return number(r, &rest, &r->s->policy.weights[feature]);
}

static int more(struct reading *r, const char *where, size_t n)
{
	return n < SCORING_LISTS_MAX ? 0 : parse_fail(r->p, where, "too many of them");
}

static int option_word(struct reading *r, struct str rest)
{
	struct scoring *s = r->s;
	int rc = more(r, rest.p, s->nwords);
	if (rc < 0)
		return rc;
	struct web_word *w = &s->words[s->nwords];
	w->word = word(r, &rest);
	if (w->word.n == 0 || w->word.n > WORD_MAX)
		return parse_fail(r->p, rest.p, "expected a word and its score");
	s->nwords++;
	return number(r, &rest, &w->score);
}

static int option_resource(struct reading *r, struct str rest)
{
	struct scoring *s = r->s;
	int rc = more(r, rest.p, s->nplaces);
	if (rc < 0)
		return rc;
	struct scoring_place *t = &s->places[s->nplaces++];
	t->resource = word(r, &rest);
	rc = number(r, &rest, &t->log);
	return rc < 0 ? rc : number(r, &rest, &t->drop);
}

static int option_exempt(struct reading *r, struct str rest)
{
	struct scoring *s = r->s;
	int rc = more(r, rest.p, s->nexemptions);
	if (rc < 0)
		return rc;
	struct scoring_exemption *e = &s->exemptions[s->nexemptions++];
	e->resource = word(r, &rest);
	e->parameter = word(r, &rest);
	return e->resource.n && e->parameter.n
	               ? 0
	               : parse_fail(r->p, rest.p, "expected a resource and a parameter");
}

static const struct option {
	const char *name;
	int (*take)(struct reading *r, struct str rest);
} options[] = {
	{ "log", option_log },           { "drop", option_drop },
	{ "distinct", option_distinct }, { "most", option_most },
	{ "weight", option_weight },     { "word", option_word },
	{ "resource", option_resource }, { "exempt", option_exempt },
};

static int one_option(struct reading *r, struct str text)
{
	struct str rest = str_trim(text), name = str_cut(&rest, ' ');
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (str_is(name, options[i].name))
			return options[i].take(r, rest.p ? rest : (struct str){ "", 0 });
	return parse_fail(r->p, text.p,
	                  "expected log, drop, distinct, most, weight, word, resource or exempt");
}

int keyword_web_attack(struct parser *p, const struct keyword *k, struct str value)
{
	struct condition *c = parse_condition(p, k, value);
	struct arena *a = &p->rules->arena;
	struct str rest = value, name = str_trim(str_cut(&rest, ','));
	int attack = web_attack_find(name);
	if (!c)
		return -EINVAL;
	if (attack < 0)
		return parse_fail(p, value.p, "expected sql, xss, command, path or template");
	if (p->rule->app != APP_UNKNOWN && p->rule->app != APP_HTTP)
		return parse_fail(p, value.p, "web_attack is about http");
	struct scoring *s = arena_alloc(a, sizeof(*s));
	*s = (struct scoring){
		.log = LOG_DEFAULT,
		.drop = LOG_DEFAULT,
		.words = arena_array(a, SCORING_LISTS_MAX, sizeof(*s->words)),
		.places = arena_array(a, SCORING_LISTS_MAX, sizeof(*s->places)),
		.exemptions = arena_array(a, SCORING_LISTS_MAX, sizeof(*s->exemptions)),
	};
	web_policy_init(&s->policy, (enum web_attack)attack);
	struct reading r = { p, s };
	int rc = 0;
	while (rc == 0 && rest.p)
		rc = one_option(&r, str_cut(&rest, ','));
	s->policy.words = s->words;
	s->policy.nwords = s->nwords;
	p->rule->app = APP_HTTP;
	c->more = s;
	return rc;
}
