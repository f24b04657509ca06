#include "engine/web/sql.h"

struct known {
	const char *text;
	enum sql_word word;
};

/* By their bytes: they are searched by halves. */
static const struct known words[] = {
	{ "all", WORD_ALL },
	{ "alter", WORD_STATEMENT },
	{ "and", WORD_LOGIC },
	{ "as", WORD_AS },
	{ "asc", WORD_CLAUSE },
	{ "ascii", WORD_BUILD },
	{ "backup", WORD_STATEMENT },
	{ "begin", WORD_STATEMENT },
	{ "benchmark", WORD_FUNCTION },
	{ "between", WORD_RELATE },
	{ "by", WORD_BY },
	{ "call", WORD_STATEMENT },
	{ "case", WORD_CASE },
	{ "cast", WORD_CAST },
	{ "char", WORD_BUILD },
	{ "chr", WORD_BUILD },
	{ "collate", WORD_CLAUSE },
	{ "column", WORD_OBJECT },
	{ "concat", WORD_BUILD },
	{ "concat_ws", WORD_BUILD },
	{ "convert", WORD_CAST },
	{ "copy", WORD_STATEMENT },
	{ "create", WORD_STATEMENT },
	{ "ctxsys", WORD_SCHEMA },
	{ "current_user", WORD_SCHEMA },
	{ "database", WORD_OBJECT },
	{ "dbms_pipe", WORD_FUNCTION },
	{ "declare", WORD_STATEMENT },
	{ "delay", WORD_DELAY },
	{ "delete", WORD_STATEMENT },
	{ "desc", WORD_CLAUSE },
	{ "distinct", WORD_ALL },
	{ "distinctrow", WORD_ALL },
	{ "div", WORD_LOGIC },
	{ "drop", WORD_STATEMENT },
	{ "dumpfile", WORD_FILE },
	{ "else", WORD_CLAUSE },
	{ "elt", WORD_BUILD },
	{ "end", WORD_CLAUSE },
	{ "escape", WORD_CLAUSE },
	{ "except", WORD_UNION },
	{ "exec", WORD_STATEMENT },
	{ "execute", WORD_STATEMENT },
	{ "exists", WORD_EXISTS },
	{ "exp", WORD_FUNCTION },
	{ "extractvalue", WORD_FUNCTION },
	{ "false", WORD_CONSTANT },
	{ "from", WORD_FROM },
	{ "function", WORD_OBJECT },
	{ "geometrycollection", WORD_FUNCTION },
	{ "glob", WORD_RELATE },
	{ "grant", WORD_STATEMENT },
	{ "group", WORD_GROUP },
	{ "group_concat", WORD_BUILD },
	{ "gtid_subset", WORD_FUNCTION },
	{ "handler", WORD_STATEMENT },
	{ "having", WORD_HAVING },
	{ "hex", WORD_BUILD },
	{ "if", WORD_BUILD },
	{ "ilike", WORD_RELATE },
	{ "in", WORD_RELATE },
	{ "index", WORD_OBJECT },
	{ "information_schema", WORD_SCHEMA },
	{ "insert", WORD_STATEMENT },
	{ "intersect", WORD_UNION },
	{ "into", WORD_INTO },
	{ "is", WORD_RELATE },
	{ "join", WORD_FROM },
	{ "json_keys", WORD_FUNCTION },
	{ "like", WORD_RELATE },
	{ "limit", WORD_CLAUSE },
	{ "load_extension", WORD_FUNCTION },
	{ "load_file", WORD_FUNCTION },
	{ "make_set", WORD_BUILD },
	{ "master", WORD_OBJECT },
	{ "merge", WORD_STATEMENT },
	{ "mid", WORD_BUILD },
	{ "minus", WORD_UNION },
	{ "mod", WORD_LOGIC },
	{ "mysql", WORD_OBJECT },
	{ "not", WORD_NOT },
	{ "null", WORD_CONSTANT },
	{ "offset", WORD_CLAUSE },
	{ "on", WORD_CLAUSE },
	{ "or", WORD_LOGIC },
	{ "ord", WORD_BUILD },
	{ "order", WORD_GROUP },
	{ "outfile", WORD_FILE },
	{ "pg_catalog", WORD_SCHEMA },
	{ "pg_ls_dir", WORD_FUNCTION },
	{ "pg_read_file", WORD_FUNCTION },
	{ "pg_shadow", WORD_SCHEMA },
	{ "pg_sleep", WORD_FUNCTION },
	{ "pg_user", WORD_SCHEMA },
	{ "polygon", WORD_FUNCTION },
	{ "procedure", WORD_INTO },
	{ "randomblob", WORD_FUNCTION },
	{ "regexp", WORD_RELATE },
	{ "rlike", WORD_RELATE },
	{ "schema", WORD_OBJECT },
	{ "select", WORD_SELECT },
	{ "set", WORD_STATEMENT },
	{ "shutdown", WORD_STATEMENT },
	{ "similar", WORD_RELATE },
	{ "sleep", WORD_FUNCTION },
	{ "sqlite_master", WORD_SCHEMA },
	{ "sqlite_schema", WORD_SCHEMA },
	{ "substr", WORD_BUILD },
	{ "substring", WORD_BUILD },
	{ "sysobjects", WORD_SCHEMA },
	{ "table", WORD_OBJECT },
	{ "then", WORD_CLAUSE },
	{ "to", WORD_CLAUSE },
	{ "trigger", WORD_OBJECT },
	{ "true", WORD_CONSTANT },
	{ "truncate", WORD_STATEMENT },
	{ "union", WORD_UNION },
	{ "update", WORD_STATEMENT },
	{ "updatexml", WORD_FUNCTION },
	{ "user", WORD_OBJECT },
	{ "utl_http", WORD_FUNCTION },
	{ "utl_inaddr", WORD_FUNCTION },
	{ "values", WORD_CLAUSE },
	{ "view", WORD_OBJECT },
	{ "waitfor", WORD_WAIT },
	{ "when", WORD_WHEN },
	{ "where", WORD_CLAUSE },
	{ "xmltype", WORD_FUNCTION },
	{ "xor", WORD_LOGIC },
	{ "xp_cmdshell", WORD_SCHEMA },
	{ "xp_dirtree", WORD_SCHEMA },
};

static int compare(struct str s, const char *word)
{
	for (size_t i = 0; i < s.n; i++) {
		int d = (uint8_t)lower(s.p[i]) - (uint8_t)word[i];
		if (d != 0 || !word[i])
			return d;
	}
	return word[s.n] ? -1 : 0;
}

static enum sql_word word_of(struct str s)
{
	size_t low = 0, high = sizeof(words) / sizeof(*words);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int d = compare(s, words[mid].text);
		if (d == 0)
			return words[mid].word;
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return WORD_NONE;
}

/* Code in a comment that MySQL reads: its opening goes, with the version. */
static size_t conditional(struct sql_reader *r, size_t i)
{
	size_t k = i + 3;
	while (k < r->s.n && is_digit(r->s.p[k]) && k < i + 9)
		k++;
	r->inside = true;
	return k;
}

/* Blanks, and comments that stand for one. true: the rest is an open comment. */
static bool skip(struct sql_reader *r)
{
	struct str s = r->s;
	for (;;) {
		r->i = skip_blanks(s, r->i);
		/* U+00A0 is a blank to some. */
		if ((uint8_t)at(s, r->i) == 0xa0) {
			r->i++;
		} else if ((uint8_t)at(s, r->i) == 0xc2 && (uint8_t)at(s, r->i + 1) == 0xa0) {
			r->i += 2;
		} else if (r->inside && goes_on(s, r->i, "*/")) {
			r->inside = false;
			r->i += 2;
		} else if (goes_on(s, r->i, "/*!") || goes_on(s, r->i, "/*m!")) {
			r->i = conditional(r, r->i);
		} else if (goes_on(s, r->i, "/*")) {
			size_t end = look_for(s, r->i + 2, "*/");
			if (end == s.n)
				return true;
			r->i = end + 2;
		} else {
			return false;
		}
	}
}

static struct sql_token token(struct sql_reader *r, enum sql_kind kind, size_t to)
{
	struct sql_token t = { .kind = kind, .text = part(r->s, r->i, to) };
	r->i = to;
	return t;
}

static struct sql_token string(struct sql_reader *r, char quote)
{
	size_t i = r->i + 1;
	while (i < r->s.n && r->s.p[i] != quote)
		i += r->s.p[i] == '\\' ? 2 : 1;
	if (i >= r->s.n) {
		struct sql_token t = token(r, SQL_STRING, r->s.n);
		t.open = true;
		return t;
	}
	return token(r, quote == '`' ? SQL_WORD : SQL_STRING, i + 1);
}

static struct sql_token remark(struct sql_reader *r)
{
	size_t end = r->i;
	while (end < r->s.n && r->s.p[end] != '\n')
		end++;
	struct sql_token t = token(r, SQL_REMARK, end);
	t.open = skip_blanks(r->s, end) == r->s.n;
	return t;
}

static struct sql_token number(struct sql_reader *r)
{
	struct str s = r->s;
	size_t i = r->i;
	bool hex = at(s, i) == '0' && lower(at(s, i + 1)) == 'x';
	i += hex ? 2 : 0;
	while (i < s.n && (is_digit(s.p[i]) || (hex && is_word(s.p[i])) || s.p[i] == '.'))
		i++;
	/* 1e5, and 1e0union, which MySQL takes apart */
	if (!hex && lower(at(s, i)) == 'e' && is_digit(at(s, i + 1))) {
		i++;
		while (i < s.n && is_digit(s.p[i]))
			i++;
	}
	return token(r, SQL_NUMBER, i);
}

static struct sql_token word(struct sql_reader *r)
{
	size_t i = r->i;
	while (i < r->s.n && (is_word(r->s.p[i]) || r->s.p[i] == '$'))
		i++;
	/* N'text', x'41', _utf8'text' */
	if (at(r->s, i) == '\'' && i - r->i <= 8 && (i - r->i == 1 || *(r->s.p + r->i) == '_')) {
		r->i = i;
		return string(r, '\'');
	}
	struct sql_token t = token(r, SQL_WORD, i);
	t.word = word_of(t.text);
	return t;
}

static struct sql_token mark(struct sql_reader *r)
{
	static const char *const operators[] = { "||", "&&", "<<", ">>", NULL };
	static const char *const relations[] = { "<=>", "<>", "!=", "<=", ">=",
		                                 ":=",  "==", "~=", "^=", NULL };
	struct str s = r->s;
	for (const char *const *o = relations; *o; o++)
		if (goes_on(s, r->i, *o))
			return token(r, SQL_RELATE, r->i + strlen(*o));
	for (const char *const *o = operators; *o; o++)
		if (goes_on(s, r->i, *o))
			return token(r, SQL_OPERATE, r->i + 2);
	char c = s.p[r->i];
	static const struct {
		char c;
		enum sql_kind kind;
	} marks[] = { { '(', SQL_OPEN },      { ')', SQL_CLOSE },  { ',', SQL_COMMA },
		      { ';', SQL_SEMICOLON }, { '.', SQL_DOT },    { '=', SQL_RELATE },
		      { '<', SQL_RELATE },    { '>', SQL_RELATE }, { '{', SQL_OPEN },
		      { '}', SQL_CLOSE } };
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (marks[i].c == c)
			return token(r, marks[i].kind, r->i + 1);
	return token(r, c && strchr("+-*/%^~!|&:", c) ? SQL_OPERATE : SQL_STRANGE, r->i + 1);
}

struct sql_token sql_next(struct sql_reader *r)
{
	struct str s = r->s;
	if (skip(r)) {
		struct sql_token t = token(r, SQL_REMARK, s.n);
		t.open = true;
		return t;
	}
	if (r->i >= s.n)
		return (struct sql_token){ .kind = SQL_END, .text = { "", 0 } };
	char c = s.p[r->i], next = at(s, r->i + 1);
	if (c == '\'' || c == '"' || c == '`')
		return string(r, c);
	if (c == '#' || (c == '-' && next == '-' && !is_digit(at(s, r->i + 2))))
		return remark(r);
	if (is_digit(c) || (c == '.' && is_digit(next)))
		return number(r);
	if (c == '@') {
		size_t i = r->i + 1 + (next == '@');
		return token(r, SQL_VARIABLE, skip_word(s, i));
	}
	if (is_word(c))
		return word(r);
	return mark(r);
}
