#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"

/* POST /collection/search: rest-api.md section 3. */

enum { ITEMS_MAX = 5000, CRITERIA_MAX = 100 };

enum test { TEST_EQ, TEST_NE, TEST_LT, TEST_LE, TEST_GT, TEST_GE, TEST_BAD };

static enum test test_of(const json_t *criterion, const char *key)
{
	static const char *const words[] = { "equal",        "not-equal",
		                             "less-than",    "less-than-or-equal",
		                             "greater-than", "greater-than-or-equal" };
	const char *word = json_text(criterion, key, "equal");
	for (int i = 0; i < TEST_BAD; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum test)i;
	return TEST_BAD;
}

static bool holds(enum test t, int order)
{
	switch (t) {
	case TEST_EQ:
		return order == 0;
	case TEST_NE:
		return order != 0;
	case TEST_LT:
		return order < 0;
	case TEST_LE:
		return order <= 0;
	case TEST_GT:
		return order > 0;
	case TEST_GE:
		return order >= 0;
	case TEST_BAD:
		break;
	}
	return false;
}

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* SQL's LIKE: % any run, _ one character; without regard to ASCII case. */
static bool like(struct str pattern, struct str s, bool wild)
{
	size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;
	while (i < s.n) {
		if (wild && p < pattern.n && pattern.p[p] == '%') {
			star = p++;
			mark = i;
		} else if (p < pattern.n && ((wild && pattern.p[p] == '_') ||
		                             lower(pattern.p[p]) == lower(s.p[i]))) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (wild && p < pattern.n && pattern.p[p] == '%')
		p++;
	return p == pattern.n;
}

/* "20.0.1" against "20.0.0-877": number by number. */
static int compare_versions(struct str a, struct str b)
{
	while (a.p || b.p) {
		struct str x = str_cut(&a, '.'), y = str_cut(&b, '.');
		char p[24] = { 0 }, q[24] = { 0 };
		memcpy(p, x.p ? x.p : "", x.n < 23 ? x.n : 23);
		memcpy(q, y.p ? y.p : "", y.n < 23 ? y.n : 23);
		int c = compare(strtoll(p, NULL, 10), strtoll(q, NULL, 10));
		if (c)
			return c;
	}
	return 0;
}

struct criterion {
	const json_t *in;
	const struct field *field; /* NULL: the ID */
	const json_t *value;       /* of the object that is looked at */
	enum test test;
};

static int whole(const json_t *v, int64_t *out)
{
	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return 0;
	}
	return json_is_string(v) ? str_i64(str_of(json_string_value(v)), INT64_MIN, INT64_MAX, out)
	                         : -EINVAL;
}

static bool number_fits(const struct criterion *c, const char *key)
{
	int64_t want = 0;
	whole(json_object_get(c->in, key), &want);
	if (json_is_array(c->value)) {
		size_t i;
		json_t *v;
		json_array_foreach ((json_t *)(uintptr_t)c->value, i, v)
			if (holds(c->test, compare(json_integer_value(v), want)))
				return true;
		return false;
	}
	return c->value && holds(c->test, compare(json_integer_value(c->value), want));
}

static bool text_fits_one(const struct criterion *c, const json_t *value)
{
	bool wild = json_bool(c->in, "stringWildcards", true);
	bool same = like(str_of(json_text(c->in, "stringValue", "")),
	                 str_of(json_string_value(value)), wild);
	return c->test == TEST_NE ? !same : same;
}

static bool text_fits(const struct criterion *c)
{
	if (!json_is_array(c->value))
		return json_is_string(c->value) ? text_fits_one(c, c->value) : c->test == TEST_NE;
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)c->value, i, v)
		if (json_is_string(v) && text_fits_one(c, v))
			return true;
	return false;
}

static bool date_fits(const struct criterion *c)
{
	if (!json_is_integer(c->value))
		return false;
	int64_t v = json_integer_value(c->value), first = INT64_MIN, last = INT64_MAX;
	whole(json_object_get(c->in, "firstDateValue"), &first);
	whole(json_object_get(c->in, "lastDateValue"), &last);
	bool from = json_bool(c->in, "firstDateInclusive", true),
	     to = json_bool(c->in, "lastDateInclusive", true);
	return (from ? v >= first : v > first) && (to ? v <= last : v < last);
}

static bool bool_fits(const struct criterion *c)
{
	const json_t *t = json_object_get(c->in, "booleanTest");
	bool want = json_is_true(t) ||
	            (json_is_string(t) && str_eq_nocase(str_of(json_string_value(t)), STR("true")));
	return json_is_true(c->value) == want;
}

static bool choice_fits(const struct criterion *c)
{
	bool same = json_is_string(c->value) &&
	            strcmp(json_string_value(c->value), json_text(c->in, "choiceValue", "")) == 0;
	return c->test == TEST_NE ? !same : same;
}

static bool version_fits(const struct criterion *c)
{
	return json_is_string(c->value) &&
	       holds(c->test, compare_versions(str_of(json_string_value(c->value)),
	                                       str_of(json_text(c->in, "versionValue", ""))));
}

static bool null_fits(const struct criterion *c)
{
	const json_t *t = json_object_get(c->in, "nullTest");
	bool want =
		!(json_is_false(t) ||
	          (json_is_string(t) && str_eq_nocase(str_of(json_string_value(t)), STR("false"))));
	return (c->value == NULL) == want;
}

static bool id_fits(const struct criterion *c)
{
	return number_fits(c, "idValue");
}

static bool numeric_fits(const struct criterion *c)
{
	return number_fits(c, "numericValue");
}

/* A kind of criterion: which member makes it one, what the field must be, how it is tested. */
static const struct {
	const char *key, *test;
	unsigned types; /* bits of enum field_type; 0: the ID */
	bool (*fits)(const struct criterion *c);
} kinds[] = {
	{ "idValue", "idTest", 0, id_fits },
	{ "stringValue", "stringTest", 1u << T_TEXT | 1u << T_TEXTS, text_fits },
	{ "numericValue", "numericTest", 1u << T_INT | 1u << T_IDS, numeric_fits },
	{ "booleanTest", NULL, 1u << T_BOOL, bool_fits },
	{ "choiceValue", "choiceTest", 1u << T_CHOICE, choice_fits },
	{ "firstDateValue", NULL, 1u << T_TIME, date_fits },
	{ "lastDateValue", NULL, 1u << T_TIME, date_fits },
	{ "versionValue", "versionTest", 1u << T_TEXT, version_fits },
	{ "nullTest", NULL, ~0u, null_fits },
};

static int check(const struct field *fields, const json_t *in, size_t *kind, struct criterion *out,
                 struct err *why)
{
	*out = (struct criterion){ .in = in };
	for (*kind = 0; *kind < ARRAY_LEN(kinds); (*kind)++)
		if (json_object_get(in, kinds[*kind].key))
			break;
	if (*kind == ARRAY_LEN(kinds))
		return err_set(why, -EINVAL, "A search criterion has no value or test.");
	out->test = kinds[*kind].test ? test_of(in, kinds[*kind].test) : TEST_EQ;
	if (out->test == TEST_BAD)
		return err_set(why, -EINVAL, "Invalid %s.", kinds[*kind].test);
	int64_t n = 0;
	if ((kinds[*kind].fits == id_fits || kinds[*kind].fits == numeric_fits) &&
	    whole(json_object_get(in, kinds[*kind].key), &n) < 0)
		return err_set(why, -EINVAL, "%s is no number.", kinds[*kind].key);
	if (!kinds[*kind].types)
		return 0;
	const char *name = json_text(in, "fieldName", "");
	out->field = field_find(fields, name);
	if (!out->field || out->field->flags & (F_NOT_SEARCHED | F_SECRET))
		return err_set(why, -EINVAL, "Unknown search field %.60s.", name);
	if (!(kinds[*kind].types >> out->field->type & 1))
		return err_set(why, -EINVAL, "Field %s cannot be searched by %s.", name,
		               kinds[*kind].key);
	return 0;
}

static int keep(json_t *list, const struct field *fields, const json_t *in, struct err *why)
{
	struct criterion c = { 0 };
	size_t kind = 0;
	int rc = json_is_object(in) ? check(fields, in, &kind, &c, why)
	                            : err_set(why, -EINVAL, "A search criterion is no object.");
	if (rc < 0)
		return rc;
	for (size_t i = json_array_size(list); i > 0; i--) {
		c.value = json_object_get(json_array_get(list, i - 1),
		                          c.field ? c.field->name : "ID");
		if (!kinds[kind].fits(&c))
			json_array_remove(list, i - 1);
	}
	return 0;
}

int search_apply(const struct field *fields, const json_t *body, json_t *list, struct err *why)
{
	int64_t max = ITEMS_MAX;
	const json_t *criteria = json_object_get(body, "searchCriteria"),
		     *m = json_object_get(body, "maxItems");
	if (m && !json_is_null(m) && (whole(m, &max) < 0 || max < 0))
		return err_set(why, -EINVAL, "Invalid maxItems.");
	if (max > ITEMS_MAX)
		return err_set(why, -EINVAL, "maxItems is %d at most.", ITEMS_MAX);
	size_t n = json_is_array(criteria)               ? json_array_size(criteria)
	           : criteria && !json_is_null(criteria) ? 1
	                                                 : 0;
	if (n > CRITERIA_MAX)
		return err_set(why, -EINVAL, "More than %d search criteria.", CRITERIA_MAX);
	for (size_t i = 0; i < n; i++) {
		int rc =
			keep(list, fields,
		             json_is_array(criteria) ? json_array_get(criteria, i) : criteria, why);
		if (rc < 0)
			return rc;
	}
	while (json_array_size(list) > (size_t)max)
		json_array_remove(list, json_array_size(list) - 1);
	return 0;
}
