#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "module/loginspection/loginspection.h"

/*
 * The engine against an evaluator that is slow and obvious: random rule sets, random lines. The
 * evaluator shares no code with the engine: patterns are matched by walking them, windows by
 * looking through all earlier events. YAGURA_ROUNDS sets how many rule sets (40 lines each); 1000
 * by default.
 */

enum { LINES = 40, RULES = 10, DECODERS = 4, EVENTS = RULES * 400, TEXT = 128 };

static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return n ? (unsigned)(seed >> 33) % n : 0;
}

/* ---- OS_Match, obviously ---- */

static char low(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool at(const char *text, const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (low(text[i]) != low(word[i]))
			return false;
	return true;
}

static bool match_one(const char *text, const char *p, size_t n)
{
	bool head = n && p[0] == '^', tail = n > (size_t)head && p[n - 1] == '$';
	p += head;
	n -= (size_t)head + tail;
	size_t length = strlen(text);
	if (n > length)
		return false;
	for (size_t i = 0; i + n <= length; i++)
		if ((!head || i == 0) && (!tail || i + n == length) && at(text + i, p, n))
			return true;
	return false;
}

static bool os_match(const char *text, const char *p)
{
	for (;;) {
		size_t n = strcspn(p, "|");
		if (match_one(text, p, n))
			return true;
		if (!p[n])
			return false;
		p += n + 1;
	}
}

/* ---- OS_Regex, converted, obviously ---- */

static bool in_class(char class, char c)
{
	bool digit = c >= '0' && c <= '9',
	     word = digit || (low(c) >= 'a' && low(c) <= 'z') || c == '_' || c == '-' || c == '@';
	switch (class) {
	case 'w':
		return word;
	case 'W':
		return !word;
	case 'd':
		return digit;
	case 'D':
		return !digit;
	case 's':
		return c == ' ';
	case 'S':
		return c != ' ';
	case '.':
		return true;
	default:
		return false;
	}
}

struct walk {
	const char *text, *end_of_alternative;
	const char *from[4], *to[4]; /* of groups, by where they open */
	const char *open[4];         /* their '(' in the pattern */
	size_t groups;
};

static const char *walk(struct walk *w, const char *p, const char *s);

/* One item n times, then what follows. */
static const char *repeat(struct walk *w, const char *item, const char *next, const char *s,
                          bool greedy, size_t least)
{
	size_t most = 0;
	while (s[most] && in_class(item[1], s[most]))
		most++;
	for (size_t i = 0; most >= least && i <= most - least; i++) {
		const char *end = walk(w, next, s + (greedy ? most - i : least + i));
		if (end)
			return end;
	}
	return NULL;
}

static bool last(const struct walk *w, const char *p)
{
	while (p < w->end_of_alternative && *p == ')')
		p++;
	return p == w->end_of_alternative || (*p == '$' && p + 1 == w->end_of_alternative);
}

static const char *walk(struct walk *w, const char *p, const char *s)
{
	if (p == w->end_of_alternative)
		return s;
	if (*p == '$' && p + 1 == w->end_of_alternative)
		return *s ? NULL : s;
	if (*p == '(') {
		size_t i = 0;
		while (w->open[i] != p)
			i++;
		w->from[i] = s;
		return walk(w, p + 1, s);
	}
	if (*p == ')') {
		size_t i = w->groups; /* groups do not nest here: the last that opened */
		while (w->open[i - 1] > p)
			i--;
		w->to[i - 1] = s;
		return walk(w, p + 1, s);
	}
	if (*p != '\\')
		return low(*s) == low(*p) && *s ? walk(w, p + 1, s + 1) : NULL;
	if (p + 2 < w->end_of_alternative && (p[2] == '+' || p[2] == '*'))
		return repeat(w, p, p + 3, s, last(w, p + 3), p[2] == '+');
	return *s && in_class(p[1], *s) ? walk(w, p + 2, s + 1) : NULL;
}

static const char *walk_alternative(struct walk *w, const char *p, const char *end, const char *s)
{
	w->groups = 0;
	w->end_of_alternative = end;
	for (const char *q = p; q < end; q++) {
		if (*q == '(')
			w->open[w->groups++] = q;
		q += *q == '\\';
	}
	if (*p == '^')
		return s == w->text ? walk(w, p + 1, s) : NULL;
	return walk(w, p, s);
}

static const char *alternative_end(const char *p)
{
	while (*p && *p != '|')
		p += *p == '\\' ? 2 : 1;
	return p;
}

/* The leftmost match, and at the same place the alternative listed first. Where it ends, or NULL.
 */
static const char *os_regex(const char *text, const char *pattern, struct walk *w)
{
	w->text = text;
	for (const char *s = text;; s++) {
		for (const char *p = pattern;;) {
			const char *stop = alternative_end(p),
				   *end = walk_alternative(w, p, stop, s);
			if (end)
				return end;
			if (!*stop)
				break;
			p = stop + 1;
		}
		if (!*s)
			return NULL;
	}
}

/* ---- a rule set ---- */

struct a_rule {
	unsigned id, level, parent, frequency, timeframe,
		counted; /* parent, counted: index + 1; 0: none */
	bool noalert, same, has_frequency;
	char match[TEXT], regex[TEXT];
	int decoder; /* decoded_as; -1: none */
};

struct a_decoder {
	char program[TEXT], prematch[TEXT], regex[TEXT], child_prematch[TEXT], child_regex[TEXT];
	bool child, child_after;
};

struct model {
	struct a_rule rules[RULES];
	struct a_decoder decoders[DECODERS];
	size_t nrules, ndecoders;
	bool wazuh;
};

static const char *const words[] = { "fail",    "user", "abc",     "root", "x1",
	                             "no such", "b",    "error 7", "AB",   "1.2.3.4" };

static void add(char *to, const char *s)
{
	size_t n = strlen(to);
	snprintf(to + n, TEXT - n, "%s", s);
}

static void random_match(char *to)
{
	for (unsigned i = 0, n = 1 + pick(3); i < n; i++) {
		add(to, i ? "|" : "");
		add(to, pick(4) ? "" : "^");
		add(to, words[pick(ARRAY_LEN(words))]);
		add(to, pick(5) ? "" : "$");
	}
}

static void random_item(char *to)
{
	static const char *const classes[] = { "\\w", "\\d", "\\s", "\\S", "\\.", "\\D", "\\W" };
	if (pick(2)) {
		add(to, words[pick(ARRAY_LEN(words) - 1)]);
		return;
	}
	add(to, classes[pick(ARRAY_LEN(classes))]);
	add(to, pick(2) ? "+" : pick(2) ? "*" : "");
}

/* An alternative needs a byte that is no quantifier; groups are one level deep. */
static void random_regex(char *to, bool groups)
{
	for (unsigned i = 0, n = 1 + (pick(3) == 0); i < n; i++) {
		add(to, i ? "|" : "");
		add(to, pick(4) ? "" : "^");
		unsigned group = groups && pick(2) ? pick(2) : 9;
		for (unsigned k = 0, items = 1 + pick(3); k < items; k++) {
			bool in = groups && (k == group || (k == 0 && group == 9));
			add(to, in ? "(" : "");
			random_item(to);
			add(to, in ? ")" : "");
			add(to, pick(3) ? "" : " ");
		}
		add(to, pick(5) ? "" : "$");
	}
}

static void random_model(struct model *m)
{
	*m = (struct model){ .nrules = 2 + pick(RULES - 1),
		             .ndecoders = 1 + pick(DECODERS),
		             .wazuh = pick(2) };
	for (size_t i = 0; i < m->ndecoders; i++) {
		struct a_decoder *d = &m->decoders[i];
		if (pick(2))
			random_match(d->program);
		if (!d->program[0] || pick(2))
			random_regex(d->prematch, false);
		d->child = pick(2);
		d->child_after = pick(2);
		if (d->child && pick(2))
			random_regex(d->child_prematch, false);
		random_regex(d->child ? d->child_regex : d->regex, true);
	}
	for (size_t i = 0; i < m->nrules; i++) {
		struct a_rule *r = &m->rules[i];
		r->id = 100 + (unsigned)i;
		r->level = pick(6) ? 1 + pick(15) : 0;
		r->noalert = pick(6) == 0;
		r->decoder = pick(4) ? -1 : (int)pick((unsigned)m->ndecoders);
		r->parent = i && pick(3) ? 1 + pick((unsigned)i) : 0;
		if (pick(4))
			random_match(r->match);
		if (pick(3) == 0)
			random_regex(r->regex, false);
		r->timeframe = 360;
		if (i && pick(4) == 0) {
			r->counted = 1 + pick((unsigned)i);
			r->parent = r->counted;
			r->has_frequency = pick(4);
			r->frequency = m->wazuh ? 2 + pick(3) : pick(3);
			r->timeframe = 5 + pick(30);
			r->same = pick(2);
		}
	}
}

static void write_rule(struct buf *b, const struct model *m, const struct a_rule *r)
{
	buf_fmt(b, "<rule id=\"%u\" level=\"%u\"", r->id, r->level);
	if (r->noalert)
		buf_z(b, " noalert=\"1\"");
	if (r->has_frequency && r->counted)
		buf_fmt(b, " frequency=\"%u\"", r->frequency);
	if (r->counted)
		buf_fmt(b, " timeframe=\"%u\"", r->timeframe);
	buf_z(b, ">");
	if (r->counted)
		buf_fmt(b, "<if_matched_sid>%u</if_matched_sid>%s", m->rules[r->counted - 1].id,
		        r->same ? "<same_source_ip/>" : "");
	else if (r->parent)
		buf_fmt(b, "<if_sid>%u</if_sid>", m->rules[r->parent - 1].id);
	if (r->decoder >= 0)
		buf_fmt(b, "<decoded_as>d%d</decoded_as>", r->decoder);
	if (r->match[0])
		buf_fmt(b, "<match>%s</match>", r->match);
	if (r->regex[0])
		buf_fmt(b, "<regex>%s</regex>", r->regex);
	buf_z(b, "</rule>\n");
}

static void write_decoder(struct buf *b, const struct a_decoder *d, size_t i)
{
	buf_fmt(b, "<decoder name=\"d%zu\">", i);
	if (d->program[0])
		buf_fmt(b, "<program_name>%s</program_name>", d->program);
	if (d->prematch[0])
		buf_fmt(b, "<prematch>%s</prematch>", d->prematch);
	if (!d->child)
		buf_fmt(b, "<regex>%s</regex><order>srcip, id</order>", d->regex);
	buf_z(b, "</decoder>\n");
	if (!d->child)
		return;
	buf_fmt(b, "<decoder name=\"c%zu\"><parent>d%zu</parent>", i, i);
	if (d->child_prematch[0])
		buf_fmt(b, "<prematch>%s</prematch>", d->child_prematch);
	buf_fmt(b, "<regex%s>%s</regex><order>srcip, id</order></decoder>\n",
	        d->child_after ? " offset=\"after_parent\"" : "", d->child_regex);
}

/* ---- the slow evaluator ---- */

struct an_event {
	int64_t time;
	unsigned rule, matched; /* rule: index */
	char srcip[TEXT];
	bool has_srcip;
};

struct slow {
	const struct model *m;
	struct an_event past[EVENTS];
	size_t n;
	/* of the line at hand */
	const char *log, *program;
	int decoder;
	struct an_event now;
	char id[TEXT];
	bool has_id;
};

static void take_fields(struct slow *s, struct walk *w)
{
	for (size_t i = 0; i < w->groups; i++) {
		char *to = i == 0 ? s->now.srcip : s->id;
		if (i > 1)
			break;
		snprintf(to, TEXT, "%.*s", (int)(w->to[i] - w->from[i]), w->from[i]);
		*(i == 0 ? &s->now.has_srcip : &s->has_id) = true;
	}
}

static void slow_decode(struct slow *s)
{
	s->decoder = -1;
	for (size_t i = 0; i < s->m->ndecoders; i++) {
		const struct a_decoder *d = &s->m->decoders[i];
		struct walk w = { 0 };
		const char *after = s->log;
		if ((d->program[0] != '\0') != (s->program != NULL) ||
		    (s->program && !os_match(s->program, d->program)))
			continue;
		if (d->prematch[0] && !(after = os_regex(s->log, d->prematch, &w)))
			continue;
		s->decoder = (int)i;
		if (!d->child) {
			if (os_regex(s->log, d->regex, &w))
				take_fields(s, &w);
			return;
		}
		if (d->child_prematch[0] && !os_regex(s->log, d->child_prematch, &w))
			return;
		if (os_regex(d->child_after ? after : s->log, d->child_regex, &w))
			take_fields(s, &w);
		return;
	}
}

static bool slow_counts(struct slow *s, const struct a_rule *r)
{
	unsigned needed = !r->has_frequency ? 1 : s->m->wazuh ? r->frequency - 1 : r->frequency + 1;
	struct an_event *newest = NULL;
	for (size_t i = s->n; i > 0; i--) {
		struct an_event *e = &s->past[i - 1];
		if (e->rule != r->counted - 1)
			continue;
		if (s->now.time - e->time > r->timeframe)
			return false;
		if (r->same &&
		    !(e->has_srcip && s->now.has_srcip && strcmp(e->srcip, s->now.srcip) == 0))
			continue;
		if (e->matched >= r->level)
			return false;
		if (!newest)
			newest = e;
		if (--needed)
			continue;
		newest->matched = e->matched = s->now.matched = r->level;
		return true;
	}
	return false;
}

static bool slow_matches(struct slow *s, const struct a_rule *r)
{
	struct walk w = { 0 };
	if (r->decoder >= 0 && s->decoder != r->decoder)
		return false;
	if (r->match[0] && !os_match(s->log, r->match))
		return false;
	if (r->regex[0] && !os_regex(s->log, r->regex, &w))
		return false;
	return !r->counted || slow_counts(s, r);
}

static unsigned order_of(const struct a_rule *r)
{
	return r->level ? r->level : 99;
}

/* The rule (index + 1) that a child of parent leads to; 0: none. */
static unsigned slow_walk(struct slow *s, unsigned parent)
{
	for (unsigned order = 99; order > 0; order--)
		for (size_t i = 0; i < s->m->nrules; i++) {
			const struct a_rule *r = &s->m->rules[i];
			if (r->parent != parent || order_of(r) != order || !slow_matches(s, r))
				continue;
			unsigned below = slow_walk(s, (unsigned)i + 1);
			if (below || !r->noalert)
				return below ? below : (unsigned)i + 1;
		}
	return 0;
}

static unsigned slow_line(struct slow *s, const char *program, const char *log, int64_t time)
{
	s->program = program;
	s->log = log;
	s->now = (struct an_event){ .time = time };
	s->has_id = false;
	slow_decode(s);
	unsigned rule = slow_walk(s, 0);
	if (rule && s->m->rules[rule - 1].level && s->n < EVENTS) {
		s->now.rule = rule - 1;
		s->past[s->n++] = s->now;
	}
	return rule ? s->m->rules[rule - 1].id : 0;
}

/* ---- both ---- */

static void random_log(char *to)
{
	to[0] = '\0';
	for (unsigned i = 0, n = pick(6); i < n; i++) {
		add(to, i && pick(3) ? " " : "");
		add(to, words[pick(ARRAY_LEN(words))]);
	}
}

static struct li_set *built(const struct model *m, struct buf *decoders, struct buf *rules)
{
	struct li_set *set = NULL;
	struct err why = { { 0 } };
	for (size_t i = 0; i < m->ndecoders; i++)
		write_decoder(decoders, &m->decoders[i], i);
	for (size_t i = 0; i < m->nrules; i++)
		write_rule(rules, m, &m->rules[i]);
	buf_char(decoders, ' ');
	buf_char(rules, ' ');
	struct li_file d = { "d", buf_view(decoders) }, r = { "r", buf_view(rules) };
	int rc = li_set_build(&(struct li_files){ &d, 1 }, &(struct li_files){ &r, 1 }, NULL,
	                      &(struct li_dialect){ .wazuh = m->wazuh }, &set, &why);
	if (rc < 0 || li_set_problem(set, 0))
		fail_msg("%s\n%s\n%s", rc < 0 ? why.text : li_set_problem(set, 0)->text,
		         decoders->p, rules->p);
	return set;
}

static const char *field_of(const struct li_answer *a, const char *name, char out[static TEXT])
{
	out[0] = '\0';
	for (size_t i = 0; i < a->nfields; i++)
		if (str_is(a->fields[i].name, name))
			snprintf(out, TEXT, "=%.*s", STR_ARG(a->fields[i].value));
	return out;
}

static void compare(const struct slow *s, unsigned rule, const struct li_answer *a,
                    const char *line, const char *decoders, const char *rules)
{
	char decoder[16] = "", ip[TEXT], id[TEXT], slow_ip[TEXT * 2] = "", slow_id[TEXT * 2] = "";
	if (s->decoder >= 0)
		snprintf(decoder, sizeof(decoder), "d%d", s->decoder);
	if (s->now.has_srcip)
		snprintf(slow_ip, sizeof(slow_ip), "=%s", s->now.srcip);
	if (s->has_id)
		snprintf(slow_id, sizeof(slow_id), "=%s", s->id);
	bool same = rule == (a->rule ? a->id : 0) && str_is(a->decoder, decoder) &&
	            strcmp(field_of(a, "srcip", ip), slow_ip) == 0 &&
	            strcmp(field_of(a, "id", id), slow_id) == 0;
	if (!same)
		fail_msg(
			"\"%s\": the engine says rule %u, decoder %.*s, srcip%s, id%s; it should be %u, %s, srcip%s, id%s\n%s%s",
			line, a->rule ? a->id : 0, STR_ARG(a->decoder), ip, id, rule, decoder,
			slow_ip, slow_id, decoders, rules);
}

static unsigned one_set(void)
{
	static struct model m;
	static struct slow s;
	static struct li_answer a;
	AUTO(buf_done) struct buf decoders = { 0 };
	AUTO(buf_done) struct buf rules = { 0 };
	unsigned decided = 0;
	int64_t time = 1000;
	random_model(&m);
	s.m = &m;
	s.n = 0;
	struct li_set *set = built(&m, &decoders, &rules);
	struct li_engine *e = li_engine_new(set, NULL);
	for (unsigned i = 0; i < LINES; i++) {
		char log[TEXT], line[TEXT * 2];
		const char *program = pick(2) ? words[pick(3)] : NULL;
		random_log(log);
		if (program)
			snprintf(line, sizeof(line), "Nov 29 10:00:00 host %s: %s", program, log);
		else
			snprintf(line, sizeof(line), "%s", log);
		time += pick(6);
		li_engine_line(e, str_of(line), (struct str){ 0 }, time, &a);
		unsigned rule = slow_line(&s, program, log, time);
		compare(&s, rule, &a, line, decoders.p, rules.p);
		decided += rule != 0;
	}
	li_engine_free(e);
	li_set_free(set);
	return decided;
}

static void the_engine_agrees_with_the_slow_evaluator(void **state)
{
	(void)state;
	const char *wanted = getenv("YAGURA_ROUNDS");
	unsigned rounds = wanted ? (unsigned)strtoul(wanted, NULL, 10) : 1000, decided = 0;
	for (unsigned i = 0; i < rounds; i++)
		decided += one_set();
	assert_true(decided > rounds * LINES / 10); /* or the sets say nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
		the_engine_agrees_with_the_slow_evaluator) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
