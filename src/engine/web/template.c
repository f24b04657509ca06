#include "engine/web/scan.h"

/*
 * Expressions that a server's template engine would compute. Marks alone are everywhere (Vue,
 * Mustache, shells, documentation); what is between them tells an attack.
 */

enum { EXPRESSIONS_MAX = 32, EXPRESSION_MAX = 4096 };

static const struct {
	const char *open, *close;
} marks[] = {
	{ "{{", "}}" },     { "${", "}" },    { "#{", "}" },         { "<%", "%>" },
	{ "{%", "%}" },     { "*{", "}" },    { "~{", "}" },         { "[[", "]]" },
	{ "@(", ")" },      { "#set(", ")" }, { "{php}", "{/php}" }, { "{$smarty", "}" },
	{ "{system", "}" }, { "{if ", "}" },  { "<#", ">" },         { "[#", "]" },
	{ "$(\"", ")" },    { "@{", "}" },
};

static const char *const insides[] = { "__class__",
	                               "__mro__",
	                               "__subclasses__",
	                               "__globals__",
	                               "__builtins__",
	                               "__import__",
	                               "__init__",
	                               "__base__",
	                               "__dict__",
	                               "__getattribute__",
	                               "t(java",
	                               "java.lang",
	                               "java.util",
	                               "java.io",
	                               "getruntime",
	                               "processbuilder",
	                               "getclass",
	                               "forname",
	                               "scriptengine",
	                               "freemarker.template",
	                               "?new()",
	                               "?api",
	                               "self.template",
	                               "_self.env",
	                               "registerundefined",
	                               "constructor.constructor",
	                               "child_process",
	                               "require(",
	                               "global.process",
	                               "process.mainmodule",
	                               "file.open",
	                               "io.popen",
	                               "system(",
	                               "exec(",
	                               "popen(",
	                               "passthru(",
	                               "shell_exec",
	                               "eval(",
	                               "%x(",
	                               "kernel.",
	                               "methodinvoker",
	                               "ognl",
	                               "@java",
	                               "smarty.version",
	                               "getstreamvariable",
	                               "writefile",
	                               "system.diagnostics",
	                               "getflag",
	                               "file_get_contents",
	                               "|attr(",
	                               "\\x5f\\x5f",
	                               "lookupmethod",
	                               NULL };

static const char *const objects[] = { "config",
	                               "_self",
	                               "self",
	                               "lipsum",
	                               "cycler",
	                               "joiner",
	                               "namespace",
	                               "url_for",
	                               "get_flashed_messages",
	                               "request",
	                               "settings",
	                               "_context",
	                               "app",
	                               "this",
	                               "dump",
	                               "runtimeclass",
	                               "engine",
	                               "session",
	                               "g",
	                               NULL };

static bool arithmetic(struct str s)
{
	size_t digits = 0, operators = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		digits += is_digit(c);
		bool sign = strchr("*+-/%", c) != NULL && c;
		operators += sign;
		if (!is_digit(c) && !sign && !strchr(" =().'\"", c))
			return false;
	}
	return digits >= 2 && operators >= 1;
}

static void one_expression(struct str s, struct web_found *f)
{
	struct str text = str_trim(s);
	if (at(text, 0) == '=' || at(text, 0) == '-')
		text = str_trim(str_skip(text, 1));
	if (text.n == 0)
		return;
	web_find(f, WEB_TEMPLATE_MARKER);
	if (arithmetic(text))
		web_find(f, WEB_TEMPLATE_ARITHMETIC);
	for (const char *const *w = insides; *w; w++)
		if (look_for(text, 0, *w) < text.n) {
			web_find(f, WEB_TEMPLATE_INSIDE);
			break;
		}
	struct str first = part(text, 0, skip_word(text, 0));
	char next = at(text, skip_blanks(text, first.n));
	if (one_of(first, objects) && (first.n == text.n || strchr(".[(|", next)))
		web_find(f, WEB_TEMPLATE_OBJECT);
	bool called = next == '.' && look_for(text, first.n, "(") < text.n;
	if (first.n > 0 && (called || (next && strchr("([", next))))
		web_find(f, WEB_TEMPLATE_CALL);
}

static void keep_most(struct web_found *best, unsigned *most, const struct web_found *is)
{
	unsigned sum = 0;
	for (unsigned i = WEB_TEMPLATE_MARKER; i <= WEB_TEMPLATE_CALL; i++)
		sum += web_features[i].weight * is->times[i];
	if (sum <= *most)
		return;
	*most = sum;
	*best = *is;
}

void web_read_template(const struct web_value *v, struct str text, struct web_found *found)
{
	struct web_found best = { 0 };
	unsigned n = 0, most = 0;
	(void)v;
	for (size_t i = 0; i < text.n && n < EXPRESSIONS_MAX; i++) {
		if (!strchr("{$#<*~[@", text.p[i]) || text.p[i] == '\0')
			continue;
		for (size_t k = 0; k < sizeof(marks) / sizeof(*marks); k++) {
			if (!goes_on(text, i, marks[k].open))
				continue;
			size_t from = i + strlen(marks[k].open);
			size_t limit =
				from + EXPRESSION_MAX < text.n ? from + EXPRESSION_MAX : text.n;
			struct str rest = part(text, 0, limit);
			size_t end = look_for(rest, from, marks[k].close);
			struct web_found is = { 0 };
			if (end == rest.n)
				continue;
			n++;
			one_expression(part(text, from, end), &is);
			keep_most(&best, &most, &is);
		}
	}
	for (unsigned i = WEB_TEMPLATE_MARKER; i <= WEB_TEMPLATE_CALL; i++)
		found->times[i] = best.times[i];
}
