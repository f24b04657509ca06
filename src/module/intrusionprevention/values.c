#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/parse.h"

/* What several keywords' values are made of. */

struct str parse_unquote(struct str s, bool *negated)
{
	s = str_trim(s);
	if (negated)
		*negated = false;
	if (negated && s.n > 0 && s.p[0] == '!') {
		*negated = true;
		s = str_trim(str_skip(s, 1));
	}
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return (struct str){ s.p + 1, s.n - 2 };
	return s;
}

const char *parse_keep(struct parser *p, struct str s)
{
	return arena_str(&p->rules->arena, s);
}

int parse_u64(struct parser *p, struct str s, uint64_t min, uint64_t max, uint64_t *out)
{
	struct str t = str_trim(s);
	uint64_t v = 0;
	int rc = 0;
	if (t.n > 2 && t.p[0] == '0' && (t.p[1] == 'x' || t.p[1] == 'X')) {
		for (size_t i = 2; i < t.n && rc == 0; i++) {
			int c = tolower((unsigned char)t.p[i]);
			rc = !isxdigit(c) || v >> 60 ? -EINVAL : 0;
			v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
		rc = rc < 0 || v < min || v > max ? -EINVAL : 0;
	} else {
		rc = str_u64(t, min, max, &v);
	}
	if (rc < 0)
		return parse_fail(p, s.p, "expected a number from %llu to %llu",
		                  (unsigned long long)min, (unsigned long long)max);
	*out = v;
	return 0;
}

static int find_variable(const struct parser *p, struct str name)
{
	for (unsigned i = 0; i < p->nvars; i++)
		if (str_is(name, p->vars[i]))
			return (int)i;
	return -1;
}

int parse_variable(struct parser *p, struct str name)
{
	int i = find_variable(p, name);
	if (i >= 0)
		return i;
	if (name.n == 0 || !(isalpha((unsigned char)name.p[0]) || name.p[0] == '_'))
		return parse_fail(p, name.p, "expected the name of a variable");
	if (p->nvars == VARS_MAX)
		return parse_fail(p, name.p, "more than %d variables", VARS_MAX);
	p->vars[p->nvars] = parse_keep(p, name);
	return (int)p->nvars++;
}

int parse_number(struct parser *p, struct str s, int64_t min, int64_t max, struct number *out)
{
	struct str t = parse_unquote(s, NULL);
	*out = (struct number){ .var = -1 };
	if (str_i64(t, min, max, &out->value) == 0)
		return 0;
	uint64_t hex = 0;
	if (min >= 0 && t.n > 2 && t.p[0] == '0') {
		int rc = parse_u64(p, t, (uint64_t)min, (uint64_t)max, &hex);
		out->value = (int64_t)hex;
		return rc;
	}
	out->var = find_variable(p, t);
	if (out->var < 0)
		return parse_fail(
			p, t.p,
			"expected a number from %lld to %lld or a variable that was extracted",
			(long long)min, (long long)max);
	return 0;
}

/* "<", "<=" ... at the start of *s, cut off. */
static enum compare cut_compare(struct str *s)
{
	static const struct {
		struct str sign;
		enum compare op;
	} signs[] = { { { "<=", 2 }, COMPARE_LE }, { { ">=", 2 }, COMPARE_GE },
		      { { "!=", 2 }, COMPARE_NE }, { { "==", 2 }, COMPARE_EQ },
		      { { "<", 1 }, COMPARE_LT },  { { ">", 1 }, COMPARE_GT },
		      { { "=", 1 }, COMPARE_EQ },  { { "!", 1 }, COMPARE_NE } };
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (str_starts(*s, signs[i].sign)) {
			*s = str_trim(str_skip(*s, signs[i].sign.n));
			return signs[i].op;
		}
	return COMPARE_EQ;
}

/* "1<>5", "1-5", "1<=>5": where the sign is, or NULL. */
static const char *find_range(struct str s, size_t *len)
{
	static const char *const signs[] = { "<=>", "<>", "-" };
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		const char *at = memmem(s.p, s.n, signs[i], strlen(signs[i]));
		if (at && at > s.p) {
			*len = strlen(signs[i]);
			return at;
		}
	}
	return NULL;
}

int parse_compare(struct parser *p, struct str s, uint64_t max, enum compare *op, uint64_t *a,
                  uint64_t *b)
{
	s = parse_unquote(s, NULL);
	size_t len = 0;
	const char *range = find_range(s, &len);
	if (!range) {
		*op = cut_compare(&s);
		return parse_u64(p, s, 0, max, a);
	}
	struct str low = { s.p, (size_t)(range - s.p) };
	int rc = parse_u64(p, low, 0, max, a);
	if (rc == 0)
		rc = parse_u64(p, str_skip(s, low.n + len), 0, max, b);
	if (rc < 0)
		return rc;
	*op = COMPARE_RANGE;
	/* <> leaves its ends out. */
	if (len == 2) {
		(*a)++;
		*b -= *b > 0;
	}
	return *a > *b ? parse_fail(p, s.p, "a range that holds nothing") : 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The inside of |0d 0a|: i is behind the bar; returns behind the other, or failed. */
static int read_hex(struct parser *p, struct str s, size_t *i, uint8_t *bytes, size_t *n)
{
	int high = -1;
	for (; *i < s.n && s.p[*i] != '|'; ++*i) {
		if (s.p[*i] == ' ' || s.p[*i] == '\t' || (s.p[*i] == ':' && high < 0))
			continue;
		int digit = hex_digit(s.p[*i]);
		if (digit < 0)
			return parse_fail(p, s.p + *i, "expected a hexadecimal digit between bars");
		if (high >= 0) {
			bytes[(*n)++] = (uint8_t)(high << 4 | digit);
			high = -1;
		} else {
			high = digit;
		}
	}
	if (*i == s.n)
		return parse_fail(p, s.p + s.n, "expected the bar that ends hexadecimal bytes");
	return high >= 0 ? parse_fail(p, s.p + *i, "half a byte between bars") : 0;
}

int parse_bytes(struct parser *p, struct str s, const uint8_t **out, size_t *n)
{
	uint8_t *bytes = arena_alloc(&p->rules->arena, s.n + 1);
	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '|') {
			i++;
			int rc = read_hex(p, s, &i, bytes, n);
			if (rc < 0)
				return rc;
			continue;
		}
		if (c == '\\' && i + 1 < s.n && strchr("\\\";:|", s.p[i + 1]))
			c = s.p[++i];
		else if (c == '\\')
			return parse_fail(p, s.p + i, "expected \\, \", ; or : behind a backslash");
		bytes[(*n)++] = (uint8_t)c;
	}
	if (*n == 0)
		return parse_fail(p, s.p, "expected bytes to look for");
	if (*n > PATTERN_MAX)
		return parse_fail(p, s.p, "more than %d bytes", PATTERN_MAX);
	*out = bytes;
	return 0;
}

int parse_pcre(struct parser *p, const char *where, struct str pattern, uint32_t options,
               pcre2_code **out)
{
	struct ips_rules *r = p->rules;
	int code = 0;
	PCRE2_SIZE at = 0;
	pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &code, &at, NULL);
	if (!c) {
		char text[100];
		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		return parse_fail(p, where + at, "regular expression: %s", text);
	}
	if (r->ncodes == r->codes_cap) {
		r->codes_cap = r->codes_cap ? r->codes_cap * 2 : 32;
		r->codes = reallocarray(r->codes, r->codes_cap, sizeof(pcre2_code *));
		if (!r->codes)
			abort();
	}
	r->codes[r->ncodes++] = c;
	*out = c;
	return 0;
}

unsigned parse_name(struct parser *p, struct map *names, unsigned *count, struct str name)
{
	uintptr_t known = map_number(names, name);
	(void)p;
	if (known)
		return (unsigned)(known - 1);
	map_set(names, name, (void *)(uintptr_t)(*count + 1));
	return (*count)++;
}

/* ---- drafts ---- */

static int draft_new(struct parser *p, const char *where, int buffer)
{
	if (p->ndrafts == LISTS_MAX)
		return parse_fail(p, where, "more than %d buffers", LISTS_MAX);
	struct draft *d = &p->drafts[p->ndrafts];
	*d = (struct draft){ .list = { .buffer = buffer }, .parent = -1, .parent_item = -1 };
	return (int)p->ndrafts++;
}

/* The draft for a buffer without transforms, that may be continued; or a new one. */
static int draft_for(struct parser *p, const char *where, int buffer)
{
	bool many = buffer < APP_BUFFERS && app_buffers[buffer].many;
	for (unsigned i = 0; i < p->ndrafts; i++) {
		const struct draft *d = &p->drafts[i];
		if (!many && d->list.buffer == buffer && d->list.ntransforms == 0 &&
		    d->parent < 0 && !d->pending)
			return (int)i;
	}
	return draft_new(p, where, buffer);
}

int parse_begin(struct parser *p, const char *where, int buffer)
{
	/* Always a new one: transforms may follow. finish.c joins those that are the same. */
	int d = buffer == IPS_RAW ? draft_for(p, where, buffer) : draft_new(p, where, buffer);
	if (d < 0)
		return d;
	p->current = d;
	p->drafts[d].pending = p->drafts[d].nitems == 0;
	return d;
}

struct draft *parse_draft(struct parser *p)
{
	if (p->current < 0) {
		int d = draft_for(p, p->text.p, IPS_RAW);
		if (d < 0)
			return NULL;
		p->current = d;
	}
	p->drafts[p->current].pending = false;
	return &p->drafts[p->current];
}

struct item *parse_item(struct parser *p, const char *where, enum item_kind kind)
{
	struct draft *d = parse_draft(p);
	if (!d)
		return NULL;
	if (d->nitems == ITEMS_MAX) {
		parse_fail(p, where, "more than %d conditions on one buffer", ITEMS_MAX);
		return NULL;
	}
	if (d->nitems == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 8;
		d->items = reallocarray(d->items, d->cap, sizeof(*d->items));
		if (!d->items)
			abort();
	}
	struct item *i = &d->items[d->nitems++];
	*i = (struct item){ .kind = kind };
	return i;
}

struct condition *parse_condition(struct parser *p, const struct keyword *k, struct str value)
{
	struct rule *r = p->rule;
	if (r->nconditions == ARRAY_LEN(p->conditions)) {
		parse_fail(p, value.p, "more than %zu conditions", ARRAY_LEN(p->conditions));
		return NULL;
	}
	struct condition *c = &p->conditions[r->nconditions++];
	*c = (struct condition){ .test = k->test };
	return c;
}
