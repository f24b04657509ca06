#include <assert.h>
#include <errno.h>
#include <string.h>

#include "module/intrusionprevention/parse.h"

/* Address and port expressions: lists, ranges, negation, variables. */

enum { DEPTH_MAX = 8, MEMBERS_MAX = 20000 };

struct reading {
	struct parser *p;
	bool ports;
	unsigned depth;
	const char *where; /* in the rule's text, for faults inside variables */
};

static int read_expr(struct reading *r, struct str text, const struct expr **out);

struct ip expr_port(uint16_t port)
{
	return (struct ip){ .b = { (uint8_t)(port >> 8), (uint8_t)port } };
}

static int ip_order(const struct ip *a, const struct ip *b)
{
	if (a->version != b->version)
		return a->version < b->version ? -1 : 1;
	return memcmp(a->b, b->b, sizeof(a->b));
}

static bool in_range(const struct expr *e, const struct ip *v)
{
	return ip_order(&e->from, v) <= 0 && ip_order(v, &e->to) <= 0;
}

static bool in_sorted(const struct expr *e, const struct ip *v)
{
	size_t low = 0, high = e->nsorted;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (ip_order(&e->members[mid]->to, v) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < e->nsorted && in_range(e->members[low], v);
}

static bool holds(const struct expr *e, const struct ip *v, unsigned depth);

static bool in_group(const struct expr *e, const struct ip *v, unsigned depth)
{
	bool positive = e->nsorted > 0, found = in_sorted(e, v);
	for (size_t i = e->nsorted; i < e->nmembers; i++) {
		const struct expr *m = e->members[i];
		bool is = holds(m, v, depth + 1);
		if (m->negated && !is)
			return false;
		positive |= !m->negated;
		found |= !m->negated && is;
	}
	return found || !positive;
}

static bool holds(const struct expr *e, const struct ip *v, unsigned depth)
{
	bool is = e->kind == EXPR_ANY;
	if (e->kind == EXPR_RANGE)
		is = in_range(e, v);
	else if (e->kind == EXPR_GROUP && depth <= 2 * DEPTH_MAX)
		is = in_group(e, v, depth);
	return is != e->negated;
}

bool expr_has(const struct expr *e, const struct ip *value)
{
	return e->kind == EXPR_ANY ? !e->negated : holds(e, value, 0);
}

/* ---- reading ---- */

static struct expr *expr_new(struct reading *r, enum expr_kind kind)
{
	struct expr *e = arena_alloc(&r->p->rules->arena, sizeof(*e));
	e->kind = kind;
	return e;
}

static int fail(struct reading *r, struct str text, const char *expected)
{
	return parse_fail(r->p, r->where ? r->where : text.p, "\"%.*s\" is not %s",
	                  (int)text.n > 60 ? 60 : STR_ARG(text), expected);
}

static void set_mask(struct expr *e, unsigned bits)
{
	unsigned size = e->from.version == 4 ? 4 : 16;
	e->to = e->from;
	for (unsigned i = 0; i < size; i++) {
		unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;
		uint8_t mask = (uint8_t)(0xff00 >> keep);
		e->from.b[i] &= mask;
		e->to.b[i] |= (uint8_t)~mask;
	}
}

static int read_ip(struct str s, struct ip *out)
{
	char z[64];
	s = str_trim(s);
	if (s.n >= sizeof(z))
		return -EINVAL;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return ip_parse(z, out);
}

/* "255.255.255.0" as a number of bits. */
static int read_netmask(struct str s, uint64_t *bits)
{
	struct ip mask = { 0 };
	if (read_ip(s, &mask) < 0 || mask.version != 4)
		return -EINVAL;
	uint32_t m = (uint32_t)mask.b[0] << 24 | (uint32_t)mask.b[1] << 16 |
	             (uint32_t)mask.b[2] << 8 | mask.b[3];
	unsigned n = 0;
	while (n < 32 && (m >> (31 - n) & 1))
		n++;
	if (n < 32 && (m & (UINT32_MAX >> n)))
		return -EINVAL;
	*bits = n;
	return 0;
}

static int read_address(struct reading *r, struct str text, struct expr *e)
{
	struct str rest = text, from = { 0 };
	const char *dash = memchr(text.p, '-', text.n);
	if (dash) {
		from = str_cut(&rest, '-');
		if (read_ip(from, &e->from) < 0 || read_ip(rest, &e->to) < 0 ||
		    e->from.version != e->to.version || ip_order(&e->from, &e->to) > 0)
			return fail(r, text, "a range of addresses");
		return 0;
	}
	from = str_cut(&rest, '/');
	if (read_ip(from, &e->from) < 0)
		return fail(r, text, "an address, network, range, group or variable");
	uint64_t bits = e->from.version == 4 ? 32 : 128;
	if (rest.p && str_u64(str_trim(rest), 0, bits, &bits) < 0 &&
	    (e->from.version != 4 || read_netmask(rest, &bits) < 0))
		return fail(r, text, "a network");
	set_mask(e, (unsigned)bits);
	return 0;
}

static int read_port(struct reading *r, struct str text, struct expr *e)
{
	struct str rest = text, from = str_cut(&rest, ':');
	uint64_t a = 0, b = 65535;
	from = str_trim(from);
	bool one = !rest.p;
	rest = str_trim(rest);
	if ((from.n > 0 && str_u64(from, 0, 65535, &a) < 0) ||
	    (rest.n > 0 && str_u64(rest, 0, 65535, &b) < 0) || (from.n == 0 && rest.n == 0))
		return fail(r, text, "a port, range, group or variable");
	if (one)
		b = a;
	if (a > b)
		return fail(r, text, "a range of ports: it ends before it begins");
	e->from = expr_port((uint16_t)a);
	e->to = expr_port((uint16_t)b);
	return 0;
}

/* The next member of a group: up to a comma outside of brackets. */
static struct str cut_member(struct str *rest)
{
	int depth = 0;
	for (size_t i = 0; i < rest->n; i++) {
		char c = rest->p[i];
		depth += c == '[' ? 1 : c == ']' ? -1 : 0;
		if (c == ',' && depth == 0) {
			struct str member = { rest->p, i };
			*rest = str_skip(*rest, i + 1);
			return member;
		}
	}
	struct str all = *rest;
	*rest = (struct str){ 0 };
	return all;
}

static bool is_plain(const struct expr *e)
{
	return e->kind == EXPR_RANGE && !e->negated;
}

static int member_order(const void *a, const void *b)
{
	const struct expr *x = *(const struct expr *const *)a, *y = *(const struct expr *const *)b;
	if (is_plain(x) != is_plain(y))
		return is_plain(x) ? -1 : 1;
	return is_plain(x) ? ip_order(&x->from, &y->from) : 0;
}

/* Plain ranges first, in order, overlapping ones made one. */
static void sort_members(struct reading *r, const struct expr **members, struct expr *group)
{
	size_t n = group->nmembers, kept = 0;
	qsort(members, n, sizeof(const struct expr *), member_order);
	for (size_t i = 0; i < n && is_plain(members[i]); i++) {
		const struct expr *last = kept ? members[kept - 1] : NULL;
		if (!last || ip_order(&last->to, &members[i]->from) < 0) {
			members[kept++] = members[i];
			continue;
		}
		if (ip_order(&last->to, &members[i]->to) >= 0)
			continue;
		struct expr *both = expr_new(r, EXPR_RANGE);
		both->from = last->from;
		both->to = members[i]->to;
		members[kept - 1] = both;
	}
	group->nsorted = kept;
	for (size_t i = 0; i < n; i++)
		if (!is_plain(members[i]))
			members[kept++] = members[i];
	group->nmembers = kept;
}

static int read_group(struct reading *r, struct str text, struct expr *e)
{
	struct str inside = { text.p + 1, text.n - 2 }, rest = inside;
	size_t n = 0;
	while (rest.p && n <= MEMBERS_MAX) {
		cut_member(&rest);
		n++;
	}
	if (n > MEMBERS_MAX)
		return fail(r, text, "a group of at most 20000 members");
	const struct expr **members =
		arena_array(&r->p->rules->arena, n, sizeof(const struct expr *));
	rest = inside;
	for (size_t i = 0; i < n; i++) {
		int rc = read_expr(r, cut_member(&rest), &members[i]);
		if (rc < 0)
			return rc;
	}
	e->members = members;
	e->nmembers = n;
	sort_members(r, members, e);
	return 0;
}

static int read_variable(struct reading *r, struct str text, const struct expr **out)
{
	struct ips_rules *rules = r->p->rules;
	struct str name = str_skip(text, 1);
	struct map *known = r->ports ? &rules->ports : &rules->addresses;
	const struct expr *e = map_get(known, name);
	if (!e) {
		const char *value = map_get(&rules->variables, name);
		if (!value)
			return fail(r, text, "a variable that is set");
		struct reading inner = *r;
		inner.where = r->where ? r->where : text.p;
		int rc = read_expr(&inner, str_of(value), &e);
		if (rc < 0)
			return rc;
		assert(e);
		/* The map's values have no const. */
		struct expr *copy = expr_new(r, e->kind);
		*copy = *e;
		map_set(known, name, copy);
	}
	*out = e;
	return 0;
}

static int read_positive(struct reading *r, struct str text, const struct expr **out)
{
	if (text.n == 0)
		return fail(r, text, r->ports ? "a port" : "an address");
	if (text.p[0] == '$')
		return read_variable(r, text, out);
	struct expr *e = expr_new(r, EXPR_RANGE);
	int rc = 0;
	if (str_eq_nocase(text, STR("any")))
		e->kind = EXPR_ANY;
	else if (text.p[0] == '[' && text.n > 1 && text.p[text.n - 1] == ']') {
		e->kind = EXPR_GROUP;
		rc = read_group(r, text, e);
	} else
		rc = r->ports ? read_port(r, text, e) : read_address(r, text, e);
	*out = e;
	return rc;
}

static int read_expr(struct reading *r, struct str text, const struct expr **out)
{
	if (++r->depth > DEPTH_MAX)
		return fail(r, text, "nested at most eight deep");
	text = str_trim(text);
	bool negated = text.n > 0 && text.p[0] == '!';
	const struct expr *e = NULL;
	int rc = read_positive(r, negated ? str_trim(str_skip(text, 1)) : text, &e);
	assert(rc < 0 || e);
	if (rc == 0 && negated) {
		struct expr *not = expr_new(r, e->kind);
		*not = *e;
		not ->negated = !e->negated;
		e = not ;
	}
	r->depth--;
	if (rc == 0)
		*out = e;
	return rc;
}

int parse_expr(struct parser *p, struct str text, bool ports, const struct expr **out)
{
	struct reading r = { .p = p, .ports = ports };
	int rc = read_expr(&r, text, out);
	assert(rc < 0 || *out);
	if (rc == 0 && (*out)->kind == EXPR_ANY && (*out)->negated)
		return fail(&r, text, "something that can hold: it is never true");
	return rc;
}
