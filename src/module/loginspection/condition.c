#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "module/loginspection/set.h"

/* The elements of a rule that a line must satisfy: one a row, in the order they are tried. */

/* clang-format off */
static const struct pattern_element {
	const char *name;
	enum field field;
	uint8_t order;
	enum pattern_kind kind, wazuh;
} pattern_elements[] = {
	{ "program_name", FIELD_PROGRAM, 1, PATTERN_MATCH, PATTERN_MATCH },
	{ "program_name_pcre2", FIELD_PROGRAM, 1, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "id", FIELD_ID, 2, PATTERN_MATCH, PATTERN_MATCH },
	{ "id_pcre2", FIELD_ID, 2, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "match", FIELD_LOG, 3, PATTERN_MATCH, PATTERN_MATCH },
	{ "match_pcre2", FIELD_LOG, 3, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "regex", FIELD_LOG, 4, PATTERN_REGEX, PATTERN_REGEX },
	{ "pcre2", FIELD_LOG, 4, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "action", FIELD_ACTION, 5, PATTERN_MATCH, PATTERN_REGEX },
	{ "action_pcre2", FIELD_ACTION, 5, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "url", FIELD_URL, 6, PATTERN_MATCH, PATTERN_MATCH },
	{ "url_pcre2", FIELD_URL, 6, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "protocol", FIELD_PROTOCOL, 7, PATTERN_MATCH, PATTERN_MATCH },
	{ "system_name", FIELD_SYSTEM_NAME, 7, PATTERN_MATCH, PATTERN_MATCH },
	{ "filename", FIELD_FILENAME, 7, PATTERN_MATCH, PATTERN_MATCH },
	{ "location", FIELD_LOCATION, 7, PATTERN_MATCH, PATTERN_MATCH },
	{ "srcport", FIELD_SRCPORT, 10, PATTERN_MATCH, PATTERN_MATCH },
	{ "srcport_pcre2", FIELD_SRCPORT, 10, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "dstport", FIELD_DSTPORT, 11, PATTERN_MATCH, PATTERN_MATCH },
	{ "dstport_pcre2", FIELD_DSTPORT, 11, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "user", FIELD_USER, 13, PATTERN_MATCH, PATTERN_MATCH },
	{ "user_pcre2", FIELD_USER, 13, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "extra_data", FIELD_DATA, 18, PATTERN_MATCH, PATTERN_MATCH },
	{ "extra_data_pcre2", FIELD_DATA, 18, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "data", FIELD_DATA, 18, PATTERN_MATCH, PATTERN_MATCH },
	{ "hostname", FIELD_HOSTNAME, 19, PATTERN_MATCH, PATTERN_MATCH },
	{ "hostname_pcre2", FIELD_HOSTNAME, 19, PATTERN_PCRE2, PATTERN_PCRE2 },
	{ "status", FIELD_STATUS, 20, PATTERN_MATCH, PATTERN_MATCH },
	{ "status_pcre2", FIELD_STATUS, 20, PATTERN_PCRE2, PATTERN_PCRE2 },
};
/* clang-format on */

enum {
	ORDER_DECODED = 0,
	ORDER_FIELD = 7,
	ORDER_IP = 8,
	ORDER_COMPILED = 12,
	ORDER_SIZE = 15,
	ORDER_TIME = 16,
	ORDER_WEEKDAY = 17,
	ORDER_DIFF = 21,
	ORDER_FTS = 22,
	ORDER_LIST = 23
};

static struct condition *add(struct loader *l, struct rule *r, struct condition c)
{
	struct arena *a = &l->set->arena;
	r->conditions = grown(a, r->conditions, r->nconditions, sizeof(*r->conditions));
	size_t at = r->nconditions++;
	while (at && r->conditions[at - 1].order > c.order) {
		r->conditions[at] = r->conditions[at - 1];
		at--;
	}
	r->conditions[at] = c;
	return &r->conditions[at];
}

static int take_type(const struct loader *l, const struct xml_node *n, enum pattern_kind *kind,
                     struct err *why)
{
	struct str type = xml_attr(n, "type");
	if (str_eq_nocase(type, STR("pcre2")))
		*kind = l->dialect.wazuh ? PATTERN_PCRE2_CASE : PATTERN_PCRE2;
	else if (str_eq_nocase(type, STR("osregex")))
		*kind = PATTERN_REGEX;
	else if (str_eq_nocase(type, STR("osmatch")))
		*kind = PATTERN_MATCH;
	else if (type.p)
		return err_set(why, -EINVAL,
		               "osmatch, osregex or pcre2 was expected, not type=\"%.*s\"",
		               STR_ARG(type));
	return 0;
}

/* All elements of n's name among its siblings, from n on. */
static struct str concatenated(struct loader *l, const struct xml_node *n)
{
	AUTO(buf_done) struct buf b = { 0 };
	for (const struct xml_node *m = n; m; m = m->next)
		if (str_eq(m->name, n->name))
			buf_str(&b, m->text);
	return (struct str){ arena_str(l->scratch, buf_view(&b)), b.n };
}

static int on_pattern(struct loader *l, const struct xml_node *n, struct rule *r,
                      const struct pattern_element *e, struct err *why)
{
	bool wazuh = l->dialect.wazuh;
	struct condition c = { .kind = CONDITION_PATTERN,
		               .order = e->order,
		               .field = (uint16_t)e->field,
		               .negate = truth(xml_attr(n, "negate")) };
	enum pattern_kind kind = wazuh ? e->wazuh : e->kind;
	struct str text = concatenated(l, n);
	int rc = take_type(l, n, &kind, why);
	if (rc < 0)
		return rc;
	if (str_is(n->name, "action") && !wazuh) {
		c.kind = CONDITION_EQUAL;
		c.text = (struct str){ arena_str(&l->set->arena, text), text.n };
	} else {
		rc = take_pattern(l, kind, text, &c.pattern, why);
	}
	if (rc == 0)
		add(l, r, c);
	return rc;
}

static int on_field(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	struct str name = str_trim(xml_attr(n, "name"));
	enum pattern_kind kind = PATTERN_REGEX;
	struct condition c = { .kind = CONDITION_PATTERN,
		               .order = ORDER_FIELD,
		               .negate = truth(xml_attr(n, "negate")) };
	if (!name.n)
		return err_set(why, -EINVAL, "a name was expected in <field>");
	int rc = take_type(l, n, &kind, why);
	if (rc == 0)
		rc = take_pattern(l, kind, n->text, &c.pattern, why);
	c.field = (uint16_t)take_field(l, name);
	if (rc == 0)
		add(l, r, c);
	return rc;
}

static int on_decoded_as(struct loader *l, const struct xml_node *n, struct rule *r,
                         struct err *why)
{
	struct str name = str_trim(n->text);
	uint32_t id = known_decoder_id(l, name);
	if (!id)
		return err_set(why, -EINVAL, "a decoder that is loaded was expected, not %.*s",
		               STR_ARG(name));
	add(l, r,
	    (struct condition){ .kind = CONDITION_DECODED, .order = ORDER_DECODED, .decoder = id });
	return 0;
}

/* ADDRESS or ADDRESS/BITS; an IPv4 netmask too. */
static int take_range(struct str s, struct ip *ip, uint8_t *bits)
{
	char text[64];
	struct str rest = s, address = str_cut(&rest, '/');
	uint64_t n = 0;
	struct ip mask = { 0 };
	if (address.n >= sizeof(text) || rest.n >= sizeof(text))
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(address));
	int rc = ip_parse(text, ip);
	if (rc < 0)
		return rc;
	uint8_t whole = ip->version == 4 ? 32 : 128;
	*bits = whole;
	if (!rest.p)
		return 0;
	rc = str_u64(rest, 0, whole, &n);
	*bits = (uint8_t)n;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(rest));
	if (rc == 0 || ip_parse(text, &mask) < 0 || mask.version != ip->version)
		return rc;
	uint8_t ones = 0;
	while (ones < whole && mask.b[ones / 8] & (0x80 >> ones % 8))
		ones++;
	*bits = ones;
	return 0;
}

static int on_ip(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	struct arena *a = &l->set->arena;
	bool source = str_is(n->name, "srcip");
	struct ip_range_set *set = arena_alloc(a, sizeof(*set));
	struct condition c = { .kind = CONDITION_IP,
		               .order = (uint8_t)(ORDER_IP + !source),
		               .ips = set,
		               .field = source ? FIELD_SRCIP : FIELD_DSTIP,
		               .negate = truth(xml_attr(n, "negate")) };
	for (const struct xml_node *m = n; m; m = m->next) {
		struct str s = str_trim(m->text);
		struct ip ip = { 0 };
		uint8_t bits = 0;
		if (!str_eq(m->name, n->name))
			continue;
		if (s.n && s.p[0] == '!') {
			c.negate = true;
			s = str_skip(s, 1);
		}
		if (take_range(s, &ip, &bits) < 0)
			return err_set(why, -EINVAL, "an address or network was expected, not %.*s",
			               STR_ARG(s));
		set->address = grown(a, set->address, set->n, sizeof(*set->address));
		set->bits = grown(a, set->bits, set->n, 1);
		set->address[set->n] = ip;
		set->bits[set->n++] = bits;
	}
	add(l, r, c);
	return 0;
}

static int on_compiled(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	struct condition c = { .kind = CONDITION_COMPILED,
		               .order = ORDER_COMPILED,
		               .compiled = compiled_find(str_trim(n->text)) };
	if (!c.compiled)
		return err_set(why, -EINVAL, "a compiled rule that is known was expected, not %.*s",
		               STR_ARG(str_trim(n->text)));
	add(l, r, c);
	return 0;
}

/* ---- time ---- */

static void skip_spaces(struct str *s)
{
	while (s->n && s->p[0] == ' ')
		*s = str_skip(*s, 1);
}

static bool number(struct str *s, unsigned max, unsigned *out)
{
	unsigned v = 0;
	size_t n = 0;
	for (; n < s->n && n < 2 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
		v = v * 10 + (unsigned)(s->p[n] - '0');
	*s = str_skip(*s, n);
	*out = v;
	return n && v <= max;
}

/* 8, 8:30, 8 am, 8:30 pm, 20:30; minutes of the day. */
static bool clock_of(struct str *s, unsigned *out)
{
	unsigned hour = 0, minute = 0;
	skip_spaces(s);
	if (!number(s, 24, &hour))
		return false;
	if (s->n && s->p[0] == ':') {
		*s = str_skip(*s, 1);
		if (!number(s, 59, &minute))
			return false;
	}
	skip_spaces(s);
	struct str two = { s->p, s->n < 2 ? s->n : 2 };
	bool am = str_eq_nocase(two, STR("am")), pm = str_eq_nocase(two, STR("pm"));
	if (am || pm) {
		*s = str_skip(*s, 2);
		if (hour < 1 || hour > 12)
			return false;
		hour = hour % 12 + (pm ? 12 : 0);
	}
	skip_spaces(s);
	*out = hour * 60 + minute;
	return *out <= 24 * 60;
}

static int on_time(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	struct condition c = { .kind = CONDITION_TIME, .order = ORDER_TIME };
	struct str s = str_trim(n->text);
	if (s.n && s.p[0] == '!') {
		c.negate = true;
		s = str_skip(s, 1);
	}
	bool good = clock_of(&s, &c.from) && s.n && s.p[0] == '-';
	s = str_skip(s, 1);
	good = good && clock_of(&s, &c.to) && !s.n;
	if (!good)
		return err_set(why, -EINVAL,
		               "two times like 8:30 am - 6 pm were expected, not %.*s",
		               STR_ARG(n->text));
	/* OSSEC: "not b to a", and its '!' is lost there. */
	if (c.from > c.to)
		c.negate = false;
	add(l, r, c);
	return 0;
}

static bool weekday(struct str s, unsigned *days)
{
	static const char *const names[] = { "sunday",   "monday", "tuesday", "wednesday",
		                             "thursday", "friday", "saturday" };
	if (str_eq_nocase(s, STR("weekdays")))
		*days |= 0x3e;
	else if (str_eq_nocase(s, STR("weekends")))
		*days |= 0x41;
	else
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (str_eq_nocase(s, str_of(names[i])) ||
			    str_eq_nocase(s, (struct str){ names[i], 3 })) {
				*days |= 1u << i;
				return true;
			}
	return str_eq_nocase(s, STR("weekdays")) || str_eq_nocase(s, STR("weekends"));
}

static int on_weekday(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	struct condition c = { .kind = CONDITION_WEEKDAY, .order = ORDER_WEEKDAY };
	AUTO(buf_done) struct buf words = { 0 };
	buf_str(&words, n->text);
	for (size_t i = 0; i < words.n; i++)
		if (words.p[i] == ' ')
			words.p[i] = ',';
	struct str rest = buf_view(&words);
	while (rest.p) {
		struct str one = str_trim(str_cut(&rest, ','));
		if (one.n && !weekday(one, &c.from))
			return err_set(why, -EINVAL,
			               "weekdays, weekends or days' names were expected, not %.*s",
			               STR_ARG(one));
	}
	if (!c.from)
		return err_set(why, -EINVAL, "a day was expected");
	add(l, r, c);
	return 0;
}

/* ---- lists ---- */

/* clang-format off */
static const struct {
	const char *name;
	unsigned lookup;
} lookups[] = {
	{ "match_key", LOOKUP_KEY },
	{ "not_match_key", LOOKUP_KEY | LOOKUP_NOT },
	{ "match_key_value", LOOKUP_KEY | LOOKUP_VALUE },
	{ "address_match_key", LOOKUP_ADDRESS },
	{ "not_address_match_key", LOOKUP_ADDRESS | LOOKUP_NOT },
	{ "address_match_key_value", LOOKUP_ADDRESS | LOOKUP_VALUE },
};
/* clang-format on */

static int list_field(struct loader *l, struct str name)
{
	if (str_is(name, "user"))
		return FIELD_USER;
	if (str_is(name, "hostname"))
		return FIELD_HOSTNAME;
	if (str_is(name, "program_name"))
		return FIELD_PROGRAM;
	int known = log_field_find(name);
	return known >= 0 || !l->dialect.wazuh ? known : (int)take_field(l, name);
}

static int on_list(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	struct condition c = { .kind = CONDITION_LIST, .order = ORDER_LIST, .lookup = LOOKUP_KEY };
	struct str lookup = str_trim(xml_attr(n, "lookup")), value = xml_attr(n, "check_value");
	int field = list_field(l, str_trim(xml_attr(n, "field")));
	size_t i = 0;
	if (field < 0)
		return err_set(why, -EINVAL, "a field was expected in <list field=\"\">");
	while (lookup.n && i < ARRAY_LEN(lookups) && !str_is(lookup, lookups[i].name))
		i++;
	if (i == ARRAY_LEN(lookups))
		return err_set(
			why, -EINVAL,
			"match_key, not_match_key, match_key_value or one of address_... was expected, not lookup=\"%.*s\"",
			STR_ARG(lookup));
	c.lookup = lookups[i].lookup;
	c.field = (uint16_t)field;
	if (c.lookup & LOOKUP_VALUE && !value.p)
		return err_set(why, -EINVAL, "check_value was expected with %s", lookups[i].name);
	int rc = value.p ? take_pattern(l, PATTERN_MATCH, value, &c.pattern, why) : 0;
	if (rc < 0)
		return rc;
	c.list = list_named(l->set, n->text);
	if (!c.list)
		problem(l, n->line, "rule %u: the list %.*s was expected; the rule never matches",
		        r->id, STR_ARG(str_trim(n->text)));
	add(l, r, c);
	return 0;
}

static int on_diff(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	(void)n;
	(void)why;
	add(l, r, (struct condition){ .kind = CONDITION_DIFF, .order = ORDER_DIFF });
	return 0;
}

static int on_fts(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	(void)n;
	(void)why;
	add(l, r, (struct condition){ .kind = CONDITION_FTS, .order = ORDER_FTS });
	return 0;
}

/* clang-format off */
static const struct {
	const char *name;
	int (*take)(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why);
	bool each; /* every one for itself; otherwise the first stands for all of the name */
} elements[] = {
	{ "check_diff", on_diff, false },
	{ "compiled_rule", on_compiled, false },
	{ "decoded_as", on_decoded_as, false },
	{ "dstip", on_ip, false },
	{ "field", on_field, true },
	{ "if_fts", on_fts, false },
	{ "list", on_list, true },
	{ "srcip", on_ip, false },
	{ "time", on_time, false },
	{ "weekday", on_weekday, false },
};
/* clang-format on */

static bool repeated(const struct xml_node *rule, const struct xml_node *n)
{
	for (const struct xml_node *m = rule->child; m != n; m = m->next)
		if (str_eq(m->name, n->name))
			return true;
	return false;
}

void condition_size(struct loader *l, struct rule *r, size_t size)
{
	add(l, r, (struct condition){ .kind = CONDITION_SIZE, .order = ORDER_SIZE, .size = size });
}

int condition_parse(struct loader *l, const struct xml_node *n, struct rule *r, struct err *why)
{
	bool again = repeated(l->node, n);
	for (size_t i = 0; i < ARRAY_LEN(pattern_elements); i++)
		if (str_is(n->name, pattern_elements[i].name)) {
			int rc = again ? 0 : on_pattern(l, n, r, &pattern_elements[i], why);
			return rc < 0 ? rc : 1;
		}
	for (size_t i = 0; i < ARRAY_LEN(elements); i++)
		if (str_is(n->name, elements[i].name)) {
			int rc = again && !elements[i].each ? 0 : elements[i].take(l, n, r, why);
			return rc < 0 ? rc : 1;
		}
	return 0;
}
