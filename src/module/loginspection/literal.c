#include <string.h>

#include "base/auto.h"
#include "module/loginspection/pattern.h"

/*
 * Which plain texts a PCRE2 pattern cannot match without. Whatever is not understood gives nothing,
 * which costs time and never a match.
 */

enum { DEPTH_MAX = 32, SET_MAX = 256, SHORT = 3, TEXT_MAX = 64 };

struct set {
	struct str *item;
	size_t n;
};

struct scan {
	struct arena *arena;
	struct str s;
	size_t i;
	bool lost; /* something was not understood */
};

static bool one_of(char c, const char *list)
{
	return c != '\0' && strchr(list, c);
}

static char fold(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static size_t shortest(const struct set *set)
{
	size_t least = SIZE_MAX;
	for (size_t i = 0; i < set->n; i++)
		if (set->item[i].n < least)
			least = set->item[i].n;
	return set->n ? least : 0;
}

/* Longer texts find less; of equals the smaller set. */
static void better(struct set *best, const struct set *other)
{
	size_t a = shortest(best), b = shortest(other);
	if (other->n && (b > a || (b == a && other->n < best->n)))
		*best = *other;
}

/* The literal bytes that stand side by side at the moment. */
struct run {
	char p[TEXT_MAX];
	size_t n;
};

static void run_end(struct scan *c, struct run *r, struct set *best)
{
	if (r->n) {
		struct set one = { .n = 1, .item = arena_alloc(c->arena, sizeof(struct str)) };
		one.item[0] = (struct str){ arena_str(c->arena, (struct str){ r->p, r->n }), r->n };
		better(best, &one);
	}
	r->n = 0;
}

static void run_add(struct scan *c, struct run *r, struct set *best, char b)
{
	if (r->n == TEXT_MAX)
		run_end(c, r, best);
	r->p[r->n++] = fold(b);
}

static bool peek(const struct scan *c, char b)
{
	return c->i < c->s.n && c->s.p[c->i] == b;
}

/* `{2}`, `{2,}`, `{2,3}`; anything else in braces is not for us. */
static int braces(struct scan *c)
{
	int kind = c->s.p[c->i + 1] == '0' || c->s.p[c->i + 1] == ',' ? 2 : 1;
	for (c->i++; c->i < c->s.n && one_of(c->s.p[c->i], "0123456789,"); c->i++)
		;
	c->lost |= !peek(c, '}');
	c->i++;
	return kind;
}

/* A quantifier behind an atom: 0 none, 1 at least once, 2 perhaps never. */
static int quantifier(struct scan *c)
{
	if (c->i >= c->s.n)
		return 0;
	char b = c->s.p[c->i];
	int kind = 0;
	if (b == '?' || b == '*') {
		kind = 2;
		c->i++;
	} else if (b == '+') {
		kind = 1;
		c->i++;
	} else if (b == '{' && c->i + 1 < c->s.n &&
	           ((c->s.p[c->i + 1] >= '0' && c->s.p[c->i + 1] <= '9') ||
	            c->s.p[c->i + 1] == ',')) {
		kind = braces(c);
	}
	if (kind && (peek(c, '?') || peek(c, '+')))
		c->i++;
	return kind;
}

/* c->i stands behind '['. */
static void skip_class(struct scan *c)
{
	if (peek(c, '^'))
		c->i++;
	if (peek(c, ']'))
		c->i++;
	while (c->i < c->s.n && c->s.p[c->i] != ']') {
		bool posix = c->s.p[c->i] == '[' && c->i + 1 < c->s.n && c->s.p[c->i + 1] == ':';
		if (c->s.p[c->i] == '\\') {
			c->i++;
			c->lost |= peek(c, 'Q') || peek(c, 'E');
		}
		if (posix) {
			c->i += 2;
			while (c->i < c->s.n && c->s.p[c->i] != ':')
				c->i++;
			c->i++;
		}
		c->i++;
	}
	c->lost |= c->i >= c->s.n;
	c->i++;
}

static struct set alternatives(struct scan *c, int depth);

/* c->i stands behind '('; what the group needs, if it needs to be there at all. */
static struct set group(struct scan *c, int depth)
{
	bool counts = true;
	if (peek(c, '*'))
		c->lost = true;
	if (peek(c, '?')) {
		c->i++;
		char b = (char)(c->i < c->s.n ? c->s.p[c->i] : '\0');
		char next = (char)(c->i + 1 < c->s.n ? c->s.p[c->i + 1] : '\0');
		if (b == ':' || b == '>') {
			c->i++;
		} else if (b == '=' || b == '!') {
			counts = false;
			c->i++;
		} else if (b == '<' && (next == '=' || next == '!')) {
			counts = false;
			c->i += 2;
		} else if (b == '<' || (b == 'P' && next == '<')) {
			while (c->i < c->s.n && c->s.p[c->i] != '>')
				c->i++;
			c->i++;
		} else {
			while (c->i < c->s.n && (c->s.p[c->i] == 'i' || c->s.p[c->i] == 's' ||
			                         c->s.p[c->i] == 'm' || c->s.p[c->i] == '-'))
				c->i++;
			if (peek(c, ')')) {
				c->i++;
				return (struct set){ 0 };
			}
			c->lost |= !peek(c, ':');
			c->i++;
		}
	}
	struct set inner = alternatives(c, depth + 1);
	c->lost |= !peek(c, ')');
	c->i++;
	return counts ? inner : (struct set){ 0 };
}

/* An escape: the byte it stands for, or -1 for anything else that is understood. c->i stands on
 * what follows the backslash. */
static int escape(struct scan *c)
{
	char b = (char)(c->i < c->s.n ? c->s.p[c->i++] : '\0');
	if (strchr("dDwWsSbBAzZhHvVRNtnrfea", b) && b != '\0')
		return -1;
	bool word = (b >= '0' && b <= '9') || (fold(b) >= 'a' && fold(b) <= 'z');
	if (word || b == '\0') {
		c->lost = true;
		return -1;
	}
	return (unsigned char)b;
}

static void atom(struct scan *c, struct run *r, struct set *best, int depth)
{
	char b = c->s.p[c->i++];
	struct set inside = { 0 };
	int literal = -1;
	if (b == '(')
		inside = group(c, depth);
	else if (b == '[')
		skip_class(c);
	else if (b == '\\')
		literal = escape(c);
	else if (b != '.' && b != '^' && b != '$')
		literal = (unsigned char)b;
	bool quantifiable = b != '^';
	int q = quantifiable ? quantifier(c) : 0;
	if (literal >= 0 && q != 2)
		run_add(c, r, best, (char)literal);
	if (literal < 0 || q)
		run_end(c, r, best);
	if (literal < 0 && q != 2)
		better(best, &inside);
}

static struct set sequence(struct scan *c, int depth)
{
	struct set best = { 0 };
	struct run r = { .n = 0 };
	while (c->i < c->s.n && !c->lost && c->s.p[c->i] != '|' && c->s.p[c->i] != ')')
		atom(c, &r, &best, depth);
	run_end(c, &r, &best);
	return best;
}

static struct set alternatives(struct scan *c, int depth)
{
	struct set all = { 0 };
	bool none = false;
	if (depth > DEPTH_MAX) {
		c->lost = true;
		return all;
	}
	all.item = arena_array(c->arena, SET_MAX, sizeof(*all.item));
	for (;;) {
		struct set one = sequence(c, depth);
		none |= one.n == 0 || all.n + one.n > SET_MAX;
		if (!none) {
			memcpy(all.item + all.n, one.item, one.n * sizeof(*one.item));
			all.n += one.n;
		}
		if (c->lost || !peek(c, '|'))
			break;
		c->i++;
	}
	return none ? (struct set){ 0 } : all;
}

size_t literal_required(struct arena *a, struct str pcre2, const struct str **out)
{
	AUTO(arena_done) struct arena scratch = { 0 };
	struct scan c = { .arena = &scratch, .s = pcre2 };
	struct set set = alternatives(&c, 0);
	if (c.lost || c.i < c.s.n || shortest(&set) < SHORT)
		return 0;
	struct str *kept = arena_array(a, set.n, sizeof(*kept));
	for (size_t i = 0; i < set.n; i++)
		kept[i] = (struct str){ arena_str(a, set.item[i]), set.item[i].n };
	*out = kept;
	return set.n;
}

/* One alternative of a list: false when it is more than a text. */
static bool plain(struct arena *a, struct str s, struct alternative *out)
{
	char *text = arena_alloc(a, s.n + 1);
	size_t n = 0, i = 0;
	*out = (struct alternative){ 0 };
	if (s.n && s.p[0] == '^') {
		out->head = true;
		i = 1;
	}
	for (; i < s.n; i++) {
		char b = s.p[i];
		if (b == '$' && i + 1 == s.n) {
			out->tail = true;
		} else if (b == '\\' && i + 1 < s.n &&
		           one_of(s.p[i + 1], "\\^$.|?*+()[]{}/-\"'=<>:;,!@#%&_ ~")) {
			text[n++] = s.p[++i];
		} else if (one_of(b, "\\^$.?*+()[]{}")) {
			return false;
		} else {
			text[n++] = b;
		}
	}
	out->text = (struct str){ text, n };
	return true;
}

size_t literal_list(struct arena *a, struct str pcre2, struct alternative **out)
{
	size_t n = 1;
	for (size_t i = 0; i < pcre2.n; i++)
		n += pcre2.p[i] == '|';
	struct alternative *list = arena_array(a, n, sizeof(*list));
	size_t from = 0, at = 0;
	for (size_t i = 0; i <= pcre2.n; i++) {
		if (i < pcre2.n && pcre2.p[i] == '\\') {
			i++;
			continue;
		}
		if (i < pcre2.n && pcre2.p[i] != '|')
			continue;
		if (!plain(a, (struct str){ pcre2.p + from, i - from }, &list[at++]))
			return 0;
		from = i + 1;
	}
	*out = list;
	return from == pcre2.n + 1 ? at : 0;
}
