#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/condition.h"
#include "module/intrusionprevention/parse.h"

/* flow, flowbits, xbits, flowint, thresholds, and what names protocols. */

static struct str next(struct str *rest)
{
	return str_trim(str_cut(rest, ','));
}

int keyword_flow(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *word;
		unsigned want;
	} words[] = {
		{ "established", FLOW_ESTABLISHED_ONLY },
		{ "not_established", FLOW_NOT_ESTABLISHED },
		{ "stateless", FLOW_STATELESS },
		{ "to_server", FLOW_TO_SERVER },
		{ "from_client", FLOW_TO_SERVER },
		{ "to_client", FLOW_TO_CLIENT },
		{ "from_server", FLOW_TO_CLIENT },
		{ "only_stream", FLOW_ONLY_STREAM },
		{ "no_stream", FLOW_NO_STREAM },
		{ "no_frag", 0 },
		{ "only_frag", 0 },
	};
	struct str rest = value;
	(void)k;
	while (rest.p) {
		struct str word = next(&rest);
		size_t i = 0;
		while (i < ARRAY_LEN(words) && !str_eq_nocase(word, str_of(words[i].word)))
			i++;
		if (i == ARRAY_LEN(words))
			return parse_fail(p, word.p, "flow knows no \"%.*s\"",
			                  word.n > 40 ? 40 : STR_ARG(word));
		p->rule->flow |= words[i].want;
	}
	unsigned f = p->rule->flow;
	if ((f & FLOW_TO_SERVER && f & FLOW_TO_CLIENT) ||
	    (f & FLOW_ONLY_STREAM && f & FLOW_NO_STREAM) ||
	    (f & FLOW_ESTABLISHED_ONLY && f & FLOW_NOT_ESTABLISHED))
		return parse_fail(p, value.p, "flow says one thing and its opposite");
	return 0;
}

/* ---- bits ---- */

static struct bit *new_bit(struct parser *p, struct str value)
{
	if (p->rule->nbits == ARRAY_LEN(p->bits)) {
		parse_fail(p, value.p, "more than %zu bits", ARRAY_LEN(p->bits));
		return NULL;
	}
	struct bit *b = &p->bits[p->rule->nbits++];
	*b = (struct bit){ 0 };
	return b;
}

static int bit_deed(struct parser *p, struct str word, enum bit_deed *out)
{
	static const char *const deeds[] = { "set", "unset", "toggle", "isset", "isnotset" };
	for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
		if (str_eq_nocase(word, str_of(deeds[i]))) {
			*out = (enum bit_deed)i;
			return 0;
		}
	return parse_fail(p, word.p, "expected set, unset, toggle, isset or isnotset");
}

/* Bits of hosts outlive a set of rules: they are known by a hash of their name (FNV-1a). */
static unsigned name_hash(struct str name)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (uint8_t)name.p[i]) * 16777619u;
	return h;
}

/* known NULL: xbits */
static int bit_names(struct parser *p, struct bit *b, struct str names, struct map *known,
                     unsigned *count)
{
	bool asks = b->deed == BIT_ISSET || b->deed == BIT_ISNOTSET;
	while (names.p) {
		struct str name = str_trim(str_cut(&names, asks ? '|' : '&'));
		if (name.n == 0 || memchr(name.p, ' ', name.n))
			return parse_fail(p, name.p, "expected the name of a bit");
		if (b->nids == ARRAY_LEN(b->ids))
			return parse_fail(p, name.p, "more than %zu names", ARRAY_LEN(b->ids));
		b->ids[b->nids++] = known ? parse_name(p, known, count, name) : name_hash(name);
	}
	return 0;
}

int keyword_flowbits(struct parser *p, const struct keyword *k, struct str value)
{
	struct str rest = value, deed = next(&rest);
	(void)k;
	if (str_eq_nocase(deed, STR("noalert"))) {
		p->rule->noalert = true;
		return 0;
	}
	struct bit *b = new_bit(p, value);
	if (!b)
		return -EINVAL;
	int rc = bit_deed(p, deed, &b->deed);
	if (rc == 0 && !rest.p)
		rc = parse_fail(p, value.p, "expected the name of a bit");
	if (rc == 0)
		rc = bit_names(p, b, next(&rest), &p->rules->flowbits, &p->rules->nflowbits);
	/* Snort's group, and noalert, may follow. */
	if (rc == 0 && rest.p && str_is(next(&rest), "noalert"))
		p->rule->noalert = true;
	return rc;
}

/* "set,NAME,track ip_src,expire 60" */
int keyword_xbits(struct parser *p, const struct keyword *k, struct str value)
{
	static const char *const tracks[] = { "ip_src", "ip_dst", "ip_pair" };
	struct str rest = value, deed = next(&rest);
	(void)k;
	if (str_is(deed, "noalert")) {
		p->rule->noalert = true;
		return 0;
	}
	struct bit *b = new_bit(p, value);
	if (!b)
		return -EINVAL;
	b->expire_s = 30;
	int rc = bit_deed(p, deed, &b->deed);
	struct str name = next(&rest);
	if (rc == 0)
		rc = name.n ? bit_names(p, b, name, NULL, NULL)
		            : parse_fail(p, value.p, "expected the name of a bit");
	while (rc == 0 && rest.p) {
		struct str word = next(&rest);
		uint64_t seconds = 0;
		if (str_starts(word, STR("expire "))) {
			rc = parse_u64(p, str_skip(word, 7), 1, UINT32_MAX, &seconds);
			b->expire_s = (uint32_t)seconds;
			continue;
		}
		struct str track =
			str_starts(word, STR("track ")) ? str_trim(str_skip(word, 6)) : word;
		for (size_t i = 0; i < ARRAY_LEN(tracks); i++)
			if (str_is(track, tracks[i]))
				b->track = (enum bit_track)(TRACK_SRC + i);
		if (b->track == TRACK_NONE)
			rc = parse_fail(p, word.p, "expected track ip_src, ip_dst or ip_pair");
	}
	if (rc == 0 && b->track == TRACK_NONE)
		rc = parse_fail(p, value.p, "expected track ip_src, ip_dst or ip_pair");
	return rc;
}

/* "NAME,+,1", "NAME,>,5", "NAME,isset" */
int keyword_flowint(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *sign;
		enum int_deed deed;
		enum compare op;
	} deeds[] = {
		{ "=", INT_SET, COMPARE_EQ },         { "+", INT_ADD, COMPARE_EQ },
		{ "-", INT_SUB, COMPARE_EQ },         { "isset", INT_ISSET, COMPARE_EQ },
		{ "notset", INT_NOTSET, COMPARE_EQ }, { "isnotset", INT_NOTSET, COMPARE_EQ },
		{ "==", INT_COMPARE, COMPARE_EQ },    { "!=", INT_COMPARE, COMPARE_NE },
		{ "<", INT_COMPARE, COMPARE_LT },     { ">", INT_COMPARE, COMPARE_GT },
		{ "<=", INT_COMPARE, COMPARE_LE },    { ">=", INT_COMPARE, COMPARE_GE },
	};
	struct str rest = value, name = next(&rest), sign = next(&rest), number = next(&rest);
	(void)k;
	if (p->rule->nints == ARRAY_LEN(p->ints))
		return parse_fail(p, value.p, "more than %zu flowints", ARRAY_LEN(p->ints));
	if (name.n == 0)
		return parse_fail(p, value.p, "expected the name of a number");
	struct flowint *f = &p->ints[p->rule->nints++];
	size_t i = 0;
	while (i < ARRAY_LEN(deeds) && !str_is(sign, deeds[i].sign))
		i++;
	if (i == ARRAY_LEN(deeds))
		return parse_fail(p, value.p, "expected =, +, -, a comparison, isset or notset");
	*f = (struct flowint){ .deed = deeds[i].deed, .op = deeds[i].op, .other = -1 };
	f->id = parse_name(p, &p->rules->ints, &p->rules->nints, name);
	if (f->deed == INT_ISSET || f->deed == INT_NOTSET)
		return 0;
	uint64_t v = 0;
	if (str_u64(number, 0, UINT32_MAX - 1, &v) == 0)
		f->value = (uint32_t)v;
	else if (number.n > 0)
		f->other = (int)parse_name(p, &p->rules->ints, &p->rules->nints, number);
	else
		return parse_fail(p, value.p, "expected a number or a name");
	return 0;
}

/* ---- thresholds ---- */

static int threshold_word(struct parser *p, struct threshold *t, struct str name, struct str value)
{
	static const char *const kinds[] = { "limit", "threshold", "both" };
	static const struct {
		const char *word;
		enum bit_track track;
	} tracks[] = { { "by_src", TRACK_SRC },
		       { "by_dst", TRACK_DST },
		       { "by_rule", TRACK_RULE },
		       { "by_both", TRACK_PAIR },
		       { "by_flow", TRACK_BOTH } };
	uint64_t v = 0;
	if (str_is(name, "count") || str_is(name, "seconds")) {
		int rc = parse_u64(p, value, 1, UINT32_MAX, &v);
		*(str_is(name, "count") ? &t->count : &t->seconds) = (uint32_t)v;
		return rc;
	}
	if (str_is(name, "type")) {
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (str_is(value, kinds[i])) {
				t->kind = (enum threshold_kind)(THRESHOLD_LIMIT + i);
				return 0;
			}
		return parse_fail(p, value.p, "expected limit, threshold or both");
	}
	if (!str_is(name, "track"))
		return parse_fail(p, name.p, "expected type, track, count or seconds");
	for (size_t i = 0; i < ARRAY_LEN(tracks); i++)
		if (str_is(value, tracks[i].word)) {
			t->track = tracks[i].track;
			return 0;
		}
	return parse_fail(p, value.p, "expected by_src, by_dst, by_both or by_rule");
}

/* threshold, and detection_filter. */
int keyword_threshold(struct parser *p, const struct keyword *k, struct str value)
{
	bool filter = k->buffer != 0;
	struct threshold *t = filter ? &p->rule->filter : &p->rule->threshold;
	struct str rest = value;
	if (t->kind != THRESHOLD_NONE)
		return parse_fail(p, value.p, "the rule has a %s already", k->words.name);
	while (rest.p) {
		struct str word = next(&rest), v = word, name = str_cut(&v, ' ');
		if (!v.p)
			return parse_fail(p, word.p, "expected type, track, count and seconds");
		int rc = threshold_word(p, t, name, str_trim(v));
		if (rc < 0)
			return rc;
	}
	if (filter)
		t->kind = THRESHOLD_FILTER;
	if (t->kind == THRESHOLD_NONE || t->track == TRACK_NONE || !t->count || !t->seconds)
		return parse_fail(p, value.p, "expected type, track, count and seconds");
	return 0;
}

/* "client,>,1000" */
int keyword_stream_size(struct parser *p, const struct keyword *k, struct str value)
{
	static const char *const sides[] = { "client", "server", "both", "either" };
	static const struct {
		const char *sign;
		enum compare op;
	} ops[] = { { "<", COMPARE_LT },  { ">", COMPARE_GT },  { "=", COMPARE_EQ },
		    { "!=", COMPARE_NE }, { "<=", COMPARE_LE }, { ">=", COMPARE_GE } };
	struct str rest = value, side = next(&rest), sign = next(&rest), number = next(&rest);
	struct condition *c = parse_condition(p, k, value);
	if (!c)
		return -EINVAL;
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_is(sign, ops[i].sign)) {
			c->op = ops[i].op;
			known = true;
		}
	for (size_t i = 0; i < ARRAY_LEN(sides); i++)
		if (str_is(side, sides[i]))
			c->b = i + 1;
	if (!c->b || !known)
		return parse_fail(p, value.p,
		                  "expected client, server, both or either, then a comparison");
	return parse_u64(p, number, 0, UINT32_MAX, &c->a);
}

/* ---- protocols ---- */

int keyword_app_protocol(struct parser *p, const struct keyword *k, struct str value)
{
	struct condition *c = parse_condition(p, k, value);
	if (!c)
		return -EINVAL;
	bool negated = value.p[0] == '!';
	struct str name = str_trim(str_skip(value, negated)), rest = name;
	name = str_trim(str_cut(&rest, ','));
	char z[24] = "";
	if (name.n < sizeof(z))
		memcpy(z, name.p, name.n);
	enum app_protocol app = app_protocol_find(z);
	if (strcmp(z, "failed") == 0)
		app = APP_FAILED;
	else if (app == APP_UNKNOWN && strcmp(z, "unknown") != 0)
		return parse_fail(p, name.p, "unknown protocol \"%.*s\"",
		                  name.n > 40 ? 40 : STR_ARG(name));
	c->op = COMPARE_EQ;
	c->a = app;
	c->negated = negated;
	p->rule->app_stated = true;
	return 0;
}

int keyword_app_event(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k;
	for (unsigned i = 0; i < APP_EVENTS; i++)
		if (str_is(value, app_events[i].name)) {
			p->rule->event = (int)i;
			return 0;
		}
	return parse_fail(p, value.p, "unknown event \"%.*s\"", value.n > 60 ? 60 : STR_ARG(value));
}
