#include "engine/web/scan.h"

/* What was found, as a number. */

const struct web_feature_row web_features[WEB_FEATURES] = {
#define FEATURE(id, attack, name, weight, words) [WEB_##id] = { name, words, WEB_##attack, weight },
#include "engine/web/feature.def"
#undef FEATURE
};

static const struct {
	const char *name;
	web_reader *read;
} attacks[WEB_ATTACKS] = {
	[WEB_SQL] = { "sql", web_read_sql },
	[WEB_XSS] = { "xss", web_read_xss },
	[WEB_COMMAND] = { "command", web_read_command },
	[WEB_PATH] = { "path", web_read_path },
	[WEB_TEMPLATE] = { "template", web_read_template },
};

const char *web_attack_name(enum web_attack a)
{
	return attacks[a].name;
}

int web_attack_find(struct str name)
{
	for (int i = 0; i < WEB_ATTACKS; i++)
		if (str_is(name, attacks[i].name))
			return i;
	return -1;
}

const char *web_place_name(enum web_place p)
{
	static const char *const names[WEB_PLACES] = { "path", "query", "body", "cookie",
		                                       "header" };
	return names[p];
}

int web_feature_find(enum web_attack a, struct str name)
{
	for (int i = 0; i < WEB_FEATURES; i++)
		if (web_features[i].attack == a && str_is(name, web_features[i].name))
			return i;
	return -1;
}

void web_look(enum web_attack a, const struct web_value *v, struct str text,
              struct web_found *found)
{
	if (!v->plain && text.n > 0)
		attacks[a].read(v, text, found);
}

void web_policy_init(struct web_policy *p, enum web_attack a)
{
	*p = (struct web_policy){ .attack = a, .distinct = 1 };
	for (unsigned i = 0; i < WEB_FEATURES; i++)
		p->weights[i] = web_features[i].attack == a ? web_features[i].weight : 0;
}

struct sum {
	const struct web_policy *policy;
	struct buf *names; /* or NULL */
	unsigned score, distinct;
};

static void add(struct sum *s, const char *name, size_t n, unsigned weight, unsigned times)
{
	unsigned gives = weight * times, most = s->policy->most;
	if (gives == 0)
		return;
	s->score += most && gives > most ? most : gives;
	s->distinct++;
	if (!s->names)
		return;
	if (s->names->n)
		buf_z(s->names, ", ");
	buf_add(s->names, name, n);
}

/* How often the word is there, apart from other words. */
static unsigned count_word(struct str text, struct str word)
{
	unsigned n = 0;
	for (size_t i = 0; word.n && i + word.n <= text.n; i++) {
		bool here = str_eq_nocase(part(text, i, i + word.n), word);
		bool before = i > 0 && is_word(text.p[i - 1]) && is_word(*word.p);
		bool behind = is_word(at(text, i + word.n)) && is_word(word.p[word.n - 1]);
		n += here && !before && !behind;
	}
	return n;
}

unsigned web_score(const struct web_policy *p, const struct web_value *v, struct str text,
                   struct buf *names)
{
	struct sum s = { .policy = p, .names = names };
	struct web_found found = { 0 };
	web_look(p->attack, v, text, &found);
	for (unsigned i = 0; i < WEB_FEATURES; i++)
		add(&s, web_features[i].name, strlen(web_features[i].name), p->weights[i],
		    found.times[i]);
	for (size_t i = 0; i < p->nwords; i++)
		add(&s, p->words[i].word.p, p->words[i].word.n, p->words[i].score,
		    count_word(text, p->words[i].word));
	return s.distinct >= p->distinct ? s.score : 0;
}
