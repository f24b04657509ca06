#include "model/setting.h"

#include <errno.h>

/* clang-format off */
const struct setting policy_settings[] = {
#define SETTING(name, type, otherwise, choices, doc) { #name, type, otherwise, choices, doc },
#include "model/settings.def"
#undef SETTING
	{ 0 },
};
/* clang-format on */

const struct setting *setting_find(const char *name)
{
	for (const struct setting *s = policy_settings; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static int take_choice(const char *choices, struct str in, struct str *out)
{
	for (struct str rest = str_of(choices); rest.p;) {
		struct str one = str_cut(&rest, '|');
		if (str_eq_nocase(one, in)) {
			*out = one;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_int(const char *bounds, struct str in, struct str *out)
{
	struct str rest = str_of(bounds);
	uint64_t min = 0, max = UINT64_MAX, v = 0;
	str_u64(str_cut(&rest, '|'), 0, UINT64_MAX, &min);
	str_u64(rest, 0, UINT64_MAX, &max);
	*out = in;
	return str_u64(in, min, max, &v);
}

int setting_take(const struct setting *s, struct str in, struct str *out, struct err *why)
{
	int rc = 0;
	switch (s->type) {
	case ST_TEXT:
		*out = in;
		rc = in.n > 100000 ? -EINVAL : 0;
		break;
	case ST_BOOL:
		rc = take_choice("true|false", in, out);
		break;
	case ST_INT:
		rc = take_int(s->choices, in, out);
		break;
	case ST_CHOICE:
		rc = take_choice(s->choices, in, out);
		break;
	}
	if (rc == 0)
		return 0;
	return err_set(why, -EINVAL, "Invalid value for %s. It must be %s %s.", s->name,
	               s->type == ST_INT ? "a number within" : "one of",
	               s->type == ST_BOOL ? "true|false" : s->choices);
}

uint64_t setting_seconds(struct str value)
{
	static const struct {
		struct str unit;
		uint64_t seconds;
	} units[] = { { { "Second", 6 }, 1 },
		      { { "Minute", 6 }, 60 },
		      { { "Hour", 4 }, 3600 },
		      { { "Day", 3 }, 86400 } };
	struct str rest = value;
	uint64_t n = 0;
	if (str_u64(str_cut(&rest, ' '), 0, 100000, &n) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (str_starts(rest, units[i].unit))
			return n * units[i].seconds;
	return 0;
}
