#include <string.h>

#include "engine/app/http.h"

enum { URI_LONG = 8192, PATH_DEEP = 100 };

struct work {
	const struct http_uri_rules *rules;
	uint32_t events;
};

static void odd(struct work *w, enum app_event e)
{
	w->events |= 1u << (e - APP_EVENT_HTTP_URI_DEPTH);
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number that n hexadecimal digits stand for, or -1. */
static int hex_number(const uint8_t *p, size_t n)
{
	int v = 0;
	for (size_t i = 0; i < n; i++) {
		int digit = hex(p[i]);
		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

static size_t put_utf8(uint8_t *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	out[0] = (uint8_t)(0xe0 | c >> 12);
	out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
	out[2] = (uint8_t)(0x80 | (c & 63));
	return 3;
}

/* %uXXXX of IIS: a byte below 256, full-width forms are the ASCII that they look like. */
static size_t put_wide(uint8_t *out, unsigned c)
{
	if (c >= 0xff01 && c <= 0xff5e)
		c = c - 0xff01 + 0x21;
	if (c < 0x100) {
		out[0] = (uint8_t)c;
		return 1;
	}
	return put_utf8(out, c);
}

/* One round of percent decoding in place; returns the new length. */
static size_t unescape(struct work *w, uint8_t *p, size_t n, bool plus, bool first)
{
	size_t to = 0;
	for (size_t i = 0; i < n;) {
		int v = -1;
		if (p[i] == '%' && n - i >= 6 && (p[i + 1] | 0x20) == 'u' &&
		    (v = hex_number(p + i + 2, 4)) >= 0) {
			to += put_wide(p + to, (unsigned)v);
			i += 6;
		} else if (p[i] == '%' && n - i >= 3 && (v = hex_number(p + i + 1, 2)) >= 0) {
			p[to++] = (uint8_t)v;
			i += 3;
		} else {
			if (p[i] == '%' && first)
				odd(w, APP_EVENT_HTTP_URI_HEX);
			p[to++] = plus && p[i] == '+' ? ' ' : p[i];
			i++;
		}
	}
	return to;
}

static bool escaped_twice(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 5 <= n; i++)
		if (p[i] == '%' && p[i + 1] == '2' && p[i + 2] == '5' &&
		    (hex_number(p + i + 3, 2) >= 0 || (p[i + 3] | 0x20) == 'u'))
			return true;
	return false;
}

/* How many bytes follow a UTF-8 lead byte; -1: it is none. */
static int followers(uint8_t c)
{
	if (c >= 0xf0 && c < 0xf8)
		return 3;
	if (c >= 0xe0 && c < 0xf0)
		return 2;
	return c >= 0xc0 && c < 0xe0 ? 1 : -1;
}

/* Overlong sequences become the ASCII that they hide; all else stays. */
static size_t unhide(struct work *w, uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	size_t to = 0;
	for (size_t i = 0; i < n;) {
		int more = p[i] < 0x80 ? 0 : followers(p[i]);
		size_t have = 1;
		uint32_t c = more > 0 ? p[i] & (0x3fu >> more) : p[i];
		while (more > 0 && have <= (size_t)more && i + have < n &&
		       (p[i + have] & 0xc0) == 0x80)
			c = c << 6 | (p[i + have++] & 63u);
		if (more > 0 && have == (size_t)more + 1 && c < least[more] && c < 0x80) {
			odd(w, APP_EVENT_HTTP_URI_UTF8);
			p[to++] = (uint8_t)c;
			i += have;
			continue;
		}
		if (more < 0)
			odd(w, APP_EVENT_HTTP_URI_UTF8);
		else if (have < (size_t)more + 1)
			odd(w,
			    i + have == n ? APP_EVENT_HTTP_URI_UTF8_CUT : APP_EVENT_HTTP_URI_UTF8);
		for (size_t k = 0; k < have; k++)
			p[to++] = p[i++];
	}
	return to;
}

/* Slashes of both kinds become one '/', "." and ".." go (RFC 3986, 5.2.4). */
static size_t resolve(struct work *w, uint8_t *p, size_t n)
{
	size_t to = 0;
	unsigned depth = 0, deepest = 0;
	for (size_t i = 0; i < n;) {
		bool slash = p[i] == '/' || p[i] == '\\';
		if (!slash) {
			p[to++] = p[i++];
			continue;
		}
		while (i < n && (p[i] == '/' || p[i] == '\\'))
			i++;
		size_t len = 0;
		while (i + len < n && p[i + len] != '/' && p[i + len] != '\\')
			len++;
		bool dot = len == 1 && p[i] == '.';
		bool up = len == 2 && p[i] == '.' && p[i + 1] == '.';
		bool last = i + len == n;
		if (up) {
			if (!depth)
				odd(w, APP_EVENT_HTTP_URI_TRAVERSAL);
			depth -= depth ? 1 : 0;
			while (to && p[to - 1] != '/')
				to--;
			to -= to ? 1 : 0;
		}
		if (dot || up) {
			i += len;
			if (last)
				p[to++] = '/';
			continue;
		}
		p[to++] = '/';
		depth += len ? 1 : 0;
		deepest = depth > deepest ? depth : deepest;
		memmove(p + to, p + i, len);
		to += len;
		i += len;
	}
	if (deepest > PATH_DEEP)
		odd(w, APP_EVENT_HTTP_URI_DEPTH);
	return to;
}

static size_t decode(struct work *w, uint8_t *p, size_t n, bool query)
{
	bool twice = escaped_twice(p, n), plus = query && w->rules->plus_is_space;
	if (twice)
		odd(w, query ? APP_EVENT_HTTP_QUERY_DOUBLE : APP_EVENT_HTTP_URI_DOUBLE);
	n = unescape(w, p, n, plus, true);
	if (twice && w->rules->double_decode)
		n = unescape(w, p, n, false, false);
	n = unhide(w, p, n);
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			odd(w, APP_EVENT_HTTP_URI_CHARACTER);
	return n;
}

struct str http_uri_authority(struct str p, struct str *path)
{
	size_t i = 0;
	*path = p;
	while (i < p.n && ((p.p[i] | 0x20) >= 'a' && (p.p[i] | 0x20) <= 'z'))
		i++;
	if (!i || p.n - i < 3 || memcmp(p.p + i, "://", 3) != 0)
		return (struct str){ 0 };
	struct str rest = str_skip(p, i + 3);
	for (i = 0; i < rest.n && rest.p[i] != '/' && rest.p[i] != '?' && rest.p[i] != '\\'; i++)
		;
	*path = str_skip(rest, i);
	return (struct str){ rest.p, i };
}

uint32_t http_uri_normalise(struct str p, const struct http_uri_rules *r, struct buf *out)
{
	struct work w = { r, 0 };
	struct str path;
	http_uri_authority(p, &path);
	if (p.n > URI_LONG)
		odd(&w, APP_EVENT_HTTP_URI_LONG);
	buf_clear(out);
	buf_str(out, path);
	if (out->bad || !path.n)
		return w.events;
	uint8_t *at = (uint8_t *)out->p;
	const uint8_t *mark = memchr(at, '?', path.n);
	size_t n = mark ? (size_t)(mark - at) : path.n, rest = path.n - n;
	size_t end = resolve(&w, at, decode(&w, at, n, false));
	if (rest) {
		memmove(at + end, at + n, rest);
		end += 1 + decode(&w, at + end + 1, rest - 1, true);
	}
	out->n = end;
	out->p[end] = '\0';
	return w.events;
}
