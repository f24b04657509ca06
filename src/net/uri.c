#include "net/uri.h"

#include <errno.h>

#include "base/auto.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes %XX (and "+" as a blank, in queries); what comes out must be UTF-8 without NUL. */
static int decode(struct str raw, bool plus, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, raw.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i];
		if (c == '%') {
			int high = i + 2 < raw.n ? hex(raw.p[i + 1]) : -1;
			int low = i + 2 < raw.n ? hex(raw.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		p[n++] = c;
	}
	*out = (struct str){ p, n };
	return str_utf8(*out) ? 0 : -EINVAL;
}

/* Where the last part of the path in p begins: its slash. */
static size_t parent(const char *p, size_t n)
{
	while (n > 0 && p[n - 1] != '/')
		n--;
	return n > 0 ? n - 1 : 0;
}

/* Removes empty and "." parts and resolves ".."; what would leave the root is refused. */
static int normalise(struct str in, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, in.n + 2);
	size_t n = 0;
	for (struct str rest = str_skip(in, 1); rest.p;) {
		struct str part = str_cut(&rest, '/');
		if (part.n == 0 || str_is(part, "."))
			continue;
		if (str_is(part, "..")) {
			if (n == 0)
				return -EINVAL;
			n = parent(p, n);
			continue;
		}
		p[n++] = '/';
		memcpy(p + n, part.p, part.n);
		n += part.n;
	}
	if (n == 0)
		p[n++] = '/';
	p[n] = '\0';
	*out = (struct str){ p, n };
	return 0;
}

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

int uri_query(struct str raw, struct arena *a, struct pairs *out)
{
	struct pairs q = { .p = arena_array(a, URI_PAIRS_MAX, sizeof(struct pair)) };
	for (struct str rest = raw; rest.p && rest.n;) {
		struct str value = str_cut(&rest, '&');
		if (value.n == 0)
			continue;
		struct str name = str_cut(&value, '=');
		if (q.n == URI_PAIRS_MAX)
			return -E2BIG;
		struct pair *pair = &q.p[q.n++];
		int rc = decode(name, true, a, &pair->name);
		if (rc == 0)
			rc = decode(value, true, a, &pair->value);
		if (rc < 0)
			return rc;
	}
	*out = q;
	return 0;
}

int uri_parse(struct str raw, struct arena *a, struct uri *out)
{
	struct uri u = { 0 };
	struct str path = { 0 };
	if (raw.n > URI_MAX)
		return -E2BIG;
	if (raw.n == 0 || raw.p[0] != '/' || !printable(raw))
		return -EINVAL;
	struct str rest = raw;
	struct str first = str_cut(&rest, '?');
	int rc = decode(first, false, a, &path);
	if (rc == 0 && !printable(path))
		rc = -EINVAL;
	if (rc == 0)
		rc = normalise(path, a, &u.path);
	if (rc == 0)
		rc = uri_query(rest, a, &u.query);
	if (rc == 0)
		*out = u;
	return rc;
}

struct str pairs_get(const struct pairs *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_is(p->p[i].name, name))
			return p->p[i].value;
	return (struct str){ 0 };
}
