#include "model/setting.h"

#include <errno.h>
#include <stdio.h>

#include "base/auto.h"

/* clang-format off */
const struct setting all_settings[] = {
#define SETTING(name, scope, type, flags, otherwise, choices, doc) { #name, scope, type, flags, otherwise, choices, doc },
#include "model/settings.def"
#undef SETTING
	{ 0 },
};

/* The first is how one of them is written. A month is 30 days, a year 365. */
static const struct {
	const char *one;
	uint64_t seconds;
} units[] = {
	{ "Second", 1 }, { "Minute", 60 }, { "Hour", 3600 }, { "Day", 86400 }, { "Week", 604800 },
	{ "Month", 2592000 }, { "Year", 31536000 },
};
/* clang-format on */

enum { SPAN_MAX = 1000000000, NAME_SHOWN = 120 };

const struct setting *setting_find(enum setting_scope scope, const char *name)
{
	for (const struct setting *s = all_settings; s->name; s++)
		if (setting_in(s, scope) && strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static char *choice(const char *choices, struct str in)
{
	for (struct str rest = str_of(choices); rest.p;) {
		struct str one = str_cut(&rest, '|');
		if (str_eq_nocase(one, in))
			return str_dup(one);
	}
	return NULL;
}

static void bounds(const struct setting *s, uint64_t *min, uint64_t *max, struct str *words)
{
	struct str rest = str_of(s->choices);
	*min = 0;
	*max = UINT64_MAX;
	str_u64(str_cut(&rest, '|'), 0, UINT64_MAX, min);
	str_u64(str_cut(&rest, '|'), 0, UINT64_MAX, max);
	*words = rest;
}

static char *take_text(const struct setting *s, struct str in)
{
	uint64_t max = 0;
	str_u64(str_of(s->choices), 0, UINT64_MAX, &max);
	return in.n <= max && str_utf8(in) ? str_dup(in) : NULL;
}

static char *take_bool(const struct setting *s, struct str in)
{
	static const char *const words[][2] = {
		{ "true", "false" }, { "yes", "no" }, { "on", "off" }, { "1", "0" }
	};
	struct str no = str_of(s->choices), yes = str_cut(&no, '|');
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (size_t k = 0; k < 2; k++)
			if (str_eq_nocase(in, str_of(words[i][k])))
				return str_dup(k == 0 ? yes : no);
	return NULL;
}

static char *take_int(const struct setting *s, struct str in)
{
	uint64_t min, max, v = 0;
	struct str words;
	char text[24];
	bounds(s, &min, &max, &words);
	if (str_u64(in, min, max, &v) < 0)
		return NULL;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return xstrdup(text);
}

static char *take_choice(const struct setting *s, struct str in)
{
	return choice(s->choices, in);
}

/* The unit's index, or -1. */
static int unit_of(struct str word)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct str one = str_of(units[i].one);
		if (str_eq_nocase(word, one) ||
		    (word.n == one.n + 1 && (word.p[one.n] | 0x20) == 's' &&
		     str_eq_nocase((struct str){ word.p, one.n }, one)))
			return (int)i;
	}
	return -1;
}

static char *take_span(const struct setting *s, struct str in)
{
	uint64_t min, max, n = 0;
	struct str words, rest = in;
	char text[40];
	bounds(s, &min, &max, &words);
	char *word = words.p ? choice(words.p, in) : NULL;
	if (word)
		return word;
	int rc = str_u64(str_cut(&rest, ' '), 0, SPAN_MAX, &n), unit = unit_of(str_trim(rest));
	if (rc < 0 || unit < 0 || n * units[unit].seconds < min || n * units[unit].seconds > max)
		return NULL;
	snprintf(text, sizeof(text), "%llu %s%s", (unsigned long long)n, units[unit].one,
	         n == 1 ? "" : "s");
	return xstrdup(text);
}

static char *take_id(const struct setting *s, struct str in)
{
	uint64_t v = 0;
	(void)s;
	return in.n == 0 || str_u64(in, 0, INT32_MAX, &v) == 0 ? str_dup(in) : NULL;
}

static char *take_ports(const struct setting *s, struct str in)
{
	(void)s;
	for (struct str rest = in; rest.p && in.n;) {
		uint64_t from = 0, to = 0;
		struct str last = str_trim(str_cut(&rest, ',')), first = str_cut(&last, '-');
		if (str_u64(str_trim(first), 0, 65535, &from) < 0 ||
		    (last.p && (str_u64(str_trim(last), 0, 65535, &to) < 0 || to < from)))
			return NULL;
	}
	return str_dup(in);
}

int setting_take(const struct setting *s, struct str in, char **out, struct err *why)
{
	static char *(*const take[])(const struct setting *, struct str) = {
		[ST_TEXT] = take_text, [ST_SECRET] = take_text,   [ST_BOOL] = take_bool,
		[ST_INT] = take_int,   [ST_CHOICE] = take_choice, [ST_SPAN] = take_span,
		[ST_ID] = take_id,     [ST_PORTS] = take_ports,
	};
	struct err rule;
	struct str value = s->type == ST_TEXT || s->type == ST_SECRET ? in : str_trim(in);
	/* The default is right as it is written, whatever the canonical form would be. */
	char *taken = str_eq_nocase(value, str_of(s->otherwise)) ? xstrdup(s->otherwise)
	                                                         : take[s->type](s, value);
	if (taken) {
		*out = taken;
		return 0;
	}
	setting_rule(s, &rule);
	return err_set(why, -EINVAL, "Invalid value for %.*s. It must be %s.", NAME_SHOWN, s->name,
	               rule.text);
}

static void span_rule(const struct setting *s, struct err *out)
{
	uint64_t min, max;
	struct str words;
	bounds(s, &min, &max, &words);
	err_set(out, 0, "a time such as %s, from %llu to %llu seconds%s%.*s",
	        setting_seconds(str_of(s->otherwise)) ? s->otherwise : "10 Minutes",
	        (unsigned long long)min, (unsigned long long)max, words.p ? ", or " : "",
	        STR_ARG(words));
}

void setting_rule(const struct setting *s, struct err *out)
{
	uint64_t min, max;
	struct str words;
	bounds(s, &min, &max, &words);
	switch (s->type) {
	case ST_TEXT:
	case ST_SECRET:
		err_set(out, 0, "a text of at most %s bytes", s->choices);
		break;
	case ST_BOOL:
	case ST_CHOICE:
		err_set(out, 0, "one of %s", s->choices);
		break;
	case ST_INT:
		err_set(out, 0, "a number from %llu to %llu", (unsigned long long)min,
		        (unsigned long long)max);
		break;
	case ST_SPAN:
		span_rule(s, out);
		break;
	case ST_ID:
		err_set(out, 0, "the number of an object, or empty");
		break;
	case ST_PORTS:
		err_set(out, 0, "ports such as 80,8000-8080, or the number of a port list");
		break;
	}
}

uint64_t setting_seconds(struct str value)
{
	struct str rest = value;
	uint64_t n = 0;
	if (str_u64(str_cut(&rest, ' '), 0, SPAN_MAX, &n) < 0)
		return 0;
	int unit = unit_of(rest);
	return unit < 0 ? 0 : n * units[unit].seconds;
}
