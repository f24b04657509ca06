#include "engine/web/sql.h"

/*
 * SQL injection. A value stands in a statement as it is, or in quotes of one of two kinds; in each
 * of these places it is read as a database would read what follows. Words alone say nothing: only
 * what continues a statement behind a quote, a number or a parenthesis counts, so that prose, names
 * with apostrophes and statements that somebody merely writes about do not.
 */

enum { TOKENS_MAX = 256, PREFIX_SHORT = 40 };

struct sql_walk {
	struct sql_token t[TOKENS_MAX + 4]; /* the last ones are SQL_END */
	size_t n;
	struct web_found *found;
	bool weak; /* what precedes may be a word of prose */
};

static void read_tokens(struct sql_walk *w, struct str s)
{
	struct sql_reader r = { .s = s };
	for (w->n = 0; w->n < TOKENS_MAX; w->n++) {
		w->t[w->n] = sql_next(&r);
		if (w->t[w->n].kind == SQL_END)
			break;
	}
	for (size_t i = w->n; i < TOKENS_MAX + 4; i++)
		w->t[i] = (struct sql_token){ .kind = SQL_END, .text = { "", 0 } };
}

static bool is_kind(const struct sql_walk *w, size_t i, enum sql_kind kind)
{
	return i < TOKENS_MAX && w->t[i].kind == kind;
}

static bool is_known(const struct sql_walk *w, size_t i, enum sql_word word)
{
	return is_kind(w, i, SQL_WORD) && w->t[i].word == word;
}

static size_t skip_opens(const struct sql_walk *w, size_t i)
{
	while (is_kind(w, i, SQL_OPEN))
		i++;
	return i;
}

static bool ends(const struct sql_walk *w, size_t i)
{
	return is_kind(w, i, SQL_END) || is_kind(w, i, SQL_REMARK) || is_kind(w, i, SQL_SEMICOLON);
}

/* ---- expressions ---- */

struct operand {
	size_t next; /* 0: there is none */
	bool constant;
};

static size_t balanced(const struct sql_walk *w, size_t i)
{
	unsigned depth = 0;
	for (; i < w->n; i++) {
		depth += w->t[i].kind == SQL_OPEN;
		if (w->t[i].kind == SQL_CLOSE && --depth == 0)
			return i + 1;
	}
	return w->n;
}

static size_t skip_signs(const struct sql_walk *w, size_t i)
{
	while (is_kind(w, i, SQL_OPERATE) || is_known(w, i, WORD_NOT) || is_kind(w, i, SQL_OPEN) ||
	       is_known(w, i, WORD_ALL))
		i++;
	return i;
}

static struct operand operand(const struct sql_walk *w, size_t i)
{
	i = skip_signs(w, i);
	if (i >= w->n)
		return (struct operand){ 0 };
	const struct sql_token *t = &w->t[i];
	if (t->kind == SQL_NUMBER || t->kind == SQL_STRING || is_known(w, i, WORD_CONSTANT))
		return (struct operand){ i + 1, true };
	if (t->kind == SQL_VARIABLE)
		return (struct operand){ i + 1, false };
	if (is_known(w, i, WORD_SELECT) || is_known(w, i, WORD_CASE) || is_known(w, i, WORD_EXISTS))
		return (struct operand){ i + 1, false };
	bool name = t->kind == SQL_WORD &&
	            (t->word == WORD_NONE || t->word == WORD_BUILD || t->word == WORD_CAST ||
	             t->word == WORD_FUNCTION || t->word == WORD_SCHEMA || t->word == WORD_OBJECT);
	if (!name)
		return (struct operand){ 0 };
	i++;
	while (is_kind(w, i, SQL_DOT) && is_kind(w, i + 1, SQL_WORD))
		i += 2;
	if (is_kind(w, i, SQL_OPEN))
		i = balanced(w, i);
	return (struct operand){ i, false };
}

static size_t skip_closes(const struct sql_walk *w, size_t i)
{
	while (is_kind(w, i, SQL_CLOSE))
		i++;
	return i;
}

/* or a = b, and 1 in (1), && x is not null */
static void comparison(const struct sql_walk *w, size_t i)
{
	struct operand left = operand(w, i);
	if (!left.next)
		return;
	i = skip_closes(w, left.next);
	bool sign = is_kind(w, i, SQL_RELATE);
	while (is_known(w, i, WORD_NOT))
		i++;
	if (!sign && !is_known(w, i, WORD_RELATE))
		return;
	bool is_not = !sign && is_known(w, i + 1, WORD_NOT);
	struct operand right = operand(w, i + 1 + is_not);
	if (!right.next)
		return;
	bool constant = left.constant && right.constant;
	/* "cats or dogs = fun": with a word before, only constants tell. */
	if (w->weak && !constant)
		return;
	web_find(w->found, WEB_SQL_COMPARE);
	if (constant)
		web_find(w->found, WEB_SQL_CONSTANT);
}

/* ---- statements ---- */

static bool selects(const struct sql_walk *w, size_t i)
{
	i = skip_signs(w, i + 1);
	const struct sql_token *t = &w->t[i < TOKENS_MAX ? i : TOKENS_MAX];
	if (t->kind == SQL_NUMBER || t->kind == SQL_STRING || t->kind == SQL_VARIABLE)
		return true;
	/* select * */
	if (i > 0 && w->t[i - 1].kind == SQL_OPERATE && (is_known(w, i, WORD_FROM) || ends(w, i)))
		return true;
	if (t->kind != SQL_WORD)
		return false;
	if (t->word == WORD_CONSTANT || t->word == WORD_CASE || t->word == WORD_BUILD ||
	    t->word == WORD_CAST || t->word == WORD_FUNCTION || t->word == WORD_SCHEMA)
		return true;
	i++;
	while (is_kind(w, i, SQL_DOT))
		i += 2;
	return is_kind(w, i, SQL_COMMA) || is_kind(w, i, SQL_OPEN) || is_known(w, i, WORD_FROM) ||
	       (!w->weak && (ends(w, i) || is_kind(w, i, SQL_CLOSE)));
}

/* Does a statement begin here? Its first words must fit, so that prose does not. */
static bool statement(const struct sql_walk *w, size_t i)
{
	if (is_known(w, i, WORD_SELECT))
		return selects(w, i);
	if (is_known(w, i, WORD_WAIT))
		return is_known(w, i + 1, WORD_DELAY) || is_kind(w, i + 1, SQL_WORD);
	if (!is_known(w, i, WORD_STATEMENT))
		return false;
	struct str s = w->t[i].text;
	static const char *const of_object[] = { "drop", "create", "alter", "truncate", NULL };
	static const char *const of_into[] = { "insert", "merge", NULL };
	static const char *const alone[] = { "shutdown", NULL };
	static const char *const called[] = { "exec", "execute", "call", NULL };
	if (one_of(s, of_object))
		return is_known(w, i + 1, WORD_OBJECT);
	if (one_of(s, of_into))
		return is_known(w, i + 1, WORD_INTO);
	if (one_of(s, alone))
		return ends(w, i + 1) || is_kind(w, i + 1, SQL_WORD);
	if (one_of(s, called))
		return (is_kind(w, i + 1, SQL_WORD) || is_kind(w, i + 1, SQL_OPEN) ||
		        is_kind(w, i + 1, SQL_VARIABLE)) &&
		       (!is_kind(w, i + 2, SQL_WORD) || is_known(w, i + 1, WORD_OBJECT) ||
		        is_known(w, i + 1, WORD_SCHEMA));
	if (str_eq_nocase(s, STR("delete")))
		return is_known(w, i + 1, WORD_FROM);
	if (str_eq_nocase(s, STR("update")))
		return is_kind(w, i + 1, SQL_WORD) && is_known(w, i + 2, WORD_STATEMENT);
	if (str_eq_nocase(s, STR("declare")) || str_eq_nocase(s, STR("set")))
		return is_kind(w, i + 1, SQL_VARIABLE);
	if (str_eq_nocase(s, STR("copy")))
		return is_kind(w, i + 1, SQL_WORD) &&
		       (is_known(w, i + 2, WORD_FROM) || is_known(w, i + 2, WORD_CLAUSE));
	return str_eq_nocase(s, STR("grant")) && is_known(w, i + 1, WORD_ALL);
}

static void one_token(const struct sql_walk *w, size_t i)
{
	const struct sql_token *t = &w->t[i];
	struct web_found *f = w->found;
	if (t->kind == SQL_SEMICOLON && statement(w, i + 1))
		web_find(f, WEB_SQL_STACKED);
	if (t->kind == SQL_OPEN && is_known(w, skip_opens(w, i), WORD_SELECT) &&
	    selects(w, skip_opens(w, i)))
		web_find(f, WEB_SQL_SUBSELECT);
	if (t->kind == SQL_NUMBER && t->text.n >= 6 && lower(t->text.p[1]) == 'x')
		web_find(f, WEB_SQL_BUILD);
	if (t->kind == SQL_VARIABLE && t->text.n > 2 && t->text.p[1] == '@')
		web_find(f, WEB_SQL_SCHEMA);
	if (t->kind == SQL_OPERATE && t->text.n == 2 && (*t->text.p == '|' || *t->text.p == '&')) {
		if (operand(w, i + 1).next && !w->weak)
			web_find(f, WEB_SQL_LOGIC);
		comparison(w, i + 1);
	}
}

static void one_word(const struct sql_walk *w, size_t i)
{
	struct web_found *f = w->found;
	size_t next = i + 1;
	bool call = is_kind(w, next, SQL_OPEN);
	switch (w->t[i].word) {
	case WORD_LOGIC:
		if (!w->weak &&
		    (operand(w, next).next || is_known(w, skip_signs(w, next), WORD_SELECT)))
			web_find(f, WEB_SQL_LOGIC);
		comparison(w, next);
		return;
	case WORD_UNION:
		while (is_known(w, next, WORD_ALL) || is_kind(w, next, SQL_OPEN))
			next++;
		if (is_known(w, next, WORD_SELECT) && selects(w, next))
			web_find(f, WEB_SQL_UNION);
		return;
	case WORD_GROUP:
		if (is_known(w, next, WORD_BY) && (is_kind(w, next + 1, SQL_NUMBER) || !w->weak) &&
		    operand(w, next + 1).next)
			web_find(f, WEB_SQL_GROUP);
		return;
	case WORD_HAVING:
		if (operand(w, next).next && !w->weak)
			web_find(f, WEB_SQL_GROUP);
		comparison(w, next);
		return;
	case WORD_INTO:
		if (is_known(w, next, WORD_FILE) ||
		    (is_kind(w, next, SQL_WORD) && is_kind(w, next + 1, SQL_OPEN) && !w->weak))
			web_find(f, WEB_SQL_FILE);
		return;
	case WORD_CASE:
	case WORD_EXISTS:
		if (call || is_known(w, next, WORD_WHEN))
			web_find(f, WEB_SQL_CASE);
		return;
	case WORD_FUNCTION:
		if (call || is_kind(w, next, SQL_DOT))
			web_find(f, WEB_SQL_FUNCTION);
		return;
	case WORD_WAIT:
		if (is_known(w, next, WORD_DELAY))
			web_find(f, WEB_SQL_FUNCTION);
		return;
	case WORD_SCHEMA:
		web_find(f, WEB_SQL_SCHEMA);
		return;
	case WORD_BUILD:
		if (call)
			web_find(f, WEB_SQL_BUILD);
		return;
	case WORD_CAST:
		if (call)
			web_find(f, WEB_SQL_CAST);
		return;
	case WORD_NONE:
	case WORD_NOT:
	case WORD_ALL:
	case WORD_SELECT:
	case WORD_STATEMENT:
	case WORD_RELATE:
	case WORD_CONSTANT:
	case WORD_BY:
	case WORD_FILE:
	case WORD_FROM:
	case WORD_CLAUSE:
	case WORD_WHEN:
	case WORD_DELAY:
	case WORD_OBJECT:
	case WORD_AS:
		return;
	}
}

static bool is_name(const struct sql_walk *w, size_t i)
{
	return is_kind(w, i, SQL_WORD) && w->t[i].word == WORD_NONE;
}

/* Two names in a row are a table and its alias once, and prose after that. */
static bool turns_to_prose(const struct sql_walk *w, size_t i)
{
	if (is_kind(w, i, SQL_STRANGE))
		return true;
	if (!is_name(w, i) || !(is_name(w, i + 1) || is_kind(w, i + 1, SQL_NUMBER)))
		return false;
	return !(i > 0 && (is_known(w, i - 1, WORD_FROM) || is_kind(w, i - 1, SQL_CLOSE) ||
	                   is_kind(w, i - 1, SQL_COMMA) || is_known(w, i - 1, WORD_INTO)));
}

/* What goes on behind the break. */
static void read_on(const struct sql_walk *w, size_t i)
{
	for (; i < w->n && !turns_to_prose(w, i); i++) {
		one_token(w, i);
		if (w->t[i].kind == SQL_WORD)
			one_word(w, i);
	}
	if (i >= w->n && w->n > 0 && w->t[w->n - 1].kind == SQL_REMARK && w->t[w->n - 1].open)
		web_find(w->found, WEB_SQL_COMMENT);
}

/* May a statement go on with this behind a value? */
static bool may_follow(const struct sql_walk *w, size_t i)
{
	const struct sql_token *t = &w->t[i];
	switch (t->kind) {
	case SQL_CLOSE:
	case SQL_SEMICOLON:
	case SQL_REMARK:
	case SQL_RELATE:
	case SQL_OPERATE:
	case SQL_COMMA:
		return true;
	case SQL_WORD:
		return t->word == WORD_LOGIC || t->word == WORD_UNION || t->word == WORD_RELATE ||
		       t->word == WORD_GROUP || t->word == WORD_HAVING || t->word == WORD_INTO ||
		       t->word == WORD_CLAUSE || t->word == WORD_WAIT || t->word == WORD_NOT ||
		       (t->word == WORD_STATEMENT && statement(w, i)) || t->word == WORD_WHEN;
	case SQL_END:
	case SQL_NUMBER:
	case SQL_STRING:
	case SQL_OPEN:
	case SQL_VARIABLE:
	case SQL_DOT:
	case SQL_STRANGE:
		return false;
	}
	return false;
}

/* ---- the three places ---- */

static size_t quote_at(struct str s, char quote)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != quote)
			continue;
		if (at(s, i + 1) != quote)
			return i;
		i++; /* doubled: it stands for itself */
	}
	return s.n;
}

static bool one_word_only(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_word(s.p[i]) && !strchr("-.@\\", s.p[i]))
			return false;
	return s.n <= PREFIX_SHORT;
}

/* '=' '-' '|' : what lets people in where a password is compared. */
static bool is_bare(const struct sql_walk *w, struct str text)
{
	return text.n <= 8 && w->n >= 1 && w->n <= 2 &&
	       (w->t[0].kind == SQL_RELATE || w->t[0].kind == SQL_OPERATE) &&
	       (w->n == 1 || w->t[1].kind == SQL_STRING);
}

static void in_quotes(struct str text, char quote, struct web_found *found)
{
	struct sql_walk w = { .found = found };
	size_t end = quote_at(text, quote);
	if (end == text.n)
		return;
	read_tokens(&w, str_skip(text, end + 1));
	if (!may_follow(&w, 0))
		return;
	web_find(found, WEB_SQL_QUOTE);
	size_t first = skip_closes(&w, 0);
	if (first > 0)
		web_find(found, WEB_SQL_PAREN);
	if (first == 0 && w.t[0].kind == SQL_WORD && w.t[0].word == WORD_STATEMENT)
		web_find(found, WEB_SQL_STATEMENT);
	if (w.t[first].kind == SQL_OPERATE || w.t[first].kind == SQL_RELATE) {
		web_find(found, WEB_SQL_OPERATOR);
		if (end == 0 && is_bare(&w, text))
			web_find(found, WEB_SQL_BARE);
	}
	bool cut = w.t[first].kind == SQL_REMARK ||
	           (w.t[first].kind == SQL_SEMICOLON && w.t[first + 1].kind == SQL_REMARK);
	if (cut && w.n <= first + 2 && one_word_only(part(text, 0, end)))
		web_find(found, WEB_SQL_CUT);
	read_on(&w, 0);
}

static void alone(struct sql_walk *w, size_t first)
{
	/* id=sleep(5), id=(select ...), id=if(1=1,sleep(5),0) */
	bool call = is_kind(w, first, SQL_WORD) && is_kind(w, first + 1, SQL_OPEN) &&
	            balanced(w, first + 1) >= w->n;
	if (call) {
		read_on(w, first);
		if (w->found->times[WEB_SQL_FUNCTION])
			web_find(w->found, WEB_SQL_ALONE);
	} else if (is_kind(w, first, SQL_OPEN)) {
		read_on(w, first);
	}
}

/* "-1", "id", "1,2": where the value as it is ends, 0: nowhere. */
static size_t plain_value(const struct sql_walk *w)
{
	size_t i = 0;
	while (is_kind(w, i, SQL_OPERATE))
		i++;
	bool value = is_kind(w, i, SQL_NUMBER) || is_kind(w, i, SQL_STRING) || is_name(w, i) ||
	             is_known(w, i, WORD_CONSTANT) || is_known(w, i, WORD_OBJECT);
	if (!value)
		return 0;
	i++;
	while (is_kind(w, i, SQL_COMMA) && is_kind(w, i + 1, SQL_NUMBER))
		i += 2;
	return i;
}

static void as_it_is(struct str text, struct web_found *found)
{
	struct sql_walk w = { .found = found };
	read_tokens(&w, text);
	size_t first = plain_value(&w);
	if (first == 0) {
		alone(&w, 0);
		return;
	}
	if (!may_follow(&w, first)) {
		alone(&w, 0);
		return;
	}
	/* A word may begin prose or a program; behind a number SQL is more likely. */
	w.weak = w.t[first - 1].kind == SQL_WORD;
	size_t k = skip_closes(&w, first);
	bool talk = is_kind(&w, k, SQL_WORD) || is_kind(&w, k, SQL_SEMICOLON) ||
	            (is_kind(&w, k, SQL_OPERATE) && w.t[k].text.n == 2);
	if (!w.weak && talk)
		web_find(found, WEB_SQL_NUMBER);
	if (k > first)
		web_find(found, WEB_SQL_PAREN);
	read_on(&w, first);
}

static void keep_best(struct web_found *best, unsigned *most, const struct web_found *is)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < WEB_FEATURES; i++)
		sum += web_features[i].weight * is->times[i];
	if (sum <= *most)
		return;
	*most = sum;
	*best = *is;
}

void web_read_sql(const struct web_value *v, struct str text, struct web_found *found)
{
	struct web_found best = { 0 }, is = { 0 };
	unsigned most = 0;
	if (v->place == WEB_IN_PATH && text.n > 1) {
		/* Identifiers in paths are values too: the last of them. */
		size_t i = text.n;
		while (i > 0 && text.p[i - 1] != '/')
			i--;
		text = str_skip(text, i);
	}
	as_it_is(text, &is);
	keep_best(&best, &most, &is);
	static const char quotes[] = "'\"";
	for (const char *q = quotes; *q; q++) {
		if (!memchr(text.p, *q, text.n))
			continue;
		memset(&is, 0, sizeof(is));
		in_quotes(text, *q, &is);
		keep_best(&best, &most, &is);
	}
	for (unsigned i = 0; i < WEB_FEATURES; i++)
		for (unsigned k = 0; k < best.times[i]; k++)
			web_find(found, (enum web_feature)i);
}
