#include "engine/web/scan.h"

/* What applications, and what stands before and behind them, decode. */

enum { LAYERS_MAX = 3 };

static int hex(char c)
{
	c = lower(c);
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_number(struct str s, size_t i, size_t digits)
{
	int v = 0;
	for (size_t k = 0; k < digits; k++) {
		int d = i + k < s.n ? hex(s.p[i + k]) : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static void put_rune(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_char(out, (char)c);
	} else if (c < 0x800) {
		buf_char(out, (char)(0xc0 | c >> 6));
		buf_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_char(out, (char)(0xe0 | c >> 12));
		buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_char(out, (char)(0xf0 | (c >> 18 & 7)));
		buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* %41, %u0041; how many bytes it took, 0: it is none. */
static size_t percent(struct str s, size_t i, struct buf *out)
{
	int c = hex_number(s, i + 1, 2);
	if (c >= 0) {
		buf_char(out, (char)c);
		return 3;
	}
	c = lower(at(s, i + 1)) == 'u' ? hex_number(s, i + 2, 4) : -1;
	if (c < 0)
		return 0;
	put_rune(out, (uint32_t)c);
	return 6;
}

static bool percents(struct str in, bool plus, struct buf *out)
{
	bool any = false;
	for (size_t i = 0; i < in.n; i++) {
		size_t took = in.p[i] == '%' ? percent(in, i, out) : 0;
		if (took) {
			any = true;
			i += took - 1;
		} else {
			char c = in.p[i];
			if (plus && c == '+')
				c = ' ';
			buf_char(out, c);
		}
	}
	return any;
}

/* An overlong sequence that stands for ASCII; its length, 0: none (RFC 3629 forbids them). */
static size_t overlong(struct str s, size_t i, char *out)
{
	uint8_t a = (uint8_t)s.p[i], b = (uint8_t)at(s, i + 1), c = (uint8_t)at(s, i + 2),
		d = (uint8_t)at(s, i + 3);
	if ((a == 0xc0 || a == 0xc1) && (b & 0xc0) == 0x80) {
		*out = (char)((a & 1) << 6 | (b & 0x3f));
		return 2;
	}
	if (a == 0xe0 && (b == 0x80 || b == 0x81) && (c & 0xc0) == 0x80) {
		*out = (char)((b & 1) << 6 | (c & 0x3f));
		return 3;
	}
	if (a == 0xf0 && b == 0x80 && (c == 0x80 || c == 0x81) && (d & 0xc0) == 0x80) {
		*out = (char)((c & 1) << 6 | (d & 0x3f));
		return 4;
	}
	return 0;
}

struct entity {
	const char *name;
	char is;
};

static const struct entity entities[] = {
	{ "lt;", '<' },   { "gt;", '>' },     { "quot;", '"' },     { "apos;", '\'' },
	{ "amp;", '&' },  { "tab;", '\t' },   { "newline;", '\n' }, { "colon;", ':' },
	{ "lpar;", '(' }, { "rpar;", ')' },   { "sol;", '/' },      { "bsol;", '\\' },
	{ "semi;", ';' }, { "equals;", '=' }, { "grave;", '`' },    { "nbsp;", ' ' },
};

static size_t numeric_entity(struct str s, size_t i, struct buf *out)
{
	bool is_hex = lower(at(s, i + 2)) == 'x';
	size_t k = i + (is_hex ? 3 : 2), from = k;
	uint32_t c = 0;
	for (; k < s.n && k - from < 10; k++) {
		int d = hex(s.p[k]);
		if (d < 0 || (!is_hex && d > 9))
			break;
		c = c * (is_hex ? 16 : 10) + (uint32_t)d;
	}
	if (k == from || c > 0x10ffff)
		return 0;
	put_rune(out, c);
	return k - i + (at(s, k) == ';');
}

/* &lt; &#60; &#x3c also without its semicolon; its length, 0: none. */
static size_t entity(struct str s, size_t i, struct buf *out)
{
	if (at(s, i + 1) == '#')
		return numeric_entity(s, i, out);
	for (size_t k = 0; k < sizeof(entities) / sizeof(*entities); k++)
		if (goes_on(s, i + 1, entities[k].name)) {
			buf_char(out, entities[k].is);
			return strlen(entities[k].name) + 1;
		}
	return 0;
}

/* In place: what they give is never longer than they are. */
static void fold(struct buf *b, size_t from, struct web_decoded *is)
{
	struct str s = { b->p + from, b->n - from };
	struct buf to = { 0 };
	if (!memchr(s.p, '&', s.n) && !memchr(s.p, 0xc0, s.n) && !memchr(s.p, 0xc1, s.n) &&
	    !memchr(s.p, 0xe0, s.n) && !memchr(s.p, 0xf0, s.n))
		return;
	for (size_t i = 0; i < s.n;) {
		char c = s.p[i];
		size_t took = c == '&' ? entity(s, i, &to) : 0;
		if (took == 0 && (took = overlong(s, i, &c)) > 0) {
			is->overlong = true;
			buf_char(&to, c);
		}
		if (took == 0)
			buf_char(&to, s.p[i]);
		i += took ? took : 1;
	}
	b->n = from;
	buf_add(b, to.p, to.n);
	buf_done(&to);
}

struct web_decoded web_decode(struct str in, bool plus, struct buf *out)
{
	struct web_decoded is = { 0 };
	size_t from = out->n;
	struct buf again = { 0 };
	bool more = percents(in, plus, out);
	if (out->n > from)
		fold(out, from, &is);
	for (unsigned layer = 1; more && layer < LAYERS_MAX && out->n > from; layer++) {
		if (!memchr(out->p + from, '%', out->n - from))
			break;
		buf_clear(&again);
		more = percents((struct str){ out->p + from, out->n - from }, false, &again);
		if (!more)
			break;
		is.twice = true;
		out->n = from;
		buf_add(out, again.p, again.n);
		fold(out, from, &is);
	}
	buf_done(&again);
	return is;
}
