#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"

/* POST /collection/search: rest-api.md section 3. */

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

/* What a criterion looks at while it is tested. */
struct looking {
	const json_t *in;
	const json_t *value;
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

static bool number_fits(const struct looking *c, const char *key)
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

static bool text_fits_one(const struct looking *c, const json_t *value)
{
	bool wild = json_bool(c->in, "stringWildcards", true);
	bool same = like(str_of(json_text(c->in, "stringValue", "")),
	                 str_of(json_string_value(value)), wild);
	return c->test == TEST_NE ? !same : same;
}

static bool text_fits(const struct looking *c)
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

static bool date_fits(const struct looking *c)
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

/* true or "true" of either case; 0 or -EINVAL. */
static int truth(const json_t *v, bool *out)
{
	struct str s = str_of(json_string_value(v));
	*out = json_is_true(v) || str_eq_nocase(s, STR("true"));
	return *out || json_is_false(v) || str_eq_nocase(s, STR("false")) ? 0 : -EINVAL;
}

static bool bool_fits(const struct looking *c)
{
	bool want = false;
	truth(json_object_get(c->in, "booleanTest"), &want);
	if (!json_is_array(c->value))
		return json_is_true(c->value) == want;
	for (size_t i = 0; i < json_array_size(c->value); i++)
		if (json_is_true(json_array_get(c->value, i)) == want)
			return true;
	return false;
}

static bool choice_is(const json_t *value, const char *want)
{
	return json_is_string(value) && strcmp(json_string_value(value), want) == 0;
}

static bool choice_fits(const struct looking *c)
{
	const char *want = json_text(c->in, "choiceValue", "");
	bool same = choice_is(c->value, want);
	for (size_t i = 0; i < json_array_size(c->value); i++)
		same |= choice_is(json_array_get(c->value, i), want);
	return c->test == TEST_NE ? !same : same;
}

static bool version_fits(const struct looking *c)
{
	return json_is_string(c->value) &&
	       holds(c->test, compare_versions(str_of(json_string_value(c->value)),
	                                       str_of(json_text(c->in, "versionValue", ""))));
}

static bool null_fits(const struct looking *c)
{
	bool want = true;
	truth(json_object_get(c->in, "nullTest"), &want);
	return (c->value == NULL) == want;
}

static bool id_fits(const struct looking *c)
{
	return number_fits(c, "idValue");
}

static bool numeric_fits(const struct looking *c)
{
	return number_fits(c, "numericValue");
}

/* A kind of criterion: which member makes it one, what the field must be, how it is tested. */
static const struct {
	const char *key, *test;
	unsigned types; /* bits of enum field_type; 0: the ID */
	bool (*fits)(const struct looking *c);
} kinds[] = {
	{ "idValue", "idTest", 0, id_fits },
	{ "stringValue", "stringTest", 1u << T_TEXT | 1u << T_TEXTS | 1u << T_CHOICES, text_fits },
	{ "numericValue", "numericTest", 1u << T_INT | 1u << T_IDS, numeric_fits },
	{ "booleanTest", NULL, 1u << T_BOOL | 1u << T_BOOLS, bool_fits },
	{ "choiceValue", "choiceTest", 1u << T_CHOICE | 1u << T_CHOICES, choice_fits },
	{ "firstDateValue", NULL, 1u << T_TIME, date_fits },
	{ "lastDateValue", NULL, 1u << T_TIME, date_fits },
	{ "versionValue", "versionTest", 1u << T_TEXT, version_fits },
	{ "nullTest", NULL, ~0u, null_fits },
};

/* Is the value of the kind's own type? Text tests are right by field and test already. */
static int value_right(size_t kind, const json_t *in, struct err *why)
{
	const char *key = kinds[kind].key;
	const json_t *v = json_object_get(in, key);
	int64_t n = 0;
	bool b = false, right = true;
	if (kinds[kind].fits == id_fits || kinds[kind].fits == numeric_fits)
		right = whole(v, &n) == 0;
	else if (kinds[kind].fits == bool_fits || kinds[kind].fits == null_fits)
		right = truth(v, &b) == 0;
	else if (kinds[kind].fits != date_fits)
		right = json_is_string(v);
	else
		for (int i = 0; i < 2; i++) {
			v = json_object_get(in, i ? "lastDateValue" : "firstDateValue");
			right &= !v || json_is_null(v) || whole(v, &n) == 0;
		}
	return right ? 0 : err_set(why, -EINVAL, "Invalid value for %s.", key);
}

static int field_right(const struct field *fields, struct criterion *c, struct err *why)
{
	c->name = json_text(c->in, "fieldName", "");
	c->field = field_find(fields, c->name);
	if (!c->field || c->field->flags & (F_NOT_SEARCHED | F_SECRET))
		return err_set(why, -EINVAL, "Unknown search field %.60s.", c->name);
	if (!(kinds[c->kind].types >> (unsigned)c->field->type & 1) &&
	    strcmp(c->name, "ID") != 0) /* the ID by numericValue */
		return err_set(why, -EINVAL, "Field %s cannot be searched by %s.", c->name,
		               kinds[c->kind].key);
	return 0;
}

static int criterion_read(const struct field *fields, const json_t *in, struct criterion *c,
                          struct err *why)
{
	*c = (struct criterion){ .in = in };
	if (!json_is_object(in))
		return err_set(why, -EINVAL, "A search criterion is no object.");
	for (c->kind = 0; c->kind < ARRAY_LEN(kinds); c->kind++)
		if (json_object_get(in, kinds[c->kind].key))
			break;
	if (c->kind == ARRAY_LEN(kinds))
		return err_set(why, -EINVAL, "A search criterion has no value or test.");
	const char *test = kinds[c->kind].test;
	c->test = (int)(test ? test_of(in, test) : TEST_EQ);
	bool two = kinds[c->kind].fits == text_fits || kinds[c->kind].fits == choice_fits;
	if (c->test == TEST_BAD || (two && c->test > TEST_NE))
		return err_set(why, -EINVAL, "Invalid %s.", test);
	int rc = value_right(c->kind, in, why);
	return rc < 0 || !kinds[c->kind].types ? rc : field_right(fields, c, why);
}

/* Criteria on the ID bound what has to be read at all. */
static void bound(struct search *s, const struct criterion *c)
{
	int64_t id = 0;
	s->by_id = true;
	whole(json_object_get(c->in, "idValue"), &id);
	int64_t low = c->test == TEST_GT && id < INT64_MAX ? id + 1 : id;
	int64_t high = c->test == TEST_LT && id > INT64_MIN ? id - 1 : id;
	if ((c->test == TEST_EQ || c->test == TEST_GT || c->test == TEST_GE) && low > s->low)
		s->low = low;
	if ((c->test == TEST_EQ || c->test == TEST_LT || c->test == TEST_LE) && high < s->high)
		s->high = high;
}

bool search_is_bound(const struct criterion *c)
{
	return !kinds[c->kind].types && c->test != TEST_NE;
}

int search_read(const struct field *fields, const json_t *body, struct search *s, struct err *why)
{
	const json_t *list = json_object_get(body, "searchCriteria"),
		     *m = json_object_get(body, "maxItems"),
		     *by = json_object_get(body, "sortByObjectID");
	*s = (struct search){ .fields = fields, .max = SEARCH_MAX, .high = INT64_MAX };
	if (m && !json_is_null(m) && (whole(m, &s->max) < 0 || s->max < 0))
		return err_set(why, -EINVAL, "Invalid maxItems.");
	if (s->max > SEARCH_MAX)
		return err_set(why, -EINVAL, "maxItems is %d at most.", SEARCH_MAX);
	if (by && !json_is_null(by) && truth(by, &s->by_id) < 0)
		return err_set(why, -EINVAL, "Invalid sortByObjectID.");
	bool one = list && !json_is_null(list);
	size_t n = json_is_array(list) ? json_array_size(list) : one ? 1 : 0;
	if (n > SEARCH_CRITERIA)
		return err_set(why, -EINVAL, "More than %d search criteria.", SEARCH_CRITERIA);
	for (size_t i = 0; i < n; i++) {
		struct criterion *c = &s->criteria[s->n++];
		int rc = criterion_read(
			fields, json_is_array(list) ? json_array_get(list, i) : list, c, why);
		if (rc < 0)
			return rc;
		if (!kinds[c->kind].types)
			bound(s, c);
		s->computed = s->computed || (c->field && c->field->flags & F_COMPUTED);
	}
	return 0;
}

bool search_fits(const struct search *s, const json_t *object, int64_t id)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct criterion *c = &s->criteria[i];
		AUTO(json_decrefp) json_t *number = json_integer(id);
		bool is_id = !c->field || strcmp(c->name, "ID") == 0;
		const struct looking l = { c->in,
			                   is_id ? number : field_at(s->fields, object, c->name),
			                   (enum test)c->test };
		if (!kinds[c->kind].fits(&l))
			return false;
	}
	return true;
}
