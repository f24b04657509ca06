#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/condition.h"
#include "module/intrusionprevention/parse.h"

/* Keywords over headers of packets, and facts of TLS, SMB and DCE/RPC. */

int keyword_compare(struct parser *p, const struct keyword *k, struct str value)
{
	struct condition *c = parse_condition(p, k, value);
	if (!c)
		return -EINVAL;
	c->more = (const void *)(uintptr_t)(k->buffer < 0 ? 0 : k->buffer);
	p->rule->packet_conditions |= k->buffer < 0;
	/* "window:!512" */
	return parse_compare(p, value, UINT32_MAX, &c->op, &c->a, &c->b);
}

int keyword_dsize(struct parser *p, const struct keyword *k, struct str value)
{
	return keyword_compare(p, k, value);
}

/* Letters to bits, with "+", "*" and "!" before or behind; s is cut. */
static int letters(struct parser *p, struct str s, const char *names, struct condition *c)
{
	c->op = COMPARE_EQ;
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		const char *at = strchr(names, toupper((unsigned char)ch));
		if (ch == '+')
			c->op = COMPARE_GE;
		else if (ch == '*')
			c->op = COMPARE_AND;
		else if (ch == '!')
			c->negated = true;
		else if (at && *at)
			c->a |= UINT64_C(1) << (at - names);
		else if (ch != '0' && ch != ' ')
			return parse_fail(p, s.p + i, "expected letters of \"%s\"", names);
	}
	return 0;
}

/* "S", "SA+", "!SF*", "S,12" */
int keyword_flags(struct parser *p, const struct keyword *k, struct str value)
{
	static const char names[] = "FSRPAUEC";
	struct condition *c = parse_condition(p, k, value), ignored = { 0 };
	struct str rest = value, flags = str_trim(str_cut(&rest, ','));
	if (!c)
		return -EINVAL;
	p->rule->packet_conditions = true;
	int rc = letters(p, flags, names, c);
	c->b = 0xff;
	rest = str_trim(rest);
	for (size_t i = 0; rc == 0 && i < rest.n; i++) {
		char ch = rest.p[i];
		struct str one = { rest.p + i, 1 };
		/* 1 and 2 are the old names of CWR and ECE. */
		if (ch == '1')
			ignored.a |= TCP_CWR;
		else if (ch == '2')
			ignored.a |= TCP_ECE;
		else
			rc = letters(p, one, names, &ignored);
	}
	c->b &= ~ignored.a;
	return rc;
}

int keyword_fragbits(struct parser *p, const struct keyword *k, struct str value)
{
	struct condition *c = parse_condition(p, k, value);
	p->rule->packet_conditions = true;
	return c ? letters(p, value, "MDR", c) : -EINVAL;
}

int keyword_ip_proto(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *name;
		unsigned number;
	} names[] = { { "icmp", 1 },   { "igmp", 2 },       { "ipip", 4 },  { "tcp", 6 },
		      { "udp", 17 },   { "gre", 47 },       { "esp", 50 },  { "ah", 51 },
		      { "icmp6", 58 }, { "ipv6-icmp", 58 }, { "ospf", 89 }, { "pim", 103 },
		      { "sctp", 132 } };
	struct condition *c = parse_condition(p, k, value);
	if (!c)
		return -EINVAL;
	struct str s = value;
	c->op = COMPARE_EQ;
	if (s.n > 0 && strchr("!<>", s.p[0])) {
		c->negated = s.p[0] == '!';
		c->op = s.p[0] == '<' ? COMPARE_LT : s.p[0] == '>' ? COMPARE_GT : COMPARE_EQ;
		s = str_trim(str_skip(s, 1));
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(s, str_of(names[i].name))) {
			c->a = names[i].number;
			return 0;
		}
	return parse_u64(p, s, 0, 255, &c->a);
}

int keyword_same(struct parser *p, const struct keyword *k, struct str value)
{
	p->rule->packet_conditions = true;
	return parse_condition(p, k, value) ? 0 : -EINVAL;
}

int keyword_ipopts(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *name;
		unsigned number;
	} names[] = { { "rr", 7 },     { "lsrr", 131 }, { "eol", 0 },    { "nop", 1 },
		      { "ts", 68 },    { "sec", 130 },  { "ssrr", 137 }, { "satid", 136 },
		      { "esec", 133 }, { "any", 256 } };
	struct condition *c = parse_condition(p, k, value);
	if (!c)
		return -EINVAL;
	p->rule->packet_conditions = true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(value, names[i].name)) {
			c->a = names[i].number;
			return 0;
		}
	return parse_fail(p, value.p, "unknown IP option");
}

/* ---- TLS ---- */

/* "tls1.0,tls1.1", "!tls1.2"; tls.version writes 1.2 */
int keyword_version(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = { { "sslv2", 1 },   { "sslv3", 2 },   { "tls1.0", 4 }, { "tls1.1", 8 },
		      { "tls1.2", 16 }, { "tls1.3", 32 }, { "1.0", 4 },    { "1.1", 8 },
		      { "1.2", 16 },    { "1.3", 32 } };
	struct condition *c = parse_condition(p, k, value);
	struct str rest = parse_unquote(value, NULL);
	if (!c)
		return -EINVAL;
	while (rest.p) {
		struct str word = str_trim(str_cut(&rest, ','));
		bool not = word.n > 0 && word.p[0] == '!';
		word = str_trim(str_skip(word, not ));
		unsigned bit = 0;
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (str_eq_nocase(word, str_of(names[i].name)))
				bit = names[i].bit;
		if (!bit)
			return parse_fail(p, word.p,
			                  "expected sslv3, tls1.0, tls1.1, tls1.2 or tls1.3");
		*(not ? &c->b : &c->a) |= bit;
	}
	if (p->rule->app == APP_UNKNOWN)
		p->rule->app = APP_TLS;
	return 0;
}

int keyword_state(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = { { "client_hello", 1 },
		      { "server_hello", 2 },
		      { "client_keyx", 1 },
		      { "server_keyx", 2 } };
	struct condition *c = parse_condition(p, k, value);
	struct str rest = value;
	if (!c)
		return -EINVAL;
	while (rest.p) {
		struct str word = str_trim(str_cut(&rest, memchr(rest.p, '|', rest.n) ? '|' : ','));
		bool not = word.n > 0 && word.p[0] == '!';
		word = str_trim(str_skip(word, not ));
		unsigned bit = 0;
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (str_is(word, names[i].name))
				bit = names[i].bit;
		if (!bit)
			return parse_fail(p, word.p, "expected client_hello or server_hello");
		*(not ? &c->b : &c->a) |= bit;
	}
	if (p->rule->app == APP_UNKNOWN)
		p->rule->app = APP_TLS;
	return 0;
}

/* ---- DCE/RPC ---- */

/* The 16 bytes as they are on the wire: the first three parts are little endian. */
static int read_uuid(struct parser *p, struct str s, uint8_t *out)
{
	static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	unsigned n = 0;
	int high = -1;
	for (size_t i = 0; i < s.n; i++) {
		int c = tolower((unsigned char)s.p[i]);
		if (c == '-' && high < 0)
			continue;
		if (!isxdigit(c) || n == 16)
			return parse_fail(p, s.p + i, "expected a UUID");
		int digit = c <= '9' ? c - '0' : c - 'a' + 10;
		if (high < 0) {
			high = digit;
			continue;
		}
		out[order[n++]] = (uint8_t)(high << 4 | digit);
		high = -1;
	}
	return n == 16 && high < 0 ? 0 : parse_fail(p, s.p, "expected a UUID");
}

int keyword_dce_iface(struct parser *p, const struct keyword *k, struct str value)
{
	struct condition *c = parse_condition(p, k, value);
	struct str rest = value;
	if (!c)
		return -EINVAL;
	if (p->rule->app == APP_UNKNOWN)
		p->rule->app = APP_SMB;
	if (strcmp(k->words.name, "dce_iface") == 0 || strcmp(k->words.name, "dcerpc.iface") == 0) {
		uint8_t *uuid = arena_alloc(&p->rules->arena, 16);
		c->more = uuid;
		/* Versions and any_frag may follow; interfaces of all versions are looked at. */
		return read_uuid(p, str_trim(str_cut(&rest, ',')), uuid);
	}
	size_t n = 0;
	uint32_t *ranges = arena_array(&p->rules->arena, value.n + 2, 2 * sizeof(*ranges));
	while (rest.p) {
		struct str to = str_trim(str_cut(&rest, ',')), from = str_trim(str_cut(&to, '-'));
		uint64_t a = 0, b = 0;
		int rc = parse_u64(p, from, 0, 65535, &a);
		b = a;
		if (rc == 0 && to.p)
			rc = parse_u64(p, to, a, 65535, &b);
		if (rc < 0)
			return rc;
		ranges[n++] = (uint32_t)a;
		ranges[n++] = (uint32_t)b;
	}
	ranges[n] = UINT32_MAX;
	c->more = ranges;
	return 0;
}

/* "src,NAME,>,10": NAME is a dataset of addresses with numbers. */
int keyword_iprep(struct parser *p, const struct keyword *k, struct str value)
{
	static const char *const sides[] = { "src", "dst", "any", "both" };
	struct str rest = value, side = str_trim(str_cut(&rest, ',')),
		   name = str_trim(str_cut(&rest, ',')), op = str_trim(str_cut(&rest, ',')),
		   number = str_trim(rest);
	struct condition *c = parse_condition(p, k, value);
	if (!c)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(sides); i++)
		if (str_is(side, sides[i]))
			c->b = i + 1;
	if (!c->b || op.n != 1 || !strchr("<>=", op.p[0]))
		return parse_fail(p, value.p,
		                  "expected src, dst, any or both, a name, <, > or =, a number");
	c->more = map_get(&p->rules->datasets, name);
	if (!c->more)
		return parse_fail(p, name.p, "there is no dataset of this name");
	c->op = op.p[0] == '<' ? COMPARE_LT : op.p[0] == '>' ? COMPARE_GT : COMPARE_EQ;
	return parse_u64(p, number, 0, 127, &c->a);
}
