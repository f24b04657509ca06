#include "module/loginspection/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"

enum {
	TEXT_MAX = 65536,
	LITERAL_MIN = 3,
	MATCH_LIMIT = 100000, /* steps of one match; a rule that needs more is given up */
	STACK_FIRST = 32 << 10,
	STACK_MAX = 512 << 10,
};

struct pattern {
	bool negate, always, in_order, last_byte, fold;
	size_t n; /* alternatives (a list) or codes (regular expressions tried one after the other)
	           */
	struct alternative *list; /* NULL: codes */
	pcre2_code **codes;       /* owned */
	const struct str *literals;
	size_t literals_n;
	bool literals_exact;
};

struct matcher {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	unsigned given_up;
};

struct matcher *matcher_new(void)
{
	struct matcher *m = xcalloc(1, sizeof(*m));
	m->data = pcre2_match_data_create(CAPTURES_MAX + 1, NULL);
	m->context = pcre2_match_context_create(NULL);
	m->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MAX, NULL);
	if (!m->data || !m->context)
		abort();
	pcre2_set_match_limit(m->context, MATCH_LIMIT);
	pcre2_set_depth_limit(m->context, MATCH_LIMIT);
	if (m->stack)
		pcre2_jit_stack_assign(m->context, NULL, m->stack);
	return m;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
	free(m);
}

unsigned matcher_given_up(struct matcher *m)
{
	unsigned n = m->given_up;
	m->given_up = 0;
	return n;
}

/* ---- compiling ---- */

static struct str folded(struct arena *a, struct str s)
{
	char *p = arena_str(a, s);
	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + 32);
	return (struct str){ p, s.n };
}

static int add_code(struct pattern *p, struct arena *a, struct str text, uint32_t flags,
                    struct err *why)
{
	int code = 0;
	PCRE2_SIZE at = 0;
	pcre2_code *re =
		pcre2_compile((PCRE2_SPTR)(text.n ? text.p : ""), text.n, flags, &code, &at, NULL);
	if (!re) {
		PCRE2_UCHAR words[160] = "";
		pcre2_get_error_message(code, words, sizeof(words));
		return err_set(why, -EINVAL, "a PCRE2 expression was expected: %s at byte %zu",
		               (const char *)words, at);
	}
	pcre2_code **grown = arena_array(a, p->n + 1, sizeof(pcre2_code *));
	for (size_t i = 0; i < p->n; i++)
		grown[i] = p->codes[i];
	grown[p->n++] = re;
	p->codes = grown;
	uint32_t groups = 0;
	pcre2_pattern_info(re, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups > CAPTURES_MAX)
		return err_set(why, -EINVAL, "at most %d groups were expected, not %u",
		               CAPTURES_MAX, groups);
	/* Without JIT (no executable memory allowed) it is interpreted. */
	(void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
	return 0;
}

static bool matches_all(const struct alternative *alt)
{
	return alt->text.n == 0 && !alt->never && !(alt->head && alt->tail);
}

/* A list's literals are its alternatives; none are known when one of them is too short. */
static void list_facts(struct arena *a, struct pattern *p)
{
	struct str *texts = arena_array(a, p->n, sizeof(*texts));
	bool exact = p->fold, known = !p->negate;
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct alternative *alt = &p->list[i];
		p->always |= matches_all(alt);
		if (alt->never)
			continue;
		exact &= !alt->head && !alt->tail;
		known &= alt->text.n >= LITERAL_MIN;
		texts[n++] = folded(a, alt->text);
	}
	if (!known || !n)
		return;
	p->literals = texts;
	p->literals_n = n;
	p->literals_exact = exact;
}

static void fold_list(struct arena *a, struct pattern *p)
{
	for (size_t i = 0; p->fold && i < p->n; i++)
		p->list[i].text = folded(a, p->list[i].text);
}

static struct alternative match_alternative(struct arena *a, struct str s, bool classic)
{
	struct alternative alt = { 0 };
	if (s.n && s.p[0] == '^') {
		alt.head = true;
		s = str_skip(s, 1);
	}
	if (s.n && s.p[s.n - 1] == '$') {
		alt.tail = true;
		s.n--;
	}
	while (!classic && s.n && s.p[0] == '^')
		s = str_skip(s, 1);
	while (!classic && s.n && s.p[s.n - 1] == '$')
		s.n--;
	alt.never = !classic && s.n && (memchr(s.p, '^', s.n) || memchr(s.p, '$', s.n));
	alt.text = folded(a, s);
	return alt;
}

static void compile_match(struct arena *a, struct pattern *p, struct str s,
                          const struct pattern_options *o)
{
	if (o->wazuh && s.n && s.p[0] == '!') {
		p->negate = true;
		s = str_skip(s, 1);
	}
	size_t n = 1;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '|';
	p->list = arena_array(a, n, sizeof(*p->list));
	for (size_t i = 0; i < n; i++)
		p->list[i] = match_alternative(a, str_cut(&s, '|'), o->classic);
	p->n = n;
	p->fold = true;
	list_facts(a, p);
}

/* Top-level alternatives, one by one. */
static int compile_classic(struct arena *a, struct pattern *p, struct str converted, uint32_t flags,
                           struct err *why)
{
	size_t from = 0;
	int depth = 0;
	bool class = false;
	for (size_t i = 0; i <= converted.n; i++) {
		char c = (char)(i < converted.n ? converted.p[i] : '|');
		if (c == '\\') {
			i++;
			continue;
		}
		class = (class || c == '[') && c != ']';
		depth += class ? 0 : c == '(' ? 1 : c == ')' ? -1 : 0;
		if (i < converted.n && (c != '|' || depth || class))
			continue;
		int rc = add_code(p, a, (struct str){ converted.p + from, i - from }, flags, why);
		if (rc < 0)
			return rc;
		from = i + 1;
	}
	return 0;
}

static int compile_regex(struct arena *a, struct pattern *p, struct str pcre2, bool caseless,
                         bool classic, uint32_t flags, struct err *why)
{
	p->fold = caseless;
	size_t n = literal_list(a, pcre2, &p->list);
	if (n) {
		p->n = n;
		fold_list(a, p);
		list_facts(a, p);
		return 0;
	}
	p->list = NULL;
	p->literals_n = literal_required(a, pcre2, &p->literals);
	return classic ? compile_classic(a, p, pcre2, flags, why)
	               : add_code(p, a, pcre2, flags, why);
}

static int compile(struct arena *a, enum pattern_kind kind, struct str text,
                   const struct pattern_options *o, struct pattern *p, struct err *why)
{
	AUTO(buf_done) struct buf converted = { .max = (size_t)TEXT_MAX * 32 };
	uint32_t caseless = kind == PATTERN_PCRE2_CASE ? 0 : PCRE2_CASELESS;
	int rc = 0;
	switch (kind) {
	case PATTERN_MATCH:
		compile_match(a, p, text, o);
		return 0;
	case PATTERN_PCRE2:
	case PATTERN_PCRE2_CASE:
		return compile_regex(a, p, text, caseless != 0, false,
		                     caseless | PCRE2_NEVER_BACKSLASH_C, why);
	case PATTERN_REGEX:
		p->in_order = o->classic;
		p->last_byte = o->classic && o->last_byte;
		rc = osregex_convert(text, o->classic, &converted, why);
		if (rc < 0)
			return rc;
		return compile_regex(a, p, buf_view(&converted), true, o->classic,
		                     PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY, why);
	}
	return -EINVAL;
}

int pattern_compile(struct arena *a, enum pattern_kind kind, struct str text,
                    const struct pattern_options *o, struct pattern **out, struct err *why)
{
	if (text.n > TEXT_MAX)
		return err_set(why, -EINVAL, "at most %d bytes were expected, not %zu", TEXT_MAX,
		               text.n);
	struct pattern *p = arena_alloc(a, sizeof(*p));
	int rc = compile(a, kind, text, o, p, why);
	if (rc < 0) {
		pattern_done(p);
		return rc;
	}
	*out = p;
	return 0;
}

void pattern_done(struct pattern *p)
{
	for (size_t i = 0; p && p->codes && i < p->n; i++)
		pcre2_code_free(p->codes[i]);
	if (p)
		p->codes = NULL;
}

size_t pattern_literals(const struct pattern *p, const struct str **out, bool *exact)
{
	*out = p->literals;
	*exact = p->literals_exact;
	return p->literals_n;
}

/* ---- lists ---- */

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
}

static bool same(const char *p, struct str text, bool fold)
{
	if (!fold)
		return memcmp(p, text.p, text.n) == 0;
	for (size_t i = 0; i < text.n; i++)
		if (lower(p[i]) != text.p[i])
			return false;
	return true;
}

/* Where the alternative stands first, or SIZE_MAX. */
static size_t stands(const struct alternative *alt, struct str s, bool fold)
{
	size_t n = alt->text.n;
	if (alt->never || n > s.n || (alt->head && alt->tail && n != s.n))
		return SIZE_MAX;
	if (alt->head || alt->tail) {
		size_t at = alt->head ? 0 : s.n - n;
		return n == 0 || same(s.p + at, alt->text, fold) ? at : SIZE_MAX;
	}
	if (n == 0)
		return 0;
	char first = alt->text.p[0];
	for (size_t i = 0; i + n <= s.n; i++)
		if ((fold ? lower(s.p[i]) : s.p[i]) == first && same(s.p + i, alt->text, fold))
			return i;
	return SIZE_MAX;
}

static bool list_find(const struct pattern *p, struct str s, struct str *rest)
{
	size_t best = SIZE_MAX, length = 0;
	for (size_t i = 0; i < p->n && best != 0; i++) {
		size_t at = stands(&p->list[i], s, p->fold);
		if (at >= best)
			continue;
		best = at;
		length = p->list[i].text.n;
		if (p->in_order || !rest)
			break;
	}
	if (best == SIZE_MAX)
		return false;
	if (rest)
		*rest = str_skip(s, best + length - (p->last_byte && best + length));
	return true;
}

/* ---- regular expressions ---- */

static int run(const pcre2_code *re, struct matcher *m, struct str s)
{
	int rc = pcre2_match(re, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, PCRE2_NO_UTF_CHECK, m->data,
	                     m->context);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		m->given_up++;
	return rc;
}

static void captures(const struct pattern *p, struct matcher *m, struct str s, int rc,
                     struct found *out)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->data);
	size_t end = at[1] - (p->last_byte && at[1]);
	out->rest = str_skip(s, end);
	out->n = 0;
	for (size_t i = 1; i < (size_t)rc; i++)
		if (at[2 * i] != PCRE2_UNSET && at[2 * i + 1] >= at[2 * i])
			out->capture[out->n++] =
				(struct str){ s.p + at[2 * i], at[2 * i + 1] - at[2 * i] };
}

bool pattern_test(const struct pattern *p, struct matcher *m, struct str s)
{
	bool found = p->always;
	if (p->list)
		return (found || list_find(p, s, NULL)) != p->negate;
	for (size_t i = 0; !found && i < p->n; i++)
		found = run(p->codes[i], m, s) > 0;
	return found;
}

bool pattern_find(const struct pattern *p, struct matcher *m, struct str s, struct found *out)
{
	struct str rest = s;
	if (p->list) {
		bool found = list_find(p, s, &rest) != p->negate;
		if (found) {
			out->rest = rest;
			out->n = 0;
		}
		return found;
	}
	for (size_t i = 0; i < p->n; i++) {
		int rc = run(p->codes[i], m, s);
		if (rc > 0) {
			captures(p, m, s, rc, out);
			return true;
		}
	}
	return false;
}
