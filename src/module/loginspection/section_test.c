#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "model/event.h"
#include "module/loginspection/policy.h"
#include "module/module.h"

/* ' stands for ". */
static json_t *of(const char *text)
{
	AUTO(freep) char *copy = xstrdup(text);
	struct err why = { { 0 } };
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_t *o = json_parse(str_of(copy), &why);
	if (!o)
		fail_msg("%s: %s", text, why.text);
	return o;
}

static struct rules *parsed(const char *text)
{
	AUTO(json_decrefp) json_t *o = of(text);
	struct rules *r = NULL;
	struct err why = { { 0 } };
	if (loginspection_section.parse(o, &r, &why) < 0)
		fail_msg("%s", why.text);
	assert_non_null(r);
	return r;
}

static void a_basic_rule_becomes_a_rule_of_the_language(void **state)
{
	(void)state;
	static const struct {
		const char *why, *rule, *has, *refused;
	} rows[] = {
		{ "a text",
		  "{'name':'n','ruleID':100100,'level':7,'pattern':'a|b','groups':['g','h']}",
		  "<group name=\"g,h,\"><rule id=\"100100\" level=\"7\"><match>a|b</match>", NULL },
		{ "no number of its own", "{'name':'n','ID':5,'level':1,'pattern':'a'}",
		  "id=\"100005\"", NULL },
		{ "a text that XML would read", "{'name':'n','pattern':'<script(1)|x$'}",
		  "<regex>\\<script\\(1\\)|x$</regex>", NULL },
		{ "an expression", "{'name':'n','pattern':'\\\\d+','patternType':'regex'}",
		  "<regex>\\d+</regex>", NULL },
		{ "depends on a rule",
		  "{'name':'n','dependency':'rule','dependencyRuleID':5,'pattern':'a'}",
		  "<if_sid>5</if_sid>", NULL },
		{ "counts a rule",
		  "{'name':'n','dependency':'rule','dependencyRuleID':5,'frequency':3,'timeFrame':60}",
		  "frequency=\"3\" timeframe=\"60\"><if_matched_sid>5</if_matched_sid>", NULL },
		{ "counts a group",
		  "{'name':'n','dependency':'group','dependencyGroup':'g','frequency':3}",
		  "<if_matched_group>g</if_matched_group>", NULL },
		{ "counts nothing", "{'name':'n','frequency':3}", NULL,
		  "frequency needs a dependency" },
		{ "names no rule", "{'name':'n','dependency':'rule'}", NULL, "dependencyRuleID" },
		{ "a tag in an expression", "{'name':'n','pattern':'a<b','patternType':'regex'}",
		  NULL, "'\\<' was expected" },
		{ "its own text", "{'name':'n','template':'custom','ruleXML':'<group>'}", "<group>",
		  NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decrefp) json_t *o = of(rows[i].rule);
		AUTO(buf_done) struct buf b = { 0 };
		struct err why = { { 0 } };
		int rc = li_rule_text(o, &b, &why);
		const char *got = rows[i].refused ? why.text : b.p ? b.p : "";
		const char *wanted = rows[i].refused ? rows[i].refused : rows[i].has;
		if ((rc < 0) != (rows[i].refused != NULL) || !strstr(got, wanted))
			fail_msg("%s: %d %s", rows[i].why, rc, got);
	}
}

static void a_rule_that_would_not_load_is_refused_with_line_and_reason(void **state)
{
	(void)state;
	static const struct {
		const char *why, *rule, *refused;
	} rows[] = {
		{ "good",
		  "{'name':'n','template':'custom','ruleXML':'<group name=\\'g,\\'>\\n<rule id=\\'100100\\' level=\\'5\\'>"
		  "<match>x</match><description>d</description></rule></group>'}",
		  NULL },
		{ "wrong level",
		  "{'name':'n','template':'custom','ruleXML':'<group name=\\'g,\\'>\\n<rule id=\\'100100\\' level=\\'55\\'>"
		  "<match>x</match><description>d</description></rule></group>'}",
		  "line 2: " },
		{ "a parent of another rule",
		  "{'name':'n','dependency':'rule','dependencyRuleID':100001,'ruleID':100002,'pattern':'x'}",
		  NULL },
		{ "a parent that is not there",
		  "{'name':'n','dependency':'rule','dependencyRuleID':100009,'ruleID':100002,'pattern':'x'}",
		  "100009" },
		{ "another's number", "{'name':'n','ruleID':100001,'pattern':'x'}", "100001" },
		{ "a format",
		  "{'name':'n','ruleID':100002,'logFiles':{'logFiles':[{'location':'/x','format':'y'}]}}",
		  "no format y" },
		{ "a place",
		  "{'name':'n','ruleID':100002,'logFiles':{'logFiles':[{'location':'x'}]}}",
		  "an absolute path" },
	};
	AUTO(json_decrefp) json_t *others = of("[{'name':'other','ruleID':100001,'pattern':'y'}]");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decrefp) json_t *o = NULL;
		AUTO(freep) char *text = xstrdup(rows[i].rule);
		struct err why = { { 0 } };
		for (char *p = text; *p; p++) /* \' is a quote in a text */
			if (p[0] == '\\' && p[1] == '\'')
				p[1] = '\x02';
		for (char *p = text; *p; p++)
			if (*p == '\'' || *p == '\x02')
				*p = '"';
		o = json_parse(str_of(text), &why);
		if (!o)
			fail_msg("%s: %s", rows[i].why, why.text);
		int rc = li_rule_check(o, others, &why);
		if ((rc < 0) != (rows[i].refused != NULL) ||
		    (rows[i].refused && !strstr(why.text, rows[i].refused)))
			fail_msg("%s: %d %s", rows[i].why, rc, why.text);
	}
}

static const char policy[] =
	"{'state':'on','settings':{'logInspectionSettingSeverityClippingAgentEventStoreLevelMin':'Low (3)',"
	"'logInspectionSettingSeverityClippingAgentEventSendSyslogLevelMin':'8'},"
	"'rules':[{'ID':3,'name':'Mine','ruleID':100100,'level':%d,'pattern':'gadget','groups':['toys'],"
	"'ruleDescription':'A gadget','alertEnabled':true,'alertMinimumSeverity':5,"
	"'logFiles':{'logFiles':[{'location':'/var/log/a','format':'apache'},{'location':'/var/log/a','format':'apache'}]}}]}";

static void an_event_has_what_the_line_and_the_rule_say(void **state)
{
	(void)state;
	static const struct {
		int level;
		bool wanted, forward, alert;
		const char *kind, *severity;
	} rows[] = {
		{ 2, false, false, false, "log-low", "Low" },
		{ 3, true, false, false, "log-low", "Low" },
		{ 7, true, false, true, "log-medium", "Medium" },
		{ 8, true, true, true, "log-high", "High" },
		{ 12, true, true, true, "log-high", "Critical" },
	};
	static const uint8_t stream[16] = { 1, 2, 3 };
	static struct li_answer a;
	char names[2][65] = { "", "" };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf text = { 0 };
		struct event ev;
		const char *mark = strstr(policy, "%d");
		buf_fmt(&text, "%.*s%d%s", (int)(mark - policy), policy, rows[i].level, mark + 2);
		struct rules *r = parsed(text.p);
		assert_int_equal(r->nsources, 1);
		assert_int_equal(r->sources[0].format, LI_APACHE);
		struct li_engine *e = li_engine_new(r->set, NULL);
		struct str line = STR("Nov 29 10:00:00 host prog[7]: a gadget");
		li_engine_line(e, line, STR("/var/log/a"), 1000, &a);
		assert_int_equal(li_event_wanted(r, &a), rows[i].wanted);
		const struct li_origin o = { STR("/var/log/a"), line, stream, 40 + i, 12345 };
		li_event_make(r, &a, &o, &ev);
		assert_string_equal(ev.kind->name, rows[i].kind);
		assert_string_equal(json_text(ev.fields, "Severity", ""), rows[i].severity);
		assert_string_equal(json_text(ev.fields, "Reason", ""), "Mine");
		assert_string_equal(json_text(ev.fields, "OSSEC_Description", ""), "A gadget");
		assert_string_equal(json_text(ev.fields, "OSSEC_Hostname", ""), "host");
		assert_string_equal(json_text(ev.fields, "OSSEC_ProgramName", ""), "prog");
		assert_string_equal(json_text(ev.fields, "OSSEC_Log", ""), "a gadget");
		assert_string_equal(json_text(ev.fields, "OSSEC_Groups", ""), "toys,");
		assert_int_equal(json_int(ev.fields, "OSSEC_RuleID", 0), 100100);
		assert_int_equal(json_bool(ev.fields, "Forward", false), rows[i].forward);
		assert_int_equal(json_bool(ev.fields, "AlertEnabled", false), rows[i].alert);
		assert_int_equal(ev.time_ms, 12345);
		memcpy(names[i % 2], ev.unique, sizeof(names[0]));
		assert_string_not_equal(names[0], names[1]); /* another offset, another event */
		event_done(&ev);
		li_engine_free(e);
		loginspection_section.free(r);
	}
}

static void a_policy_that_is_off_builds_nothing(void **state)
{
	(void)state;
	struct rules *r =
		parsed("{'state':'off','rules':[{'name':'x','template':'custom','ruleXML':'<'}]}");
	assert_null(r->set);
	loginspection_section.free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_basic_rule_becomes_a_rule_of_the_language),
		cmocka_unit_test(a_rule_that_would_not_load_is_refused_with_line_and_reason),
		cmocka_unit_test(an_event_has_what_the_line_and_the_rule_say),
		cmocka_unit_test(a_policy_that_is_off_builds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
