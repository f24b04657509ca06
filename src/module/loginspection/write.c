#include <string.h>

#include "base/json.h"
#include "module/loginspection/loginspection.h"

/* The answer as JSON, written by hand: this is most of the work of a line that alerts. */

/* Printable ASCII without quotes and backslashes needs no second look. */
static bool plain(struct str s)
{
	const uint64_t ones = 0x0101010101010101ull, high = ones * 0x80;
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		uint64_t v = 0;
		memcpy(&v, s.p + i, 8);
		uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\'),
			 del = v ^ (ones * 0x7f);
		uint64_t bad = v | (v - ones * 0x20) | ((quote - ones) & ~quote) |
		               ((slash - ones) & ~slash) | ((del - ones) & ~del);
		if (bad & high)
			return false;
	}
	for (; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] >= 0x7f ||
		    s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

static void text(struct buf *b, struct str s)
{
	if (!plain(s)) {
		json_write_text(b, s);
		return;
	}
	char *to = buf_room(b, s.n + 2);
	if (!to)
		return;
	to[0] = '"';
	if (s.n)
		memcpy(to + 1, s.p, s.n);
	to[s.n + 1] = '"';
	b->n += s.n + 2;
}

static void number(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);
	do
		digits[--n] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, digits + n, sizeof(digits) - n);
}

#define LITERAL(b, z) buf_add(b, z, sizeof(z) - 1)

static void text_or_null(struct buf *b, struct str s)
{
	if (s.p)
		text(b, s);
	else
		LITERAL(b, "null");
}

static void groups(struct buf *b, struct str s)
{
	bool first = true;
	buf_char(b, '[');
	while (s.n) {
		struct str one = str_trim(str_cut(&s, ','));
		if (!one.n)
			continue;
		if (!first)
			buf_char(b, ',');
		text(b, one);
		first = false;
	}
	buf_char(b, ']');
}

/* A name that comes twice counts with its last value. */
static bool shadowed(const struct li_answer *a, size_t i)
{
	for (size_t k = i + 1; k < a->nfields; k++)
		if (str_eq(a->fields[k].name, a->fields[i].name))
			return true;
	return false;
}

static void fields(struct buf *b, const struct li_answer *a)
{
	bool first = true;
	buf_char(b, '{');
	for (size_t i = 0; i < a->nfields; i++) {
		if (shadowed(a, i))
			continue;
		if (!first)
			buf_char(b, ',');
		text(b, a->fields[i].name);
		buf_char(b, ':');
		text(b, a->fields[i].value);
		first = false;
	}
	buf_char(b, '}');
}

void li_answer_write(struct buf *b, const struct li_answer *a)
{
	LITERAL(b, "{\"decoder\":");
	text_or_null(b, a->decoder);
	LITERAL(b, ",\"rule\":");
	if (a->rule) {
		number(b, a->id);
		LITERAL(b, ",\"level\":");
		number(b, a->level);
	} else {
		LITERAL(b, "null,\"level\":null");
	}
	LITERAL(b, ",\"description\":");
	text_or_null(b, a->description);
	LITERAL(b, ",\"groups\":");
	groups(b, a->groups);
	LITERAL(b, ",\"fields\":");
	fields(b, a);
	LITERAL(b, ",\"program\":");
	text_or_null(b, a->program);
	LITERAL(b, ",\"hostname\":");
	text_or_null(b, a->hostname);
	LITERAL(b, "}\n");
}
