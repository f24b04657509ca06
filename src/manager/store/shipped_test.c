#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/app.h"
#include "manager/api/policy.h"
#include "manager/store/shipped.h"
#include "manager/tasks/try.h"

static int64_t count(struct store *s, const char *kind)
{
	return store_int(s, STMT_OBJECT_COUNT, ARGS(VAL_TEXT(kind)), -1);
}

static int64_t rule_of(struct store *s, const char *identifier)
{
	struct rows r;
	int64_t id = 0;
	assert_int_equal(
		store_query(s, STMT_OBJECT_LIST, ARGS(VAL_TEXT("intrusionpreventionrules")), &r),
		0);
	while (id == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		if (strcmp(json_text(o, "identifier", ""), identifier) == 0)
			id = r.col[0].i;
	}
	rows_done(&r);
	return id;
}

static void renew(struct store *s)
{
	struct err why = { { 0 } };
	if (shipped_renew(s, &why) < 0)
		fail_msg("%s", why.text);
}

static void forget_version(struct store *s)
{
	assert_int_equal(store_exec(s, STMT_META_SET, ARGS(VAL_TEXT("content"), VAL_TEXT("older"))),
	                 0);
}

static void every_rule_that_we_ship_is_an_object_of_a_type_that_is_there(void **state)
{
	struct try *t = *state;
	struct store *s = t->app->store;
	int64_t rules = 0;
	renew(s);
	for (const char *const *text = shipped_objects; *text; text++) {
		AUTO(json_decrefp) json_t *entry = json_parse(str_of(*text), NULL);
		assert_non_null(entry);
		if (strcmp(json_text(entry, "kind", ""), "intrusionpreventionrules") != 0)
			continue;
		rules++;
		AUTO(json_decrefp)
		json_t *type = object_get(
			s, "applicationtypes",
			json_int(json_object_get(entry, "object"), "applicationTypeID", 0));
		assert_non_null(type);
	}
	assert_true(rules >= 300);
	assert_int_equal(count(s, "intrusionpreventionrules"), rules);
	const json_t *o = try_must(t, 200, "POST", "/api/intrusionpreventionrules/search",
	                           "{'searchCriteria':[{'fieldName':'CVE','stringTest':'equal',"
	                           "'stringValue':'CVE-2017-5638'}]}");
	const json_t *first = json_array_get(json_object_get(o, "intrusionPreventionRules"), 0);
	assert_string_equal(json_text(first, "severity", ""), "critical");
	assert_string_equal(json_text(first, "CVSSScore", ""), "9.8");
	assert_non_null(strstr(json_text(first, "customXML", ""), "sid:90001"));
}

static void what_is_brought_in_twice_is_there_once_and_keeps_what_was_set(void **state)
{
	struct try *t = *state;
	struct store *s = t->app->store;
	renew(s);
	int64_t rules = count(s, "intrusionpreventionrules"), types = count(s, "applicationtypes");
	int64_t id = rule_of(s, "9000100");
	AUTO(json_decrefp) json_t *o = object_get(s, "intrusionpreventionrules", id);
	json_set_bool(o, "detectOnly", true);
	json_set_text(o, "severity", "low");
	const struct resource *r = resource_find(STR("intrusionpreventionrules"));
	assert_int_equal(object_set(s, r, id, o), 0);

	renew(s); /* the same version: nothing is looked at */
	AUTO(json_decrefp) json_t *same = object_get(s, "intrusionpreventionrules", id);
	assert_string_equal(json_text(same, "severity", ""), "low");

	forget_version(s);
	renew(s);
	AUTO(json_decrefp) json_t *anew = object_get(s, "intrusionpreventionrules", id);
	assert_string_equal(json_text(anew, "severity", ""), "critical");
	assert_true(json_is_true(json_object_get(anew, "detectOnly")));
	assert_int_equal(count(s, "intrusionpreventionrules"), rules);
	assert_int_equal(count(s, "applicationtypes"), types);
}

static void every_integrity_rule_that_we_ship_is_an_object_that_an_agent_would_take(void **state)
{
	struct try *t = *state;
	struct store *s = t->app->store;
	struct rows r;
	int64_t n = 0;
	renew(s);
	assert_int_equal(
		store_query(s, STMT_OBJECT_LIST, ARGS(VAL_TEXT("integritymonitoringrules")), &r),
		0);
	while (rows_next(&r) == 1) {
		struct err why = { { 0 } };
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		if (integrity_rule_right(o, &why) < 0)
			fail_msg("%s: %s", json_text(o, "name", ""), why.text);
		assert_true(*json_text(o, "identifier", "") != '\0');
		n++;
	}
	rows_done(&r);
	assert_true(n >= 41);
	renew(s);
	forget_version(s);
	renew(s);
	assert_int_equal(count(s, "integritymonitoringrules"), n);
}

static void a_name_that_an_administrator_had_before_is_told_apart(void **state)
{
	struct try *t = *state;
	struct store *s = t->app->store;
	try_must(t, 200, "POST", "/api/intrusionpreventionrules",
	         "{'name':'Log4j lookup of JNDI in a URI','template':'signature','signature':'x',"
	         "'applicationTypeID':1}");
	renew(s);
	AUTO(json_decrefp)
	json_t *o = object_get(s, "intrusionpreventionrules", rule_of(s, "9000200"));
	assert_string_equal(json_text(o, "name", ""), "Log4j lookup of JNDI in a URI (9000200)");
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup_teardown(
			every_rule_that_we_ship_is_an_object_of_a_type_that_is_there, try_setup,
			try_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_brought_in_twice_is_there_once_and_keeps_what_was_set, try_setup,
			try_teardown),
		cmocka_unit_test_setup_teardown(
			every_integrity_rule_that_we_ship_is_an_object_that_an_agent_would_take,
			try_setup, try_teardown),
		cmocka_unit_test_setup_teardown(
			a_name_that_an_administrator_had_before_is_told_apart, try_setup,
			try_teardown),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
