#include "module/loginspection/xml.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"

enum { DEPTH_MAX = 16, VALUE_MAX = 1 << 20 };

/* An element whose end tag is still to come. */
struct open_node {
	struct xml_node *node, **child_end;
	struct buf text; /* owned */
};

struct reader {
	struct arena *arena;
	const struct xml_options *options;
	struct str rest;
	unsigned line;
	struct open_node open[DEPTH_MAX];
	size_t depth;
	struct xml_node **root_end;
	struct err *why;
};

static void skip(struct reader *r, size_t n)
{
	for (size_t i = 0; i < n && i < r->rest.n; i++)
		r->line += r->rest.p[i] == '\n';
	r->rest = str_skip(r->rest, n);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct reader *r)
{
	while (r->rest.n && is_space(r->rest.p[0]))
		skip(r, 1);
}

static bool ahead(const struct reader *r, const char *z)
{
	return str_starts(r->rest, str_of(z));
}

static int expected(struct reader *r, const char *what)
{
	return err_set(r->why, -EINVAL, "line %u: %s was expected", r->line, what);
}

/* `<!` to `!>` or `-->`. */
static int comment(struct reader *r)
{
	unsigned from = r->line;
	skip(r, 2);
	for (; r->rest.n; skip(r, 1)) {
		if (ahead(r, "!>")) {
			skip(r, 2);
			return 0;
		}
		if (ahead(r, "-->")) {
			skip(r, 3);
			return 0;
		}
	}
	return err_set(r->why, -EINVAL, "line %u: the comment has no end", from);
}

static bool name_byte(char c)
{
	return !is_space(c) && c != '>' && c != '/' && c != '=' && c != '<' && c != '?' &&
	       c != '"' && c != '\'';
}

static struct str take_name(struct reader *r)
{
	size_t n = 0;
	while (n < r->rest.n && name_byte(r->rest.p[n]))
		n++;
	struct str name = { r->rest.p, n };
	skip(r, n);
	return name;
}

static int attribute(struct reader *r, struct xml_node *n)
{
	struct xml_attr *a = arena_alloc(r->arena, sizeof(*a));
	a->name = take_name(r);
	skip_space(r);
	if (a->name.n == 0 || !ahead(r, "="))
		return expected(r, "an attribute's name and '='");
	skip(r, 1);
	skip_space(r);
	char quote = (char)(r->rest.n ? r->rest.p[0] : '\0');
	if (quote != '"' && quote != '\'')
		return expected(r, "an attribute's value in quotes");
	skip(r, 1);
	const char *end = r->rest.n ? memchr(r->rest.p, quote, r->rest.n) : NULL;
	if (!end)
		return expected(r, "the closing quote of an attribute");
	a->value = (struct str){ r->rest.p, (size_t)(end - r->rest.p) };
	skip(r, a->value.n + 1);
	a->next = n->attrs;
	n->attrs = a;
	return 0;
}

static void close_node(struct reader *r)
{
	struct open_node *o = &r->open[--r->depth];
	o->node->text = (struct str){ arena_str(r->arena, buf_view(&o->text)), o->text.n };
	buf_done(&o->text);
}

static int start_tag(struct reader *r)
{
	struct xml_node *n = arena_alloc(r->arena, sizeof(*n));
	n->line = r->line;
	skip(r, 1);
	bool instruction = ahead(r, "?");
	struct str name = { r->rest.p, instruction };
	if (instruction)
		skip(r, 1);
	struct str word = take_name(r);
	n->name = (struct str){ name.n ? name.p : word.p, name.n + word.n };
	if (word.n == 0)
		return expected(r, "an element's name after '<'");
	for (;;) {
		skip_space(r);
		if (instruction && ahead(r, "?>")) {
			skip(r, 2);
			n->closed = true;
			break;
		}
		if (!instruction && ahead(r, "/>")) {
			skip(r, 2);
			n->closed = true;
			break;
		}
		if (!instruction && ahead(r, ">")) {
			skip(r, 1);
			break;
		}
		if (!r->rest.n)
			return expected(r, "'>'");
		int rc = attribute(r, n);
		if (rc < 0)
			return rc;
	}
	if (instruction && !str_is(n->name, "?yagura"))
		return 0;
	struct xml_node ***end = r->depth ? &r->open[r->depth - 1].child_end : &r->root_end;
	**end = n;
	*end = &n->next;
	if (n->closed)
		return 0;
	if (r->depth == DEPTH_MAX)
		return err_set(r->why, -EINVAL, "line %u: more than %d elements inside each other",
		               r->line, DEPTH_MAX);
	r->open[r->depth++] =
		(struct open_node){ .node = n, .child_end = &n->child, .text.max = VALUE_MAX };
	return 0;
}

static int end_tag(struct reader *r)
{
	skip(r, 2);
	struct str name = take_name(r);
	skip_space(r);
	if (!ahead(r, ">"))
		return expected(r, "'>' of an end tag");
	if (!r->depth)
		return err_set(r->why, -EINVAL, "line %u: </%.*s> ends nothing", r->line,
		               STR_ARG(name));
	struct xml_node *n = r->open[r->depth - 1].node;
	if (!str_eq(n->name, name))
		return err_set(
			r->why, -EINVAL,
			"line %u: </%.*s> was expected (<%.*s> began in line %u), not </%.*s>",
			r->line, STR_ARG(n->name), STR_ARG(n->name), n->line, STR_ARG(name));
	skip(r, 1);
	n->closed = true;
	close_node(r);
	return 0;
}

/* Everything up to the next tag. */
static void text(struct reader *r)
{
	bool escaped = false;
	size_t n = 0;
	for (; n < r->rest.n; n++) {
		char c = r->rest.p[n];
		if (c == '<' && !escaped)
			break;
		escaped = c == '\\' && !(escaped && r->options->toggles);
	}
	if (r->depth)
		buf_add(&r->open[r->depth - 1].text, r->rest.p, n);
	skip(r, n);
}

static int parse(struct reader *r)
{
	if (ahead(r, "\xef\xbb\xbf"))
		skip(r, 3);
	while (r->rest.n) {
		int rc = 0;
		if (r->rest.p[0] != '<')
			text(r);
		else if (ahead(r, "<!"))
			rc = comment(r);
		else if (ahead(r, "</"))
			rc = end_tag(r);
		else
			rc = start_tag(r);
		if (rc < 0)
			return rc;
	}
	if (!r->depth)
		return 0;
	const struct xml_node *n = r->open[r->depth - 1].node;
	return err_set(r->why, -EINVAL, "line %u: </%.*s> was expected (<%.*s> began in line %u)",
	               r->line, STR_ARG(n->name), STR_ARG(n->name), n->line);
}

int xml_parse(struct arena *a, struct str file, const struct xml_options *o, struct xml_node **out,
              struct err *why)
{
	*out = NULL;
	struct reader r = {
		.arena = a, .options = o, .rest = file, .line = 1, .root_end = out, .why = why
	};
	int rc = parse(&r);
	while (r.depth)
		close_node(&r);
	return rc;
}

struct str xml_attr(const struct xml_node *n, const char *name)
{
	for (const struct xml_attr *a = n->attrs; a; a = a->next)
		if (str_is(a->name, name))
			return a->value;
	return (struct str){ 0 };
}

/* ---- variables ---- */

struct variables {
	struct arena *arena;
	const struct xml_node *roots;
	void (*unknown)(void *to, unsigned line, struct str name);
	void *to;
};

static const struct xml_node *variable(const struct variables *v, struct str name)
{
	for (const struct xml_node *n = v->roots; n; n = n->next)
		if (str_is(n->name, "var") && str_eq_nocase(xml_attr(n, "name"), name))
			return n;
	return NULL;
}

static size_t name_length(struct str s)
{
	size_t n = 0;
	while (n < s.n && !strchr("$.|, ", s.p[n]) && s.p[n] != '\0')
		n++;
	return n;
}

/* `$(field)` belongs to descriptions and is filled from the event. */
static struct str replaced(const struct variables *v, unsigned line, struct str s)
{
	if (!s.n || !memchr(s.p, '$', s.n))
		return s;
	AUTO(buf_done) struct buf b = { .max = VALUE_MAX };
	while (s.n) {
		if (s.p[0] != '$') {
			buf_char(&b, s.p[0]);
			s = str_skip(s, 1);
			continue;
		}
		struct str name = str_skip(s, 1);
		name.n = name_length(name);
		const struct xml_node *n = name.n && name.p[0] != '(' ? variable(v, name) : NULL;
		if (n) {
			buf_str(&b, n->text);
			s = str_skip(s, 1 + name.n);
			continue;
		}
		if (name.n && name.p[0] != '(')
			v->unknown(v->to, line, name);
		buf_char(&b, '$');
		s = str_skip(s, 1);
	}
	return (struct str){ arena_str(v->arena, buf_view(&b)), b.n };
}

static void replace_all(const struct variables *v, struct xml_node *n, int depth)
{
	for (; n && depth <= DEPTH_MAX; n = n->next) {
		if (depth == 0 && str_is(n->name, "var"))
			continue;
		n->text = replaced(v, n->line, n->text);
		for (struct xml_attr *a = n->attrs; a; a = a->next)
			a->value = replaced(v, n->line, a->value);
		replace_all(v, n->child, depth + 1);
	}
}

void xml_variables(struct arena *a, struct xml_node *roots,
                   void (*unknown)(void *to, unsigned line, struct str name), void *to)
{
	struct variables v = { a, roots, unknown, to };
	for (const struct xml_node *n = roots; n; n = n->next)
		if (str_is(n->name, "var")) {
			replace_all(&v, roots, 0);
			return;
		}
}
