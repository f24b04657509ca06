#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

enum { JSON_DEPTH = 64 };

/* Where text is nested too deep, or NULL. jansson recurses while it parses; its own bound is far
 * above what our stacks and policies need. */
static const char *too_deep(struct str text)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']'))
			depth--;
		if (depth > JSON_DEPTH)
			return text.p + i;
	}
	return NULL;
}

static void refuse(struct err *why, struct str text, const char *at, const char *what)
{
	unsigned line = 1, column = 1;
	for (const char *p = text.p; p < at; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	err_set(why, 0, "JSON line %u, column %u: %s", line, column, what);
}

json_t *json_parse(struct str text, struct err *why)
{
	const char *deep = too_deep(text);
	if (deep) {
		refuse(why, text, deep, "nested too deep");
		return NULL;
	}
	/* jansson passes over some of them as if they were not there. */
	const char *nul = text.n ? memchr(text.p, '\0', text.n) : NULL;
	if (nul) {
		refuse(why, text, nul, "a byte that is zero");
		return NULL;
	}
	json_error_t e = { 0 };
	json_t *j = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &e);
	if (!j)
		err_set(why, 0, "JSON line %d, column %d: %s", e.line, e.column, e.text);
	return j;
}

static int add(const char *p, size_t n, void *b)
{
	buf_add(b, p, n);
	return 0;
}

void json_write(struct buf *b, const json_t *j)
{
	if (!j || json_dump_callback(j, add, b, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		b->bad = true;
}

/* RFC 8259 7: quotes, backslashes and control characters. */
static void write_escaped(struct buf *b, struct str s)
{
	static const char letters[32] = {
		[8] = 'b', [9] = 't', [10] = 'n', [12] = 'f', [13] = 'r'
	};
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(b, s.p + from, i - from);
		from = i + 1;
		if (c < 0x20 && !letters[c]) {
			buf_fmt(b, "\\u%04x", c);
			continue;
		}
		buf_char(b, '\\');
		buf_add(b, c < 0x20 ? &letters[c] : &s.p[i], 1);
	}
	buf_add(b, s.p + from, s.n - from);
}

void json_write_text(struct buf *b, struct str s)
{
	AUTO(buf_done) struct buf safe = { 0 };
	if (!str_utf8(s)) {
		buf_safe(&safe, s);
		s = buf_view(&safe);
	}
	buf_char(b, '"');
	if (s.n)
		write_escaped(b, s);
	buf_char(b, '"');
}

const char *json_text(const json_t *o, const char *key, const char *otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? json_string_value(v) : otherwise;
}

int64_t json_int(const json_t *o, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool json_bool(const json_t *o, const char *key, bool otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

const json_t *json_object_at(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_object(v) ? v : NULL;
}

const json_t *json_array_at(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_array(v) ? v : NULL;
}

void json_set(json_t *o, const char *key, json_t *value)
{
	if (!value || json_object_set_new(o, key, value) < 0)
		abort();
}

void json_set_text(json_t *o, const char *key, const char *value)
{
	if (str_utf8(str_of(value)))
		json_set(o, key, json_string(value));
	else
		json_set_bytes(o, key, str_of(value));
}

void json_set_bytes(json_t *o, const char *key, struct str value)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_safe(&b, value);
	json_set(o, key, buf_end(&b) < 0 ? NULL : json_stringn(b.p ? b.p : "", b.n));
}

void json_set_int(json_t *o, const char *key, int64_t value)
{
	json_set(o, key, json_integer(value));
}

void json_set_bool(json_t *o, const char *key, bool value)
{
	json_set(o, key, json_boolean(value));
}
