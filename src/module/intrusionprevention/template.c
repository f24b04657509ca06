#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/intrusionprevention/prevention.h"

/* The API's three ways to write a rule, as texts of the rule language. */

enum { PATTERNS_MAX = 100, TEXT_MAX = 2000 };

static int lower_of(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* A value in quotes: bytes that would end it, or mean something there, in hexadecimal. */
static void add_content(struct buf *out, struct str s)
{
	buf_char(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (c < 0x20 || c > 0x7e || strchr("\"\\;:|", c))
			buf_fmt(out, "|%02x|", c);
		else
			buf_char(out, (char)c);
	}
	buf_char(out, '"');
}

/* The same bytes in a regular expression. */
static void add_literal(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_fmt(out, "\\x%02x", (uint8_t)s.p[i]);
}

static void add_head(struct buf *out, const json_t *rule)
{
	bool drop = strcmp(json_text(rule, "action", "drop"), "drop") == 0;
	buf_fmt(out, "%s tcp any any -> any any (msg:\"", drop ? "reject" : "alert");
	for (const char *p = json_text(rule, "name", "rule"); *p; p++) {
		if (strchr("\"\\;:", *p))
			buf_char(out, '\\');
		char c = *p;
		if (c == '\n' || c == '\r')
			c = ' ';
		buf_char(out, c);
	}
	buf_z(out, "\"; flow:established; ");
}

static void add_tail(struct buf *out, const json_t *rule)
{
	buf_fmt(out, "sid:%lld;)\n", (long long)(json_int(rule, "ID", 0) & UINT32_MAX));
}

static int check_text(const char *field, struct str s, struct err *why)
{
	if (s.n > TEXT_MAX)
		return err_set(why, -EINVAL, "%s is longer than %d bytes", field, TEXT_MAX);
	return 0;
}

static int from_signature(const json_t *rule, struct buf *out, struct err *why)
{
	struct str s = str_of(json_text(rule, "signature", ""));
	if (s.n == 0)
		return 0;
	int rc = check_text("signature", s, why);
	if (rc < 0)
		return rc;
	add_head(out, rule);
	buf_z(out, "content:");
	add_content(out, s);
	buf_z(out, json_bool(rule, "caseSensitive", false) ? "; " : "; nocase; ");
	add_tail(out, rule);
	return 0;
}

/* Anything that goes on before the end does. */
static void add_between(struct buf *out, struct str end)
{
	if (end.n == 0) {
		buf_z(out, ".*?");
		return;
	}
	buf_z(out, "(?:(?!");
	add_literal(out, end);
	buf_z(out, ").)*?");
}

static void add_alternatives(struct buf *out, const json_t *patterns)
{
	for (size_t i = 0; i < json_array_size(patterns); i++) {
		if (i)
			buf_char(out, '|');
		add_literal(out, str_of(json_string_value(json_array_get(patterns, i))));
	}
}

/* START, then the patterns before END, in any order. */
static void add_expression(struct buf *out, struct str start, const json_t *patterns,
                           struct str end, const char *condition)
{
	add_literal(out, start);
	if (strcmp(condition, "none") == 0) {
		buf_z(out, "(?:(?!");
		if (end.n) {
			add_literal(out, end);
			buf_char(out, '|');
		}
		add_alternatives(out, patterns);
		buf_z(out, ").)*");
	} else if (strcmp(condition, "any") == 0) {
		add_between(out, end);
		buf_z(out, "(?:");
		add_alternatives(out, patterns);
		buf_char(out, ')');
	} else {
		for (size_t i = 0; i < json_array_size(patterns); i++) {
			buf_z(out, "(?=");
			add_between(out, end);
			add_literal(out, str_of(json_string_value(json_array_get(patterns, i))));
			buf_char(out, ')');
		}
	}
	if (end.n) {
		if (strcmp(condition, "none") != 0)
			buf_z(out, ".*?");
		add_literal(out, end);
	} else if (strcmp(condition, "none") == 0) {
		buf_z(out, "\\z");
	}
}

static int check_patterns(const json_t *patterns, struct err *why)
{
	size_t n = json_array_size(patterns);
	if (n == 0 || n > PATTERNS_MAX)
		return err_set(why, -EINVAL, "patterns has %zu items: 1 to %d are needed", n,
		               PATTERNS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(patterns, i));
		if (!text || !*text)
			return err_set(why, -EINVAL, "patterns: item %zu is no text", i + 1);
		int rc = check_text("patterns", str_of(text), why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int from_patterns(const json_t *rule, struct buf *out, struct err *why)
{
	const json_t *patterns = json_array_at(rule, "patterns");
	struct str start = str_of(json_text(rule, "start", "")),
		   end = str_of(json_text(rule, "end", ""));
	const char *condition = json_text(rule, "condition", "all");
	if (json_array_size(patterns) == 0 && start.n == 0 && end.n == 0)
		return 0;
	int rc = check_patterns(patterns, why);
	if (rc == 0)
		rc = check_text("start", start, why);
	if (rc == 0)
		rc = check_text("end", end, why);
	if (rc < 0)
		return rc;
	bool sensitive = json_bool(rule, "caseSensitive", false);
	add_head(out, rule);
	/* What is looked for first. */
	struct str first = start;
	if (!first.n && strcmp(condition, "all") == 0)
		first = str_of(json_string_value(json_array_get(patterns, 0)));
	if (first.n) {
		buf_z(out, "content:");
		add_content(out, first);
		buf_z(out, sensitive ? "; " : "; nocase; ");
	}
	buf_z(out, "pcre:\"/");
	add_expression(out, start, patterns, end, condition);
	buf_z(out, sensitive ? "/s\"; " : "/si\"; ");
	add_tail(out, rule);
	return 0;
}

/* ---- the configuration of rules that add scores up ---- */

/* A word of an option of web_attack: what would end it in hexadecimal. */
static void add_word(struct buf *out, const char *text)
{
	for (const char *p = *text ? text : "*"; *p; p++) {
		uint8_t c = (uint8_t)*p;
		bool plain = (c >= '0' && c <= '9') || (lower_of(c) >= 'a' && lower_of(c) <= 'z') ||
		             strchr("/._-*[]", c);
		if (plain)
			buf_char(out, (char)c);
		else
			buf_fmt(out, "%%%02x", c);
	}
}

static void add_thresholds(struct buf *out, const json_t *configuration)
{
	static const struct {
		const char *field, *option;
	} numbers[] = { { "logThreshold", "log" },
		        { "dropThreshold", "drop" },
		        { "minimumDistinct", "distinct" },
		        { "maximumPerFeature", "most" } };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (json_object_get(configuration, numbers[i].field))
			buf_fmt(out, ", %s %lld", numbers[i].option,
			        (long long)json_int(configuration, numbers[i].field, 0));
}

static void add_lists(struct buf *out, const json_t *configuration)
{
	static const struct {
		const char *list, *option, *words[2], *numbers[2];
	} lists[] = {
		{ "features", "weight", { "feature" }, { "score" } },
		{ "keywords", "word", { "keyword" }, { "score" } },
		{ "resources", "resource", { "resource" }, { "logThreshold", "dropThreshold" } },
		{ "exemptions", "exempt", { "resource", "parameter" }, { 0 } },
	};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const json_t *list = json_array_at(configuration, lists[i].list);
		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *o = json_array_get(list, k);
			buf_fmt(out, ", %s", lists[i].option);
			for (size_t w = 0; w < 2 && lists[i].words[w]; w++) {
				buf_char(out, ' ');
				add_word(out, json_text(o, lists[i].words[w], "*"));
			}
			for (size_t w = 0; w < 2 && lists[i].numbers[w]; w++)
				buf_fmt(out, " %lld",
				        (long long)json_int(o, lists[i].numbers[w], 0));
		}
	}
}

static int check_configuration(const json_t *configuration, bool scored, struct err *why)
{
	int64_t log = json_int(configuration, "logThreshold", 0),
		drop = json_int(configuration, "dropThreshold", 0);
	if (!scored)
		return err_set(why, -EINVAL,
		               "configuration: the rule has no web_attack that it could be of");
	if (log > 0 && drop > 0 && drop < log)
		return err_set(why, -EINVAL, "configuration: dropThreshold is below logThreshold");
	return 0;
}

/* The text of the language, with the configuration where web_attack ends. */
static int from_text(const json_t *rule, struct buf *out, struct err *why)
{
	const json_t *configuration = json_object_at(rule, "configuration");
	const char *text = json_text(rule, "customXML", "");
	const char *keyword = strstr(text, "web_attack:"),
		   *end = keyword ? strchr(keyword, ';') : NULL;
	if (json_object_size(configuration) == 0) {
		buf_z(out, text);
		return 0;
	}
	int rc = check_configuration(configuration, end != NULL, why);
	if (rc < 0 || !end)
		return rc;
	buf_add(out, text, (size_t)(end - text));
	add_thresholds(out, configuration);
	add_lists(out, configuration);
	buf_z(out, end);
	return 0;
}

int prevention_text(const json_t *rule, struct buf *out, struct err *why)
{
	const char *template = json_text(rule, "template", "signature");
	if (strcmp(template, "signature") == 0)
		return from_signature(rule, out, why);
	if (strcmp(template, "start-end-patterns") == 0)
		return from_patterns(rule, out, why);
	return from_text(rule, out, why);
}

int prevention_check_rule(const json_t *rule, struct err *why)
{
	static const char *const fields[] = { "signature", "patterns", "customXML" };
	const char *template = json_text(rule, "template", "signature");
	const char *field =
		fields[strcmp(template, "custom") == 0 ? 2
	                                               : *template == 's' && template[1] == 't'];
	AUTO(buf_done) struct buf text = { 0 };
	int rc = prevention_text(rule, &text, why);
	if (rc < 0 || text.n == 0)
		return rc;
	struct ips_file file = { .name = field, .text = buf_view(&text) };
	struct ips_source in = { .files = &file, .nfiles = 1 };
	struct ips_rules *rules = NULL;
	struct ips_report report = { 0 };
	rc = ips_parse(&in, &rules, &report, why);
	ips_rules_free(rules);
	if (rc == 0 && report.nproblems)
		rc = err_set(why, -EINVAL, "%s, line %u, column %u: %s", field,
		             report.problems[0].line, report.problems[0].column,
		             report.problems[0].text);
	else if (rc == 0 && report.loaded == 0)
		rc = err_set(why, -EINVAL, "%s holds no rule", field);
	ips_report_done(&report);
	return rc;
}
