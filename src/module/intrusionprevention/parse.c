#include "module/intrusionprevention/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

/* Texts to rules: lines, headers, options. What options mean is in the keywords' files. */

enum { RULE_TEXT_MAX = 1 << 20 };

int parse_fail(struct parser *p, const char *where, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(p->fault, sizeof(p->fault), fmt, ap);
	va_end(ap);
	p->fault_at = where;
	return -EINVAL;
}

/* ---- options ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Is the quote at s.p[i] the one that ends a value? Others may stand unescaped in old rules. */
static bool ends_quoted(struct str s, size_t i)
{
	i++;
	while (i < s.n && is_space(s.p[i]))
		i++;
	return i == s.n || s.p[i] == ';' || s.p[i] == ',' || s.p[i] == ')';
}

/* How long the first option is, without its semicolon; s.n if it has none. */
static size_t option_len(struct str s)
{
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\\')
			i++;
		else if (c == '"' && !quoted)
			quoted = true;
		else if (c == '"' && ends_quoted(s, i))
			quoted = false;
		else if (c == ';' && !quoted)
			return i;
	}
	return s.n;
}

static int parse_option(struct parser *p, struct str option)
{
	struct str value = option, name = str_trim(str_cut(&value, ':'));
	const struct keyword *k = keyword_find(name);
	if (!k)
		return parse_fail(p, name.p, "unknown keyword \"%.*s\"",
		                  name.n > 60 ? 60 : STR_ARG(name));
	value = str_trim(value);
	if (k->needs == NEEDS_VALUE && value.n == 0)
		return parse_fail(p, name.p, "%s needs a value", k->words.name);
	if (k->needs == NO_VALUE && value.n > 0)
		return parse_fail(p, value.p, "%s takes no value", k->words.name);
	if (value.n == 0)
		value = (struct str){ name.p + name.n, 0 };
	return k->parse(p, k, value);
}

static int parse_options(struct parser *p, struct str s)
{
	s = str_trim(s);
	if (s.n < 2 || s.p[0] != '(' || s.p[s.n - 1] != ')')
		return parse_fail(p, s.n ? s.p : p->text.p + p->text.n,
		                  "expected the options in parentheses, to the end of the line");
	struct str rest = { s.p + 1, s.n - 2 };
	for (rest = str_trim(rest); rest.n > 0; rest = str_trim(rest)) {
		size_t n = option_len(rest);
		struct str option = str_trim((struct str){ rest.p, n });
		if (n == rest.n)
			return parse_fail(p, option.p, "expected a semicolon behind the option");
		if (option.n > 0) {
			int rc = parse_option(p, option);
			if (rc < 0)
				return rc;
		}
		rest = str_skip(rest, n + 1);
	}
	return 0;
}

/* ---- the header ---- */

/* The next word; a group in brackets is one, with its spaces. */
static struct str next_word(struct str *rest)
{
	*rest = str_trim(*rest);
	int depth = 0;
	size_t i = 0;
	for (; i < rest->n; i++) {
		char c = rest->p[i];
		depth += c == '[' ? 1 : c == ']' ? -1 : 0;
		if (depth <= 0 && is_space(c))
			break;
	}
	struct str word = { rest->p, i };
	*rest = str_skip(*rest, i);
	return word;
}

const char *ips_action_name(enum ips_action a)
{
	static const char *const names[] = { "pass", "alert", "drop", "reject" };
	return names[a];
}

static int parse_action(struct parser *p, struct str word)
{
	static const struct {
		const char *name;
		enum ips_action action;
	} actions[] = { { "alert", IPS_ALERT },       { "drop", IPS_DROP },
		        { "reject", IPS_REJECT },     { "pass", IPS_PASS },
		        { "rejectsrc", IPS_REJECT },  { "rejectdst", IPS_REJECT },
		        { "rejectboth", IPS_REJECT }, { "sdrop", IPS_DROP },
		        { "block", IPS_DROP },        { "log", IPS_ALERT } };
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (str_is(word, actions[i].name)) {
			p->rule->words.action = actions[i].action;
			return 0;
		}
	return parse_fail(p, word.p, "expected alert, drop, reject or pass");
}

static int parse_protocol(struct parser *p, struct str word)
{
	static const struct {
		const char *name;
		unsigned protos;
		char family;
	} protocols[] = {
		{ "tcp", RULE_TCP, 0 },        { "udp", RULE_UDP, 0 },
		{ "icmp", RULE_ICMP, 0 },      { "ip", RULE_IP, 0 },
		{ "any", RULE_IP, 0 },         { "tcp-pkt", RULE_TCP, 0 },
		{ "ip4", RULE_IP, '4' },       { "ipv4", RULE_IP, '4' },
		{ "ip6", RULE_IP, '6' },       { "ipv6", RULE_IP, '6' },
		{ "tcp-stream", RULE_TCP, 0 }, { "icmpv4", RULE_ICMP, '4' },
		{ "tcp4", RULE_TCP, '4' },     { "tcp6", RULE_TCP, '6' },
		{ "icmpv6", RULE_ICMP, '6' },  { "udp4", RULE_UDP, '4' },
		{ "udp6", RULE_UDP, '6' },
	};
	struct rule *r = p->rule;
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (str_eq_nocase(word, str_of(protocols[i].name))) {
			r->protos = protocols[i].protos;
			r->v4 = protocols[i].family == '4';
			r->v6 = protocols[i].family == '6';
			r->packet = str_is(word, "tcp-pkt");
			r->stream = str_is(word, "tcp-stream");
			return 0;
		}
	char z[24] = "";
	if (word.n < sizeof(z)) {
		memcpy(z, word.p, word.n);
		z[word.n] = '\0';
		/* Snort 3 writes ssl; http1 is Suricata's other name. */
		const char *name = strcmp(z, "ssl") == 0     ? "tls"
		                   : strcmp(z, "http1") == 0 ? "http"
		                                             : z;
		r->app = app_protocol_find(name);
	}
	if (r->app == APP_UNKNOWN)
		return parse_fail(p, word.p, "unknown protocol \"%.*s\"",
		                  word.n > 40 ? 40 : STR_ARG(word));
	r->protos = r->app == APP_DNS ? RULE_TCP | RULE_UDP : RULE_TCP;
	return 0;
}

/* "alert http any any -> any any (": rest is what follows. */
static int parse_header(struct parser *p, struct str *rest)
{
	struct rule *r = p->rule;
	int rc = parse_action(p, next_word(rest));
	if (rc == 0)
		rc = parse_protocol(p, next_word(rest));
	if (rc < 0)
		return rc;
	/* Snort 3 may leave addresses and ports out. */
	*rest = str_trim(*rest);
	static const struct expr any = { .kind = EXPR_ANY };
	r->src = r->dst = r->sport = r->dport = &any;
	if (rest->n > 0 && rest->p[0] == '(') {
		r->both_ways = true;
		return 0;
	}
	rc = parse_expr(p, next_word(rest), false, &r->src);
	if (rc == 0)
		rc = parse_expr(p, next_word(rest), true, &r->sport);
	if (rc < 0)
		return rc;
	struct str arrow = next_word(rest);
	r->both_ways = str_is(arrow, "<>");
	if (!r->both_ways && !str_is(arrow, "->") && !str_is(arrow, "=>"))
		return parse_fail(p, arrow.p, "expected -> or <>");
	rc = parse_expr(p, next_word(rest), false, &r->dst);
	return rc < 0 ? rc : parse_expr(p, next_word(rest), true, &r->dport);
}

/* ---- one rule ---- */

static void clear_drafts(struct parser *p)
{
	for (unsigned i = 0; i < p->ndrafts; i++)
		free(p->drafts[i].items);
	memset(p->drafts, 0, sizeof(p->drafts[0]) * p->ndrafts);
	p->ndrafts = 0;
	p->current = p->last_draft = p->last_item = -1;
	p->nvars = 0;
	p->said_sid = false;
	p->fault_at = NULL;
	p->fault[0] = '\0';
}

static void add_rule(struct ips_rules *rules, struct rule *r)
{
	if (rules->n == rules->cap) {
		rules->cap = rules->cap ? rules->cap * 2 : 64;
		rules->rules = reallocarray(rules->rules, rules->cap, sizeof(struct rule *));
		if (!rules->rules)
			abort();
	}
	rules->rules[rules->n++] = r;
}

static int parse_rule(struct parser *p, unsigned line)
{
	p->rule = arena_alloc(&p->rules->arena, sizeof(*p->rule));
	struct rule *r = p->rule;
	r->words = (struct ips_rule_words){ .gid = 1,
		                            .rev = 1,
		                            .priority = 3,
		                            .msg = "",
		                            .classtype = "",
		                            .tag = p->file->tag,
		                            .file = p->file->name,
		                            .line = line };
	r->event = r->fast_list = r->fast_item = -1;
	struct str rest = p->text;
	int rc = parse_header(p, &rest);
	if (rc == 0)
		rc = parse_options(p, rest);
	if (rc == 0)
		rc = parse_finish(p);
	if (rc == 0)
		add_rule(p->rules, r);
	return rc;
}

static void tell_problem(struct parser *p, struct str original, unsigned line)
{
	struct ips_report *report = p->report;
	if (!report)
		return;
	report->disabled++;
	if (report->nproblems == IPS_PROBLEMS_MAX)
		return;
	struct ips_problem *grown =
		reallocarray(report->problems, report->nproblems + 1, sizeof(*report->problems));
	if (!grown)
		abort();
	report->problems = grown;
	struct ips_problem *what = &report->problems[report->nproblems++];
	size_t at = 0;
	if (p->fault_at && p->fault_at >= p->text.p && p->fault_at <= p->text.p + p->text.n)
		at = (size_t)(p->fault_at - p->text.p);
	unsigned column = 1;
	for (size_t i = 0; i < at && i < original.n; i++) {
		column++;
		if (original.p[i] == '\n') {
			line++;
			column = 1;
		}
	}
	*what = (struct ips_problem){ .file = p->file->name,
		                      .line = line,
		                      .column = column,
		                      .sid = p->rule ? p->rule->words.sid : 0 };
	snprintf(what->text, sizeof(what->text), "%s", p->fault);
}

/* A rule may be continued on the next line: how long it is, with that. */
static size_t rule_len(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\n')
			continue;
		size_t end = i;
		if (end > 0 && s.p[end - 1] == '\r')
			end--;
		if (end == 0 || s.p[end - 1] != '\\')
			return i;
	}
	return s.n;
}

/* A copy of the same length in which continued lines are one. */
static struct str join_lines(struct parser *p, struct str s)
{
	char *copy = arena_str(&p->rules->arena, s);
	for (size_t i = 0; i + 1 < s.n; i++) {
		bool back = copy[i] == '\\';
		if (back && copy[i + 1] == '\n')
			copy[i] = copy[i + 1] = ' ';
		else if (back && copy[i + 1] == '\r' && i + 2 < s.n && copy[i + 2] == '\n')
			copy[i] = copy[i + 1] = copy[i + 2] = ' ';
	}
	return (struct str){ copy, s.n };
}

static void parse_text(struct parser *p, struct str original, unsigned line)
{
	struct str trimmed = str_trim(original);
	if (trimmed.n == 0 || trimmed.p[0] == '#')
		return;
	clear_drafts(p);
	p->rule = NULL;
	p->text = memchr(original.p, '\n', original.n) ? join_lines(p, original) : original;
	int rc = 0;
	if (original.n > RULE_TEXT_MAX)
		rc = parse_fail(p, NULL, "longer than %d bytes", RULE_TEXT_MAX);
	else if (memchr(original.p, '\0', original.n))
		rc = parse_fail(p, memchr(p->text.p, '\0', p->text.n), "a NUL byte");
	else
		rc = parse_rule(p, line);
	if (rc < 0)
		tell_problem(p, original, line);
	else if (p->report)
		p->report->loaded++;
}

static int parse_file(struct parser *p, const struct ips_file *file, struct err *why)
{
	p->file = file;
	struct str rest = file->text;
	unsigned line = 1;
	while (rest.n > 0) {
		size_t n = rule_len(rest);
		struct str one = { rest.p, n };
		parse_text(p, one, line);
		if (p->rules->n > IPS_RULES_MAX)
			return err_set(why, -E2BIG, "more than %d rules", IPS_RULES_MAX);
		for (size_t i = 0; i < n; i++)
			line += rest.p[i] == '\n';
		line++;
		rest = str_skip(rest, n + 1);
	}
	return 0;
}

/* ---- all of them ---- */

const struct ips_variable ips_variables_default[] = {
	{ "HOME_NET", "any" },
	{ "EXTERNAL_NET", "any" },
	{ "HTTP_SERVERS", "$HOME_NET" },
	{ "SMTP_SERVERS", "$HOME_NET" },
	{ "SQL_SERVERS", "$HOME_NET" },
	{ "DNS_SERVERS", "$HOME_NET" },
	{ "TELNET_SERVERS", "$HOME_NET" },
	{ "SSH_SERVERS", "$HOME_NET" },
	{ "FTP_SERVERS", "$HOME_NET" },
	{ "SIP_SERVERS", "$HOME_NET" },
	{ "SNMP_SERVERS", "$HOME_NET" },
	{ "AIM_SERVERS", "any" },
	{ "DC_SERVERS", "$HOME_NET" },
	{ "DNP3_SERVER", "$HOME_NET" },
	{ "DNP3_CLIENT", "$HOME_NET" },
	{ "MODBUS_SERVER", "$HOME_NET" },
	{ "MODBUS_CLIENT", "$HOME_NET" },
	{ "ENIP_SERVER", "$HOME_NET" },
	{ "ENIP_CLIENT", "$HOME_NET" },
	{ "HTTP_PORTS", "any" },
	{ "SHELLCODE_PORTS", "!80" },
	{ "ORACLE_PORTS", "[1521,1024:]" },
	{ "SSH_PORTS", "22" },
	{ "DNP3_PORTS", "20000" },
	{ "MODBUS_PORTS", "502" },
	{ "FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]" },
	{ "FTP_PORTS", "[21,2100,3535]" },
	{ "SIP_PORTS", "[5060,5061,5600]" },
	{ "GENEVE_PORTS", "6081" },
	{ "VXLAN_PORTS", "4789" },
	{ "TEREDO_PORTS", "3544" },
	{ 0 },
};

static void set_variable(struct ips_rules *rules, const struct ips_variable *v)
{
	map_set(&rules->variables, str_of(v->name), arena_str(&rules->arena, str_of(v->value)));
}

static int value_of_dataset(struct map *values, struct str line)
{
	struct str value = str_trim(str_cut(&line, ','));
	if (value.n == 0 || value.p[0] == '#')
		return 0;
	uint64_t number = 0;
	if (line.p && str_u64(str_trim(line), 0, UINT32_MAX, &number) < 0)
		return -EINVAL;
	/* The number behind the value, for datarep; a pointer so that the map can hold it. */
	map_set(values, value, (void *)(uintptr_t)(number + 1));
	return 0;
}

static int add_dataset(struct ips_rules *rules, const struct ips_dataset *d, struct err *why)
{
	struct map *values = arena_alloc(&rules->arena, sizeof(*values));
	map_set(&rules->datasets, str_of(d->name), values);
	struct str rest = d->text;
	for (unsigned line = 1; rest.p; line++)
		if (value_of_dataset(values, str_trim(str_cut(&rest, '\n'))) < 0)
			return err_set(why, -EINVAL,
			               "dataset %s, line %u: behind the comma is no number",
			               d->name, line);
	return 0;
}

void ips_rules_free(struct ips_rules *r)
{
	if (!r)
		return;
	size_t at = 0;
	struct map_item item;
	while (map_next(&r->datasets, &at, &item))
		map_done(item.value);
	struct map *const maps[] = { &r->variables, &r->addresses, &r->ports,
		                     &r->flowbits,  &r->ints,      &r->datasets };
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		map_done(maps[i]);
	for (size_t i = 0; i < r->ncodes; i++)
		pcre2_code_free(r->codes[i]);
	free(r->codes);
	free(r->rules);
	arena_done(&r->arena);
	free(r);
}

static void rules_freep(struct ips_rules **r)
{
	ips_rules_free(*r);
}

static void parser_freep(struct parser **p)
{
	clear_drafts(*p);
	free(*p);
}

int ips_parse(const struct ips_source *in, struct ips_rules **out, struct ips_report *report,
              struct err *why)
{
	AUTO(rules_freep) struct ips_rules *rules = xcalloc(1, sizeof(*rules));
	AUTO(parser_freep) struct parser *p = xcalloc(1, sizeof(*p));
	if (report)
		*report = (struct ips_report){ 0 };
	p->rules = rules;
	p->in = in;
	p->report = report;
	for (const struct ips_variable *v = ips_variables_default; v->name; v++)
		set_variable(rules, v);
	for (size_t i = 0; i < in->nvariables; i++)
		set_variable(rules, &in->variables[i]);
	int rc = 0;
	for (size_t i = 0; i < in->ndatasets && rc == 0; i++)
		rc = add_dataset(rules, &in->datasets[i], why);
	for (size_t i = 0; i < in->nfiles && rc == 0; i++)
		rc = parse_file(p, &in->files[i], why);
	if (rc < 0)
		return rc;
	*out = TAKE(rules);
	return 0;
}

void ips_report_done(struct ips_report *r)
{
	free(r->problems);
	*r = (struct ips_report){ 0 };
}

size_t ips_rules_count(const struct ips_rules *r)
{
	return r->n;
}

const struct ips_rule_words *ips_rules_words(const struct ips_rules *r, size_t i)
{
	return &r->rules[i]->words;
}
