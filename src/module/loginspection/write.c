#include <string.h>

#include "base/json.h"
#include "module/loginspection/loginspection.h"

/*
 * The answer as JSON, written by hand: this is much of the work of a line. Room is made once for
 * all texts as they are; only a text that needs escapes goes the long way.
 */

enum { FIXED = 256, PER_FIELD = 8 };

struct out {
	struct buf *b;
	char *p;     /* where to write next; NULL: there is no room */
	size_t room; /* that was asked for */
};

static void out_begin(struct out *o, size_t room)
{
	o->room = room;
	o->p = buf_room(o->b, room);
}

static void out_sync(struct out *o)
{
	if (!o->p)
		return;
	o->b->n = (size_t)(o->p - o->b->p);
	o->b->p[o->b->n] = '\0';
}

static void raw(struct out *o, const char *p, size_t n)
{
	if (o->p && n) {
		memcpy(o->p, p, n);
		o->p += n;
	}
}

#define LITERAL(o, z) raw(o, z, sizeof(z) - 1)

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

static void text(struct out *o, struct str s)
{
	if (plain(s)) {
		LITERAL(o, "\"");
		raw(o, s.p, s.n);
		LITERAL(o, "\"");
		return;
	}
	out_sync(o);
	json_write_text(o->b, s);
	o->p = buf_room(o->b, o->room);
}

static void number(struct out *o, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);
	do
		digits[--n] = (char)('0' + v % 10);
	while (v /= 10);
	raw(o, digits + n, sizeof(digits) - n);
}

static void text_or_null(struct out *o, struct str s)
{
	if (s.p)
		text(o, s);
	else
		LITERAL(o, "null");
}

static void group_list(struct out *o, struct str s)
{
	bool first = true;
	LITERAL(o, "[");
	while (s.n) {
		struct str one = str_trim(str_cut(&s, ','));
		if (!one.n)
			continue;
		if (!first)
			LITERAL(o, ",");
		text(o, one);
		first = false;
	}
	LITERAL(o, "]");
}

/* A quote, a quote and a comma more for each group. */
static size_t group_room(struct str s)
{
	return s.n * 3 + 8;
}

static void rule_members(struct out *o, uint32_t id, unsigned level, struct str description,
                         struct str groups)
{
	LITERAL(o, "\"rule\":");
	number(o, id);
	LITERAL(o, ",\"level\":");
	number(o, level);
	LITERAL(o, ",\"description\":");
	text_or_null(o, description);
	LITERAL(o, ",\"groups\":");
	group_list(o, groups);
	LITERAL(o, ",");
}

void li_rule_write(struct buf *b, uint32_t id, unsigned level, struct str description,
                   struct str groups)
{
	struct out o = { .b = b };
	out_begin(&o, FIXED + description.n + group_room(groups));
	rule_members(&o, id, level, description, groups);
	out_sync(&o);
}

/* A name that comes twice counts with its last value. */
static bool shadowed(const struct li_answer *a, size_t i)
{
	for (size_t k = i + 1; k < a->nfields; k++)
		if (str_eq(a->fields[k].name, a->fields[i].name))
			return true;
	return false;
}

static void fields(struct out *o, const struct li_answer *a)
{
	bool first = true;
	LITERAL(o, "{");
	for (size_t i = 0; i < a->nfields; i++) {
		if (shadowed(a, i))
			continue;
		if (!first)
			LITERAL(o, ",");
		text(o, a->fields[i].name);
		LITERAL(o, ":");
		text(o, a->fields[i].value);
		first = false;
	}
	LITERAL(o, "}");
}

static size_t room_for(const struct li_answer *a)
{
	size_t n = FIXED + a->decoder.n + a->program.n + a->hostname.n + a->rule_json.n +
	           a->description.n;
	for (size_t i = 0; i < a->nfields; i++)
		n += a->fields[i].name.n + a->fields[i].value.n + PER_FIELD;
	return n + group_room(a->groups);
}

void li_answer_write(struct buf *b, const struct li_answer *a)
{
	struct out o = { .b = b };
	out_begin(&o, room_for(a));
	LITERAL(&o, "{\"decoder\":");
	text_or_null(&o, a->decoder);
	LITERAL(&o, ",");
	if (a->rule_json.n)
		raw(&o, a->rule_json.p, a->rule_json.n);
	else if (a->rule)
		rule_members(&o, a->id, a->level, a->description, a->groups);
	else
		LITERAL(&o, "\"rule\":null,\"level\":null,\"description\":null,\"groups\":[],");
	LITERAL(&o, "\"fields\":");
	fields(&o, a);
	LITERAL(&o, ",\"program\":");
	text_or_null(&o, a->program);
	LITERAL(&o, ",\"hostname\":");
	text_or_null(&o, a->hostname);
	LITERAL(&o, "}\n");
	out_sync(&o);
}
