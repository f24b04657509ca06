#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "module/loginspection/section.h"

/* Rules of the API as texts in the language of rules. */

enum { FIRST_ID = 100000 };

/* Texts of elements and attributes: the dialect knows no entities. */
static void put_attribute(struct buf *b, const char *text)
{
	for (; *text; text++)
		buf_add(b, *text == '"' ? "'" : text, 1);
}

static void put_plain(struct buf *b, const char *text)
{
	for (; *text; text++)
		buf_add(b, *text == '<' ? "(" : *text == '>' ? ")" : text, 1);
}

/* A text with '<' cannot stand in <match>; as OS_Regex it says the same. */
static void put_string(struct buf *b, const char *text)
{
	bool regex = strchr(text, '<') != NULL;
	buf_z(b, regex ? "<regex>" : "<match>");
	for (const char *p = text; *p; p++) {
		bool anchor = *p == '$' && (p[1] == '\0' || p[1] == '|');
		if (regex && strchr("\\()<$", *p) && !anchor)
			buf_char(b, '\\');
		buf_char(b, *p);
	}
	buf_z(b, regex ? "</regex>" : "</match>");
}

static void put_pattern(struct buf *b, const json_t *o)
{
	const char *pattern = json_text(o, "pattern", "");
	if (!*pattern)
		return;
	if (strcmp(json_text(o, "patternType", "string"), "regex") != 0)
		put_string(b, pattern);
	else
		buf_fmt(b, "<regex>%s</regex>", pattern);
}

static void put_dependency(struct buf *b, const json_t *o, bool counts)
{
	const char *on = json_text(o, "dependency", "none");
	const char *matched = counts ? "_matched" : "";
	if (strcmp(on, "rule") == 0) {
		buf_fmt(b, "<if%s_sid>%lld</if%s_sid>", matched,
		        (long long)json_int(o, "dependencyRuleID", 0), matched);
	} else if (strcmp(on, "group") == 0) {
		buf_fmt(b, "<if%s_group>", matched);
		put_plain(b, json_text(o, "dependencyGroup", ""));
		buf_fmt(b, "</if%s_group>", matched);
	}
}

static void put_groups(struct buf *b, const json_t *o)
{
	const json_t *groups = json_array_at(o, "groups");
	for (size_t i = 0; i < json_array_size(groups); i++) {
		const char *group = json_string_value(json_array_get(groups, i));
		put_attribute(b, group ? group : "");
		buf_char(b, ',');
	}
}

static void put_basic(struct buf *b, const json_t *o)
{
	int64_t frequency = json_int(o, "frequency", 0), span = json_int(o, "timeFrame", 0);
	int64_t id = json_int(o, "ruleID", 0);
	const char *text = json_text(o, "ruleDescription", "");
	if (!id)
		id = FIRST_ID + json_int(o, "ID", 0);
	buf_z(b, "<group name=\"");
	put_groups(b, o);
	buf_fmt(b, "\"><rule id=\"%lld\" level=\"%lld\"", (long long)id,
	        (long long)json_int(o, "level", 0));
	if (frequency)
		buf_fmt(b, " frequency=\"%lld\"", (long long)frequency);
	if (frequency && span)
		buf_fmt(b, " timeframe=\"%lld\"", (long long)span);
	buf_char(b, '>');
	put_dependency(b, o, frequency != 0);
	put_pattern(b, o);
	buf_z(b, "<description>");
	put_plain(b, *text ? text : json_text(o, "name", "Log Inspection"));
	buf_z(b, "</description></rule></group>\n");
}

static int basic_right(const json_t *o, struct err *why)
{
	bool regex = strcmp(json_text(o, "patternType", "string"), "regex") == 0;
	const char *pattern = json_text(o, "pattern", "");
	const char *on = json_text(o, "dependency", "none");
	if (strcmp(on, "rule") == 0 && !json_int(o, "dependencyRuleID", 0))
		return err_set(why, -EINVAL, "dependencyRuleID is required with dependency rule");
	if (json_int(o, "frequency", 0) && strcmp(on, "none") == 0)
		return err_set(why, -EINVAL, "frequency needs a dependency: what is counted");
	for (const char *p = pattern; regex && *p; p++)
		if (*p == '<' && (p == pattern || p[-1] != '\\'))
			return err_set(why, -EINVAL, "pattern: '\\<' was expected, not '<'");
	return 0;
}

int li_rule_text(const json_t *rule, struct buf *out, struct err *why)
{
	bool custom = strcmp(json_text(rule, "template", "basic-rule"), "custom") == 0;
	int rc = custom ? 0 : basic_right(rule, why);
	if (rc < 0)
		return rc;
	if (custom)
		buf_z(out, json_text(rule, "ruleXML", ""));
	else
		put_basic(out, rule);
	return buf_end(out);
}
