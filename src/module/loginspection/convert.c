#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "module/loginspection/pattern.h"

/*
 * OS_Regex as OSSEC 3.3 and later translates it to PCRE2. Quantifiers become lazy, but for those at
 * the end of an alternative. The result is compiled caseless, with dotall and dollar_endonly.
 */

static const char *class_of(char c)
{
	switch (c) {
	case 'w':
		return "[A-Za-z0-9_@-]";
	case 'W':
		return "[^A-Za-z0-9_@-]";
	case 'd':
		return "[0-9]";
	case 'D':
		return "[^0-9]";
	case 's':
		return "[ ]";
	case 'S':
		return "[^ ]";
	case 'p':
		return "[!\"#$%&'()*+,\\-.:;<=>?\\[\\]{|}]";
	case 't':
		return "\\t";
	case '.':
		return ".";
	default:
		return NULL;
	}
}

static void literal(struct buf *out, char c)
{
	if (c != '\0' && strchr("\\^$.|?*+()[]{}", c))
		buf_char(out, '\\');
	buf_char(out, c);
}

/* Is what follows text[i] only closing brackets and then the alternative's end? */
static bool at_the_end(struct str text, size_t i)
{
	for (i++; i < text.n && text.p[i] == ')'; i++)
		;
	return i == text.n || text.p[i] == '|' || (text.p[i] == '$' && i + 1 == text.n) ||
	       (text.p[i] == '$' && text.p[i + 1] == '|');
}

static bool top_end(struct str text, size_t i)
{
	return i + 1 == text.n || text.p[i + 1] == '|';
}

static int escape(struct str text, size_t i, bool classic, struct buf *out, struct err *why)
{
	if (i + 1 == text.n)
		return err_set(why, -EINVAL,
		               "something to escape was expected after the last '\\'");
	char c = text.p[i + 1];
	const char *class = class_of(c);
	if (class)
		buf_z(out, class);
	else if (c != '\0' && strchr(classic ? "()\\$|<" : "()\\$|<{}[]", c))
		literal(out, c);
	else
		return err_set(
			why, -EINVAL,
			"one of \\w \\W \\d \\D \\s \\S \\p \\t \\. \\( \\) \\\\ \\$ \\| \\< was "
			"expected at byte %zu",
			i + 1);
	return 0;
}

struct conversion {
	struct str text;
	bool classic;
	int depth;
	bool begins;   /* an alternative of the top level begins here */
	size_t quoted; /* where the last escape began, or SIZE_MAX */
};

static bool quantified(const struct conversion *c, size_t i)
{
	if (c->classic)
		return c->quoted != SIZE_MAX && c->quoted + 2 == i;
	return i >= 2 && c->text.p[i - 2] == '\\';
}

static int group(struct conversion *c, size_t i, struct buf *out, struct err *why)
{
	char b = c->text.p[i];
	if (b == '(' && c->classic && c->depth)
		return err_set(why, -EINVAL, "no group inside a group was expected at byte %zu",
		               i + 1);
	if (b == ')' && !c->depth)
		return err_set(why, -EINVAL, "'(' was expected before ')' at byte %zu", i + 1);
	if (b == '|' && c->depth && c->classic)
		return err_set(why, -EINVAL, "')' was expected before '|' at byte %zu", i + 1);
	c->depth += b == '(' ? 1 : b == ')' ? -1 : 0;
	buf_char(out, b);
	return 0;
}

static int one(struct conversion *c, size_t *i, struct buf *out, struct err *why)
{
	char b = c->text.p[*i];
	bool begins = c->begins;
	c->begins = b == '|' && !c->depth;
	if (b == '\\') {
		int rc = escape(c->text, *i, c->classic, out, why);
		c->quoted = *i;
		*i += 1;
		return rc;
	}
	if (b == '(' || b == ')' || b == '|')
		return group(c, *i, out, why);
	if ((b == '+' || b == '*') && quantified(c, *i)) {
		buf_char(out, b);
		if (!at_the_end(c->text, *i))
			buf_char(out, '?');
		c->quoted = SIZE_MAX;
	} else if ((b == '^' && begins) || (b == '$' && !c->depth && top_end(c->text, *i))) {
		buf_char(out, b);
	} else {
		literal(out, b);
	}
	return 0;
}

int osregex_convert(struct str text, bool classic, struct buf *out, struct err *why)
{
	struct conversion c = {
		.text = text, .classic = classic, .begins = true, .quoted = SIZE_MAX
	};
	for (size_t i = 0; i < text.n; i++) {
		int rc = one(&c, &i, out, why);
		if (rc < 0)
			return rc;
	}
	if (c.depth)
		return err_set(why, -EINVAL, "')' was expected at the end");
	return buf_end(out);
}
