#include "model/event_scan.h"

#include <errno.h>
#include <string.h>

enum { DIGITS_MAX = 18 };

/* A place in the text; what is not as expected ends it for good. */
struct at {
	const char *p, *end;
	bool bad;
};

static void word(struct at *a, const char *text, size_t n)
{
	if (a->bad || (size_t)(a->end - a->p) < n || memcmp(a->p, text, n) != 0)
		a->bad = true;
	else
		a->p += n;
}

#define WORD(a, text) word(a, text, sizeof(text) - 1)

static bool next_is(const struct at *a, char c)
{
	return !a->bad && a->p < a->end && *a->p == c;
}

/* Without its quotes, the first of which is passed. */
static struct str quoted(struct at *a)
{
	const char *from = a->p;
	while (!a->bad && a->p < a->end && *a->p != '"') {
		if ((unsigned char)*a->p < 0x20 || *a->p == '\\')
			a->bad = true;
		a->p++;
	}
	struct str s = { from, (size_t)(a->p - from) };
	WORD(a, "\"");
	return s;
}

/* As JSON writes integers that fit for certain. */
static int64_t integer(struct at *a)
{
	bool minus = next_is(a, '-');
	int64_t v = 0;
	a->p += minus;
	const char *from = a->p;
	while (!a->bad && a->p < a->end && *a->p >= '0' && *a->p <= '9' && a->p - from < DIGITS_MAX)
		v = v * 10 + (*a->p++ - '0');
	ptrdiff_t n = a->p - from;
	if (n == 0 || (*from == '0' && (n > 1 || minus)))
		a->bad = true;
	return minus ? -v : v;
}

static bool is_word(struct str s, const char *name)
{
	return strncmp(name, s.p, s.n) == 0 && name[s.n] == '\0';
}

static void value(struct at *a, enum event_type type, struct event_value *out)
{
	*out = (struct event_value){ .type = EVENT_VALUE_INT };
	switch (type) {
	case EV_TEXT:
		WORD(a, "\"");
		out->type = EVENT_VALUE_TEXT;
		out->s = quoted(a);
		break;
	case EV_INT:
	case EV_TIME:
		out->i = integer(a);
		break;
	case EV_BOOL:
		out->i = next_is(a, 't');
		if (out->i)
			WORD(a, "true");
		else
			WORD(a, "false");
		break;
	}
}

/* Whoever writes fields writes them in the table's order: the search goes on from the last one. */
static size_t field_at(const struct event_class *class, struct str name, size_t from)
{
	for (size_t i = from; class->fields[i].name; i++)
		if (is_word(name, class->fields[i].name))
			return i;
	for (size_t i = 0; i < from; i++)
		if (is_word(name, class->fields[i].name))
			return i;
	return EVENT_VALUES_MAX;
}

static void members(struct at *a, const struct event_class *class,
                    struct event_value values[static EVENT_VALUES_MAX])
{
	size_t from = 0;
	WORD(a, "{");
	for (bool first = true; !a->bad && !next_is(a, '}'); first = false) {
		if (!first)
			WORD(a, ",");
		WORD(a, "\"");
		size_t i = field_at(class, quoted(a), from);
		WORD(a, ":");
		if (a->bad || i >= EVENT_VALUES_MAX || values[i].type != EVENT_VALUE_NONE) {
			a->bad = true;
			return;
		}
		value(a, class->fields[i].type, &values[i]);
		from = i + 1;
	}
	WORD(a, "}");
}

static const struct event_class *class_of(const struct event_class *const *classes, struct str name)
{
	for (; *classes; classes++)
		if (is_word(name, (*classes)->name))
			return *classes;
	return NULL;
}

static const struct event_kind *kind_of(const struct event_class *class, struct str name)
{
	for (const struct event_kind *k = class->kinds; k->name; k++)
		if (is_word(name, k->name))
			return k;
	return NULL;
}

size_t event_scan(struct str in, const struct event_class *const *classes, struct event *out,
                  struct event_value values[static EVENT_VALUES_MAX])
{
	struct at a = { in.p, in.p + in.n, .bad = in.n == 0 };
	WORD(&a, "{\"class\":\"");
	const struct event_class *class = a.bad ? NULL : class_of(classes, quoted(&a));
	WORD(&a, ",\"kind\":\"");
	const struct event_kind *kind = a.bad || !class ? NULL : kind_of(class, quoted(&a));
	if (!kind)
		return 0;
	WORD(&a, ",\"time\":");
	int64_t time = integer(&a);
	WORD(&a, ",\"unique\":\"");
	struct str unique = quoted(&a);
	if (a.bad || time < 0 || unique.n >= sizeof(out->unique))
		return 0;
	struct event ev = { .class = class, .kind = kind, .time_ms = (uint64_t)time };
	memcpy(ev.unique, unique.p, unique.n);
	memset(values, 0, EVENT_VALUES_MAX * sizeof(*values));
	WORD(&a, ",\"fields\":");
	members(&a, class, values);
	WORD(&a, "}");
	if (a.bad || !event_unique_fits(ev.unique))
		return 0;
	ev.text = (struct str){ in.p, (size_t)(a.p - in.p) };
	*out = ev;
	return ev.text.n;
}

/* ---- batches ---- */

bool event_batch_open(struct event_batch *b, struct str in, int64_t *first)
{
	struct at a = { in.p, in.p + in.n, .bad = in.n == 0 };
	WORD(&a, "{\"first\":");
	int64_t number = integer(&a);
	WORD(&a, ",\"events\":[");
	if (a.bad)
		return false;
	*first = number;
	*b = (struct event_batch){ .rest = { a.p, (size_t)(a.end - a.p) } };
	return true;
}

int event_batch_next(struct event_batch *b)
{
	if (str_is(b->rest, "]}"))
		return 0;
	if (b->any && (b->rest.n == 0 || *b->rest.p != ','))
		return -EBADMSG;
	if (b->any)
		b->rest = str_skip(b->rest, 1);
	b->any = true;
	return b->rest.n && *b->rest.p == '{' ? 1 : -EBADMSG;
}

size_t event_extent(struct str in)
{
	size_t depth = 0;
	bool quote = false;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (quote && c == '\\')
			i++;
		else if (c == '"')
			quote = !quote;
		else if (!quote && c == '{')
			depth++;
		else if (!quote && c == '}' && (depth == 0 || --depth == 0))
			return i + 1;
	}
	return 0;
}
