#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "module/integritymonitoring/integritymonitoring.h"

static const struct im_rule some_rule = { .name = { "a rule", 6 }, .severity = IM_MEDIUM };

static int compile(struct im_rules *r, const char *xml, struct err *why)
{
	im_rules_init(r, IM_BIT(IMP_SHA256), NULL);
	return im_rules_add_xml(r, str_of(xml), &some_rule, why);
}

static void keys_match_section_by_section(void **state)
{
	static const struct {
		const char *why, *pattern, *path;
		bool nocase, yes;
	} rows[] = {
		{ "a star stays in its section", "*", "a", false, true },
		{ "and does not reach below", "*", "a/b", false, false },
		{ "two stars match no section", "**/b", "b", false, true },
		{ "or several", "**/b", "x/y/b", false, true },
		{ "in the middle", "a/**/z", "a/b/c/z", false, true },
		{ "in the middle none", "a/**/z", "a/z", false, true },
		{ "at the end", "a/**", "a/b/c", false, true },
		{ "at the end none", "a/**", "a", false, true },
		{ "all", "**", "", false, true },
		{ "the last of two is tried longer", "**/b/**/d", "a/b/c/b/x/d", false, true },
		{ "not a part of a name", "b", "bb", false, false },
		{ "a question mark is one character", "?.c", "\xc3\xa4.c", false, true },
		{ "and not none", "?.c", ".c", false, false },
		{ "escaped", "\\*", "*", false, true },
		{ "escaped means itself", "\\*", "a", false, false },
		{ "stars and letters", "a*b*c", "aXbXbXc", false, true },
		{ "case counts", "A", "a", false, false },
		{ "unless told otherwise", "A*", "ab", true, true },
		{ "more sections than the pattern", "a/b", "a/b/c", false, false },
		{ "fewer", "a/b/c", "a/b", false, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct im_pattern p = { str_of(rows[i].pattern), rows[i].nocase };
		if (im_match(p, str_of(rows[i].path)) != rows[i].yes)
			fail_msg("%s: %s and %s", rows[i].why, rows[i].pattern, rows[i].path);
	}
}

static void what_lies_below_is_foreseen(void **state)
{
	static const struct {
		const char *pattern, *dir;
		bool yes;
	} rows[] = { { "*", "", true },     { "*", "a", false },    { "a/*", "a", true },
		     { "a/*", "b", false }, { "**", "x", true },    { "**/c", "a/b", true },
		     { "a/b", "a", true },  { "a/b", "a/b", false } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct im_pattern p = { str_of(rows[i].pattern), false };
		if (im_match_below(p, str_of(rows[i].dir)) != rows[i].yes)
			fail_msg("%s below %s", rows[i].pattern, rows[i].dir);
	}
}

static void a_wrong_rule_is_told_with_its_place(void **state)
{
	static const struct {
		const char *xml, *said;
	} rows[] = {
		{ "<FileSet base=\"/etc\">", "line 1, column 24: mismatched tag" },
		{ "<FileSet/>",
		  "line 1, column 1: <FileSet> without a base: expected base=\"/a/directory\"" },
		{ "<FileSet base='/x'>\n  <inklude/></FileSet>",
		  "line 2, column 3: <inklude> is not known here: expected <include>, <exclude> or <attributes>" },
		{ "<FileSet base='/x' onchange='maybe'/>",
		  "line 1, column 1: onChange=\"maybe\": expected true or false" },
		{ "<FileSet base='/x'><attributes><Sha3/></attributes></FileSet>",
		  "line 1, column 32: <Sha3> is no attribute of FileSet" },
		{ "<UserSet base='/x'/>",
		  "line 1, column 1: <UserSet> has no attribute base: expected onChange" },
		{ "<Fileset base='/x'/>",
		  "line 1, column 1: <Fileset> is not known here: expected a set such as <FileSet>, <Rule> or "
		  "<IntegrityMonitoring>" },
		{ "<Rule/>", "line 1, column 1: <Rule> without a name: expected name=\"...\"" },
		{ "<Rule name='x' severity='bad'/>",
		  "line 1, column 1: severity=\"bad\": expected low, medium, high or critical" },
		{ "<!DOCTYPE x [<!ENTITY a 'b'>]><UserSet/>",
		  "line 1, column 3: not well-formed (invalid token)" },
		{ "words",
		  "line 1, column 1: text: expected a set such as <FileSet>, <Rule> or <IntegrityMonitoring>" },
		{ "<UserSet><include colour='red'/></UserSet>",
		  "line 1, column 10: colour=\"red\": expected key, casesensitive or a feature of UserSet" },
		{ "<FileSet base='/x'><include executable='perhaps'/></FileSet>",
		  "line 1, column 20: executable=\"perhaps\": expected key, casesensitive or a feature of FileSet "
		  "(executable is true or false)" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct im_rules r;
		struct err why = { { 0 } };
		assert_int_equal(compile(&r, rows[i].xml, &why), -EINVAL);
		if (strncmp(why.text, rows[i].said, strlen(rows[i].said)) != 0)
			fail_msg("%s\n%s", rows[i].xml, why.text);
		im_rules_done(&r);
	}
}

static void what_is_not_for_linux_is_noted(void **state)
{
	static const struct {
		const char *xml;
		enum im_note_kind kind;
		const char *text;
	} rows[] = {
		{ "<RegistryKeySet base='HKLM\\x'><include key='a'/></RegistryKeySet>",
		  IM_NOTE_ENTITY, "RegistryKeySet" },
		{ "<WQLSet namespace='x'/>", IM_NOTE_ENTITY, "WQLSet" },
		{ "<FileSet base='C:\\Windows'/>", IM_NOTE_BASE, "C:\\Windows" },
		{ "<FileSet base='${NOWHERE}/x'/>", IM_NOTE_VARIABLE, "NOWHERE" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct im_rules r;
		assert_int_equal(compile(&r, rows[i].xml, NULL), 0);
		assert_int_equal(r.nsets, 0);
		assert_int_equal(r.nnotes, 1);
		assert_int_equal(r.notes[0].kind, rows[i].kind);
		assert_true(str_is(r.notes[0].text, rows[i].text));
		im_rules_done(&r);
	}
}

/* What the rules want of a path: 0 nothing. */
static uint32_t wanted(const struct im_rules *r, const char *path, uint32_t mode)
{
	struct im_entity e = { .class = S_ISDIR(mode) ? IM_DIRECTORY : IM_FILE,
		               .key = str_of(path) };
	e.file.mode = mode;
	e.has = UINT32_MAX;
	return im_wanted(r, NULL, &e);
}

static void excludes_win_and_features_count(void **state)
{
	struct im_rules r;
	(void)state;
	assert_int_equal(
		compile(&r,
	                "<?xml version='1.0'?>\n<FileSet base='/etc//x/../'><include key='**/*.conf'/>"
	                "<include key='bin/**' executable='true'/><include><key match='s/*'/>"
	                "<Permissions match='4*'/></include><exclude key='secret/**'/></FileSet>",
	                NULL),
		0);
	const uint32_t file = S_IFREG | 0644;
	assert_true(wanted(&r, "/etc/a.conf", file));
	assert_true(wanted(&r, "/etc/d/a.conf", file));
	assert_false(wanted(&r, "/etc/d/a.txt", file));
	assert_false(wanted(&r, "/etcetera/a.conf", file));
	assert_false(wanted(&r, "/etc/secret/a.conf", file));
	assert_false(wanted(&r, "/etc/bin/x", file));
	assert_true(wanted(&r, "/etc/bin/x", S_IFREG | 0755));
	assert_false(wanted(&r, "/etc/s/su", S_IFREG | 0755));
	assert_true(wanted(&r, "/etc/s/su", S_IFREG | 04755));
	assert_false(wanted(&r, "/etc/a.conf", S_IFDIR | 0755));
	uint16_t memory[8];
	struct im_candidates c = { .set = memory };
	assert_true(im_descends(&r, NULL, STR("/"), &c));
	assert_true(im_descends(&r, NULL, STR("/etc/d"), &c));
	assert_false(im_descends(&r, NULL, STR("/usr"), &c));
	assert_false(im_descends(&r, NULL, STR("/etc/secret"), &c));
	im_rules_done(&r);
}

static void the_file_template_means_the_same(void **state)
{
	AUTO(json_decrefp)
	json_t *o = json_parse(
		STR("{\"template\":\"file\",\"name\":\"n\",\"severity\":\"high\","
	            "\"fileBaseDirectory\":\"${ROOT}/www\",\"fileIncludeSubDirectories\":true,"
	            "\"fileIncludedValues\":[\"*.php\"],\"fileExcludedValues\":[\"cache/*\"],"
	            "\"fileAttributes\":[\"CONTENTS\",\"Owner\"]}"),
		NULL);
	AUTO(json_decrefp) json_t *variables = json_parse(STR("{\"ROOT\":\"/srv\"}"), NULL);
	struct im_rules r, again;
	(void)state;
	im_rules_init(&r, IM_BIT(IMP_SHA1), variables);
	assert_int_equal(im_rules_add_json(&r, o, NULL), 0);
	assert_int_equal(r.sets[0].attributes,
	                 IM_BIT(IMP_SHA1) | IM_BIT(IMP_OWNER) | IM_BIT(IMP_TYPE));
	assert_int_equal(r.sets[0].rule->severity, IM_HIGH);
	im_rules_init(&again, 0, NULL);
	assert_int_equal(im_rules_add_source(&again, r.source, NULL), 0);
	const struct im_rules *both[] = { &r, &again };
	for (size_t i = 0; i < 2; i++) {
		assert_true(wanted(both[i], "/srv/www/a/b.php", S_IFREG));
		assert_true(wanted(both[i], "/srv/www/b.php", S_IFREG));
		assert_false(wanted(both[i], "/srv/www/b.html", S_IFREG));
		assert_false(wanted(both[i], "/srv/www/cache/b.php", S_IFREG));
	}
	im_rules_done(&again);
	im_rules_done(&r);
	json_set(o, "fileIncludeSubDirectories", json_false());
	im_rules_init(&r, IM_BIT(IMP_SHA1), variables);
	assert_int_equal(im_rules_add_json(&r, o, NULL), 0);
	assert_false(wanted(&r, "/srv/www/a/b.php", S_IFREG));
	assert_true(wanted(&r, "/srv/www/b.php", S_IFREG));
	im_rules_done(&r);
}

static void names_of_classes_without_paths(void **state)
{
	struct im_rules r;
	(void)state;
	assert_int_equal(compile(&r,
	                         "<ProcessSet><include key='sshd'/></ProcessSet>"
	                         "<PortSet><include key='TCP/*/80' process='nginx'/></PortSet>",
	                         NULL),
	                 0);
	struct im_entity p = { .class = IM_PROCESS, .key = STR("sshd:12"), .has = UINT32_MAX };
	assert_true(im_wanted(&r, NULL, &p));
	p.key = STR("sshd2:12");
	assert_false(im_wanted(&r, NULL, &p));
	struct im_entity port = { .class = IM_PORT,
		                  .key = STR("TCP/0.0.0.0/80"),
		                  .has = UINT32_MAX };
	assert_false(im_wanted(&r, NULL, &port));
	port.value[2] = STR("nginx");
	assert_true(im_wanted(&r, NULL, &port));
	im_rules_done(&r);
}

static void the_most_severe_rule_that_asks_is_the_reason(void **state)
{
	struct im_rules r;
	struct im_change c;
	(void)state;
	assert_int_equal(
		compile(&r,
	                "<Rule name='low' severity='low'><FileSet base='/a'/></Rule>"
	                "<Rule name='owner' severity='critical' alert='true'><FileSet base='/a'><attributes><Owner/>"
	                "</attributes></FileSet></Rule>"
	                "<Rule name='log' severity='high'><FileSet base='/log'><attributes><Growing/></attributes></FileSet></Rule>",
	                NULL),
		0);
	struct im_entity was = { .class = IM_FILE, .key = STR("/a/x"), .has = UINT32_MAX },
			 is = was;
	was.file.mode = is.file.mode = S_IFREG;
	assert_int_equal(im_judge(&r, &r, &was, &is, &c), 0);
	is.file.size = 7;
	assert_int_equal(im_judge(&r, &r, &was, &is, &c), 1);
	assert_true(str_is(c.reason->name, "low"));
	assert_int_equal(c.changed, IM_BIT(IMP_SIZE));
	assert_false(c.alert);
	is.file.uid = 1;
	assert_int_equal(im_judge(&r, &r, &was, &is, &c), 1);
	assert_true(str_is(c.reason->name, "owner"));
	assert_true(c.alert);
	/* A log may grow and not shrink. */
	was.key = is.key = STR("/log/x");
	assert_int_equal(im_judge(&r, &r, &was, &is, &c), 0);
	assert_int_equal(im_judge(&r, &r, &is, &was, &c), 1);
	assert_int_equal(c.changed, IM_BIT(IMP_GROWING));
	/* What the rules of then did not cover is no news. */
	struct im_rules none = { 0 };
	assert_int_equal(im_judge(&r, &none, NULL, &is, &c), 0);
	assert_int_equal(im_judge(&r, &r, NULL, &is, &c), 1);
	assert_int_equal(c.kind, IM_CREATED);
	assert_int_equal(im_judge(&r, &r, &is, NULL, &c), 1);
	assert_int_equal(c.kind, IM_DELETED);
	im_rules_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_match_section_by_section),
		cmocka_unit_test(what_lies_below_is_foreseen),
		cmocka_unit_test(a_wrong_rule_is_told_with_its_place),
		cmocka_unit_test(what_is_not_for_linux_is_noted),
		cmocka_unit_test(excludes_win_and_features_count),
		cmocka_unit_test(the_file_template_means_the_same),
		cmocka_unit_test(names_of_classes_without_paths),
		cmocka_unit_test(the_most_severe_rule_that_asks_is_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
