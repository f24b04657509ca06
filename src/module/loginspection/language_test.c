#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "module/loginspection/loginspection.h"

/* The language page, an edge case a test. A case is a rule set and lines with what they decide. */

static struct li_set *built(const char *decoders, const char *rules, struct li_dialect dialect)
{
	struct li_file d = { "decoders.xml", str_of(decoders) }, r = { "rules.xml", str_of(rules) };
	struct li_file l = { "names", STR("10.1.:inside\nroot:admin user\n\"a:b\":\"v\"\nlone\n") };
	struct li_set *set = NULL;
	struct err why = { { 0 } };
	int rc = li_set_build(&(struct li_files){ &d, 1 }, &(struct li_files){ &r, 1 },
	                      &(struct li_files){ &l, 1 }, &dialect, &set, &why);
	if (rc < 0)
		fail_msg("%s", why.text);
	return set;
}

struct session {
	struct li_set *set;
	struct li_engine *engine;
	struct li_answer a;
	int64_t now;
};

static struct session begun(const char *decoders, const char *rules, struct li_dialect dialect)
{
	struct session s = { .set = built(decoders, rules, dialect), .now = 1000000 };
	assert_null(li_set_problem(s.set, 0));
	s.engine = li_engine_new(s.set, NULL);
	return s;
}

static void ended(struct session *s)
{
	li_engine_free(s->engine);
	li_set_free(s->set);
}

static unsigned rule_of(struct session *s, const char *line)
{
	li_engine_line(s->engine, str_of(line), (struct str){ 0 }, s->now, &s->a);
	return s->a.rule ? s->a.id : 0;
}

static const char *field(const struct session *s, const char *name)
{
	static char text[512];
	for (size_t i = s->a.nfields; i > 0; i--)
		if (str_is(s->a.fields[i - 1].name, name)) {
			snprintf(text, sizeof(text), "%.*s", STR_ARG(s->a.fields[i - 1].value));
			return text;
		}
	return "(none)";
}

static const struct li_dialect ossec = { 0 }, wazuh = { .wazuh = true },
			       classic = { .classic = true };

/* One rule with one condition, on a line of a program "p". */
static bool matches(const char *condition, const char *text, struct li_dialect dialect)
{
	char rules[2048], line[2048];
	snprintf(rules, sizeof(rules),
	         "<group name=\"g,\"><rule id=\"100\" level=\"3\">%s</rule></group>", condition);
	snprintf(line, sizeof(line), "Nov 29 10:00:00 host p[1]: %s", text);
	struct session s = begun("<decoder name=\"p\"><program_name>^p$</program_name></decoder>",
	                         rules, dialect);
	unsigned rule = rule_of(&s, line);
	ended(&s);
	return rule == 100;
}

/* clang-format off */
static const struct {
	const char *why, *condition, *text;
	const struct li_dialect *dialect;
	bool matches;
} conditions[] = {
	/* OS_Match */
	{ "a substring, whatever its case", "<match>WoRd</match>", "a swORDs b", &ossec, true },
	{ "a prefix", "<match>^word</match>", "a word", &ossec, false },
	{ "a suffix", "<match>word$</match>", "a word", &ossec, true },
	{ "the whole", "<match>^a word$</match>", "a word", &ossec, true },
	{ "the whole is more", "<match>^a wor$</match>", "a word", &ossec, false },
	{ "one of several", "<match>nothing|word</match>", "a word", &ossec, true },
	{ "an empty alternative matches all", "<match>nothing|</match>", "a word", &ossec, true },
	{ "an empty pattern matches all", "<match></match>", "a word", &ossec, true },
	{ "a backslash is a byte", "<match>a\\d</match>", "a\\d", &ossec, true },
	{ "and no class", "<match>a\\d</match>", "a1", &ossec, false },
	{ "two elements are one pattern", "<match>nothing|</match><match>word</match>", "a word", &ossec, true },
	{ "without anything between", "<match>wo</match><match>rd</match>", "a word", &ossec, true },
	{ "OSSEC's ! is a byte", "<match>!nothing</match>", "a word", &ossec, false },
	{ "Wazuh's ! negates", "<match>!nothing</match>", "a word", &wazuh, true },
	{ "all of the list", "<match>!word|nothing</match>", "a word", &wazuh, false },
	{ "an anchor inside never matches (converted)", "<match>a^b</match>", "a^b", &ossec, false },
	{ "and is a byte in classic", "<match>a^b</match>", "a^b", &classic, true },
	/* OS_Regex */
	{ "digits", "<regex>^a\\d+$</regex>", "a123", &ossec, true },
	{ "\\w has - and @", "<regex>^\\w+$</regex>", "a-b@c_1", &ossec, true },
	{ "\\w has no dot", "<regex>^\\w+$</regex>", "a.b", &ossec, false },
	{ "\\s is a space", "<regex>^a\\sb$</regex>", "a b", &ossec, true },
	{ "\\. is any byte", "<regex>^a\\.b$</regex>", "a/b", &ossec, true },
	{ "a dot is a dot", "<regex>^a.b$</regex>", "a/b", &ossec, false },
	{ "\\p has brackets", "<regex>^\\p+$</regex>", "[](){}!?,;:", &ossec, true },
	{ "\\p has no slash", "<regex>^\\p+$</regex>", "/", &ossec, false },
	{ "\\p has no backtick", "<regex>^\\p+$</regex>", "`", &ossec, false },
	{ "* and + are bytes behind a byte", "<regex>^a+b*$</regex>", "a+b*", &ossec, true },
	{ "brackets are bytes", "<regex>^[a]{1}?$</regex>", "[a]{1}?", &ossec, true },
	{ "\\S goes no further than a space", "<regex>^\\S+ b$</regex>", "a b", &ossec, true },
	{ "^ inside is a byte", "<regex>a^b</regex>", "a^b", &ossec, true },
	{ "$ inside is a byte", "<regex>a$b</regex>", "a$b", &ossec, true },
	{ "each alternative has its anchors", "<regex>^b|d$</regex>", "a b c d", &ossec, true },
	{ "and needs one of them", "<regex>^b|c$</regex>", "a b c d", &ossec, false },
	{ "| in a group (converted)", "<regex>^a (b|c) d$</regex>", "a c d", &ossec, true },
	{ "\\< is a literal <", "<regex>a\\<b</regex>", "a<b", &ossec, true },
	{ "case does not matter", "<regex>^ABC\\d</regex>", "abc1", &ossec, true },
	/* PCRE2 */
	{ "pcre2 of OSSEC is caseless", "<pcre2>^A.c$</pcre2>", "abC", &ossec, true },
	{ "Wazuh's type=pcre2 is not", "<regex type=\"pcre2\">^A.c$</regex>", "abc", &wazuh, false },
	{ "unless it says so", "<regex type=\"pcre2\">(?i)^A.c$</regex>", "abc", &wazuh, true },
	{ "look-ahead", "<pcre2>foo(?!bar)</pcre2>", "foobar", &ossec, false },
	{ "invalid UTF-8 is bytes", "<pcre2>a.b</pcre2>", "a\xff" "b", &ossec, true },
	{ "a backtracking expression is given up", "<pcre2>^(a+)+$</pcre2>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", &ossec, false },
	/* XML */
	{ "no entity is decoded", "<match>a&amp;b</match>", "a&amp;b", &ossec, true },
	{ "a bare & and > are text", "<match>a & b > c</match>", "a & b > c", &ossec, true },
	{ "a comment ends with !>", "<match>wo<! x !>rd</match>", "word", &ossec, true },
	{ "or with -->", "<match>wo<!-- x -->rd</match>", "word", &ossec, true },
	{ "single quotes", "<match type='osmatch'>word</match>", "word", &ossec, true },
	{ "negate", "<match negate=\"yes\">word</match>", "word", &wazuh, false },
	/* other conditions */
	{ "program_name", "<program_name>^p$</program_name>", "x", &ossec, true },
	{ "hostname", "<hostname>^other</hostname>", "x", &ossec, false },
	{ "a field that is not there matches nothing", "<user></user>", "x", &ossec, false },
	{ "decoded_as", "<decoded_as>p</decoded_as>", "x", &ossec, true },
	{ "a time that wraps holds outside", "<time>12:00 - 11:59</time>", "x", &ossec, true },
	{ "the whole day", "<time>0:00 - 23:59</time>", "x", &ossec, true },
	{ "not the whole day", "<time>!0:00 - 23:59</time>", "x", &ossec, false },
	{ "every day", "<weekday>weekdays,weekends</weekday>", "x", &ossec, true },
	{ "a missing field in a list", "<list field=\"srcip\">names</list>", "x", &ossec, false },
	{ "a list by hostname", "<list field=\"program_name\" lookup=\"not_match_key\">lists/names</list>", "x", &ossec, true },
};
/* clang-format on */

static void every_condition_means_what_the_page_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
		if (matches(conditions[i].condition, conditions[i].text, *conditions[i].dialect) !=
		    conditions[i].matches)
			fail_msg("%s: %s on \"%s\"", conditions[i].why, conditions[i].condition,
			         conditions[i].text);
}

/* clang-format off */
static const struct {
	const char *why, *line, *program, *host, *log;
} headers[] = {
	{ "syslog", "Nov 29 10:00:01 host sshd[12]: text", "sshd", "host", "text" },
	{ "without pid", "Nov  9 10:00:01 host kernel: text", "kernel", "host", "text" },
	{ "without colon", "Nov 29 10:00:01 host sshd[12] text", "sshd", "host", "text" },
	{ "a pid of letters is no program", "Nov 29 10:00:01 host sshd[FF]: text", NULL, "host", "sshd[FF]: text" },
	{ "no program at all", "Nov 29 10:00:01 host text goes on", NULL, "host", "text goes on" },
	{ "Solaris without host", "Nov 29 10:00:01 sshd: text", "sshd", NULL, "text" },
	{ "Solaris' ID", "Nov 29 10:00:01 host su: [ID 366847 auth.info] text", "su", "host", "text" },
	{ "AIX", "Nov 29 10:00:01 host auth|security:info sshd[12]: text", "sshd", "host", "text" },
	{ "ISO", "2026-11-29T10:00:01+01:00 host p: text", "p", "host", "text" },
	{ "ISO with fraction", "2026-11-29T10:00:01.123456+01:00 host p: text", "p", "host", "text" },
	{ "ISO with one digit", "2026-11-29T10:00:01,1-07:00 host p: text", "p", "host", "text" },
	{ "Z is no date", "2026-11-29T10:00:01Z host p: text", NULL, NULL, "2026-11-29T10:00:01Z host p: text" },
	{ "nor is RFC 5424", "<38>1 2026-11-29T10:00:01+01:00 host p: text", NULL, NULL, "<38>1 2026-11-29T10:00:01+01:00 host p: text" },
	{ "with milliseconds", "2026-11-29 10:00:01,123 host p: text", "p", "host", "text" },
	{ "with a year", "2026 Nov 29 10:00:01 host p: text", "p", "host", "text" },
	{ "with colons", "2026:11:29-10:00:01 host p: text", "p", "host", "text" },
	{ "a path is a program", "Nov 29 10:00:01 host /usr/sbin/cron[1]: text", "/usr/sbin/cron", "host", "text" },
	{ "tabs and controls go", "x\ty\x01z\x7f", NULL, NULL, "xyz" },
	{ "xferlog", "Mon Apr 17 18:27:14 2006 1 64.160.42.130 x", NULL, NULL, " 1 64.160.42.130 x" },
	{ "snort", "01/28-09:13:16.240702  [**] x", NULL, NULL, "[**] x" },
	{ "apache", "[Fri Feb 11 18:06:35 2004] [warn] x", NULL, NULL, "[warn] x" },
	{ "squid", "1140804070.368  11623 192.168.0.1 TCP_MISS/200 x", NULL, NULL, "11623 192.168.0.1 TCP_MISS/200 x" },
	{ "an empty line", "", NULL, NULL, "" },
	{ "a date alone", "Nov 29 10:00:01 ", NULL, NULL, "Nov 29 10:00:01 " },
};
/* clang-format on */

static void same_text(const char *why, struct str got, const char *wanted)
{
	if (wanted ? !str_is(got, wanted) : got.p != NULL)
		fail_msg("%s: \"%.*s\", not \"%s\"", why, STR_ARG(got), wanted ? wanted : "(none)");
}

static void every_header_is_taken_off(void **state)
{
	(void)state;
	struct session s = begun("", "", ossec);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		rule_of(&s, headers[i].line);
		same_text(headers[i].why, s.a.program, headers[i].program);
		same_text(headers[i].why, s.a.hostname, headers[i].host);
		same_text(headers[i].why, s.a.log, headers[i].log);
	}
	ended(&s);
}

/* ---- decoders ---- */

static void lines_with_a_program_see_only_decoders_with_one(void **state)
{
	(void)state;
	struct session s = begun("<decoder name=\"any\"><prematch>^text</prematch></decoder>"
	                         "<decoder name=\"p\"><program_name>^p</program_name></decoder>",
	                         "", ossec);
	rule_of(&s, "Nov 29 10:00:01 host p: text");
	same_text("program", s.a.decoder, "p");
	rule_of(&s, "Nov 29 10:00:01 host q: text");
	same_text("other program", s.a.decoder, NULL);
	rule_of(&s, "text");
	same_text("no program", s.a.decoder, "any");
	ended(&s);
}

static void the_first_decoder_is_final(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"first\"><prematch>^text</prematch></decoder>"
		"<decoder name=\"child\"><parent>first</parent><prematch>never</prematch></decoder>"
		"<decoder name=\"second\"><prematch>^text</prematch></decoder>",
		"", ossec);
	rule_of(&s, "text one");
	same_text("first", s.a.decoder, "first");
	ended(&s);
}

static void a_regex_of_its_own_counts_only_without_children(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"a\"><prematch>^alpha </prematch><regex offset=\"after_prematch\">^(\\w+)</regex><order>id</order></decoder>"
		"<decoder name=\"b\"><prematch>^beta </prematch><regex>(\\w+)$</regex><order>id</order></decoder>"
		"<decoder name=\"b-c\"><parent>b</parent><regex offset=\"after_parent\">^(\\w+)</regex><order>url</order></decoder>",
		"", ossec);
	rule_of(&s, "alpha one two");
	assert_string_equal(field(&s, "id"), "one");
	rule_of(&s, "beta one two");
	assert_string_equal(field(&s, "id"), "(none)");
	assert_string_equal(field(&s, "url"), "one");
	ended(&s);
}

static void children_of_one_name_are_one_chain(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^p: </prematch></decoder>"
		"<decoder name=\"c\"><parent>p</parent><regex offset=\"after_parent\">ip=(\\S+)</regex><order>srcip</order></decoder>"
		"<decoder name=\"c\"><parent>p</parent><regex offset=\"after_regex\">^ user=(\\S+)</regex><order>user</order></decoder>"
		"<decoder name=\"c\"><parent>p</parent><regex>id=(\\d+)</regex><order>id</order></decoder>",
		"", ossec);
	rule_of(&s, "p: ip=1.2.3.4 user=root id=7");
	assert_string_equal(field(&s, "srcip"), "1.2.3.4");
	assert_string_equal(field(&s, "dstuser"), "root");
	assert_string_equal(field(&s, "id"), "7");
	rule_of(&s, "p: id=8");
	assert_string_equal(field(&s, "srcip"), "(none)");
	assert_string_equal(field(&s, "id"), "8");
	ended(&s);
}

static void a_child_has_its_parents_name_unless_it_wants_its_own(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^p: </prematch><type>web-log</type></decoder>"
		"<decoder name=\"c\"><parent>p</parent><prematch>one</prematch></decoder>"
		"<decoder name=\"d\"><parent>p</parent><use_own_name>true</use_own_name><prematch>two</prematch></decoder>",
		"<rule id=\"10\" level=\"1\"><category>web-log</category></rule><rule id=\"11\" level=\"1\"/>"
		"<rule id=\"12\" level=\"2\"><decoded_as>d</decoded_as></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "p: one"), 11); /* the child's own type is syslog */
	same_text("parent's", s.a.decoder, "p");
	assert_int_equal(rule_of(&s, "p: two"), 12);
	same_text("own", s.a.decoder, "d");
	assert_int_equal(rule_of(&s, "p: three"), 10);
	ended(&s);
}

static void ossec_takes_the_child_when_its_regex_matches_and_wazuh_does_not(void **state)
{
	(void)state;
	const char *decoders =
		"<decoder name=\"p\"><prematch>^p: </prematch></decoder><decoder name=\"c\"><parent>p</parent>"
		"<use_own_name>true</use_own_name><regex>id=(\\d+)</regex><order>id</order></decoder>";
	struct session s = begun(decoders, "", ossec);
	rule_of(&s, "p: id=8");
	same_text("ossec", s.a.decoder, "c");
	ended(&s);
	s = begun(decoders, "", wazuh);
	rule_of(&s, "p: id=8");
	same_text("wazuh", s.a.decoder, "p");
	ended(&s);
}

static void captures_come_compacted(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^p: </prematch><regex>type=(\\w+) a=(\\w+)|kind=(\\w+)</regex><order>id, url</order></decoder>",
		"", ossec);
	rule_of(&s, "p: kind=x");
	assert_string_equal(field(&s, "id"), "x");
	rule_of(&s, "p: type=y a=z");
	assert_string_equal(field(&s, "url"), "z");
	ended(&s);
}

static void quantifiers_are_lazy_but_for_the_last(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^p: </prematch><regex offset=\"after_prematch\">^(\\.+) (\\.+)</regex><order>id, url</order></decoder>",
		"", ossec);
	rule_of(&s, "p: a b c d");
	assert_string_equal(field(&s, "id"), "a");
	assert_string_equal(field(&s, "url"), "b c d");
	ended(&s);
}

static void classic_tries_alternatives_in_order_and_converted_the_leftmost(void **state)
{
	(void)state;
	const char *decoders =
		"<decoder name=\"p\"><prematch>^p: </prematch><regex>b=(\\w+)|a=(\\w+)</regex><order>id</order></decoder>";
	struct session s = begun(decoders, "", ossec);
	rule_of(&s, "p: a=1 b=2");
	assert_string_equal(field(&s, "id"), "1");
	ended(&s);
	s = begun(decoders, "", classic);
	rule_of(&s, "p: a=1 b=2");
	assert_string_equal(field(&s, "id"), "2");
	ended(&s);
}

static void a_trailing_space_captures_nothing_and_is_survived(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^p</prematch><regex> (\\S*)$</regex><order>id</order></decoder>",
		"", classic);
	rule_of(&s, "p: x ");
	assert_string_equal(field(&s, "id"), "");
	ended(&s);
}

static void first_sight_is_once(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^login </prematch><regex offset=\"after_prematch\">^(\\w+)</regex><order>user</order><fts>name, user</fts></decoder>",
		"<rule id=\"10\" level=\"0\"><decoded_as>p</decoded_as></rule><rule id=\"11\" level=\"4\"><if_sid>10</if_sid><if_fts /></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "login a"), 11);
	assert_int_equal(rule_of(&s, "login a"), 10);
	assert_int_equal(rule_of(&s, "login b"), 11);
	AUTO(buf_done) struct buf state_text = { 0 };
	li_engine_save(s.engine, &state_text);
	struct li_engine *other = li_engine_new(s.set, NULL);
	struct err why = { { 0 } };
	assert_int_equal(li_engine_load(other, buf_view(&state_text), &why), 0);
	li_engine_free(s.engine);
	s.engine = other;
	assert_int_equal(rule_of(&s, "login b"), 10);
	assert_int_equal(rule_of(&s, "login c"), 11);
	li_engine_reset(s.engine);
	assert_int_equal(rule_of(&s, "login a"), 11);
	ended(&s);
}

static void accumulated_fields_fill_what_is_missing(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^q=\\d+</prematch><accumulate /></decoder>"
		"<decoder name=\"c\"><parent>p</parent><accumulate /><regex>^q=(\\d+)</regex><order>id</order></decoder>"
		"<decoder name=\"c\"><parent>p</parent><accumulate /><regex>from (\\S+)</regex><order>srcip</order></decoder>",
		"", ossec);
	rule_of(&s, "q=1 from 1.2.3.4");
	rule_of(&s, "q=1 done");
	assert_string_equal(field(&s, "srcip"), "1.2.3.4");
	rule_of(&s, "q=2 done");
	assert_string_equal(field(&s, "srcip"), "(none)");
	s.now += 121;
	rule_of(&s, "q=1 done");
	assert_string_equal(field(&s, "srcip"), "(none)");
	ended(&s);
}

static void json_becomes_fields(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"json\"><prematch>^{</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>",
		"<rule id=\"10\" level=\"3\"><field name=\"a.b\">^x\\d$</field><description>b is $(a.b)</description></rule>",
		wazuh);
	assert_int_equal(
		rule_of(&s,
	                "{\"a\":{\"b\":\"x1\"},\"srcip\":\"1.2.3.4\",\"n\":12,\"t\":true,\"l\":[1,\"]\"]}"),
		10);
	same_text("filled", s.a.description, "b is x1");
	assert_string_equal(field(&s, "srcip"), "1.2.3.4");
	assert_string_equal(field(&s, "n"), "12");
	assert_string_equal(field(&s, "l"), "[1,\"]\"]");
	assert_int_equal(rule_of(&s, "{\"a\":{\"b\":\"\\u0078\\u0031\"}}"), 10);
	assert_int_equal(rule_of(&s, "{\"a\":{\"b\":\"x1\""),
	                 10); /* cut off: what came before counts */
	ended(&s);
}

/* ---- the tree ---- */

static void siblings_go_by_level_and_zero_comes_first(void **state)
{
	(void)state;
	struct session s = begun(
		"",
		"<rule id=\"10\" level=\"3\"><match>a</match></rule><rule id=\"11\" level=\"7\"><match>b</match></rule>"
		"<rule id=\"12\" level=\"0\"><match>c</match></rule><rule id=\"13\" level=\"7\"><match>b</match></rule>"
		"<rule id=\"14\" level=\"12\" accuracy=\"0\"><match>a</match></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "a"), 10);
	assert_int_equal(rule_of(&s, "a b"), 11);
	assert_int_equal(rule_of(&s, "a b c"), 12);
	assert_false(s.a.log_it);
	ended(&s);
}

static void a_noalert_rule_that_no_child_takes_is_passed_by(void **state)
{
	(void)state;
	struct session s = begun(
		"",
		"<rule id=\"10\" level=\"5\" noalert=\"1\"><match>a</match></rule><rule id=\"11\" level=\"3\"><if_sid>10</if_sid><match>b</match></rule>"
		"<rule id=\"12\" level=\"2\"><match>a</match></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "a"), 12);
	assert_int_equal(rule_of(&s, "a b"), 11);
	ended(&s);
}

static void groups_bind_by_substring(void **state)
{
	(void)state;
	struct session s = begun(
		"",
		"<group name=\"g,\"><rule id=\"10\" level=\"5\"><match>a</match><group>authentication_failures,</group></rule>"
		"<rule id=\"11\" level=\"3\"><if_group>authentication_fail</if_group><match>b</match></rule></group>",
		ossec);
	assert_int_equal(rule_of(&s, "a b"), 11);
	same_text("groups", s.a.groups, "g,");
	assert_int_equal(rule_of(&s, "a"), 10);
	same_text("groups", s.a.groups, "g,authentication_failures,");
	ended(&s);
}

static void overwriting_keeps_the_place(void **state)
{
	(void)state;
	struct session s = begun(
		"",
		"<rule id=\"10\" level=\"3\"><match>a</match><description>old</description></rule><rule id=\"11\" level=\"5\"><match>a b</match></rule>"
		"<rule id=\"10\" level=\"9\" overwrite=\"yes\"><match>a</match><description>new</description></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "a"), 10);
	assert_int_equal(s.a.level, 9);
	same_text("description", s.a.description, "new");
	assert_int_equal(rule_of(&s, "a b"), 11); /* the order keeps the old level */
	ended(&s);
}

static void ignore_silences_for_seconds(void **state)
{
	(void)state;
	struct session s = begun(
		"", "<rule id=\"10\" level=\"3\" ignore=\"60\"><match>a</match></rule>", ossec);
	assert_int_equal(rule_of(&s, "a"), 10);
	s.now += 59;
	assert_int_equal(rule_of(&s, "a"), 0);
	s.now += 1;
	assert_int_equal(rule_of(&s, "a"), 10);
	ended(&s);
}

static void ignored_fields_silence_rules_that_ask(void **state)
{
	(void)state;
	struct session s = begun(
		"<decoder name=\"p\"><prematch>^ip </prematch><regex offset=\"after_prematch\">^(\\S+)</regex><order>srcip</order></decoder>",
		"<rule id=\"10\" level=\"3\"><match>mute</match><ignore>srcip</ignore></rule><rule id=\"11\" level=\"2\"><match>talk</match><check_if_ignored>srcip</check_if_ignored></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "ip 1.1.1.1 talk"), 11);
	assert_int_equal(rule_of(&s, "ip 1.1.1.1 mute"), 10);
	assert_int_equal(rule_of(&s, "ip 1.1.1.1 talk"), 0);
	assert_int_equal(rule_of(&s, "ip 2.2.2.2 talk"), 11);
	ended(&s);
}

static void a_diff_is_a_text_that_changed(void **state)
{
	(void)state;
	struct session s = begun(
		"", "<rule id=\"10\" level=\"3\"><match>out: </match><check_diff /></rule>", ossec);
	assert_int_equal(rule_of(&s, "out: 1"), 0);
	assert_int_equal(rule_of(&s, "out: 1"), 0);
	assert_int_equal(rule_of(&s, "out: 2"), 10);
	assert_int_equal(rule_of(&s, "out: 2"), 0);
	ended(&s);
}

/* ---- frequency ---- */

static const char counted[] =
	"<decoder name=\"p\"><prematch>^fail </prematch><regex offset=\"after_prematch\">^(\\S+) (\\S*)</regex><order>srcip, url</order></decoder>";

static unsigned fires_at(const char *attributes, struct li_dialect dialect)
{
	char rules[512];
	snprintf(
		rules, sizeof(rules),
		"<rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as></rule><rule id=\"11\" level=\"10\" %s><if_matched_sid>10</if_matched_sid></rule>",
		attributes);
	struct session s = begun(counted, rules, dialect);
	unsigned n = 1;
	while (rule_of(&s, "fail 1.1.1.1 /") == 10 && n < 50)
		n++;
	ended(&s);
	return n;
}

static void frequency_counts_as_the_page_says(void **state)
{
	(void)state;
	assert_int_equal(fires_at("frequency=\"6\" timeframe=\"60\"", ossec), 8);
	assert_int_equal(fires_at("frequency=\"6\" timeframe=\"60\"", wazuh), 6);
	assert_int_equal(fires_at("frequency=\"0\"", ossec), 2);
	assert_int_equal(fires_at("frequency=\"2\"", wazuh), 2);
	assert_int_equal(fires_at("", ossec), 2);
	assert_int_equal(fires_at("", wazuh), 2);
}

static void counting_restarts_after_it_fired(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as></rule><rule id=\"11\" level=\"10\" frequency=\"1\"><if_matched_sid>10</if_matched_sid></rule>",
		ossec);
	unsigned expected[] = { 10, 10, 11, 10, 10, 11 };
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), expected[i]);
	ended(&s);
}

static void only_the_time_frame_counts(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as></rule><rule id=\"11\" level=\"10\" frequency=\"1\" timeframe=\"60\"><if_matched_sid>10</if_matched_sid></rule>",
		ossec);
	rule_of(&s, "fail 1.1.1.1 /");
	s.now += 60;
	rule_of(&s, "fail 1.1.1.1 /");
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), 11);
	li_engine_reset(s.engine);
	rule_of(&s, "fail 1.1.1.1 /");
	s.now += 61;
	rule_of(&s, "fail 1.1.1.1 /");
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), 10);
	ended(&s);
}

static void same_and_different_need_the_field_on_both_sides(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<rule id=\"10\" level=\"5\"><match>fail</match></rule><rule id=\"11\" level=\"10\" frequency=\"0\"><if_matched_sid>10</if_matched_sid><same_source_ip /><different_url /></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /a"), 10);
	assert_int_equal(rule_of(&s, "fail 2.2.2.2 /b"), 10);
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /a"), 10);
	assert_int_equal(rule_of(&s, "fail"), 10);
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /b"), 11);
	ended(&s);
}

static void groups_and_regexes_are_counted_too(void **state)
{
	(void)state;
	struct session s = begun(
		"",
		"<group name=\"g,\"><rule id=\"10\" level=\"5\"><match>fail</match><group>auth_failed,</group></rule>"
		"<rule id=\"11\" level=\"10\" frequency=\"0\"><if_matched_group>auth_fail</if_matched_group><match>again</match></rule>"
		"<rule id=\"12\" level=\"9\"><match>other</match><if_matched_regex>^fail\\d</if_matched_regex></rule><rule id=\"13\" level=\"2\"><match>other</match></rule></group>",
		ossec);
	assert_int_equal(rule_of(&s, "fail again"), 10);
	assert_int_equal(rule_of(&s, "other"), 13);
	assert_int_equal(rule_of(&s, "fail again"), 11);
	assert_int_equal(rule_of(&s, "fail1"), 10);
	assert_int_equal(rule_of(&s, "other"), 12);
	ended(&s);
}

static void a_higher_composite_may_count_what_a_lower_one_counted(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as></rule>"
		"<rule id=\"11\" level=\"8\" frequency=\"0\"><if_matched_sid>10</if_matched_sid></rule>"
		"<rule id=\"12\" level=\"12\" frequency=\"1\"><if_matched_sid>10</if_matched_sid></rule>",
		ossec);
	unsigned expected[] = { 10, 11, 10, 12 };
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), expected[i]);
	ended(&s);
}

static void windows_outlive_a_restart(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as></rule><rule id=\"11\" level=\"10\" frequency=\"1\"><if_matched_sid>10</if_matched_sid><same_source_ip /></rule>",
		ossec);
	AUTO(buf_done) struct buf saved = { 0 };
	struct err why = { { 0 } };
	rule_of(&s, "fail 1.1.1.1 /");
	rule_of(&s, "fail 1.1.1.1 /");
	li_engine_save(s.engine, &saved);
	struct li_engine *other = li_engine_new(s.set, NULL);
	assert_int_equal(li_engine_load(other, buf_view(&saved), &why), 0);
	li_engine_free(s.engine);
	s.engine = other;
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), 11);
	for (size_t n = 0; n < saved.n; n += 7)
		assert_true(li_engine_load(s.engine, (struct str){ saved.p, n }, &why) < 0);
	ended(&s);
}

static void a_hundred_thousand_keys_are_bounded(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as></rule><rule id=\"11\" level=\"10\" frequency=\"3\"><if_matched_sid>10</if_matched_sid><same_source_ip /></rule>",
		ossec);
	char line[64];
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(line, sizeof(line), "fail 10.%u.%u.%u /", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(rule_of(&s, line), 10);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), 10);
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), 11);
	assert_int_equal(li_engine_cut(s.engine) & ~(unsigned)LI_CUT_WINDOW, 0);
	ended(&s);
}

static void long_lines_and_endless_patterns_are_cut_and_told(void **state)
{
	(void)state;
	struct session s = begun(
		"",
		"<rule id=\"10\" level=\"5\"><pcre2>^(a+)+$</pcre2></rule><rule id=\"11\" level=\"3\"><match>end of it</match></rule>",
		ossec);
	AUTO(buf_done) struct buf b = { 0 };
	for (size_t i = 0; i < 1 << 20; i++)
		buf_char(&b, i % 100 == 99 ? '\0' : 'a');
	buf_z(&b, "end of it");
	li_engine_line(s.engine, buf_view(&b), (struct str){ 0 }, 1, &s.a);
	assert_true(li_engine_cut(s.engine) & LI_CUT_LINE);
	assert_int_equal(
		rule_of(&s,
	                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab end of it"),
		11);
	assert_true(li_engine_cut(s.engine) & LI_CUT_MATCH);
	assert_int_equal(li_engine_cut(s.engine), 0);
	ended(&s);
}

static void a_tree_of_diamonds_is_left(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf rules = { 0 };
	buf_z(&rules,
	      "<rule id=\"1000\" level=\"0\" noalert=\"1\"><match>a</match></rule><rule id=\"1001\" level=\"0\" noalert=\"1\"><match>a</match></rule>");
	for (unsigned i = 1; i < 40; i++)
		for (unsigned k = 0; k < 2; k++)
			buf_fmt(&rules,
			        "<rule id=\"%u\" level=\"0\" noalert=\"1\"><if_sid>%u,%u</if_sid><match>a</match></rule>",
			        1000 + i * 2 + k, 998 + i * 2, 999 + i * 2);
	struct session s = begun("", rules.p, ossec);
	assert_int_equal(rule_of(&s, "a"), 0);
	assert_true(li_engine_cut(s.engine) & LI_CUT_TREE);
	ended(&s);
}

/* ---- what is wrong ---- */

/* clang-format off */
static const struct {
	const char *why, *decoders, *rules, *text;
	unsigned line;
} wrong[] = {
	{ "an unknown element", "", "\n<rule id=\"10\" level=\"1\">\n<colour>x</colour></rule>", "an element of a rule was expected, not <colour>", 3 },
	{ "an unknown attribute", "", "<rule id=\"10\" level=\"1\" colour=\"x\"/>", "an attribute of a rule was expected, not colour", 1 },
	{ "a level that is none", "", "<rule id=\"10\" level=\"99\"/>", "a number from 0 to 16 was expected in level", 1 },
	{ "no level", "", "<rule id=\"10\"/>", "the attributes id and level were expected", 1 },
	{ "a parent that is missing", "", "<rule id=\"10\" level=\"1\"><if_sid>77</if_sid></rule>", "a rule 77 that is loaded before was expected", 1 },
	{ "a parent that stands behind", "", "<rule id=\"10\" level=\"1\"><if_sid>77</if_sid></rule><rule id=\"77\" level=\"1\"/>", "rules that stand before it were expected", 1 },
	{ "a group that is missing", "", "<rule id=\"10\" level=\"1\"><if_group>none</if_group></rule>", "a rule of the if_group that is loaded before was expected", 1 },
	{ "an ID twice", "", "<rule id=\"10\" level=\"1\"/>\n<rule id=\"10\" level=\"1\"/>", "an ID that no other rule has was expected", 2 },
	{ "nothing to overwrite", "", "<rule id=\"10\" level=\"1\" overwrite=\"yes\"/>", "a rule 10 that is loaded before was expected with overwrite", 1 },
	{ "frequency alone", "", "<rule id=\"10\" level=\"1\" frequency=\"3\"/>", "if_matched_sid, if_matched_group or if_matched_regex was expected", 1 },
	{ "same alone", "", "<rule id=\"10\" level=\"1\"><same_source_ip/></rule>", "if_matched_sid, if_matched_group or if_matched_regex was expected", 1 },
	{ "an unknown variable", "", "<var name=\"A\">x</var>\n<rule id=\"10\" level=\"1\"><match>$B</match></rule>", "a variable that the file defines was expected, not $B", 2 },
	{ "a decoder that is missing", "", "<rule id=\"10\" level=\"1\"><decoded_as>x</decoded_as></rule>", "a decoder that is loaded was expected, not x", 1 },
	{ "a wrong escape", "", "<rule id=\"10\" level=\"1\"><regex>\\q</regex></rule>", "\\w \\W", 1 },
	{ "an open group", "", "<rule id=\"10\" level=\"1\"><regex>(a</regex></rule>", "')' was expected at the end", 1 },
	{ "a wrong PCRE2", "", "<rule id=\"10\" level=\"1\"><pcre2>(a</pcre2></rule>", "a PCRE2 expression was expected", 1 },
	{ "not on a weekday", "", "<rule id=\"10\" level=\"1\"><weekday>!monday</weekday></rule>", "days' names were expected", 1 },
	{ "a time that is none", "", "<rule id=\"10\" level=\"1\"><time>25 - 3</time></rule>", "two times like", 1 },
	{ "an end tag that is missing", "", "<rule id=\"10\" level=\"1\">\n", "</rule> was expected", 1 },
	{ "an unknown element of a decoder", "<decoder name=\"a\">\n<colour/></decoder>", "", "an element of a decoder was expected, not <colour>", 2 },
	{ "a parent that is no decoder", "<decoder name=\"a\"><parent>b</parent></decoder>", "", "a parent without a parent of its own was expected, not b", 1 },
	{ "after_regex without a chain", "<decoder name=\"a\"><prematch>x</prematch><regex offset=\"after_regex\">(y)</regex><order>id</order></decoder>", "", "an earlier decoder of the same name was expected", 1 },
	{ "a field that is none", "<decoder name=\"a\"><prematch>x</prematch><regex>(y)</regex><order>colour</order></decoder>", "", "a field's name was expected", 1 },
	{ "a prematch in a chain", "<decoder name=\"a\"><prematch>x</prematch></decoder><decoder name=\"b\"><parent>a</parent><regex>(y)</regex><order>id</order></decoder>\n<decoder name=\"b\"><parent>a</parent><prematch>z</prematch><regex>(y)</regex><order>id</order></decoder>", "", "no prematch and no fts was expected", 2 },
	{ "an unknown plugin", "<decoder name=\"a\"><prematch>x</prematch><plugin_decoder>Y</plugin_decoder></decoder>", "", "a plugin decoder that is known", 1 },
	{ "a list that is missing", "", "<rule id=\"10\" level=\"1\"><list field=\"srcip\">none</list></rule>", "the list none was expected", 1 },
};
/* clang-format on */

static void what_is_wrong_says_where_and_the_rest_loads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO(buf_done) struct buf rules = { 0 };
		AUTO(buf_done) struct buf decoders = { 0 };
		buf_fmt(&decoders, "%s<decoder name=\"good\"><prematch>good</prematch></decoder>",
		        wrong[i].decoders);
		/* What follows an element without an end is inside of it. */
		bool open = strstr(wrong[i].why, "end tag") != NULL;
		buf_fmt(&rules, "%s%s%s",
		        open ? "<rule id=\"99\" level=\"15\"><match>good</match></rule>" : "",
		        wrong[i].rules,
		        open ? "" : "<rule id=\"99\" level=\"15\"><match>good</match></rule>");
		struct session s = { .set = built(decoders.p, rules.p, ossec) };
		bool told = false;
		const struct li_problem *p = NULL;
		for (size_t k = 0; (p = li_set_problem(s.set, k)); k++)
			told |= p->line == wrong[i].line && strstr(p->text, wrong[i].text) &&
			        strstr(wrong[i].decoders[0] ? "decoders.xml" : "rules.xml",
			               p->file);
		p = li_set_problem(s.set, 0);
		if (!told)
			fail_msg("%s: %s:%u: %s", wrong[i].why, p ? p->file : "", p ? p->line : 0,
			         p ? p->text : "(nothing)");
		s.engine = li_engine_new(s.set, NULL);
		assert_int_equal(rule_of(&s, "good"), 99);
		same_text(wrong[i].why, s.a.decoder, "good");
		ended(&s);
	}
}

static void lists_are_looked_up(void **state)
{
	(void)state;
	const char *rules =
		"<rule id=\"10\" level=\"0\"><decoded_as>p</decoded_as></rule>"
		"<rule id=\"11\" level=\"3\"><if_sid>10</if_sid><list field=\"srcip\" lookup=\"address_match_key\">lists/names</list></rule>"
		"<rule id=\"12\" level=\"4\"><if_sid>10</if_sid><list field=\"url\" lookup=\"match_key_value\" check_value=\"^admin\">lists/names</list></rule>"
		"<rule id=\"13\" level=\"5\"><if_sid>10</if_sid><list field=\"url\" lookup=\"match_key\">names</list><match>both</match></rule>";
	struct session s = begun(counted, rules, ossec);
	assert_int_equal(rule_of(&s, "fail 10.1.2.3 x"), 11);
	assert_int_equal(rule_of(&s, "fail 10.2.2.3 x"), 10);
	assert_int_equal(rule_of(&s, "fail 10.2.2.3 root"), 12);
	assert_int_equal(rule_of(&s, "fail 10.2.2.3 lone"), 10);
	assert_int_equal(rule_of(&s, "fail 10.2.2.3 a:b both"), 13);
	ended(&s);
}

static void a_file_chooses_its_dialect(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<?yagura frequency=\"wazuh\"?><rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as></rule><rule id=\"11\" level=\"9\" frequency=\"2\"><if_matched_sid>10</if_matched_sid></rule>",
		ossec);
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), 10);
	assert_int_equal(rule_of(&s, "fail 1.1.1.1 /"), 11);
	ended(&s);
}

static void answers_are_json(void **state)
{
	(void)state;
	struct session s = begun(
		counted,
		"<group name=\"a, b,\"><rule id=\"10\" level=\"5\"><decoded_as>p</decoded_as><description>say \"it\"</description></rule></group>",
		ossec);
	AUTO(buf_done) struct buf b = { 0 };
	rule_of(&s, "fail 1.1.1.1 a\\b\xff");
	li_answer_write(&b, &s.a);
	assert_string_equal(
		b.p,
		"{\"decoder\":\"p\",\"rule\":10,\"level\":5,\"description\":\"say \\\"it\\\"\",\"groups\":[\"a\",\"b\"],"
		"\"fields\":{\"srcip\":\"1.1.1.1\",\"url\":\"a\\\\x5Cb\\\\xFF\"},\"program\":null,\"hostname\":null}\n");
	ended(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_condition_means_what_the_page_says),
		cmocka_unit_test(every_header_is_taken_off),
		cmocka_unit_test(lines_with_a_program_see_only_decoders_with_one),
		cmocka_unit_test(the_first_decoder_is_final),
		cmocka_unit_test(a_regex_of_its_own_counts_only_without_children),
		cmocka_unit_test(children_of_one_name_are_one_chain),
		cmocka_unit_test(a_child_has_its_parents_name_unless_it_wants_its_own),
		cmocka_unit_test(ossec_takes_the_child_when_its_regex_matches_and_wazuh_does_not),
		cmocka_unit_test(captures_come_compacted),
		cmocka_unit_test(quantifiers_are_lazy_but_for_the_last),
		cmocka_unit_test(classic_tries_alternatives_in_order_and_converted_the_leftmost),
		cmocka_unit_test(a_trailing_space_captures_nothing_and_is_survived),
		cmocka_unit_test(first_sight_is_once),
		cmocka_unit_test(accumulated_fields_fill_what_is_missing),
		cmocka_unit_test(json_becomes_fields),
		cmocka_unit_test(siblings_go_by_level_and_zero_comes_first),
		cmocka_unit_test(a_noalert_rule_that_no_child_takes_is_passed_by),
		cmocka_unit_test(groups_bind_by_substring),
		cmocka_unit_test(overwriting_keeps_the_place),
		cmocka_unit_test(ignore_silences_for_seconds),
		cmocka_unit_test(ignored_fields_silence_rules_that_ask),
		cmocka_unit_test(a_diff_is_a_text_that_changed),
		cmocka_unit_test(frequency_counts_as_the_page_says),
		cmocka_unit_test(counting_restarts_after_it_fired),
		cmocka_unit_test(only_the_time_frame_counts),
		cmocka_unit_test(same_and_different_need_the_field_on_both_sides),
		cmocka_unit_test(groups_and_regexes_are_counted_too),
		cmocka_unit_test(a_higher_composite_may_count_what_a_lower_one_counted),
		cmocka_unit_test(windows_outlive_a_restart),
		cmocka_unit_test(a_hundred_thousand_keys_are_bounded),
		cmocka_unit_test(long_lines_and_endless_patterns_are_cut_and_told),
		cmocka_unit_test(a_tree_of_diamonds_is_left),
		cmocka_unit_test(what_is_wrong_says_where_and_the_rest_loads),
		cmocka_unit_test(lists_are_looked_up),
		cmocka_unit_test(a_file_chooses_its_dialect),
		cmocka_unit_test(answers_are_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
